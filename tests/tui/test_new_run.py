"""NEW RUN: a preset fills the form, every change shows at once what to expect, what is wrong is said at its field, and F5 starts it."""

import contextlib
import json
import os
import shlex
import signal

import pytest
from playing import SIZES, lab, played
from scripted import Scripted
from test_hostile import HOSTILE, Pty, directory_name, plain
from textual.widgets import Input

from memlab import config
from memlab.lab.choices import read_preset
from memlab.render.safe import is_harmful
from memlab.rundir import RunDir
from memlab.training import launch
from memlab.tui.screens import new_run
from memlab.tui.widgets.fields import Choice, Line
from memlab.tui.widgets.runform import RunForm

FOUND = {
    "n_tokens": 8192,
    "available_tokens": 500_000,
    "vocab_size": 4096,
    "rows": 127,
    "steps": 700,
    "tokens_seen": 716_800,
    "epochs": 88.2,
    "n_params": 791_040,
    "n_params_total": 1_325_824,
    "information": {"bits": 80_000.0, "exact": False, "how": "all 8,192 tokens compressed by LZMA"},
    "floors": [{"name": "memorisation", "loss": 0.00586, "how": "127 windows"}],
    "compute": {"device": "cpu", "device_name": "x86_64", "precision": "bf16", "threads": 2},
    "costs": {"step_seconds": 0.05, "evaluation_seconds": 0.3, "memory_bytes": 5e8},
    "seconds": 50.0,
    "load": 0.0,
    "disk_bytes": 1.27e8,
}

TINY = """
experiment = "a tiny run for the tests"
[data]
source = "uniform"
source_options = { documents = 16, length = 8, vocabulary = 32, validation_documents = 16 }
tokenizer = "word"
rows = "documents"
[model]
size = "nano"
context = 10
[train]
steps = 30
batch = 16
lr = 1e-2
min_lr = 1e-3
precision = "fp32"
threads = 1
eval_every = 10
eval_rows = 16
"""


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch):
    monkeypatch.setattr(new_run, "_PAUSE_SECONDS", 0.01)


@contextlib.asynccontextmanager
async def form(home, size=(120, 34), measured=True, **options):
    """The app on NEW RUN, with a scripted child that has measured the preset."""
    async with lab(home, size, **options) as player:
        player.child = player.app.child = Scripted()
        await player.pilot.pause()
        player.app.open("new-run")
        await player.when(lambda: player.child.asked, "a request")
        if measured:
            player.child.tell(found=FOUND)
            player.child.tell(answer=FOUND)
            await player.when(lambda: player.app.screen._request is None)
        yield player


def field(player, name):
    """The control that a field is typed or chosen in."""
    form = player.app.screen.query_one(RunForm)
    controls = [*form._rows[name].query(Line), *form._rows[name].query(Choice)]
    return next(control for control in controls if control.display and (name != "budget" or isinstance(control, Line)))


async def type_into(player, name, text):
    line = field(player, name)
    line.focus()
    line.value = ""
    await player.press(*text)
    assert line.value == text


async def choose(player, name, value):
    """Go through the names of a choice until the one that is wanted."""
    choice = player.app.screen.query_one(f"#{name}", Choice)
    choice.focus()
    await player.press(*["right"] * ((choice.names.index(value) - choice.names.index(choice.value)) % len(choice.names)))
    assert choice.value == value


@pytest.mark.parametrize("size", SIZES)
@played
async def test_the_demo_fills_the_form_at_any_size(tmp_path, size):
    async with form(tmp_path, size) as player:
        text = await player.until("‹ demo ›", "8,192 tokens", "‹ gpt2 ›", "‹ micro ›", "memlab")
        assert player.child.experiment == read_preset(tmp_path, "demo")
        if size[0] >= 80:
            for word in ("791,040", "1,325,824", "1.18e-02", "at most 80k bits", "4.77M bits", "all: it fits 60 times", "88.2 epochs"):
                assert word in text, word
            assert "0.00586" in text
            assert "about 50 s" in text
            assert "train demo" in text
        if size[0] < 80:
            await player.press("f4")
        else:
            await player.press(*["down"] * 11)
        await player.until("what to expect", "791,040")
        await player.press("end")
        await player.until("cpu (x86_64)")


