"""The use-cases that the command line and the app share. Heavy imports stay inside the functions."""
