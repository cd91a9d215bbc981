"""The command line as people and scripts use it: exit statuses, one-line errors, JSON, pipes, signals, and what each command does."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys

import pytest
from conftest import MEMLAB, TINY, steps_done, until

from memlab import config
from memlab.cli.train import resolve
from memlab.data.sources import uniform
from memlab.errors import UsageError
from memlab.rundir import RunDir, create

SLOW = pytest.mark.slow


@pytest.fixture
def call(lab, monkeypatch, capsys):
    """The command line inside this process, which is faster: exit status, standard output, standard error."""
    from memlab.__main__ import main

    def run(*arguments, home=lab.home):
        monkeypatch.setattr(sys, "argv", ["memlab", "--home", str(home), *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            main()
        return left.value.code or 0, *capsys.readouterr()

    return run


# ------------------------------------------------------------------------------------------------------- wrong requests


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ("trian", "No such command 'trian'. Did you mean 'train'?"),
        ("runs --home x", "--home stands before the command: memlab --home PATH runs"),
        ("train", "Missing argument 'PRESET'"),
        ("train demoo", "no preset 'demoo'; did you mean 'demo'?"),
        ("train nowhere.toml", "no file 'nowhere.toml'; give the path of a TOML file"),
        ("watch memorized", "no run 'memorized'; did you mean 'memorised'?"),
        ("train TINY --set data.source=unform", "no source 'unform'; did you mean 'uniform'?"),
        ("train TINY --set data.tokenizer=words", "no tokenizer 'words'; did you mean 'word'?"),
        ("train TINY --set model.family=gtp2", "no family 'gtp2'; did you mean 'gpt2'?"),
        ("train TINY --size nona", "family 'gpt2' has no size 'nona'; did you mean 'nano'?"),
        ("train TINY --set train.lrr=1", "no setting 'train.lrr'; did you mean 'train.lr'?"),
        ("train TINY --set data.source_options.lenght=1", "no setting 'data.source_options.lenght'; did you mean"),
        ("train TINY --set train.steps=many", "train.steps is 'many'; it must be a whole number"),
        ("train TINY --set train.steps=-1", "train.steps is -1; it must be at least 0"),
        ("train TINY --set train.epochs=0", "train.epochs is 0; it must be above 0"),
        ("train TINY --fraction 0", "fraction is '0'; it must lie in (0, 1]"),
        ("train TINY --fraction 2", "fraction is '2'; it must lie in (0, 1]"),
        ("train TINY --fraction abc", "fraction is 'abc'; write a percentage such as 0.1%"),
        ("train TINY --name ../x", "the name is '../x'; use letters"),
        ("watch memorised --x time", "--x is 'time'; it must be one of steps, tokens, seconds"),
        ("sample memorised --checkpoint 7", "run 'memorised' has no checkpoint '7'; there are: best, last, 0, 1, 2, 4"),
        ("sample memorised --temperature nan", "--temperature is nan; it must be at least 0"),
        ("sample memorised --tokens 0", "--tokens is 0; it must be at least 1"),
        ("resume memorised", "run 'memorised' has finished its 120 steps; extend it with"),
        ("resume memorised --steps 60", "the budget would be 60 steps, but run 'memorised' has already done 120; give more"),
        ("resume memorised --set data.fraction=0.5", "'data.fraction' cannot change when a run is resumed"),
        ("resume memorised --steps 200 --set train.min_lr=0", "the learning rate of run 'memorised' decays to 0 at step 120"),
        ("stop memorised", "run 'memorised' is not being trained; it is finished"),
        ("sources unform", "no source 'unform'; did you mean 'uniform'?"),
        ("families gtp2", "no family 'gtp2'; did you mean 'gpt2'?"),
        ("remove memorized", "no run 'memorized'; did you mean 'memorised'?"),
    ],
)
@SLOW
def test_a_wrong_request_is_one_line_on_standard_error_and_status_2(lab, memorised, call, arguments, complaint):
    toml = lab.toml("")[0]
    status, out, err = call(*arguments.replace("TINY", toml).split())
    assert (status, out) == (2, "")
    assert err.startswith(f"memlab: {complaint}")
    assert err.count("\n") == 1


def test_without_arguments_it_prints_help(call):
    status, out, err = call()
    assert (status, err) == (0, "")
    assert "A terminal lab in which one watches a transformer memorise." in out


# --------------------------------------------------------------------------------------------------------------- JSON


@SLOW
@pytest.mark.parametrize(
    "arguments",
    [
        "runs --json",
        "presets --json",
        "presets --settings --json",
        "sources --json",
        "sources uniform --json",
        "families --json",
        "families gpt2 --json",
        "watch memorised --json",
        "doctor --json",
        "sample memorised u0001 --tokens 3 --json",
    ],
)
def test_every_listing_is_strict_json_on_request(memorised, call, arguments):
    def refuse(word):
        raise AssertionError(f"{word} is not JSON")

    status, out, err = call(*arguments.split())
    assert (status, err) == (0, "")
    assert json.loads(out, parse_constant=refuse)
    assert out.isascii()


# -------------------------------------------------------------------------------------------------------------- pipes


@SLOW
def test_train_in_a_pipe_prints_one_plain_line_per_evaluation(memorised):
    run, done = memorised
    assert (done.returncode, done.stderr) == (0, "")
    assert "\x1b" not in done.stdout
    lines = done.stdout.splitlines()
    assert lines[0] == f"memorised in {run.path}"
    evaluations = [line for line in lines if line.startswith("step ")]
    assert [line.split()[1] for line in evaluations] == ["0/120", "40/120", "80/120", "120/120"]
    assert any(line.startswith("It has memorised: ") for line in lines)
    following = lines[lines.index("Next:") + 1 :]
    assert following[:3] == ["  memlab sample memorised", "  memlab watch memorised --log", "  memlab resume memorised --steps 240"]


@SLOW
def test_sigterm_to_train_in_a_pipe_stops_the_run_and_saves_it_and_a_fraction_is_kept(lab):
    run = lab.run("batch-job")
    child = lab.background("train", *lab.toml("batch-job", {"train.steps": 1_000_000}), "--fraction", "50%")
    until(lambda: run.path.exists() and steps_done(run) > 5, "it trains")
    child.send_signal(signal.SIGTERM)
    out, err = child.communicate(timeout=60)
    assert (child.returncode, err, run.status()) == (3, "", "stopped")
    assert f"Stopped at step {run.state().step:,} of 1,000,000 and saved." in out
    assert (run.checkpoints / f"step-{run.state().step:06d}" / "model.safetensors").exists()
    assert f"D {8 * 9} tokens" in out, "half of 16 documents of 8 words and an end"


@SLOW
def test_a_closed_pipe_or_a_lost_connection_leaves_the_trainer_running_to_its_end(lab):
    piped, hung_up = lab.run("piped"), lab.run("hung-up")
    arguments = lab.toml("piped")
    command = " ".join([str(MEMLAB), "train", *arguments])
    shell = subprocess.run(["bash", "-c", f"{command} | head -1"], **lab.process(capture_output=True, text=True, timeout=60))
    connection = lab.background("train", *lab.toml("hung-up"))
    assert (shell.stdout, shell.stderr) == (f"piped in {piped.path}\n", "")
    until(lambda: hung_up.path.exists() and hung_up.state(), "it is started")
    connection.send_signal(signal.SIGHUP)
    connection.communicate(timeout=60)
    assert connection.returncode == -signal.SIGHUP
    lab.finish(piped)
    lab.finish(hung_up)

    extended = lab.memlab("resume", "piped", "--steps", "140")
    assert extended.returncode == 0
    assert "step 140/140" in extended.stdout
    assert piped.provenance()["attempts"][-1]["changes"] == {"train.steps": 140}


@SLOW
def test_ctrl_c_on_a_terminal_leaves_with_130_and_the_run_goes_on(lab, memorised):
    run = lab.start("left-alone", {"train.steps": 1_000_000})
    controller, terminal = os.openpty()
    child = lab.background("watch", "left-alone", stdin=terminal, stdout=terminal, stderr=terminal, env={"TERM": "xterm-256color"})
    os.close(terminal)
    shown = b""
    while b"Ctrl-C leaves it running" not in shown:
        shown += os.read(controller, 1 << 16)
    child.send_signal(signal.SIGINT)
    with contextlib.suppress(OSError):  # the terminal is closed
        while True:
            shown += os.read(controller, 1 << 16)
    os.close(controller)
    assert child.wait(timeout=30) == 130
    assert b"left-alone goes on by itself.\r\n  memlab watch left-alone\r\n  memlab stop left-alone\r\n" in shown
    assert shown.count(b"\x1b[?1049h") == shown.count(b"\x1b[?1049l") == 1, "the screen is given back"
    assert run.is_active()
    lab.kill(run)


# ------------------------------------------------------------------------------------------------------ what they do


@SLOW
def test_a_text_from_standard_input_is_trained_on(lab):
    text = "\n\n".join(f"This is paragraph {number} of a text that comes through a pipe." for number in range(60))
    changes = ["data.source=files", "data.source_options={}", "data.source_options.path=-", "data.source_options.passage_characters=200"]
    changes += ["data.tokenizer=byte", "data.rows=windows", "data.validation=0.2", "train.steps=2"]
    done = lab.memlab("train", *lab.toml("from-stdin"), *(word for change in changes for word in ("--set", change)), input=text)
    assert (done.returncode, done.stderr) == (0, "")
    run = lab.run("from-stdin")
    spooled = run.original().data.source_options["path"]
    assert os.path.dirname(spooled) == str(lab.home / "spool")
    with open(spooled) as file:
        assert file.read() == text
    assert sum(split["characters"] for split in run.provenance()["data"]["splits"].values()) == len(text)


@pytest.mark.parametrize(("given", "share"), [("50%", 0.5), ("0.1 %", 0.001), ("0.25", 0.25), ("1", 1.0), ("all", 1.0)])
def test_every_form_of_a_fraction_means_a_share(lab, given, share):
    experiment, text = resolve(lab.home, lab.toml("")[0], None, {"data.fraction": config.parse_fraction(given)})
    assert experiment.data.fraction == pytest.approx(share)
    assert text == TINY


def test_relative_paths_are_settled_where_they_are_given(lab, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("book.txt", "a", "b"):
        (tmp_path / name).touch()
    for given, settled in (("book.txt", str(tmp_path / "book.txt")), ('["a", "b"]', [str(tmp_path / "a"), str(tmp_path / "b")])):
        settings = ["data.source=files", f"data.source_options.path={given}"]
        experiment, _ = resolve(lab.home, "demo", settings, {})
        assert experiment.data.source_options["path"] == settled
    with pytest.raises(UsageError, match=r"data\.source_options\.path is '.*/c', which does not exist"):
        resolve(lab.home, "demo", ["data.source=files", "data.source_options.path=c"], {})


@SLOW
def test_sample_gives_a_memorised_passage_back(memorised, call):
    document = next(iter(uniform.documents(uniform.Options(documents=16, length=8, vocabulary=32, validation_documents=16)))).text
    words = document.split()
    status, out, err = call("sample", "memorised", " ".join(words[:3]))
    assert (status, err) == (0, "")
    assert out.splitlines() == [document, "", "(step 120 of memorised; 5 of 5 tokens with p > 0.9)"]
    best = json.loads(call("sample", "memorised", "--checkpoint", "best", "--json")[1])
    rows = [row for row in memorised[0].events() if row["kind"] == "eval"]
    assert best["step"] == min(rows, key=lambda row: row["validation_loss"])["step"]


@pytest.fixture(scope="module")
def estimate(lab) -> dict:
    """What `presets NAME --json` says of the tiny run."""
    done = lab.memlab("presets", lab.toml("")[0], "--json")
    assert (done.returncode, done.stderr) == (0, "loading torch …\nmeasuring a few steps on this device …\ncounting floors …\n")
    return json.loads(done.stdout)


@SLOW
def test_presets_name_predicts_the_run_as_it_turned_out(memorised, estimate):
    run, plan = memorised[0], estimate["plan"]
    facts = run.provenance()
    assert (plan["n_params"], plan["n_params_total"]) == (facts["model"]["n_params"], facts["model"]["n_params_total"])
    assert (plan["n_tokens"], plan["available_tokens"]) == (facts["data"]["n_tokens"], facts["data"]["available_tokens"])
    assert (plan["steps"], plan["floors"]) == (120, facts["floors"])
    assert plan["tokens_seen"] == run.events()[-1]["tokens"]
    assert 0.5 < plan["costs"]["memory_bytes"] / facts["peak_memory_bytes"] < 2
    assert 0.5 < plan["disk_bytes"] / sum(file.stat().st_size for file in run.checkpoints.rglob("*")) < 2
    assert config.from_dict(estimate["settings"]) == run.original()


@SLOW
def test_presets_name_prints_what_is_changed_and_what_it_takes(lab, call, estimate, monkeypatch):
    monkeypatch.setattr("memlab.lab.planning.plan", lambda experiment, home, progress: estimate["plan"])
    status, out, err = call("presets", lab.toml("")[0])
    assert (status, err) == (0, "")
    known = {line[:24].strip(): line[24:] for line in out.splitlines()}
    assert out.startswith("a tiny run for the tests\n")
    assert known["data.source_options"] == "documents = 16, length = 8, vocabulary = 32, validation_documents = 16"
    assert known["train.steps"] == "120"
    assert "train.weight_decay" not in known, "it is as by default"
    known = {line[:22].strip(): line[22:] for line in out.splitlines()}
    assert known["D"] == "144 tokens, 100 %  of 144 in the training part"
    assert known["data"] == "640 bits  the source's own entropy, 40 bits a document"
    assert known["can memorise"].startswith("all: it fits ")
    assert known["budget"] == "120 steps, 120 epochs  17.3k tokens seen"
    assert known["entropy floor"].startswith("3.08  mean of -ln p")
    assert known["device"].endswith("fp32, 1 thread")


def test_remove_takes_runs_away_and_prune_what_nothing_needs(tmp_path, call):
    home = tmp_path / "home"
    runs = [plain_run(home, name, corpus) for name, corpus in (("one", "used-1"), ("two", "used-2"), ("waiting", None))]
    for name in ("used-1", "used-2", "unused", "unused.building"):
        (home / "corpora" / name).mkdir(parents=True)
    (home / "spool").mkdir()
    for name in ("needed.txt", "spare.txt"):
        (home / "spool" / name).write_text("text")
    status, out, err = call("remove", "two", str(runs[1].path), "--yes", home=home)
    assert (status, out, err) == (0, "removed two\n", "")
    status, out, err = call("prune", "--yes", home=home)
    assert (status, err) == (0, "")
    assert out.endswith("removed 4\n")
    left = {str(path.relative_to(home)) for path in home.glob("*/*") if not path.name.endswith(".lock")}
    assert left == {"runs/one", "runs/waiting", "corpora/used-1", "spool/needed.txt"}
    assert call("prune", home=home)[1] == f"Nothing to remove under {home}.\n"


def plain_run(home, name, corpus) -> RunDir:
    (home / "runs").mkdir(parents=True, exist_ok=True)
    options = {"data.source": "files", "data.source_options": {}, "data.source_options.path": str(home / "spool" / "needed.txt")}
    run = create(home / "runs" / name, TINY, config.changed(config.load(TINY, "the tiny run"), options))
    if corpus:
        run.provenance_path.write_text(json.dumps({"attempts": [], "data": {"corpus": corpus}}))
    return run


@SLOW
def test_a_copy_of_a_running_run_is_no_run_of_its_own_and_stopping_it_leaves_the_original_alone(lab, tmp_path):
    run = lab.start("copied", {"train.steps": 1_000_000})
    until(lambda: run.events(), "it trains")
    copy = RunDir(shutil.copytree(run.path, tmp_path / "copy"))
    assert copy.status() == "lost"
    refused = lab.memlab("stop", str(copy.path))
    assert refused.returncode == 2
    assert "is not being trained" in refused.stderr
    assert (
        f"a copy of a run that was being trained; `memlab resume {copy.path}` goes on with it" in lab.memlab("watch", str(copy.path)).stderr
    )
    assert run.is_active()
    lab.kill(run)


@SLOW
def test_a_finished_run_whose_corpus_is_not_here_stays_finished_when_it_cannot_be_resumed(memorised, lab, tmp_path):
    copy = RunDir(shutil.copytree(memorised[0].path, tmp_path / "copy"))
    refused = lab.memlab("--home", str(tmp_path / "elsewhere"), "resume", str(copy.path), "--steps", "500")
    assert refused.returncode != 0
    assert "the corpus of this run" in refused.stderr
    assert copy.status() == "finished"
    shown = lab.memlab("watch", str(copy.path))
    assert shown.returncode == 0
    assert f"memlab sample {copy.path}" in shown.stdout
