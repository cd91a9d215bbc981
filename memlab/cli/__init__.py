"""The command line: thin, and quick to start. Every command asks `lab` or `training.launch` and prints what comes back."""
