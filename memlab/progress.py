"""How far a long piece of work is: told to whoever wants to know, a terminal, a state file or the lab."""

from collections.abc import Sequence
from typing import Protocol


class Progress(Protocol):
    """Told how far a long piece of work is: `done` of `total` (None where unknown), counted in `unit`. May raise, to stop the work."""

    def __call__(self, doing: str, done: int, total: int | None, unit: str) -> None: ...


def quiet(doing: str, done: int, total: int | None, unit: str) -> None:
    """Progress that nobody watches."""


def pace(done: Sequence[tuple[float, int]]) -> float | None:
    """Seconds for one unit in the second half of what is done: `done` are seconds and amounts, ascending. None while that is not known.

    Of the first half some may have gone faster, for it was kept from before, or slower, for it was being warmed up.
    """
    (begin, before), (end, amount) = done[(len(done) - 1) // 2], done[-1]
    return (end - begin) / (amount - before) if amount > before else None
