"""An experiment is read strictly, changed predictably, and survives its journey through JSON."""

import dataclasses
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memlab import config, models, registry
from memlab.config import Data, Experiment, Insertion, Model, Train
from memlab.errors import ConfigError, did_you_mean


def load(text: str) -> Experiment:
    return config.load(text, "my.toml")


# --- reading


def test_an_empty_file_is_an_experiment_of_defaults():
    assert load("") == Experiment()


def test_every_kind_of_value_is_read():
    experiment = load(
        """
        experiment = "one line"
        [data]
        source_options = { documents = 5, packages = ["a", "b"] }
        rows = "documents"
        fraction = 0.25
        insertions = [{ text = "my secret", times = 3 }, { length = 8, count = 2 }]
        [model]
        options = { n_layer = 3 }
        [train]
        steps = 1e5
        lr = 1
        """
    )
    assert experiment.experiment == "one line"
    assert experiment.data.source_options == {"documents": 5, "packages": ["a", "b"]}
    assert (experiment.data.rows, experiment.data.fraction) == ("documents", 0.25)
    assert experiment.data.insertions == (Insertion(text="my secret", times=3), Insertion(length=8, count=2))
    assert experiment.model.options == {"n_layer": 3}
    assert (experiment.train.steps, type(experiment.train.steps)) == (100_000, int)
    assert (experiment.train.lr, type(experiment.train.lr)) == (1.0, float)


def test_one_insertion_may_stand_without_a_list():
    assert load("data.insertions = { length = 5 }").data.insertions == (Insertion(length=5),)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("trian.lr = 1", "no setting 'trian'; did you mean 'train'?"),
        ("lr = 1", "no setting 'lr'; did you mean 'train.lr'?"),
        ("seed = 1", "no setting 'seed'; did you mean 'data.seed' or 'train.seed'?"),
        ("train.warmupp = 1", "no setting 'train.warmupp'; did you mean 'train.warmup'?"),
        ("data.insertions = [{ tims = 3 }]", "no setting 'data.insertions.tims'; did you mean 'data.insertions.times'?"),
    ],
)
def test_an_unknown_key_names_the_nearest_right_one_at_every_level(text, complaint):
    with pytest.raises(ConfigError) as error:
        load(text)
    assert str(error.value) == f"my.toml: {complaint}"


def test_a_key_like_no_other_gets_the_list_of_what_there_is():
    with pytest.raises(ConfigError, match=r"no setting 'qqqqqq'; there are: data, data\.fraction, .*train\.weight_decay"):
        load("qqqqqq = 1")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("train.steps = true", "train.steps is True; it must be a whole number"),
        ("train.steps = 1.5", "train.steps is 1.5; it must be a whole number"),
        ('train.steps = "5"', "train.steps is '5'; it must be a whole number"),
        ("train.steps = 1e300", r"train.steps is 1e\+300; it must be a whole number below 2\^63"),
        ("train.lr = false", "train.lr is False; it must be a finite number"),
        ("train.lr = nan", "train.lr is nan; it must be a finite number"),
        ("train.n_tokens = inf", "train.n_tokens is inf; it must be a finite number"),
        (f"train.lr = 1{'0' * 400}", "train.lr is 1000+; it must be a finite number"),
        ("train.clip = []", r"train.clip is \[\]; it must be a finite number"),
        ("model.size = 6", "model.size is 6; it must be a text, in quotes"),
        ("data.source_options = 3", "data.source_options is 3; it must be a table"),
        ("data = 3", "data is 3; it must be a table of settings"),
        ("data.insertions = ['x']", "data.insertions is 'x'; it must be a table of settings"),
        ('data.rows = "lines"', "data.rows is 'lines'; it must be one of windows, documents"),
        ("train.precision = 16", "train.precision is 16; it must be one of auto, fp32, bf16"),
    ],
)
def test_a_value_of_the_wrong_type_is_named_with_what_it_must_be(text, complaint):
    with pytest.raises(ConfigError, match=f"^my.toml: {complaint}"):
        load(text)


def test_bad_toml_is_named_with_its_line():
    with pytest.raises(ConfigError, match=r"^my\.toml is not valid TOML: .*line 2"):
        load("[data]\nsource = = 3")


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    for path in (tmp_path / "none.toml", tmp_path / "bytes.toml", tmp_path):
        with pytest.raises(ConfigError, match="cannot be read"):
            config.read(path)


