"""The trainer process: `python -m memlab.training RUN OWNER`, started by `launch`, never by hand."""

import sys
from pathlib import Path

from memlab.errors import RunError
from memlab.rundir import RunDir
from memlab.rundir.ownership import Ownership
from memlab.training.attempt import attempt
from memlab.training.stopping import StopSwitch


def main() -> int:
    run = RunDir(Path(sys.argv[1]))
    switch = StopSwitch(run.stop_path)
    try:
        own = Ownership(run, sys.argv[2])
    except RunError as error:
        print(error, file=sys.stderr)
        return error.exit_status
    return attempt(own, switch)


if __name__ == "__main__":
    sys.exit(main())
