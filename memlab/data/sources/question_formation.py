"""Question formation: declaratives, each copied or turned into a question (68 words).

A line is `declarative . decl declarative .` or `declarative . quest question ?`; the question moves the main auxiliary to the front.
Four splits: train, validation and test ask questions only about subjects without a relative clause, so moving the *first* auxiliary
would do; in gen every question has a relative clause on its subject and the first auxiliary is the wrong one.

The lines are generated here, by two weighted grammars: one for train, validation and test, one for gen. Words and structures are those
of the published grammar, and words are uniform within their class; how often each structure occurs follows the published *lines*, which
do not follow the grammar's own weights (in training, bare subjects are 60 % instead of a third, intransitive verbs 22 % instead of a half).

No line occurs twice. As in the published files, training lines come first and the held-out lines are later draws of the same stream:
100,000 training lines are drawn (whatever `lines` says), then validation, then test, then any further training lines. So a smaller
number of training lines is a prefix of a larger one and the held-out lines stay the same. Leaving out repeats uses up the shortest
lines (5,616 with a bare subject and an intransitive verb are 13 % of the draws), so lines grow longer and rarer along the stream:

    lines                        mean tokens   mean -ln p and -ln q per predicted token (end of sequence counted)
    before repeats are left out     20.9         0.992
    first 20,000 of train           21.2         0.994   0.993
    all 100,000 of train            21.9         0.997   0.996
    validation and test             22.3         1.000   0.995
    gen                             22.6         0.831   0.831

p is what lines are drawn from, q what the lines of the split follow once repeats are left out (`unrepeated`): of these lines -ln p is no
lower bound, for a model trained on such lines learns that the likeliest ones do not come up any more.

Sources: McCoy, Frank and Linzen 2020 (TACL), the task and the grammar; Murty et al. 2023 (arXiv 2305.18741), its use for language models.
"""

import hashlib
import math
import random
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass
from functools import cache, lru_cache
from itertools import islice

from memlab.config import setting
from memlab.data.document import Document
from memlab.data.grammar import Derivation, Grammar, Symbols
from memlab.errors import ConfigError, UnknownName, did_you_mean

SPLITS = ("train", "validation", "test", "gen")

QUICK = True  # a corpus is made in about a minute at most
VERSION = 1  # raised whenever the same options would give other lines
PUBLISHED_LINES = 100_000  # training lines drawn before any held-out line, as published

AUXILIARIES = frozenset(("do", "don't", "does", "doesn't"))
RELATIVES = frozenset(("who", "that"))
MARKERS = frozenset(("decl", "quest"))

LEXICON = {
    "Det": "the some my your our her",
    "N_S": "newt orangutan peacock quail raven salamander tyrannosaurus unicorn vulture walrus xylophone yak zebra",
    "N_P": "newts orangutans peacocks quails ravens salamanders tyrannosauruses unicorns vultures walruses xylophones yaks zebras",
    "V_intrans": "giggle smile sleep swim wait move change read eat",
    "V_trans": "entertain amuse high_five applaud confuse admire accept remember comfort",
    "Prep": "around near with upon by behind above below",
    "Rel": "who that",
}

# The auxiliaries are rules, not a word class: what gen requires of them is then a property of the structure.
COMMON_RULES = """
N     -> N_S | N_P
Aux_S -> does | doesn't
Aux_P -> do | don't
"""

# Weights: shares observed in 20,000 published training lines, repeats accounted for. The predicate's shares were observed beside
# subjects with a relative clause, where repeats are rare; taken for all subjects they give the published mean lengths too.
# The kinds of clause are the simplest ratios within a standard error of (0.246, 0.511, 0.243) in subjects, (0.51, 0.24, 0.25) in objects.
# The symbol # stands for S (singular) and P (plural).
TRAINING_RULES = """
ROOT     -> 0.5825 Copied . decl | 0.4174 Asked . quest
Copied   -> Any_S VP_S | Any_P VP_P
Asked    -> Plain_S VP_S | Plain_P VP_P
Any_#    -> 0.2955 Det N_# | 0.1199 Det N_# Prep Det N | 0.1671 Det N_# Clause_#
Plain_#  -> 0.2999 Det N_# | 0.1175 Det N_# Prep Det N
VP_#     -> 0.221 Aux_# V_intrans | 0.232 Aux_# V_trans Det N | 0.236 Aux_# V_trans Det N Prep Det N | 0.31 Aux_# V_trans With_clause
With_clause     -> Det N_S Object_clause_S | Det N_P Object_clause_P
Clause_#        -> Rel Aux_# V_intrans | Rel Det N_S Aux_S V_trans | Rel Det N_P Aux_P V_trans | Rel Aux_# V_trans Det N
Object_clause_# -> 4 Rel Aux_# V_intrans | Rel Det N_S Aux_S V_trans | Rel Det N_P Aux_P V_trans | 2 Rel Aux_# V_trans Det N
"""

