"""What size of model for what data, by the rules that there are: the paper's, Chinchilla's, Kaplan's, and capacity in bits."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memlab import config, models, registry
from memlab.errors import MemlabError, UsageError
from memlab.home import presets_of
from memlab.lab.expectation import at_once, outlook_words
from memlab.progress import Progress, quiet
from memlab.theory import scaling, sizes
from memlab.theory.capacity import BITS_PER_PARAMETER, capacity_bits

if TYPE_CHECKING:
    from memlab.render.series import Series

# Tokens of sources that are fetched, and of one whose size is fixed, where nobody has counted them here: paper, E1 and E4.
_WHOLE = {"openwebtext": 9.0e9, "question_formation": 2.2e6}

_VOCABULARY = 50_257  # GPT-2's: tokens of a text that is not named are bounded as if they were random ones of so many
_LN_2 = math.log(2)
_POINTS = 25  # of a curve


@dataclass(frozen=True)
class Held:
    """How many bits a token of the data holds: exactly, or at most. `how` says how that was obtained."""

    bits_per_token: float
    exact: bool
    how: str


@dataclass(frozen=True)
class Choice:
    """N and D by one rule, N as that rule counts it, and what to expect of them. Losses in nats per token.

    kaplan, chinchilla: the loss on unseen text that these laws predict. training: the least training loss that the capacity of N
    parameters allows, at most so much where the bits of the data are a bound, or N leaves out embeddings. regime: how much of the data they
    can memorise.
    """

    rule: str
    n_params: float
    n_tokens: float
    kaplan: float
    chinchilla: float
    training: float
    regime: str


@dataclass(frozen=True)
class Nearest:
    """The preset whose N and D come nearest, by the sum of the ratios' logarithms; D is None where it is not known before the text is."""

    name: str
    n_params: float
    n_tokens: float | None


@dataclass(frozen=True)
class Sizing:
    """What was asked (N, D or both), the bits of the data, what each rule makes of it, and the nearest preset.

    optimum: N and D with Chinchilla's least loss for the compute of what was given; None unless both N and D were.
    """

    n_params: float | None
    n_tokens: float | None
    held: Held
    choices: list[Choice]
    nearest: Nearest | None
    optimum: tuple[float, float] | None


RULES = {
    "N = O(D²), as stated": (scaling.matched_params, sizes.matched_tokens),
    "Chinchilla, parametric fit": (scaling.chinchilla_params, scaling.chinchilla_tokens),
    "Chinchilla, 20 tokens each": (
        lambda n_tokens: n_tokens / scaling.CHINCHILLA_TOKENS_PER_PARAMETER,
        lambda n_params: n_params * scaling.CHINCHILLA_TOKENS_PER_PARAMETER,
    ),
    "Kaplan, before overfitting": (scaling.kaplan_params, scaling.kaplan_tokens),
}
CAPACITY = f"capacity, {BITS_PER_PARAMETER} bits each"
GIVEN = "as given"


def sizing(home: Path, n_params: float | None, n_tokens: float | None, held: Held | None = None) -> Sizing:
    """What the rules say for so many parameters, so many tokens, or both. Raises UsageError where neither is given."""
    if n_params is None and n_tokens is None:
        raise UsageError("give --tokens, --params or --source; for example: memlab plan --tokens 90M")
    held = held or Held(math.log2(_VOCABULARY), False, f"as if each token were a random one of {_VOCABULARY:,}")
    chosen = [] if n_params is None or n_tokens is None else [_choice(GIVEN, n_params, n_tokens, held)]
    for name, (params_of, tokens_of) in rules(held).items():
        pair = (params_of(n_tokens), n_tokens) if n_tokens is not None else (n_params, tokens_of(n_params))
        chosen.append(_choice(name, *pair, held))
    both = n_params is not None and n_tokens is not None
    optimum = scaling.chinchilla_optimum(scaling.compute_of(n_params, n_tokens)) if both else None
    return Sizing(n_params, n_tokens, held, chosen, nearest_preset(home, n_params, n_tokens), optimum)


