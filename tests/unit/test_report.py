"""A report says what a run is in any state, names a command for each figure, keeps to what is quick, and never harms another file."""

import functools
import re
import shlex
import shutil
import sys

import pytest
from fabricated_run import EXPERIMENT, evaluated, fabricate, started, trained
from tiny_run import make_run

from memlab.lab import collapse
from memlab.lab import report as lab
from memlab.lab.asking import Choice
from memlab.lab.grids import Grid, Sweep, keep
from memlab.lab.measured import NotKeptError
from memlab.lab.memorized import measure
from memlab.lab.remembering import store_patterns
from memlab.lab.report import Subject, evidence, report
from memlab.lab.report import subject as subject_of_report
from memlab.lab.report.sweep import sweep_of, sweep_report
from memlab.lab.report.training import thinned
from memlab.lab.view import open_view
from memlab.progress import quiet
from memlab.render.document import Code, Facts, Figure, Listing, Passage
from memlab.render.page import page
from memlab.render.series import Series
from memlab.rundir import RunDir

pytestmark = pytest.mark.slow

ROWS = [started(), trained(10, 3.0), evaluated(0, 5.0, 5.0), evaluated(10, 0.2, 3.5, confident=(0.9, 0.05))]
TORCH = {"Passages", "Measures of memorisation", "Attractors", "Landscapes", "Collapse", "Alignment", "The paper's claims"}


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    make_run(home, learn=60)
    fabricate(home / "runs" / "drawn", ROWS)
    return home


@pytest.fixture(scope="module")
def whole(home):
    """The report of a run that has everything."""
    return report([RunDir(home / "runs" / "tiny")], home)


def section(document, heading):
    return next(one for one in document.sections if one.heading == heading)


def blocks_of(document):
    return [block for section in document.sections for block in section.blocks]


def missing(document):
    """By heading why it is not there."""
    pairs = section(document, "Not in this report").blocks[1].pairs
    return {heading: words for headings, words in pairs for heading in headings.split(", ")}


def test_a_finished_run_has_passages_attractors_and_landscapes_of_both_parts(whole):
    passages = [one for one in section(whole, "Passages").blocks if isinstance(one, Passage)]
    assert [one.caption.split(" passage ")[0] for one in passages] == ["Training", "Training", "Held-out", "Held-out"]
    assert {token.name for one in passages for token in one.tokens} & {"memorised", "predictable", "copied", "wrong"}
    cards = [one for one in section(whole, "Attractors").blocks if isinstance(one, Facts)]
    assert [one.heading.split()[0] for one in cards] == ["Training", "Held-out"]
    assert {"start", "retrieval", "ends at", "basin"} <= {name for name, _ in cards[0].pairs}
    assert [one.draw for one in section(whole, "Landscapes").blocks if isinstance(one, Figure)] == ["heat_map", "heat_map"]


def test_each_figure_passage_and_card_has_the_command_that_makes_it_at_its_checkpoint(home, whole):
    word = RunDir(home / "runs" / "tiny").word
    commands = [one.command for one in blocks_of(whole) if isinstance(one, Figure | Passage | Listing | Code | Facts) and one.command]
    assert all(command.startswith("memlab ") for command in commands)
    figures = [one for one in blocks_of(whole) if isinstance(one, Figure | Passage)]
    assert all(one.command and one.caption for one in figures)
    number = re.search("passage (\\d+)", section(whole, "Attractors").blocks[0].heading)[1]
    assert f"memlab inspect {word} --train {number} --checkpoint 4" in commands
    assert f"memlab landscape {word} --train {number} --svg landscape.svg --checkpoint 4" in commands


def test_every_command_is_one_that_there_is(whole, monkeypatch, capsys):
    from memlab.__main__ import main

    named = {tuple(one.command.split()[1:2]) for one in blocks_of(whole) if getattr(one, "command", "")}
    for (name,) in named:
        monkeypatch.setattr(sys, "argv", ["memlab", name, "--help"])
        with pytest.raises(SystemExit) as left:
            main()
        assert not left.value.code, name
    assert "Usage" in capsys.readouterr().out


def test_what_takes_minutes_is_named_with_its_command(home, whole):
    assert missing(whole)["Collapse"] == f"memlab collapse {RunDir(home / 'runs' / 'tiny').word}"
    assert missing(whole)["Alignment"] == f"memlab alignment {RunDir(home / 'runs' / 'tiny').word}"
    assert missing(whole)["Measures of memorisation"] == f"memlab memorized {RunDir(home / 'runs' / 'tiny').word}"


def test_what_is_kept_is_shown_and_nothing_else_is_measured(tmp_path, monkeypatch):
    subject = Subject(open_view(make_run(tmp_path, learn=1)), tmp_path, 0, "auto", quiet)
    few = functools.partial(collapse.collapse, choice=Choice(32, 8))
    monkeypatch.setattr(collapse, "collapse", few)
    for section_of in (evidence.measures, evidence.collapse, evidence.alignment):
        with pytest.raises(NotKeptError):
            list(section_of(subject))
    few([subject.run], tmp_path)
    sentence, figure = evidence.collapse(subject)
    assert "of 32 patterns in play" in sentence
    assert [list(one.x) for one in figure.values["series"]] == [[0, 4], [0, 4]]
    measure(subject.run, tmp_path)
    (listing,) = evidence.measures(subject)
    extracted = next(row for row in listing.rows if row["measure"] == "passages extracted")
    assert "%" in extracted["training"]
    assert "%" in extracted["validation"]


