"""The app: screens by name, themes, palette and help. What is shown is the business of the screens."""

import contextlib
import gc
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Literal

from rich.style import Style
from rich.text import Text
from textual import events
from textual.app import App, SystemCommand
from textual.filter import LineFilter, NoColor
from textual.screen import Screen
from textual.timer import Timer

from memlab.errors import MemlabError
from memlab.lab.child import Child
from memlab.render.safe import safe
from memlab.rundir.state import ACTIVE
from memlab.tui import actions, background, keys, settings, themes
from memlab.tui.ascii import SevenBit
from memlab.tui.screens.attractor import AttractorScreen
from memlab.tui.screens.base import LabScreen
from memlab.tui.screens.claims import ClaimsScreen
from memlab.tui.screens.compare import CompareScreen
from memlab.tui.screens.help import HelpScreen
from memlab.tui.screens.landscape import LandscapeScreen
from memlab.tui.screens.live import LiveScreen
from memlab.tui.screens.new_run import NewRunScreen
from memlab.tui.screens.runs import RunsScreen
from memlab.tui.screens.sweep import SweepScreen
from memlab.tui.screens.tokens import TokensScreen

SCREENS = {
    screen.NAME: screen
    for screen in (
        RunsScreen,
        LiveScreen,
        CompareScreen,
        NewRunScreen,
        TokensScreen,
        AttractorScreen,
        LandscapeScreen,
        ClaimsScreen,
        SweepScreen,
    )
}

_NICENESS = 10  # of the child process: whoever trains comes first
_NOTICE_SECONDS, _PROBLEM_SECONDS = 4, 8
_KEEP_SECONDS = 1.0  # several changes are written once

# What is there by then stays to the end, and is searched for garbage no more: with 200 runs a full collection, for which the screen
# waits, takes 11 ms instead of 91 (medians of processor time). Nothing is collected first: that would be such a wait itself.
_SETTLED_SECONDS = 3.0

# Without colours the roles become attributes.
_PLAIN = {"quiet": "dim", "good": "", "busy": "", "bad": "bold", "accent": "bold", "text": ""}


