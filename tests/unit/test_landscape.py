"""The landscape of a run's text: what is asked, what is left out, what is said beside the picture, and how it is kept."""

import json
from dataclasses import asdict, replace

import pytest
import torch
from tiny_run import make_run

from memlab.errors import DataError, UnknownName, UsageError
from memlab.lab import passages, scenery
from memlab.lab.landscape import Wish, asked_often, from_plain, landscape, stages
from memlab.lab.questions import Question
from memlab.lab.remembering import open_memory
from memlab.lab.stages import Kept
from memlab.memory.energy import layer_energy
from memlab.render import heatmap
from memlab.render.safe import is_harmful
from memlab.render.tables import keyvalues

SMALL = {"width": 24, "height": 16}


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def windows(home):
    return open_memory(make_run(home, "windows"), home)


@pytest.fixture(scope="module")
def documents(home):
    return open_memory(make_run(home, "documents", rows="documents"), home)


@pytest.mark.parametrize("layer", ["1", "norm"])
def test_the_energy_at_the_state_is_that_over_all_its_patterns(windows, layer):
    found = landscape(windows, Question("validation", number=1), Wish(layer, 3, **SMALL))
    passage = passages.of_data(windows, "validation", 1)
    state = windows.states(passage.ids)[layer][3:4]
    patterns = torch.from_numpy(windows.store.layer(layer).copy())
    assert found.energy == pytest.approx(float(layer_energy(state, patterns)[0]), abs=1e-6)  # what a search is right to
    assert found.descent[0].energy == pytest.approx(found.energy, abs=1e-6)
    assert (found.n_patterns, found.excluded, found.is_complete) == (len(windows.store), 0, True)
    assert torch.tensor(found.energies).shape == (16, 24)


def test_a_training_document_is_seen_without_its_own_patterns(documents):
    found = landscape(documents, Question("training", number=2), Wish("1", **SMALL))
    own = int((documents.store.origins["document"] == 2).sum())
    assert found.excluded == own > 0
    rows = {one.row for one in [*found.patterns, *found.fixed_points]}
    assert not rows & set((documents.store.origins["document"] == 2).nonzero()[0].tolist())
    assert any("do not count" in note for note in scenery.notes(found))


def test_the_true_next_token_is_told_where_it_is_known(documents):
    tokens = passages.of_data(documents, "validation", 0).tokens
    assert landscape(documents, Question("validation"), Wish(position=2, **SMALL)).next_token == tokens[3]
    assert landscape(documents, Question(text="abc"), Wish(**SMALL)).next_token == ""


def test_stages_say_more_each_time_and_descents_are_made_once(windows):
    kept, question = Kept(), Question(text="abcdef")
    first, second, last = stages(windows, question, Wish("1", **SMALL), kept=kept)
    assert (len(first.descent), first.fixed_points, first.is_complete) == (1, [], False)
    assert second.descent == last.descent
    assert second.energies == last.energies == first.energies
    assert last.is_complete
    (again,) = stages(windows, question, Wish("1", zoom=2, **SMALL), kept=kept)
    assert again.fixed_points == last.fixed_points
    assert again.u[-1] - again.u[0] == pytest.approx((last.u[-1] - last.u[0]) / 2)
    other = list(stages(windows, question, Wish("1", beta="3", **SMALL), kept=kept))
    assert len(other) == 3


def test_a_landscape_survives_json(windows):
    found = landscape(windows, Question(text="abcdef"), Wish(plane="random", seed=4, **SMALL))
    assert from_plain(json.loads(json.dumps(asdict(found)))) == found


def test_for_the_app_a_position_beyond_the_text_is_its_last(windows, home):
    wish = {**asdict(Wish(**SMALL)), "position": 99}
    *_, last = asked_often(windows.run, home, asdict(Question(text="abc")), "last", wish, Kept(), lambda *work: None)
    assert last["landscape"]["position"] == 2
    assert last["steps_there"] == [0, 4]


@pytest.mark.parametrize(
    ("wished", "error", "complaint"),
    [
        ({"plane": "flat"}, UnknownName, "no plane 'flat'"),
        ({"beta": "-1"}, UsageError, "--beta is '-1'"),
        ({"zoom": 0.0}, UsageError, "the zoom is 0"),
        ({"width": 1}, UsageError, "a grid of 1 x"),
        ({"width": 9999, "height": 9999}, UsageError, "cannot be shown"),
    ],
)
def test_a_wish_that_makes_no_sense_is_named(wished, error, complaint):
    with pytest.raises(error, match=complaint):
        Wish(**wished)


