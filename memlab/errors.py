"""The exception tree, and how a message names the nearest right word."""

import difflib
from collections.abc import Iterable


class MemlabError(Exception):
    """Something went wrong that the person can act on: one line that names the thing, its value and the next move.

    `exit_status` is what the command line ends with: 1 for a run or a file that failed, 2 for a wrong request.
    """

    exit_status = 1


class UsageError(MemlabError):
    """A wrong request: a name that does not exist, a value out of range, a command that does not fit here."""

    exit_status = 2


class ConfigError(UsageError):
    """A setting is unknown, of the wrong type or out of range."""


class UnknownName(UsageError):
    """No run, preset, source, tokenizer, family or size has this name."""


class DataError(UsageError):
    """The data asked for is missing, empty, unreadable or too small."""


class RunError(MemlabError):
    """A run directory cannot be used: corrupt, taken by another trainer, or not writable."""


class TrainingError(MemlabError):
    """Training cannot go on: a loss that is not finite, no memory left, a lost device."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`; did you mean 'docs-full'?` for the nearest known name, else the list of what there is (or nothing).

    A setting is known by its last part too: 'lr' and 'model.lr' mean 'train.lr'.
    """
    names, last = sorted(known), name.rpartition(".")[2]
    nearest = [word for word in names if word.endswith(f".{last}")] or difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    if nearest:
        return f"; did you mean {' or '.join(map(repr, nearest))}?"
    return f"; there are: {', '.join(names)}" if names else ""
