"""LANDSCAPE: the picture of the energy around a state, its keys, and what the child is asked for."""

from dataclasses import asdict, replace

import numpy as np
import pytest
from fabricated_run import evaluated, fabricate, started
from playing import lab, played
from scripted import Scripted

from memlab.lab.landscape import FixedPoint, Landscape, Pattern, Step
from memlab.lab.questions import Question
from memlab.lab.remembering import Context
from memlab.render.safe import is_harmful

PASSAGE = {"row": 5, "document": "doc", "offset": 3, "n_tokens": 9, "is_cut": [False, False]}
PASSAGE |= {"before": "to the ", "token": "end", "after": "."}
PATTERNS = [
    Pattern(3.0, 0.0, 0.0, True, 5, 3.0, 0.9, 1),
    Pattern(1.0, 2.0, 0.0, True, 6, 2.2, 0.1, 3),
    Pattern(-1.0, -1.0, 1.5, False, 7, 2.1, 0.0, 1),
]
FIXED = [
    FixedPoint(3.0, 0.0, 0.0, True, 0.0, 1.0, True, 5, 0.0, True, 20, True),
    FixedPoint(1.0, 2.0, 0.0, True, 0.0, 1.0, True, 6, 0.0, True, 12, False),
]


def context(row, words="to the"):
    return Context(row, "some.document", f"{words} ", f"end{row}", " of")


def made(width=40, height=24, **changes):
    """A landscape of two wells, with a descent of three steps into the first."""
    u, v = np.linspace(-3, 5, width), np.linspace(-3, 3, height)
    wells = [((u - 3) ** 2)[None] + (v**2)[:, None], ((u - 1) ** 2)[None] + ((v - 2) ** 2)[:, None]]
    return replace(
        Landscape(
            run="one", step=100, part="training", label="json.decoder", note="", tokens=["to", " the", " end"], position=1,
            next_token=" end", layer="1", layer_words="after block 1 of 2", layers=["1", "2"], beta=1.0, beta_asked="1",
            plane="nearest", seed=0, zoom=1.0, spanned_by=[5, 6], share_of_variance=0.1, n_patterns=100, n_in_slice=2, left_out=0,
            excluded=0, scale=2.0, within=0.2, energy=9.0, effective_patterns=1.2, u=u.tolist(), v=v.tolist(),
            energies=np.minimum(*wells).tolist(),
            patterns=PATTERNS,
            contexts={row: context(row) for row in (5, 6, 7)},
            descent=[Step(0.0, 0.0, 0.0, True, 9.0), Step(2.0, 0.1, 0.3, False, 1.5), Step(3.0, 0.0, 0.0, True, 0.0)],
            fixed_points=FIXED,
            notes=[], is_complete=True,
        ),
        **changes,
    )  # fmt: skip


@pytest.fixture
def run(tmp_path):
    checkpoint = {"kind": "checkpoint", "step": 0, "tokens": 0, "seconds": 0.0}
    return fabricate(tmp_path / "runs" / "one", [started(), evaluated(0, 8.0, 8.1), checkpoint], step=50)


async def opened(player, run, *arguments):
    child = player.app.child = Scripted()
    player.app.open("landscape", run.path, *arguments)
    await player.when(lambda: child.asked, "a request")
    return child


def tell(child, found, **message):
    child.tell(found={"landscape": asdict(found), "steps_there": [0, 100]})
    if message:
        child.tell(**message)


async def shown(player, run, *arguments, **changes):
    child = await opened(player, run, *arguments)
    tell(child, made(**changes), answer={})
    await player.when(lambda: "◆" in player.text or "S" in player.text, "the picture")
    await player.when(lambda: not player.app.screen._status, "the end")
    return child


@played
@pytest.mark.parametrize("size", [(40, 12), (80, 24), (120, 34)])
async def test_a_state_is_drawn_in_every_size(tmp_path, run, size):
    async with lab(tmp_path, size) as player:
        child = await shown(player, run)
        do, asked = child.asked[0]
        assert (do, asked["run"], asked["checkpoint"]) == ("landscape", str(run.path), "last")
        assert asked["question"] == asdict(Question("training"))
        assert 2 <= asked["wish"]["width"] <= size[0]
        text = await player.until("◆", "◉", *(("E 9.00", "fixed point at a") if size[0] >= 80 else ()))
        assert all(len(line.rstrip()) <= size[0] for line in text.splitlines())


