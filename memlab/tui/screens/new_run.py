"""NEW RUN: a run put together field by field, with what to expect of it beside, and its command line below."""

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.text import Text
from textual import events, on
from textual.containers import Vertical
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Static

from memlab import config, registry
from memlab.errors import MemlabError
from memlab.home import new_run_path, presets_of
from memlab.lab import choices, expectation
from memlab.lab import form as forms
from memlab.lab.expectation import Prospect
from memlab.lab.form import Form, Meaning
from memlab.lab.saving import is_taken, name_problem, save_preset
from memlab.lab.starting import settle
from memlab.training import launch
from memlab.tui import actions
from memlab.tui.actions import Action
from memlab.tui.screens.base import LabScreen
from memlab.tui.screens.confirm import ConfirmScreen
from memlab.tui.screens.path import PathScreen
from memlab.tui.screens.save import SaveScreen
from memlab.tui.widgets.expected import Expected
from memlab.tui.widgets.runform import RunForm

_FIRST = "demo"
_PAUSE_SECONDS = 0.6  # in typing, before a probe begins
_STACKED_BELOW = 76  # columns
_SINGLE_BELOW = 40  # rows, where the panes would be stacked


@dataclass(frozen=True)
class _Thought:
    """What one state of the form means: worked out on another thread. `may_measure`: unasked."""

    form: Form
    found: Meaning
    line: str = ""
    prospect: Prospect | None = None
    may_measure: bool = False


