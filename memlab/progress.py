"""How far a long piece of work is: told to whoever wants to know, a terminal, a state file or the lab."""

from typing import Protocol


class Progress(Protocol):
    """Told how far a long piece of work is: `done` of `total` (None where unknown), counted in `unit`. May raise, to stop the work."""

    def __call__(self, doing: str, done: int, total: int | None, unit: str) -> None: ...


def quiet(doing: str, done: int, total: int | None, unit: str) -> None:
    """Progress that nobody watches."""
