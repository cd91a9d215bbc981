"""Models have the sizes that they are named after, see no future token, and come back from disk as they were."""

import json
import math
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from memlab import models
from memlab.config import Model
from memlab.errors import ConfigError, RunError, UnknownName
from memlab.models.families import vanilla

NANO = Model(family="vanilla", size="nano", context=16)
V = 50


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return models.build(NANO, V).eval()


@pytest.fixture
def saved(model, tmp_path):
    model.save_pretrained(tmp_path)
    return tmp_path


@pytest.fixture
def ids():
    return torch.randint(0, V, (3, 12), generator=torch.Generator().manual_seed(1))


# --- sizes


@pytest.mark.parametrize(("size", "n_params", "total"), [("small", 85_017_600, 124_439_808), ("medium", 302_211_072, 354_823_168)])
def test_gpt2_counts_as_published_at_its_vocabulary_and_context(size, n_params, total):
    assert models.count_without_weights(Model(family="gpt2", size=size, context=1024), 50_257) == (n_params, total)


@pytest.mark.parametrize("size", ["nano", "micro", "mini", "small", "medium", "large", "xl"])
def test_n_of_gpt2_is_about_12_l_c_squared(size):
    model = Model(family="gpt2", size=size, context=64)
    named = models.size_of(model)
    n_params, total = models.count_without_weights(model, 1000)
    layers, width = named["n_layer"], named["n_embd"]
    assert n_params == layers * (12 * width**2 + 9 * width)  # the biases: 3 + 1 + 4 + 1
    assert total == n_params + (1000 + 64) * width + (4 * layers + 2) * width  # embeddings, and the norms' weights and biases


@pytest.mark.parametrize("size", ["nano", "micro", "mini", "6-layer", "10-layer"])
def test_n_of_vanilla_is_about_12_l_c_squared_too(size):
    model = Model(family="vanilla", size=size)
    named = models.size_of(model)
    n_params, total = models.count_without_weights(model, 1000)
    layers, width = named["n_layer"], named["n_embd"]
    assert n_params == layers * (12 * width**2 + 9 * width)
    assert total == n_params + 2 * 1000 * width + 1000 + 4 * layers * width  # both embeddings, the output's bias, the norms


def test_counting_without_weights_counts_what_a_model_has(model):
    assert models.count_without_weights(NANO, V) == models.count_parameters(model)
    assert models.count_parameters(model)[1] == sum(weight.numel() for weight in model.parameters())


def test_options_change_the_named_size_and_leave_it_alone():
    changed = models.size_of(replace(NANO, options={"n_layer": 5.0, "dropout": 0}))
    assert changed == {**models.size_of(NANO), "n_layer": 5, "dropout": 0.0}
    assert (type(changed["n_layer"]), type(changed["dropout"])) == (int, float)
    assert models.size_of(NANO)["n_layer"] == 2
    built = models.build(replace(NANO, options={"n_layer": 1, "dropout": 0}), V)
    assert (len(built.model.blocks), built.config.dropout) == (1, 0.0)


@pytest.mark.parametrize(
    ("model", "complaint"),
    [
        (Model(family="gpt3"), "no family 'gpt3'; did you mean 'gpt2'?"),
        (Model(size="smal"), "family 'gpt2' has no size 'smal'; did you mean 'small'?"),
        (Model(options={"n_layers": 3}), "no setting 'model.options.n_layers'; did you mean 'model.options.n_layer'?"),
        (Model(options={"n_layer": "many"}), "model.options.n_layer is 'many'; it must be a whole number"),
        (Model(options={"n_layer": 1.5}), "model.options.n_layer is 1.5; it must be a whole number"),
        (Model(options={"n_layer": True}), "model.options.n_layer is True; it must be a whole number"),
        (Model(options={"n_head": 0}), "model.options.n_head is 0; it must be at least 1"),
        (Model(options={"n_embd": -4}), "model.options.n_embd is -4; it must be at least 1"),
        (Model(options={"dropout": math.nan}), "model.options.dropout is nan; it must be a finite number"),
        (Model(options={"dropout": 1.5}), "model.options.dropout is 1.5; it must be a share in [0, 1]"),
        (Model(options={"dropout": -0.1}), "model.options.dropout is -0.1; it must be a share in [0, 1]"),
        (Model(options={"n_head": 3}), "model.options: n_embd is 128 and n_head is 3; the heads must divide the width"),
        (Model(family="openelm", options={"n_layer": 3}), "model.options: n_layer is 3 and n_kv_head has 4 numbers; give one a layer"),
        (Model(family="openelm", options={"n_inner": 64}), "model.options: n_layer is 4 and n_inner has 1 numbers; give one a layer"),
        (Model(family="openelm", options={"n_inner": [64, 0, 64, 64]}), "model.options.n_inner is 0; it must be at least 1"),
        (Model(family="openelm", options={"n_inner": [64, "x", 64, 64]}), "model.options.n_inner is 'x'; it must be a whole number"),
        (
            Model(family="pretrained", options={"n_layer": 1, "dropout": 0.0}),
            "model.options sets n_layer, dropout, but family 'pretrained'",
        ),
    ],
)
def test_a_wrong_name_or_option_is_named(model, complaint):
    with pytest.raises((UnknownName, ConfigError)) as error:
        models.size_of(model)
    assert str(error.value).startswith(complaint)