def test_what_is_not_there_is_named(windows):
    with pytest.raises(UnknownName, match="no layer '9'"):
        landscape(windows, Question(text="abc"), Wish("9"))
    with pytest.raises(UsageError, match="position 3 is not in the text"):
        landscape(windows, Question(text="abc"), Wish(position=3))
    with pytest.raises(DataError, match="makes no token"):
        landscape(windows, Question(text=""), Wish())


# ------------------------------------------------------------------------------------------------------------ for the eye


@pytest.fixture(scope="module")
def found(windows):
    return landscape(windows, Question("training", number=3), Wish("1", beta="40", **SMALL))


def test_a_pattern_that_a_fixed_point_lies_at_is_marked_once(found):
    everything = scenery.attractions(found)
    rows = [one.row for one in everything if one.pattern]
    assert len(rows) == len(set(rows)) == len(found.patterns)
    assert everything[0].fixed.of_state
    picture = scenery.field(found, selected=1)
    assert len(picture.markers) == len(everything) + 1
    assert [marker.selected for marker in picture.markers].index(True) == 1


def test_a_marker_is_hollow_off_the_slice(found):
    for one in scenery.attractions(found):
        hollow = one.kind.startswith("projected")
        assert hollow == (not one.at.in_slice) == (one.at.off > found.within)


def test_the_state_walks_down_its_path_and_nothing_else_moves(found):
    last = len(found.descent) - 1
    first, end = (scenery.field(found, step) for step in (0, last + 5))
    assert (first.markers[-1].u, first.markers[-1].v) == pytest.approx((0, 0), abs=1e-9)
    assert (end.markers[-1].u, end.markers[-1].v) == (found.descent[-1].u, found.descent[-1].v)
    assert first.markers[:-1] == end.markers[:-1]
    assert first.values is end.values


def test_the_legend_says_plane_variance_beta_and_how_many_are_drawn(found):
    words = dict(scenery.facts(found))
    assert "two nearest patterns" in words["plane"]
    assert "variance" in words["plane"]
    assert f"all {found.n_patterns:,} enter the energy" in words["patterns"]
    assert f"{len(found.patterns)} are drawn" in words["patterns"]
    assert "a tenth of the typical distance" in words["patterns"]
    assert "there may be others" in words["fixed points"]
    assert "β = 40.0" in scenery.heading(found)


def test_one_flat_bowl_and_one_needle_are_called_so(windows):
    flat = landscape(windows, Question(text="abc"), Wish("1", beta="1e-6", **SMALL))
    assert "one flat bowl" in dict(scenery.facts(flat))["in play"]
    needle = landscape(windows, Question(text="abc"), Wish("1", beta="1e6", **SMALL))
    assert "one alone decides" in dict(scenery.facts(needle))["in play"]


@pytest.mark.parametrize("seven_bit", [False, True])
def test_hostile_text_comes_out_harmless(found, seven_bit):
    hostile = "\x1b[2J\u202e[red]\x9b漢"
    contexts = {row: replace(context, before=hostile, token=hostile, next_token=hostile) for row, context in found.contexts.items()}
    bad = replace(found, contexts=contexts)
    shown = keyvalues(scenery.card(bad, scenery.attractions(bad)[0]), 60, color=False, ascii=seven_bit)
    picture = heatmap.draw(scenery.field(bad), width=60, height=20, depth="none", ascii=seven_bit)
    for text in (shown, *picture.lines):
        assert not any(map(is_harmful, text.replace("\n", "")))
        assert not seven_bit or text.isascii()


def test_a_moved_state_makes_another_picture(windows):
    """Far from the plane of its picture every energy is higher, though every foot stays where it is."""
    from memlab.measures import slices

    patterns = windows.store.layer("1")
    state = windows.states(windows.encode("abcdef"))["1"][-1].double()
    of = slices.cut(state, patterns, windows.scale("1"), "pca")
    other = torch.linalg.qr(torch.cat([of.plane.axes.T, torch.ones(16, 1, dtype=torch.float64)], 1)).Q[:, 2]
    moved = slices.cut(state + 3 * windows.scale("1") * other, patterns, windows.scale("1"), "pca")
    u, v = of.axes(40, 24)
    drawn = [
        heatmap.draw(heatmap.Field(one.energies(u, v, 1.0).numpy(), u.numpy(), v.numpy()), width=40, height=12, depth="none").lines
        for one in (of, moved)
    ]
    assert drawn[0] != drawn[1]
