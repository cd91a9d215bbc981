"""How many bits models of several sizes store: the experiment of Morris et al. 2025 (arXiv 2505.24832) on uniformly random documents.

Every cell of the grid is a run of its own under HOME/capacity, trained by an ordinary trainer and found again by its settings. All figures
come from its event log: the last evaluation is over all of its training documents.
"""

import hashlib
import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memlab import config
from memlab.errors import RunError, UsageError
from memlab.lab.queue import Job, train_all
from memlab.progress import Progress, quiet
from memlab.rundir import RunDir
from memlab.theory.capacity import BITS_PER_PARAMETER, BITS_PER_PARAMETER_OF, bits, data_bits

if TYPE_CHECKING:
    from memlab.render.series import Series

RISE = 0.01  # a cell has converged whose stored bits rise by no more than this share of them over the last fifth of its steps
FULL = 0.95  # a model that stores a smaller share of what can be stored is limited by its capacity, not by the data
HELD_OUT = 256  # documents of the control

_EVALUATIONS = 20  # of each cell, so that one falls on four fifths of its steps
_LARGEST_RATE, _RATE_TIMES_WIDTH = 2e-2, 0.32  # wider models want a lower learning rate; chosen by trial at widths 8 to 24

Size = tuple[int, int]  # layers, width


@dataclass(frozen=True)
class Grid:
    """What is trained: GPT-2 shapes of some layers and width, each on so many documents of `length` words out of `vocabulary`, by seed.

    Raises UsageError for what cannot be trained.
    """

    sizes: tuple[Size, ...]
    documents: tuple[int, ...]
    seeds: tuple[int, ...]
    steps: int
    length: int
    vocabulary: int
    batch: int

    def __post_init__(self) -> None:
        for name, least in (("steps", _EVALUATIONS), ("length", 1), ("vocabulary", 2), ("batch", 1)):
            if getattr(self, name) < least:
                raise UsageError(f"--{name} is {getattr(self, name)}; it must be at least {least}")
        for name, least in (("documents", 1), ("seeds", 0)):
            if min(getattr(self, name), default=-1) < least:
                raise UsageError(f"--{name} must be whole numbers of at least {least}, with commas between them")

    def experiments(self) -> list[config.Experiment]:
        """One for each cell, smaller ones first."""
        return [
            _experiment(self, size, documents, seed)
            for size in sorted(set(self.sizes))
            for documents in sorted(set(self.documents))
            for seed in sorted(set(self.seeds))
        ]


@dataclass(frozen=True)
class Cell:
    """A model trained on some documents: what they hold, H = n · length · log2 vocabulary, and what it stores, H - its code length of them.

    most_bits: H - n · log2 n, the most that can be stored: a model that knows exactly these documents still cannot tell which one comes.
    held_out: the same difference for as many unseen documents, the control: nothing can be known of them, so that it is below 0.
    rise: by what share the stored bits rose over the last fifth of the steps.
    """

    run: str
    size: str
    n_params: int
    documents: int
    seed: int
    data_bits: float
    most_bits: float
    stored_bits: float
    held_out_bits: float
    rise: float
    has_converged: bool

    @property
    def is_full(self) -> bool:
        """Whether its capacity, not the data, limits what it stores."""
        return self.stored_bits < FULL * self.most_bits


@dataclass(frozen=True)
class Plateau:
    """The most that a size stores, in bits per parameter: `value` is the mean over seeds at the best data size, `low` to `high` the range.

    Of converged cells that are full, `n_cells` of them. Where there is none, `is_reached` is false: what was seen is no plateau, but a
    lower bound, and may come from a cell that had not converged.
    """

    size: str
    n_params: int
    is_reached: bool
    value: float
    low: float
    high: float
    n_cells: int


@dataclass(frozen=True)
class Capacity:
    """The cells, the plateau of each size, the published bits per parameter (rounded, and by precision), and what to know of all this."""

    cells: list[Cell]
    plateaus: list[Plateau]
    published: dict[str, float]
    notes: list[str]


def sizes_of(words: str) -> tuple[Size, ...]:
    """`2x16,2x32` as layers and widths. Raises UsageError."""
    found = tuple(shape_of(word.strip()) for word in words.split(","))
    if None in found:
        raise UsageError(f"--sizes is '{words}'; give layers x width with commas between them, such as 1x16,2x32")
    return found


