"""What can be seen of the text before a trainer is started is said before it is."""

import io

import pytest
import typer

from memlab import config
from memlab.cli import train
from memlab.errors import DataError, UnknownName, UsageError
from memlab.lab.starting import require_text, settle
from memlab.training import launch


def of_file(path):
    return config.changed(config.Experiment(), {"data.source": "files", "data.source_options.path": str(path)})


@pytest.mark.parametrize("content", [b"", b" \n\n", b"\xff\x00 no text"])
def test_a_file_without_text_is_refused_before_a_trainer_is_started(tmp_path, monkeypatch, content):
    started = []
    monkeypatch.setattr(launch, "start", lambda *given: started.append(given))
    (tmp_path / "book.txt").write_bytes(content)
    for detach in (True, False):
        with pytest.raises(DataError, match=r"book\.txt"):
            train._start(tmp_path, "demo", "", of_file(tmp_path / "book.txt"), None, detach)
    assert not started
    assert not (tmp_path / "runs").exists()


def test_a_file_with_text_is_started(tmp_path, monkeypatch):
    started = []
    monkeypatch.setattr(launch, "start", lambda *given: started.append(given))
    (tmp_path / "book.txt").write_text("a text")
    with pytest.raises(typer.Exit):
        train._start(tmp_path, "demo", "", of_file(tmp_path / "book.txt"), None, True)
    assert started


def test_a_copy_without_files_to_read_is_refused(tmp_path):
    experiment = config.changed(config.Experiment(), {"data.source": "openwebtext", "data.source_options.data_dir": str(tmp_path)})
    with pytest.raises(DataError, match="no files to read"):
        require_text(experiment)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "standard input is empty"),
        (b" \n \xc2\xa0\n", "standard input is empty, or nothing but white space"),
        (b"a" * 100 + b"\xff", r"standard input is not UTF-8 from byte 100 on; .* iconv -f WINDOWS-1252 -t UTF-8 FILE \| memlab train"),
        ("wide".encode("utf-16"), r"standard input is not UTF-8 from byte 0 on; .* iconv -f UTF-16 -t UTF-8 FILE \| memlab train"),
        ("cut é".encode()[:-1], "standard input is not UTF-8 from byte 4 on"),
    ],
)
def test_standard_input_that_is_no_text_is_named_as_such_and_not_kept(tmp_path, content, problem):
    with pytest.raises(DataError, match=f"^{problem}") as raised:
        settle(tmp_path, of_file("-"), io.BytesIO(content))
    assert "spool" not in str(raised.value)
    assert not list((tmp_path / "spool").iterdir())


def test_standard_input_is_kept_for_the_trainer(tmp_path):
    text = "\ufeffwith a byte order mark, and é\r\n"
    path = settle(tmp_path, of_file("-"), io.BytesIO(text.encode())).data.source_options["path"]
    with open(path, "rb") as file:
        assert file.read().decode() == text


def test_without_a_command_line_there_is_no_standard_input(tmp_path):
    with pytest.raises(UsageError, match="which only the command line has"):
        settle(tmp_path, of_file("-"))


@pytest.fixture
def own_preset(tmp_path):
    path = tmp_path / "own.toml"
    path.write_text('[model]\nsize = "mikro"\n[train]\nsteps = 3\n')
    return path


@pytest.mark.parametrize("settings", [[], ["train.steps=9"]])
def test_what_is_wrong_in_a_presets_file_names_the_file(tmp_path, own_preset, settings):
    with pytest.raises(UnknownName, match=f"^{own_preset}: family 'gpt2' has no size 'mikro'; did you mean 'micro'"):
        train.resolve(tmp_path, str(own_preset), settings, {})


def test_what_is_wrong_in_a_flag_does_not(tmp_path, own_preset):
    with pytest.raises(UnknownName, match=r"^family 'gpt2' has no size 'mikrro'"):
        train.resolve(tmp_path, str(own_preset), [], {"model.size": "mikrro"})
    assert train.resolve(tmp_path, str(own_preset), [], {"model.size": "mini"})[0].model.size == "mini"
