"""A real terminal for tests: tmux shows what a person would see."""

import itertools
import os
import subprocess

from conftest import MEMLAB, until

_NUMBERS = itertools.count()


class Terminal:
    """A tmux server of its own with one window, in which the home and the path to memlab are set; it ends with the test."""

    def __init__(self, lab) -> None:
        self.name = f"memlab-test-{os.getpid()}-{next(_NUMBERS)}"
        environment = {**lab.process()["env"], "PATH": f"{MEMLAB.parent}:{os.environ['PATH']}", "TERM": "xterm-256color"}
        environment.pop("TMUX", None)
        command = ["tmux", "-L", self.name, "-f", "/dev/null", "new-session", "-d", "-x", "120", "-y", "34", "bash --norc --noprofile"]
        subprocess.run(command, env=environment, cwd=lab.home, check=True)
        self.type("PS1='ready> '")

    def tmux(self, *arguments: str) -> str:
        done = subprocess.run(["tmux", "-L", self.name, *arguments], capture_output=True, text=True, check=True, timeout=20)
        return done.stdout

    def type(self, line: str) -> None:
        self.tmux("send-keys", "-l", line)
        self.tmux("send-keys", "Enter")

    def screen(self, *options: str) -> str:
        return self.tmux("capture-pane", "-p", *options)

    def until(self, *words: str) -> str:
        """The screen as soon as it shows all these words."""

        def shown() -> str:
            screen = self.screen()
            return screen if all(word in screen for word in words) else ""

        try:
            return until(shown, f"the terminal shows {words}", 30)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.screen()}") from None

    def resize(self, columns: int, rows: int) -> None:
        self.tmux("resize-window", "-x", str(columns), "-y", str(rows))
