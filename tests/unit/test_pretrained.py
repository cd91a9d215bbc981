"""Any causal language model becomes a run's model: whole, in float32, counted as the paper counts; and what cannot be one is refused."""

import json
import time

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    AutoModelForCausalLM,
    BertConfig,
    BertForMaskedLM,
    Gemma2Config,
    GemmaConfig,
    GPT2Config,
    GPT2Model,
    GPTNeoXConfig,
    LlamaConfig,
    OPTConfig,
    Qwen2Config,
    Qwen3Config,
)

from memlab import models
from memlab.config import Model
from memlab.errors import ConfigError

V, T, C, LAYERS, INNER = 60, 32, 48, 3, 80
SHAPE = {"vocab_size": V, "hidden_size": C, "num_hidden_layers": LAYERS, "num_attention_heads": 4, "max_position_embeddings": T}
TOKENS = {"bos_token_id": None, "eos_token_id": None, "pad_token_id": None}
GROUPED = {**SHAPE, **TOKENS, "intermediate_size": INNER, "num_key_value_heads": 2, "head_dim": 12}
GATED = 2 * C * C + 2 * C * 24 + 3 * C * INNER  # queries and output, keys and values of half the heads, gate, up and down

# A configuration of each type, and its parameters of attention and feed-forward in one layer, biases included.
ARCHITECTURES = {
    "gpt2": (GPT2Config(vocab_size=V, n_positions=T, n_embd=C, n_layer=LAYERS, n_head=4, **TOKENS), 12 * C * C + 9 * C),
    "llama": (LlamaConfig(**GROUPED), GATED),
    "llama-tied": (LlamaConfig(**GROUPED, tie_word_embeddings=True), GATED),
    "qwen2": (Qwen2Config(**GROUPED), GATED + C + 2 * 24),
    "qwen3": (Qwen3Config(**GROUPED), GATED + 2 * 12),  # norms of queries and keys
    "gemma": (GemmaConfig(**GROUPED), GATED),
    "gemma2": (Gemma2Config(**GROUPED), GATED),
    "gpt-neox": (GPTNeoXConfig(**SHAPE, **TOKENS, intermediate_size=INNER), 4 * C * C + 4 * C + 2 * C * INNER + INNER + C),
    "opt": (
        OPTConfig(**SHAPE, **TOKENS, ffn_dim=INNER, word_embed_proj_dim=C),
        4 * C * C + 4 * C + 2 * C * INNER + INNER + C,
    ),
}


def save(configuration, folder, dtype=torch.float32):
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(configuration).to(dtype).eval()
    model.save_pretrained(folder)
    return model


def wanted(folder, context=16) -> Model:
    return Model(family="pretrained", size=str(folder), context=context)


@pytest.fixture
def saved(tmp_path):
    """A small GPT-2."""
    save(ARCHITECTURES["gpt2"][0], tmp_path)
    return tmp_path


def change_config(folder, **changes):
    table = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**table, **changes}))


# --- what becomes a run's model


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_n_is_attention_and_feed_forward_without_embeddings_positions_norms_and_output(tmp_path, name):
    configuration, per_layer = ARCHITECTURES[name]
    model = save(configuration, tmp_path)
    n_params, total = models.count_parameters(model)
    assert n_params == LAYERS * per_layer
    assert total == sum(weight.numel() for weight in model.parameters())
    assert models.count_without_weights(wanted(tmp_path), V) == (n_params, total)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_saved_model_is_itself_as_a_runs_model_and_as_its_checkpoint(tmp_path, name):
    original = save(ARCHITECTURES[name][0], tmp_path / "original")
    model = models.build(wanted(tmp_path / "original"), V).eval()
    model.save_pretrained(tmp_path / "checkpoint")
    ids = torch.randint(0, V, (2, 16))
    with torch.no_grad():
        logits = original(input_ids=ids).logits
        assert torch.equal(model(input_ids=ids).logits, logits)
        assert torch.equal(models.load(tmp_path / "checkpoint")(input_ids=ids).logits, logits)
    assert models.configure(wanted(tmp_path / "original"), V).hidden_size == model.config.hidden_size == C


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_weights_of_half_the_precision_are_loaded_and_saved_as_float32(tmp_path, dtype):
    original = save(ARCHITECTURES["llama"][0], tmp_path / "original", dtype)
    assert load_file(tmp_path / "original" / "model.safetensors")["model.norm.weight"].dtype == dtype
    model = models.build(wanted(tmp_path / "original"), V)
    model.save_pretrained(tmp_path / "checkpoint")
    for each in (model, models.load(tmp_path / "checkpoint")):
        assert {weight.dtype for weight in each.parameters()} == {torch.float32}
        assert all(torch.equal(weight, before.float()) for weight, before in zip(each.parameters(), original.parameters(), strict=True))


def test_tied_weights_stay_tied(tmp_path):
    save(ARCHITECTURES["llama-tied"][0], tmp_path)
    model = models.build(wanted(tmp_path), V)
    assert model.get_output_embeddings().weight is model.get_input_embeddings().weight


def test_weights_in_several_files_are_loaded(tmp_path):
    original = AutoModelForCausalLM.from_config(ARCHITECTURES["gpt2"][0])
    original.save_pretrained(tmp_path, max_shard_size="100KB")
    assert len(list(tmp_path.glob("*.safetensors"))) > 1
    built = models.build(wanted(tmp_path), V)
    assert all(map(torch.equal, built.parameters(), original.parameters()))


def test_a_body_saved_without_its_tied_output_layer_is_a_language_model(tmp_path):
    body = GPT2Model(ARCHITECTURES["gpt2"][0])
    body.save_pretrained(tmp_path)
    change_config(tmp_path, architectures=None)
    assert torch.equal(models.build(wanted(tmp_path), V).transformer.wte.weight, body.wte.weight)


