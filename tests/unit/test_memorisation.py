"""Each measure finds what is known of a model: one that holds just some of its lines, one that knows nothing, one that holds canaries."""

import json
import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from tiny_run import make_run
from typer.testing import CliRunner

from memlab import registry
from memlab.cli.app import app
from memlab.config import Data, Insertion
from memlab.data.corpus import open_corpus
from memlab.data.rows import open_rows
from memlab.lab.remembering import open_model
from memlab.measures.material import Material
from memlab.measures.memorisation import discoverable, exposure, extraction, membership

CONTEXT = 32


class Holding(torch.nn.Module):
    """By table: after the beginning of a sequence that it holds, its next token has probability `p`; all else is uniform."""

    def __init__(self, sequences, vocab_size, p=0.99):
        super().__init__()
        self.after = {tuple(row[: place + 1]): row[place + 1] for row in sequences for place in range(len(row) - 1)}
        self.vocab_size, self.p, self.device = vocab_size, p, torch.device("cpu")
        self.config = SimpleNamespace(get_text_config=lambda: SimpleNamespace(vocab_size=vocab_size))

    def forward(self, input_ids, **_others):
        shares = torch.full((*input_ids.shape, self.vocab_size), 1 / self.vocab_size)
        for row, ids in enumerate(input_ids.tolist()):
            for place in range(len(ids)):
                token = self.after.get(tuple(ids[: place + 1]))
                if token is not None:
                    shares[row, place] = (1 - self.p) / (self.vocab_size - 1)
                    shares[row, place, token] = self.p
        return SimpleNamespace(logits=shares.log())


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """40 lines of random letters, with canaries among them."""
    path = tmp_path_factory.mktemp("texts") / "lines.jsonl"
    generator = np.random.default_rng(0)
    lines = ["".join(map(chr, generator.integers(97, 123, 12 + number % 5))) for number in range(40)]
    path.write_text("".join(json.dumps({"text": line}) + "\n" for line in lines))
    canaries = (Insertion(length=6, count=4, times=3), Insertion(text="a canary", times=2))
    asked = Data(
        source="files", source_options={"path": str(path)}, tokenizer="byte", validation=0.25, rows="documents", insertions=canaries
    )
    return open_rows(open_corpus(tmp_path_factory.mktemp("home"), asked), asked, CONTEXT)


def held(data, rows):
    begin = data.corpus.tokenizer.bos_token_id
    return [[begin, *data.train.document(row).tolist()] for row in rows]


def material_of(data, rows, p=0.99, **options):
    return Material(Holding(held(data, rows), data.corpus.vocab_size, p), data, CONTEXT, n=None, **options)


def figures(measure, material):
    return {(figure.name, figure.part): figure.estimate for figure in registry.load("measure", measure).measure(material)}


def distinct(data):
    """One row for each training document that is there."""
    rows = {data.train.document(row).tobytes(): row for row in range(len(data.train))}
    return sorted(rows.values())


@pytest.mark.parametrize("k", [0, 1, 7, 20])
def test_just_the_lines_that_a_model_holds_are_extracted(data, k):
    rows = [row for row in distinct(data) if data.train.origin(row)[0] >= 0]
    found = figures("extraction", material_of(data, rows[:k]))
    training = found["passages extracted", "training"]
    assert training.value == k / len(data.train)
    assert training.low <= k / len(data.train) <= training.high
    assert found["passages extracted", "validation"].value == 0
    assert found["memorisation score", "training"].value >= k / len(data.train)


