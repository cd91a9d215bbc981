"""Predictions in LIVE: asked for when the run has been evaluated, shown token by token, harmless whatever the text is."""

import pytest
from fabricated_run import evaluated, fabricate, started
from playing import lab, played
from scripted import Scripted

from memlab.render.safe import is_harmful, width
from memlab.rundir import events


def prediction(text, probability, right, guess="x"):
    return {"text": text, "probability": probability, "right": right, "guess": guess}


ANSWER = {
    "step": 100,
    "passages": [
        {
            "part": "training",
            "name": "json.decoder",
            "given": "Like",
            "predictions": [prediction(" known", 0.99, True), prediction(" right", 0.5, True), prediction(" wrong", 0.1, False)],
        },
        {"part": "validation", "name": "other", "given": "", "predictions": [prediction("Never", 0.01, False)]},
    ],
}


@pytest.fixture
def run(tmp_path):
    checkpoint = {"kind": "checkpoint", "step": 0, "tokens": 0, "seconds": 0.0}
    return fabricate(tmp_path / "runs" / "one", [started(), evaluated(0, 8.0, 8.1), checkpoint, evaluated(50, 2.0, 6.3)], step=50)


async def opened(player):
    player.app.child = Scripted()
    await player.until("6.30")
    await player.press("enter")
    await player.when(lambda: player.app.child.asked, "a request")
    return player.app.child


@played
async def test_a_passage_is_shown_with_a_sign_under_each_token(tmp_path, run):
    async with lab(tmp_path, (120, 34)) as player:
        child = await opened(player)
        assert child.asked == [("predict", {"run": str(run.path), "known_step": None})]
        assert "predictions" not in player.text, "there is nothing to show yet"
        child.tell(answer=ANSWER)
        text = await player.until(
            "predictions  after the true text, at step 100", "training    2 of 3 tokens right, 1 with p > 0.9  json.decoder"
        )
        await player.until("└┬")  # the curves are drawn again for what is left of their pane
        lines = text.splitlines()
        place = next(number for number, line in enumerate(lines) if "Like known right wrong" in line)
        assert lines[place + 1].strip("│ ") == "━━━━━━──────"
        assert lines[place + 1].index("━") == lines[place].index(" known")
        assert "validation  0 of 1 tokens right, 0 with p > 0.9  other" in text


@played
async def test_where_there_is_little_room_they_come_by_key_and_in_more_rows(tmp_path, run):
    async with lab(tmp_path, (50, 15)) as player:
        child = await opened(player)
        long = {**ANSWER["passages"][0], "predictions": [prediction(f" word{number}", 0.99, True) for number in range(20)]}
        child.tell(answer={**ANSWER, "passages": [long, ANSWER["passages"][1]]})
        await player.until("f4 predictions", "d back", "? help", "q quit", "steps", without=("at step 100",))
        await player.press("f4")
        text = await player.until("predictions  after the true text", "f4 curves", "word5", "word10", "1 tokens right")
        lines = [line[2:-2] for line in text.splitlines()]
        place = next(number for number, line in enumerate(lines) if line.startswith("Like word0"))
        assert lines[place + 1] == " " * len("Like") + "━" * (46 - len("Like"))
        assert lines[place + 3] == "━" * 46
        await player.press("v")
        await player.until("steps", without=("at step 100",))
        await player.pilot.resize_terminal(80, 24)
        await player.until("at step 100", "steps", without=("f4",))


@played
async def test_a_new_evaluation_asks_again_and_an_old_checkpoint_changes_nothing(tmp_path, run):
    async with lab(tmp_path, (120, 34)) as player:
        child = await opened(player)
        child.tell(answer=ANSWER)
        await player.until("at step 100")
        events.append(run.events_path, {"attempt": 1, **evaluated(100, 0.5, 6.5)})
        await player.when(lambda: len(child.asked) == 2, "the next request")
        assert child.asked[1][1]["known_step"] == 100
        child.tell(answer={"step": 100})
        await player.pilot.pause()
        assert "Like known right wrong" in player.text


@played
async def test_without_a_checkpoint_nothing_is_asked(tmp_path):
    fabricate(tmp_path / "runs" / "one", [started(), evaluated(0, 8.0, 8.1), evaluated(50, 2.0, 6.3)], step=50)
    async with lab(tmp_path, (120, 34)) as player:
        player.app.child = Scripted()
        await player.until("6.30")
        await player.press("enter")
        await player.until("validation", "p > 0.9")
        assert not player.app.child.asked


@played
async def test_a_run_whose_corpus_is_elsewhere_says_so(tmp_path, run):
    async with lab(tmp_path, (120, 34)) as player:
        child = await opened(player)
        child.tell(error="the corpus of this run is not there; copy it", status=2)
        await player.until("the corpus of this run is not there; copy it")


@played
async def test_tokens_reach_the_screen_harmless_and_aligned(tmp_path, run):
    hostile = ["\x1b[2J", "\u202e", "[red]", "\n", "e\u0301", "漢", "\u200b"]
    passage = {
        "part": "training",
        "name": "\x1b]0;x\x07",
        "given": "\x9b",
        "predictions": [prediction(text, 0.95, True) for text in hostile],
    }
    async with lab(tmp_path, (120, 34)) as player:
        child = await opened(player)
        child.tell(answer={"step": 100, "passages": [passage]})
        text = await player.until("[red]")
        assert not any(map(is_harmful, text.replace("\n", "")))
        lines = text.splitlines()
        place = next(number for number, line in enumerate(lines) if "[red]" in line)
        assert width(lines[place].strip("│ ")) == width(lines[place + 1].strip("│ ")) + width("‹U+009B›")


@played
async def test_seven_bits_are_enough(tmp_path, run):
    async with lab(tmp_path, (120, 34), ascii=True) as player:
        child = await opened(player)
        child.tell(answer=ANSWER)
        text = await player.until("Like known right wrong")
        assert "======------" in text
