"""What a run remembers: passages token by token, where retrieval takes them, and the landscape there, each beside held-out text.

Needs torch: see `lab.serving`.
"""

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

from memlab.data.parts import PARTS, Part
from memlab.lab.report.subject import OPTIONS, PASSAGES, WORDS, Subject
from memlab.render.card import LIES, context, facts, spread
from memlab.render.document import Block, Facts, Figure, Listing, Passage, Token
from memlab.render.scale import count, decimal, percent
from memlab.render.strip import KINDS, mean_words
from memlab.render.tables import Column

if TYPE_CHECKING:
    from memlab.lab.inspecting import Inspection
    from memlab.lab.landscape import Landscape
    from memlab.lab.memorized import Memorised
    from memlab.lab.tokens import Tokens

_LISTED, _STRIPS = 5, 2  # passages of each part
_CONTEXT = 60  # cells of a text beside its numbers
_GRID = (192, 128)  # values of a landscape, across and up
_TITLES = {"training": "Training text", "validation": "Held-out text, the control"}


def passages(subject: Subject) -> Iterator[Block]:
    """The best memorised passages of each part, in a list and as strips."""
    for part in PARTS:
        yield _ranking(subject, part)
    found = {(part, number): _tokens(subject, part, number) for part in PARTS for number in subject.best(part, _STRIPS)}
    for (part, number), one in found.items():
        yield _strip(subject, part, number, one)
    if found:
        yield _classes(list(found.values()))


def attractors(subject: Subject) -> Iterator[Block]:
    """A card for the best memorised passage of each part, and how near it lies to the patterns in every layer."""
    for part in PARTS:
        for number in subject.best(part):
            found = _inspect(subject, part, number)
            yield _card(subject, part, number, found)
            yield _readings(subject, part, number, found)


def landscapes(subject: Subject) -> Iterator[Block]:
    """The energy around the best memorised passage of each part."""
    for part in PARTS:
        for number in subject.best(part):
            yield from _landscape(subject, part, number)


def _ranking(subject: Subject, part: Part) -> Listing:
    from memlab.lab.memorized import searched_words

    ranked = subject.ranked
    some = ranked.training if part == "training" else ranked.held_out
    columns = [
        Column("score", right=True),
        Column("exact", "tokens right", right=True),
        Column("loss", "nats/token"),
        Column("times", "occurs"),
        Column("row", "no", right=True),
        Column("text", "prompt … and how it goes on"),
        Column("document", "in"),
    ]
    words = (
        f"{_TITLES[part]}: the {min(_LISTED, len(some))} best memorised of {len(some)} passages drawn with seed {subject.seed}. Score: "
        "share of the continuation that greedy decoding gives word for word; occurs: how often it stands in the training text."
    )
    words += f" {searched}" if (searched := searched_words(ranked)) else ""
    if part == "validation" and ranked.n_left_out:
        words += f" Left out, for they stand in the training text too: {count(ranked.n_left_out)}."
    options = ["--passages", PASSAGES, "--top", _LISTED, "--measures", "none", "--seed", subject.seed]
    return Listing(columns, [_row(passage) for passage in some[:_LISTED]], words, subject.command("memorized", *options))


def _row(passage: "Memorised") -> dict[str, object]:
    text = f"…{passage.prompt[-24:]} … {passage.continuation[:48]}"
    return {**vars(passage), "score": percent(passage.score), "exact": percent(passage.exact), "row": str(passage.row), "text": text}


def _tokens(subject: Subject, part: Part, number: int) -> "Tokens":
    from memlab.lab.questions import Question
    from memlab.lab.tokens import tokens

    asked = Question(part, number=number)
    return tokens(subject.model, subject.home, asked, seed=subject.seed, device=subject.device, progress=subject.progress)


def _strip(subject: Subject, part: Part, number: int, found: "Tokens") -> Passage:
    tokens = [Token(one.text, one.name, _note(one.name, one.probability, one.rank)) for one in found.tokens]
    shares = ", ".join(f"{percent(one.share)} {one.name}" for one in found.classes if one.n)
    words = f"{_begun(WORDS[part])} {number}, from {found.label}: {shares}."
    if one := found.continuation:
        words += f" Continued greedily from its first {one.prompt} tokens, {sum(one.same)} of {len(one.same)} are as in the text."
    words += f" Reference: {found.reference.words}."
    return Passage(tokens, words, subject.command("tokens", OPTIONS[part], number, "--seed", subject.seed))


