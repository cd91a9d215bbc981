"""The paper's assumptions on a run: is its text memorised as patterns, does other text lie in their balls, are they told apart?"""

from typing import TYPE_CHECKING

from memlab.lab.claims.claim import FAILS, HOLDS, OPEN, Claim, Figure, judged
from memlab.lab.claims.energies import PAPER
from memlab.lab.claims.evidence import Evidence, Patterns
from memlab.lab.summary import has_memorised
from memlab.render.scale import count, decimal, percent

if TYPE_CHECKING:
    from memlab.measures.separation import AtBeta, Separation

_NEARLY_ALL, _FEW = 0.99, 0.01  # of patterns or queries: what an assumption about each of them allows
_A_RUN = "It is about a trained model, and no run is given."


def assumption_1(seed: int, known: Evidence | None) -> Claim:
    about = (
        "assumption-1",
        "Assumption 1, memorised",
        f"{PAPER}, definition 1 and assumption 1",
        "the model memorises its training samples as patterns, each the only fixed point of its ball",
        "",
        [],
    )
    if known is None or known.evaluation is None:
        why = "Its losses have not been evaluated yet." if known else _A_RUN
        return Claim(*about, [], OPEN, why, f"memlab watch {known.run.word}" if known else "memlab claims RUN --measure")
    last = known.evaluation
    train, held_out = last["train_confident"], last["validation_confident"]
    tokens = Figure(
        "tokens with p > 0.9", train, f"{percent(train)} of training text (held-out {percent(held_out)}), step {last['step']:,}"
    )
    if not has_memorised(last):
        step, steps = last["step"], known.view.steps
        why = f"Its training text is not memorised: {percent(train)} of its tokens come with p > 0.9, {percent(held_out)} of held-out ones."
        if step < steps:
            why = f"At step {step:,} of {steps:,} that is too early to say. {why}"
            return Claim(*about, [tokens, *_stored(known)], OPEN, why, known.to_the_end)
        return Claim(*about, [tokens, *_stored(known)], FAILS, why, "")
    if known.patterns is None:
        return Claim(
            *about, [tokens], OPEN, f"Its text is memorised; whether as fixed points is open: {known.missing('patterns')}.", known.command
        )
    layer = known.patterns.layers[known.patterns.blocks[-1]]
    stored, n = [at.stored.value for at in layer.at], layer.at[0].stored.n
    why = (
        f"{percent(train)} of training tokens come with p > 0.9, and retrieval from {percent(stored[0])} of {n:,} patterns stays in their "
        "ball" + (f" at β = 1, from {percent(stored[1])} at the β chosen by perplexity." if len(stored) > 1 else " at β = 1.")
    )
    verdict = judged(stored[0] >= _NEARLY_ALL, max(stored) >= _NEARLY_ALL)
    return Claim(*about, [tokens, *_stored(known)], verdict, why, "")


def assumption_2(seed: int, known: Evidence | None) -> Claim:
    about = (
        "assumption-2",
        "Assumption 2, other text",
        f"{PAPER}, assumption 2",
        "the state of each validation sample lies in the ball B_i of some pattern",
        "",
        [],
    )
    found = known.patterns if known else None
    if found is None:
        return Claim(*about, [], OPEN, *_unknown(known))
    inside = found.layers[found.blocks[-1]].inside
    share, control = inside["validation"], inside["training"]
    return Claim(
        *about,
        [
            *(
                _by_layer(known, name, f"held-out text in a ball, {words}", lambda layer: layer.inside["validation"])
                for name, words in _shown(found)
            ),
            _by_layer(known, found.blocks[-1], "training text in a ball", lambda layer: layer.inside["training"]),
            _sample(found),
        ],
        HOLDS if share >= _NEARLY_ALL else FAILS,
        f"{percent(share)} of held-out states lie in a ball (half the way from a pattern to its nearest other) of the last block, "
        f"and {percent(control)} of those of training text, none of which is a stored pattern itself.",
        "",
    )


