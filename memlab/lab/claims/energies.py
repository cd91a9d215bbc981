"""Claims on energies: propositions 1 to 3, the layers of equation 6 and the global energy of equation 8, on random states and patterns."""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from memlab.lab.claims.claim import CORRECTED, FAILS, HOLDS, Claim, Figure, judged
from memlab.lab.claims.evidence import Evidence
from memlab.render.scale import count, percent

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from memlab.measures.propositions import Kept

PAPER = "Niu et al. 2024 (arXiv 2405.08707)"
_TRIALS, _STATES = 200, 8  # sets of patterns, and states tried in each
_WIDEST, _MOST, _LAYERS = 16, 64, 6
_EXACT = 1e-10  # relative: how far the lab's energies may be from brute force
_STEP = 1e-3  # of a gradient, along which a state moves
_ALWAYS = 0.99  # of the states


def proposition_1(seed: int, known: Evidence | None) -> Claim:
    from memlab.measures.propositions import P1

    kept, error = _tried(seed)[P1], _tried_error(seed)
    held = kept.broken == 0 and error < _EXACT
    return Claim(
        "proposition-1",
        "Proposition 1",
        f"{PAPER}, proposition 1",
        "the energy is the nearest squared distance, to within the number of patterns: g − ln d ≤ E ≤ g",
        "" if held else "none is known",
        [_broken("bound broken", kept), Figure("lab's energies against brute force", error, f"off by {error:.1g} of their size at most")],
        _on_run(known, {"bound broken": P1}),
        HOLDS if held else FAILS,
        f"The bound holds for all {count(kept.n)} states tried." if held else f"It is broken for {_of(kept)} states tried.",
        "",
    )


def proposition_2(seed: int, known: Evidence | None) -> Claim:
    from memlab.measures.propositions import P2, P2_SHARP

    stated, sharp = _tried(seed)[P2], _tried(seed)[P2_SHARP]
    verdict = judged(stated.broken == 0, sharp.broken == 0)
    why = f"The bound holds for all {count(stated.n)} states tried" if verdict == HOLDS else f"It is broken for {_of(stated)} states tried"
    why += ", and so does a sharper one: the difference is never negative." if sharp.broken == 0 else "."
    return Claim(
        "proposition-2",
        "Proposition 2",
        f"{PAPER}, proposition 2; the network of Ramsauer et al. 2020 (MCHN)",
        "|E − (2·E_MCHN − ln d)| ≤ Δ, with Δ = max‖ρ‖² − min‖ρ‖² and E_MCHN at β = 2",
        "sharper: 0 ≤ 2·E_MCHN − ln d − E ≤ Δ" if sharp.broken == 0 else "",
        [_broken("as stated broken", stated), _broken("sharper one broken", sharp)],
        _on_run(known, {"as stated broken": P2, "sharper one broken": P2_SHARP}),
        verdict,
        why,
        "",
    )


def proposition_3(seed: int, known: Evidence | None) -> Claim:
    from memlab.measures.propositions import P3, P3_STATED

    stated, corrected = _tried(seed)[P3_STATED], _tried(seed)[P3]
    verdict = judged(stated.broken == 0, corrected.broken == 0)
    if verdict == HOLDS:
        why = f"The bound holds for all {count(stated.n)} states tried."
    else:
        rest = "; with the sign mended it holds for all" if verdict == CORRECTED else f", the corrected one for {_of(corrected)}"
        why = f"As stated it is broken for {_of(stated)} states tried{rest}."
    return Claim(
        "proposition-3",
        "Proposition 3",
        f"{PAPER}, proposition 3",
        "−Δ ≤ g − 2·E_MCHN ≤ Δ + ln d, with Δ = max‖ρ‖² − min‖ρ‖² and E_MCHN at β = 2",
        "−Δ − ln d ≤ g − 2·E_MCHN ≤ 0",
        [_broken("as stated broken", stated), _broken("corrected broken", corrected)],
        _on_run(known, {"as stated broken": P3_STATED, "corrected broken": P3}),
        verdict,
        why,
        "",
    )


def equation_6(seed: int, known: Evidence | None) -> Claim:
    """A small step down the density exp(-g)/Z, the energy as stated, and one down E_β: does the nearest pattern come nearer?"""
    from memlab.memory.energy import energy_gradient, layer_energy, nearest_squared_distance, squared_distances

    n, nearer_stated, nearer, lower = 0, 0, 0, 0
    for state, patterns in _trials(seed):
        g, energy = nearest_squared_distance(state, patterns), layer_energy(state, patterns)
        away = state - patterns[squared_distances(state, patterns).argmin(1)]  # down exp(-g)/Z: -∇ is 2 exp(-g)/Z · (x - ρ)
        down = state - _STEP * energy_gradient(state, patterns)
        n += len(state)
        nearer_stated += int((nearest_squared_distance(state + _STEP * away, patterns) < g).sum())
        nearer += int((nearest_squared_distance(down, patterns) < g).sum())
        lower += int((layer_energy(down, patterns) <= energy).sum())
    verdict = judged(nearer_stated >= _ALWAYS * n, lower >= _ALWAYS * n)
    why = {
        HOLDS: "Minimising it moves states towards their nearest pattern.",
        CORRECTED: f"As stated it is a density: minimising it moves {count(n - nearer_stated)} of {count(n)} states away from their "
        f"pattern, while a step down E_β brings {percent(nearer / n)} nearer.",
        FAILS: "Neither a step down the density nor one down E_β does what it should.",
    }[verdict]
    return Claim(
        "equation-6",
        "Equation 6, layers",
        f"{PAPER}, equation 6",
        "each layer minimises E_t = exp(−g_t)/Z_t: x(t) = argmin of E_t within a distance δ_t of x(t−1)",
        "minimise E_β(x) = −1/β · ln Σ exp(−β‖x − ρ‖²) over the patterns of layer t",
        [
            Figure("nearer after a step as stated", nearer_stated / n, f"{percent(nearer_stated / n)} of {count(n)} states"),
            Figure("nearer after a step down E_β", nearer / n, f"{percent(nearer / n)}; E_β lower for {percent(lower / n)}"),
        ],
        [],
        verdict,
        why,
        "",
    )


