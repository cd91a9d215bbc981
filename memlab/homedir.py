"""The home directory: everything that memlab keeps lies under it."""

import os
from pathlib import Path


def find_home(path: str | None = None) -> Path:
    """`--home`, else MEMLAB_HOME, else the user's data directory."""
    import platformdirs  # here: --help starts without it

    chosen = path or os.environ.get("MEMLAB_HOME") or platformdirs.user_data_dir("memlab", appauthor=False)
    return Path(os.path.expanduser(chosen)).absolute()
