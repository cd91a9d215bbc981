"""A new run as a form: what its fields mean, what is wrong with them, and the command line that says the same."""

import contextlib
import shlex
from dataclasses import replace
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memlab import config, registry
from memlab.cli import app as cli
from memlab.errors import MemlabError
from memlab.home import presets_of
from memlab.lab import amounts, choices, saving
from memlab.lab import form as forms

PRESETS = registry.preset_names()


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("MEMLAB_HOME", str(tmp_path))
    return tmp_path


def meant(home, preset="demo", **fields):
    """The form of a preset with some fields changed, and what it means."""
    experiment = choices.read_preset(home, preset)
    form = replace(forms.filled(preset, experiment), **fields)
    return form, forms.meaning(form, experiment, home)


def resolved_by_the_command_line(words):
    """The experiment that `memlab train …` would start."""
    with (
        mock.patch("memlab.cli.train._start") as start,
        mock.patch("sys.argv", words),
        contextlib.suppress(SystemExit),
    ):
        cli.run()
    return start.call_args.args[3]


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_fills_the_form_with_what_it_is(home, preset):
    form, found = meant(home, preset)
    assert found.problems == {}
    assert found.changes == {}
    assert found.experiment == choices.read_preset(home, preset)
    assert forms.command_line(form, found, home) == f"memlab train {preset}"


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ({"amount": "1 %"}, "--fraction 1%"),
        ({"amount": "0.001"}, "--fraction 0.1%"),
        ({"amount": "all"}, "--fraction 100%"),
        ({"amount": "10k tokens", "size": "mini"}, "--size mini --set data.tokens=10000"),
        ({"amount": "8192 tokens"}, ""),
        ({"budget": "epochs", "budget_amount": "2.5"}, "--set train.epochs=2.5"),
        ({"budget": "n_tokens", "budget_amount": "1.5M"}, "--set train.n_tokens=1500000"),
        ({"budget_amount": "1,400"}, "--set train.steps=1400"),
        ({"seed": "7", "device": "cpu", "name": "mine"}, "--seed 7 --device cpu --name mine"),
        ({"family": "vanilla", "size": "6-layer"}, "--size 6-layer --set model.family=vanilla"),
        (
            {"settings": ("train.lr=1e-3", "", "data.tokenizer_options.vocabulary=512")},
            "--set train.lr=1e-3 --set data.tokenizer_options.vocabulary=512",
        ),
        ({"source": "uniform", "settings": ("data.tokenizer=word",)}, "--set data.source=uniform --set data.tokenizer=word"),
    ],
)
def test_the_command_line_says_only_what_differs_and_means_the_same(home, fields, line):
    form, found = meant(home, **fields)
    assert found.problems == {}
    assert forms.command_line(form, found, home) == f"memlab train demo {line}".strip()
    assert resolved_by_the_command_line(forms.command(form, found, home)) == found.experiment


@given(
    fraction=st.floats(min_value=1e-9, max_value=1),
    seed=st.integers(min_value=0, max_value=2**40),
    steps=st.integers(min_value=0, max_value=10**9),
    lr=st.floats(min_value=1e-12, max_value=1e3),
)
def test_numbers_reach_the_experiment_through_form_and_command_line_exactly(tmp_path_factory, fraction, seed, steps, lr):
    home = tmp_path_factory.getbasetemp()
    form, found = meant(home, amount=amounts.percent(fraction), seed=str(seed), budget_amount=str(steps), settings=(f"train.lr={lr!r}",))
    assert found.problems == {}
    assert (found.experiment.data.fraction, found.experiment.train.seed) == (fraction, seed)
    assert (found.experiment.train.steps, found.experiment.train.lr) == (steps, lr)
    assert resolved_by_the_command_line(shlex.split(forms.command_line(form, found, home))) == found.experiment


