"""What the patterns say of a text, as tables and lines: readings by layer, the nearest patterns, next tokens, and the attractor card."""

from collections.abc import Mapping, Sequence
from typing import Any

from memlab.render.safe import safe
from memlab.render.safe import width as cells
from memlab.render.scale import count, decimal, percent
from memlab.render.tables import Column, keyvalues, table

# What `lies` means, in words that can stand after "lies".
LIES = {
    "stored": "on a stored pattern",
    "nearer": "nearer than training text",
    "training": "where training text does",
    "either": "where both texts do",
    "between": "between the two texts",
    "held-out": "where held-out text does",
    "farther": "farther than both texts",
    "": "",
}
_SHORT = {"training": "as training", "held-out": "as held-out", "either": "as both", "nearer": "nearer", "stored": "on a pattern"}

_SHORTEST = 16  # cells of a text beside its numbers
_STEPS = 6  # energies of a long way that are named
_SURELY = 0.0005  # a share below is nothing worth a line

_PARTS = (("training", "training"), ("held_out", "held_out"))

_Found = Mapping[str, Any]


def asked(found: _Found, width: int, *, color: bool = True, ascii: bool = False) -> str:  # noqa: A002
    """The end of the text up to the position that is asked at, its token in brackets."""
    tokens, position = found["asked"]["tokens"], found["position"]
    before = {"before": "".join(tokens[:position]), "token": tokens[position]}
    words = f"position {position} (0 to {len(tokens) - 1})"
    return f"{_dim(words, color)}  {context(before, max(width - cells(words) - 2, _SHORTEST), ascii)}"


def heading(found: _Found, width: int, *, color: bool = True, ascii: bool = False) -> str:  # noqa: A002
    """The layer and β that the rest is about."""
    one, steps = found["card"], found["steps"]
    how = {"1": ", the paper's", "auto": ", by perplexity"}.get(found["beta"], "")
    moved = f", after {count(steps)} {'step' if steps == 1 else 'steps'} of retrieval" if steps else ""
    words = safe(f"{one['layer_words']}, at β = {decimal(one['beta'])}{how}{moved}", width, ascii=ascii)
    return f"\x1b[1m{words}\x1b[0m" if color else words


def readings(found: _Found, width: int, *, color: bool = True, ascii: bool = False) -> str:  # noqa: A002
    """One line a layer: the nearest squared distance beside those of training and held-out text, energies, patterns in play."""
    several = len({one["beta"] for one in found["readings"]}) > 1
    columns = [
        Column("layer", importance=9),
        *([Column("beta", "β", right=True, importance=3)] if several else []),
        Column("g", "d²", right=True, importance=9),
        Column("training", "training text", right=True, importance=7),
        Column("held_out", "held-out text", right=True, importance=6),
        Column("lies", importance=8),
        Column("energy", "energy", right=True, importance=5),
        Column("in_play", "in play", right=True, importance=4),
        Column("mchn", "MCHN", right=True, importance=2),
        Column("scaled_g", "d²/scale", right=True, importance=1),
        Column("scaled", "E/scale", right=True, importance=1),
    ]
    rows = [
        {
            "layer": one["layer"],
            "beta": decimal(one["beta"]),
            "g": decimal(one["squared_distance"]),
            "training": spread(one["training"]),
            "held_out": spread(one["held_out"]),
            "lies": _SHORT.get(one["lies"], one["lies"]),
            "energy": decimal(one["energy"]),
            "in_play": decimal(one["effective_patterns"]),
            "mchn": decimal(one["mchn_energy"]),
            "scaled_g": _optional(one["scaled_distance"]),
            "scaled": _optional(one["scaled_energy"]),
        }
        for one in found["readings"]
    ]
    return table(rows, columns, width, color=color, ascii=ascii)


def whole(found: _Found) -> str:
    """The energy over all layers, raw and normalised, with the layer that attains the minimum, in a sentence."""
    raw, scaled = found["global_energy"], found["scaled_global_energy"]
    layers = raw["layers"]
    is_unbroken = len(layers) > 1 and all(name.isdecimal() for name in layers) and int(layers[-1]) - int(layers[0]) == len(layers) - 1
    over = f"blocks {layers[0]} to {layers[-1]}" if is_unbroken else f"layers {', '.join(layers)}"
    words = f"Over {over}: E = {decimal(raw['energy'])}, the least in layer {raw['layer']}"
    if scaled is not None:
        words += f"; in units of each layer's scale {decimal(scaled['energy'])}, the least in layer {scaled['layer']}"
    return words


