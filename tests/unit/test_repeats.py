"""Repeated spans are those that brute force finds, at any offset, however the text is cut into pieces."""

import json
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memlab.config import Data, Insertion
from memlab.data import repeats
from memlab.data.corpus import open_corpus
from memlab.data.repeats import Repeats, count_repeats, repeats_of
from memlab.data.rows import Stream, open_rows


def brute_force(training, validation, span) -> tuple[float, float]:
    """Shares of spans of the training text that occur there again, and of the validation text that occur in training."""

    def spans(tokens):
        return [tuple(tokens[start : start + span]) for start in range(len(tokens) - span + 1)]

    counts, held_out = Counter(spans(training)), spans(validation)
    repeated = sum(count for count in counts.values() if count > 1) / max(1, counts.total())
    return repeated, sum(one in counts for one in held_out) / max(1, len(held_out))


def counted(training, validation, span, **others) -> tuple[float, float]:
    found = count_repeats(np.asarray(training), np.asarray(validation), span, **others)
    assert found.span == span
    return found.repeated_in_training, found.validation_in_training


few = st.lists(st.integers(0, 2), max_size=60).map(lambda tokens: np.array(tokens, np.uint16))


@given(few, few, st.integers(1, 12), st.sampled_from([1, 5, 16, 1 << 20]))
def test_shares_are_those_of_brute_force_however_the_text_is_cut(training, validation, span, chunk):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(repeats, "_CHUNK", chunk)
        assert counted(training, validation, span) == pytest.approx(brute_force(training.tolist(), validation.tolist(), span))


@settings(max_examples=30)
@given(st.integers(0, 1000), st.integers(0, 150), st.integers(0, 150), st.sampled_from([7, 64, 1 << 20]))
def test_a_planted_repeat_is_found_at_any_offset(seed, here, there, chunk):
    generator = np.random.default_rng(seed)
    training, validation = generator.integers(0, 50_000, 400), generator.integers(0, 50_000, 200)
    training[200 + here : 230 + here] = training[here : here + 30]
    validation[there : there + 25] = training[10:35]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(repeats, "_CHUNK", chunk)
        found = counted(training, validation, 20)
    expected = brute_force(training.tolist(), validation.tolist(), 20)
    assert found == pytest.approx(expected)
    assert min(expected) > 0


def test_a_repeat_across_the_border_of_two_pieces_is_found(monkeypatch):
    monkeypatch.setattr(repeats, "_CHUNK", 100)
    training = np.arange(300)
    training[195:215] = training[90:110]
    assert counted(training, [], 20) == (pytest.approx(2 / 281), 0)


@pytest.mark.parametrize(("n", "span"), [(0, 1), (0, 50), (5, 6), (5, 50)])
def test_a_text_shorter_than_a_span_has_no_repeats(n, span):
    assert count_repeats(np.zeros(n, np.uint16), np.zeros(n, np.uint16), span) == Repeats(span, 0.0, 0.0, 1.0)


def test_a_text_of_one_token_repeats_everywhere():
    assert counted(np.zeros(100, np.uint16), np.zeros(60, np.uint16), 50) == (1.0, 1.0)


def test_tokens_above_65535_are_told_apart():
    low = np.arange(40, dtype=np.uint32)
    assert counted(low, low + 65_536, 10) == (0, 0)
    assert counted(np.concatenate([low, low + 65_536, low + 2 * 65_536]), low + 65_536, 10) == (0, 1)
    swapped = np.array([1 + 65_536, 2, 3, 1, 2 + 65_536, 3], np.uint32)
    assert counted(swapped, [], 3) == (0, 0)


@pytest.mark.parametrize("dtype", [np.uint16, np.uint32, np.int64])
def test_the_kind_of_number_makes_no_difference(dtype):
    tokens = np.random.default_rng(0).integers(0, 9, 500)
    assert counted(tokens.astype(dtype), tokens[:100].astype(dtype), 3) == counted(tokens, tokens[:100], 3)