class NewRunScreen(LabScreen):
    """Whatever reads a file or counts is done elsewhere, and only the last state of the form matters."""

    NAME = "new-run"
    BINDINGS = actions.bindings(NAME)

    def __init__(self, preset: str = _FIRST) -> None:
        super().__init__()
        self._wanted = preset
        self._preset: config.Experiment | None = None
        self._thought: _Thought | None = None
        self._prospect: Prospect | None = None
        self._states = 0  # of the form so far: what belongs to an earlier one is dropped
        self._allowed: set[str] = set()  # texts that the user wants to have fetched and cut into tokens
        self._request: int | None = None
        self._pause: Timer | None = None
        self._status = ""
        self._is_starting = False
        self._left: Widget | None = None  # the field that had the focus before the figures took its place

    def compose_panes(self) -> Iterable[Widget]:
        with Vertical(id="panes"):
            yield RunForm(id="form", classes="pane")
            yield Expected(id="expected", classes="pane")
        yield Static(id="command", classes="pane")

    def on_mount(self) -> None:
        self._colour()
        self.work(self._read_choices, lambda found: self._offer(*found))

    def recolour(self) -> None:
        super().recolour()
        self._colour()

    def _colour(self) -> None:
        """Say everything in the colours of the theme of now."""
        form = self.query_one(RunForm)
        form.border_title = "new run"
        hints = [("←→ enter", "choose"), ("+-", "more, less")]
        form.border_subtitle = Text("  ").join(self.lab.text(key, "accent") + self.lab.text(f" {words}", "quiet") for key, words in hints)
        form.colour()
        self.query_one("#command").border_title = "the same on the command line"
        self._show_line()
        self._show_facts(self._status)

    def on_unmount(self) -> None:
        self._drop_request()

    def on_resize(self, event: events.Resize) -> None:
        is_stacked = event.size.width < _STACKED_BELOW
        self.set_class(is_stacked, "-stacked")
        self.set_class(is_stacked and event.size.height < _SINGLE_BELOW, "-single")
        self.refresh_bindings()

    def _read_choices(self) -> tuple[Any, ...]:
        home = self.lab.home
        return choices.preset_choices(home), choices.plugin_choices("source"), choices.plugin_choices("family"), choices.budget_choices()

    def _offer(self, *found: Any) -> None:
        self.query_one(RunForm).offer(*found)
        self.query_one(RunForm).focus_first()
        self._load(self._wanted)

    def _load(self, name: str) -> None:
        """Fill the form with a preset, unless another one is wanted by then."""
        self._wanted = name
        self.work(lambda: choices.read_preset(self.lab.home, name), lambda preset: self._fill(name, preset), self._not_loaded)

    def _not_loaded(self, error: MemlabError) -> None:
        self.lab.say(str(error), "error")
        if self._thought:
            self.query_one(RunForm).back_to(self._thought.form.preset)

    def _fill(self, name: str, preset: config.Experiment) -> None:
        if name != self._wanted:
            return
        self._preset = preset
        form = self.query_one(RunForm)
        filled = replace(forms.filled(name, preset), name=form.read().name)
        form.write(filled, (preset.experiment, preset.expect and f"As the preset stands, expect: {preset.expect}"))
        self._changed()

    # From a state of the form to what is shown.

    @on(RunForm.PresetChosen)
    def _preset_chosen(self, event: RunForm.PresetChosen) -> None:
        self._load(event.name)

    @on(RunForm.Changed)
    def _changed(self) -> None:
        """Think about the new state on another thread."""
        if self._preset is None:
            return
        self._states += 1
        self._drop_request()
        state, form, preset = self._states, self.query_one(RunForm).read(), self._preset
        self.work(lambda: self._think(form, preset), lambda thought: self._take_thought(thought) if state == self._states else None)

    def _think(self, form: Form, preset: config.Experiment) -> _Thought:
        home = self.lab.home
        found = forms.meaning(form, preset, home)
        if found.experiment is None:
            return _Thought(form, found)
        quick = registry.describe("source", found.experiment.data.source).constants.get("QUICK", False)
        prospect = expectation.at_once(found.experiment, self._prospect)
        return _Thought(form, found, forms.command_line(form, found, home), prospect, quick or forms.text_of(form) in self._allowed)

    def _take_thought(self, thought: _Thought) -> None:
        self._thought = thought
        self.query_one(RunForm).complain(thought.found.problems)
        self._show_line()
        if thought.prospect:
            self._prospect = thought.prospect
            self._pause = self.set_timer(_PAUSE_SECONDS, self._ask)
        self._show_facts()
        self.refresh_bindings()

    def _show_line(self) -> None:
        if self._thought:
            line = self._thought.line
            words = self.lab.text(line) if line else self.lab.text("not while a field is wrong", "quiet")
            self.query_one("#command", Static).update(words)

    def _show_facts(self, status: str = "") -> None:
        """The facts as they are known now. `status`: how far the child process is."""
        self._status = status
        expected, thought = self.query_one(Expected), self._thought
        if not expected.is_mounted:
            return
        wrong = thought is not None and thought.prospect is None
        self.query_one(RunForm).rates = self._prospect.rates if self._prospect and not wrong else {}
        is_sought = bool(thought and thought.may_measure and not wrong and (self._pause or self._request))
        if not status and wrong:
            status = "of the last form that was right"
        elif not status and thought and not thought.may_measure:
            status = f"{actions.shown_key(self.lab.keys['measure'])} reads its text and measures"
        expected.show(self._prospect, is_sought, status)

    # The child process counts and measures.

    def _ask(self, again: bool = False) -> None:
        """Everything, or what can be counted without the text."""
        self._drop_request()
        self.query_one(RunForm).complain(self._thought.found.problems)
        arguments: dict[str, Any] = {"experiment": config.to_dict(self._thought.found.experiment)}
        if self._thought.may_measure:
            self._request = self.lab.child.ask("plan", {**arguments, "again": again}, self._receive)
        else:
            self._request = self.lab.child.ask("count", arguments, self._receive)
        self._show_facts("counting …")

    def _drop_request(self) -> None:
        """Nobody waits for an answer about an earlier state of the form."""
        if self._pause:
            self._pause.stop()
            self._pause = None
        if self._request is not None:
            self.lab.child.cancel(self._request)
            self._request = None

    def _receive(self, message: dict[str, Any]) -> None:
        """On a thread of the child's."""
        with contextlib.suppress(RuntimeError):  # the app has ended meanwhile
            self.call_later(self._take_message, message)

    def _take_message(self, message: dict[str, Any]) -> None:
        if message["id"] != self._request:
            return
        status = f"{message['work']['doing']} …" if "work" in message else self._status
        if facts := message.get("found") or message.get("answer"):
            self._prospect = self._prospect.found(facts)
        if "answer" in message or "error" in message or "bug" in message:
            self._request, self._pause = None, None
            self._prospect = self._prospect.settled()
            status = self._complaint(message) if "answer" not in message else ""
        self._show_facts(status)

    def _complaint(self, message: dict[str, Any]) -> str:
        """What the trainer would say too: beside its field where it names one, else in the border."""
        problem = message.get("error") or message.get("bug", "").strip().rpartition("\n")[2]
        name = forms.field_of(problem, self._thought.form)
        if not name:
            return problem
        self.query_one(RunForm).complain({name: problem})
        return ""

    # What the user does.

    def possible(self, id: str) -> bool:  # noqa: A002
        if id == "other-pane":
            return self.has_class("-single")
        is_right = self._thought is not None and self._thought.prospect is not None
        return is_right or id in ("start", "back")

    def label(self, action: Action) -> str:
        return ("form" if self.has_class("-figures") else "figures") if action.id == "other-pane" else action.label

    def action_back(self) -> None:
        self.dismiss()

    def action_other_pane(self) -> None:
        """Where there is room for one pane only: the figures, or the form at the field that one came from."""
        self._show_figures(not self.has_class("-figures"))

    def _show_figures(self, are_shown: bool) -> None:
        if are_shown and self.has_class("-single"):
            self._left = self.focused
            self.add_class("-figures")
            self.call_after_refresh(self.query_one(Expected).focus)
        else:
            self.remove_class("-figures")
            if self._left is not None:
                self.call_after_refresh(self._left.focus)
            self._left = None
        self.refresh_bindings()

    def action_measure(self) -> None:
        """Also where the text has to be fetched or cut into tokens first."""
        self._allowed.add(forms.text_of(self._thought.form))
        self._thought = replace(self._thought, may_measure=True)
        self._ask(again=True)

    def action_start(self) -> None:
        if self._preset is None or self._is_starting:
            return
        fields = self.query_one(RunForm)
        form, preset = fields.read(), self._preset
        if fields.is_wrong and self._thought and self._thought.form == form:
            self._go_to_wrong()
            return
        self._is_starting = True
        self._drop_request()
        self.work(lambda: self._start(form, preset), self._started, self._not_started)

    def _start(self, form: Form, preset: config.Experiment) -> Path | _Thought:
        """On another thread: the directory of the run, or what is wrong."""
        thought = self._think(form, preset)
        if thought.found.experiment is None:
            return thought
        home = self.lab.home
        path = new_run_path(home, Path(form.preset.removesuffix(".toml")).name, form.name or None)
        text = registry.preset_path(form.preset, presets_of(home)).read_text(encoding="utf-8")
        return launch.start(path, home, text, settle(home, thought.found.experiment)).path

    def _started(self, result: Path | _Thought) -> None:
        self._is_starting = False
        if isinstance(result, _Thought):
            self._take_thought(result)
            self._go_to_wrong()
            return
        lab = self.lab
        self.dismiss()
        lab.open("live", result)

    def _go_to_wrong(self) -> None:
        self._show_figures(False)
        self.call_after_refresh(self.query_one(RunForm).focus_wrong)

    def _not_started(self, error: MemlabError) -> None:
        self._is_starting = False
        self.lab.say(str(error), "error")

    def action_copy_command(self) -> None:
        line = self._thought.line
        copied = line.isprintable()
        if copied:
            self.app.copy_to_clipboard(line)
        self.app.push_screen(PathScreen(line, copied))

    def action_save_preset(self) -> None:
        thought = self._thought
        preset = thought.form.preset
        name = preset if preset not in registry.preset_names() else thought.form.name or f"my-{preset}"
        experiment = forms.renamed(thought.found.experiment, preset, thought.found.changes)
        self.app.push_screen(SaveScreen(name, name_problem), lambda chosen: self._save(chosen, experiment))

    def _save(self, name: str | None, experiment: config.Experiment) -> None:
        if name is None:
            return

        def write(yes: bool | None, overwrite: bool) -> None:
            if yes:
                self.work(lambda: save_preset(self.lab.home, name, experiment, overwrite), lambda path: self._saved(name, path))

        def ask(taken: bool) -> None:
            if not taken:
                write(True, False)
                return
            path = str(presets_of(self.lab.home) / f"{name}.toml")
            self.app.push_screen(ConfirmScreen("Replace this preset of yours?", path, "replace it"), lambda yes: write(yes, True))

        self.work(lambda: is_taken(self.lab.home, name), ask)

    def _saved(self, name: str, path: Path) -> None:
        self.lab.say(f"saved in {path}; `memlab train {name}` starts it too")
        self._wanted = name
        self.work(self._read_choices, lambda found: self._offer(*found))
