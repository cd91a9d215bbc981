"""GPT-2 as transformers has it: pre-norm, learned positions, tied embeddings."""

from transformers import GPT2Config

SIZES = {
    "nano": {"n_layer": 2, "n_embd": 64, "n_head": 2, "dropout": 0.0},
    "micro": {"n_layer": 4, "n_embd": 128, "n_head": 4, "dropout": 0.0},
    "mini": {"n_layer": 6, "n_embd": 384, "n_head": 6, "dropout": 0.0},
    "small": {"n_layer": 12, "n_embd": 768, "n_head": 12, "dropout": 0.0},
    "medium": {"n_layer": 24, "n_embd": 1024, "n_head": 16, "dropout": 0.0},
    "large": {"n_layer": 36, "n_embd": 1280, "n_head": 20, "dropout": 0.0},
    "xl": {"n_layer": 48, "n_embd": 1600, "n_head": 25, "dropout": 0.0},
}
MODEL_TYPE = "gpt2"


def configure(size: dict, vocab_size: int, context: int) -> GPT2Config:
    """small is GPT-2 124M and medium 355M at a vocabulary of 50,257 and a context of 1,024. Source: Radford et al. 2019."""
    return GPT2Config(
        vocab_size=vocab_size,
        n_positions=context,
        n_layer=size["n_layer"],
        n_embd=size["n_embd"],
        n_head=size["n_head"],
        resid_pdrop=size["dropout"],
        embd_pdrop=size["dropout"],
        attn_pdrop=size["dropout"],
        activation_function="gelu_pytorch_tanh",  # the same function as gelu_new, in one kernel
        use_cache=False,
        bos_token_id=None,
        eos_token_id=None,
    )
