"""SWEEP: the heat map of a sweep with its cursor, what is shown in it, and the way to a cell's run."""

import dataclasses
import json

import pytest
from fabricated_run import FACTS, evaluated, fabricate, started, trained
from playing import lab, played

from memlab import config
from memlab.lab import grids
from memlab.lab.grids import Cell, Grid, Sweep
from memlab.render.safe import is_harmful
from memlab.tui.widgets.sweepmap import SweepMap

SWEEP = Sweep("tiny", Grid("demo", "Tiny models", ("1x8", "1x16"), tokens=(72, 144), seeds=(0, 1)), config.Experiment())


def cell(home, size, amount, seed, loss, sweep=SWEEP, **fields):
    path = grids.folder_of(home, sweep.name) / Cell(size, amount, seed).name
    path.parent.mkdir(parents=True, exist_ok=True)
    facts = {**FACTS, "model": {**FACTS["model"], "n_params": 1000, "n_params_total": 2000}}
    course = [started(), evaluated(0, 4.0, 4.0), trained(50, loss), evaluated(100, loss, loss + 2, confident=(0.75, 0.125))]
    return fabricate(path, course, facts=facts, step=100, **fields)


@pytest.fixture
def home(tmp_path):
    """One cell is not there yet."""
    grids.keep(tmp_path, SWEEP)
    for size, amount, seed, loss in (("1x8", 72, 0, 1.0), ("1x8", 72, 1, 2.0), ("1x8", 144, 0, 2.5), ("1x16", 72, 0, 0.25)):
        cell(tmp_path, size, amount, seed, loss)
    held = [{"amount": amount, "n_tokens": amount, "bits": 72.0 * amount, "exact": True, "how": "known"} for amount in (72, 144)]
    (grids.folder_of(tmp_path, "tiny") / "information.json").write_text(json.dumps(held))
    return tmp_path


async def opened(player, *words):
    await player.press("w")
    return await player.until("4 of 8", *words)


@played
@pytest.mark.parametrize("size", [(40, 12), (80, 24), (120, 34), (200, 50)])
async def test_the_map_is_shown_in_every_size(home, size):
    async with lab(home, size) as player:
        around = ("tiny", "training loss", "mean of seeds", "┃ capacity", "capacity holds all of it", "enter open")
        text = await opened(player, "1x16", "[", "1.5", "2.5", "72", "144", *(around if size[0] >= 80 else ()))
        assert all(len(line.rstrip()) <= size[0] for line in text.splitlines())


@played
async def test_with_room_cells_are_tall_and_a_click_anywhere_in_one_chooses_it(home):
    async with lab(home, (120, 34)) as player:
        await opened(player, "1x16")
        here = player.app.screen.query_one(SweepMap)
        assert here._picture.tall > 1
        left, top = here._picture.left + here._picture.cell + 1, here._picture.lines_of(1)[-1]
        await player.pilot.click(SweepMap, offset=(here.gutter.left + left, here.gutter.top + top))
        assert here.cursor == (1, 1)


@played
async def test_one_cell_is_enough_not_to_crash(home):
    async with lab(home, (1, 1)) as player:
        player.app.open("sweep")
        for key in ("right", "down", "e", "s", "o", "escape", "escape"):
            await player.press(key)


@played
async def test_arrows_choose_a_cell_and_what_is_known_of_it_is_said(home):
    async with lab(home, (120, 34)) as player:
        text = await opened(player, "1x16 on 72 tokens")
        assert "training 0.250" in text
        await player.press("down")
        text = await player.until("1x8 on 72 tokens", "seed 1  finished  training 2.00")
        assert "p > 0.9: 75 %, held-out 12.5 %" in text
        await player.press("right")
        await player.until("1x8 on 144 tokens", "seed 1  waiting")
        await player.press("down")  # the floors have no runs
        await player.until("1x8 on 144 tokens")


@played
async def test_a_key_shows_something_else_another_one_seed_only(home):
    async with lab(home, (120, 34)) as player:
        await opened(player, "training loss", "1.5")
        await player.press("e")
        await player.until("validation loss")
        await player.press("s")
        await player.until("seed 0", "4.5", without=("mean of seeds",))
        await player.press("s", "s")
        await player.until("mean of seeds")


@played
async def test_enter_opens_the_run_of_the_cell(home):
    async with lab(home, (120, 34)) as player:
        await opened(player, "1x16 on 72")
        await player.press("enter")
        await player.until("1x16-72t-0", "2.25 at 100")
        assert player.app.screen.NAME == "live"
        await player.press("escape")
        await player.until("1x16 on 72")
        await player.press("right", "enter")  # not begun
        await player.until("1x16 on 144")
        assert player.app.screen.NAME == "sweep"
        await player.press("escape")
        await player.when(lambda: player.app.screen.NAME == "runs")


@played
async def test_the_map_follows_what_is_trained(home):
    async with lab(home, (120, 34)) as player:
        await opened(player)
        cell(home, "1x16", 144, 0, 0.5)
        await player.until("5 of 8")


@played
async def test_another_sweep_is_picked_from_the_list(home):
    other = dataclasses.replace(SWEEP, name="other", grid=dataclasses.replace(SWEEP.grid, title="Something else", sizes=("2x8",)))
    grids.keep(home, other)
    async with lab(home, (80, 24)) as player:
        await player.press("w")
        await player.until("0 of 4", "2x8")
        await player.press("o")
        await player.until("Something else", "Tiny models")
        await player.press("down", "enter")
        await player.until("4 of 8")


@played
async def test_a_home_without_sweeps_says_what_to_type(tmp_path):
    async with lab(tmp_path, (80, 24)) as player:
        await player.press("w")
        await player.until("There are no sweeps", "memlab sweep regimes")
        await player.press("e", "s", "enter", "o")
        await player.until("There are no sweeps")


@played
async def test_a_damaged_sweep_says_so(home):
    (grids.folder_of(home, "tiny") / "sweep.json").write_text("{")
    async with lab(home, (100, 24)) as player:
        await player.press("w")
        await player.until("sweep.json cannot be")


@played
async def test_names_from_elsewhere_are_harmless(tmp_path):
    evil = "\x1b]0;pwned\x07\u202e[bold]x"
    sweep = dataclasses.replace(SWEEP, name="ok " + evil.replace("/", ""), grid=dataclasses.replace(SWEEP.grid, title=evil, sizes=(evil,)))
    grids.keep(tmp_path, sweep)
    cell(tmp_path, evil, 72, 0, 1.0, sweep, status="failed", error=evil)
    async with lab(tmp_path, (120, 34)) as player:
        await player.press("w")
        text = await player.until("0 of 4", "failed")
        assert not any(map(is_harmful, text.replace("\n", "")))
        await player.press("o")
        await player.until("sweeps")
        assert not any(map(is_harmful, player.text.replace("\n", "")))


@pytest.mark.parametrize("options", [{"ascii": True}, {"color": False}])
@played
async def test_plain_terminals_show_it_too(home, options):
    async with lab(home, (80, 24), **options) as player:
        text = await opened(player, "1.5", "2.5")
        assert text.isascii() or not options.get("ascii") or "┃" not in text
