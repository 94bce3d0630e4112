"""The figure `baujat`."""

import numpy as np
import pandas as pd
import pytest
from figure_made import marked

from waistats import (
    effect_sizes,
    figures,
    fit_meta,
)
from waistats.figures.baujat import baujat_values

# what tests/test_provenance.py draws, of SIMULATED data and of others
EXAMPLES = {
    "baujat": lambda m, **o: figures.baujat(m.fit, **o),
}


class TestAgainstMetafor:
    @pytest.mark.parametrize("case", ["mean_knha", "mean_wald", "moderator_knha"])
    def test_points_and_values(self, reference, case):
        data = reference["data"]
        table = pd.DataFrame(
            {
                "study_id": [str(i) for i in range(9)],
                "estimate": data["ai"],
                "n": data["ni"],
                "n_items": data["mi"],
                "place": np.arange(1, 10),
            }
        )
        model = fit_meta(
            effect_sizes(table),
            "~ place" if "moderator" in case else None,
            method="DL" if case == "mean_wald" else "REML",
            small_sample="wald" if case == "mean_wald" else "knapp-hartung",
        )
        expected = reference["cases"][case]
        x, y = baujat_values(model)
        np.testing.assert_allclose(x, expected["baujat_x"], rtol=1e-6)
        np.testing.assert_allclose(y, expected["baujat_y"], rtol=1e-5)
        drawn = marked(figures.baujat(model))
        np.testing.assert_allclose(drawn, np.column_stack([x, y]))
