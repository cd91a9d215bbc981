"""Which home is meant, which run a word means, and where a new run goes."""

import io
import os
import re

import pytest

from memlab import home
from memlab.errors import RunError, UnknownName, UsageError
from memlab.homedir import find_home


def make_run(folder, name, seconds=0):
    path = folder / name
    path.mkdir(parents=True)
    (path / "config.json").write_text("{}")
    os.utime(path / "config.json", (seconds, seconds))
    return path


@pytest.fixture
def runs(tmp_path):
    """A home with the runs demo-1 (oldest), demo-10 and docs (newest)."""
    for seconds, name in enumerate(["demo-1", "demo-10", "docs"]):
        make_run(tmp_path / "runs", name, 100 + seconds)
    return tmp_path


def test_the_home_is_the_option_else_the_variable_else_the_users_data_directory(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.delenv("MEMLAB_HOME", raising=False)
    assert find_home().name == "memlab"
    assert find_home().is_relative_to(tmp_path)
    monkeypatch.setenv("MEMLAB_HOME", "~/lab")
    assert find_home() == tmp_path / "lab"
    assert find_home("/elsewhere") == find_home(find_home("/elsewhere"))
    monkeypatch.chdir(tmp_path)
    assert find_home("here") == tmp_path / "here"
    assert find_home("~nobody-of-this-name/x") == tmp_path / "~nobody-of-this-name" / "x"


def test_a_home_that_is_a_file_or_below_one_is_refused_by_that_word(tmp_path):
    file = tmp_path / "notes.txt"
    file.touch()
    with pytest.raises(UsageError, match=rf"^the home is {file}, which is a file; name a folder with --home or MEMLAB_HOME"):
        find_home(str(file))
    with pytest.raises(UsageError, match=rf"^the home is {file}/lab, but {file} is a file; name a folder"):
        find_home(str(file / "lab"))
    assert find_home(str(tmp_path / "new" / "lab")) == tmp_path / "new" / "lab"


def test_runs_come_oldest_first_and_only_runs(runs):
    make_run(runs / "runs", ".demo-2.1a2b3c4d")  # half made or half removed
    (runs / "runs" / "notes").mkdir()
    (runs / "runs" / "file").write_text("")
    assert [run.name for run in home.runs_of(runs)] == ["demo-1", "demo-10", "docs"]


def test_a_home_without_runs_has_none(tmp_path):
    assert home.runs_of(tmp_path) == []
    with pytest.raises(UnknownName, match=r"no run 'last': there are no runs under .*; `memlab demo` makes one"):
        home.find_run(tmp_path, "last")


def test_a_run_that_goes_away_while_one_looks_is_left_out(runs, monkeypatch):
    created = home.RunDir.created

    def gone(run):
        if run.name == "demo-10":
            raise FileNotFoundError
        return created(run)

    monkeypatch.setattr(home.RunDir, "created", gone)
    assert [run.name for run in home.runs_of(runs)] == ["demo-1", "docs"]


@pytest.mark.parametrize(("word", "name"), [("do", "docs"), ("demo-1", "demo-1"), ("demo-10", "demo-10"), ("last", "docs")])
def test_a_word_means_a_name_a_unique_prefix_or_last(runs, word, name):
    assert home.find_run(runs, word).path == runs / "runs" / name


def test_a_prefix_of_several_runs_lists_them(runs):
    with pytest.raises(UsageError, match=r"^'d' fits 3 runs: demo-1, demo-10, docs; give more letters$"):
        home.find_run(runs, "d")


def test_a_path_means_the_run_there_from_anywhere(runs, tmp_path, monkeypatch):
    elsewhere = make_run(tmp_path / "elsewhere", "copied")
    monkeypatch.chdir(elsewhere)
    for word in (str(elsewhere), "../copied", f"{elsewhere}/", "."):
        assert home.find_run(runs, word).path.resolve() == elsewhere
        assert home.find_run(runs, word).path.is_absolute()
    monkeypatch.setenv("HOME", str(tmp_path))
    assert home.find_run(runs, "~/elsewhere/copied").path == elsewhere


@pytest.mark.parametrize("word", ["", "dosc", "zzz", "doc*", "demo-1\n", "\0", "\x1b[31m", "x" * 5000, "*"])
def test_any_other_word_is_an_unknown_run(runs, word):
    with pytest.raises(UnknownName, match=r"^no run '"):
        home.find_run(runs, word)


@pytest.mark.parametrize("word", ["none/", "..", "a/\0", "~nobody-of-this-name/run", "/" + "x" * 5000])
def test_any_other_path_is_no_run_directory(runs, word):
    with pytest.raises(UnknownName, match=r"^no run directory at '.*': it has no config.json$"):
        home.find_run(runs, word)


def test_an_empty_word_is_not_the_prefix_of_the_only_run(tmp_path):
    make_run(tmp_path / "runs", "alone")
    with pytest.raises(UnknownName):
        home.find_run(tmp_path, "")


def test_a_wrong_name_brings_the_nearest_right_one(runs):
    with pytest.raises(UnknownName, match=r"no run 'dosc'; did you mean 'docs'\?"):
        home.find_run(runs, "dosc")


@pytest.mark.parametrize("name", ["a", "My.run_2-b", "9" * 100])
def test_a_plain_name_is_taken_as_it_is(tmp_path, name):
    assert home.new_run_path(tmp_path, "demo", name) == tmp_path / "runs" / name


@pytest.mark.parametrize("name", ["", "last", ".hidden", "-x", "../x", "a/b", "a b", "é", "a\n", "9" * 101, "a\x1b[31m", ".."])
def test_a_name_that_could_be_anything_else_is_refused(tmp_path, name):
    with pytest.raises(UsageError, match=r"^the name is '"):
        home.new_run_path(tmp_path, "demo", name)


def test_a_name_that_is_taken_is_refused(runs):
    with pytest.raises(UsageError, match="there is already a run 'docs'"):
        home.new_run_path(runs, "demo", "docs")


def test_without_a_name_the_next_free_number_is_taken(runs):
    assert home.new_run_path(runs, "demo", None).name == "demo-2"
    assert home.new_run_path(runs, "docs", None).name == "docs-1"


@pytest.mark.parametrize(
    ("base", "name"),
    [
        ("my experiment", "my-experiment-1"),
        (".hidden", "hidden-1"),
        ("a/../b", "a-..-b-1"),
        ("\x1b[m", "m-1"),
        ("日本", "run-1"),
        ("", "run-1"),
    ],
)
def test_a_base_of_any_kind_becomes_a_plain_name(tmp_path, base, name):
    assert home.new_run_path(tmp_path, base, None).name == name


def test_a_base_of_any_length_becomes_a_name_that_could_be_given(tmp_path):
    assert re.fullmatch(home._NAME, home.new_run_path(tmp_path, "x" * 300, None).name)


def test_a_spooled_stream_is_kept_by_its_content(tmp_path):
    first, again = (home.spool(tmp_path, io.BytesIO(b"text\xff" * 1000)) for _ in range(2))
    other = home.spool(tmp_path, io.BytesIO(b""))
    assert first == again != other
    assert first.read_bytes() == b"text\xff" * 1000
    assert sorted((tmp_path / "spool").iterdir()) == sorted({first, other})


def test_a_broken_stream_leaves_nothing_behind(tmp_path):
    class Broken(io.RawIOBase):
        def read(self, size=-1):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        home.spool(tmp_path, Broken())
    assert list((tmp_path / "spool").iterdir()) == []


def test_a_home_that_cannot_be_written_says_so(tmp_path):
    (tmp_path / "home").write_text("a file")
    with pytest.raises(RunError, match=r"^writing to .* failed: "):
        home.spool(tmp_path / "home", io.BytesIO(b"x"))
