"""References: exact where the source knows its distribution, else trained or counted on documents that the run does not see."""

import math
from dataclasses import replace

import numpy as np
import pytest
from tiny_run import make_run, run_on

from memlab import config
from memlab.data.document import Document
from memlab.data.rows import IGNORED, open_rows
from memlab.data.sources import question_formation, uniform
from memlab.data.tokenizers import word
from memlab.errors import DataError, UnknownName, UsageError
from memlab.lab import references, starting
from memlab.lab.remembering import open_model
from memlab.measures.classes import CLASSES, classify
from memlab.measures.references import UNDECIDED
from memlab.measures.references.exact import ExactReference

UNIFORM = config.Data(
    source="uniform", source_options={"documents": 60, "length": 6, "vocabulary": 9, "validation_documents": 20}, tokenizer="word"
)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def half(home):
    """A run on half of its training text."""
    return make_run(home, "half", learn=1, fraction=0.5)


def documents_of(memory):
    return {int(document) for document in memory.data.selection.documents if document >= 0}


# ------------------------------------------------------------------------------------------------------------- exact


def lines(n):
    options = question_formation.Options(lines=n, validation_lines=1, test_lines=0, gen_lines=0)
    return [document.text for document in question_formation.documents(options) if document.split == "train"], options


def of_lines(n):
    """The exact reference, a tokenizer of words, and some lines as rows."""
    texts, options = lines(n)
    tokenizer = word.build([Document(" ".join([*question_formation._grammar("train").words, "?"]), "", "train")], word.Options())
    rows = [[*tokenizer(text)["input_ids"], tokenizer.eos_token_id] for text in texts]
    longest = max(map(len, rows))
    targets = np.array([row + [IGNORED] * (longest - len(row)) for row in rows])
    inputs = np.array([[tokenizer.bos_token_id, *row[:-1]] + [tokenizer.pad_token_id] * (longest - len(row)) for row in rows])
    return ExactReference(lambda prefix: question_formation.next_words(prefix, options), tokenizer, "", {}), texts, inputs, targets


def test_the_exact_reference_gives_every_line_its_probability():
    reference, texts, inputs, targets = of_lines(30)
    found = reference.predict(inputs, targets)
    for row, text in enumerate(texts):
        own = found.log_probabilities[row, found.are_predicted[row]]
        assert math.isclose(own.sum(), question_formation.log_probability(text, question_formation.Options()), abs_tol=1e-9)
    assert np.isnan(found.log_probabilities[targets == IGNORED]).all()


def test_an_even_choice_is_no_guess_and_the_copied_half_is_copied():
    reference, texts, inputs, targets = of_lines(30)
    known = reference.predict(inputs, targets)
    assert (known.guesses[:, 0] == UNDECIDED).all()  # six determiners, equally likely
    perfect = replace(known, guesses=targets, log_probabilities=np.where(targets == IGNORED, np.nan, -0.01))
    classes = classify(inputs, perfect, known)
    for row, text in enumerate(texts):
        words = text.split(" ")
        half = words.index("decl") + 1 if "decl" in words else None
        assert classes[row, 0] == CLASSES.index("memorised")  # sure of what cannot be known
        if half:
            assert (classes[row, half : half + 2] == CLASSES.index("predictable")).all()
            assert (classes[row, half + 2 : len(words)] == CLASSES.index("copied")).all()


def test_what_cannot_occur_has_no_probability():
    reference, _, inputs, targets = of_lines(2)
    inputs, targets = inputs[:1].copy(), targets[:1].copy()
    targets[0, 2], inputs[0, 3] = targets[0, 0], targets[0, 0]  # a determiner in a wrong place
    found = reference.predict(inputs, targets)
    assert np.isfinite(found.log_probabilities[0, :2]).all()
    assert np.isneginf(found.log_probabilities[0, 2:4]).all()
    assert (found.guesses[0, 3:] == UNDECIDED).all()


def test_nothing_of_uniform_words_is_predictable_but_their_end(home):
    run = run_on(home, "uniform", replace(UNIFORM, rows="documents"), learn=1)
    memory = open_model(run, home)
    reference = references.reference_of(memory, home)
    assert reference.is_exact
    assert reference.words.startswith("the exact distribution that uniform draws")
    inputs, targets = memory.data.validation.take(np.arange(5))
    found = reference.predict(inputs, targets, "validation", np.arange(5))
    assert (found.guesses[:, :-1] == UNDECIDED).all()
    assert (found.guesses[:, -1] == memory.tokenizer.eos_token_id).all()
    np.testing.assert_allclose(found.log_probabilities, [[-math.log(9)] * 6 + [0]] * 5)
    options = uniform.Options(**UNIFORM.source_options)
    assert math.isclose(found.log_probabilities[0].sum(), uniform.log_probability(memory.data.corpus.text("validation", 0), options))


