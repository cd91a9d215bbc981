"""What to compute on and how: device, number format, threads and compilation, decided once per run and recorded."""

import os
import resource
import sys
import time
from dataclasses import dataclass, replace

import numpy as np
import psutil
import torch
from torch import Tensor

from memlab.config import Train
from memlab.errors import ConfigError

_PROBE_SECONDS = 0.05
_COMPILE_FROM_STEPS = 2000


@dataclass(frozen=True)
class Compute:
    """`precision` bf16 is autocast over fp32 weights. `device_name` is what the machine calls it. `chunked`: logits come in pieces."""

    device: str
    device_name: str
    precision: str
    threads: int
    compile: bool
    chunked: bool = False

    def autocast(self):
        """The context of every forward pass."""
        return torch.autocast(torch.device(self.device).type, dtype=torch.bfloat16, enabled=self.precision == "bf16")

    def tensor(self, array: np.ndarray) -> Tensor:
        """The array on the device; on CUDA through pinned memory, while the host goes on."""
        tensor = torch.from_numpy(array)
        return tensor.pin_memory().to(self.device, non_blocking=True) if self.device.startswith("cuda") else tensor.to(self.device)


def decide(train: Train, width: int) -> Compute:
    """Choose for this machine. `width` is the model's: the probe multiplies matrices of its size."""
    device = choose_device(train.device)
    threads = train.threads or default_threads()
    torch.set_num_threads(threads)
    precision = train.precision if train.precision != "auto" else probe_precision(device, width)
    return Compute(str(device), name_of(device), precision, threads, compile=train.compile == "on")


def with_compilation(compute: Compute, train: Train, steps: int) -> Compute:
    """The same with torch.compile where that pays: compiling takes up to a minute, and gains little on a CPU."""
    pays = compute.device.startswith("cuda") and steps >= _COMPILE_FROM_STEPS
    return replace(compute, compile=train.compile == "on" or (train.compile == "auto" and pays))


def would_not_fit(compute: Compute, n_bytes: int) -> bool:
    """Whether something would fill more than half of the memory that is free."""
    on_cuda = compute.device.startswith("cuda")
    free = torch.cuda.mem_get_info(compute.device)[0] if on_cuda else psutil.virtual_memory().available
    return n_bytes > free / 2


def for_process(compute: Compute, local_rank: int) -> Compute:
    """What the first process of a run has decided, for process `local_rank` of a machine: each has a GPU of its own."""
    return replace(compute, device=f"cuda:{local_rank}") if compute.device.startswith("cuda") and local_rank else compute


def apply(compute: Compute) -> None:
    """Set this process up as decided."""
    torch.set_num_threads(compute.threads)
    torch.set_float32_matmul_precision("high" if compute.device.startswith("cuda") else "highest")  # TF32 on CUDA


def choose_device(name: str) -> torch.device:
    """`auto` is CUDA, else MPS, else the CPU. Raises ConfigError where the device named is not there."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu")
    kind, _, number = name.partition(":")
    if kind not in ("cpu", "mps", "cuda") or (number and not (kind == "cuda" and number.isdecimal())):
        raise ConfigError(f"train.device is '{name}'; it must be auto, cpu, mps, cuda or cuda:N")
    if kind == "mps" and not torch.backends.mps.is_available():
        raise ConfigError("train.device is 'mps', but this machine has no MPS device; use auto or cpu")
    if kind == "cuda" and not torch.cuda.is_available():
        raise ConfigError(
            f"train.device is '{name}', but torch {torch.__version__} sees no CUDA device; use auto or cpu, and see `memlab doctor`"
        )
    if kind == "cuda" and int(number or 0) >= torch.cuda.device_count():
        raise ConfigError(f"train.device is '{name}', but there are {torch.cuda.device_count()} CUDA devices, numbered from 0")
    return torch.device(name)


def is_available(device: str) -> bool:
    try:
        choose_device(device)
    except ConfigError:
        return False
    return True


def default_threads() -> int:
    """What OMP_NUM_THREADS says, else the physical cores that this process may use."""
    if os.environ.get("OMP_NUM_THREADS", "").isdecimal():
        return max(1, int(os.environ["OMP_NUM_THREADS"]))
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(allowed, psutil.cpu_count(logical=False) or allowed))


def probe_precision(device: torch.device, width: int) -> str:
    """bf16 where it multiplies matrices of this width clearly faster than fp32 does."""
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    if device.type != "cpu":
        return "fp32"
    return "bf16" if _multiplications(torch.bfloat16, width) > 1.2 * _multiplications(torch.float32, width) else "fp32"


def _multiplications(dtype: torch.dtype, width: int) -> float:
    """Matrix products (512, C) x (C, 4C) per second."""
    left, right = torch.ones(512, width, dtype=dtype), torch.ones(width, 4 * width, dtype=dtype)
    left @ right
    count, start = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - start) < _PROBE_SECONDS:
        left @ right
        count += 1
    return count / elapsed


def peak_memory(device: str) -> int:
    """The most memory that this process has used so far, in bytes: on CUDA what torch has allocated there, else resident memory."""
    if device.startswith("cuda"):
        return torch.cuda.max_memory_allocated(device)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # macOS counts bytes, Linux kB


def name_of(device: torch.device) -> str:
    """What the device is called."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return torch.cpu.get_capabilities().get("architecture", "cpu") if device.type == "cpu" else device.type
