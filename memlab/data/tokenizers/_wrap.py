"""A `tokenizers` tokenizer as the transformers tokenizer that memlab saves beside each model."""

from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast

# The space keeps them apart from text: no word holds one, and byte-level tokens write it as Ġ.
PAD, BEGIN, END, UNKNOWN = "<| pad |>", "<| begin |>", "<| end |>", "<| unknown |>"


def wrap(tokenizer: Tokenizer, unknown: bool) -> PreTrainedTokenizerFast:
    """With the special tokens named; text that spells one of them is text, and decodes exactly as it was encoded."""
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        bos_token=BEGIN,
        eos_token=END,
        clean_up_tokenization_spaces=False,
        split_special_tokens=True,
        **({"unk_token": UNKNOWN} if unknown else {}),
    )
