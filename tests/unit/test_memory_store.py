"""The pattern store: what was added is what is read, whole or absent, and a build that was killed goes on."""

import errno
import json
import os

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from memlab.errors import DataError, RunError, UnknownName, UsageError
from memlab.memory import store
from memlab.memory.search import search
from memlab.memory.store import Origin, Plan, building, open_store

LAYERS = {"block-1": 3, "block-2": 3, "final": 5}


def plan(n_rows=7, **rest):
    return Plan(LAYERS, n_rows, **{"positions": {"every": 4, "from": 16}, "about": {"step": 500}, **rest})


def batch(start, stop):
    """Rows start … stop - 1 of every layer, with their origins; each number says where it belongs."""
    states = {name: (np.arange(start, stop)[:, None] * 10 + np.arange(width)).astype(np.float32) for name, width in LAYERS.items()}
    rows = np.arange(start, stop)
    return states, rows // 3, rows * 4, 100 + rows


def build(path, *cuts, planned=None):
    planned = planned or plan(cuts[-1])
    with building(path, planned) as writer:
        for start, stop in zip((0, *cuts), cuts, strict=False):
            writer.add(*batch(start, stop))
        return writer.finish()


@settings(max_examples=20)
@given(st.lists(st.integers(1, 4), min_size=1, max_size=4))
def test_what_is_added_is_read_back(tmp_path_factory, sizes):
    path = tmp_path_factory.getbasetemp() / "patterns"
    cuts = np.cumsum(sizes).tolist()
    build(path, *cuts)
    found = open_store(path)
    states, documents, offsets, tokens = batch(0, cuts[-1])
    assert len(found) == cuts[-1]
    assert found.layers == list(LAYERS)
    for k, name in enumerate(LAYERS):
        assert np.array_equal(found.layer(k), states[name])
        assert np.array_equal(found.layer(name), states[name])
    assert [found.where(i) for i in range(len(found))] == list(map(Origin, documents, offsets, tokens))