def equation_8(seed: int, known: Evidence | None) -> Claim:
    import torch

    from memlab.measures.propositions import E8, NOTHING
    from memlab.measures.propositions import equation_8 as tried
    from memlab.memory.energy import layer_energy

    generator, kept = torch.Generator().manual_seed(seed), NOTHING
    for state, patterns in _trials(seed):
        layers = 2 + int(torch.randint(_LAYERS, (), generator=generator))
        moved = [patterns + torch.randn(patterns.shape, generator=generator, dtype=torch.float64) for _ in range(layers)]
        kept += tried(torch.stack([layer_energy(state, some) for some in moved]))
    held = kept.broken == 0
    return Claim(
        "equation-8",
        "Equation 8, global energy",
        f"{PAPER}, equations 7 and 8",
        "E_global = −ln Σ exp(−E_t) over l layers has min E_t − ln l ≤ E_global < min E_t",
        "" if held else "none is known",
        [_broken("bound broken", kept)],
        _on_run(known, {"bound broken": E8}),
        HOLDS if held else FAILS,
        f"The bound holds for all {count(kept.n)} states tried, with the same kind of energy in every layer."
        if held
        else f"It is broken for {_of(kept)} states tried.",
        "",
    )


def _trials(seed: int) -> "Iterator[tuple[Tensor, Tensor]]":
    """States and patterns of all scales, in one to sixteen dimensions, float64."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    for _ in range(_TRIALS):
        width, n = (1 + int(torch.randint(most, (), generator=generator)) for most in (_WIDEST, _MOST))
        scales = 10 ** (2 * torch.rand(2, generator=generator, dtype=torch.float64) - 1)
        state, patterns = (
            scale * torch.randn(rows, width, generator=generator, dtype=torch.float64)
            for rows, scale in zip((_STATES, n), scales, strict=True)
        )
        yield state, patterns


def _tried(seed: int) -> "dict[str, Kept]":
    from memlab.measures.propositions import NOTHING, propositions

    kept: dict[str, Kept] = {}
    for state, patterns in _trials(seed):
        for name, one in propositions(state, patterns).items():
            kept[name] = kept.get(name, NOTHING) + one
    return kept


def _tried_error(seed: int) -> float:
    """How far the lab's energies are from brute force at most, of their size."""
    from memlab.memory.energy import layer_energy, mchn_energy

    worst = 0.0
    for state, patterns in _trials(seed):
        expected = _by_brute_force(state.numpy(), patterns.numpy())
        for found, exact in zip((layer_energy(state, patterns), mchn_energy(state, patterns)), expected, strict=True):
            worst = max(worst, float((abs(found.numpy() - exact) / (1 + abs(exact))).max()))
    return worst


def _by_brute_force(state: "np.ndarray", patterns: "np.ndarray") -> "tuple[np.ndarray, np.ndarray]":
    """E at β = 1 and E_MCHN at β = 2, by their formulas."""
    import numpy as np

    distances = ((state[:, None] - patterns) ** 2).sum(2)
    energy = -np.logaddexp.reduce(-distances, 1)
    norms = (patterns**2).sum(1)
    network = -np.logaddexp.reduce(2 * state @ patterns.T, 1) / 2 + ((state**2).sum(1) + math.log(len(patterns)) + norms.max()) / 2
    return energy, network


def _broken(name: str, kept: "Kept") -> Figure:
    worst = f", by {kept.worst:.3g} at most" if kept.broken else ""
    return Figure(name, kept.broken, f"{_of(kept)} states{worst}")


def _of(kept: "Kept") -> str:
    share = f" ({percent(kept.broken / kept.n)})" if kept.broken else ""
    return f"{count(kept.broken)} of {count(kept.n)}{share}"


def _on_run(known: Evidence | None, names: dict[str, str]) -> list[Figure]:
    """The same bounds for held-out states of a run among its stored patterns, as far as they were measured."""
    bounds = known.patterns.bounds if known and known.patterns else {}
    return [_broken(f"{words}, held-out text", bounds[name]) for words, name in names.items() if name in bounds]
