"""Predictions and continuations are those of transformers itself, one text at a time; excerpts are cut from the text that they say."""

import numpy as np
import pytest
import torch
from tiny_run import make_run

from memlab import config, models, registry
from memlab.data.rows import IGNORED
from memlab.lab.remembering import open_model
from memlab.measures import predicted
from memlab.measures.continued import continue_greedily
from memlab.measures.excerpts import take_excerpts
from memlab.measures.predicted import predict

FAMILIES = [name for name in registry.names("family") if name != "pretrained"]


def build(family):
    torch.manual_seed(1)
    size = next(iter(registry.describe("family", family).constants["SIZES"]))
    model = models.build(config.Model(family=family, size=size, context=24), 30).eval()
    for weight in model.parameters():
        weight.data *= 3  # so that the argmax is no close call
    return model


@pytest.fixture(scope="module", params=["windows", "documents"])
def memory(request, tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    return open_model(make_run(home, rows=request.param), home)


@pytest.mark.parametrize("at_once", [1, 10_000, 1 << 25])
def test_predictions_are_those_of_each_row_alone(memory, at_once, monkeypatch):
    monkeypatch.setattr(predicted, "_LOGITS", at_once)
    inputs, targets = memory.data.train.take(np.arange(12))
    found = predict(memory.model, inputs, targets)
    for row in range(12):
        n = int((targets[row] != IGNORED).sum())
        with torch.no_grad():
            shares = memory.model(input_ids=torch.from_numpy(inputs[row : row + 1, :n])).logits[0].double().softmax(-1)
        own = shares[torch.arange(n), torch.from_numpy(targets[row, :n])]
        np.testing.assert_allclose(found.log_probabilities[row, :n], own.log(), atol=1e-5)
        assert found.ranks[row, :n].tolist() == (shares > own[:, None]).sum(1).tolist()
        assert found.guesses[row, :n].tolist() == shares.argmax(1).tolist()
        assert (found.ranks[row, n:] == -1).all()
        assert np.isnan(found.log_probabilities[row, n:]).all()
    assert np.array_equal(found.are_right & found.are_predicted, found.ranks == 0)


@pytest.mark.parametrize("family", FAMILIES)
def test_continuations_are_those_of_generate_one_by_one(family):
    model = build(family)
    generator = np.random.default_rng(0)
    prompts = [generator.integers(0, 30, length) for length in (1, 5, 5, 9, 2, 5)]
    wanted = [4, 7, 3, 6, 10, 0]
    found = continue_greedily(model, prompts, wanted)
    for prompt, n, tokens in zip(prompts, wanted, found, strict=True):
        assert len(tokens) == n
        if n:
            ids = torch.from_numpy(prompt)[None]
            greedy = {"max_new_tokens": n, "min_new_tokens": n, "do_sample": False, "pad_token_id": 0}
            known = model.generate(ids, attention_mask=torch.ones_like(ids), **greedy)
            assert tokens.tolist() == known[0, len(prompt) :].tolist()


def test_who_asks_hears_how_far_it_is_and_may_stop_it():
    heard = []
    continue_greedily(build("gpt2"), [np.array([1, 2])] * 3 + [np.array([1])], [1] * 4, heard.append)
    assert heard == [1, 4]

    def stop(done):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        continue_greedily(build("gpt2"), [np.array([1, 2])], [1], stop)


@pytest.mark.parametrize("part", ["training", "validation"])
def test_prompt_and_continuation_make_up_the_row(memory, part):
    found = take_excerpts(memory.data, memory.context, part, 9, seed=4)
    rows = memory.data.train if part == "training" else memory.data.validation
    for number, row in enumerate(found.rows):
        _, targets = rows.take(np.array([row]))
        n = int((targets[0] != IGNORED).sum())
        start, stop = found.starts[number], found.stops[number]
        assert (stop, stop - start) == (n, n - n // 2)
        assert found.continuations[number].tolist() == targets[0, start:stop].tolist()
        assert found.prompts[number].tolist() == found.inputs[number, : start + 1].tolist()
        assert found.inputs[number, start + 1 : stop].tolist() == targets[0, start : stop - 1].tolist()
    assert found.are_in_continuations.sum(1).tolist() == (found.stops - found.starts).tolist()


def test_training_text_stands_in_the_training_text_and_held_out_text_does_not(memory):
    assert (take_excerpts(memory.data, memory.context, "training").times >= 1).all()
    assert (take_excerpts(memory.data, memory.context, "validation").times == 0).all()


def test_excerpts_are_drawn_by_the_seed_in_the_order_of_the_text(memory):
    first, again, other = (take_excerpts(memory.data, memory.context, "training", 8, seed).rows.tolist() for seed in (0, 0, 1))
    assert first == again == sorted(first) != other
    assert len(take_excerpts(memory.data, memory.context, "training")) == len(memory.data.train)
