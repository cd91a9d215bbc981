"""Measures of memorisation taken while a run trains, at each of its checkpoints, on the same passages every time."""

from collections.abc import Callable
from typing import Any

import torch
from transformers import PreTrainedModel

from memlab import registry
from memlab.config import Train
from memlab.data.rows import RunData
from memlab.measures.material import Material


def measure(model: PreTrainedModel, data: RunData, train: Train, between: Callable[[], None]) -> list[dict[str, Any]]:
    """The figures of a model in training, as plain values: measure, name, part, value, low, high and unit.

    In float32 and without dropout. `between` is called as the work goes on and may raise, to stop it. The random state is left as it was,
    so that a run that is measured trains as one that is not.
    """
    was_training = model.training
    model.eval()
    try:
        with torch.random.fork_rng(devices=[model.device] if model.device.type == "cuda" else []):
            material = Material(model, data, data.train.context, train.measure_rows, train.seed, lambda *work: between())
            return [
                _plain(name, figure)
                for name in registry.chosen("measure", train.measures)
                for figure in registry.load("measure", name).measure(material)
            ]
    finally:
        model.train(was_training)


def _plain(name: str, figure: Any) -> dict[str, Any]:
    estimate = figure.estimate
    values = {"value": estimate.value, "low": estimate.low, "high": estimate.high}
    return {"measure": name, "name": figure.name, "part": figure.part, **values, "unit": figure.unit}
