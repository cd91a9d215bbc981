"""The run directory is the only link between a trainer and whoever looks on: it holds through crashes, second trainers and bad files."""

import dataclasses
import json
import math
import os
import shutil
import socket
import subprocess
import sys
import threading
import time

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memlab import config, rundir
from memlab.config import Experiment, Train
from memlab.errors import RunError
from memlab.rundir import events, state
from memlab.rundir.ownership import Ownership, claim

HERE = socket.gethostname()


@pytest.fixture
def run(tmp_path):
    return rundir.create(tmp_path / "runs" / "mine", "# mine\n", Experiment(train=Train(steps=5)))


@pytest.fixture
def sleeper():
    """A process that stays until the test is over."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


def gone() -> int:
    """The pid of a process that has ended."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        pass
    return process.pid


def write_state(run, **fields):
    me = psutil.Process()
    plain = {"status": "running", "owner": "a", "pid": me.pid, "started": me.create_time(), "host": HERE}
    state.write(run.state_path, state.State(**{**plain, **fields}))


# --- what a run does not have


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "has no checkpoint yet; `memlab watch"),
        ({"status": "failed", "error": "the disk is full"}, "has no checkpoint: it failed: the disk is full"),
        ({"status": "stopped"}, "has no checkpoint: it is stopped; `memlab resume"),
        ({"status": "finished"}, "has no checkpoint although it is finished; copy"),
    ],
)
def test_what_a_run_lacks_is_said_with_how_it_stands(run, fields, words):
    write_state(run, **fields)
    assert words in str(run.lack("no checkpoint"))


def test_a_run_that_was_removed_is_not_waited_for(run):
    shutil.rmtree(run.path)
    assert "is not there any more" in str(run.lack("no checkpoint"))


# --- making a run


def test_a_new_run_holds_its_preset_verbatim_and_its_resolved_settings(run):
    assert (run.path / "experiment.toml").read_text() == "# mine\n"
    assert run.original() == run.experiment() == Experiment(train=Train(steps=5))
    assert (run.name, run.provenance(), run.state(), run.status(), run.events()) == ("mine", {}, None, "lost", [])
    assert not run.is_active()
    assert sorted(os.listdir(run.path)) == ["checkpoints", "config.json", "experiment.toml"]


def test_a_run_is_made_whole_or_not_at_all(tmp_path, monkeypatch):
    for name in ("write_atomic", "write_json"):
        for failure in (RunError("no space"), KeyboardInterrupt(), OSError(5, "Input/output error")):
            with monkeypatch.context() as patch:
                patch.setattr(rundir, name, lambda *_, failure=failure: throw(failure))
                with pytest.raises((RunError, KeyboardInterrupt)):
                    rundir.create(tmp_path / "runs" / "mine", "", Experiment())
            assert os.listdir(tmp_path / "runs") == []


def throw(error):
    raise error


def test_a_run_never_replaces_another(run):
    with pytest.raises(RunError, match=rf"^making {run.path} failed: .*; choose another name$"):
        rundir.create(run.path, "", Experiment())
    assert os.listdir(run.path.parent) == ["mine"]
    assert run.original().train.steps == 5


def test_the_settings_are_the_original_with_every_attempts_changes(run):
    changes = [{}, {"train.steps": 9, "train.lr": 0.5}, {"train.epochs": 2}, {"train.lr": 0.25}]
    run.provenance_path.write_text(json.dumps({"attempts": [{"changes": change} for change in changes] + [{}]}))
    assert run.experiment().train == Train(epochs=2, lr=0.25)
    assert run.original().train == Train(steps=5)


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("config", "[]", "is not a configuration that this version understands: the experiment is"),
        ("config", '{"data": {"sauce": 1}}', "no setting 'data.sauce'; did you mean 'data.source'"),
        ("config", '{"train": {"lr": NaN}}', "train.lr is nan"),
        ("config", "{", "cannot be read"),
        ("config", None, "is missing"),
        ("provenance", "[]", "is not a run's provenance"),
        ("provenance", '{"attempts": {}}', "is not a run's provenance"),
        ("provenance", '{"attempts": [3]}', "is not a run's provenance"),
        ("provenance", '{"attempts": [{"changes": 3}]}', "is not a run's provenance"),
        ("provenance", '{"attempts": [{"changes": {"train.sleep": 1}}]}', "changes a setting that this version does not understand"),
    ],
)
def test_a_corrupt_file_is_named(run, name, content, complaint):
    path = getattr(run, f"{name}_path")
    path.unlink(missing_ok=True) if content is None else path.write_text(content)
    with pytest.raises(RunError) as error:
        run.experiment()
    assert str(error.value).startswith(str(path))
    assert complaint in str(error.value)


