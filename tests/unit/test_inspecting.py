"""What is said of a text agrees with brute force over all patterns, beside controls that say what the numbers mean."""

import dataclasses
import math

import pytest
import torch
from tiny_run import make_run

from memlab.errors import DataError, UnknownName, UsageError
from memlab.lab.asked_often import Wish, attractor, passage_around
from memlab.lab.controls import Control
from memlab.lab.inspecting import inspect, layer_map, lies_among
from memlab.lab.questions import Question, find_layer, parse_beta, see
from memlab.lab.remembering import open_memory, store_patterns
from memlab.lab.stages import Kept
from memlab.measures.reading import read
from memlab.memory import energy
from memlab.memory.basin import nearest_rival
from memlab.memory.retrieval import descend
from memlab.memory.rows import Subset, take


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def windows(home):
    return open_memory(make_run(home, "windows"), home)


@pytest.fixture(scope="module")
def documents(home):
    return open_memory(make_run(home, "documents", rows="documents"), home)


# --- one state against all patterns


@pytest.mark.parametrize("beta", [0.05, 1.0, 30.0])
@pytest.mark.parametrize("offset", [0.0, 300.0])
def test_a_reading_is_what_the_energies_of_all_patterns_at_once_are(beta, offset):
    torch.manual_seed(0)
    state, patterns = torch.randn(8) + offset, torch.randn(5000, 8) + offset
    found, x = read(state, patterns), state[None]
    assert found.nearest == pytest.approx(float(energy.nearest_squared_distance(x, patterns)[0]), rel=1e-9)
    assert found.energy(beta) == pytest.approx(float(energy.layer_energy(x, patterns, beta)[0]), rel=1e-9)
    assert found.scaled_energy(beta, 3.0) == pytest.approx(float(energy.scaled_energy(x, patterns, 3.0, beta)[0]), rel=1e-9)
    assert found.mchn_energy(2 * beta) == pytest.approx(float(energy.mchn_energy(x, patterns, 2 * beta)[0]), rel=1e-7)
    weights = energy.association_weights(x, patterns, beta)
    assert found.effective_patterns(beta) == pytest.approx(float(energy.effective_patterns(weights)[0]), rel=1e-9)
    torch.testing.assert_close(found.weights(beta), weights[0])


def test_the_modern_hopfield_energy_keeps_the_corrected_proposition_2():
    torch.manual_seed(1)
    patterns = torch.randn(400, 6) * torch.rand(400, 1)
    bounds = energy.proposition_2(patterns)
    for state in torch.randn(20, 6):
        found = read(state, patterns)
        difference = 2 * found.mchn_energy(2.0) - math.log(400) - found.energy(1.0)
        assert float(bounds.lower) - 1e-9 <= difference <= float(bounds.upper) + 1e-9


def test_votes_are_the_weights_of_the_patterns_by_next_token():
    torch.manual_seed(2)
    state, patterns, tokens = torch.randn(4), torch.randn(60, 4), torch.randint(0, 5, (60,))
    found = read(state, patterns)
    voted, shares = found.votes(1.0, tokens)
    for token, share in zip(voted.tolist(), shares.tolist(), strict=True):
        assert share == pytest.approx(float(found.weights(1.0)[tokens == token].sum()))
    assert shares.tolist() == sorted(shares.tolist(), reverse=True)
    assert float(shares.sum()) == pytest.approx(1)


def test_rows_that_do_not_count_are_as_if_they_were_not_there():
    torch.manual_seed(3)
    patterns, kept = torch.randn(50, 4), torch.arange(5, 50)
    found, alone = (read(torch.zeros(4), rows) for rows in (Subset(patterns, kept.numpy()), patterns[5:]))
    assert torch.equal(found.squared_distances, alone.squared_distances)


# --- a text in a run


