"""A step is one step however it is computed, and what the loop writes down is what happened."""

import copy
import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.nn import functional

from memlab import config, models
from memlab.data import batches
from memlab.data.corpus import open_corpus
from memlab.data.rows import IGNORED, open_rows
from memlab.errors import TrainingError
from memlab.training import checkpoints, loop
from memlab.training.attention import choose_attention
from memlab.training.checkpoints import Progress
from memlab.training.device import Compute
from memlab.training.loop import Plan, Trainer, make_optimizer, train_step
from memlab.training.losses import TokenLosses
from memlab.training.schedule import learning_rate
from memlab.training.stopping import StopRequested

CPU = Compute("cpu", "cpu", "fp32", 1, False)
V = 30


class Gradients:
    """In the place of an optimiser: keeps the gradients of each step, and changes nothing."""

    def __init__(self, model):
        self.model, self.steps = model, []

    def step(self):
        self.steps.append({name: weight.grad.clone() for name, weight in self.model.named_parameters()})

    def zero_grad(self, set_to_none):
        self.model.zero_grad(set_to_none=set_to_none)


def unequal_rows():
    """Rows (8, 10) of 2 to 10 predicted tokens."""
    generator = np.random.default_rng(1)
    inputs, targets = generator.integers(0, V, (2, 8, 10))
    for row, length in enumerate((2, 10, 5, 3, 9, 4, 7, 6)):
        targets[row, length:] = IGNORED
    return inputs, targets


def test_a_batch_in_parts_gives_the_same_loss_and_gradients_also_with_rows_of_unequal_length():
    torch.manual_seed(0)
    model = models.build(config.Model(size="nano", context=10), V)
    inputs, targets = unequal_rows()
    logits = model(input_ids=torch.from_numpy(inputs)).logits
    plain = functional.cross_entropy(logits.flatten(0, 1), torch.from_numpy(targets).flatten(), ignore_index=IGNORED)
    plain.backward()
    expected = {name: weight.grad.clone() for name, weight in model.named_parameters()}
    model.zero_grad()
    optimizer = Gradients(model)
    for parts in (1, 2, 4):
        loss, norm = train_step(TokenLosses(model), optimizer, inputs, targets, config.Train(batch=8, accumulate=parts, clip=0), CPU)
        assert loss.item() == pytest.approx(plain.item(), rel=1e-6)
        assert norm.item() == pytest.approx(math.sqrt(sum(gradient.square().sum().item() for gradient in expected.values())), rel=1e-5)
    for found in optimizer.steps:
        for name, gradient in expected.items():
            torch.testing.assert_close(found[name], gradient, rtol=1e-4, atol=1e-7)


def test_clipping_scales_the_gradient_to_the_largest_norm_and_says_what_it_was():
    torch.manual_seed(0)
    model = models.build(config.Model(size="nano", context=10), V)
    optimizer = Gradients(model)
    _, norm = train_step(TokenLosses(model), optimizer, *unequal_rows(), config.Train(batch=8, clip=0.01), CPU)
    assert norm > 0.01
    assert math.sqrt(sum(gradient.square().sum().item() for gradient in optimizer.steps[0].values())) == pytest.approx(0.01, rel=1e-3)


def test_weight_decay_is_on_matrices_only():
    model = models.build(config.Model(size="nano", context=10), V)
    decayed, others = make_optimizer(model, config.Train(weight_decay=0.3), "cpu").param_groups
    assert (decayed["weight_decay"], others["weight_decay"]) == (0.3, 0.0)
    assert all(weight.dim() >= 2 for weight in decayed["params"])
    assert all(weight.dim() < 2 for weight in others["params"])
    assert sum(len(group["params"]) for group in (decayed, others)) == len(list(model.parameters()))


class Own:
    """In the place of an owned run directory: keeps what is written."""

    def __init__(self, folder, rows=()):
        self.rows, self.updates = list(rows), []
        self.run = SimpleNamespace(checkpoints=folder, name="a-run", word="a-run", events=lambda: self.rows)

    def event(self, kind, **fields):
        self.rows.append({"kind": kind, **fields})

    def update(self, **fields):
        self.updates.append(fields)

    def of(self, kind, key):
        return [row[key] for row in self.rows if row["kind"] == kind]


