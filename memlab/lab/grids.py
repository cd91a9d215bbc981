"""A grid of runs: a preset at several model sizes, on several amounts of its data, by several seeds; and where each of them lies."""

import contextlib
import dataclasses
import os
import re
import shlex
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from memlab import config, registry
from memlab.config import setting
from memlab.errors import ConfigError, RunError, UnknownName, UsageError, did_you_mean
from memlab.files import explained, read_json, write_json
from memlab.home import is_plain_name, presets_of
from memlab.lab.capacity import heads, shape_of
from memlab.lab.starting import check, settle
from memlab.render.scale import short
from memlab.theory.matched import LATER

GRIDS = Path(__file__).parents[1] / "grids"

_NOT_PLAIN = re.compile(r"[^A-Za-z0-9._-]+")
_FORMAT = 1  # of sweep.json


@dataclass(frozen=True)
class Grid:
    """What a grid's TOML says. Its sections data, model and train change the preset, for every cell alike."""

    preset: str = setting("", "the preset that every cell begins with")
    title: str = setting("", "what the grid is to show")
    sizes: tuple[str, ...] = setting((), "sizes of the preset's family, smaller ones first: by name, or layers x width such as 2x32")
    fractions: tuple[str | float, ...] = setting((), "shares of the training part, such as 1% or 0.01; or else")
    tokens: tuple[int, ...] = setting((), "so many tokens of it")
    seeds: tuple[int, ...] = setting((0,), "seeds of weights and data order")
    later: int = setting(LATER, "iterations after the validation minimum over which D* is measured; 1,000 in the paper")
    data: dict[str, Any] = setting({}, "as in a preset")
    model: dict[str, Any] = setting({}, "as in a preset")
    train: dict[str, Any] = setting({}, "as in a preset")

    def __post_init__(self) -> None:
        for name in ("preset", "sizes", "seeds"):
            if not getattr(self, name):
                raise ConfigError(f"grid.{name} is missing; a grid needs preset, sizes and fractions (or tokens)")
        if bool(self.fractions) == bool(self.tokens):
            raise ConfigError("give either grid.fractions or grid.tokens, at least one of them and not both")
        if min(self.tokens, default=1) < 1 or min(self.seeds) < 0 or self.later < 1:
            raise ConfigError("grid.tokens and grid.later must be at least 1, grid.seeds at least 0")


@dataclass(frozen=True)
class Cell:
    """One run of a sweep: a size, an amount (a share, or a whole number of tokens), a seed."""

    size: str
    amount: float | int
    seed: int

    @property
    def name(self) -> str:
        """What its directory is called: micro-1pc-0, 2x32-8192t-0."""
        amount = f"{self.amount}t" if isinstance(self.amount, int) else f"{100 * self.amount:.12g}pc"
        return f"{_NOT_PLAIN.sub('-', self.size)}-{amount}-{self.seed}"


@dataclass(frozen=True)
class Sweep:
    """A grid under a name, with the experiment that its preset and its own changes make."""

    name: str
    grid: Grid
    base: config.Experiment

    @property
    def amounts(self) -> list[float | int]:
        """Ascending, each once."""
        return sorted({config.parse_fraction(str(one)) for one in self.grid.fractions} or set(self.grid.tokens))

    @property
    def sizes(self) -> list[str]:
        return list(dict.fromkeys(self.grid.sizes))

    @property
    def seeds(self) -> list[int]:
        return list(dict.fromkeys(self.grid.seeds))

    def cells(self) -> list[Cell]:
        """Every cell: all of a seed before the next one."""
        return [Cell(size, amount, seed) for seed in self.seeds for size in self.sizes for amount in self.amounts]

    def experiment(self, cell: Cell) -> config.Experiment:
        """What a cell trains."""
        changes: dict[str, Any] = {
            "experiment": f"{self.grid.title or self.name}: {cell.size} on {amount_words(cell.amount)}",
            "expect": "",
            "train.seed": cell.seed,
            ("data.tokens" if isinstance(cell.amount, int) else "data.fraction"): cell.amount,
        }
        if shape := shape_of(cell.size):
            layers, width = shape
            changes |= {"model.options.n_layer": layers, "model.options.n_embd": width, "model.options.n_head": heads(width)}
        else:
            changes["model.size"] = cell.size
        return config.changed(self.base, changes)


