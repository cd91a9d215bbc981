"""Families of models, one a file: `SIZES`, `ATTENTION_AND_FEED_FORWARD` and `build(size, vocab_size, context) -> PreTrainedModel`.

`SIZES` and `ATTENTION_AND_FEED_FORWARD` are literals, so that listings can read them without importing transformers. The
latter names the submodules whose parameters the paper's N counts. A size has at least n_layer, n_embd and n_head.
"""
