"""A claim of the paper and what the lab answers: plain values, so that every front end shows the same."""

from dataclasses import dataclass
from typing import Literal, get_args

Verdict = Literal["holds", "holds in corrected form", "fails", "cannot be told from this run"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
HOLDS, CORRECTED, FAILS, OPEN = VERDICTS


@dataclass(frozen=True)
class Figure:
    """A number by name; `words` are how it is shown, with its unit and its control. `value` is None where there is no single number."""

    name: str
    value: float | None
    words: str


@dataclass(frozen=True)
class Claim:
    """One claim, checked.

    source: where in which paper. stated: as stated there; correct: the correct form, empty where it holds as stated. checks: numbers made
    for this answer, from a seed; measured: what the run says, empty without a run and where a claim does not bear on one. needs: the
    command that would let it be told, empty where nothing is missing.
    """

    name: str
    title: str
    source: str
    stated: str
    correct: str
    checks: list[Figure]
    measured: list[Figure]
    verdict: Verdict
    why: str
    needs: str


@dataclass(frozen=True)
class Claims:
    """All claims, or some. run and checkpoint are None without a run; checkpoint also where the run has none yet."""

    run: str | None
    checkpoint: int | None
    seed: int
    claims: list[Claim]


def judged(as_stated: bool, corrected: bool) -> Verdict:
    """The verdict on a claim that can be told: as stated, else in its corrected form, else not at all."""
    return HOLDS if as_stated else CORRECTED if corrected else FAILS
