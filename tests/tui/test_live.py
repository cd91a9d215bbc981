"""LIVE: the curves of a run with their numbers, and every way of looking at them."""

import dataclasses
import gc
import weakref

import pytest
from fabricated_run import evaluated, fabricate, measured, resumed, started, trained
from playing import SIZES, lab, played

from memlab.errors import UsageError
from memlab.rundir import events, state
from memlab.training import launch


def course(steps, scale=1.0, every=10):
    """A run that learns its text by heart: the training loss falls, the validation loss turns at a third."""
    rows = [started()]
    for step in range(0, steps + 1, every):
        share = step / steps
        if step:
            rows.append(trained(step, scale * 8 * (1 - share) + 0.01, seconds=step / 10, lr=1e-3 * (1 - share)))
        if step % (5 * every) == 0:
            validation = scale * (8 - 6 * share if share < 1 / 3 else 5 + 3 * share)
            rows.append(evaluated(step, scale * 8 * (1 - share) + 0.01, validation, (share, 0.01), seconds=step / 10))
    return rows


@pytest.fixture
def home(tmp_path):
    fabricate(tmp_path / "runs" / "main", course(600), step=600, steps=600)
    return tmp_path


def live(player):
    return player.app.screen


async def opened(player):
    """LIVE on the first run, once its curves are there."""
    await player.until("main")
    await player.when(lambda: player.app.screen.possible("open"))
    await player.press("enter")
    await player.when(lambda: live(player).NAME == "live" and live(player)._drawn)


@pytest.mark.parametrize("size", SIZES)
@played
async def test_curves_floors_and_events_are_there_at_every_size_and_the_numbers_where_they_fit(home, size):
    async with lab(home, size) as player:
        await opened(player)
        text = await player.until("train", "valid", "entrop", "steps", "main")
        assert any("⠀" < character <= "⣿" for character in text), "curves are drawn in dots"
        assert all(len(line) == size[0] for line in player.lines)
        assert len(player.lines) == size[1]
        if size[0] < 80:
            assert "finished · step 600 of 600" in text
            assert "p > 0.9" in text
        else:
            for words in ("✓ finished", "600 of 600", "tokens        6k", "gap", "best", "learning rate", "p > 0.9       100 %"):
                assert words in text
            assert player.line("control").split("control")[1].split()[:2] == ["1", "%"]


@played
async def test_what_a_running_run_writes_appears_and_its_end_too(tmp_path):
    run = fabricate(tmp_path / "runs" / "main", course(300), status="running", step=300, steps=600)
    async with lab(tmp_path, (120, 34)) as player:
        await opened(player)
        text = await player.until("● running", "300 of 600", "50 %", "speed", "left", "s stop", "d leave it running", "p pause")
        assert "r resume" not in text
        events.append(run.events_path, {"attempt": 1, **trained(310, 1.5, seconds=31.0)})
        events.append(run.events_path, {"attempt": 1, **evaluated(310, 1.25, 6.5, seconds=31.0)})
        await player.until("310 of 600", "1.25", "6.50", "5.25")
        events.append(run.events_path, {"attempt": 2, **resumed(300, 30.0)})
        await player.until("300 of 600", "resumed at 300")
        state.write(run.state_path, dataclasses.replace(run.state(), status="failed", error="no [red]memory[/red] left"))
        await player.until("✕ failed", "no [red]memory[/red] left", "r resume", without=("s stop",))


@played
async def test_holding_the_display_still_shows_nothing_new_until_it_is_let_go(tmp_path):
    run = fabricate(tmp_path / "runs" / "main", course(300), status="running", step=300, steps=600)
    async with lab(tmp_path, (120, 34)) as player:
        await opened(player)
        await player.press("p")
        await player.until("held still")
        events.append(run.events_path, {"attempt": 1, **evaluated(310, 1.25, 6.5, seconds=31.0)})
        await player.press("y")
        await player.until("log")
        assert "310 of 600" not in player.text
        await player.press("p")
        await player.until("310 of 600", without=("held still",))


