"""RUNS: what is listed, in which order, what is known of each run, and what can be done with it."""

import dataclasses
import json
import os
import time

import pytest
from fabricated_run import FACTS, evaluated, fabricate, started, trained
from playing import SIZES, lab, played
from textual import events as keys

from memlab.errors import UsageError
from memlab.rundir import events, state
from memlab.training import launch

COURSE = [started(), evaluated(0, 8.0, 8.1), trained(10, 4.0), evaluated(50, 2.0, 5.5), trained(100, 1.0), evaluated(100, 0.5, 6.25)]


def make(home, name, rows=COURSE, age=0.0, **fields):
    """A run directory; the larger its age, the older it is."""
    run = fabricate(home / "runs" / name, rows, **{"step": 100, **fields})
    os.utime(run.config_path, (1e9 - age, 1e9 - age))
    return run


@pytest.fixture
def home(tmp_path):
    make(tmp_path, "oldest", age=3)
    make(tmp_path, "middle", [started(), evaluated(0, 3.0, 3.5)], age=2, status="running", step=20)
    make(tmp_path, "newest", [], age=1, status="stopped", step=7)
    return tmp_path


def names(player):
    """The runs from the top."""
    return [row.key.rpartition("/")[2] for row in player.app.screen.query_one("#runs").rows]


@played
async def test_every_run_is_listed_with_its_state_sizes_step_and_losses(home):
    async with lab(home, (200, 50)) as player:
        await player.until("6.25", "newest")
        header = player.line("N/D²").split()
        assert header[1:-1] == ["run", "state", "data", "size", "N", "D", "N/D²", "step", "train", "valid", "validation"]
        oldest = player.line("oldest").split()
        assert oldest[1:-2] == ["oldest", "✓", "finished", "25", "%", "micro", "1k", "500", "4.0e-03", "100/100", "0.500", "6.25"]
        assert player.line("middle").split()[2:4] == ["●", "running"]
        assert player.line("newest").split()[2:5] == ["newest", "■", "stopped"]
        assert "3 · 1 going on" in player.text


@pytest.mark.parametrize(
    ("width", "there", "absent"),
    [
        (40, ["run", "train", "valid"], ["state", "N/D²", "size"]),
        (80, ["run", "state", "N", "D", "step", "train", "valid"], ["N/D²"]),
        (120, ["run", "state", "data", "size", "N", "D", "N/D²", "step", "train", "valid", "validation"], []),
    ],
)
@played
async def test_the_columns_that_matter_most_stay_in_little_space(home, width, there, absent):
    async with lab(home, (width, 24)) as player:
        await player.until("6.25")
        header = player.line(" run ").split()
        assert [word for word in there if word not in header] == []
        assert [word for word in absent if word in header] == []


@pytest.mark.parametrize("size", SIZES)
@played
async def test_a_reason_is_shown_at_every_size_when_its_run_is_selected(tmp_path, size):
    make(tmp_path, "broken", status="failed", error="the loss is not finite")
    async with lab(tmp_path, size) as player:
        await player.until("broken", "the loss is not finite")
        assert all(len(line) == size[0] for line in player.lines)


@played
async def test_the_newest_is_first_and_o_orders_by_one_column_after_the_other(home):
    async with lab(home, (120, 34)) as player:
        await player.until("6.25")
        assert names(player) == ["newest", "middle", "oldest"]
        await player.press("o")
        assert names(player) == ["middle", "newest", "oldest"]
        assert "run▲" in player.text
        await player.press("O")
        assert names(player) == ["oldest", "newest", "middle"]
        assert "run▼" in player.text
        for _ in range(7):
            await player.press("o")
        assert names(player)[-1] == "newest", "what has no validation loss comes last"
        assert "valid▲" in player.text
        assert "order by" not in player.text


@played
async def test_a_click_on_a_title_orders_and_a_click_on_a_row_goes_there(home):
    async with lab(home, (120, 34)) as player:
        await player.until("6.25")
        column = player.line("N/D²").index("run")
        await player.pilot.click("#runs", offset=(column, 1))
        assert names(player) == ["middle", "newest", "oldest"]
        await player.pilot.click("#runs", offset=(column, 1))
        assert names(player) == ["oldest", "newest", "middle"]
        await player.pilot.click("#runs", offset=(column, 4))
        assert player.line("❯").split()[2] == "middle"
        await player.pilot.click("#runs", offset=(column, 4), times=2)
        await player.until("d leave it running")


