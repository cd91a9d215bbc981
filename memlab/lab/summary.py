"""What came of a run, in words and figures, with its controls beside every figure."""

from typing import Any

from memlab.lab.view import RunView
from memlab.render.scale import count, decimal, duration, percent, short


def facts(view: RunView) -> list[tuple[str, str]]:
    """N, D, losses against the floors, and the share of tokens predicted with p > 0.9, training text beside held-out text."""
    known = view.provenance
    model, data = known["model"], known["data"]
    rows = [
        ("model", f"N {count(model['n_params'])} in attention and feed-forward, {count(model['n_params_total'])} in all"),
        (
            "data",
            f"D {count(data['n_tokens'])} tokens, {percent(data['n_tokens'] / data['available_tokens'])} of the training part; D/N {decimal(data['n_tokens'] / model['n_params'])}",
        ),
    ]
    if not view.evaluations:
        return rows
    first, last, best = view.evaluations[0], view.evaluations[-1], view.best() or view.evaluations[-1]
    epochs = last["tokens"] / data["tokens_per_epoch"]
    rows += [
        ("seen", f"{count(last['step'])} steps, {short(last['tokens'])} tokens, {decimal(epochs)} epochs, {duration(last['seconds'])}"),
        (
            "training loss",
            f"{_loss(first['train_loss'])} at the start, {_loss(last['train_loss'])} at the end (nats per token, on fixed rows)",
        ),
        (
            "validation loss",
            f"{_loss(best['validation_loss'])} at best (step {count(best['step'])}), {_loss(last['validation_loss'])} at the end",
        ),
        *(
            (f"{floor['name']} floor" if "stated" not in floor["name"] else floor["name"], f"{decimal(floor['loss'])}  {floor['how']}")
            for floor in known.get("floors", [])
        ),
        (
            "p > 0.9",
            f"{percent(last['train_confident'])} of training tokens, {percent(last['validation_confident'])} of validation tokens (control)",
        ),
        ("repeats", _repeats(data["repeats"])),
    ]
    return rows


def verdict(view: RunView) -> str:
    """One honest sentence on what the two curves say; what they cannot say is left out."""
    if len(view.evaluations) < 2 or view.evaluations[-1].get("train_loss") is None or view.best() is None:
        return "Too few evaluations to say anything yet."
    last, best = view.evaluations[-1], view.best()
    gap = last["validation_loss"] - last["train_loss"]
    rise = last["validation_loss"] - best["validation_loss"]
    known, unknown = last["train_confident"], last["validation_confident"]
    if known > 0.5 and known > 5 * unknown:
        return (
            f"It has memorised: {percent(known)} of its training tokens come with p > 0.9, and only {percent(unknown)} of tokens it never saw; "
            f"since its best point the validation loss rose by {decimal(rise)}."
        )
    if gap < 0.1 * last["train_loss"]:
        return f"Training and validation loss stay together (gap {decimal(gap)}): what it knows, it knows of unseen text too."
    if rise > 0.05 * best["validation_loss"]:
        return f"It overfits: the validation loss rose by {decimal(rise)} since its best point while the training loss fell on; the gap is {decimal(gap)}."
    return (
        f"The curves part: the gap is {decimal(gap)} nats per token, but the validation loss has not turned by more than {decimal(rise)}."
    )


def _loss(value: float | None) -> str:
    return "not finite" if value is None else decimal(value)


def _repeats(repeats: dict[str, Any]) -> str:
    what = f"spans of {repeats['span']} tokens" if repeats["span"] else "documents"
    sampled = "" if repeats["sampled"] == 1 else f" (a sample of {percent(repeats['sampled'])})"
    return (
        f"{percent(repeats['repeated_in_training'])} of training {what} stand there more than once, "
        f"{percent(repeats['validation_in_training'])} of validation {what} stand in the training part{sampled}"
    )
