"""A corpus is built once, the same whatever interrupts it, and leads back from tokens to texts and names."""

import hashlib
import json
import os
import random
import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace

import local_tokenizers
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memlab import config, registry
from memlab.config import Data, setting
from memlab.data import building
from memlab.data.building import split_of
from memlab.data.corpus import open_corpus, open_recorded, recipe_of
from memlab.data.document import Document
from memlab.data.rows import open_rows
from memlab.errors import ConfigError, DataError, RunError
from memlab.files import lock
from memlab.progress import quiet
from memlab.rundir import RunDir

WORDS = {
    "source": "uniform",
    "source_options": {"documents": 30, "length": 5, "vocabulary": 20, "validation_documents": 7},
    "tokenizer": "word",
}


def of_texts(folder, texts, tokenizer="byte", **others) -> Data:
    """The data of a .jsonl file with these texts."""
    path = folder / "texts.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    tokens = {"tokenizer": tokenizer, "tokenizer_options": local_tokenizers.options_of(tokenizer, folder)}
    return Data(source="files", source_options={"path": str(path)}, **{**tokens, "validation": 0.25, **others})


@pytest.fixture
def source(monkeypatch):
    """A source made of `documents` and `fingerprint`, both to be set by the test."""
    from dataclasses import dataclass

    @dataclass(frozen=True)
    class Options:
        number: int = setting(0, "any")

    made = SimpleNamespace(Options=Options, texts=[], reads=0, fail_at=None)

    def documents(options):
        made.reads += 1
        for number, document in enumerate(made.texts):
            if made.fail_at == (made.reads, number):
                raise KeyboardInterrupt
            yield document

    made.documents = documents
    made.fingerprint = lambda options: hashlib.sha256(repr(made.texts).encode()).hexdigest()
    load = registry.load
    monkeypatch.setattr(registry, "load", lambda kind, name: made if (kind, name) == ("source", "made") else load(kind, name))
    return made


def built(corpus) -> dict[str, bytes]:
    """Every file of a corpus and its bytes."""
    return {str(path.relative_to(corpus.path)): path.read_bytes() for path in sorted(corpus.path.rglob("*")) if path.is_file()}


# --- what is in it


def test_names_and_texts_lead_back_to_the_documents(tmp_path):
    texts = [f"text {number} é日\n" * (1 + number % 3) for number in range(20)]
    corpus = open_corpus(tmp_path, of_texts(tmp_path, texts))
    found = {}
    for split in ("train", "validation"):
        for index in range(len(corpus.tokens(split))):
            found[corpus.name(split, index)] = corpus.text(split, index)
    assert found == {f"texts.jsonl#{number}": text for number, text in enumerate(texts, start=1)}


def test_the_order_of_the_source_is_kept_and_every_document_ends(tmp_path):
    texts = [f"{number:03}" for number in range(40)]
    corpus = open_corpus(tmp_path, of_texts(tmp_path, texts))
    for split in ("train", "validation"):
        tokens = corpus.tokens(split)
        kept = [corpus.text(split, index) for index in range(len(tokens))]
        assert kept == sorted(kept)
        ends = np.flatnonzero(tokens.values == corpus.tokenizer.eos_token_id)
        assert ends.tolist() == (tokens.ends - 1).tolist()


def test_the_counts_are_those_of_documents_tokens_and_characters(tmp_path):
    corpus = open_corpus(tmp_path, of_texts(tmp_path, ["aé"] * 8))
    assert corpus.splits() == {
        "train": {"documents": 6, "tokens": 6 * 4, "characters": 12},
        "validation": {"documents": 2, "tokens": 2 * 4, "characters": 4},
    }
    assert corpus.vocab_size == 259
    assert corpus.tokens("train").values.dtype == np.uint16


def test_a_source_that_knows_its_splits_keeps_them(tmp_path):
    corpus = open_corpus(tmp_path, Data(**WORDS))
    assert {split: counts["documents"] for split, counts in corpus.splits().items()} == {"train": 30, "validation": 7}
    assert corpus.name("validation", 6) == "validation:6"
    with pytest.raises(DataError, match="the corpus has no split 'test'; there are: train, validation"):
        corpus.tokens("test")


