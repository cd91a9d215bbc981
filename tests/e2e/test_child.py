"""The warm child: one process that counts, measures and predicts; superseded, killed, and never left behind."""

import math
import os
import queue
import signal
import subprocess
import sys

import psutil
import pytest
from conftest import TINY, Lab, until

from memlab import config
from memlab.errors import MemlabError, UsageError
from memlab.lab.child import ENDS, Child, failure_of
from memlab.lab.planning import plan

pytestmark = pytest.mark.slow
EXPERIMENT = config.load(TINY, "the tiny run")

# An experiment whose measuring takes a while: what is asked next comes in the middle of it.
LONG = config.changed(EXPERIMENT, {"model.size": "micro", "data.source_options.documents": 4000, "train.batch": 256})


@pytest.fixture(scope="module")
def child(lab):
    """One child for all, as the app has one: torch is imported once."""
    with Child(lab.home, niceness=5) as made:
        made.call("plan", arguments())
        yield made


class Answers:
    """What a request is told, in the order of its coming."""

    def __init__(self):
        self.messages = queue.Queue()
        self.seen = []

    def __call__(self, message):
        self.messages.put(message)

    def until(self, *keys):
        """The first message from now on that has one of these."""
        while True:
            message = self.messages.get(timeout=60)
            self.seen.append(message)
            if any(key in message for key in keys):
                return message


def arguments(experiment=EXPERIMENT, **others):
    return {"experiment": config.to_dict(experiment), **others}


def test_facts_come_stage_by_stage_and_the_answer_is_all_of_them(child):
    answers = Answers()
    child.ask("plan", arguments(), answers)
    answer = answers.until(*ENDS)["answer"]
    found = [message["found"] for message in answers.seen if "found" in message]
    assert "n_tokens" in found[0]
    assert "n_params" in found[1]
    assert {key: value for part in found for key, value in part.items()} == answer
    assert answer["information"] == {"bits": 640.0, "exact": True, "how": "the source's own entropy, 40 bits a document"}
    assert answer["steps"] == 120


def test_what_was_measured_is_kept_until_it_is_asked_for_again(child):
    first, second = child.call("plan", arguments()), child.call("plan", arguments())
    assert first["costs"] == second["costs"]
    longer = child.call("plan", arguments(config.changed(EXPERIMENT, {"train.steps": 240})))
    assert longer["costs"] == first["costs"], "another budget changes no step"
    assert longer["seconds"] - first["seconds"] > 0.9 * 120 * first["costs"]["step_seconds"]
    assert child.call("plan", arguments(again=True))["costs"]["step_seconds"] != first["costs"]["step_seconds"]


def test_the_memory_of_a_larger_model_is_not_counted_for_a_smaller_one(child):
    small = child.call("plan", arguments(again=True))["costs"]["memory_bytes"]
    large = config.changed(EXPERIMENT, {"model.size": "mini", "train.batch": 256})
    assert child.call("plan", arguments(large))["costs"]["memory_bytes"] > small + 100e6
    assert child.call("plan", arguments(again=True))["costs"]["memory_bytes"] < small + 100e6


def test_the_one_shot_plan_says_the_same_as_the_warm_child(child, lab):
    warm, alone = child.call("plan", arguments()), plan(EXPERIMENT, lab.home)
    timed = {"costs", "seconds", "load", "disk_bytes"}
    assert {key: value for key, value in warm.items() if key not in timed} == {
        key: value for key, value in alone.items() if key not in timed
    }
    assert 0.6 < warm["costs"]["memory_bytes"] / alone["costs"]["memory_bytes"] < 1.5


def test_parameters_are_counted_without_the_text(child):
    nowhere = config.changed(EXPERIMENT, {"data.source": "files", "data.source_options.path": "/nowhere"})
    assert child.call("count", arguments(nowhere)) == {"n_params": child.call("plan", arguments())["n_params"]}


def test_a_step_in_parts_takes_as_long_as_all_of_them(child):
    """A busy machine may slow down the one or the other: their best times are compared, of as many measurements as it takes up to four."""
    best = {1: math.inf, 4: math.inf}
    for _ in range(4):
        costs = {n: child.call("plan", arguments(config.changed(LONG, {"train.accumulate": n}), again=True))["costs"] for n in best}
        best = {n: min(best[n], costs[n]["step_seconds"]) for n in best}
        if 0.4 < best[4] / best[1] < 2.5:
            break
    assert 0.4 < best[4] / best[1] < 2.5
    assert costs[4]["memory_bytes"] < costs[1]["memory_bytes"] + 50e6


def test_errors_arrive_as_what_they_are(child):
    wrong = config.changed(EXPERIMENT, {"data.tokens": 10**9})
    with pytest.raises(UsageError, match="the training part has 144 tokens"):
        child.call("plan", arguments(wrong))
    with pytest.raises(RuntimeError, match="AttributeError"):
        child.call("nonsense", {})
    assert child.call("plan", arguments())["steps"] == 120, "and it goes on"