# Weights: shares observed in the 10,000 published lines of gen. In all of them the noun inside the clause has the number of the
# subject, so the two auxiliaries differ in `n't` and the wrong one would agree with the subject as well.
GEN_RULES = """
ROOT     -> Asked . quest
Asked    -> Det N_S Clause_S VP_S | Det N_P Clause_P VP_P
Clause_# -> 0.320 Rel Aux_# V_intrans | 0.333 Rel Det N_# Aux_# V_trans | 0.346 Rel Aux_# V_trans Det N
VP_#     -> 0.592 Aux_# V_intrans | 0.200 Aux_# V_trans Det N | 0.208 Aux_# V_trans Det N Prep Det N
"""


@dataclass(frozen=True)
class Options:
    """How many lines of each split, and the seed of their draw."""

    lines: int = setting(PUBLISHED_LINES, "training lines; fewer are a prefix of more")
    seed: int = setting(0, "seed of the draw")
    validation_lines: int = setting(1_000, "held-out lines of the same kind, for validation")
    test_lines: int = setting(10_000, "more held-out lines of the same kind")
    gen_lines: int = setting(10_000, "lines that ask for the main auxiliary where it is not the first")

    def __post_init__(self) -> None:
        for name, least in (("lines", 1), ("seed", 0), ("validation_lines", 1), ("test_lines", 0), ("gen_lines", 0)):
            value = getattr(self, name)
            if value < least:
                raise ConfigError(f"data.source_options.{name} is {value}; it must be at least {least}")


@dataclass(frozen=True)
class Lines:
    """The documents of some options: drawn anew, and the same, each time they are iterated over."""

    options: Options

    def __iter__(self) -> Iterator[Document]:
        options = self.options
        drawn = _distinct(_grammar("train"), random.Random(f"{options.seed} train"))
        published = islice(drawn, PUBLISHED_LINES)
        yield from _documents("train", islice(published, options.lines))
        deque(published, maxlen=0)  # drawn all the same, so that the held-out lines do not depend on `lines`
        validation = list(islice(drawn, options.validation_lines))
        test = list(islice(drawn, options.test_lines))
        yield from _documents("train", islice(drawn, max(0, options.lines - PUBLISHED_LINES)), first=PUBLISHED_LINES)
        yield from _documents("validation", validation)
        yield from _documents("test", test)
        gen = _distinct(_grammar("gen"), random.Random(f"{options.seed} gen"))
        yield from _documents("gen", islice(gen, options.gen_lines))


def documents(options: Options) -> Iterable[Document]:
    """The lines, split by split: 'train', 'validation', 'test', 'gen'. No line occurs twice."""
    return Lines(options)


def fingerprint(options: Options) -> str:
    """Changes with every option, with the grammars and with the version of the draw."""
    content = (VERSION, COMMON_RULES, TRAINING_RULES, GEN_RULES, LEXICON, astuple(options))
    return hashlib.sha256(repr(content).encode()).hexdigest()[:16]


def log_probability(text: str, options: Options, split: str = "train") -> float:
    """ln p of one line under the distribution that its split is drawn from, before repeats are left out, in nats.

    train, validation and test have one distribution, gen has its own: the split says which, the text does not (a line of gen is
    impossible in the others, and the other way round). The options do not change it. -inf for a line that cannot occur. Divide by
    the number of words + 1 for nats per predicted token, the end of the sequence counted. Raises UnknownName for another split.
    """
    return _log_probability(_grammar(split), text)


def next_words(prefix: Sequence[str], options: Options, split: str = "train") -> dict[str | None, float]:
    """How likely each word is to come next after the first words of a line, None for the line's end; they sum to 1.

    Under the distribution of `log_probability`, which it makes up word by word: what follows the marker is certain, since the
    declarative determines it. Empty after words that no line of the split begins with. Raises UnknownName for another split.
    """
    return _next_words(_grammar(split), prefix)


@dataclass(frozen=True)
class Unrepeated:
    """What the lines of a split follow once repeats are left out: `words` say which lines these are."""

    grammar: Grammar
    words: str

    @property
    def entropy(self) -> float:
        """Entropy of one line under q, in nats."""
        return self.grammar.entropy

    def log_probability(self, text: str) -> float:
        """ln q of one line, in nats; -inf for a line that cannot occur."""
        return _log_probability(self.grammar, text)

    def next_words(self, prefix: Sequence[str]) -> dict[str | None, float]:
        """As the function of this name, of q: how likely each word is to come next after the first words of a line."""
        return _next_words(self.grammar, prefix)