def test_splits_of_the_sources_own_are_kept_beside(tmp_path, source):
    splits = ["train", "validation", "gen"]
    source.texts = [Document(f"{split} {number}", f"{split}:{number}", split) for number in range(3) for split in splits]
    corpus = open_corpus(tmp_path, Data(source="made", tokenizer="byte"))
    assert [corpus.text("gen", index) for index in range(3)] == ["gen 0", "gen 1", "gen 2"]
    assert list(corpus.splits()) == splits


@pytest.mark.parametrize("tokenizer", registry.names("tokenizer"))
def test_text_that_spells_special_tokens_is_text(tmp_path, tokenizer):
    texts = ["<|end|> <| end |> <|pad|> <| begin |> [PAD] </s>"] * 12
    corpus = open_corpus(tmp_path, of_texts(tmp_path, texts, tokenizer))
    for split in ("train", "validation"):
        for index in range(len(corpus.tokens(split))):
            assert corpus.text(split, index) == texts[0]
            assert not set(corpus.tokens(split)[index][:-1].tolist()) & set(corpus.tokenizer.all_special_ids)


def test_documents_without_tokens_are_left_out(tmp_path, source):
    source.texts = [Document(text, f"d{number}") for number, text in enumerate(["a b", "", " \n", "c d"] * 10)]
    corpus = open_corpus(tmp_path, Data(source="made", tokenizer="word", validation=0.25))
    assert sum(counts["documents"] for counts in corpus.splits().values()) == 20


def test_a_name_that_is_not_unicode_is_kept_as_far_as_it_is(tmp_path, source):
    source.texts = [Document(f"text {number}", "caf\udce9") for number in range(8)]
    corpus = open_corpus(tmp_path, Data(source="made", tokenizer="byte", validation=0.5))
    assert corpus.name("train", 0) == "caf?"


def test_a_large_vocabulary_gets_larger_numbers(tmp_path, source):
    source.texts = [Document(" ".join(f"w{number}" for number in range(70_000)), "d", "train"), Document("w69999", "v", "validation")]
    corpus = open_corpus(tmp_path, Data(source="made", tokenizer="word"))
    assert corpus.tokens("train").values.dtype == np.uint32
    assert corpus.text("validation", 0) == "w69999"


def test_the_tokenizer_learns_from_the_training_part_only(tmp_path, source):
    source.texts = [Document("seen words", "a", "train"), Document("hidden words", "b", "validation")]
    corpus = open_corpus(tmp_path, Data(source="made", tokenizer="word"))
    assert "seen" in corpus.tokenizer.get_vocab()
    assert "hidden" not in corpus.tokenizer.get_vocab()


# --- the held-out part


@settings(max_examples=30)
@given(st.integers(0, 2**63 - 1), st.sampled_from([0.001, 0.05, 0.1, 0.3, 1 / 3, 0.4, 0.5, 0.7, 0.95]))
def test_the_held_out_share_is_the_one_asked_for(seed, validation):
    n = 3000
    held_out = sum(split_of(number, validation, seed) == "validation" for number in range(n))
    assert abs(held_out - validation * n) <= 1