def test_the_same_seed_gives_the_same_weights():
    built = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        built.append(models.build(replace(NANO, family="gpt2"), V).state_dict())
    assert all(torch.equal(built[0][name], built[1][name]) for name in built[0])
    assert not all(torch.equal(built[0][name], built[2][name]) for name in built[0])


# --- saving and loading


def test_a_saved_model_gives_identical_logits(model, saved, ids):
    with torch.no_grad():
        assert torch.equal(models.load(saved)(input_ids=ids).logits, model(input_ids=ids).logits)


def test_a_loaded_model_has_its_positions_and_does_not_drop_out(saved, ids):
    loaded = models.load(saved)
    assert not loaded.training
    assert torch.equal(loaded.model.positions, vanilla.sinusoids(16, 64))


def damage_config(folder, **changes):
    table = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**table, **changes}))


def damage_weights(folder, change):
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})


DAMAGES = {
    "no configuration": lambda folder: (folder / "config.json").unlink(),
    "a torn configuration": lambda folder: (folder / "config.json").write_text('{"model_type": '),
    "a configuration of something else": lambda folder: (folder / "config.json").write_text("[]"),
    "a type that nobody knows": lambda folder: damage_config(folder, model_type="nothing-of-this-name"),
    "another size": lambda folder: damage_config(folder, n_embd=32),
    "another depth": lambda folder: damage_config(folder, n_layer=1),
    "no weights": lambda folder: (folder / "model.safetensors").unlink(),
    "torn weights": lambda folder: (folder / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[:-100]),
    "a missing weight": lambda folder: damage_weights(folder, lambda tensors: tensors.pop("lm_head.weight")),
    "a weight of another shape": lambda folder: damage_weights(folder, lambda tensors: tensors.update({"lm_head.weight": torch.zeros(2)})),
    "a weight too many": lambda folder: damage_weights(folder, lambda tensors: tensors.update({"lm_head.extra": torch.zeros(2)})),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_model_is_an_error_of_one_line_and_never_random_weights(saved, damage, capfd):
    damage(saved)
    with pytest.raises(RunError, match=rf"^{saved} (cannot be loaded|holds no model): [^\n]+$"):
        models.load(saved)


def test_a_pickle_is_not_loaded(model, saved):
    weights = saved / "model.safetensors"
    torch.save(load_file(weights), saved / "pytorch_model.bin")
    weights.unlink()
    with pytest.raises(RunError, match="cannot be loaded"):
        models.load(saved)


def test_code_beside_the_weights_is_not_run(saved, ids):
    (saved / "modeling_evil.py").write_text("raise SystemExit('run')")
    damage_config(saved, auto_map={"AutoConfig": "modeling_evil.Config", "AutoModelForCausalLM": "modeling_evil.Model"})
    assert isinstance(models.load(saved), vanilla.VanillaForCausalLM)


# --- vanilla: Vaswani et al. 2017 as a causal language model


def test_positions_are_the_sinusoids_of_the_closed_form():
    for width in (8, 7, 64):
        found = vanilla.sinusoids(20, width)
        assert found.shape == (20, width)
        for position in (0, 1, 19):
            for channel in range(width):
                angle = position / 10_000 ** (2 * (channel // 2) / width)
                assert found[position, channel] == pytest.approx(math.cos(angle) if channel % 2 else math.sin(angle), abs=1e-6)


def test_a_change_of_a_token_changes_nothing_before_it(model, ids):
    changed = ids.clone()
    changed[:, 7] = (changed[:, 7] + 1) % V
    with torch.no_grad():
        before, after = model(input_ids=ids).logits, model(input_ids=changed).logits
    assert torch.equal(before[:, :7], after[:, :7])
    assert ((before - after).abs().amax(-1) > 0)[:, 7:].all()


def test_a_block_is_attention_and_feed_forward_each_added_and_then_normalised(model):
    """Against the same computed step by step in float64."""
    block = models.build(NANO, V).double().eval().model.blocks[0]
    state = torch.randn(2, 5, 64, dtype=torch.float64)
    query, key, value = block.attention.project_in(state).split(64, dim=-1)
    heads = []
    for head in range(2):
        part = slice(32 * head, 32 * (head + 1))
        scores = query[..., part] @ key[..., part].transpose(1, 2) / math.sqrt(32)
        scores = scores.masked_fill(torch.ones(5, 5).triu(1).bool(), -math.inf)
        heads.append(scores.softmax(-1) @ value[..., part])
    middle = normalised(state + block.attention.project_out(torch.cat(heads, -1)))
    inner = block.feed_forward[0](middle).clamp(min=0)
    expected = normalised(middle + block.feed_forward[3](inner))
    torch.testing.assert_close(block(state, None), expected, rtol=0, atol=1e-12)


def normalised(state):
    return (state - state.mean(-1, keepdim=True)) / (state.var(-1, unbiased=False, keepdim=True) + 1e-5).sqrt()


def test_hidden_states_are_the_embedding_and_each_blocks_output(model, ids):
    with torch.no_grad():
        out = model(input_ids=ids, output_hidden_states=True)
        embedded = model.model.embed(ids) * math.sqrt(64) + vanilla.sinusoids(12, 64)
        torch.testing.assert_close(out.hidden_states[0], embedded)
        torch.testing.assert_close(out.hidden_states[2], model.model.blocks[1](out.hidden_states[1], None))
        torch.testing.assert_close(out.logits, model.lm_head(out.hidden_states[2]))
    assert all(state.mean(-1).abs().max() < 1e-5 for state in out.hidden_states[1:])  # post-norm


@pytest.mark.parametrize("side", ["left", "right"])
def test_padding_on_either_side_changes_nothing(model, ids, side):
    padded = nn.functional.pad(ids, (4, 0) if side == "left" else (0, 4), value=0)
    mask = nn.functional.pad(torch.ones_like(ids), (4, 0) if side == "left" else (0, 4))
    with torch.no_grad():
        alone, beside = model(input_ids=ids).logits, model(input_ids=padded, attention_mask=mask).logits
        everything = model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits
    assert beside.isfinite().all()
    torch.testing.assert_close(beside[:, 4:] if side == "left" else beside[:, :12], alone, rtol=0, atol=1e-5)
    assert torch.equal(everything, alone)


def test_the_loss_is_that_of_the_next_tokens(model, ids):
    labels = ids.clone()
    labels[:, :4] = -100
    with torch.no_grad():
        out = model(input_ids=ids, labels=labels)
    chosen = out.logits[:, 3:-1].log_softmax(-1).gather(-1, ids[:, 4:, None])
    torch.testing.assert_close(out.loss, -chosen.mean())


def test_untrained_logits_are_about_as_uncertain_as_the_vocabulary_is_large(ids):
    torch.manual_seed(0)
    for family in ("gpt2", "vanilla", "openelm"):
        with torch.no_grad():
            loss = models.build(replace(NANO, family=family), V).eval()(input_ids=ids, labels=ids).loss
        assert abs(loss - math.log(V)) < 1


def test_dropout_acts_in_training_only(ids):
    dropped = models.build(replace(NANO, options={"dropout": 0.5}), V)
    with torch.no_grad():
        assert not torch.equal(dropped(input_ids=ids).logits, dropped(input_ids=ids).logits)
        dropped.eval()
        assert torch.equal(dropped(input_ids=ids).logits, dropped(input_ids=ids).logits)


def test_generating_greedily_repeats_the_argmax_step_by_step(model, ids):
    with torch.no_grad():
        generated = model.generate(ids[:, :4], attention_mask=torch.ones(3, 4), max_new_tokens=5, do_sample=False, pad_token_id=0)
        expected = ids[:, :4]
        for _ in range(5):
            expected = torch.cat([expected, model(input_ids=expected).logits[:, -1:].argmax(-1)], dim=1)
    assert torch.equal(generated, expected)
