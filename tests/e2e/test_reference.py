"""A reference is trained with one command and found by the next."""

import json

import numpy as np
import pytest

from memlab.data.corpus import open_recorded
from memlab.data.selection import select

pytestmark = pytest.mark.slow


def test_a_reference_is_trained_on_other_text_and_used(lab):
    assert lab.memlab("train", *lab.toml("part"), "--fraction", "50%").returncode == 0
    assert lab.memlab("train", "--reference", "part").returncode == 0
    part, reference = lab.run("part"), lab.run("part-reference-1")
    recorded = part.provenance()["data"]
    assert reference.provenance()["data"]["corpus"] == recorded["corpus"]
    corpus = open_recorded(lab.home, part)
    mine, its = (np.asarray(select(corpus, run.original().data).documents) for run in (part, reference))
    assert len(mine) == len(its) == 8
    assert not set(mine.tolist()) & set(its.tolist())
    assert reference.original().data.reference_of == "part"
    assert reference.status() == "finished"
    assert (reference.path / "experiment.toml").read_text() == (part.path / "experiment.toml").read_text()

    found = json.loads(lab.memlab("tokens", "part", "--train", "0", "--reference", "part-reference-1", "--json").stdout)
    assert found["reference"]["words"].startswith("part-reference-1 at step ")
    assert found["reference"]["words"].endswith("tokens of documents that part does not see")
    exact = json.loads(lab.memlab("tokens", "part", "--train", "0", "--json").stdout)  # the source knows its distribution
    assert exact["reference"]["is_exact"]
    memorised = {one["name"]: one["n"] for one in exact["classes"]}["memorised"]
    assert memorised >= 6  # of 8 words; the first of a document is anybody's guess


def test_everything_seen_leaves_nothing(lab, memorised):
    found = lab.memlab("train", "--reference", "memorised")
    assert found.returncode == 2
    assert found.stderr.startswith(
        "memlab: run 'memorised' sees all of the training text, which leaves none for a reference; train a run on"
    )
