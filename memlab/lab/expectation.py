"""What to expect of a run, as names and words: at once from its settings, then from what was counted and measured."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from memlab import config, models, registry
from memlab.errors import MemlabError
from memlab.lab.view import floor_name
from memlab.render.scale import count, counted, decimal, duration, nbytes, percent, short
from memlab.theory import capacity, sizes

Known = dict[str, Any]  # facts by the names of `lab.stages`

_AMOUNT = ("fraction", "tokens")  # settings of the data that choose from a corpus and its rows
_BUSY = 0.5  # load per thread from which others disturb a measurement


@dataclass(frozen=True)
class Fact:
    """One line. `value` is empty where it is not known; `note` can be left out where there is no room; `needs` are the facts behind it.

    Facts of one `group` belong together.
    """

    name: str
    value: str
    note: str = ""
    needs: tuple[str, ...] = ()
    group: int = 0

    @property
    def words(self) -> str:
        """Value and note on one line."""
        return f"{self.value}  {self.note}" if self.note else self.value


def facts(known: Mapping[str, Any]) -> list[Fact]:
    """Everything that is worth a line, in order; what is not known yet has no value."""
    groups = ([*_sizes(known)], [*_memory(known)], [*_budget(known), *_floors(known)], [*_costs(known)])
    return [replace(fact, group=number) for number, group in enumerate(groups) for fact in group]


@dataclass(frozen=True)
class Prospect:
    """What is known of an experiment so far. `rough`: by formula or in proportion. `old`: what was known of the settings before.

    `rates`: how much of each kind of budget (config.BUDGETS) one step takes; it depends on everything but the budget.
    """

    experiment: config.Experiment
    known: Known
    rough: frozenset[str] = frozenset()
    old: Known = field(default_factory=dict)
    rates: dict[str, float] = field(default_factory=dict)

    @property
    def shown(self) -> Known:
        """What is known, and in its place what was."""
        return {**self.old, **self.known}

    @property
    def stale(self) -> set[str]:
        """The facts shown that are of the settings before."""
        return self.old.keys() - self.known.keys()

    def found(self, facts: Known) -> "Prospect":
        """With facts that were counted or measured for these very settings."""
        excluded = {"costs": ("too_large",), "too_large": ("costs", "seconds", "disk_bytes", "load")}
        gone = {name for fact in facts for name in excluded.get(fact, ())}
        old = {name: value for name, value in self.old.items() if name not in gone}
        counted = {name: value for name, value in self.known.items() if name not in self.rough} | facts
        known, rough = _with_guesses(self.experiment, counted, {**self.known, **facts})
        return replace(self, known=known, rough=rough, old=old, rates={**self.rates, **_rates(known)})

    def settled(self) -> "Prospect":
        """When nothing more is to come: what is not known now is not known at all."""
        return replace(self, old={})


def at_once(experiment: config.Experiment, before: Prospect | None = None) -> Prospect:
    """What the settings alone say, and what still holds of what was known of the settings before."""
    known, rough = _taken_over(experiment, before) if before else ({}, set())
    counted = {name: value for name, value in known.items() if name not in rough}
    is_same_text = before is not None and _text_of(before.experiment.data) == _text_of(experiment.data)
    known, rough = _with_guesses(experiment, counted, known)
    rates = before.rates if before and _without_budget(before.experiment) == _without_budget(experiment) else {}
    return Prospect(experiment, known, rough, before.shown if is_same_text else {}, {**rates, **_rates(known)})


def _without_budget(experiment: config.Experiment) -> dict[str, Any]:
    tables = {name: asdict(getattr(experiment, name)) for name in ("data", "model", "train")}
    return {**tables, "train": {name: value for name, value in tables["train"].items() if name not in config.BUDGETS}}


def _rates(known: Known) -> dict[str, float]:
    """How much of each kind of budget one step takes, as far as it is known."""
    if not known.get("steps"):
        return {}
    amounts = {"steps": known["steps"], "n_tokens": known.get("tokens_seen"), "epochs": known.get("epochs")}
    amounts["minutes"] = known["seconds"] / 60 if "seconds" in known else None
    return {name: amount / known["steps"] for name, amount in amounts.items() if amount}


def _with_guesses(experiment: config.Experiment, counted: Known, known: Known) -> tuple[Known, frozenset[str]]:
    """What is known and what follows from it by formula; and which of it was not counted."""
    known = dict(known)
    for guess in (_guess_tokens, _guess_parameters, _guess_budget):
        known |= {name: value for name, value in guess(experiment, known).items() if name not in known}
    rough = known.keys() - counted.keys()
    if experiment.data.rows == "windows" and not experiment.data.insertions:
        rough.discard("n_tokens")  # the stream is cut there, in the middle of a document if need be
    return known, frozenset(rough)


def _taken_over(experiment: config.Experiment, before: Prospect) -> tuple[Known, set[str]]:
    """Facts whose settings have not changed; and with another amount of the same text, what grows in proportion."""
    earlier, found = before.experiment, before.known
    if _text_of(earlier.data) != _text_of(experiment.data):
        return {}, set()
    same_rows = earlier.data == experiment.data and earlier.model.context == experiment.model.context
    same_model = earlier.model == experiment.model
    if same_rows and same_model and earlier.train == experiment.train:
        return dict(found), set(before.rough)
    keep = ["vocab_size", "available_tokens"]
    keep += ["n_tokens", "rows", "information", "floors"] if same_rows else []
    keep += ["n_params", "n_params_total"] if same_model else []
    known = {name: found[name] for name in keep if name in found}
    rough = before.rough & known.keys()
    if not same_rows and {"available_tokens", "n_tokens", "information"} <= found.keys():
        n_tokens = experiment.data.tokens or round(experiment.data.fraction * found["available_tokens"])
        bits = found["information"]["bits"] * n_tokens / found["n_tokens"]
        known |= {"n_tokens": n_tokens, "information": {**found["information"], "bits": bits}}
        rough |= {"n_tokens", "information"}
    return known, set(rough)


def _text_of(data: config.Data) -> dict[str, Any]:
    return {name: value for name, value in asdict(data).items() if name not in _AMOUNT}


def _guess_tokens(experiment: config.Experiment, known: Known) -> Known:
    data = experiment.data
    if data.tokens:
        return {"n_tokens": data.tokens}
    return {"n_tokens": round(data.fraction * known["available_tokens"])} if "available_tokens" in known else {}


def _guess_parameters(experiment: config.Experiment, known: Known) -> Known:
    """12·l·d² for a family with plain sizes, and with embeddings of words and positions."""
    try:
        size = models.size_of(experiment.model)
        tokenizer = registry.load("tokenizer", experiment.data.tokenizer)
        options = config.build_options(tokenizer.Options, experiment.data.tokenizer_options, "data.tokenizer_options")
    except MemlabError:
        return {}
    if "n_head" not in size or any(isinstance(value, tuple) for value in size.values()):
        return {}
    n_params = sizes.transformer_params(size["n_layer"], size["n_embd"], size.get("n_inner"))
    vocab_size = known.get("vocab_size") or getattr(options, "vocabulary", 0)
    total = {"n_params_total": n_params + (vocab_size + experiment.model.context) * size["n_embd"]} if vocab_size else {}
    return {"n_params": n_params, **total}


def _guess_budget(experiment: config.Experiment, known: Known) -> Known:
    """Steps, tokens seen and epochs of windows, whose rows all have `context` tokens."""
    train, context = experiment.train, experiment.model.context
    if experiment.data.rows != "windows" or "n_tokens" not in known or train.minutes:
        return {}
    from memlab.training.schedule import steps_of_budget

    per_epoch = max(context, (known["n_tokens"] - 1) // context * context)
    try:
        steps = steps_of_budget(train, context, per_epoch, None)
    except MemlabError:  # no budget yet
        return {}
    n_tokens = steps * train.batch * context
    return {"steps": steps, "tokens_seen": n_tokens, "epochs": n_tokens / per_epoch}


def _sizes(known: Mapping[str, Any]) -> Iterable[Fact]:
    yield _fact("N", known, ("n_params",), count, "parameters in attention and feed-forward")
    yield _fact("in all", known, ("n_params_total",), count, "parameters, embeddings too")
    if "available_tokens" in known:
        of = f"of {count(known['available_tokens'])} in the training part"
        yield _fact("D", known, ("n_tokens", "available_tokens"), lambda n, total: f"{count(n)} tokens, {percent(n / total)}", of)
    else:
        yield _fact("D", known, ("n_tokens",), lambda n: f"{count(n)} tokens")
    yield _fact("tokens per parameter", known, ("n_tokens", "n_params"), lambda d, n: decimal(sizes.tokens_per_parameter(d, n)))
    yield _fact(
        "N/D²", known, ("n_params", "n_tokens"), lambda n, d: f"{sizes.n_over_d_squared(n, d):.2e}", _matched(known.get("n_params"))
    )


def _matched(n_params: int | None) -> str:
    ratios = [1e10 * ratio for ratio in sizes.MEASURED_RATIOS.values()]
    paper = f"the paper's {min(ratios):.1f} to {max(ratios):.1f}e-10"
    return f"{paper} would be D = {short(sizes.matched_tokens(n_params))}" if n_params else paper


def _memory(known: Mapping[str, Any]) -> Iterable[Fact]:
    how = known["information"]["how"] if "information" in known else ""
    yield _fact("data", known, ("information",), lambda held: f"{'' if held['exact'] else 'at most '}{short(held['bits'])} bits", how)
    measured = f"{capacity.BITS_PER_PARAMETER} a parameter, as measured on random tokens"
    yield _fact("capacity", known, ("n_params_total",), lambda n: f"{short(capacity.capacity_bits(n))} bits", measured)
    needs = ("information", "n_params_total", *(["epochs"] if "epochs" in known else []))
    yield _fact("can memorise", known, needs, lambda held, n, epochs=None: outlook_words(held, capacity.capacity_bits(n), epochs))


def outlook_words(information: Mapping[str, Any], capacity_bits: float, epochs: float | None) -> str:
    """How much of the data the capacity holds, and whether the budget gives it a chance."""
    bits = information["bits"]
    share = percent(capacity.share_held(bits, capacity_bits))
    words = {
        "all": f"all: it fits {decimal(capacity_bits / bits, 2)} times" if bits else "all: there is nothing to know",
        "part": f"a part: {'about' if information['exact'] else 'at least'} {share}",
        "little": f"little: {'about' if information['exact'] else 'at least'} {share}",
    }[capacity.outlook(bits, capacity_bits)]
    if epochs is None or capacity.seen_often(epochs):
        return words
    return f"{words}; but seen only {decimal(epochs, 2)} times" if epochs else "nothing: it is not trained"


def _budget(known: Mapping[str, Any]) -> Iterable[Fact]:
    seen = f"{short(known['tokens_seen'])} tokens seen" if "tokens_seen" in known else ""
    yield _fact("budget", known, ("steps", "epochs"), lambda steps, epochs: f"{count(steps)} steps, {decimal(epochs)} epochs", seen)


def _floors(known: Mapping[str, Any]) -> Iterable[Fact]:
    if "floors" not in known:
        yield Fact("floors", "", "", ("floors",))
    for floor in known.get("floors", []):
        yield Fact(floor_name(floor["name"]), decimal(floor["loss"]), floor["how"], ("floors",))


def _costs(known: Mapping[str, Any]) -> Iterable[Fact]:
    if "too_large" in known:
        large = known["too_large"]
        yield Fact("device", _device(known["compute"]), "", ("compute",))
        needed, free = nbytes(large["needed_bytes"]), nbytes(large["free_bytes"])
        yield Fact("memory", f"at least {needed}, but only {free} are free", "so it was not measured", ("too_large",))
        return
    yield _fact("time", known, ("seconds", "costs"), lambda seconds, costs: f"about {duration(seconds)}", _pace(known))
    yield _fact("memory", known, ("costs",), lambda costs: f"about {nbytes(costs['memory_bytes'])}")
    yield _fact("disk", known, ("disk_bytes",), lambda size: f"about {nbytes(size)}", "of checkpoints")
    yield _fact("device", known, ("compute",), _device)


def _device(compute: Mapping[str, Any]) -> str:
    return f"{compute['device']} ({compute['device_name']}), {compute['precision']}, {counted(compute['threads'], 'thread')}"


def _pace(known: Mapping[str, Any]) -> str:
    if not {"costs", "load", "compute"} <= known.keys():
        return ""
    costs, load = known["costs"], known["load"]
    pace = f"{duration(costs['step_seconds'])} a step, {duration(costs['evaluation_seconds'])} an evaluation, as measured here"
    if load <= _BUSY * known["compute"]["threads"]:
        return pace
    return f"{pace}; other programs were running (load {load:.1f}), so it may be less"


def _fact(name: str, known: Mapping[str, Any], needs: tuple[str, ...], words: Callable[..., str], note: str = "") -> Fact:
    """A fact in these words where all that it needs is known."""
    if any(need not in known for need in needs):
        return Fact(name, "", "", needs)
    return Fact(name, words(*(known[need] for need in needs)), note, needs)
