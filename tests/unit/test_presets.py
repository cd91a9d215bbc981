"""The presets of the paper's experiments say what the paper prints, and what they say of their own budgets is right."""

import pytest

from memlab import config, models, registry

CONTEXT, ROWS = 1024, 480
OPENWEBTEXT = {"owt-100": 1.0, "owt-1": 0.01, "owt-0.1": 0.001}
TRAINING_TOKENS = 9.03e9  # of all of OpenWebText


def preset(name: str) -> config.Experiment:
    return config.read(registry.preset_path(name))


def words(count: float) -> str:
    return f"{count:,.3g}" if count < 100 else f"{count:,.0f}"


@pytest.mark.parametrize("name", registry.preset_names())
def test_what_is_said_of_a_preset_is_one_line_in_the_listing_and_one_paragraph_beside_it(name):
    found = preset(name)
    assert "\n" not in found.experiment + found.expect
    assert "  " not in found.expect


@pytest.mark.parametrize("name", [name for name in registry.preset_names() if name.startswith(("owt", "openelm", "question-formation-"))])
def test_a_preset_of_the_papers_size_says_what_it_costs_and_under_which_assumption(name):
    if name != "question-formation-small":
        assert all(part in preset(name).expect for part in ("Budget: ", "On one H100 about ", " if ", "emory", "disk about "))


def test_the_curves_of_openwebtext_differ_in_the_fraction_alone():
    whole = preset("owt-100")
    assert whole.train.steps * ROWS * CONTEXT == pytest.approx(9.83e9, rel=1e-3)
    for name, fraction in OPENWEBTEXT.items():
        found = preset(name)
        assert (found.train, found.model) == (whole.train, whole.model)
        assert config.changed(found, {"data.fraction": 1.0}).data == whole.data
        assert found.data.fraction == fraction
        epochs = whole.train.steps * ROWS * CONTEXT / (fraction * TRAINING_TOKENS)
        assert f"about {words(float(f'{epochs:.3g}'))} epochs" in found.expect


def test_question_formation_is_trained_as_published():
    six, ten = preset("question-formation-6l"), preset("question-formation-10l")
    assert (six.train, six.data) == (ten.train, ten.data)
    train = six.train
    assert (train.batch, train.warmup, train.schedule, train.lr, train.eps) == (8, 10_000, "linear", 1e-4, 1e-7)
    assert (train.weight_decay, train.clip, train.min_lr, train.beta1, train.beta2) == (0.0, 1.0, 0.0, 0.9, 0.999)
    assert train.steps * train.batch / 100_000 == 23.2
    sizes = [models.size_of(found.model) for found in (six, ten)]
    assert [size.pop("n_layer") for size in sizes] == [6, 10]
    assert sizes == [{"n_embd": 512, "n_head": 8, "n_inner": 2048, "dropout": 0.1}] * 2


@pytest.mark.parametrize(("size", "n_tokens", "ratio"), [("40m", 214.18e6, "8.71"), ("60m", 261.78e6, "8.79"), ("80m", 309.37e6, "8.38")])
def test_the_ratio_of_n_to_d_squared_is_as_printed(size, n_tokens, ratio):
    found = preset(f"openelm-{size}")
    assert found.data.tokens == round(n_tokens)
    n_params, _ = models.count_without_weights(found.model, 50_257)
    assert f"{n_params / n_tokens**2 * 1e10:.2f}" == ratio
    assert f"N/D² = {ratio}e-10" in found.expect
    train = found.train
    assert (train.batch * CONTEXT, train.beta1, train.beta2, train.eps) == (491_520, 0.9, 0.95, 1e-8)
    assert f"about {train.steps * ROWS * CONTEXT / n_tokens:.1f} epochs" in found.expect
    assert f"within {3000 * ROWS * CONTEXT / n_tokens:.1f} epochs" in found.expect
