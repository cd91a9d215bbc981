"""ATTRACTOR: what the child says of a text is shown, a cursor moves over its states, and no text does any harm."""

from dataclasses import asdict

import pytest
from fabricated_run import evaluated, fabricate, started
from playing import lab, played
from scripted import Scripted

from memlab.lab.asked_often import Wish
from memlab.lab.attractor import Card
from memlab.lab.inspecting import Global, Inspection, LayerReading, Map, Near, Next
from memlab.lab.questions import Asked, Question
from memlab.lab.remembering import Context
from memlab.render.safe import is_harmful, width
from memlab.tui.widgets.questions import question_of, words_of

LAYERS = ["0", "1", "2", "norm"]
TOKENS = ["The", " cat", " sat"]
HOSTILE = ["\x1b[2J", "\u202eabc", "[red]x[/red]", "\x9b31m", "a\u0301" * 3, "漢\n"]


def pattern(row, before="once upon", token=" a", after=" time", document="tales"):
    return Context(row, document, before, token, after)


def reading(layer, lies="training"):
    quantiles = [1.0, 2.0, 3.0, 4.0, 5.0]
    return LayerReading(layer, f"after block {layer} of 2", 1.0, 2.5, 2.25, 7.5, 1.5, 2.0, 1.25, 1.125, quantiles, quantiles, lies)


def inspection(layer="2", position=2, steps=0, tokens=TOKENS, near=None, beta="1", **card):
    near = near or [pattern(11), pattern(12, "twice")]
    drawn = Card(
        **{
            "layer": layer,
            "layer_words": f"after block {layer} of 2",
            "beta": 1.0,
            "energies": [2.25, 0.5, 0.25],
            "moved": [0.0, 1.0, 1.25],
            "n_steps": 2,
            "has_converged": True,
            "start_distance": 1.58,
            "fixed_distance": 0.01,
            "effective_patterns": 1.02,
            "is_mixture": False,
            "pattern": near[0],
            "is_nearest_at_start": True,
            "rival": near[-1],
            "rival_distance": 2.0,
            "merge_temperature": 0.5,
            "is_inside": True,
            "scale": 1.4,
            **card,
        }
    )
    return asdict(
        Inspection(
            run="one",
            step=50,
            asked=Asked("given", "the text given", "", tokens, 0),
            position=position,
            layer=layer,
            beta=beta,
            steps=steps,
            n_patterns=100,
            left_out=0,
            n_controls={"training": 9, "validation": 9},
            seeds={"patterns": 0, "queries": 0},
            n_repeated={"training": 0, "validation": 1},
            readings=[reading(name) for name in LAYERS],
            global_energy=Global(1.5, "1", ["1", "2"]),
            scaled_global_energy=Global(0.75, "2", ["1", "2"]),
            nearest=[Near(one, 2.5, 0.75) for one in near],
            next_tokens=[Next(" time", 0.9, 0.8, True), Next(" midnight", 0.1, 0.15, False)],
            card=drawn,
            notes=["a state computed again in another batch differs by about 1e-6 of its length"],
        )
    )


def found(tokens=TOKENS):
    rows = [[1.0 + layer + place for place in range(len(tokens))] for layer in range(len(LAYERS))]
    drawn = Map(LAYERS, [1.0] * 4, [1.0, 2.0, 0.0, 4.0], rows, rows, rows)
    return {"asked": asdict(Asked("given", "the text given", "", tokens, 0)), "map": asdict(drawn), "step": 50, "steps_there": [0, 50]}


@pytest.fixture
def run(tmp_path):
    checkpoint = {"kind": "checkpoint", "step": 0, "tokens": 0, "seconds": 0.0}
    return fabricate(tmp_path / "runs" / "one", [started(), evaluated(0, 8.0, 8.1), checkpoint, evaluated(50, 2.0, 6.3)], step=50)


async def opened(player, answer=True, tokens=TOKENS, **others):
    """The screen, opened from RUNS."""
    child = player.app.child = Scripted()
    await player.until("6.30")
    await player.press("i")
    await player.when(lambda: child.asked, "a request")
    if answer:
        child.tell(found=found(tokens))
        child.tell(answer=inspection(tokens=tokens, position=len(tokens) - 1, **others))
        await player.when(lambda: player.app.screen._found, "the answer")
        await player.pilot.pause()
    return child


