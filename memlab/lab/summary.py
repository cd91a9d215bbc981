"""What came of a run, in words and figures, with its controls beside every figure."""

from typing import Any

from memlab.lab.view import RunView, floor_name
from memlab.render.scale import count, decimal, duration, percent, short
from memlab.rundir.events import Row

_MEMORISED = 0.5  # share of training tokens with p > 0.9 from which a run has memorised, where it is also
_CONTROL = 5  # so many times that of validation tokens
_TOGETHER = 0.1  # largest gap of losses that stay together, in training losses
_SHARED = 0.01  # of held-out text
_LEARNED = 0.75  # share of its first training loss that a run must come below to have learned anything worth a word
_TURNED = 0.05  # least rise of a validation loss that has turned, in best validation losses
_BELOW = 0.95  # share of the stated bound that a training loss must come below to be below it beyond doubt
_NEARLY = 0.05  # largest distance of that bound from the entropy of a text for which the one is nearly the other


def facts(view: RunView) -> list[tuple[str, str]]:
    """N, D, losses against the floors, and the share of tokens predicted with p > 0.9, training text beside held-out text."""
    model, data = view.provenance["model"], view.provenance["data"]
    share, ratio = data["n_tokens"] / data["available_tokens"], data["n_tokens"] / model["n_params"]
    evaluations = view.evaluations
    return [
        ("model", f"N {count(model['n_params'])} in attention and feed-forward, {count(model['n_params_total'])} in all"),
        ("data", f"D {count(data['n_tokens'])} tokens, {percent(share)} of the training part; D/N {decimal(ratio)}"),
        *(_losses(view.timed, evaluations, view.best(), data["tokens_per_epoch"]) if evaluations else []),
        *((floor_name(floor["name"]), f"{decimal(floor['loss'])}  {floor['how']}") for floor in view.provenance["floors"]),
        *([("p > 0.9", _confident(evaluations[-1]))] if evaluations else []),
        ("repeats", _repeats(data["repeats"])),
        *([("cut", f"{count(data['cut_rows'])} training documents are longer than the context, and cut")] if data.get("cut_rows") else []),
    ]


def _losses(rows: list[Row], evaluations: list[Row], best: Row | None, tokens_per_epoch: int) -> list[tuple[str, str]]:
    first, last, end = evaluations[0], evaluations[-1], rows[-1]
    if not end["step"]:
        return [
            ("training loss", f"{loss_words(last['train_loss'])} (nats per token, on fixed rows)"),
            ("validation loss", loss_words(last["validation_loss"])),
        ]
    seen = f"{count(end['step'])} steps, {short(end['tokens'])} tokens, {decimal(end['tokens'] / tokens_per_epoch)} epochs"
    when = "at the end" if last["step"] == end["step"] else f"at step {count(last['step'])}, last evaluated"
    at_best = f"{loss_words(best['validation_loss'])} at best (step {count(best['step'])}), " if best else ""
    return [
        ("seen", f"{seen}, {duration(end['seconds'])}"),
        (
            "training loss",
            f"{loss_words(first['train_loss'])} at the start, {loss_words(last['train_loss'])} {when} (nats per token, on fixed rows)",
        ),
        ("validation loss", f"{at_best}{loss_words(last['validation_loss'])} {when}"),
    ]


def _confident(evaluation: Row) -> str:
    sure, control = percent(evaluation["train_confident"]), percent(evaluation["validation_confident"])
    return f"{sure} of training tokens, {control} of validation tokens (control)"


def verdict(view: RunView) -> str:
    """One honest sentence on what the two curves say; what they cannot say is left out. One more where they go below a stated bound."""
    return " ".join(words for words in (_of_both(view), _below_the_bound(view)) if words)


def _below_the_bound(view: RunView) -> str:
    """What a training loss below 1 says of the paper's lower bound, where that is nearly the entropy of the text."""
    floors = {floor["name"]: floor["loss"] for floor in view.provenance.get("floors", [])}
    last = view.evaluations[-1] if view.evaluations else {}
    loss, stated, entropy = last.get("train_loss"), floors.get("1, as stated"), floors.get("entropy")
    if None in (loss, stated, entropy) or abs(entropy - stated) > _NEARLY or loss >= _BELOW * stated:
        return ""
    return (
        f"The training loss, {decimal(loss)}, lies below {stated:g}, the lower bound that the paper states (ln Z + 1/Z ≥ 1): that is "
        f"nearly the entropy of this text, {decimal(entropy)}, and no bound for a model that knows its lines by heart."
    )


