"""Sample sizes for widths with assurance: checked on simulated samples."""

import numpy as np
import pytest

from waistats import (
    DataError,
    ModelError,
    cronbach_alpha,
    intraclass_correlation,
    omega_total,
    sample_size_for_alpha,
    sample_size_for_icc,
    sample_size_for_omega,
)

RUNS = 400
# three standard errors of .80 in 400 runs
ERROR = 0.06


def narrow_enough(widths: list[float], goal: float) -> float:
    return float(np.mean(np.asarray(widths) <= goal))


def test_alpha_is_exact():
    """Parallel normal items: the share of narrow intervals is the assurance."""
    rng = np.random.default_rng(1)
    n = sample_size_for_alpha(0.8, 6, width=0.15, assurance=0.80)
    plain = sample_size_for_alpha(0.8, 6, width=0.15)
    assert plain < n < sample_size_for_alpha(0.8, 6, width=0.15, assurance=0.95)
    error = np.sqrt(6 * (1 / 0.8 - 1))
    shares = {}
    for size in (n, plain):
        widths = []
        for _ in range(RUNS):
            items = rng.normal(size=(size, 1)) + error * rng.normal(size=(size, 6))
            found = cronbach_alpha(items, ci="bonett", bias="bonett")
            widths.append(found.ci_high - found.ci_low)
        shares[size] = narrow_enough(widths, 0.15)
    assert abs(shares[n] - 0.80) < ERROR
    # the width at the expected alpha is exceeded by about half of all samples
    assert 0.4 < shares[plain] < 0.65


def test_alpha_takes_arrays_and_is_the_smallest():
    found = sample_size_for_alpha([0.8, 0.9], 12, width=0.05, assurance=0.8)
    assert found.tolist() == [
        sample_size_for_alpha(a, 12, width=0.05, assurance=0.8) for a in (0.8, 0.9)
    ]
    loose = sample_size_for_alpha(0.9, 12, width=0.05, assurance=0.79)
    assert loose <= found[1]


def test_omega():
    rng = np.random.default_rng(2)
    lam = np.array([0.8, 0.7, 0.6, 0.5, 0.7, 0.6])
    n = sample_size_for_omega(lam, width=0.10, assurance=0.80)
    widths = []
    for _ in range(RUNS):
        items = rng.normal(size=(n, 1)) * lam
        items = items + rng.normal(size=(n, 6)) * np.sqrt(1 - lam**2)
        found = omega_total(items, ci="normal-theory")
        widths.append(found.ci_high - found.ci_low)
    assert abs(narrow_enough(widths, 0.10) - 0.80) < ERROR + 0.02
    assert sample_size_for_omega(lam, width=0.10) < n


@pytest.mark.parametrize(
    ("form", "k", "width", "share"),
    [
        ("3,1", 3, 0.2, None),
        ("1,1", 3, 0.2, None),
        ("3,k", 3, 0.2, None),
        ("2,1", 8, 0.3, 0.05),
        ("2,k", 8, 0.1, 0.05),
    ],
)
def test_icc(form, k, width, share):
    rng = np.random.default_rng(3)
    icc = 0.95 if form == "2,k" else 0.75
    n = sample_size_for_icc(
        icc, k, width=width, form=form, rater_share=share, assurance=0.80
    )
    single = icc / (k - (k - 1) * icc) if form.endswith("k") else icc
    rater = share or 0.0
    widths = []
    for _ in range(RUNS):
        values = rng.normal(size=(n, 1)) * np.sqrt(single)
        values = values + rng.normal(size=k) * np.sqrt(rater)
        values = values + rng.normal(size=(n, k)) * np.sqrt(1 - single - rater)
        found = intraclass_correlation(values, form=form)
        widths.append(found.ci_high - found.ci_low)
    # a whole number of targets reaches a little more than was asked for
    assert -ERROR < narrow_enough(widths, width) - 0.80 < ERROR + 0.04


def test_few_raters_cannot_be_made_up_for_by_targets():
    with pytest.raises(ModelError, match="Plan more raters"):
        sample_size_for_icc(
            0.6, 3, width=0.1, form="2,1", rater_share=0.2, assurance=0.8
        )


def test_what_is_refused():
    with pytest.raises(ModelError, match="assurance belongs to a width"):
        sample_size_for_alpha(0.9, 12, null=0.8, assurance=0.8)
    with pytest.raises(DataError, match="assurance"):
        sample_size_for_alpha(0.9, 12, width=0.1, assurance=1.0)
    with pytest.raises(ModelError, match="rater_share belongs to forms 2"):
        sample_size_for_icc(0.8, 3, width=0.1, form="3,1", rater_share=0.1)
    with pytest.raises(DataError, match="leave some error"):
        sample_size_for_icc(0.8, 3, width=0.1, form="2,1", rater_share=0.2)
    with pytest.raises(DataError, match="between -1 and 1"):
        sample_size_for_omega([0.5, 1.2, 0.6], width=0.1)
