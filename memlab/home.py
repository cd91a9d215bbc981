"""What lies in a home: its runs, and which of them a name means."""

import contextlib
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Collection
from pathlib import Path
from typing import BinaryIO

from memlab.errors import UnknownName, UsageError, did_you_mean
from memlab.files import explained
from memlab.rundir import RunDir

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def presets_of(home: Path) -> Path:
    """The folder of the user's own presets."""
    return home / "presets"


def runs_of(home: Path) -> list[RunDir]:
    """Every run directory under the home, oldest first: what has a config.json, and is not hidden (half made or half removed)."""
    folder = home / "runs"
    found = []
    for path in folder.iterdir() if folder.is_dir() else ():
        with contextlib.suppress(OSError):  # no run, removed meanwhile, or not for this person to read
            if not path.name.startswith("."):
                found.append((RunDir(path).created(), path))
    return [RunDir(path) for _, path in sorted(found)]


def other_runs_of(home: Path) -> list[RunDir]:
    """The runs under the home that are cells of something else, and that no listing shows: of sweeps, and of the capacity experiment."""
    return [RunDir(path.parent) for pattern in ("sweeps/*/*", "capacity/*") for path in sorted(home.glob(f"{pattern}/config.json"))]


def home_of(home: Path, run: RunDir) -> Path:
    """The home that a run lies in, whose corpora are its own; for a run that lies in none, `home`."""
    around = run.path.absolute().parents[1:3]  # HOME/runs/NAME, HOME/sweeps/NAME/CELL
    return next((folder for folder in around if (folder / "corpora").is_dir()), home)


def find_run(home: Path, word: str) -> RunDir:
    """The run that a name, a path, a unique prefix or `last` means. Raises UnknownName, or UsageError where several match."""
    if os.sep in word or word in (".", ".."):
        path = Path(os.path.expanduser(word))
        if os.path.isfile(path / "config.json"):
            return RunDir(path.absolute())
        raise UnknownName(f"no run directory at '{word}': it has no config.json")
    runs = runs_of(home)
    if word == "last" and runs:
        return runs[-1]
    names = [run.name for run in runs]
    if word in names:
        return runs[names.index(word)]
    matches = [run for run in runs if word and run.name.startswith(word)]
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise UsageError(f"'{word}' fits {len(matches)} runs: {', '.join(run.name for run in matches[:6])}; give more letters")
    if os.path.isfile(os.path.join(word, "config.json")):
        raise UnknownName(f"no run '{word}' under {home}; the directory of that name here is './{word}'")
    if not runs:
        raise UnknownName(f"no run '{word}': there are no runs under {home}; `memlab demo` makes one")
    raise UnknownName(f"no run '{word}'{did_you_mean(word, names)}")


def kept_beside(home: Path, run: RunDir) -> list[Path]:
    """Where what is computed from a run may be found: its own directory, and a folder under the home for one that cannot be written to.

    The first that can be written to is where to add something.
    """
    digest = hashlib.sha256(os.fsencode(run.path.resolve())).hexdigest()[:12]
    places = [run.path, home / "cache" / f"{run.name}-{digest}"]
    return places if os.access(run.path, os.W_OK) else places[::-1]


def is_plain_name(name: str) -> bool:
    """Whether a run or a preset can be called so: letters, digits, '.', '_' and '-', beginning with a letter or digit."""
    return _NAME.fullmatch(name) is not None


def new_run_path(home: Path, base: str, name: str | None, taken: Collection[Path] = ()) -> Path:
    """Where a new run goes: under its given name, which must be free, else under `base`, made a plain name, with the next free number.

    Paths that are `taken` are not free either: of runs that are yet to be made.
    """
    folder = home / "runs"
    if name is not None:
        if not is_plain_name(name) or name == "last":
            raise UsageError(f"the name is '{name}'; use letters, digits, '.', '_' and '-', a letter or digit first, and not 'last'")
        if (folder / name).exists():
            raise UsageError(f"there is already a run '{name}'; choose another name, or `memlab remove {name}` first")
        return folder / name
    base = re.sub(r"[^A-Za-z0-9._-]+", "-", base)[:90].strip("._-") or "run"
    number = 1
    while (path := folder / f"{base}-{number}").exists() or path in taken:
        number += 1
    return path


def spool(home: Path, stream: BinaryIO) -> Path:
    """Keep a stream under the home by its content, so that a process that starts later can read it; its path."""
    folder = home / "spool"
    with explained(folder, "writing to"):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as aside:
            file = Path(aside, "stdin")
            with file.open("wb") as copy:
                shutil.copyfileobj(stream, copy)
            with file.open("rb") as copy:
                path = folder / f"stdin-{hashlib.file_digest(copy, 'sha256').hexdigest()[:16]}.txt"
            return file.replace(path)