# --- events


def test_what_is_appended_is_read_back_in_order(tmp_path):
    path = tmp_path / "events.jsonl"
    assert events.read(path) == []
    rows = [{"kind": "train", "step": step, "loss": 1 / (1 + step), "what": "naïve\n\ud800"} for step in range(3)]
    for row in rows:
        events.append(path, row)
    assert events.read(path) == rows
    assert path.read_bytes().count(b"\n") == 3


def test_nan_and_infinity_are_null(tmp_path):
    path = tmp_path / "events.jsonl"
    events.append(path, {"kind": "train", "step": 1, "loss": math.nan, "grad_norm": math.inf, "lr": 0.5})
    assert json.loads(path.read_text()) == {"kind": "train", "step": 1, "loss": None, "grad_norm": None, "lr": 0.5}


def test_a_row_without_a_step_is_at_step_0(tmp_path):
    events.append(tmp_path / "events.jsonl", {"kind": "started"})
    assert events.read(tmp_path / "events.jsonl") == [{"step": 0, "kind": "started"}]


@pytest.mark.parametrize("torn", [b"{", b'{"kind": "train", "step": 2, "lo', b"\xff\xfe", b'{"kind": "train", "step": 2}'])
def test_a_torn_last_line_is_passed_over_and_closed_by_the_next_row(tmp_path, torn):
    path = tmp_path / "events.jsonl"
    events.append(path, {"kind": "train", "step": 1})
    with path.open("ab") as file:
        file.write(torn)
    assert [row["step"] for row in events.read(path)] == [1]
    events.append(path, {"kind": "train", "step": 3})
    whole = [2] if torn.endswith(b"}") else []
    assert [row["step"] for row in events.read(path)] == [1, *whole, 3]


GARBAGE = [
    "",
    "null",
    "3",
    "[]",
    '"train"',
    "{}",
    '{"kind": 3}',
    '{"step": 1}',
    '{"kind": "train", "step": "1"}',
    '{"kind": "train", "step": true}',
    '{"kind": "train", "step": 1.5}',
    '{"kind": "resumed", "step": 1}',
    '{"kind": "resumed", "step": 1, "from_step": null}',
    "[" * 100_000,
    "1" * 5000,
    "\0",
]


def test_a_line_that_is_no_row_is_passed_over(tmp_path):
    path = tmp_path / "events.jsonl"
    good = {"kind": "train", "step": 1}
    path.write_text("\n".join(f"{line}\n{json.dumps(good)}" for line in GARBAGE) + "\n")
    assert events.read(path) == [good] * len(GARBAGE)


@given(st.binary())
def test_no_bytes_break_the_reader(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "garbage.jsonl"
    path.write_bytes(content + b"\n")
    events.append(path, {"kind": "train", "step": 7})
    assert events.read(path)[-1] == {"kind": "train", "step": 7}


def test_a_resumed_row_drops_what_earlier_attempts_did_beyond_it():
    rows = [{"kind": "eval", "step": step, "attempt": 1} for step in (0, 5, 10, 15)]
    rows += [{"kind": "resumed", "step": 10, "from_step": 10}]
    rows += [{"kind": "eval", "step": step, "attempt": 2} for step in (15, 20)]
    rows += [{"kind": "resumed", "step": 15, "from_step": 15}, {"kind": "eval", "step": 20, "attempt": 3}]
    settled = [(row["step"], row.get("attempt")) for row in events.settle(rows)]
    assert settled == [(0, 1), (5, 1), (10, 1), (10, None), (15, 2), (15, None), (20, 3)]


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), max_size=12), st.integers(0, 12))
def test_settling_piece_by_piece_comes_to_the_same(drawn, cut):
    rows = [{"kind": "resumed", "step": n, "from_step": n} if resumed else {"kind": "eval", "step": n} for resumed, n in drawn]
    assert events.settle([*events.settle(rows[:cut]), *rows[cut:]]) == events.settle(rows)


