"""sweep: a grid of runs over model size and data, trained to its end, as a heat map and as D* for each size."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from memlab.cli.numbers import at_least
from memlab.cli.paragraphs import say_paragraphs
from memlab.cli.pictures import Png, Svg, write_pictures
from memlab.cli.runs import Json
from memlab.cli.terminal import complain, draw, look, say, say_json
from memlab.errors import MemlabError, UsageError, did_you_mean

if TYPE_CHECKING:
    from pathlib import Path

    from memlab.lab.grids import Sweep
    from memlab.lab.queue import Job
    from memlab.lab.sweep import Follower, Standing


def sweep(
    context: typer.Context,
    grid: Annotated[str | None, typer.Argument(metavar="GRID", help="A TOML file, a grid of --list, or a sweep of this home.")] = None,
    listed: Annotated[bool, typer.Option("--list", help="List the grids that come with memlab, and the sweeps of this home.")] = False,
    show: Annotated[str, typer.Option(help="train, validation, best, gap, memorised, control, bits or square.")] = "validation",
    jobs: Annotated[int, typer.Option(help="Cells trained at once.", callback=at_least(1))] = 1,
    executor: Annotated[str, typer.Option(help="local, or slurm (through submitit).")] = "local",
    slurm: Annotated[
        list[str] | None, typer.Option("--slurm", metavar="KEY=VALUE", help="For submitit, e.g. slurm_partition=gpu, gpus_per_node=1.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be trained and how long it takes.")] = False,
    once: Annotated[bool, typer.Option("--once", help="Show how the sweep stands, and train nothing.")] = False,
    png: Png = None,
    svg: Svg = None,
    json: Json = False,
) -> None:
    """Train a preset over model sizes, amounts of data and seeds. Ctrl-C saves and stops; the same command goes on."""
    from memlab.lab import grids
    from memlab.lab.sweep import Follower
    from memlab.lab.sweep_shown import SHOWN

    if listed or grid is None:
        _list(context.obj, json)
        return
    if show not in SHOWN:
        raise UsageError(f"--show is '{show}'{did_you_mean(show, SHOWN)}")
    if executor not in ("local", "slurm"):
        raise UsageError(f"--executor is '{executor}'; it must be local or slurm")
    found = grids.find_sweep(context.obj, grid)
    follower = Follower(context.obj, found)
    if dry_run:
        _foresee(context.obj, found, follower, jobs, json)
        return
    if not once:
        _train(context.obj, follower, show, jobs, executor, slurm or [], quiet=json)
    standing = follower.poll()
    if json:
        say_json(_plain(standing))
    else:
        _show(standing, show)
    _write(standing, show, png, svg, json)


def _list(home: "Path", json: bool) -> None:
    from memlab.lab import grids
    from memlab.lab.sweep import Follower
    from memlab.render.tables import Column, table

    rows, kept = [], grids.sweep_names(home)
    for name in dict.fromkeys([*grids.grid_names(), *kept]):
        try:
            standing = Follower(home, grids.find_sweep(home, name)).poll()
        except MemlabError as error:  # damaged, or of another version
            rows.append({"name": name, "cells": "unreadable", "title": str(error)})
            continue
        state = f"{standing.n_finished} of {len(standing.cells)} finished" if name in kept else f"{len(standing.cells)} cells"
        rows.append({"name": name, "cells": state, "title": standing.sweep.grid.title})
    if json:
        say_json(rows)
        return
    now = look()
    columns = [Column("name", importance=3), Column("cells", importance=2), Column("title", "what it shows", shortest=20)]
    draw(table(rows, columns, now.width, color=now.color, ascii=now.ascii))


def _foresee(home: "Path", found: "Sweep", follower: "Follower", jobs: int, json: bool) -> None:
    """What would be trained, and the time that it takes: measured on this device."""
    from memlab.cli.progress import reporting
    from memlab.lab import sweep as lab
    from memlab.lab.grids import amount_label, folder_of
    from memlab.render.scale import duration

    queued, standing = lab.jobs_of(home, found), follower.poll()
    with reporting() as progress:
        seconds = lab.seconds_of(home, found, queued, progress)
    if json:
        say_json({"cells": [vars(cell) for cell in standing.cells], "n_finished": standing.n_finished, "seconds": seconds})
        return
    left = len(queued) - standing.n_finished
    say(f"{found.name}: {len(queued)} cells in {folder_of(home, found.name)}, {standing.n_finished} finished")
    say(f"  sizes    {', '.join(found.sizes)}\n  data     {', '.join(map(amount_label, found.amounts))}")
    say(f"  seeds    {', '.join(map(str, found.seeds))}\n  preset   {found.grid.preset}")
    if seconds is None:
        say("Time is not known before the text has been fetched.")
    elif left:
        together = f", {duration(seconds / jobs)} at best with {jobs} at a time" if jobs > 1 else ""
        say(f"The {left} that are left take about {duration(seconds)} one after the other{together}.")


def _train(home: "Path", follower: "Follower", show: str, jobs: int, executor: str, options: list[str], quiet: bool) -> None:
    from memlab import config
    from memlab.cli.progress import reporting
    from memlab.cli.sweeping import watching
    from memlab.lab import slurm
    from memlab.lab import sweep as lab
    from memlab.lab.grids import folder_of

    found = follower.sweep
    with reporting() as progress:
        queued = lab.prepare(home, found, progress)
    if all(job.is_done for job in queued):
        return
    try:
        with reporting() if quiet else watching(follower, show) as progress:
            if executor == "slurm":
                slurm.train(home, queued, folder_of(home, found.name) / "slurm", jobs, config.parse_assignments(options), progress)
            else:
                lab.train(home, queued, jobs, progress)
    except KeyboardInterrupt:
        say(f"\n{follower.poll().n_finished} of {len(queued)} cells are finished; the same command goes on with the others.")
        raise typer.Exit(130) from None
    _complain_of_failed(queued)


def _complain_of_failed(queued: "list[Job]") -> None:
    failed = [job for job in queued if not job.is_done]
    for job in failed[:3]:
        complain(f"{job.run.path} is {job.run.status()}")
    if len(failed) > 3:
        complain(f"and {len(failed) - 3} more")


def _show(standing: "Standing", show: str) -> None:
    from memlab.cli.sweeping import map_lines
    from memlab.lab.sweep_shown import notes

    now = look()
    for line in map_lines(standing, show, now.width, 100):
        draw(line)
    words = _matched(standing)
    if words:
        draw("\n" + words)
    say("")
    say_paragraphs(*notes(standing, show))


def _matched(standing: "Standing") -> str:
    """D* and N/D*² of every size and seed, beside the published ones."""
    from memlab.lab.sweep_shown import matched_rows
    from memlab.render.tables import Column, table

    rows = matched_rows(standing)
    if not rows:
        return ""
    columns = [
        Column("size", importance=5),
        Column("seed", importance=2, right=True),
        Column("N", importance=4, right=True),
        Column("D", "D*", importance=9, right=True),
        Column("ratio", "N/D*²", importance=6, right=True),
    ]
    now = look()
    return table(rows, columns, now.width, color=now.color, ascii=now.ascii)


def _plain(standing: "Standing") -> dict[str, Any]:
    from dataclasses import asdict

    from memlab.lab import sweep_shown as lab

    found = lab.matched_of(standing)
    fitted = lab.exponent_of(found)
    return {
        "sweep": standing.sweep.name,
        "grid": asdict(standing.sweep.grid),
        "cells": [{**asdict(cell), "regime": lab.regime(standing, cell)} for cell in standing.cells],
        "information": list(standing.information.values()),
        "matched": [asdict(one) for one in found],
        "exponent": asdict(fitted) if fitted else None,
        "published": [dict(zip(("n_params", "n_tokens", "ratio"), one, strict=True)) for one in lab.published()],
        "notes": lab.notes(standing, "validation"),
    }


def _write(standing: "Standing", show: str, png: "Path | None", svg: "Path | None", quiet: bool) -> None:
    if not (png or svg):
        return
    from memlab.lab.sweep_shown import CAPACITY_LINE, tiles
    from memlab.render import tiles_image

    table = tiles(standing, show)

    def make(kind: Literal["png", "svg"]) -> bytes:
        return tiles_image.draw(table, kind=kind, line=CAPACITY_LINE)

    write_pictures(make, png, svg, quiet=quiet)
