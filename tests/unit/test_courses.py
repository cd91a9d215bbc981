"""The course of a run: stretches of it, what is under a cursor, and what is laid over it."""

import pytest
from fabricated_run import evaluated, fabricate, measured, started, trained
from hypothesis import given
from hypothesis import strategies as st

from memlab.lab import courses
from memlab.lab.courses import Over, Wish
from memlab.lab.figures import figures
from memlab.lab.numbers import groups
from memlab.lab.view import RunView, open_view
from memlab.render import look
from memlab.render.curves import Plot, Series, draw

COURSE = [
    started(),
    evaluated(0, 8.0, 8.1),
    trained(10, 6.0, seconds=1.0, lr=1e-3),
    {"kind": "checkpoint", "step": 10, "tokens": 100, "seconds": 1.0},
    trained(20, None, seconds=2.0),
    evaluated(50, 2.0, 5.5, (0.25, 0.125), seconds=5.0),
    trained(100, 1.0, seconds=10.0),
    evaluated(100, 0.5, 6.25, (0.75, 0.5), seconds=10.0),
]

ranges = st.tuples(st.floats(0, 99), st.floats(1, 100)).map(lambda pair: (min(pair[0], 99), min(pair[0] + pair[1], 100)))


@pytest.fixture
def view(tmp_path):
    return RunView(fabricate(tmp_path / "run", COURSE, step=100))


def test_the_figures_at_a_point_are_the_nearest_measured_ones(view):
    assert courses.at(view, (), "steps", 14) == [
        ("step", "10"),
        ("tokens", "100"),
        ("time", "1.0 s"),
        ("train batches", "6.00"),
        ("validation", "8.10  at 0"),
    ]
    assert dict(courses.at(view, (), "steps", 19))["train batches"] == "not finite"
    assert dict(courses.at(view, (), "seconds", 9.9))["validation"] == "6.25"
    assert dict(courses.at(view, [Over("other", view, 0)], "tokens", 490))["other"] == "5.50"


def test_nothing_is_under_a_cursor_where_nothing_was_measured(tmp_path):
    assert courses.at(RunView(fabricate(tmp_path / "run", [started()])), (), "steps", 5) == []


def test_the_numbers_say_how_far_how_well_how_sure_and_of_what(view):
    progress, losses, confident, made_of = map(dict, groups(view))
    assert progress == {"step": "100 of 100", "tokens": "1k", "epochs": "2.22", "time": "10 s"}
    assert losses == {"training": "0.500", "validation": "6.25", "gap": "5.75", "best": "5.50 at 50"}
    assert confident == {"p > 0.9": "75 %", "control": "50 %"}
    assert made_of == {"N": "1,000", "D": "500", "data": "25 %"}


def test_the_whole_reaches_to_the_end_of_the_longest_and_farther_while_it_goes_on(tmp_path, view):
    longer = RunView(fabricate(tmp_path / "longer", [started(), trained(300, 1.0)], step=300, steps=300))
    running = RunView(fabricate(tmp_path / "running", COURSE[:5], status="running", step=20, steps=100))
    assert courses.whole(view, (), "steps") == (0, 100)
    assert courses.whole(view, [Over("longer", longer, 0)], "steps") == (0, 300)
    assert courses.whole(running, (), "steps") == (0, 20)
    assert courses.whole(RunView(fabricate(tmp_path / "empty", [])), (), "steps") is None


@given(ranges, st.floats(0, 1), st.floats(0.1, 3))
def test_zooming_stays_inside_and_keeps_the_point_where_it_is_unless_an_end_is_reached(inside, share, factor):
    everything, around = (0.0, 100.0), inside[0] + share * (inside[1] - inside[0])
    found = courses.zoomed(inside, everything, around, factor)
    if found is None:
        assert (inside[1] - inside[0]) * factor >= 100
        return
    assert found[1] - found[0] == pytest.approx((inside[1] - inside[0]) * factor, rel=1e-6)
    assert everything[0] <= found[0] < found[1] <= everything[1] + 1e-9
    if found[0] > 0 and found[1] < 100 - 1e-9:
        assert (around - found[0]) / (found[1] - found[0]) == pytest.approx(share, abs=1e-6)


