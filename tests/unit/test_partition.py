"""The partition function in logarithms: against numerical integration, closed forms, and the figures that the lab says are right."""

import math

import mpmath
import numpy as np
import pytest

from memlab.errors import UsageError
from memlab.theory import partition, radius


def integrated(n: int, r: float) -> float:
    """ln of ∫ exp(-s²) s^(n-1) ds from 0 to r times the surface of the unit sphere, by Gauss-Legendre on 400 pieces."""
    nodes, weights = np.polynomial.legendre.leggauss(40)
    # Where the integrand is within e^-60 of its largest value; it rises up to √((n-1)/2) and falls beyond.
    peak = min(r, math.sqrt(max(n - 1, 0) / 2))
    low, high = max(0.0, peak - 12 - r / math.sqrt(n)), min(r, peak + 12)
    edges = np.linspace(0.0 if n < 40 else low, high, 401)
    half = np.diff(edges)[:, None] / 2
    s = edges[:-1, None] + half * (nodes + 1)
    with np.errstate(divide="ignore"):
        exponents = -(s**2) + (n - 1) * np.log(s)
    largest = exponents.max()
    total = (np.exp(exponents - largest) * weights * half).sum()
    return math.log(2) + n / 2 * math.log(math.pi) - math.lgamma(n / 2) + largest + math.log(total)


