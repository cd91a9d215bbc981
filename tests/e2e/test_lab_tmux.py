"""The lab on a real terminal: opened over a run that trains, left, opened again, and left for good while the run goes on."""

import shutil
import subprocess

import pytest
from conftest import MEMLAB, until
from tmux import Terminal

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not shutil.which("tmux"), reason="tmux is not installed")]


@pytest.fixture
def terminal(lab):
    made = Terminal(lab)
    yield made
    made.tmux("kill-server")


def numbers(screen):
    """The step and the tokens that LIVE shows beside the curves."""
    words = screen.split()
    return words[words.index("step") + 1], words[words.index("tokens") + 1]


def test_a_run_is_watched_left_found_again_and_stopped(lab, terminal):
    terminal.type("clear; memlab")
    terminal.until("runs", "? help", "q quit")
    run = lab.run("in-the-lab")
    settings = {"train.steps": 1_000_000, "train.eval_every": 20, "train.checkpoint_every": 100_000}
    lab.memlab("train", *lab.toml(run.name, settings), "--detach")
    terminal.until("in-the-lab", "running")
    terminal.tmux("send-keys", "Home")
    until(lambda: "❯    in-the-lab" in terminal.screen(), "the newest run is the first")
    terminal.tmux("send-keys", "Enter")
    first = numbers(terminal.until("● running", "memorisation floor", "tokens/s", "d leave it running"))
    assert any("⠀" < character <= "⣿" for character in terminal.screen()), "curves are drawn in dots"
    until(lambda: numbers(terminal.screen())[0] != first[0], "the numbers move")
    terminal.resize(60, 20)
    terminal.until("running · step", "d leave it running")
    terminal.resize(120, 34)
    terminal.until("● running", "p > 0.9")
    terminal.tmux("send-keys", "d")
    terminal.until("❯    in-the-lab", "enter open")
    terminal.tmux("send-keys", "q")
    terminal.until("in-the-lab goes on by itself.", "memlab watch in-the-lab", "ready>")
    assert run.is_active()
    terminal.type("clear; memlab")
    terminal.until("❯    in-the-lab", "running", "s stop")
    terminal.tmux("send-keys", "s")
    terminal.until("in-the-lab saves and leaves")
    until(lambda: run.status() == "stopped", "it has stopped")
    terminal.until("r resume")
    terminal.tmux("send-keys", "r")
    terminal.until("in-the-lab goes on")  # a notice, gone before torch is loaded
    terminal.until("in-the-lab", "● running", "s stop")
    until(lambda: len([row for row in run.events() if row["kind"] == "train"]) > 3, "it trains on")
    terminal.tmux("send-keys", "s")
    until(lambda: run.status() == "stopped", "it has stopped again")
    terminal.until("r resume")
    terminal.tmux("send-keys", "C-c")
    terminal.until("ready>")
    assert "goes on" not in terminal.screen()


def test_a_terminal_that_cannot_show_it_is_told_what_to_use(lab, terminal):
    terminal.type("clear; TERM=dumb memlab; echo status $?")
    terminal.until("the lab cannot be shown on this terminal: TERM is 'dumb'; use `memlab runs`", "status 2")
    terminal.type("clear; memlab < /dev/null; echo status $?")
    terminal.until("the lab cannot be shown on this terminal", "status 2")


def test_without_a_terminal_there_is_help(lab):
    done = lab.memlab()
    assert done.returncode == 0
    assert "Usage: memlab" in done.stdout


def test_seven_bits_and_no_colours_where_that_is_asked_for(terminal):
    terminal.type("clear; NO_COLOR=1 memlab --ascii")
    terminal.until("+- runs", "? help")
    screen = terminal.screen("-e")
    assert screen.isascii()
    assert "\x1b[38;" not in screen
    assert "\x1b[48;" not in screen
    terminal.tmux("send-keys", "q")
    terminal.until("ready>")


def test_the_lab_opens_without_torch_and_its_like(lab):
    code = "import memlab.tui.app, sys; print([name for name in ('torch', 'transformers', 'datasets') if name in sys.modules])"
    python = MEMLAB.with_name("python")
    assert subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
