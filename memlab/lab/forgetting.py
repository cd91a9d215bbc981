"""What a run has memorised at one checkpoint and forgotten at a later one, beside held-out text. Needs torch: see `lab.serving`."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from memlab.errors import UsageError
from memlab.lab.measured import kept, weights_and_text
from memlab.lab.over_training import POINTS, checkpoints_of, thinned
from memlab.lab.remembering import RunMemory, open_model
from memlab.lab.sampling import load_checkpoint
from memlab.progress import Progress, quiet
from memlab.rundir import RunDir

if TYPE_CHECKING:
    import numpy as np

    from memlab.measures.excerpts import Excerpts
    from memlab.measures.forgetting import Shares
    from memlab.measures.material import Material
    from memlab.render.series import Series

N, SEED = 256, 0
Unit = Literal["passages", "tokens"]
UNITS: tuple[Unit, ...] = ("passages", "tokens")
_NAME, _MEASURE = "forgetting", 1  # the second is raised whenever something else is computed


@dataclass(frozen=True)
class Moment:
    """A checkpoint: what of each part is held, forgotten and was never held. Passages are held where they are extracted word for word,
    tokens where they are the argmax after their true prefix.
    """

    step: int
    training: "dict[Unit, Shares]"
    held_out: "dict[Unit, Shares]"


@dataclass(frozen=True)
class Passage:
    """One passage over training: `score` is the share of its continuation that greedy decoding gives, at the first checkpoint where that
    is highest and at the last one. `times` is how often it was extracted word for word at one checkpoint and not at the next.
    """

    part: str
    row: int
    document: str
    best_step: int
    best_score: float
    last_score: float
    times: int
    prompt: str
    continuation: str

    @property
    def lost(self) -> float:
        """By how much the score has fallen since it was highest."""
        return self.best_score - self.last_score


@dataclass(frozen=True)
class Course:
    """A run's checkpoints in order, and its passages, those first that have lost most.

    `n_skipped` checkpoints are not among the `moments`; `n_left_out` held-out passages stand in the training text too, and are no control.
    """

    run: str
    seed: int
    n_skipped: int
    n_left_out: int
    moments: list[Moment]
    training: list[Passage]
    held_out: list[Passage]


def forgetting(
    run: RunDir,
    home: Path,
    n: int | None = N,
    points: int = POINTS,
    seed: int = SEED,
    device: str = "auto",
    progress: Progress = quiet,
) -> Course:
    """Follow at most n passages of each part (all for None), drawn by the seed, over at most `points` checkpoints, evenly chosen.

    What a checkpoint holds is kept in the run directory. Raises what `open_model` raises, UsageError for fewer than two checkpoints.
    """
    there = checkpoints_of(run)
    if points < 2 or len(there) == 1:
        given = f"--points is {points}" if points < 2 else f"run '{run.name}' has one checkpoint"
        raise UsageError(f"{given}; forgetting takes at least 2 checkpoints")
    memory = open_model(run, home, "last", device, progress)
    material = _material(memory, n, seed)
    steps = thinned(there, points)
    found = []
    for number, step in enumerate(steps):
        progress("asking each checkpoint", number, len(steps), "checkpoints")
        about = {**weights_and_text(run, step), "measure": _MEASURE, "n": n, "seed": seed}
        found.append(kept(run, home, _NAME, step, about, lambda step=step: _held_at(memory, material, step)))
    parts = {part: _Held([one[part] for one in found], material.excerpts[part]) for part in material.excerpts}
    shares = {part: {unit: held.shares(unit, seed) for unit in UNITS} for part, held in parts.items()}
    moments = [
        Moment(step, *({unit: by_unit[unit][number] for unit in UNITS} for by_unit in (shares["training"], shares["validation"])))
        for number, step in enumerate(steps)
    ]
    passages = {part: _passages(memory, held, steps) for part, held in parts.items()}
    return Course(run.name, seed, len(there) - len(steps), material.n_left_out, moments, passages["training"], passages["validation"])


def series(course: Course, unit: Unit) -> "list[Series]":
    """What is held and what was forgotten over training, of both parts, as shares."""
    from memlab.render.series import Series

    steps = [moment.step for moment in course.moments]
    curves = []
    for color, (name, part) in enumerate((("training", "training"), ("held-out", "held_out"))):
        of = [getattr(moment, part)[unit] for moment in course.moments]
        curves.append(Series(f"{name}, held", steps, [one.held.value for one in of], role="validation", color=color))
        curves.append(Series(f"{name}, forgotten", steps, [one.forgotten.value for one in of], role="validation", color=color + 2))
    return curves


@dataclass(frozen=True, eq=False)
class _Held:
    """What S checkpoints hold of the excerpts of one part, as `_held_at` writes it."""

    found: list[dict[str, Any]]
    some: "Excerpts"

    @property
    def scores(self) -> "np.ndarray":
        """(S, n)."""
        import numpy as np

        return np.array([one["scores"] for one in self.found])

    def shares(self, unit: Unit, seed: int) -> "list[Shares]":
        import numpy as np

        from memlab.data.rows import IGNORED
        from memlab.measures.forgetting import course

        if unit == "passages":
            extracted = self.scores == 1
            return course(extracted[..., None], np.ones((*extracted.shape[1:], 1), bool), self.some.documents, seed)
        there = self.some.targets != IGNORED
        right = np.zeros((len(self.found), *there.shape), bool)
        for one, rows in zip(right, self.found, strict=True):
            one[there] = np.frombuffer("".join(rows["right"]).encode(), np.uint8) == ord("1")
        return course(right, there, self.some.documents, seed)


def _material(memory: RunMemory, n: int | None, seed: int) -> "Material":
    """For its excerpts, which are the same at every checkpoint."""
    from memlab.measures.material import Material

    return Material(memory.model, memory.data, memory.context, n, seed)


def _held_at(memory: RunMemory, material: "Material", step: int) -> dict[str, Any]:
    """Of each part: the memorisation score of every excerpt, and which of its tokens are right, a 1 or 0 each."""
    from memlab.measures.continued import continue_greedily
    from memlab.measures.memorisation.extraction import match
    from memlab.measures.predicted import predict

    model = load_checkpoint(memory.run, step)[0].to(memory.model.device)
    held = {}
    for part, some in material.excerpts.items():
        predicted = predict(model, some.inputs, some.targets)
        continued = continue_greedily(model, some.prompts, [len(true) for true in some.continuations])
        right = [
            "".join("01"[int(is_right)] for is_right in row[there])
            for row, there in zip(predicted.are_right, predicted.are_predicted, strict=True)
        ]
        held[part] = {"scores": match(continued, some.continuations).tolist(), "right": right}
    return held


def _passages(memory: RunMemory, held: _Held, steps: list[int]) -> list[Passage]:
    """Those first that have lost most, of equals those that were better known."""
    from memlab.measures.forgetting import times_forgotten

    scores, some = held.scores, held.some
    times = times_forgotten(scores == 1)
    passages = []
    for number in range(len(some)):
        course = scores[:, number]
        best = int(course.argmax())
        passages.append(
            Passage(
                some.part,
                int(some.rows[number]),
                memory.document_name(int(some.documents[number]), some.part),
                steps[best],
                float(course[best]),
                float(course[-1]),
                int(times[number]),
                *_texts(memory, some.prompts[number], some.continuations[number]),
            )
        )
    return sorted(passages, key=lambda passage: (-passage.lost, -passage.best_score))


def _texts(memory: RunMemory, prompt: "np.ndarray", continuation: "np.ndarray") -> tuple[str, str]:
    """The prompt, and the true continuation as it goes on from there."""
    from memlab.lab.predicting import pieces

    before = prompt[int(memory.has_documents) :].tolist()
    text = memory.tokenizer.decode(before, clean_up_tokenization_spaces=False)
    return text, "".join(pieces(memory.tokenizer, before, continuation.tolist()))
