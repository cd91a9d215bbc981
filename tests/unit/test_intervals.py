"""Exact intervals of shares: against closed forms at the ends, and against the chances that define them."""

import math

import pytest

from memlab.measures.intervals import clopper_pearson


@pytest.mark.parametrize("trials", [1, 7, 64, 1000])
def test_none_and_all_have_closed_forms(trials):
    ends = 0.025 ** (1 / trials)
    assert clopper_pearson(trials, trials) == pytest.approx((ends, 1.0))
    assert clopper_pearson(0, trials) == pytest.approx((0.0, 1 - ends))


@pytest.mark.parametrize(("successes", "trials"), [(1, 2), (3, 10), (32, 64), (63, 64), (5, 200)])
def test_at_the_ends_the_count_is_as_surprising_as_the_confidence_allows(successes, trials):
    low, high = clopper_pearson(successes, trials)

    def chance(counts, share):
        return sum(math.comb(trials, k) * share**k * (1 - share) ** (trials - k) for k in counts)

    assert chance(range(successes, trials + 1), low) == pytest.approx(0.025)
    assert chance(range(successes + 1), high) == pytest.approx(0.025)
    assert low < successes / trials < high


def test_the_true_share_lies_within_at_least_as_often_as_promised():
    for share in (0.03, 0.2, 0.5, 0.77):
        within = sum(
            math.comb(20, k) * share**k * (1 - share) ** (20 - k)
            for k in range(21)
            if clopper_pearson(k, 20)[0] <= share <= clopper_pearson(k, 20)[1]
        )
        assert within >= 0.95


def test_no_trials_say_nothing_and_nonsense_is_refused():
    assert clopper_pearson(0, 0) == (0.0, 1.0)
    for successes, trials, confidence in ((3, 2, 0.95), (-1, 2, 0.95), (1, 2, 1.0)):
        with pytest.raises(ValueError, match="no count"):
            clopper_pearson(successes, trials, confidence)
