"""CLAIMS: the paper's claims with their verdicts on one run, and the selected one in full: stated, corrected, checked, measured."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rich.text import Text
from textual import on
from textual.containers import Horizontal, VerticalScroll
from textual.widget import Widget
from textual.widgets import Static

from memlab.render import verdicts
from memlab.render.tables import Column
from memlab.tui import actions
from memlab.tui.actions import Action
from memlab.tui.screens.requesting import RequestScreen
from memlab.tui.widgets.curves import lines_of
from memlab.tui.widgets.keyline import name_pane
from memlab.tui.widgets.lines import Lines
from memlab.tui.widgets.listing import Listing, ListRow

_COLUMNS = (Column("sign", " ", importance=9), Column("title", "claim", importance=8, shortest=8))
_ROLES = dict(zip(verdicts.KINDS, ("good", "busy", "bad", "quiet"), strict=True))


class ClaimsScreen(RequestScreen):
    """One run; the child process checks claim after claim, and takes the measures that are missing when it is asked to."""

    NAME = "claims"
    BINDINGS = actions.bindings(NAME)

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._claims: dict[str, dict[str, Any]] = {}
        self._step: int | None = None
        self._measures = False  # what was asked last

    def compose_panes(self) -> Iterable[Widget]:
        yield Lines(id="status")
        with Horizontal(id="panes"):
            yield Listing(_COLUMNS, id="verdicts", classes="pane")
            with VerticalScroll(id="claim", classes="pane"):
                yield Static(id="claim-text")

    def on_mount(self) -> None:
        self.query_one(Listing).focus()
        name_pane(self.query_one(Listing), Text("claims", "bold"))
        self._ask(measure=False)

    # What is asked, and what comes back.

    def _ask(self, measure: bool) -> None:
        self._measures = measure
        self._request_of("claims", {"measure": measure}, "checking")
        self.refresh_bindings()

    def _take_found(self, found: dict[str, Any]) -> None:
        claim, self._step = found["claim"], found["step"]
        self._claims[claim["name"]] = claim

    # What is shown.

    @property
    def current(self) -> dict[str, Any] | None:
        """The claim under the cursor."""
        return self._claims.get(self.query_one(Listing).current or "")

    def _draw(self) -> None:
        if self.is_mounted:
            self.query_one(Listing).show([self._row(claim) for claim in self._claims.values()], {})
            self._draw_status()
            self._draw_claim()

    def _row(self, claim: dict[str, Any]) -> ListRow:
        sign = self.lab.text(verdicts.sign(claim["verdict"], self.lab.ascii), _ROLES[claim["verdict"]])
        return ListRow(claim["name"], {"sign": sign, "title": self.lab.text(claim["title"])})

    def _heading(self, room: int) -> Text:
        """The run, and how the claims fare."""
        at = "" if self._step is None else f" at step {self._step:,}"
        words = self.lab.text(f"{self.run.name}{at}", "quiet", max(room // 2, 1))
        return Text.assemble(words, "  ", self._counts(max(room - words.cell_len - 2, 1)))

    def _counts(self, room: int) -> Text:
        """How many claims have each verdict, by its sign; what the signs mean, where there is room."""
        told = [claim["verdict"] for claim in self._claims.values()]
        there = [verdict for verdict in _ROLES if verdict in told]
        for shown in (verdicts.words, lambda verdict: ""):
            items = {verdict: f"{verdicts.sign(verdict, self.lab.ascii)} {shown(verdict)}".strip() for verdict in there}
            counts = Text("   ").join(self.lab.text(f"{item} {told.count(verdict)}", _ROLES[verdict]) for verdict, item in items.items())
            if counts.cell_len <= room:
                break
        return counts

    @on(Listing.Moved)
    def _moved(self) -> None:
        self.query_one("#claim").scroll_home(animate=False)
        self._draw_claim()

    def on_resize(self) -> None:
        super().on_resize()
        self.call_after_refresh(self._draw)

    def _draw_claim(self) -> None:
        pane, claim = self.query_one("#claim"), self.current
        width = pane.scrollable_content_region.width
        drawn = verdicts.card(claim, width, color=self.lab.color, ascii=self.lab.ascii) if claim and width > 0 else ""
        self.query_one("#claim-text", Static).update(Text("\n").join(lines_of(self.lab, drawn)))
        name_pane(pane, self.lab.text(claim["name"] if claim else "", "quiet", max(width - 4, 1)))
        self.refresh_bindings()

    @property
    def _is_measuring(self) -> bool:
        return self._measures and self._request is not None

    @property
    def _is_single(self) -> bool:
        """Whether there is room for one pane only."""
        return self.has_class("-narrow") or self.has_class("-slim")

    # What the user does.

    def possible(self, id: str) -> bool:  # noqa: A002
        return {
            "next-view": self._is_single,
            "show-claim": self._is_single and not self.has_class("-reading") and bool(self._claims),
            "take-measures": self._request is not None or any(map(_is_unmeasured, self._claims.values())),
        }.get(id, True)

    def label(self, action: Action) -> str:
        if action.id == "next-view":
            return "claims" if self.has_class("-reading") else "claim"
        return "stop measuring" if action.id == "take-measures" and self._is_measuring else action.label

    def action_close(self) -> None:
        self.dismiss()

    @on(Listing.Opened)
    def action_show_claim(self) -> None:
        if self.possible("show-claim"):
            self.action_next_view()

    def action_next_view(self) -> None:
        self.toggle_class("-reading")
        self.call_after_refresh(self.query_one("#claim" if self.has_class("-reading") else "#verdicts").focus)
        self.call_after_refresh(self._draw_claim)

    def action_take_measures(self) -> None:
        if self._is_measuring:
            self._cancel()
            self._draw()
        else:
            self._ask(measure=True)


def _is_unmeasured(claim: dict[str, Any]) -> bool:
    return claim["needs"].endswith("--measure")
