"""Several runs side by side, before each has a chapter of its own."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from memlab.lab import compare, courses
from memlab.lab.report.training import thinned
from memlab.lab.view import RunView
from memlab.render.document import Block, Figure, Listing
from memlab.render.estimate import compared_words
from memlab.render.tables import Column


def side_by_side(views: Sequence[RunView]) -> Iterator[Block]:
    """Their curves in one picture, their figures and the settings in which they differ."""
    command = f"memlab compare {' '.join(view.run.word for view in views)}"
    words = (
        "Losses in nats per token. Each run has a colour and a shape: hollow on its training loss, full on its validation loss on held-out "
        "text, the control. Dashed: floors, with the name of a run where they are not those of all."
    )
    parts = courses.together(courses.numbered(views), courses.Wish())
    values = {"series": thinned(parts.series), "floors": parts.floors}
    yield Figure("curves", values, "Losses of all runs", words, command)
    facts = {name: [compared_words(name, value) for value in found] for name, found in compare.facts_of(views).items()}
    yield _listing(views, facts, "Figures of the runs: losses of the last evaluation in nats per token.", command)
    differ = {name: ["" if value is None else str(value) for value in found] for name, found in compare.differences(views).items()}
    if differ:
        yield _listing(views, differ, "Settings that are not the same in all runs.", command)


def _listing(views: Sequence[RunView], found: Mapping[str, Sequence[Any]], caption: str, command: str) -> Listing:
    """A line a figure, a column a run."""
    columns = [Column("name", " "), *(Column(str(number), view.run.name, right=True) for number, view in enumerate(views))]
    rows = [{"name": name, **{str(number): value for number, value in enumerate(values)}} for name, values in found.items()]
    return Listing(columns, rows, caption, command)
