"""`stop` of a run that nobody trains says what to do with it instead."""

import pytest
from fabricated_run import fabricate
from typer.testing import CliRunner

from memlab.cli.app import app
from memlab.errors import UsageError


@pytest.mark.parametrize(
    ("status", "seen", "move"),
    [
        ("finished", "finished", "resume one --steps N` extends it"),
        ("stopped", "stopped", "resume one` goes on with it"),
        ("failed", "failed", "resume one` goes on with it"),
        ("running", "lost", "resume one` goes on with it"),
    ],
)
def test_a_run_that_nobody_trains_can_be_resumed_or_removed(tmp_path, monkeypatch, status, seen, move):
    monkeypatch.setenv("MEMLAB_HOME", str(tmp_path))
    fabricate(tmp_path / "runs" / "one", status=status, pid=2**22 + 1)  # no process has that number
    error = CliRunner().invoke(app, ["stop", "one"]).exception
    assert isinstance(error, UsageError)
    assert str(error) == f"run 'one' is not being trained; it is {seen}: `memlab {move}, `memlab remove one` removes it"
