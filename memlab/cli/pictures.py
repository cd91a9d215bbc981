"""--png and --svg: the picture of a command in a file."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

import typer

from memlab.cli.terminal import say
from memlab.errors import UsageError
from memlab.files import explained, require_writable

_Format = Literal["png", "svg"]


def _possible(kind: _Format) -> Callable[[Path | None], Path | None]:
    """A check of where the picture goes, before anything is computed for it."""

    def check(path: Path | None) -> Path | None:
        if path:
            if path.suffix.lower() not in ("", f".{kind}"):
                other = f"give it with --{path.suffix.lower()[1:]}" if path.suffix.lower() in (".png", ".svg") else f"end it in .{kind}"
                raise UsageError(f"--{kind} is '{path}', but what is written is {kind.upper()}: {other}")
            require_writable(path, f"--{kind}")
            _require_matplotlib()
        return path

    return check


Png = Annotated[Path | None, typer.Option("--png", metavar="PATH", callback=_possible("png"), help="Write the picture to a PNG file too.")]
Svg = Annotated[Path | None, typer.Option("--svg", metavar="PATH", callback=_possible("svg"), help="Write the picture to an SVG file too.")]


def write_pictures(make: Callable[[_Format], bytes], png: Path | None, svg: Path | None, quiet: bool = False) -> None:
    """Write the picture in the formats that were asked for, and say where. Raises RunError where a file cannot be written."""
    for kind, path in (("png", png), ("svg", svg)):
        if path:
            picture = make(kind)
            with explained(path, "writing"):
                path.write_bytes(picture)
            if not quiet:
                say(f"wrote {path}")


def _require_matplotlib() -> None:
    from memlab.render import figure

    with figure.new_figure((200, 150)):
        pass
