"""The figure `radial`."""

import numpy as np
import pandas as pd
import pytest
from figure_made import marked

from waistats import (
    effect_sizes,
    figures,
    fit_meta,
)

# what tests/test_provenance.py draws, of SIMULATED data and of others
EXAMPLES = {
    "radial": lambda m, **o: figures.radial(m.fit, **o),
}


class TestAgainstMetafor:
    @pytest.mark.parametrize("case", ["mean_knha", "mean_wald"])
    def test_points(self, reference, case):
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
        points = marked(figures.radial(model))
        np.testing.assert_allclose(points[:, 0], expected["radial_x"], rtol=1e-6)
        np.testing.assert_allclose(
            points[:, 1], expected["radial_y"], rtol=1e-5, atol=1e-7
        )
