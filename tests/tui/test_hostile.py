"""Text from directories and files reaches the terminal harmless: what the real app writes to a real pty, byte by byte."""

import contextlib
import fcntl
import json
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
import unicodedata

import pytest
from fabricated_run import FACTS, evaluated, fabricate, started

from memlab import config
from memlab.lab import grids
from memlab.render.safe import is_harmful

HOSTILE = {
    "title": "\x1b]0;pwned\x07",
    "clipboard": "\x1b]52;c;cHduZWQ=\x07",
    "clear": "\x1b[2J\x1b[H",
    "device": "\x1bP$qm\x1b\\",
    "c1": "\x9b31m\x9d0;pwned\x9c",
    "bidi": "abc\u202egnp.exe\u2066x\u2069",
    "invisible": "a\u200bb\u200dc\ufeffd\u00ade",
    "markup": "[bold red]x[/bold red] [@click=app.quit]y[/] [link=file:///etc]z[/link] [/] \\[",
    "controls": "a\rb\nc\td\x08e\x00f\x7f",
    "pile": "z" + "\u0301" * 40,
    "surrogate": "half \udc9b pair",
}
# What Textual itself sends: CSI sequences, the switch of the character set, and the shape of the pointer.
SEQUENCE = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|[()][0AB]|[=>78]|\]22;[a-z-]*\x07)")


_STILL_SECONDS = 0.06


def directory_name(key, text):
    return f"{key} " + text.replace("/", "").replace("\x00", "")


@pytest.fixture
def home(tmp_path):
    """For each text a run that has it in its name, error, size and floors, and runs with it in other places."""
    floors = [{"name": text, "loss": 2.0 + number, "how": text} for number, text in enumerate(HOSTILE.values())]
    for number, (key, text) in enumerate(HOSTILE.items()):
        course = [started(), evaluated(0, 8.0, 8.1), evaluated(50, 2.0, 5.5), evaluated(100, 0.5, 6.25)]
        run = fabricate(tmp_path / "runs" / directory_name(key, text), course, status="failed", step=100, error=f"<{text}>")
        run.provenance_path.write_text(json.dumps({**FACTS, "floors": floors}))
        settled = json.loads(run.config_path.read_text())
        settled["model"]["size"] = text
        run.config_path.write_text(json.dumps(settled))
        os.utime(run.config_path, (1e9 - number, 1e9 - number))
    work = {"doing": HOSTILE["title"], "done": 1, "total": 2, "unit": HOSTILE["bidi"], "since": time.time()}
    busy = fabricate(tmp_path / "runs" / "busy", [], status="starting", work=work)
    os.utime(busy.config_path, (2e9, 2e9))
    broken = fabricate(tmp_path / "runs" / "broken", [])
    broken.config_path.write_text(json.dumps({"train": {HOSTILE["title"]: HOSTILE["markup"]}}))
    grid = grids.Grid("demo", HOSTILE["markup"], tuple(HOSTILE.values()), tokens=(72,))
    grids.keep(tmp_path, grids.Sweep(directory_name("sweep", HOSTILE["title"]), grid, config.Experiment()))
    return tmp_path