def test_a_follower_gets_every_row_once_however_the_file_grows(tmp_path):
    path = tmp_path / "events.jsonl"
    follower, seen = events.Follower(path), []
    rows = [{"kind": "train", "step": step, "text": "é" * step} for step in range(9)]
    content = b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows)
    assert follower.poll() == []
    for start in range(0, len(content), 7):
        with path.open("ab") as file:
            file.write(content[start : start + 7])
        seen += follower.poll()
    assert seen == rows
    assert follower.poll() == []


# --- state


def test_a_state_comes_back_with_the_writers_clock(run):
    written = state.State(
        "running", "a", 5, 1.5, "host", 3, 9, work={"doing": "tokenising", "done": 1, "total": None, "unit": "documents", "since": 1.0}
    )
    before = time.time()
    state.write(run.state_path, written)
    found = run.state()
    assert before <= found.heartbeat <= time.time()
    assert dataclasses.replace(found, heartbeat=0.0) == written


STATE = '{"status": "running", "owner": "a", "pid": 5, "started": 1.5, "host": "h", %s}'


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "3",
        "{}",
        '{"status": "running"}',
        STATE % '"steps": 1e400',
        STATE % '"work": {"doing": "x"}',
        STATE % '"step": 1%s' % ("0" * 400),
    ],
)
def test_a_corrupt_state_is_named(run, content):
    run.state_path.write_text(content)
    with pytest.raises(RunError, match=rf"^{run.state_path} "):
        run.status()


@pytest.mark.parametrize("field", [f.name for f in dataclasses.fields(state.State)])
def test_a_state_with_a_field_of_the_wrong_type_is_named(run, field):
    write_state(run)
    table = json.loads(run.state_path.read_text())
    run.state_path.write_text(json.dumps({**table, field: [1]}))
    with pytest.raises(RunError, match=rf"is not a run's state: state\.{field} is \[1\].*remove it, and the run can be resumed"):
        run.state()


def test_a_state_of_a_later_version_is_read_as_far_as_it_is_known(run):
    write_state(run)
    table = json.loads(run.state_path.read_text())
    run.state_path.write_text(json.dumps({**table, "mood": "good"}))
    assert run.status() == "running"


@pytest.mark.parametrize("status", ["finished", "stopped", "failed"])
def test_a_final_status_stays_whatever_became_of_the_process(run, status):
    write_state(run, status=status, pid=gone())
    assert run.status() == status
    assert not run.is_active()


@pytest.mark.parametrize("status", state.ACTIVE)
def test_an_active_status_holds_while_its_process_runs(run, sleeper, status):
    write_state(run, status=status, pid=sleeper.pid, started=psutil.Process(sleeper.pid).create_time())
    os.utime(run.state_path, (0, 0))  # its heartbeat does not matter on its own machine
    assert run.status() == status
    assert run.is_active()


def test_a_run_is_lost_when_its_process_is_gone(run):
    write_state(run, pid=gone())
    assert run.status() == "lost"


def test_a_trainer_that_ends_while_one_looks_is_not_lost(run, monkeypatch):
    """It wrote its last word after the first look and was gone at the second."""
    write_state(run, pid=gone())
    read, looks = state.read, []

    def last_word_after_the_first_look(path):
        found = read(path)
        if not looks:
            write_state(run, status="finished", pid=found.pid)
        looks.append(found)
        return found

    monkeypatch.setattr(state, "read", last_word_after_the_first_look)
    now, status = run.standing()
    assert (now.status, status, len(looks)) == ("finished", "finished", 2)


def test_a_run_is_lost_when_another_process_has_its_pid(run, sleeper):
    write_state(run, pid=sleeper.pid, started=psutil.Process(sleeper.pid).create_time() - 60)
    assert run.status() == "lost"


