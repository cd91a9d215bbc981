"""--png and --svg: the picture of a command in a file."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

import typer

from memlab.cli.terminal import say
from memlab.files import explained

Png = Annotated[Path | None, typer.Option("--png", metavar="PATH", help="Write the picture to a PNG file too.")]
Svg = Annotated[Path | None, typer.Option("--svg", metavar="PATH", help="Write the picture to an SVG file too.")]


def write_pictures(make: Callable[[Literal["png", "svg"]], bytes], png: Path | None, svg: Path | None, quiet: bool = False) -> None:
    """Write the picture in the formats that were asked for, and say where. Raises RunError where a file cannot be written."""
    for kind, path in (("png", png), ("svg", svg)):
        if path:
            picture = make(kind)
            with explained(path, "writing"):
                path.write_bytes(picture)
            if not quiet:
                say(f"wrote {path}")
