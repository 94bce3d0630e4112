"""Reliability and length: Spearman and Brown's formula there and back."""

import numpy as np
import pytest

from waistats import (
    DataError,
    lengthening_factor,
    mean_inter_item_correlation,
    spearman_brown,
)


def test_spearman_brown():
    # worked examples: .91 at 12 -> 36, .95 at 36 -> 12, .91 at 12 -> 4
    assert spearman_brown(0.91, 12, 36) == pytest.approx(0.9681, abs=5e-5)
    assert spearman_brown(0.95, 36, 12) == pytest.approx(0.8636, abs=5e-5)
    assert spearman_brown(0.91, 12, 4) == pytest.approx(0.7712, abs=5e-5)
    there_and_back = spearman_brown(spearman_brown([0.8, -0.02], 12, 36), 36, 12)
    np.testing.assert_allclose(there_and_back, [0.8, -0.02])
    with pytest.raises(DataError, match="cannot be projected"):
        spearman_brown(-0.6, 12, 36)
    with pytest.raises(DataError, match="positive"):
        spearman_brown(0.6, 0, 36)
    r = mean_inter_item_correlation(0.91, 12)
    assert 12 * r / (1 + 11 * r) == pytest.approx(0.91)
    f = lengthening_factor(0.8, 0.9)
    assert spearman_brown(0.8, 10, 10 * f) == pytest.approx(0.9)
