"""Every tokenizer that memlab finds keeps the same promises."""

import local_tokenizers
import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerFast

from memlab import config, registry
from memlab.data.document import Document

OPTIONS = {"bpe": {"vocabulary": 300}}
ONLY_WORDS = {"word"}  # white space is not kept, and words that training text does not hold are unknown
PUBLISHED = {"gpt2", "pretrained"}  # nothing is added to their vocabulary, so that one token may have to be all special ones
REQUIRED = {"pretrained": {"path": "a-model"}}

AWKWARD = [
    "plain words",
    " leading, trailing \n",
    "two  spaces\tand\ttabs\r\nand\n\n\nlines",
    "naïve café 日本語 \U0001f468\u200d\U0001f469\u200d\U0001f467 \u202ertl\u202c e\u0301",
    "\0\x01\x1b[31m\x7f\x85\xa0\ufeff\u2028\ufffd",
    "don 't . , !",
    "<| end |> <|end|> <| pad |> <s> </s> [UNK] <| unknown |> <|endoftext|>",
    "x" * 5000,
    "".join(map(chr, range(0x2000, 0x2100))),
]


@pytest.fixture(params=registry.names("tokenizer"), scope="module")
def name(request):
    return request.param


@pytest.fixture(scope="module")
def plugin(name):
    return registry.load("tokenizer", name)


@pytest.fixture(scope="module")
def options(name, plugin, tmp_path_factory):
    table = OPTIONS.get(name) or local_tokenizers.options_of(name, tmp_path_factory.mktemp(name))
    return config.build_options(plugin.Options, table, "data.tokenizer_options")


@pytest.fixture(scope="module")
def tokenizer(plugin, options):
    return plugin.build([Document(text, f"d{number}") for number, text in enumerate(AWKWARD)], options)


def ids_of(tokenizer, text):
    return tokenizer(text, add_special_tokens=False)["input_ids"]


def decode(tokenizer, ids):
    return tokenizer.decode(ids, clean_up_tokenization_spaces=False)


@pytest.mark.parametrize("text", AWKWARD, ids=lambda text: ascii(text[:12]))
def test_text_comes_back(name, tokenizer, text):
    expected = " ".join(text.split()) if name in ONLY_WORDS else text
    assert decode(tokenizer, ids_of(tokenizer, text)) == expected


def test_any_text_comes_back_where_all_of_it_is_kept(name, tokenizer):
    @given(st.text())
    def comes_back(text):
        assert decode(tokenizer, ids_of(tokenizer, text)) == text

    if name not in ONLY_WORDS:
        comes_back()


def test_the_special_tokens_exist_and_are_different(name, tokenizer):
    ids = [tokenizer.pad_token_id, tokenizer.bos_token_id, tokenizer.eos_token_id]
    assert all(isinstance(number, int) and 0 <= number < len(tokenizer) for number in ids)
    assert len(set(ids)) == 3 or name in PUBLISHED
    assert set(ids) <= set(tokenizer.all_special_ids)


@pytest.mark.parametrize("encode", ["transformers", "tokenizers"])
def test_no_text_makes_a_special_token(tokenizer, encode):
    text = " ".join([*tokenizer.all_special_tokens, *AWKWARD, *tokenizer.all_special_tokens])
    if encode == "transformers":
        ids = ids_of(tokenizer, text)
    else:
        tokenizer.backend_tokenizer.encode_special_tokens = True  # as the corpus encodes
        ids = tokenizer.backend_tokenizer.encode(text, add_special_tokens=False).ids
    assert not set(ids) & (set(tokenizer.all_special_ids) - {tokenizer.unk_token_id})


def test_empty_text_has_no_tokens(tokenizer):
    assert ids_of(tokenizer, "") == []


def test_ids_are_below_the_size_of_the_vocabulary(tokenizer):
    assert max(max(ids_of(tokenizer, text)) for text in AWKWARD) < len(tokenizer)
    assert sorted(tokenizer.get_vocab().values()) == list(range(len(tokenizer)))


def test_a_saved_tokenizer_is_the_same_one(tokenizer, tmp_path):
    tokenizer.save_pretrained(tmp_path)
    loaded = PreTrainedTokenizerFast.from_pretrained(tmp_path)
    hostile = [*AWKWARD, " ".join(tokenizer.all_special_tokens)]
    assert [ids_of(loaded, text) for text in hostile] == [ids_of(tokenizer, text) for text in hostile]
    assert [decode(loaded, ids_of(loaded, text)) for text in hostile] == [decode(tokenizer, ids_of(tokenizer, text)) for text in hostile]
    assert loaded.special_tokens_map == tokenizer.special_tokens_map
    assert not list(tmp_path.glob("*.bin"))
    assert not list(tmp_path.glob("*.pkl"))


def test_building_twice_gives_the_same_ids(plugin, options, tokenizer):
    again = plugin.build([Document(text, f"d{number}") for number, text in enumerate(AWKWARD)], options)
    assert again.get_vocab() == tokenizer.get_vocab()


def test_a_fingerprint_is_the_same_each_time(plugin, options):
    if not hasattr(plugin, "fingerprint"):
        pytest.skip("its options and the source decide it")
    assert plugin.fingerprint(options) == plugin.fingerprint(options)


def test_it_can_be_built_from_nothing(plugin, options):
    """The corpus then says what is wrong with the source."""
    assert len(plugin.build([], options)) >= 3


def test_every_setting_has_a_default_and_a_meaning(name, plugin):
    rows = config.describe_options(plugin.Options, "data.tokenizer_options.")
    assert all(row["meaning"] and "\n" not in row["meaning"] for row in rows)
    defaults = {row["setting"].rpartition(".")[2]: row["default"] for row in rows}
    assert plugin.Options(**REQUIRED.get(name, {})) == plugin.Options(**{**defaults, **REQUIRED.get(name, {})})


def test_it_says_in_one_line_what_it_is(name):
    summary = registry.describe("tokenizer", name).summary
    assert 10 < len(summary) <= 100
