"""What only looks starts fast: it loads no torch and its like, and help and the catalogue load no plotting either."""

import subprocess
import sys

import pytest

HEAVY = ("torch", "transformers", "datasets", "textual")

# A finder that is asked first, and raises for the names it is given.
GUARD = """
import sys

class Guard:
    def find_spec(name, path=None, target=None):
        if name in {names!r}:
            raise AssertionError(f"{{name}} is imported")

sys.meta_path.insert(0, Guard)
sys.argv = ["memlab", *{arguments!r}]
from memlab.__main__ import main
main()
"""


def start(lab, arguments, names, **environment):
    code = GUARD.format(names=names, arguments=arguments)
    return subprocess.run([sys.executable, "-c", code], **lab.process(capture_output=True, text=True, timeout=60, env=environment))


@pytest.mark.parametrize(
    "arguments", ["--help", "train --help", "--version", "presets", "presets --settings", "sources", "sources files", "families"]
)
def test_help_and_the_catalogue_load_neither_torch_nor_plotting(lab, arguments):
    done = start(lab, arguments.split(), (*HEAVY, "plotext", "matplotlib"))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout


def test_shell_completion_loads_neither_torch_nor_plotting(lab):
    words = {"_MEMLAB_COMPLETE": "complete_bash", "COMP_WORDS": "memlab tr", "COMP_CWORD": "1"}
    done = start(lab, [], (*HEAVY, "plotext", "matplotlib"), **words)
    assert (done.returncode, done.stdout.split(), done.stderr) == (0, ["train"], "")


@pytest.mark.slow
@pytest.mark.parametrize("arguments", ["runs", "runs --json", "watch memorised --once", "watch memorised"])
def test_looking_at_runs_loads_no_torch(lab, memorised, arguments):
    done = start(lab, arguments.split(), HEAVY)
    assert (done.returncode, done.stderr) == (0, "")
    assert "memorised" in done.stdout
