"""A run as a picture of the size that was asked for, and as plain lines."""

import pytest
from fabricated_run import evaluated, fabricate, started, trained

from memlab.lab.courses import Wish
from memlab.lab.screen import frame, numbers_line, plain_line, status_line, title
from memlab.lab.view import RunView
from memlab.render.safe import width

ROWS = [started(), evaluated(0, 4.0, 4.0), trained(10, 3.5, 1.0), trained(20, 3.0, 2.0), evaluated(20, 2.9, 3.1, (0.5, 0.1), 2.5)]


@pytest.mark.parametrize(("columns", "rows"), [(200, 60), (80, 24), (40, 12), (30, 8), (20, 3), (1, 1)])
@pytest.mark.parametrize("look", [Wish(), Wish("tokens", log=True, color=False), Wish("seconds", smoothing=0, color=False, ascii=True)])
def test_a_frame_has_exactly_the_rows_asked_for_and_none_is_too_wide(tmp_path, columns, rows, look):
    view = RunView(fabricate(tmp_path / "run", ROWS, status="running"))
    lines = frame(view, columns, rows, look).split("\n")
    assert len(lines) == rows
    if not look.color:
        assert all(width(line) <= columns for line in lines)
        assert "\x1b" not in "".join(lines)
    if look.ascii:
        assert "".join(lines).isascii()


def test_the_axis_of_a_run_that_goes_on_ends_at_a_round_number_and_at_the_budget_at_most(tmp_path):
    def last_tick(step, status):
        view = RunView(fabricate(tmp_path / f"{status}-{step}", [started(), evaluated(0, 4, 4), trained(step, 3.0, 1.0)], status=status))
        return frame(view, 80, 24, Wish(color=False)).split("\n")[-4].split()[-1]

    assert last_tick(12, "running") == "20"
    assert last_tick(21, "running") == "50"
    assert last_tick(60, "running") == "100"
    assert last_tick(90, "finished") == "90"


def test_the_status_line_says_how_far_how_fast_and_how_long(tmp_path):
    view = RunView(fabricate(tmp_path / "run", ROWS, status="running"))
    assert status_line(view) == "running · step 20 of 100 · 20 % · 20 tokens/s · 12 s left"
    stopped = RunView(fabricate(tmp_path / "stopped", ROWS, status="stopped"))
    assert status_line(stopped) == "stopped · step 20 of 100 · 20 %"
    failed = RunView(fabricate(tmp_path / "failed", [], status="failed", error="no memory left"))
    assert status_line(failed) == "failed · step 0 of 100 · 0 % · no memory left"


def test_the_status_line_of_a_starting_run_says_what_it_does(tmp_path):
    work = {"doing": "tokenising", "done": 1000, "total": None, "unit": "documents", "since": 0.0}
    assert status_line(RunView(fabricate(tmp_path / "a", [], status="starting", work=work))) == "starting · tokenising: 1,000 documents"
    loading = {"doing": "loading torch", "done": 0, "total": None, "unit": "", "since": 0.0}
    assert status_line(RunView(fabricate(tmp_path / "b", [], status="starting", work=loading))) == "starting · loading torch"


def test_the_numbers_name_the_last_losses_the_best_and_the_sure_tokens(tmp_path):
    assert numbers_line(RunView(fabricate(tmp_path / "empty"))) == ""
    said = numbers_line(RunView(fabricate(tmp_path / "run", ROWS)))
    assert said == "training 2.90 · validation 3.10 · best 3.10 at 20 · p > 0.9: 50 % training, 10 % validation"
    said = numbers_line(RunView(fabricate(tmp_path / "nan", [evaluated(0, None, None)])))
    assert said.startswith("training not finite · validation not finite · p > 0.9")


def test_only_the_latest_plain_line_says_how_fast_it_goes(tmp_path):
    view = RunView(fabricate(tmp_path / "run", ROWS, status="running"))
    first, last = (plain_line(view, row) for row in view.evaluations)
    assert first == "step 0/100  training 4.00  validation 4.00  p>0.9 10 %/10 %  0 tokens  0 s"
    assert last == "step 20/100  training 2.90  validation 3.10  p>0.9 50 %/10 %  200 tokens  2.5 s  20 tokens/s  12 s left"


def test_the_title_names_the_run_and_its_sizes_as_soon_as_they_are_known(tmp_path):
    assert title(RunView(fabricate(tmp_path / "run"))) == "run · N 1k · D 500 tokens"
    assert title(RunView(fabricate(tmp_path / "starting", facts=None))) == "starting"


def test_a_name_that_steers_the_terminal_is_made_harmless(tmp_path):
    view = RunView(fabricate(tmp_path / "run\x1b[31m", ROWS))
    assert "\x1b[31m" not in frame(view, 80, 24, Wish(color=False))


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        (100, "training 2.90 · validation 3.10 · best 3.10 at 20 · p > 0.9: 50 % training, 10 % validation"),
        (80, "training 2.90 · validation 3.10 · best 3.10 at 20 · p > 0.9: 50 % | 10 %"),
        (60, "training 2.90 · validation 3.10 · p > 0.9: 50 % | 10 %"),
        (40, "2.90 | 3.10 · p > 0.9: 50 % | 10 %"),
    ],
)
def test_a_narrow_line_of_numbers_loses_words_before_it_loses_a_control(tmp_path, columns, said):
    assert numbers_line(RunView(fabricate(tmp_path / "run", ROWS)), columns) == said