@played
async def test_one_cell_is_enough_not_to_crash(tmp_path, run):
    async with lab(tmp_path, (1, 1)) as player:
        child = await opened(player, run)
        tell(child, made(), answer={})
        await player.pilot.pause()
        for key in ("right", "down", "v", "plus", "l"):
            await player.press(key)


@played
async def test_a_narrow_screen_shows_picture_or_words(tmp_path, run):
    async with lab(tmp_path, (50, 20)) as player:
        child = await shown(player, run)
        assert "E 9.00" not in player.text
        await player.press("v")
        await player.until("E 9.00", "selected")
        await player.press("v")
        await player.until("◉", without=("E 9.00",))
        assert len(child.asked) == 1, "the picture is as large as before"


@played
async def test_steps_of_the_descent_move_the_state_and_ask_for_nothing(tmp_path, run):
    async with lab(tmp_path, (120, 34)) as player:
        child = await shown(player, run)
        before = player.line("◆  ").index("◆")
        await player.press("right")
        await player.until("◆   1  E 1.50")
        await player.press("right")
        await player.until("◆   2  E 0")
        assert not player.app.screen.possible("step-on")
        await player.press("left", "left")
        await player.until("◆   0  E 9.00")
        assert len(child.asked) == 1
        assert player.line("◆  ").index("◆") == before


@played
async def test_markers_are_selected_one_after_the_other_and_with_the_mouse(tmp_path, run):
    async with lab(tmp_path, (120, 34)) as player:
        child = await shown(player, run)
        await player.until("20 of 32 descents end here")
        await player.press("down")
        await player.until("12 of 32 descents end here", "2 others equal it")
        await player.press("tab")
        await player.until("1.50 off the", "to the [end7]")
        await player.press("down")
        await player.until("20 of 32 descents end here")
        picture = player.app.screen.query_one("#slice")
        await player.when(lambda: picture.picture.area, "the picture")
        column, row = picture.picture.cell(-1, -1)
        await player.pilot.click("#slice", offset=(column + picture.gutter.left, row + picture.gutter.top))
        await player.until("to the [end7]")
        assert len(child.asked) == 1


@played
async def test_enter_opens_the_card_and_the_training_passage(tmp_path, run):
    async with lab(tmp_path, (120, 34)) as player:
        child = await shown(player, run)
        await player.press("enter")
        await player.when(lambda: len(child.asked) == 2, "the passage")
        assert child.asked[1] == ("passage", {"run": str(run.path), "checkpoint": "100", "row": 5})
        child.tell(answer=PASSAGE)
        await player.until("pattern 5", "to the end.", "20 of 32 descents end here, the state's among them", "close")
        await player.press("escape")
        await player.until("landscape  layer 1")


@played
async def test_layer_plane_beta_zoom_and_position_are_asked_for_while_the_picture_stays(tmp_path, run):
    async with lab(tmp_path, (120, 34)) as player:
        child = await shown(player, run)
        for key, name, value in (
            ("l", "layer", "2"), ("p", "plane", "pca"), ("b", "beta", "auto"), ("b", "beta", "1"), ("less_than_sign", "beta", "0.5"),
            ("greater_than_sign", "beta", "1"), ("plus", "zoom", 2.0), ("minus", "zoom", 1.0), ("full_stop", "position", 2),
        ):  # fmt: skip
            n = len(child.asked)
            await player.press(key)
            await player.when(lambda n=n: len(child.asked) == n + 1, "a request")
            assert child.asked[-1][1]["wish"][name] == value
            assert "◉" in player.text
            assert "asking" in player.text
        tell(child, made(plane="pca", layer="2"), answer={})
        await player.until("landscape  layer 2, pca plane", without=("asking",))


@played
async def test_the_step_stays_where_only_the_zoom_has_changed(tmp_path, run):
    async with lab(tmp_path, (120, 34)) as player:
        child = await shown(player, run)
        await player.press("right", "down", "plus")
        await player.when(lambda: len(child.asked) == 2, "a request")
        tell(child, made(zoom=2.0), answer={})
        await player.until("◆   1  E 1.50", "12 of 32 descents end here", without=("asking",))
        await player.press("greater_than_sign")
        await player.when(lambda: len(child.asked) == 3, "a request")
        tell(child, made(beta=2.0, beta_asked="2"), answer={})
        await player.until("◆   0  E 9.00", "20 of 32 descents end here")


