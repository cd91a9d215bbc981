"""Which of many runs are wanted, and in which order: words and key:value over the rows of a listing."""

from collections.abc import Callable, Sequence
from typing import Any

from memlab.errors import UsageError, did_you_mean

Row = dict[str, Any]

FIELDS = ("name", "state", "source", "family", "size")
ORDERS = (
    "",  # as made
    "name",
    "state",
    "fraction",
    "n_params",
    "n_tokens",
    "step",
    "train_loss",
    "validation_loss",
)


def condition(words: str) -> Callable[[Row], bool]:
    """What a row must be like to be wanted: every word occurs in one of its fields, every key:value in that field. Case does not matter.

    Raises UsageError for a key that is not one of FIELDS.
    """
    wanted = [_split(word) for word in words.lower().split()]

    def fits(row: Row) -> bool:
        texts = {field: str(row.get(field, "")).lower() for field in FIELDS}
        return all(any(value in texts[field] for field in fields) for fields, value in wanted)

    return fits


def ordered(rows: Sequence[Row], key: str, descending: bool) -> list[Row]:
    """The rows by one of ORDERS, of equals the newest first; those without a value come last in either direction."""
    newest = list(reversed(rows))
    if not key:
        return newest if descending else list(rows)
    known = [row for row in newest if row.get(key) is not None]
    return sorted(known, key=lambda row: row[key], reverse=descending) + [row for row in newest if row.get(key) is None]


def _split(word: str) -> tuple[tuple[str, ...], str]:
    key, colon, value = word.partition(":")
    if not colon:
        return FIELDS, word
    if key not in FIELDS:
        raise UsageError(f"runs have no '{key}' to look for{did_you_mean(key, FIELDS)}")
    return (key,), value
