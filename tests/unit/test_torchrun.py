"""How several processes are started, and how a batch is divided among them."""

import shlex
import socket
from pathlib import Path

import pytest

from memlab import config
from memlab.errors import ConfigError
from memlab.training.torchrun import lines
from memlab.training.world import World


@pytest.mark.parametrize(("count", "size"), [(12, 1), (12, 3), (13, 4), (3, 4), (1, 2), (480, 7)])
def test_the_parts_of_all_processes_are_the_whole_in_order_and_differ_by_one_row_at_most(count, size):
    parts = [list(range(count))[World(rank, size).part(count)] for rank in range(size)]
    assert [row for part in parts for row in part] == list(range(count))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_a_process_alone_has_everything_and_asks_nobody():
    world = World()
    assert world.leads
    assert world.share(lambda: {"step": 3}) == {"step": 3}
    assert (world.any(True), world.any(False)) == (True, False)
    world.leave()


def test_each_machine_gets_its_line_with_the_same_directory_and_a_number_of_its_own():
    found = [shlex.split(line) for line in lines(Path("/runs/a b"), Path("/home of/memlab"), config.Train(devices=8, nodes=3, batch=64))]
    assert [words[words.index("--node-rank") + 1] for words in found] == ["0", "1", "2"]
    for words in found:
        assert words[-1] == "/runs/a b"
        assert "MEMLAB_HOME=/home of/memlab" in words
        assert [words[words.index(flag) + 1] for flag in ("--nnodes", "--nproc-per-node")] == ["3", "8"]
        assert words[words.index("--master-addr") + 1] == socket.gethostname()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"devices": 0}, "train.devices is 0; it must be at least 1"),
        ({"devices": 4, "nodes": 2, "batch": 7}, "train.batch is 7, too few rows for 8 processes with train.accumulate 1; give at least 8"),
        ({"devices": 2, "device": "cuda:1"}, "train.device is 'cuda:1', but 2 processes have a device each; use auto, cuda or cpu"),
        ({"nodes": 2, "device": "mps"}, "train.device is 'mps', but 2 processes have a device each"),
    ],
)
def test_processes_that_cannot_be_are_refused_before_they_start(settings, message):
    with pytest.raises(ConfigError, match=message):
        config.Train(**settings)
