"""The figure `caterpillar`."""

import numpy as np
import pytest
from figure_checks import check_layout
from figure_made import SIZES, marked

from waistats import (
    figures,
)

# what tests/test_provenance.py draws, of SIMULATED data and of others
EXAMPLES = {
    "caterpillar": lambda m, **o: figures.caterpillar(m.multilevel, **o),
}


class TestCaterpillar:
    @pytest.mark.parametrize("k", SIZES)
    def test_points_are_sorted(self, models, k):
        ax = figures.caterpillar(models[k])
        np.testing.assert_allclose(marked(ax)[:, 0], np.sort(models[k].effects.yi))
        check_layout(ax)
