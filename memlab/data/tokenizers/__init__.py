"""Tokenizers, one a file: `Options` and `build(documents, options) -> PreTrainedTokenizerFast`.

Every tokenizer has a padding, a beginning-of-text and an end-of-text token. What is learned is learned from the training documents only.
A tokenizer that is decided by files defines `fingerprint(options)`, a short string that changes whenever they would make another one.
"""