@played
async def test_every_choice_is_reflected_at_once_and_measured_after_a_pause(tmp_path):
    async with form(tmp_path) as player:
        await player.until("about 50 s")
        field(player, "amount").focus()
        await player.press("minus")
        await player.until("4,096 tokens", "--set data.tokens=4096")
        field(player, "amount").value = ""
        await player.press("1", "e", "minus", "2")
        await player.until("train demo --fraction 1%")
        field(player, "amount").value = "100 %"
        await player.press("minus")
        await player.until("50,000 tokens, 10 %", "train demo --fraction 10%", "◌ about 50 s", "before the change")
        await player.when(lambda: player.child.experiment.data.fraction == 0.1)
        asked = len(player.child.asked)
        field(player, "size").focus()
        await player.press("right")
        await player.until("‹ mini ›", "≈ 10,616,832", "--fraction 10% --size mini", "by formula")
        await player.when(lambda: player.child.experiment.model.size == "mini")
        assert asked in player.child.cancelled, "nobody waits for the answer about the smaller one"
        player.child.tell(found={"n_params": 10_646_784, "n_params_total": 12_244_608})
        await player.until("10,646,784", without=("≈ 10",))
        player.child.tell(work={"doing": "measuring a few steps", "done": 0, "total": None, "unit": ""})
        await player.until("measuring a few steps …", "◌ about 50 s")
        player.child.tell(found={**FOUND, "seconds": 500.0})
        player.child.tell(answer={})
        await player.until("about 8 m 20 s", without=("◌", "…"))


@played
async def test_an_answer_about_an_earlier_form_is_not_shown(tmp_path):
    async with form(tmp_path, measured=False) as player:
        late = player.child.receive[1]
        field(player, "size").focus()
        await player.press("right")
        await player.when(lambda: len(player.child.asked) == 2)
        late({"id": 1, "found": {"n_params": 123_456_789}})
        await player.pilot.pause()
        assert "123,456,789" not in player.text


@pytest.mark.parametrize("size", SIZES)
@played
async def test_what_is_wrong_is_marked_at_its_field_and_nothing_starts(tmp_path, size):
    async with form(tmp_path, size) as player:
        asked = len(player.child.asked)
        await type_into(player, "amount", "200%")
        await player.until("✕ fraction is '200%'", without=("f6",))
        await type_into(player, "seed", "x")
        await player.until("✕ train.seed is 'x'")
        await player.press("f5")
        await player.until("✕ fraction is")
        await player.when(lambda: player.app.screen.focused is field(player, "amount"), "the first field that is wrong")
        assert len(player.child.asked) == asked
        assert not (tmp_path / "runs").exists()
        await type_into(player, "amount", "1%")
        await type_into(player, "seed", "3")
        await player.until(without=("✕",))
        await player.when(lambda: player.child.experiment.train.seed == 3)


@played
async def test_another_kind_of_budget_is_as_much_training_and_the_first_one_comes_back_exactly(tmp_path):
    async with form(tmp_path) as player:
        for kind, shown, amount in (("n_tokens", "tokens", "716800"), ("epochs", "epochs", "88.2"), ("minutes", "minutes", "0.833")):
            await choose(player, "budget", kind)
            await player.until(f"‹ {shown} ›", f"--set train.{kind}={amount}")
            assert field(player, "budget").value == amount
            await player.when(lambda kind=kind: getattr(player.child.experiment.train, kind), "it is asked about")
        await choose(player, "budget", "steps")
        await player.until("‹ steps ›", without=("--set",))
        await type_into(player, "budget", "5000")
        await choose(player, "budget", "n_tokens")
        await player.until("‹ tokens ›", "train.n_tokens=5120000")
        player.app.screen.query_one("#budget").action_pick()
        assert "n_tokens" not in (await player.until("tokens ", "budget in tokens seen")).split("budget in tokens seen")[0]


@played
async def test_a_budget_that_cannot_be_converted_begins_with_a_sensible_amount(tmp_path):
    async with form(tmp_path, measured=False) as player:
        await choose(player, "budget", "minutes")
        assert field(player, "budget").value == "5", "nobody knows yet how long a step takes"
        await choose(player, "budget", "steps")
        assert field(player, "budget").value == "700"
        await type_into(player, "budget", "many")
        await choose(player, "budget", "epochs")
        assert field(player, "budget").value == "100"