def test_training_and_held_out_lines_have_what_is_left_of_each_without_repeats_as_their_reference(home, short_stream):
    options = {"lines": 400, "validation_lines": 12, "test_lines": 0, "gen_lines": 0}
    data = config.Data(source="question_formation", source_options=options, tokenizer="word", rows="documents", fraction=0.25)
    memory = open_model(run_on(home, "questions", data, learn=1), home)
    reference = references.reference_of(memory, home)
    assert reference.words.endswith("each given those before it, repeats left out (but of text that you give)")
    assert reference.identity["unrepeated"] == [0, 100]
    made = question_formation.Options(**options)
    expected = {
        "training": question_formation.unrepeated(made, "train", 0, 100).log_probability,
        "validation": question_formation.unrepeated(made, "validation").log_probability,
        "given": lambda text: question_formation.log_probability(text, made),
    }
    inputs, targets = memory.data.validation.take(np.arange(12))
    totals = {}
    for part, log_probability in expected.items():
        found = reference.predict(inputs, targets, part, np.arange(12)).log_probabilities
        texts = [memory.data.corpus.text("validation", row) for row in range(12)]
        assert max(len(text.split()) // 2 for text in texts) < memory.context, "what is cut off is certain"
        np.testing.assert_allclose(np.nansum(found, 1), [log_probability(text) for text in texts], atol=1e-9)
        totals[part] = np.nansum(found)
    assert len({round(total, 3) for total in totals.values()}) == 3


def test_why_there_is_no_exact_reference_is_said(home, half):
    windows = open_model(run_on(home, "windows", UNIFORM, learn=1), home)
    with pytest.raises(UsageError, match="one over documents, and rows are windows"):
        references.reference_of(windows, home, "exact")
    with pytest.raises(UsageError, match=r"no exact reference for run 'half': source 'files' does not know .*; take auto, ngram or"):
        references.reference_of(open_model(half, home), home, "exact")


# ------------------------------------------------------------------------------------------------------------- ngram


@pytest.mark.parametrize("rows", ["windows", "documents"])
def test_the_ngram_counts_what_the_run_does_not_see(home, rows):
    memory = open_model(make_run(home, f"half-{rows}", rows, 1, fraction=0.5), home)
    reference = references.reference_of(memory, home)
    tokens = memory.data.corpus.tokens("train")
    unseen = [tokens[number] for number in range(len(tokens)) if number not in documents_of(memory)]
    n_tokens = sum(map(len, unseen)) - int(rows == "windows")
    assert reference.model.n_tokens == n_tokens
    assert f"{n_tokens:,} tokens of training text that half-{rows} does not see" in reference.words
    assert reference.other is None
    counts = np.bincount(np.concatenate(unseen)[int(rows == "windows") :], minlength=memory.data.corpus.vocab_size)
    n_different = np.count_nonzero(counts)
    np.testing.assert_allclose(reference.model.single, (counts + n_different / len(counts)) / (n_tokens + n_different))


@pytest.mark.parametrize("rows", ["windows", "documents"])
def test_where_all_training_text_is_seen_held_out_text_is_asked_about_by_the_other_half(home, rows):
    memory = open_model(make_run(home, f"all-{rows}", rows, 1), home)
    reference = references.reference_of(memory, home)
    assert "of held-out text, always of the half that is not asked about" in reference.words
    data = memory.data
    if rows == "documents":
        texts = [[memory.tokenizer.bos_token_id, *data.validation.document(row)] for row in range(len(data.validation))]
    else:
        stream = data.validation.stream[:].tolist()
        texts = [stream[row * memory.context : (row + 1) * memory.context + 1] for row in range((len(stream) - 1) // memory.context)]
    early, late = texts[: reference.turn], texts[reference.turn :]
    assert early
    assert late
    for model, own, others in ((reference.other, early, late), (reference.model, late, early)):
        rest = (len(stream) - 1) % memory.context if rows == "windows" and own is early else 0
        n_others = sum(len(text) - 1 for text in others) + rest - int(rows == "windows")
        assert model.n_tokens == n_others  # and so nothing of its own


def test_too_little_text_for_an_ngram_is_said(home):
    memory = open_model(
        run_on(home, "little", replace(UNIFORM, source_options={**UNIFORM.source_options, "validation_documents": 3})), home
    )
    with pytest.raises(DataError, match=r"run 'little' sees all .*; train a smaller fraction, or name a run as reference"):
        references.reference_of(memory, home)


# ------------------------------------------------------------------------------------------------------------- a run


@pytest.mark.parametrize("rows", ["windows", "documents"])
@pytest.mark.parametrize("how", [{"fraction": 0.3}, {"tokens": 200}, {"subset_share": 0.5, "subset_part": 1}, {"fraction": 0.7}])
def test_a_reference_is_trained_on_as_much_text_of_other_documents(home, rows, how):
    name = f"{rows}-{'-'.join(map(str, how.values()))}"
    run = make_run(home, name, rows, 1, **how, insertions=(config.Insertion(text="secret", times=3),))
    memory = open_model(run, home)
    asked = starting.reference_of(run, home)
    other = open_rows(memory.data.corpus, asked.data, asked.model.context)
    its = {int(document) for document in other.selection.documents}
    assert its
    assert not its & documents_of(memory)
    assert not other.selection.canaries
    assert asked.data.reference_of == name
    assert (asked.model, asked.train) == (run.experiment().model, run.experiment().train)
    wanted = memory.data.selection.n_tokens - 3 * len("secret.")
    left = sum(len(memory.data.corpus.tokens("train")[number]) for number in range(30) if number not in documents_of(memory))
    assert other.selection.n_tokens <= min(wanted, left)
    assert other.selection.n_tokens > min(wanted, left) - 30  # the last line that does not fit


def test_a_run_that_sees_everything_leaves_nothing_for_a_reference(home):
    with pytest.raises(UsageError, match=r"run 'whole' sees all of the training text, .*: --fraction 50%"):
        starting.reference_of(make_run(home, "whole", learn=1), home)


def test_a_text_that_has_changed_leaves_no_reference(home):
    run = make_run(home, "changed", learn=1, fraction=0.5)
    with (home / "changed.jsonl").open("a") as file:
        file.write('{"text": "one more"}\n')
    with pytest.raises(DataError, match="source 'files' gives another text than when run 'changed' was trained"):
        starting.reference_of(run, home)


def test_a_reference_trained_for_a_run_is_found_and_said(home, half):
    run_on(home, "other", starting.reference_of(half, home).data, learn=1)
    memory = open_model(half, home)
    found = references.reference_of(memory, home)
    assert not found.is_exact
    assert found.identity["run"] == "other"
    assert found.identity["shared"] == 0
    assert found.words.startswith("other at step 4 (its last): the same model trained on ")
    assert found.words.endswith("tokens of documents that half does not see")


def test_a_reference_that_has_seen_the_text_is_not_taken_by_itself_and_says_so_where_it_is_named(home):
    mine = make_run(home, "mine", learn=1, fraction=0.5)
    run_on(home, "spoilt", replace(mine.original().data, reference_of="mine"), learn=1)
    memory = open_model(mine, home)
    found = references.reference_of(memory, home)
    assert found.words.endswith("(spoilt was made for this, but shares documents with it)")
    named = references.reference_of(memory, home, "spoilt")
    assert named.identity["shared"] == len(documents_of(memory))
    assert f"share {named.identity['shared']} documents with mine's" in named.words


def test_runs_that_cannot_be_asked_the_same_are_refused(home, half):
    memory = open_model(half, home)
    make_run(home, "lines", "documents", 1)
    for name, complaint in (
        ("half", f"run 'half' is no reference for itself; `memlab train --reference {half.word}` trains one"),
        ("uniform-9", "no run 'uniform-9'"),
        ("elsewhere", "run 'elsewhere' is no reference for 'half': its corpus is another"),
    ):
        if name == "elsewhere":
            run_on(home, name, UNIFORM, learn=1)
        with pytest.raises((UsageError, UnknownName), match=complaint):
            references.reference_of(memory, home, name)
    lines = replace(half.original().data, rows="documents")
    run_on(home, "half-lines", lines, learn=1)
    with pytest.raises(UsageError, match="run 'half-lines' is no reference for 'half': its rows are documents"):
        references.reference_of(memory, home, "half-lines")
