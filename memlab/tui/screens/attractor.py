"""ATTRACTOR: ask a run's stored patterns with any text: where each state lies, what it retrieves, what the patterns vote for."""

import contextlib
from collections.abc import Callable, Iterable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from rich.text import Text
from textual import on
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Input, Static

from memlab.lab.asked_often import Wish
from memlab.lab.child import failure_of
from memlab.lab.questions import LAST_BLOCK, Question
from memlab.render import card
from memlab.render.safe import width as cells
from memlab.render.tables import keyvalues
from memlab.rundir import RunDir
from memlab.tui import actions
from memlab.tui.actions import Action
from memlab.tui.screens.base import LabScreen
from memlab.tui.screens.passage import PassageScreen
from memlab.tui.screens.pick import PickScreen
from memlab.tui.widgets.curves import lines_of
from memlab.tui.widgets.fields import Line
from memlab.tui.widgets.keyline import name_pane
from memlab.tui.widgets.lines import Lines
from memlab.tui.widgets.nearest import Nearest
from memlab.tui.widgets.questions import question_of, titled, words_of, work_words
from memlab.tui.widgets.states import QUANTITIES, StateMap

VIEWS = ("states", "patterns", "next", "card", "layers")  # where there is room for one pane only; with more room the first are together
_TITLES = {"states": "states", "patterns": "patterns", "next": "next token", "card": "card", "layers": "layers"}
_ABOVE = 10  # rows of the map of a small model
_REST_SECONDS = 0.12  # of the cursor on a state, before it is asked about
_BETAS = ("1", "auto")


