"""One attempt at a run: whatever happens in it, it ends in a final state that says so. Imports no torch before it has to."""

import os
import sys
import time
import traceback

from memlab import __version__
from memlab.errors import MemlabError, RunError
from memlab.rundir.ownership import Ownership
from memlab.training import allocator
from memlab.training.failure import explain
from memlab.training.stopping import StopRequested, StopSwitch


def attempt(own: Ownership, switch: StopSwitch) -> int:
    """Train a claimed run to its end. Returns the exit status: 0 finished or stopped, else that of the error.

    What is not one of memlab's own errors, a missing library or exhausted memory is our bug: its traceback goes to the log.
    """
    print(f"attempt {own.attempt}, process {os.getpid()}, memlab {__version__}, {time.strftime('%Y-%m-%d %H:%M:%S %z')}", flush=True)
    try:
        _train(own, switch)
        own.update(status="finished", work=None)
    except StopRequested:
        _leave(own, "stopped")
    except MemlabError as error:
        _leave(own, "failed", str(error))
        return error.exit_status
    except Exception as error:
        known = explain(error, own.run.experiment())
        if known is None:
            _leave(own, "failed", f"internal error: {type(error).__name__}: {error}; the traceback is in {own.run.log_path}")
            raise
        traceback.print_exc()
        _leave(own, "failed", str(known))
        return known.exit_status
    finally:
        own.release()
    return 0


def _train(own: Ownership, switch: StopSwitch) -> None:
    switch.check()
    experiment = own.run.experiment()
    own.update(work={"doing": "loading torch", "done": 0, "total": None, "unit": "", "since": time.time()})
    if experiment.train.allocator == "auto":
        allocator.keep_freed_memory()
    from memlab.training.trainer import train  # torch is imported after the allocator is set

    switch.check()
    train(own, experiment, switch.check)


def _leave(own: Ownership, status: str, error: str = "") -> None:
    """Write the final state. Where that cannot be done (another trainer has the run, the disk is full) the log says why."""
    if error:
        print(error, file=sys.stderr)
    try:
        own.update(status=status, error=error, work=None)
    except RunError as problem:
        print(f"the state '{status}' could not be written: {problem}", file=sys.stderr)
