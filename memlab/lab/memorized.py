"""What a run has memorised: its passages ranked by how far they are, the measures of a checkpoint, both beside held-out text.

Needs torch: see `lab.serving`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from memlab import registry
from memlab.errors import DataError, UsageError
from memlab.files import explained
from memlab.lab.measured import kept, weights_and_text
from memlab.lab.references import AUTO, reference_of
from memlab.lab.remembering import RunMemory, open_model
from memlab.progress import Progress, quiet
from memlab.rundir import RunDir

if TYPE_CHECKING:
    from memlab.data.parts import Part
    from memlab.measures.material import Material
    from memlab.measures.references import Reference

N, SEED = 256, 0
Figures = dict[str, list[dict[str, Any]]]  # by measure

_FORMAT = 3  # of what is kept; raised whenever a measure computes something else


@dataclass(frozen=True)
class Memorised:
    """One passage: row `row` of its part, from `document`, and how far it is memorised.

    `score` is the share of its continuation's tokens that greedy decoding from the prompt gives at their place (1: extracted word for
    word), `exact` the share of all its tokens that the model holds most likely after their true prefix, `loss` that of the continuation in
    nats per token. Of the `n_tokens` of the continuation the first `n_matched` are given without a mistake. `times` is how often the
    continuation (of document rows: the document) stands in the training text. `bits` is what the model knows of the passage beyond its
    reference, in bits; None where there is no reference, or where it holds the passage impossible.
    """

    part: str
    row: int
    document: str
    times: int
    score: float
    exact: float
    loss: float
    bits: float | None
    n_tokens: int
    n_matched: int
    prompt: str
    continuation: str
    continued: str


@dataclass(frozen=True)
class Against:
    """What the bits are bits against: the reference, and the nats per token of the model and of the reference, by part.

    Over the passages that can occur under the reference (None for a part without one); `n_impossible` of each part cannot, and have no
    bits. `n_passages` is how many the training text has, to which totals are scaled. `is_below_entropy`: the reference is exact, and the
    model saves bits of training text, more than of held-out text, by 95 % intervals: only memorisation gets there.
    """

    words: str
    is_exact: bool
    n_passages: int
    n_impossible: dict[str, int]
    model_nats: dict[str, float | None]
    reference_nats: dict[str, float | None]
    is_below_entropy: bool


@dataclass(frozen=True)
class Examined:
    """A checkpoint's passages, of each part the best memorised first, and its `figures` by measure: name, part, estimate and unit of each.

    `n_documents` says how many the passages of each part are from (windows: begin in); intervals come from resampling these. `n_left_out`
    held-out passages stand in the training text too, and are no control. `against` is None, and `why_not` says why, where
    nothing can serve as reference. `n_params_total` counts embeddings too. `searched` is how many tokens, from the beginning of the
    training text, `times` and `n_left_out` are counted in; None for all of them.
    """

    run: str
    step: int
    seed: int
    n_documents: dict[str, int]
    n_left_out: int
    training: list[Memorised]
    held_out: list[Memorised]
    figures: Figures
    against: Against | None
    why_not: str
    n_params_total: int
    searched: int | None


def examine(
    run: RunDir,
    home: Path,
    checkpoint: str = "last",
    measures: Sequence[str] | None = None,
    n: int | None = N,
    seed: int = SEED,
    device: str = "auto",
    progress: Progress = quiet,
    reference: str | None = AUTO,
) -> Examined:
    """At most n passages of each part (all for None) by their score, then by the loss of their continuation; and some measures, or all.

    reference: as `reference_of` takes it; where auto finds none, and for None, nothing is said in bits. Figures are kept in the run
    directory. Raises RunError where there is no checkpoint yet, DataError where the run's corpus is not in this home, UnknownName for a
    measure that does not exist, and what `reference_of` raises for a reference that is asked for by name.
    """
    from memlab.data.repeats import SEARCHED

    memory = open_model(run, home, checkpoint, device, progress)
    other, why_not = _reference(memory, home, reference, device, progress)
    material = _material(memory, n, seed, progress, other)
    figures = _figures(memory, home, material, measures)
    training, held_out = (_ranked(memory, material, part) for part in ("training", "validation"))
    against = _against(material) if other else None
    n_params = sum(parameter.numel() for parameter in memory.model.parameters())
    n_documents = {part: len(set(some.documents.tolist())) for part, some in material.excerpts.items()}
    searched = SEARCHED if not memory.has_documents and len(memory.data.train.stream) > SEARCHED else None
    return Examined(
        run.name, memory.step, seed, n_documents, material.n_left_out, training, held_out, figures, against, why_not, n_params, searched
    )


def searched_words(found: Examined) -> str:
    """In how much of the training text passages are counted; nothing where that is all of it."""
    if found.searched is None:
        return ""
    return f"How often a passage occurs is counted in the first {found.searched:,} tokens of the training text only."


def measure(
    run: RunDir,
    home: Path,
    checkpoint: str = "last",
    measures: Sequence[str] | None = None,
    n: int | None = N,
    seed: int = SEED,
    device: str = "auto",
    progress: Progress = quiet,
    reference: str = AUTO,
) -> Figures:
    """The figures of `examine` alone; a reference is made only where one of the measures compares with it, which `against` then names."""
    memory = open_model(run, home, checkpoint, device, progress)
    names = registry.names("measure") if measures is None else measures
    other = _reference(memory, home, reference, device, progress)[0] if any(map(_uses_reference, names)) else None
    found = _figures(memory, home, _material(memory, n, seed, progress, other), names)
    if other:
        found |= {name: [{**figure, "against": other.words} for figure in found[name]] for name in filter(_uses_reference, found)}
    return found


def export(found: Examined, path: Path) -> None:
    """Write all passages to a JSONL or a Parquet file, by its suffix. Raises UsageError for another one, RunError where it fails."""
    import json

    rows = [asdict(passage) for passage in (*found.training, *found.held_out)]
    with explained(path, "writing"):
        if path.suffix == ".jsonl":
            path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        elif path.suffix == ".parquet":
            import pyarrow as pa
            import pyarrow.parquet as pq

            pq.write_table(pa.Table.from_pylist(rows), path)
        else:
            raise UsageError(f"--export is '{path}'; its name must end in .jsonl or .parquet")


def _reference(memory: RunMemory, home: Path, choice: str | None, device: str, progress: Progress) -> "tuple[Reference | None, str]":
    """The reference, or why there is none."""
    if choice is None:
        return None, "no reference was asked for"
    try:
        return reference_of(memory, home, choice, device, progress), ""
    except DataError as error:
        if choice != AUTO:
            raise
        return None, str(error)


def _uses_reference(name: str) -> bool:
    return getattr(registry.load("measure", name), "USES_REFERENCE", False)


def _material(memory: RunMemory, n: int | None, seed: int, progress: Progress, reference: "Reference | None") -> "Material":
    from memlab.measures.material import Material

    return Material(memory.model, memory.data, memory.context, n, seed, progress, reference)


def _figures(memory: RunMemory, home: Path, material: "Material", measures: Sequence[str] | None) -> Figures:
    modules = {name: registry.load("measure", name) for name in (registry.names("measure") if measures is None else measures)}
    about = {**weights_and_text(memory.run, memory.step), "n": material.n, "seed": material.seed, "measure": _FORMAT}
    compared = {"reference": material.reference.identity if material.reference else None}

    def measured(module: ModuleType) -> list[dict[str, Any]]:
        return [asdict(figure) for figure in module.measure(material)]

    def depends_on(name: str) -> dict[str, Any]:
        return {**about, **compared} if _uses_reference(name) else about

    return {
        name: kept(memory.run, home, name, memory.step, depends_on(name), lambda module=module: measured(module))
        for name, module in modules.items()
    }


def _against(material: "Material") -> Against:
    import numpy as np

    from memlab.measures.memorisation.bits import code_lengths, n_passages

    impossible, nats = {}, {"model": {}, "reference": {}}
    for part in material.excerpts:
        mine, its = material.predicted[part], material.expected[part]
        possible = np.isfinite(code_lengths(its))
        impossible[part] = int((~possible).sum())
        for name, one in (("model", mine), ("reference", its)):
            there = one.are_predicted & possible[:, None]
            nats[name][part] = float(-one.log_probabilities[there].mean(dtype=np.float64)) if there.any() else None
    other = material.reference
    is_below = other.is_exact and _saves(material)
    return Against(other.words, other.is_exact, n_passages(material), impossible, nats["model"], nats["reference"], is_below)


def _saves(material: "Material") -> bool:
    """Whether bits are saved of training text, and more than of held-out text, by the intervals of their means over documents."""
    import numpy as np

    from memlab.measures.estimates import mean
    from memlab.measures.memorisation.bits import passage_savings

    means = {}
    for part, values in passage_savings(material).items():
        known = ~np.isnan(values)
        if known.any():
            means[part] = mean(values[known], material.seed, material.excerpts[part].documents[known])
    training, control = means.get("training"), means.get("validation")
    return training is not None and training.low > 0 and not (control and control.high >= training.low)


def _ranked(memory: RunMemory, material: "Material", part: "Part") -> list[Memorised]:
    return sorted(_passages(memory, material, part), key=lambda passage: (-passage.score, passage.loss))


def _passages(memory: RunMemory, material: "Material", part: "Part") -> Iterator[Memorised]:
    import numpy as np

    from memlab.measures.memorisation.bits import passage_bits
    from memlab.measures.memorisation.extraction import match

    bits = passage_bits(material)[part].tolist() if material.reference else []
    some, predicted, continued = material.excerpts[part], material.predicted[part], material.continued[part]
    scores = match(continued, some.continuations)
    exact = predicted.are_right.sum(1) / predicted.are_predicted.sum(1)
    logs = np.where(some.are_in_continuations, predicted.log_probabilities, np.nan)
    for number in range(len(some)):
        document = int(some.documents[number])
        name = memory.document_name(document, part)
        texts = _texts(memory, some.prompts[number], some.continuations[number], continued[number])
        figures = int(some.times[number]), float(scores[number]), float(exact[number]), float(-np.nanmean(logs[number]))
        known = bits[number] if bits and bits[number] == bits[number] else None  # NaN is not equal to itself
        same = continued[number] == some.continuations[number]
        n_matched = int(np.logical_and.accumulate(same).sum())
        yield Memorised(part, int(some.rows[number]), name, *figures, known, len(same), n_matched, *texts)


def _texts(memory: RunMemory, prompt: Any, true: Any, found: Any) -> tuple[str, str, str]:
    """Prompt, true continuation and the model's, each as it goes on from the prompt."""
    tokenizer = memory.tokenizer
    ids = prompt[1:] if memory.has_documents else prompt

    def decode(tokens: Any) -> str:
        return tokenizer.decode(tokens.tolist(), clean_up_tokenization_spaces=False)

    import numpy as np

    before = decode(ids)
    whole = [decode(np.concatenate([ids, tokens])) for tokens in (true, found)]
    after = [text[len(before) :] if text.startswith(before) else decode(tokens) for text, tokens in zip(whole, (true, found), strict=True)]
    return before, *after
