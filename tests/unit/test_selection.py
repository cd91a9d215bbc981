"""What a run trains on: nested prefixes, disjoint parts, canaries as often as asked, and always the same."""

import json
from dataclasses import replace
from itertools import chain, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memlab.config import Data, Insertion
from memlab.data.corpus import open_corpus
from memlab.data.rows import Stream
from memlab.data.selection import select, subset
from memlab.errors import DataError

N = 60


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Sixty documents of different lengths, one byte a token; the third part of them is held out."""
    path = tmp_path_factory.mktemp("texts") / "texts.jsonl"
    path.write_text("".join(json.dumps({"text": f"{number:02}" * (1 + number % 7)}) + "\n" for number in range(3 * N // 2)))
    return Data(source="files", source_options={"path": str(path)}, tokenizer="byte", validation=1 / 3)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory, data):
    return open_corpus(tmp_path_factory.mktemp("home"), data)


def all_tokens(corpus, selection) -> list[int]:
    """The training tokens, document by document, counted without the code under test."""
    tokens, out = corpus.tokens("train"), []
    for document in selection.documents:
        out += (tokens[document] if document >= 0 else selection.canaries[-1 - document].tokens).tolist()
    return out


def documents_of(selection) -> list[int]:
    return [int(document) for document in selection.documents]


# --- prefixes


def test_everything_is_every_document_in_order(corpus, data):
    for rows in ("windows", "documents"):
        selection = select(corpus, replace(data, rows=rows))
        assert documents_of(selection) == list(range(N))
        assert selection.n_tokens == selection.available == len(corpus.tokens("train").values)
        assert selection.is_prefix()


@pytest.mark.parametrize("part", [{}, {"subset_share": 0.5, "subset_part": 1}])
@pytest.mark.parametrize("rows", ["windows", "documents"])
def test_a_smaller_fraction_is_the_beginning_of_a_larger_one(corpus, data, rows, part):
    streams = []
    for fraction in (0.1, 0.25, 0.5, 1.0):
        selection = select(corpus, replace(data, rows=rows, fraction=fraction, **part))
        streams.append(all_tokens(corpus, selection)[: selection.n_tokens])
    for small, large in pairwise(streams):
        assert len(small) < len(large)
        assert large[: len(small)] == small


@pytest.mark.parametrize("fraction", [0.01, 0.1, 1 / 3, 0.999])
def test_a_fraction_of_a_stream_is_that_share_of_its_tokens(corpus, data, fraction):
    selection = select(corpus, replace(data, fraction=fraction))
    assert selection.n_tokens == round(fraction * selection.available)
    needed = documents_of(selection)
    ends = corpus.tokens("train").ends
    assert needed == list(range(int(np.searchsorted(ends, selection.n_tokens)) + 1))


@pytest.mark.parametrize("fraction", [0.02, 0.1, 0.5])
def test_a_fraction_of_lines_is_that_share_of_the_documents(corpus, data, fraction):
    selection = select(corpus, replace(data, rows="documents", fraction=fraction))
    assert documents_of(selection) == list(range(round(fraction * N)))
    assert selection.n_tokens == len(all_tokens(corpus, selection))


def test_tokens_say_the_same_as_the_fraction_that_they_are(corpus, data):
    available = select(corpus, data).available
    for tokens in (1, 7, 100, available):
        by_tokens, by_fraction = (select(corpus, replace(data, **how)) for how in ({"tokens": tokens}, {"fraction": tokens / available}))
        assert by_tokens.n_tokens == by_fraction.n_tokens == tokens
        assert documents_of(by_tokens) == documents_of(by_fraction)


def test_tokens_of_lines_are_whole_lines_that_fit(corpus, data):
    lengths = np.diff(corpus.tokens("train").ends, prepend=0)
    for tokens in (int(lengths[0]), 100, int(lengths.sum())):
        selection = select(corpus, replace(data, rows="documents", tokens=tokens))
        assert selection.n_tokens <= tokens
        assert selection.n_tokens == lengths[: len(selection.documents)].sum()
        assert tokens - selection.n_tokens < max(lengths)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"tokens": 10**6}, r"data\.tokens is 1,000,000, but the training part has [\d,]+ tokens; ask for fewer"),
        ({"rows": "documents", "fraction": 0.001}, r"data\.fraction 0\.001 leaves none of the 60 documents .*; raise it"),
        ({"rows": "documents", "tokens": 1}, r"data\.tokens 1 leaves none of the 60 documents .*; raise it"),
        ({"subset_share": 1e-6, "subset_part": 7}, r"leaves none of the 0 documents \(data\.subset_share 1e-06\); raise it"),
    ],
)
def test_too_much_and_too_little_are_named(corpus, data, change, complaint):
    with pytest.raises(DataError, match=complaint):
        select(corpus, replace(data, **change))


# --- parts


@given(st.integers(1, 400), st.integers(1, 12), st.integers(0, 2**63 - 1))
def test_parts_are_disjoint_and_cover_everything(n, parts, seed):
    found = [list(subset(n, 1 / parts, part, seed)) for part in range(parts)]
    assert sorted(chain(*found)) == list(range(n))


@pytest.mark.parametrize("share", [0.5, 0.25, 0.3, 0.7])
def test_a_part_is_about_its_share_and_keeps_the_order(share):
    part = subset(10_000, share, 0, 0)
    assert abs(len(part) - share * 10_000) < 5 * np.sqrt(10_000 * share * (1 - share))
    assert (np.diff(part) > 0).all()


def test_another_seed_divides_otherwise():
    first, second = (set(subset(2000, 0.5, 0, seed).tolist()) for seed in (0, 1))
    assert 400 < len(first & second) < 600


def test_half_splits_are_two_trainings_on_different_documents(corpus, data):
    halves = [select(corpus, replace(data, subset_share=0.5, subset_part=part, subset_seed=3)) for part in (0, 1)]
    documents = [documents_of(half) for half in halves]
    assert sorted(chain(*documents)) == list(range(N))
    assert halves[0].available + halves[1].available == select(corpus, data).available
    for half in halves:
        assert Stream(half)[:].tolist() == all_tokens(corpus, half)


def test_a_fraction_of_a_part_is_a_prefix_of_that_part(corpus, data):
    whole, tenth = (select(corpus, replace(data, subset_share=0.5, subset_part=1, fraction=fraction)) for fraction in (1.0, 0.1))
    assert tenth.available == whole.available == whole.n_tokens
    assert tenth.n_tokens == round(0.1 * whole.n_tokens)
    assert documents_of(whole)[: len(tenth.documents)] == documents_of(tenth)


# --- the rest


@pytest.mark.parametrize("part", [{}, {"subset_share": 0.5, "subset_part": 1}])
@pytest.mark.parametrize("rows", ["windows", "documents"])
@pytest.mark.parametrize("skip", [1, 7, 20])
def test_what_is_skipped_is_left_out_and_the_rest_is_as_if_it_were_all(corpus, data, rows, part, skip):
    whole = select(corpus, replace(data, rows=rows, **part))
    rest = select(corpus, replace(data, rows=rows, skip=skip, **part))
    assert documents_of(rest) == documents_of(whole)[skip:]
    assert Stream(rest)[:].tolist() == all_tokens(corpus, rest)
    assert rest.available == rest.n_tokens == len(all_tokens(corpus, rest))
    third = select(corpus, replace(data, rows=rows, skip=skip, fraction=0.3, **part))
    assert documents_of(third) == documents_of(rest)[: len(third.documents)]
    if rows == "windows":
        assert Stream(third)[:].tolist() == Stream(rest)[: round(0.3 * rest.n_tokens)].tolist()
    else:
        assert len(third.documents) == round(0.3 * len(rest.documents))


@pytest.mark.parametrize("how", [{"fraction": 0.4}, {"tokens": 33}, {"subset_share": 0.5, "subset_part": 1}, {"skip": 50}, {}])
def test_unseen_documents_are_all_others(corpus, data, how):
    selection = select(corpus, replace(data, **how, insertions=(Insertion(text="my secret", times=2),)))
    seen = {document for document in documents_of(selection) if document >= 0}
    assert selection.unseen().tolist() == sorted(set(range(N)) - seen)


def test_nothing_is_left_after_all_documents(corpus, data):
    with pytest.raises(DataError, match=r"data\.skip is 60, but the training part has 60 documents; skip fewer"):
        select(corpus, replace(data, skip=N))
    with pytest.raises(DataError, match=r"data\.tokens is 9,999, but the rest of the training part has [\d,]+ tokens"):
        select(corpus, replace(data, skip=3, tokens=9999))


# --- canaries


@pytest.mark.parametrize("rows", ["windows", "documents"])
def test_a_canary_stands_in_the_stream_as_often_as_asked(corpus, data, rows):
    insertions = (Insertion(text="my secret", times=3), Insertion(length=5, count=2, times=4))
    plain, planted = (select(corpus, replace(data, rows=rows, insertions=given)) for given in ((), insertions))
    assert [canary.times for canary in planted.canaries] == [3, 4, 4]
    assert [len(canary.tokens) for canary in planted.canaries] == [len("my secret") + 1, 6, 6]
    documents = documents_of(planted)
    assert [documents.count(number) for number in (-1, -2, -3)] == [3, 4, 4]
    assert [document for document in documents if document >= 0] == documents_of(plain)
    assert planted.n_tokens == plain.n_tokens + 3 * 10 + 8 * 6
    assert planted.available == plain.available
    stream = Stream(planted)[:]
    assert stream.tolist() == all_tokens(corpus, planted)
    assert corpus.decode(stream).count("my secret") == 3


def test_a_canary_never_takes_the_place_of_training_text(corpus, data):
    """The stream is cut in its last document, whatever was planted before it."""
    for seed in range(20):
        change = replace(data, fraction=0.2, seed=seed)
        plain, planted = (select(corpus, replace(change, insertions=given)) for given in ((), (Insertion(length=4, times=9),)))
        left = [token for document, token in located(planted) if document >= 0]
        assert left == Stream(plain)[:].tolist()
        assert documents_of(planted)[-1] >= 0


def located(selection):
    """The document and the token of every place of the stream."""
    stream = Stream(selection)
    return [(stream.locate(place)[0], int(token)) for place, token in enumerate(stream[:])]


def test_random_canaries_are_ordinary_tokens_and_differ(corpus, data):
    canaries = select(corpus, replace(data, insertions=(Insertion(length=50, count=20),))).canaries
    special = set(corpus.tokenizer.all_special_ids)
    assert all(canary.tokens[-1] == corpus.tokenizer.eos_token_id for canary in canaries)
    assert not special & {int(token) for canary in canaries for token in canary.tokens[:-1]}
    assert len({canary.tokens.tobytes() for canary in canaries}) == 20
    assert len({int(token) for canary in canaries for token in canary.tokens}) > 200  # of 256 bytes, 1,000 draws


def test_a_given_text_is_planted_as_text_even_if_it_spells_a_special_token(corpus, data):
    (canary,) = select(corpus, replace(data, insertions=(Insertion(text="<| end |>"),))).canaries
    assert corpus.decode(canary.tokens[:-1]) == "<| end |>"
    assert not set(canary.tokens[:-1].tolist()) & set(corpus.tokenizer.all_special_ids)


def test_a_text_without_tokens_is_no_canary(tmp_path):
    words = Data(source="uniform", source_options={"documents": 4, "validation_documents": 1}, tokenizer="word")
    corpus = open_corpus(tmp_path, words)
    with pytest.raises(DataError, match=r"data\.insertions\.text is ' ', of which the tokenizer makes no token"):
        select(corpus, replace(words, insertions=(Insertion(text=" "),)))


def test_canaries_and_their_places_come_from_the_seed(corpus, data):
    planted = replace(data, insertions=(Insertion(length=8, count=3, times=5),))
    first, again, other = (select(corpus, replace(planted, seed=seed)) for seed in (1, 1, 2))
    assert documents_of(first) == documents_of(again) != documents_of(other)
    assert [canary.tokens.tolist() for canary in first.canaries] == [canary.tokens.tolist() for canary in again.canaries]
    assert first.canaries[0].tokens.tolist() != other.canaries[0].tokens.tolist()


def test_canaries_are_spread_over_the_whole_stream(corpus, data):
    documents = np.array(documents_of(select(corpus, replace(data, insertions=(Insertion(times=600),)))))
    places = np.flatnonzero(documents < 0) / len(documents)
    assert abs(places.mean() - 0.5) < 0.1
    assert places.min() < 0.05
    assert places.max() > 0.95