TRAIN = config.Train(steps=12, batch=4, warmup=2, lr=1e-2, log_every=5, eval_every=6, eval_rows=8, checkpoint_every=10)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    options = {"documents": 11, "length": 6, "vocabulary": 20, "validation_documents": 8}
    configured = config.Data(source="uniform", source_options=options, tokenizer="word", rows="documents")
    return open_rows(open_corpus(tmp_path_factory.mktemp("home"), configured), configured, 8)


def trainer(data, own, train=TRAIN, steps=12, check_stop=lambda: None, progress=None):
    torch.manual_seed(0)
    model = models.build(config.Model(family="vanilla", size="nano", context=8, options={"dropout": 0.0}), data.corpus.vocab_size).train()
    optimizer = make_optimizer(model, train, "cpu")
    return Trainer(model, optimizer, data, train, Plan(steps, steps), CPU, own, progress or Progress(), check_stop)


def test_a_row_of_training_loss_is_the_mean_over_its_steps(data, tmp_path):
    own = Own(tmp_path)
    training = trainer(data, own)
    model = copy.deepcopy(training.model)
    optimizer = make_optimizer(model, TRAIN, "cpu")
    losses, tokens = [], []
    for step in range(12):
        inputs, targets = map(torch.from_numpy, data.train.take(batches.rows(TRAIN.seed, step, 4, 11)))
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, TRAIN, 12)
        loss = functional.cross_entropy(model(input_ids=inputs).logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORED)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), TRAIN.clip)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
        tokens.append(int((targets != IGNORED).sum()))
    training.run()
    assert own.of("train", "step") == [5, 10, 12]
    assert own.of("train", "loss") == pytest.approx([np.mean(losses[:5]), np.mean(losses[5:10]), np.mean(losses[10:])], rel=1e-5)
    assert own.of("train", "tokens") == [sum(tokens[:5]), sum(tokens[:10]), sum(tokens)]
    assert own.of("train", "lr") == [learning_rate(step - 1, TRAIN, 12) for step in (5, 10, 12)]


