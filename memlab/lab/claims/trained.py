"""Claims that experiments make of trained models: each block searches the nearest pattern, losses near 1, a few delta functions."""

from typing import TYPE_CHECKING

from memlab.lab.claims.claim import CORRECTED, FAILS, HOLDS, OPEN, Claim, Figure, Verdict, judged
from memlab.lab.claims.energies import PAPER
from memlab.lab.claims.evidence import Evidence
from memlab.lab.summary import has_turned
from memlab.render.scale import count, decimal, percent

if TYPE_CHECKING:
    from memlab.lab.alignment import Alignment
    from memlab.lab.collapse import Course
    from memlab.measures.collapse import Reached

_MOST = 0.5  # of the updates
_SETTLED, _SAME = 0.1, 0.02  # nats: near 1, and as good as equal
_IN_PLAY = 4.0  # effective patterns up to which the energy at a query is that of a few
_FEW, _MANY = 0.1, 0.5  # fixed points for each query
_EXAMPLES = "question-formation-small"


def alignment(seed: int, known: Evidence | None) -> Claim:
    """Blocks whose updates of training text point down the energy more than for every control, and lower it; beside it held-out text."""
    about = (
        "alignment",
        "Blocks search the nearest",
        f"{PAPER}, section 5",
        "each block moves its input towards a stored pattern: an approximate nearest-neighbour search",
        "the update points down −∇E, and lowers E, over the patterns of the layer that the block writes to",
        [],
    )
    found = known.alignment if known else None
    if found is None:
        why = f"Its updates were not compared with −∇E: {known.missing('alignment')}." if known else "It is about a trained model's blocks."
        return Claim(*about, [], OPEN, why, known.command if known else "memlab claims RUN --measure")
    n, which = len(found.last.blocks), {"before": "reads", "after": "writes to"}
    above = {reading: {part: _above(found, reading, part) for part in ("training", "validation")} for reading in which}
    lowered = {reading: _lowered(found, reading) for reading in which}
    verdict = judged(*(len(above[reading]["training"] & lowered[reading]) == n for reading in which))
    words = "; ".join(
        f"with the patterns of the layer that it {which[reading]} in {len(one['training'])} of {n} blocks (held-out "
        f"{len(one['validation'])}), of which {len(one['training'] & lowered[reading])} also lower the energy with most of their updates"
        for reading, one in above.items()
    )
    return Claim(
        *about,
        [_cosines(found, reading, f"cosine with −∇E, layer that it {which[reading]}") for reading in which],
        verdict,
        f"Updates of training text point down the energy, and more so than for every control, {words}. The claim is about each block.",
        "",
    )


def near_1(seed: int, known: Evidence | None) -> Claim:
    about = (
        "near-1",
        "Near 1, question formation",
        f"{PAPER}, experiments E4 and E5",
        "the training loss of vanilla transformers settles near 1, the bound of proposition 4",
        "1 nat per token is the entropy of that data; a model that memorises it goes below",
        [],
    )
    advice = f"memlab train {_EXAMPLES}"
    if known is None:
        return Claim(*about, [], OPEN, "It is about a run on question formation, and none is given.", advice)
    source, last = known.run.original().data.source, known.evaluation
    if source != "question_formation":
        return Claim(*about, [], OPEN, f"It is about question formation; this run reads {source}.", advice)
    if last is None:
        return Claim(*about, [], OPEN, "Its losses have not been evaluated yet.", f"memlab watch {known.run.word}")
    floors = {floor["name"]: floor["loss"] for floor in known.facts.get("floors", [])}
    verdict, why = _told_of_1(last["train_loss"], last["validation_loss"], floors.get("entropy"))
    words = f"{decimal(last['train_loss'])} (held-out {decimal(last['validation_loss'])}) nats per token, step {last['step']:,}"
    measured = [Figure("training loss", last["train_loss"], words)]
    measured += [Figure(f"{name} floor", floors[name], decimal(floors[name])) for name in ("entropy", "memorisation") if name in floors]
    needs = f"memlab resume {known.run.word} --steps {10 * max(1, last['step'])}" if verdict == OPEN else ""
    return Claim(*about, measured, verdict, why, needs)


def _told_of_1(train: float, held_out: float, entropy: float | None) -> tuple[Verdict, str]:
    if train > 1 + _SETTLED:
        return OPEN, f"Its training loss of {decimal(train)} has not settled yet."
    if train < (1 - _SETTLED if entropy is None else entropy - _SAME):
        return FAILS, f"Its training loss falls to {decimal(train)}, as lines are memorised; held-out ones cost {decimal(held_out)}."
    if entropy is not None and abs(train - entropy) <= _SETTLED:
        return CORRECTED, f"Its training loss settles at {decimal(train)} because the entropy of the lines is {decimal(entropy)}: no bound."
    return HOLDS, f"Its training loss settles at {decimal(train)}, which no known entropy explains."