def test_claims_stand_with_verdict_and_reason_and_in_full(whole):
    table, *full = section(whole, "The paper's claims").blocks[1:]
    assert {"claim", "verdict", "why"} == set(table.rows[0])
    assert len(full) == len(table.rows) > 10
    assert full[0].heading == f"{table.rows[0]['claim']}: {table.rows[0]['verdict'].split(maxsplit=1)[1]}"
    assert all(one.is_folded for one in full)


def test_patterns_of_much_text_are_not_stored_for_a_report(tmp_path, monkeypatch):
    run = make_run(tmp_path, learn=1)
    monkeypatch.setattr(subject_of_report, "FEW_TOKENS", 100)
    reasons = missing(report([run], tmp_path))
    assert reasons["Attractors"] == f"memlab inspect {run.word} --train 0"
    assert reasons["Landscapes"] == f"memlab landscape {run.word} --train 0"
    assert "Passages" not in reasons
    assert not (run.path / "patterns").exists()
    store_patterns(run, tmp_path)
    assert Subject(open_view(run), tmp_path, 0, "auto", quiet).memory.store is not None


def test_a_quick_report_asks_no_model(home, monkeypatch):
    monkeypatch.setattr(Subject, "model", property(lambda self: pytest.fail("it was opened")))
    found = report([RunDir(home / "runs" / "tiny")], home, is_quick=True)
    assert set(missing(found)) == TORCH
    assert {"What came of it", "Curves", "Configuration", "Provenance"} <= {one.heading for one in found.sections}


@pytest.mark.parametrize("status", ["starting", "running", "stopping", "stopped", "failed", "lost"])
def test_a_run_in_any_state_is_reported_with_its_state(tmp_path, status):
    dead = {"status": "running", "pid": 2**22 + 1} if status == "lost" else {"status": status, "error": "the disk is full"}
    run = fabricate(tmp_path / "runs" / "one", ROWS, **dead)
    found = report([run], tmp_path)
    assert section(found, "What came of it").blocks[0].startswith(f"State: {status}")
    assert "The disk is full" in page(found) or status != "failed"
    assert ("still being trained" in found.note) == (status in ("starting", "running", "stopping"))
    assert "no checkpoint" in missing(found)["Passages"]
    assert len([one for one in section(found, "Curves").blocks if isinstance(one, Figure)]) == 3, "linear, logarithmic, confident"


def test_a_run_that_has_recorded_nothing_yet_is_reported(tmp_path):
    found = report([fabricate(tmp_path / "runs" / "young", facts=None, status="starting")], tmp_path)
    assert section(found, "Curves").blocks == ["Nothing has been recorded yet."]
    assert page(found)


def test_a_run_whose_text_is_gone_keeps_the_rest(home, tmp_path):
    found = report([RunDir(shutil.copytree(home / "runs" / "tiny", tmp_path / "elsewhere" / "tiny"))], tmp_path)
    reasons = missing(found)
    assert reasons["Passages"] == reasons["Attractors"] != "memlab memorized tiny"
    assert section(found, "Curves")
    assert section(found, "Provenance")


def test_several_runs_are_compared_first_and_then_have_a_chapter_each(tmp_path):
    runs = [fabricate(tmp_path / "runs" / name, ROWS) for name in ("a", "b")]
    found = report(runs, tmp_path, is_quick=True)
    assert [one.heading for one in found.sections] == ["Side by side", "a", "b"]
    figure, table = found.sections[0].blocks[:2]
    assert [one.name for one in figure.values["series"]] == ["a training", "a validation", "b training", "b validation"]
    assert figure.command == f"memlab compare {runs[0].word} {runs[1].word}"
    assert next(row for row in table.rows if row["name"] == "gap") == {"name": "gap", "0": "3.30", "1": "3.30"}
    assert [one.heading for one in found.sections[1].parts][:2] == ["What came of it", "Curves"]


def test_a_hostile_name_is_quoted_in_commands_and_harmless_on_the_way(tmp_path):
    run, told = fabricate(tmp_path / "runs" / "a'; touch owned \x1b]0;x\x07", ROWS), []
    found = report([run], tmp_path, is_quick=True, progress=lambda doing, *_: told.append(doing))
    figure = section(found, "Curves").blocks[0]
    assert shlex.split(figure.command) == ["memlab", "watch", str(run.path), "--once"]
    assert told
    assert not re.search("[\x00-\x1f]", "".join(told))


def test_the_preset_in_a_report_trains_the_same(whole):
    from memlab import config

    preset = next(one for one in section(whole, "Configuration").blocks if isinstance(one, Code))
    assert config.load(preset.text, "it").model.options == {"n_layer": 2, "n_embd": 16, "n_head": 2}


