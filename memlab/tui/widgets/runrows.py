"""A run as a row and in a few lines: words, signs and colours for what `lab.following.Runs` says of it."""

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.text import Text

from memlab.lab.following import Row
from memlab.render import look
from memlab.render.scale import count, decimal, percent, short
from memlab.render.tables import Column, sparkline
from memlab.rundir.state import ACTIVE
from memlab.tui import themes
from memlab.tui.widgets.listing import ListRow

if TYPE_CHECKING:
    from memlab.tui.app import LabApp

COLUMNS = (
    Column("mark", " ", importance=20),
    Column("name", "run", importance=20, shortest=10),
    Column("sign", " ", importance=19),
    Column("state", "state", importance=12),
    Column("data", "data", right=True, importance=5),
    Column("size", "size", importance=4),
    Column("N", "N", right=True, importance=7),
    Column("D", "D", right=True, importance=7),
    Column("ratio", "N/D²", right=True, importance=1),
    Column("step", "step", right=True, importance=13),
    Column("train", "train", right=True, importance=14),
    Column("valid", "valid", right=True, importance=15),
    Column("curve", "validation", importance=2),
)
ORDER_OF = {
    "name": "name",
    "state": "state",
    "data": "fraction",
    "N": "n_params",
    "D": "n_tokens",
    "step": "step",
    "train": "train_loss",
    "valid": "validation_loss",
}
_COLUMN_OF = {order: column for column, order in ORDER_OF.items()}
_CURVE_CELLS = 14

# The sign of a state and the role of its colour: what goes on, what is done, what needs a look.
STATES = {
    "starting": ("◌", "busy"),
    "running": ("●", "busy"),
    "stopping": ("◍", "busy"),
    "finished": ("✓", "good"),
    "stopped": ("■", "accent"),
    "failed": ("✕", "bad"),
    "lost": ("?", "bad"),
    "unreadable": ("!", "bad"),
}
_ASCII_SIGNS = {"starting": "o", "running": "*", "stopping": "o", "finished": "+", "stopped": "=", "failed": "x"}


class Cells:
    """The rows of the listing, made once for each change of a run, of its mark or of the colours."""

    def __init__(self, lab: "LabApp") -> None:
        self._lab = lab
        self._kept: dict[str, tuple[tuple[Row, int | None, str], ListRow]] = {}

    def of_rows(self, rows: Sequence[Row]) -> list[ListRow]:
        """One for each of these."""
        return [self._of(row) for row in rows]

    def _of(self, row: Row) -> ListRow:
        path = row["path"]
        made_for, made = self._kept.get(path, (None, None))
        now = (row, self._lab.marked.get(path), self._lab.theme)
        if made_for is None or made_for[0] is not row or made_for[1:] != now[1:]:
            made = list_row(self._lab, row)
            self._kept[path] = now, made
        return made


def list_row(lab: "LabApp", row: Row) -> ListRow:
    """The cells of a run."""
    state = row["state"]
    sign, role = state_sign(lab, state)
    steps = f"{short(row['step'])}/{short(row['steps'])}" if row.get("steps") else ""
    share = row.get("fraction")
    words = {
        "size": row.get("size") or "",
        "data": percent(share) if share else "",
        "N": short(row["n_params"]) if row.get("n_params") else "",
        "D": short(row["n_tokens"]) if row.get("n_tokens") else "",
        "step": steps,
        "train": loss(row, "train_loss"),
        "valid": loss(row, "validation_loss"),
    }
    quiet = {
        "ratio": f"{row['n_over_d_squared']:.1e}" if row.get("n_over_d_squared") else "",
        "curve": sparkline(row["losses"], _CURVE_CELLS, lab.ascii).replace("█", "▇") if row.get("losses") else "",  # rows stay apart
    }
    return ListRow(
        row["path"],
        {
            "mark": mark(lab, row["path"]),
            "name": lab.text(row["name"]),
            "sign": lab.text(sign, role),
            "state": lab.text(state, role),
            **{key: lab.text(value) for key, value in words.items()},
            **{key: lab.text(value, "quiet") for key, value in quiet.items()},
        },
    )


def state_sign(lab: "LabApp", state: str) -> tuple[str, str]:
    """The sign of a state and the role of its colour."""
    sign, role = STATES[state]
    return (_ASCII_SIGNS.get(state, sign) if lab.ascii else sign), role


def mark(lab: "LabApp", path: str) -> Text:
    """The glyph, in its colour, under which a selected run's curves are drawn; nothing for others."""
    if path not in lab.marked:
        return Text(" ")
    one = look.overlay(lab.marked[path], lab.ascii)
    color = str(look.PALETTE[one.color])
    color = themes.BRIGHTER[color] if lab.theme == "contrast" else color
    return Text.assemble((one.glyph, f"color({color})" if lab.color else ""))