@pytest.mark.parametrize("family", ["vanilla", "openelm"])
def test_a_checkpoint_of_a_family_of_our_own_is_taken_up(tmp_path, family):
    original = models.build(Model(family=family, size="nano", context=T), V)
    original.save_pretrained(tmp_path)
    built = models.build(wanted(tmp_path), V)
    assert type(built) is type(original)
    assert all(map(torch.equal, built.parameters(), original.parameters()))


def test_a_tokenizer_may_know_less_than_the_model(saved):
    assert models.build(wanted(saved), V - 10).config.vocab_size == V


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_only_capped_logits_are_no_plain_output(name):
    model = AutoModelForCausalLM.from_config(ARCHITECTURES[name][0])
    assert models.has_plain_output(model) == (name != "gemma2")
    assert model.training


def test_it_keeps_no_cache_while_it_trains(saved):
    assert models.build(wanted(saved), V)(input_ids=torch.zeros(1, 4, dtype=torch.long)).past_key_values is None


# --- what is refused


@pytest.mark.parametrize(
    ("model", "vocab_size", "complaint"),
    [
        ({"context": T + 1}, V, "model.context is 33, but '{}' has positions for 32 tokens; choose at most as many"),
        ({}, V + 1, "the tokenizer has 61 tokens, but '{}' knows 60; choose the data.tokenizer that it was trained with"),
    ],
)
def test_what_does_not_fit_the_run_is_named(saved, model, vocab_size, complaint):
    with pytest.raises(ConfigError) as error:
        models.configure(wanted(saved, **model), vocab_size)
    assert str(error.value) == complaint.format(saved)


def with_pickle(folder):
    weights = folder / "model.safetensors"
    torch.save(load_file(weights), folder / "pytorch_model.bin")
    weights.unlink()


def without_a_weight(folder):
    tensors = load_file(folder / "model.safetensors")
    tensors.pop("transformer.h.1.mlp.c_fc.weight")
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})


def as_bert(folder):
    BertForMaskedLM(BertConfig(vocab_size=V, hidden_size=C, num_hidden_layers=1, num_attention_heads=4)).save_pretrained(folder)


REFUSALS = {
    "no configuration": (lambda folder: (folder / "config.json").unlink(), "holds no model: "),
    "a torn configuration": (lambda folder: (folder / "config.json").write_text("{"), "holds no model: "),
    "a type that needs code": (
        lambda folder: change_config(folder, model_type="mine", auto_map={"AutoConfig": "evil.Config"}),
        "is of type 'mine', which transformers",
    ),
    "no type": (lambda folder: (folder / "config.json").write_text("{}"), "holds no model: no config.json that names its model_type"),
    "no language model": (as_bert, "is no causal language model but BertForMaskedLM"),
    "quantised": (lambda folder: change_config(folder, quantization_config={"quant_method": "gptq"}), "is quantised"),
    "a pickle": (with_pickle, "cannot be loaded: Error no file named model.safetensors"),
    "no weights": (lambda folder: (folder / "model.safetensors").unlink(), "cannot be loaded: Error no file named model.safetensors"),
    "torn weights": (
        lambda folder: (folder / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[:-100]),
        "cannot be loaded: ",
    ),
    "a missing weight": (without_a_weight, "cannot be loaded: 1 are missing or misshapen, as transformer.h.1.mlp.c_fc.weight"),
    "other shapes": (lambda folder: change_config(folder, n_embd=24), "are missing or misshapen, as "),
}


@pytest.mark.parametrize(("damage", "complaint"), REFUSALS.values(), ids=REFUSALS)
def test_what_is_no_whole_causal_language_model_in_safetensors_is_refused_in_one_line(saved, damage, complaint, capfd):
    damage(saved)
    with pytest.raises(ConfigError) as error:
        models.build(wanted(saved), V)
    assert complaint in str(error.value)
    assert f"'{saved}'" in str(error.value)
    assert "\n" not in str(error.value)


def test_code_beside_the_weights_is_not_run(saved):
    (saved / "evil.py").write_text("raise SystemExit('run')")
    change_config(saved, auto_map={"AutoConfig": "evil.Config", "AutoModelForCausalLM": "evil.Model"})
    assert models.build(wanted(saved), V).config.model_type == "gpt2"


@pytest.mark.parametrize("name", ["/nowhere/at/all", "./here", "two words", ".hidden"])
def test_what_is_neither_a_directory_nor_a_name_is_refused(name):
    with pytest.raises(ConfigError, match=r"^model\.size '.*' is no directory of a model, and cannot be a name on the Hugging Face Hub$"):
        models.configure(wanted(name), V)


@pytest.mark.parametrize("offline", [True, False])
def test_a_name_that_cannot_be_had_fails_at_once_and_says_what_to_do(offline, monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", offline)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    if not offline:  # a network that does not answer
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")  # nobody listens there
    started = time.monotonic()
    with pytest.raises(ConfigError, match=r"cannot be had from the Hugging Face Hub: .*; give the directory .*: hf download some/model$"):
        models.configure(wanted("some/model"), V)
    assert time.monotonic() - started < 10


def test_a_model_that_is_no_stack_of_blocks_cannot_be_counted(saved):
    model = models.build(wanted(saved), V)
    model.config.n_layer = 7
    with pytest.raises(ConfigError, match="GPT2LMHeadModel cannot be counted"):
        models.count_parameters(model)


# --- sizes


def test_a_directory_is_settled_where_it_is_given(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    assert models.settle(wanted("mine")).size == str(tmp_path / "mine")
    assert models.settle(wanted("gpt2")).size == "gpt2"
    assert models.settle(Model(family="gpt2", size="mine")).size == "mine"
