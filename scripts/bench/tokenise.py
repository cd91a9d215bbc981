"""Documents per second and core of building a corpus against `datasets.Dataset.map(batched=True, num_proc=cores)`, same tokenizer.

The text is installed documentation in documents of about 5,000 characters, as OpenWebText's, in Parquet files; the tokenizer a byte-level
BPE trained on it once, saved as a model's. Each side runs in processes of its own, in turn, A B B A …; ratios are taken pair by pair.
memlab's time includes reading Parquet, writing tokens and names, and hashing them; that of `datasets` is its map alone.

    python scripts/bench/tokenise.py [--pairs 5] [--megabytes 60] [--vocabulary 50257]
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CHARACTERS = 5000
FILES = 4
PACKAGES = ["torch", "transformers", "sympy", "numpy", "networkx"]


def write_documents(folder: Path, megabytes: int) -> list[str]:
    import pyarrow
    from pyarrow import parquet

    from memlab.data.sources import installed_docs

    text = "\n\n".join(document.text for document in installed_docs.documents(installed_docs.Options(packages=tuple(PACKAGES))))
    pages = [text[start : start + CHARACTERS] for start in range(0, len(text), CHARACTERS)]
    count = megabytes * 1_000_000 // CHARACTERS
    texts = [pages[number % len(pages)] for number in range(count)]
    for number in range(FILES):
        part = texts[number * count // FILES : (number + 1) * count // FILES]
        parquet.write_table(pyarrow.table({"text": part}), folder / f"train-{number:05}-of-{FILES:05}.parquet", row_group_size=1000)
    return pages


def train_tokenizer(folder: Path, pages: list[str], vocabulary: int) -> None:
    from memlab.data.document import Document
    from memlab.data.tokenizers import bpe

    tokenizer = bpe.build([Document(page, "") for page in pages], bpe.Options(vocabulary=vocabulary))
    tokenizer.save_pretrained(folder)


def build(folder: Path, home: str) -> float:
    from memlab import config
    from memlab.data.corpus import open_corpus

    data = config.Data(
        source="openwebtext",
        source_options={"data_dir": str(folder / "text")},
        tokenizer="pretrained",
        tokenizer_options={"path": str(folder / "tokenizer")},
    )
    from transformers import PreTrainedTokenizerFast

    PreTrainedTokenizerFast.from_pretrained(folder / "tokenizer")  # imports are not measured on either side
    started = time.perf_counter()
    open_corpus(Path(home), data)
    return time.perf_counter() - started


def plain_map(folder: Path, home: str) -> float:
    os.environ |= {"HF_HOME": home, "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}  # a process for each core as it is
    import datasets
    from transformers import PreTrainedTokenizerFast

    datasets.disable_progress_bars()
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder / "tokenizer")
    end = tokenizer.eos_token_id

    def encode(rows: dict) -> dict:
        found = tokenizer(rows["text"], add_special_tokens=False, return_attention_mask=False, return_token_type_ids=False)["input_ids"]
        return {"ids": [[*ids, end] for ids in found]}

    loaded = datasets.load_dataset(str(folder / "text"), split="train")
    started = time.perf_counter()
    loaded.map(encode, batched=True, num_proc=os.cpu_count(), remove_columns=["text"])
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--megabytes", type=int, default=60)
    parser.add_argument("--vocabulary", type=int, default=50257)
    parser.add_argument("--side", choices=["memlab", "datasets"], help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.side:
        side = build if arguments.side == "memlab" else plain_map
        with tempfile.TemporaryDirectory() as home:
            print(json.dumps(side(arguments.folder, home)))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "text").mkdir()
        train_tokenizer(folder / "tokenizer", write_documents(folder / "text", arguments.megabytes), arguments.vocabulary)
        seconds: dict[str, list[float]] = {"memlab": [], "datasets": []}
        for pair in range(arguments.pairs):
            for side in list(seconds) if pair % 2 == 0 else list(reversed(seconds)):
                command = [sys.executable, __file__, "--side", side, "--folder", name]
                ended = subprocess.run(command, check=True, capture_output=True, text=True)
                seconds[side].append(json.loads(ended.stdout.splitlines()[-1]))
    count, cores = arguments.megabytes * 1_000_000 // CHARACTERS, os.cpu_count()
    rates = {side: [count / found / cores for found in times] for side, times in seconds.items()}
    ratios = [ours / theirs for ours, theirs in zip(rates["memlab"], rates["datasets"], strict=True)]
    median = {side: statistics.median(found) for side, found in rates.items()}
    print(
        f"{count:,} documents of {CHARACTERS:,} characters, {cores} cores; documents per second and core: memlab {median['memlab']:,.0f}, "
        f"datasets {median['datasets']:,.0f}, ratio median {statistics.median(ratios):.2f} "
        f"(min {min(ratios):.2f}, max {max(ratios):.2f}), goal at least 1"
    )


if __name__ == "__main__":
    main()
