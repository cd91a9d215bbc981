"""Claims are computed when they are asked for: other numbers, or another run, and the verdict is another."""

import functools
import json
import math
import re
import sys
from dataclasses import asdict, replace

import pytest
from fabricated_run import FACTS, evaluated, fabricate, started
from tiny_run import make_run

from memlab.errors import UnknownName
from memlab.lab import claims as lab
from memlab.lab.claims import evidence, radii
from memlab.lab.measured import NotKeptError, kept, only_kept
from memlab.lab.serving import Server, SupersededError
from memlab.measures import collapse, separation
from memlab.measures.estimates import Estimate
from memlab.memory import energy
from memlab.memory.retrieval import descend
from memlab.render import verdicts
from memlab.render.safe import width
from memlab.rundir import state
from memlab.theory import partition, radius

HOLDS, CORRECTED, FAILS, OPEN = lab.VERDICTS


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def run(home):
    """With checkpoints, but without a log."""
    return make_run(home, "tiny", tokens=300)


@pytest.fixture(scope="module")
def without_run(home):
    return {claim.name: claim for claim in lab.claims(home).claims}


@pytest.fixture(scope="module")
def measured(home, run):
    with pytest.MonkeyPatch.context() as patched:
        for module in (collapse, separation):  # a short descent is enough
            patched.setattr(module, "descend", functools.partial(descend, max_steps=5))
        return {claim.name: claim for claim in lab.claims(home, run, device="cpu", measure=True).claims}


def one(name, run=None, home=None, **options):
    (claim,) = lab.claims(home, run, only=name, **options).claims
    return claim


def fabricated(path, rows, source="uniform", floors=()):
    """A run with a log, but without checkpoints."""
    found = fabricate(path, [started(), *rows], facts={**FACTS, "floors": [{"how": "", **floor} for floor in floors]})
    settled = json.loads(found.config_path.read_text())
    settled["data"]["source"] = source
    found.config_path.write_text(json.dumps(settled))
    return found


# --- what is checked in numbers


def test_the_figures_of_the_theory_come_out(without_run):
    shown = {name: {figure.name: figure.words for figure in claim.checks} for name, claim in without_run.items()}
    assert [words for name, words in shown["equation-12"].items() if "as stated" in name] == ["-0.18", "+52.1", "+89.8"]
    assert "8.316 (d = 1), 8.251 (d = 1,000), 8.208 (d = 100,000)" in shown["equation-14"].values()
    assert shown["equation-14"]["ln Z at r₀, d = 1"].startswith("-63.9")
    assert shown["equation-14"]["r with Z = 1, n = 2, d = 1"] == "0.619"
    assert "73.5, 109.5, 146.4, 183.7" in shown["n-of-d2"].values()
    assert "8.71, 8.79, 8.38" in shown["n-of-d2"].values()
    assert shown["n-of-d2"]["exponent of N in D* there"].startswith("1.4 to 2.4")
    assert [words[:6] for words in list(shown["loss-bound"].values())[:2]] == ["2.39", "-1.308"]
    assert "at -1.957 and 0.494, for 3 patterns" in next(iter(shown["assumption-3"].values()))


def test_the_verdicts_without_a_run(without_run):
    told = {name: claim.verdict for name, claim in without_run.items() if claim.verdict != OPEN}
    assert told == {
        "proposition-1": HOLDS,
        "proposition-2": HOLDS,
        "proposition-3": CORRECTED,
        "equation-6": CORRECTED,
        "equation-8": HOLDS,
        "loss-bound": FAILS,
        "equation-12": CORRECTED,
        "equation-13": CORRECTED,
        "lemma-5": CORRECTED,
        "equation-14": CORRECTED,
        "n-of-d2": FAILS,
    }
    assert all(claim.needs for claim in without_run.values() if claim.verdict == OPEN)
    assert list(without_run) == list(lab.CLAIMS)


@pytest.mark.parametrize("seed", [1, 2])
def test_other_seeds_give_other_numbers_and_the_same_verdicts(without_run, seed):
    for name in ("proposition-3", "lemma-5", "loss-bound", "equation-13"):
        found = one(name, seed=seed)
        assert found.verdict == without_run[name].verdict
        assert found.checks != without_run[name].checks


