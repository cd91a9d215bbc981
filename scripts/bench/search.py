"""Exact search with log-sum-exp against faiss's IndexFlatL2 (which has none) and against cdist with topk: time and memory beside the store.

All sides search the same Gaussian store in turn, A B C A B C …, in one process; ratios are taken round by round. Peak memory is measured in
a process for each side, from when the store is there. faiss is left out where it is not installed (`pip install faiss-cpu`).

    python scripts/bench/search.py [--rounds 7] [--patterns 100000] [--width 768] [--queries 256] [--nearest 32]
"""

import argparse
import importlib.util
import json
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path

BETAS = (1.0,)


def sides(arguments: argparse.Namespace) -> tuple[dict, object]:
    """What each side does, by name, and the store."""
    import torch

    from memlab.memory.search import search

    torch.manual_seed(0)
    patterns, queries = (torch.randn(n, arguments.width).add_(0.5) for n in (arguments.patterns, arguments.queries))
    k = arguments.nearest
    found = {
        "memlab, with log-sum-exp": lambda: search(queries, patterns, k, BETAS).indices,
        "memlab, k nearest only": lambda: search(queries, patterns, k).indices,
        "cdist + topk": lambda: torch.cdist(queries, patterns).topk(k, largest=False).indices,
    }
    if importlib.util.find_spec("faiss"):
        import faiss

        index = faiss.IndexFlatL2(arguments.width)
        if arguments.side in (None, "faiss IndexFlatL2"):
            index.add(patterns.numpy())
        found["faiss IndexFlatL2"] = lambda: torch.from_numpy(index.search(queries.numpy(), k)[1])
    return found, patterns


def extra_megabytes(arguments: argparse.Namespace) -> float:
    """By how much one search raises the largest resident size of this process."""
    search = sides(arguments)[0][arguments.side]
    Path("/proc/self/clear_refs").write_text("5")  # the peak is the present size
    before = peak_kilobytes()
    search()
    return (peak_kilobytes() - before) / 1024


def peak_kilobytes() -> int:
    """Not getrusage, whose figure a process takes over from the one that started it. Linux only."""
    return int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1])


def seconds(search) -> float:
    started = time.perf_counter()
    search()
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in {"rounds": 7, "patterns": 100_000, "width": 768, "queries": 256, "nearest": 32}.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--side", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.side:
        print(json.dumps(extra_megabytes(arguments)))
        return
    found, _ = sides(arguments)
    expected = found["memlab, with log-sum-exp"]()
    print(f"{arguments.patterns:,} patterns of width {arguments.width}, {arguments.queries} queries, {arguments.nearest} nearest")
    times = {name: [] for name in found}
    agreement = {name: float((search() == expected).double().mean()) for name, search in found.items()}
    for _ in range(arguments.rounds):
        for name, search in found.items():
            times[name].append(seconds(search))
    reference = times.get("faiss IndexFlatL2", times["cdist + topk"])
    for name in found:
        command = [sys.executable, __file__, *sys.argv[1:], "--side", name]
        extra = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
        ratios = [ours / theirs for ours, theirs in zip(times[name], reference, strict=True)]
        print(
            f"{name}: {statistics.median(times[name]):.2f} s (least {min(times[name]):.2f}), ratio median {statistics.median(ratios):.2f} "
            f"(min {min(ratios):.2f}, max {max(ratios):.2f}), {extra:.0f} MB beside the store, same row numbers {agreement[name]:.2%}"
        )


if __name__ == "__main__":
    main()
