"""runs, remove, prune: what there is under the home, and making room."""

import shutil
import time
from pathlib import Path
from typing import Annotated

import typer

from memlab.cli.terminal import draw, look, say, say_json
from memlab.errors import UsageError
from memlab.files import explained, lock
from memlab.home import find_run, other_runs_of, runs_of

_PROBE_SECONDS = 86400.0  # a probe of an estimate that is older was killed

Json = Annotated[bool, typer.Option("--json", help="As JSON.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def runs(context: typer.Context, json: Json = False) -> None:
    """List the runs: state, sizes, step, losses."""
    from memlab.lab.listing import run_rows
    from memlab.render.scale import percent, short
    from memlab.render.tables import Column, sparkline, table

    rows, now = run_rows(context.obj), look()
    if json:
        say_json(rows)
        return
    if not rows:
        say(f"There are no runs under {context.obj}. `memlab demo` makes one in about a minute.")
        return
    columns = [
        Column("name", "run", importance=9, shortest=12),
        Column("state", importance=9),
        Column("share", "data", right=True, importance=5),
        Column("size", importance=4),
        Column("N", right=True, importance=6),
        Column("D", right=True, importance=6),
        Column("N/D²", right=True, importance=1),
        Column("at", "step", right=True, importance=7),
        Column("train_loss", "training", importance=8),
        Column("validation_loss", "validation", importance=8),
        Column("best_validation_loss", "best", importance=3),
        Column("curve", "validation curve", importance=2),
    ]
    for row in rows:
        row["share"] = percent(row["fraction"]) if row.get("fraction") else ""
        row["N"], row["D"] = (short(row[key]) if row.get(key) else "" for key in ("n_params", "n_tokens"))
        row["N/D²"] = f"{row['n_over_d_squared']:.2e}" if row.get("n_over_d_squared") else ""
        row["at"] = f"{row['step']:,}/{row['steps']:,}" if row.get("steps") is not None else ""
        row["curve"] = sparkline(row.get("losses", []), 16, ascii=now.ascii)
    draw(table(rows, columns, now.width, color=now.color, ascii=now.ascii))
    for row in rows:
        if row.get("problem"):
            say(f"{row['name']}: {row['problem']}")


def remove(
    context: typer.Context,
    names: Annotated[list[str], typer.Argument(metavar="RUN", help="Runs to remove, with everything in them.")],
    yes: Yes = False,
) -> None:
    """Remove runs with everything in them. Asks first."""
    from memlab.lab.removing import remove, require_removable, size
    from memlab.render.safe import safe
    from memlab.render.scale import nbytes

    found = dict.fromkeys(find_run(context.obj, name) for name in names)  # each once
    for run in found:
        require_removable(run)
    for run in found:
        if not (yes or typer.confirm(safe(f"Remove {run.path} ({nbytes(size(run.path))})?"))):
            say(f"kept {run.name}")
        else:
            remove(run)
            say(f"removed {run.name}")


def prune(context: typer.Context, yes: Yes = False) -> None:
    """Make room: corpora that no run uses, left-overs of killed builds, removed runs and spooled input. Asks first."""
    from memlab.lab.removing import size
    from memlab.render.scale import nbytes

    home = context.obj
    spare = _spare(home)
    if not spare:
        say(f"Nothing to remove under {home}.")
        return
    for path in spare:
        say(f"{nbytes(size(path)):>10}  {path}")
    if yes or typer.confirm(f"Remove these ({nbytes(sum(map(size, spare)))})?"):
        for path in spare:
            with explained(path, "removing"):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        say(f"removed {len(spare)}")


def _spare(home: Path) -> list[Path]:
    """What nothing needs. Raises UsageError while a run builds its corpus, RunError where a run does not say which one it uses."""
    used, waiting = set(), ""
    for run in (*runs_of(home), *other_runs_of(home)):
        data = run.provenance().get("data")
        if data:
            used.add(data.get("corpus"))
        elif run.is_active():
            raise UsageError(f"run '{run.name}' is just building its corpus; try again when it trains")
        else:
            waiting += str(run.original().data.source_options)  # a resumed run would build its corpus from there
    corpora = [path for path in _children(home / "corpora") if path.is_dir() and path.name not in used and not _is_in_use(path)]
    removed = [path for path in _children(home / "runs") if path.name.startswith(".")]
    return [*corpora, *removed, *(path for path in _children(home / "spool") if str(path) not in waiting)]


def _is_in_use(corpus: Path) -> bool:
    """Whether somebody builds it just now, which an estimate does without a run, or tries there how long a checkpoint takes."""
    if corpus.name.startswith(".probe-"):
        return time.time() - corpus.stat().st_mtime < _PROBE_SECONDS
    path = corpus.with_name(f".{corpus.name.removesuffix('.building')}.lock")
    if not path.exists():
        return False
    with lock(path, wait=False) as free:
        return not free


def _children(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []
