"""How the user last looked at things: remembered from one time to the next, and lost without harm."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from memlab.errors import MemlabError, RunError
from memlab.files import explained, read_json, write_json


@dataclass(frozen=True)
class Settings:
    """Theme, and the way in which runs are listed and curves drawn."""

    theme: str = "dark"
    sort: str = ""
    descending: bool = True
    filter: str = ""
    log: bool = False
    axis: str = "steps"
    smoothing: float = 0.5
    checkpoints: bool = False


def settings_path() -> Path:
    """Where they are kept."""
    return Path(platformdirs.user_state_dir("memlab", appauthor=False)) / "view.json"


def read(path: Path) -> tuple[Settings, str]:
    """What is kept there, and a notice where that cannot be used: then it is as if there were nothing."""
    if not path.exists():
        return Settings(), ""
    try:
        table = read_json(path)
        if not isinstance(table, dict):
            raise RunError(f"{path} does not hold settings")
        known = {field.name: field.type for field in dataclasses.fields(Settings)}
        kept = {key: value for key, value in table.items() if key in known}
        wrong = [key for key, value in kept.items() if not isinstance(value, known[key])]
        if wrong:
            raise RunError(f"{path}: {wrong[0]} is {kept[wrong[0]]!r}")
        return Settings(**kept), ""
    except (MemlabError, OSError) as error:
        return Settings(), f"The view settings are set back: {error}"


def write(path: Path, settings: Settings) -> None:
    """Keep them. Raises RunError where that is not possible."""
    with explained(path.parent, "making"):
        path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, dataclasses.asdict(settings))
