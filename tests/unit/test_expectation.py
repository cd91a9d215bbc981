"""What to expect of a run: at once from its settings, what still holds when they change, and in which words."""

from dataclasses import replace

import pytest

from memlab import config, models, registry
from memlab.lab.expectation import Prospect, at_once, facts, outlook_words

DEMO = config.read(registry.preset_path("demo"))
FOUND = {
    "n_tokens": 8192,
    "available_tokens": 500_000,
    "vocab_size": 4096,
    "rows": 127,
    "steps": 700,
    "tokens_seen": 716_800,
    "epochs": 88.2,
    "n_params": 791_040,
    "n_params_total": 1_325_824,
    "information": {"bits": 80_000.0, "exact": False, "how": "all 8,192 tokens compressed by LZMA"},
    "floors": [{"name": "memorisation", "loss": 0.006, "how": "127 windows"}],
    "compute": {"device": "cpu", "device_name": "x86_64", "precision": "bf16", "threads": 2},
    "costs": {"step_seconds": 0.05, "evaluation_seconds": 0.3, "memory_bytes": 5e8},
    "seconds": 50.0,
    "load": 0.0,
    "disk_bytes": 1e8,
}


def changed(**changes):
    return config.changed(DEMO, {key.replace("__", "."): value for key, value in changes.items()})


def values(known):
    return {fact.name: fact.value for fact in facts(known)}


@pytest.mark.parametrize(("family", "size"), [("gpt2", "nano"), ("gpt2", "mini"), ("vanilla", "6-layer")])
def test_the_formula_is_close_to_the_parameters_counted(family, size):
    experiment = changed(model__family=family, model__size=size)
    prospect = at_once(experiment)
    n_params, total = models.count_without_weights(experiment.model, 4096)
    assert prospect.known["n_params"] == pytest.approx(n_params, rel=0.02)
    assert prospect.known["n_params_total"] == pytest.approx(total, rel=0.4), "an output layer of its own is not in it"
    assert {"n_params", "n_params_total"} <= prospect.rough


def test_what_the_settings_say_is_known_at_once_and_the_rest_is_not():
    shown = values(at_once(DEMO).shown)
    assert shown["D"] == "8,192 tokens"
    assert shown["tokens per parameter"] == "0.0104"
    assert shown["budget"] == "700 steps, 88.2 epochs"
    assert [name for name, value in shown.items() if not value] == ["data", "can memorise", "floors", "time", "memory", "disk", "device"]


def test_a_family_whose_sizes_are_no_numbers_waits_for_the_count():
    experiment = changed(model__family="pretrained", model__size="somebody/model")
    assert not values(at_once(experiment).shown)["N"]


def test_everything_found_has_a_line():
    shown = values(FOUND)
    assert all(shown.values())
    assert shown["capacity"] == "4.77M bits"
    assert shown["can memorise"] == "all: it fits 60 times"
    assert shown["memorisation floor"] == "0.00600"
    assert shown["N/D²"] == "1.18e-02"


def test_another_amount_of_the_same_text_scales_what_is_known():
    before = at_once(DEMO).found(FOUND).settled()
    prospect = at_once(changed(data__fraction=0.1), before)
    assert prospect.known["n_tokens"] == 50_000
    assert "n_tokens" not in prospect.rough, "a stream of windows is cut where it is asked for"
    assert prospect.known["information"]["bits"] == pytest.approx(80_000 * 50_000 / 8192)
    assert prospect.known["n_params"] == 791_040, "the model is the same"
    assert {"costs", "floors", "seconds"} <= prospect.stale


def test_another_size_keeps_the_data_and_forgets_the_model():
    before = at_once(DEMO).found(FOUND).settled()
    prospect = at_once(changed(model__size="mini"), before)
    assert (prospect.known["n_tokens"], prospect.known["floors"]) == (8192, FOUND["floors"])
    assert prospect.known["n_params"] == 12 * 6 * 384**2
    assert "n_params" in prospect.rough
    assert "costs" in prospect.stale


def test_another_text_forgets_everything_that_was_counted_in_it():
    before = at_once(DEMO).found(FOUND).settled()
    prospect = at_once(changed(data__tokenizer_options__vocabulary=512), before)
    assert not {"available_tokens", "information", "costs", "floors"} & prospect.known.keys()
    assert not prospect.stale, "figures of another text beside those of this one would mislead"


def test_the_same_settings_again_are_as_they_were():
    before = at_once(DEMO).found(FOUND).settled()
    again = at_once(replace(DEMO, expect="other words"), before)
    assert again.known == before.known
    assert not again.stale
    assert not again.rough


def test_what_a_step_takes_holds_for_every_budget_and_for_nothing_else():
    measured = at_once(DEMO).found(FOUND).settled()
    assert measured.rates == pytest.approx({"steps": 1, "n_tokens": 1024, "epochs": 88.2 / 700, "minutes": 50 / 60 / 700})
    assert at_once(changed(train__minutes=5.0), measured).rates == measured.rates
    assert "minutes" not in at_once(changed(model__size="mini"), measured).rates
    assert at_once(changed(train__batch=32), measured).rates["n_tokens"] == 2048
    assert at_once(changed(train__steps=0)).rates == {}


def test_what_is_found_is_rough_and_old_no_more():
    before = at_once(DEMO).found(FOUND).settled()
    prospect = at_once(changed(model__size="mini"), before)
    found = prospect.found({"n_params": 10_646_784, "costs": FOUND["costs"]})
    assert "n_params" not in found.rough
    assert "costs" not in found.stale
    assert not found.settled().stale


def test_a_model_too_large_to_measure_takes_the_place_of_old_costs():
    before = at_once(DEMO).found(FOUND).settled()
    large = {"compute": FOUND["compute"], "too_large": {"needed_bytes": 25e9, "free_bytes": 10e9}}
    prospect = at_once(changed(model__size="xl"), before).found(large)
    assert "at least 25 GB, but only 10 GB are free" in values(prospect.shown)["memory"]
    assert "time" not in values(prospect.shown)
    back = at_once(DEMO, prospect).found({"costs": FOUND["costs"], "seconds": 50.0})
    assert values(back.shown)["time"] == "about 50 s"


@pytest.mark.parametrize(
    ("bits", "exact", "epochs", "words"),
    [
        (1e6, True, 100, "all: it fits 3.6 times"),
        (1e6, False, 2.5, "all: it fits 3.6 times; but seen only 2.5 times"),
        (1.44e7, True, 100, "a part: about 25 %"),
        (1.44e7, False, 100, "a part: at least 25 %"),
        (7.2e7, True, None, "little: about 5 %"),
        (1e6, True, 0, "nothing: it is not trained"),
    ],
)
def test_what_follows_is_said_honestly(bits, exact, epochs, words):
    assert outlook_words({"bits": bits, "exact": exact}, 3.6e6, epochs) == words


def test_a_busy_machine_is_said_beside_the_time():
    notes = {fact.name: fact.note for fact in facts({**FOUND, "load": 3.2})}
    assert "other programs were running (load 3.2), so it may be less" in notes["time"]


def test_an_unfinished_prospect_is_no_error_whatever_is_missing():
    for name in FOUND:
        shown = values({key: value for key, value in FOUND.items() if key != name})
        assert len(shown) >= 14
    assert Prospect(DEMO, {}).shown == {}
