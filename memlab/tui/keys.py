"""The user's own keys: keys.toml in the user's configuration directory."""

import tomllib
from pathlib import Path

import platformdirs

from memlab.errors import ConfigError, did_you_mean
from memlab.tui.actions import ACTIONS, BY_ID, all_keys


def keys_path() -> Path:
    """Where the file lies; it need not be there."""
    return Path(platformdirs.user_config_dir("memlab", appauthor=False)) / "keys.toml"


def read(path: Path) -> dict[str, str]:
    """Keys by action id: `stop = "S"` or `stop = ["S", "f5"]`. Raises ConfigError naming the file, the line's action and what to write."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from None
    mine = {action: _keys(path, action, value) for action, value in table.items()}
    _require_unique(path, mine)
    return mine


def _keys(path: Path, action: str, value: object) -> str:
    if action not in BY_ID:
        raise ConfigError(f"{path}: there is no action '{action}'{did_you_mean(action, BY_ID)}")
    keys = [value] if isinstance(value, str) else value
    if not isinstance(keys, list) or not keys or not all(isinstance(key, str) and key.strip() and "," not in key for key in keys):
        raise ConfigError(f'{path}: {action} is {value!r}; write a key ("S") or several (["S", "f5"])')
    return ",".join(key.strip() for key in keys)


def _require_unique(path: Path, mine: dict[str, str]) -> None:
    """Raise ConfigError where two actions of one screen would have the same key."""
    keys = all_keys(mine)
    for name in sorted({screen for action in ACTIONS for screen in action.screens}):
        taken: dict[str, str] = {}
        for action in ACTIONS:
            if action.screens and name not in action.screens:
                continue
            for key in keys[action.id].split(","):
                if taken.setdefault(key, action.id) != action.id:
                    raise ConfigError(f"{path}: the key '{key}' would mean both {taken[key]} and {action.id}; give one of them another")
