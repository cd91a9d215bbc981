"""Prompts: aligned as in training, followed by what truly follows, and not to be found in the training text elsewhere."""

import numpy as np
import pytest
from tiny_run import make_run

from memlab.errors import UsageError
from memlab.lab.remembering import open_model
from memlab.measures.prompts import draw_prompts


@pytest.fixture(scope="module")
def memories(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    return {rows: open_model(make_run(home, rows, rows=rows), home) for rows in ("windows", "documents")}


@pytest.mark.parametrize("part", ["training", "validation"])
def test_windows_begin_where_they_do_in_training(memories, part):
    memory = memories["windows"]
    drawn = draw_prompts(memory.data, memory.context, part, 9, 6, 0)
    stream = (memory.data.train if part == "training" else memory.data.validation).stream
    (group,) = drawn.groups
    assert len(drawn) == len(group) == 9
    for ids, truth, row in zip(group.ids, group.truth, group.rows, strict=True):
        start = row * memory.context
        assert (np.concatenate([ids, truth]) == stream[start : start + memory.context // 2 + 6]).all()


@pytest.mark.parametrize("part", ["training", "validation"])
def test_a_document_is_its_prompt_and_its_truth(memories, part):
    memory = memories["documents"]
    rows, end = (memory.data.train if part == "training" else memory.data.validation), memory.tokenizer.eos_token_id
    drawn = draw_prompts(memory.data, memory.context, part, 8, 50, end)
    assert len(drawn) == 8
    for group in drawn.groups:
        for ids, truth, row in zip(group.ids, group.truth, group.rows, strict=True):
            inputs, targets = rows.take(np.array([row]))
            length = int(rows.lengths[row])
            assert (ids == inputs[0, : len(ids)]).all()
            assert (truth[: length - len(ids) + 1] == targets[0, len(ids) - 1 : length]).all()
            assert len(ids) + len(truth) <= memory.context + 1


def test_text_that_stands_elsewhere_too_is_left_out(tmp_path):
    memory = open_model(make_run(tmp_path), tmp_path)
    same = memory.data.train
    data = type(memory.data)(memory.data.corpus, memory.data.selection, same, same, memory.data.order)
    with pytest.raises(UsageError, match="all of the validation text stands in the training text"):
        draw_prompts(data, memory.context, "validation", 4, 4, 0)


def test_a_continuation_longer_than_the_rest_of_a_window_is_refused(memories):
    with pytest.raises(UsageError, match="--tokens is 9; windows of 16 tokens leave 8"):
        draw_prompts(memories["windows"].data, 16, "training", 4, 9, 0)
