"""Hidden states are what transformers itself calls so, but for the last block, whose own output it hides behind the final LayerNorm."""

import pytest
import torch

from memlab import config, models, registry
from memlab.errors import UnknownName, UsageError
from memlab.measures.hidden import NORM, choose_layers, describe_layer, hidden_states, layer_names, widths

IDS = torch.tensor([[5, 3, 8, 1, 9], [2, 2, 7, 4, 6]])


def build(family="gpt2"):
    torch.manual_seed(0)
    size = next(iter(registry.describe("family", family).constants["SIZES"]))
    return models.build(config.Model(family=family, size=size, context=16), 20).eval()


@pytest.fixture(scope="module")
def model():
    return build()


def test_states_are_transformers_own_hidden_states(model):
    names = layer_names(model)
    states = hidden_states(model, IDS, names)
    with torch.no_grad():
        known = model(input_ids=IDS, output_hidden_states=True).hidden_states
    for name, state in zip([*names[:-2], NORM], known, strict=True):
        assert torch.equal(states[name], state), name


def test_the_last_block_leaves_what_the_final_layernorm_takes(model):
    states = hidden_states(model, IDS, layer_names(model))
    last = states[layer_names(model)[-2]]
    with torch.no_grad():
        assert torch.allclose(model.transformer.ln_f(last), states[NORM], atol=1e-6)
    assert not torch.allclose(last, states[NORM])


def test_a_blocks_output_is_the_next_ones_input(model):
    states = hidden_states(model, IDS, ["0", "1"])
    with torch.no_grad():
        first = model.transformer.h[0](states["0"])
    first = first[0] if isinstance(first, tuple) else first
    assert torch.allclose(first, states["1"], atol=1e-6)


@pytest.mark.parametrize("family", [name for name in registry.names("family") if name != "pretrained"])
def test_every_family_has_a_state_before_and_after_each_block(family):
    model = build(family)
    names = layer_names(model)
    n_blocks = model.config.num_hidden_layers
    assert names[: n_blocks + 1] == [str(number) for number in range(n_blocks + 1)]
    assert names[n_blocks + 1 :] in ([], [NORM])
    assert all(state.shape[:2] == IDS.shape for state in hidden_states(model, IDS, names).values())


def test_a_post_norm_model_has_no_norm_of_its_own_at_the_end():
    assert NORM not in layer_names(build("vanilla"))


def test_no_hook_stays_behind(model):
    def n_hooks():
        return sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.modules())

    before = n_hooks()
    hidden_states(model, IDS, ["1"])
    assert n_hooks() == before


def test_widths_are_those_of_the_states(model):
    assert widths(model, ["0", NORM]) == {"0": model.config.n_embd, NORM: model.config.n_embd}


NAMES = ["0", "1", "2", "3", "norm"]


@pytest.mark.parametrize(
    ("words", "chosen"),
    [("all", NAMES), ("3,0", ["0", "3"]), ("-1", ["3"]), ("-4, norm", ["0", "norm"]), ("2", ["2"])],
)
def test_layers_are_chosen_by_number_or_name_in_the_order_of_the_model(words, chosen):
    assert choose_layers(words, NAMES) == chosen


@pytest.mark.parametrize("words", ["4", "-5", "nrm", "1,x"])
def test_a_layer_that_is_not_there_is_named_with_those_that_are(words):
    with pytest.raises(UnknownName, match="no layer"):
        choose_layers(words, NAMES)


@pytest.mark.parametrize("words", ["", " , "])
def test_no_layer_at_all_is_refused(words):
    with pytest.raises(UsageError, match="give all, or numbers"):
        choose_layers(words, NAMES)


def test_a_layer_in_words():
    assert [describe_layer(name, NAMES) for name in ("0", "2", "norm")] == [
        "what enters block 1",
        "after block 2 of 3",
        "after the final LayerNorm",
    ]