class LabApp(App[Sequence[str]]):
    """The lab over one home. `run()` returns the names of the runs that go on."""

    CSS_PATH = "style.tcss"
    TITLE = "memlab"
    BINDINGS = actions.bindings()
    HORIZONTAL_BREAKPOINTS: ClassVar = [(0, "-narrow"), (60, "-slim"), (80, "-medium"), (120, "-wide")]
    VERTICAL_BREAKPOINTS: ClassVar = [(0, "-low"), (20, "-high")]

    def __init__(
        self,
        home: Path,
        *,
        color: bool = True,
        ascii: bool = False,  # noqa: A002
        keys_path: Path | None = None,
        settings_path: Path | None = None,
    ) -> None:
        """Raises ConfigError where the user's file of keys cannot be used."""
        super().__init__(ansi_color=not color)
        self.home, self.color, self.ascii = home, color, ascii
        self.screens = SCREENS
        self.child = Child(home, _NICENESS)  # starts when it is first asked for something
        self.keys_path, self.settings_path = keys_path or keys.keys_path(), settings_path or settings.settings_path()
        mine = keys.read(self.keys_path)
        self.keys = actions.all_keys(mine)
        self.set_keymap(mine)
        self.settings, self._notice = settings.read(self.settings_path)
        self._keeping: Timer | None = None
        self._is_told = False
        self.rows: list[dict[str, Any]] = []  # of `lab.following.Runs`, seconds old at most
        self.looked_at: Path | None = None  # the run that was shown last, until RUNS has its cursor there
        self.marked: dict[str, int] = {}  # path of a selected run -> the number that its colour and glyph come from
        for name in themes.NAMES:
            self.register_theme(themes.theme(name))
        self.theme = self.settings.theme if self.settings.theme in themes.NAMES else themes.NAMES[0]
        self.set_class(ascii, "-ascii")
        self.set_class(not color, "-plain")

    async def on_key(self, event: events.Key) -> None:
        """What a field types has not come up to here, unless it was pressed in one burst with the key that opened the field: it is the
        field's all the same, and never the key of an action.
        """
        field = self.focused
        if field is not None and field.check_consume_key(event.key, event.character):
            event.prevent_default()
            await field.on_event(events.Key(event.key, event.character))
        elif isinstance(self.screen, LabScreen):
            self.screen.explain(event.key)

    def get_default_screen(self) -> Screen:
        return RunsScreen()

    def on_unmount(self) -> None:
        self.child.close()

    def on_mount(self) -> None:
        self.theme_changed_signal.subscribe(self, lambda _: self._recolour())
        if self._notice:
            self.say(self._notice, "warning")

    def on_ready(self) -> None:
        if not self.is_headless:  # in tests the process is not the app's own
            self.set_timer(_SETTLED_SECONDS, gc.freeze)

    def _recolour(self) -> None:
        """Screens are told by the app: a subscription of their own would keep each of them, with its run, for as long as the app lives."""
        for screen in self.screen_stack:
            if isinstance(screen, LabScreen):
                screen.recolour()

    def open(self, name: str, *arguments: Any) -> None:
        """Show a screen on top of this one."""
        self.push_screen(SCREENS[name](*arguments))

    def style(self, role: str) -> Style:
        """How text of this role looks in the theme of now."""
        return Style.parse(themes.ROLES[self.theme][role] if self.color else _PLAIN[role])

    def text(self, words: str, role: str = "text", limit: int | None = None) -> Text:
        """Words from anywhere, made safe, in the colour of their role."""
        return Text.assemble((self.safe(words, limit), self.style(role)), no_wrap=True)

    def safe(self, words: str, limit: int | None = None) -> str:
        """Words from anywhere, made safe for this terminal."""
        return safe(words, limit, ascii=self.ascii)

    def say(self, words: str, severity: Literal["information", "warning", "error"] = "information") -> None:
        """A notice that goes by itself."""
        self.notify(
            self.safe(words), severity=severity, markup=False, timeout=_NOTICE_SECONDS if severity == "information" else _PROBLEM_SECONDS
        )

    def remember(self, **changes: Any) -> None:
        """Keep how the user looks at things. Where that is not possible it lasts until the end."""
        before, self.settings = self.settings, replace(self.settings, **changes)
        if self.settings != before and self._keeping is None:
            self._keeping = self.set_timer(_KEEP_SECONDS, self._keep)

    def _keep(self) -> None:
        self._keeping, kept = None, self.settings
        background.run(self, lambda: settings.write(self.settings_path, kept), lambda done: None, self._not_kept)

    def _not_kept(self, error: MemlabError) -> None:
        if not self._is_told:
            self._is_told = True
            self.say(f"How you look at things is not remembered: {error}", "warning")

    def get_line_filters(self) -> Sequence[LineFilter]:
        """What every line passes on its way out: no colours, or seven bits, where that is asked for."""
        own = [*([NoColor()] if not self.color else []), *([SevenBit()] if self.ascii else [])]
        return [*super().get_line_filters(), *own]

    def get_system_commands(self, screen: Screen) -> Iterable[SystemCommand]:
        """The palette: what is possible on this screen now."""
        found = [action for action in actions.of_screen(getattr(screen, "NAME", "")) if screen.possible(action.id)]
        for action in [*found, *(action for action in actions.of_app() if action.id != "palette")]:
            shown = actions.shown_key(self.keys[action.id])
            target = screen if action.screens else self
            yield SystemCommand(f"{action.label}  ({shown})", action.help, getattr(target, f"action_{action.method}"))
        for name in themes.NAMES:
            yield SystemCommand(f"theme: {themes.TITLES[name]}", "Change the colours", lambda name=name: self.change_theme(name))

    def change_theme(self, name: str) -> None:
        self.theme = name
        self.remember(theme=name)

    def action_theme(self) -> None:
        self.change_theme(themes.NAMES[(themes.NAMES.index(self.theme) + 1) % len(themes.NAMES)])

    def action_palette(self) -> None:
        self.action_command_palette()

    def action_help(self) -> None:
        self.push_screen(HelpScreen(getattr(self.screen, "NAME", "")))

    async def action_quit(self) -> None:
        if self._keeping is not None:
            with contextlib.suppress(MemlabError):  # nobody is left to be told
                settings.write(self.settings_path, self.settings)
        listed = [row["name"] for row in self.rows if row["state"] in ACTIVE]
        started = [name for screen in self.screen_stack for name in getattr(screen, "going", ())]  # perhaps since they were listed
        self.exit(list(dict.fromkeys([*listed, *started])))
