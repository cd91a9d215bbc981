"""A table of cells as a picture in a file, through matplotlib: the same as `tiles.draw`."""

import numpy as np

from memlab.render.contours import fit_scale
from memlab.render.figure import Format, new_figure, set_title, to_bytes, words
from memlab.render.palette import ramp
from memlab.render.scale import short
from memlab.render.tiles import Tiles

_LIGHT = 0.55  # of the ramp, from which black shows better than white
_NOTHING = (0.93, 0.93, 0.93)


def draw(tiles: Tiles, *, kind: Format = "png", size: tuple[int, int] = (1000, 500), line: str = "") -> bytes:
    """The table, each value written into its cell, with its line, which `line` explains. Raises UsageError where matplotlib is missing."""
    values = tiles.array()
    scale = fit_scale(values, tiles.spread)
    share = scale.fraction(values)
    n_rows, n_columns = values.shape
    numbers = np.rint(np.where(np.isnan(share), 0, share) * 255).astype(int)
    colors = np.where(np.isnan(share)[..., None], _NOTHING, ramp(256)[numbers] / 255)
    with new_figure(size) as figure:
        axes = figure.subplots()
        axes.imshow(colors, aspect="auto", interpolation="nearest", extent=(0, n_columns, n_rows, 0))
        set_title(axes, tiles.title)
        axes.set_xticks(np.arange(n_columns) + 0.5, [words(name, 20) for name in tiles.columns])
        axes.set_yticks(np.arange(n_rows) + 0.5, [words(name, 30) for name in tiles.rows])
        axes.tick_params(length=0)
        for row, column in np.argwhere(np.isfinite(values)).tolist():
            ink = "black" if share[row, column] > _LIGHT else "white"
            axes.text(column + 0.5, row + 0.5, short(values[row, column]), color=ink, ha="center", va="center")
        _draw_line(axes, tiles, line)
        return to_bytes(figure, kind)


def _draw_line(axes: object, tiles: Tiles, line: str) -> None:
    """A staircase along the edges of the rows that have one."""
    placed = [(row, edge) for row, edge in enumerate(tiles.edges) if edge is not None]
    if not placed:
        return
    x = [edge for _, edge in placed for _ in range(2)]
    y = [end for row, _ in placed for end in (row, row + 1)]
    axes.plot(x, y, color="black", linewidth=5, solid_joinstyle="miter")
    axes.plot(x, y, color="white", linewidth=2.5, solid_joinstyle="miter")
    axes.set_xlabel(words(f"white line: {line}" if line else "", 110))
