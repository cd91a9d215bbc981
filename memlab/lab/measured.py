"""What was measured on a checkpoint, kept beside its run: RUN/measures/<name>/step-000500.json, or in the home's cache."""

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from memlab.errors import RunError
from memlab.files import explained, read_json, write_json
from memlab.home import kept_beside
from memlab.rundir import RunDir

_FORMAT = 1  # of the file around what was measured
_may_measure = ContextVar("may_measure", default=True)


class NotKeptError(RunError):
    """Raised within `only_kept` for what was not measured before."""


@contextlib.contextmanager
def only_kept() -> Iterator[None]:
    """Within it nothing is measured: `kept` finds what is there, or raises NotKeptError."""
    token = _may_measure.set(False)
    try:
        yield
    finally:
        _may_measure.reset(token)


def kept(
    run: RunDir,
    home: Path,
    name: str,
    step: int,
    depends_on: Mapping[str, Any],
    make: Callable[[], Any],
    read: Callable[[Any], Any] = lambda found: found,
) -> Any:
    """What `make` returns, kept as JSON under the name of a measure; made only where it is not there yet for just these dependencies.

    `depends_on` is all that the result follows from: settings, seed, `weights_and_text`, and a number of the measure's own that is raised
    whenever it computes something else. A file that is stale, damaged or of another version is made anew and replaced. What `make` returns
    must be JSON (numbers finite); it comes back as JSON has it, lists for tuples, whether it was there or not. `read` makes something else
    of that; a TypeError, KeyError or ValueError in it means that the file is damaged.
    Raises RunError where the file cannot be written, and whatever `make` raises.
    """
    wanted = _as_json({"format": _FORMAT, **depends_on})
    for path in _paths(run, home, name, step):
        with contextlib.suppress(RunError, TypeError, KeyError, ValueError):  # none, or damaged
            found = read_json(path)
            if found["depends_on"] == wanted:
                return read(found["measured"])
    if not _may_measure.get():
        raise NotKeptError(f"run '{run.name}' has no '{name}' measured at step {step:,}")
    measured = _as_json(make())
    path = _paths(run, home, name, step)[0]
    with explained(path.parent, "making"):
        path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, {"depends_on": wanted, "measured": measured})
    return read(measured)


def weights_and_text(run: RunDir, step: int) -> dict[str, Any]:
    """What everything measured on a checkpoint depends on: its step, its weights, and the text that the run was trained on.

    Raises RunError where the run has not recorded its text yet.
    """
    from memlab.training import checkpoints

    recorded = run.recorded()
    weights = checkpoints.fingerprint(checkpoints.path_of(run.checkpoints, step))
    return {"step": step, "weights": weights, "corpus": recorded["corpus"], "content": recorded["content"]}


def _paths(run: RunDir, home: Path, name: str, step: int) -> list[Path]:
    """Where it may be; the first is where to put it."""
    return [place / "measures" / name / f"step-{step:06d}.json" for place in kept_beside(home, run)]


def _as_json(value: Any) -> Any:
    return json.loads(json.dumps(value, allow_nan=False))