def test_panning_stops_at_both_ends():
    assert courses.panned((10.0, 30.0), (0.0, 100.0), 0.25) == (15.0, 35.0)
    assert courses.panned((10.0, 30.0), (0.0, 100.0), -5) == (0.0, 20.0)
    assert courses.panned((10.0, 30.0), (0.0, 100.0), 50) == (80.0, 100.0)


def test_what_lies_over_a_run_has_neither_its_colours_nor_its_mark_and_no_two_are_alike():
    looks = [look.overlay(number) for number in range(20)]
    assert len(set(looks)) == 20
    assert not {one.color for one in looks} & {0, 1}
    assert look.UNICODE.sparse_marks[0] not in {one.glyph for one in looks}
    assert all((one.glyph + one.hollow).isascii() for one in (look.overlay(number, ascii=True) for number in range(20)))
    assert not {one.hollow for one in looks} & {one.glyph for one in looks}


def test_names_are_drawn_harmless_and_each_run_is_named_once(tmp_path, view):
    other = RunView(fabricate(tmp_path / "other", COURSE, step=100))
    text = courses.draw(view, [Over("\x1b[31mred", other, 0)], Wish(color=False), 120, 30).text
    assert "␛[31mred" in text
    assert "\x1b" not in text
    assert "run validation" in text
    assert text.count("⠒■⠒") == 1


def test_what_lies_over_a_run_never_hides_it(view):
    alone = courses.draw(view, (), Wish(smoothing=0.0), 100, 30).text.split("\n")
    both = courses.draw(view, [Over("the same", view, 0)], Wish(smoothing=0.0), 100, 30).text.split("\n")
    drawn = [line.replace("\x1b[0m", "") for line in both if "38;5;32m" in line or "38;5;172m" in line]
    assert "38;5;35m" not in "".join(drawn[2:]), "only the legend has its colour"
    assert len(alone) == len(both)


def test_checkpoints_and_the_cursor_are_marked_where_they_are_wanted(view):
    plain = courses.draw(view, (), Wish(color=False), 100, 30).text
    marked = courses.draw(view, (), Wish(color=False, checkpoints=True, cursor=40.0), 100, 30).text
    assert "checkpoint" not in plain
    assert "cursor" not in plain
    assert "checkpoint at 10" in marked
    assert "cursor at 40" in marked


@pytest.fixture
def measuring(tmp_path):
    """A run that measured itself at two checkpoints."""
    early = measured(50, passages_extracted=(0.0, 0.0), tokens_held_most_likely=(0.25, 0.125))
    auc = [{"measure": "membership", "name": "AUC by loss", "part": "both", "value": 0.75, "unit": "AUC"}]
    late = measured(100, seconds=10.0, tokens_held_most_likely=(0.75, 0.1), passages_extracted=(0.5, 0.0))
    late["figures"] += auc
    return RunView(fabricate(tmp_path / "measuring", [*COURSE, early, late], step=100))


def test_what_a_run_measured_has_a_course_of_training_beside_held_out_text(measuring):
    right, extracted, auc = figures(measuring)
    assert (right.name, right.unit, extracted.short, auc.short) == ("tokens held most likely", "share", "extracted", "AUC loss")
    training, held_out = right.series("steps")
    assert (training.name, training.x, training.y) == ("training", [50.0, 100.0], [0.25, 0.75])
    assert (held_out.name, held_out.y) == ("held-out", [0.125, 0.1])
    assert [one.y for one in auc.series("seconds")] == [[0.75]]


def test_the_last_figures_measured_stand_among_the_numbers_and_those_near_the_cursor_beside_it(measuring, view):
    found = list(map(dict, groups(measuring)))
    assert found[3] == {"measured": "at step 100", "tokens right": "75 % | 10 %", "extracted": "50 % | 0 %", "AUC loss": "0.750"}
    assert len(groups(view)) == 4, "nothing of it for a run that did not measure"
    assert dict(courses.at(measuring, (), "steps", 40))["tokens right"] == "25 % | 12.5 %"


