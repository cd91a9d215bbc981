"""Each tokenizer splits as it says; how all of them behave is in tests/contract/test_tokenizers.py."""

import pytest

from memlab import registry
from memlab.data.document import Document
from memlab.data.tokenizers._wrap import BEGIN, END, PAD, UNKNOWN
from memlab.errors import ConfigError


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
    ],
)
def test_an_option_out_of_range_is_named(name, options, complaint):
    with pytest.raises(ConfigError, match=complaint):
        registry.load("tokenizer", name).Options(**options)


def test_the_special_tokens_hold_a_space_so_no_text_makes_them():
    assert all(" " in token for token in (PAD, BEGIN, END, UNKNOWN))
