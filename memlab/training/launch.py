"""Start, stop and resume trainers: processes of their own session, found again through the run directory alone. Imports no torch."""

import contextlib
import os
import signal
import socket
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
from memlab.rundir.state import ACTIVE
from memlab.training.schedule import ends_at_zero, steps_of_budget
from memlab.training.stopping import SIGNALS

_CHILDREN: list[tuple[Path, subprocess.Popen]] = []  # trainers outlive this process; held so that Python does not warn that they run on
_EXIT_SECONDS = 20.0  # for a trainer to be gone after its last word
_FIXED = ("train.batch", "train.seed")  # the data order is a function of them
_BUDGETS = {f"train.{name}" for name in config.BUDGETS}


def make(path: Path, toml: str, experiment: config.Experiment) -> RunDir:
    """Make a new run directory."""
    with explained(path.parent, "making"):
        path.parent.mkdir(parents=True, exist_ok=True)
    return create(path, toml, experiment)


def start(path: Path, home: Path, toml: str, experiment: config.Experiment) -> RunDir:
    """Make a new run directory and start its trainer."""
    run = make(path, toml, experiment)
    _spawn(run, home, {})
    return run


def resume(run: RunDir, home: Path, changes: dict[str, Any]) -> None:
    """Go on from the last checkpoint, with changed settings if any. Raises UsageError where that makes no sense."""
    for name in changes:
        if not name.startswith("train.") or name in _FIXED:
            raise UsageError(f"'{name}' cannot change when a run is resumed: weights and data order depend on it; start a new run with it")
    experiment = config.changed(run.experiment(), changes)
    state = run.state()
    _require_corpus(run, home)
    if state and not run.is_active():
        if state.status == "finished" and not changes.keys() & _BUDGETS:
            raise UsageError(
                f"run '{run.name}' has finished its {state.steps:,} steps; extend it with `memlab resume {run.word} --steps N`"
            )
        if state.status == "failed" and not changes.keys() - _BUDGETS and _ended_not_finite(run):
            raise UsageError(f"run '{run.name}' would fail again in the same way: {state.error}")
    if changes.keys() & _BUDGETS:
        _check_budget(run, experiment.train, state.step if state else 0)
    _spawn(run, home, changes)


def stop(run: RunDir) -> None:
    """Ask the trainer to save and leave: a STOP file for any machine, a signal where it runs on this one."""
    status = run.status()
    if status not in ACTIVE:
        ways = f"{run.way_on(status)}, `memlab remove {run.word}` removes it"
        raise UsageError(f"run '{run.name}' is not being trained; it is {status}: {ways}")
    with explained(run.stop_path, "writing"):
        run.stop_path.touch()
    state = run.state()
    if state.host == socket.gethostname():
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


def exit_status(run: RunDir) -> int | None:
    """How a trainer that this process started, and that has written its final state, ended; None for any other, or if it hangs."""
    mine = [child for path, child in _CHILDREN if path == run.path]
    try:
        return mine[-1].wait(_EXIT_SECONDS) if mine else None
    except subprocess.TimeoutExpired:
        return None


def environment(home: Path) -> dict[str, str]:
    """The environment of a trainer, or of a probe that must behave like one.

    Threads that wait asleep cost 2 % on an idle machine and save up to nine tenths of the time where another program is busy.
    """
    return {"OMP_WAIT_POLICY": "passive", **os.environ, "MEMLAB_HOME": str(home), "HF_HUB_DISABLE_PROGRESS_BARS": "1"}


def _spawn(run: RunDir, home: Path, changes: dict[str, Any]) -> None:
    """Start a trainer. Signals are held back until the first state is written, and in the trainer until it has handlers for them."""

    def spawn(owner: str) -> int:
        with run.log_path.open("ab") as log:
            child = subprocess.Popen(
                [sys.executable, "-m", "memlab.training", str(run.path), owner],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env=environment(home),
                start_new_session=True,
            )
        _CHILDREN.append((run.path, child))
        return child.pid

    if not os.access(run.path, os.W_OK):
        raise RunError(f"run directory {run.path} is not writable; copy it, or ask its owner")
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)  # the child inherits this
    try:
        claim(run, changes, spawn)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _require_corpus(run: RunDir, home: Path) -> None:
    """Raise DataError where the text of a run is not here, before its trainer would end the run for that."""
    from memlab.data.corpus import open_recorded

    if run.provenance().get("data"):
        open_recorded(home, run)


def _check_budget(run: RunDir, train: config.Train, done: int) -> None:
    """Raise UsageError for a new budget that is used up already, or that would be spent at a learning rate of 0."""
    provenance = run.provenance()
    data, decided = provenance.get("data"), provenance.get("decided")
    if not (data and decided) or train.minutes:  # minutes are not known in steps before they are measured
        return
    steps = steps_of_budget(train, data["tokens_per_row"], data["tokens_per_epoch"], None)
    if steps <= done:
        raise UsageError(f"the budget would be {steps:,} steps, but run '{run.name}' has already done {done:,}; give more")
    decay_steps = train.decay_steps or decided["decay_steps"] or steps  # 0: nothing was planned so far
    if steps > decay_steps and ends_at_zero(train):
        raise UsageError(
            f"the learning rate of run '{run.name}' decays to 0 at step {decay_steps:,}, so steps beyond it would change nothing; "
            f"add for example --set train.min_lr={train.lr / 10:.2g}"
        )


def _ended_not_finite(run: RunDir) -> bool:
    kinds = [row["kind"] for row in run.events() if row["kind"] in ("started", "resumed", "nonfinite")]
    return kinds[-1:] == ["nonfinite"]
