"""The figure `funnel`."""

import numpy as np
import pytest
from figure_checks import check_layout
from figure_made import SIZES, marked, simulated

from waistats import (
    ModelError,
    back_transform,
    figures,
    fit_meta,
)
from waistats.sensitivity.trim_and_fill import trim_and_fill

# what tests/test_provenance.py draws, of SIMULATED data and of others
EXAMPLES = {
    "funnel": lambda m, **o: figures.funnel(m.fit, **o),
    "funnel of a filled model": lambda m, **o: figures.funnel(m.filled, **o),
}


class TestFunnel:
    @pytest.mark.parametrize("k", SIZES)
    def test_points_and_layout(self, models, k):
        ax = figures.funnel(models[k])
        result = models[k]
        np.testing.assert_allclose(marked(ax)[:, 0], result.effects.yi)
        np.testing.assert_allclose(marked(ax)[:, 1], np.sqrt(result.effects.vi))
        check_layout(ax)
        assert ax.yaxis_inverted()

    def test_a_coefficient_in_a_shade_reaches_the_threshold(self, models):
        ax = figures.funnel(models[30], thresholds=(0.85,))
        shade = next(p for p in ax.patches if p.get_label() == "≥ .85")
        assert back_transform(shade.get_x()) == pytest.approx(0.85)
        end = shade.get_x() + shade.get_width()
        assert end == pytest.approx(ax.get_xlim()[1])

    def test_thresholds_out_of_sight_are_not_named(self, models):
        ax = figures.funnel(models[30], thresholds=(0.2, 0.3, 0.999))
        assert [t.get_text() for t in ax.get_legend().get_texts()] == ["≥ .30"]

    def test_moderators_give_residuals(self):
        result = fit_meta(simulated(12), "~ year")
        ax = figures.funnel(result)
        fitted = result.predict(back_transform=False)["estimate"]
        np.testing.assert_allclose(marked(ax)[:, 0], result.effects.yi - fitted)
        assert ax.get_xlabel() == "Residual"

    def test_too_many_thresholds(self, models):
        with pytest.raises(ModelError, match="at most 4"):
            figures.funnel(models[5], thresholds=(0.5, 0.6, 0.7, 0.8, 0.9))


class TestFilled:
    def test_filled_studies_are_hollow(self):
        effects = simulated(60)
        seen = (effects["yi"] > 2.2) | (effects["vi"] < effects["vi"].quantile(0.3))
        filled = trim_and_fill(fit_meta(effects[seen]), side="left")
        ax = figures.funnel(filled)
        assert len(marked(ax, "filled in")) == filled.k0 > 0
        assert f"{filled.k0} of them, hollow" in figures.alt_text(ax)
