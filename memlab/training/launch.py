"""Start, stop and resume trainers: processes of their own session, found again through the run directory alone. Imports no torch."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from memlab import config
from memlab.errors import RunError, UsageError
from memlab.files import explained
from memlab.rundir import RunDir, create
from memlab.rundir.ownership import claim

_CHILDREN: list[subprocess.Popen] = []  # trainers outlive this process; held so that Python does not warn that they run on
_FIXED = ("train.batch", "train.seed")  # the data order is a function of them


def start(path: Path, home: Path, toml: str, experiment: config.Experiment) -> RunDir:
    """Make a new run directory and start its trainer."""
    with explained(path.parent, "making"):
        path.parent.mkdir(parents=True, exist_ok=True)
    run = create(path, toml, experiment)
    _spawn(run, home, {})
    return run


def resume(run: RunDir, home: Path, changes: dict[str, Any]) -> None:
    """Go on from the last checkpoint, with changed settings if any. Raises UsageError where that makes no sense."""
    for name in changes:
        if not name.startswith("train.") or name in _FIXED:
            raise UsageError(f"'{name}' cannot change when a run is resumed: weights and data order depend on it; start a new run with it")
    experiment = config.changed(run.experiment(), changes)
    state = run.state()
    if state and state.status == "finished" and not changes.keys() & {f"train.{name}" for name in config.BUDGETS}:
        raise UsageError(f"run '{run.name}' has finished its {state.steps:,} steps; extend it with `memlab resume {run.name} --steps N`")
    if state and experiment.train.steps and experiment.train.steps <= state.step and "train.steps" in changes:
        raise UsageError(f"--steps is {experiment.train.steps:,}, but run '{run.name}' has already done {state.step:,}; give more")
    if not changes and _stopped_at_nonfinite(run):
        raise UsageError(f"run '{run.name}' would fail again in the same way: {state.error if state else ''}")
    _spawn(run, home, changes)


def stop(run: RunDir) -> None:
    """Ask the trainer to save and leave: a STOP file for any machine, a signal where it runs on this one."""
    if not run.is_active():
        raise UsageError(f"run '{run.name}' is not being trained; it is {run.status()}")
    with explained(run.stop_path, "writing"):
        run.stop_path.touch()
    state = run.state()
    if state.host == os.uname().nodename:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(state.pid, signal.SIGTERM)


def wait(run: RunDir, seconds: float) -> bool:
    """Wait until nobody trains the run; whether that came in time."""
    deadline = time.monotonic() + seconds
    while run.is_active():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def environment(home: Path) -> dict[str, str]:
    """The environment of a trainer, or of a probe that must behave like one.

    Threads that wait asleep cost 2 % on an idle machine and save up to nine tenths of the time where another program is busy.
    """
    return {"OMP_WAIT_POLICY": "passive", **os.environ, "MEMLAB_HOME": str(home), "HF_HUB_DISABLE_PROGRESS_BARS": "1"}


def _spawn(run: RunDir, home: Path, changes: dict[str, Any]) -> None:
    def spawn(owner: str) -> int:
        with run.log_path.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "memlab.training", str(run.path), owner],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env=environment(home),
                start_new_session=True,
            )
        _CHILDREN.append(process)
        return process.pid

    if not os.access(run.path, os.W_OK):
        raise RunError(f"run directory {run.path} is not writable; copy it, or ask its owner")
    claim(run, changes, spawn)


def _stopped_at_nonfinite(run: RunDir) -> bool:
    rows = run.events()
    last_start = max((number for number, row in enumerate(rows) if row["kind"] in ("started", "resumed")), default=0)
    return any(row["kind"] == "nonfinite" for row in rows[last_start:])
