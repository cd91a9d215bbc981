"""What a run knows of a passage, token by token: each token's class, how surely it is predicted, and how the passage goes on greedily.

Needs torch: see `lab.serving`.
"""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memlab.data.parts import PARTS, AnyPart
from memlab.errors import DataError, UsageError
from memlab.lab.inspecting import Question
from memlab.lab.measured import kept, weights_and_text
from memlab.lab.passages import given
from memlab.lab.references import AUTO, reference_of
from memlab.lab.remembering import RunMemory
from memlab.progress import Progress, quiet

if TYPE_CHECKING:
    import numpy as np

    from memlab.measures.estimates import Estimate
    from memlab.measures.predicted import Predicted
    from memlab.measures.references import Reference

EXCERPTS, SEED = 64, 0  # of training and of held-out text, which a passage is compared with


@dataclass(frozen=True)
class Token:
    """A token of the true text, and what the model and its reference hold of it given the true text before.

    name: its class, empty for a token that is given. rank: 1 is the likeliest. nats, bits: -ln p and -log2 p. reference: the reference's
    probability. guess: what the model holds most likely. None where nothing is predicted; nats and bits also where p is 0.
    """

    text: str
    name: str = ""
    probability: float | None = None
    rank: int | None = None
    nats: float | None = None
    bits: float | None = None
    reference: float | None = None
    guess: str | None = None


@dataclass(frozen=True)
class Continuation:
    """The model's own continuation of the first `prompt` tokens beside the true one, `truth`, always with its likeliest token.

    first_difference: the number of the first token that is not as in the text, None where all are.
    """

    prompt: int
    truth: list[str]
    greedy: list[str]
    same: list[bool]
    first_difference: int | None


@dataclass(frozen=True)
class ClassShare:
    """A class in this passage: `n` tokens, the `share` of those predicted; and its mean share over training and held-out excerpts."""

    name: str
    n: int
    share: float
    training: "Estimate"
    held_out: "Estimate"


@dataclass(frozen=True)
class Compared:
    """The reference, and how good it is: nats per token on the same `n_tokens` of held-out excerpts, beside the model's own.

    passage_bits: what the passage takes with the model, and with the reference (None where it cannot occur there).
    """

    words: str
    is_exact: bool
    held_out_nats: float | None
    model_held_out_nats: float
    n_tokens: int
    passage_bits: float
    reference_passage_bits: float | None


@dataclass(frozen=True)
class Tokens:
    """A passage token by token.

    n_excerpts: of training and of held-out text, drawn by the seed, that the shares are compared with; n_left_out more of held-out text
    stand in the training text too.
    """

    run: str
    step: int
    part: AnyPart
    label: str
    tokens: list[Token]
    classes: list[ClassShare]
    continuation: Continuation | None
    reference: Compared
    n_excerpts: dict[str, int]
    n_left_out: int
    seed: int
    notes: list[str]


@dataclass(frozen=True)
class _Around:
    """What a passage is compared with: of each part its number of excerpts and its share of each class, and the held-out losses."""

    n: dict[str, int]
    n_left_out: int
    shares: dict[str, dict[str, "Estimate"]]
    held_out_nats: float | None
    model_held_out_nats: float
    n_tokens: int


@dataclass(frozen=True, eq=False)
class _Asked:
    """A passage as one row: inputs, targets (1, T), and the number of that row where it is one of the run's own text."""

    part: AnyPart
    label: str
    inputs: "np.ndarray"
    targets: "np.ndarray"
    rows: "np.ndarray | None" = None
    note: str = ""


