"""The command `memlab`: runs the command line and turns memlab's own errors into one line and an exit status."""

import os
import sys


def main() -> None:
    """Exit status: 0 done, 1 a run or file failed, 2 a wrong request, 3 stopped before its end, 130 left with Ctrl-C."""
    from memlab.cli.app import app
    from memlab.cli.terminal import complain
    from memlab.errors import MemlabError

    try:
        app(prog_name="memlab")
    except MemlabError as error:
        complain(str(error))
        sys.exit(error.exit_status)
    except BrokenPipeError:  # whoever read our output has gone; a trainer, if there is one, goes on
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


if __name__ == "__main__":
    main()