FLIPS = [
    ("equation-12", partition, "log_ball_integral_as_stated", partition.log_ball_integral, HOLDS),
    ("equation-12", partition, "log_ball_integral", lambda n, r: 0.0, FAILS),
    ("equation-13", partition, "log_partition_as_stated", partition.log_partition, HOLDS),
    ("lemma-5", partition, "lemma_5_as_stated", partition.lemma_5, HOLDS),
    ("lemma-5", partition, "lemma_5", partition.lemma_5_as_stated, FAILS),
    ("equation-14", radii, "by_quadrature", lambda n, r: 0.0, HOLDS),
    ("equation-14", radius, "unit_radius", lambda n, d=1: 1.0, FAILS),
    ("n-of-d2", radius, "dimension_of_unit_partition", radius.dimension_as_stated, HOLDS),
    ("proposition-1", energy, "layer_energy", lambda x, rho: energy.nearest_squared_distance(x, rho) + 1, FAILS),
    ("proposition-2", energy, "mchn_energy", lambda x, rho: energy.nearest_squared_distance(x, rho) - 1000, FAILS),
    ("proposition-3", energy, "proposition_3", lambda rho, as_stated=False: energy.Bounds(-math.inf, math.inf), HOLDS),
    ("equation-8", energy, "global_energy", lambda energies: energy.GlobalEnergy(energies.amax(0) + 9, energies.argmin(0)), FAILS),
    ("equation-6", energy, "energy_gradient", lambda x, rho: 2 * (energy.nearest_squared_distance(x, rho)[:, None] + 1 - x), FAILS),
]


@pytest.mark.parametrize(("name", "module", "function", "instead", "verdict"), FLIPS)
def test_other_formulas_flip_the_verdict(without_run, monkeypatch, name, module, function, instead, verdict):
    assert without_run[name].verdict != verdict
    monkeypatch.setattr(module, function, instead)
    assert one(name).verdict == verdict


# --- what the log of a run says


@pytest.mark.parametrize(
    ("train", "entropy", "verdict"),
    [(0.996, 0.998, CORRECTED), (1.05, 0.5, HOLDS), (0.6, 0.998, FAILS), (0.6, None, FAILS), (2.5, 0.998, OPEN)],
)
def test_near_1_is_told_by_the_losses_and_the_entropy_floor(tmp_path, train, entropy, verdict):
    floors = [{"name": "entropy", "loss": entropy}] if entropy else []
    run = fabricated(tmp_path / "one", [evaluated(0, 8.0, 8.1), evaluated(50, train, 1.1)], "question_formation", floors)
    found = one("near-1", run, tmp_path)
    assert found.verdict == verdict
    assert found.measured[0].value == train


def test_near_1_names_the_preset_to_a_run_on_other_text(tmp_path):
    found = one("near-1", fabricated(tmp_path / "one", [evaluated(0, 1.0, 1.1)]), tmp_path)
    assert (found.verdict, found.needs) == (OPEN, "memlab train question-formation-small")


def test_a_loss_below_1_is_held_against_the_bound(tmp_path, monkeypatch):
    low, high = (fabricated(tmp_path / name, [evaluated(50, loss, 6.0)]) for name, loss in (("low", 0.1), ("high", 3.0)))
    monkeypatch.setattr(partition, "loss", partition.loss_as_stated)  # as if L were what the paper says
    assert [one("loss-bound", run, tmp_path).verdict for run in (low, high)] == [FAILS, HOLDS]