def loss(row: Row, key: str) -> str:
    """The last loss; what is not read yet is an ellipsis, what was not finite says so."""
    if row.get(key) is not None:
        return decimal(row[key])
    if not row["is_read"]:
        return "…"
    return "not finite" if row.get("losses") else ""


def titles(lab: "LabApp") -> dict[str, Text]:
    """The title of the column that the rows are ordered by, with the direction."""
    column = _COLUMN_OF.get(lab.settings.sort)
    if column is None:
        return {}
    title = next(one.title for one in COLUMNS if one.key == column)
    arrow = "▼" if lab.settings.descending else "▲"
    return {column: Text.assemble((f"{title}{arrow}", lab.style("accent")))}


def pane_title(lab: "LabApp", shown: list[Row], words: str, mistake: str) -> Text:
    """How many runs there are, how many of them go on, and why some are not shown; or what is wrong with the filter."""
    active = sum(row["state"] in ACTIVE for row in lab.rows)
    number = count(len(shown)) if len(shown) == len(lab.rows) else f"{count(len(shown))} of {count(len(lab.rows))}"
    parts = [number, *([f"{active} going on"] if active else []), *([f"{len(lab.marked)} selected"] if lab.marked else [])]
    if not lab.settings.sort:
        parts.append("latest first" if lab.settings.descending else "earliest first")
    title = Text.assemble(("runs", "bold"), "  ", (lab.safe(" · ".join(parts)), lab.style("quiet")))
    if words.strip():
        title.append_text(lab.text(f"  / {words}", "accent", limit=30))
    return Text.assemble(title, "  ", lab.text(mistake, "bad")) if mistake else title


def nothing(lab: "LabApp", words: str, problem: str, width: int) -> list[Text]:
    """Why there is no row, and what to do."""
    if problem:
        return [lab.text(line, "bad") for line in wrapped(lab.safe(problem), width, 5)]
    if lab.rows:
        return [Text(), lab.text(f"No run fits '{words.strip()}'."), Text(), lab.text("esc shows all", "quiet")]
    lines = [
        lab.text("A lab in which one watches a transformer memorise.", "accent"),
        Text(),
        *(lab.text(line) for line in wrapped(lab.safe(f"There are no runs under {lab.home} yet."), width, 4)),
        Text(),
        Text.assemble(("n", lab.style("accent")), "            puts together a new run and starts it"),
        Text.assemble(("memlab demo", lab.style("accent")), "  in another terminal makes one in about a minute"),
    ]
    return [Text(), *(Text.assemble(" ", line) for line in lines)]


def details(lab: "LabApp", row: Row, width: int, height: int) -> list[Text]:
    """What there is to know of a run beyond its row; where there is little room, why it does not go on before anything else."""
    sign, role = state_sign(lab, row["state"])
    head = Text.assemble(lab.text(f"{sign} {row['state']}", role), "  ", lab.text(row["name"]))
    if row["doing"]:
        head = Text.assemble(head, "  ", lab.text(row["doing"], "quiet"))
    head.truncate(width)
    why = [lab.text(line, role) for line in wrapped(lab.safe(row["problem"]), width, max(1, height - 4))]
    lines = [*([] if why and height <= len(why) else [head]), *why]
    groups = [] if row["state"] == "unreadable" else [_came_to(row), _made_of(row)]
    if height >= len(lines) + sum(map(len, groups)) + 1:
        return [*lines, *(_pair(lab, *pair, width) for group in groups for pair in group), _pair(lab, "path", row["path"], width)]
    sentences = [" · ".join(f"{name} {value}" if name else value for name, value in group) for group in groups]
    roles = ("text", "quiet")
    return [*lines, *(lab.text(words, role, width) for words, role in zip(sentences, roles, strict=False)), lab.text(row["path"], "quiet")]


def _came_to(row: Row) -> list[tuple[str, str]]:
    pairs = [("step", f"{count(row['step'])} of {count(row['steps'])}")] if row["steps"] else []
    if row["losses"]:
        pairs += [("training", loss(row, "train_loss")), ("validation", loss(row, "validation_loss"))]
    if row["best_validation_loss"] is not None:
        pairs.append(("best", decimal(row["best_validation_loss"])))
    return pairs


def _made_of(row: Row) -> list[tuple[str, str]]:
    pairs = [("source", row["source"]), ("model", f"{row['family']} {row['size']}")]
    if row["n_params"]:
        pairs.append(("N", f"{count(row['n_params'])} ({count(row['n_params_total'])} in all)"))
    if row["n_tokens"]:
        pairs.append(("D", f"{count(row['n_tokens'])} tokens ({percent(row['fraction'])})"))
    return pairs


def _pair(lab: "LabApp", name: str, value: str, width: int) -> Text:
    return Text.assemble((f"{name:<12}", lab.style("quiet")), lab.safe(value, max(0, width - 12)), no_wrap=True)


def wrapped(words: str, width: int, at_most: int) -> list[str]:
    return textwrap.wrap(words, max(width, 10), break_on_hyphens=False)[:at_most]
