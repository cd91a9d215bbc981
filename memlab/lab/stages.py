"""What a run will be and take, found out stage by stage, the quick ones first. Needs torch from the second stage on: see `lab.serving`."""

import json
import os
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from memlab import config, models
from memlab.progress import Progress
from memlab.training import allocator

_ANY_VOCABULARY = 256
_NOT_MEASURED = (
    *config.BUDGETS,
    "lr",
    "min_lr",
    "warmup",
    "schedule",
    "decay_steps",
    "log_every",
    "eval_every",
    "checkpoint_every",
    "compile",
)


class Kept:
    """The last results of slow pieces of work, each under what it depends on, so that a changed size opens no corpus anew."""

    def __init__(self) -> None:
        self._results: dict[str, OrderedDict[str, Any]] = {}

    def get(self, what: str, depends_on: Any, make: Callable[[], Any], at_most: int = 1) -> Any:
        """The result of `make`, or the one that it had for the same `depends_on` (plain values)."""
        results, key = self._results.setdefault(what, OrderedDict()), json.dumps(depends_on, sort_keys=True)
        if key not in results:
            results[key] = make()
        results.move_to_end(key)
        while len(results) > at_most:
            results.popitem(last=False)
        return results[key]

    def forget(self, what: str) -> None:
        """Do this work anew the next time."""
        self._results.pop(what, None)


def without_text(experiment: config.Experiment, progress: Progress) -> dict[str, Any]:
    """What can be counted without the text: N, in which embeddings do not count."""
    progress("loading torch", 0, None, "")
    return {"n_params": models.count_without_weights(experiment.model, _ANY_VOCABULARY)[0]}


def stages(experiment: config.Experiment, home: Path, progress: Progress, kept: Kept) -> Iterator[dict[str, Any]]:
    """Facts of a run before its first step, more with each stage: data, size, information, costs on this device, floors.

    Builds the corpus if this home does not have it. `progress` may raise, to stop in the middle. A model that needs more memory than is
    free is not measured: the fourth stage then says how much it needs at least. Raises the error that the run itself would end with.
    """
    data = _open(experiment, home, progress, kept)
    known = {
        "n_tokens": data.selection.n_tokens,
        "available_tokens": data.selection.available,
        "vocab_size": data.corpus.vocab_size,
        "rows": len(data.train),
    }
    if not experiment.train.minutes:
        known |= _budget(experiment.train, data, None)
    yield known
    progress("loading torch", 0, None, "")
    n_params, total = models.count_without_weights(experiment.model, data.corpus.vocab_size)
    yield {"n_params": n_params, "n_params_total": total}
    yield {"information": _information(experiment, data, kept)}
    yield _costs(experiment, data, total, progress, kept)
    progress("counting floors", 0, None, "")
    yield {"floors": _floors(experiment, data, kept)}


def _open(experiment: config.Experiment, home: Path, progress: Progress, kept: Kept) -> Any:
    from memlab.data.corpus import open_corpus
    from memlab.data.rows import open_rows

    table = asdict(experiment.data)
    corpus_of = {key: value for key, value in table.items() if key not in ("fraction", "tokens", "rows", "order", "insertions")}
    corpus = kept.get("corpus", [str(home), corpus_of], lambda: open_corpus(home, experiment.data, progress))
    rows = [corpus.fingerprint, table, experiment.model.context]
    return kept.get("rows", rows, lambda: open_rows(corpus, experiment.data, experiment.model.context))


def _information(experiment: config.Experiment, data: Any, kept: Kept) -> dict[str, Any]:
    from memlab.training.information import information_of

    depends_on = [data.corpus.fingerprint, asdict(experiment.data), data.train.n_cut]
    return kept.get("information", depends_on, lambda: asdict(information_of(experiment.data, data)), at_most=8)


def _floors(experiment: config.Experiment, data: Any, kept: Kept) -> list[dict[str, Any]]:
    from memlab.training import floors

    train = experiment.train
    depends_on = [data.corpus.fingerprint, asdict(experiment.data), experiment.model.context, train.eval_rows]
    return kept.get("floors", depends_on, lambda: floors.floors_of(experiment.data, data, train.eval_rows), at_most=8)


def _costs(experiment: config.Experiment, data: Any, n_params_total: int, progress: Progress, kept: Kept) -> dict[str, Any]:
    """What is measured on this device, and what follows for the whole run; or that it does not fit."""
    from memlab.training import device
    from memlab.training.estimate import least_memory

    load = os.getloadavg()[0]
    train = experiment.train
    measured = {key: value for key, value in asdict(train).items() if key not in _NOT_MEASURED}
    width = models.configure(experiment.model, data.corpus.vocab_size).hidden_size
    compute = kept.get("compute", [measured, width], lambda: device.decide(train, width))
    needed, free = least_memory(n_params_total), free_memory(compute.device)
    if needed > free:
        return {"compute": asdict(compute), "too_large": {"needed_bytes": needed, "free_bytes": free}}
    depends_on = [data.corpus.fingerprint, asdict(experiment.data), asdict(experiment.model), measured]
    costs = kept.get("costs", depends_on, lambda: _measure(experiment, data, compute, progress), at_most=16)
    budget = _budget(train, data, costs.seconds_per_step(train))
    return {
        **budget,
        "compute": asdict(device.with_compilation(compute, train, budget["steps"])),
        "costs": asdict(costs),
        "seconds": costs.seconds_of(train, budget["steps"]),
        "load": load,
        "disk_bytes": costs.disk_of(train, budget["steps"]),
    }


def _measure(experiment: config.Experiment, data: Any, compute: Any, progress: Progress) -> Any:
    """The costs. Threads and memory are the trainer's only while this lasts."""
    import torch

    from memlab.training import device
    from memlab.training.estimate import forget_peak_memory, measure

    progress("measuring a few steps on this device", 0, None, "")
    (allocator.keep_freed_memory if experiment.train.allocator == "auto" else allocator.use_defaults)()
    forget_peak_memory(compute.device)
    n_threads = torch.get_num_threads()
    try:
        device.apply(compute)
        return measure(experiment, data, compute, progress)
    finally:
        torch.set_num_threads(n_threads)
        allocator.return_freed_memory()


def free_memory(device_name: str) -> int:
    """Bytes that a new process could use on the device, without what others use now."""
    if device_name.startswith("cuda"):
        import torch

        return torch.cuda.mem_get_info(device_name)[0]
    import psutil

    return psutil.virtual_memory().available


def _budget(train: config.Train, data: Any, seconds_per_step: float | None) -> dict[str, Any]:
    from memlab.training.schedule import steps_of_budget

    steps = steps_of_budget(train, data.train.tokens_per_row, data.train.n_predicted, seconds_per_step)
    n_tokens = steps * train.batch * data.train.tokens_per_row
    return {"steps": steps, "tokens_seen": round(n_tokens), "epochs": n_tokens / data.train.n_predicted}