def test_a_run_is_lost_when_its_process_is_a_zombie(run):
    with subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE) as process:
        process.stdout.read()  # its end: the process is about to exit
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # it has, and nobody has collected it
        write_state(run, pid=process.pid, started=psutil.Process(process.pid).create_time())
        assert run.status() == "lost"


@pytest.mark.parametrize("pid", [-1, 0, 2**31, 2**62])
def test_a_pid_that_cannot_be_is_no_process(run, pid):
    write_state(run, pid=pid)
    assert run.status() == "lost"


def test_on_another_machine_the_heartbeat_decides(run):
    write_state(run, host="elsewhere", pid=gone())
    assert run.status() == "running"
    now = run.state_path.stat().st_mtime
    os.utime(run.state_path, (now, now - state.LOST_AFTER_SECONDS + 5))
    assert run.status() == "running"
    os.utime(run.state_path, (now, now - state.LOST_AFTER_SECONDS - 5))
    assert run.status() == "lost"
    state.touch(run.state_path)
    assert run.status() == "running"


def test_silence_is_measured_by_the_file_systems_clock(run, monkeypatch):
    write_state(run, host="elsewhere")
    monkeypatch.setattr(time, "time", lambda: 1e12)
    assert run.status() == "running"


def test_where_nothing_can_be_written_this_machines_clock_counts(run, monkeypatch):
    write_state(run, host="elsewhere")
    monkeypatch.setattr(state.tempfile, "TemporaryFile", lambda **_: throw(PermissionError()))
    assert run.status() == "running"
    monkeypatch.setattr(time, "time", lambda: 1e12)
    assert run.status() == "lost"


def test_looking_leaves_no_file_behind(run):
    write_state(run, host="elsewhere")
    before = sorted(os.listdir(run.path))
    run.status()
    assert sorted(os.listdir(run.path)) == before


# --- ownership


def take(run, pid=None, changes=None):
    return claim(run, changes or {}, lambda owner: pid or os.getpid())


def test_a_claim_records_the_attempt_and_the_process(run):
    owner = take(run, changes={"train.lr": 0.5})
    assert (run.state().owner, run.state().pid, run.state().host, run.status()) == (owner, os.getpid(), HERE, "starting")
    assert run.provenance()["attempts"] == [{"owner": owner, "started": pytest.approx(time.time(), abs=60), "changes": {"train.lr": 0.5}}]
    assert run.experiment().train.lr == 0.5


def test_an_attempt_whose_process_cannot_start_changes_nothing(run):
    with pytest.raises(OSError, match="no more processes"):
        claim(run, {"train.lr": 0.5}, lambda owner: throw(OSError("no more processes")))
    assert run.experiment().train.lr != 0.5
    assert run.state() is None


def test_a_second_claim_is_refused_while_the_first_trainer_lives(run, sleeper):
    take(run, sleeper.pid)
    with pytest.raises(RunError, match=rf"^run 'mine' is being trained by process {sleeper.pid} on {HERE}; `memlab watch {run.word}`"):
        take(run)
    assert len(run.provenance()["attempts"]) == 1
    sleeper.kill()
    sleeper.wait()
    second = take(run)
    assert run.state().owner == second
    assert len(run.provenance()["attempts"]) == 2