@played
async def test_where_there_is_room_for_one_pane_a_key_shows_the_figures_and_the_footer_says_so(tmp_path):
    async with form(tmp_path, (50, 15)) as player:
        text = await player.until("‹ demo ›", "f5 start", "f4 figures", "esc back", "? help", "q quit")
        assert "what to expect" not in text
        field(player, "seed").focus()
        await player.press("f4")
        text = await player.until("what to expect", "791,040", "f4 form", "esc back")
        assert "‹ demo ›" not in text
        await player.press("end")
        await player.until("cpu (x86_64)")
        await player.press("f4")
        await player.until("‹ demo ›")
        await player.when(lambda: player.app.screen.focused is field(player, "seed"), "one is back in the same field")
        await type_into(player, "name", "v")
        await type_into(player, "seed", "x")
        await player.until("✕ train.seed is 'x'")
        await player.press("f4")
        await player.until("what to expect")
        await player.press("f5")
        await player.until("✕ train.seed is 'x'", without=("what to expect",))
        await player.when(lambda: player.app.screen.focused is field(player, "seed"), "the field that is wrong")
        await player.pilot.resize_terminal(120, 34)
        await player.until("what to expect", "‹ demo ›", without=("f4",))


@played
async def test_a_notice_leaves_the_command_line_in_sight(tmp_path):
    async with form(tmp_path) as player:
        player.app.say("Something is wrong. " * 10, "error")
        await player.until("Something is wrong")
        (notice,) = player.app.screen.query("Toast")
        assert not notice.region.overlaps(player.app.screen.query_one("#command").region)
        assert max(one.timeout for one in player.app._notifications) < 10


@played
async def test_free_lines_come_one_after_the_other(tmp_path):
    async with form(tmp_path, (80, 40)) as player:
        free = lambda: list(player.app.screen.query("#settings Line").results(Line))  # noqa: E731
        for number, text in enumerate(("train.lr=1e-3", "model.context=128")):
            free()[number].focus()
            await player.press(*text)
            await player.when(lambda number=number: len(free()) == number + 2)
        await player.until("--set train.lr=1e-3 --set", "model.context=128")
        await player.when(lambda: player.child.experiment.model.context == 128)
        free()[0].value = "train.lrr=1"
        await player.until("✕ no setting", "not while a field is wrong")


@played
async def test_another_preset_fills_the_form_anew(tmp_path):
    async with form(tmp_path) as player:
        await type_into(player, "seed", "7")
        await player.press("f1", "escape")
        field(player, "preset").focus()
        await player.press("enter")
        await player.until("E4 at laptop scale", "question-formation-small")
        await player.press("end", "enter")
        await player.until("‹ question_formation ›", "100 %", "train question-formation-small")
        assert field(player, "seed").value == "0"
        await player.when(lambda: player.child.experiment == read_preset(tmp_path, "question-formation-small"))


@played
async def test_a_preset_that_cannot_be_read_leaves_the_form_as_it_was(tmp_path):
    (tmp_path / "presets").mkdir()
    (tmp_path / "presets" / "d-broken-one.toml").write_text("[train]\nsteps = 'many'\n")
    async with form(tmp_path) as player:
        field(player, "preset").focus()
        await player.press("left")
        await player.when(lambda: any("train.steps is 'many'" in notice.message for notice in player.app._notifications))
        await player.until("‹ demo ›")


@played
async def test_another_family_brings_its_sizes_or_a_line_for_any_model(tmp_path):
    async with form(tmp_path) as player:
        await choose(player, "family", "vanilla")
        await player.until("‹ vanilla ›", "--set model.family=vanilla")
        assert field(player, "size").names == ["nano", "micro", "mini", "6-layer", "10-layer"]
        await choose(player, "family", "pretrained")
        await player.until("‹ pretrained ›")
        assert isinstance(field(player, "size"), Input)


@played
async def test_what_the_trainer_would_refuse_is_said_at_its_field(tmp_path):
    async with form(tmp_path) as player:
        await type_into(player, "device", "cuda")
        await player.when(lambda: player.child.experiment.train.device == "cuda")
        player.child.tell(error="train.device is 'cuda', but torch sees no CUDA device", status=2)
        await player.until("✕ train.device is 'cuda', but torch")
        await player.press("f5")
        await player.when(lambda: player.app.screen.focused is field(player, "device"), "nothing is started for that")
        assert not (tmp_path / "runs").exists()
        await type_into(player, "device", "auto")
        await player.when(lambda: player.child.experiment.train.device == "auto")
        player.child.tell(error="the disk is full", status=1)
        await player.until("what to expect  the disk is full", without=("✕",))
        await type_into(player, "amount", "0.001 %")
        await player.when(lambda: player.child.experiment.data.fraction == 0.00001)
        player.child.tell(
            error="5 tokens are fewer than one window of 65 (model.context 64 and one more); take a larger data.fraction", status=2
        )
        await player.until("✕ 5 tokens are fewer than one")
        await player.press("f6")
        await player.when(lambda: player.child.asked[-1][1]["again"])
        await player.until(without=("✕",))