def test_a_figure_is_drawn_in_place_of_the_losses_a_share_on_its_whole_scale_an_area_beside_chance(measuring):
    text = courses.draw(measuring, (), Wish(figure="passages extracted", color=False), 100, 20).text
    assert "passages extracted (share)" in text
    assert "held-out" in text
    assert "entropy floor" not in text
    assert [line.split("┤")[0].strip() for line in text.split("\n") if "┤" in line][:1] == ["1.0"]
    assert "chance 0.500" in courses.draw(measuring, (), Wish(figure="AUC by loss", color=False), 100, 20).text


def test_figures_of_a_damaged_log_are_passed_over_and_their_names_are_harmless(tmp_path):
    whole = {"name": "\x1b[31mred", "part": "training", "value": 0.5, "unit": "share"}
    broken = [{**whole, "value": None}, {**whole, "part": []}, {**whole, "part": "else"}, {"name": "x"}, 3, {**whole, "unit": 1}]
    rows = [*COURSE, measured(50, figures=[*broken, whole]), {**measured(60), "figures": "none"}]
    view = RunView(fabricate(tmp_path / "damaged", rows, step=100))
    assert [(one.name, len(one.courses["training"])) for one in figures(view)] == [("\x1b[31mred", 1)]
    assert "\x1b" not in courses.draw(view, (), Wish(figure="\x1b[31mred", color=False), 80, 20).text


def test_runs_side_by_side_have_each_a_colour_a_glyph_and_a_name(tmp_path, view, measuring):
    runs = [Over("first", view, 0), Over("\x1b[31msecond", measuring, 3)]
    text = courses.draw_together(runs, Wish(color=False, cursor=40.0), 120, 30).text
    for words in (
        "⠒■⠒ first",
        "⠒□⠒ first training",
        "⠒■⠒ ␛[31msecond".replace("■", look.overlay(3).glyph),
        "entropy floor",
        "cursor at 40",
    ):
        assert words in text
    assert courses.validation_at(runs, "steps", 90) == ["6.25", "6.25"]
    assert courses.validation_at(runs, "steps", 101) == ["", ""], "neither went so far"
    assert courses.whole_of([view, measuring], "steps") == (0, 100)
    only = courses.draw_together(runs, Wish(color=False, figure="passages extracted"), 120, 30).text
    assert "⠒■⠒ first" not in only, "it measured nothing"


@pytest.mark.parametrize("status", ["failed", "stopped"])
def test_a_run_that_ended_before_its_first_evaluation_is_not_waited_for(tmp_path, status):
    run = fabricate(tmp_path / status, [started()], status=status)
    assert f"{status} before the first evaluation" in courses.draw(open_view(run), (), Wish(color=False), 80, 20).text
    again = fabricate(tmp_path / "again", [started()], status="running")
    assert "waiting for the first evaluation" in courses.draw(open_view(again), (), Wish(color=False), 80, 20).text


def test_a_point_of_the_axis_is_said_in_whole_steps():
    assert [courses.place(axis, 696.9) for axis in ("steps", "tokens", "seconds")] == ["step 697", "697 tokens", "11 m 37 s"]


@given(st.integers(20, 200), st.floats(0, 1))
def test_a_column_of_a_plot_and_its_x_belong_together(width, share):
    plot = draw([Series("a", [0, 50, 100], [1, 2, 3])], width=width, height=12)
    column = plot.left + int(share * (plot.columns - 1))
    assert plot.column_of(plot.x_at(column)) == column
    assert plot.x_low <= plot.x_at(-5) <= plot.x_at(10_000) <= plot.x_high


def test_a_plot_without_room_for_data_has_no_columns():
    assert draw([Series("a", [0, 1], [1, 2])], width=5, height=2).columns == 0
    assert draw([], width=0, height=0) == Plot("")
