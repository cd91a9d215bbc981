"""Checkpoints: written aside, synced, renamed; loadable with `from_pretrained`; safetensors and JSON, no pickle."""

import contextlib
import hashlib
import math
import os
import re
import secrets
import shutil
from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass, fields
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
OPTIMIZER = "optimizer.safetensors"
RESUMABLE = 2  # checkpoints that keep the optimiser's state
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


def steps(folder: Path) -> list[int]:
    """The steps of the whole checkpoints, ascending."""
    found = [_NAME.fullmatch(path.name) for path in folder.iterdir()] if folder.is_dir() else []
    return sorted(int(match[1]) for match in found if match)


def resumable(folder: Path) -> list[int]:
    """The steps of the checkpoints that hold the optimiser's state, ascending."""
    return [step for step in steps(folder) if (path_of(folder, step) / OPTIMIZER).exists()]


def path_of(folder: Path, step: int) -> Path:
    return folder / f"step-{step:06d}"


def is_due(step: int, interval: int) -> bool:
    """Whether a checkpoint is made at this step whatever the losses are: 0, the powers of two, and the preset's interval."""
    return step & (step - 1) == 0 or step % interval == 0


def save(folder: Path, model: PreTrainedModel, optimizer: Optimizer, tokenizer: PreTrainedTokenizerBase, progress: Progress) -> None:
    """Write the checkpoint of `progress.step`, whole or not at all. Raises RunError where there is no space or no permission."""
    final = path_of(folder, progress.step)
    aside = _hidden(final)
    try:
        with explained(final, "writing"), _system_errors():
            aside.mkdir(parents=True)
            model.save_pretrained(aside)
            tokenizer.save_pretrained(aside)
            save_file(_optimizer_tensors(model, optimizer), aside / OPTIMIZER)
            write_json(aside / "progress.json", asdict(progress))
            for path in aside.iterdir():
                _sync(path)
            sync_directory(aside)
            os.rename(aside, final)
            sync_directory(folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)  # half a checkpoint only takes the space that is missing


def load_progress(folder: Path, step: int) -> Progress:
    """Raises RunError naming the file where it is missing or damaged."""
    path = path_of(folder, step) / "progress.json"
    values = read_json(path)
    try:
        return Progress(**{field.name: values[field.name] for field in fields(Progress)})
    except (TypeError, KeyError) as error:
        raise _damaged(path, error) from None


def load_model(folder: Path, step: int) -> PreTrainedModel:
    """The weights of a checkpoint. Raises RunError where its files are damaged."""
    return models.load(path_of(folder, step))


def load_optimizer(folder: Path, step: int, model: PreTrainedModel, optimizer: Optimizer) -> None:
    """Put the saved state into a new optimiser over the model's parameters."""
    path = path_of(folder, step) / OPTIMIZER
    try:
        tensors = load_file(path)
    except (OSError, SafetensorError) as error:
        raise _damaged(path, error) from None
    weights = dict(model.named_parameters())
    fused = {id(weight) for group in optimizer.param_groups if group["fused"] for weight in group["params"]}
    for name, value in tensors.items():
        parameter, _, key = name.rpartition("/")
        weight = weights[parameter]
        on_host = key == "step" and id(weight) not in fused  # where AdamW itself keeps its count of steps
        optimizer.state[weight][key] = value if on_host else value.to(weight.device)


def kept(there: Collection[int], interval: int, best: int) -> set[int]:
    """Which of the steps in `there` keep their checkpoints: 0 and the powers of two, the best, the last two, and the interval's, thinned.

    Of the interval's the last 8 stay, of about 8 before them every second one, of 16 before these every fourth, and so on.
    """
    always, latest = {best, *sorted(there)[-RESUMABLE:]}, max(there)
    return {step for step in there if step in always or _stays(step, latest, interval)}


def thin(folder: Path, interval: int, best: int) -> None:
    """Drop what is no longer needed: checkpoints that are not `kept`, optimiser state in all but the last two. Never one being read."""
    there = steps(folder)
    for step in set(there) - kept(there, interval, best):
        remove(path_of(folder, step), wait=False)
    for step in resumable(folder)[:-RESUMABLE]:
        (path_of(folder, step) / OPTIMIZER).unlink()


def fingerprint(path: Path) -> str:
    """A hash of a checkpoint's weights: a step that was trained again has others."""
    digest = hashlib.blake2b(digest_size=16)
    for part in sorted(path.glob("model*.safetensors")):
        with part.open("rb") as file:
            digest.update(hashlib.file_digest(file, "blake2b").digest())
    return digest.hexdigest()


def go_back_to(folder: Path, step: int) -> None:
    """Remove what a killed save left behind, and checkpoints beyond `step` as soon as nobody reads them."""
    for path in folder.glob(".*"):
        shutil.rmtree(path, ignore_errors=True)
    for later in steps(folder):
        if later > step:
            remove(path_of(folder, later), wait=True)


def remove(path: Path, wait: bool) -> None:
    """Remove a checkpoint; one being read is waited for, or left. Out of sight in one step first, so that it is never seen half gone."""
    with lock(_lock_of(path), wait=wait) as held:
        if held:
            hidden = _hidden(path)
            os.rename(path, hidden)
            shutil.rmtree(hidden)
            _lock_of(path).unlink()


@contextlib.contextmanager
def reading(folder: Path, step: int) -> Iterator[Path]:
    """Keep a checkpoint from being thinned while it is read; where the directory is read-only nobody thins it."""
    path = path_of(folder, step)
    if not os.access(folder, os.W_OK):
        yield path
        return
    with lock(_lock_of(path), shared=True):
        yield path


def _stays(step: int, latest: int, interval: int) -> bool:
    if step & (step - 1) == 0:
        return True
    age = max(1.0, (latest - step) / (_PER_OCTAVE * interval))
    return step % (interval * 2 ** math.ceil(math.log2(age))) == 0  # divisible by ever more: what is dropped once would be dropped later


def _damaged(path: Path, error: Exception) -> RunError:
    folder = path if path.is_dir() else path.parent
    return RunError(f"{path} cannot be loaded: {error}; remove {folder} to go on from an earlier checkpoint")


def _hidden(path: Path) -> Path:
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}")


def _lock_of(path: Path) -> Path:
    return path.parent.parent / "locks" / path.name


def _optimizer_tensors(model: PreTrainedModel, optimizer: Optimizer) -> dict[str, torch.Tensor]:
    return {
        f"{name}/{key}": value.detach().contiguous().cpu()
        for name, weight in model.named_parameters()
        for key, value in optimizer.state.get(weight, {}).items()
    }


@contextlib.contextmanager
def _system_errors() -> Iterator[None]:
    """safetensors and tokenizers name the operating system's refusals in exceptions of their own: `… (os error 28)`."""
    try:
        yield
    except Exception as error:
        number = re.search(r"\(os error (\d+)\)", str(error))
        if number is None:
            raise
        raise OSError(int(number[1]), os.strerror(int(number[1]))) from error


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
