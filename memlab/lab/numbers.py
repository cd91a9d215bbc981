"""How a run stands, in groups of names and values."""

from memlab.lab.figures import figures
from memlab.lab.summary import loss_words
from memlab.lab.view import RunView
from memlab.render.scale import count, decimal, duration, percent, short


def groups(view: RunView) -> list[list[tuple[str, str]]]:
    """How the run stands, in groups of names and values: progress, losses, what it knows for sure, what was measured, what it is."""
    return [group for group in (_progress(view), _losses(view), _confident(view), _measured(view), _made_of(view)) if group]


def _progress(view: RunView) -> list[tuple[str, str]]:
    last = view.timed[-1] if view.timed else None
    rows = [("step", f"{count(view.step)} of {count(view.steps)}")] if view.steps else []
    if last:
        rows.append(("tokens", short(last["tokens"])))
        if view.has_facts:
            rows.append(("epochs", decimal(last["tokens"] / view.provenance["data"]["tokens_per_epoch"])))
        rows.append(("time", duration(last["seconds"])))
    rate, left = view.tokens_per_second(), view.seconds_left()
    if rate and view.is_active:
        rows.append(("speed", f"{short(rate)} tokens/s"))
    if left is not None:
        rows.append(("left", duration(left)))
    return rows


def _losses(view: RunView) -> list[tuple[str, str]]:
    if not view.evaluations:
        return []
    last, best = view.evaluations[-1], view.best()
    training, validation = last["train_loss"], last["validation_loss"]
    rows = [("training", loss_words(training)), ("validation", loss_words(validation))]
    if training is not None and validation is not None:
        rows.append(("gap", decimal(validation - training)))
    if best:
        rows.append(("best", f"{decimal(best['validation_loss'])} at {count(best['step'])}"))
    rate = view.training[-1].get("lr") if view.training else None
    if isinstance(rate, int | float):
        rows.append(("learning rate", f"{rate:.2e}"))
    return rows


def _confident(view: RunView) -> list[tuple[str, str]]:
    """The share of tokens with p > 0.9, of training text and, as a control, of text that it never saw."""
    if not view.evaluations:
        return []
    last = view.evaluations[-1]
    return [("p > 0.9", percent(last["train_confident"])), ("control", percent(last["validation_confident"]))]


def _measured(view: RunView) -> list[tuple[str, str]]:
    """The last figures that the run measured of itself, of training text beside held-out text."""
    if not view.measured:
        return []
    last = view.measured[-1]
    return [("measured", f"at step {count(last['step'])}"), *((one.short, one.words(last)) for one in figures(view))]


def _made_of(view: RunView) -> list[tuple[str, str]]:
    if not view.has_facts:
        return []
    model, data = view.provenance["model"], view.provenance["data"]
    return [("N", count(model["n_params"])), ("D", count(data["n_tokens"])), ("data", percent(data["n_tokens"] / data["available_tokens"]))]
