"""The time, memory and disk that `memlab presets NAME` predicts, against a finished run of it.

python scripts/bench/estimate.py [PRESET] [--set KEY=VALUE ...]
"""

import argparse
import os
import tempfile
import threading
import time
from pathlib import Path

import psutil

from memlab import config, registry
from memlab.homedir import find_home
from memlab.lab.planning import plan
from memlab.training import launch


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("preset", nargs="?", default="demo")
    parser.add_argument("--set", action="append", default=[])
    arguments = parser.parse_args()
    path = registry.preset_path(arguments.preset)
    experiment = config.changed(config.read(path), config.parse_assignments(arguments.set))
    predicted = plan(experiment, find_home())
    with tempfile.TemporaryDirectory() as folder:
        run = launch.start(Path(folder) / arguments.preset, find_home(), path.read_text(), experiment)
        peak = [0]
        watcher = threading.Thread(target=lambda: watch_memory(run, peak))
        watcher.start()
        launch.wait(run, 3600)
        watcher.join()
        seconds = run.events()[-1]["seconds"]
        disk = sum(file.stat().st_size for file in run.checkpoints.rglob("*") if file.is_file())
    for name, expected, found, unit in (
        ("time", predicted["seconds"], seconds, "s"),
        ("memory", predicted["costs"]["memory_bytes"] / 1e6, peak[0] / 1e6, "MB"),
        ("disk", predicted["disk_bytes"] / 1e6, disk / 1e6, "MB"),
    ):
        print(f"{arguments.preset} {name}: predicted {expected:,.0f} {unit}, found {found:,.0f} {unit}, ratio {expected / found:.2f}")


def watch_memory(run, peak: list[int]) -> None:
    """The largest resident memory of the trainer, looked at five times a second."""
    process = psutil.Process(run.state().pid)
    while run.is_active():
        try:
            peak[0] = max(peak[0], process.memory_info().rss)
        except psutil.Error:
            return
        time.sleep(0.2)


if __name__ == "__main__":
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    main()
