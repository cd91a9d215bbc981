"""For all tests: hypothesis draws the same examples each time, and a busy machine fails no test."""

from hypothesis import settings

settings.register_profile("memlab", deadline=None, derandomize=True)
settings.load_profile("memlab")
