"""Families of models, one a file: `SIZES` and `configure(size, vocab_size, context) -> PreTrainedConfig`, from which a model is made.

`SIZES` is a literal, so that listings can read it without importing transformers. A size has at least n_layer and n_embd. With n_head,
the heads divide the width; a tuple holds one number a layer. A family of our own (`MODEL_TYPE`, a literal) registers its classes with
transformers when it is imported. A model is one stack of blocks in an nn.ModuleList; the parts of a block whose class is not called a
norm are its attention and feed-forward, which the paper's N counts. `model.base_model` gives the hidden states, `get_output_embeddings()`
turns the last one into logits.

A family whose weights are not new has `load(size, configuration) -> PreTrainedModel` beside it. With the literal `ANY_SIZE`, words that say
what a size is, it has no named sizes: it is given `{"name": size}`.
"""
