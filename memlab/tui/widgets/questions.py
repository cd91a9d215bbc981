"""The line that one asks with, and words that screens about one text share."""

from typing import Any

from rich.text import Text

from memlab.lab.questions import Question

_PARTS = {"train": "training", "training": "training", "validation": "validation", "held-out": "validation"}


def question_of(words: str) -> Question | None:
    """What a line means: a text, or `:train 17`, `:validation 17`. None for nothing, and for a colon without a passage."""
    if not words.startswith(":"):
        return Question(text=words) if words else None
    part, _, number = words[1:].strip().partition(" ")
    number = number.strip()
    return Question(_PARTS[part], number=int(number)) if part in _PARTS and number.isdecimal() else None


def words_of(question: Question) -> str:
    """The line that means it."""
    if question.part == "given":
        return question.text
    return f":{'train' if question.part == 'training' else 'validation'} {question.number}"


def work_words(work: dict[str, Any]) -> str:
    """`storing patterns: 400 of 8,128 patterns`."""
    if not work["unit"]:
        return work["doing"]
    total = f" of {work['total']:,}" if work["total"] else ""
    return f"{work['doing']}: {work['done']:,}{total} {work['unit']}"


def titled(lab: Any, title: str, words: str) -> Text:
    """A pane's name, and quietly what it shows."""
    return Text.assemble((title, "bold"), "  ", lab.text(words, "quiet", 60)) if words else Text(title, "bold")
