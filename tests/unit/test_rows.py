"""Rows: every predicted token is the one that follows its input in the text, once an epoch, and leads back to its document."""

import json
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memlab.config import Data, Insertion
from memlab.data.corpus import open_corpus
from memlab.data.rows import IGNORED, Stream, open_rows
from memlab.data.selection import select
from memlab.errors import DataError

CANARIES = (Insertion(text="secret", times=3), Insertion(length=4, count=2, times=2))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    path = tmp_path_factory.mktemp("texts") / "texts.jsonl"
    path.write_text("".join(json.dumps({"text": f"{number:02}" * (1 + number % 7)}) + "\n" for number in range(60)))
    return Data(source="files", source_options={"path": str(path)}, tokenizer="byte", validation=1 / 3)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory, data):
    return open_corpus(tmp_path_factory.mktemp("home"), data)


def text_of(corpus, data) -> np.ndarray:
    """All training tokens, counted without the code under test."""
    selection, tokens = select(corpus, data), corpus.tokens("train")
    pieces = [tokens[document] if document >= 0 else selection.canaries[-1 - document].tokens for document in selection.documents]
    return np.concatenate(pieces)[: selection.n_tokens].astype(np.int64)


SELECTIONS = {
    "everything": {},
    "a prefix": {"fraction": 0.37},
    "a part": {"subset_share": 0.5, "subset_part": 1, "fraction": 0.8},
    "canaries": {"insertions": CANARIES},
    "all of it": {"subset_share": 0.5, "insertions": CANARIES, "fraction": 0.6},
}


@pytest.fixture(params=SELECTIONS.values(), ids=SELECTIONS)
def selected(request, data):
    return replace(data, **request.param)


# --- streams


@given(bounds=st.tuples(st.integers(-5, 300), st.integers(-5, 300)))
@settings(max_examples=30)
@pytest.mark.parametrize("change", SELECTIONS.values(), ids=SELECTIONS)
def test_a_stream_is_sliced_like_the_array_that_it_stands_for(corpus, data, change, bounds):
    chosen = replace(data, **change)
    stream, whole = Stream(select(corpus, chosen)), text_of(corpus, chosen)
    part = slice(*bounds)
    assert len(stream) == len(whole)
    assert stream[part].tolist() == whole[part].tolist()
    assert stream[part].dtype == np.int64


def test_every_place_of_a_stream_leads_to_its_document_and_offset(corpus, selected):
    selection, whole = select(corpus, selected), text_of(corpus, selected)
    stream, tokens = Stream(selection), corpus.tokens("train")
    for place, token in enumerate(whole):
        document, offset = stream.locate(place)
        text = tokens[document] if document >= 0 else selection.canaries[-1 - document].tokens
        assert text[offset] == token
    assert [stream.locate(place)[0] for place in range(len(whole)) if stream.locate(place)[1] == 0] == list(selection.documents)


# --- windows


@pytest.mark.parametrize("context", [2, 3, 16])
def test_every_token_is_predicted_once_an_epoch_from_the_one_before(corpus, selected, context):
    rows, whole = open_rows(corpus, selected, context).train, text_of(corpus, selected)
    inputs, targets = rows.take(np.arange(len(rows)))
    assert inputs.shape == targets.shape == (len(rows), context)
    n = len(rows) * context
    assert np.array_equal(targets.flatten(), whole[1 : n + 1])
    assert np.array_equal(inputs.flatten(), whole[:n])
    assert len(whole) - 1 - n < context  # what is left is shorter than a window
    assert rows.n_predicted == n


@pytest.mark.parametrize("context", [3, 16])
def test_rows_at_random_begin_anywhere(corpus, selected, context):
    rows, whole = open_rows(corpus, replace(selected, order="random"), context).train, text_of(corpus, selected)
    inputs, targets = rows.take(np.arange(len(rows)))
    assert len(rows) == len(whole) - context
    assert rows.n_predicted == (len(whole) - 1) // context * context  # an epoch is as many tokens as without overlap
    for start, (seen, wanted) in enumerate(zip(inputs, targets, strict=True)):
        assert np.array_equal(seen, whole[start : start + context])
        assert np.array_equal(wanted, whole[start + 1 : start + context + 1])


@pytest.mark.parametrize("order", ["epochs", "random"])
def test_a_window_leads_to_the_document_and_offset_of_its_first_token(corpus, selected, order):
    run = open_rows(corpus, replace(selected, order=order), 5)
    tokens = corpus.tokens("train")
    for index in range(len(run.train)):
        document, offset = run.train.origin(index)
        text = tokens[document] if document >= 0 else run.selection.canaries[-1 - document].tokens
        assert text[offset] == run.train.take(np.array([index]))[0][0, 0]