@played
async def test_text_that_is_not_at_hand_is_neither_fetched_nor_cut_unasked(tmp_path):
    (tmp_path / "book.txt").write_text("words " * 3000)
    async with form(tmp_path) as player:
        await choose(player, "source", "files")
        await player.until("✕ data.source_options.path is")
        player.app.screen.query("#settings Line").first(Line).value = f"data.source_options.path={tmp_path / 'book.txt'}"
        await player.when(lambda: player.child.experiment.data.source == "files")
        assert player.child.asked[-1][0] == "count", "N needs no text"
        player.child.tell(answer={"n_params": 791_040})
        await player.until("791,040", "f6 reads its text and measures", without=("✕", "about 50 s"))
        await player.press("f6")
        await player.when(lambda: player.child.asked[-1][0] == "plan")
        await choose(player, "size", "mini")
        await player.when(lambda: player.child.experiment.model.size == "mini")
        assert player.child.asked[-1][0] == "plan", "it was asked for once"


@played
async def test_the_command_line_is_copied_and_shown_to_be_selected(tmp_path):
    async with form(tmp_path) as player:
        await type_into(player, "amount", "1 %")
        await player.until("--fraction 1%")
        await player.press("f8")
        text = await player.until("To select it yourself")
        assert shlex.split(player.app.clipboard) == ["memlab", "--home", str(tmp_path), "train", "demo", "--fraction", "1%"]
        assert "--fraction 1%" in text
        await player.press("x")
        await player.until("what to expect")


@played
async def test_the_form_is_saved_as_a_preset_and_another_is_replaced_only_when_asked(tmp_path):
    async with form(tmp_path) as player:
        await type_into(player, "amount", "1 %")
        await player.until("--fraction 1%")
        await player.press("f7")
        await player.until("save as a preset", "my-demo")
        name = player.app.screen.query_one(Line)
        name.value = "demo"
        await player.press("enter")
        await player.until("✕ 'demo' is a preset that comes with memlab")
        name.value = "mine"
        await player.press("enter")
        await player.until("‹ mine ›", "train mine", "demo with data.fraction 0.01")
        saved = read_preset(tmp_path, "mine")
        assert saved.data == config.changed(read_preset(tmp_path, "demo"), {"data.fraction": 0.01}).data
        await type_into(player, "seed", "5")
        await player.until("train mine --seed 5")
        await player.press("f7")
        await player.until("save as a preset")
        await player.press("enter")
        await player.until("Replace this preset of yours?")
        await player.press("n")
        await player.until("--seed 5")
        assert read_preset(tmp_path, "mine") == saved
        await player.press("f7")
        await player.until("save as a preset")
        await player.press("enter")
        await player.until("Replace this preset of yours?")
        await player.press("y")
        await player.when(lambda: read_preset(tmp_path, "mine").train.seed == 5)


@played
async def test_names_and_words_of_presets_reach_the_screen_harmless(tmp_path):
    hostile = "\x1b]52;c;cHduZWQ=\x07 \u202eabc\u2066 [bold red]x[/] a\u200bb \x9b31m"
    folder = tmp_path / "presets"
    folder.mkdir()
    name = "a\x1b[2Jz\u202e[red]"
    (folder / f"{name}.toml").write_text(f"experiment = {json.dumps(hostile)}\n[train]\nsteps = 1\ndevice = {json.dumps(hostile)}\n")
    (folder / "broken.toml").write_text(f"[{json.dumps(hostile)}]\nx = 1\n")
    async with form(tmp_path) as player:
        field(player, "preset").focus()
        await player.press("enter")
        text = await player.until("[bold red]", "‹U+202E›")
        assert not any(map(is_harmful, text.replace("\n", "")))
        await player.press("home", "enter")
        await player.until("✕ train.device is", "[red]")
        assert not any(map(is_harmful, player.text.replace("\n", "")))


