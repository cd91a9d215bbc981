"""What is said of a passage read token by token, in sentences and in names with their values."""

from collections.abc import Mapping
from typing import Any

from memlab.render.card import quoted
from memlab.render.scale import count, decimal
from memlab.render.strip import KINDS, sign_of

_Found = Mapping[str, Any]
_GIVEN = "given, not predicted"


def continued(found: _Found) -> str:
    """How far the model's own continuation is as in the text."""
    one = found["continuation"]
    n, n_same, first = len(one["same"]), sum(one["same"]), one["first_difference"]
    words = f"Continued greedily from its first {one['prompt']} tokens: {n_same} of {n} as in the text"
    return words + ("." if first is None else f"; the first difference is token {one['prompt'] + first}.")


def reference(found: _Found) -> list[str]:
    """What the passage was compared with, and how good that is."""
    one = found["reference"]
    held_out = "unknown" if one["held_out_nats"] is None else decimal(one["held_out_nats"])
    bits = one["reference_passage_bits"]
    its_bits = "and cannot occur under the reference" if bits is None else f"and {decimal(bits)} with the reference"
    return [
        f"Reference: {one['words']}.",
        f"On {one['n_tokens']:,} tokens of held-out text the reference loses {held_out} nats per token, the model "
        f"{decimal(one['model_held_out_nats'])}. This passage takes {decimal(one['passage_bits'])} bits with the model {its_bits}.",
    ]


def excerpts(found: _Found, with_intervals: bool) -> str:
    """Where the shares come from that the passage's are compared with."""
    n, left_out = found["n_excerpts"], found["n_left_out"]
    words = f"Shares in training and held-out text: the mean of {n['training']} and {n['validation']} excerpts (seed {found['seed']})"
    words += ", in brackets its 95 % interval by resampling their documents." if with_intervals else "."
    return words + (f" {left_out:,} held-out ones were left out: they stand in the training text too." if left_out else "")


def details(found: _Found, place: int, ascii: bool = False) -> list[tuple[str, str]]:  # noqa: A002
    """All that is known of one token: what it is, what the model and the reference hold of it, and what was continued in its place."""
    token = found["tokens"][place]
    facts = [("token", f"{quoted(token['text'], ascii)}, number {count(place)}")]
    if not token["name"]:
        return [*facts, ("class", _GIVEN)]
    facts += [
        ("class", f"{sign_of(token['name'], ascii)} {token['name']}: {KINDS[token['name']].meaning}"),
        ("p", f"{decimal(token['probability'])}, rank {count(token['rank'])}"),
        ("loss", f"{decimal(token['nats'])} nats, {decimal(token['bits'])} bits"),
        ("reference", f"p {decimal(token['reference'])}"),
    ]
    if token["name"] == "wrong":
        facts.append(("likeliest", quoted(token["guess"], ascii)))
    return [*facts, ("greedy", _greedy(found, place, ascii))]


def _greedy(found: _Found, place: int, ascii: bool) -> str:  # noqa: A002
    """What stands in the place of a token in the model's own continuation."""
    one = found["continuation"]
    if one is None or place < one["prompt"]:
        return "in the prompt"
    at = place - one["prompt"]
    return f"{quoted(one['greedy'][at], ascii)}, {'as in the text' if one['same'][at] else 'not as in the text'}"
