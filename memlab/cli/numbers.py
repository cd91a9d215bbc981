"""Options that are numbers with a least value, checked before a command begins."""

from collections.abc import Callable

import typer

from memlab.errors import UsageError


def at_least(least: int) -> Callable[[typer.CallbackParam, int | None], int | None]:
    """The callback of an option that may not be below `least`; None is an option that was not given."""

    def check(parameter: typer.CallbackParam, value: int | None) -> int | None:
        if value is not None and value < least:
            raise UsageError(f"{parameter.opts[0]} is {value}; it must be at least {least}")
        return value

    return check
