"""Fields of a form, one line each: a choice among names, a line to type, and what is wrong with it below."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import ClassVar

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget
from textual.widgets import Input, Static

from memlab.render.safe import is_harmful
from memlab.render.safe import width as cells
from memlab.tui.screens.pick import PickScreen


class Choice(Widget, can_focus=True):
    """One of several names: ← and → go through them, enter shows them all with what they are."""

    BINDINGS: ClassVar = [
        Binding("left", "step(-1)", show=False),
        Binding("right", "step(1)", show=False),
        Binding("enter,space", "pick", show=False),
    ]

    value: reactive[str] = reactive("")

    class Changed(Message):
        """Another name was chosen by the user."""

        def __init__(self, choice: "Choice") -> None:
            super().__init__()
            self.choice = choice

        @property
        def control(self) -> "Choice":
            return self.choice

    def __init__(self, title: str, words: Mapping[str, str] | None = None, **options: str) -> None:
        """`words`: how names are shown, where they are not words themselves."""
        super().__init__(**options)
        self._title, self._words = title, words or {}
        self._options: list[tuple[str, str]] = []

    def offer(self, options: Iterable[tuple[str, str]], value: str) -> None:
        """Names with a sentence each, and the one that is chosen now."""
        self._options = list(options)
        self.value = value
        self.refresh()

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self._options]

    def render(self) -> Text:
        lab, arrow = self.app, self.app.style("accent" if self.has_focus else "quiet")
        left, right = ("< ", " >") if lab.ascii else ("‹ ", " ›")
        return Text.assemble((left, arrow), lab.text(self._shown, limit=self._room), (right, arrow), no_wrap=True)

    @property
    def _shown(self) -> str:
        return self._words.get(self.value, self.value)

    @property
    def _room(self) -> int:
        """Cells for the name, beside the arrows."""
        return max(1, self.size.width - 4)

    def on_click(self, event: events.Click) -> None:
        end = 2 + cells(self.app.safe(self._shown, self._room))
        self.action_step(-1) if event.x < 2 else self.action_step(1) if end <= event.x < end + 2 else self.action_pick()

    def action_step(self, by: int) -> None:
        names = self.names
        if names:
            place = names.index(self.value) + by if self.value in names else 0
            self._choose(names[place % len(names)])

    def action_pick(self) -> None:
        if self._options:
            self.app.push_screen(PickScreen(self._title, self._options, self.value, self._words), self._choose)

    def _choose(self, name: str | None) -> None:
        if name is not None and name != self.value:
            self.value = name
            self.post_message(self.Changed(self))


class Line(Input):
    """A line to type. What could steer a terminal does not get into it. `step`: what + and - make of it, (value, up)."""

    def __init__(self, placeholder: str = "", step: Callable[[str, bool], str] | None = None, **options: str) -> None:
        super().__init__(placeholder=placeholder, compact=True, select_on_focus=False, **options)
        self._step = step
        self.cursor_blink = False

    def validate_value(self, value: str) -> str:
        return "".join(character for character in value if not is_harmful(character))

    @property
    def _is_sign_expected(self) -> bool:
        """Whether a number that is being typed goes on with a sign: `1e-3`."""
        return self.value[: self.cursor_position].lower().endswith("e")

    async def _on_key(self, event: events.Key) -> None:
        if self._step and event.character in ("+", "-") and not self._is_sign_expected:
            event.stop()
            event.prevent_default()
            self.value = self._step(self.value, event.character == "+")
            self.cursor_position = len(self.value)
            return
        await super()._on_key(event)


class Row(Vertical):
    """A field with its name before it, and below it what is wrong. The first control shown is the one that is typed into."""

    def __init__(self, name: str, controls: Sequence[Widget], **options: str) -> None:
        super().__init__(**options)
        self._name_of_field, self._controls = name, controls
        self.problem = ""

    def compose(self) -> ComposeResult:
        with Horizontal(classes="field"):
            yield Static(classes="label")
            yield from self._controls
        yield Static(classes="problem")

    def on_mount(self) -> None:
        self.colour()

    def colour(self) -> None:
        """Say everything in the colours of the theme of now."""
        lab = self.app
        for label in self.query(".label").results(Static):
            label.update(lab.text(self._name_of_field, "quiet"))
        for shown in self.query(".problem").results(Static):
            shown.display = bool(self.problem)
            shown.update(lab.text(f"{'x' if lab.ascii else '✕'} {self.problem}", "bad"))

    @property
    def text(self) -> str:
        """What is typed in its line."""
        return next(control.value for control in self._controls if isinstance(control, Line))

    @property
    def is_wrong(self) -> bool:
        return bool(self.problem)

    def focus_control(self) -> None:
        next(control for control in self._controls if control.display).focus()

    def complain(self, problem: str) -> None:
        """Show what is wrong, or with nothing that all is well."""
        if problem != self.problem:
            self.problem = problem
            self.set_class(bool(problem), "-wrong")
            self.colour()


class Fields(VerticalScroll, can_focus=False, inherit_bindings=False):
    """Rows of a form: ↑ and ↓ go from one field to the next; what is below the last is reached by pages."""

    BINDINGS: ClassVar = [
        Binding("up", "app.focus_previous", show=False),
        Binding("down", "app.focus_next", show=False),
        Binding("pageup", "page_up", show=False),
        Binding("pagedown", "page_down", show=False),
    ]
