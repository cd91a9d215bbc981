"""Run directories made by hand, to test what readers make of them."""

import dataclasses
import json
import os
import socket
from pathlib import Path
from typing import Any

from memlab import config
from memlab.rundir import RunDir, create, events, state

EXPERIMENT = config.Experiment(train=config.Train(steps=100, min_lr=1e-5))

FACTS = {
    "attempts": [{"owner": "me", "started": 0.0, "changes": {}}],
    "model": {"n_params": 1000, "n_params_total": 1500, "vocab_size": 50},
    "data": {
        "corpus": "uniform-0",
        "content": "0",
        "n_tokens": 500,
        "available_tokens": 2000,
        "rows": 50,
        "tokens_per_epoch": 450,
        "repeats": {"span": 50, "repeated_in_training": 0.25, "validation_in_training": 0.0, "sampled": 1.0},
    },
    "floors": [
        {"name": "entropy", "loss": 2.0, "how": "mean of -ln p"},
        {"name": "1, as stated", "loss": 1.0, "how": "as stated"},
    ],
}


def fabricate(path: Path, rows: list[dict[str, Any]] = (), facts: dict | None = FACTS, **fields: Any) -> RunDir:
    """A run directory with these events; `fields` are those of its state, of a trainer that is this very process."""
    run = create(path, "", EXPERIMENT)
    for row in rows:
        events.append(run.events_path, {"attempt": 1, **row})
    if facts is not None:
        run.provenance_path.write_text(json.dumps(facts))
    now = state.of_process("me", os.getpid())
    state.write(run.state_path, dataclasses.replace(now, **{"status": "finished", "host": socket.gethostname(), "steps": 100, **fields}))
    return run


def started(step: int = 0, seconds: float = 0.0, **others: Any) -> dict[str, Any]:
    return {"kind": "started", "step": step, "tokens": 10 * step, "seconds": seconds, "from_step": -1, **others}


def resumed(step: int, seconds: float, **others: Any) -> dict[str, Any]:
    return {**started(step, seconds), "kind": "resumed", "from_step": step, **others}


def trained(step: int, loss: float | None, seconds: float = 0.0, **others: Any) -> dict[str, Any]:
    return {"kind": "train", "step": step, "tokens": 10 * step, "seconds": seconds, "loss": loss, "tokens_per_second": 20.0, **others}


def measured(step: int, seconds: float = 0.0, figures: list[dict] | None = None, **shares: tuple[float, float]) -> dict[str, Any]:
    """Figures by name, each of training and of held-out text; blanks are written as underscores."""
    both = [
        (name.replace("_", " "), part, value)
        for name, pair in shares.items()
        for part, value in zip(("training", "validation"), pair, strict=True)
    ]
    found = [{"measure": "m", "name": name, "part": part, "value": value, "unit": "share"} for name, part, value in both]
    return {"kind": "measured", "step": step, "tokens": 10 * step, "seconds": seconds, "figures": found if figures is None else figures}


def evaluated(step: int, train: float | None, validation: float | None, confident=(0.1, 0.1), seconds: float = 0.0, **others: Any) -> dict:
    return {
        "kind": "eval",
        "step": step,
        "tokens": 10 * step,
        "seconds": seconds,
        "train_loss": train,
        "validation_loss": validation,
        "train_confident": confident[0],
        "validation_confident": confident[1],
        **others,
    }
