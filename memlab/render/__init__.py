"""Plain values in, text and pictures out: numbers, strings and arrays become lines for a terminal. Knows nothing of runs or models."""
