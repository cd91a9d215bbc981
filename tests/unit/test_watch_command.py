"""What a run measured of itself, drawn by `watch` and `compare` in place of the losses."""

import json
import shlex

import pytest
from fabricated_run import evaluated, fabricate, measured, started, trained
from typer.testing import CliRunner

from memlab.cli.app import app
from memlab.errors import UnknownName, UsageError


@pytest.fixture
def home(tmp_path):
    course = [started(), trained(10, 3.0), evaluated(10, 2.5, 3.5)]
    fabricate(tmp_path / "runs" / "plain", course)
    for name, share in (("early", 0.25), ("late", 0.75)):
        fabricate(tmp_path / "runs" / name, [*course, measured(10, passages_extracted=(share, 0.0))])
    return tmp_path


def call(home, *words):
    return CliRunner().invoke(app, ["--home", str(home), *words], env={"NO_COLOR": "1"})


def test_a_figure_is_drawn_by_its_name_in_full_or_in_few_words(home):
    for name in ("extracted", "passages extracted"):
        shown = call(home, "watch", "late", "--once", "--figure", name).stdout
        assert "passages extracted (share)" in shown
        assert "held-out" in shown
        assert "loss (nats per token)" not in shown
    shown = call(home, "compare", "early", "plain", "late", "--figure", "extracted").stdout
    assert "late training" in shown
    assert "plain training" not in shown.split("state")[0], "it measured nothing"


def test_a_figure_goes_into_a_picture_too(home, tmp_path):
    assert call(home, "compare", "early", "late", "--figure", "extracted", "--svg", str(tmp_path / "a.svg")).exit_code == 0
    assert call(home, "compare", "early", "late", "--svg", str(tmp_path / "b.svg")).exit_code == 0
    assert (tmp_path / "a.svg").read_bytes() != (tmp_path / "b.svg").read_bytes()


def test_a_figure_that_nobody_measured_is_no_empty_picture(home):
    with pytest.raises(UnknownName, match="no figure 'extractd' was measured; did you mean 'extracted'"):
        raise call(home, "watch", "late", "--figure", "extractd").exception
    with pytest.raises(UnknownName, match=r"no figure 'xyz' was measured; there are: .*; for example --figure (.+)$") as raised:
        raise call(home, "watch", "late", "--figure", "xyz").exception
    typed = shlex.split(str(raised.value).split("for example ")[1])
    assert call(home, "watch", "late", "--once", *typed).exit_code == 0
    with pytest.raises(UsageError, match=r"plain measured nothing of itself so far; .* memlab train demo --set train\.measures=all$"):
        raise call(home, "watch", "plain", "--figure", "extracted").exception
    with pytest.raises(UsageError, match="--log is of losses"):
        raise call(home, "compare", "early", "late", "--figure", "extracted", "--log").exception
    with pytest.raises(UsageError, match="--x is 'years'"):
        raise call(home, "watch", "late", "--x", "years").exception


def test_json_says_why_a_run_does_not_go_on(tmp_path):
    fabricate(tmp_path / "runs" / "gone", status="running", pid=2**22 + 1)
    found = json.loads(call(tmp_path, "watch", "gone", "--json").stdout)
    assert found["status"] == "lost"
    assert "the trainer is gone without a word" in found["problem"]