def amount_words(amount: float | int) -> str:
    """`1 %`, `8,192 tokens`."""
    return f"{amount:,} tokens" if isinstance(amount, int) else f"{100 * amount:.12g} %"


def amount_label(amount: float | int) -> str:
    """The same, short: `1 %`, `8.19k`."""
    return short(amount) if isinstance(amount, int) else amount_words(amount)


def grid_names() -> list[str]:
    """The grids that come with memlab."""
    return sorted(path.stem for path in GRIDS.glob("[!.]*.toml"))


def folder_of(home: Path, name: str) -> Path:
    """Where the runs of a sweep lie, each in a directory of its own."""
    return home / "sweeps" / name


def sweep_names(home: Path) -> list[str]:
    """The sweeps of a home, newest first."""
    found = []
    for path in (home / "sweeps").glob("[!.]*/sweep.json"):
        with contextlib.suppress(OSError):  # removed meanwhile
            found.append((path.stat().st_mtime, path.parent.name))
    return [name for _, name in sorted(found, reverse=True)]


def find_sweep(home: Path, word: str) -> Sweep:
    """The sweep that a TOML file, a grid that comes with memlab, or the name or directory of a sweep of this home means.

    Raises UnknownName where nothing is called so, UsageError for one of another home, ConfigError naming the file for a grid that makes
    no sense.
    """
    if word.endswith(".toml"):
        path = Path(word).expanduser()
        if not path.is_file():
            raise UnknownName(f"no file '{word}'; give the path of a grid, or a name from `memlab sweep --list`")
        return read_grid(home, path)
    if os.sep in word and (Path(word) / "sweep.json").is_file():
        folder = Path(word).resolve()
        if folder.parent != (home / "sweeps").resolve():
            raise UsageError(f"{word} belongs to another home: memlab --home {shlex.quote(str(folder.parent.parent))} sweep {folder.name}")
        return load(folder)
    if word in grid_names():
        return read_grid(home, GRIDS / f"{word}.toml")
    if word in sweep_names(home):
        return load(folder_of(home, word))
    if Path(f"{word}.toml").is_file():
        raise UnknownName(f"no grid or sweep '{word}'; the file of that name is called '{word}.toml'")
    raise UnknownName(f"no grid or sweep '{word}'{did_you_mean(word, {*grid_names(), *sweep_names(home)})}")


def read_grid(home: Path, path: Path) -> Sweep:
    """The sweep of a TOML file, named as the file is. Raises ConfigError naming it for what makes no sense, before anything is trained."""
    if not is_plain_name(path.stem):
        raise UsageError(f"the grid's file is called '{path.name}'; use letters, digits, '.', '_' and '-': its sweep is named after it")
    try:
        grid = config.build_options(Grid, tomllib.loads(path.read_text(encoding="utf-8")), "grid")
        base = config.read(registry.preset_path(grid.preset, presets_of(home)))
        changes = {
            name: value for name, value in config.flat({"data": grid.data, "model": grid.model, "train": grid.train}).items() if value != {}
        }
        sweep = Sweep(path.stem, grid, settle(home, config.changed(base, changes)))
        for cell in sweep.cells():
            check(sweep.experiment(cell))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from None
    except UsageError as error:
        raise type(error)(f"{path}: {error}") from None
    return sweep


def keep(home: Path, sweep: Sweep) -> None:
    """Write down in the home which runs a sweep consists of, for those who look at it later. Raises RunError where that is not possible."""
    folder = folder_of(home, sweep.name)
    with explained(folder, "making"):
        folder.mkdir(parents=True, exist_ok=True)
    table = {"format": _FORMAT, "grid": dataclasses.asdict(sweep.grid), "base": config.to_dict(sweep.base)}
    write_json(folder / "sweep.json", table)


def load(folder: Path) -> Sweep:
    """A sweep as it was kept. Raises RunError naming the file where it is damaged."""
    path = folder / "sweep.json"
    table = read_json(path)
    try:
        if table["format"] != _FORMAT:
            raise ValueError(f"its format is {table['format']}, not {_FORMAT}")
        sweep = Sweep(folder.name, config.build_options(Grid, table["grid"], "grid"), config.from_dict(table["base"]))
        sweep.cells()
    except (TypeError, KeyError, ValueError, ConfigError) as error:
        raise RunError(f"{path} is not a sweep that this version understands: {error}") from None
    return sweep
