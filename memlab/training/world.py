"""The processes that train one run together: which one this is, and what they tell each other through torch.distributed."""

import contextlib
import datetime
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, distributed

from memlab.config import Train
from memlab.errors import ConfigError
from memlab.training.failure import PeerFailedError
from memlab.training.torchrun import MEETING_PLACE

_PATIENCE = datetime.timedelta(days=1)  # the first process may build a corpus while the others wait


@dataclass(frozen=True)
class World:
    """Process `rank` of `size`, and number `local_rank` of its machine. The one with rank 0 leads: it alone writes.

    All methods but `part` are collective: every process calls them in the same order. Alone they cost nothing.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0

    @property
    def leads(self) -> bool:
        return self.rank == 0

    def part(self, count: int) -> slice:
        """This process's share of `count` rows: consecutive ones, the same number in every process up to one."""
        return slice(count * self.rank // self.size, count * (self.rank + 1) // self.size)

    def any(self, flag: bool) -> bool:
        """Whether the flag is up in any process."""
        return flag if self.size == 1 else bool(self.total(torch.tensor(float(flag))))

    def total(self, values: Tensor) -> Tensor:
        """The sum over all processes, element by element."""
        if self.size > 1:
            distributed.all_reduce(values)
        return values

    def share(self, make: Callable[[], Any]) -> Any:
        """What the first process makes, in all of them: a value of JSON. Raises PeerFailedError in the others where it fails."""
        if not self.leads:
            return self._receive()
        try:
            value = make()
        except BaseException:
            self._say(b"")
            raise
        self._say(json.dumps(value).encode())
        return value

    @contextlib.contextmanager
    def first(self) -> Iterator[None]:
        """The body runs in the first process; when it is done there, in the others."""
        if not self.leads:
            self._receive()
        try:
            yield
        except BaseException:
            if self.leads:
                self._say(b"")
            raise
        if self.leads:
            self._say(b"null")

    def leave(self) -> None:
        """Wait for all: a process that ends while another still talks to it would take that one down.

        The group is left to the end of the process: freeing it can wait for a thread of torch's that waits for Python's lock.
        """
        if self.size > 1:
            distributed.barrier()

    def _say(self, message: bytes) -> None:
        if self.size > 1:
            _broadcast(message)

    def _receive(self) -> Any:
        message = _broadcast(b"")
        if not message:
            raise PeerFailedError
        return json.loads(message)


ALONE = World()


def join(train: Train) -> World:
    """The world that torchrun has started this process in; alone where it has not. Raises ConfigError where the sizes differ."""
    if "RANK" not in os.environ:
        return ALONE
    rank, size, local_rank = (int(os.environ[name]) for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"))
    if size != train.devices * train.nodes:
        raise ConfigError(
            f"torchrun has started {size} processes, but train.devices is {train.devices} and train.nodes {train.nodes}; "
            f"they must be {train.devices * train.nodes}: start the lines that `memlab train` printed"
        )
    on_cuda = train.device.startswith("cuda") or (train.device == "auto" and torch.cuda.is_available())
    if on_cuda and train.devices > torch.cuda.device_count():
        raise ConfigError(f"train.devices is {train.devices}, but this machine has {torch.cuda.device_count()} CUDA devices")
    if on_cuda:
        torch.cuda.set_device(local_rank)
    distributed.init_process_group(
        "cpu:gloo,cuda:nccl" if on_cuda else "gloo",
        init_method=f"file://{os.environ[MEETING_PLACE]}" if MEETING_PLACE in os.environ else "env://",
        rank=rank,
        world_size=size,
        timeout=_PATIENCE,
    )
    return World(rank, size, local_rank)


def _broadcast(message: bytes) -> bytes:
    """The first process's message, in all of them; what the others give is not looked at. Not as pickled objects, torch's own way."""
    length = torch.tensor([len(message)])
    distributed.broadcast(length, src=0)
    if not length:
        return b""
    content = torch.tensor(list(message.ljust(int(length))), dtype=torch.uint8)
    distributed.broadcast(content, src=0)
    return bytes(content.tolist())
