"""Tokens per second of memlab's training step against a plain loop over GPT2LMHeadModel(...)(labels=...).loss in fp32.

Each side runs in processes of its own (the allocator is set per process), in turn, A B A B …; the ratio is taken pair by pair.

    python scripts/bench/throughput.py [--pairs 5] [--seconds 8]
"""

import argparse
import json
import statistics
import subprocess
import sys
import time

SHAPES = {  # name: layers, width, context, batch, vocabulary, goal
    "4x128 T128 B32 V8192": (4, 128, 128, 32, 8192, 2.2),
    "6x512 T64 B64 V80": (6, 512, 64, 64, 80, 4.0),
}


def memlab_steps(shape: tuple, seconds: float) -> float:
    from memlab.training import allocator

    allocator.keep_freed_memory()
    import numpy as np
    import torch

    from memlab import config, models
    from memlab.training import device
    from memlab.training.attention import choose_attention
    from memlab.training.loop import make_optimizer, train_step
    from memlab.training.losses import TokenLosses

    layers, width, context, batch, vocabulary, _ = shape
    train = config.Train(batch=batch)
    compute = device.decide(train, width)
    torch.manual_seed(0)
    options = {"n_layer": layers, "n_embd": width, "n_head": max(1, width // 64)}
    model = models.build(config.Model(size="micro", context=context, options=options), vocabulary).train()
    choose_attention(model, compute, context)
    optimizer = make_optimizer(model, train, "cpu")
    losses = TokenLosses(model)
    rng = np.random.default_rng(0)

    def step() -> float:
        block = rng.integers(0, vocabulary, (batch, context + 1))
        return train_step(losses, optimizer, block[:, :-1], block[:, 1:], train, compute)[0].item()

    return rate(step, batch * context, seconds)


def plain_steps(shape: tuple, seconds: float) -> float:
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    layers, width, context, batch, vocabulary, _ = shape
    torch.manual_seed(0)
    shape_of_model = {"n_layer": layers, "n_embd": width, "n_head": max(1, width // 64), "n_positions": context}
    model = GPT2LMHeadModel(GPT2Config(vocab_size=vocabulary, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0, **shape_of_model)).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)

    def step() -> float:
        ids = torch.randint(0, vocabulary, (batch, context))
        loss = model(ids, labels=ids).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        return loss.item()

    return rate(step, batch * context, seconds)


def rate(step, tokens: int, seconds: float) -> float:
    for _ in range(3):
        step()
    count, started = 0, time.perf_counter()
    while time.perf_counter() - started < seconds:
        step()
        count += 1
    return count * tokens / (time.perf_counter() - started)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--side", choices=["memlab", "plain"], help=argparse.SUPPRESS)
    parser.add_argument("--shape", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.side:
        side = memlab_steps if arguments.side == "memlab" else plain_steps
        print(json.dumps(side(SHAPES[arguments.shape], arguments.seconds)))
        return
    for name, shape in SHAPES.items():
        rates = {"memlab": [], "plain": []}
        for _ in range(arguments.pairs):
            for side, found in rates.items():
                command = [sys.executable, __file__, "--side", side, "--shape", name, "--seconds", str(arguments.seconds)]
                found.append(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1]))
        ratios = [ours / plain for ours, plain in zip(rates["memlab"], rates["plain"], strict=True)]
        print(
            f"{name}: memlab {statistics.median(rates['memlab']):,.0f} tokens/s, plain {statistics.median(rates['plain']):,.0f} tokens/s, "
            f"ratio median {statistics.median(ratios):.2f} (min {min(ratios):.2f}, max {max(ratios):.2f}), goal {shape[-1]}"
        )


if __name__ == "__main__":
    main()