def delta_functions(seed: int, known: Evidence | None) -> Claim:
    """Patterns in play and fixed points in the last block. One run can refute the claim; that overfitting is the cause takes two."""
    about = (
        "delta-functions",
        "A few delta functions",
        f"{PAPER}, experiment E3",
        "the energy of an overfitted model decays to a sum of a few delta functions, as its examples are not told apart well enough",
        "it has one well for each pattern; overfitting shows in how much farther training text is collapsed than held-out text",
        [],
    )
    if known is None:
        return Claim(*about, [], OPEN, "It is about an overfitted run beside one that is not.", "memlab collapse OVERFITTED OTHER")
    pair = f"memlab collapse {known.run.word} OTHER"
    course, last = known.collapse, known.evaluation
    if course is None or last is None:
        reason = "Its losses have not been evaluated yet." if last is None else f"Its wells are not counted: {known.missing('collapse')}."
        return Claim(*about, [], OPEN, reason, f"memlab watch {known.run.word}" if last is None else known.command)
    verdict, why = _told_of_wells(course, has_turned(known.best, last))
    turned = (
        f"{decimal(last['validation_loss'])} (at best {decimal(known.best['validation_loss'])}, training {decimal(last['train_loss'])})"
    )
    return Claim(*about, [Figure("validation loss", last["validation_loss"], turned), *_wells(course)], verdict, why, pair)


def _told_of_wells(course: "Course", is_overfitted: bool) -> tuple[Verdict, str]:
    from memlab.lab.collapse import STATED, shown_layer

    training = course.checkpoints[-1].layer(shown_layer(course)).at("training", STATED)
    share = training.fixed_points / course.n_queries
    words = (
        f"{decimal(training.effective_patterns)} of {count(course.n_patterns)} patterns are in play and {count(course.n_queries)} queries "
        f"of training text reach {count(training.fixed_points)} fixed points"
    )
    if not is_overfitted:
        return OPEN, f"It is not overfitted, and still {words}: an overfitted run of the same model belongs beside it."
    if training.effective_patterns > _IN_PLAY:
        return FAILS, f"It is overfitted, but {words}: no sum of delta functions."
    if share < _FEW:
        return (
            OPEN,
            f"It is overfitted, and {words}: a few wells, as stated; whether overfitting made them takes a run that is not beside it.",
        )
    return judged(False, share >= _MANY), (
        f"It is overfitted, and {words}: about one well for each pattern, as far as so many queries tell, not a few of them."
    )


def _wells(course: "Course") -> list[Figure]:
    """In the last block at β = 1 and at the frozen β: training text, held-out text, and the untrained model."""
    from memlab.lab.collapse import STATED, shown_layer

    layer, figures = shown_layer(course), []
    for beta in dict.fromkeys((STATED, course.betas[layer])):
        if beta is None:
            continue
        now = {part: course.checkpoints[-1].layer(layer).at(part, beta) for part in ("training", "validation")}
        before = course.untrained.layer(layer).at("training", beta) if course.untrained else None
        words = f"{_reached(now['training'])} (held-out {_reached(now['validation'])}{f', untrained {_reached(before)}' if before else ''})"
        figures.append(Figure(f"in play, fixed points, β = {decimal(beta)}", now["training"].effective_patterns, words))
    return figures


def _reached(found: "Reached") -> str:
    return f"{decimal(found.effective_patterns)}, {count(found.fixed_points)}"


def _above(found: "Alignment", reading: str, part: str) -> set[int]:
    """The blocks whose updates point down the energy and lie above all controls."""
    from memlab.lab.alignment import controls_below

    n_controls = 3 if found.untrained else 2
    above = [block for block in found.last.blocks if len(controls_below(found, block, reading, part)) == n_controls]
    return {block for block in above if found.last.at(block, reading, part).cosine.low > 0}


def _lowered(found: "Alignment", reading: str) -> set[int]:
    """The blocks that leave the energy lower with more than half of their updates of training text."""
    return {block for block in found.last.blocks if found.last.at(block, reading, "training").lowers_energy.low > _MOST}


def _cosines(found: "Alignment", reading: str, name: str) -> Figure:
    from memlab.lab.alignment import average

    parts = {
        "held-out": average(found.last, reading, "validation"),
        "untrained": average(found.untrained, reading, "training") if found.untrained else None,
        "shuffled": average(found.last, reading, "training", "shuffled"),
        "Gaussian": average(found.last, reading, "training", "gaussian"),
    }
    own = average(found.last, reading, "training")
    shares = [percent(found.last.at(block, reading, "training").lowers_energy.value) for block in found.last.blocks]
    controls = ", ".join(f"{name} {value:+.3f}" for name, value in parts.items() if value is not None)
    words = "undefined" if own is None else f"{own:+.3f}"
    return Figure(name, own, f"{words} ({controls}); E lower after {', '.join(shares)} of updates, block by block")
