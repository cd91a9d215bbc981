"""Seconds until `memlab --help` has printed, against a two-command Typer program's --help, in turn, pair by pair.

python scripts/bench/startup.py [--pairs 15]
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TWO_COMMANDS = '''
import typer

app = typer.Typer()


@app.command()
def one(name: str, count: int = 1) -> None:
    """The first command."""


@app.command()
def two(name: str, loud: bool = False) -> None:
    """The second command."""


app()
'''


def seconds(command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=15)
    pairs = parser.parse_args().pairs
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "two_commands.py"
        program.write_text(TWO_COMMANDS)
        ours, theirs = [sys.executable, "-m", "memlab", "--help"], [sys.executable, str(program), "--help"]
        seconds(ours), seconds(theirs)  # the first start writes byte code
        measured = [(seconds(ours), seconds(theirs)) for _ in range(pairs)]
    ratios = [one / other for one, other in measured]
    print(
        f"memlab --help {statistics.median(one for one, _ in measured):.3f} s, two-command Typer program "
        f"{statistics.median(other for _, other in measured):.3f} s, ratio median {statistics.median(ratios):.2f} "
        f"(min {min(ratios):.2f}, max {max(ratios):.2f}), goal at most 1.5"
    )


if __name__ == "__main__":
    main()
