"""What a basin's recovery curves say: as series to draw, as rows of a table, and in words computed from the numbers."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from memlab.data.parts import PARTS
from memlab.lab.asking import resampled
from memlab.lab.basin import EMBEDDINGS, TOKENS, Basin
from memlab.render.scale import decimal, percent
from memlab.render.series import Floor, Series

if TYPE_CHECKING:
    from memlab.measures.estimates import Estimate

PART_NAMES = {"training": "training text", "validation": "held-out text"}
CURVE_NAMES = {"continuation": "same", "truth": "true", "fixed_point": "fixed point", "pattern": "pattern"}
_ALIKE = 0.5  # a chance from which on two passages end alike anyway


def series(found: Basin, curve: str, color: int = 0) -> list[Series]:
    """A recovery curve of each part, shares over levels, in the colours from a number on."""
    curves = found.curves[curve].items()
    return [
        Series(PART_NAMES[part], found.levels, [rate.value for rate in rates], role="validation", color=color + number)
        for number, (part, rates) in enumerate(curves)
    ]


def picture(found: Basin) -> dict[str, Any]:
    """What `image.curves` draws: the continuations and the retrieval of both parts, with their intervals as bands."""
    from memlab.render.image import Band

    lines, bands = [], []
    for name, curve in (("continuation", "continuation"), ("fixed point", "fixed_point")):
        for one, rates in zip(series(found, curve, len(lines)), found.curves[curve].values(), strict=True):
            bands.append(Band(found.levels, [rate.low for rate in rates], [rate.high for rate in rates], len(lines)))
            lines.append(replace(one, name=f"{name}, {one.name}"))
    return {"series": lines, "bands": bands, "x_label": x_label(found), "y_label": "share that comes back (95 % intervals)"}


def floors(found: Basin, curve: str) -> list[Floor]:
    """With what chance two different passages end alike, the larger of both parts, where it would show in a plot."""
    name = {"continuation": "chance_of_continuation", "fixed_point": "chance_of_fixed_point"}[curve]
    chance = max(getattr(found.control[part], name) for part in PARTS)
    return [Floor("two different passages end alike", chance)] if chance >= 0.01 else []


def x_label(found: Basin) -> str:
    """What the levels count."""
    if found.unit is None:
        return "share of tokens replaced"
    return "noise, in typical distances"


def level_name(found: Basin) -> str:
    """What a level is, in a word."""
    return "replaced" if found.unit is None else "noise"


def disturbed(found: Basin) -> str:
    """What is disturbed, in words."""
    if found.layer is None:
        return "tokens of the prompt replaced by random others"
    place = "the embeddings" if found.what == EMBEDDINGS else f"the states of layer {found.layer}"
    return f"noise on {place} at every position of the prompt"


def notes(found: Basin, run: str) -> list[str]:
    """How the numbers were obtained, and what they are to be compared with."""
    training, held_out = (found.control[part] for part in PARTS)
    lines = []
    if found.unit is not None:
        share = percent(found.unit / found.typical_norm) if found.typical_norm else "unknown"
        lines.append(
            f"Unit of the noise: {decimal(found.unit)}, the typical distance between neighbouring patterns of layer {found.layer}, "
            f"which is {share} of the typical length of a state there."
        )
    lines.append(
        f"Prompts: {training.n_prompts} of training and {held_out.n_prompts} of held-out text, as they stand in training; "
        f"{found.tokens} greedy tokens, all of which must be the same. Left out, since in the training text elsewhere too: "
        f"{training.n_repeated} and {held_out.n_repeated}."
    )
    own = f" without the {found.n_own:,} of the documents asked with" if found.n_own else ""
    unsettled = training.n_unsettled + held_out.n_unsettled
    dropped = f" {unsettled} that reach no fixed point do not count." if unsettled else ""
    lines.append(
        f"Retrieval: layer {found.retrieval_layer}, β = {decimal(found.beta)}, {found.n_patterns:,} patterns{own}; {training.n_queries} "
        f"and {held_out.n_queries} other positions, which reach {training.n_fixed_points} and {held_out.n_fixed_points} fixed points "
        f"undisturbed.{dropped}"
    )
    how = resampled({PART_NAMES[part]: rates[0].n_documents for part, rates in found.curves["continuation"].items()})
    lines.append(
        f"Columns: percent of passages with the same greedy continuation as undisturbed, with the true one, with the same fixed point of "
        f"the retrieval, and with the same pattern nearest to it; in brackets 95 % intervals {how}. Half is read off "
        f"the straight line between two levels{'' if found.unit else '; replaced tokens are rounded up to whole ones'}. Seed {found.seed}."
    )
    if found.step:
        lines.append(f"The null is the untrained model: memlab basin {run} --checkpoint 0.")
    return lines


def rows(found: Basin) -> list[dict[str, Any]]:
    """For each level a row: the level, and by `curve part` a share with its interval."""
    listed = []
    for number, level in enumerate(found.levels):
        row: dict[str, Any] = {"level": percent(level) if found.unit is None else f"{level:g}"}
        row["length"] = "" if found.unit is None else decimal(level * found.unit)
        for curve, by_part in found.curves.items():
            for part, rates in by_part.items():
                row[f"{curve} {part}"] = interval(rates[number])
        listed.append(row)
    return listed


def interval(rate: "Estimate") -> str:
    """A share with its interval, in percent: `52 (39-65)`."""
    return f"{100 * rate.value:.0f} ({100 * rate.low:.0f}-{100 * rate.high:.0f})"


def reading(found: Basin) -> str:
    """One sentence: how far half of each part comes back, whether the parts differ, and whether coming back means anything."""
    reached = _reached(found, "continuation", "keep their continuation")
    known = " and ".join(f"{round(rates[0].value * rates[0].n)} of {rates[0].n}" for rates in found.curves["truth"].values())
    said = f"{reached} ({_apart(found, 'continuation')}; undisturbed, {known} are continued truly)"
    alike = max(found.control[part].chance_of_fixed_point for part in PARTS)
    if alike >= _ALIKE:
        retrieved = f"two different queries share a fixed point at layer {found.retrieval_layer} with chance {percent(alike)}"
        return f"{said}; {retrieved}, so that returning to it says nothing."
    reached = _reached(found, "fixed_point", f"return to their fixed point at layer {found.retrieval_layer}")
    return f"{said}; {reached[:1].lower()}{reached[1:]} ({_apart(found, 'fixed_point')})."


def _reached(found: Basin, curve: str, doing: str) -> str:
    unit = " of the tokens replaced" if found.what == TOKENS else " typical distances of noise"
    ends = [_reach(found, found.half[curve][part], unit) for part in PARTS]
    if ends[0] == ends[1]:
        return f"Half of the training and of the held-out passages {doing} {ends[0]}"
    return f"Half of the training passages {doing} {ends[0]}, of the held-out ones {ends[1]}"


def _reach(found: Basin, level: float | None, unit: str) -> str:
    """Up to which level; a curve that never falls to one half reaches beyond the last."""
    last = found.levels[-1] if level is None else level
    amount = percent(float(f"{last:.2g}")) if found.what == TOKENS else f"{last:.2g}"
    return f"{'beyond' if level is None else 'up to'} {amount}{unit}"


def _apart(found: Basin, curve: str) -> str:
    """At how many levels above 0 the intervals of the two parts do not meet, and which part is the higher there."""
    pairs = list(zip(*(found.curves[curve][part] for part in PARTS), strict=True))[1:]
    higher = {
        "training": sum(training.low > held_out.high for training, held_out in pairs),
        "held-out": sum(held_out.low > training.high for training, held_out in pairs),
    }
    words = [f"{part} text higher beyond the intervals at {n} of {len(pairs)} levels" for part, n in higher.items() if n]
    return ", ".join(words) or "the intervals meet at every level"
