"""What a run's own record says: what came of it, its curves with their floors, its settings, and how it was obtained."""

import dataclasses
import time
from collections.abc import Iterator, Sequence
from typing import Any

from memlab import __version__
from memlab.lab.describe import changed_settings
from memlab.lab.figures import figures
from memlab.lab.report.subject import Subject
from memlab.lab.saving import preset_text
from memlab.lab.summary import facts
from memlab.lab.view import RunView
from memlab.render.document import Block, Code, Facts, Figure, Listing
from memlab.render.scale import count, decimate
from memlab.render.series import Series

_POINTS = 1500  # of a curve, more than a page has dots across
_DEEP = 0.1  # of its first value, from which on a training loss wants a logarithmic axis


def outcome(subject: Subject) -> Iterator[Block]:
    """The figures that the first sentence follows from."""
    view = subject.view
    if problem := view.problem():
        yield f"State: {view.status}. {problem[:1].upper()}{problem[1:]}"
    elif view.status != "finished":
        yield f"State: {view.status}, at step {count(view.step)} of {count(view.steps)}. This is how it stands so far."
    if view.has_facts:
        yield Facts(facts(view), command=subject.command("watch", "--once", at_checkpoint=False))


def curves(subject: Subject) -> Iterator[Block]:
    """Losses with the floors, once more logarithmic where they fall far; and how much is predicted with confidence."""
    view = subject.view
    if not (view.training or view.evaluations):
        yield "Nothing has been recorded yet."
        return
    yield _losses(subject, is_logarithmic=False)
    if _is_deep(view):
        yield _losses(subject, is_logarithmic=True)
    if len(view.evaluations) > 1:
        yield _confidence(subject)
    yield from _measured(subject)


def configuration(subject: Subject) -> Iterator[Block]:
    """The settings that are not the defaults, and all of them as a preset."""
    experiment = subject.run.experiment()
    rows = [{"setting": name, "value": value} for name, value in changed_settings(experiment)]
    if experiment.experiment:
        yield experiment.experiment
    if experiment.expect:
        yield f"Expected: {experiment.expect}"
    everything = "memlab presets --settings"
    yield Listing(["setting", "value"], rows, "Settings that differ from their defaults, which the command lists.", everything)
    yield "Saved as run.toml, this trains the same again:"
    yield Code(preset_text(experiment), "memlab train run.toml")


def provenance(subject: Subject) -> Iterator[Block]:
    """Versions, device, seeds, data; and what this report was made with."""
    table, experiment = subject.view.provenance, subject.run.experiment()
    yield Facts([*_trained_with(table), *_data(table), ("seeds", f"training {experiment.train.seed}, data {experiment.data.seed}")])
    rows = [
        {
            "attempt": number,
            "started": _moment(attempt.get("started")),
            "changes": ", ".join(f"{name} = {value}" for name, value in attempt.get("changes", {}).items()),
        }
        for number, attempt in enumerate(table.get("attempts", []), 1)
    ]
    if rows:
        yield Listing(["attempt", "started", "changes"], rows, "Attempts of training; a later one goes on from a checkpoint.")
    home = f"memlab {__version__}; passages, patterns and checks drawn with seed {subject.seed}; commands mean runs of {subject.home}"
    yield Facts([("this report", home), ("the run", str(subject.run.path))])


def thinned(series: Sequence[Series], log_x: bool = False) -> list[Series]:
    """Curves with no more points than can be seen."""
    found = []
    for one in series:
        x, y = one.points()
        if x.size:
            x, y = decimate(x, y, _POINTS, float(x[0]), float(x[-1]))
        found.append(dataclasses.replace(one, x=x, y=y))
    return found


def _losses(subject: Subject, is_logarithmic: bool) -> Figure:
    view = subject.view
    floors = view.floors()
    rows = subject.run.experiment().train.eval_rows
    told = [
        "Loss in nats per predicted token against optimiser steps" + (", on a logarithmic axis." if is_logarithmic else "."),
        f"Training: mean over the steps between two records. Validation: held-out text, the control, the same {count(rows)} rows or fewer "
        "each time.",
        *(f"Dashed, {floor.name}: {one['how']}." for floor, one in zip(floors, view.provenance.get("floors", []), strict=True)),
    ]
    values = {"series": thinned(view.series()), "floors": floors, "markers": view.markers(), "log_y": is_logarithmic}
    options = ["--log", "--once"] if is_logarithmic else ["--once"]
    command = subject.command("watch", *options, at_checkpoint=False)
    return Figure("curves", values, f"Losses of {view.run.name}", " ".join(told), command)


def _confidence(subject: Subject) -> Figure:
    view = subject.view
    steps = [row["step"] for row in view.evaluations]
    named = {"training text": "train_confident", "held-out text": "validation_confident"}
    series = [
        Series(name, steps, [row[key] for row in view.evaluations], role="train" if key.startswith("train") else "validation")
        for name, key in named.items()
    ]
    words = (
        "Share of predicted tokens that the model gives more than 0.9, on fixed rows of training text and, the control, of held-out text. "
        "What rises on training text alone is memorised. The command has both in its rows of kind eval."
    )
    command = subject.command("watch", "--json", at_checkpoint=False)
    return Figure("curves", {"series": thinned(series), "y_label": "share of tokens, p > 0.9"}, "Confident predictions", words, command)


def _measured(subject: Subject) -> Iterator[Figure]:
    """What the run measured of itself while it trained, where its settings say so."""
    command = subject.command("watch", "--json", at_checkpoint=False)
    n = subject.run.experiment().train.measure_rows
    for figure in figures(subject.view):
        words = (
            f"{figure.name}, measured at checkpoints on at most {count(n)} passages of training and, the control, of held-out text, the "
            "same ones each time. The command has it in its rows of kind measured."
        )
        label = figure.name if figure.unit == "share" else f"{figure.name} ({figure.unit})"
        values = {"series": thinned(figure.series("steps")), "y_label": label}
        yield Figure("curves", values, f"{figure.name} over training", words[:1].upper() + words[1:], command)


def _is_deep(view: RunView) -> bool:
    """Whether the training loss has come so far down that a linear axis hides where it ends."""
    losses = [row["train_loss"] for row in view.evaluations if row["train_loss"] is not None]
    return len(losses) > 1 and 0 < min(losses) < _DEEP * losses[0]


def _trained_with(table: dict[str, Any]) -> list[tuple[str, str]]:
    """As far as the trainer has recorded it; files of other versions may say less."""
    decided, machine = table.get("decided") or {}, table.get("machine") or {}
    versions = ", ".join(f"{name} {version}" for name, version in (table.get("versions") or {}).items())
    device = ", ".join(str(decided[key]) for key in ("device", "device_name", "precision") if key in decided)
    threads = f", {decided['threads']} threads" if "threads" in decided else ""
    place = " on ".join(str(machine[key]) for key in ("host", "system") if key in machine)
    told = (("versions", versions), ("commit", table.get("commit") or ""), ("device", device + threads), ("machine", place))
    return [(name, words) for name, words in told if words]


def _data(table: dict[str, Any]) -> list[tuple[str, str]]:
    data = table.get("data")
    if not data:
        return []
    return [
        ("data", f"corpus {data['corpus']}, {count(data['n_tokens'])} of {count(data['available_tokens'])} training tokens"),
        ("fingerprint", str(data["content"])),
    ]


def _moment(seconds: Any) -> str:
    """A time in words, UTC."""
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(seconds)) if isinstance(seconds, int | float) else ""