def test_assumption_1_is_refuted_by_tokens_that_are_not_memorised(tmp_path):
    poor, good = (
        fabricated(tmp_path / name, [evaluated(50, 0.1, 6.0, confident)]) for name, confident in (("a", (0.2, 0.1)), ("b", (0.9, 0.1)))
    )
    found = one("assumption-1", poor, tmp_path)
    assert (found.verdict, found.needs) == (OPEN, f"memlab resume {poor.word}"), "at step 50 of 100"
    state.write(poor.state_path, replace(state.read(poor.state_path), steps=50))
    assert one("assumption-1", poor, tmp_path).verdict == FAILS
    found = one("assumption-1", good, tmp_path)
    assert (found.verdict, found.needs) == (OPEN, f"memlab claims {good.word} --measure")
    assert "has no checkpoint although it is finished" in found.why


def test_a_run_without_anything_is_no_error(tmp_path, without_run):
    run = fabricate(tmp_path / "runs" / "empty", [], facts=None)
    assert lab.claims(tmp_path, run, only="near-1").checkpoint is None
    for name in (name for name, claim in without_run.items() if claim.verdict == OPEN):
        found = one(name, run, tmp_path)
        assert (found.verdict, found.measured) == (OPEN, [])
        assert found.needs


# --- what is measured on a run


def test_nothing_is_measured_unless_it_is_asked_for(tmp_path, monkeypatch):
    run = make_run(tmp_path, "fresh", learn=1, tokens=100)
    monkeypatch.setattr("memlab.lab.sampling.load_checkpoint", None)
    found = one("alignment", run, tmp_path)
    assert (found.verdict, found.needs) == (OPEN, f"memlab claims {run.word} --measure")
    assert not (run.path / "measures").exists()


@pytest.mark.slow
def test_measured_once_it_is_found_again(home, run, measured, monkeypatch):
    monkeypatch.setattr("memlab.lab.asking.load_checkpoint", None)
    monkeypatch.setattr("memlab.lab.remembering.load_checkpoint", None)
    again = {claim.name: claim for claim in lab.claims(home, run).claims}
    assert again == measured
    assert {"alignment", "radius", "assumption-2", "assumption-3"} <= {name for name, claim in again.items() if claim.verdict != OPEN}


@pytest.mark.slow
def test_every_measured_figure_of_patterns_has_the_untrained_model_beside_it(measured):
    for name in ("assumption-2", "assumption-3", "radius", "alignment"):
        assert any("untrained" in figure.words for figure in measured[name].measured), name
    assert all(measured[name].measured for name in ("proposition-1", "proposition-2", "proposition-3", "equation-8"))


@pytest.mark.slow
def test_what_assumption_1_rests_on_is_shown_with_its_number_and_interval(home, run, measured, monkeypatch):
    monkeypatch.setattr(evidence.Evidence, "evaluations", [evaluated(4, 0.1, 6.0, (0.9, 0.1))])
    found = one("assumption-1", run, home)
    shown = [figure.words for figure in found.measured if "the ball" in figure.name]
    assert re.match(r"[\d.]+ % \([\d.]+ % to [\d.]+ %\) of \d+ patterns \(untrained", shown[0])
    assert re.search(r"retrieval from [\d.]+ % of \d+ patterns", found.why)


@pytest.mark.slow
def test_verdicts_follow_what_is_measured(home, run, measured, monkeypatch):
    """The same claims on a run whose patterns lie otherwise."""
    patterns = evidence.Evidence(run, home, 4).patterns

    def told(name, **changes):
        layers = {key: replace(layer, **changes) for key, layer in patterns.layers.items()}
        monkeypatch.setattr(evidence.Evidence, "patterns", evidence.Patterns(4, patterns.sizes, layers, {}))
        return one(name, run, home).verdict

    at = patterns.layers["2"].at[0]
    assert told("assumption-2", inside={"training": 0.0, "validation": 1.0}) == HOLDS
    assert told("assumption-2", inside={"training": 1.0, "validation": 0.5}) == FAILS
    apart, close = replace(at, merged=0.0), replace(at, merged=0.5)
    assert [told("assumption-3", at=some) for some in ([apart], [close, apart], [close, close])] == [HOLDS, CORRECTED, FAILS]


