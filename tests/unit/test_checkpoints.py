"""A checkpoint is whole or not there, holds weights and optimiser bit by bit, is read by transformers, and is thinned with age."""

import json

import pytest
import torch
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

from memlab import config, models
from memlab.data.document import Document
from memlab.data.tokenizers import byte
from memlab.errors import RunError
from memlab.files import lock
from memlab.training import checkpoints
from memlab.training.checkpoints import (
    Progress,
    go_back_to,
    kept,
    load_model,
    load_optimizer,
    load_progress,
    reading,
    resumable,
    save,
    steps,
    thin,
)
from memlab.training.loop import make_optimizer

TRAIN = config.Train(steps=10)


@pytest.fixture(scope="module")
def tokenizer():
    return byte.build([Document("a", "a", "train")], byte.Options())


def learn(model, optimizer, seed):
    """One step on tokens of this seed."""
    ids = torch.randint(0, 259, (4, 8), generator=torch.Generator().manual_seed(seed))
    logits = model(input_ids=ids).logits
    torch.nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten()).backward()
    optimizer.step()
    optimizer.zero_grad()


def trained(family="gpt2", n_steps=3):
    torch.manual_seed(0)
    model = models.build(config.Model(family=family, size="nano", context=8, options={"dropout": 0.0}), 259).train()
    optimizer = make_optimizer(model, TRAIN, "cpu")
    for seed in range(n_steps):
        learn(model, optimizer, seed)
    return model, optimizer


def weights(model):
    return {name: weight.detach().clone() for name, weight in model.named_parameters()}


def same(left, right):
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


@pytest.mark.parametrize("family", ["gpt2", "vanilla"])
def test_a_loaded_checkpoint_is_bitwise_what_was_saved_and_training_goes_on_the_same(tmp_path, tokenizer, family):
    model, optimizer = trained(family)
    progress = Progress(3, 96, 1.25, 0.1 + 0.2, 3)
    save(tmp_path, model, optimizer, tokenizer, progress)
    again = load_model(tmp_path, 3).train()
    fresh = make_optimizer(again, TRAIN, "cpu")
    load_optimizer(tmp_path, 3, again, fresh)
    assert same(weights(again), weights(model))
    for weight, loaded in zip(model.parameters(), again.parameters(), strict=True):
        assert same(optimizer.state[weight], fresh.state[loaded])
    assert load_progress(tmp_path, 3) == progress
    learn(model, optimizer, 9)
    learn(again, fresh, 9)
    assert same(weights(again), weights(model))


def test_a_checkpoint_holds_safetensors_json_and_the_tokenizer_and_no_pickle(tmp_path, tokenizer):
    save(tmp_path, *trained(), tokenizer, Progress(3))
    files = {path.name for path in (tmp_path / "step-000003").iterdir()}
    assert {"model.safetensors", "optimizer.safetensors", "config.json", "progress.json", "tokenizer.json"} <= files
    assert {name.rpartition(".")[2] for name in files} == {"safetensors", "json"}


def test_transformers_loads_weights_and_tokenizer_as_they_are(tmp_path, tokenizer):
    model, optimizer = trained()
    save(tmp_path, model, optimizer, tokenizer, Progress(3))
    path = tmp_path / "step-000003"
    assert same(weights(AutoModelForCausalLM.from_pretrained(path)), weights(model))
    text = "naïve <|end|> 中"
    assert PreTrainedTokenizerFast.from_pretrained(path)(text)["input_ids"] == tokenizer(text)["input_ids"]


def test_a_save_that_fails_leaves_nothing_behind(tmp_path, tokenizer, monkeypatch):
    def full(*_):
        raise RuntimeError("Error while serializing: I/O error: No space left on device (os error 28)")

    monkeypatch.setattr(checkpoints, "save_file", full)
    with pytest.raises(RunError, match=r"step-000003 failed: No space left on device; free some space"):
        save(tmp_path, *trained(), tokenizer, Progress(3))
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_save_left_is_no_checkpoint_and_goes_with_what_lies_beyond(tmp_path, tokenizer):
    for step in (1, 2, 3):
        save(tmp_path, *trained(), tokenizer, Progress(step))
    half = tmp_path / ".step-000004.0123abcd"
    half.mkdir()
    (half / "model.safetensors").write_bytes(b"half")
    assert steps(tmp_path) == [1, 2, 3]
    go_back_to(tmp_path, 2)
    assert steps(tmp_path) == [1, 2]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-000001", "step-000002"]