def assumption_3(seed: int, known: Evidence | None) -> Claim:
    """Two patterns closer than √(2/β) share one minimum, so that no two balls with a fixed point each can be put around them."""
    checks = _figure_1()
    about = (
        "assumption-3",
        "Assumption 3, separated",
        f"{PAPER}, assumption 3 and figure 1",
        "the patterns are well separated: their balls B_i, each with a fixed point of its own, are disjoint",
        "no two patterns closer than √(2/β), where they share one minimum: it depends on β",
        checks,
    )
    found = known.patterns if known else None
    if found is None:
        return Claim(*about, [], OPEN, *_unknown(known))
    worst = [max(at.merged for at in _at(found, number)) for number in range(2)]
    verdict = judged(worst[0] <= _FEW, worst[1] <= _FEW)
    last = found.layers[found.blocks[-1]]
    why = (
        f"In the worst block {percent(worst[0])} of the patterns have another within √(2/β) at β = 1, {percent(worst[1])} at the β chosen "
        f"by perplexity; {percent(_FEW)} are few."
    )
    measured = [_by_layer(known, name, f"another within √2, {words}", lambda layer: layer.at[0].merged) for name, words in _shown(found)]
    measured += [_by_layer(known, last.layer, "pairs within √2", lambda layer: layer.at[0].close_pairs)]
    if len(last.at) > 1:
        words = f"another within √(2/β), β = {decimal(last.at[1].beta)}"
        measured += [_by_layer(known, last.layer, words, lambda layer: layer.at[-1].merged)]
    words = f"balls of radius {decimal(last.radius)} that meet"
    measured += [
        _by_layer(known, last.layer, words, lambda layer: layer.overlapping),
        _by_layer(known, last.layer, "pairs of balls that meet", _pairs),
    ]
    measured += [_sample(found)]
    return Claim(*about, measured, verdict, why, "")


def _figure_1() -> list[Figure]:
    """The paper's own example at β = 1, where retrieval goes from each of its three patterns."""
    import torch

    from memlab.memory.retrieval import descend, distinct_points

    patterns = torch.tensor([[-2.0], [0.0], [1.0]], dtype=torch.float64)
    points = descend(patterns, patterns, 1.0, tolerance=1e-9, max_steps=10_000).fixed_points
    _, n = distinct_points(points, 1e-3)
    minima = sorted({round(float(point), 3) for point in points})
    shown = " and ".join(f"{point:.3f}" for point in minima)
    return [Figure("minima for figure 1's −2, 0, 1", n, f"{n}, at {shown}, for 3 patterns")]


def _stored(known: Evidence) -> list[Figure]:
    found = known.patterns
    if not found:
        return []
    last = found.blocks[-1]
    figures, at = [_sample(found)], found.layers[last].at
    for number, one in enumerate(at):
        words = f"the same, β = {decimal(one.beta)}" if number else "retrieval stays in the ball, β = 1"
        low, value, high = (percent(share) for share in (one.stored.low, one.stored.value, one.stored.high))
        control = _untrained(known, last, lambda layer, number=number: layer.at[min(number, len(layer.at) - 1)].stored.value)
        figures.append(Figure(words, one.stored.value, f"{value} ({low} to {high}) of {one.stored.n:,} patterns{control}"))
    return figures


def _sample(found: Patterns) -> Figure:
    """What it was measured on."""
    last, sizes = found.layers[found.blocks[-1]], found.sizes
    words = (
        f"{count(sizes['patterns'])} of {count(sizes['places'])}, {count(last.n_equal)} of them doubles; {count(sizes['queries'])} queries"
    )
    return Figure("patterns", sizes["patterns"], words)


def _pairs(layer: "Separation") -> float:
    return layer.close_pairs


def _at(found: Patterns, number: int) -> "list[AtBeta]":
    """Each block at β = 1, or at its own β where it has one."""
    return [layer.at[min(number, len(layer.at) - 1)] for layer in (found.layers[name] for name in found.blocks)]


def _shown(found: Patterns) -> list[tuple[str, str]]:
    """The last block's own output, and its normalised form where there is one."""
    last = found.blocks[-1]
    return [(last, f"block {last}")] + ([("norm", "norm")] if "norm" in found.layers else [])


def _by_layer(known: Evidence, name: str, words: str, share) -> Figure:
    value = share(known.patterns.layers[name])
    return Figure(words, value, f"{percent(value)}{_untrained(known, name, share)}")


def _untrained(known: Evidence, name: str, share) -> str:
    """The same of the untrained model, where that is known."""
    before = known.untrained_patterns
    return f" (untrained {percent(share(before.layers[name]))})" if before and name in before.layers else ""


def _unknown(known: Evidence | None) -> tuple[str, str]:
    """Why it cannot be told, and what would let it."""
    if known is None:
        return _A_RUN, "memlab claims RUN --measure"
    return f"How its patterns lie is not known: {known.missing('patterns')}.", known.command
