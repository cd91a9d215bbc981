"""How the lab on the screen behaves: time to the first screen, from a key to paint, bytes while watching, and what it costs the trainer.

    python scripts/bench/tui.py [--runs 200] [--rows 5000] [--keys 150] [--seconds 6] [--pairs 20]

Everything happens in a home of its own. The app runs on a pseudo terminal of 120 × 34; a trainer of the demo preset uses all cores.
"""

import argparse
import contextlib
import fcntl
import json
import os
import pty
import random
import select
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
from pathlib import Path

import psutil

from memlab import config, registry
from memlab.rundir import RunDir, create, events, state
from memlab.training import launch

FACTS = {
    "attempts": [{"owner": "bench", "started": 0.0, "changes": {}}],
    "model": {"n_params": 791_040, "n_params_total": 1_325_824, "vocab_size": 4096},
    "data": {
        "corpus": "bench",
        "content": "0",
        "n_tokens": 8192,
        "available_tokens": 520_053,
        "rows": 127,
        "tokens_per_epoch": 8128,
        "repeats": {"span": 50, "repeated_in_training": 0.0, "validation_in_training": 0.0, "sampled": 1.0},
    },
    "floors": [{"name": "memorisation", "loss": 0.006, "how": "bench"}],
}


class App:
    """The lab on a pseudo terminal."""

    def __init__(self, home: Path, rows: int = 34, columns: int = 120) -> None:
        self.terminal, its = pty.openpty()
        fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        environment = {**os.environ, "TERM": "xterm-256color", "XDG_CONFIG_HOME": f"{home}/config", "XDG_STATE_HOME": f"{home}/state"}
        command = [sys.executable, "-m", "memlab", "--home", str(home)]
        self.started = time.perf_counter()
        self.process = subprocess.Popen(command, stdin=its, stdout=its, stderr=its, env=environment, start_new_session=True)
        os.close(its)
        self.written = b""

    def read(self, seconds: float) -> bytes:
        """The next bytes, if some come in time."""
        if not select.select([self.terminal], [], [], max(0.0, seconds))[0]:
            return b""
        data = os.read(self.terminal, 1 << 16)
        self.written += data
        return data

    def until(self, word: str, seconds: float = 60) -> float:
        """Seconds since the start until the word is on the screen."""
        deadline = time.perf_counter() + seconds
        while word.encode() not in self.written:
            if time.perf_counter() > deadline:
                raise TimeoutError(f"'{word}' did not appear")
            self.read(0.05)
        return time.perf_counter() - self.started

    def quiet(self, seconds: float) -> int:
        """Read for so long; the number of bytes that came."""
        before, deadline = len(self.written), time.perf_counter() + seconds
        while (left := deadline - time.perf_counter()) > 0:
            self.read(left)
        return len(self.written) - before

    def key_to_paint(self, key: str) -> float:
        """Seconds from a key to the first byte that it paints."""
        started = time.perf_counter()
        os.write(self.terminal, key.encode())
        self.read(5)
        return time.perf_counter() - started

    def press(self, key: str) -> None:
        os.write(self.terminal, key.encode())

    def end(self) -> None:
        self.press("q")
        with contextlib.suppress(subprocess.TimeoutExpired, OSError):
            self.process.wait(5)
        self.process.kill()
        self.process.wait()
        os.close(self.terminal)


def make_runs(home: Path, n_runs: int, n_rows: int) -> None:
    """Finished runs with long logs: one row of training a step, an evaluation every twentieth."""
    experiment = config.read(registry.preset_path("demo"))
    lines = []
    for step in range(n_rows):
        train = {"kind": "train", "loss": 8 / (1 + step), "lr": 1e-3, "grad_norm": 1.0, "tokens_per_second": 1e4}
        losses = {
            "kind": "eval",
            "train_loss": 8 / (1 + step),
            "validation_loss": 8.0,
            "train_confident": 0.5,
            "validation_confident": 0.01,
        }
        row = {"attempt": 1, "step": step, "tokens": 1024 * step, "seconds": 0.1 * step, **(losses if step % 20 == 0 else train)}
        lines.append(json.dumps(row))
    log = "\n".join(lines) + "\n"
    for number in range(n_runs):
        run = create(home / "runs" / f"run-{number:03d}", "", experiment)
        run.events_path.write_text(log)
        run.provenance_path.write_text(json.dumps(FACTS))
        done = state.State("finished", "bench", 1, 0.0, "bench", step=n_rows, steps=n_rows)
        state.write(run.state_path, done)


def first_screen(home: Path, n_runs: int) -> None:
    """Several starts; the last one's memory maps say whether torch was loaded."""
    names, figures = [], []
    for _ in range(5):
        app = App(home)
        names.append(app.until(f"run-{n_runs - 1:03d}"))
        app.written = b""
        figures.append(app.until("8.00"))
        maps = Path(f"/proc/{app.process.pid}/maps")
        torch = "libtorch" in maps.read_text() if maps.exists() else "unknown"
        app.end()
    print(
        f"first screen with {n_runs} runs: median {statistics.median(names):.2f} s (max {max(names):.2f}), with figures "
        f"{statistics.median(figures):.2f} s; torch loaded: {torch}; goal 1 s"
    )


