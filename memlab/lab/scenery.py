"""A landscape for the eye: what is marked where, in which order it is gone through, and everything that is said beside the picture.

Loads no torch: the app and the command line draw with it what `lab.landscape` has found.
"""

import math
from dataclasses import dataclass
from typing import Any, Literal

from memlab.lab.landscape import PLANES, FixedPoint, Landscape, Pattern
from memlab.lab.remembering import Context
from memlab.render.card import context, quoted
from memlab.render.field import KINDS, Field, Kind, Marker
from memlab.render.scale import count, decimal, percent

_NOTHING = 5e-4  # of the typical squared distance: an energy below is nothing
_NUMBERED = 5  # of the nearest patterns, that carry their number
_ALONE, _CROWD = 1.05, 0.1  # effective patterns up to which one alone decides; share of all from which on nearly all take part

Line = tuple[str, str]


@dataclass(frozen=True)
class Attraction:
    """A marker that can be selected: a fixed point, or a pattern that none of those found lies at, or both in one."""

    kind: Kind
    at: FixedPoint | Pattern
    fixed: FixedPoint | None
    pattern: Pattern | None
    row: int

    @property
    def distance(self) -> float:
        """From the state, in units of the state."""
        return math.hypot(self.at.u, self.at.v, self.at.off)


def attractions(found: Landscape) -> list[Attraction]:
    """Fixed points, that of the state first, then the patterns that none of them lies at, nearest first."""
    patterns = {one.row: one for one in found.patterns}
    fixed = [Attraction(_kind_of(one), one, one, patterns.get(one.row) if one.at_pattern else None, one.row) for one in found.fixed_points]
    taken = {one.row for one in fixed if one.pattern}
    rest = [one for one in found.patterns if one.row not in taken]
    return [*fixed, *(Attraction("pattern" if one.in_slice else "projected", one, None, one, one.row) for one in rest)]


def field(found: Landscape, step: int = 0, selected: int | None = None, title: str | None = None) -> Field:
    """The picture: the state after so many steps of its descent, everything that attracts, one of it selected; `heading` is its title."""
    numbers = {one.row: str(number) for number, one in enumerate(found.patterns[:_NUMBERED], 1)}
    markers = [
        Marker(one.at.u, one.at.v, one.kind, numbers.get(one.row, "") if one.pattern else "", number == selected)
        for number, one in enumerate(attractions(found))
    ]
    here = found.descent[min(step, len(found.descent) - 1)]
    return Field(
        found.energies,
        found.u,
        found.v,
        [*markers, Marker(here.u, here.v, "state")],
        [(one.u, one.v) for one in found.descent] if len(found.descent) > 1 else (),
        heading(found) if title is None else title,
        "energy",
        *_axes(found),
        spread="root",
    )


def heading(found: Landscape) -> str:
    """The layer and β, in words."""
    return f"energy of layer {found.layer}, {found.layer_words}, at {at_beta(found)}"


def at_beta(found: Landscape) -> str:
    """β, and how it was chosen."""
    how = {"1": ", the paper's", "auto": ", by perplexity"}.get(found.beta_asked, "")
    return f"β = {decimal(found.beta)}{how}"


def facts(found: Landscape) -> list[Line]:
    """What the legend says: plane, β, patterns, descent, fixed points, each with a name."""
    lines = [("plane", _plane(found)), ("in play", _in_play(found)), ("patterns", _patterns(found)), ("descent", _descent(found))]
    return [*lines, ("fixed points", _fixed(found))] if found.is_complete else lines


def notes(found: Landscape) -> list[str]:
    """What to keep in mind of it."""
    kept = list(found.notes)
    if found.excluded:
        kept.append(f"{count(found.excluded)} patterns of its own document do not count, for it would find itself")
    if found.left_out:
        total = found.n_patterns + found.excluded + found.left_out
        kept.append(f"the patterns stored are a sample, {count(total - found.left_out)} of {count(total)}: a nearer one may exist")
    if found.layer == "norm":
        kept.append("norm is after the final LayerNorm, where even an untrained model looks collapsed; compare with --checkpoint 0")
    return kept


def rows(found: Landscape, signs: dict[Kind, str], at_most: int, room: int, ascii: bool = False) -> list[dict[str, Any]]:  # noqa: A002
    """A listing of what attracts, one row each, for `render.tables.table`."""
    numbers = {one.row: number for number, one in enumerate(found.patterns[:_NUMBERED], 1)}
    return [
        {
            "sign": signs[one.kind],
            "number": numbers.get(one.row) if one.pattern else None,
            "what": what(one),
            "distance": one.distance,
            "off": _rounded(one.at.off, found.scale),
            "energy": _rounded(one.fixed.energy, found.scale**2) if one.fixed else None,
            "share": f"{one.fixed.n_starts} of {found.n_starts}" if one.fixed else "",
            "weight": percent(one.pattern.weight) if one.pattern else "",
            "text": context(vars(found.contexts[one.row]), room, ascii),
            "next": quoted(found.contexts[one.row].next_token, ascii),
            "document": found.contexts[one.row].document,
        }
        for one in attractions(found)[:at_most]
    ]


def what(one: Attraction) -> str:
    """What a marker is, in few words."""
    if one.fixed is None:
        return "pattern"
    name = "fixed point at a pattern" if one.fixed.at_pattern else "fixed point"
    return name if one.fixed.converged else f"not yet a {name}"