@played
async def test_axis_scale_and_smoothing_change_by_key_and_are_remembered(home):
    async with lab(home, (120, 34)) as player:
        await opened(player)
        assert "steps · smoothing 0.5" in player.text
        await player.press("y", "x", "plus", "c")
        await player.until("tokens · log · smoothing 0.8")
        await player.when(lambda: "tokens" in player.lines[-3], "the axis has its name")
        await player.press("minus", "minus", "minus", "minus")
        await player.until("tokens · log · raw", without=("(smoothed)",))
        await player.press("q")
    async with lab(home, (120, 34)) as player:
        await opened(player)
        await player.until("tokens · log · raw")
        await player.press("x")
        await player.until("seconds · log · raw")


@played
async def test_the_cursor_shows_the_values_under_it(home):
    async with lab(home, (120, 34)) as player:
        await opened(player)
        await player.press("left")
        await player.until("at the cursor", "cursor at")
        numbers = [line[85:].strip() for line in player.lines]
        here = numbers.index(next(line for line in numbers if "at the cursor" in line))
        assert numbers[here + 1].split()[:2] == ["step", "600"]
        assert numbers[here + 4].split()[:3] == ["train", "batches", "0.0100"]
        for _ in range(15):
            await player.press("left")
        await player.when(lambda: "600" not in player.lines[here + 1][85:], "it has moved")
        step = int(player.lines[here + 1][85:].split()[1])
        assert 400 < step < 600
        assert abs(float(player.lines[here + 4][85:].split()[2]) - (8 * (1 - step / 600) + 0.01)) < 1e-2
        await player.pilot.click("#curves", offset=(20, 10))
        await player.when(lambda: int(player.lines[here + 1][85:].split()[1]) < 150, "a click puts it there")
        await player.press("Z")
        await player.until("best", without=("at the cursor",))


@played
async def test_zooming_keeps_the_cursor_in_view_panning_stops_at_the_ends_and_the_whole_comes_back(home):
    async with lab(home, (120, 34)) as player:
        await opened(player)
        await player.press("left_square_bracket")
        assert "zoomed" not in player.text
        for _ in range(3):
            await player.press("z")
        await player.until("zoomed", "whole")
        await player.when(lambda: live(player)._drawn.plot.x_high - live(player)._drawn.plot.x_low == 75)
        for _ in range(16):
            await player.press("right_square_bracket")
        await player.when(lambda: live(player)._drawn.plot.x_high == 600, "it stops at the end")
        await player.press("left", "left", "z")
        await player.when(lambda: live(player)._drawn.plot.x_high - live(player)._drawn.plot.x_low == 37.5)
        plot = live(player)._drawn.plot
        assert plot.x_low <= live(player)._cursor <= plot.x_high
        await player.press("0")
        await player.until("main", without=("zoomed",))


@played
async def test_selected_runs_are_laid_over_it_with_their_glyphs(home):
    fabricate(home / "runs" / "other", course(900, 0.5), step=900, steps=900)
    async with lab(home, (120, 34)) as player:
        await player.until("other", "main")
        first = player.line("❯").split()[2]
        second = {"main": "other", "other": "main"}[first]
        await player.when(lambda: player.app.screen.possible("mark"))
        await player.press("j", "space", "k", "enter")
        await player.until(f"{first} validation", f"⠒■⠒ {second}", "o overlay")
        assert live(player)._drawn.plot.x_high == 900, "the axis reaches to the end of the longer one"
        await player.press("o")
        await player.until("validation", without=(f"⠒■⠒ {second}",))
        await player.press("o", "left")
        await player.until(f"⠒■⠒ {second}", "at the cursor")


@played
async def test_what_a_run_measured_of_itself_takes_the_place_of_the_losses_by_key(tmp_path):
    figures = [measured(step, tokens_held_most_likely=(step / 800, 0.0125), passages_extracted=(0.5, 0.0)) for step in (300, 600)]
    fabricate(tmp_path / "runs" / "main", sorted([*course(600), *figures], key=lambda row: row["step"]), step=600, steps=600)
    async with lab(tmp_path, (120, 40)) as player:
        await opened(player)
        await player.until("m measured", "tokens right  75 % | 1.25 %", "extracted     50 % | 0 %", "entropy")
        await player.press("m")
        await player.until("steps · tokens held most likely", "training", "held-out", "(share)", without=("entropy",))
        await player.press("m", "left")
        await player.until("passages extracted (share)", "at the cursor")
        await player.press("m")
        await player.until("entropy", without=("(share)",))


