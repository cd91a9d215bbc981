"""Share of training time that is not forward, backward or optimiser (evaluation counts as forward), on the demo preset and on docs-full.

The trainer's own code runs, in this process, on a run directory of its own: batches, logging, checkpoints and all.

    python scripts/bench/overhead.py [--steps 300]
"""

import argparse
import os
import tempfile
import time
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=300)
    steps = parser.parse_args().steps
    from memlab.training import allocator

    allocator.keep_freed_memory()
    from memlab import config, registry
    from memlab.homedir import find_home
    from memlab.rundir import create
    from memlab.rundir.ownership import Ownership, claim
    from memlab.training import loop, trainer

    spent = {"compute": 0.0, "all": 0.0}

    def timed(function, key):
        def run(*arguments):
            started = time.perf_counter()
            try:
                return function(*arguments)
            finally:
                spent[key] += time.perf_counter() - started

        return run

    loop.train_step, loop.evaluate = timed(loop.train_step, "compute"), timed(loop.evaluate, "compute")
    loop.Trainer.run = timed(loop.Trainer.run, "all")
    os.environ["MEMLAB_HOME"] = str(find_home())  # the corpora of the user's own home are used; the runs go elsewhere
    for preset in ("demo", "docs-full"):
        spent.update(compute=0.0, all=0.0)
        experiment = config.changed(config.read(registry.preset_path(preset)), {"train.steps": steps})
        with tempfile.TemporaryDirectory() as folder:
            run = create(Path(folder) / preset, "", experiment)
            own = Ownership(run, claim(run, {}, lambda owner: os.getpid()))
            trainer.train(own, experiment, lambda: None)
            own.release()
        share = 1 - spent["compute"] / spent["all"]
        print(f"{preset}: {steps} steps in {spent['all']:.1f} s, {100 * share:.1f} % of it elsewhere, goal at most 5 %")


if __name__ == "__main__":
    main()
