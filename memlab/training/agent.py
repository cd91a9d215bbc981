"""torchrun, started as `python -m memlab.training.agent FOLDER ARGUMENTS`: with its arguments, and without its folder once it has ended."""

import shutil
import sys

from torch.distributed import run


def main() -> None:
    folder, *arguments = sys.argv[1:]
    try:
        run.main(arguments)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
