"""Each tokenizer splits as it says; how all of them behave is in tests/contract/test_tokenizers.py."""

import json
import socket
import subprocess
import sys
import time

import huggingface_hub
import local_tokenizers
import pytest
from transformers import AutoTokenizer

from memlab import registry
from memlab.data.document import Document
from memlab.data.tokenizers._wrap import BEGIN, END, PAD, UNKNOWN
from memlab.errors import ConfigError, DataError


def build(name, *texts, **options):
    plugin = registry.load("tokenizer", name)
    return plugin.build([Document(text, f"d{number}") for number, text in enumerate(texts)], plugin.Options(**options))


def tokens(tokenizer, text):
    return tokenizer.convert_ids_to_tokens(tokenizer(text, add_special_tokens=False)["input_ids"])


def test_words_are_what_white_space_separates():
    tokenizer = build("word", "the dog saw the cat .", "don't  stop,\nplease")
    assert tokens(tokenizer, " the\tcat .\nstop, ") == ["the", "cat", ".", "stop,"]
    assert len(tokenizer) == 4 + len({"the", "dog", "saw", "cat", ".", "don't", "stop,", "please"})


def test_a_word_that_training_did_not_hold_is_unknown():
    tokenizer = build("word", "the dog")
    assert tokens(tokenizer, "the horse") == ["the", UNKNOWN]
    assert tokenizer.unk_token_id == tokenizer.convert_tokens_to_ids("horse")


def test_a_limited_vocabulary_keeps_the_most_frequent_words():
    tokenizer = build("word", "a a a b b c c d", vocabulary=2)
    assert tokens(tokenizer, "a b c d") == ["a", "b", UNKNOWN, UNKNOWN]
    assert len(tokenizer) == 6


def test_words_that_spell_special_tokens_are_words():
    tokenizer = build("word", f"the {END} and <|end|> [PAD] {UNKNOWN}")
    assert not set(tokenizer(f"{END} <|end|> [PAD] {PAD}", add_special_tokens=False)["input_ids"]) & {0, 1, 2}


def test_bytes_are_one_token_each():
    tokenizer = build("byte")
    text = "aé日\n\0 "
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    assert len(ids) == len(text.encode())
    assert len(tokenizer) == 256 + 3
    assert len({tokenizer(chr(code), add_special_tokens=False)["input_ids"][0] for code in range(128)}) == 128


def test_bpe_learns_frequent_pairs_and_stays_within_its_vocabulary():
    tokenizer = build("bpe", "abab abab abab zebra " * 50, vocabulary=270)
    assert len(tokenizer) <= 270
    assert len(tokens(tokenizer, " abab")) < 5
    assert tokens(tokenizer, "q7") == ["q", "7"]


def test_bpe_learns_from_the_beginning_of_the_text_only():
    first, second = "aaaa " * 100, "bbbb " * 100
    tokenizer = build("bpe", first, second, vocabulary=300, training_characters=len(first))
    assert len(tokens(tokenizer, "aaaa")) < len(tokens(tokenizer, "bbbb")) == 4


def test_bpe_reads_all_documents_whatever_it_learns_from():
    """The corpus counts them as they go by."""
    read = []
    documents = (read.append(number) or Document("abc", "d") for number in range(10))
    plugin = registry.load("tokenizer", "bpe")
    plugin.build(documents, plugin.Options(training_characters=1))
    assert read == list(range(10))


@pytest.mark.parametrize("name", ["word", "bpe"])
def test_the_same_text_gives_the_same_vocabulary_in_any_order(name):
    texts = ["the quick brown fox", "jumps over the lazy dog", "quick quick dog"] * 20
    first, again = build(name, *texts), build(name, *reversed(texts))
    assert first.get_vocab() == again.get_vocab()


@pytest.mark.parametrize(
    ("name", "options", "complaint"),
    [
        ("bpe", {"vocabulary": 258}, "data.tokenizer_options.vocabulary is 258; it must be at least 259"),
        ("bpe", {"training_characters": 0}, "data.tokenizer_options.training_characters is 0; it must be at least 1"),
        ("word", {"vocabulary": -1}, "data.tokenizer_options.vocabulary is -1; it must be at least 0"),
        ("gpt2", {"path": ""}, "data.tokenizer_options.path is empty; name a folder, or leave the setting at 'openai-community/gpt2'"),
        ("pretrained", {}, "data.tokenizer_options.path is empty; name a model of the Hub or a folder"),
    ],
)
def test_an_option_out_of_range_is_named(name, options, complaint):
    with pytest.raises(ConfigError, match=complaint):
        registry.load("tokenizer", name).Options(**options)


def test_the_special_tokens_hold_a_space_so_no_text_makes_them():
    assert all(" " in token for token in (PAD, BEGIN, END, UNKNOWN))


# --- published ones


@pytest.fixture
def offline(monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)


@pytest.mark.parametrize("files", ["tokenizer.json", "vocab.json and merges.txt"])
def test_gpt2_is_read_from_either_kind_of_files_with_nothing_added(tmp_path, files):
    tokenizer = build("gpt2", path=str(local_tokenizers.gpt2(tmp_path, files)))
    assert len(tokenizer) == 256 + 40 + 1
    assert {tokenizer.pad_token, tokenizer.bos_token, tokenizer.eos_token} == {"<|endoftext|>"}
    assert tokenizer.unk_token is None
    assert tokenizer.eos_token_id == len(tokenizer) - 1
    assert tokens(tokenizer, "the dog") == ["the", "Ġd", "o", "g"] or len(tokens(tokenizer, "the dog")) < 7
    text = "<|endoftext|> the <|endoftext|>\n naïve"
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    assert tokenizer.eos_token_id not in ids
    assert tokenizer.decode(ids) == text


