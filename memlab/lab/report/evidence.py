"""What has been measured on a run, and the paper's claims: the first only where it is kept, for measuring takes minutes.

Needs torch: see `lab.serving`.
"""

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from memlab.lab.measured import only_kept
from memlab.lab.report.subject import Subject
from memlab.render.document import Block, Facts, Figure, Listing
from memlab.render.estimate import estimate_words
from memlab.render.series import Floor
from memlab.render.tables import Column
from memlab.render.verdicts import sign, summary, words

if TYPE_CHECKING:
    from memlab.lab.claims import Claim


def measures(subject: Subject) -> Iterator[Block]:
    """Measures of memorisation, training text beside held-out text. Raises NotKeptError."""
    from memlab.lab.memorized import measure

    with only_kept():
        found = measure(subject.run, subject.home, str(subject.step), device=subject.device, progress=subject.progress)
    rows: dict[str, dict[str, Any]] = {}
    for figure in (figure for figures in found.values() for figure in figures):
        part = "validation" if figure["part"] == "validation" else "training"
        rows.setdefault(figure["name"], {"measure": figure["name"]})[part] = estimate_words(figure["estimate"], figure["unit"])
    told = "Each with its 95 % interval; held-out text is the control. What compares both parts stands in the first column."
    columns = ["measure", Column("training", "training text"), Column("validation", "held-out text")]
    yield Listing(columns, list(rows.values()), told, subject.command("memorized"))


def collapse(subject: Subject) -> Iterator[Block]:
    """Patterns in play over training, at β = 1. Raises NotKeptError."""
    from memlab.lab import collapse as lab
    from memlab.lab.report.training import thinned

    with only_kept():
        courses = lab.collapse([subject.run], subject.home, device=subject.device, progress=subject.progress)
    beta, layer = "1", lab.shown_layer(courses[0])
    yield lab.sentence(courses[0], layer, beta)
    values = {
        "series": thinned(lab.series(courses, layer, beta)),
        "floors": [Floor("one pattern", 1.0)],
        "y_label": f"patterns in play, median (layer {layer}, β = {beta})",
        "log_y": True,
    }
    told = f"Patterns in play at every checkpoint; step 0, the untrained model, is the null. {' '.join(lab.notes(courses, beta))}"
    yield Figure("curves", values, "Collapse over training", told, subject.command("collapse", at_checkpoint=False))


def alignment(subject: Subject) -> Iterator[Block]:
    """Whether the blocks move their input down the energy, in both readings of it. Raises NotKeptError."""
    from memlab.lab import alignment as lab

    with only_kept():
        found = lab.alignment(subject.run, subject.home, checkpoint=str(subject.step), device=subject.device, progress=subject.progress)
    layers = {"before": "t-1, which block t's input lies among", "after": "t, which block t's output lies among"}
    for reading in lab.READINGS:
        yield " ".join(lab.sentences(found, reading))
        label = f"cosine of update and -∇E (patterns of layer {'t-1' if reading == 'before' else 't'})"
        values = {"series": lab.series(found, reading), "floors": [Floor("no direction", 0.0)], "x_label": "block", "y_label": label}
        told = f"In the energy of the patterns of layer {layers[reading]}."
        yield Figure("curves", values, f"Alignment, patterns of layer {layers[reading]}", told, subject.command("alignment"))
    yield " ".join(lab.notes(found))


def claims(subject: Subject) -> Iterator[Block]:
    """The paper's statements, each with its verdict here; in full below."""
    from memlab.lab.claims import claims as ask

    found = ask(subject.home, subject.run, str(subject.step), subject.device, subject.seed, subject.progress)
    yield f"{summary([asdict(claim) for claim in found.claims])}."
    rows = [{"claim": claim.title, "verdict": f"{sign(claim.verdict)} {words(claim.verdict)}", "why": claim.why} for claim in found.claims]
    told = f"The paper's statements, checked numerically with seed {found.seed} and against what is measured on this run."
    options = ["--seed", subject.seed]
    yield Listing(["claim", "verdict", "why"], rows, told, subject.command("claims", *options, at_checkpoint=False))
    for claim in found.claims:
        command = subject.command("claims", "--only", claim.name, *options, at_checkpoint=False)
        yield Facts(_full(claim), f"{claim.title}: {words(claim.verdict)}", command, is_folded=True)


def _full(claim: "Claim") -> list[tuple[str, str]]:
    pairs = [
        ("source", claim.source),
        ("as stated", claim.stated),
        ("correct", claim.correct),
        *((f"check, {figure.name}", figure.words) for figure in claim.checks),
        *((f"measured, {figure.name}", figure.words) for figure in claim.measured),
        ("why", claim.why),
        ("to find out", claim.needs),
    ]
    return [(name, told) for name, told in pairs if told]