def shape_of(word: str) -> Size | None:
    """`2x16` as layers and width; None for anything else."""
    found = re.fullmatch(r"([1-9]\d{0,2})x([1-9]\d{0,4})", word)
    return (int(found[1]), int(found[2])) if found else None


def numbers_of(name: str, words: str) -> tuple[int, ...]:
    """`100,200` as numbers. Raises UsageError naming the option."""
    parts = [word.strip() for word in words.split(",")]
    if not all(part.isdecimal() for part in parts):
        raise UsageError(f"--{name} is '{words}'; give whole numbers with commas between them, such as 100,200,400")
    return tuple(map(int, parts))


def capacity(home: Path, grid: Grid, jobs: int = 1, device: str = "auto", progress: Progress = quiet) -> Capacity:
    """Train the cells that are not trained yet, `jobs` at a time, and read what all of them store.

    Stopped, by `progress` raising or by Ctrl-C, it has the trainers save and leave; asked for again it goes on with them.
    Raises RunError for a cell that fails.
    """
    if re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", device) is None:
        raise UsageError(f"--device is '{device}'; it must be auto, cpu, mps, cuda or cuda:N")
    experiments = [config.changed(one, {"train.device": device}) for one in grid.experiments()]
    queued = [Job(RunDir(path_of(home, one)), one) for one in experiments]
    train_all(home, queued, jobs, progress)
    cells = [read_cell(job.run, grid) for job in queued]
    plateaus = [plateau_of([cell for cell in cells if cell.size == size]) for size in dict.fromkeys(cell.size for cell in cells)]
    published = {"rounded": BITS_PER_PARAMETER, **BITS_PER_PARAMETER_OF}
    return Capacity(cells, plateaus, published, _notes(grid, cells))


def path_of(home: Path, experiment: config.Experiment) -> Path:
    """Where the run of a cell lies: the name ends in a digest of all of its settings but the device."""
    table = config.to_dict(config.changed(experiment, {"train.device": "auto"}))
    digest = hashlib.sha256(json.dumps(table, sort_keys=True).encode()).hexdigest()[:10]
    return home / "capacity" / f"{_size_words(experiment)}-{experiment.data.source_options['documents']}-{digest}"


def read_cell(run: RunDir, grid: Grid) -> Cell:
    """What a finished cell stores. Raises RunError where its log does not say."""
    experiment, facts = run.original(), run.provenance()
    evaluated = [row for row in run.events() if row["kind"] == "eval"]
    before = [row for row in evaluated if row["step"] <= 0.8 * grid.steps]
    if not (before and evaluated[-1]["step"] == grid.steps):
        raise RunError(f"{run.path} has no evaluation at its end; remove the folder, and the same command trains it anew")
    n = experiment.data.source_options["documents"]
    held = data_bits(grid.length * math.log(grid.vocabulary), n)
    n_tokens = n * (grid.length + 1)  # with the end of each document, which is certain once it is there

    def saved(row: dict[str, Any], loss: str) -> float:
        return held - bits(row[loss] * n_tokens)

    stored, earlier = saved(evaluated[-1], "train_loss"), saved(before[-1], "train_loss")
    rise = (stored - earlier) / max(abs(stored), 1.0)
    return Cell(
        run=str(run.path),
        size=_size_words(experiment),
        n_params=facts["model"]["n_params_total"],
        documents=n,
        seed=experiment.train.seed,
        data_bits=held,
        most_bits=max(0.0, held - n * math.log2(n)),
        stored_bits=stored,
        held_out_bits=saved(evaluated[-1], "validation_loss"),
        rise=rise,
        has_converged=rise <= RISE,
    )


def plateau_of(cells: Sequence[Cell]) -> Plateau:
    """The plateau of the cells of one size, at least one."""
    full = [cell for cell in cells if cell.is_full and cell.has_converged]
    chosen = full or [max(cells, key=lambda cell: cell.stored_bits / cell.n_params)]
    by_documents: dict[int, list[float]] = {}
    for cell in chosen:
        by_documents.setdefault(cell.documents, []).append(cell.stored_bits / cell.n_params)
    every = [value for values in by_documents.values() for value in values]
    best = max(sum(values) / len(values) for values in by_documents.values())
    return Plateau(cells[0].size, chosen[0].n_params, bool(full), best, min(every), max(every), len(full))


