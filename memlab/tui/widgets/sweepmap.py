"""The heat map of a sweep, size × data, with a cursor on one cell, and the words about that cell."""

from typing import TYPE_CHECKING

from rich.text import Text

from memlab.lab.summary import loss_words
from memlab.lab.sweep import CellFacts, Standing
from memlab.lab.sweep_shown import SHOWN, regime, sizes_from_top, tiles
from memlab.render.safe import width as cells_of
from memlab.render.scale import count, decimal, percent, short
from memlab.render.tiles import Tiles
from memlab.tui.widgets.tilemap import TileMap

if TYPE_CHECKING:
    from memlab.tui.app import LabApp

_CELL, _WIDEST, _TALLEST = 9, 16, 5  # columns of a cell, and how large it gets where there is room
_AROUND = 3  # lines for the names of the columns and the ramp, and one between


class SweepMap(TileMap):
    """One row a size, the largest at the top, and the floors below; the cursor is on a size and an amount of data."""

    def __init__(self, **options: str) -> None:
        super().__init__(cell=_CELL, **options)
        self.standing: Standing | None = None
        self.quantity = next(iter(SHOWN))
        self.seed: int | None = None  # None: the mean over all
        self._row = self._column = 0

    def show_standing(self, standing: Standing | None) -> None:
        """How the sweep stands now; the cursor stays where it is as far as that is there."""
        self.standing = standing
        if standing:
            self._row = min(self._row, len(standing.sweep.sizes) - 1)
            self._column = min(self._column, len(standing.sweep.amounts) - 1)
            self.seed = self.seed if self.seed in standing.sweep.seeds else None
        self.draw()

    @property
    def chosen(self) -> list[CellFacts]:
        """The cells under the cursor: of the seed that is shown, or of all."""
        if self.standing is None:
            return []
        size, amount = sizes_from_top(self.standing)[self._row], self.standing.sweep.amounts[self._column]
        return [cell for cell in self.standing.of(size, amount) if self.seed in (None, cell.seed)]

    @property
    def cursor(self) -> tuple[int, int]:
        return self._row, self._column

    def cell_size(self, table: Tiles, width: int, height: int) -> tuple[int, int]:
        beside = max(map(cells_of, table.rows)) + 1
        wide = min((width - beside) // len(table.columns), _WIDEST)
        return max(wide, _CELL), max(1, min((height - _AROUND) // len(table.rows), _TALLEST))

    def go_to(self, row: int, column: int) -> None:
        if self.standing:
            sweep = self.standing.sweep
            wanted = min(max(row, 0), len(sweep.sizes) - 1), min(max(column, 0), len(sweep.amounts) - 1)
            if wanted != self.cursor:
                self._row, self._column = wanted
                self.draw()
                self.post_message(self.Moved())

    def tiles(self) -> Tiles | None:
        return tiles(self.standing, self.quantity, self.seed, title="") if self.standing else None


def cell_lines(lab: "LabApp", standing: Standing, cells: list[CellFacts], width: int, height: int) -> list[Text]:
    """What there is to know of the cells under the cursor, a line for each seed."""
    first = cells[0]
    can = regime(standing, first)
    parts = [f"N {count(first.n_params)} ({short(first.n_params_total)} in all)"] if first.n_params else []
    parts += [f"D {count(first.n_tokens)}"] if first.n_tokens else []
    parts += [f"capacity holds {can if can != 'part' else 'a part'} of it"] if can else []
    lines = [lab.text(" · ".join(parts) or "not begun yet", "quiet", width)]
    for cell in cells:
        parts = _seed_parts(lab, cell)
        whole = Text.assemble(*parts, no_wrap=True)
        lines += (
            [whole] if whole.cell_len <= width else [Text.assemble("  ", part) if number else part for number, part in enumerate(parts)]
        )
        if cell.problem:
            lines.append(lab.text(f"  {cell.problem}", "bad", width))
    for line in lines:
        line.truncate(width)
    return lines[: max(height, 1)]


def _seed_parts(lab: "LabApp", cell: CellFacts) -> list[Text]:
    step = f" {count(cell.step)}/{count(cell.steps)}" if cell.steps and cell.state != "finished" else ""
    head = lab.text(f"seed {cell.seed}  {cell.state}{step}  ", "good" if cell.state == "finished" else "busy")
    if cell.memorised is None:
        return [head]
    gap = f"  gap {decimal(cell.gap)}" if cell.gap is not None else ""
    losses = f"training {loss_words(cell.train_loss)}  validation {loss_words(cell.validation_loss)}{gap}"
    return [head, lab.text(f"{losses}  "), lab.text(f"p > 0.9: {percent(cell.memorised)}, held-out {percent(cell.control)}")]
