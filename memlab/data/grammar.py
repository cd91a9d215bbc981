"""A weighted context-free grammar without recursion, taken apart into structures whose strings are all equally likely.

The rules are weighted; the lexicon names classes of words that are uniform among themselves. Expanding every rule down to word classes
leaves finitely many *structures* (sequences of classes and literal words). A word belongs to one class only, so a string has one
structure, and everything about the distribution is exact:

    p(string) = p(structure) / n(structure),   n(structure) = product of the sizes of its classes

Derivations that end in the same structure are added up: an ambiguous grammar gives the same exact probabilities of its strings.

Where draws that came up before are left out, strings follow another distribution, again one over structures (`Grammar.unrepeated`).
"""

import math
import random
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate
from typing import NamedTuple

Symbols = tuple[str, ...]

_NUMBER = re.compile(r"-?\d+(\.\d*)?")


@dataclass(frozen=True, eq=False)
class Structure:
    """A sequence of word classes and literal words, how likely it is, and the words that may stand in each place."""

    symbols: Symbols
    probability: float
    choices: tuple[tuple[str, ...], ...] = field(repr=False)

    @cached_property
    def count(self) -> int:
        """How many strings have this structure."""
        return math.prod(map(len, self.choices))

    @property
    def of_one(self) -> float:
        """p of each single string of this structure."""
        return self.probability / self.count

    @property
    def log_probability(self) -> float:
        """ln p of each single string of this structure, in nats."""
        return math.log(self.probability) - math.log(self.count)

    def string(self, rank: int) -> tuple[str, ...]:
        """The words of the string with this rank in [0, count): its digits, one a place, the last place varying slowest."""
        words = []
        for choices in self.choices:
            rank, digit = divmod(rank, len(choices))
            words.append(choices[digit])
        return tuple(words)


class Derivation(NamedTuple):
    """One string of a grammar: its structure, and its rank among the strings of that structure. Cheap to draw, hash and compare."""

    structure: Structure
    rank: int

    @property
    def words(self) -> tuple[str, ...]:
        """The string itself."""
        return self.structure.string(self.rank)


class Grammar:
    """A distribution over finitely many strings, given by the probabilities of its structures."""

    def __init__(self, probabilities: Mapping[Symbols, float], lexicon: Mapping[str, tuple[str, ...]]) -> None:
        """`probabilities` of structures (in any unit, normalised here); `lexicon` word class → its words; other symbols are literal words.

        Raises ValueError for an empty grammar and for a word that belongs to two classes.
        """
        total = math.fsum(probabilities.values())
        if total <= 0:
            raise ValueError(f"the {len(probabilities)} structures have a total weight of {total:g}; a grammar needs at least one string")
        self._lexicon = lexicon
        self.structures = tuple(
            Structure(symbols, weight / total, tuple(lexicon.get(symbol, (symbol,)) for symbol in symbols))
            for symbols, weight in probabilities.items()
        )
        self._by_symbols = {structure.symbols: structure for structure in self.structures}
        self._cumulative = list(accumulate(structure.probability for structure in self.structures))
        self._class_of = self._classes()

    @classmethod
    def read(cls, rules: str, lexicon: Mapping[str, str], start: str = "ROOT") -> "Grammar":
        """Read rules such as `S -> 2 NP VP | NP`, one left-hand side a line; a number before an alternative is its weight (default 1).

        `lexicon` names each word class and gives its words, separated by spaces. Raises ValueError for a rule that leads back to itself,
        is given twice or is empty, for a weight that is not positive, and for a start without a rule.
        """
        table = _read_rules(rules)
        if start not in table:
            raise ValueError(f"the start {start!r} has no rule; there are rules for: {', '.join(table)}")
        return cls(_expand(start, table), {name: tuple(words.split()) for name, words in lexicon.items()})

    @cached_property
    def words(self) -> frozenset[str]:
        """Every word that occurs in some string."""
        return frozenset(self._class_of)

    @property
    def count(self) -> int:
        """How many strings there are."""
        return sum(structure.count for structure in self.structures)

    @property
    def entropy(self) -> float:
        """Entropy of one string, in nats: H = Σ p(s) · (ln n(s) - ln p(s)) over the structures s."""
        return -math.fsum(structure.probability * structure.log_probability for structure in self.structures)

    def draw(self, generator: random.Random) -> Derivation:
        """Draw one derivation; `generator` is the only randomness."""
        structure = generator.choices(self.structures, cum_weights=self._cumulative)[0]
        return Derivation(structure, generator.randrange(structure.count))

    def structure(self, words: Iterable[str]) -> Structure | None:
        """The structure of a string, or None if the grammar cannot make the string."""
        return self._by_symbols.get(tuple(self._class_of.get(word, "") for word in words))

    def log_probability(self, words: Iterable[str]) -> float:
        """ln p of a string, in nats; -inf for one that the grammar cannot make."""
        structure = self.structure(words)
        return -math.inf if structure is None else structure.log_probability

    def next_words(self, prefix: Sequence[str]) -> dict[str | None, float]:
        """How likely each word is to come next after the beginning of a string, None for its end: p(prefix word) / p(prefix).

        Sums to 1; empty after what no string begins with.
        """
        after = self._masses.get(tuple(self._class_of.get(word, "") for word in prefix), {})
        total = math.fsum(after.values())
        found: dict[str | None, float] = {}
        for symbol, mass in after.items():
            words = (None,) if symbol is None else self._lexicon.get(symbol, (symbol,))
            found |= dict.fromkeys(words, mass / total / len(words))
        return found

    @cached_property
    def _masses(self) -> dict[Symbols, dict[str | None, float]]:
        """After each beginning of a structure, the probability of the structures that go on with each symbol, None for those that end."""
        masses: dict[Symbols, dict[str | None, float]] = defaultdict(lambda: defaultdict(float))
        for structure in self.structures:
            for place, symbol in enumerate((*structure.symbols, None)):
                masses[structure.symbols[:place]][symbol] += structure.probability
        return masses

    def given(self, condition: Callable[[Symbols], bool]) -> "Grammar":
        """The same distribution conditioned on a property of the structure. Raises ValueError where no structure has it."""
        kept = {structure.symbols: structure.probability for structure in self.structures if condition(structure.symbols)}
        return Grammar(kept, self._lexicon)

    def draws(self, n_different: int) -> float:
        """How many draws give so many different strings: the M with Σ_s (1 - exp(-M·p(s))) = n_different, over all strings s.

        Exact where the number of draws is itself Poisson with mean M; infinite where these are all of the strings.
        """
        if n_different >= self.count:
            return math.inf
        m, step = 0.0, float(n_different)
        while step > 1e-12 * m:  # Newton's steps: from below they never pass the solution, as the left side is concave in M
            m += step
            found = -math.fsum(structure.count * math.expm1(-m * structure.of_one) for structure in self.structures)
            slope = math.fsum(structure.probability * math.exp(-m * structure.of_one) for structure in self.structures)
            step = (n_different - found) / slope
        return m

    def unrepeated(self, spans: Iterable[tuple[int, int]]) -> "Grammar":
        """The distribution of a string out of some spans of the stream of draws from which repeats are left out, counted from 0.

            q(s) ∝ Σ exp(-A·p(s)) - exp(-B·p(s)) over the spans, A and B the draws before the span's first string and up to its last

        A likely string has probably come up before: late ones are rarer than draws are. Let each string come up at the times of a
        Poisson process of rate p(s), all of them together at rate 1. Then the stream is the strings by the time that each first comes
        up, exponential with mean 1/p(s), and q is the share of that in the time of the span. The one approximation takes A and B at
        their means (`draws`); they vary by the order of the root of the number of strings.
        Raises ValueError for a span that is empty or goes beyond the last string.
        """
        weights: dict[Symbols, float] = defaultdict(float)
        for start, stop in spans:
            if not 0 <= start < stop <= self.count:
                raise ValueError(f"strings {start:,} to {stop:,} of a stream of {self.count:,} different ones; ask for some that there are")
            before, until = self.draws(start), self.draws(stop)
            for one in self.structures:
                weights[one.symbols] += one.count * math.exp(-before * one.of_one) * -math.expm1((before - until) * one.of_one)
        return Grammar({symbols: weight for symbols, weight in weights.items() if weight > 0}, self._lexicon)

    def _classes(self) -> dict[str, str]:
        class_of: dict[str, str] = {}
        for symbol in dict.fromkeys(symbol for structure in self.structures for symbol in structure.symbols):
            for word in self._lexicon.get(symbol, (symbol,)):
                if word in class_of:
                    raise ValueError(f"the word {word!r} belongs to {class_of[word]!r} and to {symbol!r}; give it one class only")
                class_of[word] = symbol
        return class_of


