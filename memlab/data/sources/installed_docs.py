"""English that every Python has: docstrings, the language reference, packages if you like.

Files are parsed with `ast`, never imported: no code of theirs runs. One docstring, or one topic of the language reference
(what `help('assert')` shows), is one document.
"""

import ast
import functools
import hashlib
import importlib.util
import inspect
import os
import platform
import random
import re
import sysconfig
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from memlab.config import setting
from memlab.data.document import Document
from memlab.errors import ConfigError, DataError

QUICK = True  # a corpus is made of what every Python has, in about a minute at most
_TEST_FOLDERS = {"test", "tests", "idle_test"}
# Near copies of one sentence for each of some hundred code pages, the insides of an editor, and demonstrations.
_POOR_ENGLISH = {"encodings", "idlelib", "turtledemo"}
_TOPICS = "pydoc_data.topics"
_NAMED = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
_BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")  # where a statement holds statements, so also definitions
_HEADING = re.compile(r"(.+)\n([^\w\s])\2*")
_SHORT_PARAGRAPH = 80  # characters


@dataclass(frozen=True)
class Options:
    """Which installed texts make up the corpus, and in which order."""

    packages: tuple[str, ...] = setting((), "installed packages to add to the standard library, for example ['torch', 'transformers']")
    minimum_characters: int = setting(40, "shorter docstrings and topics are left out ('Same as a % b.')")
    seed: int = setting(0, "seed of the order of the documents")

    def __post_init__(self) -> None:
        if isinstance(self.packages, str):
            raise ConfigError(f"data.source_options.packages is '{self.packages}'; it must be a list of names, such as ['{self.packages}']")
        for name in self.packages:
            if not name.isidentifier():
                raise ConfigError(
                    f"data.source_options.packages names '{name}'; give the name that is imported, without dots or dashes, such as 'torch'"
                )
        if self.minimum_characters < 1:
            raise ConfigError(f"data.source_options.minimum_characters is {self.minimum_characters}; it must be at least 1")


def documents(options: Options) -> Iterable[Document]:
    """The docstrings and topics, each text once, in an order that `seed` and the installed files decide.

    Texts are cleaned as by `inspect.cleandoc`. The name says where a text was found first, as 'json.decoder.JSONDecoder.decode'
    or 'topics.assert'. The result is kept until other options are asked for or a file changes: a corpus is built in two passes.
    Raises ConfigError for a package that is not installed, DataError where there is no source code to read.
    """
    return _collect(options, fingerprint(options))


def fingerprint(options: Options) -> str:
    """A hash of the options, of Python's version, and of names and contents of all files that are read."""
    digest = hashlib.blake2b(repr((options, platform.python_version())).encode(), digest_size=16)
    for module, path in _modules(options.packages):
        source = path.read_bytes()
        digest.update(f"\n{module} {len(source)}\n".encode())
        digest.update(source)
    return digest.hexdigest()


