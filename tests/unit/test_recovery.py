"""Disturbed inputs and what comes back: on toys whose answers are known, and against the same computed one by one and without a cache."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn
from transformers import GPT2Config, GPT2LMHeadModel

from memlab.measures import recovery
from memlab.measures.hidden import hidden_states
from memlab.measures.recovery import Noise, Replacement, Texts, continuations, disturbed, greedy, last_states
from memlab.measures.returning import chance, half_level, rate, same_ends
from memlab.memory.retrieval import descend

V = 12


class Copying(nn.Module):
    """Says the last token again, over and over: its states are one-hot, its blocks do nothing."""

    device = torch.device("cpu")

    def __init__(self):
        super().__init__()
        numbers = SimpleNamespace(num_hidden_layers=2, vocab_size=V)
        self.config = SimpleNamespace(get_text_config=lambda: numbers)
        self.blocks = nn.ModuleList([nn.Identity(), nn.Identity()])

    @property
    def base_model(self):
        return self

    def forward(self, input_ids, past_key_values=None, use_cache=False):
        state = nn.functional.one_hot(input_ids, V).float()
        for block in self.blocks:
            state = block(state)
        return SimpleNamespace(logits=self.logits(state), last_hidden_state=state)

    def logits(self, state):
        return state


class Deaf(Copying):
    """Says a token that only the number of tokens decides."""

    def logits(self, state):
        return nn.functional.one_hot(torch.full(state.shape[:2], state.shape[1] % V), V).float()


def gpt2(seed=0):
    torch.manual_seed(seed)
    shape = {"vocab_size": V, "n_positions": 16, "n_embd": 16, "n_layer": 2, "n_head": 2}
    return GPT2LMHeadModel(GPT2Config(**shape, bos_token_id=None, eos_token_id=None)).eval()


def some_texts(n=9, length=6, seed=0):
    return Texts(np.random.default_rng(seed).integers(0, V, (n, length)), np.full(n, length), np.arange(n) * 3)


NOISE = Noise("0", 1.0, V, (0, 0))
REPLACED = Replacement(np.arange(V), 0, (0, 0))


@pytest.mark.parametrize("disturbance", [NOISE, Noise("2", 5.0, V, (0, 1)), REPLACED])
@pytest.mark.parametrize("level", [0.0, 0.3, 1.0])
def test_a_model_that_ignores_its_input_always_comes_back(disturbance, level):
    said = continuations(Deaf(), some_texts(), 4, disturbance, level)
    assert (said == (6 + np.arange(4)) % V).all()


def test_one_hot_states_come_back_from_noise_shorter_than_half_their_distance_and_not_from_much_longer():
    texts = some_texts(200)
    undisturbed = continuations(Copying(), texts, 3, NOISE, 0)
    assert (undisturbed == texts.ids[:, -1:]).all()
    assert (continuations(Copying(), texts, 3, NOISE, 0.7) == undisturbed).all()  # the distance is √2
    far = (continuations(Copying(), texts, 3, NOISE, 1e4) == undisturbed).all(1).mean()
    assert far == pytest.approx(1 / V, abs=0.07)


def test_where_all_tokens_are_replaced_a_copying_model_says_something_else():
    texts = some_texts(50)
    undisturbed = continuations(Copying(), texts, 3, REPLACED, 0)
    assert (continuations(Copying(), texts, 3, REPLACED, 1.0) != undisturbed).all()


@pytest.mark.parametrize("level", [0.0, 0.1, 0.5, 1.0])
def test_so_many_tokens_are_replaced_by_others_and_the_first_are_kept(level):
    texts = Texts(np.random.default_rng(1).integers(0, V, (40, 10)), np.array([10, 7] * 20), np.arange(40))
    ids, noise = Replacement(np.arange(2, V), 1, (4,)).apply(texts, level)
    changed = ids != texts.ids
    assert noise is None
    assert not changed[:, 0].any()
    assert not changed[1::2, 7:].any()
    assert (changed.sum(1) == np.tile([np.ceil(level * 9), np.ceil(level * 6)], 20)).all()
    assert (ids[changed] >= 2).all()


def test_replaced_tokens_are_evenly_any_of_the_others():
    texts = Texts(np.full((400, 20), 5), np.full(400, 20), np.arange(400))
    counts = np.bincount(Replacement(np.arange(V), 0, (0,)).apply(texts, 1.0)[0].ravel(), minlength=V)
    assert counts[5] == 0
    assert np.delete(counts, 5) == pytest.approx(8000 / (V - 1), rel=0.15)


def test_a_higher_level_is_more_of_the_same():
    texts = some_texts()
    few, many = (REPLACED.apply(texts, level)[0] for level in (0.34, 0.67))
    was_changed = few != texts.ids
    assert (few[was_changed] == many[was_changed]).all()
    near, far = (NOISE.apply(texts, level)[1] for level in (0.5, 2.0))
    assert torch.allclose(4 * near, far)
    assert torch.allclose(near.norm(dim=2), torch.tensor(0.5))


@pytest.mark.parametrize("layer", ["0", "1", "2"])
def test_noise_is_added_to_just_that_layer_at_the_first_positions(layer):
    model, ids = gpt2(), torch.arange(8)[None]
    noise = torch.randn(1, 5, 16, generator=torch.Generator().manual_seed(2))
    before = hidden_states(model, ids, ["0", "1", "2"])
    with disturbed(model, layer, noise):
        after = hidden_states(model, ids, ["0", "1", "2"])
    moved = after[layer] - before[layer]
    assert torch.allclose(moved[:, :5], noise, atol=1e-5)
    assert torch.equal(moved[:, 5:], torch.zeros(1, 3, 16))
    for earlier in range(int(layer)):
        assert torch.equal(after[str(earlier)], before[str(earlier)])
    again = hidden_states(model, ids, ["2"])
    assert torch.equal(again["2"], before["2"])


@pytest.mark.parametrize("layer", ["0", "2"])
def test_greedy_with_kept_keys_and_values_is_greedy_without(layer):
    model, ids = gpt2(3), torch.from_numpy(some_texts().ids)
    noise = torch.randn(9, 6, 16, generator=torch.Generator().manual_seed(1)) * 0.3
    tokens = ids
    with torch.inference_mode(), disturbed(model, layer, noise):
        for _ in range(8):
            tokens = torch.cat([tokens, model(input_ids=tokens).logits[:, -1].argmax(-1, keepdim=True)], 1)
    assert torch.equal(greedy(model, ids, 8, None, layer, noise), tokens[:, 6:])


def test_after_its_end_a_continuation_repeats_it():
    said = greedy(Deaf(), torch.zeros(2, 6, dtype=torch.long), 5, end=8)
    assert said.tolist() == [[6, 7, 8, 8, 8]] * 2


@pytest.mark.parametrize("disturbance", [Noise("1", 0.5, 16, (1,)), Noise("0", 0.5, 16, (1,)), Replacement(np.arange(V), 0, (1,))])
def test_a_batch_of_one_is_the_big_batch(disturbance, monkeypatch):
    model, texts = gpt2(), some_texts()
    texts = Texts(texts.ids, np.array([6, 5, 4] * 3), texts.numbers)
    together = last_states(model, texts, "2", disturbance, 0.5)
    same_length = Texts(texts.ids, np.full(9, 6), texts.numbers)
    said = continuations(model, same_length, 5, disturbance, 0.5)
    monkeypatch.setattr(recovery, "_TOKENS", 1)
    assert torch.allclose(last_states(model, texts, "2", disturbance, 0.5), together, atol=1e-5)
    assert (continuations(model, same_length, 5, disturbance, 0.5) == said).all()


def test_another_seed_disturbs_otherwise():
    texts = some_texts()
    assert not torch.allclose(NOISE.apply(texts, 1)[1], Noise("0", 1.0, V, (1, 0)).apply(texts, 1)[1])
    assert (REPLACED.apply(texts, 1)[0] != Replacement(np.arange(V), 0, (1, 0)).apply(texts, 1)[0]).any()


def test_ends_are_the_same_where_the_fixed_points_are():
    patterns = torch.tensor([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]])
    starts = torch.tensor([[0.1, 0.0], [9.0, 1.0], [1.0, 1.0], [1.0, 8.0]])  # two queries, then both again, disturbed
    ends, nearest = same_ends(descend(starts, patterns, 1.0, 10.0), 2, 10.0)
    assert ends.tolist() == nearest.tolist() == [[True, True], [True, False]]


def test_a_descent_that_is_not_done_comes_back_nowhere():
    patterns = torch.tensor([[0.0], [10.0]])
    found = descend(torch.tensor([[4.9], [4.9]]), patterns, 0.01, 10.0, max_steps=1)
    assert same_ends(found, 1, 10.0)[0].tolist() == [[False], [False]]


def test_chance_is_the_share_of_pairs_that_are_alike():
    assert chance(["a", "a", "b", "c"]) == pytest.approx(1 / 6)
    assert chance([3] * 5) == 1
    assert chance([1]) == chance([]) == 0


def test_rates_and_the_level_at_which_half_is_left():
    answers = np.array([True, False, True, True] * 10)
    by_passage, by_document = rate(answers, np.arange(40)), rate(answers, np.arange(40) // 8)
    assert by_passage.value == by_document.value == 0.75
    assert (by_passage.how, by_document.how) == ("Clopper-Pearson", "bootstrap over documents, at least Clopper-Pearson")
    none = rate(np.array([], bool), np.array([], int))
    assert (none.value, none.low, none.high, none.n) == (0, 0, 1, 0)
    assert half_level([0, 1, 2], [1.0, 0.75, 0.25]) == pytest.approx(1.5)
    assert half_level([0, 1, 2], [1.0, 0.75, 0.5]) is None
    assert half_level([0, 1, 2], [1.0, 0.5, 0.0]) == 1