def test_both_kinds_of_files_split_text_alike(tmp_path):
    first, second = (
        build("gpt2", path=str(local_tokenizers.gpt2(tmp_path / files[0], files))) for files in ("tokenizer.json", "vocab and merges")
    )
    text = "the quick brown fox, it's 12345 small\n\n worlds <|endoftext|>"
    assert tokens(first, text) == tokens(second, text)
    assert first.get_vocab() == second.get_vocab()


def test_a_models_own_tokenizer_splits_as_the_model_expects(tmp_path):
    folder = local_tokenizers.pretrained(tmp_path)
    own, theirs = build("pretrained", path=str(folder)), AutoTokenizer.from_pretrained(folder)
    text = "the small world, after all"
    assert own(text, add_special_tokens=False)["input_ids"] == theirs(text, add_special_tokens=False)["input_ids"]
    assert (own.pad_token, own.bos_token, own.eos_token) == ("<pad>", "<s>", "</s>")
    assert own.get_vocab() == theirs.get_vocab()


def test_text_is_neither_cut_nor_padded(tmp_path):
    """Though the files of a model may say so."""
    backend = build("pretrained", path=str(local_tokenizers.pretrained(tmp_path))).backend_tokenizer
    assert [len(encoding.ids) for encoding in backend.encode_batch_fast(["é" * 50, "é"], add_special_tokens=False)] == [100, 2]


def test_the_end_of_text_is_what_a_model_has_no_token_for(tmp_path):
    tokenizer = build("pretrained", path=str(local_tokenizers.pretrained(tmp_path, bos_token=None)))
    assert (tokenizer.pad_token, tokenizer.bos_token, tokenizer.eos_token) == ("<pad>", "</s>", "</s>")


@pytest.mark.parametrize("name", ["gpt2", "pretrained"])
def test_documents_are_not_looked_at(tmp_path, name):
    plugin = registry.load("tokenizer", name)
    options = plugin.Options(**local_tokenizers.options_of(name, tmp_path))
    plugin.build((pytest.fail("a document was read") for _ in range(1)), options)


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("gpt2", r"'openai-community/gpt2' cannot be had here: .*about 2 MB.*https://huggingface.co/.*FOLDER`, and set data.tokenizer"),
        ("pretrained", r"tokenizer 'some/model' cannot be had here: .*; give a model's name .*or a folder with its tokenizer.json"),
    ],
)
def test_offline_it_says_what_to_fetch(offline, monkeypatch, tmp_path, name, complaint):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(DataError, match=complaint) as refused:
        build(name, **({"path": "some/model"} if name == "pretrained" else {}))
    assert "\n" not in str(refused.value)


@pytest.mark.slow
def test_without_an_answer_the_hub_is_not_asked_again_and_again(tmp_path):
    """In a process of its own, as where there is a network without a hub."""
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))  # bound, and nobody listens
        code = "from memlab.data.tokenizers import gpt2; gpt2.build([], gpt2.Options())"
        environment = {"HF_HOME": str(tmp_path), "HF_ENDPOINT": f"http://127.0.0.1:{deaf.getsockname()[1]}", "HF_HUB_OFFLINE": "0"}
        started = time.monotonic()
        ended = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert "tokenizer 'openai-community/gpt2' cannot be had here" in ended.stderr.splitlines()[-1]
    assert "Retry" not in ended.stderr
    assert time.monotonic() - started < 20  # most of it for imports on a busy machine


def test_a_folder_that_does_not_exist_is_named():
    with pytest.raises(ConfigError, match=r"data.tokenizer_options.path is './gone', which does not exist"):
        build("gpt2", path="./gone")


def test_a_tilde_is_the_home(tmp_path, monkeypatch):
    local_tokenizers.gpt2(tmp_path / "own")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert len(build("gpt2", path="~/own")) == 297


@pytest.mark.parametrize("name", ["gpt2", "pretrained"])
@pytest.mark.parametrize("what", ["empty", "damaged", "half"])
def test_files_that_make_no_tokenizer_are_refused(offline, tmp_path, name, what):
    if what == "damaged":
        (tmp_path / "tokenizer.json").write_text('{"model": ')
    elif what == "half":
        local_tokenizers.gpt2(tmp_path, "vocab and merges")
        (tmp_path / "merges.txt").unlink()
    with pytest.raises(DataError, match=r"^tokenizer '.*' cannot be had here: "):
        build(name, path=str(tmp_path))


def test_a_tokenizer_without_an_end_of_text_is_refused(tmp_path):
    folder = local_tokenizers.pretrained(tmp_path, eos_token=None)
    with pytest.raises(DataError, match="names no end-of-text token; choose that of a model that writes text"):
        build("pretrained", path=str(folder))


def test_a_tokenizer_without_a_fast_implementation_is_refused(tmp_path, monkeypatch):
    class Slow:
        is_fast = False

    monkeypatch.setattr(AutoTokenizer, "from_pretrained", lambda *_, **__: Slow())
    with pytest.raises(DataError, match="tokenizer 'some/model' has no fast implementation"):
        build("pretrained", path="some/model")


def test_code_that_comes_with_a_model_is_not_run(offline, tmp_path):
    folder = local_tokenizers.pretrained(tmp_path)
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "Own", "auto_map": {"AutoTokenizer": [None, "own.Own"]}, "eos_token": "</s>"})
    )
    (folder / "own.py").write_text("raise SystemExit('it ran')")
    with pytest.raises(DataError, match="cannot be had here"):
        build("pretrained", path=str(folder))
