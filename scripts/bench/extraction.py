"""Seconds that the greedy continuation of passages takes, as extraction measures it, against transformers' `generate` one by one.

A model of the size `micro` with random weights, which take as long as trained ones; passages of random tokens, half prompt and half
continuation, as at most 50 tokens each are looked at. Both sides in turn, A B A B …; `generate` on a sample, and its tokens are compared.
Beside the time on the clock stand processor seconds, which on one thread are what an idle machine takes.

    python scripts/bench/extraction.py [--passages 1000] [--sample 20] [--rounds 3] [--context 128] [--vocabulary 8192] [--threads 0]
"""

import argparse
import os
import statistics
import time

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # as the command line does

import numpy as np
import torch

from memlab import config, models
from memlab.measures.continued import continue_greedily
from memlab.measures.excerpts import LENGTH

GOAL_SECONDS = 60


def one_by_one(model, prompts, n_tokens: int) -> list[np.ndarray]:
    """`generate` for each prompt."""
    greedy = {"max_new_tokens": n_tokens, "min_new_tokens": n_tokens, "do_sample": False, "pad_token_id": 0}
    found = []
    for prompt in prompts:
        ids = torch.from_numpy(prompt)[None]
        found.append(model.generate(ids, attention_mask=torch.ones_like(ids), **greedy)[0, len(prompt) :].numpy())
    return found


def timed(function):
    """The result, with seconds on the clock and of the processors."""
    before = np.array([time.perf_counter(), time.process_time()])
    result = function()
    return result, np.array([time.perf_counter(), time.process_time()]) - before


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in {"passages": 1000, "sample": 20, "rounds": 3, "context": 128, "vocabulary": 8192, "threads": 0}.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    model = models.build(config.Model(size="micro", context=arguments.context), arguments.vocabulary).eval()
    length = min(LENGTH, arguments.context // 2)
    prompts = list(np.random.default_rng(0).integers(0, arguments.vocabulary, (arguments.passages, length)))
    sample = prompts[: arguments.sample]
    print(f"{arguments.passages:,} passages, {length} tokens continued by {length}; micro, {torch.get_num_threads()} threads")
    together, alone = [], []
    for _ in range(arguments.rounds):
        found, seconds = timed(lambda: continue_greedily(model, prompts, [length] * len(prompts)))
        together.append(seconds / len(prompts))
        known, seconds = timed(lambda: one_by_one(model, sample, length))
        alone.append(seconds / len(sample))
    same = np.mean([(one == other).mean() for one, other in zip(found, known, strict=False)])
    ratios = [theirs[1] / ours[1] for ours, theirs in zip(together, alone, strict=True)]
    for name, seconds in (("batched, keys and values kept", together), (f"generate one by one, from {len(sample)} of them", alone)):
        clock, processor = len(prompts) * np.median(seconds, 0)
        print(f"{name}: {clock:.1f} s, {processor:.1f} processor seconds (goal: {GOAL_SECONDS} s)")
    print(f"ratio median {statistics.median(ratios):.1f} (min {min(ratios):.1f}, max {max(ratios):.1f}); same tokens {same:.2%}")


if __name__ == "__main__":
    main()