@pytest.mark.parametrize("layer", ["0", "1", "2", "norm"])
def test_an_inspection_agrees_with_brute_force(windows, layer):
    seen = see(windows, Question("validation", number=1))
    found = inspect(windows, Question("validation", number=1), layer, position=6, beta="auto", k=5)
    reading = next(one for one in found.readings if one.layer == layer)
    patterns, x = torch.from_numpy(windows.store.layer(layer).copy()), seen.states[layer][6:7]
    assert reading.squared_distance == pytest.approx(float(energy.nearest_squared_distance(x, patterns)[0]), rel=1e-6)
    assert reading.energy == pytest.approx(float(energy.layer_energy(x, patterns, reading.beta)[0]), rel=1e-6)
    assert reading.mchn_energy == pytest.approx(float(energy.mchn_energy(x, patterns, 2 * reading.beta)[0]), rel=1e-6)
    squared, rows = energy.squared_distances(x, patterns)[0].sort(stable=True)
    assert [one.pattern.row for one in found.nearest] == rows[:5].tolist()
    assert [one.squared_distance for one in found.nearest] == pytest.approx(squared[:5].tolist())
    logits = windows.model(input_ids=torch.from_numpy(seen.passage.ids)[None]).logits[0, 6].detach()
    true = next(one for one in found.next_tokens if one.is_true)
    assert true.model == pytest.approx(float(logits.softmax(-1)[int(seen.passage.ids[7])]), rel=1e-4)


def test_the_map_has_the_same_numbers_as_the_readings(windows):
    question = Question("training", number=2)
    drawn = layer_map(see(windows, question), "1")
    for position in (0, 3):
        found = inspect(windows, question, position=position)
        column = [row[position] for row in drawn.energies]
        assert column == pytest.approx([one.energy for one in found.readings], rel=1e-5, abs=1e-6)


def test_the_energy_over_all_layers_is_that_of_the_blocks(windows):
    found = inspect(windows, Question(text="abcdef"))
    energies = {one.layer: one.energy for one in found.readings}
    assert found.global_energy.layers == ["1", "2"]
    assert found.global_energy.energy == pytest.approx(-math.log(sum(math.exp(-energies[name]) for name in ("1", "2"))))
    assert found.global_energy.layer == min(("1", "2"), key=energies.get)


def test_a_card_says_where_the_state_ends_and_follows_the_energy_down(windows):
    card = inspect(windows, Question("training", number=3), beta="auto").card
    assert card.has_converged
    assert all(later <= earlier + 1e-6 for earlier, later in zip(card.energies, card.energies[1:], strict=False))
    assert len(card.energies) == len(card.moved) == card.n_steps + 1
    assert card.moved[0] == 0
    assert card.merge_temperature == pytest.approx(2 / card.rival_distance**2)
    assert card.is_inside or card.is_mixture or not card.is_nearest_at_start


@pytest.mark.parametrize("beta", ["0.05", "1", "auto"])
def test_a_state_is_inside_the_basin_that_the_memory_says(windows, beta):
    for layer in ("0", "1", "2"):
        found = inspect(windows, Question("validation", number=1), layer, beta=beta)
        state = see(windows, Question("validation", number=1)).states[layer][-1:]
        row = torch.tensor([found.card.pattern.row])
        patterns = windows.store.layer(layer)
        both = descend(torch.cat([state.double(), take(patterns, row).double()]), patterns, found.card.beta, windows.scale(layer))
        apart = float((both.fixed_points[0] - both.fixed_points[1]).norm())
        assert found.card.is_inside == (bool(both.converged.all()) and apart <= 1e-3 * windows.scale(layer) + 1e-9)
        rival = nearest_rival(patterns, row)
        assert found.card.rival_distance == pytest.approx(float(rival.squared_distance[0].sqrt()))


def test_a_descent_followed_in_small_parts_ends_where_it_ends_in_one(windows, monkeypatch):
    whole = inspect(windows, Question(text="abcd"), "1", beta="0.5").card
    monkeypatch.setattr("memlab.lab.attractor._NUMBERS", 1)
    parts = inspect(windows, Question(text="abcd"), "1", beta="0.5").card
    assert parts.n_steps == whole.n_steps > 1
    assert parts.energies == pytest.approx(whole.energies, abs=1e-6)
    assert parts.fixed_distance == pytest.approx(whole.fixed_distance, abs=1e-5)


