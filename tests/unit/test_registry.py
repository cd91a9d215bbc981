"""Plug-ins are found by file name and described without being imported; presets by name or path."""

import subprocess
import sys

import pytest

from memlab import registry
from memlab.errors import UnknownName


@pytest.fixture
def sources(tmp_path, monkeypatch):
    """An empty folder in place of the sources; returns a function that puts a file into it."""
    monkeypatch.setattr(registry, "_folder", lambda kind: tmp_path)

    def write(name, text):
        (tmp_path / name).write_text(text)

    return write


def test_plug_ins_are_the_python_files_without_underscore_or_dot(sources):
    for name in ("b.py", "a.py", "_private.py", "__init__.py", ".#a.py", "notes.txt", "a.pyc"):
        sources(name, "")
    assert registry.names("source") == ["a", "b"]


def test_a_description_is_read_and_nothing_runs(sources):
    docstring = '"""What it is.\n\nMore about\nit.\n"""'
    sources("one.py", docstring + '\nimport nothing_of_this_name\nSIZES = {"a": {"n": -1}}\nN = len(SIZES)\nraise SystemExit')
    described = registry.describe("source", "one")
    assert (described.name, described.summary, described.details) == ("one", "What it is", "More about\nit.")
    assert described.constants == {"SIZES": {"a": {"n": -1}}}


def test_a_plug_in_that_says_nothing_is_described_by_nothing(sources):
    sources("mute.py", "A = B = 1\n(C, D) = 1, 2\nE: int = 3")
    assert registry.describe("source", "mute") == registry.Description("mute", "", "", {})


@pytest.mark.parametrize("kind", list(registry.FOLDERS))
def test_every_plug_in_that_is_listed_can_be_loaded(kind):
    for name in registry.names(kind):
        assert registry.load(kind, name).__name__ == f"memlab.{registry.FOLDERS[kind]}.{name}"


@pytest.mark.parametrize("name", ["unifrom", "", ".", "../sources/uniform", "_wrap", "uniform.py", "os", "a\nb", "\0"])
def test_another_name_is_unknown_and_imports_nothing(name):
    before = set(sys.modules)
    for ask in (registry.load, registry.describe):
        with pytest.raises(UnknownName, match="no source '"):
            ask("source", name)
    assert set(sys.modules) == before


def test_an_unknown_name_brings_the_nearest_right_one():
    with pytest.raises(UnknownName, match=r"^no source 'unifrom'; did you mean 'uniform'\?$"):
        registry.load("source", "unifrom")
    with pytest.raises(UnknownName, match=r"^no family 'zzz'; there are: gpt2, .*vanilla$"):
        registry.describe("family", "zzz")


def test_listing_families_and_their_sizes_imports_no_torch():
    code = """
import sys
from memlab import registry
for name in registry.names("family"):
    assert isinstance(registry.describe("family", name).constants["SIZES"], dict)
sys.exit("torch" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_preset_is_found_by_name_or_by_path(tmp_path, monkeypatch):
    assert registry.preset_path("demo").parent == registry.PRESETS
    mine = tmp_path / "mine.toml"
    mine.write_text("")
    assert registry.preset_path(str(mine)) == mine
    monkeypatch.setenv("HOME", str(tmp_path))
    assert registry.preset_path("~/mine.toml") == mine


@pytest.mark.parametrize("name", ["none.toml", "~nobody-of-this-name/x.toml", "/\0.toml", "x" * 5000 + ".toml"])
def test_a_missing_file_is_named(name):
    with pytest.raises(UnknownName, match=r"^no file '"):
        registry.preset_path(name)


def test_a_folder_is_no_preset(tmp_path):
    (tmp_path / "x.toml").mkdir()
    with pytest.raises(UnknownName, match="no file"):
        registry.preset_path(str(tmp_path / "x.toml"))


def test_a_file_without_its_ending_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.toml").touch()
    with pytest.raises(UnknownName, match=r"no preset 'mine'; the file of that name is called 'mine.toml'"):
        registry.preset_path("mine")


def test_an_unknown_preset_brings_the_nearest_right_one():
    with pytest.raises(UnknownName, match=r"^no preset 'qestion-formation-small'; did you mean 'question-formation-small'\?$"):
        registry.preset_path("qestion-formation-small")


@pytest.mark.parametrize(("words", "found"), [("exact, extraction", ["exact", "extraction"]), ("", [])])
def test_plug_ins_are_chosen_by_a_list_of_names(words, found):
    assert registry.chosen("measure", words) == found
    assert set(found) <= set(registry.chosen("measure", "all")) == set(registry.names("measure"))


def test_a_wrong_name_in_a_list_brings_the_nearest_right_one():
    with pytest.raises(UnknownName, match="no measure 'exct'; did you mean 'exact'"):
        registry.chosen("measure", "extraction,exct")
