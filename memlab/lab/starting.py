"""From settings to a run: checked as far as that goes without torch, with paths that hold wherever the trainer works."""

import os
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from memlab import config, models, registry
from memlab.errors import UsageError
from memlab.home import spool


def check(experiment: config.Experiment) -> None:
    """Raise for names and options that do not exist, before a process is started for nothing."""
    models.size_of(experiment.model)
    for kind, name, options, where in (
        ("source", experiment.data.source, experiment.data.source_options, "data.source_options"),
        ("tokenizer", experiment.data.tokenizer, experiment.data.tokenizer_options, "data.tokenizer_options"),
    ):
        config.build_options(registry.load(kind, name).Options, options, where)
    config.require_budget(experiment.train)


def settle(home: Path, experiment: config.Experiment, stdin: BinaryIO | None = None) -> config.Experiment:
    """The same with whole paths: a trainer works in another directory, and has no standard input to read `-` from.

    Raises UsageError for a path that does not exist.
    """
    experiment = _with_whole_folders(replace(experiment, model=models.settle(experiment.model)))
    given = experiment.data.source_options.get("path")
    if experiment.data.source != "files" or not given:
        return experiment
    if given == "-":
        if stdin is None:
            raise UsageError("data.source_options.path is '-', standard input, which only the command line has; give a file or a folder")
        return config.changed(experiment, {"data.source_options.path": str(spool(home, stdin))})
    paths = [_existing("data.source_options.path", path) for path in ([given] if isinstance(given, str) else given)]
    return config.changed(experiment, {"data.source_options.path": paths[0] if isinstance(given, str) else paths})


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
