"""The figure `length`."""

import numpy as np
import pandas as pd
import pytest
from figure_made import simulated

from waistats import (
    DataError,
    ModelError,
    figures,
    fit_meta,
)

# what tests/test_provenance.py draws, of SIMULATED data and of others
EXAMPLES = {
    "length": lambda m, **o: figures.length(m.lengths, **o),
}


class TestLength:
    def test_the_curve_goes_through_the_pooled_value(self, models):
        model = models[30]
        ax = figures.length(model)
        line = next(x for x in ax.lines if x.get_label() == "Spearman–Brown")
        typical = np.exp(np.log(model.effects.table["n_items"]).mean())
        at = np.interp(typical, line.get_xdata(), line.get_ydata())
        assert at == pytest.approx(model.estimate, abs=1e-3)

    def test_it_needs_items_and_no_moderators(self):
        with pytest.raises(ModelError, match="without moderators"):
            figures.length(fit_meta(simulated(8), "~ year"))
        table = pd.DataFrame({"yi": [0.1, 0.4, 0.3], "vi": [0.02, 0.03, 0.01]})
        with pytest.raises(DataError, match="n_items"):
            figures.length(fit_meta(table))
