"""What the screens of the lab share: keys by name, work away from the screen's thread, and the line at the bottom."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import ComposeResult
from textual.await_complete import AwaitComplete
from textual.screen import Screen
from textual.widget import Widget

from memlab.errors import MemlabError
from memlab.tui import actions, background
from memlab.tui.actions import Action
from memlab.tui.widgets.keyline import KeyLine, key_title, name_pane

if TYPE_CHECKING:
    from memlab.tui.app import LabApp


class LabScreen(Screen):
    """A screen with the name under which its actions are listed in `actions`."""

    NAME: ClassVar[str]

    @property
    def lab(self) -> "LabApp":
        return self.app

    def compose(self) -> ComposeResult:
        yield from self.compose_panes()
        yield KeyLine()

    def compose_panes(self) -> Iterable[Widget]:
        """The panes, from the top."""
        return ()

    def on_mount(self) -> None:
        self.bindings_updated_signal.subscribe(self, lambda _: self._name_keys())

    def dismiss(self, result: Any = None) -> AwaitComplete:
        """Leave, and let go of what is drawn: Textual keeps the line caches of the last thousand widgets, 6,500 objects for each LIVE."""
        for widget in self.walk_children(with_self=True):
            widget.refresh()
        return super().dismiss(result)

    def on_resize(self) -> None:
        self.call_after_refresh(self._name_keys)

    def _name_keys(self) -> None:
        """The keys of each pane in its border."""
        for pane in {action.pane for action in actions.of_screen(self.NAME) if action.pane}:
            for widget in self.query(f"#{pane}"):
                name_pane(widget, keys=key_title(self.lab, self, pane, widget.size.width - 2))

    def recolour(self) -> None:
        """Show everything in the colours of the theme of now."""
        self._name_keys()
        self.query_one(KeyLine).update()

    def possible(self, id: str) -> bool:  # noqa: A002
        """Whether this action would do something now."""
        return True

    def why_not(self, id: str) -> str:  # noqa: A002
        """Why this action would do nothing now, where that is not plain to see."""
        return ""

    def explain(self, key: str) -> None:
        """Say why a key does nothing."""
        for action in actions.of_screen(self.NAME):
            if key in self.lab.keys[action.id].split(",") and not self.possible(action.id) and (why := self.why_not(action.id)):
                self.lab.say(why)

    def label(self, action: Action) -> str:
        """The word beside the key, where it depends on how things stand."""
        return action.label

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """For Textual: a key whose action is not possible does nothing."""
        own = {one.method: one.id for one in actions.of_screen(self.NAME)}
        return self.possible(own[action]) if action in own else True

    def work(
        self,
        function: Callable[[], Any],
        then: Callable[[Any], Any] = lambda result: None,
        failed: Callable[[MemlabError], Any] | None = None,
    ) -> None:
        """Do something slow on another thread, then go on here with what it returned; its MemlabError becomes a notice."""
        background.run(self, function, then, failed or (lambda error: self.lab.say(str(error), "error")))
