"""memlab radius: of a run and of any model, with text from a source or a file, and clear about what it cannot read."""

import json

import numpy as np
import pytest
import torch
from local_models import bert, gpt2
from tiny_run import make_run
from typer.testing import CliRunner

from memlab.cli.app import app
from memlab.data.document import Document
from memlab.errors import ConfigError, DataError, UnknownName, UsageError
from memlab.lab import distances
from memlab.lab import radius as lab
from memlab.lab.radius import Wishes, radius, text_of
from memlab.lab.remembering import open_model
from memlab.measures.chunks import chunk_states, cut_chunks
from memlab.measures.places import Every, Last
from memlab.memory import approximate
from memlab.memory.radius import nearest_distances
from memlab.models.outside import open_outside
from memlab.render.scale import decimal

TEXT = "It is a small world after all, and the quick brown fox jumps over it. " * 120


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def run(home):
    return make_run(home)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    return {"gpt2": gpt2(folder / "gpt2"), "bert": bert(folder / "bert")}


@pytest.fixture
def book(tmp_path):
    path = tmp_path / "book.txt"
    path.write_text(" ".join(f"{number} {word}" for number, word in enumerate(TEXT.split())))
    return path


# ---------------------------------------------------------------------------------------------------------------- of a run


@pytest.mark.slow
def test_of_a_run_it_measures_the_states_of_its_training_text(run, home):
    memory, raw = open_model(run, home), []
    inputs, _ = memory.data.train.take(np.arange((len(memory.data.train.stream) - 1) // memory.context))
    memory.model.transformer.h[1].register_forward_hook(lambda module, given, output: raw.append(output))
    with torch.no_grad():
        normalised = memory.model(input_ids=torch.from_numpy(inputs), output_hidden_states=True).hidden_states[-1]
    for layer, states in (("-1", raw[0]), ("norm", normalised)):
        found = radius("tiny", home, Wishes(layer, positions="all", vectors=10**6))
        direct = nearest_distances(states.flatten(0, 1), (1.0,))[0]
        assert found.n_vectors == found.n_places == len(direct.values)
        assert found.measured[-1].mean == pytest.approx(direct.mean, rel=1e-4)
    assert (found.n_dimensions, found.layer_words) == (16, "after the final LayerNorm")


def test_what_is_measured_of_a_run_is_kept_and_follows_from_the_seed(run, home):
    first = radius("tiny", home, Wishes(vectors=20))
    path = run.path / "measures" / "radius" / "step-000004.json"
    written = path.stat().st_mtime_ns
    assert radius("tiny", home, Wishes(vectors=20)) == first
    assert path.stat().st_mtime_ns == written
    assert radius("tiny", home, Wishes(vectors=20, seed=1)).measured != first.measured


def test_stored_patterns_held_out_text_and_the_untrained_model_are_to_be_had(run, home):
    stored = radius("tiny", home, Wishes(positions="stored", vectors=30))
    assert "patterns stored" in stored.text
    assert stored.n_vectors == 30
    held_out = radius("tiny", home, Wishes(part="validation", positions="all"))
    assert held_out.text == "the run's held-out text"
    assert radius("tiny", home, Wishes(), checkpoint="0").of == "tiny, step 0"


def test_a_run_may_read_other_text(run, home, book):
    found = radius("tiny", home, Wishes(vectors=20), text_of("", [book], [], 8))
    assert (found.context, found.n_vectors) == (8, 20)
    assert "book.txt" in found.text


# -------------------------------------------------------------------------------------------------------------- of a model


@pytest.mark.parametrize(("name", "layer", "words"), [("gpt2", "norm", "after the final LayerNorm"), ("bert", "2", "after block 2 of 2")])
def test_of_a_model_it_measures_what_transformers_calls_its_last_hidden_state(models, home, book, name, layer, words):
    found = radius(str(models[name]), home, Wishes(vectors=40, positions="last"), text_of("", [book], [], 16))
    assert (found.layer, found.layer_words, found.n_dimensions, found.n_vectors, found.context) == (layer, words, 16, 40, 16)


@pytest.mark.parametrize(("name", "around"), [("gpt2", 0), ("bert", 1)])
def test_states_are_those_of_whole_chunks_with_what_the_tokenizer_puts_around_them(models, name, around):
    outside = open_outside(str(models[name]))
    chunks = cut_chunks([Document(TEXT, "a"), Document("don't stop", "b")], outside.tokenizer, 12, 30)
    assert chunks.ids.shape == (30, 12)
    assert (chunks.before, chunks.length) == (around, 12 - 2 * around)
    if around:
        assert (chunks.ids[:, 0] == outside.tokenizer.cls_token_id).all()
        assert (chunks.ids[:, -1] == outside.tokenizer.sep_token_id).all()
    with torch.inference_mode():
        whole = outside.model.base_model(torch.from_numpy(chunks.ids).long()).last_hidden_state
    layer = "2" if around else "norm"
    last, n_places = chunk_states(outside.model, chunks, Last(), layer, 100, 0)
    assert n_places == 30
    assert torch.allclose(last, whole[:, 11 - around], atol=1e-5)
    every, n_places = chunk_states(outside.model, chunks, Every(1), layer, 10**6, 0)
    assert n_places == 30 * chunks.length
    assert torch.allclose(every.view(30, chunks.length, 16), whole[:, around : 12 - around], atol=1e-5)


def test_chunks_joined_are_the_text_with_a_separator_between_documents(models):
    tokenizer = open_outside(str(models["gpt2"])).tokenizer
    chunks = cut_chunks([Document(TEXT, "a"), Document(TEXT, "b")], tokenizer, 16, 10**6)
    one = tokenizer(TEXT)["input_ids"]
    assert chunks.ids.ravel().tolist() == [*one, tokenizer.eos_token_id, *one, tokenizer.eos_token_id][: chunks.ids.size]
    with pytest.raises(DataError, match="fewer than one chunk of 16"):
        cut_chunks([Document("a", "a")], tokenizer, 16, 4)


# ---------------------------------------------------------------------------------------------------------- what is refused


def test_a_word_that_is_nothing_is_explained(run, home, monkeypatch):
    monkeypatch.setattr("memlab.online._answers", lambda endpoint: False)
    with pytest.raises(ConfigError, match=r"'tinny' is not here .*; did you mean 'tiny'?"):
        radius("tinny", home, Wishes())
    with pytest.raises(ConfigError, match="cannot be a name on the Hugging Face Hub"):
        radius("a/b/c", home, Wishes())
    with pytest.raises(UnknownName, match=r"no run directory at './nothing'"):
        radius("./nothing", home, Wishes())


def test_weights_that_are_pickles_missing_or_of_an_encoder_with_a_decoder_are_refused(models, tmp_path):
    folder = gpt2(tmp_path / "gpt2")
    weights = folder / "model.safetensors"
    torch.save({}, folder / "pytorch_model.bin")
    weights.unlink()
    with pytest.raises(ConfigError, match="a pickle could run code"):
        open_outside(str(folder))
    table = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**table, "model_type": "t5", "architectures": ["T5Model"]}))
    with pytest.raises(ConfigError, match="an encoder with a decoder"):
        open_outside(str(folder))
    (folder / "config.json").write_text(json.dumps({"model_type": "nothing"}))
    with pytest.raises(ConfigError, match="of type 'nothing', which transformers"):
        open_outside(str(folder))