@pytest.mark.slow
def test_the_radius_is_told_beside_theory_and_chance(home, run, measured, monkeypatch):
    found = evidence.Evidence(run, home, 4).radius

    def told(own, null, stated=2.0, exact=4.0):
        change = {"measured": [replace(found.measured[-1], radius=own)], "null": [replace(found.null[-1], radius=null)]}
        other = replace(found, **change, stated_radius=stated, unit_radius=exact)
        monkeypatch.setattr(evidence.Evidence, "radius", other)
        return one("radius", run, home).verdict

    assert [told(2.0, 9.0), told(2.0, 2.1), told(4.0, 9.0), told(9.0, 9.0)] == [HOLDS, OPEN, CORRECTED, FAILS]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("aligned", "lowered", "verdict"),
    [
        (("before", "after"), 0.9, HOLDS),
        (("after",), 0.9, CORRECTED),
        (("before",), 0.9, HOLDS),
        ((), 0.9, FAILS),
        (("before", "after"), 0.55, FAILS),
    ],
)
def test_alignment_is_told_by_all_blocks_above_all_controls_and_lower_energies(home, run, measured, monkeypatch, aligned, lowered, verdict):
    known = evidence.Evidence(run, home, 4).alignment
    up, down, lower = (Estimate(value, value - 0.1, value + 0.1, 12, "") for value in (0.5, -0.5, lowered))

    def moved(checkpoint):
        found = [
            replace(one, cosine=up if one.reading in aligned and checkpoint is known.last else down, margin=up, lowers_energy=lower)
            for one in checkpoint.aligned
        ]
        return replace(checkpoint, aligned=found)

    monkeypatch.setattr(evidence.Evidence, "alignment", replace(known, checkpoints=[moved(one) for one in known.checkpoints]))
    assert one("alignment", run, home).verdict == verdict


@pytest.mark.slow
@pytest.mark.parametrize(
    ("losses", "in_play", "points", "verdict"),
    [
        ((6.0, 9.0), 1.0, 11, CORRECTED),
        ((6.0, 9.0), 1.0, 1, OPEN),
        ((6.0, 9.0), 1.0, 4, FAILS),
        ((6.0, 9.0), 40.0, 11, FAILS),
        ((6.0, 6.0), 1.0, 11, OPEN),
    ],
)
def test_delta_functions_are_told_of_overfitted_runs_by_their_wells(home, run, measured, monkeypatch, losses, in_play, points, verdict):
    from memlab.lab.collapse import Checkpoint

    known = evidence.Evidence(run, home, 4).collapse
    layers = [
        replace(layer, reached=[replace(one, effective_patterns=in_play, fixed_points=points) for one in layer.reached])
        for layer in known.checkpoints[-1].layers
    ]
    course = replace(known, n_queries=12, checkpoints=[*known.checkpoints[:-1], Checkpoint(4, layers)])
    monkeypatch.setattr(evidence.Evidence, "collapse", course)
    rows = [evaluated(step, 1.0, loss) for step, loss in zip((2, 4), losses, strict=True)]
    monkeypatch.setattr(evidence.Evidence, "evaluations", rows)
    found = one("delta-functions", run, home)
    assert (found.verdict, found.needs) == (verdict, f"memlab collapse {run.word} OTHER")
    assert ("as far as so many queries tell" in found.why) == (points != 1 and in_play == 1 and losses[1] > losses[0])


def test_only_kept_measures_nothing(run, home):
    with only_kept(), pytest.raises(NotKeptError, match="no 'nothing' measured at step 4"):
        kept(run, home, "nothing", 4, {}, lambda: 1)
    assert kept(run, home, "something", 4, {}, lambda: 1) == 1
    with only_kept():
        assert kept(run, home, "something", 4, {}, lambda: 2) == 1


class Asked:
    """An inbox whose requests are not needed any more after so many looks."""

    def __init__(self, looks):
        self.looks = looks

    def check(self):
        self.looks -= 1
        if self.looks < 0:
            raise SupersededError