class Pty:
    """The app on a pseudo terminal. Everything that it writes is kept."""

    def __init__(self, home, columns=120, rows=34):
        mine, its = pty.openpty()
        fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        environment = {
            **os.environ,
            "TERM": "xterm-256color",
            "LANG": "C.UTF-8",
            "XDG_CONFIG_HOME": str(home / "config"),
            "XDG_STATE_HOME": str(home / "state"),
        }
        command = [sys.executable, "-m", "memlab", "--home", str(home)]
        self.process = subprocess.Popen(command, stdin=its, stdout=its, stderr=its, env=environment, start_new_session=True)
        os.close(its)
        self.terminal, self.written = mine, b""

    def read(self, seconds):
        """What comes within so many seconds."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0 and select.select([self.terminal], [], [], left)[0]:
            try:
                self.written += os.read(self.terminal, 1 << 16)
            except OSError:  # it has ended
                return

    def until(self, *words, seconds=20):
        start, deadline = len(self.written), time.monotonic() + seconds
        while not all(word in plain(self.written[start:].decode("utf-8", "strict")) for word in words):
            assert time.monotonic() < deadline, f"{words} not in {plain(self.written[start:].decode())[-3000:]}"
            self.read(0.1)

    def press(self, keys, seconds=0.4):
        """Keys, and what comes of them: something within so many seconds, and on until the app is still."""
        os.write(self.terminal, keys.encode())
        wait, deadline = seconds, time.monotonic() + 2 * seconds
        while time.monotonic() < deadline and select.select([self.terminal], [], [], wait)[0]:
            wait = _STILL_SECONDS
            try:
                self.written += os.read(self.terminal, 1 << 16)
            except OSError:  # it has ended
                return

    def end(self):
        deadline = time.monotonic() + 20
        while self.process.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                self.press("\x1b", 0.5)  # out of whatever is open, on a busy machine later than the keys before expected
                self.press("\x11", 0.5)
        self.process.kill()
        self.process.wait()
        os.close(self.terminal)


def plain(text):
    return SEQUENCE.sub("", text)


def test_nothing_that_steers_a_terminal_gets_through_any_screen(home):
    app = Pty(home)
    try:
        app.until("broken", "controls")
        app.press("w", 0)
        app.until("0 of 11 finished")
        app.press("o", 0.5)
        app.press("\x1b", 0.5)
        app.press("\x1b", 0)
        app.until("broken")
        for _ in HOSTILE:
            app.press("j", 0.15)
        app.press(" k k ", 0.2)
        for _ in range(2):
            app.press("\r", 0.6)
            app.press("\x1b[D", 0.3)
            app.press("dk", 0.2)
        app.press("?", 0.4)
        app.press("\x1b", 0.2)
        app.press(":", 0.5)
        app.press("\x1b", 0.4)
        app.press("G", 0.2)
        app.press("r", 0.5)  # is refused, with a notice
        app.press("x", 0.5)
        app.press("c", 0.6)
        app.press("\x1b", 0.3)
        app.press("t", 0.6)
        app.press("\x1b", 0.3)
        app.press("n", 0.2)
        app.press("/st:", 0.3)
        app.press("\r", 0.2)
        app.press("\x11", 1.0)  # ctrl+q: from any screen
    finally:
        app.end()
    text = plain(app.written.decode("utf-8", "strict"))
    left = {character for character in text if is_harmful(character) and character not in "\r\n"}
    assert left == set(), {f"{character!r} {unicodedata.name(character, '')}" for character in left}
    assert b"pwned\x07" not in app.written
    assert set(re.findall(rb"\x1b\](\d+)", app.written)) <= {b"22"}
    assert "[bold red]x[/bold red]" in text, "markup is shown as it is"
    assert "␛]0;pwned␇" in text
    assert "‹U+202E›" in text
    assert app.process.returncode == 0


def test_only_y_writes_to_the_clipboard_and_only_the_path(tmp_path):
    run = fabricate(tmp_path / "runs" / "plain", [started(), evaluated(0, 8.0, 8.1)])
    fabricate(tmp_path / "runs" / directory_name("title", HOSTILE["title"]), [])
    os.utime(run.config_path, (2e9, 2e9))
    app = Pty(tmp_path)
    try:
        app.until("plain", "title")
        app.press("y", 1)
        app.press(" ", 0.3)
        app.press("jy", 1)
        app.press(" ", 0.3)
        app.press("\x11", 1)
    finally:
        app.end()
    import base64

    copied = re.findall(rb"\x1b\]52;c;([^\x07]*)\x07", app.written)
    assert [base64.b64decode(one).decode() for one in copied] == [str(run.path)]
    assert "Select it yourself:" in plain(re.sub(rb"\x1b\]52[^\x07]*\x07", b"", app.written).decode())
