"""Where a picture or a file is to go is looked at before anything is computed for it."""

import pytest
import typer
from typer.testing import CliRunner

from memlab.cli.app import app
from memlab.errors import UsageError

_COMMANDS = [
    name for name, command in typer.main.get_command(app).commands.items() if any("--png" in parameter.opts for parameter in command.params)
]


def refused(tmp_path, *arguments):
    error = CliRunner().invoke(app, ["--home", str(tmp_path), *map(str, arguments)]).exception
    assert isinstance(error, UsageError), error
    return str(error)


@pytest.mark.parametrize("command", _COMMANDS)
def test_each_command_that_draws_looks_at_the_place_first(tmp_path, command):
    given = {"capacity": [], "plan": []}.get(command, ["no-such-run"])
    for kind in ("png", "svg"):
        path = tmp_path / "nowhere" / f"a.{kind}"
        assert refused(tmp_path, command, *given, f"--{kind}", path) == (
            f"--{kind} is '{path}', but there is no folder {path.parent}; make it first, or name another"
        )


def test_the_commands_that_draw_are_found():
    assert {"landscape", "sweep", "compare", "radius"} <= set(_COMMANDS)


@pytest.mark.parametrize(
    ("option", "name", "move"),
    [
        ("--png", "a.jpg", "what is written is PNG: end it in .png"),
        ("--svg", "a.PNG", "what is written is SVG: give it with --png"),
        ("--png", "a.svg", "what is written is PNG: give it with --svg"),
    ],
)
def test_a_name_that_promises_another_format_is_refused(tmp_path, option, name, move):
    assert refused(tmp_path, "plan", "--tokens", "1M", option, tmp_path / name).endswith(move)


def test_a_folder_and_a_place_that_is_not_ones_own_are_refused(tmp_path, monkeypatch):
    assert refused(tmp_path, "plan", "--tokens", "1M", "--png", tmp_path).endswith("which is a folder; name a file in it")
    monkeypatch.setattr("os.access", lambda path, mode: False)
    assert refused(tmp_path, "plan", "--tokens", "1M", "--png", tmp_path / "a.png").endswith(
        "where you may not write; choose another place"
    )


@pytest.mark.parametrize("name", ["a.png", "a.PNG", "a"])
def test_a_name_that_ends_so_or_in_nothing_is_written_to(tmp_path, name):
    pytest.importorskip("matplotlib")
    done = CliRunner().invoke(app, ["--home", str(tmp_path), "plan", "--tokens", "1M", "--json", "--png", str(tmp_path / name)])
    assert done.exit_code == 0
    assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")


def test_a_list_of_passages_looks_at_its_place_first_too(tmp_path):
    from fabricated_run import fabricate

    fabricate(tmp_path / "runs" / "one")
    assert refused(tmp_path, "memorized", "one", "--export", tmp_path / "nowhere" / "a.jsonl").startswith("--export is '")
