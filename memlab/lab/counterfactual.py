"""Counterfactual memorisation: models of the same settings on different halves of the text, with a passage and without it.

Needs torch: see `lab.serving`.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memlab import config
from memlab.errors import DataError, UsageError
from memlab.lab.jobs import Asked
from memlab.lab.measured import kept, weights_and_text
from memlab.lab.sampling import choose_checkpoint, load_checkpoint
from memlab.progress import Progress, quiet
from memlab.rundir import RunDir

if TYPE_CHECKING:
    import numpy as np

    from memlab.data.rows import RunData
    from memlab.measures.counterfactual import Effects, Pieces
    from memlab.measures.estimates import Estimate
    from memlab.render.series import Series

MODELS, N, SEED = 8, 256, 0
_NAME, _MEASURE = "counterfactual", 1  # the second is raised whenever something else is computed
_LONGEST = 48  # tokens of a passage that are shown


@dataclass(frozen=True)
class Passage:
    """A piece of a document from its token `start` on: the accuracy of models `with_it` and `without`, their difference, its error.

    The error is the standard error over models, `n_with` and `n_without` of them.
    """

    document: str
    start: int
    with_it: float
    without: float
    value: float
    error: float
    n_with: int
    n_without: int
    text: str


@dataclass(frozen=True)
class Mean:
    """The mean accuracy over the passages of a part, with them and without, and the mean difference; intervals are over documents."""

    with_it: "Estimate"
    without: "Estimate"
    value: "Estimate"


@dataclass(frozen=True)
class Counterfactual:
    """Passages of the training text and, as control, of held-out text, the most memorised first.

    No model was trained on the control: which ones count as trained with a passage was drawn, so that it lies around 0. `bound` is its
    97.5 % quantile, `above` the share of the training passages beyond that, `control_above` that of the control, which chance gives.
    `is_beyond_chance`: the interval of the one lies above the other. Intervals are over documents, with these models as they are.
    `has_fixed_windows`: the models know their text by heart best where it stood in their windows, which is not where they are asked here.
    """

    runs: list[str]
    seed: int
    mean: dict[str, Mean]
    bound: float
    above: "Estimate"
    control_above: float
    is_beyond_chance: bool
    n_documents: dict[str, int]
    has_fixed_windows: bool
    training: list[Passage]
    held_out: list[Passage]


@dataclass(frozen=True, eq=False)
class _Model:
    """A finished run: the checkpoint that is asked, what that depends on, and what it was trained on."""

    run: RunDir
    step: int
    about: dict[str, Any]
    data: "RunData"


def halves(name: str, experiment: config.Experiment, toml: str, n_models: int = MODELS) -> list[Asked]:
    """The experiment on both halves of its documents, divided by as many seeds as it takes: each document is in half of the models.

    Every model has its own seed of weights and order too. Raises UsageError for an odd or too small number, or for text divided already.
    """
    if n_models < 4 or n_models % 2:
        raise UsageError(f"--models is {n_models}; it must be an even number of at least 4: each division gives two halves")
    if config.n_parts(experiment.data) > 1:
        raise UsageError(f"data.subset_share is {experiment.data.subset_share:g}; leave it at 1: the text is divided into halves here")
    asked = []
    for number in range(n_models):
        changes = {
            "data.subset_share": 0.5,
            "data.subset_part": number % 2,
            "data.subset_seed": experiment.data.subset_seed + number // 2,
            "train.seed": experiment.train.seed + number,
        }
        asked.append(Asked(f"{name}-half", config.changed(experiment, changes), toml))
    return asked


def counterfactual(
    runs: Sequence[RunDir], home: Path, n: int | None = N, seed: int = SEED, device: str = "auto", progress: Progress = quiet
) -> Counterfactual:
    """Ask the last checkpoints of some runs for at most n passages of each part (all for None), drawn by the seed.

    Passages are those that at least two of the runs were trained with, and two without. What each run predicts is kept beside it. Raises
    UsageError for runs that are not of the same text and rows, DataError where there is no such passage.
    """
    import numpy as np

    from memlab.measures import counterfactual as measure

    models = [_open(run, home) for run in runs]
    _check_alike(models)
    pieces, member = _training_pieces(models, n, seed)
    control = _held_out_pieces(models[0], n, seed)
    drawn = np.random.default_rng([seed, 0xCF]).integers(0, len(pieces), len(control))
    members = {"training": member, "held_out": member[:, drawn]}
    parts = {"training": pieces, "held_out": control}
    found = []
    for number, model in enumerate(models):
        progress("asking each model", number, len(models), "models")
        about = {**model.about, "measure": _MEASURE, "passages": _digest(parts.values())}
        found.append(kept(model.run, home, _NAME, model.step, about, lambda model=model: _accuracies(model, parts, device)))
    effects = {part: measure.effects(np.array([one[part] for one in found]), members[part]) for part in parts}
    return _result(models, seed, parts, members, effects)


def series(found: Counterfactual) -> "list[Series]":
    """The distribution: the passages of each part from the most memorised on, over their share of all."""
    from memlab.render.series import Series

    curves = []
    for name, some in (("training text", found.training), ("held-out text", found.held_out)):
        at = [100 * number / max(1, len(some) - 1) for number in range(len(some))]
        curves.append(Series(name, at, [passage.value for passage in some], role="train"))
    return curves


def _open(run: RunDir, home: Path) -> _Model:
    from memlab.data.rows import recorded_rows

    step = choose_checkpoint(run, "last")
    return _Model(run, step, weights_and_text(run, step), recorded_rows(home, run))


def _check_alike(models: Sequence[_Model]) -> None:
    first = models[0]
    if len({model.run.path for model in models}) < len(models):
        raise UsageError("a run is named twice; name each run once")
    for model in models[1:]:
        for what, one, other in (
            ("text", model.data.corpus.fingerprint, first.data.corpus.fingerprint),
            ("context", model.data.train.context, first.data.train.context),
            ("kind of rows", type(model.data.train), type(first.data.train)),
        ):
            if one != other:
                raise UsageError(f"run '{model.run.name}' has another {what} than '{first.run.name}'; counterfactual runs have the same")


def _training_pieces(models: Sequence[_Model], n: int | None, seed: int) -> "tuple[Pieces, np.ndarray]":
    """The passages that can be told apart, drawn, and which models were trained with them: (M, n)."""
    import numpy as np

    from memlab.measures import counterfactual as measure

    trained_on = [measure.tokens_trained_on(model.data) for model in models]
    pieces = _cut(models[0], "train", np.flatnonzero(np.any([some > 0 for some in trained_on], 0)))
    member = np.stack([measure.within(pieces, some) for some in trained_on])
    told = np.flatnonzero(measure.are_told(member))
    if len(told) == 0:
        raise DataError(
            f"no passage is in {measure.LEAST} of these runs and missing in {measure.LEAST}; train them on halves of one text: "
            "memlab counterfactual PRESET"
        )
    chosen = _drawn(told, n, seed)
    return pieces.some(chosen), member[:, chosen]


def _held_out_pieces(model: _Model, n: int | None, seed: int) -> "Pieces":
    import numpy as np

    pieces = _cut(model, "validation", np.arange(len(model.data.corpus.tokens("validation"))))
    return pieces.some(_drawn(np.arange(len(pieces)), n, seed))


def _cut(model: _Model, split: str, documents: "np.ndarray") -> "Pieces":
    import numpy as np

    from memlab.data.rows import DocumentRows
    from memlab.measures.counterfactual import cut

    lengths = np.diff(model.data.corpus.tokens(split).ends, prepend=0)
    return cut(lengths, documents, model.data.train.context, isinstance(model.data.train, DocumentRows))


def _drawn(numbers: "np.ndarray", n: int | None, seed: int) -> "np.ndarray":
    import numpy as np

    return numbers if n is None else np.sort(np.random.default_rng(seed).permutation(numbers)[:n])


def _digest(parts: "Sequence[Pieces]") -> str:
    digest = hashlib.sha256()
    for pieces in parts:
        for array in (pieces.documents, pieces.starts, pieces.stops):
            digest.update(array.astype("<i8").tobytes() + b"|")
    return digest.hexdigest()[:16]


def _accuracies(model: _Model, parts: "dict[str, Pieces]", device: str) -> dict[str, list[float]]:
    """The share of right tokens of each passage of each part."""
    from memlab.measures.counterfactual import rows_of
    from memlab.measures.predicted import predict
    from memlab.training.device import choose_device

    asked, tokenizer = load_checkpoint(model.run, model.step)
    asked = asked.to(choose_device(device))
    begin = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.eos_token_id
    accuracies = {}
    for part, pieces in parts.items():
        split = "train" if part == "training" else "validation"
        found = predict(asked, *rows_of(pieces, model.data.corpus.tokens(split), begin))
        accuracies[part] = (found.are_right.sum(1) / found.are_predicted.sum(1)).tolist()
    return accuracies


def _result(
    models: Sequence[_Model], seed: int, parts: "dict[str, Pieces]", members: "dict[str, np.ndarray]", effects: "dict[str, Effects]"
) -> Counterfactual:
    from memlab.data.rows import DocumentRows
    from memlab.measures.counterfactual import beyond
    from memlab.measures.estimates import mean

    data = models[0].data
    documents = {part: pieces.documents for part, pieces in parts.items()}
    training, control = (effects[part].value for part in ("training", "held_out"))
    found = beyond(training, documents["training"], control, documents["held_out"], seed)
    means = {
        part: Mean(*(mean(values, seed, documents[part]) for values in (one.with_it, one.without, one.value)))
        for part, one in effects.items()
    }
    ranked = {part: _ranked(data, part, parts[part], members[part], effects[part]) for part in parts}
    return Counterfactual(
        [model.run.name for model in models],
        seed,
        means,
        found.bound,
        found.share,
        found.control,
        found.is_told,
        {part: len(set(some.tolist())) for part, some in documents.items()},
        data.order == "epochs" and not isinstance(data.train, DocumentRows),
        **ranked,
    )


def _ranked(data: "RunData", part: str, pieces: "Pieces", member: "np.ndarray", effects: "Effects") -> list[Passage]:
    split = "train" if part == "training" else "validation"
    passages = []
    for number, (document, start, stop) in enumerate(zip(pieces.documents, pieces.starts, pieces.stops, strict=True)):
        ids = data.corpus.tokens(split)[int(document)][start : min(stop, start + _LONGEST)]
        figures = (float(values[number]) for values in (effects.with_it, effects.without, effects.value, effects.error))
        counts = (int((member[:, number] == kind).sum()) for kind in (1, 0))
        passages.append(Passage(data.corpus.name(split, int(document)), int(start), *figures, *counts, data.corpus.decode(ids)))
    return sorted(passages, key=lambda passage: -passage.value)