def patterns(found: _Found, width: int, *, color: bool = True, ascii: bool = False) -> str:  # noqa: A002
    """The nearest patterns: squared distance, weight, the text up to each with its token in brackets, and the token that followed."""
    fixed = [Column("d", "d²", right=True, importance=9), Column("weight", right=True, importance=8)]
    columns = [*fixed, Column("text", importance=9, shortest=_SHORTEST), Column("next", importance=7), Column("document", importance=1)]
    rows = [
        {
            "d": decimal(one["squared_distance"]),
            "weight": percent(one["weight"]),
            "text": one["pattern"],
            "next": quoted(one["pattern"]["next_token"], ascii),
            "document": safe(one["pattern"]["document"], 24, ascii=ascii),
        }
        for one in found["nearest"]
    ]
    others = [max([cells(row[key]) for row in rows] + [6]) + 2 for key in ("d", "weight", "next")]
    named = max((cells(row["document"]) for row in rows), default=0) + 2
    room = max(width - sum(others) - (named if width >= 90 else 0), _SHORTEST)
    shown = [{**row, "text": context(row["text"], room, ascii)} for row in rows]
    return table(shown, columns if width >= 90 else columns[:-1], width, color=color, ascii=ascii)


def next_tokens(found: _Found, width: int, n: int = 6, *, color: bool = True, ascii: bool = False) -> str:  # noqa: A002
    """What comes next, as the patterns vote for it and as the model itself predicts it; the true token is marked."""
    columns = [
        Column("token", "token", importance=9, shortest=6),
        Column("patterns", "patterns", right=True, importance=9),
        Column("model", "model", right=True, importance=8),
        Column("true", " ", importance=5),
    ]
    rows = [
        {
            "token": quoted(one["token"], ascii),
            "patterns": share(one["patterns"]),
            "model": share(one["model"]),
            "true": "true" if one["is_true"] else "",
        }
        for one in likely(found["next_tokens"], n)
    ]
    return table(rows, columns, width, color=color, ascii=ascii)


def course(moments: Sequence[_Found], width: int, *, color: bool = True, ascii: bool = False) -> str:  # noqa: A002
    """One line a checkpoint: nearest squared distance, energy and patterns in play, beside training and held-out text, and the pattern."""
    columns = [
        Column("step", importance=9),
        Column("g", "nearest d²", right=True, importance=9),
        Column("training", "training", right=True, importance=7),
        Column("held_out", "held-out", right=True, importance=7),
        Column("energy", right=True, importance=5),
        Column("in_play", "in play", right=True, importance=6),
        Column("in_play_training", "of training", right=True, importance=3),
        Column("in_play_held_out", "of held-out", right=True, importance=3),
        Column("text", "nearest pattern", importance=8, shortest=_SHORTEST),
        Column("next", importance=4),
    ]
    rows = [
        {
            "step": one["step"],
            **{name: decimal(one[part]["squared_distance"]) for name, part in (("g", "text"), *_PARTS)},
            "energy": decimal(one["text"]["energy"]),
            "in_play": decimal(one["text"]["effective_patterns"]),
            **{f"in_play_{name}": decimal(one[part]["effective_patterns"]) for name, part in _PARTS},
            "text": context(one["nearest"], 28 if width >= 100 else _SHORTEST, ascii),
            "next": quoted(one["nearest"]["next_token"], ascii),
        }
        for one in moments
    ]
    return table(rows, columns, width, color=color, ascii=ascii)


def likely(next_tokens: Sequence[_Found], n: int) -> list[_Found]:
    """The n likeliest, the true one in any case."""
    first = [one for one in next_tokens if max(one["patterns"], one["model"]) >= _SURELY][:n]
    return first + [one for one in next_tokens if one["is_true"] and one not in first]


def card(one: _Found, width: int, *, color: bool = True, ascii: bool = False) -> str:  # noqa: A002
    """The attractor card: where retrieval goes from a state, and what that place belongs to."""
    return keyvalues(facts(one, ascii), width, color=color, ascii=ascii)


