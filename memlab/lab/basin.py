"""Basins of a run, seen from outside: how far its input can be disturbed until it comes back no more, on training and on held-out text.

Needs torch: see `lab.serving`.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memlab.data.parts import PARTS
from memlab.errors import DataError, UnknownName, UsageError, did_you_mean
from memlab.lab.measured import kept, weights_and_text
from memlab.lab.remembering import RunMemory, open_memory
from memlab.progress import Progress, quiet
from memlab.rundir import RunDir

if TYPE_CHECKING:
    import numpy as np

    from memlab.measures.estimates import Estimate
    from memlab.measures.prompts import Drawn
    from memlab.measures.queries import Queries
    from memlab.measures.recovery import Disturbance
    from memlab.memory.rows import Rows

CURVES = ("continuation", "truth", "fixed_point", "pattern")  # the same as undisturbed, the true one; and where the retrieval ends
EMBEDDINGS, TOKENS = "embeddings", "tokens"
NOISE_LEVELS = (0.0, 0.125, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0)
TOKEN_LEVELS = (0.0, 0.03, 0.06, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0)
_FORMAT = 2  # raise it whenever the same wishes would give other numbers
_PROMPTS, _QUERIES = 0, 1  # in the seeds of what is drawn


@dataclass(frozen=True)
class Wishes:
    """What is disturbed (embeddings, layer:K or tokens), how far, and what is asked: n passages a part, `tokens` continued.

    `layer` is where the retrieval is asked: empty for the layer that is disturbed, else the last block. `beta` is a number or auto.
    """

    what: str = EMBEDDINGS
    levels: tuple[float, ...] = ()
    train: int = 64
    validation: int = 64
    tokens: int = 16
    layer: str = ""
    beta: str = "1"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.what not in (EMBEDDINGS, TOKENS) and not (self.what.startswith("layer:") and self.what[6:]):
            raise UsageError(f"--what is '{self.what}'; it must be {EMBEDDINGS}, layer:2 (any layer's number) or {TOKENS}")
        for name, least in (("train", 1), ("validation", 1), ("tokens", 1), ("seed", 0)):
            if getattr(self, name) < least:
                raise UsageError(f"--{name} is {getattr(self, name)}; it must be at least {least}")
        most, words = (1.0, "shares of the tokens lie between 0 and 1") if self.what == TOKENS else (1e6, "give numbers from 0 on")
        for level in self.levels:
            if not 0 <= level <= most:
                raise UsageError(f"--levels has {level:g}; {words}")

    @property
    def all_levels(self) -> list[float]:
        """Ascending, with 0 among them."""
        return sorted({0.0, *(self.levels or (TOKEN_LEVELS if self.what == TOKENS else NOISE_LEVELS))})


@dataclass(frozen=True)
class Control:
    """Of one part. `n_prompts` were continued and `n_queries` retrieved, of which the `n_unsettled` that reach no fixed point do not count.

    `n_repeated` stood in the training text elsewhere too and were left out. `n_fixed_points` are reached without disturbance. The chances
    are those of two different passages to share their continuation, or their fixed point: what comes back without remembering.
    """

    n_prompts: int
    n_queries: int
    n_unsettled: int
    n_repeated: int
    n_fixed_points: int
    chance_of_continuation: float
    chance_of_fixed_point: float


@dataclass(frozen=True)
class Basin:
    """The recovery curves of a checkpoint: `curves` by name (CURVES) and part, a rate at each of the `levels`.

    Noise is `level` · `unit` long at every position, `unit` the typical distance between neighbouring patterns of the disturbed `layer`,
    whose states are `typical_norm` long (median); of tokens a level is the share replaced, and these three are None. Retrieval runs at
    `retrieval_layer` with `beta` among `n_patterns`; `n_own` more, of the documents asked with, do not count. `half` is the level at which
    a curve falls to one half; None where it never does.
    """

    step: int
    what: str
    layer: str | None
    unit: float | None
    typical_norm: float | None
    tokens: int
    retrieval_layer: str
    beta: float
    n_patterns: int
    n_own: int
    seed: int
    control: dict[str, Control]
    levels: list[float]
    curves: "dict[str, dict[str, list[Estimate]]]"
    half: dict[str, dict[str, float | None]]


def basin(run: RunDir, home: Path, wishes: Wishes, checkpoint: str = "last", device: str = "auto", progress: Progress = quiet) -> Basin:
    """How often a checkpoint comes back to what it does undisturbed: to its greedy continuation, to the true one, to its fixed point.

    Prompts stand as in training. The retrieval is asked with other passages: windows shifted against the stored ones; of documents the
    patterns of those asked with do not count. Kept beside the run. Raises what `open_memory` raises, UsageError for wishes that the run
    does not have.
    """
    memory = open_memory(run, home, checkpoint, device, progress)
    layer = _disturbed_layer(memory, wishes)
    where = _retrieval_layer(memory, wishes, layer)
    depends_on = {
        **weights_and_text(run, memory.step),
        "wishes": asdict(wishes) | {"levels": wishes.all_levels, "layer": where},
        "patterns": memory.store.meta,
        "format": _FORMAT,
    }
    found = kept(run, home, "basin", memory.step, depends_on, lambda: asdict(_measure(memory, wishes, layer, where, progress)))
    return _from_plain(found)


def parse_levels(words: str) -> tuple[float, ...]:
    """`0.1,0.5,1` as numbers; nothing means the usual ones. Raises UsageError."""
    try:
        return tuple(float(word) for word in words.split(",") if word.strip())
    except ValueError:
        raise UsageError(f"--levels is '{words}'; give numbers with commas between them, such as 0.1,0.5,1") from None


def _disturbed_layer(memory: RunMemory, wishes: Wishes) -> str | None:
    """The layer whose states get noise; None for tokens."""
    if wishes.what == TOKENS:
        return None
    numbered = [name for name in memory.layers if name != "norm"]
    name = "0" if wishes.what == EMBEDDINGS else wishes.what.partition(":")[2]
    name = numbered[-1] if name == "-1" else name
    if name == "norm":
        raise UsageError(
            f"--what is 'layer:norm', but no block reads what the final LayerNorm leaves; the last block is layer:{numbered[-1]}"
        )
    if name not in numbered:
        raise UnknownName(f"--what is '{wishes.what}', but the model has no layer '{name}'{did_you_mean(name, numbered)}")
    return _stored_layer(memory, name)


def _retrieval_layer(memory: RunMemory, wishes: Wishes, disturbed: str | None) -> str:
    from memlab.measures.hidden import choose_layers

    if disturbed is not None and wishes.what != EMBEDDINGS and not wishes.layer:
        return disturbed
    names = choose_layers(wishes.layer or "-1", memory.layers)
    if len(names) != 1:
        raise UsageError(f"--layer is '{wishes.layer}'; give one layer, such as {names[-1]}")
    return _stored_layer(memory, names[0])


def _stored_layer(memory: RunMemory, name: str) -> str:
    if name not in memory.store.layers:
        advice = f"store all: memlab patterns {memory.run.word} --checkpoint {memory.step}"
        raise DataError(f"the stored patterns have no layer '{name}', only {', '.join(memory.store.layers)}; {advice}")
    return name


def _measure(memory: RunMemory, wishes: Wishes, layer: str | None, where: str, progress: Progress) -> Basin:
    from memlab.measures.prompts import draw_prompts
    from memlab.measures.queries import draw_queries
    from memlab.measures.returning import half_level

    counts = {"training": wishes.train, "validation": wishes.validation}
    end = memory.tokenizer.eos_token_id
    prompts = {part: draw_prompts(memory.data, memory.context, part, n, wishes.tokens, end, wishes.seed) for part, n in counts.items()}
    queries = {part: draw_queries(memory.data, memory.context, part, n, wishes.seed) for part, n in counts.items()}
    beta = _beta(memory, wishes, where, progress)
    patterns, n_own = _patterns(memory, where, queries["training"])
    said = {part: _say(memory, wishes, layer, prompts[part], progress) for part in PARTS}
    asked = {part: _ask(memory, wishes, layer, queries[part], where, patterns, beta, progress) for part in PARTS}
    curves = {name: {part: (said if name in said[part] else asked)[part][name] for part in PARTS} for name in CURVES}
    half = {
        name: {part: half_level(wishes.all_levels, [rate.value for rate in rates]) for part, rates in by_part.items()}
        for name, by_part in curves.items()
    }
    n_repeated = {part: prompts[part].n_repeated + queries[part].n_repeated for part in PARTS}
    control = {part: Control(n_repeated=n_repeated[part], **said[part]["control"], **asked[part]["control"]) for part in PARTS}
    unit = memory.scale(layer) if layer else None
    norm = asked["training"]["norm"]
    about = (memory.step, wishes.what, layer, unit, norm, wishes.tokens, where, beta, len(patterns), n_own, wishes.seed)
    return Basin(*about, control, wishes.all_levels, curves, half)


def _say(memory: RunMemory, wishes: Wishes, layer: str | None, prompts: "Drawn", progress: Progress) -> dict[str, Any]:
    """The curves of the continuations of a part's prompts."""
    import numpy as np

    from memlab.measures.recovery import Texts, continuations
    from memlab.measures.returning import chance, rate

    disturbance = _disturbance(memory, wishes, layer, prompts.part, _PROMPTS)
    end = memory.tokenizer.eos_token_id if memory.has_documents else None
    texts = [Texts(group.ids, np.full(len(group), group.ids.shape[1]), group.rows) for group in prompts.groups]
    found: list[list[np.ndarray]] = []
    for number, level in enumerate(wishes.all_levels):
        progress(f"continuing disturbed {prompts.part} text", number, len(wishes.all_levels), "levels")
        drawn = zip(prompts.groups, texts, strict=True)
        found.append([continuations(memory.model, text, group.truth.shape[1], disturbance, level, end) for group, text in drawn])
    truth, documents = [group.truth for group in prompts.groups], np.concatenate([group.documents for group in prompts.groups])
    alike = chance([tuple(row) for group in found[0] for row in group.tolist()])
    return {
        "continuation": [rate(_equal_rows(said, found[0]), documents) for said in found],
        "truth": [rate(_equal_rows(said, truth), documents) for said in found],
        "control": {"n_prompts": len(prompts), "chance_of_continuation": alike},
    }


