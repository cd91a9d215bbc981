"""Tokenizers on disk as published models have them, small, for tests that are to reach no hub."""

import json
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

END = "<|endoftext|>"
TEXT = ["the quick brown fox jumps over the lazy dog " * 20, "don't stop, it is a small world after all " * 20]


def options_of(name: str, folder: Path) -> dict:
    """Options with which a tokenizer needs no hub; its files are written below the folder."""
    return {"gpt2": lambda: {"path": str(gpt2(folder / "gpt2"))}, "pretrained": lambda: {"path": str(pretrained(folder / "own"))}}.get(
        name, dict
    )()


def gpt2(folder: Path, files: str = "tokenizer.json", merges: int = 40) -> Path:
    """GPT-2's with fewer merges: as tokenizer.json, or as vocab.json and merges.txt."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = _byte_level(merges)
    if files == "tokenizer.json":
        tokenizer.add_special_tokens([END])
        tokenizer.save(str(folder / files))
        return folder
    model = json.loads(tokenizer.to_str())["model"]
    (folder / "vocab.json").write_text(json.dumps({**model["vocab"], END: len(model["vocab"])}))
    (folder / "merges.txt").write_text("#version: 0.2\n" + "".join(" ".join(pair) + "\n" for pair in model["merges"]))
    return folder


def pretrained(folder: Path, **named: str | None) -> Path:
    """A model's own, with special tokens of its own, and one that cuts and pads text if it is let."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = _byte_level(30)
    tokenizer.add_special_tokens(["<s>", "</s>", "<pad>"])
    tokenizer.enable_truncation(8)
    tokenizer.enable_padding(pad_id=tokenizer.token_to_id("<pad>"), pad_token="<pad>", length=8)
    tokenizer.save(str(folder / "tokenizer.json"))
    named = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", **named}
    kept = {name: token for name, token in named.items() if token is not None}
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "PreTrainedTokenizerFast", **kept}))
    return folder


def _byte_level(merges: int) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train_from_iterator(
        TEXT, trainers.BpeTrainer(vocab_size=len(alphabet) + merges, initial_alphabet=alphabet, show_progress=False)
    )
    return tokenizer