@pytest.mark.parametrize("validation", [0.05, 0.3, 0.5, 0.8])
def test_of_every_block_one_document_is_held_out(validation):
    n = 600
    held_out = [number for number in range(n) if split_of(number, validation, 1) == "validation"]
    assert max(np.diff(held_out)) <= 2 * -(-1 // validation)
    assert all(int(number * validation + 1e-9) == block for block, number in enumerate(held_out))


def test_another_seed_holds_out_others():
    def held_out(seed):
        return {number for number in range(2000) if split_of(number, 0.05, seed) == "validation"}

    assert len(held_out(0) & held_out(1)) < 20  # 5 expected of 100


def test_every_place_in_a_block_is_equally_likely():
    places = [number % 20 for number in range(40_000) if split_of(number, 0.05, 0) == "validation"]
    counts = np.bincount(places, minlength=20)
    assert ((counts - 100) ** 2 / 100).sum() < 19 + 5 * np.sqrt(38)


@pytest.mark.parametrize("seed", range(20))
def test_a_handful_of_documents_has_a_held_out_one(seed):
    assert [split_of(number, 0.05, seed) for number in range(4)].count("validation") == 1


def test_a_longer_source_leaves_the_split_of_its_beginning_alone(tmp_path):
    texts = [f"text {number}" for number in range(60)]
    short, long = (open_corpus(tmp_path, of_texts(tmp_path, texts[:n], validation=0.1)) for n in (30, 60))
    for split in ("train", "validation"):
        kept = [short.text(split, index) for index in range(len(short.tokens(split)))]
        assert kept == [long.text(split, index) for index in range(len(kept))]


@pytest.mark.parametrize("change", [{"fraction": 0.1}, {"tokens": 50}, {"subset_share": 0.5, "subset_part": 1}, {"rows": "documents"}])
def test_how_much_is_trained_on_makes_no_new_corpus(tmp_path, change):
    whole = open_corpus(tmp_path, Data(**WORDS))
    assert open_corpus(tmp_path, Data(**WORDS, **change)).path == whole.path


# --- building


def test_a_corpus_that_is_there_is_not_built_again(tmp_path, source):
    source.texts = [Document(f"text {number}", f"d{number}") for number in range(10)]
    data = Data(source="made", tokenizer="byte", validation=0.5)
    first = open_corpus(tmp_path, data)
    assert source.reads == 1
    calls = []
    second = open_corpus(tmp_path, data, lambda *told: calls.append(told))
    assert (source.reads, calls) == (1, [])
    assert (second.path, second.fingerprint, built(second)) == (first.path, first.fingerprint, built(first))


@pytest.mark.parametrize(("tokenizer", "reads"), [("byte", 1), ("gpt2", 1), ("pretrained", 1), ("word", 2), ("bpe", 2)])
def test_documents_are_read_a_second_time_only_where_something_is_learned_from_them(tmp_path, source, tokenizer, reads):
    source.texts = [Document(f"text {number}", f"d{number}") for number in range(10)]
    options = local_tokenizers.options_of(tokenizer, tmp_path)
    open_corpus(tmp_path, Data(source="made", tokenizer=tokenizer, tokenizer_options=options, validation=0.5))
    assert source.reads == reads


def test_a_source_that_can_be_counted_and_fetched_is(tmp_path, source):
    """Counted, so that the first pass knows how far it is; fetched before its fingerprint is taken."""
    source.texts, fingerprint, told = [], source.fingerprint, []

    def fetch(options, progress):
        progress("fetching", 0, None, "")
        source.texts = [Document(f"text {number}", f"d{number}") for number in range(10)]

    source.fetch, source.count = fetch, lambda options: len(source.texts)
    corpus = open_corpus(tmp_path, Data(source="made", tokenizer="byte", validation=0.5), lambda *words: told.append(words))
    assert told == [("fetching", 0, None, ""), ("tokenising", 10, 10, "documents")]
    assert corpus.meta["fingerprint"] == fingerprint(None)


def test_another_content_of_a_tokenizers_files_makes_another_corpus(tmp_path):
    folder = local_tokenizers.gpt2(tmp_path / "own")

    def key(**options):
        return recipe_of(Data(**{**WORDS, "tokenizer": "gpt2", "tokenizer_options": {"path": str(folder), **options}}))[0].key

    before = key()
    assert key() == before
    local_tokenizers.gpt2(folder, merges=41)
    assert key() != before
    local_tokenizers.gpt2(folder)
    assert key() == before


def test_a_tokenizer_that_leaves_numbers_out_has_room_for_its_largest(tmp_path):
    folder = local_tokenizers.pretrained(tmp_path / "own")
    stored = json.loads((folder / "tokenizer.json").read_text())
    for token in stored["added_tokens"]:
        token["id"] += 1000
    (folder / "tokenizer.json").write_text(json.dumps(stored))
    corpus = open_corpus(tmp_path, Data(**{**WORDS, "tokenizer": "pretrained", "tokenizer_options": {"path": str(folder)}}))
    assert corpus.vocab_size > max(corpus.tokens("train").values) == corpus.tokenizer.eos_token_id


def test_a_corpus_is_read_where_nothing_can_be_written(tmp_path, monkeypatch):
    open_corpus(tmp_path, Data(**WORDS))
    monkeypatch.setattr(os, "open", lambda *_: (_ for _ in ()).throw(PermissionError("read-only")))
    assert open_corpus(tmp_path, Data(**WORDS)).vocab_size == 24


def interrupted_at(tmp_path, data, moment):
    """Build with a progress that raises at its `moment`-th call; whether the build got that far."""
    calls = 0

    def progress(*_):
        nonlocal calls
        calls += 1
        if calls == moment:
            raise KeyboardInterrupt

    try:
        open_corpus(tmp_path, data, progress)
    except KeyboardInterrupt:
        return True
    return False


@pytest.mark.slow
@pytest.mark.parametrize("tokenizer", registry.names("tokenizer"))
def test_a_build_interrupted_anywhere_comes_to_the_same_corpus(tmp_path, monkeypatch, tokenizer):
    monkeypatch.setattr(building, "_BATCH_CHARACTERS", 100)
    monkeypatch.setattr(building, "_SYNC_BATCHES", 2)
    data = of_texts(tmp_path, [f"text number {number} of many" for number in range(50)], tokenizer)
    whole = open_corpus(tmp_path / "whole", data)
    moment = 1
    while interrupted_at(tmp_path / "interrupted", data, moment):
        moment += 1
    assert moment > 4
    again = open_corpus(tmp_path / "interrupted", data)
    assert built(again) == built(whole)
    assert again.path.name == whole.path.name
    for other in (1, 3, 5):  # interrupted once only
        interrupted_at(tmp_path / f"at-{other}", data, other)
        assert built(open_corpus(tmp_path / f"at-{other}", data)) == built(whole)


@pytest.mark.parametrize("read", [1, 2])
@pytest.mark.parametrize("number", [0, 1, 17, 39])
def test_a_build_whose_source_breaks_off_comes_to_the_same_corpus(tmp_path, source, monkeypatch, read, number):
    monkeypatch.setattr(building, "_BATCH_CHARACTERS", 100)
    monkeypatch.setattr(building, "_SYNC_BATCHES", 2)
    source.texts = [Document(f"text number {n} of many", f"d{n}") for n in range(40)]
    data = Data(source="made", tokenizer="word", validation=0.25)
    whole = open_corpus(tmp_path / "whole", data)
    source.reads, source.fail_at = 0, (read, number)
    with pytest.raises(KeyboardInterrupt):
        open_corpus(tmp_path / "broken", data)
    assert source.reads == read
    assert built(open_corpus(tmp_path / "broken", data)) == built(whole)


@pytest.mark.parametrize("function", ["write_json", "sync_directory"])
def test_a_build_killed_at_the_very_end_comes_to_the_same_corpus(tmp_path, monkeypatch, function):
    data = Data(**WORDS)
    whole = open_corpus(tmp_path / "whole", data)

    def killed(path, *_):
        if function == "sync_directory" or path.name == "meta.json":
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(building, function, killed)
        with pytest.raises(KeyboardInterrupt):
            open_corpus(tmp_path / "killed", data)
    assert built(open_corpus(tmp_path / "killed", data)) == built(whole)


def test_a_continued_build_does_not_tokenise_again_what_is_safe(tmp_path, source, monkeypatch):
    monkeypatch.setattr(building, "_BATCH_CHARACTERS", 1)
    monkeypatch.setattr(building, "_SYNC_BATCHES", 10)
    source.texts = [Document(f"text {n}", f"d{n}") for n in range(40)]
    data = Data(source="made", tokenizer="byte", validation=0.25)
    told = []

    def progress(doing, done, total, unit):
        told.append(done)
        if len(told) == 25:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        open_corpus(tmp_path, data, progress)
    open_corpus(tmp_path, data, progress)
    assert told == [*range(1, 26), *range(21, 41)]


def test_progress_is_told_in_documents(tmp_path):
    told = []
    open_corpus(tmp_path, Data(**WORDS), lambda *words: told.append(words))
    assert told == [
        ("reading the source", 0, None, "documents"),
        ("reading the source", 0, None, "documents"),
        ("tokenising", 37, 37, "documents"),
    ]


@pytest.mark.parametrize(
    "change",
    [
        {"source_options": {**WORDS["source_options"], "documents": 31}},
        {"source_options": {**WORDS["source_options"], "seed": 1}},
        {"tokenizer": "byte"},
        {"tokenizer_options": {"vocabulary": 5}},
        {"validation": 0.1},
        {"seed": 1},
    ],
)
def test_whatever_could_change_the_tokens_makes_another_corpus(change):
    assert recipe_of(Data(**{**WORDS, **change}))[0].key != recipe_of(Data(**WORDS))[0].key


def test_changed_content_makes_another_corpus(tmp_path):
    keys = {recipe_of(of_texts(tmp_path, texts))[0].key for texts in (["a", "b"], ["a", "c"], ["ab"], ["b", "a"])}
    assert len(keys) == 4


def test_defaults_that_are_spelled_out_make_the_same_corpus():
    spelled = {**WORDS["source_options"], "seed": 0}
    assert recipe_of(Data(**{**WORDS, "source_options": spelled}))[0].key == recipe_of(Data(**WORDS))[0].key


def test_an_option_that_does_not_exist_is_named():
    with pytest.raises(ConfigError, match=r"no setting 'data\.source_options\.documnts'; did you mean 'data\.source_options\.documents'\?"):
        recipe_of(Data(source="uniform", source_options={"documnts": 3}))


# --- too little


@pytest.mark.parametrize(
    ("n", "complaint"), [(0, r"gave no text; see `memlab sources made`"), (1, r"gave 1 document\(s\), none of them for")]
)
def test_a_source_without_text_or_with_one_document_says_what_to_do(tmp_path, source, n, complaint):
    source.texts = [Document("only one", "d")] * n
    for tokenizer in registry.names("tokenizer"):
        options = local_tokenizers.options_of(tokenizer, tmp_path)
        for _ in range(2):
            with pytest.raises(DataError, match=complaint):
                open_corpus(tmp_path, Data(source="made", tokenizer=tokenizer, tokenizer_options=options))


def test_a_source_of_nothing_but_training_text_says_so(tmp_path, source):
    source.texts = [Document(f"text {number}", "d", "train") for number in range(5)]
    with pytest.raises(DataError, match=r"gave 5 document\(s\), none of them for the validation part; give more text$"):
        open_corpus(tmp_path, Data(source="made", tokenizer="byte"))
    source.texts = [Document(f"text {number}", "d", "validation") for number in range(5)]
    with pytest.raises(DataError, match=r"none of them for the train part; give more text$"):
        open_corpus(tmp_path, Data(source="made", tokenizer="byte"))


@pytest.mark.parametrize("n", [2, 3])
def test_the_share_that_is_advised_for_a_handful_of_documents_holds_one_out(tmp_path, source, n):
    source.texts = [Document(f"text {number}", "d") for number in range(n)]
    seed = next(seed for seed in range(100) if all(split_of(number, 0.05, seed) == "train" for number in range(n)))
    data = Data(source="made", tokenizer="byte", seed=seed)
    with pytest.raises(DataError, match=r"none of them for the validation part; give more text, or --set data\.validation=0\.5$"):
        open_corpus(tmp_path, data)
    splits = open_corpus(tmp_path, replace(data, validation=0.5)).splits()
    assert all(splits[split]["documents"] for split in ("train", "validation"))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("tokenizer", ["byte", "bpe", "word"])
def test_the_cut_that_is_advised_for_a_single_text_gives_rows_of_both_parts(tmp_path, tokenizer, seed):
    words = random.Random(seed)
    (tmp_path / "one.txt").write_text(" ".join(words.choices(["antidisestablishmentarianism", "one", "two.", "three,\n\n"], k=150)))
    data = Data(source="files", source_options={"path": str(tmp_path / "one.txt")}, tokenizer=tokenizer, seed=seed)
    with pytest.raises(DataError, match=r"cut plain text into shorter documents: --set ") as raised:
        open_corpus(tmp_path, data)
    advice = config.parse_assignments(str(raised.value).split("documents: --set ")[1].split(" --set "))
    followed = config.changed(config.Experiment(data=data), advice)
    rows = open_rows(open_corpus(tmp_path, followed.data), followed.data, followed.model.context)
    assert len(rows.train) > 0
    assert len(rows.validation) > 0


def test_a_text_of_a_few_words_is_told_to_be_too_little(tmp_path):
    (tmp_path / "one.txt").write_text("only a few words")
    with pytest.raises(DataError, match=r"gave 1 document.*give more text$"):
        open_corpus(tmp_path, Data(source="files", source_options={"path": str(tmp_path / "one.txt")}, tokenizer="byte"))


# --- the corpus of a run


def test_a_recorded_corpus_is_opened_only_if_its_tokens_are_the_same(tmp_path):
    corpus, run = open_corpus(tmp_path, Data(**WORDS)), RunDir(tmp_path / "run")
    run.path.mkdir()

    def opened(folder, content):
        run.provenance_path.write_text(json.dumps({"data": {"corpus": folder, "content": content}}))
        return open_recorded(tmp_path, run)

    assert opened(corpus.path.name, corpus.fingerprint).meta == corpus.meta
    with pytest.raises(DataError, match="is not the corpus that this run was trained on: its tokens differ"):
        opened(corpus.path.name, "0" * 64)
    for elsewhere in ("uniform-000000000000", f"../corpora/{corpus.path.name}", str(corpus.path.parent)):
        with pytest.raises(DataError, match="is not there; copy it from the machine that the run was trained on"):
            opened(elsewhere, corpus.fingerprint)


def test_a_run_of_another_home_has_its_corpus_there(tmp_path):
    corpus, run = open_corpus(tmp_path / "theirs", Data(**WORDS)), RunDir(tmp_path / "theirs" / "runs" / "one")
    run.path.mkdir(parents=True)
    run.provenance_path.write_text(json.dumps({"data": {"corpus": corpus.path.name, "content": corpus.fingerprint}}))
    assert open_recorded(tmp_path / "mine", run).path == corpus.path


def test_the_fingerprint_tells_where_training_ends(tmp_path, source):
    """The same tokens in the same order, divided otherwise, are another corpus."""
    found = set()
    for cut in (1, 2):
        source.texts = [Document(f"text {number}", "d", "train" if number < cut else "validation") for number in range(3)]
        found.add(open_corpus(tmp_path, Data(source="made", tokenizer="byte")).fingerprint)
    assert len(found) == 2


# --- two processes

CHILD = """
import sys
from pathlib import Path
from memlab.config import Data
from memlab.data.corpus import open_corpus

def progress(doing, done, total, unit):
    print(doing, flush=True)

print(open_corpus(Path(sys.argv[1]), Data(**eval(sys.argv[2])), progress).fingerprint, flush=True)
"""


@pytest.mark.slow
def test_a_second_process_waits_for_the_one_that_builds(tmp_path):
    data = Data(**WORDS)
    path = tmp_path / "corpora" / recipe_of(data)[0].folder
    with lock(path.with_name(f".{path.name}.lock")):
        child = subprocess.Popen([sys.executable, "-c", CHILD, str(tmp_path), repr(WORDS)], stdout=subprocess.PIPE, text=True)
        assert child.stdout.readline() == "waiting for another process that builds this corpus\n"
        building.Build(path, *recipe_of(data), quiet).run()
        assert child.poll() is None
    with child:
        assert child.stdout.read() == open_corpus(tmp_path, data).fingerprint + "\n"  # it found the corpus and built nothing
    assert child.returncode == 0


@pytest.mark.slow
def test_a_second_process_builds_if_the_first_one_failed(tmp_path):
    data = Data(**WORDS)
    path = tmp_path / "corpora" / recipe_of(data)[0].folder
    with lock(path.with_name(f".{path.name}.lock")):
        child = subprocess.Popen([sys.executable, "-c", CHILD, str(tmp_path), repr(WORDS)], stdout=subprocess.PIPE, text=True)
        assert "waiting" in child.stdout.readline()
    with child:
        lines = child.stdout.read().splitlines()
    assert lines[-2:] == ["tokenising", open_corpus(tmp_path, data).fingerprint]


def test_a_home_that_cannot_be_written_says_so(tmp_path):
    (tmp_path / "home").write_text("a file")
    with pytest.raises(RunError, match=r"^locking .* failed: "):
        open_corpus(tmp_path / "home", Data(**WORDS))