def test_layers_are_read_only_memory_maps_that_numpy_reads_too(tmp_path):
    found = build(tmp_path / "patterns", 7)
    layer = found.layer(-1)
    assert isinstance(layer, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        layer[0, 0] = 1
    assert np.array_equal(np.load(tmp_path / "patterns" / "final.npy"), layer)
    assert pq.read_table(tmp_path / "patterns" / "origins.parquet").column_names == ["document", "offset", "next_token"]


def test_a_layer_can_be_searched_as_it_lies(tmp_path):
    found = build(tmp_path / "patterns", 7)
    neighbours = search(torch.from_numpy(found.layer("final")[3:4].copy()), found.layer("final"), 1)
    assert neighbours.indices.tolist() == [[3]]
    assert found.where(3) == Origin(1, 12, 103)


def test_meta_says_what_is_in_it_and_what_was_left_out(tmp_path):
    build(tmp_path / "patterns", 7, planned=plan(7, budget=1000, left_out=93))
    meta = json.loads((tmp_path / "patterns" / "meta.json").read_text())
    assert meta == {
        "format": store.FORMAT,
        "layers": LAYERS,
        "n_rows": 7,
        "dtype": "float32",
        "positions": {"every": 4, "from": 16},
        "budget": 1000,
        "left_out": 93,
        "about": {"step": 500},
    }
    assert sorted(os.listdir(tmp_path / "patterns")) == ["block-1.npy", "block-2.npy", "final.npy", "meta.json", "origins.parquet"]


def test_half_precision_takes_half_the_space(tmp_path):
    found = build(tmp_path / "patterns", 7, planned=plan(7, dtype="float16"))
    assert found.layer(0).dtype == np.float16
    assert np.array_equal(found.layer(0), batch(0, 7)[0]["block-1"])


@pytest.mark.parametrize("synced", [True, False])
def test_a_killed_build_goes_on_after_its_last_sync(tmp_path, synced):
    path = tmp_path / "patterns"
    with building(path, plan()) as writer:
        writer.add(*batch(0, 2))
        if synced:
            writer.sync()
        writer.add(*batch(2, 5))  # reaches the files, but was never recorded
    assert not path.exists()
    with building(path, plan()) as writer:
        assert writer.n_rows == (2 if synced else 0)
        writer.add(*batch(writer.n_rows, 7))
        found = writer.finish()
    assert np.array_equal(found.layer("final"), batch(0, 7)[0]["final"])
    assert found.where(6) == Origin(2, 24, 106)
    assert [name for name in os.listdir(tmp_path) if not name.startswith(".")] == ["patterns"]


def test_another_plan_begins_anew(tmp_path):
    path = tmp_path / "patterns"
    with building(path, plan(7)) as writer:
        writer.add(*batch(0, 2))
        writer.sync()
    with building(path, plan(4)) as writer:
        assert writer.n_rows == 0


def test_a_new_store_replaces_an_old_one_only_when_it_is_finished(tmp_path):
    path = tmp_path / "patterns"
    build(path, 7)
    with building(path, plan(4)) as writer:
        writer.add(*batch(0, 4))
        assert len(open_store(path)) == 7
        writer.finish()
    assert len(open_store(path)) == 4


def test_a_build_that_fails_leaves_no_store(tmp_path, monkeypatch):
    path = tmp_path / "patterns"

    def fail(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with building(path, plan()) as writer:
        writer.add(*batch(0, 7))
        monkeypatch.setattr(os, "rename", fail)
        with pytest.raises(RunError, match=rf"^writing {path} failed: No space left on device; free some space"):
            writer.finish()
    assert not path.exists()


def test_only_one_process_builds(tmp_path):
    path = tmp_path / "patterns"
    with building(path, plan()), pytest.raises(RunError, match=f"^{path} is being built by another process"), building(path, plan()):
        pass


def test_a_store_is_not_finished_before_all_rows_are_in(tmp_path):
    with building(tmp_path / "patterns", plan()) as writer:
        writer.add(*batch(0, 5))
        with pytest.raises(RunError, match="has 5 of the 7 rows that were planned"):
            writer.finish()
        with pytest.raises(DataError, match="8 rows are more than the 7 that were planned"):
            writer.add(*batch(5, 8))


def test_states_that_do_not_fit_or_are_not_finite_are_refused_and_nothing_is_written(tmp_path):
    with building(tmp_path / "patterns", plan(7, dtype="float16")) as writer:
        writer.add(*batch(0, 2))
        states, *origins = batch(2, 5)
        with pytest.raises(DataError, match=r"states of layer 'final' have the shape \(3, 4\); \(3, 5\) was planned"):
            writer.add({**states, "final": states["final"][:, 1:]}, *origins)
        states["final"][1, 0] = 1e6  # beyond float16
        with pytest.raises(DataError, match=r"the state of layer 'final' in row 3 is not finite as float16"):
            writer.add(states, *origins)
        writer.add(*batch(2, 7))
        assert np.array_equal(writer.finish().layer("block-1"), batch(0, 7)[0]["block-1"])


def test_what_is_not_there_is_named(tmp_path):
    with pytest.raises(RunError, match=r"meta\.json is missing"):
        open_store(tmp_path / "none")
    found = build(tmp_path / "patterns", 7)
    with pytest.raises(UnknownName, match=r"the store has no layer 'blok-1'; did you mean 'block-1'\?"):
        found.layer("blok-1")
    for k in (3, -4):
        with pytest.raises(UnknownName, match=f"the store has no layer '{k}'"):
            found.layer(k)
    for i in (-1, 7):
        with pytest.raises(UsageError, match=f"row {i} is not in the store; it has 7"):
            found.where(i)


@pytest.mark.parametrize("name", ["final.npy", "origins.parquet"])
def test_a_damaged_store_is_named(tmp_path, name):
    build(tmp_path / "patterns", 7)
    path = tmp_path / "patterns" / name
    for content in (path.read_bytes()[:-9], b"", None):
        if content is None:
            path.unlink()
        else:
            path.write_bytes(content)
        found = open_store(tmp_path / "patterns")
        with pytest.raises(RunError, match=rf"{name} cannot be read: "):
            found.where(0) if name.startswith("origins") else found.layer("final")


def test_a_store_of_another_format_is_built_again(tmp_path):
    build(tmp_path / "patterns", 7)
    path = tmp_path / "patterns" / "meta.json"
    path.write_text(path.read_text().replace(f'"format": {store.FORMAT}', '"format": 99'))
    with pytest.raises(RunError, match="has format 99, not 1; remove it and it is built again"):
        open_store(tmp_path / "patterns")


@pytest.mark.parametrize("layers", [{}, {"../x": 3}, {"Block": 3}, {"a": 0}])
def test_layers_that_cannot_be_files_are_refused(layers):
    with pytest.raises(UsageError):
        Plan(layers, 5)


def test_a_budget_says_how_many_rows_fit():
    n = store.rows_within(12_800, LAYERS)
    assert n == 12_800 // (11 * 4 + 20)
    assert store.rows_within(12_800, LAYERS, "float16") > n


def test_positions_are_sampled_by_the_seed_without_repetition():
    found = store.sample_rows(1000, 100, seed=1)
    assert len(set(found.tolist())) == 100
    assert found.tolist() == sorted(found.tolist())
    assert found.max() < 1000
    assert np.array_equal(found, store.sample_rows(1000, 100, seed=1))
    assert store.sample_rows(5, 100, seed=1).tolist() == [0, 1, 2, 3, 4]
