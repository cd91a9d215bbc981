"""What a sweep shows: the heat map over size × data, D* for each size with the exponent of N over it, and what to know of both."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from memlab.lab.grids import amount_label, amount_words
from memlab.lab.sweep import CellFacts, Standing
from memlab.render.scale import count, decimal, percent, short
from memlab.render.tiles import Tiles
from memlab.theory import matched, sizes
from memlab.theory.capacity import BITS_PER_PARAMETER, Outlook, capacity_bits, outlook

# What the heat map can show: the field of a cell, its words, whether it is a loss, which has floors, and the unit that it is shown in.
SHOWN = {
    "train": ("train_loss", "training loss", True, 1.0),
    "validation": ("validation_loss", "validation loss", True, 1.0),
    "best": ("best_validation_loss", "validation loss at its best", True, 1.0),
    "gap": ("gap", "validation − training loss", False, 1.0),
    "memorised": ("memorised", "% of training tokens with p > 0.9", False, 0.01),
    "control": ("control", "% of held-out tokens with p > 0.9", False, 0.01),
    "bits": ("bits_per_parameter", "bits stored per parameter", False, 1.0),
    "square": ("square", "mean square of E7", False, 1.0),
}
CAPACITY_LINE = "capacity: 3.6 bits × all parameters hold the data at its left"


@dataclass(frozen=True)
class Matched:
    """D* of one size by one seed, and N/D*². `least` is None where no D of the grid was seen to reach it."""

    size: str
    n_params: int
    seed: int
    least: matched.Least | None
    ratio: float | None


def tiles(standing: Standing, show: str, seed: int | None = None, title: str | None = None) -> Tiles:
    """The heat map of one of SHOWN: of one seed or the mean over all; below a loss its floors.

    The line is that of capacity: at its left all of the data can be memorised.
    """
    key, words, is_loss, unit = SHOWN[show]
    sweep, ordered = standing.sweep, sizes_from_top(standing)

    def row(read: Callable[[CellFacts], float | None], among: Sequence[str]) -> list[float]:
        return [
            _mean([read(cell) for size in among for cell in standing.of(size, amount) if seed in (None, cell.seed)])
            for amount in sweep.amounts
        ]

    values = [row(lambda cell: getattr(cell, key), [size]) for size in ordered]
    names = [_row_words(standing, size) for size in ordered]
    edges = [_edge(standing, size) for size in ordered]
    for floor in ("entropy", "memorisation") if is_loss else ():
        found = row(lambda cell, floor=floor: cell.floors.get(floor), ordered)
        if not all(map(math.isnan, found)):
            values.append(found)
            names.append(f"{floor} floor")
            edges.append(None)
    over = f", mean of {len(sweep.seeds)} seeds" if seed is None and len(sweep.seeds) > 1 else ""
    title = f"{sweep.name}: {words}{over}" if title is None else title
    return Tiles(np.array(values) / unit, names, [amount_label(amount) for amount in sweep.amounts], title, words, edges=edges)


def sizes_from_top(standing: Standing) -> list[str]:
    """The sizes as the map has them: the last of the grid, which should be the largest, at the top."""
    return standing.sweep.sizes[::-1]


def matched_of(standing: Standing) -> list[Matched]:
    """D* of every size and seed that has begun."""
    found = []
    for size in standing.sweep.sizes:
        for seed in standing.sweep.seeds:
            cells = [cell for cell in standing.cells if (cell.size, cell.seed) == (size, seed) and cell.n_tokens]
            if cells:
                least = matched.least_tokens({cell.n_tokens: cell.square for cell in cells})
                n_params = cells[0].n_params
                found.append(Matched(size, n_params, seed, least, sizes.n_over_d_squared(n_params, least.n_tokens) if least else None))
    return found


def exponent_of(found: Sequence[Matched]) -> matched.Exponent | None:
    """The p of N ∝ D*^p, fitted for each seed by itself; None where no seed has D* at two sizes."""
    by_seed: dict[int, list[tuple[float, float]]] = {}
    for one in found:
        if one.least:
            by_seed.setdefault(one.seed, []).append((one.n_params, one.least.n_tokens))
    fitted = [matched.exponent(pairs) for pairs in by_seed.values()]
    return matched.over_seeds([one for one in fitted if one is not None])


def published() -> list[tuple[float, float, float]]:
    """N, D* and N/D*² as the paper's table of E7 has them."""
    return [(n_params, math.sqrt(n_params / ratio), ratio) for n_params, ratio in sizes.MEASURED_RATIOS.items()]


def matched_rows(standing: Standing) -> list[dict[str, object]]:
    """D* and N/D*² of every size and seed in words, and the published ones below; none before a cell has begun."""
    rows: list[dict[str, object]] = [
        {
            "size": one.size,
            "seed": one.seed,
            "N": short(one.n_params),
            "D": f"{'at most ' if one.least.is_bound else ''}{short(one.least.n_tokens)}" if one.least else "not reached",
            "ratio": f"{one.ratio:.2e}" if one.ratio else "",
        }
        for one in matched_of(standing)
    ]
    for n_params, n_tokens, ratio in published() if rows else ():
        rows.append({"size": "published", "N": short(n_params), "D": short(n_tokens), "ratio": f"{ratio:.2e}"})
    return rows