@pytest.mark.parametrize("n", [1, 2, 3, 10, 64, 1024, 4096])
@pytest.mark.parametrize("r", [0.01, 0.3, 1.0, 5.656, 5.744, 7.743, 22.7, 30.0, 45.3, 46.0, 1000.0])
def test_the_ball_integral_is_what_quadrature_says(n, r):
    assert partition.log_ball_integral(n, r) == pytest.approx(integrated(n, r), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("r", [1e-9, 0.1, 0.9, 1.0, 1.3, 2.0, 3.0, 6.0])
def test_in_one_and_two_dimensions_it_has_a_closed_form(r):
    assert partition.log_ball_integral(1, r) == pytest.approx(math.log(math.sqrt(math.pi) * math.erf(r)), abs=1e-12)
    assert partition.log_ball_integral(2, r) == pytest.approx(math.log(math.pi * -math.expm1(-(r**2))), abs=1e-12)


@pytest.mark.parametrize("n", [1, 2, 7, 64, 1024, 10_000, 100_000])
@pytest.mark.parametrize("share", [1e-3, 0.05, 0.242, 0.5, 0.7, 0.72, 1.0, 20.0])  # of √n; the ball holds half of all at about 0.7
def test_it_agrees_with_mpmath_to_ten_digits(n, share):
    r = share * math.sqrt(n)
    expected = precisely(n, r)
    assert partition.log_ball_integral(n, r) == pytest.approx(float(expected), rel=1e-10, abs=1e-10)
    part = float(expected - mpmath.mpf(n) / 2 * mpmath.log(mpmath.pi))
    assert partition.log_lower_gamma_share(n / 2, 2 * math.log(r)) == pytest.approx(part, rel=1e-10, abs=1e-10)
    volume = mpmath.mpf(n) / 2 * mpmath.log(mpmath.pi) + n * mpmath.log(r) - mpmath.loggamma(mpmath.mpf(n) / 2 + 1)
    assert partition.log_ball_volume(n, r) == pytest.approx(float(volume), rel=1e-10, abs=1e-10)


def precisely(n, r):
    """ln of π^(n/2) P(n/2, r²) to thirty digits."""
    with mpmath.workdps(40):
        a, x = mpmath.mpf(n) / 2, mpmath.mpf(r) ** 2
        if x > a + 50 * mpmath.sqrt(a):
            return a * mpmath.log(mpmath.pi) + mpmath.log1p(-mpmath.gammainc(a, x, regularized=True))
        logarithms = a * mpmath.log(mpmath.pi) + a * mpmath.log(x) - x - mpmath.loggamma(a + 1)
        return logarithms + mpmath.log(mpmath.hyp1f1(1, a + 1, x))


@pytest.mark.parametrize("d", [1, 1e6])
def test_the_radius_where_z_is_one_agrees_with_mpmath_in_a_hundred_thousand_dimensions(d):
    r = radius.unit_radius(100_000, d)
    assert float(precisely(100_000, r) + mpmath.log(d)) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("n", [1, 64, 4096, 100_000])
@pytest.mark.parametrize("r", [0.0, 1e-300, 1e-20, 30.0, 1000.0])
def test_nothing_overflows(n, r):
    found = partition.log_ball_integral(n, r)
    assert found <= n / 2 * math.log(math.pi)
    assert (found == -math.inf) == (r == 0)
    assert not math.isnan(partition.log_ball_integral_as_stated(n, r))


def test_all_of_space_holds_pi_to_the_half_n():
    assert partition.log_ball_integral(64, 30.0) == pytest.approx(32 * math.log(math.pi), abs=1e-12)


@pytest.mark.parametrize("n", [1, 2, 7.5, 100, 2048])
@pytest.mark.parametrize("r", [1e-3, 0.5, 1.0, 3.0, 20.0])
def test_the_corrected_bounds_of_lemma_5_hold(n, r):
    lower, upper = partition.lemma_5(n, r)
    assert lower <= partition.log_ball_integral(n, r) <= upper + 1e-9


def test_the_lower_bound_of_lemma_5_as_stated_fails():
    lower, _ = partition.lemma_5_as_stated(1024, 8.0)
    assert partition.log_ball_integral(1024, 8.0) < lower


@pytest.mark.parametrize(("n", "r", "volume"), [(1, 2.0, 4.0), (2, 3.0, 9 * math.pi), (3, 1.5, 4 / 3 * math.pi * 1.5**3)])
def test_the_volume_of_a_ball(n, r, volume):
    assert partition.log_ball_volume(n, r) == pytest.approx(math.log(volume))


def test_the_volume_at_the_stated_radius_is_one_over_root_n_pi():
    assert partition.log_ball_volume(1024, radius.stated_radius(1024)) == pytest.approx(-math.log(1024 * math.pi) / 2, abs=1e-3)


@pytest.mark.parametrize(("n", "r", "off"), [(2, 1.0, -0.179), (1024, 7.743, 52.1), (1024, 10.0, 89.8)])
def test_equation_12_as_stated_is_off_by_so_much(n, r, off):
    error = partition.log_ball_integral_as_stated(n, r) - partition.log_ball_integral(n, r)
    assert error == pytest.approx(off, abs=0.05 if n > 2 else 1e-3)


def test_equation_12_as_stated_is_its_formula():
    # n = 2: 2π γ(2, r) / Γ(2), and γ(2, r) = 1 - (1 + r) exp(-r)
    expected = math.log(2 * math.pi * (1 - 2.5 * math.exp(-1.5)))
    assert partition.log_ball_integral_as_stated(2, 1.5) == pytest.approx(expected)


def test_z_counts_the_patterns():
    assert partition.log_partition(3, 1000, 0.7) == pytest.approx(math.log(1000) + partition.log_ball_integral(3, 0.7))
    stated = partition.log_partition_as_stated(3, 1000, 0.7)
    assert stated == pytest.approx(math.log(1000) + partition.log_ball_integral_as_stated(3, 0.7))


@pytest.mark.parametrize(("n", "d", "expected"), [(1024, 1, 8.316), (1024, 1e3, 8.251), (1024, 1e5, 8.208), (2, 1, 0.619)])
def test_the_radius_where_z_is_one(n, d, expected):
    found = radius.unit_radius(n, d)
    assert found == pytest.approx(expected, abs=6e-4)
    assert partition.log_partition(n, d, found) == pytest.approx(0, abs=1e-9)


def test_in_two_dimensions_that_radius_has_a_closed_form():
    assert radius.unit_radius(2) == pytest.approx(math.sqrt(-math.log(1 - 1 / math.pi)), abs=1e-12)


def test_at_the_stated_radius_one_pattern_in_1024_dimensions_has_almost_nothing():
    assert radius.stated_radius(1024) == pytest.approx(7.743, abs=5e-4)
    assert partition.log_ball_integral(1024, radius.stated_radius(1024)) == pytest.approx(-63.9, abs=0.05)


@pytest.mark.parametrize(("d", "n"), [(1e3, 73.5), (1e4, 109.5), (1e5, 146.4), (1e6, 183.7)])
def test_the_dimension_where_z_is_one_at_the_stated_radius(d, n):
    found = radius.dimension_of_unit_partition(d)
    assert found == pytest.approx(n, abs=0.05)
    assert partition.log_partition(found, d, radius.stated_radius(found)) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("d", [10, 1e3, 1e6])
def test_the_dimension_as_stated_has_the_upper_bound_at_one(d):
    n = radius.dimension_as_stated(d)
    assert math.log(d) + partition.log_ball_volume(n, radius.stated_radius(n)) == pytest.approx(0, abs=0.01)


def test_the_loss_of_the_example():
    log_z = partition.log_partition(2, 1, 0.3)
    assert log_z == pytest.approx(-1.308, abs=5e-4)
    assert partition.loss(log_z) == log_z
    assert partition.loss(log_z, mean_energy=0.5) == pytest.approx(log_z + 0.5)
    assert partition.loss_as_stated(log_z) == pytest.approx(2.39, abs=5e-3)


@pytest.mark.parametrize("log_z", [-800.0, -5.0, -0.1, 0.0, 0.1, 5.0, 800.0])
def test_the_loss_as_stated_is_never_below_one(log_z):
    assert partition.loss_as_stated(log_z) >= 1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: partition.log_ball_integral(0, 1.0), "n is 0; it must be positive and finite"),
        (lambda: partition.log_ball_integral(3, -1.0), "the radius is -1; it must be zero or more"),
        (lambda: partition.log_ball_integral(3, math.nan), "the radius is nan"),
        (lambda: partition.log_partition(3, 0, 1.0), "n_patterns is 0; it must be positive"),
        (lambda: radius.dimension_of_unit_partition(1), "n_patterns is 1; with one pattern or fewer Z is below 1"),
        (lambda: radius.unit_radius(1, 0.5), "0.5 patterns in 1 dimensions have Z below 1 at every radius"),
    ],
)
def test_what_has_no_answer_is_refused(call, message):
    with pytest.raises(UsageError, match=message):
        call()