@pytest.mark.parametrize(
    ("name", "load"),
    [
        ("model.safetensors", lambda folder: load_model(folder, 3)),
        ("config.json", lambda folder: load_model(folder, 3)),
        ("optimizer.safetensors", lambda folder: load_optimizer(folder, 3, *trained(n_steps=0))),
        ("progress.json", lambda folder: load_progress(folder, 3)),
    ],
)
@pytest.mark.parametrize("damage", [lambda content: content[: len(content) // 2], lambda content: b"\xff" * 50], ids=["cut", "overwritten"])
def test_a_damaged_file_is_an_error_that_names_it(tmp_path, tokenizer, name, load, damage):
    save(tmp_path, *trained(), tokenizer, Progress(3))
    path = tmp_path / "step-000003" / name
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(RunError, match="step-000003"):
        load(tmp_path)


def test_progress_that_lacks_a_figure_is_an_error_that_names_the_file(tmp_path):
    (tmp_path / "step-000003").mkdir()
    (tmp_path / "step-000003" / "progress.json").write_text(json.dumps({"step": 3}))
    with pytest.raises(RunError, match=r"progress\.json cannot be loaded: 'tokens'; remove .*step-000003 to go on"):
        load_progress(tmp_path, 3)


# ------------------------------------------------------------------------------------------------------------ thinning


def run_of(n_steps, interval, improved=()):
    """The checkpoints there are after a run that is thinned after each save; the best one is the last that improved."""
    there, best = [], -1
    for step in range(n_steps + 1):
        best = step if step in improved else best
        if checkpoints.is_due(step, interval) or step in improved:
            there = sorted(kept([*there, step], interval, best))
    return there


def test_powers_of_two_and_the_beginning_stay_for_ever():
    assert {0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024} <= set(run_of(1500, 7))


def test_of_the_interval_the_last_eight_stay_and_ever_fewer_before_them():
    there = [step for step in run_of(6400, 100) if step % 100 == 0 and step]
    assert there[-8:] == list(range(5700, 6401, 100))
    assert [step for step in there if 4800 <= step < 5600] == [4800, 5000, 5200, 5400]
    assert [step for step in there if 3200 <= step < 4800] == [3200, 3600, 4000, 4400]
    assert [step for step in there if step < 3200] == [800, 1600, 2400]


def test_the_number_of_checkpoints_grows_with_the_logarithm_of_the_steps():
    assert len(run_of(2000, 10)) < 50
    assert len(run_of(200_000, 1000)) - len(run_of(100_000, 1000)) < 8


def test_thinning_after_every_save_or_once_at_the_end_is_the_same():
    assert run_of(5000, 30) == sorted(kept([step for step in range(5001) if checkpoints.is_due(step, 30)], 30, -1))


def test_the_best_stays_until_there_is_a_better_one():
    assert 333 in run_of(2000, 100, improved=[333])
    there = run_of(2000, 100, improved=[333, 777])
    assert 777 in there
    assert 333 not in there


@pytest.fixture
def several(tmp_path):
    """Made checkpoints, which are only looked at by name, with optimiser state in each."""
    folder = tmp_path / "run" / "checkpoints"
    for step in (1, 3, 5, 6, 7):
        (folder / f"step-{step:06d}").mkdir(parents=True)
        (folder / f"step-{step:06d}" / "optimizer.safetensors").write_bytes(b"")
    return folder


def test_thinning_drops_what_is_not_kept_and_all_but_the_last_two_optimiser_states(several):
    thin(several, 1000, best=3)
    assert steps(several) == [1, 3, 6, 7]
    assert resumable(several) == [6, 7]


def test_a_checkpoint_that_is_being_read_is_not_thinned_until_later(several):
    with reading(several, 5) as path:
        thin(several, 1000, best=3)
        assert path.is_dir()
        assert steps(several) == [1, 3, 5, 6, 7]
    thin(several, 1000, best=3)
    assert steps(several) == [1, 3, 6, 7]


def test_two_may_read_at_once(several):
    with reading(several, 5), reading(several, 5) as path:
        assert path.is_dir()


def test_no_lock_stays_behind_for_a_checkpoint_that_is_gone(several):
    thin(several, 1000, best=3)
    go_back_to(several, 1)
    assert not list((several.parent / "locks").iterdir())
    with lock(several.parent / "locks" / "step-000001", wait=False) as held:
        assert held