@pytest.mark.slow
def test_nothing_of_a_preset_steers_a_real_terminal(tmp_path):
    (tmp_path / "presets").mkdir()
    for key, text in HOSTILE.items():
        words = json.dumps(text.replace("\udc9b", ""))  # TOML holds no half pairs
        file = tmp_path / "presets" / directory_name(key, f"{text}.toml")
        file.write_text(f"experiment = {words}\nexpect = {words}\n[model]\nsize = {words}\n[train]\nsteps = 1\n")
    app = Pty(tmp_path)
    try:
        app.until("no runs")
        app.press("n", 0.0)
        app.until("what to expect", "memlab --home")
        app.press("\r", 0.0)
        app.until("[bold red]")
        app.press("\x1b[F", 1.0)
        app.press("\r", 0.0)
        app.until("f5 start")
        for _ in range(len(HOSTILE) + 3):
            app.press("\x1b[D", 1.0)
        app.press("\x11", 1.0)  # ctrl+q: from any screen
    finally:
        app.end()
    text = plain(app.written.decode("utf-8", "strict"))
    left = {character for character in text if is_harmful(character) and character not in "\r\n"}
    assert left == set()
    assert b"pwned\x07" not in app.written
    assert "‹U+202E›" in text
    assert app.process.returncode == 0


@played
async def test_the_mouse_chooses_too(tmp_path):
    async with form(tmp_path) as player:
        await player.pilot.click("#size", offset=(len("‹ micro "), 0))
        await player.until("‹ mini ›", "--size mini")
        await player.pilot.click("#size", offset=(0, 0))
        await player.until("‹ micro ›", without=("--size",))
        await player.pilot.click("#size", offset=(3, 0))
        await player.until("n_layer 48, n_embd 1600")
        await player.press("escape")
        await player.press("y")
        await player.until("To select it yourself")


@pytest.mark.parametrize("size", [(1, 1), (10, 3), (59, 19), (76, 8)])
@played
async def test_no_size_is_too_small(tmp_path, size):
    async with form(tmp_path, size) as player:
        for key in ("down", "right", "tab", "plus", "enter"):
            await player.press(key)
        await player.pilot.resize_terminal(120, 34)
        await player.until("what to expect")
        await player.pilot.resize_terminal(*size)
        await player.pilot.pause()


@played
async def test_seven_bits_and_no_colour_are_enough(tmp_path):
    async with form(tmp_path, ascii=True, color=False) as player:
        field(player, "size").focus()
        await player.press("right")
        await player.until("10,616,832")
        rows = [text for text in (line.rstrip() for line in player.lines) if "10,616,832" in text or "about 50 s" in text]
        assert "~ 10,616,832" in rows[0]
        assert "o about 50 s" in rows[1]


@pytest.mark.slow
@played
async def test_f5_starts_a_run_that_turns_out_as_expected(tmp_path):
    (tmp_path / "presets").mkdir()
    (tmp_path / "presets" / "tiny.toml").write_text(TINY)
    run = RunDir(tmp_path / "runs" / "quick")
    try:
        async with lab(tmp_path, (120, 40)) as player:
            await player.pilot.pause()
            player.app.open("new-run", "tiny")
            await player.until("‹ tiny ›")
            await type_into(player, "name", "quick")
            screen = player.app.screen
            await player.when(lambda: screen._prospect.known.get("costs") and screen._request is None, "the measure", 60)
            expected = screen._prospect.known
            await player.press("f5")
            await player.until("quick", "training")
            await player.when(lambda: run.status() == "finished", "the end of the run", 60)
        facts = run.provenance()
        assert (expected["n_params"], expected["n_params_total"]) == (facts["model"]["n_params"], facts["model"]["n_params_total"])
        assert (expected["n_tokens"], expected["floors"]) == (facts["data"]["n_tokens"], facts["floors"])
        assert (expected["steps"], expected["tokens_seen"]) == (30, run.events()[-1]["tokens"])
        assert 0.5 < expected["costs"]["memory_bytes"] / facts["peak_memory_bytes"] < 2
        assert run.original() == read_preset(tmp_path, "tiny")
    finally:
        with contextlib.suppress(Exception):
            os.kill(run.state().pid, signal.SIGKILL) if run.is_active() else None
        launch.exit_status(run)


@played
async def test_in_40_columns_the_footer_still_says_how_to_get_back(tmp_path):
    async with lab(tmp_path, (40, 12)) as player:
        await player.press("n")
        await player.until("f5 start  f4 figures  esc back  ?  q")