def test_spans_of_the_same_tokens_in_another_order_are_different():
    """The multiplier's powers share low bits, so orders are what a weak fingerprint would confuse."""
    generator = np.random.default_rng(0)
    orders = {tuple(generator.permutation(8)) for _ in range(4000)}
    text = np.concatenate([[*order, 100 + number] for number, order in enumerate(orders)])
    assert counted(text, [], 8)[0] == 0


def test_a_sample_gives_unbiased_shares():
    """Half of the training text stands in it twice, and a quarter of the validation text in training."""
    generator = np.random.default_rng(0)
    once, twice, fresh = (generator.integers(0, 60_000, n) for n in (40_000, 20_000, 30_000))
    training, validation = np.concatenate([once, twice, twice]), np.concatenate([fresh, once[:10_000]])
    whole = count_repeats(training, validation, 10)
    assert (whole.repeated_in_training, whole.validation_in_training) == (pytest.approx(0.5, abs=0.001), pytest.approx(0.25, abs=0.001))
    sampled = count_repeats(training, validation, 10, limit=8_000)
    assert sampled.sampled == pytest.approx(0.1)
    assert sampled.repeated_in_training == pytest.approx(0.5, abs=0.03)  # about 5 standard errors
    assert sampled.validation_in_training == pytest.approx(0.25, abs=0.03)


def test_a_sample_is_as_small_as_asked(monkeypatch):
    kept = []
    monkeypatch.setattr(repeats, "_compare", lambda training, validation, span, sampled: kept.extend([len(training), len(validation)]))
    small, large = np.random.default_rng(0).integers(0, 60_000, (2, 50_000))
    count_repeats(small[:500], large, 5, limit=1000)
    count_repeats(large, small[:500], 5, limit=1000)
    assert max(kept) < 1200


# --- of a run


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Words of the validation part are drawn anew; of the training documents each third is a copy of the one before."""
    generator = np.random.default_rng(0)
    texts = [" ".join(map(str, generator.integers(0, 40, 6))) for _ in range(90)]
    texts[2::3] = texts[1::3]
    path = tmp_path_factory.mktemp("texts") / "texts.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    return Data(source="files", source_options={"path": str(path)}, tokenizer="word", validation=0.2)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory, data):
    return open_corpus(tmp_path_factory.mktemp("home"), data)


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"fraction": 0.5},
        {"subset_share": 0.5, "subset_part": 1},
        {"insertions": (Insertion(length=20, times=9),)},
        {"order": "random", "fraction": 0.3},
    ],
)
def test_the_repeats_of_a_run_are_those_of_what_it_trains_on(corpus, data, change):
    run = open_rows(corpus, replace(data, **change), 6)
    found = repeats_of(run, "windows", 6)
    expected = brute_force(Stream(run.selection)[:].tolist(), corpus.tokens("validation").values.tolist(), 6)
    assert (found.span, found.sampled) == (6, 1.0)
    assert (found.repeated_in_training, found.validation_in_training) == pytest.approx(expected)


@pytest.mark.parametrize("change", [{}, {"fraction": 0.5}, {"subset_share": 0.5}, {"insertions": (Insertion(length=4, times=3),)}])
def test_where_rows_are_documents_whole_documents_are_compared(corpus, data, change):
    run = open_rows(corpus, replace(data, rows="documents", **change), 6)
    trained, held_out = ([tuple(rows.document(index)) for index in range(len(rows))] for rows in (run.train, run.validation))
    counts = Counter(trained)
    found = repeats_of(run, "documents", 6)
    assert (found.span, found.sampled) == (0, 1.0)
    assert found.repeated_in_training == pytest.approx(sum(count for count in counts.values() if count > 1) / len(trained))
    assert found.validation_in_training == pytest.approx(sum(document in counts for document in held_out) / len(held_out))
    assert found.repeated_in_training > 0.1


def test_a_span_is_no_longer_than_a_row(corpus, data):
    assert repeats_of(open_rows(corpus, data, 4), "windows", 4).span == 4
    assert repeats_of(open_rows(corpus, data, 64), "windows", 64).span == 50
