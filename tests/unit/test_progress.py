"""Long work says how long it still takes."""

from memlab.cli import progress


def work(done, total=19, doing="measuring checkpoints"):
    return {"doing": doing, "done": done, "total": total, "unit": "checkpoints"}


def test_steps_that_take_long_have_a_time_left_from_the_first_on():
    pace = progress._Pace()
    assert pace.left(work(0), 1000.0) == ""
    assert pace.left(work(1), 1040.0) == "12 m 00 s left"
    assert pace.left(work(1), 1050.0) == "11 m 50 s left"


def test_what_was_found_at_once_is_forgotten():
    pace = progress._Pace()
    for done in range(9):
        pace.left(work(done), 0.0)
    said = [pace.left(work(done), 60.0 * (done - 8)) for done in range(9, 18)]
    assert said[-1] == "2 m 00 s left"


def test_another_piece_of_work_has_a_pace_of_its_own():
    pace = progress._Pace()
    pace.left(work(0), 0.0)
    assert pace.left(work(1), 40.0)
    assert pace.left(work(0, doing="drawing"), 41.0) == ""


def test_work_without_a_known_end_has_none():
    pace = progress._Pace()
    pace.left(work(0, total=None), 0.0)
    assert pace.left(work(5, total=None), 1.0) == ""


def test_lines_say_it_too(capsys, monkeypatch):
    now = iter([0.0, 30.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(now))
    with progress.working() as show:
        show(work(0))
        show(work(2))
    assert capsys.readouterr().err == "measuring checkpoints …\nmeasuring checkpoints, 2 of 19 checkpoints, 4 m 15 s left …\n"
