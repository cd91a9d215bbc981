"""Text to tokens on disk: sources, tokenizers, the corpus, and which rows a training step reads."""
