"""What each stage may be told: one closed, frozen section of the config per stage."""