def test_of_many_claims_at_once_one_wins(run, sleeper):
    results = []

    def race():
        try:
            results.append(take(run, sleeper.pid))
        except RunError:
            results.append(None)

    threads = [threading.Thread(target=race) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [owner for owner in results if owner] == [run.state().owner]


def test_a_claim_removes_stop_and_keeps_how_far_the_run_is(run):
    write_state(run, status="stopped", step=40, steps=100, error="old")
    run.stop_path.touch()
    take(run)
    assert not run.stop_path.exists()
    assert (run.state().step, run.state().steps, run.state().error) == (40, 100, "")


def test_a_claim_whose_process_does_not_start_leaves_the_run_lost(run):
    with pytest.raises(OSError, match="no memory"):
        claim(run, {}, lambda owner: throw(OSError("no memory")))
    assert run.status() == "lost"
    take(run)
    assert run.status() == "starting"


def test_the_owner_writes_state_events_and_provenance(run):
    own = Ownership(run, take(run))
    own.update(status="running", step=3)
    own.event("train", step=3, loss=math.nan)
    own.provenance(seed=7)
    own.release()
    assert (run.state().status, run.state().step, run.state().pid) == ("running", 3, os.getpid())
    assert run.events() == [{"attempt": 1, "kind": "train", "step": 3, "loss": None}]
    assert (run.provenance()["seed"], len(run.provenance()["attempts"])) == (7, 1)


def test_a_directory_given_to_another_is_not_written_by_the_first(run):
    first = Ownership(run, take(run))
    first.event("train", step=1)
    write_state(run, status="stopped")  # as if lost: now a second trainer comes
    second = Ownership(run, take(run))
    second.event("train", step=2)
    before = {path: path.read_bytes() for path in (run.state_path, run.events_path, run.provenance_path)}
    for write in (lambda: first.update(step=9), lambda: first.event("train", step=9), lambda: first.provenance(seed=9)):
        with pytest.raises(RunError, match=r"^run 'mine' now belongs to another trainer; this one leaves without writing$"):
            write()
    assert {path: path.read_bytes() for path in before} == before
    assert (first.attempt, second.attempt) == (1, 2)
    first.release()
    second.release()


def test_nobody_takes_hold_of_a_directory_that_is_not_theirs(run):
    with pytest.raises(RunError, match="belongs to another trainer"):
        Ownership(run, "nobody")
    take(run)
    with pytest.raises(RunError, match="belongs to another trainer"):
        Ownership(run, "nobody")


def test_a_removed_run_stops_its_trainer(run):
    own = Ownership(run, take(run))
    run.state_path.unlink()
    with pytest.raises(RunError):
        own.event("train", step=1)
    own.release()


def test_the_heart_beats_while_the_directory_is_the_owners(run, monkeypatch):
    beats = threading.Semaphore(0)
    looks = threading.Semaphore(0)
    monkeypatch.setattr(state, "HEARTBEAT_SECONDS", 0.0)
    monkeypatch.setattr(state, "touch", lambda path: beats.release())
    own = Ownership(run, take(run))
    for _ in range(3):
        assert beats.acquire(timeout=10)
    write_state(run, owner="another")
    checked = Ownership._checked
    monkeypatch.setattr(Ownership, "_checked", lambda self: looks.release() or checked(self))
    for _ in range(2):
        assert looks.acquire(timeout=10)  # what was under way is over
    while beats.acquire(blocking=False):
        pass
    for _ in range(3):
        assert looks.acquire(timeout=10)
    assert not beats.acquire(blocking=False)
    own.release()


def test_the_heart_outlives_a_passing_trouble_of_the_disk(run, monkeypatch):
    beats = threading.Semaphore(0)
    troubles = iter([OSError(116, "Stale file handle"), PermissionError(), None, None])

    def touch(path):
        trouble = next(troubles, None)
        if trouble:
            raise trouble
        beats.release()

    monkeypatch.setattr(state, "HEARTBEAT_SECONDS", 0.0)
    monkeypatch.setattr(state, "touch", touch)
    own = Ownership(run, take(run))
    assert beats.acquire(timeout=10)
    own.release()


def test_a_claim_keeps_a_new_owner_waiting_until_its_state_is_written(run):
    """The child asks at once; the launcher has not written its pid yet."""
    found = []

    def spawn(owner):
        thread = threading.Thread(target=lambda: found.append(Ownership(run, owner)))
        thread.start()
        found.append(thread)
        return os.getpid()

    owner = claim(run, {}, spawn)
    found[0].join(timeout=10)
    assert found[1].owner == owner
    found[1].release()


def test_the_settings_in_the_run_are_plain_json(run):
    assert config.from_dict(json.loads(run.config_path.read_text())) == Experiment(train=Train(steps=5))


def test_a_configuration_of_an_earlier_version_in_which_0_meant_not_given_is_understood(run):
    table = json.loads(run.config_path.read_text())
    table["train"] |= {"steps": 0, "n_tokens": 0.0, "epochs": 3.0, "minutes": 0.0}
    run.config_path.write_text(json.dumps(table))
    train = run.original().train
    assert (train.steps, train.n_tokens, train.epochs, train.minutes) == (None, None, 3.0, None)