def unrepeated(options: Options, split: str, first: int = 0, last: int | None = None) -> Unrepeated:
    """The distribution q of one line out of a split, or out of its lines from `first` to before `last`, repeats left out.

    Of who knows the grammar and which lines are asked about, but no other line: no such predictor loses less than -ln q on average. One
    that knows all training lines by heart can: a held-out line is none of them, so that it follows p(s) / (1 - p(all of them)) where it
    is new. Lines are drawn in the order that `Lines` has: see `Grammar.unrepeated`. Raises UnknownName for another split.
    """
    grammar, spans = _grammar(split), _spans(options, split, first, last)
    before, until = grammar.draws(spans[0][0]), grammar.draws(spans[-1][1])
    if spans[0][0] == 0:
        words = f"lines that come up in {until:,.0f} draws, each counted once"
    else:
        words = f"lines that come up in {until - before:,.0f} draws and in none of the {before:,.0f} before"
    return Unrepeated(_unrepeated("gen" if split == "gen" else "train", spans), words)


def _spans(options: Options, split: str, first: int, last: int | None) -> tuple[tuple[int, int], ...]:
    """Where the lines `first` to before `last` of a split stand in the stream that they are drawn from, repeats left out."""
    held_out = options.validation_lines + options.test_lines
    begin, n = {
        "train": (0, options.lines),
        "validation": (PUBLISHED_LINES, options.validation_lines),
        "test": (PUBLISHED_LINES + options.validation_lines, options.test_lines),
        "gen": (0, options.gen_lines),
    }[split]
    start, stop = begin + first, begin + (n if last is None else last)
    if split != "train" or stop <= PUBLISHED_LINES:
        return ((start, stop),)
    later = (max(start, PUBLISHED_LINES) + held_out, stop + held_out)
    return ((start, PUBLISHED_LINES), later) if start < PUBLISHED_LINES else (later,)


@lru_cache(maxsize=16)
def _unrepeated(split: str, spans: tuple[tuple[int, int], ...]) -> Grammar:
    return _grammar(split).unrepeated(spans)


def _log_probability(grammar: Grammar, text: str) -> float:
    words = text.split(" ")
    source = words[: len(words) // 2 + 1]
    p = grammar.log_probability(source)
    return p if math.isfinite(p) and _line(source) == words else -math.inf


def _next_words(grammar: Grammar, prefix: Sequence[str]) -> dict[str | None, float]:
    words = list(prefix)
    marker = next((place for place, word in enumerate(words) if word in MARKERS), None)
    if marker is None:
        return grammar.next_words(words)
    source = words[: marker + 1]
    line = _line(source) if grammar.structure(source) else []
    if not line or line[: len(words)] != words:
        return {}
    return {line[len(words)] if len(words) < len(line) else None: 1.0}


def entropy(options: Options, split: str = "train") -> float:
    """Entropy of one line of a split before repeats are left out, in nats. The target adds nothing: the source determines it."""
    return _grammar(split).entropy


@cache
def _grammar(split: str) -> Grammar:
    """The distribution over declarative and marker that a split is drawn from."""
    if split not in SPLITS:
        raise UnknownName(f"no split '{split}' in question_formation{did_you_mean(split, SPLITS)}")
    if split == "gen":
        return Grammar.read(_both_numbers(GEN_RULES), LEXICON).given(_first_auxiliary_is_wrong)
    if split != "train":
        return _grammar("train")
    return Grammar.read(_both_numbers(TRAINING_RULES), LEXICON)


def _both_numbers(rules: str) -> str:
    """The rules with each line that has a # written out for singular and plural."""
    lines = (COMMON_RULES + rules).splitlines()
    return "\n".join(line.replace("#", number) for line in lines for number in ("SP" if "#" in line else "S"))


def _first_auxiliary_is_wrong(symbols: Symbols) -> bool:
    """What gen requires beyond its rules: the auxiliary of the subject's relative clause differs from the main one."""
    first, main = (symbol for symbol in symbols if symbol in AUXILIARIES)
    return first != main


def _distinct(grammar: Grammar, generator: random.Random) -> Iterator[Derivation]:
    """Draws without end, repeats left out."""
    seen = set()
    while True:
        derivation = grammar.draw(generator)
        if derivation not in seen:
            seen.add(derivation)
            yield derivation


def _documents(split: str, derivations: Iterable[Derivation], first: int = 0) -> Iterator[Document]:
    for number, derivation in enumerate(derivations, first):
        yield Document(" ".join(_line(list(derivation.words))), f"{split}:{number}", split)


def _line(source: list[str]) -> list[str]:
    """The whole line for `declarative . marker`: the target is the declarative, or its question."""
    *declarative, marker = source
    return source + (declarative if marker == "decl" else _question(declarative))


def _question(declarative: list[str]) -> list[str]:
    """The main auxiliary first, the rest unchanged, a question mark at the end.

    Only a relative clause on the subject (after its determiner and noun) puts another auxiliary, exactly one, before the main one.
    """
    places = [place for place, word in enumerate(declarative) if word in AUXILIARIES]
    main = places[1 if declarative[2] in RELATIVES else 0]
    return [declarative[main], *declarative[:main], *declarative[main + 1 : -1], "?"]
