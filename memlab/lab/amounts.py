"""Amounts as they are typed: fractions, tokens and budgets, read and written so that they mean exactly the same."""

import re
from collections.abc import Mapping

from memlab import config
from memlab.errors import ConfigError

STEPS_OF_THE_PAPER = ("100 %", "10 %", "1 %", "0.1 %")

# The kinds of budget in words, and how much of each one may begin with.
BUDGETS = {"steps": "steps", "n_tokens": "tokens", "epochs": "epochs", "minutes": "minutes"}
_FIRST_BUDGETS = {"steps": "1000", "n_tokens": "1M", "epochs": "100", "minutes": "5"}
_DIGITS = 3  # of what is converted and no whole number

_FACTORS = {"": 1, "k": 1e3, "m": 1e6, "b": 1e9}
_NUMBER = re.compile(r"([0-9][0-9_,]*(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?|\.[0-9]+)\s*([kmb]?)", re.IGNORECASE)


def stepped(amount: str, up: bool) -> str:
    """The next larger or smaller one of the paper's fractions; of an amount in tokens twice as much, or half of it."""
    shares = [config.parse_fraction(step) for step in STEPS_OF_THE_PAPER]
    try:
        n_tokens = tokens_of(amount)
        if n_tokens:
            return f"{n_tokens * 2 if up else max(1, n_tokens // 2):,} tokens"
        share = config.parse_fraction(amount)
    except ConfigError:
        return STEPS_OF_THE_PAPER[0]
    others = [step for step, known in zip(STEPS_OF_THE_PAPER, shares, strict=True) if (known > share if up else known < share)]
    return (others[-1] if up else others[0]) if others else amount


def doubled(amount: str, up: bool, whole: bool) -> str:
    """Twice a budget, or half of it; `whole`: at least 1, without a fraction. What is no number stays as it is."""
    try:
        value = parse_amount("", amount, "", whole)
    except ConfigError:
        return amount
    value = 2 * value if up else value / 2
    return plain_number(max(1, int(value)) if whole else value)


def next_seed(seed: str, up: bool) -> str:
    """The seed after this one, or before it. What is no number stays as it is."""
    try:
        value = parse_amount("", seed, "", whole=True)
    except ConfigError:
        return seed
    return plain_number(max(0, value + 1 if up else value - 1))


def converted(amount: str, budget: str, other: str, rates: Mapping[str, float]) -> str:
    """As much training in another kind of budget; where that cannot be said, as much as one may begin with.

    `rates`: how much of each kind one step takes, as far as it is known; see `expectation.Prospect`.
    """
    try:
        steps = parse_amount(budget, amount, "", whole=False) / rates[budget]
        found = steps * rates[other]
    except (ConfigError, KeyError, ZeroDivisionError):
        found = 0.0
    if found <= 0:
        return _FIRST_BUDGETS[other]
    if other == "steps":
        return plain_number(max(1, round(found)))
    return plain_number(float(f"{found:.{_DIGITS}g}") if found < 10**_DIGITS else round(found))


def percent(fraction: float, space: str = "") -> str:
    """A fraction as a percentage that means exactly the same: 0.1%."""
    text = f"{100 * fraction:.15g}{space}%"
    return text if config.parse_fraction(text) == fraction else repr(fraction)


def tokens_of(amount: str) -> int | None:
    """How many tokens it says; None where it is a fraction. Raises ConfigError for a number of tokens that is none."""
    word, tokens, rest = amount.strip().partition("token")
    if not tokens or rest not in ("", "s"):
        return None
    n_tokens = int(parse_amount("data.tokens", word, "8192 tokens or 10k tokens", whole=True))
    if n_tokens < 1:
        raise ConfigError(f"data.tokens is {n_tokens}; it must be at least 1")
    return n_tokens


def parse_amount(name: str, text: str, example: str, whole: bool) -> int | float:
    """`1000`, `10k`, `1.5M`, `2e6`, `8,192`."""
    match = _NUMBER.fullmatch(text.strip())
    if not match:
        raise ConfigError(
            f"{name} is '{text.strip()}'; write a number such as {example}"
            if text.strip()
            else f"{name} is missing; write for example {example}"
        )
    digits, factor = match[1].replace(",", "").replace("_", ""), _FACTORS[match[2].lower()]
    if whole and digits.isdecimal():
        return int(digits) * int(factor)
    value = float(digits) * factor
    if whole and value != int(value):
        raise ConfigError(f"{name} is {value:g}; it must be a whole number")
    return int(value) if whole else value


def plain_number(value: float) -> str:
    """As it is typed: 1000, 0.5; a large whole number in full."""
    return f"{value:.0f}" if value == int(value) and abs(value) < 1e15 else repr(value)