def wish(child):
    return child.asked[-1][1]["wish"]


async def asked_again(player, child, n):
    await player.when(lambda: len(child.asked) > n, "another request")
    return wish(child)


@played
async def test_everything_of_an_answer_is_on_a_wide_screen(tmp_path, run):
    async with lab(tmp_path, (120, 34)) as player:
        child = await opened(player)
        assert child.asked[0] == ("attractor", {"run": str(run.path), "wish": asdict(Wish())})
        text = await player.until("once upon[ a]", "then", '" time"', "as training", "ends at", "one pattern, 0.0100 away")
        for word in ("2.25 → 0.500 → 0.250", "inside: retrieval", "merge at", "one at step 50", "The cat[ sat]", "75 %", "90 %"):
            assert word in text
        assert "[" in player.line("│ 2 "), "the cursor is on the last block"


@played
async def test_all_of_it_is_reached_on_80_by_24(tmp_path, run):
    async with lab(tmp_path, (80, 24)) as player:
        await opened(player)
        await player.until("once upon[ a]", "nearest d²")
        for words in (("token", "patterns", "true"), ("ends at", "merge at"), ("training text", "held-out text", "as training")):
            await player.press("v")
            await player.until(*words)
        await player.press("v")
        await player.until("once upon[ a]")


@played
async def test_a_narrow_screen_shows_one_pane_at_a_time(tmp_path, run):
    async with lab(tmp_path, (40, 12)) as player:
        await opened(player)
        await player.until("norm", "cat")
        for words in ("once upon[ a]", '" midnight"', "retrieval", "as training"):
            await player.press("v")
            assert "cat  " not in await player.until(words)


@played
async def test_one_cell_is_enough_not_to_fail(tmp_path, run):
    async with lab(tmp_path, (80, 24)) as player:
        await opened(player)
        for size in ((1, 1), (3, 2), (20, 5), (59, 19), (60, 20), (119, 33), (120, 34)):
            await player.pilot.resize_terminal(*size)
            await player.press("v")
        await player.until("once upon[ a]")


@played
async def test_the_arrow_keys_ask_about_another_state(tmp_path, run):
    async with lab(tmp_path, (120, 34)) as player:
        child = await opened(player)
        await player.press("left", "down")
        assert (await asked_again(player, child, 1))["position"] == 1
        assert wish(child)["layer"] == "1"
        child.tell(answer=inspection("1", 1))
        await player.until("after block 1 of 2")
        await player.press("l")
        assert (await asked_again(player, child, 2))["layer"] == "2"


@played
async def test_beta_steps_and_quantity_have_keys(tmp_path, run):
    async with lab(tmp_path, (120, 34)) as player:
        child = await opened(player)
        await player.press("plus")
        assert (await asked_again(player, child, 1))["steps"] == 1
        child.tell(answer=inspection(steps=1))
        await player.until("after 1 of 2 steps")
        await player.press("b")
        assert (await asked_again(player, child, 2))["beta"] == "auto"
        child.tell(found=found())
        child.tell(answer=inspection(beta="auto"))
        await player.press("e")
        await player.until("energy / scale", "β = auto")
        await player.press("L")
        await player.when(lambda: child.asked[-1][0] == "landscape", "LANDSCAPE asks")
        assert child.asked[-1][1]["wish"]["beta"] == "auto"


@played
async def test_text_and_passages_are_typed_in_the_line(tmp_path, run):
    async with lab(tmp_path, (120, 34)) as player:
        child = await opened(player)
        for words, question in ((":train 17", Question("training", number=17)), ("q? n", Question(text="q? n"))):
            n = len(child.asked)
            await player.press("slash")  # what is typed now takes the place of what was there
            await player.press(*({" ": "space", ":": "colon", "?": "question_mark"}.get(letter, letter) for letter in words), "enter")
            assert (await asked_again(player, child, n))["question"] == asdict(question)
        n = len(child.asked)
        await player.press("h")
        assert (await asked_again(player, child, n))["question"] == asdict(Question("validation"))
        await player.press("right_square_bracket")
        assert (await asked_again(player, child, n + 1))["question"]["number"] == 1
        await player.press("slash")
        player.app.screen.focused.value = ":train x"
        await player.press("enter")
        await player.until("write a text to ask with")