def card(found: Landscape, one: Attraction, room: int = 60, ascii: bool = False) -> list[Line]:  # noqa: A002
    """What is worth knowing of one marker."""
    lines = [("marked", KINDS[one.kind]), ("distance", f"{decimal(one.distance)} from the state, {_off(one.at.off, one.at.in_slice)}")]
    if one.fixed:
        lines += _of_fixed(found, one.fixed)
    if one.pattern:
        copies = f"; {count(one.pattern.n_equal - 1)} others equal it" if one.pattern.n_equal > 1 else ""
        lines.append(("weight", f"{percent(one.pattern.weight)} of the association at the state{copies}"))
    text = found.contexts[one.row]
    away = "" if one.pattern else f"the nearest, {decimal(one.fixed.distance)} away: "
    then = [("then", quoted(text.next_token, ascii))] if text.next_token else []
    return [*lines, ("pattern", away + context(vars(text), room, ascii)), *then, ("in", text.document)]


def passage(found: Landscape, one: Attraction) -> Context:
    """The training text that a marker's pattern comes from."""
    return found.contexts[one.row]


def steps(found: Landscape) -> list[Line]:
    """The energy at each step of the descent, and how far off the slice the state then is."""
    where = ["in slice" if one.in_slice else f"{decimal(one.off)} off" for one in found.descent]
    energies = [decimal(_rounded(one.energy, found.scale**2)) for one in found.descent]
    return [(str(number), f"E {energy:<7} {words}") for number, (energy, words) in enumerate(zip(energies, where, strict=True))]


def _rounded(value: float, scale: float) -> float:
    """0 for what is less than a two-thousandth of what is typical: it is rounding, or nothing worth a column."""
    return 0.0 if abs(value) < _NOTHING * scale else value


def _kind_of(one: FixedPoint) -> Kind:
    name: Literal["stored", "fixed"] = "stored" if one.at_pattern else "fixed"
    return name if one.in_slice else f"projected-{name}"


def _axes(found: Landscape) -> tuple[str, str]:
    if found.plane == "nearest":
        directions = ["towards the nearest pattern", "the second nearest"]
        return tuple(words if number < len(found.spanned_by) else "at random" for number, words in enumerate(directions))
    return ("first principal axis", "second") if found.plane == "pca" else ("first direction", "second")


def _plane(found: Landscape) -> str:
    words = PLANES[found.plane]
    if found.plane == "nearest" and len(found.spanned_by) < 2:
        near = ", its nearest pattern" if found.spanned_by else ""
        words = f"the state{near} and a direction drawn with seed {found.seed}, for too few near patterns differ"
    if found.plane == "random":
        words = f"{words} drawn with seed {found.seed}"
    share = "" if found.share_of_variance is None else f"; {percent(found.share_of_variance)} of the patterns' variance lies in it"
    return f"through {words}{share}"


def _in_play(found: Landscape) -> str:
    n = found.effective_patterns
    words = f"{decimal(n)} effective patterns of {count(found.n_patterns)} at the state, where E = {decimal(found.energy)}"
    if n <= _ALONE:
        words += (
            f": one alone decides, in a well about {decimal(1 / math.sqrt(2 * found.beta))} wide; typical distance {decimal(found.scale)}"
        )
    elif n >= _CROWD * found.n_patterns and found.n_patterns > 1:
        words += ": so many share one flat bowl; a larger β tells them apart"
    return words


def _patterns(found: Landscape) -> str:
    return (
        f"all {count(found.n_patterns)} enter the energy with their whole distance; {len(found.patterns)} are drawn, the nearest that "
        f"differ; {count(found.n_in_slice)} lie in the slice: at most {decimal(found.within)} off it, a tenth of the typical distance "
        f"{decimal(found.scale)} between neighbours"
    )


def _descent(found: Landscape) -> str:
    first, last = found.descent[0], found.descent[-1]
    n = len(found.descent) - 1
    if not n:
        return "the state is a fixed point" if found.is_complete else "…"
    energies = " → ".join(decimal(_rounded(one.energy, found.scale**2)) for one in (first, last))
    words = f"{count(n)} {'step' if n == 1 else 'steps'}, E {energies}"
    words += f", ends {_off(last.off, last.in_slice)}"
    return words if not found.fixed_points or found.fixed_points[0].converged else f"{words}, not yet at a fixed point"


def _fixed(found: Landscape) -> str:
    n, at = len(found.fixed_points), sum(one.at_pattern for one in found.fixed_points)
    return (
        f"{count(n)} reached by {count(found.n_starts)} descents, from the state, the patterns near it and places around it; "
        f"{count(at)} at a pattern; there may be others"
    )


def _of_fixed(found: Landscape, one: FixedPoint) -> list[Line]:
    state = ", the state's among them" if one.of_state else ""
    ends = f"{count(one.n_starts)} of {count(found.n_starts)} descents end here{state}"
    mixed = f"{decimal(one.effective_patterns)} effective patterns"
    return [
        ("energy", f"E = {decimal(_rounded(one.energy, found.scale**2))}, {mixed}"),
        ("reached", ends if one.converged else f"{ends}, still moving"),
    ]


def _off(off: float, in_slice: bool) -> str:
    return "in the slice" if in_slice else f"{decimal(off)} off the slice"