def series_of(found: Capacity) -> "list[Series]":
    """Stored against data bits: a curve for each size, the mean over seeds; the cells that had not converged; where all is stored."""
    from memlab.render.series import Series

    curves = []
    for plateau in found.plateaus:
        points = _means([cell for cell in found.cells if cell.size == plateau.size])
        curves.append(Series(f"{plateau.size}, {plateau.n_params:,} parameters", *points, role="validation"))
    for plateau in found.plateaus:
        loose = {cell.documents for cell in found.cells if cell.size == plateau.size and not cell.has_converged}
        points = _means([cell for cell in found.cells if cell.size == plateau.size and cell.documents in loose])
        if loose:
            curves.append(Series(f"{plateau.size}, not converged", *points, role="validation", glyph="x", color=5))
    top = 1.2 * max(cell.stored_bits for cell in found.cells)
    most = sorted({(cell.data_bits, cell.most_bits) for cell in found.cells if cell.most_bits <= top})
    return [*curves, Series("the most that can be stored", *zip(*[(0.0, 0.0), *most], strict=True), behind=True, color=6)]


def _means(cells: Sequence[Cell]) -> tuple[list[float], list[float]]:
    by_size: dict[float, list[float]] = {}
    for cell in cells:
        by_size.setdefault(cell.data_bits, []).append(cell.stored_bits)
    return list(by_size), [sum(values) / len(values) for values in by_size.values()]


def _experiment(grid: Grid, size: Size, documents: int, seed: int) -> config.Experiment:
    layers, width = size
    options = {"documents": documents, "length": grid.length, "vocabulary": grid.vocabulary, "seed": seed}
    every = max(1, grid.steps // _EVALUATIONS)
    return config.Experiment(
        experiment="Capacity on uniformly random documents, as Morris et al. 2025 measure it",
        expect="bits stored grow with the data until the model is full",
        data=config.Data(
            source="uniform", source_options={**options, "validation_documents": HELD_OUT}, tokenizer="word", rows="documents"
        ),
        model=config.Model(context=grid.length + 1, options={"n_layer": layers, "n_embd": width, "n_head": heads(width)}),
        train=config.Train(
            steps=grid.steps,
            batch=min(grid.batch, documents),
            lr=min(_LARGEST_RATE, _RATE_TIMES_WIDTH / width),
            warmup=max(1, grid.steps // 50),
            weight_decay=0.0,
            seed=seed,
            precision="fp32",
            compile="off",
            threads=1,
            log_every=every,
            eval_every=every,
            eval_rows=max(documents, HELD_OUT),
            checkpoint_every=max(500, every),
        ),
    )


def heads(width: int) -> int:
    """Heads of width 8 or more that divide the width."""
    return next(heads for heads in range(max(1, width // 8), 0, -1) if width % heads == 0)


def _size_words(experiment: config.Experiment) -> str:
    return "{n_layer}x{n_embd}".format(**experiment.model.options)


def _notes(grid: Grid, cells: Sequence[Cell]) -> list[str]:
    """What these figures are, and what they are not."""
    tokens = f"{grid.length} words out of {grid.vocabulary:,}"
    notes = [
        f"Bits are exact: a document is {tokens}, {grid.length * math.log2(grid.vocabulary):.4g} bits; what a model stores is that less "
        "its code length, over all training documents. Trained in fp32.",
        "Held-out: the same difference for unseen documents. Nothing can be known of them, so that it must not lie above 0.",
        f"A cell has converged where its stored bits rose by at most {RISE:.0%} over the last fifth of its {grid.steps:,} steps. The "
        "learning rate ends at 0, so that more steps from the start may still store more: these are lower bounds of what models can hold.",
        "The share is that of the most that can be stored: n documents hold n · log2 n bits less, for which of them comes is not known. A "
        f"plateau is taken from cells that converged below {FULL:.0%} of it: the best data size, in brackets the range of all such cells.",
        "As published (Morris et al. 2025, vocabulary 2,048, length 64, models of 100,000 to 20 million parameters, up to a million steps "
        f"of 2,048 documents): {BITS_PER_PARAMETER} bits per parameter; {BITS_PER_PARAMETER_OF['bf16']} in bf16, "
        f"{BITS_PER_PARAMETER_OF['fp32']} in fp32. Smaller models and budgets store less: this shows that there is a plateau and that it "
        "grows with the model, not that figure.",
    ]
    if n := sum(not cell.has_converged for cell in cells):
        notes.append(f"Not converged, and left out of the plateaus: {n} of {len(cells)} cells; more --steps let them.")
    return notes
