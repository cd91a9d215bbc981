"""The trainer process: `python -m memlab.training RUN [OWNER]`, started by `launch` or by torchrun.

With train.devices above 1 it turns into torchrun, which starts it again, once for each device. OWNER is left out where a run is
started on several machines: the process that leads takes the directory then.
"""

import os
import sys
from pathlib import Path

from memlab.errors import RunError
from memlab.render.safe import safe
from memlab.rundir import RunDir
from memlab.rundir.ownership import Membership, Ownership, claim
from memlab.training import torchrun
from memlab.training.attempt import attempt
from memlab.training.stopping import StopSwitch


def main() -> int:
    run, owner = RunDir(Path(sys.argv[1])), "".join(sys.argv[2:3])
    switch = StopSwitch(run.stop_path)
    try:
        if torchrun.is_member():
            torchrun.end_with_parent()
            own = _take_part(run, owner)
        else:
            own = Ownership(run, owner)
            devices = run.experiment().train.devices
            if devices > 1 and not switch.asked():
                torchrun.become(run.path, owner, devices)
    except RunError as error:
        print(safe(str(error)), file=sys.stderr)
        return error.exit_status
    status = attempt(own, switch)
    if torchrun.is_member():
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)  # see World.leave
    return status


def _take_part(run: RunDir, owner: str) -> Ownership | Membership:
    if os.environ["RANK"] != "0":
        return Membership(run, owner)
    return Ownership(run, owner or claim(run, {}, lambda owner: os.getpid()))


if __name__ == "__main__":
    sys.exit(main())