def _of_both(view: RunView) -> str:
    """What training and validation loss say."""
    if view.status == "finished" and not view.steps:
        return "Nothing was trained: these are the losses of the model as it begins."
    measured, best = [row for row in view.evaluations if None not in (row["train_loss"], row["validation_loss"])], view.best()
    if len(measured) < 2 or best is None:
        return "Too few evaluations to say anything yet."
    first, last = measured[0], measured[-1]
    if has_memorised(last):
        return _memorised(best, last)
    if last["train_loss"] > _LEARNED * first["train_loss"]:
        return _hardly_begun(view, first, last)
    gap = last["validation_loss"] - last["train_loss"]
    if gap < _TOGETHER * last["train_loss"]:
        stay = f"Training and validation loss stay together (gap {decimal(gap)})"
        return f"{stay}: what it knows, it knows of unseen text too{_shared(view)}."
    rise = last["validation_loss"] - best["validation_loss"]
    if has_turned(best, last):
        return (
            f"It overfits: the validation loss rose by {decimal(rise)} since its best point while the training loss fell on; "
            f"the gap is {decimal(gap)}."
        )
    turn = f"has risen by no more than {decimal(rise)}" if rise > 0 else "is at its best"
    return f"The curves part: the gap is {decimal(gap)} nats per token, but the validation loss {turn}."


def _memorised(best: Row, last: Row) -> str:
    known, unknown = last["train_confident"], last["validation_confident"]
    rise = last["validation_loss"] - best["validation_loss"]
    after = f"; since its best point the validation loss rose by {decimal(rise)}" if rise > 0 else ""
    return (
        f"It has memorised: {percent(known)} of its training tokens come with p > 0.9, "
        f"and only {percent(unknown)} of tokens it never saw{after}."
    )


def _hardly_begun(view: RunView, first: Row, last: Row) -> str:
    warmup = view.run.experiment().train.warmup
    slow = f" All of its steps belong to the warm-up of the learning rate, which takes {count(warmup)}." if last["step"] <= warmup else ""
    fallen = f"from {decimal(first['train_loss'])} to {decimal(last['train_loss'])}"
    return f"It has hardly begun to learn: its training loss has only come {fallen}.{slow}"


def _shared(view: RunView) -> str:
    """How much of the validation text is no unseen text, where that is worth a word."""
    repeats = view.provenance.get("data", {}).get("repeats", {})
    share, span = repeats.get("validation_in_training", 0.0), repeats.get("span", 0)
    if share < _SHARED:
        return ""
    spans = f"its spans of {span} tokens" if span else "its documents"
    return f", though {percent(share)} of {spans} stand in the training text as well"


def has_memorised(evaluation: Row) -> bool:
    """Whether most training tokens come with p > 0.9, and far more of them than of held-out tokens."""
    known, unknown = evaluation["train_confident"], evaluation["validation_confident"]
    return known > _MEMORISED and known > _CONTROL * unknown


def has_turned(best: Row, last: Row) -> bool:
    """Whether the validation loss has risen since its best point, by more than a twentieth of it."""
    return last["validation_loss"] - best["validation_loss"] > _TURNED * best["validation_loss"]


def loss_words(loss: float | None) -> str:
    """A loss for the eye; None is one that was not finite."""
    return "not finite" if loss is None else decimal(loss)


def _repeats(repeats: dict[str, Any]) -> str:
    what = f"spans of {repeats['span']} tokens" if repeats["span"] else "documents"
    sampled = "" if repeats["sampled"] == 1 else f" (a sample of {percent(repeats['sampled'])})"
    return (
        f"{percent(repeats['repeated_in_training'])} of training {what} stand there more than once, "
        f"{percent(repeats['validation_in_training'])} of validation {what} stand in the training part{sampled}"
    )
