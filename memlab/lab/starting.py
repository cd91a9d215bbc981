"""From settings to a run: checked as far as that goes without torch, with paths that hold wherever the trainer works."""

import os
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from memlab import config, models, registry
from memlab.errors import DataError, UsageError
from memlab.home import spool
from memlab.rundir import RunDir

_OWN_TEXT = ("path", "data_dir")  # options of a source: where text of one's own lies
_READ_AT_ONCE = 1 << 20  # characters


def check(experiment: config.Experiment) -> None:
    """Raise for names and options that do not exist, before a process is started for nothing."""
    models.size_of(experiment.model)
    for kind, name, options, where in (
        ("source", experiment.data.source, experiment.data.source_options, "data.source_options"),
        ("tokenizer", experiment.data.tokenizer, experiment.data.tokenizer_options, "data.tokenizer_options"),
    ):
        config.build_options(registry.load(kind, name).Options, options, where)
    registry.chosen("measure", experiment.train.measures)
    config.require_budget(experiment.train)


def settle(home: Path, experiment: config.Experiment, stdin: BinaryIO | None = None) -> config.Experiment:
    """The same with whole paths: a trainer works in another directory, and has no standard input to read `-` from.

    Raises UsageError for a path that does not exist, DataError where standard input is no text.
    """
    experiment = _with_whole_folders(replace(experiment, model=models.settle(experiment.model)))
    given = experiment.data.source_options.get("path")
    if experiment.data.source != "files" or not given:
        return experiment
    if given == "-":
        if stdin is None:
            raise UsageError("data.source_options.path is '-', standard input, which only the command line has; give a file or a folder")
        return config.changed(experiment, {"data.source_options.path": str(_spooled(home, stdin))})
    paths = [_existing("data.source_options.path", path) for path in ([given] if isinstance(given, str) else given)]
    return config.changed(experiment, {"data.source_options.path": paths[0] if isinstance(given, str) else paths})


def require_text(experiment: config.Experiment) -> None:
    """Raise DataError where text of one's own is empty, or cannot be read at its beginning: a trainer would end a moment later."""
    data = experiment.data
    if data.source_options.keys() & set(_OWN_TEXT):
        source = registry.load("source", data.source)
        next(iter(source.documents(config.build_options(source.Options, data.source_options, "data.source_options"))), None)


def reference_of(run: RunDir, home: Path) -> config.Experiment:
    """The experiment of a run's reference: the same settings, and as many tokens of documents that the run does not see.

    Those after the run's own; where the run has one of several disjoint parts, the next part. Nothing is planted in them.
    Raises RunError where the run has not recorded its text yet, DataError where its corpus is not in this home or its source gives another
    text by now, UsageError where the run sees all of the text.
    """
    from memlab.data.corpus import open_recorded, recipe_of
    from memlab.data.selection import select

    recorded = run.recorded()
    experiment = run.experiment()
    changes = {
        "experiment": f"A reference of {run.name}: the same settings, on text that it does not see",
        "expect": f"what it knows of {run.name}'s training text can be known without having seen it",
        "data.reference_of": run.name,
        "data.insertions": (),
    }
    other = config.changed(experiment, changes)
    corpus = open_recorded(home, run)
    is_published = hasattr(registry.load("source", experiment.data.source), "fetch")  # and does not change
    if not is_published and recipe_of(experiment.data)[0].folder != recorded["corpus"]:
        raise DataError(
            f"source '{experiment.data.source}' gives another text than when run '{run.name}' was trained, so that a reference would not "
            f"have its tokens; train both anew, or take an n-gram model as reference"
        )
    selection, n_parts = select(corpus, other.data), config.n_parts(other.data)
    if n_parts > 1:
        other = config.changed(other, {"data.subset_part": (other.data.subset_part + 1) % n_parts, "data.skip": 0})
        available = select(corpus, replace(other.data, tokens=0, fraction=1.0)).available
    else:
        starts, stops = selection.spans()
        available = selection.available - int((stops - starts).sum())
        other = config.changed(other, {"data.skip": other.data.skip + len(selection.documents)})
    if available == 0:
        raise UsageError(
            f"run '{run.name}' sees all of the training text, which leaves none for a reference; train a run on half of it: --fraction 50%"
        )
    return config.changed(other, {"data.tokens": min(selection.n_tokens, available)})


def _spooled(home: Path, stdin: BinaryIO) -> Path:
    """Standard input as a file of the home. Raises DataError where it is no text: nobody has seen that file, so it is not named."""
    path = spool(home, stdin)
    if problem := _no_text(path):
        path.unlink()
        raise DataError(f"standard input {problem}")
    return path


def _no_text(path: Path) -> str:
    """Why a file of standard input is no text to train on; empty where it is."""
    from memlab.data.sources.files import conversion, first_wrong_byte

    wrong = first_wrong_byte(path)
    if wrong is not None:
        return f"is not UTF-8 from byte {wrong} on; convert it on its way, for example: {conversion(path)} FILE | memlab train …"
    with path.open(encoding="utf-8-sig") as file:
        is_blank = not any(part.strip() for part in iter(lambda: file.read(_READ_AT_ONCE), ""))
    return "is empty, or nothing but white space; pass text in it, for example: cat FILE | memlab train …" if is_blank else ""


def _with_whole_folders(experiment: config.Experiment) -> config.Experiment:
    """The folder of a source's copy, and that of a tokenizer: its path may also be a name on a hub."""
    copy, tokenizer = experiment.data.source_options.get("data_dir"), experiment.data.tokenizer_options.get("path", "")
    folders = {"data.source_options.data_dir": copy and _existing("data.source_options.data_dir (--data-dir)", copy)}
    if os.path.isdir(os.path.expanduser(tokenizer)):
        folders["data.tokenizer_options.path"] = _existing("data.tokenizer_options.path", tokenizer)
    return config.changed(experiment, {name: folder for name, folder in folders.items() if folder})


def _existing(name: str, path: str) -> str:
    whole = os.path.abspath(os.path.expanduser(path))
    if not os.path.exists(whole):
        raise UsageError(f"{name} is '{whole}', which does not exist")
    return whole
