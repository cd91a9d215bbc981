"""Checkpoints: written aside, synced, renamed; loadable with `from_pretrained`; safetensors and JSON, no pickle."""

import contextlib
import math
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch.optim import Optimizer
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from memlab import models
from memlab.errors import RunError
from memlab.files import explained, lock, read_json, sync_directory, write_json

_NAME = re.compile(r"step-(\d{6,})")
_RESUMABLE = 2  # checkpoints that keep the optimiser's state
_PER_OCTAVE = 8  # interval checkpoints kept before they are thinned


@dataclass
class Progress:
    """How far training is, beside weights and optimiser: all that a resumed run needs, since the data order is a function of the step.

    `loss_sum` and `loss_count` are the steps since the last row of training loss; `seconds` is training time over all attempts.
    """

    step: int = 0
    tokens: int = 0
    seconds: float = 0.0
    loss_sum: float = 0.0
    loss_count: int = 0
    best_step: int = -1
    best_loss: float = math.inf


def steps(folder: Path) -> list[int]:
    """The steps of the whole checkpoints, ascending."""
    found = [_NAME.fullmatch(path.name) for path in folder.iterdir()] if folder.is_dir() else []
    return sorted(int(match[1]) for match in found if match)


def resumable(folder: Path) -> list[int]:
    """The steps of the checkpoints that hold the optimiser's state, ascending."""
    return [step for step in steps(folder) if (path_of(folder, step) / "optimizer.safetensors").exists()]


def path_of(folder: Path, step: int) -> Path:
    return folder / f"step-{step:06d}"


def save(folder: Path, model: PreTrainedModel, optimizer: Optimizer, tokenizer: PreTrainedTokenizerBase, progress: Progress) -> None:
    """Write the checkpoint of `progress.step`, whole or not at all. One that is there is the one that training resumed from."""
    final = path_of(folder, progress.step)
    if final.exists():
        return
    aside = folder / f".{final.name}.{secrets.token_hex(4)}"
    with explained(final, "writing"):
        aside.mkdir(parents=True)
        model.save_pretrained(aside)
        tokenizer.save_pretrained(aside)
        save_file(_optimizer_tensors(model, optimizer), aside / "optimizer.safetensors")
        values = asdict(progress)
        write_json(aside / "progress.json", {**values, "best_loss": None if math.isinf(progress.best_loss) else progress.best_loss})
        for path in aside.iterdir():
            _sync(path)
        sync_directory(aside)
        os.rename(aside, final)
        sync_directory(folder)


def load_progress(folder: Path, step: int) -> Progress:
    values = read_json(path_of(folder, step) / "progress.json")
    try:
        return Progress(**{**values, "best_loss": math.inf if values["best_loss"] is None else values["best_loss"]})
    except (TypeError, KeyError) as error:
        raise RunError(f"{path_of(folder, step) / 'progress.json'} is not a checkpoint's progress: {error}") from None


def load_model(folder: Path, step: int) -> PreTrainedModel:
    """The weights of a checkpoint. Raises RunError where its files are damaged."""
    path = path_of(folder, step)
    try:
        return models.load(path)
    except (OSError, SafetensorError, ValueError) as error:
        raise RunError(f"{path} cannot be loaded: {error}; remove it to go on from an earlier checkpoint") from None


def load_optimizer(folder: Path, step: int, model: PreTrainedModel, optimizer: Optimizer) -> None:
    """Put the saved state into a new optimiser over the model's parameters."""
    path = path_of(folder, step) / "optimizer.safetensors"
    try:
        tensors = load_file(path)
    except (OSError, SafetensorError) as error:
        raise RunError(f"{path} cannot be loaded: {error}; remove its directory to go on from an earlier checkpoint") from None
    names = {id(weight): name for name, weight in model.named_parameters()}
    for group in optimizer.param_groups:
        for weight in group["params"]:
            prefix = names[id(weight)] + "/"
            for key, value in tensors.items():
                if key.startswith(prefix):
                    on_host = key.endswith("/step") and not group["fused"]
                    optimizer.state[weight][key.removeprefix(prefix)] = value if on_host else value.to(weight.device)


def thin(folder: Path, interval: int, best: int) -> None:
    """Drop what is no longer needed: old interval checkpoints by age, optimiser state in all but the last two. Never one being read."""
    there = steps(folder)
    for step in there:
        if not _is_kept(step, there, interval, best):
            remove(path_of(folder, step))
    for step in resumable(folder)[:-_RESUMABLE]:
        (path_of(folder, step) / "optimizer.safetensors").unlink()


def go_back_to(folder: Path, step: int) -> None:
    """Remove what a killed save left behind, and checkpoints beyond the step that training resumes from."""
    for path in folder.glob(".*"):
        shutil.rmtree(path, ignore_errors=True)
    for later in steps(folder):
        if later > step:
            remove(path_of(folder, later))


def remove(path: Path) -> bool:
    """Remove a checkpoint unless it is being read: out of sight in one step first, so that it is never seen half gone."""
    with lock(_lock_of(path), wait=False) as held:
        if held:
            hidden = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
            os.rename(path, hidden)
            shutil.rmtree(hidden)
    return held


@contextlib.contextmanager
def reading(folder: Path, step: int) -> Iterator[Path]:
    """Keep a checkpoint from being thinned while it is read; where the directory is read-only nobody thins it."""
    path = path_of(folder, step)
    if not os.access(folder, os.W_OK):
        yield path
        return
    with lock(_lock_of(path), shared=True):
        yield path


def _is_kept(step: int, there: list[int], interval: int, best: int) -> bool:
    latest = there[-1]
    if step in (best, *there[-_RESUMABLE:]) or step & (step - 1) == 0:  # 0 and the powers of two
        return True
    age = (latest - step) / (_PER_OCTAVE * interval)
    return step % (interval * 2 ** max(0, math.ceil(math.log2(max(age, 1e-9))))) == 0


def _lock_of(path: Path) -> Path:
    return path.parent.parent / "locks" / path.name


def _optimizer_tensors(model: PreTrainedModel, optimizer: Optimizer) -> dict[str, torch.Tensor]:
    return {
        f"{name}/{key}": value.detach().contiguous().cpu()
        for name, weight in model.named_parameters()
        for key, value in optimizer.state.get(weight, {}).items()
    }


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