def tokens(
    memory: RunMemory,
    home: Path,
    question: Question,
    prompt: int | None = None,
    reference: "str | Reference" = AUTO,
    seed: int = SEED,
    device: str = "auto",
    progress: Progress = quiet,
) -> Tokens:
    """Read a passage token by token and continue it greedily from its first `prompt` tokens, half of them by default.

    reference: as `reference_of` takes it, or one that is open already. A row of the run's own text stands as in training, from its first
    token on. Raises UsageError for a row or a prompt that there is not, DataError for a text without a token to predict.
    """
    asked = _ask(memory, question)
    _check_prompt(memory, asked, prompt)
    other = reference_of(memory, home, reference, device, progress) if isinstance(reference, str) else reference
    return _read(memory, home, asked, prompt, other, seed, progress)


def _read(memory: RunMemory, home: Path, asked: _Asked, prompt: int | None, other: "Reference", seed: int, progress: Progress) -> Tokens:
    from memlab.measures.classes import classify
    from memlab.measures.predicted import predict

    progress("reading the passage", 0, None, "")
    mine = predict(memory.model, asked.inputs, asked.targets)
    its = other.predict(asked.inputs, asked.targets, asked.part, asked.rows)
    classes = classify(asked.inputs, mine, its)[0]
    around = _around(memory, home, other, seed, progress)
    compared = Compared(
        other.words,
        other.is_exact,
        around.held_out_nats,
        around.model_held_out_nats,
        around.n_tokens,
        _bits(mine),
        _finite(_bits(its)),
    )
    return Tokens(
        memory.run.name,
        memory.step,
        asked.part,
        asked.label,
        _tokens(memory, asked, mine, its, classes),
        _shares(classes, around),
        _continue(memory, asked, prompt),
        compared,
        around.n,
        around.n_left_out,
        seed,
        _notes(memory, asked),
    )


def _ask(memory: RunMemory, question: Question) -> _Asked:
    import numpy as np

    from memlab.data.rows import WindowRows

    if question.part == "given":
        passage = given(memory, question.text)
        if len(passage.ids) < 2:
            raise DataError(f"{question.text!r} is one token, and in a run on windows the first one is given; give more words")
        return _Asked("given", passage.label, passage.ids[None, :-1], passage.ids[None, 1:], note=passage.note)
    rows = memory.data.rows(question.part)
    if not memory.has_documents:
        rows = WindowRows(rows.stream, memory.context, memory.context)
    if not 0 <= question.number < len(rows):
        raise UsageError(f"there is no {question.part} passage {question.number:,}; there are {len(rows):,}, numbered from 0")
    number = np.array([question.number])
    document, _ = rows.origin(question.number)
    name = memory.document_name(document, question.part)
    return _Asked(question.part, name, *rows.take(number), number)


def _text(memory: RunMemory, asked: _Asked) -> "np.ndarray":
    """The tokens of the text (N,), without a beginning-of-text token."""
    import numpy as np

    return np.append(asked.inputs[0], asked.targets[0, -1])[int(memory.has_documents) :]


def _check_prompt(memory: RunMemory, asked: _Asked, prompt: int | None) -> None:
    least, most = 1 - int(memory.has_documents), len(_text(memory, asked)) - 1
    if prompt is not None and not least <= prompt <= most:
        raise UsageError(f"--prompt is {prompt}; of these {most + 1} tokens {least} to {most} can be continued")


def _tokens(memory: RunMemory, asked: _Asked, mine: "Predicted", its: "Predicted", classes: "np.ndarray") -> list[Token]:
    from memlab.lab.predicting import pieces
    from memlab.measures.classes import CLASSES

    texts = pieces(memory.tokenizer, [], _text(memory, asked).tolist())
    n_given = len(texts) - len(classes)
    found = [Token(text) for text in texts[:n_given]]
    for place, text in enumerate(texts[n_given:]):
        log, other = float(mine.log_probabilities[0, place]), float(its.log_probabilities[0, place])
        guess = memory.tokenizer.decode([int(mine.guesses[0, place])], clean_up_tokenization_spaces=False)
        rank = int(mine.ranks[0, place]) + 1
        nats = -log + 0.0  # not -0.0
        name = CLASSES[classes[place]]
        found.append(Token(text, name, math.exp(log), rank, nats, nats / math.log(2), math.exp(other), guess))
    return found


