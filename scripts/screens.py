"""Pictures of the lab's screens for the README: python scripts/screens.py HOME docs/pictures [--theme dark]

HOME has the runs that are shown; LIVE shows the newest, with the third after it laid over; ATTRACTOR, LANDSCAPE, TOKENS and CLAIMS ask
the run named by --ask, or the newest; SWEEP shows the newest sweep, if there is one. Nothing is changed there but that its patterns and
its ranking are stored.
"""

import argparse
import asyncio
import re
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from textual.pilot import Pilot

from memlab.lab import grids
from memlab.lab.questions import Question
from memlab.tui.app import LabApp
from memlab.tui.themes import NAMES

_PATIENCE_SECONDS = 120
CLAIM = 7  # that blocks search for the nearest pattern


async def until(pilot: Pilot, condition: Callable[[], object]) -> None:
    """Wait until it holds."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("the screen did not become what it should show")
        await pilot.pause(0.1)


def save(app: LabApp, path: Path) -> None:
    svg = app.export_screenshot(title="memlab")
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)  # nothing is fetched
    svg = svg.replace("␊", "↵")  # which more fonts have
    path.write_text(svg.replace("Fira Code", "DejaVu Sans Mono, Menlo, Consolas"), encoding="utf-8")


def shown(app: LabApp) -> str:
    """The text on the screen."""
    return "\n".join(strip.text for strip in app.screen._compositor.render_strips())


async def take(home: Path, folder: Path, theme: str, size: tuple[int, int], ask: str | None) -> None:
    with tempfile.TemporaryDirectory() as aside:
        app = LabApp(home, keys_path=Path(aside) / "keys.toml", settings_path=Path(aside) / "view.json")
        app.theme = theme
        async with app.run_test(size=size) as pilot:
            await until(pilot, lambda: app.rows and all(row["is_read"] for row in app.rows))
            await pilot.press("j", "j", "j", "space", "home")
            await pilot.pause(2)
            save(app, folder / "runs.svg")
            await pilot.press("enter")
            await until(pilot, lambda: app.screen.query("#predictions") and app.screen.query_one("#predictions").display)
            await pilot.press("y", *["left"] * 30)
            await pilot.pause(2)
            save(app, folder / "live.svg")
            await pilot.press("d", "n")
            await until(pilot, lambda: "can memorise" in shown(app) and " a step" in shown(app))
            save(app, folder / "new-run.svg")
            await pilot.press("escape")
            await pilot.pause(1)
            path = next(row["path"] for row in app.rows if ask in (None, row["name"]))
            app.open("attractor", Path(path), Question("training", number=17))
            await until(pilot, lambda: "retrieval" in shown(app))
            save(app, folder / "attractor.svg")
            await pilot.press("L")
            await until(pilot, lambda: "fixed points" in shown(app) or "☆" in shown(app) or "◉" in shown(app))
            await pilot.pause(3)
            save(app, folder / "landscape.svg")
            app.open("tokens", Path(path), Question("training", number=17))
            await until(pilot, lambda: "word for word" in shown(app) and "Reference:" in shown(app))
            await pilot.press(*["right"] * 30)
            await pilot.pause(1)
            save(app, folder / "tokens.svg")
            app.open("claims", Path(path))
            await until(pilot, lambda: "A few delta" in shown(app) and "checking" not in shown(app))
            await pilot.press(*["down"] * CLAIM)
            await pilot.pause(1)
            save(app, folder / "claims.svg")
            if grids.sweep_names(home):
                app.open("sweep")
                await until(pilot, lambda: "capacity holds" in shown(app))
                await pilot.pause(2)
                save(app, folder / "sweep.svg")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("home", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--theme", choices=NAMES, default="dark")
    parser.add_argument("--width", type=int, default=120)
    parser.add_argument("--height", type=int, default=36)
    parser.add_argument("--ask", metavar="RUN", help="the run whose memory is shown")
    arguments = parser.parse_args()
    asyncio.run(take(arguments.home, arguments.folder, arguments.theme, (arguments.width, arguments.height), arguments.ask))


if __name__ == "__main__":
    main()
