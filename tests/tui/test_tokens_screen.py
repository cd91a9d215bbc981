"""TOKENS: passages ranked beside their control, the tokens of one of them under a cursor, and no text does any harm."""

from dataclasses import asdict

import pytest
from fabricated_run import evaluated, fabricate, started
from playing import SIZES, lab, played
from scripted import Scripted

from memlab.lab.memorized import Memorised
from memlab.lab.questions import Question
from memlab.lab.tokens import ClassShare, Compared, Continuation, Token, Tokens
from memlab.measures.estimates import Estimate
from memlab.render.safe import is_harmful, width

TEXTS = ["Once", " upon", " a", " time", " there", " was"]
NAMES = ["", "wrong", "copied", "predictable", "memorised", "unsure"]
HOSTILE = ["\x1b[2J", "\u202eabc", "[red]x[/red]", "\x9b31m", "a\u0301" * 3, "漢\n"]
HALF = Estimate(0.5, 0.25, 0.75, 9, "")


def token(text, name):
    if not name:
        return Token(text)
    return Token(text, name, 0.9375, 3, 0.0625, 0.125, 0.001953, " dragon")


def passage(number=3, part="training", texts=TEXTS, step=50, label="tales", first=-2):
    found = Tokens(
        "one",
        step,
        part,
        label,
        [token(text, name) for text, name in zip(texts, NAMES, strict=True)],
        [ClassShare(name, 1, 0.2, HALF, HALF) for name in NAMES[1:]],
        Continuation(3, texts[3:], [texts[3], texts[0], texts[5]], [True, False, True], 1),
        Compared(f"a model of {label}", False, 2.5, 1.5, 100, 12.0, 34.0),
        {"training": 9, "validation": 9},
        0,
        0,
        [f"a note on {label}"],
    )
    question = Question(part, number=number) if part != "given" else Question(text="".join(texts))
    return {"passage": {**asdict(found), "question": asdict(question), "steps_there": [0, 50], "first": first}}


def memorised(row, part="training", n_matched=3, text="a time", document="tales"):
    return asdict(Memorised(part, row, document, 2, n_matched / 3, 0.75, 0.5, None, 3, n_matched, "once upon", text, text))


def ranking(**others):
    training = [memorised(row, n_matched=n, **others) for row, n in ((3, 3), (7, 2), (1, 0))]
    return {
        "ranking": {"training": training, "held_out": [memorised(5, "validation", 0, **others), memorised(8, "validation", 0, **others)]}
    }


@pytest.fixture
def run(tmp_path):
    checkpoint = {"kind": "checkpoint", "step": 0, "tokens": 0, "seconds": 0.0}
    return fabricate(tmp_path / "runs" / "one", [started(), evaluated(0, 8.0, 8.1), checkpoint, evaluated(50, 2.0, 6.3)], step=50)


async def opened(player, **others):
    """The screen, opened from RUNS."""
    child = player.app.child = Scripted()
    await player.until("6.30")
    await player.press("t")
    await player.when(lambda: child.asked, "a request")
    child.tell(found=ranking(**{key: value for key, value in others.items() if key == "document"}))
    await answered(player, child, **{key: value for key, value in others.items() if key != "document"})
    return child


async def answered(player, child, **others):
    child.tell(found=passage(**others))
    child.tell(answer={})
    await player.when(lambda: player.app.screen._request is None, "the answer")
    await player.pilot.pause()


def screen(player):
    return player.app.screen


async def asked_again(player, child, n):
    await player.when(lambda: len(child.asked) > n, "another request")
    return child.asked[-1][1]


@played
async def test_a_wide_screen_has_passages_control_tokens_continuation_classes_and_reference(tmp_path, run):
    async with lab(tmp_path, (120, 40)) as player:
        child = await opened(player)
        assert child.asked[0] == ("tokens", {"run": str(run.path), "question": None, "checkpoint": "last", "ranked": True})
        text = await player.until("3 passages, 1 word for word", "the control: 2 passages, 0 word for word", "one at step 50")
        assert player.line("100 %").split()[2:6] == ["100", "%", "3/3", "2"]
        for words in ("Once upon a time there was", "Reference: a model of tales", "● memorised", "2 of 3", ":train 3"):
            assert words in text
        signs = next(below for line, below in zip(player.lines, player.lines[1:], strict=False) if "Once upon a time" in line)
        assert [sign for sign in signs[:64] if sign in "×=○●?"] == ["×", "=", "○", "●", "?"]


@played
async def test_what_is_known_of_the_token_under_the_cursor_is_shown_as_it_moves(tmp_path, run):
    async with lab(tmp_path, (120, 40)) as player:
        await opened(player)
        await player.until('" upon", number 1', "× wrong: another", 'likeliest  " dragon"', "in the prompt")
        await player.press("right", "right", "right")
        await player.until('" there", number 4', "● memorised: right", "0.938, rank 3", "0.0625 nats, 0.125 bits", "p 0.00195")
        await player.until('"Once", not as in the text', without=("likeliest",))
        await player.press(*["left"] * 9)
        await player.until('"Once", number 0', "given, not predicted")


@played
async def test_moving_in_the_lists_reads_other_passages_and_the_control(tmp_path, run):
    async with lab(tmp_path, (120, 40)) as player:
        child = await opened(player)
        await player.press("down")
        asked = await asked_again(player, child, 1)
        assert (asked["question"], asked["ranked"]) == (asdict(Question("training", number=7)), False)
        await answered(player, child, number=7)
        await player.press("tab")
        assert (await asked_again(player, child, 2))["question"] == asdict(Question("validation", number=5))
        await answered(player, child, number=5, part="validation")
        await player.until("held-out: tales", ":validation 5")
        await player.press("t")
        assert (await asked_again(player, child, 3))["question"] == asdict(Question("training", number=7))


