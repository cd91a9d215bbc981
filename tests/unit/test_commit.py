"""The commit that a run is trained with."""

import shutil
import subprocess

import pytest

from memlab.training.commit import commit


def git(folder, *arguments):
    subprocess.run(
        ["git", "-c", "user.name=x", "-c", "user.email=x@example.org", *arguments], cwd=folder, check=True, stdout=subprocess.DEVNULL
    )


@pytest.mark.skipif(not shutil.which("git"), reason="git is not installed")
def test_a_checkout_has_a_commit_and_says_whether_it_was_changed(tmp_path):
    assert commit(tmp_path) is None
    git(tmp_path, "init", "-q")
    (tmp_path / "a").write_text("a")
    git(tmp_path, "add", "a")
    git(tmp_path, "commit", "-qm", "first")
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert commit(tmp_path) == head[:12]
    (tmp_path / "a").write_text("b")
    assert commit(tmp_path) == f"{head[:12]}-dirty"
    inside = tmp_path / "site-packages"
    inside.mkdir()
    assert commit(inside) is None


def test_without_git_there_is_none(tmp_path, monkeypatch):
    (tmp_path / ".git").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path))
    assert commit(tmp_path) is None
