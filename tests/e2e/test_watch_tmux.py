"""Watching in a real terminal: tmux shows what a person would see."""

import shutil

import pytest
from conftest import steps_done, until
from tmux import Terminal

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not shutil.which("tmux"), reason="tmux is not installed")]


@pytest.fixture(scope="module")
def training(lab):
    """A run that goes on for as long as these tests need it, and no longer: it would take a core from all others."""
    run = lab.start("watched", {"train.steps": 1_000_000, "train.eval_every": 20, "train.checkpoint_every": 100_000})
    until(lambda: steps_done(run) > 100, "it trains")
    yield run
    lab.kill(run)


@pytest.fixture
def terminal(lab, training):
    made = Terminal(lab)
    yield made
    made.tmux("kill-server")


def test_the_curves_appear_and_ctrl_c_leaves_the_run_going_and_says_how_to_come_back(terminal, training):
    terminal.type("clear; memlab watch watched")
    screen = terminal.until("watched · N 99.5k · D 144 tokens", "running · step", "Ctrl-C leaves it running · memlab stop watched ends it")
    for words in ("training (smoothed)", "validation", "memorisation floor", "loss (nats per token)", "p > 0.9", "left"):
        assert words in screen
    assert any("⠀" < character <= "⣿" for character in screen), "curves are drawn in dots"
    assert len(screen.rstrip("\n").split("\n")) == 34
    terminal.tmux("send-keys", "C-c")
    screen = terminal.until("watched goes on by itself.\n  memlab watch watched\n  memlab stop watched\n", "ready>")
    assert "running · step" in screen, "the last picture stays"
    terminal.type("echo status $?; memlab runs")
    terminal.until("status 130", "running")
    assert training.is_active()


def test_it_follows_the_size_of_the_terminal_down_to_almost_nothing_and_back(terminal, training):
    terminal.resize(40, 12)
    terminal.type("clear; memlab watch watched")
    small = terminal.until("running · step", "●")
    assert len(small.rstrip("\n").split("\n")) == 12
    assert all(len(line) <= 40 for line in small.split("\n"))
    terminal.resize(3, 2)
    until(lambda: len(terminal.screen().rstrip("\n")) <= 8, "it fits into six cells")
    terminal.resize(100, 30)
    large = terminal.until("watched · N 99.5k · D 144 tokens", "Ctrl-C leaves it running · memlab stop watched ends it")
    assert large.count("running · step") == 1, "nothing of the smaller pictures is left"
    assert large.count("loss (nats per token)") == 1
    terminal.tmux("send-keys", "C-c")
    terminal.until("goes on by itself")


def test_suspending_gives_the_screen_back_and_going_on_draws_it_again(terminal, training):
    terminal.type("clear; memlab watch watched")
    terminal.until("Ctrl-C leaves it running", "running · step")
    terminal.tmux("send-keys", "C-z")
    assert "running · step" not in terminal.until("Stopped", "ready>")
    terminal.type("fg")
    terminal.until("watched · N 99.5k", "running · step")
    terminal.tmux("send-keys", "C-c")
    terminal.until("goes on by itself")


def test_colour_is_left_out_where_that_is_asked_for(terminal, training):
    for setting, colored in (("", True), ("NO_COLOR=1 ", False)):
        terminal.type(f"clear; {setting}memlab watch watched")
        terminal.until("Ctrl-C leaves it running", "running · step")
        assert ("\x1b[38;5;" in terminal.screen("-e")) is colored
        terminal.type("what is typed does not appear")
        assert "typed" not in terminal.until("Ctrl-C leaves it running")
        terminal.tmux("send-keys", "C-c")
        terminal.until("goes on by itself", "ready>")


def test_a_dumb_terminal_gets_plain_lines(terminal, training):
    terminal.type("clear; TERM=dumb memlab watch watched")
    screen = terminal.until("/1000000  training ", "tokens/s")
    assert "│" not in screen
    terminal.tmux("send-keys", "C-c")
    terminal.until("goes on by itself")
    terminal.type("clear; LC_ALL=C PYTHONUTF8=0 PYTHONCOERCECLOCALE=0 memlab watch watched --once")
    assert terminal.until("running . step").isascii()


def test_train_on_a_terminal_shows_the_start_the_curves_and_the_end(lab, terminal, memorised):
    run = lab.run("on-a-terminal")
    terminal.type(f"clear; memlab train tiny.toml --name {run.name} --set train.steps=400")
    terminal.until("starting · loading torch")
    terminal.until(f"{run.name} · N 99.5k", "running · step")
    end = terminal.until("It has memorised: ", "Next:", f"memlab sample {run.name}", "ready>")
    assert "repeats" in end
    assert run.status() == "finished"
