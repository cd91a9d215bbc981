"""LANDSCAPE: the energy on a slice through one state of a text, what attracts it there, and its way down, step by step."""

import math
from collections.abc import Iterable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from rich.text import Text
from textual import on
from textual.containers import Horizontal
from textual.timer import Timer
from textual.widget import Widget

from memlab.lab import scenery
from memlab.lab.landscape import PLANES, Landscape, Wish, from_plain
from memlab.lab.questions import LAST_BLOCK, Question
from memlab.tui import actions
from memlab.tui.actions import Action
from memlab.tui.screens.asking import AskingScreen
from memlab.tui.screens.landmark import LandmarkScreen
from memlab.tui.widgets.fields import Line
from memlab.tui.widgets.keyline import name_pane
from memlab.tui.widgets.lines import Lines
from memlab.tui.widgets.slice import SlicePicture
from memlab.tui.widgets.slicewords import SliceWords

_REST_SECONDS = 0.15  # after a change of size, before values are computed for it
_MOST_ZOOM = 1024.0
_FARTHEST_CLICK = 0.08  # of the width of the picture: beyond it a click selects nothing


class LandscapeScreen(AskingScreen):
    """One run, one state of one text; the child process computes, the old picture stays until the new one is there."""

    NAME, MAIN = "landscape", "#slice"
    BINDINGS = actions.bindings(NAME)

    def __init__(
        self,
        path: Path,
        question: Question | None = None,
        layer: str = LAST_BLOCK,
        position: int = -1,
        checkpoint: str = "last",
        beta: str = "1",
    ) -> None:
        """Without a question the run's first training passage is asked with."""
        super().__init__(path)
        self._question, self._checkpoint = question or Question("training"), checkpoint
        self._wish = Wish(layer=layer, position=position, beta=beta)
        self._found: Landscape | None = None
        self._steps_there: list[int] = []
        self._step, self._selected = 0, 0
        self._rest: Timer | None = None

    def compose_panes(self) -> Iterable[Widget]:
        yield Line(placeholder="a text to ask with, or :train 17, :validation 17", id="asked")
        yield Lines(id="status")
        with Horizontal(id="panes"):
            yield SlicePicture(id="slice", classes="pane")
            yield SliceWords(id="words", classes="pane", can_focus=False)

    def on_mount(self) -> None:
        self._name_question(self._question)
        self.query_one(SlicePicture).focus()
        for pane, words in (("#slice", "landscape"), ("#words", "state")):
            name_pane(self.query_one(pane), Text(words, "bold"))
        self.call_after_refresh(self._ask)

    # What is asked, and what comes back.

    def _change(self, **wished: Any) -> None:
        self._wish = replace(self._wish, **wished)
        self._ask()

    def _ask_about(self, question: Question) -> None:
        self._question = question
        self._change(position=-1)

    def _ask_checkpoint(self, step: str) -> None:
        self._checkpoint = step
        self._ask()

    @property
    def _checkpoints(self) -> tuple[list[int], int]:
        return self._steps_there, self._found.step

    def _ask(self) -> None:
        """Have the child find what is wished for now."""
        if not self.is_mounted:
            return
        width, height = self._values
        self._wish = replace(self._wish, width=width, height=height)
        asked = {"question": asdict(self._question), "checkpoint": self._checkpoint, "wish": asdict(self._wish)}
        self._request_of("landscape", asked)

    def _take_found(self, found: dict[str, Any]) -> None:
        """What is known now: the step of the descent and the selection stay where it is the same state at the same β."""
        before, selected = self._found, self._chosen
        self._found = from_plain(found["landscape"])
        self._steps_there = found["steps_there"]
        self._wish = replace(self._wish, layer=self._found.layer, position=self._found.position)
        if before is None or _state_of(before) != _state_of(self._found):
            self._step = self._selected = 0
        elif selected:
            rows = [one.row for one in scenery.attractions(self._found)]
            self._selected = rows.index(selected.row) if selected.row in rows else 0

    @property
    def _chosen(self) -> scenery.Attraction | None:
        """What is selected."""
        everything = scenery.attractions(self._found) if self._found else []
        return everything[min(self._selected, len(everything) - 1)] if everything else None

    # What is shown.

    def _draw(self) -> None:
        if not self.is_mounted:
            return
        self._draw_status()
        found = self._found
        if found:
            picture = self.query_one(SlicePicture)
            picture.show_field(scenery.field(found, self._step, self._selected, title=""))
            name_pane(picture, self._title(found, picture.size.width))
            self.query_one(SliceWords).show_found(found, self._step, self._chosen)
        self.refresh_bindings()

    def _title(self, found: Landscape, room: int) -> Text:
        """What is drawn, the most important first."""
        words = [f"layer {found.layer}", f"{found.plane} plane", scenery.at_beta(found), found.layer_words]
        return Text.assemble(("landscape", "bold"), "  ", self.lab.text(", ".join(words), "quiet", max(room - 13, 1)))

    def _heading(self, room: int) -> Text | None:
        found = self._found
        if found is None:
            return None
        words = f"{found.run} at step {found.step:,}, {self.PARTS[found.part]}{found.label}"
        return self._in_context(words, found.tokens, found.position, room)

    @on(Lines.Resized, "#slice")
    def _resized(self) -> None:
        """Values for the new size; until they are there the old ones are drawn."""
        if self._rest:
            self._rest.stop()
        self._rest = self.set_timer(_REST_SECONDS, self._ask_for_size)
        self._draw()

    def _ask_for_size(self) -> None:
        if self._found and self._values != (self._wish.width, self._wish.height):
            self._ask()

    @property
    def _values(self) -> tuple[int, int]:
        """How many values the picture shows; as many as before while it is not shown itself."""
        picture = self.query_one(SlicePicture)
        return picture.values if min(picture.size) else (self._wish.width, self._wish.height)

    # What the user does.

    def possible(self, id: str) -> bool:  # noqa: A002
        found, is_typing = self._found, self.is_typing
        n_steps = len(found.descent) - 1 if found else 0
        return {
            "close": True,
            "other-side": self.has_class("-slim") or self.has_class("-narrow"),
            "step-back": not is_typing and self._step > 0,
            "step-on": not is_typing and self._step < n_steps,
            "previous-marker": not is_typing and self._chosen is not None,
            "next-marker": not is_typing and self._chosen is not None,
            "show-marker": not is_typing and self._chosen is not None,
            "slice-layer": not is_typing and found is not None and len(found.layers) > 1,
            "warmer": not is_typing and found is not None,
            "colder": not is_typing and found is not None,
            "checkpoint": not is_typing and len(self._steps_there) > 1,
            "previous-position": not is_typing and found is not None and found.position > 0,
            "next-position": not is_typing and found is not None and found.position < len(found.tokens) - 1,
            "previous-passage": not is_typing and self._question.part != "given" and self._question.number > 0,
            "next-passage": not is_typing and self._question.part != "given",
            "attractor": not is_typing and "attractor" in self.lab.screens,
        }.get(id, not is_typing)

    def label(self, action: Action) -> str:
        if action.id == "other-side":
            return "picture" if self.has_class("-worded") else "words"
        return "auto β" if action.id == "beta" and self._wish.beta == "1" else "β = 1" if action.id == "beta" else action.label

    def action_attractor(self) -> None:
        self.lab.open("attractor", self.run.path, self._question, self._wish.layer, self._wish.position, self._checkpoint)

    def action_other_side(self) -> None:
        self.toggle_class("-worded")
        self.call_after_refresh(self._draw)

    def action_step_back(self) -> None:
        self._walk(-1)

    def action_step_on(self) -> None:
        self._walk(1)

    def _walk(self, by: int) -> None:
        self._step = min(max(self._step + by, 0), len(self._found.descent) - 1)
        self._draw()

    def action_previous_marker(self) -> None:
        self._select(-1)

    def action_next_marker(self) -> None:
        self._select(1)

    def _select(self, by: int) -> None:
        self._selected = (self._selected + by) % len(scenery.attractions(self._found))
        self._draw()

    @on(SlicePicture.Pointed)
    def _pointed(self, event: SlicePicture.Pointed) -> None:
        """Select the marker nearest to a click."""
        found = self._found
        away = [math.hypot(one.at.u - event.u, one.at.v - event.v) for one in scenery.attractions(found)] if found else []
        if away and min(away) <= _FARTHEST_CLICK * (found.u[-1] - found.u[0]):
            self._selected = away.index(min(away))
            self._draw()

    @on(SlicePicture.Scrolled)
    def _scrolled(self, event: SlicePicture.Scrolled) -> None:
        self._zoom(2.0 if event.by > 0 else 0.5)

    def action_show_marker(self) -> None:
        if self._chosen:
            shown = scenery.card(self._found, self._chosen, ascii=self.lab.ascii)
            self._open_passage(self._found.step, self._chosen.row, lambda passage: LandmarkScreen(shown, passage))

    def action_slice_layer(self) -> None:
        names = self._found.layers
        at = self._wish.layer if self._wish.layer in names else self._found.layer
        self._change(layer=names[(names.index(at) + 1) % len(names)])

    def action_plane(self) -> None:
        names = list(PLANES)
        self._change(plane=names[(names.index(self._wish.plane) + 1) % len(names)])

    def action_beta(self) -> None:
        self._change(beta="auto" if self._wish.beta == "1" else "1")

    def action_warmer(self) -> None:
        self._times_beta(0.5)

    def action_colder(self) -> None:
        self._times_beta(2.0)

    def _times_beta(self, factor: float) -> None:
        """From what is wished for, or where that is to be chosen, from what was."""
        now = self._found.beta if self._wish.beta == "auto" else float(self._wish.beta)
        self._change(beta=f"{min(max(now * factor, 1e-9), 1e9):.9g}")

    def action_nearer(self) -> None:
        self._zoom(2.0)

    def action_wider(self) -> None:
        self._zoom(0.5)

    def _zoom(self, factor: float) -> None:
        self._change(zoom=min(max(self._wish.zoom * factor, 1 / _MOST_ZOOM), _MOST_ZOOM))

    def action_previous_position(self) -> None:
        self._move(-1)

    def action_next_position(self) -> None:
        self._move(1)

    def _move(self, by: int) -> None:
        """From the position that is wished for, which may not be shown yet."""
        at = self._wish.position if self._wish.position >= 0 else self._found.position
        self._change(position=max(0, at + by))

    def action_read_on(self) -> None:
        self.query_one(SliceWords).scroll_page_down()

    def action_read_back(self) -> None:
        self.query_one(SliceWords).scroll_page_up()


def _state_of(found: Landscape) -> tuple[Any, ...]:
    """What a descent is of: zoom and size are not part of it."""
    return (found.step, tuple(found.tokens), found.part, found.label, found.position, found.layer, found.beta, found.plane, found.seed)
