"""The line at the bottom: what can be done now, by key."""

from collections.abc import Iterable
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

_GAP, _NARROW_GAP = 3, 2
_NARROW = 60  # columns


class KeyLine(Lines):
    """The keys of the screen that do something now, as many as there is room for; help and quit always come last and always stay.

    Where that leaves too little room for the other keys that stay, help and quit are named by their keys alone.
    """

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
        gap = Text(" " * (_GAP if lab.size.width >= _NARROW else _NARROW_GAP))
        items = _items(lab, screen, mine)
        always = [item for item, _ in _items(lab, screen, [action for action in actions.of_app() if not action.hidden])]
        if gap.join([*(item for item, stays in items if stays), *always]).cell_len > self.size.width:
            always = [item[: item.plain.index(" ")] for item in always]
        last = gap.join(always)
        line = gap.join([*_fitting(items, self.size.width - last.cell_len - gap.cell_len, gap.cell_len), last])
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


def _items(lab: "LabApp", screen: "LabScreen", found: Iterable[Action]) -> list[tuple[Text, bool]]:
    """Keys with their words, and whether they stay where there is little room."""
    shown = actions.in_border([(action, screen.label(action)) for action in found], lab.keys)
    return [(_item(lab, key, label, method), method in _STAYING) for key, label, method in shown]


def _fitting(items: list[tuple[Text, bool]], room: int, gap: int) -> list[Text]:
    """As many as there is room for, from the left, but first those that stay."""
    kept: list[int] = []
    for number in sorted(range(len(items)), key=lambda number: not items[number][1]):
        room -= items[number][0].cell_len + (gap if kept else 0)
        if room < 0:
            break
        kept.append(number)
    return [items[number][0] for number in sorted(kept)]


def _item(lab: "LabApp", key: str, label: str, method: str) -> Text:
    """A key with its word; a click on it does the same."""
    click = Style(meta={"@click": f"{'screen' if method in _SCREEN_METHODS else 'app'}.{method}"})
    return Text.assemble((lab.safe(key), lab.style("accent") + click), " ", (lab.safe(label), lab.style("quiet") + click))


_SCREEN_METHODS = {action.method for action in actions.ACTIONS if action.screens}
_STAYING = {action.method for action in actions.ACTIONS if action.stays}