def _ask(
    memory: RunMemory,
    wishes: Wishes,
    layer: str | None,
    queries: "Queries",
    where: str,
    patterns: "Rows",
    beta: float,
    progress: Progress,
) -> dict[str, Any]:
    """The curves of the retrieval from a part's queries."""
    import torch

    from memlab.measures.recovery import Texts, last_states
    from memlab.measures.returning import chance, rate, same_ends
    from memlab.memory.retrieval import SAME, descend, distinct_points

    disturbance = _disturbance(memory, wishes, layer, queries.part, _QUERIES)
    inputs, which, at = queries.places.take(queries.numbers)
    texts, states = Texts(inputs[which], at.positions + 1, queries.numbers), []
    for number, level in enumerate(wishes.all_levels):
        progress(f"retrieving from disturbed {queries.part} text", number, len(wishes.all_levels), "levels")
        states.append(last_states(memory.model, texts, where, disturbance, level))
    scale = memory.scale(where)
    found = descend(torch.cat(states), patterns, beta, scale)
    ends, nearest = same_ends(found, len(texts.ids), scale)
    settled = found.converged[: len(texts.ids)]
    labels, n_points = distinct_points(found.fixed_points[: len(texts.ids)][settled], SAME * scale)
    norm = float(last_states(memory.model, texts, layer, disturbance, 0.0).norm(dim=1).median()) if layer else None
    documents = at.documents[settled.cpu().numpy()]
    return {
        "fixed_point": [rate(row[settled].cpu().numpy(), documents) for row in ends],
        "pattern": [rate(row[settled].cpu().numpy(), documents) for row in nearest],
        "norm": norm,
        "control": {
            "n_queries": len(texts.ids),
            "n_unsettled": int((~settled).sum()),
            "n_fixed_points": n_points,
            "chance_of_fixed_point": chance(labels.tolist()),
        },
    }