@played
async def test_any_text_can_be_typed(tmp_path, run):
    async with lab(tmp_path, (80, 24)) as player:
        child = await shown(player, run)
        await player.press("slash")
        screen = player.app.screen
        screen.query_one("#asked").value = ""
        await player.press(*"lpb", "enter")
        await player.when(lambda: len(child.asked) == 2, "a request")
        assert child.asked[1][1]["question"] == asdict(Question(text="lpb"))
        await player.press("slash")
        screen.query_one("#asked").value = ":nonsense"
        await player.press("enter")
        await player.until("write a text to ask with")
        await player.press("escape", "escape")
        await player.when(lambda: player.app.screen.NAME == "runs", "the way back")


@played
async def test_passages_and_checkpoints_can_be_gone_through(tmp_path, run):
    async with lab(tmp_path, (120, 34)) as player:
        child = await shown(player, run)
        await player.press("right_square_bracket")
        await player.when(lambda: len(child.asked) == 2, "a request")
        assert child.asked[1][1]["question"] == asdict(Question("training", number=1))
        await player.press("h")
        await player.when(lambda: len(child.asked) == 3, "a request")
        assert child.asked[2][1]["question"] == asdict(Question("validation"))
        await player.press("c")
        await player.until("the null")
        await player.press("up", "enter")
        await player.when(lambda: len(child.asked) == 4, "a request")
        assert child.asked[3][1]["checkpoint"] == "0"


@played
async def test_it_opens_attractor_with_the_same_state_and_is_opened_by_it(tmp_path, run):
    async with lab(tmp_path, (120, 34)) as player:
        child = await shown(player, run, Question("validation", number=3), "1", 1)
        assert child.asked[0][1]["question"] == asdict(Question("validation", number=3))
        assert (child.asked[0][1]["wish"]["layer"], child.asked[0][1]["wish"]["position"]) == ("1", 1)
        await player.press("a")
        await player.when(lambda: player.app.screen.NAME == "attractor", "the other screen")
        await player.when(lambda: len(child.asked) == 2, "its request")
        wish = child.asked[1][1]["wish"]
        assert (wish["question"]["number"], wish["layer"], wish["position"]) == (3, "1", 1)
        await player.press("L")
        await player.when(lambda: player.app.screen.NAME == "landscape", "the way back")


@played
async def test_problems_are_said_and_what_is_shown_stays(tmp_path, run):
    async with lab(tmp_path, (80, 24)) as player:
        child = await shown(player, run)
        await player.press("l")
        child.tell(work={"doing": "retrieving", "done": 8, "total": None, "unit": "steps"})
        await player.until("retrieving: 8 steps")
        child.tell(error="there is no layer; take another", status=2)
        await player.until("there is no layer; take another", "◉")


@played
async def test_leaving_takes_the_request_back(tmp_path, run):
    async with lab(tmp_path, (80, 24)) as player:
        child = await opened(player, run)
        await player.press("escape")
        await player.when(lambda: child.cancelled == [1], "taken back")


@played
async def test_hostile_text_reaches_the_screen_harmless(tmp_path, run):
    bad = "\x1b[2J\u202e[red]\x9b"
    contexts = {row: Context(row, bad, bad, bad, bad) for row in (5, 6, 7)}
    async with lab(tmp_path, (120, 34)) as player:
        child = await shown(player, run, contexts=contexts, tokens=[bad, bad], label=bad, notes=[bad])
        text = await player.until("[red]")
        assert not any(map(is_harmful, text.replace("\n", "")))
        await player.press("enter")
        await player.when(lambda: len(child.asked) == 2, "the passage")
        child.tell(answer={**PASSAGE, "document": bad, "before": bad, "token": bad, "after": bad})
        text = await player.until("close")
        assert not any(map(is_harmful, text.replace("\n", "")))


@played
@pytest.mark.parametrize("color", [True, False])
async def test_seven_bits_and_no_colours_are_enough(tmp_path, run, color):
    async with lab(tmp_path, (80, 24), ascii=True, color=color) as player:
        child = await opened(player, run)
        tell(child, made(), answer={})
        text = await player.until("S   0  E 9.00", "S state")
        assert text.replace("β", "?").isascii() or all(one.isascii() for one in text if one not in "─│╭╮╰╯←→↑↓β…")
