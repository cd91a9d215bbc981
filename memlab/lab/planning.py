"""What a run will be and take, before it starts: found out in a child process, so that the caller needs no torch."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from memlab import config, registry
from memlab.lab.child import Child
from memlab.lab.expectation import at_once

Progress = Callable[[dict[str, Any]], None]


def plan(experiment: config.Experiment, home: Path, progress: Progress = lambda work: None) -> dict[str, Any]:
    """N, D, information, steps, epochs, floors, seconds, memory and disk of a run on this device; see `lab.stages`.

    Builds the corpus if this home does not have it. Raises the error that the run itself would end with.
    """
    with Child(home) as child:
        return child.call("plan", {"experiment": config.to_dict(experiment)}, progress)


def outline(experiment: config.Experiment, home: Path, progress: Progress = lambda work: None) -> dict[str, Any]:
    """What of `plan` is known without the text: N, and what the settings alone say."""
    with Child(home) as child:
        counted = child.call("count", {"experiment": config.to_dict(experiment)}, progress)
    return at_once(experiment).found(counted).known


def is_elsewhere(data: config.Data) -> bool:
    """Whether the text is to come from the Hugging Face Hub: it may be tens of gigabytes, which nobody wants by looking."""
    return hasattr(registry.load("source", data.source), "fetch") and not data.source_options.get("data_dir")
