"""How long a training step takes here, beside a plain TRL script's: nothing of it is a stage, nothing enters a page."""
