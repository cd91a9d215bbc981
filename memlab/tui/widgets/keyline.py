"""The line at the bottom: what can be done now, by key."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from rich.style import Style
from rich.text import Text
from textual.widget import Widget

from memlab.tui import actions
from memlab.tui.actions import Action
from memlab.tui.widgets.lines import Lines

if TYPE_CHECKING:
    from memlab.tui.app import LabApp
    from memlab.tui.screens.base import LabScreen

GAP = 3


class KeyLine(Lines):
    """The keys of the screen that do something now, as many as there is room for; help and quit always come last and always stay."""

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, lambda _: self.update())
        self.update()

    def on_resize(self) -> None:
        self.update()

    def update(self) -> None:
        """Show what is possible now."""
        self.show([self._line()] if self.size.width else [])

    def _line(self) -> Text:
        screen, lab = self.screen, self.app
        mine = [action for action in actions.of_screen(screen.NAME) if not action.pane and not action.hidden and screen.possible(action.id)]
        always = [action for action in actions.of_app() if not action.hidden]
        last = Text(" " * GAP).join(_items(lab, screen, always))
        first = _fitting(_items(lab, screen, mine), self.size.width - last.cell_len - GAP, GAP)
        line = Text(" " * GAP).join([*first, last])
        line.truncate(self.size.width)
        return line


def key_title(lab: "LabApp", screen: "LabScreen", pane: str, width: int) -> Text:
    """The keys of a pane that do something now, as many as go into its border."""
    found = [action for action in actions.of_screen(screen.NAME) if action.pane == pane and screen.possible(action.id)]
    return Text("  ").join(_fitting(_items(lab, screen, found), width, 2))


def name_pane(pane: Widget, title: Text | None = None, keys: Text | None = None) -> None:
    """Put words into the border of a pane, where they are not there already: each change draws the whole pane again."""
    named = getattr(pane, "named", {})
    for place, text in (("border_title", title), ("border_subtitle", keys)):
        if text is not None and named.get(place) != text:
            setattr(pane, place, text)
            pane.named = named = {**named, place: text}


def _items(lab: "LabApp", screen: "LabScreen", found: Iterable[Action]) -> list[Text]:
    return [_item(lab, *item) for item in actions.in_border([(action, screen.label(action)) for action in found], lab.keys)]


def _fitting(items: Sequence[Text], room: int, gap: int) -> list[Text]:
    """As many from the left as there is room for."""
    kept: list[Text] = []
    for item in items:
        room -= item.cell_len + (gap if kept else 0)
        if room < 0:
            break
        kept.append(item)
    return kept


def _item(lab: "LabApp", key: str, label: str, method: str) -> Text:
    """A key with its word; a click on it does the same."""
    click = Style(meta={"@click": f"{'screen' if method in _SCREEN_METHODS else 'app'}.{method}"})
    return Text.assemble((lab.safe(key), lab.style("accent") + click), " ", (label, lab.style("quiet") + click))


_SCREEN_METHODS = {action.method for action in actions.ACTIONS if action.screens}