def _read_rules(text: str) -> dict[str, list[tuple[float, Symbols]]]:
    """Left-hand side → (probability, symbols) of each alternative."""
    rules: dict[str, list[tuple[float, Symbols]]] = {}
    for line in filter(str.strip, text.splitlines()):
        left, _, right = (part.strip() for part in line.partition("->"))
        if left in rules or not right:
            raise ValueError(f"the rule {line.strip()!r} is a second one for {left!r} or has no right-hand side; write `left -> a b | 2 c`")
        alternatives = [_read_alternative(alternative.split()) for alternative in right.split("|")]
        if any(weight <= 0 for weight, _ in alternatives):
            raise ValueError(f"the rule {line.strip()!r} has a weight that is not positive; leave the alternative out instead")
        total = sum(weight for weight, _ in alternatives)
        rules[left] = [(weight / total, symbols) for weight, symbols in alternatives]
    return rules


def _read_alternative(parts: list[str]) -> tuple[float, Symbols]:
    if parts and _NUMBER.fullmatch(parts[0]):
        return float(parts[0]), tuple(parts[1:])
    return 1.0, tuple(parts)


def _expand(symbol: str, rules: Mapping[str, list[tuple[float, Symbols]]], above: Symbols = ()) -> dict[Symbols, float]:
    """Every sequence of symbols without rules that `symbol` leads to, with its probability; equal sequences are added up."""
    if symbol not in rules:
        return {(symbol,): 1.0}
    if symbol in above:
        circle = " -> ".join((*above, symbol))
        raise ValueError(f"the rule of {symbol!r} leads back to itself ({circle}); write it out to the depth that is wanted")
    found: dict[Symbols, float] = defaultdict(float)
    for probability, right in rules[symbol]:
        sequences: dict[Symbols, float] = {(): probability}
        for part in right:
            sequences = _joined(sequences, _expand(part, rules, (*above, symbol)))
        for symbols, p in sequences.items():
            found[symbols] += p
    return found


def _joined(left: Mapping[Symbols, float], right: Mapping[Symbols, float]) -> dict[Symbols, float]:
    joined: dict[Symbols, float] = defaultdict(float)
    for symbols, p in left.items():
        for more, q in right.items():
            joined[symbols + more] += p * q
    return joined
