"""The Parquet and Arrow files of a data set: those of a folder, or those that `datasets` fetches from the Hugging Face Hub."""

import contextlib
import functools
import os
import shlex
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from memlab.data.sources import _paths, _tables
from memlab.errors import ConfigError, DataError, MemlabError

_CONVERTED = "refs/convert/parquet"  # where the Hub itself puts Parquet of data sets that are stored otherwise
_PART = "partial-"  # how it names a folder that holds the first gigabytes only
_OF_DATASETS = "cache-"  # how `datasets` names what it has computed from a data set, beside it
_LOOK_SECONDS = 0.5


@dataclass(frozen=True)
class Published:
    """A data set on the Hub, or a folder laid out as there. `size` and `files` are for messages: how much there is, by which names."""

    repository: str
    revision: str
    split: str
    size: str = ""
    files: str = ""

    def __post_init__(self) -> None:
        if not self.repository:
            raise ConfigError("data.source_options.repository is empty; name a data set of https://huggingface.co/datasets")
        if not self.split.isidentifier():
            raise ConfigError(f"data.source_options.split is '{self.split}'; it must be a whole split, such as 'train'")


def folder_of(data_dir: str) -> Path:
    """The folder or file that `data_dir` names. Raises ConfigError where there is none."""
    path = Path(os.path.expanduser(data_dir)).absolute()
    if not path.exists():
        raise ConfigError(f"data.source_options.data_dir (--data-dir) is '{data_dir}', which does not exist (looked for {path})")
    return path


def tables_below(path: Path, split: str) -> tuple[tuple[str, Path], ...]:
    """Name and path of the Parquet and Arrow files below a folder, or of the one file, each once, sorted by path.

    Passed over are hidden files, what `datasets` keeps of its own computations, and, where names begin with `split` as on the Hub
    (train-00000-of-00080.parquet), the files of other splits. Raises DataError for a folder that holds a part only.
    """
    if path.is_file():
        return ((_paths.shown(Path(path.name)), path),)
    with _paths.explained(path):
        found = [file for file in _paths.below(path, _tables.ENDINGS) if not _is_scratch(file.relative_to(path))]
    _refuse_a_part(os.fspath(file.relative_to(path)) for file in found)
    of_split = [file for file in found if file.name.startswith(f"{split}-")]
    once = {file.resolve(): file for file in reversed(of_split or found)}
    return tuple((_paths.shown(file.relative_to(path)), file) for file in sorted(once.values()))


def rows_of(files: Iterable[tuple[str, Path]]) -> int:
    """How many rows the files have together."""
    total = 0
    for _, path in files:
        with _paths.explained(path):
            total += _tables.count(path)
    return total


@functools.lru_cache(maxsize=4)  # asked for the fingerprint and again for the documents, which must be of the same revision
def fetched(published: Published) -> tuple[tuple[str, Path], ...]:
    """Name and path of the Arrow files that `datasets` has in its cache of a data set, in its order, fetched first if need be.

    Needs space for what is fetched and again for the text. Raises DataError with what to fetch by other means where it cannot be had.
    """
    import datasets

    from memlab.online import online

    with online(needed=not os.path.isdir(published.repository)), _without_bars():
        try:
            builder = _builder(published)
            builder.download_and_prepare()
            files = builder.as_dataset(split=published.split).cache_files
        except MemlabError:
            raise
        except Exception as error:  # from full disks to httpx: five libraries fail here, each in its own words
            cause = error.__cause__ if isinstance(error, datasets.exceptions.DatasetGenerationError) else None
            raise _unavailable(published, cause or error) from error
    paths = [Path(file["filename"]) for file in files]
    return tuple((_paths.shown(Path(path.name)), path) for path in paths)


def fetch(published: Published, progress: Callable[..., None]) -> None:
    """`fetched` with a word to whoever looks on; `progress` may raise to stop it."""
    failed: list[BaseException] = []

    def run() -> None:
        try:
            fetched(published)
        except BaseException as error:  # noqa: BLE001 - raised again below
            failed.append(error)

    thread = threading.Thread(target=run, daemon=True)  # a download cannot be asked to stop; it ends with the process
    thread.start()
    while thread.is_alive():
        progress(f"fetching {published.repository}{published.size and f' ({published.size})'} unless it is here", 0, None, "")
        thread.join(_LOOK_SECONDS)
    if failed:
        raise failed[0]


def _builder(published: Published) -> Any:
    """What `load_dataset` loads the data set with, from the first revision that has Parquet, after a look at the names of the files."""
    import datasets

    is_folder, problem = os.path.isdir(published.repository), None
    for revision in [published.revision or None] + [_CONVERTED] * (not published.revision and not is_folder):
        try:
            builder = datasets.load_dataset_builder(published.repository, revision=revision)
        except (FileNotFoundError, RuntimeError) as error:  # no data files, no such revision; a script, which `datasets` does not run
            problem = problem or error
            continue
        names = [str(name) for files in (builder.config.data_files or {}).values() for name in files]
        if all(name.lower().endswith(_tables.ENDINGS) for name in names):  # of what is in the cache only, no names are known
            _refuse_a_part(names)
            return builder
        problem = problem or ValueError(f"it holds no Parquet but {os.path.basename(names[0])}")
    raise problem


def _is_scratch(path: Path) -> bool:
    return path.name.startswith(_OF_DATASETS) or any(part.endswith(".incomplete") for part in path.parts)


def _refuse_a_part(names: Iterable[str]) -> None:
    for name in names:
        if any(part.startswith(_PART) for part in Path(name).parts):
            raise DataError(
                f"{name} is only a part, as the Hub converts large data sets; fetch the whole, or give that very folder as data_dir"
            )


def _unavailable(published: Published, error: BaseException) -> DataError:
    name, words = published.repository, (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
    if os.path.isdir(name):
        return DataError(f"data set '{name}' cannot be read: {words}; give a folder of Parquet or Arrow files with --data-dir FOLDER")
    size, include = published.size and f" ({published.size})", published.files and f' --include "{published.files}"'
    return DataError(
        f"data set '{name}' cannot be had here: {words}; download it{size} from https://huggingface.co/datasets/{name}, for example "
        f"`hf download {shlex.quote(name)} --repo-type dataset{include} --local-dir FOLDER`, then `memlab train PRESET --data-dir FOLDER`"
    )


@contextlib.contextmanager
def _without_bars() -> Iterator[None]:
    import datasets

    silent = datasets.are_progress_bars_disabled()
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        if not silent:
            datasets.enable_progress_bars()