@played
async def test_another_checkpoint_is_picked_from_those_there(tmp_path, run):
    async with lab(tmp_path, (120, 34)) as player:
        child = await opened(player)
        await player.press("c")
        await player.until("step 0", "the null")
        await player.press("up", "enter")
        assert (await asked_again(player, child, 1))["checkpoint"] == "0"


@played
async def test_enter_on_a_pattern_shows_its_passage(tmp_path, run):
    async with lab(tmp_path, (80, 24)) as player:
        child = await opened(player)
        await player.press("tab", "down", "enter")
        await player.when(lambda: child.asked[-1][0] == "passage", "a request")
        assert child.asked[-1][1] == {"run": str(run.path), "checkpoint": "50", "row": 12}
        passage = {"row": 12, "document": "tales", "offset": 3, "n_tokens": 9, "is_cut": [False, True]}
        child.tell(answer={**passage, "before": "long ago\n\x1b[2J", "token": " a", "after": "\u202e time"})
        text = await player.until("long ago", "token 4 of 9", "tales", "␛[2J", "‹U+202E›")
        assert not any(map(is_harmful, text.replace("\n", "")))
        await player.press("escape")
        await player.until("once upon[ a]")


@played
async def test_work_and_problems_are_said(tmp_path, run):
    async with lab(tmp_path, (80, 24)) as player:
        child = await opened(player, answer=False)
        child.tell(work={"doing": "storing patterns", "done": 4000, "total": 8128, "unit": "patterns"})
        await player.until("storing patterns: 4,000 of 8,128 patterns")
        child.tell(error="run 'one' has no checkpoint yet", status=1)
        await player.until("run 'one' has no checkpoint yet")
        await player.press("escape")
        await player.until("6.30")


@played
async def test_leaving_drops_the_request(tmp_path, run):
    async with lab(tmp_path, (80, 24)) as player:
        child = await opened(player, answer=False)
        await player.press("escape")
        await player.when(lambda: child.cancelled == [1], "the request is cancelled")


@played
async def test_an_answer_that_is_no_longer_wanted_changes_nothing(tmp_path, run):
    async with lab(tmp_path, (120, 34)) as player:
        child = await opened(player)
        await player.press("b")
        await asked_again(player, child, 1)
        child.receive[1]({"id": 1, "answer": inspection(near=[pattern(1, "stale text")])})
        await player.pilot.pause()
        assert "stale text" not in player.text


@pytest.mark.parametrize("size", [(40, 12), (80, 24), (120, 34)])
@pytest.mark.parametrize("seven_bits", [False, True])
def test_no_text_does_any_harm(tmp_path, run, size, seven_bits):
    @played
    async def test():
        near = [pattern(row, text, text, text, text) for row, text in enumerate(HOSTILE)]
        async with lab(tmp_path, size, ascii=seven_bits) as player:
            await opened(player, tokens=HOSTILE, near=near, layer_words="\x1b[31mred")
            for _ in range(5):
                text = player.text
                assert not any(map(is_harmful, text.replace("\n", "")))
                assert all(width(line.rstrip()) <= size[0] for line in text.splitlines())
                await player.press("v")
                await player.pilot.pause()

    test()


@played
async def test_without_colours_the_cursor_is_still_seen(tmp_path, run):
    async with lab(tmp_path, (120, 34), color=False) as player:
        await opened(player)
        assert "[" in player.line("│ 2 ")


def test_a_line_means_a_question_and_back():
    for question in (Question(text="a text"), Question("training", number=3), Question("validation")):
        assert question_of(words_of(question)) == question
    assert question_of(":held-out 4") == Question("validation", number=4)
    assert [question_of(words) for words in ("", ":", ":train", ":train x", ":else 3")] == [None] * 5
