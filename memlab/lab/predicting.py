"""What a run knows of its text: its own predictions, token by token, on one fixed training passage and one fixed validation passage.

Needs torch: see `lab.serving`.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memlab.lab.sampling import choose_checkpoint, load_checkpoint
from memlab.rundir import RunDir

if TYPE_CHECKING:
    import numpy as np
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

    from memlab.lab.stages import Kept

LONGEST = 64  # predicted tokens of a passage


@dataclass(frozen=True)
class Prediction:
    """One token of the true text, the probability that the model gives it after the true text before it, and what it holds most likely."""

    text: str
    probability: float
    right: bool
    guess: str


@dataclass(frozen=True)
class Passage:
    """`part` is training or validation, `name` where the passage comes from, `given` the text before its first predicted token."""

    part: str
    name: str
    given: str
    predictions: list[Prediction]


def predictions(run: RunDir, home: Path, known_step: int | None, kept: "Kept") -> dict[str, Any]:
    """The passages as the run's last checkpoint predicts them: `step`, and `passages` unless that is `known_step`.

    Exact memorisation of a token means that it is the argmax after its true prefix (Tirumala et al. 2022).
    Raises RunError where there is no checkpoint yet, DataError where the run's corpus is not in this home.
    """
    step = choose_checkpoint(run, "last")
    if step == known_step:
        return {"step": step}
    import torch

    passages = _fixed_passages(run, home, kept)
    model, tokenizer = load_checkpoint(run, step)
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)  # the cores are the trainer's
    try:
        return {"step": step, "passages": [asdict(_predict(model, tokenizer, *passage)) for passage in passages]}
    finally:
        torch.set_num_threads(n_threads)


def _fixed_passages(run: RunDir, home: Path, kept: "Kept") -> list[tuple[str, str, "np.ndarray", "np.ndarray"]]:
    """Part, name, inputs (T,) and targets (T,) of the first training row and the first validation row."""
    depends_on = [str(run.path), str(home), json.dumps(run.recorded(), sort_keys=True)]
    return kept.get("passages", depends_on, lambda: _read_passages(run, home))


def _read_passages(run: RunDir, home: Path) -> list[tuple[str, str, "np.ndarray", "np.ndarray"]]:
    import numpy as np

    from memlab.data.rows import recorded_rows

    data = recorded_rows(home, run)
    passages = []
    for part, split, rows in (("training", "train", data.train), ("validation", "validation", data.validation)):
        inputs, targets = rows.take(np.zeros(1, np.int64))
        document, _ = rows.origin(0)
        name = data.corpus.name(split, document) if document >= 0 else f"canary {-1 - document}"
        passages.append((part, name, inputs[0, :LONGEST], targets[0, :LONGEST]))
    return passages


def _predict(
    model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerFast", part: str, name: str, inputs: "np.ndarray", targets: "np.ndarray"
) -> Passage:
    """inputs, targets (T,): one teacher-forced pass. Causal, so that what was cut off behind changes nothing."""
    import torch

    with torch.inference_mode():
        shares = model(input_ids=torch.tensor(inputs)[None]).logits[0].float().softmax(-1)  # (T, V)
    guesses = shares.argmax(-1).tolist()
    probabilities = shares[torch.arange(len(targets)), torch.tensor(targets)].tolist()
    special = set(tokenizer.all_special_ids)
    given = [token for token in inputs[:1].tolist() if token not in special]
    texts = pieces(tokenizer, given, targets.tolist())
    found = [
        Prediction(text, probability, guess == target, tokenizer.decode([guess], clean_up_tokenization_spaces=False))
        for text, probability, guess, target in zip(texts, probabilities, guesses, targets.tolist(), strict=True)
    ]
    return Passage(part, name, tokenizer.decode(given, clean_up_tokenization_spaces=False), found)


def pieces(tokenizer: "PreTrainedTokenizerFast", before: list[int], ids: Iterable[int]) -> list[str]:
    """What each token adds to the text, with the space that a tokenizer of words puts before it."""
    texts, so_far = [], list(before)
    text = tokenizer.decode(so_far, clean_up_tokenization_spaces=False)
    for token in ids:
        so_far.append(token)
        longer = tokenizer.decode(so_far, clean_up_tokenization_spaces=False)
        grows = longer.startswith(text)  # not where a letter comes in several tokens
        texts.append(longer[len(text) :] if grows else tokenizer.decode([token], clean_up_tokenization_spaces=False))
        text = longer
    return texts