def rules(held: Held) -> dict[str, Any]:
    """Each rule as the function from D to N and its inverse. What the capacity rule says depends on the data."""
    params_of = lambda n_tokens: n_tokens * held.bits_per_token / BITS_PER_PARAMETER  # noqa: E731
    tokens_of = lambda n_params: n_params * BITS_PER_PARAMETER / held.bits_per_token  # noqa: E731
    return {**RULES, CAPACITY: (params_of, tokens_of)}


def data_of(home: Path, data: config.Data, context: int, progress: Progress = quiet) -> tuple[int, Held]:
    """The tokens of a source's training part, and their bits. Builds the corpus if this home does not have it."""
    from memlab.data.corpus import open_corpus
    from memlab.data.rows import open_rows
    from memlab.training.information import information_of

    rows = open_rows(open_corpus(home, data, progress), data, context)
    found, n_tokens = information_of(data, rows), rows.selection.n_tokens
    return n_tokens, Held(found.bits / n_tokens, found.exact, found.how)


def nearest_preset(home: Path, n_params: float | None, n_tokens: float | None) -> Nearest | None:
    """Of the presets whose size is known without their text, the one nearest to what is given."""
    mine, found = presets_of(home), []
    for name in registry.preset_names(mine):
        try:
            experiment = config.read(registry.preset_path(name, mine))
            one = Nearest(name, _params_of(experiment), _tokens_of(experiment.data))
        except (MemlabError, KeyError):  # of the user's own, or of a family that takes any model
            continue
        if experiment.data.insertions:  # its text is not as it was found
            continue
        away = [abs(math.log(one.n_params / n_params))] if n_params else []
        away += [abs(math.log(one.n_tokens / n_tokens))] if n_tokens and one.n_tokens else [math.inf] if n_tokens else []
        found.append((sum(away), one))
    return min(found, key=lambda pair: pair[0], default=(0, None))[1]


def series_of(found: Sizing) -> "list[Series]":
    """N over D: a curve for each rule around what was asked, the published models, and what was given."""
    from memlab.render.scale import short
    from memlab.render.series import Series

    shown = [*((one.n_tokens, one.n_params) for one in found.choices), *((one.n_tokens, one.n_params) for one in scaling.PUBLISHED)]
    low, high = min(d for d, _ in shown) / 2, max(d for d, _ in shown) * 2
    at = [low * (high / low) ** (number / (_POINTS - 1)) for number in range(_POINTS)]
    curves = [
        Series(name, at, [params_of(d) for d in at], color=color) for color, (name, (params_of, _)) in enumerate(rules(found.held).items())
    ]
    points = [(f"{one.name} {short(one.n_params)}", one, 5, one.name[0]) for one in scaling.PUBLISHED]
    points += [(one.rule, one, 6, "") for one in found.choices if one.rule == GIVEN]
    return [
        *curves,
        *(Series(name, [one.n_tokens], [one.n_params], role="validation", color=color, glyph=glyph) for name, one, color, glyph in points),
    ]


def _choice(rule: str, n_params: float, n_tokens: float, held: Held) -> Choice:
    bits, capacity = n_tokens * held.bits_per_token, capacity_bits(n_params)
    return Choice(
        rule=rule,
        n_params=n_params,
        n_tokens=n_tokens,
        kaplan=scaling.kaplan_loss(n_params, n_tokens),
        chinchilla=scaling.chinchilla_loss(n_params, n_tokens),
        training=max(0.0, bits - capacity) * _LN_2 / n_tokens,
        regime=outlook_words({"bits": bits, "exact": held.exact}, capacity, None),
    )


def _tokens_of(data: config.Data) -> float | None:
    if data.tokens:
        return float(data.tokens)
    return data.fraction * _WHOLE[data.source] if data.source in _WHOLE else None


def _params_of(experiment: config.Experiment) -> float:
    """N by formula: also of a family whose heads are shared and whose layers differ. Raises KeyError for one that is neither."""
    known = at_once(experiment).known
    if "n_params" in known:
        return known["n_params"]
    size, constants = models.size_of(experiment.model), registry.describe("family", experiment.model.family).constants
    heads = sum(size["n_kv_head"]) * constants["HEAD"] * 2 * (1 + constants["QUERIES"])  # keys and values, queries and output
    return size["n_embd"] * (heads + 3 * sum(size["n_inner"]))
