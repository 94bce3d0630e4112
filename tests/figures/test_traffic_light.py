"""The figure `traffic_light`."""

import pandas as pd
import pytest
from figure_checks import check_layout

from waistats import (
    DataError,
    figures,
)

# what tests/test_provenance.py draws, of SIMULATED data and of others
EXAMPLES = {
    "traffic_light": lambda m, **o: figures.traffic_light(m.rated, **o),
}


def test_every_study_has_a_light_for_every_standard():
    sheet = pd.DataFrame(
        {
            "study_id": ["A", "B", "C"],
            "estimate": [0.9, 0.8, 0.85],
            "unidim_checked": [True, False, None],
            "per_subscale_reported": [True, True, False],
        }
    )
    ax = figures.traffic_light(sheet)
    lights = sum(len(c.get_offsets()) for c in ax.collections)
    assert lights == 3 * len(ax.get_xticks())
    check_layout(ax)


def test_a_table_without_ratings_is_refused():
    with pytest.raises(DataError, match="group quality"):
        figures.traffic_light(pd.DataFrame({"study_id": ["A"], "estimate": [0.9]}))
