"""Files are whole or absent, locks hold between processes, and every refusal of the system is one line that names the path."""

import errno
import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memlab import files
from memlab.errors import RunError

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters()), inner, max_size=3),
    max_leaves=8,
)


@given(json_values)
def test_json_comes_back_as_it_was(tmp_path_factory, value):
    path = tmp_path_factory.getbasetemp() / "value.json"
    files.write_json(path, value)
    assert files.read_json(path) == value


def test_a_path_that_is_not_utf8_survives_in_json(tmp_path):
    name = os.fsdecode(b"caf\xe9.txt")
    files.write_json(tmp_path / "x.json", {"path": name})
    assert files.read_json(tmp_path / "x.json") == {"path": name}


@pytest.mark.parametrize("value", [math.nan, math.inf, {"a": [-math.inf]}])
def test_what_is_not_json_is_refused_and_the_old_file_stays(tmp_path, value):
    path = tmp_path / "x.json"
    files.write_json(path, 1)
    with pytest.raises(ValueError, match="not JSON compliant"):
        files.write_json(path, value)
    assert files.read_json(path) == 1


@pytest.mark.parametrize("moment", ["fsync", "replace"])
def test_a_write_that_fails_leaves_the_old_text_and_no_litter(tmp_path, monkeypatch, moment):
    path = tmp_path / "x.txt"
    files.write_atomic(path, "old")

    def fail(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, moment, fail)
    with pytest.raises(RunError, match=rf"^writing {path} failed: No space left on device; free some space there"):
        files.write_atomic(path, "new")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["x.txt"]


@pytest.mark.parametrize(
    ("number", "move"),
    [
        (errno.ENOSPC, "; free some space there, or choose another place with --home"),
        (errno.EDQUOT, "; free some space there, or choose another place with --home"),
        (errno.EACCES, "; choose a place that you may write to with --home or MEMLAB_HOME"),
        (errno.EROFS, "; choose another place with --home or MEMLAB_HOME"),
        (errno.EIO, ""),
    ],
)
def test_every_refusal_of_the_system_is_one_line(number, move):
    with pytest.raises(RunError) as error, files.explained(Path("/some/file"), "writing"):
        raise OSError(number, os.strerror(number))
    assert str(error.value) == f"writing /some/file failed: {os.strerror(number)}{move}"


def test_an_error_of_ours_passes_unchanged():
    with pytest.raises(ZeroDivisionError), files.explained(Path("x"), "writing"):
        raise ZeroDivisionError


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\xff", b"[" * 100_000, b"1" * 5000, b'{"a": 1}{'], ids=["empty", "torn", "bytes", "deep", "digits", "two"]
)
def test_a_corrupt_file_is_named(tmp_path, content):
    path = tmp_path / "x.json"
    path.write_bytes(content)
    with pytest.raises(RunError, match=rf"^{path} cannot be read: "):
        files.read_json(path)


def test_a_missing_file_or_a_folder_in_its_place_is_named(tmp_path):
    with pytest.raises(RunError, match=r"none\.json is missing$"):
        files.read_json(tmp_path / "none.json")
    with pytest.raises(RunError, match=r"cannot be read: .*[Ii]s a directory"):
        files.read_json(tmp_path)


def test_a_lock_keeps_others_out_and_shared_ones_share(tmp_path):
    path = tmp_path / "new" / ".lock"
    with files.lock(path) as first:
        assert first
        with files.lock(path, wait=False) as second, files.lock(path, wait=False, shared=True) as third:
            assert not second
            assert not third
    with files.lock(path, shared=True), files.lock(path, wait=False, shared=True) as reader, files.lock(path, wait=False) as writer:
        assert reader
        assert not writer


def test_a_lock_ends_with_its_process(tmp_path):
    path = tmp_path / ".lock"
    code = f"""
import os
from pathlib import Path
from memlab import files
with files.lock(Path({str(path)!r})):
    print("held", flush=True)
    input()
    os._exit(9)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "held\n"
        with files.lock(path, wait=False) as held:
            assert not held
        other.stdin.write("\n")
        other.stdin.flush()
        assert other.wait() == 9
    with files.lock(path, wait=False) as held:
        assert held


def test_a_lock_where_nothing_can_be_written_says_so(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match=r"^locking .* failed: "), files.lock(tmp_path / "file" / ".lock"):
        pass


def test_json_is_readable_by_people(tmp_path):
    files.write_json(tmp_path / "x.json", {"a": 1})
    assert (tmp_path / "x.json").read_text() == '{\n  "a": 1\n}\n'
    assert json.loads((tmp_path / "x.json").read_text()) == {"a": 1}
