"""Every source of text that memlab finds keeps the same promises."""

import dataclasses
import math
from collections import Counter
from itertools import islice

import pyarrow
import pytest
from pyarrow import parquet

from memlab import config, registry

LOOKED_AT = 3000  # documents


def options_of(name, folder) -> dict:
    """Options that keep a source small; a source that is not named here is tested with its defaults."""
    (folder / "book.txt").write_text("".join(f"Paragraph {number}, of some length.\n\n" for number in range(40)))
    parquet.write_table(pyarrow.table({"text": [f"Page {number}." for number in range(40)]}), folder / "train-00000-of-00001.parquet")
    return {
        "files": {"path": str(folder / "book.txt"), "passage_characters": 100},
        "gutenberg": {"data_dir": str(folder)},
        "openwebtext": {"data_dir": str(folder)},
        "question_formation": {"lines": 300, "validation_lines": 20, "test_lines": 20, "gen_lines": 20},
        "uniform": {"documents": 50, "validation_documents": 10},
    }.get(name, {})


# All of the standard library is parsed with the defaults of this one; its unit tests read less.
SLOW = {"installed_docs": [pytest.mark.slow]}


@pytest.fixture(params=[pytest.param(name, marks=SLOW.get(name, ())) for name in registry.names("source")], scope="module")
def name(request):
    return request.param


@pytest.fixture(scope="module")
def plugin(name):
    return registry.load("source", name)


@pytest.fixture(scope="module")
def options(name, plugin, tmp_path_factory):
    return config.build_options(plugin.Options, options_of(name, tmp_path_factory.mktemp(name)), "data.source_options")


@pytest.fixture(scope="module")
def documents(plugin, options):
    return list(islice(plugin.documents(options), LOOKED_AT))


def test_it_says_in_one_line_what_it_is(name):
    summary = registry.describe("source", name).summary
    assert 10 < len(summary) <= 100
    assert summary.isprintable()


def test_the_order_is_the_same_each_time(plugin, options, documents):
    again = plugin.documents(options)
    assert list(islice(again, LOOKED_AT)) == documents
    assert list(islice(again, LOOKED_AT)) == documents  # the same object, read twice: a corpus is built in two passes


def test_documents_are_text_that_any_tokenizer_can_take(documents):
    assert documents
    for document in documents:
        assert isinstance(document.text, str)
        assert document.text
        assert not document.text.isspace()
        document.text.encode()


def test_names_lead_back_to_documents(documents):
    names = Counter(document.name for document in documents)
    assert all(isinstance(name, str) and name for name in names)
    assert len(names) >= 0.9 * len(documents)
    for name in names:
        name.encode()


def test_splits_are_named_in_words(documents):
    splits = {document.split for document in documents}
    assert all(split == "" or split.isidentifier() for split in splits)
    assert splits == {""} or {"train", "validation"} <= splits | {"validation"}  # the latter may come after what was looked at


def test_the_fingerprint_is_the_same_each_time(plugin, options):
    found = plugin.fingerprint(options)
    assert isinstance(found, str)
    assert 8 <= len(found) <= 128
    assert plugin.fingerprint(options) == found


def test_the_fingerprint_changes_with_the_options(plugin, options):
    """Every whole number of the options, one larger."""
    numbers = [field.name for field in dataclasses.fields(options) if type(getattr(options, field.name)) is int]
    changed = [dataclasses.replace(options, **{name: getattr(options, name) + 1}) for name in numbers]
    assert numbers
    assert len({plugin.fingerprint(one) for one in (options, *changed)}) == 1 + len(numbers)


def test_every_setting_has_a_default_and_a_meaning(plugin):
    for row in config.describe_options(plugin.Options, "data.source_options."):
        assert row["meaning"]
        assert "\n" not in row["meaning"]


def test_a_known_distribution_gives_its_own_documents_a_probability(plugin, options, documents):
    if not hasattr(plugin, "log_probability"):
        pytest.skip("its distribution is not known")
    held_out = [document for document in documents if document.split in ("train", "validation")][:200]
    values = [plugin.log_probability(document.text, options) for document in held_out]
    assert all(-1000 < value <= 0 for value in values)
    assert plugin.log_probability("this text it cannot make", options) == -math.inf