def test_what_is_no_table_is_no_experiment():
    with pytest.raises(ConfigError, match="the experiment is 3; it must be a table"):
        config.from_dict(3)


# --- ranges


@pytest.mark.parametrize(
    ("section", "changes", "complaint"),
    [
        (Data, {"fraction": 0.0}, r"data\.fraction is 0; it must lie in \(0, 1\]"),
        (Data, {"fraction": 2.0}, r"data\.fraction is 2; it must lie in \(0, 1\]"),
        (Data, {"fraction": math.nan}, r"data\.fraction is nan"),
        (Data, {"tokens": -1}, r"data\.tokens is -1; it must be at least 0"),
        (Data, {"seed": -1}, r"data\.seed is -1; it must be at least 0"),
        (Data, {"validation": 0.0}, r"data\.validation is 0; it must lie in \(0, 1\)"),
        (Data, {"validation": 1.0}, r"data\.validation is 1; it must lie in \(0, 1\)"),
        (Data, {"subset_share": 0.5, "subset_part": 2}, r"data\.subset_part is 2; a share of 0\.5 leaves parts 0 to 1"),
        (Data, {"subset_part": 1}, r"data\.subset_part is 1; a share of 1 leaves parts 0 to 0"),
        (Data, {"subset_share": 0.5, "subset_part": -1}, r"data\.subset_part is -1"),
        (Insertion, {"times": 0}, r"data\.insertions\.times is 0; it must be at least 1"),
        (Insertion, {"length": 0}, r"data\.insertions\.length is 0"),
        (Insertion, {"text": "a secret", "count": 2}, r"data\.insertions\.count is 2 beside a given text"),
        (Model, {"context": 1}, r"model\.context is 1; it must be at least 2"),
        (Train, {"batch": 0}, r"train\.batch is 0; it must be at least 1"),
        (Train, {"batch": 10, "accumulate": 3}, r"train\.accumulate is 3; it must divide train\.batch, which is 10"),
        (Train, {"lr": 0.0}, r"train\.lr is 0; it must be above 0"),
        (Train, {"clip": -1.0}, r"train\.clip is -1; it must be at least 0"),
        (Train, {"beta2": 1.0}, r"train\.beta2 is 1; it must lie in \[0, 1\)"),
        (Train, {"eps": -1.0}, r"train\.eps is -1; it must be at least 0"),
        (Train, {"seed": -1}, r"train\.seed is -1; it must be at least 0"),
        (Train, {"steps": 5, "epochs": 1.0}, r"the budget is given as train\.steps and train\.epochs; keep one"),
        (Train, {"steps": 0, "minutes": 1.0}, r"the budget is given as train\.steps and train\.minutes; keep one"),
        (Train, {"steps": -1}, r"train\.steps is -1; it must be at least 0"),
        (Train, {"n_tokens": 0.0}, r"train\.n_tokens is 0; it must be above 0"),
        (Train, {"epochs": 0.0}, r"train\.epochs is 0; it must be above 0"),
        (Train, {"minutes": -1.0}, r"train\.minutes is -1; it must be above 0"),
    ],
)
def test_a_value_out_of_range_is_named_with_the_range(section, changes, complaint):
    with pytest.raises(ConfigError, match=complaint):
        section(**changes)


@pytest.mark.parametrize(("share", "parts"), [(0.5, 2), (1 / 3, 3), (0.3, 3), (0.1, 10), (0.7, 1)])
def test_a_share_leaves_as_many_parts_as_fit(share, parts):
    Data(subset_share=share, subset_part=parts - 1)
    with pytest.raises(ConfigError, match="leaves parts"):
        Data(subset_share=share, subset_part=parts)


# --- fractions


@pytest.mark.parametrize(
    ("text", "share"),
    [("0.1%", 0.001), ("1 %", 0.01), (" 5% ", 0.05), ("100%", 1.0), ("0.01", 0.01), ("1", 1.0), ("all", 1.0), ("ALL", 1.0)],
)
def test_a_fraction_is_a_percentage_a_number_or_all(text, share):
    assert config.parse_fraction(text) == pytest.approx(share, rel=1e-12)


@pytest.mark.parametrize("text", ["0", "0%", "-1", "-1%", "2", "200%", "nan", "nan%", "inf", "inf%", "1.0000001"])
def test_a_fraction_out_of_range_is_refused(text):
    with pytest.raises(ConfigError, match=f"fraction is '{text}'; it must lie in"):
        config.parse_fraction(text)


