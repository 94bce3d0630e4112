"""P values adjusted for the number of tests, against statsmodels."""

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from waistats._adjusted import adjusted_p


@pytest.mark.parametrize("method", ["holm", "fdr_bh"])
def test_it_is_statsmodels(method: str) -> None:
    p = np.array([0.04, 0.001, 0.3, 0.3, 0.9, 0.012])
    np.testing.assert_array_equal(
        adjusted_p(p, method), multipletests(p, method=method)[1]
    )
