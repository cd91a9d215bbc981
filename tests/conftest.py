"""For all tests: hypothesis draws the same examples each time, a busy machine fails no test, and no trainer outlives them."""

import os
import signal
import subprocess
import sys

import pytest
from hypothesis import settings

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported: the cores are shared with the trainers that tests start
settings.register_profile("memlab", deadline=None, derandomize=True)
settings.register_profile("quick", settings.get_profile("memlab"), max_examples=15)  # --hypothesis-profile=quick
settings.load_profile("memlab")

# A suite started in the background or by nohup inherits ignored signals, and so would every process that it starts.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config):
    """Beside other processes of pytest too, temporary paths are as short as in one alone: on a narrow screen a longer one is cut."""
    if hasattr(config, "workerinput"):
        config.option.basetemp = None


@pytest.fixture(scope="session", autouse=True)
def _no_trainer_is_left():
    """Every trainer that a test started in this process has ended, and is waited for: each attempt of a run is one process."""
    yield
    launch, left = sys.modules.get("memlab.training.launch"), []
    for path, trainer in launch._CHILDREN if launch else ():
        try:
            trainer.wait(30)
        except subprocess.TimeoutExpired:
            trainer.kill()
            trainer.wait()
            left.append(str(path))
    assert not left, "these were still being trained"


@pytest.fixture(autouse=True)
def _environment_is_restored():
    """A command called in this process may have set variables, as --ascii does for processes that it starts."""
    before = dict(os.environ)
    yield
    if os.environ != before:
        os.environ.clear()
        os.environ.update(before)


@pytest.fixture
def short_stream(monkeypatch):
    """Question formation draws 2,000 training lines before the held-out ones instead of 100,000: its rules in a fiftieth of the time."""
    from memlab.data.sources import question_formation

    monkeypatch.setattr(question_formation, "PUBLISHED_LINES", 2_000)
    return 2_000
