"""The figure `shrinkage`."""

import numpy as np
from figure_made import marked, simulated

from waistats import (
    figures,
    fit_meta,
)
from waistats.meta.multilevel.fit import fit_multilevel

# what tests/test_provenance.py draws, of SIMULATED data and of others
EXAMPLES = {
    "shrinkage": lambda m, **o: figures.shrinkage(m.fit, **o),
}


class TestShrinkage:
    def test_one_level_is_the_known_formula(self, models):
        model = models[30]
        share = model.tau2 / (model.tau2 + model.effects.vi)
        expected = model.estimate + share * (model.effects.yi - model.estimate)
        found = model.true_values(back_transform=False)["estimate"]
        np.testing.assert_allclose(found, expected)
        ax = figures.shrinkage(model)
        np.testing.assert_allclose(marked(ax, "estimates")[:, 0], expected)

    def test_multilevel_with_one_level_agrees(self):
        effects = simulated(20)
        one = fit_meta(effects)
        several = fit_multilevel(effects, levels=("coefficient_id",))
        ends = ["estimate", "ci_low", "ci_high"]
        found, expected = (f.true_values(0.9)[ends] for f in (several, one))
        np.testing.assert_allclose(found["estimate"], expected["estimate"], rtol=1e-5)
