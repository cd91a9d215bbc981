#!/usr/bin/env python3
"""Training speed against a nanoGPT checkout, in turns: tokens per second, and MFU where the device's peak is known.

    python scripts/bench/nanogpt.py --nanogpt DIR                 GPT-2 124M at context 1024 on CUDA, small shapes on a CPU
    python scripts/bench/nanogpt.py --nanogpt DIR --shape small --device cpu

Both sides train on the same random tokens from a memory map, with GPT-2's biases, AdamW and clipped gradients: nanoGPT as its train.py
does (compiled and in bf16 autocast on CUDA; in fp32 and as it is on a CPU), memlab as `memlab train` does on that device.
MFU counts (6 N + 12 l T C) operations a token, N all parameters but the positions, as nanoGPT's own estimate does.
"""

import argparse
import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SHAPES = {  # layers, width, heads, context, vocabulary, rows of a step, parts that it is computed in
    "124m": (12, 768, 12, 1024, 50257, 64, 4),
    "small": (6, 384, 6, 256, 8192, 16, 1),
    "tiny": (4, 128, 4, 128, 8192, 32, 1),
}
PEAKS = {"H100": 989e12, "H200": 989e12, "A100": 312e12, "4090": 165e12, "L40S": 362e12}  # dense bf16, operations per second
TOKENS = 4_000_000


class Stream:
    """A memory map as the stream that memlab's rows are cut from."""

    def __init__(self, path: Path) -> None:
        import numpy as np

        self.tokens = np.memmap(path, np.uint16, mode="r")

    def __len__(self) -> int:
        return len(self.tokens)

    def __getitem__(self, part: slice):
        return self.tokens[part].astype("int64")