def test_what_a_shell_would_read_otherwise_is_quoted(home):
    folder = home / "a b; $(rm)"
    folder.mkdir()
    (folder / "text.txt").write_text("some text")
    form, found = meant(home, source="files", settings=(f"data.source_options.path={folder}",))
    assert found.problems == {}
    line = forms.command_line(form, found, home)
    assert shlex.split(line)[-1] == f"data.source_options.path={folder}"
    assert found.experiment.data.source_options == {"path": str(folder)}


def test_another_home_stands_before_the_command(tmp_path, home):
    form, found = meant(home)
    assert forms.command(form, found, tmp_path / "elsewhere")[:4] == ["memlab", "--home", str(tmp_path / "elsewhere"), "train"]


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ({"amount": "5"}, "amount", "fraction is '5'; it must lie in (0, 1]"),
        ({"amount": "many"}, "amount", "write a percentage such as 0.1%"),
        ({"amount": "0 tokens"}, "amount", "data.tokens is 0; it must be at least 1"),
        ({"amount": "x tokens"}, "amount", "write a number such as 8192 tokens"),
        ({"size": "huge"}, "size", "family 'gpt2' has no size 'huge'"),
        ({"size": " "}, "size", "model.size is missing"),
        ({"family": "pretrained", "size": ""}, "size", "a model's name on the Hugging Face Hub"),
        ({"budget_amount": ""}, "budget", "train.steps is missing"),
        ({"budget_amount": "1.5"}, "budget", "it must be a whole number"),
        ({"budget": "epochs", "budget_amount": "0"}, "budget", "train.epochs is 0; it must be above 0"),
        ({"seed": "-1"}, "seed", "train.seed is '-1'"),
        ({"device": "gpu"}, "device", "it must be auto, cpu, mps, cuda or cuda:N"),
        ({"name": "a b"}, "name", "use letters, digits"),
        ({"source": "files"}, "source", "data.source_options.path is empty"),
        ({"settings": ("lr",)}, "settings.0", "not of the form section.key=value"),
        ({"settings": ("", "train.lrr=1")}, "settings.1", "did you mean 'train.lr'?"),
        ({"settings": ("train.lr=fast",)}, "settings.0", "train.lr is 'fast'; it must be a finite number"),
        ({"settings": ("model.size=mini",)}, "settings.0", "model.size has its own field, 'size'"),
        ({"settings": ("train.lr=1", "train.lr=2")}, "settings.1", "train.lr is set twice"),
        ({"settings": ("train.batch=7", "train.accumulate=2")}, "settings.1", "it must divide train.batch"),
        ({"settings": ("model.options.n_head=3",)}, "settings.0", "the heads must divide the width"),
        ({"settings": ("data.tokenizer=foo",)}, "settings.0", "'foo'"),
        ({"settings": ("train={}",)}, "settings.0", "'train' is a section"),
        ({"source": "files", "settings": ("data.source_options.path=/nowhere",)}, "settings.0", "which does not exist"),
        ({"source": "files", "settings": ("data.source_options.path=-",)}, "settings.0", "give a file or a folder"),
        ({"settings": ("train.nodes=2",)}, "settings.0", "prints what to start on each machine"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(home, fields, field, words):
    _, found = meant(home, **fields)
    assert found.experiment is None
    assert list(found.problems) == [field]
    assert words in found.problems[field]


def test_several_fields_can_be_wrong_at_once(home):
    _, found = meant(home, amount="200%", seed="x", settings=("nonsense",))
    assert set(found.problems) == {"amount", "seed", "settings.0"}


def test_a_name_that_is_taken_is_wrong(home):
    (home / "runs" / "mine").mkdir(parents=True)
    assert "there is already a run 'mine'" in meant(home, name="mine")[1].problems["name"]


def test_another_family_keeps_the_size_of_the_same_name_or_takes_its_first(home):
    form, _ = meant(home, size="mini")
    assert forms.with_family(form, "vanilla").size == "mini"
    assert forms.with_family(replace(form, size="xl"), "vanilla").size == next(iter(choices.sizes_of("vanilla")))
    assert forms.with_family(form, "pretrained").size == "mini", "any word may be a model"


def test_the_message_of_a_trainer_finds_its_field(home):
    form, _ = meant(home, settings=("train.precision=bf16",))
    assert forms.field_of("train.device is 'cuda', but torch sees no CUDA device", form) == "device"
    assert forms.field_of("data.tokens is 9, but the training part has 3 tokens", form) == "amount"
    assert forms.field_of("train.precision is odd", form) == "settings.0"
    assert forms.field_of("no space left", form) == ""


# ------------------------------------------------------------------------------------------------------------- saving


@pytest.mark.parametrize("preset", PRESETS)
def test_a_saved_preset_is_read_back_as_it_was(home, preset):
    experiment = choices.read_preset(home, preset)
    path = saving.save_preset(home, "mine", experiment)
    assert config.read(path) == experiment


def test_a_preset_of_ones_own_is_found_by_name_and_listed(home):
    form, found = meant(home, amount="1 %", size="mini")
    renamed = forms.renamed(found.experiment, form.preset, found.changes)
    saving.save_preset(home, "mine", renamed)
    assert registry.preset_path("mine", presets_of(home)) == home / "presets" / "mine.toml"
    assert "mine" in registry.preset_names(presets_of(home))
    assert ("mine", "demo with data.fraction 0.01, model.size mini") in choices.preset_choices(home)
    assert resolved_by_the_command_line(["memlab", "train", "mine"]) == renamed
    assert (renamed.expect, renamed.data) == ("", found.experiment.data)


def test_a_broken_preset_of_ones_own_spoils_no_list(home):
    presets_of(home).mkdir()
    (presets_of(home) / "broken.toml").write_text("[model]\nsize = 3")
    words = dict(choices.preset_choices(home))["broken"]
    assert "model.size is 3; it must be a text" in words


def test_the_text_is_for_people(home):
    _, found = meant(home, preset="question-formation-small", settings=("train.lr=3e-4",))
    lines = saving.preset_text(found.experiment).splitlines()
    assert lines[0].startswith('experiment = "E4 at laptop scale')
    assert lines[lines.index("[data]") :][:4] == ["[data]", 'source = "question_formation"', 'tokenizer = "word"', 'rows = "documents"']
    assert "lr = 0.0003" in lines
    assert not any(line.startswith("beta1") for line in lines), "it is as by default"


@given(text=st.text(), key=st.text(min_size=1), number=st.floats(allow_nan=False, allow_infinity=False))
def test_any_text_and_number_comes_back_exactly_or_is_refused(text, key, number):
    experiment = config.Experiment(
        experiment=text,
        data=config.Data(
            source_options={key: text, "list": [number, True, 3], "table": {"x": text}}, insertions=(config.Insertion(text=text),)
        ),
    )
    try:
        written = saving.preset_text(experiment)
    except MemlabError:
        assert any(0xD800 <= ord(letter) < 0xE000 for letter in text + key)
    else:
        assert config.load(written, "the preset") == experiment


@pytest.mark.parametrize(
    ("name", "words"),
    [("demo", "comes with memlab"), ("a/b", "use letters"), ("", "use letters"), ("../x", "use letters"), ("x.toml", "use letters")],
)
def test_a_name_that_cannot_be_is_refused(home, name, words):
    with pytest.raises(MemlabError, match=words):
        saving.save_preset(home, name, config.Experiment())


def test_a_preset_is_replaced_only_where_that_is_wanted(home):
    first, second = (config.Experiment(experiment=words) for words in ("first", "second"))
    saving.save_preset(home, "mine", first)
    assert saving.is_taken(home, "mine")
    with pytest.raises(MemlabError, match="there is already a preset 'mine'"):
        saving.save_preset(home, "mine", second)
    assert config.read(saving.save_preset(home, "mine", second, overwrite=True)) == second


@pytest.mark.parametrize("kind", config.BUDGETS)
def test_every_kind_of_budget_has_a_word_and_an_amount_to_begin_with(home, kind):
    assert "_" not in amounts.BUDGETS[kind]
    start = amounts.converted("", "steps", kind, {})
    assert not meant(home, budget=kind, budget_amount=start)[1].problems