def test_evaluations_and_checkpoints_are_where_they_belong(data, tmp_path):
    own = Own(tmp_path)
    trainer(data, own).run()
    assert own.of("eval", "step") == [0, 6, 12]
    losses = own.of("eval", "validation_loss")
    best = 6 * losses.index(min(losses))
    assert own.of("checkpoint", "step") == sorted(
        {0, 1, 2, 4, 8, 10, 12, best} | {step for step in (0, 6, 12) if losses[step // 6] == min(losses[: step // 6 + 1])}
    )
    assert best in checkpoints.steps(tmp_path)
    assert checkpoints.resumable(tmp_path) == [10, 12]


def test_a_row_that_a_stop_cuts_in_two_is_still_the_mean_over_all_its_steps(data, tmp_path):
    whole = Own(tmp_path / "whole")
    trainer(data, whole).run()
    own = Own(tmp_path / "cut")

    def stop_after_seven_steps():
        if first.progress.step == 7:
            raise StopRequested

    first = trainer(data, own, check_stop=stop_after_seven_steps)
    with pytest.raises(StopRequested):
        first.run()
    assert own.updates[-2:] == [{"status": "stopping"}, {"step": 7, "work": None}]
    second = trainer(data, own, progress=checkpoints.load_progress(own.run.checkpoints, first.progress.step))
    second.model.load_state_dict(first.model.state_dict())
    checkpoints.load_optimizer(own.run.checkpoints, first.progress.step, second.model, second.optimizer)
    second.run()
    assert own.of("train", "loss") == whole.of("train", "loss")
    assert own.of("eval", "validation_loss") == whole.of("eval", "validation_loss")


def test_a_run_that_is_measured_trains_as_one_that_is_not(data, tmp_path):
    plain, measured = Own(tmp_path / "plain"), Own(tmp_path / "measured")
    trainer(data, plain).run()
    trainer(data, measured, replace(TRAIN, measures="exact,extraction", measure_rows=4)).run()
    assert measured.of("measured", "step") == measured.of("checkpoint", "step")
    assert measured.of("train", "loss") == plain.of("train", "loss")
    assert not plain.of("measured", "step")
    figures = {(figure["name"], figure["part"]): figure for figure in measured.of("measured", "figures")[-1]}
    exact = figures["tokens held most likely", "training"]
    assert 0 <= exact["low"] <= exact["value"] <= exact["high"] <= 1
    assert ("passages extracted", "validation") in figures


def test_measures_of_a_step_are_not_taken_again_after_a_resume(data, tmp_path):
    own = Own(tmp_path)
    train = replace(TRAIN, measures="exact", measure_rows=4)
    trainer(data, own, train).run()
    before = own.of("measured", "step")
    last = trainer(data, own, train, progress=checkpoints.load_progress(tmp_path, 12))
    last.run()
    assert own.of("measured", "step") == before


def test_the_best_evaluation_is_that_of_the_event_log_also_after_a_resume(data, tmp_path):
    evaluation = {"kind": "eval", "step": 0, "validation_loss": 0.001}
    own = Own(tmp_path, [evaluation])
    trainer(data, own).run()
    assert not any(own.of("checkpoint", "best")[1:]), "nothing was better than what an earlier attempt had measured"


def test_a_loss_that_is_not_finite_drops_the_checkpoints_whose_weights_gave_it(data, tmp_path):
    own = Own(tmp_path)
    diverging = config.Train(steps=12, batch=4, warmup=0, lr=1e30, log_every=5, eval_every=6, eval_rows=8, checkpoint_every=10)
    with pytest.raises(
        TrainingError, match=r"is not finite after 1 steps; the last good checkpoint is step 0\. .* --set train\.lr=3\.3e\+29"
    ):
        trainer(data, own, diverging).run()
    assert checkpoints.steps(tmp_path) == [0]
    assert own.of("nonfinite", "step") == [1]


def test_an_evaluation_that_is_not_finite_before_any_checkpoint_says_so(data, tmp_path):
    own = Own(tmp_path)
    training = trainer(data, own)
    with torch.no_grad():
        training.model.lm_head.weight.fill_(math.nan)
    with pytest.raises(TrainingError, match="loss of the evaluation is not finite after 0 steps, and no earlier checkpoint can be resumed"):
        training.run()


def test_a_long_evaluation_says_how_far_it_is(data, tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "_REPORT_SECONDS", -1.0)
    own = Own(tmp_path)
    trainer(data, own, replace(TRAIN, steps=0), steps=0).run()
    reports = [fields["work"] for fields in own.updates if fields.get("work")]
    assert [(work["doing"], work["done"], work["total"]) for work in reports] == [("evaluating", batch, 4) for batch in range(4)]
    assert own.updates[-1]["work"] is None


def test_a_compiler_that_fails_is_recorded_and_training_goes_on(data, tmp_path, monkeypatch):
    plain, own = Own(tmp_path / "plain"), Own(tmp_path / "compiled")
    trainer(data, plain).run()
    monkeypatch.setattr(loop, "compile_losses", lambda losses, *_: (losses, "no C++ compiler"))
    training = trainer(data, own)
    training.compute = replace(CPU, compile=True)
    training.run()
    assert own.of("not compiled", "why") == ["no C++ compiler"]
    assert own.of("train", "loss") == plain.of("train", "loss")


@pytest.mark.parametrize(("context", "kind"), [(128, "eager"), (129, "memlab_causal")])
def test_short_contexts_on_a_cpu_take_attention_that_computes_the_same(context, kind):
    torch.manual_seed(0)
    model = models.build(config.Model(size="nano", context=context), V).eval()
    ids = torch.randint(0, V, (2, 10))
    before = model(input_ids=ids).logits
    choose_attention(model, CPU, context)
    assert model.config._attn_implementation == kind
    torch.testing.assert_close(model(input_ids=ids).logits, before, atol=1e-5, rtol=1e-5)
