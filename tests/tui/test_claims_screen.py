"""CLAIMS: what the child says of each claim is listed with its verdict, the selected one is shown in full, and no text does any harm."""

from dataclasses import asdict

import pytest
from fabricated_run import evaluated, fabricate, started
from playing import SIZES, lab, played
from scripted import Scripted

from memlab.lab.claims import VERDICTS, Claim, Figure
from memlab.render.safe import is_harmful, width

HOLDS, CORRECTED, FAILS, OPEN = VERDICTS
HOSTILE = "\x1b[2J\u202eabc[red]x[/red]\x9b31m" + "a\u0301" * 6 + "漢\n"


def claim(name, verdict, needs="", words="eight"):
    figures = [Figure("bound broken", 0.0, f"{words} of ten")]
    return Claim(name, f"The {name}", "a paper", f"stated: {words}", "correct: E ≤ g", figures, figures, verdict, f"because {name}", needs)


FOUND = [
    claim("lemma", HOLDS),
    claim("bound", CORRECTED),
    claim("limit", FAILS),
    claim("radius", OPEN, "memlab claims one --measure"),
]


@pytest.fixture
def run(tmp_path):
    return fabricate(tmp_path / "runs" / "one", [started(), evaluated(0, 8.0, 8.1), evaluated(50, 2.0, 6.3)], step=50)


async def opened(player, found=FOUND, answer=True):
    """The screen, opened from RUNS."""
    child = player.app.child = Scripted()
    await player.until("6.30")
    await player.press("C")
    await player.when(lambda: child.asked, "a request")
    if answer:
        tell(child, found)
        await player.when(lambda: len(player.app.screen._claims) == len(found), "the claims")
        await player.pilot.pause()
    return child


def listed(player, name):
    """The row of a claim in the listing, which stands at the left."""
    return next(line[:36] for line in player.lines if f"The {name}" in line[:36])


def tell(child, found):
    for one in found:
        child.tell(found={"step": 50, "claim": asdict(one)})
    child.tell(answer={})


@played
async def test_every_claim_is_listed_with_its_verdict_and_the_first_is_shown_in_full(tmp_path, run):
    async with lab(tmp_path, (120, 34)) as player:
        child = await opened(player)
        assert "The lemma" in listed(player, "lemma")
        assert child.asked == [("claims", {"run": str(run.path), "measure": False})]
        text = await player.until("one at step 50", "✓ holds 1   ≈ holds in corrected form 1   ✗ fails 1   ? cannot be told 1")
        for name, sign in zip(("lemma", "bound", "limit", "radius"), "✓≈✗?", strict=True):
            assert f" {sign} " in listed(player, name)
        for words in ("as stated", "stated: eight", "correct: E ≤ g", "check", "this run", "eight of ten", "because lemma"):
            assert words in text


@played
async def test_the_cursor_chooses_the_claim(tmp_path, run):
    async with lab(tmp_path, (80, 24)) as player:
        await opened(player)
        for name in ("bound", "limit", "radius"):
            await player.press("down")
            await player.until(f"because {name}", without=("because lemma",))
        await player.press("tab", "end")
        await player.until("to tell more", "memlab claims one --measure")


@played
async def test_a_narrow_screen_shows_one_pane_at_a_time(tmp_path, run):
    async with lab(tmp_path, (40, 12)) as player:
        await opened(player)
        await player.until("The limit", without=("because",))
        await player.press("down", "enter")
        await player.until("The bound", "stated: eight", without=("The limit",))
        await player.press("v")
        await player.until("The limit")


@played
async def test_measuring_is_asked_for_shown_and_stopped(tmp_path, run):
    async with lab(tmp_path, (120, 34)) as player:
        child = await opened(player)
        await player.until("m measure")
        await player.press("m")
        assert child.asked[-1] == ("claims", {"run": str(run.path), "measure": True})
        child.tell(work={"doing": "measuring checkpoints", "done": 1, "total": 2, "unit": "checkpoints"})
        await player.until("measuring checkpoints: 1 of 2 checkpoints", "m stop measuring", "The radius")
        child.tell(found={"step": 50, "claim": asdict(claim("limit", HOLDS))})
        await player.when(lambda: "✓" in listed(player, "limit"), "the new verdict")
        await player.press("m")
        assert child.cancelled == [2]
        await player.until("m measure", "✓ holds 2")


@played
async def test_nothing_is_left_to_measure_where_all_is_known(tmp_path, run):
    async with lab(tmp_path, (120, 34)) as player:
        await opened(player, FOUND[:3])
        await player.until("esc back", "✗ fails 1", without=("m measure",))


@played
async def test_a_problem_is_said_and_leaving_drops_the_request(tmp_path, run):
    async with lab(tmp_path, (80, 24)) as player:
        child = await opened(player, answer=False)
        await player.press("escape")
        await player.when(lambda: child.cancelled == [1], "the request is cancelled")
        await player.until("6.30")
        await player.press("C")
        await player.when(lambda: len(child.asked) == 2, "a request")
        child.tell(error="the corpus is not in this home", status=2)
        await player.until("the corpus is not in this home")


@played
async def test_it_opens_from_live_and_from_the_palette(tmp_path, run):
    async with lab(tmp_path, (120, 34)) as player:
        child = player.app.child = Scripted()
        await player.until("6.30")
        await player.press("enter")
        await player.until("d back")
        await player.press("colon")
        await player.until("Search for commands")
        await player.press(*"claims")
        await player.until("claims  (C)")
        await player.press("escape", "C")
        await player.when(lambda: any(do == "claims" for do, _ in child.asked), "a request")


@played
async def test_one_cell_is_enough_not_to_fail(tmp_path, run):
    async with lab(tmp_path, (80, 24)) as player:
        await opened(player)
        for size in ((1, 1), (3, 2), (20, 5), (59, 19), (60, 20), (119, 33), (120, 34)):
            await player.pilot.resize_terminal(*size)
            await player.press("v", "down")
        await player.until("because")


@pytest.mark.parametrize(("size", "seven_bits"), [*((size, False) for size in SIZES), ((80, 24), True)])
def test_no_text_does_any_harm(tmp_path, size, seven_bits):
    @played
    async def test():
        fabricate(tmp_path / "runs" / "\x1b]0;pwned\x07‮", [started(), evaluated(0, 8.0, 8.1), evaluated(50, 2.0, 6.3)], step=50)
        async with lab(tmp_path, size, ascii=seven_bits) as player:
            await opened(player, [claim(f"{HOSTILE}{number}", verdict, HOSTILE, HOSTILE) for number, verdict in enumerate(VERDICTS)])
            for _ in range(3):
                text = player.text
                assert not any(map(is_harmful, text.replace("\n", "")))
                assert all(width(line.rstrip()) <= size[0] for line in text.splitlines())
                await player.press("v", "down")
                await player.pilot.pause()

    test()


@played
async def test_without_colours_signs_tell_the_verdicts(tmp_path, run):
    async with lab(tmp_path, (80, 24), color=False, ascii=True) as player:
        await opened(player)
        for name, sign in zip(("lemma", "bound", "limit", "radius"), "+~x?", strict=True):
            assert f" {sign} " in listed(player, name)
