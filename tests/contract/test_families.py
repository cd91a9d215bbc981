"""Every family of models that memlab finds keeps the same promises."""

import os

import pytest
import torch

from memlab import models, registry
from memlab.config import Model
from memlab.errors import ConfigError, UnknownName

V, T = 97, 24


@pytest.fixture(params=registry.names("family"), scope="module")
def family(request):
    return request.param


@pytest.fixture(scope="module")
def sizes(family, tmp_path_factory):
    """The sizes of the family; of one that takes any model, a small saved one."""
    constants = registry.describe("family", family).constants
    if "ANY_SIZE" not in constants:
        return list(constants["SIZES"])
    folder = tmp_path_factory.mktemp("saved")
    torch.manual_seed(0)
    models.build(Model(family="gpt2", size="nano", context=T), V).save_pretrained(folder)
    return [str(folder)]


@pytest.fixture(scope="module")
def smallest(family, sizes):
    """The size of the family with the fewest parameters."""
    chosen = (Model(family=family, size=size, context=T) for size in sizes)
    return min(chosen, key=lambda model: models.count_without_weights(model, V)[1])


@pytest.fixture(scope="module")
def model(smallest):
    torch.manual_seed(0)
    return models.build(smallest, V).eval()


@pytest.fixture
def ids():
    return torch.randint(0, V, (3, T), generator=torch.Generator().manual_seed(1))


def test_it_says_in_one_line_what_it_is(family):
    assert 10 < len(registry.describe("family", family).summary) <= 100


def test_sizes_are_literals_with_depth_and_width_or_words_for_any(family):
    constants = registry.describe("family", family).constants
    assert bool(constants["SIZES"]) != bool(constants.get("ANY_SIZE"))
    for name, size in constants["SIZES"].items():
        assert {"n_layer", "n_embd"} <= set(size), name
        numbers = [item for value in size.values() for item in (value if isinstance(value, tuple) else (value,))]
        assert all(isinstance(value, int | float) and not isinstance(value, bool) for value in numbers), name
        assert models.size_of(Model(family=family, size=name)) == size


def test_a_size_that_it_does_not_have_is_named(family, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises((UnknownName, ConfigError), match=r"^(family '\w+' has no size 'nothing'|model\.size 'nothing')"):
        models.configure(Model(family=family, size="nothing"), V)


def test_an_option_that_it_does_not_have_is_named(family, sizes):
    with pytest.raises(ConfigError, match=r"model\.options.*nothing"):
        models.size_of(Model(family=family, size=sizes[0], options={"nothing": 1}))


def test_logits_have_a_value_for_every_token_and_place(model, ids):
    with torch.no_grad():
        logits = model(input_ids=ids).logits
    assert logits.shape == (3, T, V)
    assert logits.dtype == torch.float32
    assert logits.isfinite().all()


def test_hidden_states_are_one_more_than_the_layers(model, ids):
    with torch.no_grad():
        states = model(input_ids=ids, output_hidden_states=True).hidden_states
    assert len(states) == model.config.num_hidden_layers + 1
    assert all(state.shape == (3, T, model.config.hidden_size) for state in states)


def test_the_configuration_answers_to_the_same_names(model, smallest):
    size, config = models.size_of(smallest), model.config
    for ours, theirs in (("n_layer", "num_hidden_layers"), ("n_embd", "hidden_size"), ("n_head", "num_attention_heads")):
        assert ours not in size or size[ours] == getattr(config, theirs)
    assert (config.max_position_embeddings, config.vocab_size) == (T, V)
    assert models.configure(smallest, V).hidden_size == config.hidden_size


def test_the_base_model_and_the_output_layer_are_the_model(model, ids):
    with torch.no_grad():
        last = model.base_model(input_ids=ids).last_hidden_state
        whole = model(input_ids=ids, output_hidden_states=True)
        assert last.shape == (3, T, model.config.hidden_size)
        assert torch.equal(last, whole.hidden_states[-1])
        assert torch.equal(model.get_output_embeddings()(last), whole.logits)


@pytest.mark.slow
def test_it_compiles_as_one_graph(smallest, ids):
    torch.manual_seed(0)
    model = models.build(smallest, V).train()
    compiled = torch.compile(model, fullgraph=True, backend="eager")
    losses = []
    for forward in (model, compiled):
        torch.manual_seed(0)
        losses.append(forward(input_ids=ids).logits.float().logsumexp(-1).sum())
    torch.testing.assert_close(*losses)


def test_no_token_sees_the_ones_after_it(model, ids):
    changed = ids.clone()
    changed[:, T // 2 :] = (changed[:, T // 2 :] + 1) % V
    with torch.no_grad():
        before, after = model(input_ids=ids).logits, model(input_ids=changed).logits
    torch.testing.assert_close(before[:, : T // 2], after[:, : T // 2], rtol=0, atol=1e-6)
    assert not torch.allclose(before[:, T // 2 :], after[:, T // 2 :])


def test_the_order_of_the_tokens_matters(model, ids):
    with torch.no_grad():
        last, swapped = (model(input_ids=given).logits[:, -1] for given in (ids, ids[:, [1, 0, *range(2, T)]]))
    assert not torch.allclose(last, swapped)


def test_what_is_saved_loads_as_the_same_model(model, ids, tmp_path):
    model.save_pretrained(tmp_path)
    loaded = models.load(tmp_path)
    assert type(loaded) is type(model)
    assert not loaded.training
    assert all(torch.equal(weight, dict(loaded.named_parameters())[name]) for name, weight in model.named_parameters())
    with torch.no_grad():
        assert torch.equal(loaded(input_ids=ids).logits, model(input_ids=ids).logits)


def test_only_safetensors_and_json_are_written(model, tmp_path):
    model.save_pretrained(tmp_path)
    assert {os.path.splitext(name)[1] for name in os.listdir(tmp_path)} == {".safetensors", ".json"}


def test_it_generates(model, ids):
    with torch.no_grad():
        out = model.generate(ids[:, :4], attention_mask=torch.ones(3, 4), max_new_tokens=6, do_sample=False, pad_token_id=0)
    assert out.shape == (3, 10)
    assert torch.equal(out[:, :4], ids[:, :4])


def test_its_parameters_are_counted(model, smallest):
    n_params, total = models.count_parameters(model)
    config = model.config
    assert models.count_without_weights(smallest, V) == (n_params, total)
    assert 0 < n_params < total == sum(weight.numel() for weight in model.parameters())
    assert 0.5 < n_params / (12 * config.num_hidden_layers * config.hidden_size**2) < 2


def test_every_weight_learns(smallest, ids):
    torch.manual_seed(0)
    model = models.build(smallest, V).train()
    model(input_ids=ids, labels=ids).loss.backward()
    gradients = {name: weight.grad for name, weight in model.named_parameters()}
    assert [name for name, gradient in gradients.items() if gradient is None or not gradient.any()] == []
    assert all(gradient.isfinite().all() for gradient in gradients.values())


def test_the_same_seed_gives_the_same_model(smallest):
    built = []
    for _ in range(2):
        torch.manual_seed(3)
        built.append(dict(models.build(smallest, V).named_parameters()))
    assert all(torch.equal(weight, built[1][name]) for name, weight in built[0].items())
