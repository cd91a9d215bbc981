"""The home directory: everything that memlab keeps lies under it."""

import os
from pathlib import Path

from memlab.errors import UsageError


def find_home(path: str | None = None) -> Path:
    """`--home`, else MEMLAB_HOME, else the user's data directory. Raises UsageError where a file stands there, or in the way to it."""
    import platformdirs  # here: --help starts without it

    chosen = path or os.environ.get("MEMLAB_HOME") or platformdirs.user_data_dir("memlab", appauthor=False)
    home = Path(os.path.expanduser(chosen)).absolute()
    file = next((path for path in (home, *home.parents) if os.path.isfile(path)), None)
    if file:
        which = "which is a file" if file == home else f"but {file} is a file"
        raise UsageError(f"the home is {home}, {which}; name a folder with --home or MEMLAB_HOME, which is made where there is none")
    return home
