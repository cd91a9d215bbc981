"""Lists of lists on disk: what was appended is what is read, also after a crash."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memlab.data.ragged import Ragged, RaggedWriter
from memlab.errors import DataError, RunError

lists = st.lists(st.lists(st.integers(0, 2**16 - 1), max_size=5), max_size=8)


def write(path, rows, dtype=np.uint16, lengths=(0, 0)):
    writer = RaggedWriter(path, dtype, lengths)
    writer.extend(np.asarray(row, dtype) for row in rows)
    found = writer.sync()
    writer.close()
    return found


@settings(max_examples=30)
@given(lists, lists)
def test_what_is_appended_is_read_back(tmp_path_factory, first, second):
    path = tmp_path_factory.getbasetemp() / "some.name"
    lengths = write(path, second, lengths=write(path, first))
    ragged = Ragged(path, np.uint16)
    assert [row.tolist() for row in ragged] == first + second
    assert lengths == (len(ragged), len(ragged.values))
    assert ragged.values.tolist() == [item for row in first + second for item in row]


@settings(max_examples=30)
@given(lists.filter(any))
def test_an_item_is_found_in_its_list(tmp_path_factory, rows):
    path = tmp_path_factory.getbasetemp() / "found"
    write(path, rows)
    ragged = Ragged(path, np.uint16)
    expected = [number for number, row in enumerate(rows) for _ in row]
    assert [ragged.find(position) for position in range(len(expected))] == expected
    assert all(ragged.span(number)[0] + len(row) == ragged.span(number)[1] for number, row in enumerate(rows))


def test_what_lies_beyond_the_recorded_lengths_is_cut_off(tmp_path):
    recorded = write(tmp_path / "a", [[1, 2], [3]])
    write(tmp_path / "a", [[4], [5, 6]], lengths=recorded)  # never recorded: the process was killed
    write(tmp_path / "a", [[7]], lengths=recorded)
    assert [row.tolist() for row in Ragged(tmp_path / "a", np.uint16)] == [[1, 2], [3], [7]]


def test_a_new_array_begins_empty_whatever_was_there(tmp_path):
    write(tmp_path / "a", [[1, 2]])
    write(tmp_path / "a", [[3]])
    assert [row.tolist() for row in Ragged(tmp_path / "a", np.uint16)] == [[3]]


def test_an_empty_array_is_an_array(tmp_path):
    assert write(tmp_path / "a", []) == (0, 0)
    ragged = Ragged(tmp_path / "a", np.uint32)
    assert (len(ragged), len(ragged.values), ragged.values.dtype) == (0, 0, np.uint32)


def test_large_tokens_keep_their_value(tmp_path):
    write(tmp_path / "a", [[70_000, 2**32 - 1]], np.uint32)
    assert Ragged(tmp_path / "a", np.uint32)[0].tolist() == [70_000, 2**32 - 1]


def test_reading_is_from_disk_and_cannot_change_it(tmp_path):
    write(tmp_path / "a", [[1, 2]])
    ragged = Ragged(tmp_path / "a", np.uint16)
    assert isinstance(ragged.values, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        ragged.values[0] = 5


def test_a_missing_array_is_named(tmp_path):
    with pytest.raises(DataError, match=r"/a\.values is missing; remove its corpus directory and it is built again"):
        Ragged(tmp_path / "a", np.uint16)


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(RunError, match=f"^writing {tmp_path}/none/a failed: "):
        RaggedWriter(tmp_path / "none" / "a", np.uint16)
