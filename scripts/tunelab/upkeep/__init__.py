"""What the tools for people do: plan, verify, tidy up, and compare two runs of a study."""
