"""The command `memlab`: runs the command line and turns memlab's own errors into one line and an exit status."""

import os
import sys

# Before torch is imported: threads that wait by spinning take the cores from a trainer at work, and are slower themselves for it.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")


def main() -> None:
    """Exit status: 0 done, 1 a run or file failed, 2 a wrong request, 3 stopped before its end, 130 left with Ctrl-C."""
    from memlab.cli.app import run
    from memlab.cli.terminal import complain
    from memlab.errors import MemlabError
    from memlab.training.failure import explain

    try:
        sys.exit(run())
    except MemlabError as error:
        known = error
    except Exception as error:
        known = explain(error)
        if known is None:
            raise
    complain(str(known))
    sys.exit(known.exit_status)


if __name__ == "__main__":
    main()