def facts(one: _Found, ascii: bool = False) -> list[tuple[str, str]]:  # noqa: A002
    """The card as names and sentences."""
    steps = one["n_steps"]
    end = "converged" if one["has_converged"] else "not converged yet"
    pattern = described(one["pattern"], ascii=ascii)
    fixed = decimal(one["fixed_distance"])
    in_play = one["effective_patterns"]
    if one["is_mixture"]:
        belongs = f"a mixture of about {decimal(in_play)} patterns; the nearest, {fixed} away, is {pattern}"
    else:
        belongs = f"one pattern, {fixed} away: {pattern}"
    nearest = "the nearest" if one["is_nearest_at_start"] else "not the nearest"
    inside = "inside: retrieval from the pattern ends there too" if one["is_inside"] else "outside: the pattern's own ends elsewhere"
    return [
        ("start", f"{decimal(one['start_distance'])} from the pattern it ends at, which is {nearest}"),
        ("retrieval", f"{count(steps)} {'step' if steps == 1 else 'steps'}, {end}, {decimal(one['moved'][-1])} travelled"),
        ("energy", way(one["energies"])),
        ("ends at", belongs),
        ("basin", inside),
        *_rival(one, ascii),
    ]


def way(energies: Sequence[float]) -> str:
    """Energies along a way, the middle of a long one left out: 11.2 → 0.0421 → 0.0420."""
    words = [decimal(energy) for energy in energies]
    if len(words) > _STEPS:
        words = [*words[: _STEPS - 2], "…", words[-1]]
    return " → ".join(words)


def described(pattern: _Found, room: int = 48, ascii: bool = False) -> str:  # noqa: A002
    """A pattern in a sentence: its text, what followed, where it is from."""
    return f"{context(pattern, room, ascii)} then {quoted(pattern['next_token'], ascii)}, in {safe(pattern['document'], 40, ascii=ascii)}"


def context(pattern: _Found, room: int, ascii: bool = False) -> str:  # noqa: A002
    """The text up to a pattern and its token in brackets, in at most so many cells: what does not fit is cut off in front."""
    token = f"[{safe(pattern['token'], max(room - 3, 1), ascii=ascii)}]"
    before = " ".join(pattern["before"].split()) + (" " if pattern["before"][-1:].isspace() else "")
    return tail(safe(before, ascii=ascii), room - cells(token), ascii) + token


def tail(text: str, room: int, ascii: bool = False) -> str:  # noqa: A002
    """The end of a harmless text, in at most so many cells."""
    if cells(text) <= room:
        return text
    kept = ""
    for character in reversed(text):
        if cells(character + kept) > room - 1:
            break
        kept = character + kept
    return ("~" if ascii else "…") + kept if room > 0 else ""


def quoted(token: str, ascii: bool = False, limit: int = 24) -> str:  # noqa: A002
    """A token between quotation marks, so that its spaces are seen."""
    return f'"{safe(token, limit, ascii=ascii)}"' if token else ""


def spread(quantiles: Sequence[float] | None) -> str:
    """The median and, in brackets, where the middle nine tenths lie."""
    if quantiles is None:
        return ""
    low, *_, high = (decimal(value, 2) for value in quantiles)
    return f"{decimal(quantiles[len(quantiles) // 2])} ({low}–{high})"


def share(value: float) -> str:
    """A share as a percentage; next to nothing as a dash."""
    return percent(value) if value >= _SURELY else "–" if value < 1e-5 else "<0.05 %"


def _rival(one: _Found, ascii: bool) -> list[tuple[str, str]]:  # noqa: A002
    if one["rival"] is None:
        return []
    rival, distance, merges = described(one["rival"], ascii=ascii), one["rival_distance"], one["merge_temperature"]
    if not distance:
        return [("rival", f"an equal pattern: {rival}")]
    now = "one minimum" if one["beta"] < merges else "two minima"
    return [
        ("rival", f"{decimal(distance)} from it: {rival}"),
        ("merge at", f"β = {decimal(merges)}: the two alone have one minimum below it; at β = {decimal(one['beta'])} they have {now}"),
    ]


def _optional(value: float | None) -> str:
    return "" if value is None else decimal(value)


def _dim(words: str, color: bool) -> str:
    return f"\x1b[2m{words}\x1b[0m" if color else words
