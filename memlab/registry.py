"""Plug-ins by file name: what there is, and what it says of itself, without importing it."""

import ast
import importlib
import os
import threading
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

from memlab.errors import UnknownName, did_you_mean

_one_at_a_time = threading.Lock()  # CPython counts the depth of trees for all threads together: two at a time can raise SystemError

Kind = Literal["source", "tokenizer", "family", "measure"]

FOLDERS: dict[str, str] = {
    "source": "data.sources",
    "tokenizer": "data.tokenizers",
    "family": "models.families",
    "measure": "measures.memorisation",
}
PRESETS = Path(__file__).parent / "presets"


@dataclass(frozen=True)
class Description:
    """A plug-in's name, the first line of its docstring, the rest of it, and its literal constants (`SIZES` of a family)."""

    name: str
    summary: str
    details: str
    constants: dict[str, Any]


def names(kind: Kind) -> list[str]:
    """The plug-ins of a kind: the Python files of its folder, except for those whose names begin with an underscore or a dot."""
    return sorted(path.stem for path in _folder(kind).glob("*.py") if not path.stem.startswith(("_", ".")))


def chosen(kind: Kind, words: str) -> list[str]:
    """The plug-ins that `all`, or names with commas between them, mean. Raises UnknownName with the nearest right name."""
    if words == "all":
        return names(kind)
    wanted = [word.strip() for word in words.split(",") if word.strip()]
    for name in wanted:
        _path(kind, name)
    return wanted


def describe(kind: Kind, name: str) -> Description:
    """What a plug-in says of itself, read from its source text: fast, and safe for one whose libraries are missing."""
    text = _path(kind, name).read_text(encoding="utf-8")
    with _one_at_a_time:
        tree = ast.parse(text)
    summary, _, details = (ast.get_docstring(tree) or "").partition("\n")
    return Description(name, summary.rstrip("."), details.strip(), _literals(tree))


def load(kind: Kind, name: str) -> ModuleType:
    """Import a plug-in. Raises UnknownName with the nearest right name."""
    _path(kind, name)
    return importlib.import_module(f"memlab.{FOLDERS[kind]}.{name}")


def preset_names(mine: Path | None = None) -> list[str]:
    """The presets that come with memlab, and those of the user in the folder `mine`."""
    folders = [PRESETS, *([mine] if mine else [])]
    return sorted({path.stem for folder in folders for path in folder.glob("[!.]*.toml")})


def preset_path(name: str, mine: Path | None = None) -> Path:
    """A shipped preset by name, one of the user's in the folder `mine`, or any TOML file by path."""
    for folder in (PRESETS, *([mine] if mine else [])):
        if name in {path.stem for path in folder.glob("[!.]*.toml")}:
            return folder / f"{name}.toml"
    if name.endswith(".toml"):
        path = os.path.expanduser(name)
        if os.path.isfile(path):
            return Path(path)
        raise UnknownName(f"no file '{name}'; give the path of a TOML file or the name of a preset (`memlab presets`)")
    if os.path.isfile(f"{name}.toml"):
        raise UnknownName(f"no preset '{name}'; the file of that name is called '{name}.toml'")
    raise UnknownName(f"no preset '{name}'{did_you_mean(name, preset_names(mine))}")


def _folder(kind: Kind) -> Path:
    return Path(__file__).parent.joinpath(*FOLDERS[kind].split("."))


def _path(kind: Kind, name: str) -> Path:
    if name not in names(kind):
        raise UnknownName(f"no {kind} '{name}'{did_you_mean(name, names(kind))}")
    return _folder(kind) / f"{name}.py"


def _literals(tree: ast.Module) -> dict[str, Any]:
    found = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            try:
                found[node.targets[0].id] = ast.literal_eval(node.value)
            except ValueError:
                continue
    return found
