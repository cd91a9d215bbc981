"""Memorisation in bits: what a model holds of uniform text is counted exactly, what can be known without it counts nothing."""

import json
import math
import re
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from test_memorisation import Holding, held
from tiny_run import run_on
from typer.testing import CliRunner

from memlab import registry
from memlab.cli.app import app
from memlab.config import Data, Insertion
from memlab.data.corpus import open_corpus
from memlab.data.rows import open_rows
from memlab.errors import UsageError
from memlab.lab.memorized import examine, measure
from memlab.lab.references import exact, reference_of
from memlab.lab.remembering import open_model
from memlab.measures.material import Material
from memlab.measures.memorisation import bits
from memlab.measures.predicted import Predicted

LENGTH, VOCABULARY, DOCUMENTS = 8, 16, 40
PER_LINE = LENGTH * math.log2(VOCABULARY)
CERTAIN = 1 - 1e-7
OPTIONS = {"documents": DOCUMENTS, "length": LENGTH, "vocabulary": VOCABULARY, "validation_documents": 20}


@pytest.fixture(scope="module")
def memory(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    asked = Data(source="uniform", source_options=OPTIONS, tokenizer="word", rows="documents")
    return open_model(run_on(home, "uniform", asked, learn=0), home, "0")


@pytest.fixture
def home(memory):
    return memory.run.path.parents[1]


class Knowing(Holding):
    """Knows some sequences and no more: after the beginning of some of them, their next tokens have probability `p`, each its share.

    It takes log2 k bits to tell k sequences from each other; then each costs -log2 p per token.
    """

    def __init__(self, sequences, vocab_size, p=CERTAIN):
        super().__init__([], vocab_size, p)
        for row in sequences:
            for place in range(len(row) - 1):
                self.after.setdefault(tuple(row[: place + 1]), []).append(row[place + 1])

    def forward(self, input_ids, **_others):
        shares = torch.full((*input_ids.shape, self.vocab_size), 1 / self.vocab_size, dtype=torch.float64)
        for row, ids in enumerate(input_ids.tolist()):
            for place in range(len(ids)):
                if tokens := self.after.get(tuple(ids[: place + 1])):
                    counts = torch.bincount(torch.tensor(tokens), minlength=self.vocab_size)
                    shares[row, place] = torch.where(counts > 0, self.p * counts / len(tokens), (1 - self.p) / (counts == 0).sum())
        return SimpleNamespace(logits=shares.log())


def material_of(memory, rows, n=None, p=CERTAIN):
    model = Knowing(held(memory.data, rows), memory.data.corpus.vocab_size, p)
    return Material(model, memory.data, memory.context, n, reference=exact(memory))


def figures(material):
    return {(figure.name, figure.part): figure.estimate for figure in bits.measure(material)}


@pytest.mark.parametrize("k", [0, 1, 13, DOCUMENTS])
def test_a_model_that_holds_k_lines_has_k_times_their_entropy_without_the_choice_among_them(memory, k):
    found = figures(material_of(memory, range(k)))
    in_all = found["bits memorised in all", "training"]
    assert in_all.value == pytest.approx(k * (PER_LINE - math.log2(max(k, 1))), abs=1e-3)
    assert in_all.low == in_all.high == in_all.value, "every line was counted"
    assert found["bits memorised in all", "validation"].value == 0


def test_what_training_text_has_beyond_the_control_has_an_interval_by_document(memory):
    def beyond(n):
        reference = _Model(Holding([], memory.data.corpus.vocab_size))  # the untrained model saves some bits of all text
        found = figures(Material(memory.model, memory.data, memory.context, n, reference=reference))
        return found[bits.BEYOND, "both"], [found[bits.PER_PARAMETER, part] for part in ("training", "validation")]

    (of_all, (training, control)), (of_some, _) = beyond(None), beyond(12)
    assert of_all.value == pytest.approx(training.value - control.value)
    assert (of_all.low, of_all.high) == pytest.approx((training.value - control.high, training.value - control.low))
    assert of_all.low < of_all.value < of_all.high
    assert (of_all.n_documents, of_some.n_documents) == (20, 24)
    assert of_some.high - of_some.low > of_all.high - of_all.low


@pytest.mark.parametrize("p", [0.3, 0.9])
def test_what_is_held_unsurely_has_the_bits_that_its_probability_saves(memory, p):
    per_line = max(0.0, PER_LINE - math.log2(7) + (LENGTH + 1) * math.log2(p))
    assert bits.passage_bits(material_of(memory, range(7), p=p))["training"][:7] == pytest.approx([per_line] * 7, abs=1e-4)


def test_a_sample_of_the_lines_gives_the_total_within_its_interval(memory):
    found = figures(material_of(memory, range(0, DOCUMENTS, 2), n=25))["bits memorised in all", "training"]
    assert found.n == 25
    assert found.low < DOCUMENTS / 2 * (PER_LINE - math.log2(DOCUMENTS / 2)) < found.high


def test_an_untrained_model_has_memorised_nothing_and_bits_per_parameter_are_of_all(memory):
    material = Material(memory.model, memory.data, memory.context, None, reference=exact(memory))
    found = figures(material)
    saved = [found.pop(("bits saved per passage", part)) for part in ("training", "validation")]
    assert all(estimate.high < 0 for estimate in saved), "its code is longer than that of the exact distribution"
    assert len(found) == 7
    assert all(estimate.low == estimate.value == 0 for estimate in found.values())
    knows = Material(memory.model, memory.data, memory.context, None, reference=_Model(Holding([], 10_000)))
    of_all = figures(knows)
    n_params = sum(parameter.numel() for parameter in memory.model.parameters())
    total, each = (of_all[f"bits memorised {name}", "training"].value for name in ("in all", "per parameter"))
    assert each == pytest.approx(total / n_params)
    assert total > 0


class _Model:
    """A reference that is a model."""

    words, is_exact, identity = "a model", False, {"kind": "test"}

    def __init__(self, model):
        self.model = model

    def predict(self, inputs, targets, part="given", rows=None, progress=lambda done: None):
        from memlab.measures.predicted import predict

        return predict(self.model, inputs, targets, progress)


def test_a_model_that_is_its_own_reference_has_memorised_nothing(memory):
    model = Holding(held(memory.data, range(DOCUMENTS)), memory.data.corpus.vocab_size)
    material = Material(model, memory.data, memory.context, None, reference=_Model(model))
    assert {estimate.value for estimate in figures(material).values()} == {0.0}


def test_code_lengths_leave_padding_out_and_are_infinite_for_the_impossible():
    logs = np.log(np.array([[0.5, 0.25, 1.0], [0.5, 1.0, 1.0]]))
    logs[1, 1:] = [-np.inf, np.nan]
    targets = np.array([[1, 2, 3], [1, 2, -100]])
    predicted = Predicted(targets, targets, np.zeros_like(targets), logs)
    assert bits.code_lengths(predicted).tolist() == [3.0, math.inf]
    assert np.isnan(bits.savings(Predicted(targets, targets, targets, np.full((2, 3), -1.0)), predicted)[1])


def test_a_text_that_is_there_several_times_counts_once(tmp_path):
    path = tmp_path / "lines.jsonl"
    path.write_text("".join(json.dumps({"text": f"some line {number % 4} again"}) + "\n" for number in range(24)))
    asked = Data(source="files", source_options={"path": str(path)}, tokenizer="byte", validation=0.25, rows="documents")
    data = open_rows(open_corpus(tmp_path / "home", asked), asked, 64)
    nothing = _Model(Holding([], data.corpus.vocab_size))
    different = {data.train.document(row).tobytes(): row for row in range(len(data.train))}
    rows = sorted(different.values())
    material = Material(Knowing(held(data, rows), data.corpus.vocab_size, CERTAIN), data, 64, None, reference=nothing)
    n_tokens = sum(len(data.train.document(row)) for row in rows)
    assert figures(material)["bits memorised in all", "training"].value == pytest.approx(
        n_tokens * math.log2(data.corpus.vocab_size) - len(rows) * math.log2(len(rows)), rel=1e-4
    )


def test_without_a_reference_nothing_is_said_in_bits(memory):
    assert bits.measure(Material(memory.model, memory.data, memory.context)) == []


def test_a_canary_that_the_source_cannot_draw_has_no_bits(tmp_path):
    asked = Data(
        source="uniform",
        source_options=OPTIONS,
        tokenizer="word",
        rows="documents",
        insertions=(Insertion(length=LENGTH + 2, count=2, times=1),),
    )
    run = run_on(tmp_path, "canaries", asked, learn=0)
    found = examine(run, tmp_path, measures=["bits"], n=None)
    assert found.against.n_impossible == {"training": 2, "validation": 0}
    assert [passage.bits for passage in found.training if passage.document.startswith("canary")] == [None, None]
    assert found.figures["bits"][0]["estimate"]["n"] == DOCUMENTS


@pytest.mark.slow
def test_a_run_that_learned_its_lines_goes_below_the_entropy(tmp_path):
    run = run_on(tmp_path, "learned", Data(source="uniform", source_options=OPTIONS, tokenizer="word", rows="documents"), learn=400)
    found = examine(run, tmp_path, measures=["bits"], n=None)
    assert found.against.is_below_entropy
    estimates = {(figure["name"], figure["part"]): figure["estimate"]["value"] for figure in found.figures["bits"]}
    total = sum(passage.bits for passage in found.training)
    assert 0.3 * DOCUMENTS * PER_LINE < total <= DOCUMENTS * PER_LINE
    assert estimates["bits memorised in all", "training"] == pytest.approx(total)
    assert estimates["bits memorised per passage", "validation"] == pytest.approx(0, abs=0.5)
    assert not examine(run, tmp_path, "0", ["bits"], n=None).against.is_below_entropy
    words = ["--home", str(tmp_path), "memorized", "learned", "--measures", "bits", "--passages", "30"]
    said = " ".join(CliRunner().invoke(app, words, catch_exceptions=False).stdout.split())
    assert re.search(r"Memorised: [\d.]+ bits \([\d.]+ to [\d.]+\) for each of all [\d,]+ parameters, [\d.]+% of the 3.6 that", said)
    assert "30 training passages of 30 documents, 20 held-out passages of 20 documents" in said


def test_the_kept_figures_follow_the_reference(memory, home):
    first = measure(memory.run, home, "0", ["bits"], reference="exact")
    again = measure(memory.run, home, "0", ["bits"], reference="ngram")
    assert set(again) == {"bits"}
    kept = json.loads((memory.run.path / "measures" / "bits" / "step-000000.json").read_text())
    assert kept["depends_on"]["reference"] == reference_of(memory, home, "ngram").identity
    assert first["bits"][0]["name"] == again["bits"][0]["name"]


def test_a_reference_that_cannot_serve_is_refused(memory, home):
    with pytest.raises(UsageError, match="no reference for itself"):
        examine(memory.run, home, measures=[], reference="uniform")


def test_the_command_says_what_bits_are_counted_against(memory, home):
    def run(*words):
        return CliRunner().invoke(app, ["--home", str(home), "memorized", "uniform", "--measures", "bits", *words], catch_exceptions=False)

    said = " ".join(run("--passages", "all").stdout.split())
    assert "Bits are counted against the exact distribution" in said
    assert "counted over all of them" in said
    assert "As much held-out text comes to 0.00 bits per parameter" in said
    assert "Whether any is memorised cannot be told: beyond that it comes to 0.00 bits for each of all" in said
    assert "as published" in said
    found = json.loads(run("--json").stdout)
    assert found["against"]["is_exact"]
    assert found["training"][0]["bits"] == 0
    assert "bits" in registry.names("measure")
