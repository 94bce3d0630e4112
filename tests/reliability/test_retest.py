"""Test-retest correlation against R and at its edges."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from waistats import DataError
from waistats.reliability.icc import intraclass_correlation
from waistats.reliability.retest import test_retest as retest

HERE = Path(__file__).parents[1] / "reference"
REFERENCE = json.loads((HERE / "coefficients.json").read_text(encoding="utf-8"))
DATA = json.loads((HERE / "coefficients_data.json").read_text(encoding="utf-8"))


def test_retest_is_cor_test():
    ceiling = np.array(DATA["ceiling"], dtype=float)
    first, second = ceiling[:, :3].mean(1), ceiling[:, 3:].mean(1)
    found = retest(first, second)
    expected = REFERENCE["retest"]
    assert found.estimate == pytest.approx(expected["estimate"], rel=1e-12)
    assert [found.ci_low, found.ci_high] == pytest.approx(expected["ci"], rel=1e-10)
    icc = retest(first, second, method="icc", form="3,1")
    both = np.column_stack([first, second])
    assert icc.estimate == intraclass_correlation(both, form="3,1").estimate


def test_retest_edges():
    with pytest.raises(DataError, match="the same length; got 3 and 4"):
        retest([1, 2, 3], [1, 2, 3, 4])
    with pytest.raises(DataError, match="different indexes"):
        retest(pd.Series([1, 2, 3]), pd.Series([1, 2, 3], index=[1, 2, 3]))
    with pytest.raises(DataError, match="must vary"):
        retest([1, 2, 3], [1, 1, 1])
    with pytest.raises(DataError, match="at least 3 people"):
        retest([1, 2, np.nan], [1, 1, 1])
    with pytest.raises(DataError, match="second must be a list of numbers"):
        retest([1, 2, 3], ["a", "b", "c"])
    three = retest([1, 2, 3], [1, 3, 2])
    assert np.isnan(three.ci_low)
    assert three.ci == ""
    perfect = retest([1, 2, 3, 4], [2, 4, 6, 8])
    assert (perfect.estimate, perfect.se) == pytest.approx((1, 0), abs=1e-7)
    missing = retest([1, 2, 3, 4, np.nan], [2, 1, 6, 8, 3])
    assert (missing.n, missing.n_excluded) == (4, 1)
