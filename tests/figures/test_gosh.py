"""The figure `gosh`."""

import numpy as np
import pytest
from figure_checks import check_layout
from figure_made import simulated, texts

from waistats import (
    ModelError,
    figures,
    fit_meta,
)
from waistats.sensitivity.gosh import gosh

# what tests/test_provenance.py draws, of SIMULATED data and of others
EXAMPLES = {
    "gosh": lambda m, **o: figures.gosh(m.gosh, **o),
}


class TestGosh:
    def test_every_subset_is_counted(self):
        cloud = gosh(fit_meta(simulated(10)))
        ax = figures.gosh(cloud)
        check_layout(ax)
        counts = ax.collections[0].get_array()
        usable = (cloud.k > 1) & np.isfinite(cloud.I2)
        assert counts.sum() == usable.sum()

    def test_with_and_without_a_study(self):
        model = fit_meta(simulated(9))
        ax = figures.gosh(model, study=2)
        check_layout(ax)
        assert any(t.startswith("With Author3") for t in texts(ax))
        assert all(len(panel.patches) == 2 for panel in ax.child_axes)

    def test_a_model_of_many_is_drawn_from_a_fixed_sample(self):
        model = fit_meta(simulated(24))
        cloud = gosh(model, subsets=2000, seed=1)
        assert figures.render(figures.gosh(cloud)) == figures.render(
            figures.gosh(cloud)
        )

    def test_moderators_are_refused(self):
        with pytest.raises(ModelError, match="without moderators"):
            figures.gosh(gosh(fit_meta(simulated(8), "~ year")))
