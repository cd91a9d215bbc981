"""SWEEP: a grid of runs as a heat map of model size × data, live; a cell opens its run."""

import time
from collections.abc import Iterable
from pathlib import Path

from rich.text import Text
from textual import on
from textual.widget import Widget

from memlab.errors import MemlabError
from memlab.lab import grids
from memlab.lab.grids import Sweep
from memlab.lab.sweep import WAITING, Follower, Standing
from memlab.lab.sweep_shown import CAPACITY_LINE, SHOWN
from memlab.tui import actions
from memlab.tui.background import Repeating
from memlab.tui.screens.base import LabScreen
from memlab.tui.screens.pick import PickScreen
from memlab.tui.widgets.keyline import name_pane
from memlab.tui.widgets.lines import Lines
from memlab.tui.widgets.runrows import wrapped
from memlab.tui.widgets.sweepmap import SweepMap, cell_lines

_POLL_SECONDS = 1.0
_AWAY_SECONDS = 5.0  # while another screen is on top
_SHARE = 0.02  # of a processor: it may be the trainer's


class SweepScreen(LabScreen):
    """Follows one sweep on a thread of its own; the newest one at first."""

    NAME = "sweep"
    BINDINGS = actions.bindings(NAME)

    def __init__(self) -> None:
        super().__init__()
        self._name = ""
        self._follower: Follower | None = None
        self._problem = ""
        self._thread = Repeating(self, self._read)

    def compose_panes(self) -> Iterable[Widget]:
        yield SweepMap(id="sweep", classes="pane")
        yield Lines(id="line")
        yield Lines(id="cells", classes="pane")

    def on_mount(self) -> None:
        self.query_one(SweepMap).focus()
        self.call_after_refresh(self._thread.start)

    def on_unmount(self) -> None:
        self._thread.end()

    def on_screen_resume(self) -> None:
        self._thread.wake()

    def recolour(self) -> None:
        super().recolour()
        self.query_one(SweepMap).draw()
        self._describe()

    def _read(self) -> float:
        """On the thread: how the sweep stands; seconds until the next time."""
        if not self.is_active:
            return _AWAY_SECONDS
        began, standing, problem = time.thread_time(), None, ""
        try:
            names = grids.sweep_names(self.lab.home)
            self._name = self._name or next(iter(names), "")
            if self._name:
                standing = self._follow(grids.load(grids.folder_of(self.lab.home, self._name)))
        except MemlabError as error:
            problem = str(error)
        self.call_later(self._take, standing, problem)
        return max(_POLL_SECONDS, (time.thread_time() - began) / _SHARE)

    def _follow(self, sweep: Sweep) -> Standing:
        if self._follower is None or self._follower.sweep != sweep:  # another one, or its grid has grown
            self._follower = Follower(self.lab.home, sweep)
        return self._follower.poll()

    def _take(self, standing: Standing | None, problem: str) -> None:
        if not self.is_mounted or (standing and standing.sweep.name != self._name):
            return
        self._problem = problem
        self.query_one(SweepMap).show_standing(standing)
        self._describe()

    @on(SweepMap.Moved)
    @on(Lines.Resized)
    def _describe(self) -> None:
        """The words around the map, and those about the cells under the cursor."""
        shown, below, lab = self.query_one(SweepMap), self.query_one("#cells", Lines), self.lab
        standing, cells, line = shown.standing, shown.chosen, self.query_one("#line", Lines)
        line.display = below.display = standing is not None
        if standing is None:
            shown.show(self._nothing(shown.size.width))
            name_pane(shown, Text("sweep", "bold"))
            return
        over = "mean of seeds" if shown.seed is None and len(standing.sweep.seeds) > 1 else f"seed {cells[0].seed}"
        words = f"{standing.n_finished} of {len(standing.cells)} finished · {SHOWN[shown.quantity][1]} · {over}"
        name = lab.safe(standing.sweep.name, 30)
        name_pane(shown, Text.assemble((name, "bold"), "  ", lab.text(words, "quiet", max(shown.size.width - len(name) - 4, 1))))
        below_map = words if self.has_class("-narrow") else f"{'|' if lab.ascii else '┃'} {CAPACITY_LINE}"
        line.show([lab.text(below_map, "quiet", max(line.size.width, 1))])
        name_pane(below, Text.assemble((lab.safe(f"{cells[0].size} on {grids.amount_words(cells[0].amount)}", 40), "bold")))
        below.show(cell_lines(lab, standing, cells, max(below.size.width, 1), below.size.height))
        self.refresh_bindings()

    def _nothing(self, width: int) -> list[Text]:
        lab = self.lab
        if self._problem:
            return [lab.text(line, "bad") for line in wrapped(lab.safe(self._problem), width, 5)]
        lines = wrapped(lab.safe(f"There are no sweeps under {lab.home} yet. In a terminal:"), width, 4)
        known = [f"memlab sweep {name}" for name in grids.grid_names()]
        return [*(lab.text(line) for line in lines), Text(), *(lab.text(f"  {words}", "accent") for words in known)]

    def possible(self, id: str) -> bool:  # noqa: A002
        shown = self.query_one(SweepMap)
        standing = shown.standing
        return {
            "open-cell": any(cell.state != WAITING for cell in shown.chosen),
            "sweep-shown": standing is not None,
            "sweep-seed": standing is not None and len(standing.sweep.seeds) > 1,
        }.get(id, True)

    def action_sweep_shown(self) -> None:
        shown, names = self.query_one(SweepMap), list(SHOWN)
        shown.quantity = names[(names.index(shown.quantity) + 1) % len(names)]
        shown.draw()
        self._describe()

    def action_sweep_seed(self) -> None:
        """The mean, then each seed by itself."""
        shown = self.query_one(SweepMap)
        seeds = [None, *shown.standing.sweep.seeds]
        shown.seed = seeds[(seeds.index(shown.seed) + 1) % len(seeds)]
        shown.draw()
        self._describe()

    def action_open_cell(self) -> None:
        """The run of the seed that is shown, else of the first that has begun."""
        begun = [cell for cell in self.query_one(SweepMap).chosen if cell.state != WAITING]
        if begun:
            self.lab.open("live", Path(begun[0].path))

    def action_choose_sweep(self) -> None:
        home = self.lab.home

        def listed() -> list[tuple[str, str]]:
            return [(name, _title(home, name)) for name in grids.sweep_names(home)]

        self.work(listed, self._choose)

    def _choose(self, there: list[tuple[str, str]]) -> None:
        if there and self.is_current:
            self.app.push_screen(PickScreen("sweeps", there, self._name, {}), self._chosen)

    def _chosen(self, name: str | None) -> None:
        if name is not None and name != self._name:
            self._name = name
            self.query_one(SweepMap).show_standing(None)
            self._thread.wake()

    def action_leave_sweep(self) -> None:
        self.dismiss()


def _title(home: Path, name: str) -> str:
    """What a sweep is to show; of one that cannot be read, why."""
    try:
        return grids.load(grids.folder_of(home, name)).grid.title
    except MemlabError as error:
        return str(error)