def test_progress_that_raises_ends_it(home):
    def stop(doing, done, total, unit):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        report([RunDir(home / "runs" / "tiny")], home, progress=stop)


def test_long_curves_are_thinned_and_keep_their_extremes():
    (one,) = thinned([Series("train", range(100_000), [9 if x == 50_001 else x % 3 for x in range(100_000)])])
    assert len(one.x) < 4000
    assert max(one.y) == 9


def test_sections_that_need_a_model_name_their_command(home):
    subject = Subject(open_view(RunDir(home / "runs" / "tiny")), home, 0, "auto", quiet)
    assert {part.heading for part in lab._PARTS if part.command} == TORCH
    assert subject.command("tokens", "--train", 3) == f"memlab tokens {RunDir(home / 'runs' / 'tiny').word} --train 3 --checkpoint 4"


# --- of a sweep


@pytest.fixture
def sweep(tmp_path):
    """Two sizes on two amounts of data, of which one cell has not been begun."""
    made = Sweep("tiny", Grid("demo", "Tiny", ("1x8", "1x16"), tokens=(72, 144), later=20), EXPERIMENT)
    for number, cell in enumerate(made.cells()[:3]):
        (tmp_path / "sweeps" / "tiny").mkdir(parents=True, exist_ok=True)
        fabricate(tmp_path / "sweeps" / "tiny" / cell.name, [started(), evaluated(0, 4.0, 4.0), evaluated(40, 1.0 + number, 3.0)])
    keep(tmp_path, made)
    return made


def test_a_sweep_has_its_maps_its_matched_data_and_its_cells(sweep, tmp_path):
    found = sweep_report(tmp_path, sweep)
    assert found.lead == "Tiny: 3 of 4 cells finished."
    maps = section(found, "Maps").blocks
    assert {one.draw for one in maps} == {"tiles"}
    assert maps[0].command == "memlab sweep tiny --once --show train --svg train.svg"
    assert maps[0].values["tiles"].array()[-3:-1].tolist() == [[pytest.approx(3.0), pytest.approx(float("nan"), nan_ok=True)], [1.0, 2.0]]
    assert "published" in [row["size"] for row in section(found, "Data matched to size").blocks[0].rows]
    (cells,) = section(found, "Cells").blocks
    assert [row["state"] for row in cells.rows] == ["finished"] * 3 + ["waiting"]
    assert page(found).count("<svg") == len(maps)


def test_a_sweep_is_known_by_its_name_and_by_its_path(sweep, tmp_path):
    for word in ("tiny", str(tmp_path / "sweeps" / "tiny")):
        assert sweep_of(tmp_path, word).name == "tiny"
    for word in ("demo", "last", "/tiny", "regimes"):
        assert sweep_of(tmp_path, word) is None


# --- the command


@pytest.fixture
def call(home, monkeypatch, capsys, tmp_path):
    from memlab.__main__ import main

    def run(*arguments):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["memlab", "--home", str(home), "report", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            main()
        return left.value.code or 0, *capsys.readouterr()

    return run


def test_it_is_written_under_the_name_of_the_run_and_again_over_itself(call, tmp_path):
    for _ in range(2):
        status, out, _ = call("tiny", "--quick")
        assert (status, out.startswith("wrote report-tiny.html")) == (0, True)
    assert [path.name for path in tmp_path.iterdir()] == ["report-tiny.html"]


def test_the_name_decides_what_kind_of_file_it_is_and_pictures_lie_beside_markdown(call, tmp_path):
    assert call("drawn", "--quick", "-o", "r.md")[0] == 0
    text = (tmp_path / "r.md").read_text()
    assert text.startswith("<!-- memlab report -->\n\n# drawn\n")
    named = re.findall(r"\]\((r-pictures/.*?)\)", text)
    assert named == sorted(str(path.relative_to(tmp_path)) for path in (tmp_path / "r-pictures").iterdir())
    assert len(named) == 3
    assert call("tiny", "--quick", "-o", "r.txt", "--format", "markdown")[0] == 0
    assert (tmp_path / "r.txt").read_text().startswith("<!-- memlab report -->")


def test_another_file_is_kept_unless_forced(call, tmp_path):
    mine = tmp_path / "mine.html"
    mine.write_text("<p>my own</p>")
    status, _, err = call("tiny", "--quick", "-o", mine)
    assert (status, "--force" in err, mine.read_text()) == (2, True, "<p>my own</p>")
    assert call("tiny", "--quick", "-o", mine, "--force")[0] == 0
    assert "memlab report" in mine.read_text()


@pytest.mark.parametrize(("place", "words"), [("nowhere/r.html", "no folder"), (".", "is a folder"), ("r.pdf", "ends in .pdf")])
def test_a_place_that_cannot_be_written_is_named_before_anything_is_computed(call, place, words):
    status, _, err = call("tiny", "-o", place)
    assert (status, words in err, "passages" in err) == (2, True, False)


def test_a_run_that_is_not_there_is_named(call):
    status, _, err = call("tinny")
    assert (status, "did you mean 'tiny'" in err) == (2, True)