def _note(name: str, probability: float | None, rank: int | None) -> str:
    return "" if probability is None else f"{name}, p {decimal(probability)}, rank {rank}"


def _classes(found: "list[Tokens]") -> Listing:
    """Shares of the classes in both parts of the run's text: the same in what every passage was compared with."""
    first = found[0]
    by_name = {one.name: one for one in first.classes}
    rows = [
        {
            "class": f"{kind.sign} {name}",
            "training": mean_words(asdict(by_name[name].training), with_interval=True),
            "held_out": mean_words(asdict(by_name[name].held_out), with_interval=True),
            "meaning": kind.meaning,
        }
        for name, kind in KINDS.items()
    ]
    n = first.n_excerpts
    words = (
        f"Classes of tokens: mean shares of {n['training']} training and {n['validation']} held-out excerpts drawn with seed {first.seed}, "
        "with 95 % intervals by resampling their documents."
    )
    columns = ["class", Column("training", "training text", right=True), Column("held_out", "held-out text", right=True), "meaning"]
    return Listing(columns, rows, words)


def _inspect(subject: Subject, part: Part, number: int) -> "Inspection":
    from memlab.lab.inspecting import inspect
    from memlab.lab.questions import Question

    return inspect(subject.memory, Question(part, number=number), progress=subject.progress)


def _card(subject: Subject, part: Part, number: int, found: "Inspection") -> Facts:
    tokens = found.asked.tokens
    end = {"before": "".join(tokens[: found.position]), "token": tokens[found.position]}
    heading = f"{_begun(WORDS[part])} {number}: {context(end, _CONTEXT)}"
    where = ("layer", f"{found.card.layer_words}, at β = {decimal(found.card.beta)}, over {count(found.n_patterns)} patterns")
    return Facts([where, *facts(asdict(found.card))], heading, subject.command("inspect", OPTIONS[part], number))


def _readings(subject: Subject, part: Part, number: int, found: "Inspection") -> Listing:
    columns = [
        "layer",
        Column("g", "d²", right=True),
        Column("training", "training text", right=True),
        Column("held_out", "held-out text", right=True),
        Column("lies"),
        Column("energy", "E", right=True),
        Column("in_play", "in play", right=True),
    ]
    rows = [
        {
            "layer": one.layer,
            "g": decimal(one.squared_distance),
            "training": spread(one.training),
            "held_out": spread(one.held_out),
            "lies": LIES[one.lies],
            "energy": decimal(one.energy),
            "in_play": decimal(one.effective_patterns),
        }
        for one in found.readings
    ]
    counts = found.n_controls
    control = (
        f"beside those of {count(counts['training'])} queries of training and {count(counts['validation'])} of held-out text (median, "
        "and the middle nine tenths)"
        if counts
        else "without a control, for all held-out text stands in the training text too"
    )
    words = (
        f"{_begun(WORDS[part])} {number} against the patterns of every layer: squared distance d² to the nearest, {control}; energy "
        f"and patterns in play at β = 1. {_sentence(found.notes)}"
    )
    return Listing(columns, rows, words, subject.command("inspect", OPTIONS[part], number))


def _landscape(subject: Subject, part: Part, number: int) -> Iterator[Block]:
    from memlab.lab.landscape import Wish, landscape
    from memlab.lab.questions import Question
    from memlab.lab.scenery import facts as legend
    from memlab.lab.scenery import field, heading, notes

    wish = Wish(seed=subject.seed, width=_GRID[0], height=_GRID[1])
    found: Landscape = landscape(subject.memory, Question(part, number=number), wish, subject.progress)
    words = (
        f"{_begun(heading(found))}, around the last state of {WORDS[part]} {number}. A plane through it: what lies off the plane is "
        f"marked at its foot. {_sentence(notes(found))}"
    )
    title = f"Landscape around {WORDS[part]} {number}"
    command = subject.command("landscape", OPTIONS[part], number, "--svg", "landscape.svg")
    yield Figure("heat_map", {"field": field(found, title="")}, title, words, command, size=(820, 560))
    yield Facts(legend(found))


def _sentence(notes: list[str]) -> str:
    """Notes, one after the other, as one sentence."""
    return _begun("; ".join(notes)) + "." if notes else ""


def _begun(words: str) -> str:
    """As a sentence begins."""
    return words[:1].upper() + words[1:]