def test_a_tokenizer_of_another_model_is_refused(tmp_path):
    folder = gpt2(tmp_path / "gpt2", vocabulary=200)
    with pytest.raises(ConfigError, match="has tokens that the model does not know"):
        open_outside(str(folder))


@pytest.mark.parametrize(
    ("wishes", "complaint"),
    [({"vectors": 3}, "--vectors is 3"), ({"seed": -1}, "--seed is -1"), ({"part": "test"}, "--part is 'test'")],
)
def test_wrong_wishes_are_refused_at_once(wishes, complaint):
    with pytest.raises(UsageError, match=complaint):
        Wishes(**wishes)


def test_flags_that_do_not_go_together_are_refused(run, home, models, book):
    with pytest.raises(UsageError, match="--file is text by itself"):
        text_of("uniform", [book], [], 0)
    with pytest.raises(ConfigError, match=r"no setting 'data.source_options.sed'"):
        text_of("uniform", [], ["sed=1"], 0)
    with pytest.raises(UsageError, match="--context is of text from"):
        radius("tiny", home, Wishes(), text_of("", [], [], 8))
    with pytest.raises(UsageError, match="--part and --positions stored are of the run's own text"):
        radius("tiny", home, Wishes(part="validation"), text_of("", [book], [], 8))
    with pytest.raises(UsageError, match="for a model give its directory and a text"):
        radius(str(models["gpt2"]), home, Wishes(positions="stored"))
    with pytest.raises(UsageError, match="--context is 99, but the model sees 32 tokens"):
        radius(str(models["gpt2"]), home, Wishes(), text_of("", [book], [], 99))


