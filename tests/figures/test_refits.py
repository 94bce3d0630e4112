"""The figure `refits`."""

import numpy as np
import pytest
from figure_checks import check_layout
from figure_made import marked, simulated

import waistats as w
from waistats import (
    DataError,
    back_transform,
    figures,
)
from waistats.meta.multilevel.fit import fit_multilevel
from waistats.sensitivity.deletion import cumulative, leave_one_out

# what tests/test_provenance.py draws, of SIMULATED data and of others
EXAMPLES = {
    "cumulative": lambda m, **o: figures.cumulative(m.fit, **o),
    "leave_one_out": lambda m, **o: figures.leave_one_out(
        w.leave_one_out(m.fit, back_transform=True), **o
    ),
}


class TestRefits:
    def test_rows_are_those_of_the_frame(self, models):
        model = models[30]
        frame = leave_one_out(model, back_transform=True)
        for given in (model, frame):
            ax = figures.leave_one_out(given)
            x = marked(ax, "estimates")[:, 0]
            np.testing.assert_allclose(back_transform(x), frame["estimate"])

    def test_order_by_estimate(self, models):
        x = marked(figures.leave_one_out(models[30], order="estimate"), "estimates")
        assert np.all(np.diff(x[:, 0]) >= 0)

    def test_cumulative_ends_at_the_pooled_value(self, models):
        ax = figures.cumulative(models[30], order="precision")
        x = marked(ax, "estimates")[:, 0]
        assert x[-1] == pytest.approx(models[30].estimate)
        frame = cumulative(models[30], "precision", back_transform=True)
        np.testing.assert_allclose(back_transform(x), frame["estimate"])

    def test_a_frame_on_the_models_scale_is_refused(self, models):
        with pytest.raises(DataError, match="back_transform=True"):
            figures.leave_one_out(leave_one_out(models[5]))

    def test_multilevel_models(self):
        effects = simulated(16, study_id=[f"S{i // 2}" for i in range(16)])
        model = fit_multilevel(effects)
        check_layout(figures.leave_one_out(model))
        check_layout(figures.forest(model))
        check_layout(figures.influence(model))