def test_the_newest_request_wins(child):
    before, answers = child.pid, [Answers() for _ in range(4)]
    child.ask("plan", arguments(LONG), answers[0])
    answers[0].until("begun")
    for one in answers[1:3]:
        child.ask("plan", arguments(LONG), one)
    child.ask("plan", arguments(), answers[3])
    assert all("superseded" in one.until(*ENDS) for one in answers[:3])
    assert answers[3].until(*ENDS)["answer"]["steps"] == 120
    assert child.pid == before, "it stopped by itself"


def test_a_cancelled_request_ends_and_the_next_one_is_answered(child):
    answers = Answers()
    number = child.ask("plan", arguments(LONG), answers)
    answers.until("begun")
    child.cancel(number)
    assert "superseded" in answers.until(*ENDS)
    child.cancel(number)  # once more is no harm
    assert child.call("plan", arguments())["steps"] == 120


def test_a_request_can_be_cancelled_while_the_process_is_being_started(lab):
    with Child(lab.home) as child:
        answers = Answers()
        child.cancel(child.ask("plan", arguments(), answers))
        assert "superseded" in answers.until(*ENDS)


def test_work_that_does_not_stop_is_ended_and_begun_anew(child, monkeypatch):
    monkeypatch.setattr("memlab.lab.child._PATIENCE_SECONDS", 0.0)
    before, stuck, fresh = child.pid, Answers(), Answers()
    child.ask("plan", arguments(LONG), stuck)
    stuck.until("begun")
    os.kill(before, signal.SIGSTOP)  # it will not look
    child.ask("plan", arguments(), fresh)
    assert "superseded" in stuck.until(*ENDS)
    assert fresh.until(*ENDS)["answer"]["steps"] == 120
    assert child.pid != before


def test_a_child_that_is_killed_says_so_and_comes_back(child):
    answers, waiting = Answers(), Answers()
    child.ask("plan", arguments(LONG), answers)
    answers.until("begun")
    child.ask("predict", {"run": "/nowhere", "known_step": None}, waiting)
    before = child.pid
    os.kill(before, signal.SIGKILL)
    message = answers.until(*ENDS)
    assert "ended by SIGKILL, perhaps because memory was used up" in message["error"]
    assert isinstance(failure_of(message), MemlabError)
    assert "error" in waiting.until(*ENDS), "what it had not begun goes to the next one"
    assert child.pid != before
    assert child.call("plan", arguments())["steps"] == 120


def test_it_stands_back_behind_those_who_train(child):
    child.call("plan", arguments())
    process = psutil.Process(child.pid)
    assert process.nice() == psutil.Process().nice() + 5
    with open(f"/proc/{child.pid}/oom_score_adj") as file:
        assert file.read().strip() == "1000"


def test_closing_ends_it_in_the_middle_of_its_work(lab):
    child, answers = Child(lab.home), Answers()
    child.ask("plan", arguments(LONG), answers)
    answers.until("begun")
    pid = child.pid
    child.close()
    assert not psutil.pid_exists(pid)
    child.close()


PARENT = """
import json, sys, time
from pathlib import Path
from memlab.lab.child import Child
child = Child(Path(sys.argv[1]))
child.ask("plan", json.loads(sys.argv[2]), lambda message: print(child.pid, flush=True) if "begun" in message else None)
time.sleep(60)
"""


def test_it_ends_with_its_parent_whatever_that_one_dies_of(lab):
    import json

    command = [sys.executable, "-c", PARENT, str(lab.home), json.dumps(arguments(LONG))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        pid = int(parent.stdout.readline())
        parent.kill()
    until(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE, "the child has ended", 10)


def test_a_run_predicts_its_own_passages(child, lab: Lab, memorised):
    run = memorised[0]
    answer = child.call("predict", {"run": str(run.path), "known_step": None})
    assert answer["step"] == 120
    training, validation = answer["passages"]
    assert (training["part"], validation["part"]) == ("training", "validation")
    assert "".join(one["text"] for one in training["predictions"][:-1]).split() == run_text(run, "train", 0)
    assert sum(one["right"] for one in training["predictions"]) >= 8, "it has been learned by heart, its first word aside"
    assert all(one["right"] == (one["guess"].strip() == one["text"].strip()) for one in training["predictions"])
    assert sum(one["right"] for one in validation["predictions"]) < 5, "nobody can know it"
    assert all(0 <= one["probability"] <= 1 for passage in answer["passages"] for one in passage["predictions"])
    assert child.call("predict", {"run": str(run.path), "known_step": 120}) == {"step": 120}


def run_text(run, split, document):
    from memlab.data.corpus import open_recorded

    return open_recorded(run.path.parent.parent, run).text(split, document).split()


def test_predictions_need_a_checkpoint_and_the_corpus(child, lab, memorised, tmp_path):
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(memorised[0].path, copy)
    provenance = (copy / "provenance.json").read_text()
    (copy / "provenance.json").write_text(provenance.replace('"corpus": "uniform-', '"corpus": "elsewhere-'))
    with pytest.raises(MemlabError, match="copy it from the machine that the run was trained on"):
        child.call("predict", {"run": str(copy), "known_step": None})
    shutil.rmtree(copy / "checkpoints")
    with pytest.raises(MemlabError, match="has no checkpoint although it is finished"):
        child.call("predict", {"run": str(copy), "known_step": None})
