"""The trainer process: `python -m memlab.training RUN OWNER`, started by `launch`, never by hand."""

import sys
from pathlib import Path

from memlab.rundir import RunDir
from memlab.training import allocator


def main() -> int:
    run = RunDir(Path(sys.argv[1]))
    if run.experiment().train.allocator == "auto":
        allocator.keep_freed_memory()
    from memlab.training.trainer import train  # torch is imported after the allocator is set

    return train(run, sys.argv[2])


if __name__ == "__main__":
    sys.exit(main())