@pytest.mark.parametrize("text", ["", "%", "half", "1/2", "1%%", "all%", "0,1"])
def test_a_fraction_in_other_words_is_refused_with_examples(text):
    with pytest.raises(ConfigError, match=r"write a percentage such as 0\.1%"):
        config.parse_fraction(text)


# --- --set


@pytest.mark.parametrize(
    ("assignment", "name", "value"),
    [
        ("train.lr=1e-4", "train.lr", 1e-4),
        (" train.steps = 5 ", "train.steps", 5),
        ("data.source=files", "data.source", "files"),
        ("data.source_options.path=my book.txt", "data.source_options.path", "my book.txt"),
        ("data.source_options.path=a=b", "data.source_options.path", "a=b"),
        ('data.source_options.path="12"', "data.source_options.path", "12"),
        ("data.source_options.packages=['torch', 'numpy']", "data.source_options.packages", ["torch", "numpy"]),
        ("data.source_options={documents = 3}", "data.source_options", {"documents": 3}),
        ("x.y=true", "x.y", True),
        ("x.y=", "x.y", ""),
        ("data.source_options.path=2020-01-01", "data.source_options.path", "2020-01-01"),
        ("data.source_options.path=12:30:00", "data.source_options.path", "12:30:00"),
        ("experiment=1\ntrain.lr = 2", "experiment", "1\ntrain.lr = 2"),
        ("experiment=[1,\n2]", "experiment", [1, 2]),
    ],
)
def test_an_assignment_is_toml_where_it_can_be_and_else_text(assignment, name, value):
    assert config.parse_assignments([assignment]) == {name: value}


@pytest.mark.parametrize("assignment", ["train.lr", "=3", "  = 3", ""])
def test_an_assignment_without_name_or_equals_sign_is_refused(assignment):
    with pytest.raises(ConfigError, match=r"not of the form section\.key=value"):
        config.parse_assignments([assignment])


@given(st.text())
def test_any_assigned_text_becomes_a_value(text):
    assert list(config.parse_assignments([f"name={text}"])) == ["name"]


def test_changes_apply_to_sections_and_to_free_tables():
    changes = {"train.lr": 1, "data.source_options.documents": 5, "model.options.n_layer": 2, "expect": "much"}
    changed = config.changed(Experiment(), changes)
    assert (changed.train.lr, changed.data.source_options, changed.model.options) == (1.0, {"documents": 5}, {"n_layer": 2})
    assert changed.expect == "much"


def test_changing_leaves_the_original_alone():
    original = load("data.source_options.documents = 1")
    config.changed(original, {"data.source_options.documents": 5})
    assert original.data.source_options == {"documents": 1}


@pytest.mark.parametrize("name", config.BUDGETS)
def test_a_changed_budget_replaces_the_one_that_was(name):
    for before in config.BUDGETS:
        original = load(f"train.{before} = 7")
        train = config.changed(original, {f"train.{name}": 3}).train
        assert {budget: getattr(train, budget) for budget in config.BUDGETS} == {**dict.fromkeys(config.BUDGETS), name: 3}


def test_a_budget_that_is_not_given_replaces_nothing_and_two_at_once_are_refused():
    original = load("train.steps = 7")
    assert config.changed(original, {"train.epochs": None}).train.steps == 7
    with pytest.raises(ConfigError, match=r"train\.steps and train\.minutes"):
        config.changed(original, {"train.steps": 5, "train.minutes": 1})


def test_no_steps_are_a_budget_and_no_budget_is_none():
    config.require_budget(Train(steps=0))
    assert config.changed(load("train.epochs = 2"), {"train.steps": 0}).train == Train(steps=0)
    with pytest.raises(ConfigError, match="the budget is missing"):
        config.require_budget(Train())


def test_a_changed_fraction_replaces_a_number_of_tokens():
    original = load("data.tokens = 500")
    data = config.changed(original, {"data.fraction": 0.5}).data
    assert (data.fraction, data.tokens) == (0.5, 0)


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("train.lrr", "no setting 'train.lrr'; did you mean 'train.lr'?"),
        ("trian.lr", "no setting 'trian'; did you mean 'train'?"),
        ("data.source.path", "no setting 'data.source.path'; did you mean 'data.source"),
        ("train", "'train' is a section; change its settings one by one, each as train.key=value"),
        ("train..lr", "no setting 'train.'"),
    ],
)
def test_a_change_of_what_does_not_exist_is_refused(name, complaint):
    with pytest.raises(ConfigError) as error:
        config.changed(Experiment(), {name: {} if name == "train" else 1})
    assert str(error.value).startswith(complaint)