def test_rows_come_in_the_order_asked_for(corpus, data):
    rows = open_rows(corpus, data, 8).train
    inputs, targets = rows.take(np.array([3, 0, 3]))
    assert np.array_equal(inputs[0], inputs[2])
    assert np.array_equal(inputs[1], rows.take(np.array([0]))[0][0])
    assert np.array_equal(targets[1], rows.take(np.array([0]))[1][0])


def test_exactly_one_window_fits_its_own_length(corpus, data):
    assert len(open_rows(corpus, replace(data, tokens=17), 16).train) == 1
    with pytest.raises(DataError, match=r"^16 tokens are fewer than one window of 17 \(model\.context 16 and one more\); take a larger"):
        open_rows(corpus, replace(data, tokens=16), 16)


@pytest.mark.parametrize("order", ["epochs", "random"])
@pytest.mark.parametrize("fraction", [1e-9, 0.001, 0.03])
def test_a_fraction_too_small_for_one_window_says_so(corpus, data, fraction, order):
    with pytest.raises(DataError, match=r"tokens are fewer than one window of 65"):
        open_rows(corpus, replace(data, fraction=fraction, order=order), 64)


def test_a_validation_part_too_small_for_one_window_says_so(corpus, data):
    n = corpus.splits()["validation"]["tokens"]
    assert len(open_rows(corpus, data, n - 1).validation) == 1
    move = rf"take a larger data\.validation, more text, or a model\.context of at most {n - 1}$"
    with pytest.raises(
        DataError, match=rf"^{n} held-out tokens are fewer than one window of {n + 1} \(model\.context {n} and one more\); {move}"
    ):
        open_rows(corpus, data, n)


# --- documents


def documents_expected(corpus, data):
    selection, tokens = select(corpus, data), corpus.tokens("train")
    return [(tokens[d] if d >= 0 else selection.canaries[-1 - d].tokens).tolist() for d in selection.documents]


@pytest.mark.parametrize("context", [3, 9, 100])
def test_a_document_row_is_begin_then_the_document_then_padding(corpus, selected, context):
    lines = replace(selected, rows="documents")
    rows, expected = open_rows(corpus, lines, context).train, documents_expected(corpus, lines)
    begin, pad = corpus.tokenizer.bos_token_id, corpus.tokenizer.pad_token_id
    inputs, targets = rows.take(np.arange(len(rows)))
    assert len(rows) == len(expected)
    assert inputs.shape[1] == min(context, max(map(len, expected)))
    for seen, wanted, document in zip(inputs.tolist(), targets.tolist(), expected, strict=True):
        n = min(context, len(document))
        assert seen == [begin, *document[: n - 1]] + [pad] * (len(seen) - n)
        assert wanted == document[:n] + [IGNORED] * (len(wanted) - n)
    assert rows.n_predicted == (targets != IGNORED).sum() == sum(min(context, len(document)) for document in expected)
    assert rows.n_cut == sum(len(document) > context for document in expected)


def test_rows_are_padded_to_the_longest_of_their_batch_only(corpus, data):
    rows = open_rows(corpus, replace(data, rows="documents"), 100).train
    lengths = [len(rows.document(index)) for index in range(len(rows))]
    short = np.argsort(lengths)[:3]
    assert rows.take(short)[0].shape == (3, max(lengths[index] for index in short))


def test_a_document_row_leads_to_its_document(corpus, selected):
    run = open_rows(corpus, replace(selected, rows="documents"), 100)
    for index, document in enumerate(run.selection.documents):
        assert run.train.origin(index) == (document, 0)
        if document >= 0:
            assert corpus.text("train", document) == corpus.decode(run.train.document(index)[:-1])


def test_canaries_are_read_as_rows_as_often_as_planted(corpus, data):
    run = open_rows(corpus, replace(data, rows="documents", insertions=CANARIES), 100)
    texts = Counter(corpus.decode(run.train.document(index)[:-1]) for index in range(len(run.train)))
    assert texts["secret"] == 3
    windows = open_rows(corpus, replace(data, insertions=CANARIES), 7).train
    assert corpus.decode(windows.take(np.arange(len(windows)))[1].flatten()).count("secret") >= 2  # the last may lie in the rest


# --- validation


@pytest.mark.parametrize("rows", ["windows", "documents"])
def test_the_validation_rows_are_the_same_for_every_fraction(corpus, data, rows):
    everything = np.arange(4)
    expected = open_rows(corpus, replace(data, rows=rows), 6).validation
    for change in SELECTIONS.values():
        found = open_rows(corpus, replace(data, rows=rows, **change), 6).validation
        assert len(found) == len(expected)
        for mine, theirs in zip(found.take(everything), expected.take(everything), strict=True):
            assert np.array_equal(mine, theirs)


def test_no_validation_document_is_trained_on(corpus, data):
    run = open_rows(corpus, replace(data, rows="documents"), 100)
    trained, held_out = ({rows.document(index).tobytes() for index in range(len(rows))} for rows in (run.train, run.validation))
    assert trained
    assert held_out
    assert not trained & held_out
