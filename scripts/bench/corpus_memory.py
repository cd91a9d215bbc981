"""Peak memory of building a corpus from generated text of two sizes: it must not grow with the text.

Each size is built in a process of its own; the process that builds nothing but imports the same libraries is the base line.

    python scripts/bench/corpus_memory.py [--megabytes 20 200] [--tokenizer bpe|byte|word]
"""

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def write_text(path: Path, megabytes: int) -> None:
    """JSON lines of random words from a vocabulary of 20,000."""
    generator = random.Random(0)
    words = ["".join(generator.choices("abcdefghijklmnopqrstuvwxyz", k=generator.randint(2, 9))) for _ in range(20_000)]
    with path.open("w") as file:
        while file.tell() < megabytes * 1_000_000:
            file.writelines(json.dumps({"text": " ".join(generator.choices(words, k=200))}) + "\n" for _ in range(200))


def build(path: str, home: str, tokenizer: str) -> None:
    from memlab import config
    from memlab.data.corpus import open_corpus

    options = {"vocabulary": 8192, "training_characters": 10_000_000} if tokenizer == "bpe" else {}
    data = config.Data(source="files", source_options={"path": path}, tokenizer=tokenizer, tokenizer_options=options)
    from tokenizers import Tokenizer  # noqa: F401 - the base line has it too
    from transformers import PreTrainedTokenizerFast  # noqa: F401

    started, base = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    corpus = open_corpus(Path(home), data)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    tokens = sum(counts["tokens"] for counts in corpus.splits().values())
    print(json.dumps({"base": base, "peak": peak, "tokens": tokens, "seconds": time.perf_counter() - started}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, nargs=2, default=[20, 200])
    parser.add_argument("--tokenizer", default="bpe")
    parser.add_argument("--build", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.build:
        build(*arguments.build, arguments.tokenizer)
        return
    above = []
    for megabytes in arguments.megabytes:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "text.jsonl"
            write_text(path, megabytes)
            command = [sys.executable, __file__, "--tokenizer", arguments.tokenizer, "--build", str(path), folder]
            found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
        above.append((found["peak"] - found["base"]) / 1024)
        print(
            f"{megabytes} MB of text: {found['tokens']:,} tokens in {found['seconds']:.1f} s, peak {found['peak'] / 1024:.0f} MB, "
            f"{above[-1]:.0f} MB above the imports"
        )
    size = arguments.megabytes[1] / arguments.megabytes[0]
    print(f"{size:.0f} times the text takes {above[1] / above[0]:.2f} times the memory above the imports ({arguments.tokenizer})")


if __name__ == "__main__":
    main()
