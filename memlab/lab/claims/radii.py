"""Claims on radii and sizes: equation 14, N = O(D²), and how far apart the patterns of a trained model lie."""

import math
from typing import TYPE_CHECKING

from memlab.lab.claims.claim import CORRECTED, FAILS, HOLDS, OPEN, Claim, Figure, Verdict, judged
from memlab.lab.claims.energies import PAPER
from memlab.lab.claims.evidence import Evidence
from memlab.lab.claims.partition import by_quadrature
from memlab.lab.distances import of_the_null
from memlab.render.scale import decimal, short
from memlab.theory import matched, partition, radius, sizes

if TYPE_CHECKING:
    from memlab.lab.radius import Radius

_WIDTH = 1024  # of the paper's model
_PATTERNS = (1, 1_000, 100_000)
_MANY = (1e3, 1e4, 1e5, 1e6)
_NEAR_ONE = math.log(2)  # Z within a factor of two of 1
_STATED_EXPONENT, _EXPONENT_OFF = 2.0, 0.1
_NEAR = 0.3  # relative: the paper's own radius, about 10, is that far from its 7.74


def equation_14(seed: int, known: Evidence | None) -> Claim:
    stated = radius.stated_radius(_WIDTH)
    exact = [radius.unit_radius(_WIDTH, d) for d in _PATTERNS]
    log_z, volume = by_quadrature(_WIDTH, stated), partition.log_ball_volume(_WIDTH, stated)
    at_exact = max(abs(math.log(d) + by_quadrature(_WIDTH, r)) for d, r in zip(_PATTERNS, exact, strict=True))
    verdict = judged(abs(log_z) <= _NEAR_ONE and log_z >= volume - stated, at_exact <= _NEAR_ONE)
    why = {
        HOLDS: f"At √(n/2πe) ln Z is {decimal(log_z)}.",
        CORRECTED: f"At √(n/2πe) = {stated:.3f} one pattern in {_WIDTH:,} dimensions has ln Z = {log_z:.1f}, below the bound; Z is 1 "
        f"at {exact[0]:.3f}.",
        FAILS: f"Z is neither 1 at {stated:.3f} nor at {exact[0]:.3f}.",
    }[verdict]
    radii = ", ".join(f"{r:.3f} (d = {d:,})" for d, r in zip(_PATTERNS, exact, strict=True))
    return Claim(
        "equation-14",
        "Equation 14, Z near 1",
        f"{PAPER}, equation 14",
        "at r₀ = √(n/2πe): d·V_n(r₀)·exp(−r₀) ≤ Z_t ≤ d·V_n(r₀), which puts Z near 1",
        "Z = 1 where ln d + ln I(n, r) = 0, solved for r",
        [
            Figure("ln V_n(r₀), n = 1,024", volume, f"{volume:.2f}, as −½ ln(n·π) = {-math.log(_WIDTH * math.pi) / 2:.2f} says"),
            Figure("ln Z at r₀, d = 1", log_z, f"{log_z:.1f}, by quadrature"),
            Figure("r with Z = 1, n = 1,024", exact[0], radii),
            Figure("r with Z = 1, n = 2, d = 1", radius.unit_radius(2), f"{radius.unit_radius(2):.3f}"),
        ],
        _balls(known.radius) if known and known.radius else [],
        verdict,
        why,
        "",
    )


def n_of_d2(seed: int, known: Evidence | None) -> Claim:
    """How n grows with d where Z = 1, by the upper bound and by the integral; and the exponent that experiment E7 itself leaves open."""
    exact, stated = [radius.dimension_of_unit_partition(d) for d in _MANY], [radius.dimension_as_stated(d) for d in _MANY]
    grown, bound = (matched.exponent(list(zip(found, _MANY, strict=True))) for found in (exact, stated))
    low, high = _exponents_of_e7()
    follows = abs(grown - _STATED_EXPONENT) <= _EXPONENT_OFF
    dimensions = ", ".join(f"{n:.1f}" for n in exact)
    ratios = ", ".join(f"{ratio * 1e10:.2f}" for ratio in _ratios_of_e7())
    return Claim(
        "n-of-d2",
        "Proposition 5, N = O(D²)",
        f"{PAPER}, proposition 5 and experiment E7",
        "Z_t = 1 needs N = O(D²): the best model size grows with the square of the data",
        "with the exact integral Z = 1 at r₀ needs n ∝ ln d",
        [
            Figure("n at Z = 1, d = 1e3, 1e4, 1e5, 1e6", exact[-1], dimensions),
            Figure("exponent of n in d", grown, f"{grown:.2f} by the integral, {bound:.2f} by the upper bound that the paper takes for Z"),
            Figure("N/D*² of experiment E7, in 1e-10", _ratios_of_e7()[0], ratios),
            Figure("exponent of N in D* there", low, f"{low:.1f} to {high:.1f}, as D* lies between two D that were tried"),
        ],
        _own_sizes(known),
        HOLDS if follows else FAILS,
        f"Z = 1 needs n to grow as d to the {grown:.2f}"
        + (", as stated." if follows else f", not to the 2; three measured sizes leave an exponent from {low:.1f} to {high:.1f} open."),
        "" if follows else "memlab sweep regimes",
    )


