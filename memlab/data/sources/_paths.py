"""Files of a folder in a stable order, and what may go wrong with any file in one line that names it."""

import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from memlab.errors import DataError

_LOOKED_AT = 1 << 20  # bytes at either end of a file


def below(folder: Path, endings: tuple[str, ...]) -> list[Path]:
    """Every file below the folder whose name has one of the endings, sorted by path; hidden files and folders are passed over."""
    found = []
    for inside, subfolders, files in os.walk(folder, onerror=_raise):
        subfolders[:] = [name for name in subfolders if not name.startswith(".")]
        found += [Path(inside, name) for name in files if not name.startswith(".") and name.lower().endswith(endings)]
    return sorted(found)


def shown(path: Path) -> str:
    """A path as text. A file's name is bytes; what of it is not UTF-8 is shown as U+FFFD."""
    return os.fsencode(path.as_posix()).decode(errors="replace")


def glance(files: Iterable[tuple[str, Path]], *decisive: object) -> str:
    """A hash of `decisive` and of name, size, first and last megabyte of each file: fast for any size of file.

    A change deep inside a large file that leaves its size alone goes unnoticed.
    """
    digest = hashlib.blake2b(repr(decisive).encode(), digest_size=16)
    for name, path in files:
        with explained(path), path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            digest.update(f"\n{name} {size}\n".encode() + file.read(_LOOKED_AT))
            file.seek(max(_LOOKED_AT, size - _LOOKED_AT))
            digest.update(file.read())
    return digest.hexdigest()


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn the operating system's refusals into one line that names the file."""
    try:
        yield
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}; give a file that is whole and that you may read") from None


def _raise(error: OSError) -> None:
    raise error
