"""COMPARE: the selected runs side by side: curves in one picture, figures in one table, and the settings that differ."""

import dataclasses
import json

import pytest
from fabricated_run import EXPERIMENT, evaluated, fabricate, measured, started, trained
from playing import SIZES, lab, played

from memlab import config
from memlab.render.safe import is_harmful
from memlab.rundir import events

COURSE = [started(), evaluated(0, 8.0, 8.1), trained(10, 4.0), evaluated(50, 2.0, 5.5), trained(100, 1.0), evaluated(100, 0.5, 6.25)]


@pytest.fixture
def home(tmp_path):
    fabricate(tmp_path / "runs" / "one", COURSE, step=100)
    other = fabricate(tmp_path / "runs" / "two", [*COURSE[:4], evaluated(80, 1.5, 4.75), measured(80, score=(0.5, 0.25))], step=80)
    changed = dataclasses.replace(EXPERIMENT, train=dataclasses.replace(EXPERIMENT.train, lr=0.125))
    other.config_path.write_text(json.dumps(config.to_dict(changed)))
    return tmp_path


async def opened(player):
    await player.until("6.25", "4.75")
    await player.press("space", "j")
    assert "compare" not in player.lines[-1], "one run alone is not compared"
    await player.press("space", "c")
    await player.when(lambda: player.app.screen.NAME == "compare" and player.app.screen._drawn)


@played
async def test_curves_figures_and_settings_stand_side_by_side_under_the_glyphs_of_the_listing(home):
    async with lab(home, (120, 60)) as player:
        await opened(player)
        text = await player.until("2 runs", "best validation loss", "settings that differ", "0.125", "entropy floor")
        assert ("■ one" in text and "▲ two" in text) or ("■ two" in text and "▲ one" in text)
        assert sorted(player.line("best validation loss").split()[-3:-1]) == ["4.75", "5.50"]
        assert "train.lr" in text


@played
async def test_the_cursor_the_axis_and_what_was_measured_have_the_keys_of_live(home):
    async with lab(home, (120, 60)) as player:
        await opened(player)
        await player.press("x", "left")
        await player.until("tokens", "validation at", "cursor at")
        await player.press("m")
        await player.until("score (share)", without=("entropy floor",))
        await player.press("escape")
        await player.until("enter open", "2 selected")


@played
async def test_what_a_run_writes_appears_and_a_run_that_is_gone_is_named(home):
    async with lab(home, (120, 60)) as player:
        await opened(player)
        events.append(home / "runs" / "two" / "events.jsonl", {"attempt": 1, **evaluated(90, 1.25, 3.125)})
        await player.until("3.12")
        (home / "runs" / "two").rename(home / "runs" / ".gone")
        await player.press("escape")
        await player.until("6.25", without=("two",))


@pytest.mark.parametrize("size", SIZES)
@played
async def test_both_panes_are_reached_at_every_size(home, size):
    async with lab(home, size) as player:
        await opened(player)
        await player.until("⠒▲⠒", "steps")
        if "f4" in player.lines[-1]:
            await player.press("f4")
        await player.until("■ ", "▲ ", "fraction", "25 %")
        assert [len(line) for line in player.lines] == [size[0]] * size[1]


@played
async def test_any_size_is_survived_and_no_name_does_harm(home):
    (home / "runs" / "two").rename(home / "runs" / "two \x1b[31mred[b]x")
    async with lab(home, (80, 24)) as player:
        await opened(player)
        for size in [(1, 1), (3, 2), (20, 3), (59, 19), (60, 20), (130, 40)]:
            await player.pilot.resize_terminal(*size)
            await player.press("f4", "left")
            await player.when(lambda size=size: [len(line) for line in player.lines] == [size[0]] * size[1], f"{size}")
        assert not any(map(is_harmful, (await player.until("␛[31mred[b]x")).replace("\n", "")))
