"""What kind of terminal this is, and printing to it."""

import json
import math
import os
import shutil
import sys
from dataclasses import dataclass
from typing import Any

from memlab.render.safe import safe


@dataclass(frozen=True)
class Terminal:
    """`live`: the cursor may be moved. Without it output is plain lines, made for pipes, logs, TERM=dumb and jobs in the background."""

    width: int
    height: int
    live: bool
    color: bool
    ascii: bool


def look() -> Terminal:
    """NO_COLOR, TERM=dumb, MEMLAB_ASCII and the locale are respected; COLUMNS and LINES override the size."""
    size = shutil.get_terminal_size((160, 40))
    is_terminal = sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"
    encoding = (sys.stdout.encoding or "ascii").lower().replace("-", "")
    plain = bool(os.environ.get("MEMLAB_ASCII")) or not encoding.startswith("utf")
    color = is_terminal and not os.environ.get("NO_COLOR")
    return Terminal(size.columns, size.lines, is_terminal and _in_foreground(), color, plain)


def _in_foreground() -> bool:
    """Whether the terminal is this process's to draw on, and not the shell's that started it with `&`."""
    try:
        return os.tcgetpgrp(sys.stdout.fileno()) == os.getpgrp()
    except OSError:  # a terminal without jobs
        return True


def say(words: str) -> None:
    """One line or several on standard output, at once; what came from data or a file name is made harmless."""
    print(safe(words, newlines=True, ascii=look().ascii), flush=True)


def draw(picture: str) -> None:
    """A table or picture that is harmless already, with its colours."""
    print(picture, flush=True)


def complain(message: str) -> None:
    """One line on standard error, made harmless."""
    print(f"memlab: {safe(message, ascii=look().ascii)}", file=sys.stderr, flush=True)


def say_json(value: Any) -> None:
    """Strict JSON: NaN and infinity are null."""
    print(json.dumps(_finite(value), indent=2, ensure_ascii=True, allow_nan=False), flush=True)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): _finite(item) for key, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, list | tuple) else value
