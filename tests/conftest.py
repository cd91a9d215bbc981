"""For all tests: hypothesis draws the same examples each time, and a busy machine fails no test."""

import os
import signal

from hypothesis import settings

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported: the cores are shared with the trainers that tests start
settings.register_profile("memlab", deadline=None, derandomize=True)
settings.load_profile("memlab")

# A suite started in the background or by nohup inherits ignored signals, and so would every process that it starts.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