# One corpus is some 2 to 20 MB of text, and parsing takes seconds. `state` is the fingerprint: a changed file is read again.
@functools.lru_cache(maxsize=1)
def _collect(options: Options, state: str) -> tuple[Document, ...]:
    names: dict[str, str] = {}
    with warnings.catch_warnings():
        # Other people's code: an invalid escape sequence (a DeprecationWarning until Python 3.12) is no business of ours.
        warnings.simplefilter("ignore", SyntaxWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        for module, path in _modules(options.packages):
            for name, text in _texts(module, path):
                if len(text) >= options.minimum_characters and _is_unicode(text):
                    names.setdefault(text, name)
    found = [Document(text, name) for text, name in names.items()]
    random.Random(options.seed).shuffle(found)
    return tuple(found)


def _modules(packages: tuple[str, ...]) -> Iterator[tuple[str, Path]]:
    """Dotted name and file of every module to read, in sorted order; the standard library comes first."""
    library = Path(sysconfig.get_path("stdlib"))
    modules = list(_modules_below(library, "", _TEST_FOLDERS | _POOR_ENGLISH))
    if not modules:
        raise DataError(
            f"this Python has no source code of its standard library in {library} (zipped or stripped); "
            "use a Python that has it, or the source 'files' with texts of your own"
        )
    yield from modules
    for package in packages:
        yield from _package_modules(package)


def _package_modules(package: str) -> list[tuple[str, Path]]:
    try:
        spec = importlib.util.find_spec(package)  # of a name without dots: imports nothing
    except ValueError:  # a module made by hand, such as __main__, has no spec
        spec = None
    if spec is None:
        raise ConfigError(
            f"data.source_options.packages names '{package}', which this Python does not have; "
            f"install it (python -m pip install {package}) or leave it out"
        )
    if spec.submodule_search_locations is None:
        file = Path(spec.origin or "")  # 'frozen', 'built-in', a compiled extension or inside an archive: no source
        modules = [(package, file)] if file.suffix == ".py" and file.is_file() else []
    else:
        folders = sorted(set(spec.submodule_search_locations))
        modules = [module for folder in folders for module in _modules_below(Path(folder), package, _TEST_FOLDERS)]
    if not modules:
        raise DataError(f"data.source_options.packages names '{package}', which has no Python source code to read; leave it out")
    return modules


def _modules_below(root: Path, package: str, skipped: set[str]) -> Iterator[tuple[str, Path]]:
    for folder, subfolders, files in os.walk(root):
        # A name that is no identifier cannot be imported; site-packages, dist-packages and lib-dynload are such names.
        subfolders[:] = sorted(name for name in subfolders if name.isidentifier() and name not in skipped)
        inside = Path(folder).relative_to(root).parts
        for file in sorted(files):
            stem, ending = os.path.splitext(file)
            path = Path(folder, file)
            if ending == ".py" and stem.isidentifier() and os.access(path, os.R_OK):
                parts = [package, *inside, "" if stem == "__init__" else stem]
                yield ".".join(filter(None, parts)), path


def _texts(module: str, path: Path) -> list[tuple[str, str]]:
    """Names and texts of one file; nothing where it does not parse, as templates and the test data of parsers do not."""
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # ValueError: null bytes; the last two: nested too deeply
        return []
    return _topics(tree) if module == _TOPICS else list(_docstrings(tree, module))


def _docstrings(tree: ast.Module, module: str) -> Iterator[tuple[str, str]]:
    remaining: list[tuple[ast.AST, str]] = [(tree, module)]
    while remaining:
        node, name = remaining.pop()
        if isinstance(node, (ast.Module, *_NAMED)):
            text = ast.get_docstring(node)
            if text:
                yield name, text
        for block in _BLOCKS:
            for child in getattr(node, block, ()):
                remaining.append((child, f"{name}.{child.name}" if isinstance(child, _NAMED) else name))


def _topics(tree: ast.Module) -> list[tuple[str, str]]:
    """Name and text of each topic of the language reference, without what a shorter topic holds already.

    Topics nest: 'compound' repeats 'if', 'while', 'for' and 'try' in full, in Python 3.11 a fifth of all their text.
    """
    assigned = (statement.value for statement in tree.body if isinstance(statement, ast.Assign))
    topics = next((ast.literal_eval(value) for value in assigned if isinstance(value, ast.Dict)), {})
    cleaned = {name: inspect.cleandoc(text) for name, text in topics.items()}
    seen: set[str] = set()
    found = []
    for name in sorted(cleaned, key=lambda name: (len(cleaned[name]), name)):
        paragraphs = re.split(r"\n{2,}", cleaned[name])
        found.append((f"topics.{name}", "\n\n".join(_unseen(paragraphs, seen))))
        seen.update(map(_essence, paragraphs))
    return found


def _unseen(paragraphs: list[str], seen: set[str]) -> list[str]:
    """The paragraphs that are not in `seen`. A short one ('For example:') goes only if it is a heading or follows one that went."""
    kept, previous_went = [], False
    for paragraph in paragraphs:
        droppable = previous_went or len(paragraph) >= _SHORT_PARAGRAPH or _HEADING.fullmatch(paragraph)
        previous_went = bool(droppable and _essence(paragraph) in seen)
        if not previous_went:
            kept.append(paragraph)
    return kept


def _essence(paragraph: str) -> str:
    """A paragraph without its indentation; a heading without its underline, which is another one level down."""
    heading = _HEADING.fullmatch(paragraph)
    return heading[1] if heading else paragraph.strip()


def _is_unicode(text: str) -> bool:
    """False for half a surrogate pair, which a docstring can spell and no tokenizer can encode."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
