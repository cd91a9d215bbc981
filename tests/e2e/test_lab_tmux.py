"""The lab on a real terminal: a run is put together, started, watched, left to itself, found again and stopped, all in the app."""

import shutil
import subprocess

import pytest
from conftest import MEMLAB, Lab, steps_done, until
from fabricated_run import evaluated, fabricate, started
from tmux import Terminal

from memlab import registry
from memlab.rundir import RunDir
from memlab.training import launch

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not shutil.which("tmux"), reason="tmux is not installed")]


_PATIENCE_SECONDS = 180  # a trainer that starts on a busy machine


@pytest.fixture
def lab(tmp_path):
    """A home of its own, with nothing in it."""
    made = Lab(tmp_path)
    yield made
    for path in tmp_path.glob("runs/*"):
        if RunDir(path).is_active():
            made.kill(RunDir(path))
        launch.exit_status(RunDir(path))


@pytest.fixture
def terminal(lab):
    made = Terminal(lab)
    yield made
    made.tmux("kill-server")


def shown(terminal, *words):
    """The screen as soon as it shows all these words, however long a trainer takes."""

    def now():
        screen = terminal.screen()
        return screen if all(word in screen for word in words) else ""

    try:
        return until(now, f"the terminal shows {words}", _PATIENCE_SECONDS)
    except AssertionError as error:
        raise AssertionError(f"{error}\n{terminal.screen()}") from None


def step(screen):
    """The step that LIVE shows beside the curves."""
    words = screen.split()
    return int(words[words.index("step") + 1].replace(",", ""))


def dots(screen):
    """What is drawn of the curves."""
    return [line for line in screen.splitlines() if any("⠀" < character <= "⣿" for character in line)]


def put_together(terminal):
    """NEW RUN from an empty home, with the preset chosen among all of them and a budget that does not end by itself."""
    terminal.type("clear; memlab")
    terminal.until("There are no runs under", "n new", "q quit")
    terminal.tmux("send-keys", "n")
    shown(terminal, "‹ demo ›", "f5 start", "memlab train demo")
    names = registry.preset_names()
    for name in (names[-1], "demo"):
        terminal.tmux("send-keys", "Enter")
        terminal.until("─ preset ─", *names[:3])
        terminal.tmux("send-keys", "Home", *["Down"] * names.index(name), "Enter")
        shown(terminal, f"‹ {name[:20]}", f"memlab train {name}")
    terminal.tmux("send-keys", *["Down"] * 6)
    row = next(number for number, line in enumerate(terminal.screen().splitlines()) if "‹ steps ›" in line)
    until(lambda: int(terminal.tmux("display-message", "-p", "#{cursor_y}")) == row, "the cursor is in the budget")
    terminal.tmux("send-keys", "0", "0")
    terminal.until("70000", "memlab train demo --set train.steps=70000")


def test_a_run_is_put_together_watched_left_found_again_and_stopped(lab, terminal):
    run = lab.run("demo-1")
    put_together(terminal)
    terminal.tmux("send-keys", "F5")
    first = shown(terminal, "● running", "memorisation floor", "tokens/s", "s stop", "d leave it running")
    assert dots(first), "curves are drawn in dots"
    until(lambda: step(terminal.screen()) > step(first), "the step grows", _PATIENCE_SECONDS)
    until(lambda: dots(terminal.screen()) not in ([], dots(first)), "the curves move", _PATIENCE_SECONDS)
    terminal.resize(60, 20)
    terminal.until("running · step", "d leave it running")
    terminal.resize(120, 34)
    terminal.until("● running", "p > 0.9")
    terminal.tmux("send-keys", "d")
    terminal.until("❯    demo-1", "running", "enter open")
    terminal.tmux("send-keys", "q")
    terminal.until("demo-1 goes on by itself.", "memlab watch demo-1", "ready>")
    left = steps_done(run)
    until(lambda: steps_done(run) > left, "it trains on while nobody looks", _PATIENCE_SECONDS)
    terminal.type("clear; memlab")
    terminal.until("❯    demo-1", "running", "enter open")
    terminal.tmux("send-keys", "Enter")
    assert step(shown(terminal, "● running", "of 70,000", "d leave it running")) > left
    terminal.tmux("send-keys", "s")
    terminal.until("demo-1 saves and leaves")
    shown(terminal, "■ stopped", "r resume", "d back")
    assert run.status() == "stopped"
    terminal.tmux("send-keys", "d")
    terminal.until("❯    demo-1", "stopped", "r resume")
    before = steps_done(run)
    terminal.tmux("send-keys", "r")
    terminal.until("demo-1 goes on")  # a notice, gone before torch is loaded
    shown(terminal, "● running", "s stop")
    until(lambda: steps_done(run) > before, "it trains on", _PATIENCE_SECONDS)
    terminal.tmux("send-keys", "s")
    until(lambda: run.status() == "stopped", "it has stopped again", _PATIENCE_SECONDS)
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


def test_seven_bits_and_no_colours_where_that_is_asked_for(lab, terminal):
    fabricate(lab.home / "runs" / "one", [started(), evaluated(0, 8.0, 8.1)])
    terminal.type("clear; NO_COLOR=1 memlab --ascii")
    terminal.until("+- runs", "+ finished", "? help")
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
