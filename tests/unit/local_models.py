"""Models on disk as published ones are, tiny, with their tokenizers, for tests that are to reach no hub."""

import json
from pathlib import Path

import local_tokenizers
import torch
from tokenizers import Tokenizer, processors
from transformers import BertConfig, BertForMaskedLM, GPT2Config, GPT2LMHeadModel

_SPECIAL = {"cls_token": "[CLS]", "sep_token": "[SEP]", "pad_token": "[PAD]", "unk_token": "[UNK]"}


def gpt2(folder: Path, vocabulary: int = 320) -> Path:
    """A causal model: 16 wide, 2 blocks, 32 positions."""
    local_tokenizers.pretrained(folder)
    ids = {"bos_token_id": None, "eos_token_id": None}
    _save(GPT2LMHeadModel(GPT2Config(vocab_size=vocabulary, n_positions=32, n_embd=16, n_layer=2, n_head=2, **ids)), folder)
    return folder


def bert(folder: Path) -> Path:
    """An encoder of the same size, stored with the head of its training, which puts [CLS] and [SEP] around a text."""
    local_tokenizers.pretrained(folder)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.add_special_tokens(list(_SPECIAL.values()))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    around = [(name, tokenizer.token_to_id(name)) for name in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=around)
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "PreTrainedTokenizerFast", **_SPECIAL}))
    shape = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32, "max_position_embeddings": 32}
    _save(BertForMaskedLM(BertConfig(vocab_size=320, **shape)), folder)
    return folder


def _save(model: torch.nn.Module, folder: Path) -> None:
    torch.manual_seed(0)
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.3)
    model.save_pretrained(folder)