def _equal_rows(some: "list[np.ndarray]", other: "list[np.ndarray]") -> "np.ndarray":
    import numpy as np

    return np.concatenate([(one == two).all(1) for one, two in zip(some, other, strict=True)])


def _disturbance(memory: RunMemory, wishes: Wishes, layer: str | None, part: str, purpose: int) -> "Disturbance":
    import numpy as np

    from memlab.measures.recovery import Noise, Replacement

    seeds = (wishes.seed, PARTS.index(part), purpose)
    if layer is not None:
        return Noise(layer, memory.scale(layer), memory.store.meta["layers"][layer], seeds)
    tokens = np.setdiff1d(np.arange(len(memory.tokenizer)), memory.tokenizer.all_special_ids)
    return Replacement(tokens, int(memory.has_documents), seeds)


def _beta(memory: RunMemory, wishes: Wishes, where: str, progress: Progress) -> float:
    """The inverse temperature wished for; auto is the one by perplexity over held-out text."""
    from memlab.lab.controls import controls
    from memlab.memory.checks import check_beta

    if wishes.beta == "auto":
        beta = controls(memory, progress).layers[where].beta
        if beta is None:
            raise DataError(f"no beta tells the patterns of layer {where} apart; give --beta a number")
        return beta
    try:
        beta = float(wishes.beta)
    except ValueError:
        raise UsageError(f"--beta is '{wishes.beta}'; give auto or a positive number") from None
    check_beta(beta)
    return beta


def _patterns(memory: RunMemory, where: str, queries: "Queries") -> "tuple[Rows, int]":
    """The patterns that count, the same for both parts, and how many do not: those of the training documents asked with."""
    import numpy as np

    from memlab.memory.rows import Subset

    layer = memory.store.layer(where)
    if not memory.has_documents:
        return layer, 0
    asked = queries.places.take(queries.numbers)[2].documents
    others = np.flatnonzero(~np.isin(memory.store.origins["document"], asked))
    if len(others) < 2:
        raise DataError(
            f"only {len(others)} patterns are left without those of the {len(queries)} training documents asked with; lower --train"
        )
    return Subset(layer, others), len(layer) - len(others)


def _from_plain(table: dict[str, Any]) -> Basin:
    from memlab.measures.estimates import Estimate

    curves = {
        name: {part: [Estimate(**rate) for rate in rates] for part, rates in by_part.items()} for name, by_part in table["curves"].items()
    }
    return Basin(**{**table, "curves": curves, "control": {part: Control(**values) for part, values in table["control"].items()}})
