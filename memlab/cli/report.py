"""report: what came of runs, in one file that needs nothing else."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from memlab.cli.numbers import at_least
from memlab.cli.patterns import Device
from memlab.cli.several import Settings, Train, runs_and_jobs, train_to_the_end
from memlab.cli.terminal import complain, say
from memlab.errors import UsageError
from memlab.files import explained, require_writable, write_atomic

if TYPE_CHECKING:
    from memlab.render.document import Document

_BEGINNING = 2000  # characters of a file, in which one of ours says that it is
_SUFFIXES = {".md": "markdown", ".markdown": "markdown", ".html": "html", ".htm": "html"}


class Format(StrEnum):
    """The kind of file."""

    html = "html"
    markdown = "markdown"


def report(
    context: typer.Context,
    names: Annotated[
        list[str], typer.Argument(metavar="RUN…|SWEEP", help="Runs, several compared first; or a sweep; with --train presets.")
    ],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="PATH", help="The file to write.", show_default="report-RUN.html")
    ] = None,
    format: Annotated[Format | None, typer.Option(help="html or markdown.", show_default="as PATH ends, else html")] = None,  # noqa: A002
    quick: Annotated[bool, typer.Option("--quick", help="Only what the runs' own records say, in a second.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite a file that is no report.")] = False,
    train: Train = False,
    settings: Settings = None,
    seed: Annotated[int, typer.Option(help="Seed of the passages and of the checks.", callback=at_least(0))] = 0,
    device: Device = "auto",
) -> None:
    """Write a report: curves, passages, attractors, landscapes, claims, and the command that makes each figure again.

    One page that fetches nothing and runs nothing, for screen and paper; or Markdown with its pictures in a folder beside it.
    """
    from memlab.cli.progress import reporting
    from memlab.lab.report import report as collect
    from memlab.lab.report.sweep import sweep_of, sweep_report
    from memlab.render.scale import nbytes

    kind = format or _format_of(output)
    sweep = next((found for found in (sweep_of(context.obj, name) for name in names) if found), None)
    if sweep and len(names) > 1:
        raise UsageError(f"'{sweep.name}' is a sweep, which has a report of its own: memlab report {sweep.name}")
    named, jobs = ([], []) if sweep else runs_and_jobs(context.obj, names, train, settings)
    runs = list(dict.fromkeys(named))
    path = output or Path(_name([sweep.name] if sweep else [run.name for run in runs]) + (".html" if kind == Format.html else ".md"))
    _require_free(path, force)
    train_to_the_end(context.obj, jobs)
    with reporting() as progress:
        found = sweep_report(context.obj, sweep) if sweep else collect(runs, context.obj, quick, seed, device, progress)
        progress("drawing", 0, None, "")
        _write(found, kind, path)
    say(f"wrote {path} ({nbytes(path.stat().st_size)})")


def _format_of(output: Path | None) -> Format:
    """As the name of the file says, which may end in nothing. Raises UsageError for one that says something else."""
    suffix = output.suffix.lower() if output else ""
    if suffix and suffix not in _SUFFIXES:
        raise UsageError(f"{output} ends in {suffix}; a report is written as .html or .md, or give --format")
    return Format(_SUFFIXES.get(suffix, "html"))


def _name(names: list[str]) -> str:
    others = f"-and-{len(names) - 1}-more" if len(names) > 1 else ""
    return f"report-{names[0]}{others}"


def _require_free(path: Path, force: bool) -> None:
    """Raise UsageError where the report cannot be written, or would replace something that is no report."""
    from memlab.render.page import GENERATOR

    require_writable(path, "-o")
    if path.exists() and not force:
        with explained(path, "reading"), path.open("rb") as file:
            is_report = GENERATOR.encode() in file.read(_BEGINNING)
        if not is_report:
            raise UsageError(f"{path} is there already, and no report; choose another name with -o, or overwrite it with --force")


def _write(found: "Document", kind: Format, path: Path) -> None:
    """The report, its pictures before it, where they are files of their own."""
    from memlab.render.figure import is_available
    from memlab.render.markdown import markdown
    from memlab.render.page import NO_PICTURE, page

    if not is_available():
        complain(NO_PICTURE)
    if kind == Format.html:
        write_atomic(path, page(found))
        return
    folder = path.with_name(f"{path.stem}-pictures")
    text, pictures = markdown(found, folder.name)
    if pictures:
        with explained(folder, "making"):
            folder.mkdir(exist_ok=True)
    for name, picture in pictures.items():
        write_atomic(folder / name, picture.decode())
    write_atomic(path, text)