def test_the_child_sends_claim_after_claim_until_nobody_waits(home, run, measured, monkeypatch):
    monkeypatch.setenv("MEMLAB_HOME", str(home))
    sent = []
    Server(Asked(1000), sent.append)._claims(1, str(run.path), measure=False)
    found = [message["found"] for message in sent if "found" in message]
    assert [one["claim"]["name"] for one in found] == list(measured)
    assert all(one["step"] == 4 and one["claim"]["verdict"] == measured[one["claim"]["name"]].verdict for one in found)
    with pytest.raises(SupersededError):
        Server(Asked(3), sent.append)._claims(2, str(run.path), measure=True)


# --- the command


@pytest.fixture
def call(home, run, monkeypatch, capsys):
    """The command line inside this process: exit status, standard output, standard error."""
    from memlab.__main__ import main

    def call(*words, columns=80, **environment):
        monkeypatch.setattr(sys, "argv", ["memlab", "--home", str(home), *words])
        for name, value in {"MEMLAB_ASCII": "", "COLUMNS": str(columns), **environment}.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(SystemExit) as left:
            main()
        return left.value.code or 0, *capsys.readouterr()

    return call


@pytest.mark.parametrize("columns", [50, 80, 140])
@pytest.mark.parametrize("plain", [False, True])
def test_the_list_fits_and_names_every_verdict(measured, columns, plain):
    listed = verdicts.listing([asdict(claim) for claim in measured.values()], columns, color=False, ascii=plain)
    assert all(width(line) <= columns for line in listed.splitlines())
    assert listed.isascii() == plain
    for claim in measured.values():
        assert claim.title.replace("²", "^2" if plain else "²") in listed
        assert f"{verdicts.sign(claim.verdict, plain)} " in listed


def test_the_command_lists_all_claims_and_counts_the_verdicts(call, measured):
    status, out, _ = call("claims", "tiny")
    text = " ".join(out.split())
    counts = [sum(claim.verdict == verdict for claim in measured.values()) for verdict in lab.VERDICTS]
    assert status == 0
    assert f"18 claims: {counts[0]} hold, {counts[1]} hold in corrected form, {counts[2]} fail, {counts[3]} cannot be told" in text
    assert "tiny at step 4" in text
    assert "to tell more: memlab train question-formation-small" in text


@pytest.mark.parametrize("columns", [50, 120])
def test_one_claim_is_shown_in_full(call, columns):
    status, out, _ = call("claims", "--only", "equation-12", columns=columns)
    text = " ".join(out.split())
    assert status == 0
    assert all(width(line) <= columns for line in out.splitlines())
    for words in ("≈ holds in corrected form", "as stated", "π^(n/2) P(n/2, r²)", "+52.1", "+89.8", "why"):
        assert words in text


def test_json_has_everything(call, home):
    status, out, _ = call("claims", "--only", "lemma-5", "--seed", "3", "--json")
    assert status == 0
    assert json.loads(out) == json.loads(json.dumps(asdict(lab.claims(home, only="lemma-5", seed=3))))


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("claims", "tiny", "--only", "lema-5"), "there is no claim 'lema-5'; did you mean 'lemma-5'?"),
        (("claims", "--measure"), "--measure is of a run; name one"),
        (("claims", "tinny"), "no run 'tinny'; did you mean 'tiny'?"),
        (("claims", "tiny", "--checkpoint", "3"), "has no checkpoint '3'; there are: best, last, 0, 4"),
    ],
)
def test_a_wrong_request_is_explained(call, words, complaint):
    status, _, err = call(*words)
    assert status == 2
    assert complaint in err


def test_hostile_words_do_no_harm():
    from memlab.render.safe import is_harmful

    words = "\x1b[2J\u202e[red]\x9b"
    figure = lab.Figure(words, 1.0, words)
    claim = asdict(lab.Claim(words, words, words, words, words, [figure], [figure], FAILS, words, words))
    for drawn in (
        verdicts.card(claim, 50, color=False),
        verdicts.listing([claim], 50, color=False),
        verdicts.listing([claim], 140, color=False),
    ):
        assert not any(map(is_harmful, drawn.replace("\n", "")))


def test_an_unknown_claim_is_refused_before_anything_is_checked(home):
    with pytest.raises(UnknownName, match="no claim 'x'"):
        lab.claims(home, only="x")