@played
async def test_there_is_no_such_key_for_a_run_that_did_not_measure(home):
    async with lab(home, (120, 34)) as player:
        await opened(player)
        await player.press("m")
        await player.until("entropy", without=("m measured",))


@played
async def test_leaving_goes_back_to_the_runs_and_touches_nothing(home, monkeypatch):
    monkeypatch.setattr(launch, "stop", lambda run: pytest.fail("it was stopped"))
    async with lab(home) as player:
        for key in ("d", "escape"):
            await opened(player)
            await player.until("d back")
            await player.press(key)
            await player.until("enter open", without=("d back",))


@played
async def test_the_cursor_of_runs_is_on_the_run_that_one_comes_from(home):
    fabricate(home / "runs" / "another", course(300), step=300, steps=600)
    fabricate(home / "runs" / "third", course(300), step=300, steps=600)
    async with lab(home) as player:
        await player.until("main", "another", "third")
        for name in ("main", "another", "third"):
            player.app.open("live", home / "runs" / name)
            await player.until("d back")
            await player.press("d")
            await player.when(lambda name=name: player.app.screen.NAME == "runs" and name in player.line("❯"), name)
        player.app.open("live", home / "runs" / "later")
        fabricate(home / "runs" / "later", course(300), step=300, steps=600)
        await player.until("d back")
        await player.press("d")
        await player.when(lambda: player.app.screen.NAME == "runs" and "later" in player.line("❯"), "one that was not listed before")


@played
async def test_a_run_that_one_has_left_is_let_go(home):
    async with lab(home) as player:
        left = []
        for _ in range(3):
            await opened(player)
            left.append(weakref.ref(live(player)))
            await player.press("f2", "d")
            await player.when(lambda: player.app.screen.NAME == "runs")
        await player.when(lambda: gc.collect() is not None and not any(screen() for screen in left), "no screen is kept")


@played
async def test_stop_and_resume_say_what_came_of_it(tmp_path, monkeypatch):
    run = fabricate(tmp_path / "runs" / "main", course(300), status="running", step=300, steps=600)
    done = []
    monkeypatch.setattr(launch, "stop", lambda run: done.append(run.name))

    def refuse(run, home, changes):
        raise UsageError("it would fail again")

    monkeypatch.setattr(launch, "resume", refuse)
    async with lab(tmp_path, (120, 34)) as player:
        await opened(player)
        await player.until("s stop")
        await player.press("s")
        await player.until("main saves and leaves")
        assert done == ["main"]
        state.write(run.state_path, dataclasses.replace(run.state(), status="stopped"))
        await player.until("r resume")
        await player.press("r")
        await player.until("it would fail again")


@played
async def test_a_run_that_is_damaged_while_one_looks_says_why(home):
    run = launch.RunDir(home / "runs" / "main")
    async with lab(home, (120, 34)) as player:
        await opened(player)
        good = run.state_path.read_text()
        run.state_path.write_text("[]")
        await player.until("is not a run's state", without=("best at",))
        run.state_path.write_text(good)
        await player.until("best at")


@played
async def test_a_run_that_is_removed_while_one_looks_is_gone(home):
    async with lab(home, (120, 34)) as player:
        await opened(player)
        (home / "runs" / "main").rename(home / "runs" / ".removed")
        await player.until("run 'main' is gone", without=("best at",))
        await player.press("left", "z", "y", "d")
        await player.until("There are no runs under")


@played
async def test_any_size_is_survived(home):
    async with lab(home, (80, 24)) as player:
        await opened(player)
        for size in [(1, 1), (3, 2), (20, 3), (200, 2), (2, 50), (59, 19), (60, 20), (79, 24), (130, 40)]:
            await player.pilot.resize_terminal(*size)
            await player.press("left", "z", "y")
            await player.when(lambda size=size: [len(line) for line in player.lines] == [size[0]] * size[1], f"{size}")
        await player.until("training", "✓ finished")
