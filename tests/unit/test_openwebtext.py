"""OpenWebText is read in stored order, the same from each place that a copy of it may have, and in little memory."""

import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import datasets
import huggingface_hub
import local_tokenizers
import pyarrow
import pytest
from pyarrow import ipc, parquet

from memlab.config import Data
from memlab.data.corpus import open_corpus, recipe_of
from memlab.data.document import Document
from memlab.data.rows import open_rows
from memlab.data.sources import _hub, _paths, openwebtext
from memlab.data.sources.openwebtext import Options, count, documents, fetch, fingerprint
from memlab.errors import ConfigError, DataError

TEXTS = [f"Page {number}.\n\n" + f"Sentence {number} of many words, é日. " * (number % 7) for number in range(250)]


@pytest.fixture(autouse=True)
def offline(tmp_path, monkeypatch):
    """No network, and a cache of `datasets` of this test's own."""
    _hub.fetched.cache_clear()
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)


def as_parquet(folder, texts=TEXTS, files=3, column="text"):
    """As on the Hub: a folder of files that hold about as many rows each."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(files):
        part = texts[number * len(texts) // files : (number + 1) * len(texts) // files]
        table = pyarrow.table({"number": range(len(part)), column: part})
        parquet.write_table(table, folder / f"train-{number:05}-of-{files:05}.parquet", row_group_size=20)
    return folder


def saved(folder, texts=TEXTS):
    datasets.Dataset.from_dict({"text": texts}).save_to_disk(folder, num_shards=3)
    return folder


def as_arrow_file(folder, texts=TEXTS):
    """Arrow's other format, in batches of different lengths."""
    folder.mkdir()
    table = pyarrow.table({"url": [""] * len(texts), "text": texts})
    with ipc.new_file(str(folder / "all.arrow"), table.schema) as file:
        for start, stop in itertools.pairwise([0, 3, 100, 101, len(texts)]):
            file.write_table(table.slice(start, stop - start))
    return folder


def as_cache(tmp_path, texts=TEXTS):
    """What `datasets` keeps of the data set once it has loaded it from the Hub."""
    datasets.load_dataset(str(as_parquet(tmp_path / "openwebtext" / "data", texts).parent), split="train")
    cache = tmp_path / "cache"
    (cache / "openwebtext").rename(cache / "Skylion007___openwebtext")
    shutil.rmtree(tmp_path / "openwebtext")


def read(**options) -> list[Document]:
    return list(documents(Options(**options)))


def texts_of(**options) -> list[str]:
    return [document.text for document in read(**options)]


@pytest.fixture(params=["parquet", "saved", "arrow", "one file", "layout", "cache"])
def place(request, tmp_path):
    """Options for each place that a copy may have."""
    if request.param == "cache":
        as_cache(tmp_path)
        return {}
    if request.param == "one file":
        return {"data_dir": str(as_parquet(tmp_path / "copy", files=1) / "train-00000-of-00001.parquet")}
    if request.param == "layout":
        return {"repository": str(as_parquet(tmp_path / "hub" / "plain_text").parent)}
    write = {"parquet": as_parquet, "saved": saved, "arrow": as_arrow_file}[request.param]
    return {"data_dir": str(write(tmp_path / "copy"))}


