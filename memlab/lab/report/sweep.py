"""The report of a sweep: its heat maps, D* for each size, and every cell, which is a run with a report of its own."""

import dataclasses
import os
import shlex
from collections.abc import Iterator
from pathlib import Path

from memlab.lab.grids import Sweep, amount_label, find_sweep, folder_of, sweep_names
from memlab.lab.saving import preset_text
from memlab.lab.sweep import CellFacts, Follower, Standing
from memlab.lab.sweep_shown import CAPACITY_LINE, SHOWN, matched_rows, notes, tiles
from memlab.render.document import Block, Code, Document, Figure, Listing, Section
from memlab.render.scale import percent, short
from memlab.render.tables import Column

_MAPS = ("train", "validation", "gap", "memorised", "control", "bits")


def sweep_of(home: Path, word: str) -> Sweep | None:
    """The sweep of this home that a name or the path of its directory means; None where there is none."""
    is_one = word in sweep_names(home) or (os.sep in word and (Path(word) / "sweep.json").is_file())
    return find_sweep(home, word) if is_one else None


def sweep_report(home: Path, sweep: Sweep) -> Document:
    """How a sweep stands, finished or not."""
    standing = Follower(home, sweep).poll()
    sections = [
        Section("Maps", list(_maps(standing))),
        Section("Data matched to size", list(_matched(standing))),
        Section("Cells", [_cells(standing, folder_of(home, sweep.name))]),
        Section("Configuration", list(_configuration(standing))),
    ]
    lead = f"{sweep.grid.title or sweep.name}: {standing.n_finished} of {len(standing.cells)} cells finished."
    return Document(sweep.name, lead, sections)


def _command(standing: Standing, *options: str) -> str:
    return shlex.join(["memlab", "sweep", standing.sweep.name, "--once", *options])


def _maps(standing: Standing) -> Iterator[Block]:
    for show in _MAPS:
        told = tiles(standing, show, title="")
        words = f"{SHOWN[show][1]} over model size and data"
        words = words[:1].upper() + words[1:]
        if len(standing.sweep.seeds) > 1:
            words += f", mean of {len(standing.sweep.seeds)} seeds"
        line = CAPACITY_LINE if any(edge is not None for edge in told.edges) else ""
        caption = " ".join([f"{words}.", *([f"Line: {line}."] if line else [])])
        yield Figure("tiles", {"tiles": told, "line": line}, words, caption, _command(standing, "--show", show, "--svg", f"{show}.svg"))


def _matched(standing: Standing) -> Iterator[Block]:
    columns = [
        "size",
        Column("seed", right=True),
        Column("N", right=True),
        Column("D", "D*", right=True),
        Column("ratio", "N/D*²", right=True),
    ]
    if rows := matched_rows(standing):
        yield Listing(columns, rows, "D* of every size and seed, and as published (experiment E7).", _command(standing))
    else:
        yield "No cell has begun."
    yield from notes(standing, "bits")


def _cells(standing: Standing, folder: Path) -> Listing:
    columns = ["cell", "data", Column("N", right=True), "state", "training", "validation", "best", Column("memorised", right=True)]
    columns.append(Column("control", right=True))
    words = (
        "Every cell: losses in nats per token at the last evaluation, and tokens with p > 0.9 of training and of held-out text (control). "
    )
    words += "A cell is a run: each has a report of its own."
    rows = [_row(cell) for cell in standing.cells]
    return Listing(columns, rows, words, shlex.join(["memlab", "report", str(folder / standing.cells[0].name)]))


def _row(cell: CellFacts) -> dict[str, object]:
    return {
        "cell": cell.name,
        "data": amount_label(cell.amount),
        "N": short(cell.n_params) if cell.n_params else "",
        "state": cell.state,
        "training": cell.train_loss,
        "validation": cell.validation_loss,
        "best": cell.best_validation_loss,
        "memorised": "" if cell.memorised is None else percent(cell.memorised),
        "control": "" if cell.control is None else percent(cell.control),
    }


def _configuration(standing: Standing) -> Iterator[Block]:
    grid = dataclasses.asdict(standing.sweep.grid)
    rows = [{"setting": name, "value": str(value)} for name, value in grid.items() if value]
    yield Listing(["setting", "value"], rows, "The grid.", shlex.join(["memlab", "sweep", standing.sweep.name]))
    yield "What every cell begins with:"
    yield Code(preset_text(standing.sweep.base))
