"""A report of runs as plain values: what came of each, how it was obtained, and the command that makes each figure again.

What is quick is computed, what takes minutes is there where it was measured before, and else the command that measures it is named.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from memlab.errors import MemlabError
from memlab.lab.measured import NotKeptError
from memlab.lab.report import comparison, evidence, remembered, training
from memlab.lab.report.subject import Subject
from memlab.lab.summary import verdict
from memlab.lab.view import RunView, open_view
from memlab.progress import Progress, quiet
from memlab.render.document import Block, Document, Facts, Section
from memlab.render.safe import safe
from memlab.render.scale import count
from memlab.rundir import RunDir


@dataclass(frozen=True)
class _Part:
    """A section: how its blocks are made, and, where that takes torch and a checkpoint, the command that shows it by itself."""

    heading: str
    make: Callable[[Subject], Iterator[Block]]
    command: tuple[str, ...] = ()


_PARTS = (
    _Part("What came of it", training.outcome),
    _Part("Curves", training.curves),
    _Part("Passages", remembered.passages, ("memorized",)),
    _Part("Measures of memorisation", evidence.measures, ("memorized",)),
    _Part("Attractors", remembered.attractors, ("inspect", "--train", "0")),
    _Part("Landscapes", remembered.landscapes, ("landscape", "--train", "0")),
    _Part("Collapse", evidence.collapse, ("collapse",)),
    _Part("Alignment", evidence.alignment, ("alignment",)),
    _Part("The paper's claims", evidence.claims, ("claims",)),
    _Part("Configuration", training.configuration),
    _Part("Provenance", training.provenance),
)


def report(
    runs: Sequence[RunDir], home: Path, is_quick: bool = False, seed: int = 0, device: str = "auto", progress: Progress = quiet
) -> Document:
    """The report of one run, or of several, compared first. is_quick: only what the runs' own records say, without torch.

    A run in any state will do: a section that cannot be made says why. Raises RunError for a run that cannot be read at all.
    """
    views = [open_view(run) for run in runs]
    chapters = [_chapter(Subject(view, home, seed, device, progress), is_quick) for view in views]
    if len(views) == 1:
        return Document(views[0].run.name, verdict(views[0]), chapters[0], _standing(views[0]))
    beside = Section("Side by side", list(comparison.side_by_side(views)))
    parts = [Section(view.run.name, [verdict(view)], chapter) for view, chapter in zip(views, chapters, strict=True)]
    names = ", ".join(view.run.name for view in views)
    return Document(names, f"{len(views)} runs side by side, and each by itself.", [beside, *parts])


def _chapter(subject: Subject, is_quick: bool) -> list[Section]:
    """What there is of a run, and how to come by what there is not."""
    sections, missing = [], {}
    why_not = "" if is_quick else _no_checkpoint(subject)
    for part in _PARTS:
        command = subject.command(*part.command, at_checkpoint=False) if part.command else ""
        if command and (is_quick or why_not):
            missing[part.heading] = why_not or command
            continue
        subject.progress(f"{safe(subject.run.name)}: {part.heading.lower()}", 0, None, "")
        try:
            sections.append(Section(part.heading, list(part.make(subject))))
        except NotKeptError:
            missing[part.heading] = command
        except MemlabError as error:
            missing[part.heading] = str(error)
    return [*sections, _left_out(missing)] if missing else sections


def _no_checkpoint(subject: Subject) -> str:
    """Why the model cannot be asked yet; empty where it can."""
    try:
        subject.step  # noqa: B018 - looked up here once for all sections
    except MemlabError as error:
        return str(error)
    return ""


def _left_out(missing: dict[str, str]) -> Section:
    """What is missing, with the command that shows it or the reason; what has the same reason stands together."""
    pairs = [(", ".join(heading for heading, its in missing.items() if its == words), words) for words in dict.fromkeys(missing.values())]
    return Section("Not in this report", ["What a command measures is kept, and stands in the next report.", Facts(pairs)])


def _standing(view: RunView) -> str:
    """Of a run that goes on."""
    return f"It is still being trained: all figures are of step {count(view.step)} or before." if view.is_active else ""