def test_steps_of_retrieval_move_the_state_whose_patterns_are_shown(windows):
    question = Question("validation", number=0)
    start, end = (inspect(windows, question, layer="2", beta="auto", steps=steps) for steps in (0, 1000))
    assert end.steps == end.card.n_steps
    assert end.nearest[0].squared_distance == pytest.approx(end.card.fixed_distance**2, abs=1e-6)
    assert end.readings == start.readings


def test_a_documents_own_patterns_do_not_count(documents):
    found = inspect(documents, Question("training", number=4), k=30)
    own = {row for row in range(len(documents.store)) if documents.store.where(row).document == 4}
    assert found.asked.excluded == len(own)
    assert not own & {one.pattern.row for one in found.nearest}
    assert found.card.pattern.row not in own
    assert found.card.rival.row not in own


def test_the_same_text_given_by_a_person_finds_itself(documents):
    text = documents.data.corpus.text("train", 4)
    found = inspect(documents, Question(text=text[:10]), layer="2")
    assert found.readings[2].lies == "stored"
    assert found.nearest[0].pattern.document == documents.document_name(4)
    assert "1e-6 of its length" in found.notes[-1]


def test_where_a_distance_lies_is_said_in_a_word():
    control = Control(None, {"training": [1, 2, 3, 4, 5], "validation": [4, 5, 6, 7, 8]}, {})
    said = [lies_among(distance, control) for distance in (0.5, 2, 4.5, 7, 9)]
    assert said == ["nearer", "training", "either", "held-out", "farther"]
    apart = dataclasses.replace(control, distances={"training": [1, 1, 1, 1, 2], "validation": [4, 5, 6, 7, 8]})
    assert lies_among(3, apart) == "between"


def test_beta_in_words():
    assert (parse_beta("1"), parse_beta("0.5"), parse_beta("auto")) == (1.0, 0.5, None)
    for words in ("0", "-1", "nan", "inf", "warm", ""):
        with pytest.raises(UsageError, match="--beta is"):
            parse_beta(words)


def test_a_layer_that_is_not_stored_says_how_to_store_it(home):
    run = make_run(home, "few", learn=1)
    store_patterns(run, home, layers="1")
    memory = open_memory(run, home)
    assert find_layer(memory, "-1") == "1"
    with pytest.raises(UsageError, match=f"layer '0' is not stored, only 1; `memlab patterns {run.word}"):
        find_layer(memory, "0")
    with pytest.raises(UnknownName, match="no layer '9'"):
        find_layer(memory, "9")


def test_wrong_requests_are_explained(windows):
    for wrong, complaint in (({"k": 0}, "k is 0"), ({"steps": -1}, "steps are -1"), ({"position": 99}, "position 99 is not in the text")):
        with pytest.raises(UsageError, match=complaint):
            inspect(windows, Question(text="abc"), **wrong)
    with pytest.raises(DataError, match="makes no token"):
        inspect(windows, Question(text=""))


# --- asked again and again


def test_what_is_kept_changes_no_answer(windows, home):
    kept, parts = Kept(), []
    for wish in (Wish(), Wish(layer="1", position=2), Wish(Question(text="abc"), position=500), Wish()):
        again = Wish.from_plain(dataclasses.asdict(wish))
        answer = attractor(windows.run, home, again, kept, parts.append, lambda *work: None)
        alone = attractor(windows.run, home, wish, Kept(), lambda part: None, lambda *work: None)
        assert answer == alone
    assert parts[2]["asked"]["tokens"] == ["a", "b", "c"]
    assert parts[0]["steps_there"] == [0, 4]


def test_a_pattern_is_shown_in_its_whole_document(documents):
    for row in (0, 7, 40):
        origin = documents.store.where(row)
        found = passage_around(documents, row)
        text = documents.data.corpus.text("train", origin.document)
        assert (found["before"] + found["token"] + found["after"]).startswith(text)
        assert found["before"] == text[: max(origin.offset, 0)]
