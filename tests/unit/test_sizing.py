"""What size for what data: each rule's figures, what can be memorised, the nearest preset, and the command that shows them."""

import json
import math

import pytest

from memlab.__main__ import main
from memlab.errors import UsageError
from memlab.lab import sizing as lab
from memlab.theory import scaling

HELD = lab.Held(7.2, True, "counted")


def by_rule(found):
    return {one.rule: one for one in found.choices}


def test_for_data_each_rule_gives_a_size(tmp_path):
    found = by_rule(lab.sizing(tmp_path, None, 90e6, HELD))
    assert found["N = O(D²), as stated"].n_params == pytest.approx(8.6267e-10 * 90e6**2, rel=1e-3)
    assert found["Chinchilla, 20 tokens each"].n_params == 4.5e6
    assert found[lab.CAPACITY].n_params == pytest.approx(180e6), "7.2 bits a token, 3.6 a parameter"
    assert {one.n_tokens for one in found.values()} == {90e6}


def test_for_a_size_each_rule_gives_the_data(tmp_path):
    found = by_rule(lab.sizing(tmp_path, 180e6, None, HELD))
    assert found[lab.CAPACITY].n_tokens == pytest.approx(90e6)
    assert found["Chinchilla, 20 tokens each"].n_tokens == 3.6e9
    assert {one.n_params for one in found.values()} == {180e6}


def test_what_a_capacity_leaves_over_is_the_least_training_loss(tmp_path):
    found = lab.sizing(tmp_path, 45e6, 90e6, HELD)
    given = found.choices[0]
    assert given.rule == lab.GIVEN
    assert given.training == pytest.approx(0.75 * 7.2 * math.log(2)), "a quarter of the bits fits"
    assert given.regime == "a part: about 25 %"
    assert given.chinchilla == scaling.chinchilla_loss(45e6, 90e6)
    assert found.optimum == scaling.chinchilla_optimum(6 * 45e6 * 90e6)
    assert by_rule(found)[lab.CAPACITY].training == 0
    assert lab.sizing(tmp_path, 45e6, None, HELD).optimum is None


def test_data_that_is_not_named_is_bounded_by_its_vocabulary(tmp_path):
    held = lab.sizing(tmp_path, None, 1e6).held
    assert held.bits_per_token == pytest.approx(math.log2(50_257))
    assert not held.exact
    with pytest.raises(UsageError, match="--tokens"):
        lab.sizing(tmp_path, None, None)


@pytest.mark.parametrize(
    ("n_params", "n_tokens", "name"),
    [
        (None, 262e6, "openelm-60m"),
        (39.95e6, None, "openelm-40m"),
        (85e6, 9e9, "owt-100"),
        (85e6, 8e6, "owt-0.1"),
        (0.8e6, 5e6, "docs-full"),
    ],
)
def test_the_nearest_preset_is_near_in_size_and_data(tmp_path, n_params, n_tokens, name):
    assert lab.nearest_preset(tmp_path, n_params, n_tokens).name == name


def test_the_sizes_of_the_openelm_presets_are_those_printed(tmp_path):
    for n_params in (39.95e6, 60.26e6, 80.20e6):
        assert lab.nearest_preset(tmp_path, n_params, None).n_params == pytest.approx(n_params, rel=1e-3)


def test_a_preset_of_the_users_that_cannot_be_read_is_passed_over(tmp_path):
    (tmp_path / "presets").mkdir()
    (tmp_path / "presets" / "broken.toml").write_text("[")
    assert lab.nearest_preset(tmp_path, 85e6, None).name.startswith("owt")


def test_the_picture_has_every_rule_the_published_models_and_what_is_given(tmp_path):
    found = lab.sizing(tmp_path, 1e6, 1e7, HELD)
    drawn = {one.name: one for one in lab.series_of(found)}
    models = {"Transformer 1.5B", "Chinchilla 70B", "PaLM 2 16B", "GPT-2 8.7B", "MiniCPM 2.4B", "Nanotron 1.2B"}
    assert set(lab.rules(HELD)) | models | {lab.GIVEN} == set(drawn)
    assert (drawn["GPT-2 8.7B"].x, drawn["GPT-2 8.7B"].y) == ([178e9], [8.7e9])


@pytest.fixture
def plan(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("MEMLAB_HOME", str(tmp_path))

    def run(*arguments):
        monkeypatch.setattr("sys.argv", ["memlab", "plan", *arguments])
        with pytest.raises(SystemExit) as left:
            main()
        return left.value.code, capsys.readouterr()

    return run


def test_the_command_shows_picture_table_and_notes(plan, monkeypatch):
    monkeypatch.setenv("COLUMNS", "110")
    status, said = plan("--tokens", "90M", "--params", "124M")
    assert status == 0
    for words in ("as given", "N = O(D²), as stated", "Nearest preset: owt-1", "D (tokens)", "Kaplan", "6·N·D = 6.70e+16 FLOP"):
        assert words in said.out
    assert "Chinchilla (Pearce and Song 2024) and the capacity (Morris et al. 2025) all parameters" in " ".join(said.out.split())
    status, said = plan("--tokens", "12k", "--json")
    assert json.loads(said.out)["n_tokens"] == 12_000


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ((), "give --tokens, --params or --source"),
        (("--tokens", "many"), "--tokens is 'many'; write a number such as 90M"),
        (("--params", "0"), "--params is 0; it must be above 0"),
        (("--tokens", "1M", "--source", "uniform"), "give one of them"),
        (("--source", "unifrom"), "did you mean 'uniform'"),
        (("--source", "openwebtext"), "would have to be fetched first"),
    ],
)
def test_wrong_requests_are_refused(plan, arguments, complaint):
    status, said = plan(*arguments)
    assert status == 2
    assert complaint in said.err


def test_a_source_is_counted_exactly_where_its_distribution_is_known(plan):
    options = [f"data.source_options.{name}" for name in ("documents=32", "length=8", "vocabulary=16")]
    sets = [word for one in [*options, "data.tokenizer=word", "data.rows=documents"] for word in ("--set", one)]
    status, said = plan("--source", "uniform", *sets, "--json")
    assert status == 0
    found = json.loads(said.out)
    assert found["held"]["exact"]
    assert found["n_tokens"] == 32 * 9
    assert found["held"]["bits_per_token"] == pytest.approx(8 * 4 / 9), "the end of a document is certain"
