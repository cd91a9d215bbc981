"""What the run itself predicts on a training passage and on a validation passage, token by token."""

import contextlib
import itertools
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from rich.text import Text

from memlab.lab.child import failure_of
from memlab.render.safe import safe
from memlab.render.safe import width as cells
from memlab.rundir import RunDir
from memlab.tui.widgets.keyline import name_pane
from memlab.tui.widgets.lines import Lines

if TYPE_CHECKING:
    from memlab.tui.app import LabApp

_SURE = 0.9  # probability from which a token is known by heart
_SIGNS = {"sure": "━", "right": "─", "wrong": " "}
_ASCII_SIGNS = {"sure": "=", "right": "-", "wrong": " "}
_ROLES = {"sure": "good", "right": "text", "wrong": "quiet"}


class Predictions(Lines):
    """Not there until there is something to show. The child process predicts anew when the run has been evaluated."""

    def __init__(self, run: RunDir, **options: str) -> None:
        super().__init__(**options)
        self._run = run
        self._wanted: tuple[int, str] | None = None
        self._asked: tuple[int, str] | None = None
        self._answer: dict[str, Any] = {}
        self._request: int | None = None

    def on_mount(self) -> None:
        self.border_title = "predictions"

    def on_unmount(self) -> None:
        if self._request is not None:
            self.app.child.cancel(self._request)

    def on_resize(self) -> None:
        self.draw()

    @property
    def is_there(self) -> bool:
        """Whether there is something to show."""
        return bool(self._answer)

    def evaluated(self, count: int, status: str) -> None:
        """The run has been evaluated so many times, and stands so: ask for predictions if that is news, and nothing is under way.

        `count` is 0 as long as there is no checkpoint that could predict.
        """
        self._wanted = (count, status)
        if not count or self._wanted == self._asked or self._request is not None or not self.screen.is_current:
            return
        self._asked = self._wanted
        arguments = {"run": str(self._run.path), "known_step": self._answer.get("step")}
        self._request = self.app.child.ask("predict", arguments, self._receive)

    def _receive(self, message: dict[str, Any]) -> None:
        """On a thread of the child's."""
        with contextlib.suppress(RuntimeError):  # the app has ended meanwhile
            self.call_later(self._take, message)

    def _take(self, message: dict[str, Any]) -> None:
        if message["id"] != self._request or "work" in message or "begun" in message:
            return
        self._request = None
        if "bug" in message:
            raise failure_of(message)
        if "passages" in message.get("answer", {}):
            self._answer = message["answer"]
        elif "error" in message and not self._answer:
            self._answer = {"problem": message["error"]}
        self.draw()
        self.evaluated(*self._wanted)
        self.screen.refresh_bindings()

    def draw(self) -> None:
        """Show what has been predicted, in the colours of the theme of now."""
        lab, answer = self.app, self._answer
        passages = answer.get("passages", [])
        width = max(1, self.size.width or lab.size.width - 4)
        rows = max(1, (self.size.height // max(1, len(passages)) - 1) // 2)
        lines = [line for passage in passages for line in strip(lab, passage, width, rows)]
        self.show([lab.text(answer["problem"], "quiet")] if "problem" in answer else lines)
        self.set_class(self.is_there, "-there")
        if passages:
            signs = _ASCII_SIGNS if lab.ascii else _SIGNS
            title = Text.assemble(("predictions", "bold"), "  ", lab.text(f"after the true text, at step {answer['step']:,}", "quiet"))
            name_pane(self, title, lab.text(f"{signs['sure']} right, p > {_SURE}  {signs['right']} right", "quiet"))


def strip(lab: "LabApp", passage: dict[str, Any], width: int, rows: int = 1) -> Iterable[Text]:
    """A passage: how much of it is right, then row by row its text, and under each token whether it is right."""
    found = passage["predictions"]
    right, sure = (sum(judgement(one) in kinds for one in found) for kinds in (("right", "sure"), ("sure",)))
    words = f"{right} of {len(found)} tokens right, {sure} with p > {_SURE}"
    yield Text.assemble(
        lab.text(f"{passage['part']:<12}"),
        lab.text(words),
        "  ",
        lab.text(passage["name"], "quiet", limit=max(1, width - 14 - cells(words))),
    )
    text, below = lab.text(passage["given"], "quiet"), Text(" " * cells(lab.safe(passage["given"])))
    for one in found:
        kind = judgement(one)
        shown = safe(one["text"], ascii=lab.ascii)
        text.append_text(lab.text(shown, _ROLES[kind]))
        below.append((_ASCII_SIGNS if lab.ascii else _SIGNS)[kind] * cells(shown), lab.style(_ROLES[kind]))
    ends = list(itertools.islice(_ends(text.plain, width), rows))
    places = list(itertools.accumulate(cells(text.plain[start:end]) for start, end in itertools.pairwise([0, *ends])))
    for row in zip(text.divide(ends), below.divide(places), range(rows), strict=False):
        yield from row[:2]


def _ends(words: str, width: int) -> Iterator[int]:
    """Where rows of so many cells end in a text."""
    taken = 0
    for number, character in enumerate(words):
        if taken + cells(character) > width:
            yield number
            taken = 0
        taken += cells(character)
    yield len(words)


def judgement(prediction: dict[str, Any]) -> str:
    """sure, right or wrong."""
    if not prediction["right"]:
        return "wrong"
    return "sure" if prediction["probability"] > _SURE else "right"