# --- plug-ins' options


@dataclasses.dataclass(frozen=True)
class Options:
    path: str | tuple[str, ...] = ""
    names: tuple[str, ...] = ()
    size: int | None = None
    free: dict[str, int] = config.setting({}, "anything")


def test_options_of_a_plug_in_are_as_strict():
    built = config.build_options(Options, {"path": ["a", "b"], "names": "torch", "size": 3.0}, "data.source_options")
    assert built == Options(("a", "b"), ("torch",), 3)
    assert config.build_options(Options, {"path": "a", "size": None}, "here") == Options("a")
    for table, complaint in [
        ({"pth": "a"}, r"no setting 'here\.pth'; did you mean 'here\.path'\?"),
        ({"path": 3}, r"here\.path is 3; it must be a text"),
        ({"path": ["a", 3]}, r"here\.path is 3; it must be a text"),
        ({"size": "big"}, r"here\.size is 'big'"),
    ]:
        with pytest.raises(ConfigError, match=complaint):
            config.build_options(Options, table, "here")


def test_every_setting_describes_itself_in_one_line():
    rows = config.describe_settings()
    assert {row["setting"].partition(".")[0] for row in rows} == {"data", "model", "train"}
    assert all(row["meaning"] and "\n" not in row["meaning"] for row in rows)
    assert {row["setting"]: row["default"] for row in rows}["train.batch"] == Train().batch
    assert config.describe_options(Options, "x.")[3] == {"setting": "x.free", "default": {}, "meaning": "anything"}


@given(st.text(), st.lists(st.text()))
def test_a_hint_never_fails(name, known):
    assert did_you_mean(name, known) == "" if not known else did_you_mean(name, known).startswith("; ")


# --- round trip

numbers = st.floats(1e-6, 1e6)
counts = st.integers(1, 2**40)
finite = st.floats(allow_nan=False, allow_infinity=False)
plain = st.one_of(st.integers(-(2**62), 2**62), st.text(), st.booleans(), finite, st.lists(st.text()))
tables = st.dictionaries(st.text(min_size=1), plain, max_size=3)
insertions = st.one_of(
    st.builds(Insertion, text=st.text(min_size=1), times=counts),
    st.builds(Insertion, length=counts, count=counts, times=counts),
)
experiments = st.builds(
    Experiment,
    experiment=st.text(),
    data=st.builds(
        Data,
        source=st.text(),
        source_options=tables,
        rows=st.sampled_from(["windows", "documents"]),
        fraction=st.floats(1e-9, 1),
        validation=st.floats(0.001, 0.999),
        tokens=counts,
        insertions=st.lists(insertions, max_size=2).map(tuple),
    ),
    model=st.builds(Model, size=st.text(), options=tables),
    train=st.builds(Train, lr=numbers, n_tokens=numbers, beta1=st.floats(0, 0.99), warmup=counts),
)


@given(experiments)
def test_an_experiment_comes_back_from_its_json(experiment):
    assert config.from_dict(json.loads(json.dumps(config.to_dict(experiment)))) == experiment


# --- presets


@pytest.mark.parametrize("name", registry.preset_names())
def test_a_shipped_preset_loads_and_names_what_exists(name):
    experiment = config.read(registry.preset_path(name))
    data, model = experiment.data, experiment.model
    assert experiment.experiment
    assert experiment.expect
    config.require_budget(experiment.train)
    config.build_options(registry.load("source", data.source).Options, data.source_options, "data.source_options")
    config.build_options(registry.load("tokenizer", data.tokenizer).Options, data.tokenizer_options, "data.tokenizer_options")
    assert models.size_of(model)["n_layer"] > 0


@pytest.mark.parametrize(("text", "share"), [("all", 1.0), ("1%", 0.01), ("0.5", 0.5)])
def test_an_assigned_fraction_is_read_like_the_flag(text, share):
    assert config.parse_assignments([f"data.fraction={text}"]) == {"data.fraction": share}


def test_another_source_or_tokenizer_leaves_the_options_of_the_last():
    before = config.from_dict({"data": {"source_options": {"seed": 1}, "tokenizer_options": {"vocabulary": 300}}})
    data = config.changed(before, {"data.source": "uniform", "data.source_options.length": 8, "data.tokenizer": "bpe"}).data
    assert (data.source_options, data.tokenizer_options) == ({"length": 8}, {"vocabulary": 300})
