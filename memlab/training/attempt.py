"""One attempt at a run: whatever happens in it, it ends in a final state that says so. Imports no torch before it has to."""

import os
import sys
import time
import traceback

from memlab import __version__
from memlab.errors import MemlabError, RunError
from memlab.render.safe import safe
from memlab.rundir import state
from memlab.rundir.ownership import Membership, Ownership
from memlab.training import allocator, torchrun
from memlab.training.failure import PeerFailedError, explain
from memlab.training.stopping import StopRequested, StopSwitch


def attempt(own: Ownership | Membership, switch: StopSwitch) -> int:
    """Train a claimed run to its end, or take part in that. Returns the exit status: 0 finished or stopped, else that of the error.

    What is not one of memlab's own errors, a missing library or exhausted memory is our bug: its traceback goes to the log.
    """
    print(f"attempt {own.attempt}, process {os.getpid()}, memlab {__version__}, {time.strftime('%Y-%m-%d %H:%M:%S %z')}", flush=True)
    try:
        _train(own, switch)
        _leave(own, "finished")
    except StopRequested:
        _leave(own, "stopped")
    except PeerFailedError:
        pass  # the process that leads has said why
    except MemlabError as error:
        _leave(own, "failed", str(error))
        return error.exit_status
    except Exception as error:  # noqa: BLE001 - told in full
        traceback.print_exc()
        internal = MemlabError(f"internal error: {type(error).__name__}: {error}; the traceback is in {own.run.log_path}")
        known = explain(error, own.run.experiment()) or internal
        _leave(own, "failed", str(known))
        return known.exit_status
    return 0


def _train(own: Ownership | Membership, switch: StopSwitch) -> None:
    check = switch.check if not torchrun.is_member() else lambda: None  # several processes stop together, once they have met
    check()
    experiment = own.run.experiment()
    own.update(work={"doing": "loading torch", "done": 0, "total": None, "unit": "", "since": time.time()})
    if experiment.train.allocator == "auto":
        allocator.keep_freed_memory()
    from memlab.training.trainer import train  # torch is imported after the allocator is set
    from memlab.training.world import join

    check()
    world = join(experiment.train)
    own.owner = world.share(lambda: own.owner)
    train(own, experiment, switch, world)


def _leave(own: Ownership | Membership, status: state.Status, error: str = "") -> None:
    """Write the final state. Where that cannot be done (another trainer has the run, the disk is full) the log says why."""
    if error:
        print(safe(error, newlines=True), file=sys.stderr)
    try:
        own.end(status, error)
    except RunError as problem:
        print(f"the state '{status}' could not be written: {safe(str(problem))}", file=sys.stderr)
