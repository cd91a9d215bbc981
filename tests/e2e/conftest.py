"""A home of its own for the whole session, the real command line in real processes, and trainers that never outlive the tests."""

import contextlib
import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from memlab import config
from memlab.errors import RunError
from memlab.rundir import RunDir, state
from memlab.training import launch

MEMLAB = Path(sys.executable).with_name("memlab")

TINY = """
experiment = "a tiny run for the tests"

[data]
source = "uniform"
source_options = { documents = 16, length = 8, vocabulary = 32, validation_documents = 16 }
tokenizer = "word"
rows = "documents"

[model]
family = "gpt2"
size = "nano"
context = 10

[train]
steps = 120
batch = 16
lr = 1e-2
min_lr = 1e-3
warmup = 10
precision = "fp32"
threads = 1
log_every = 5
eval_every = 40
eval_rows = 16
checkpoint_every = 50
"""

# Dropout is on, an epoch is not a whole number of steps, and an evaluation takes as long as a hundred steps.
EXACT = {
    "model.family": "vanilla",
    "data.source_options.documents": 700,
    "data.source_options.validation_documents": 700,
    "train.steps": 180,
    "train.log_every": 2,
    "train.eval_every": 80,
    "train.eval_rows": 700,
    "train.checkpoint_every": 40,
    "train.batch": 12,
}


@dataclass
class Lab:
    """A home, and what one does in it. Whatever trains there at the end is ended."""

    home: Path
    started: list[RunDir] = field(default_factory=list)

    def memlab(self, *arguments: str, **options: Any) -> subprocess.CompletedProcess:
        """The command line to its end, with pipes for a terminal."""
        return subprocess.run([MEMLAB, *arguments], **self.process(capture_output=True, text=True, timeout=120, **options))

    def background(self, *arguments: str, **options: Any) -> subprocess.Popen:
        """The command line, left running."""
        pipe = subprocess.PIPE
        return subprocess.Popen([MEMLAB, *arguments], **self.process(**{"stdout": pipe, "stderr": pipe, "text": True, **options}))

    def process(self, env: dict[str, str] | None = None, **options: Any) -> dict[str, Any]:
        """Options of subprocess, with this home, and nothing to read unless it is given."""
        nothing = {} if "input" in options else {"stdin": subprocess.DEVNULL}
        return {"cwd": self.home, **nothing, **options, "env": {**os.environ, "MEMLAB_HOME": str(self.home), **(env or {})}}

    def run(self, name: str) -> RunDir:
        """A run of this home by its name; it is ended with the session."""
        run = RunDir(self.home / "runs" / name)
        self.started.append(run)
        return run

    def start(self, name: str, changes: dict[str, Any] | None = None) -> RunDir:
        """Start a trainer of the tiny run with some settings changed."""
        run = self.run(name)
        launch.start(run.path, self.home, TINY, config.changed(config.load(TINY, "the tiny run"), changes or {}))
        return run

    def resume(self, run: RunDir, changes: dict[str, Any] | None = None) -> None:
        launch.resume(run, self.home, changes or {})

    def finish(self, run: RunDir, status: str = "finished") -> None:
        """Wait for the end of a run, and that it is the expected one."""
        until(lambda: not run.is_active(), f"{run.name} ends", 60)
        assert run.status() == status, (run.status(), run.state(), run.log_path.read_text())
        launch.exit_status(run)

    def kill(self, run: RunDir, number: signal.Signals = signal.SIGKILL) -> None:
        """Send a trainer a signal and wait until its process is gone."""
        now = run.state()
        os.kill(now.pid, number)
        until(lambda: not state.is_alive(now), f"{run.name} leaves after {number.name}", 30)

    def toml(self, name: str, changes: dict[str, Any] | None = None) -> list[str]:
        """Arguments of `memlab train` for the tiny run with some settings changed."""
        path = self.home / "tiny.toml"
        path.write_text(TINY)
        return [str(path), "--name", name, *(word for key, value in (changes or {}).items() for word in ("--set", f"{key}={value}"))]


def until(condition: Callable[[], Any], what: str, seconds: float = 30) -> Any:
    """Poll until a condition holds; what it returned. The test fails where it does not within so many seconds."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.005)
    return found


def steps_done(run: RunDir) -> int:
    """How far the event log says that training is."""
    return max((row["step"] for row in run.events()), default=-1)


def outcome(run: RunDir) -> tuple[dict[str, str], list[dict[str, Any]]]:
    """What must be the same however often a run was interrupted: its last weights and optimiser state, and what was measured."""
    last = sorted(run.checkpoints.glob("step-*"))[-1]
    hashes = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(last.glob("*.safetensors"))}
    assert len(hashes) == 2
    timing = {"attempt", "seconds", "tokens_per_second"}
    return hashes, [{key: row[key] for key in row if key not in timing} for row in run.events() if row["kind"] in ("train", "eval")]


@pytest.fixture(scope="session", autouse=True)
def _plain_environment(tmp_path_factory):
    """A colour, a size, keys or a home of the developer's have no place here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LANG", "C.UTF-8")
        for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME"):
            patch.setenv(name, str(tmp_path_factory.mktemp("xdg")))
        for name in ("MEMLAB_HOME", "MEMLAB_ASCII", "NO_COLOR", "COLUMNS", "LINES", "PYTHONWARNINGS"):
            patch.delenv(name, raising=False)
        yield


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    made = Lab(tmp_path_factory.mktemp("home"))
    yield made
    for run in made.started:
        with contextlib.suppress(ProcessLookupError, RunError):
            if run.path.exists() and run.is_active():
                os.kill(run.state().pid, signal.SIGKILL)
        launch.exit_status(run)


@pytest.fixture(scope="session")
def reference(lab) -> RunDir:
    """A run that nobody interrupts. It is only started here: wait for it with `lab.finish`."""
    return lab.start("reference", EXACT)


@pytest.fixture(scope="session")
def memorised(lab) -> tuple[RunDir, subprocess.CompletedProcess]:
    """A run that has learned 16 short documents by heart, trained by the command line in a pipe, and what that printed."""
    run = lab.run("memorised")
    return run, lab.memlab("train", *lab.toml("memorised"))