# ---------------------------------------------------------------------------------------------------------------- the words


def test_the_sentence_says_what_the_numbers_say(run, home):
    import dataclasses

    found = radius("tiny", home, Wishes(positions="all"))
    whole, null = found.measured[-1], found.null[-1]
    words = distances.reading(found)
    assert f"{whole.radius / found.stated_radius:.3g} times √(n/2πe)" in words
    assert ("smaller" in words) == (whole.radius < null.radius)
    shown = f"{decimal(null.radius)} ({decimal(found.null_range[0])} to {decimal(found.null_range[1])} in 20 draws), of Gaussian"
    assert dict(distances.theory(found))["r of the null"].startswith(shown)
    once = dataclasses.replace(found, n_draws=1, null_range=[null.radius, null.radius])
    assert "(one draw), of Gaussian" in dict(distances.theory(once))["r of the null"]
    alike = dataclasses.replace(found, null=found.measured)
    assert "to within 2 %" in distances.reading(alike)
    empty = dataclasses.replace(found, measured=[*found.measured[:-1], dataclasses.replace(whole, mean=0.0)])
    assert "does not tell them apart" in distances.reading(empty)
    few = dataclasses.replace(found, n_vectors=10)
    assert any("no more vectors than dimensions" in line for line in distances.notes(few))


@pytest.mark.skipif(not approximate.is_installed(), reason="faiss is not installed")
def test_beyond_a_limit_neighbours_are_looked_for_with_faiss_unless_asked_otherwise(run, home, monkeypatch):
    assert radius("tiny", home, Wishes(vectors=20)).recall is None
    monkeypatch.setattr(lab, "EXACT_UP_TO", 8)
    found = radius("tiny", home, Wishes(vectors=19))
    assert found.recall is not None
    assert any("Approximate" in note for note in distances.notes(found))
    assert radius("tiny", home, Wishes(vectors=18, approximate=False)).recall is None
    monkeypatch.setattr(approximate, "is_installed", lambda: False)
    assert radius("tiny", home, Wishes(vectors=17)).recall is None


@pytest.mark.parametrize("width", [50, 110])
def test_the_command_prints_within_the_width(run, home, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("MEMLAB_ASCII", "")  # what --ascii sets is undone
    shown = CliRunner().invoke(app, ["--home", str(home), "--ascii", "radius", "tiny", "--positions", "all"])
    assert shown.exit_code == 0
    assert max(map(len, shown.stdout.splitlines())) <= width
    assert shown.stdout.isascii()


def test_the_command_speaks_json_and_writes_pictures(run, home, tmp_path):
    arguments = ["radius", "tiny", "--positions", "all", "--json", "--png", str(tmp_path / "r.png")]
    table = json.loads(CliRunner().invoke(app, ["--home", str(home), *arguments]).stdout)
    assert [one["share"] for one in table["measured"]] == [0.25, 0.5, 0.75, 1.0]
    assert table["reading"]
    assert (tmp_path / "r.png").read_bytes().startswith(b"\x89PNG")
