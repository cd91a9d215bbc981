"""Patterns: the hidden states at the places of a text, stored on disk, or held in memory."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedModel

from memlab.data.rows import DocumentRows, RunData
from memlab.errors import UsageError
from memlab.measures.hidden import hidden_states
from memlab.measures.places import DocumentPlaces, Places, Where, WindowPlaces, parse_positions
from memlab.memory.store import PatternStore, Plan, building, bytes_per_row, rows_within, sample_rows
from memlab.progress import Progress, quiet

_TOKENS = 1 << 13  # tokens of a batch
_SYNC_SECONDS = 5.0


@dataclass(frozen=True)
class States:
    """The states at n places: by layer (n, C) float32 on the host, and where each is."""

    by_layer: dict[str, Tensor]
    where: Where

    def __len__(self) -> int:
        return len(self.where.rows)


def pattern_places(data: RunData, context: int, positions: str) -> Places:
    """The places of a run's training text that patterns come from; positions are last, all or every:8.

    Raises UsageError where no row is long enough to hold one.
    """
    choice, rows = parse_positions(positions), data.train
    places = DocumentPlaces(rows, choice) if isinstance(rows, DocumentRows) else WindowPlaces(rows.stream, context, choice)
    if len(places) == 0:
        raise UsageError(f"positions are '{positions}', but no row is that long; take a smaller step, or all")
    return places


def plan_of(places: Places, widths: Mapping[str, int], positions: str, budget: int, seed: int, about: Mapping[str, Any]) -> Plan:
    """What a store of these places is to hold within `budget` bytes: all of them, or a sample drawn by the seed.

    Raises UsageError where not a single pattern fits.
    """
    n_rows = min(len(places), rows_within(budget, widths))
    if n_rows < 1:
        raise UsageError(
            f"a budget of {budget:,} bytes holds no pattern: one of {len(widths)} layers takes {bytes_per_row(widths):,}; give more"
        )
    chosen = {"which": positions, "of": len(places), "context": places.context, "seed": seed}
    return Plan(dict(widths), n_rows, positions=chosen, budget=budget, left_out=len(places) - n_rows, about=dict(about))


def store_patterns(model: PreTrainedModel, places: Places, plan: Plan, path: Path, progress: Progress = quiet) -> PatternStore:
    """The store of a plan at `path`, built from where an earlier build was interrupted. `progress` may raise, to stop in the middle.

    Memory does not grow with the store: a batch of rows is computed, written and forgotten.
    """
    numbers = sample_rows(len(places), plan.n_rows, plan.positions["seed"])
    with building(path, plan) as writer:
        synced = time.monotonic()
        for states, where in _states_at(model, places, numbers[writer.n_rows :], list(plan.layers)):
            arrays = {name: state.cpu().numpy() for name, state in states.items()}
            writer.add(arrays, where.documents, where.offsets, where.next_tokens)
            if time.monotonic() > synced + _SYNC_SECONDS:
                writer.sync()
                synced = time.monotonic()
            progress("storing patterns", writer.n_rows, plan.n_rows, "patterns")
        return writer.finish()


def collect_states(model: PreTrainedModel, places: Places, numbers: np.ndarray, names: Sequence[str], progress: Progress = quiet) -> States:
    """The states of some layers at some ascending places, held in memory."""
    parts, done = [], 0
    for states, where in _states_at(model, places, numbers, names):
        parts.append(({name: state.cpu() for name, state in states.items()}, where))
        done += len(where.rows)
        progress("computing states", done, len(numbers), "states")
    joined = {name: torch.cat([states[name] for states, _ in parts]) for name in names}
    return States(joined, Where(*(np.concatenate([getattr(where, field.name) for _, where in parts]) for field in fields(Where))))


def _states_at(
    model: PreTrainedModel, places: Places, numbers: np.ndarray, names: Sequence[str]
) -> Iterator[tuple[dict[str, Tensor], Where]]:
    """By layer the states (n, C) at some ascending places, a batch of rows at a time."""
    start = 0
    while start < len(numbers):
        stop = _end_of_batch(places, numbers, start)
        inputs, which, where = places.take(numbers[start:stop])
        longest = int(where.positions.max()) + 1  # causal: what stands behind changes nothing
        states = hidden_states(model, torch.from_numpy(inputs[:, :longest]).to(model.device), names)
        index = torch.from_numpy(which).to(model.device), torch.from_numpy(where.positions).to(model.device)
        yield {name: state[index] for name, state in states.items()}, where
        start = stop


def _end_of_batch(places: Places, numbers: np.ndarray, start: int) -> int:
    """Where the batch that begins at `start` ends: whole rows, of about so many tokens together."""
    stop = min(len(numbers), start + _TOKENS)
    rows, positions = places.locate(numbers[start:stop])
    lasts = np.flatnonzero(np.diff(rows, append=rows[-1] + 1))  # of each row
    cost = (np.maximum.accumulate(positions[lasts]) + 1) * np.arange(1, len(lasts) + 1)
    return start + 1 + int(lasts[max(1, int((cost <= _TOKENS).sum())) - 1])
