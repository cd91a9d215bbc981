"""TOKENS: a run's passages ranked by how far they are memorised, held-out ones beside them, and any text token by token."""

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar

from rich.text import Text
from textual import events, on
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Static

from memlab.lab.questions import LAST_BLOCK, Question
from memlab.render import strip, stripwords
from memlab.render.tables import keyvalues
from memlab.tui import actions
from memlab.tui.screens.asking import AskingScreen
from memlab.tui.widgets.curves import lines_of
from memlab.tui.widgets.fields import Line
from memlab.tui.widgets.keyline import name_pane
from memlab.tui.widgets.lines import Lines
from memlab.tui.widgets.listing import Listing
from memlab.tui.widgets.questions import titled
from memlab.tui.widgets.ranked import Ranked
from memlab.tui.widgets.runrows import wrapped
from memlab.tui.widgets.tokenstrip import TokenStrip, legend

_REST_SECONDS = 0.12  # of the cursor on a passage, before it is read
_NAMES = 11  # columns of the names of a token's details


class TokensScreen(AskingScreen):
    """One run: the passages above, the tokens of one of them below; the child process answers."""

    NAME, MAIN = "tokens", "#strip"
    VIEWS: ClassVar = {name: name for name in ("tokens", "passages", "greedy", "classes")}
    BINDINGS = actions.bindings(NAME)

    def __init__(self, path: Path, question: Question | None = None, checkpoint: str = "last") -> None:
        """Without a question the best memorised training passage is shown."""
        super().__init__(path)
        self._question, self._checkpoint = question, checkpoint
        self._ranking: dict[str, Any] | None = None
        self._found: dict[str, Any] | None = None
        self._rest: Timer | None = None

    def compose_panes(self) -> Iterable[Widget]:
        yield Line(placeholder="a text to read, or :train 17, :validation 17", id="asked")
        yield Lines(id="status")
        with Horizontal(id="lists"):
            yield Ranked("training", id="training", classes="pane")
            yield Ranked("held-out", "the control", id="held-out", classes="pane")
        with Horizontal(id="middle"):
            with Vertical(id="reading"):
                yield TokenStrip(id="strip", classes="pane")
                yield Lines(id="legend")
                yield Lines(id="token-line")
                with VerticalScroll(id="greedy", classes="pane"):
                    yield Static(id="greedy-text")
            with Vertical(id="aside"):
                yield Lines(id="token", classes="pane")
                with VerticalScroll(id="classes", classes="pane"):
                    yield Static(id="classes-text")

    def on_mount(self) -> None:
        if self._question:
            self._name_question(self._question)
        for name, words in (("strip", "tokens"), ("token", "token"), ("greedy", "greedy"), ("classes", "classes")):
            name_pane(self.query_one(f"#{name}"), Text(words, "bold"))
        self.query_one("#training").focus()
        self.call_after_refresh(self._show_view)
        self._ask()

    def on_resize(self) -> None:
        self.call_after_refresh(self._show_view)  # with the classes of this size

    # What is asked, and what comes back.

    def _ask(self) -> None:
        """Have the child read the passage, and rank all of them where that is not known yet."""
        asked = {"question": asdict(self._question) if self._question else None, "checkpoint": self._checkpoint}
        self._request_of("tokens", {**asked, "ranked": self._ranking is None})

    def _ask_about(self, question: Question) -> None:
        self._question = question
        self._ask()

    def _ask_checkpoint(self, step: str) -> None:
        self._checkpoint, self._ranking = step, None
        self._ask()

    @property
    def _checkpoints(self) -> tuple[list[int], int]:
        return self._found["steps_there"], self._found["step"]

    def _take_found(self, found: dict[str, Any]) -> None:
        if "ranking" in found:
            self._take_ranking(found["ranking"])
            return
        before, self._found = self._found, found["passage"]
        self._question = Question(**self._found["question"])
        self._name_question(self._question)
        tokens = [(token["text"], token["name"]) for token in self._found["tokens"]]
        shown = self.query_one(TokenStrip)
        is_same = before and before["question"] == self._found["question"]  # at another checkpoint, perhaps
        shown.show_tokens(tokens, shown.cursor if is_same else next((place for place, (_, name) in enumerate(tokens) if name), 0))

    def _take_ranking(self, ranking: dict[str, Any]) -> None:
        """The cursor of each list stays on its passage; the one that is shown is found there, if it is there."""
        self._ranking = ranking
        for part, name, passages in (("training", "#training", ranking["training"]), ("validation", "#held-out", ranking["held_out"])):
            listing = self.query_one(name, Ranked)
            if self._question and self._question.part == part:
                listing.await_row(str(self._question.number))
            with self.prevent(Listing.Moved):
                listing.show_passages(passages)

    # What is shown.

    @on(Lines.Resized, "#legend, #token, #token-line")
    def _draw(self) -> None:
        if not self.is_mounted:
            return
        self._draw_status()
        self.query_one(TokenStrip).draw()
        if self._found:
            self._draw_token()
            self._draw_words(self._found)
        self.refresh_bindings()

    @on(TokenStrip.Moved)
    def _draw_token(self) -> None:
        """What is known of the token under the cursor: in a pane of its own, or in a few lines."""
        lab = self.lab
        details = stripwords.details(self._found, self.query_one(TokenStrip).cursor, lab.ascii)
        own, line = self.query_one("#token", Lines), self.query_one("#token-line", Lines)
        own.show(self._lines(keyvalues(details, max(own.size.width, _NAMES), color=lab.color, ascii=lab.ascii)))
        words = [value.partition(":")[0] if name == "class" else value if name == "token" else f"{name} {value}" for name, value in details]
        rows = wrapped(" · ".join(words), max(line.size.width, 1), max(line.size.height, 1))
        line.show([lab.text(row.removesuffix(" ·")) for row in rows])

    def _draw_words(self, found: dict[str, Any]) -> None:
        """The continuation beside the true text; the classes with their shares, and what they are told apart by."""
        below = self.query_one("#legend", Lines)
        below.show([legend(self.lab, found, below.size.width)])
        name_pane(self.query_one(TokenStrip), titled(self.lab, "tokens", f"{self.PARTS[found['part']]}{found['label']}"))
        lab, drawn = self.lab, {"color": self.lab.color, "ascii": self.lab.ascii}
        widths = {name: max(self.query_one(f"#{name}").scrollable_content_region.width, 1) for name in ("greedy", "classes")}
        told = [*stripwords.reference(found), stripwords.excerpts(found, widths["classes"] >= strip.ROOMY), *found["notes"]]
        lines = {
            "greedy": [*self._lines(strip.continuation(found, widths["greedy"], **drawn)), Text()]
            + [lab.text(row, "quiet") for row in wrapped(stripwords.continued(found), widths["greedy"], 9)],
            "classes": [*self._lines(strip.classes(found, widths["classes"], **drawn)), Text()]
            + [lab.text(row, "quiet") for words in told for row in wrapped(lab.safe(words), widths["classes"], 99)],
        }
        for name, rows in lines.items():
            self.query_one(f"#{name}-text", Static).update(Text("\n").join(rows))

    def _lines(self, drawn: str) -> list[Text]:
        return lines_of(self.lab, drawn)

    def _heading(self, room: int) -> Text | None:
        found = self._found
        if found is None:
            return None
        words = f"{found['run']} at step {found['step']:,}, told apart by {found['reference']['words']}"
        return self.lab.text(words, "quiet", room)

    # What the user does.

    def possible(self, id: str) -> bool:  # noqa: A002
        found, part = self._found, self._question.part if self._question else ""
        return {
            "close": True,
            "ask": not self.is_typing,
            "next-view": not self.has_class("-wide"),
            "checkpoint": not self.is_typing and found is not None,
            "training-list": not self.is_typing and self._ranking is not None and part != "training",
            "held-out-list": not self.is_typing and bool(self._ranking and self._ranking["held_out"]) and part != "validation",
        }.get(id, not self.is_typing and found is not None)

    @on(Listing.Moved)
    def _moved(self) -> None:
        """The cursor rests a moment before its passage is read."""
        if self._rest:
            self._rest.stop()
        self._rest = self.set_timer(_REST_SECONDS, self._read_current)

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """A list that one comes to from the other shows its passage."""
        if isinstance(event.widget, Ranked) and event.widget is not self._list:
            self.toggle_class("-on-held-out")
            self._read_current()

    @property
    def _list(self) -> Ranked:
        """The list that one was in last."""
        return self.query_one("#held-out" if self.has_class("-on-held-out") else "#training", Ranked)

    def _read_current(self) -> None:
        key, part = self._list.current, "validation" if self._list.id == "held-out" else "training"
        question = Question(part, number=int(key)) if key is not None else self._question
        if question != self._question:
            self._ask_with(question)

    def action_training_list(self) -> None:
        self._show_list(self.query_one("#training", Ranked))

    def action_held_out_list(self) -> None:
        self._show_list(self.query_one("#held-out", Ranked))

    def _show_list(self, listing: Ranked) -> None:
        self.set_class(listing.id == "held-out", "-on-held-out")
        self._show_view("passages")
        self.call_after_refresh(listing.focus)
        self._read_current()

    def action_previous_token(self) -> None:
        self.query_one(TokenStrip).action_move(-1)

    def action_next_token(self) -> None:
        self.query_one(TokenStrip).action_move(1)

    def action_next_view(self) -> None:
        self._show_view(self._next_view)
        shown = {"passages": self._list, "tokens": self.query_one(TokenStrip)}.get(self._view)
        self.call_after_refresh((shown or self.query_one(f"#{self._view}")).focus)

    @on(Listing.Opened)
    def action_token_attractor(self) -> None:
        """The state at this very token; where the passage that patterns are asked with does not have it, the last one of that passage."""
        found = self._found
        position = found["first"] + self.query_one(TokenStrip).cursor
        if position < 0:
            why = f"the first {-found['first']} tokens of a window are not asked about, for it would find itself"
            self.lab.say(f"{why}; this is its last token", "warning")
        self.lab.open("attractor", self.run.path, self._question, LAST_BLOCK, max(position, -1), str(found["step"]))
