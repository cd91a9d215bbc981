"""The form of a new run: its fields as widgets, read and written as a `lab.form.Form`."""

from collections.abc import Mapping, Sequence

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Input, Static

from memlab.lab.amounts import BUDGETS, converted, doubled, next_seed, stepped
from memlab.lab.choices import size_choices
from memlab.lab.form import Form, with_family
from memlab.tui.widgets.fields import Choice, Fields, Line, Row

Options = Sequence[tuple[str, str]]

_FIELDS = ("source", "amount", "family", "size", "budget", "name", "seed", "device")


class RunForm(Fields):
    """Tells when another preset is chosen and when a field has changed."""

    class PresetChosen(Message):
        """The form is to be filled anew."""

        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

    class Changed(Message):
        """A field has another value."""

    def __init__(self, **options: str) -> None:
        super().__init__(**options)
        self._choices = {name: Choice(name, id=name) for name in ("preset", "source", "family", "size")}
        self._choices["budget"] = Choice("budget", BUDGETS, id="budget")
        self._texts = {
            "amount": Line(step=stepped),
            "size": Line(),
            "budget": Line(step=lambda amount, up: doubled(amount, up, whole=self._choices["budget"].value == "steps")),
            "name": Line("by itself"),
            "seed": Line(step=next_seed),
            "device": Line(),
        }
        controls = {
            "preset": [self._choices["preset"]],
            "source": [self._choices["source"]],
            "amount": [self._texts["amount"]],
            "family": [self._choices["family"]],
            "size": [self._choices["size"], self._texts["size"]],
            "budget": [self._choices["budget"], self._texts["budget"]],
            "name": [self._texts["name"]],
            "seed": [self._texts["seed"]],
            "device": [self._texts["device"]],
        }
        self._rows = {name: Row("fraction" if name == "amount" else name, row) for name, row in controls.items()}
        self._free: list[Row] = []
        self._about: Sequence[str] = ()
        self._given = ("", "")  # kind and amount of the budget as they were typed: conversions start there, so that none adds to another
        self.rates: Mapping[str, float] = {}  # of `lab.form.converted`

    def compose(self) -> ComposeResult:
        yield from self._rows.values()
        yield Vertical(id="settings")
        yield Static(id="about")

    def offer(self, presets: Options, sources: Options, families: Options, budgets: Options) -> None:
        """What there is to choose from."""
        for name, options in {"preset": presets, "source": sources, "family": families, "budget": budgets}.items():
            self._choices[name].offer(options, self._choices[name].value)

    def write(self, form: Form, about: Sequence[str]) -> None:
        """Show these values, and below them a few words about the preset."""
        with self.prevent(Input.Changed, Choice.Changed):
            for name in ("preset", "source", "family", "budget"):
                self._choices[name].value = getattr(form, name)
            self._write_size(form)
            for name in ("amount", "name", "seed", "device"):
                self._texts[name].value = getattr(form, name)
            self._texts["budget"].value = form.budget_amount
        self._given, self.rates = (form.budget, form.budget_amount), {}
        for row in self._free:
            row.remove()
        self._free = []
        for line in (*form.settings, ""):
            self._add_line(line)
        self._about = [words for words in about if words]
        self.colour()

    def colour(self) -> None:
        """Say everything in the colours of the theme of now."""
        self.query_one("#about", Static).update(Text("\n\n").join(self.app.text(words, "quiet") for words in self._about))
        for row in self._every:
            row.colour()

    def back_to(self, preset: str) -> None:
        """Name this preset again: the one that was chosen cannot be had."""
        self._choices["preset"].value = preset

    def read(self) -> Form:
        """The values as they are now."""
        size = self._choices["size"] if self._choices["size"].display else self._texts["size"]
        return Form(
            **{name: self._choices[name].value for name in ("preset", "source", "family", "budget")},
            **{name: self._texts[name].value for name in ("amount", "name", "seed", "device")},
            size=size.value,
            budget_amount=self._texts["budget"].value,
            settings=tuple(row.text for row in self._free),
        )

    def complain(self, problems: Mapping[str, str]) -> None:
        """Show what is wrong with each field; what belongs to none is said below the preset."""
        for name in _FIELDS:
            self._rows[name].complain(problems.get(name, ""))
        for number, row in enumerate(self._free):
            row.complain(problems.get(f"settings.{number}", ""))
        self._rows["preset"].complain(problems.get("", ""))

    @property
    def _every(self) -> list[Row]:
        """All fields, from the top."""
        return [*self._rows.values(), *self._free]

    @property
    def is_wrong(self) -> bool:
        return any(row.is_wrong for row in self._every)

    def focus_wrong(self) -> None:
        """Go to the first field that is wrong."""
        for row in self._every:
            if row.is_wrong:
                row.focus_control()
                return

    def focus_first(self) -> None:
        self._rows["preset"].focus_control()

    def _write_size(self, form: Form) -> None:
        options = size_choices(form.family)
        choice, line = self._choices["size"], self._texts["size"]
        choice.offer(options, form.size)
        line.value = form.size
        choice.display, line.display = bool(options), not options

    def _add_line(self, text: str) -> None:
        line = Line("section.key=value")
        with self.prevent(Input.Changed):
            line.value = text
        self._free.append(Row("set", [line]))
        self.query_one("#settings").mount(self._free[-1])

    @on(Choice.Changed)
    def _chosen(self, event: Choice.Changed) -> None:
        event.stop()
        if event.choice.id == "preset":
            self.post_message(self.PresetChosen(event.choice.value))
            return
        if event.choice.id == "family":
            with self.prevent(Input.Changed):
                self._write_size(with_family(self.read(), event.choice.value))
        if event.choice.id == "budget":
            self._convert_budget(event.choice.value)
        self.post_message(self.Changed())

    def _convert_budget(self, kind: str) -> None:
        before, amount = self._given
        with self.prevent(Input.Changed):
            self._texts["budget"].value = amount if kind == before else converted(amount, before, kind, self.rates)

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        if event.input is self._texts["budget"]:
            self._given = (self._choices["budget"].value, event.value)
        if self._free and self._free[-1].text.strip():
            self._add_line("")  # there is always one more
        self.post_message(self.Changed())

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.screen.focus_next()