def measured_radius(seed: int, known: Evidence | None) -> Claim:
    """Half the mean distance between nearest patterns, against the radius as stated, the exact one, and what any cloud of points has."""
    found = known.radius if known else None
    stated = radius.stated_radius(_WIDTH)
    checks = [
        Figure("√(n/2πe), n = 1,024", stated, f"{stated:.3f}"),
        Figure("r with Z = 1 there", radius.unit_radius(_WIDTH), f"{radius.unit_radius(_WIDTH):.3f} for one pattern"),
    ]
    about = (
        "radius",
        "Radius of the patterns",
        f"{PAPER}, experiment E6",
        "patterns of a trained model have a radius near √(n/2πe): about 10 against 7.74 in GPT-2 medium",
        "against the r at which Z = 1 for as many patterns, and against vectors of the same mean and covariance",
        checks,
    )
    if found is None:
        why = (
            f"The radius is that of a run's patterns: {known.missing('radius')}."
            if known
            else "It is measured on a run, and none is given."
        )
        return Claim(*about, [], OPEN, why, known.command if known else "memlab claims RUN --measure")
    verdict, why = _told_of_radius(found)
    before = known.untrained_radius
    control = f", untrained {decimal(before.measured[-1].radius)}" if before else ""
    own, null = found.measured[-1].radius, Figure("radius of Gaussian vectors", found.null[-1].radius, of_the_null(found))
    measured = [Figure("radius", own, f"{decimal(own)} (Gaussian {decimal(null.value)}{control}), {found.layer_words}"), null]
    return Claim(*about, [*measured, *_balls(found)], verdict, why, "")


def _told_of_radius(found: "Radius") -> tuple[Verdict, str]:
    own, null = found.measured[-1].radius, found.null[-1].radius
    is_near, is_near_exact = (abs(own / one - 1) <= _NEAR for one in (found.stated_radius, found.unit_radius))
    words = f"{decimal(own)}, √(n/2πe) is {decimal(found.stated_radius)} and Z = 1 at {decimal(found.unit_radius)}"
    if not (is_near or is_near_exact):
        return FAILS, f"The measured radius is {words}: neither is within 30 %."
    if min(abs(null / one - 1) for one in (found.stated_radius, found.unit_radius)) <= _NEAR:
        return OPEN, f"The measured radius is {words}; but Gaussian vectors of the same covariance come as near ({decimal(null)})."
    if is_near:
        return HOLDS, f"The measured radius is {words}, and {decimal(null)} for Gaussian vectors of the same covariance."
    return CORRECTED, f"The measured radius is {words}: it is near the exact one only."


def _balls(found: "Radius") -> list[Figure]:
    """What theory says of as many patterns as wide."""
    log_z = found.log_partition
    return [
        Figure(f"√(n/2πe), n = {found.n_dimensions:,}", found.stated_radius, decimal(found.stated_radius)),
        Figure(f"r with Z = 1, d = {found.n_vectors:,}", found.unit_radius, decimal(found.unit_radius)),
        Figure("ln Z at the measured radius", log_z, decimal(log_z) if log_z > -1e6 else "−∞: balls without extent"),
    ]


def _own_sizes(known: Evidence | None) -> list[Figure]:
    """N/D² of a run, which is one point of the law, beside the paper's."""
    if not (known and known.facts):
        return []
    n_params, n_tokens = known.facts["model"]["n_params"], known.facts["data"]["n_tokens"]
    ratio, mean = sizes.n_over_d_squared(n_params, n_tokens), sum(_ratios_of_e7()) / len(_ratios_of_e7())
    words = f"{ratio:.3g} (N {short(n_params)}, D {short(n_tokens)}); {mean:.3g} in E7"
    return [Figure("N/D²", ratio, words)]


def _ratios_of_e7() -> list[float]:
    return [sizes.n_over_d_squared(n_params, n_tokens) for n_params, (_, n_tokens) in sizes.MEASURED_BETWEEN.items()]


def _exponents_of_e7() -> tuple[float, float]:
    """The least and the greatest exponent of N in D* between the smallest and the largest model, by where D* may lie."""
    (first, (low, high)), *_, (last, (last_low, last_high)) = sizes.MEASURED_BETWEEN.items()
    return matched.exponent([(first, low), (last, last_high)]), matched.exponent([(first, high), (last, last_low)])
