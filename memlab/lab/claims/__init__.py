"""The claims of the paper, each checked when it is asked for: as stated, corrected, tried in numbers, and measured on a run.

Source: Niu et al. 2024 (arXiv 2405.08707). A claim is a function of a seed and of what is known of a run, in the order of the paper.
Needs torch: see `lab.serving`.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

from memlab.errors import UnknownName, did_you_mean
from memlab.lab.claims import assumptions, energies, partition, radii, trained
from memlab.lab.claims.claim import VERDICTS, Claim, Claims, Figure, Verdict
from memlab.lab.claims.evidence import Evidence
from memlab.lab.sampling import choose_checkpoint
from memlab.progress import Progress, quiet
from memlab.rundir import RunDir

__all__ = ["CLAIMS", "VERDICTS", "Claim", "Claims", "Figure", "Verdict", "claims", "each_claim"]

CLAIMS: dict[str, Callable[[int, Evidence | None], Claim]] = {
    "assumption-1": assumptions.assumption_1,
    "assumption-2": assumptions.assumption_2,
    "assumption-3": assumptions.assumption_3,
    "proposition-1": energies.proposition_1,
    "proposition-2": energies.proposition_2,
    "proposition-3": energies.proposition_3,
    "equation-6": energies.equation_6,
    "alignment": trained.alignment,
    "equation-8": energies.equation_8,
    "loss-bound": partition.loss_bound,
    "near-1": trained.near_1,
    "equation-12": partition.equation_12,
    "equation-13": partition.equation_13,
    "lemma-5": partition.lemma_5,
    "equation-14": radii.equation_14,
    "radius": radii.measured_radius,
    "n-of-d2": radii.n_of_d2,
    "delta-functions": trained.delta_functions,
}


def claims(
    home: Path,
    run: RunDir | None = None,
    checkpoint: str = "last",
    device: str = "auto",
    seed: int = 0,
    progress: Progress = quiet,
    measure: bool = False,
    only: str = "",
) -> Claims:
    """Check the claims, or `only` one by name, from a seed; of a run also what is kept of its measures, or what `measure` takes now.

    Raises UnknownName for a claim or a checkpoint that does not exist.
    """
    step, found = each_claim(home, run, checkpoint, device, seed, progress, measure, only)
    return Claims(run.name if run else None, step, seed, list(found))


def each_claim(
    home: Path,
    run: RunDir | None = None,
    checkpoint: str = "last",
    device: str = "auto",
    seed: int = 0,
    progress: Progress = quiet,
    measure: bool = False,
    only: str = "",
) -> tuple[int | None, Iterator[Claim]]:
    """As `claims`: the step that the checkpoint means, and one claim after the other."""
    if only and only not in CLAIMS:
        raise UnknownName(f"there is no claim '{only}'{did_you_mean(only, CLAIMS)}")
    step = _step(run, checkpoint) if run else None
    known = Evidence(run, home, step, measure, device, progress) if run else None

    def checked() -> Iterator[Claim]:
        names = [only] if only else list(CLAIMS)
        for number, name in enumerate(names):
            progress("checking claims", number, len(names), "claims")
            yield CLAIMS[name](seed, known)

    return step, checked()


def _step(run: RunDir, checkpoint: str) -> int | None:
    """The step that a checkpoint means; None for the last one of a run that has none."""
    from memlab.training import checkpoints

    if checkpoint == "last" and not checkpoints.steps(run.checkpoints):
        return None
    return choose_checkpoint(run, checkpoint)