def memlab_side(shape: tuple, path: Path, device_name: str, seconds: float) -> dict:
    from memlab.training import allocator

    allocator.keep_freed_memory()
    import torch

    from memlab import config, models
    from memlab.data import batches
    from memlab.data.rows import WindowRows
    from memlab.training import device
    from memlab.training.attention import choose_attention
    from memlab.training.compilation import compile_losses
    from memlab.training.loop import make_optimizer, train_step
    from memlab.training.losses import TokenLosses

    layers, width, heads, context, vocabulary, batch, parts = shape
    train = config.Train(batch=batch, accumulate=parts, device=device_name)
    compute = device.with_compilation(device.decide(train, width), train, steps=1_000_000)
    device.apply(compute)
    torch.manual_seed(0)
    options = {"n_layer": layers, "n_embd": width, "n_head": heads}
    model = models.build(config.Model(size="micro", context=context, options=options), vocabulary).to(compute.device).train()
    choose_attention(model, compute, context)
    optimizer, losses = make_optimizer(model, train, compute.device), TokenLosses(model)
    rows = WindowRows(Stream(path), context, stride=context)

    def take(step: int):
        return rows.take(batches.rows(0, step, batch, len(rows), "epochs"))

    if compute.compile:
        part = slice(batch // parts)
        losses, failure = compile_losses(losses, *(array[part] for array in take(0)), compute)
        assert not failure, failure

    def step(number: int) -> torch.Tensor:
        return train_step(losses, optimizer, *take(number), train, compute)[0]

    return measured(step, shape, seconds, compute.device, model.num_parameters() - context * width, asdict_of(compute))


def nanogpt_side(shape: tuple, path: Path, device_name: str, seconds: float, checkout: Path) -> dict:
    import numpy as np
    import torch

    sys.path.insert(0, str(checkout))
    from model import GPT, GPTConfig

    layers, width, heads, context, vocabulary, batch, parts = shape
    if device_name == "auto":
        device_name = "cuda" if torch.cuda.is_available() else "cpu"
    on_cuda = device_name.startswith("cuda")
    torch.manual_seed(0)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    padded = -(-vocabulary // 64) * 64  # as nanoGPT pads GPT-2's 50,257 to 50,304
    with contextlib.redirect_stdout(sys.stderr):
        model = GPT(GPTConfig(context, padded, layers, heads, width, dropout=0.0, bias=True)).to(device_name)
        optimizer = model.configure_optimizers(0.1, 6e-4, (0.9, 0.95), "cuda" if on_cuda else "cpu")
    n_params = model.get_num_params()
    forward = torch.compile(model) if on_cuda else model
    tokens, rng = np.memmap(path, np.uint16, mode="r"), np.random.default_rng(0)

    def take():
        starts = rng.integers(0, len(tokens) - context - 1, batch // parts)
        block = torch.from_numpy(np.stack([tokens[start : start + context + 1] for start in starts]).astype(np.int64))
        return (block.pin_memory() if on_cuda else block).to(device_name, non_blocking=True)

    def step(number: int) -> torch.Tensor:
        total = 0.0
        for _ in range(parts):
            block = take()
            with torch.autocast("cuda", torch.bfloat16, enabled=on_cuda):
                _, loss = forward(block[:, :-1].contiguous(), block[:, 1:].contiguous())
            (loss / parts).backward()
            total = total + loss.detach() / parts
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return total

    return measured(step, shape, seconds, device_name, n_params, {"compile": on_cuda, "precision": "bf16" if on_cuda else "fp32"})


def measured(step, shape: tuple, seconds: float, device: str, n_params: int, how: dict) -> dict:
    """Tokens per second over whole steps after a few to warm up; the device is waited for at both ends."""
    import torch

    layers, width, _, context, _, batch, _ = shape
    for number in range(5):
        step(number).item()
    count, started = 0, time.perf_counter()
    while time.perf_counter() - started < seconds:
        for _ in range(5 if device.startswith("cuda") else 1):
            loss = step(5 + count)
            count += 1
        loss.item()
    rate = count * batch * context / (time.perf_counter() - started)
    name = torch.cuda.get_device_name(device) if device.startswith("cuda") else "cpu"
    peak = next((peak for words, peak in PEAKS.items() if words in name), None)
    mfu = rate * (6 * n_params + 12 * layers * context * width) / peak if peak else None
    return {"rate": rate, "mfu": mfu, "device": name, "torch": torch.__version__, "how": how}


def asdict_of(compute) -> dict:
    return {key: getattr(compute, key) for key in ("precision", "threads", "compile")}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nanogpt", type=Path, required=True, help="a nanoGPT checkout")
    parser.add_argument("--shape", choices=SHAPES, help="124m where there is a GPU, else small and tiny")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--side", choices=["memlab", "nanogpt"], help=argparse.SUPPRESS)
    parser.add_argument("--tokens", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if not (arguments.nanogpt / "model.py").is_file():
        parser.error(f"{arguments.nanogpt} holds no model.py; give a checkout of nanoGPT")
    if arguments.side:
        more = [arguments.nanogpt] if arguments.side == "nanogpt" else []
        side = nanogpt_side if more else memlab_side
        print(json.dumps(side(SHAPES[arguments.shape], arguments.tokens, arguments.device, arguments.seconds, *more)))
        return
    with tempfile.TemporaryDirectory() as folder:
        for name in [arguments.shape] if arguments.shape else shapes_of_this_machine():
            compare(arguments, name, Path(folder))


def shapes_of_this_machine() -> list[str]:
    import torch

    return ["124m"] if torch.cuda.is_available() else ["small", "tiny"]


def compare(arguments: argparse.Namespace, name: str, folder: Path) -> None:
    import numpy as np

    path = folder / f"{name}.bin"
    np.random.default_rng(0).integers(0, SHAPES[name][4], TOKENS).astype(np.uint16).tofile(path)
    found: dict[str, list[dict]] = {"memlab": [], "nanogpt": []}
    for _ in range(arguments.pairs):
        for side, results in found.items():
            given = ["--nanogpt", arguments.nanogpt, "--device", arguments.device, "--seconds", arguments.seconds]
            command = [sys.executable, __file__, *given, "--side", side, "--shape", name, "--tokens", path]
            done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
            if done.returncode:
                sys.exit(f"{side} failed:\n{done.stderr}")
            results.append(json.loads(done.stdout.splitlines()[-1]))
    ours, theirs = found["memlab"], found["nanogpt"]
    ratios = [mine["rate"] / other["rate"] for mine, other in zip(ours, theirs, strict=True)]
    print(f"{name} on {ours[0]['device']}, torch {ours[0]['torch']}")
    for side, results in found.items():
        rate = statistics.median(result["rate"] for result in results)
        mfu = f", MFU {100 * statistics.median(result['mfu'] for result in results):.1f} %" if results[0]["mfu"] else ""
        print(f"  {side}: {rate:,.0f} tokens/s{mfu}  {results[0]['how']}")
    print(f"  ratio: median {statistics.median(ratios):.2f} (min {min(ratios):.2f}, max {max(ratios):.2f}), goal 1.0")


if __name__ == "__main__":
    main()