def _continue(memory: RunMemory, asked: _Asked, prompt: int | None) -> Continuation | None:
    import numpy as np

    from memlab.lab.predicting import pieces
    from memlab.measures.continued import continue_greedily

    text = _text(memory, asked)
    length = (len(text) + int(not memory.has_documents)) // 2 if prompt is None else prompt  # half a row, as `excerpts` cut them
    begin = asked.inputs[0, : int(memory.has_documents)]
    greedy = continue_greedily(memory.model, [np.append(begin, text[:length])], [len(text) - length])[0]
    before = text[:length].tolist()
    same = (greedy == text[length:]).tolist()
    first = same.index(False) if False in same else None
    return Continuation(
        length, pieces(memory.tokenizer, before, text[length:].tolist()), pieces(memory.tokenizer, before, greedy.tolist()), same, first
    )


def _shares(classes: "np.ndarray", around: _Around) -> list[ClassShare]:
    from memlab.measures.classes import CLASSES

    counts = [int((classes == number).sum()) for number in range(len(CLASSES))]
    training, held_out = around.shares["training"], around.shares["validation"]
    return [ClassShare(name, n, n / len(classes), training[name], held_out[name]) for name, n in zip(CLASSES, counts, strict=True)]


def _around(memory: RunMemory, home: Path, other: "Reference", seed: int, progress: Progress) -> _Around:
    """The classes of the run's training and held-out excerpts, and the held-out losses; measured now or before."""
    from memlab.measures.classes import CLASSES, VERSION
    from memlab.measures.estimates import Estimate

    about = {"version": VERSION, "reference": other.identity, "excerpts": EXCERPTS, "seed": seed}
    depends_on = {**about, **weights_and_text(memory.run, memory.step)}

    def read(found: dict[str, Any]) -> _Around:
        shares = {part: {name: Estimate(**found["shares"][part][name]) for name in CLASSES} for part in PARTS}
        return _Around(**{**found, "shares": shares})

    return kept(memory.run, home, "tokens", memory.step, depends_on, lambda: asdict(_measure(memory, other, seed, progress)), read)


def _measure(memory: RunMemory, other: "Reference", seed: int, progress: Progress) -> _Around:
    from memlab.measures.classes import classify, shares
    from memlab.measures.material import Material

    material = Material(memory.model, memory.data, memory.context, EXCERPTS, seed, progress)
    found, predicted = {}, {}
    for part, some in material.excerpts.items():
        mine = material.predicted[part]
        told = _told(progress, f"predicting {part} text with the reference", len(some))
        predicted[part] = other.predict(some.inputs, some.targets, part, some.rows, told)
        told_apart = classify(some.inputs, mine, predicted[part])
        found[part] = {one.name: one.share for one in shares(told_apart, seed, some.documents)}
    held_out = material.predicted["validation"]
    return _Around(
        {part: len(some) for part, some in material.excerpts.items()},
        material.n_left_out,
        found,
        _finite(_mean_nats(predicted["validation"])),
        _mean_nats(held_out),
        int(held_out.are_predicted.sum()),
    )


def _told(progress: Progress, doing: str, total: int) -> Callable[[int], None]:
    return lambda done: progress(doing, done, total, "passages")


def _mean_nats(predicted: "Predicted") -> float:
    return float(-predicted.log_probabilities[predicted.are_predicted].mean())


def _bits(predicted: "Predicted") -> float:
    return float(-predicted.log_probabilities[predicted.are_predicted].sum()) / math.log(2) + 0.0


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _notes(memory: RunMemory, asked: _Asked) -> list[str]:
    unknown = memory.tokenizer.unk_token_id
    n_unknown = int((_text(memory, asked) == unknown).sum()) if unknown is not None else 0
    notes = [asked.note] if asked.note else []
    if n_unknown:
        notes.append(f"{n_unknown} of the words are unknown to the tokenizer, which has one token for all of them.")
    return notes