class AttractorScreen(LabScreen):
    """One run, one text, one state of it under the cursor; the child process answers."""

    NAME = "attractor"
    BINDINGS = actions.bindings(NAME)

    def __init__(
        self, path: Path, question: Question | None = None, layer: str = LAST_BLOCK, position: int = -1, checkpoint: str = "last"
    ) -> None:
        """Without a question the run's first training passage is asked with."""
        super().__init__()
        self.run = RunDir(path)
        self._wish = Wish(question or Question("training"), layer=layer, position=position, checkpoint=checkpoint)
        self._request: int | None = None
        self._found: dict[str, Any] | None = None
        self._asked: dict[str, Any] = {}
        self._status, self._problem = "", ""
        self._rest: Timer | None = None
        self._chosen = ""  # of the views, by the user

    def compose_panes(self) -> Iterable[Widget]:
        yield Line(placeholder="a text to ask with, or :train 17, :validation 17", id="asked")
        yield Lines(id="status")
        with Horizontal(id="above"):
            yield StateMap(id="states", classes="pane")
            with VerticalScroll(id="layers", classes="pane"):
                yield Static(id="layers-text")
        with Horizontal(id="beneath"):
            yield Nearest(id="nearest", classes="pane")
            with Vertical(id="beside"):
                yield Lines(id="next", classes="pane")
                with VerticalScroll(id="card", classes="pane"):
                    yield Static(id="card-text")

    def on_mount(self) -> None:
        self.query_one(Line).value = words_of(self._wish.question)
        self.query_one(StateMap).focus()
        self._show_view()
        self._ask()

    def on_unmount(self) -> None:
        if self._request is not None:
            self.lab.child.cancel(self._request)

    def on_resize(self) -> None:
        self._show_view()

    def recolour(self) -> None:
        super().recolour()
        self._draw()

    # What is asked, and what comes back.

    def _change(self, **wished: Any) -> None:
        self._wish = replace(self._wish, **wished)
        self._ask()

    def _ask(self) -> None:
        """Have the child find what is wished for now; an older request is superseded by it."""
        self._problem, self._status = "", "asking"
        arguments = {"run": str(self.run.path), "wish": asdict(self._wish)}
        self._request = self.lab.child.ask("attractor", arguments, self._receive(self._take))
        self._draw_status()

    def _receive(self, take: Callable[[dict[str, Any]], None]) -> Callable[[dict[str, Any]], None]:
        """For messages, which come on a thread of the child's."""

        def receive(message: dict[str, Any]) -> None:
            with contextlib.suppress(RuntimeError):  # the app has ended meanwhile
                self.call_later(take, message)

        return receive

    def _take(self, message: dict[str, Any]) -> None:
        if message["id"] != self._request or not self.is_mounted:
            return
        if "work" in message:
            self._status = work_words(message["work"])
        elif "found" in message:
            self._take_map(message["found"])
        elif "answer" in message:
            self._request, self._status, self._found = None, "", message["answer"]
            self._wish = replace(self._wish, layer=self._found["layer"], position=self._found["position"], steps=self._found["steps"])
            self.query_one(StateMap).put(self._wish.layer, self._wish.position)
        elif failure := failure_of(message):
            self._request, self._status = None, ""
            self._problem = "" if "superseded" in message else str(failure)
            if "bug" in message:
                raise failure
        self._draw()

    def _take_map(self, found: dict[str, Any]) -> None:
        self._asked = found
        shown, wish = self.query_one(StateMap), self._wish
        shown.show_map(found["map"], found["asked"]["tokens"])
        n = len(found["asked"]["tokens"])
        layer = wish.layer if wish.layer in found["map"]["layers"] else shown.at_layer or LAST_BLOCK
        shown.put(layer, wish.position if wish.position >= 0 else n + wish.position)
        self._show_view()

    # What is shown.

    @on(Lines.Resized, "#next")
    def _draw(self) -> None:
        if not self.is_mounted:
            return
        lab, found = self.lab, self._found
        self._draw_status()
        shown = self.query_one(StateMap)
        shown.draw()
        words, is_scaled = QUANTITIES[shown.quantity]
        name_pane(shown, titled(lab, "states", f"{words}{' / scale' if is_scaled else ''}, β = {self._wish.beta}"))
        self.query_one(Nearest).show_patterns(found)
        following = self.query_one("#next", Lines)
        following.show(self._lines(card.next_tokens, following.size.width))
        for name, draw in (("layers", card.readings), ("card", self._card)):
            lines = self._lines(draw, self.query_one(f"#{name}").scrollable_content_region.width)
            self.query_one(f"#{name}-text", Static).update(Text("\n").join(lines))
        if found:
            self._name_panes(found)
        self.refresh_bindings()

    def _lines(self, draw: Callable[..., str], width: int) -> list[Text]:
        """What is found, as one of the drawings of `card` in so many columns."""
        if not self._found or width < 1:
            return []
        return lines_of(self.lab, draw(self._found, width, color=self.lab.color, ascii=self.lab.ascii))

    def _name_panes(self, found: dict[str, Any]) -> None:
        lab, one = self.lab, found["card"]
        at = f"{one['layer_words']}, β = {one['beta']:.3g}"
        after = f", after {found['steps']} of {one['n_steps']} steps" if found["steps"] else ""
        name_pane(self.query_one("#layers"), titled(lab, "layers", "d² to the nearest pattern, and of control queries"))
        name_pane(self.query_one(Nearest), titled(lab, "patterns", at + after))
        name_pane(self.query_one("#next"), titled(lab, "next token", after.removeprefix(", ")))
        name_pane(self.query_one("#card"), titled(lab, "attractor", at))

    def _card(self, found: dict[str, Any], width: int, **drawn: bool) -> str:
        others = [("all layers", card.whole(found)), *(("note", note) for note in found["notes"])]
        return keyvalues([*card.facts(found["card"], self.lab.ascii), *others], width, **drawn)

    def _draw_status(self) -> None:
        """One line: what is under way or wrong, else the text asked with."""
        line = self.query_one("#status", Lines)
        room = max(line.size.width, 1)
        if self._problem or self._status:
            words = self._problem or f"{self._status} {'...' if self.lab.ascii else '…'}"
            line.show([self.lab.text(words, "bad" if self._problem else "busy", limit=room)])
        elif self._found:
            line.show([self._heading(self._found, room)])
        else:
            line.show([])

    def _heading(self, found: dict[str, Any], room: int) -> Text:
        lab, asked = self.lab, found["asked"]
        part = {"given": "", "training": "training: ", "validation": "held-out: "}[asked["part"]]
        own = f", {asked['excluded']:,} own patterns left out" if asked["excluded"] else ""
        words = lab.safe(f"{found['run']} at step {found['step']:,}, {part}{asked['label']}{own}", max(room // 2, 1)) + "  "
        tokens, position = asked["tokens"], found["position"]
        shown = card.context({"before": "".join(tokens[:position]), "token": tokens[position]}, max(room - cells(words), 1), lab.ascii)
        return Text.assemble((words, lab.style("quiet")), (shown, lab.style("text")), no_wrap=True)

    @property
    def views(self) -> tuple[str, ...]:
        """The panes that take turns in this width."""
        return VIEWS if self.has_class("-narrow") else VIEWS[1:]

    @property
    def _view(self) -> str:
        return self._chosen if self._chosen in self.views else self.views[0]

    def _show_view(self) -> None:
        for name in VIEWS:
            self.set_class(name == self._view, f"-on-{name}")
        self.query_one("#above").styles.height = self._above
        self.call_after_refresh(self._draw)

    @property
    def _above(self) -> int | None:
        """Rows for the map and the layers, all of them where that leaves half the screen; None where the style sheet says it."""
        is_alone = self.has_class("-narrow") or (self._view == "layers" and not self.has_class("-wide"))
        if is_alone or self.has_class("-low") or not self._asked:
            return None
        most = max(_ABOVE, (self.size.height - _ABOVE) // 2)
        return min(len(self._asked["map"]["layers"]) + (5 if self.has_class("-wide") else 4), most)

    @property
    def _next_view(self) -> str:
        return self.views[(self.views.index(self._view) + 1) % len(self.views)]

    # What the user does.

    def possible(self, id: str) -> bool:  # noqa: A002
        is_typing = isinstance(self.focused, Input)
        return {
            "close": True,
            "next-view": not self.has_class("-wide"),
            "show-passage": bool(self._found) and not is_typing,
            "fewer-steps": self._wish.steps > 0,
            "more-steps": bool(self._found) and self._wish.steps < self._found["card"]["n_steps"],
            "next-layer": bool(self._asked),
            "quantity": bool(self._asked),
            "checkpoint": bool(self._asked),
            "previous-passage": self._wish.question.part != "given" and self._wish.question.number > 0,
            "next-passage": self._wish.question.part != "given",
        }.get(id, not is_typing)

    def label(self, action: Action) -> str:
        if action.id == "next-view":
            return _TITLES[self._next_view]
        return "auto β" if action.id == "beta" and self._wish.beta == "1" else "β = 1" if action.id == "beta" else action.label

    @on(StateMap.Moved)
    def _moved(self) -> None:
        """The cursor rests a moment before its state is asked about."""
        if self._rest:
            self._rest.stop()
        self._rest = self.set_timer(_REST_SECONDS, self._ask_at_cursor)

    def _ask_at_cursor(self) -> None:
        shown = self.query_one(StateMap)
        self._change(layer=shown.at_layer, position=shown.at_position, steps=0)

    @on(Input.Submitted, "#asked")
    def _submitted(self, event: Input.Submitted) -> None:
        question = question_of(event.value)
        if question is None:
            self._problem = "write a text to ask with, or :train 17 or :validation 17 for a passage of the run"
            self._draw_status()
            return
        self._ask_with(question)
        self.query_one(StateMap).focus()

    def _ask_with(self, question: Question) -> None:
        self.query_one(Line).value = words_of(question)
        self._change(question=question, position=-1, steps=0)

    def action_landscape(self) -> None:
        wish = self._wish
        self.lab.open("landscape", self.run.path, wish.question, wish.layer, wish.position, wish.checkpoint)

    def action_ask(self) -> None:
        self.query_one(Line).focus()

    def action_close(self) -> None:
        if isinstance(self.focused, Input):
            self.query_one(StateMap).focus()
        else:
            self.dismiss()

    def action_next_view(self) -> None:
        self._chosen = self._next_view
        self._show_view()
        focus = {"states": "#states", "patterns": "#nearest", "next": "#states"}.get(self._view, f"#{self._view}")
        self.call_after_refresh(self.query_one(focus if self.has_class("-narrow") else "#states").focus)

    def action_training_passage(self) -> None:
        self._ask_with(Question("training"))

    def action_held_out_passage(self) -> None:
        self._ask_with(Question("validation"))

    def action_next_passage(self) -> None:
        self._ask_with(replace(self._wish.question, number=self._wish.question.number + 1))

    def action_previous_passage(self) -> None:
        self._ask_with(replace(self._wish.question, number=self._wish.question.number - 1))

    def action_beta(self) -> None:
        self._change(beta=_BETAS[(_BETAS.index(self._wish.beta) + 1) % len(_BETAS)], steps=0)

    def action_quantity(self) -> None:
        shown, names = self.query_one(StateMap), list(QUANTITIES)
        shown.quantity = names[(names.index(shown.quantity) + 1) % len(names)]
        self._draw()

    def action_next_layer(self) -> None:
        shown = self.query_one(StateMap)
        names = self._asked["map"]["layers"]
        shown.put(names[(names.index(shown.at_layer) + 1) % len(names)], shown.at_position)
        self._moved()

    def action_more_steps(self) -> None:
        self._change(steps=self._wish.steps + 1)

    def action_fewer_steps(self) -> None:
        self._change(steps=self._wish.steps - 1)

    def action_checkpoint(self) -> None:
        steps = [str(step) for step in self._asked["steps_there"]]
        words = {steps[0]: "the null" if steps[0] == "0" else "the first", steps[-1]: "the last"}
        options = [(step, words.get(step, "")) for step in steps]
        shown = {step: f"step {int(step):,}" for step in steps}
        self.app.push_screen(PickScreen("checkpoint", options, str(self._asked["step"]), shown), self._choose_checkpoint)

    def _choose_checkpoint(self, step: str | None) -> None:
        if step is not None and step != str(self._asked["step"]):
            self._change(checkpoint=step, steps=0)

    @on(Nearest.Opened)
    def action_show_passage(self) -> None:
        key = self.query_one(Nearest).current
        if key is not None:
            arguments = {"run": str(self.run.path), "checkpoint": str(self._found["step"]), "row": int(key)}
            self.lab.child.ask("passage", arguments, self._receive(self._take_passage))

    def _take_passage(self, message: dict[str, Any]) -> None:
        if "answer" in message and self.is_current:
            self.app.push_screen(PassageScreen(message["answer"]))
        elif "error" in message:
            self.lab.say(message["error"], "error")
        elif "bug" in message:
            raise failure_of(message)
