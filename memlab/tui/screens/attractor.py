"""ATTRACTOR: ask a run's stored patterns with any text: where each state lies, what it retrieves, what the patterns vote for."""

from collections.abc import Callable, Iterable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, ClassVar

from rich.text import Text
from textual import on
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Static

from memlab.lab.asked_often import Wish
from memlab.lab.questions import LAST_BLOCK, Question
from memlab.render import card
from memlab.render.tables import keyvalues
from memlab.tui import actions
from memlab.tui.actions import Action
from memlab.tui.screens.asking import AskingScreen
from memlab.tui.screens.passage import PassageScreen
from memlab.tui.widgets.curves import lines_of
from memlab.tui.widgets.fields import Line
from memlab.tui.widgets.keyline import name_pane
from memlab.tui.widgets.lines import Lines
from memlab.tui.widgets.nearest import Nearest
from memlab.tui.widgets.questions import titled
from memlab.tui.widgets.states import QUANTITIES, StateMap

_ABOVE = 10  # rows of the map of a small model
_REST_SECONDS = 0.12  # of the cursor on a state, before it is asked about
_BETAS = ("1", "auto")


class AttractorScreen(AskingScreen):
    """One run, one text, one state of it under the cursor; the child process answers."""

    NAME, MAIN = "attractor", "#states"
    VIEWS: ClassVar = {"states": "states", "patterns": "patterns", "next": "next token", "card": "card", "layers": "layers"}
    BINDINGS = actions.bindings(NAME)

    def __init__(
        self, path: Path, question: Question | None = None, layer: str = LAST_BLOCK, position: int = -1, checkpoint: str = "last"
    ) -> None:
        """Without a question the run's first training passage is asked with."""
        super().__init__(path)
        self._wish = Wish(question or Question("training"), layer=layer, position=position, checkpoint=checkpoint)
        self._found: dict[str, Any] | None = None
        self._asked: dict[str, Any] = {}
        self._rest: Timer | None = None

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
        self._name_question(self._question)
        self.query_one(StateMap).focus()
        self._show_view()
        self._ask()

    def on_resize(self) -> None:
        self._show_view()

    # What is asked, and what comes back.

    def _change(self, **wished: Any) -> None:
        self._wish = replace(self._wish, **wished)
        self._ask()

    def _ask(self) -> None:
        """Have the child find what is wished for now."""
        self._request_of("attractor", {"wish": asdict(self._wish)})

    @property
    def _question(self) -> Question:
        return self._wish.question

    def _ask_about(self, question: Question) -> None:
        self._change(question=question, position=-1, steps=0)

    def _ask_checkpoint(self, step: str) -> None:
        self._change(checkpoint=step, steps=0)

    @property
    def _checkpoints(self) -> tuple[list[int], int]:
        return self._asked["steps_there"], self._asked["step"]

    def _take_answer(self, answer: dict[str, Any]) -> None:
        self._found = answer
        self._wish = replace(self._wish, layer=answer["layer"], position=answer["position"], steps=answer["steps"])
        self.query_one(StateMap).put(self._wish.layer, self._wish.position)

    def _take_found(self, found: dict[str, Any]) -> None:
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

    def _heading(self, room: int) -> Text | None:
        found = self._found
        if not found:
            return None
        asked = found["asked"]
        own = f", {asked['excluded']:,} own patterns left out" if asked["excluded"] else ""
        words = f"{found['run']} at step {found['step']:,}, {self.PARTS[asked['part']]}{asked['label']}{own}"
        return self._in_context(words, asked["tokens"], found["position"], room)

    def _show_view(self, name: str = "") -> None:
        super()._show_view(name)
        self.query_one("#above").styles.height = self._above

    @property
    def _above(self) -> int | None:
        """Rows for the map and the layers, all of them where that leaves half the screen; None where the style sheet says it."""
        is_alone = self.has_class("-narrow") or (self._view == "layers" and not self.has_class("-wide"))
        if is_alone or self.has_class("-low") or not self._asked:
            return None
        most = max(_ABOVE, (self.size.height - _ABOVE) // 2)
        return min(len(self._asked["map"]["layers"]) + (5 if self.has_class("-wide") else 4), most)

    # What the user does.

    def possible(self, id: str) -> bool:  # noqa: A002
        is_typing = self.is_typing
        return {
            "close": True,
            "next-view": not self.has_class("-wide"),
            "show-passage": bool(self._found) and not is_typing,
            "fewer-steps": self._wish.steps > 0,
            "more-steps": bool(self._found) and self._wish.steps < self._found["card"]["n_steps"],
            "next-layer": bool(self._asked),
            "quantity": bool(self._asked),
            "checkpoint": bool(self._asked),
            "previous-passage": self._question.part != "given" and self._question.number > 0,
            "next-passage": self._question.part != "given",
        }.get(id, not is_typing)

    def label(self, action: Action) -> str:
        if action.id == "beta":
            return "auto β" if self._wish.beta == "1" else "β = 1"
        return super().label(action)

    @on(StateMap.Moved)
    def _moved(self) -> None:
        """The cursor rests a moment before its state is asked about."""
        if self._rest:
            self._rest.stop()
        self._rest = self.set_timer(_REST_SECONDS, self._ask_at_cursor)

    def _ask_at_cursor(self) -> None:
        shown = self.query_one(StateMap)
        self._change(layer=shown.at_layer, position=shown.at_position, steps=0)

    def action_landscape(self) -> None:
        wish = self._wish
        self.lab.open("landscape", self.run.path, wish.question, wish.layer, wish.position, wish.checkpoint, wish.beta)

    def action_next_view(self) -> None:
        self._show_view(self._next_view)
        focus = {"states": "#states", "patterns": "#nearest", "next": "#states"}.get(self._view, f"#{self._view}")
        self.call_after_refresh(self.query_one(focus if self.has_class("-narrow") else "#states").focus)

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

    @on(Nearest.Opened)
    def action_show_passage(self) -> None:
        key = self.query_one(Nearest).current
        if key is not None:
            self._open_passage(self._found["step"], int(key), PassageScreen)
