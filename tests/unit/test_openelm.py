"""The OpenELM-style models have the printed sizes, and compute what their formulas say."""

import math

import pytest
import torch
from torch import nn

from memlab import models, registry
from memlab.config import Model
from memlab.models.families import openelm

MICRO = Model(family="openelm", size="micro", context=16)
V = 50
SIZES = registry.describe("family", "openelm").constants["SIZES"]


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return models.build(MICRO, V).eval()


@pytest.fixture(scope="module")
def exact():
    """In float64, without dropout, and with norms whose weights are not 1."""
    torch.manual_seed(0)
    made = models.build(MICRO, V).double().eval()
    for name, weight in made.named_parameters():
        if "norm" in name:
            nn.init.uniform_(weight, 0.5, 1.5)
    return made


@pytest.fixture
def ids():
    return torch.randint(0, V, (3, 12), generator=torch.Generator().manual_seed(1))


# --- sizes


@pytest.mark.parametrize(("size", "millions"), [("40m", "39.95"), ("60m", "60.26"), ("80m", "80.20")])
def test_n_is_as_printed(size, millions):
    n_params, total = models.count_without_weights(Model(family="openelm", size=size, context=1024), 50_257)
    named = SIZES[size]
    width = named["n_embd"]
    parts = [384 * width * heads + 2 * 64 + 3 * width * inner for heads, inner in zip(named["n_kv_head"], named["n_inner"], strict=True)]
    assert n_params == sum(parts)
    assert f"{n_params / 1e6:.2f}" == millions
    assert total == n_params + 50_257 * width + (2 * 8 + 1) * width  # the embedding once, and the norms


@pytest.mark.parametrize(("size", "width", "heads"), [("40m", 954, "33334445"), ("60m", 1280, "33334445"), ("80m", 1440, "33344455")])
def test_width_and_heads_are_as_printed(size, width, heads):
    assert (SIZES[size]["n_embd"], "".join(map(str, SIZES[size]["n_kv_head"]))) == (width, heads)


@pytest.mark.parametrize("size", ["40m", "60m", "80m"])
def test_feed_forward_widths_lie_on_a_line_from_half_the_width_in_multiples_of_64_but_the_last(size):
    width, inner = SIZES[size]["n_embd"], SIZES[size]["n_inner"]
    slope = (sum(inner) / 8 - width / 2) * 2 / 7  # of the line with the same mean
    assert all(abs(found - (width / 2 + layer * slope)) <= 48 for layer, found in enumerate(inner))
    assert all(found % 64 == 0 for found in inner[:-1])
    assert inner[-1] % 4 == 0


def test_small_sizes_are_as_large_as_those_of_the_other_families():
    for size in ("nano", "micro"):
        ours, gpt2 = (models.count_without_weights(Model(family=family, size=size), 100)[0] for family in ("openelm", "gpt2"))
        assert abs(ours / gpt2 - 1) < 0.02


# --- parts


def test_the_norm_divides_by_the_root_of_the_mean_square():
    norm, state = openelm.RMSNorm(8).double(), torch.randn(5, 8, dtype=torch.float64)
    nn.init.uniform_(norm.weight)
    weight = norm.weight.tolist()
    expected = [[weight[i] * x / math.sqrt(sum(y * y for y in row) / 8 + 1e-6) for i, x in enumerate(row)] for row in state.tolist()]
    torch.testing.assert_close(norm(state).detach(), torch.tensor(expected, dtype=torch.float64))


def test_a_rotation_turns_each_pair_of_channels_by_the_positions_angle():
    cos, sin = openelm.rotations(20)
    head = torch.randn(64)
    for position in (0, 1, 19):
        turned = openelm.rotate(head, cos[position], sin[position])
        for pair in (0, 1, 31):
            number = complex(head[pair], head[pair + 32]) * complex(math.cos(1), math.sin(1)) ** (position / 10_000 ** (pair / 32))
            assert complex(turned[pair], turned[pair + 32]) == pytest.approx(number, abs=1e-5)


