"""A picture of a run's curves as the terminal shows them, for the README: python scripts/picture.py RUN docs/pictures/demo.svg"""

import argparse
import io
import re
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from memlab.home import find_run
from memlab.homedir import find_home
from memlab.lab.courses import Wish
from memlab.lab.screen import frame
from memlab.lab.view import RunView

DARK = TerminalTheme(
    (22, 24, 29),
    (215, 218, 224),
    [(40, 44, 52), (224, 108, 117), (152, 195, 121), (229, 192, 123), (97, 175, 239), (198, 120, 221), (86, 182, 194), (171, 178, 191)],
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run")
    parser.add_argument("picture", type=Path)
    parser.add_argument("--width", type=int, default=100)
    parser.add_argument("--height", type=int, default=28)
    arguments = parser.parse_args()
    view = RunView(find_run(find_home(), arguments.run))
    console = Console(record=True, width=arguments.width, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(Text.from_ansi(frame(view, arguments.width, arguments.height, Wish())))
    svg = console.export_svg(title=f"memlab watch {view.run.name}", theme=DARK)
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)  # nothing is fetched
    arguments.picture.write_text(svg.replace("Fira Code", "DejaVu Sans Mono, Menlo, Consolas"), encoding="utf-8")


if __name__ == "__main__":
    main()