def regime(standing: Standing, cell: CellFacts) -> Outlook | None:
    """What the capacity lets expect of a cell: all, part or little."""
    held = standing.information.get(cell.amount)
    return outlook(held["bits"], capacity_bits(cell.n_params_total)) if held and cell.n_params_total else None


def line_of(cell: CellFacts) -> str:
    """A finished cell in one line."""
    words = f"{cell.size} on {amount_words(cell.amount)}, seed {cell.seed}: {cell.state}"
    if cell.train_loss is None or cell.validation_loss is None:
        return f"{words}{'; ' if cell.problem else ''}{cell.problem}"
    losses = (
        f"training {decimal(cell.train_loss)}, validation {decimal(cell.validation_loss)} ({decimal(cell.best_validation_loss)} at best)"
    )
    return f"{words}; {losses}, memorised {percent(cell.memorised)} (control {percent(cell.control)})"


def notes(standing: Standing, show: str) -> list[str]:
    """What the map and the table are, and what they are not."""
    later = standing.sweep.grid.later
    found = [_capacity_words(standing), *_words_of(standing, show)]
    matching = matched_of(standing)
    if matching:
        paper = "" if later == matched.LATER else f" (in the paper {count(matched.LATER)})"
        log_every = standing.sweep.base.train.log_every
        means = f", of losses that are means over {count(log_every)} steps each" if log_every > 1 else ""
        found.append(
            f"D*: the smallest D of the grid whose training loss has a mean square below {matched.SIGMA_SQUARED:g} from the least "
            f"validation loss, over the {count(later)} iterations after that one{paper}{means}. Not reached: at no D of the grid was that "
            "seen; at most: of a smaller D it is not known, for none was tried, or not for so many iterations after its validation minimum."
        )
        found.append(_exponent_words(exponent_of(matching)))
    return [words for words in found if words]


def _capacity_words(standing: Standing) -> str:
    held = standing.information.get(standing.sweep.amounts[-1])
    if held is None:
        return ""
    kind = "" if held["exact"] else "at most "
    rate = f"{kind}{decimal(held['bits'] / held['n_tokens'])} bits a token"
    return f"Data: {rate} ({held['how']}); capacity: {BITS_PER_PARAMETER} bits for each of all parameters, as measured on random tokens."


def _words_of(standing: Standing, show: str) -> list[str]:
    if show in ("memorised", "control"):
        return ["Memorised: training tokens with p > 0.9, of which some can be known without having seen them: control is held-out text."]
    if show == "bits":
        known = any("entropy" in cell.floors for cell in standing.cells)
        reference = "the entropy floor, which is of held-out text," if known else "the best validation loss of the same run"
        words = f"Bits stored: code length of the training text under {reference}, less that under the model, over all parameters."
        unequal = "" if known else " Where held-out text is harder than training text, that counts too: most of it where the gap is small."
        return [words + unequal]
    return []


def _exponent_words(fitted: matched.Exponent | None) -> str:
    ends = f"As stated p is 2; the published table gives {decimal(_published_exponent())}."
    if fitted is None:
        return f"N grows as D* to the p: p needs a D* at two sizes at least. {ends}"
    if fitted.low is None:
        return f"N grows as D* to the p = {decimal(fitted.value)}, by one seed: no interval. {ends}"
    interval = f"{decimal(fitted.low)} to {decimal(fitted.high)}: 95 %, over {fitted.n} seeds; D* on a coarse grid, bounds as they are"
    return f"N grows as D* to the p = {decimal(fitted.value)} ({interval}). {ends}"


def _published_exponent() -> float:
    return matched.exponent([(n_params, n_tokens) for n_params, n_tokens, _ in published()])


def _params(standing: Standing, size: str, total: bool = False) -> int | None:
    cells = (cell for cell in standing.cells if cell.size == size and cell.n_params)
    found = next(cells, None)
    return (found.n_params_total if total else found.n_params) if found else None


def _row_words(standing: Standing, size: str) -> str:
    n_params = _params(standing, size)
    return f"{size}  N {short(n_params)}" if n_params else size


def _edge(standing: Standing, size: str) -> int | None:
    """The first column whose data has more bits than the model can hold; None while that is not known."""
    total, amounts = _params(standing, size, total=True), standing.sweep.amounts
    if total is None or any(amount not in standing.information for amount in amounts):
        return None
    fits = [standing.information[amount]["bits"] <= capacity_bits(total) for amount in amounts]
    return fits.index(False) if False in fits else len(fits)


def _mean(values: Sequence[float | None]) -> float:
    known = [value for value in values if value is not None]
    return fmean(known) if known else math.nan