class TestPlaces:
    def test_the_texts_are_the_same_from_each_place(self, place):
        assert texts_of(**place) == TEXTS

    def test_documents_can_be_iterated_over_twice_and_counted(self, place):
        found = documents(Options(**place))
        assert list(found) == list(found)
        assert count(Options(**place)) == len(TEXTS)
        assert len({document.name for document in found}) == len(TEXTS)

    def test_so_many_documents_are_a_prefix(self, place):
        assert texts_of(**place, documents=60) == TEXTS[:60]
        assert texts_of(**place, documents=len(TEXTS) + 1) == TEXTS
        assert count(Options(**place, documents=60)) == 60
        assert count(Options(**place, documents=10_000)) == len(TEXTS)

    def test_names_are_those_of_files_and_rows(self, tmp_path):
        found = read(data_dir=str(as_parquet(tmp_path / "copy" / "plain_text", files=2).parent))
        assert [found[0].name, found[-1].name] == [
            "plain_text/train-00000-of-00002.parquet#1",
            "plain_text/train-00001-of-00002.parquet#125",
        ]

    def test_rows_without_text_are_left_out_and_keep_their_number(self, tmp_path):
        folder = as_parquet(tmp_path / "copy", ["one", None, "", " \n", "two"], files=1)
        assert [(document.text, document.name[-2:]) for document in read(data_dir=str(folder))] == [("one", "#1"), ("two", "#5")]

    def test_order_and_rows_are_those_of_the_data_set(self, tmp_path):
        """Whose files may go by any name: the order is the one that `datasets` gives them."""
        folder = as_parquet(tmp_path / "hub", files=3)
        for number, name in enumerate(["train-b", "train-a", "train-10"]):
            (folder / f"train-{number:05}-of-00003.parquet").rename(folder / f"{name}.parquet")
        loaded = datasets.load_dataset(str(folder), split="train")
        assert texts_of(repository=str(folder)) == list(loaded["text"])
        assert loaded._indices is None

    def test_a_folder_of_a_model_hub_with_links_to_its_files_is_read_once(self, tmp_path):
        """As the cache of huggingface_hub has them: each file under two revisions, both links to the same content."""
        folder = as_parquet(tmp_path / "copy" / "blobs")
        for revision in ("1f", "2e"):
            (tmp_path / "copy" / "snapshots" / revision).mkdir(parents=True)
            for file in folder.iterdir():
                (tmp_path / "copy" / "snapshots" / revision / file.name).symlink_to(file)
        assert texts_of(data_dir=str(tmp_path / "copy")) == TEXTS

    def test_what_is_hidden_computed_unfinished_or_of_another_split_is_passed_over(self, tmp_path):
        folder = as_parquet(tmp_path / "copy")
        file = next(folder.iterdir())
        for name in (".cache/train-x.parquet", ".train-x.parquet", "0.0.0/1f.incomplete/train-x.parquet", "test-00000-of-00001.parquet"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, folder / name)
        (folder / "README.md").write_text("# OpenWebText")
        (folder / "cache-1f2e_00000_of_00002.arrow").write_bytes(b"the tokens of somebody's map()")
        assert texts_of(data_dir=str(folder)) == TEXTS

    def test_a_tilde_is_the_home(self, tmp_path, monkeypatch):
        as_parquet(tmp_path / "copy")
        monkeypatch.setenv("HOME", str(tmp_path))
        assert len(read(data_dir="~/copy")) == len(TEXTS)


