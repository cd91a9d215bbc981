"""Seven bits for everything, Textual's own borders and bars included."""

from functools import lru_cache

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

_PLAIN = {
    **dict.fromkeys("─━═╌┄╍┅▁▔▂", "-"),
    **dict.fromkeys("│┃║▏▎▍▌▐▕▊▉┊┆", "|"),
    **dict.fromkeys("┌┐└┘├┤┬┴┼╭╮╰╯┏┓┗┛╔╗╚╝", "+"),
    **dict.fromkeys("•●■▲◆○□△◇▽⭘", "*"),
    **dict.fromkeys("█▇▆▅▄▃▀", "#"),
    **dict(zip("←→↑↓❯▶▼…·–—×", "<>^v>>v~.--x", strict=True)),
}


class SevenBit(LineFilter):
    """Every character that is not ASCII becomes one that is, and a line keeps its width."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [Segment(_seven_bit(text), style, control) for text, style, control in segments]


@lru_cache(4096)
def _seven_bit(text: str) -> str:
    return text if text.isascii() else "".join(one if one.isascii() else _PLAIN.get(one, "?" * cell_len(one)) for one in text)