def test_products_of_rotated_queries_and_keys_depend_on_their_distance_alone():
    cos, sin = (table.double() for table in openelm.rotations(64))
    query, key = torch.randn(64, dtype=torch.float64), torch.randn(64, dtype=torch.float64)

    def product(at, other):
        return openelm.rotate(query, cos[at], sin[at]) @ openelm.rotate(key, cos[other], sin[other])

    for distance in (0, 1, 17):
        assert product(distance, 0) == pytest.approx(product(distance + 40, 40).item(), abs=1e-5)
    assert product(1, 0) != pytest.approx(product(0, 1).item(), abs=1e-2)


@pytest.mark.parametrize("layer", [0, 3])  # with one head of keys and values, and with two
def test_attention_is_what_loops_over_heads_and_positions_give(exact, layer):
    attention = exact.model.blocks[layer].attention
    T, n_kv = 6, SIZES["micro"]["n_kv_head"][layer]
    state = torch.randn(1, T, 128, dtype=torch.float64)
    cos, sin = exact.model.cos[:T], exact.model.sin[:T]
    channels = (state[0] @ attention.project_in.weight.T).view(T, 4 * n_kv, 64)

    def prepared(head, norm):
        heads = [norm.weight * row / (row.square().mean() + 1e-6).sqrt() for row in channels[:, head]]
        return [openelm.rotate(row, cos[t], sin[t]) for t, row in enumerate(heads)]

    mixed = torch.zeros(T, 2 * n_kv, 64, dtype=torch.float64)
    for head in range(2 * n_kv):
        queries, keys = prepared(head, attention.norm_query), prepared(2 * n_kv + head // 2, attention.norm_key)
        for t in range(T):
            weights = torch.stack([(queries[t] @ keys[s] / 8).exp() for s in range(t + 1)])
            values = channels[: t + 1, 3 * n_kv + head // 2]
            mixed[t, head] = (weights[:, None] * values).sum(0) / weights.sum()
    expected = mixed.flatten(1) @ attention.project_out.weight.T
    found = attention(state, (cos, sin), None)
    torch.testing.assert_close(found[0], expected, rtol=0, atol=1e-12)


def test_grouped_queries_are_full_attention_with_repeated_keys_and_values(exact):
    attention = exact.model.blocks[3].attention
    T = 7
    state = torch.randn(2, T, 128, dtype=torch.float64)
    rotation = exact.model.cos[:T], exact.model.sin[:T]
    query, key, value = attention.project_in(state).view(2, T, 8, 64).transpose(1, 2).split((4, 2, 2), dim=1)
    key, value = key[:, [0, 0, 1, 1]], value[:, [0, 0, 1, 1]]
    scores = openelm.rotate(attention.norm_query(query), *rotation) @ openelm.rotate(attention.norm_key(key), *rotation).mT / 8
    scores = scores.masked_fill(torch.ones(T, T).triu(1).bool(), -math.inf)
    expected = attention.project_out((scores.softmax(-1) @ value).transpose(1, 2).flatten(2))
    torch.testing.assert_close(attention(state, rotation, None), expected, rtol=0, atol=1e-12)


def test_the_feed_forward_gates_with_swish(exact):
    part, state = exact.model.blocks[1].feed_forward, torch.randn(5, 128, dtype=torch.float64)
    gate, up = state @ part.project_in.weight[:256].T, state @ part.project_in.weight[256:].T
    torch.testing.assert_close(part(state), (gate / (1 + (-gate).exp()) * up) @ part.project_out.weight.T, rtol=0, atol=1e-12)


def test_a_block_adds_what_attention_and_feed_forward_make_of_the_normalised_state(exact):
    block, state = exact.model.blocks[2], torch.randn(2, 5, 128, dtype=torch.float64)
    rotation = exact.model.cos[:5], exact.model.sin[:5]
    middle = state + block.attention(block.norm_1(state), rotation, None)
    torch.testing.assert_close(block(state, rotation, None), middle + block.feed_forward(block.norm_2(middle)))


# --- the whole


def test_hidden_states_are_the_embedding_the_blocks_and_the_last_one_after_the_final_norm(model, ids):
    rotation = model.model.cos[:12], model.model.sin[:12]
    with torch.no_grad():
        states = model(input_ids=ids, output_hidden_states=True).hidden_states
        assert torch.equal(states[0], model.model.embed(ids))
        assert torch.equal(states[2], model.model.blocks[1](states[1], rotation, None))
        assert torch.equal(states[4], model.model.norm(model.model.blocks[3](states[3], rotation, None)))


def test_a_change_of_a_token_changes_nothing_before_it(model, ids):
    changed = ids.clone()
    changed[:, 7] = (changed[:, 7] + 1) % V
    with torch.no_grad():
        before, after = model(input_ids=ids).logits, model(input_ids=changed).logits
    assert torch.equal(before[:, :7], after[:, :7])
    assert ((before - after).abs().amax(-1) > 0)[:, 7:].all()


@pytest.mark.parametrize("side", ["left", "right"])
def test_padding_on_either_side_changes_nothing(model, ids, side):
    padded = nn.functional.pad(ids, (4, 0) if side == "left" else (0, 4), value=0)
    mask = nn.functional.pad(torch.ones_like(ids), (4, 0) if side == "left" else (0, 4))
    with torch.no_grad():
        alone, beside = model(input_ids=ids).logits, model(input_ids=padded, attention_mask=mask).logits
    assert beside.isfinite().all()
    torch.testing.assert_close(beside[:, 4:] if side == "left" else beside[:, :12], alone, rtol=0, atol=1e-5)


def test_generating_with_padding_at_the_left_gives_what_each_prompt_gives_alone(model, ids):
    padded, mask = nn.functional.pad(ids[:2, :4], (3, 0)), nn.functional.pad(torch.ones(2, 4), (3, 0))
    options = {"max_new_tokens": 5, "do_sample": False, "pad_token_id": 0}
    with torch.no_grad():
        beside = model.generate(padded, attention_mask=mask, **options)
        alone = model.generate(ids[:2, :4], attention_mask=torch.ones(2, 4), **options)
    assert torch.equal(beside[:, 7:], alone[:, 4:])


def test_the_output_layer_is_the_embedding_also_when_it_comes_back_from_disk(model, tmp_path):
    model.save_pretrained(tmp_path)
    loaded = models.load(tmp_path)
    for each in (model, loaded):
        assert each.lm_head.weight is each.model.embed.weight
    assert all(map(torch.equal, (loaded.model.cos, loaded.model.sin), openelm.rotations(16)))
    assert (loaded.config.n_kv_head, loaded.config.n_inner) == ([1, 1, 2, 2], [128, 256, 384, 512])


def test_weights_begin_with_a_deviation_of_0_02_and_norms_with_1(model):
    for name, weight in model.named_parameters():
        assert (weight == 1).all() if "norm" in name else weight.std().item() == pytest.approx(0.02, rel=0.05), name


def test_bf16_autocast_gives_nearly_the_same(model, ids):
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        rounded = model(input_ids=ids).logits
        masked = model(input_ids=ids, attention_mask=torch.tensor([[0] + [1] * 11] * 3)).logits
    with torch.no_grad():
        torch.testing.assert_close(rounded.float(), model(input_ids=ids).logits, rtol=0, atol=0.03)
    assert masked.isfinite().all()


def test_dropout_acts_in_training_only(ids):
    dropped = models.build(Model(family="openelm", size="nano", context=16, options={"dropout": 0.5}), V)
    with torch.no_grad():
        assert not torch.equal(dropped(input_ids=ids).logits, dropped(input_ids=ids).logits)
        dropped.eval()
        assert torch.equal(dropped(input_ids=ids).logits, dropped(input_ids=ids).logits)


def test_options_change_the_layers():
    options = {"n_layer": 2, "n_kv_head": [1, 2], "n_inner": [32, 96.0]}
    built = models.build(Model(family="openelm", size="micro", context=16, options=options), V)
    assert [block.attention.heads for block in built.model.blocks] == [(2, 1, 1), (4, 2, 2)]
    assert [block.feed_forward.project_out.in_features for block in built.model.blocks] == [32, 96]
