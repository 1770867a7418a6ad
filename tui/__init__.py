"""The terminal UI: screens over what `engine.workspace` offers, and nothing else."""
