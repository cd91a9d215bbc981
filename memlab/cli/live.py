"""A picture drawn over itself on a terminal: on the alternate screen, writing only the rows that have changed."""

import os
import signal
import sys
import termios
from types import FrameType
from typing import Self

_ENTER = "\x1b[?1049h\x1b[?25l"  # alternate screen, no cursor
_LEAVE = "\x1b[?25h\x1b[?1049l"
_CLEAR = "\x1b[2J"


class Screen:
    """The terminal inside `with`; afterwards it is as it was, also after SIGTERM and while suspended with Ctrl-Z."""

    def __enter__(self) -> Self:
        self._before = {signal.SIGTSTP: signal.signal(signal.SIGTSTP, self._suspend), signal.SIGTERM: signal.signal(signal.SIGTERM, _quit)}
        self._enter()
        return self

    def __exit__(self, *error: object) -> None:
        self._leave()
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def draw(self, lines: list[str], size: tuple[int, int]) -> None:
        """Show these lines from the top. None may be as wide as the terminal; `size` is its columns and rows."""
        if size != self._size:  # the terminal has moved what was there
            self._shown, self._size = [], size
            self._write(_CLEAR)
        before = [*self._shown, *[""] * len(lines)]
        changed = [f"\x1b[{row};1H{line}\x1b[K" for row, (line, old) in enumerate(zip(lines, before, strict=False), start=1) if line != old]
        below = f"\x1b[{len(lines) + 1};1H\x1b[J" if len(self._shown) > len(lines) else ""
        self._write("".join(changed) + below)
        self._shown = lines

    def _enter(self) -> None:
        self._shown: list[str] = []
        self._size = (0, 0)
        self._keyboard = termios.tcgetattr(sys.stdin) if sys.stdin.isatty() else None
        if self._keyboard:  # what is typed does not appear in the picture
            quiet = [*self._keyboard[:3], self._keyboard[3] & ~termios.ECHO, *self._keyboard[4:]]
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, quiet)
        self._write(_ENTER)

    def _leave(self) -> None:
        self._write(_LEAVE)
        if self._keyboard:
            termios.tcsetattr(sys.stdin, termios.TCSAFLUSH, self._keyboard)

    def _suspend(self, number: int, frame: FrameType | None) -> None:
        self._leave()
        os.kill(os.getpid(), signal.SIGSTOP)
        self._enter()  # goes on here after `fg`

    @staticmethod
    def _write(text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()


def _quit(number: int, frame: FrameType | None) -> None:
    sys.exit(128 + number)