@played
async def test_the_cursor_stays_on_its_run_when_the_order_changes(home):
    async with lab(home) as player:
        await player.until("6.25")
        await player.press("j")
        assert "middle" in player.line("❯")
        await player.press("o", "O")
        assert "middle" in player.line("❯")
        await player.press("home", "up", "up")
        assert "oldest" in player.line("❯")
        await player.press("G")
        assert "middle" in player.line("❯")


@played
async def test_what_is_typed_in_one_burst_with_the_key_that_opens_the_filter_is_no_action(home, monkeypatch):
    done = []
    monkeypatch.setattr(launch, "stop", done.append)
    async with lab(home, (120, 34)) as player:
        await player.until("middle")
        await player.press("j")
        for _ in range(2):  # what was there before is replaced
            for character in "/state:stop":
                player.app.post_message(keys.Key({"/": "slash", ":": "colon"}.get(character, character), character))
            await player.until("state:stop", without=("oldest", "middle"))
            assert player.app.screen.query_one("#filter").value == "state:stop"
            assert not done
            assert player.app.screen.NAME == "runs"
            assert names(player) == ["newest"]
            await player.press("enter")


@played
async def test_a_key_that_does_nothing_now_says_why(home):
    async with lab(home, (120, 34)) as player:
        await player.until("oldest")
        await player.press("home", "s")
        await player.until("newest is stopped: nobody trains it")
        await player.press("j", "x")
        await player.until("middle is being trained: stop it first")
        await player.press("j", "r", "c")
        await player.until("oldest is finished; `memlab resume", "select two runs or more with space")


@played
async def test_the_filter_takes_words_and_keys_while_one_types(home):
    async with lab(home, (120, 34)) as player:
        await player.until("6.25")
        await player.press("slash", *"st:")
        await player.until("runs have no 'st' to look for; did you mean 'state'?")
        assert len(names(player)) == 3
        await player.press(*["backspace"] * 3, *"state:run")
        assert names(player) == ["middle"]
        assert "1 of 3" in player.text
        await player.press("enter")
        assert names(player) == ["middle"]
        await player.press("escape")
        assert len(names(player)) == 3
        await player.press("slash", *"nothing like it", "enter")
        await player.until("No run fits 'nothing like it'.", "esc shows all")
        await player.press("escape")
        await player.until("oldest")


@played
async def test_a_selected_run_keeps_its_glyph_whatever_else_is_selected(home):
    async with lab(home, (120, 34)) as player:
        await player.until("6.25")
        await player.press("space", "j", "space", "j", "space")
        assert [player.line(name)[4] for name in ("newest ", "middle ", "oldest ")] == ["■", "▲", "◆"]
        assert "3 selected" in player.text
        await player.press("home", "space")
        assert [player.line(name)[4] for name in ("newest ", "middle ", "oldest ")] == [" ", "▲", "◆"]
        await player.press("end", "space", "space")
        assert player.line("oldest ")[4] == "■", "the free place is taken again"
        await player.press("escape")
        assert "selected" not in player.text


@played
async def test_what_others_write_make_and_remove_appears_by_itself(home):
    async with lab(home) as player:
        await player.until("6.25")
        run = launch.RunDir(home / "runs" / "middle")
        events.append(run.events_path, {"attempt": 1, **evaluated(40, 1.23, 4.56)})
        await player.until("1.23", "4.56")
        make(home, "made-now", age=-10)
        await player.until("made-now")
        assert "middle" not in player.line("❯"), "the cursor does not follow what is new"
        os.rename(home / "runs" / "oldest", home / "runs" / ".hidden")
        await player.until("made-now", without=("oldest",))
        state.write(run.state_path, dataclasses.replace(run.state(), status="finished"))
        await player.when(lambda: "finished" in player.line("middle"))


@played
async def test_what_cannot_be_used_says_why(tmp_path, monkeypatch):
    monkeypatch.setenv("MEMLAB_HOME", str(tmp_path))
    corrupt = make(tmp_path, "corrupt", age=1)
    corrupt.provenance_path.write_text("{")
    copied = make(tmp_path, "copied", age=2, status="running", host="elsewhere")
    an_hour_ago = time.time() - 3600
    os.utime(copied.state_path, (an_hour_ago, an_hour_ago))
    gone = make(tmp_path, "gone", age=3, status="running", pid=2**22 + 1)
    other = make(tmp_path, "other", age=4)
    other.config_path.write_text(json.dumps({"train": {"from the future": 1}}))
    os.utime(other.config_path, (1e9 - 4, 1e9 - 4))
    make(tmp_path, "early", [], age=5, facts=None, status="starting", work=None)
    async with lab(tmp_path, (120, 34)) as player:
        await player.until("early")
        assert "! unreadable" in player.line("corrupt").replace("  ", " ")
        await player.until("provenance.json cannot be read")
        await player.press("j")
        assert "lost" in player.line("❯")
        await player.until("nothing has been heard of the trainer on", "copied` goes on here", "is its log")
        await player.press("j")
        await player.until("the trainer is gone without a word", "`memlab resume gone` goes on")
        assert gone.status() == "lost"
        await player.press("home", "end", "k")
        await player.until("no setting 'train.from the future'")
        corrupt.provenance_path.write_text(json.dumps(FACTS))
        await player.when(lambda: "finished" in player.line("corrupt"), "a mended run is read again")
        corrupt.config_path.write_text("{")
        await player.when(lambda: "unreadable" in player.line("corrupt"), "and one that is damaged now")