@played
async def test_on_80_columns_the_list_is_switched_and_panes_take_turns_above_the_tokens(tmp_path, run):
    async with lab(tmp_path, (80, 24)) as player:
        child = await opened(player)
        await player.until("3/3", "upon a time", "● memorised  ○ predictable", '" upon", number 1', "rank 3")
        await player.press("h")
        await asked_again(player, child, 1)
        await answered(player, child, number=5, part="validation")
        await player.until("0/3", "the control", without=("3/3",))
        for words in ("2 of 3 as in", "Reference: a model of tales", "0/3"):
            await player.press("f4")
            await player.until(words, "upon a time")


@played
async def test_a_narrow_screen_shows_one_pane_at_a_time(tmp_path, run):
    async with lab(tmp_path, (40, 12)) as player:
        await opened(player)
        await player.until("upon a time", "rank 3", without=("3/3",))
        for words in ("3/3", "model", "memorised", "upon a time"):
            await player.press("v")
            await player.until(words)


@played
async def test_enter_asks_the_patterns_about_the_very_token(tmp_path, run):
    async with lab(tmp_path, (120, 40)) as player:
        child = await opened(player)
        await player.press("right", "right", "right", "enter")
        await player.when(lambda: child.asked[-1][0] == "attractor", "ATTRACTOR asks")
        wish = child.asked[-1][1]["wish"]
        assert (wish["question"], wish["position"], wish["checkpoint"]) == (asdict(Question("training", number=3)), 2, "50")
        await player.press("escape", "left", "left", "left", "enter")
        await player.when(lambda: len([do for do, _ in child.asked if do == "attractor"]) == 2)
        assert child.asked[-1][1]["wish"]["position"] == -1
        await player.until("the first 2 tokens of a window are not asked about")


@played
async def test_any_text_can_be_typed_and_another_checkpoint_ranks_anew(tmp_path, run):
    async with lab(tmp_path, (120, 40)) as player:
        child = await opened(player)
        await player.press("slash")
        player.app.screen.focused.value = "a dragon"
        await player.press("enter")
        asked = await asked_again(player, child, 1)
        assert (asked["question"], asked["ranked"]) == (asdict(Question(text="a dragon")), False)
        await answered(player, child, part="given", first=0)
        await player.press("c")
        await player.until("step 0", "the null")
        await player.press("up", "enter")
        asked = await asked_again(player, child, 2)
        assert (asked["checkpoint"], asked["ranked"], asked["question"]["part"]) == ("0", True, "given")


@played
async def test_work_and_problems_are_said_and_leaving_drops_the_request(tmp_path, run):
    async with lab(tmp_path, (80, 24)) as player:
        child = player.app.child = Scripted()
        await player.until("6.30")
        await player.press("enter")
        await player.until("t tokens")
        await player.when(lambda: child.asked, "LIVE asks for predictions")
        await player.press("t")
        await player.when(lambda: child.asked[-1][0] == "tokens", "TOKENS asks")
        child.tell(work={"doing": "continuing training passages", "done": 64, "total": 256, "unit": "passages"})
        await player.until("continuing training passages: 64 of 256 passages")
        child.tell(error="run 'one' has no checkpoint yet", status=1)
        await player.until("run 'one' has no checkpoint yet")
        await player.press("left", "right", "enter", "c", "f4", "slash", "enter", "escape")
        await player.press(*"x", "enter")
        await player.press("escape")
        await player.when(lambda: screen(player).NAME == "live")


@pytest.mark.parametrize(("size", "seven_bits"), [*((size, False) for size in SIZES), ((80, 24), True)])
def test_no_text_does_any_harm(tmp_path, run, size, seven_bits):
    @played
    async def test():
        async with lab(tmp_path, size, ascii=seven_bits) as player:
            await opened(player, texts=HOSTILE, label="\x1b]0;pwned\x07", document="\x1b[31mred")
            for _ in range(4):
                text = player.text
                assert not any(map(is_harmful, text.replace("\n", "")))
                assert all(width(line.rstrip()) <= size[0] for line in text.splitlines())
                await player.press("right", "f4")
                await player.pilot.pause()

    test()


@played
async def test_any_size_is_survived(tmp_path, run):
    async with lab(tmp_path, (80, 24)) as player:
        await opened(player)
        for size in [(1, 1), (3, 2), (20, 5), (59, 19), (60, 20), (119, 33), (120, 34), (200, 50)]:
            await player.pilot.resize_terminal(*size)
            await player.press("v", "right")
            await player.when(lambda size=size: [len(line) for line in player.lines] == [size[0]] * size[1], f"{size}")
        await player.until("3/3", "Once upon a time")


@played
async def test_without_colours_signs_and_cursor_are_still_seen(tmp_path, run):
    async with lab(tmp_path, (120, 40), color=False) as player:
        await opened(player)
        strips = player.app.screen._compositor.render_strips()
        reverse = [
            segment.text for strip in strips for segment in strip if segment.style and segment.style.reverse and "upon" in segment.text
        ]
        assert reverse == [" upon"]
        assert "●" in player.text


@played
async def test_a_passage_that_was_asked_for_is_found_in_the_list(tmp_path, run):
    async with lab(tmp_path, (120, 40)) as player:
        await player.until("6.30")
        child = player.app.child = Scripted()
        player.app.open("tokens", run.path, Question("training", number=35))
        await player.when(lambda: child.asked, "a request")
        child.tell(found=passage(number=35))
        ranked = [memorised(row) for row in range(50)]
        child.tell(found={"ranking": {"training": ranked, "held_out": []}})
        child.tell(answer={})
        await player.when(lambda: "❯" in player.text and "35  tales" in player.line("❯"), "its row is under the cursor and in view")
