"""What a radius measurement says: its histogram as curves, its table, and words computed from the numbers."""

from typing import TYPE_CHECKING, Any

from memlab.lab.radius import STORED, Radius
from memlab.render.scale import decimal, percent
from memlab.render.series import Marker, Series
from memlab.render.tables import sparkline

if TYPE_CHECKING:
    from memlab.measures.spread import Apart

_NULL = "Gaussian, same covariance"
_SPARK = 16
_CLOSE = 0.03  # of the range of distances


def series(found: Radius, every_share: bool = False) -> list[Series]:
    """Histograms: the percentage of the vectors in each bin of distance, of all of them (or every share) and of the null."""
    middles = [(low + high) / 2 for low, high in zip(found.edges, found.edges[1:], strict=False)]
    shown = found.measured[::-1] if every_share else found.measured[-1:]
    lines = [Series(f"{percent(one.share)} of the vectors" if every_share else "measured", middles, _percentages(one)) for one in shown]
    return [*lines, Series(_NULL, middles, _percentages(found.null[-1]), role="train", color=1 if not every_share else len(lines))]


def markers(found: Radius) -> list[Marker]:
    """Twice the radii that theory names, where distances of balls that touch would lie; one mark where two would cover each other."""
    stated, exact = 2 * found.stated_radius, 2 * found.unit_radius
    if abs(stated - exact) < _CLOSE * (found.edges[-1] - found.edges[0]):
        return [Marker((stated + exact) / 2, "2 √(n/2πe) and 2 r at Z = 1", "▽")]
    return [Marker(stated, "2 √(n/2πe)", "▽"), Marker(exact, "2 r at Z = 1", "△")]


def rows(found: Radius, ascii: bool = False) -> list[dict[str, Any]]:  # noqa: A002
    """For each share of the vectors its distances, and the mean of the null."""
    listed = []
    for one, null in zip(found.measured, found.null, strict=True):
        numbers = {"mean": one.mean, "median": one.median, "low": one.quantiles[0], "high": one.quantiles[-1], "r": one.radius}
        shown = {key: decimal(value) for key, value in numbers.items()}
        rest = {"null": decimal(null.radius), "equal": one.n_equal, "histogram": sparkline(one.counts, _SPARK, ascii)}
        listed.append({"share": percent(one.share), "vectors": one.n_vectors, **shown, **rest})
    return listed


def notes(found: Radius) -> list[str]:
    """How the vectors were chosen, what n is, and what is approximate."""
    where = {"last": "the last position of each row", "all": "every position", STORED: "stored positions"}.get(
        found.positions, f"positions {found.positions}"
    )
    rows = f"rows of {found.context} tokens" if found.context else "documents"
    lines = [
        f"{found.n_vectors:,} of {found.n_places:,} vectors: {where} in {rows} of {found.text}; seed {found.seed}.",
        f"n = {found.n_dimensions} is the width of the vectors measured, not the length of a row times it.",
    ]
    if found.recall is not None:
        found_of = {name: percent(float(f"{share:.3g}")) for name, share in found.recall.items()}
        lines.append(
            f"Approximate: neighbours were looked for with faiss, in the nearest lists only. By an exact search for a sample, at least "
            f"{found_of['measured']} of the nearest were found, in the null {found_of['null']}; a missed one makes a distance too large."
        )
    if found.n_vectors <= found.n_dimensions:
        lines.append(
            f"There are no more vectors than dimensions: the Gaussian spans only what they span, and {found.n_vectors} vectors say little."
        )
    equal = found.measured[-1]
    if equal.n_equal:
        without = f"without them the mean is {decimal(equal.mean_apart)}"
        lines.append(f"{equal.n_equal:,} vectors have an exact double, at distance 0; {without}.")
    return lines


def theory(found: Radius) -> list[tuple[str, str]]:
    """The radii side by side: name and value."""
    measured = found.measured[-1]
    return [
        ("r measured", f"{decimal(measured.radius)}, half the mean distance; from the median {decimal(measured.median / 2)}"),
        ("r of the null", f"{of_the_null(found)}, of {_NULL}"),
        ("√(n/2πe)", f"{decimal(found.stated_radius)}, as stated to give Z near 1"),
        ("r at Z = 1", f"{decimal(found.unit_radius)}, exact for {found.n_vectors:,} patterns in {found.n_dimensions} dimensions"),
        ("ln Z at r", f"{found.log_partition:,.1f} with the r measured"),
    ]


def of_the_null(found: Radius) -> str:
    """The radius of Gaussian vectors, and how far it goes from draw to draw: `9.63 (9.45 to 9.84 in 20 draws)`."""
    low, high = (decimal(value) for value in found.null_range)
    return f"{decimal(found.null[-1].radius)} ({f'{low} to {high} in {found.n_draws} draws' if found.n_draws > 1 else 'one draw'})"


def reading(found: Radius) -> str:
    """One sentence: the radius against theory and chance, and how it changes with the number of vectors."""
    first, last = found.measured[0], found.measured[-1]
    if last.mean == 0:
        return f"All {last.n_vectors:,} vectors have an exact double: the layer does not tell them apart, and there is no radius."
    against = f"{_times(last.radius, found.stated_radius)} √(n/2πe) and {_times(last.radius, found.unit_radius)} the radius at which Z = 1"
    chance = _beside_chance(last, found.null[-1])
    changes = [_change(one[0].radius, one[-1].radius) for one in (found.measured, found.null)]
    grows = f"from {percent(first.share)} to all of the vectors r changes by {changes[0]}, the Gaussian's by {changes[1]}"
    return f"The radius {decimal(last.radius)} is {against}; {chance}; {grows}."


def _beside_chance(measured: "Apart", null: "Apart") -> str:
    if null.radius == 0:
        return "the Gaussian null has no extent"
    ratio = measured.radius / null.radius
    if abs(ratio - 1) < 0.02:
        return f"it is that of Gaussian vectors with the same mean and covariance ({decimal(null.radius)}) to within 2 %"
    size, like = ("smaller", "as of vectors in clusters") if ratio < 1 else ("larger", "as of vectors that keep apart")
    amount = percent(float(f"{abs(ratio - 1):.2g}"))
    return f"it is {amount} {size} than that of Gaussian vectors with the same mean and covariance, {like}"


def _times(one: float, other: float) -> str:
    return f"{one / other:.3g} times"


def _change(before: float, after: float) -> str:
    return f"{100 * (after / before - 1):+.0f} %" if before else "an unknown share"


def _percentages(one: "Apart") -> list[float]:
    return [100 * count / one.n_vectors for count in one.counts]