@played
async def test_stop_and_resume_go_to_the_run_under_the_cursor_and_say_what_came_of_it(home, monkeypatch):
    done = []
    monkeypatch.setattr(launch, "stop", lambda run: done.append(("stop", run.name)))

    def refuse(run, home, changes):
        done.append(("resume", run.name))
        raise UsageError("it [b]cannot[/b] be resumed")

    monkeypatch.setattr(launch, "resume", refuse)
    async with lab(home, (120, 34)) as player:
        await player.until("6.25", "r resume")
        await player.press("s")
        assert done == [], "a stopped run cannot be stopped"
        await player.press("r")
        await player.until("it [b]cannot[/b] be resumed")
        await player.press("j", "s")
        await player.until("middle saves and leaves")
        assert done == [("resume", "newest"), ("stop", "middle")]


@played
async def test_a_run_is_removed_only_after_a_yes(home):
    async with lab(home, (120, 34)) as player:
        await player.until("6.25")
        await player.press("end", "x")
        await player.until("Remove oldest with everything in it", "y remove it")
        await player.press("enter")
        await player.until("oldest", without=("Remove",))
        await player.press("x")
        await player.until("Remove")
        await player.press("y")
        await player.until("oldest is removed")
        await player.when(lambda: names(player) == ["newest", "middle"])
        assert not (home / "runs" / "oldest").exists()
        await player.press("end", "x")
        await player.pilot.pause()
        assert "Remove" not in player.text, "not one that is being trained"


@played
async def test_the_path_is_copied_and_shown_on_a_line_of_its_own(home):
    async with lab(home, (120, 34)) as player:
        await player.until("6.25")
        await player.press("y")
        path = str(home / "runs" / "newest")
        await player.until("hold shift and drag")
        assert player.app.clipboard == path
        assert any(line.strip() == path for line in player.lines), "nothing else is in that line"
        await player.press("space")
        await player.until("newest", without=("hold shift",))
        assert not player.app.marked, "the key that closes it does nothing else"


@played
async def test_an_empty_home_says_what_to_do(tmp_path):
    async with lab(tmp_path) as player:
        await player.until("There are no runs under", tmp_path.name, "memlab demo")
        assert "open" not in player.text
        make(tmp_path, "first")
        await player.until("first", without=("There are no runs",))


@played
async def test_quitting_names_the_runs_that_go_on(home):
    async with lab(home) as player:
        await player.until("6.25")
        await player.press("q")
    assert player.app.return_value == ["middle"]


@played
async def test_quitting_from_a_run_names_it_once_also_where_the_listing_does_not_know_it_yet(home):
    async with lab(home) as player:
        await player.until("6.25")
        await player.press("j", "enter")
        await player.until("s stop", "leave it running")
        player.app.rows = []
        await player.press("q")
    assert player.app.return_value == ["middle"]


@played
async def test_any_size_is_survived(home):
    async with lab(home, (1, 1)) as player:
        for size in [(1, 1), (3, 2), (20, 3), (200, 2), (2, 50), (59, 19), (60, 20), (130, 40)]:
            await player.pilot.resize_terminal(*size)
            await player.when(lambda size=size: [len(line) for line in player.lines] == [size[0]] * size[1], f"{size}")
        await player.until("6.25", "oldest")


@played
async def test_a_disk_that_does_not_answer_keeps_nobody_from_working(home, monkeypatch):
    import threading

    answers = threading.Event()
    slow = launch.RunDir.standing

    def standing(run):
        if run.name == "middle":
            answers.wait()
        return slow(run)

    async with lab(home) as player:
        await player.until("6.25")
        monkeypatch.setattr(launch.RunDir, "standing", standing)
        await player.pilot.pause(0.1)
        await player.press("j", "space", "question_mark")
        await player.until("EVERYWHERE")
        await player.press("escape", "q")
    assert player.app.return_value == ["middle"]
    answers.set()