class TestHub:
    """What is asked of `datasets`, without a hub."""

    def builders(self, monkeypatch, tmp_path, of_revision):
        """`load_dataset_builder` with what it does for each revision: raise, or load a folder."""
        asked, load = [], datasets.load_dataset_builder

        def stand_in(repository, revision):
            asked.append((repository, revision))
            if isinstance(of_revision[revision], Exception):
                raise of_revision[revision]
            return load(str(of_revision[revision]))

        monkeypatch.setattr(datasets, "load_dataset_builder", stand_in)
        return asked

    @pytest.mark.parametrize(
        "problem",
        [
            RuntimeError("Dataset scripts are no longer supported, but found openwebtext.py"),
            datasets.data_files.EmptyDatasetError("The directory doesn't contain any data files"),
            "tar",
        ],
        ids=["script", "empty", "tar"],
    )
    def test_where_main_has_no_parquet_the_hubs_own_is_taken(self, tmp_path, monkeypatch, problem):
        if problem == "tar":
            (tmp_path / "main").mkdir()
            (tmp_path / "main" / "urlsf_subset00.tar").write_bytes(bytes(1024))
            problem = tmp_path / "main"
        converted = as_parquet(tmp_path / "hub" / "plain_text" / "train").parents[1]
        asked = self.builders(monkeypatch, tmp_path, {None: problem, "refs/convert/parquet": converted})
        assert texts_of() == TEXTS
        assert asked == [("Skylion007/openwebtext", None), ("Skylion007/openwebtext", "refs/convert/parquet")]

    def test_a_revision_that_is_asked_for_is_the_only_one(self, tmp_path, monkeypatch):
        asked = self.builders(monkeypatch, tmp_path, {"v1": FileNotFoundError("nothing")})
        with pytest.raises(DataError, match="cannot be had here: nothing; download it"):
            documents(Options(revision="v1"))
        assert asked == [("Skylion007/openwebtext", "v1")]

    def test_a_conversion_that_stopped_halfway_is_refused_before_anything_is_fetched(self, tmp_path, monkeypatch):
        part = as_parquet(tmp_path / "hub" / "plain_text" / "partial-train").parents[1]
        self.builders(monkeypatch, tmp_path, {None: RuntimeError("a script"), "refs/convert/parquet": part})
        with pytest.raises(DataError, match=r"plain_text/partial-train/train-00000-of-00003\.parquet is only a part"):
            documents(Options())
        assert not list((tmp_path / "cache").rglob("*.arrow"))
        with pytest.raises(
            DataError, match=r"^plain_text/partial-train/.* is only a part, .*; fetch the whole, or give that very folder as"
        ):
            documents(Options(data_dir=str(part)))
        assert texts_of(data_dir=str(part / "plain_text" / "partial-train")) == TEXTS

    def test_offline_it_says_what_to_fetch_from_where_and_how_large_it_is(self):
        started = time.monotonic()
        with pytest.raises(DataError) as refused:
            recipe_of(Data(source="openwebtext", tokenizer="byte"))
        assert time.monotonic() - started < 5
        for words in (
            "data set 'Skylion007/openwebtext' cannot be had here",
            "https://huggingface.co/datasets/Skylion007/openwebtext",
            "24 GB of Parquet, 40 GB of text",
            "hf download Skylion007/openwebtext --repo-type dataset --local-dir FOLDER",
            "--data-dir FOLDER",
        ):
            assert words in str(refused.value)
        assert "\n" not in str(refused.value)

    def test_of_another_data_set_no_size_is_claimed(self):
        with pytest.raises(DataError, match=r"download it from https://huggingface\.co/datasets/some/thing") as refused:
            documents(Options(repository="some/thing"))
        assert "GB" not in str(refused.value)

    def test_without_an_answer_the_hub_is_not_asked_again_and_again(self, monkeypatch):
        """As where there is no network: the libraries would try for 23 seconds."""
        monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")  # nobody listens there
        silent = huggingface_hub.utils.are_progress_bars_disabled()
        started = time.monotonic()
        with pytest.raises(DataError, match="cannot be had here"):
            documents(Options())
        assert time.monotonic() - started < 10
        assert not huggingface_hub.constants.HF_HUB_OFFLINE
        assert huggingface_hub.utils.are_progress_bars_disabled() == silent

    def test_what_cannot_be_made_of_a_folder_is_said(self, tmp_path):
        folder = as_parquet(tmp_path / "hub")
        (folder / "train-00001-of-00003.parquet").write_bytes(b"PAR1 and no more")
        with pytest.raises(DataError, match=rf"^data set '{folder}' cannot be read: .*; give a folder of Parquet or Arrow files"):
            documents(Options(repository=str(folder)))

    def test_fetching_is_told_and_can_be_stopped(self, tmp_path, monkeypatch):
        folder = as_parquet(tmp_path / "hub")
        told = []
        fetch(Options(repository=str(folder)), lambda *words: told.append(words))
        assert told[0] == (f"fetching {folder} unless it is here", 0, None, "")
        with pytest.raises(DataError, match="cannot be had here"):
            fetch(Options(), lambda *words: None)
        fetch(Options(data_dir="not looked at"), lambda *words: pytest.fail("there is nothing to fetch"))

        monkeypatch.setattr(datasets, "load_dataset_builder", lambda *_, **__: time.sleep(60))
        with pytest.raises(KeyboardInterrupt):
            fetch(Options(), lambda *words: (_ for _ in ()).throw(KeyboardInterrupt))


