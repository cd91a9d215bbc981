"""--data-dir names a copy of a data set on disk, wherever the trainer works."""

import pytest

from memlab.cli.train import DATA_DIR, resolve
from memlab.errors import MemlabError, UsageError


def of(tmp_path, source, given, *settings):
    return resolve(tmp_path, "demo", [f"data.source={source}", *settings], {DATA_DIR: given})[0].data


@pytest.mark.parametrize("source", ["openwebtext", "gutenberg"])
def test_the_folder_becomes_a_whole_path(tmp_path, monkeypatch, source):
    (tmp_path / "copy").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for given in ("copy", "./copy", "~/copy", str(tmp_path / "copy")):
        assert of(tmp_path, source, given).source_options == {"data_dir": str(tmp_path / "copy")}
    assert of(tmp_path, source, None).source_options == {}


def test_the_setting_is_the_same_as_the_flag(tmp_path, monkeypatch):
    (tmp_path / "copy").mkdir()
    monkeypatch.chdir(tmp_path)
    assert of(tmp_path, "openwebtext", None, "data.source_options.data_dir=copy") == of(tmp_path, "openwebtext", "copy")


def test_a_folder_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(UsageError, match=rf"data.source_options.data_dir \(--data-dir\) is '{tmp_path}/gone', which does not exist"):
        of(tmp_path, "openwebtext", str(tmp_path / "gone"))


def test_a_source_without_a_data_set_says_so(tmp_path):
    with pytest.raises(UsageError, match=r"source 'uniform' has no data set to copy: .* take a preset of gutenberg or openwebtext"):
        of(tmp_path, "uniform", str(tmp_path))


def test_a_tokenizers_folder_becomes_a_whole_path_and_a_name_stays_one(tmp_path, monkeypatch):
    (tmp_path / "own").mkdir()
    monkeypatch.chdir(tmp_path)
    for given, settled in (("own", str(tmp_path / "own")), ("some/model", "some/model")):
        options = of(tmp_path, "openwebtext", None, "data.tokenizer=gpt2", f"data.tokenizer_options.path={given}").tokenizer_options
        assert options == {"path": settled}


def test_what_is_no_folder_at_all_is_refused(tmp_path):
    with pytest.raises(MemlabError, match="data_dir is 5; it must be a text"):
        of(tmp_path, "openwebtext", None, "data.source_options.data_dir=5")
