"""One text over training: the same memory at every checkpoint, kept once it is known."""

import json

import numpy as np
import pytest
import torch
from tiny_run import make_run

from memlab.data.rows import DocumentRows
from memlab.errors import DataError, UsageError
from memlab.lab.over_training import over_training, series, thinned
from memlab.lab.questions import Question, passage_of
from memlab.lab.remembering import open_model
from memlab.measures.hidden import hidden_states
from memlab.measures.whole_rows import draw_whole_rows
from memlab.memory import energy


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def windows(home):
    return make_run(home, "windows")


@pytest.fixture(scope="module")
def documents(home):
    return make_run(home, "documents", rows="documents")


@pytest.mark.parametrize("name", ["windows", "documents"])
def test_the_memory_is_of_whole_rows_and_training_queries_are_of_these(name, home, request):
    data, context = (memory := open_model(request.getfixturevalue(name), home)).data, memory.context
    drawn = draw_whole_rows(data, context, 100, 20, seed=1, including=3)
    rows = drawn.places.locate(drawn.numbers)[0]
    assert 3 in rows
    assert len(drawn.numbers) <= 100
    lengths = data.train.lengths[np.unique(rows)] if isinstance(data.train, DocumentRows) else context
    assert (np.bincount(rows)[np.unique(rows)] == lengths).all(), "rows are whole"
    assert set(drawn.training.places.locate(drawn.training.numbers)[0]) <= set(rows)
    assert len(drawn.validation) == 20
    assert 0 < len(drawn.training) <= 20


def test_a_row_longer_than_the_memory_is_sampled(windows, home):
    memory = open_model(windows, home)
    drawn = draw_whole_rows(memory.data, memory.context, 5, 4, seed=0)
    assert len(drawn.numbers) == 5
    assert len(np.unique(drawn.places.locate(drawn.numbers)[0])) == 1


def test_each_checkpoint_says_what_brute_force_says(windows, home):
    question = Question("validation", number=0)
    course = over_training(windows, home, question, layer="2", position=5)
    assert [moment.step for moment in course.moments] == [0, 4]
    for moment in course.moments:
        memory = open_model(windows, home, str(moment.step))
        stream, n_windows = memory.data.train.stream, course.n_patterns // 16
        inputs = torch.stack([torch.from_numpy(stream[16 * row : 16 * row + 16]) for row in range(n_windows)])
        assert course.n_patterns == len(inputs) * 16, "all windows fit"
        patterns = hidden_states(memory.model, inputs, ["2"])["2"].flatten(0, 1)
        ids = torch.from_numpy(passage_of(memory, question).ids)[None]
        state = hidden_states(memory.model, ids, ["2"])["2"][0, 5:6]
        assert moment.text.squared_distance == pytest.approx(float(energy.nearest_squared_distance(state, patterns)[0]), rel=1e-4)
        assert moment.text.energy == pytest.approx(float(energy.layer_energy(state, patterns, 1.0)[0]), rel=1e-4)
    assert [one.name for one in series(course, "energy")] == ["this text", "training text", "held-out text"]


def test_learning_brings_training_text_near_and_leaves_held_out_text_behind(windows, home):
    course = over_training(windows, home, Question("training", number=2))
    first, last = course.moments[0], course.moments[-1]
    before, after = (one.held_out.squared_distance / one.training.squared_distance for one in (first, last))
    assert after > before


def test_an_automatic_beta_is_frozen_at_one_checkpoint(windows, home):
    course = over_training(windows, home, Question(text="abcdef"), beta="auto")
    assert course.frozen_at == 4
    assert len({moment.beta for moment in course.moments}) == 1
    assert course.moments[-1].held_out.effective_patterns == pytest.approx(8, rel=0.1)
    other = over_training(windows, home, Question(text="abcdef"), beta="auto", frozen_at="0")
    assert other.moments[0].beta != course.moments[0].beta


def test_a_documents_own_patterns_do_not_count(documents, home):
    course = over_training(documents, home, Question("training", number=3))
    memory = open_model(documents, home)
    assert all(moment.nearest.document != memory.document_name(3) for moment in course.moments)
    assert all(moment.text.squared_distance > 0 for moment in course.moments)


def test_where_queries_find_none_but_their_own_patterns_it_says_so(tmp_path):
    run = make_run(tmp_path, "one", rows="documents", learn=0, fraction=1 / 30)
    with pytest.raises(DataError, match=r"all patterns drawn are of the documents that are asked with.*data\.fraction"):
        over_training(run, tmp_path, Question(text="abc"))


def test_what_is_known_is_kept_and_damage_is_mended(windows, home, monkeypatch):
    question = Question(text="kept text")
    first = over_training(windows, home, question)
    folder = windows.path / "measures" / "over-training"
    ids = open_model(windows, home).encode("kept text").tolist()
    files = [path for path in folder.rglob("*.json") if json.loads(path.read_text())["depends_on"]["ids"] == ids]
    assert len(files) == 2
    with monkeypatch.context() as patch:
        patch.setattr("memlab.lab.over_training._take", lambda asked, step: pytest.fail("computed again"))
        assert over_training(windows, home, question) == first
        assert over_training(windows, home, question, layer="0").layer == "0", "all layers are kept"
    for path, damage in zip(files, ("{", '{"depends_on": 3}'), strict=True):
        path.write_text(damage)
    assert over_training(windows, home, question) == first


def test_a_long_list_of_checkpoints_is_thinned_evenly():
    assert thinned([0, 1, 2], 5) == [0, 1, 2]
    assert thinned(list(range(101)), 5) == [0, 25, 50, 75, 100]


def test_wrong_requests_are_explained(windows, home):
    with pytest.raises(UsageError, match="--points is 1"):
        over_training(windows, home, Question(text="abc"), points=1)
    with pytest.raises(UsageError, match="name one"):
        over_training(windows, home, Question(text="abc"), layer="all")
    with pytest.raises(DataError, match="makes no token"):
        over_training(windows, home, Question(text=""))