class TestErrors:
    @pytest.mark.parametrize(
        ("options", "complaint"),
        [
            ({"documents": -1}, r"data.source_options.documents is -1; it must be at least 0"),
            ({"repository": ""}, r"data.source_options.repository is empty; name a data set"),
        ],
    )
    def test_a_wrong_setting_is_named(self, options, complaint):
        with pytest.raises(ConfigError, match=complaint):
            Options(**options)

    def test_a_folder_that_does_not_exist_is_named(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        with pytest.raises(ConfigError, match=rf"data_dir \(--data-dir\) is 'gone', which does not exist \(looked for {tmp_path}/gone\)"):
            documents(Options(data_dir="gone"))

    def test_a_folder_without_tables_says_what_can_be_read(self, tmp_path):
        (tmp_path / "copy").mkdir()
        (tmp_path / "copy" / "urlsf_subset00.tar").write_text("")
        with pytest.raises(DataError, match=r"no files to read in .*copy; their names must end in .parquet or .arrow"):
            documents(Options(data_dir=str(tmp_path / "copy")))

    @pytest.mark.parametrize("write", [as_parquet, saved])
    def test_a_missing_column_is_named_with_those_there_are(self, tmp_path, write):
        folder = tmp_path / "copy"
        if write is as_parquet:
            as_parquet(folder, column="txt")
        else:
            datasets.Dataset.from_dict({"number": [1], "txt": ["x"]}).save_to_disk(folder)
        with pytest.raises(DataError, match=r"no column 'text', only 'number', 'txt'; give OpenWebText's own files"):
            read(data_dir=str(folder))

    def test_a_column_that_is_no_text_is_refused(self, tmp_path):
        with pytest.raises(DataError, match=r"column 'text' of .* holds int64, not text; give OpenWebText's own files with --data-dir"):
            read(data_dir=str(as_parquet(tmp_path / "copy", list(range(10)))))

    @pytest.mark.parametrize("damage", ["other", "cut", "empty"])
    @pytest.mark.parametrize("write", [as_parquet, saved, as_arrow_file])
    def test_a_damaged_file_is_named(self, tmp_path, write, damage):
        folder = write(tmp_path / "copy")
        file = sorted(path for path in folder.iterdir() if path.suffix in (".parquet", ".arrow"))[-1]
        content = file.read_bytes()
        file.write_bytes({"other": b"neither the one nor the other", "cut": content[: len(content) // 2], "empty": b""}[damage])
        with pytest.raises(DataError, match=rf"{file.name} (is not whole, or not (Parquet|Arrow) \(|cannot be read)"):
            read(data_dir=str(folder))
        with pytest.raises(DataError, match=rf"{file.name} (is not whole, or not (Parquet|Arrow) \(|cannot be read)"):
            count(Options(data_dir=str(folder)))

    def test_text_that_is_not_utf8_is_damage(self, tmp_path):
        folder = as_parquet(tmp_path / "copy", ["x" * 50], files=1)
        file = next(folder.iterdir())
        parquet.write_table(pyarrow.table({"text": pyarrow.array([b"caf\xe9"]).cast(pyarrow.string(), safe=False)}), file)
        with pytest.raises(DataError, match=r"is not whole, or not Parquet"):
            read(data_dir=str(folder))

    def test_nothing_but_white_space_is_no_text(self, tmp_path):
        with pytest.raises(DataError, match=r"no text in 2 file\(s\), of which the first is .*train-00000-of-00002.parquet"):
            read(data_dir=str(as_parquet(tmp_path / "copy", [" ", "\n"], files=2)))


class TestFingerprint:
    def test_it_changes_with_names_sizes_ends_and_the_limit(self, tmp_path):
        def of(name="train-0.parquet", content=b"0" * (5 << 20), **options):
            folder = tmp_path / f"copy-{len(list(tmp_path.iterdir()))}"
            folder.mkdir()
            (folder / name).write_bytes(content)
            return fingerprint(Options(data_dir=str(folder), **options))

        large = b"0" * (5 << 20)
        others = [
            of("train-1.parquet"),
            of(content=large + b"0"),
            of(content=b"1" + large[1:]),
            of(content=large[1:] + b"1"),
            of(documents=5),
        ]
        assert of() == of()
        assert len({of(), *others}) == 1 + len(others)

    def test_small_files_count_with_every_byte(self, tmp_path):
        file = tmp_path / "x"
        seen = set()
        for place in range(0, 2 << 20, 300_001):
            content = bytearray(2 << 20)
            content[place] = 1
            file.write_bytes(content)
            seen.add(_paths.glance([("x", file)]))
        assert len(seen) == 7

    def test_forty_gigabytes_take_no_time(self, tmp_path):
        files = []
        for number in range(80):
            files.append((f"{number}", tmp_path / f"{number}"))
            with files[-1][1].open("wb") as file:
                file.truncate(500 << 20)  # a hole: it takes no disk
        started = time.monotonic()
        _paths.glance(files)
        assert time.monotonic() - started < 10  # some 0.2 s on an idle machine


class TestCorpus:
    def data(self, folder, **others) -> Data:
        tokens = {"tokenizer": "gpt2", "tokenizer_options": local_tokenizers.options_of("gpt2", folder)}
        return Data(source="openwebtext", source_options={"data_dir": str(folder / "copy")}, **{**tokens, "validation": 0.1, **others})

    def test_from_parquet_to_tokens_and_back(self, tmp_path):
        as_parquet(tmp_path / "copy")
        told = []
        corpus = open_corpus(tmp_path, self.data(tmp_path), lambda *words: told.append(words))
        found = {}
        for split, counts in corpus.splits().items():
            for index in range(counts["documents"]):
                found[corpus.name(split, index)] = corpus.text(split, index)
        assert found == {document.name: document.text for document in read(data_dir=str(tmp_path / "copy"))}
        assert told == [("tokenising", 250, 250, "documents")]  # no first pass: nothing is learned from the documents

    def test_fractions_are_nested_prefixes_in_stored_order(self, tmp_path):
        as_parquet(tmp_path / "copy")
        corpus = open_corpus(tmp_path, self.data(tmp_path))
        streams = [open_rows(corpus, self.data(tmp_path, fraction=share), 16) for share in (0.01, 0.1, 1.0)]
        tokens = [rows.train.stream[: len(rows.train.stream)].tolist() for rows in streams]
        assert 0 < len(tokens[0]) < len(tokens[1]) < len(tokens[2]) == corpus.splits()["train"]["tokens"]
        assert tokens[1][: len(tokens[0])] == tokens[0]
        assert tokens[2][: len(tokens[1])] == tokens[1]
        held_out = [rows.validation.stream[: len(rows.validation.stream)].tolist() for rows in streams]
        assert held_out[0] == held_out[1] == held_out[2]

    @pytest.mark.slow
    def test_a_build_that_is_killed_is_continued(self, tmp_path):
        as_parquet(tmp_path / "copy")
        data = self.data(tmp_path)
        whole = open_corpus(tmp_path / "whole", data)
        child = """
import json, sys
from pathlib import Path
from memlab.config import Data
from memlab.data import building
from memlab.data.corpus import open_corpus
building._BATCH_CHARACTERS, building._SYNC_BATCHES = 500, 3
open_corpus(Path(sys.argv[1]), Data(**json.loads(sys.argv[2])), lambda *words: print(words[1], flush=True))
"""
        settings = {name: getattr(data, name) for name in ("source", "source_options", "tokenizer", "tokenizer_options", "validation")}
        command = [sys.executable, "-c", child, str(tmp_path / "killed"), json.dumps(settings)]
        done = []
        for _ in range(2):
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
                done.append([int(next(process.stdout)) for _ in range(7)])
                os.kill(process.pid, signal.SIGKILL)
        assert done[1][0] > done[0][0]  # what was safe is not done again
        again = open_corpus(tmp_path / "killed", data)
        assert again.fingerprint == whole.fingerprint
        for split in whole.splits():
            for kind in ("values", "ends", "names.values", "names.ends"):
                assert (again.path / f"{split}.{kind}").read_bytes() == (whole.path / f"{split}.{kind}").read_bytes()


@pytest.mark.slow
class TestMemory:
    @pytest.mark.parametrize("kind", ["parquet", "arrow"])
    def test_a_file_is_held_a_batch_at_a_time(self, tmp_path, kind):
        texts = [f"{number} " * 1000 for number in range(20_000)]
        size = sum(map(len, texts))
        if kind == "parquet":
            parquet.write_table(pyarrow.table({"text": texts}), tmp_path / "a.parquet", compression="none", use_dictionary=False)
        else:
            with ipc.new_stream(str(tmp_path / "a.arrow"), pyarrow.schema({"text": pyarrow.string()})) as file:
                file.write_table(pyarrow.table({"text": texts}), max_chunksize=1000)
        del texts
        before, largest = pyarrow.total_allocated_bytes(), 0
        for document in documents(Options(data_dir=str(tmp_path))):
            assert document.text
            largest = max(largest, pyarrow.total_allocated_bytes() - before)
        assert largest < size / 5

    def test_importing_the_source_loads_no_library(self):
        code = (
            "import sys, memlab.data.sources.openwebtext, memlab.data.sources.gutenberg; "
            "print([m for m in ('datasets', 'huggingface_hub', 'pyarrow', 'torch') if m in sys.modules])"
        )
        assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"

    def test_what_the_listing_says_is_in_the_first_line(self):
        assert openwebtext.__doc__.startswith("OpenWebText: ")
