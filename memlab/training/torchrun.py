"""torchrun: several processes for one run, on this machine or on several. Imports no torch."""

import os
import shlex
import socket
import sys
import tempfile
import threading
import time
from pathlib import Path

from memlab import config

MEETING_PLACE = "MEMLAB_MEETING_PLACE"  # a file through which the processes of one machine find each other: nothing listens for others
_PORT = 29500
_PARENT_SECONDS = 1.0


def is_member() -> bool:
    """Whether torchrun has started this process."""
    return "RANK" in os.environ


def become(run: Path, owner: str, devices: int) -> None:
    """Replace this process by torchrun, which starts `devices` trainers of one run; its id stays the one in state.json.

    What it and they write for each other goes to a folder among the temporary ones, which only a SIGKILL leaves there.
    """
    folder = Path(tempfile.mkdtemp(prefix="memlab-torchrun-"))
    command = [
        *(sys.executable, "-m", "memlab.training.agent", str(folder)),
        *("--nproc-per-node", str(devices), "--log-dir", str(folder / "logs")),
        *("--rdzv-backend", "c10d", "--rdzv-conf", "store_type=file", "--rdzv-endpoint", str(folder / "torchrun"), "--rdzv-id", owner),
        *("-m", "memlab.training", str(run), owner),
    ]
    loopback = "lo0" if sys.platform == "darwin" else "lo"
    settings = {
        MEETING_PLACE: str(folder / "processes"),
        "TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1",  # torchrun would listen on every network otherwise
        "GLOO_SOCKET_IFNAME": loopback,
        "NCCL_SOCKET_IFNAME": loopback,
        **patience(),
    }
    os.execve(sys.executable, command, {"OMP_NUM_THREADS": str(_threads(devices)), **os.environ, **settings})


def patience() -> dict[str, str]:
    """torchrun kills what has not left 30 seconds after a SIGTERM, unless it is told otherwise: a large checkpoint takes longer."""
    return {"TORCH_ELASTIC_SHUTDOWN_TIMEOUT": "600"}


def lines(run: Path, home: Path, train: config.Train) -> list[str]:
    """What to type on each machine to start, or to resume, a run on several; the first one is this machine."""
    address = socket.gethostname()
    commands = []
    for number in range(train.nodes):
        where = ["--nnodes", str(train.nodes), "--node-rank", str(number), "--master-addr", address, "--master-port", str(_PORT)]
        torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", str(train.devices)]
        words = ["env", f"MEMLAB_HOME={home}", *(f"{k}={v}" for k, v in patience().items()), *torchrun, *where]
        commands.append(shlex.join([*words, "-m", "memlab.training", str(run)]))
    return commands


def end_with_parent() -> None:
    """End this process at once when torchrun is gone: it could not be stopped any more, and nobody would know of it."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_PARENT_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _threads(processes: int) -> int:
    """An equal part of the cores for each process."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, allowed // processes)
