"""The home: where runs and corpora lie, and which run a name means."""

import hashlib
import os
import re
import tempfile
from pathlib import Path
from typing import BinaryIO

import platformdirs

from memlab.errors import UnknownName, UsageError, did_you_mean
from memlab.rundir import RunDir

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def find_home(path: str | None = None) -> Path:
    """`--home`, else MEMLAB_HOME, else the user's data directory."""
    chosen = path or os.environ.get("MEMLAB_HOME") or platformdirs.user_data_dir("memlab", appauthor=False)
    return Path(chosen).expanduser().absolute()


def runs_of(home: Path) -> list[RunDir]:
    """Every run directory under the home, oldest first. A directory is a run as soon as it has a config.json."""
    folder = home / "runs"
    found = [RunDir(path) for path in folder.iterdir() if (path / "config.json").is_file()] if folder.is_dir() else []
    return sorted(found, key=lambda run: (run.created(), run.name))


def find_run(home: Path, word: str) -> RunDir:
    """The run that a name, a path, a unique prefix or `last` means. Raises UnknownName, or UsageError where several match."""
    if os.sep in word or word in (".", ".."):
        path = Path(word).expanduser()
        if (path / "config.json").is_file():
            return RunDir(path.absolute())
        raise UnknownName(f"no run directory at '{word}': it has no config.json")
    runs = runs_of(home)
    if word == "last" and runs:
        return runs[-1]
    names = [run.name for run in runs]
    if word in names:
        return runs[names.index(word)]
    matches = [run for run in runs if run.name.startswith(word)]
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise UsageError(f"'{word}' fits {len(matches)} runs: {', '.join(run.name for run in matches[:6])}; give more letters")
    if not runs:
        raise UnknownName(f"no run '{word}': there are no runs under {home}; `memlab demo` makes one")
    raise UnknownName(f"no run '{word}'{did_you_mean(word, names)}")


def new_run_path(home: Path, base: str, name: str | None) -> Path:
    """Where a new run goes: under its given name, which must be free, else under `base` with the next free number."""
    folder = home / "runs"
    if name is not None:
        if not _NAME.fullmatch(name) or name == "last":
            raise UsageError(f"--name is '{name}'; use letters, digits, '.', '_' and '-', beginning with a letter or digit, and not 'last'")
        if (folder / name).exists():
            raise UsageError(f"there is already a run '{name}'; choose another --name, or `memlab remove {name}` first")
        return folder / name
    number = 1
    while (folder / f"{base}-{number}").exists():
        number += 1
    return folder / f"{base}-{number}"


def spool(home: Path, stream: BinaryIO) -> Path:
    """Keep a stream under the home by its content, so that a process that starts later can read it; its path."""
    folder = home / "spool"
    folder.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with tempfile.NamedTemporaryFile(dir=folder, delete=False) as file:
        while block := stream.read(1 << 20):
            digest.update(block)
            file.write(block)
    path = folder / f"stdin-{digest.hexdigest()[:16]}.txt"
    os.replace(file.name, path)
    return path
