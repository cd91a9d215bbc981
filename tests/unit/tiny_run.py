"""A finished run of a tiny model on a small text of its own, with real checkpoints, made without a trainer in a fraction of a second."""

import json
from pathlib import Path

import numpy as np
import torch
from fabricated_run import FACTS, fabricate

from memlab import config, models
from memlab.data.corpus import open_corpus
from memlab.data.rows import open_rows
from memlab.rundir import RunDir
from memlab.training import checkpoints

MODEL = config.Model(context=16, options={"n_layer": 2, "n_embd": 16, "n_head": 2})
STEPS = (0, 4)


def make_run(home: Path, name: str = "tiny", rows: str = "windows", learn: int = 20, **data: object) -> RunDir:
    """A run under a home with the checkpoints STEPS: the untrained model, and one that has seen its text `learn` times."""
    path = home / f"{name}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(3)
    texts = [bytes(generator.integers(97, 123, 20 + number % 9, dtype=np.uint8)).decode() for number in range(40)]
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    asked = config.Data(source="files", source_options={"path": str(path)}, tokenizer="byte", validation=0.25, rows=rows, **data)
    return run_on(home, name, asked, learn)


def run_on(home: Path, name: str, asked: config.Data, learn: int = 20) -> RunDir:
    """The same on any text."""
    experiment = config.Experiment(data=asked, model=MODEL, train=config.Train(steps=STEPS[-1], min_lr=1e-5))
    (home / "runs").mkdir(exist_ok=True)
    run = fabricate(home / "runs" / name, facts=None, steps=STEPS[-1])
    run.config_path.write_text(json.dumps(config.to_dict(experiment)))
    corpus = open_corpus(home, asked)
    facts = {**FACTS, "data": {**FACTS["data"], "corpus": corpus.path.name, "content": corpus.fingerprint}}
    run.provenance_path.write_text(json.dumps(facts))
    _save_checkpoints(run, experiment, corpus, learn)
    return run


def _save_checkpoints(run: RunDir, experiment: config.Experiment, corpus, learn: int) -> None:
    torch.manual_seed(0)
    model = models.build(experiment.model, corpus.vocab_size)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2, fused=False)
    data = open_rows(corpus, experiment.data, experiment.model.context)
    checkpoints.save(run.checkpoints, model, optimizer, corpus.tokenizer, checkpoints.Progress(step=STEPS[0]))
    inputs, targets = (torch.from_numpy(array) for array in data.train.take(np.arange(len(data.train))))
    for _ in range(learn):
        optimizer.zero_grad()
        logits = model(input_ids=inputs).logits
        torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=-100).backward()
        optimizer.step()
    optimizer.state.clear()
    checkpoints.save(run.checkpoints, model, optimizer, corpus.tokenizer, checkpoints.Progress(step=STEPS[1]))
