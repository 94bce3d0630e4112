"""The figure `qq`."""

import numpy as np
from figure_made import marked

from waistats import (
    figures,
)
from waistats.sensitivity.deletion import influence

# what tests/test_provenance.py draws, of SIMULATED data and of others
EXAMPLES = {
    "qq": lambda m, **o: figures.qq(m.fit, **o),
}


class TestQuantiles:
    def test_points_are_sorted_residuals(self, models):
        points = marked(figures.qq(models[30]))
        expected = np.sort(influence(models[30])["rstudent"])
        np.testing.assert_allclose(points[:, 1], expected)
        assert np.all(np.diff(points[:, 0]) > 0)
        np.testing.assert_allclose(points[:, 0], -points[::-1, 0], atol=1e-12)
