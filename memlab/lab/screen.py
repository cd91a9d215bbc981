"""A run drawn as text: the curves with their numbers, and one plain line for whoever has no screen."""

from memlab.lab.courses import Wish, draw
from memlab.lab.summary import loss_words
from memlab.lab.view import RunView, Work, work_of
from memlab.render.safe import safe
from memlab.render.safe import width as cells
from memlab.render.scale import count, decimal, duration, percent, short


def frame(view: RunView, width: int, height: int, wish: Wish) -> str:
    """Exactly `height` lines, none wider than `width`: the plot, and below it the numbers."""
    below = [safe(line, width, ascii=wish.ascii) for line in (status_line(view), numbers_line(view, width))] if height > 8 else []
    plot = draw(view, (), wish, width, max(1, height - len(below)), safe(title(view), width, ascii=wish.ascii))
    return "\n".join([plot.text, *below])


def title(view: RunView) -> str:
    """The run and what it is made of."""
    facts = view.provenance
    if not view.has_facts:
        return view.run.name
    return f"{view.run.name} · N {short(facts['model']['n_params'])} · D {short(facts['data']['n_tokens'])} tokens"


def status_line(view: RunView) -> str:
    """How it stands: `running · step 420 of 700 · 60 % · 12.3k tokens/s · 25 s left`."""
    work = work_of(view)
    if work:
        return f"{view.status} · {work_words(work)}"
    parts = [view.status]
    if view.steps:
        parts += [f"step {count(view.step)} of {count(view.steps)}", percent(view.step / view.steps)]
    if view.is_active:
        parts += _pace(view)
    problem = view.problem()
    return " · ".join([*parts, *([problem] if problem else [])])


def numbers_line(view: RunView, width: int = 1000) -> str:
    """The last losses, the best one, and the share of tokens with p > 0.9 beside its control, in as many words as fit."""
    if not view.evaluations:
        return ""
    last, best = view.evaluations[-1], view.best()
    training, validation = loss_words(last["train_loss"]), loss_words(last["validation_loss"])
    sure, control = percent(last["train_confident"]), percent(last["validation_confident"])
    at_best = f" · best {decimal(best['validation_loss'])} at {count(best['step'])}" if best else ""
    losses = f"training {training} · validation {validation}"
    forms = (
        f"{losses}{at_best} · p > 0.9: {sure} training, {control} validation",
        f"{losses}{at_best} · p > 0.9: {sure} | {control}",
        f"{losses} · p > 0.9: {sure} | {control}",
        f"{training} | {validation} · p > 0.9: {sure} | {control}",
    )
    return next((form for form in forms if cells(form) <= width), forms[-1])


def plain_line(view: RunView, evaluation: dict) -> str:
    """One evaluation as one line, for pipes and logs; the latest one says how fast it goes."""
    parts = [
        f"step {evaluation['step']}/{view.steps}",
        f"training {loss_words(evaluation['train_loss'])}",
        f"validation {loss_words(evaluation['validation_loss'])}",
        f"p>0.9 {percent(evaluation['train_confident'])}/{percent(evaluation['validation_confident'])}",
        f"{evaluation['tokens']} tokens",
        duration(evaluation["seconds"]),
    ]
    return "  ".join([*parts, *(_pace(view) if evaluation is view.evaluations[-1] else [])])


def _pace(view: RunView) -> list[str]:
    rate, left = view.tokens_per_second(), view.seconds_left()
    return [*([f"{short(rate)} tokens/s"] if rate else []), *([f"{duration(left)} left"] if left is not None else [])]


def work_words(work: Work) -> str:
    """What a starting trainer does: `tokenising: 12,000 of 26,000 documents · 4 s left`."""
    amount = "" if not work.unit else f": {count(work.done)}{f' of {count(work.total)}' if work.total else ''} {work.unit}"
    return work.doing + amount + (f" · {duration(work.seconds_left)} left" if work.seconds_left is not None else "")
