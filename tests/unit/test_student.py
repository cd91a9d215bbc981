"""Student's t against printed tables and against its density, integrated."""

import math

import numpy as np
import pytest

from memlab.theory.student import student

TABLE = {1: 12.7062, 2: 4.3027, 3: 3.1824, 4: 2.7764, 5: 2.5706, 10: 2.2281, 11: 2.2010, 15: 2.1314, 29: 2.0452, 30: 2.0423, 120: 1.9799}


@pytest.mark.parametrize(("degrees", "t"), TABLE.items())
def test_t_is_that_of_the_tables(degrees, t):
    assert student(degrees) == pytest.approx(t, abs=6e-5)


@pytest.mark.parametrize("degrees", [1, 2, 3, 8, 13, 29, 30, 31, 200])
@pytest.mark.parametrize("confidence", [0.5, 0.95])
def test_between_minus_t_and_t_lies_the_confidence(degrees, confidence):
    t, step = np.linspace(0, student(degrees, confidence), 20_001, retstep=True)
    scale = math.exp(math.lgamma((degrees + 1) / 2) - math.lgamma(degrees / 2)) / math.sqrt(degrees * math.pi)
    density = scale * (1 + t**2 / degrees) ** (-(degrees + 1) / 2)
    assert 2 * np.trapezoid(density, dx=step) == pytest.approx(confidence, abs=1e-6)


def test_without_degrees_of_freedom_there_is_no_t():
    with pytest.raises(ValueError, match="0 degrees of freedom"):
        student(0)