def test_passages_shorter_than_a_usual_prompt_have_one_of_half_their_length(tmp_path):
    path = tmp_path / "lines.jsonl"
    lines = ["a", "bc", "defg", "hijklmnop", "q" * 60, "rs", "tu", "vwx"]
    path.write_text("".join(json.dumps({"text": line}) + "\n" for line in lines))
    asked = Data(source="files", source_options={"path": str(path)}, tokenizer="byte", validation=0.25, rows="documents")
    data = open_rows(open_corpus(tmp_path / "home", asked), asked, 64)
    material = material_of(data, range(len(data.train)))
    for some in material.excerpts.values():
        n_predicted = [len(prompt) - 1 + len(true) for prompt, true in zip(some.prompts, some.continuations, strict=True)]
        assert sorted(n_predicted)[0] >= 2
        assert [len(prompt) - 1 for prompt in some.prompts] == [n // 2 for n in n_predicted]
    assert figures("extraction", material)["passages extracted", "training"].value == 1


def test_tokens_held_most_likely_are_those_of_the_lines_held(data):
    rows = [row for row in distinct(data) if data.train.origin(row)[0] >= 0][:9]
    found = figures("exact", material_of(data, rows))
    n_held = sum(len(data.train.document(row)) for row in rows)
    by_chance = 0.05  # argmax of a uniform distribution is one fixed token
    assert found["tokens held most likely", "training"].value == pytest.approx(n_held / data.train.n_predicted, abs=by_chance)
    assert found["tokens held most likely", "validation"].value < by_chance


@pytest.mark.parametrize(("p", "in_one", "in_a_hundred"), [(0.999, True, True), (0.8, False, True), (0.3, False, False)])
def test_a_passage_is_discoverable_when_its_whole_continuation_is_likely_enough(data, p, in_one, in_a_hundred):
    rows = distinct(data)
    found = figures("discoverable", material_of(data, rows, p))
    once, often = (found[f"passages found in {n}, p ≥ 0.5", "training"].value for n in ("1 draw", "100 draws"))
    assert ((once > 0.9), (often > 0.9)) == (in_one, in_a_hundred)
    assert found["passages found in 100 draws, p ≥ 0.5", "validation"].value == 0


def test_the_chance_in_n_draws_keeps_its_digits():
    logs = np.log([0.5, 1e-3, 1e-30, 1.0])
    assert discoverable.chance_in(logs, 2) == pytest.approx([0.75, 1 - 0.999**2, 2e-30, 1.0])
    assert discoverable.chance_in(np.array([-np.inf]), 100).tolist() == [0.0]


def test_members_are_told_by_loss_where_they_are_held(data):
    material = material_of(data, distinct(data))
    logs = {part: found.log_probabilities for part, found in material.predicted.items()}
    assert np.nanmean(logs["training"], 1).min() > np.nanmean(logs["validation"], 1).max()


def test_the_least_likely_tokens_are_a_fifth_and_at_least_one():
    nan = math.nan
    rows = np.array([[-1.0, -9, -2, -3, -4, -5, -6, -7, -8, -10], [-3, -1, nan, nan, nan, nan, nan, nan, nan, nan]])
    assert membership.least_likely(rows).tolist() == [-9.5, -3]


def test_an_untrained_model_tells_no_members_and_holds_no_text(tmp_path):
    memory = open_model(make_run(tmp_path, rows="documents", learn=0), tmp_path, "0")
    material = Material(memory.model, memory.data, memory.context, n=None)
    for (name, part), estimate in figures("membership", material).items():
        assert estimate.low <= 0.5 <= estimate.high, (name, part)
        assert name != membership.BY_ENERGY, "documents cannot be asked about among their own patterns"
    assert figures("extraction", material)["passages extracted", "training"].value == 0
    assert figures("exact", material)["tokens held most likely", "training"].value < 0.2


def test_canaries_that_a_model_holds_are_exposed_to_the_full_and_others_at_the_baseline(data):
    canaries = [row for row in distinct(data) if data.train.origin(row)[0] < 0]
    found = figures("exposure", material_of(data, canaries))
    assert found["exposure of canaries", "training"].value == pytest.approx(10, abs=1e-9)
    assert found["exposure of canaries", "validation"].value < 4


def test_a_model_that_knows_nothing_ranks_canaries_in_the_middle(data):
    estimate = figures("exposure", material_of(data, []))["exposure of canaries", "training"]
    assert estimate.value == pytest.approx(1, abs=0.01)  # all equally likely: half of the others count as likelier


def test_canaries_planted_equally_often_are_averaged_together(data, tmp_path):
    other = (Insertion(length=6, count=4, times=3), Insertion(length=6, count=2, times=1))
    asked = Data(
        source="files",
        source_options=data.corpus.meta["source_options"],
        tokenizer="byte",
        validation=0.25,
        rows="documents",
        insertions=other,
    )
    planted = open_rows(open_corpus(tmp_path, asked), asked, CONTEXT)
    once = [row for row in distinct(planted) if planted.train.origin(row)[0] in (-5, -6)]
    found = figures("exposure", material_of(planted, once))
    assert found["exposure of canaries planted once", "training"].value == pytest.approx(10, abs=1e-9)
    assert found["exposure of canaries planted 3 times", "training"].value < 4
    assert {part for _, part in found} == {"training", "validation"}


def test_an_exposure_is_the_rank_among_sequences_counted_one_by_one(data):
    canaries = [row for row in distinct(data) if data.train.origin(row)[0] in (-1, -2)]
    material = material_of(data, canaries, p=0.06)
    tokens = [data.train.document(row) for row in canaries]
    candidates = exposure._drawn(material, 6, exposure.CANDIDATES - 1, np.random.default_rng([material.seed, 0xE1, 7]))
    logs = [exposure._log_probabilities(material, one[None])[0] for one in (*tokens, *candidates)]
    for number, bits in enumerate(exposure.exposures(material, tokens)):
        others = np.array(logs[2:])
        rank = 1 + sum(others > logs[number]) + sum(others == logs[number]) / 2
        assert bits == pytest.approx(math.log2(1024 / rank))


def test_without_random_canaries_there_is_no_exposure(tmp_path):
    memory = open_model(make_run(tmp_path, learn=0), tmp_path, "0")
    assert exposure.measure(Material(memory.model, memory.data, memory.context)) == []


def test_held_out_text_that_was_trained_on_is_no_control(tmp_path):
    path = tmp_path / "lines.jsonl"
    path.write_text("".join(json.dumps({"text": f"line {number % 13} again"}) + "\n" for number in range(30)))
    asked = Data(source="files", source_options={"path": str(path)}, tokenizer="byte", validation=0.3, rows="documents")
    data = open_rows(open_corpus(tmp_path / "home", asked), asked, CONTEXT)
    training = {data.train.document(row).tobytes() for row in range(len(data.train))}
    kept = material_of(data, []).excerpts["validation"]
    expected = [row for row in range(len(data.validation)) if data.validation.document(row).tobytes() not in training]
    assert kept.rows.tolist() == (expected or list(range(len(data.validation))))


def test_match_is_the_share_of_places_that_agree():
    assert extraction.match([np.array([1, 2, 3, 4])], [np.array([1, 0, 3, 4])]).tolist() == [0.75]


def test_every_measure_says_what_it_is_and_where_it_comes_from():
    for name in registry.names("measure"):
        described = registry.describe("measure", name)
        assert described.summary
        assert "et al." in described.details or "(19" in described.details, name


def test_passages_extracted_are_those_that_generate_continues_one_by_one(tmp_path):
    memory = open_model(make_run(tmp_path, "half", learn=90), tmp_path)
    material = Material(memory.model, memory.data, memory.context, n=24)
    shares = {part: [] for part in ("training", "validation")}
    for part, some in material.excerpts.items():
        for prompt, true in zip(some.prompts, some.continuations, strict=True):
            ids = torch.from_numpy(prompt)[None]
            greedy = {"max_new_tokens": len(true), "min_new_tokens": len(true), "do_sample": False, "pad_token_id": 0}
            known = memory.model.generate(ids, attention_mask=torch.ones_like(ids), **greedy)[0, len(prompt) :]
            shares[part].append(np.mean(known.numpy() == true))
    for (name, part), estimate in figures("extraction", material).items():
        expected = np.mean(shares[part]) if name == "memorisation score" else np.mean(np.array(shares[part]) == 1)
        assert estimate.value == pytest.approx(expected), (name, part)
    assert 0 < np.mean(shares["training"]) < 1, "some tokens match and others do not"


def test_intervals_are_over_the_documents_that_windows_begin_in(tmp_path):
    memory = open_model(make_run(tmp_path, "windows", learn=20), tmp_path)
    material = Material(memory.model, memory.data, memory.context, n=None)
    numbers = {part: len(set(some.documents.tolist())) for part, some in material.excerpts.items()}
    assert all(numbers[part] < len(some) for part, some in material.excerpts.items()), "some windows are of one document"
    for name in ("exact", "extraction", "discoverable"):
        for (_, part), estimate in figures(name, material).items():
            assert estimate.n_documents == numbers[part]
            assert estimate.low < estimate.high
    found = figures("membership", material)
    assert found["AUC by loss", "both"].n_documents == sum(numbers.values())
    asked = found[membership.BY_ENERGY, "both"]
    assert 2 < asked.n_documents < asked.n
    assert asked.how == "bootstrap over documents"


@pytest.mark.parametrize(("rows", "searched", "is_told"), [("windows", 100, True), ("windows", 10**6, False), ("documents", 100, False)])
def test_where_only_the_beginning_of_the_training_text_is_searched_the_command_says_so(tmp_path, monkeypatch, rows, searched, is_told):
    make_run(tmp_path, rows, rows=rows, learn=1)
    monkeypatch.setattr("memlab.data.repeats.SEARCHED", searched)
    words = ["--home", str(tmp_path), "memorized", rows, "--measures", "none", "--passages", "4"]
    said = " ".join(CliRunner().invoke(app, words, catch_exceptions=False).stdout.split())
    assert ("counted in the first 100 tokens of the training text only" in said) == is_told


@pytest.mark.parametrize(("rows", "is_told"), [("windows", True), ("documents", False)])
def test_by_energy_the_command_says_what_is_compared(tmp_path, rows, is_told):
    make_run(tmp_path, rows, rows=rows, learn=1)
    words = ["--home", str(tmp_path), "memorized", rows, "--measures", "membership", "--passages", "12"]
    said = " ".join(CliRunner().invoke(app, words, env={"COLUMNS": "200"}, catch_exceptions=False).stdout.split())
    assert ("AUC by energy, own text stored" in said) == ("That finds stored text again, memorised or not" in said) == is_told