def paint(app: App, n_keys: int, keys: str, what: str) -> None:
    """Keys at irregular moments, each measured from the write to the first byte painted."""
    draw, times = random.Random(0), []
    for number in range(n_keys):
        app.quiet(draw.uniform(0.05, 0.2))
        times.append(1000 * app.key_to_paint(keys[number % len(keys)]))
    times.sort()
    print(f"key to paint, {what}: p50 {times[len(times) // 2]:.0f} ms, p95 {times[int(0.95 * len(times))]:.0f} ms, max {times[-1]:.0f} ms")


def start_trainer(home: Path) -> RunDir:
    """The demo preset for as long as it is wanted, once it trains."""
    experiment = config.changed(config.read(registry.preset_path("demo")), {"train.steps": 1_000_000})
    run = RunDir(home / "runs" / "trains")
    launch.start(run.path, home, "", experiment)
    deadline = time.monotonic() + 300
    while not any(row["kind"] == "train" and row["step"] > 50 for row in run.events()):
        if time.monotonic() > deadline or not run.is_active():
            raise TimeoutError(f"it does not train: {run.log_path.read_text()[-2000:]}")
        time.sleep(0.5)
    return run


def speed(run: RunDir, seconds: float) -> float:
    """Tokens per second of the steps themselves, of the rows that are written within so many seconds."""
    follower = events.Follower(run.events_path, ("train",))
    follower.poll()
    time.sleep(seconds)
    rates = [row["tokens_per_second"] for row in follower.poll() if row["kind"] == "train"]
    return statistics.harmonic_mean(rates)


def processes(app: App) -> list[psutil.Process]:
    """The app and its child process, not the trainer."""
    own = psutil.Process(app.process.pid)
    return [own, *own.children(recursive=True)]


def processor_seconds(app: App) -> float:
    """What they have used."""
    return sum(sum(one.cpu_times()[:2]) for one in processes(app))


def slow_down(home: Path, run: RunDir, seconds: float, pairs: int) -> None:
    """The trainer's speed with the app open on its curves against the same with the app and its child held by SIGSTOP, in turn."""
    app = App(home)
    app.until("trains")
    app.press("g\r")
    app.quiet(30)  # until the child has predicted for the first time
    received = [0]

    def read() -> None:
        with contextlib.suppress(OSError):
            while True:
                received[0] += len(os.read(app.terminal, 1 << 16))

    threading.Thread(target=read, daemon=True).start()
    shares, busy, n_bytes = [], [], []
    for _ in range(pairs):
        for process in processes(app):
            process.suspend()
        alone = speed(run, seconds)
        for process in processes(app):
            process.resume()
        began, before = processor_seconds(app), received[0]
        watched = speed(run, seconds)
        busy.append((processor_seconds(app) - began) / seconds)
        n_bytes.append((received[0] - before) / seconds)
        shares.append(1 - watched / alone)
    app.end()
    low, high = statistics.quantiles(shares, n=4)[::2]
    print(f"while watching: {statistics.median(n_bytes):,.0f} bytes per second, {100 * statistics.median(busy):.1f} % of one processor")
    print(
        f"slow-down of training with the app attached: median {100 * statistics.median(shares):.1f} % of {pairs} pairs "
        f"(quartiles {100 * low:.1f} and {100 * high:.1f}), goal at most 2 %; load {os.getloadavg()[0]:.1f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--rows", type=int, default=5000)
    parser.add_argument("--keys", type=int, default=150)
    parser.add_argument("--seconds", type=float, default=6)
    parser.add_argument("--pairs", type=int, default=20)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        make_runs(home, arguments.runs, arguments.rows)
        first_screen(home, arguments.runs)
        app = App(home)
        app.until("8.00")
        app.quiet(4)
        paint(app, arguments.keys, "jk", f"moving in a list of {arguments.runs}, idle")
        app.press("\r")
        app.quiet(2)
        paint(app, arguments.keys, ["\x1b[D", "\x1b[D", "\x1b[C"], "moving the cursor on the curves, idle")
        app.end()
        run = start_trainer(home)
        try:
            app = App(home)
            app.until("trains")
            app.quiet(6)
            paint(app, arguments.keys, "jk", "moving in the list, a trainer on all cores")
            app.press("g\r")
            app.quiet(2)
            paint(app, arguments.keys, ["\x1b[D", "\x1b[D", "\x1b[C"], "moving the cursor, a trainer on all cores")
            app.end()
            slow_down(home, run, arguments.seconds, arguments.pairs)
        finally:
            launch.stop(run)
            launch.wait(run, 60)
            launch.exit_status(run)


if __name__ == "__main__":
    main()
