"""Training: its own process that owns a run directory. `launch` starts and stops it and imports no torch; the rest runs in it."""
