"""What a run will be and take, before it starts: measured in a child process, so that the caller needs no torch."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from memlab import config
from memlab.errors import MemlabError, UsageError


def plan(experiment: config.Experiment, home: Path, progress: Callable[[dict[str, Any]], None] = lambda work: None) -> dict[str, Any]:
    """N, D, steps, epochs, floors, seconds, memory and disk of a run on this device; see `training.estimate.plan`.

    Builds the corpus if this home does not have it. Raises the error that the run itself would end with.
    """
    environment = {**os.environ, "MEMLAB_HOME": str(home), "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
    command = [sys.executable, "-m", "memlab.training.estimate"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as child:
        try:
            child.stdin.write(json.dumps(config.to_dict(experiment)))
            child.stdin.close()
            found = None
            for line in child.stdout:
                message = json.loads(line)
                found = message.get("plan", found)
                if "work" in message:
                    progress(message["work"])
            complaint = child.stderr.read().strip()
        except BaseException:
            child.kill()
            raise
    if found is None:
        words = complaint.splitlines()[-1] if complaint else f"the probe ended with status {child.returncode}"
        raise (UsageError if child.returncode == UsageError.exit_status else MemlabError)(words)
    return found
