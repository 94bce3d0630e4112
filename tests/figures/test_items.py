"""The figure `items`."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from figure_checks import check_layout
from figure_made import marked

import waistats as w
from waistats import (
    DataError,
    figures,
)

# what tests/test_provenance.py draws, of SIMULATED data and of others
EXAMPLES = {
    "items": lambda m, **o: figures.items(w.item_statistics(m.items), **o),
}


class TestItems:
    def test_three_panels(self, items):
        ax = figures.items(items, alpha=0.9)
        check_layout(ax)
        assert len(ax.child_axes) == 3
        for panel, name in zip(
            ax.child_axes[1:],
            ("item_rest_correlation", "alpha_if_dropped"),
            strict=True,
        ):
            np.testing.assert_allclose(marked(panel, "items")[:, 0], items[name])
        assert "Lowest item-rest correlation: item 5" in figures.alt_text(ax)

    def test_small_axes_keep_the_first_panel(self, items):
        _, ax = plt.subplots(figsize=(2.6, 2.4), layout="constrained")
        figures.items(items, ax=ax)
        assert len(ax.child_axes) == 1
        check_layout(ax)

    def test_only_item_statistics(self, items):
        with pytest.raises(DataError, match="lacks share_at_floor"):
            figures.items(items.drop(columns="share_at_floor"))
        with pytest.raises(DataError, match="item_statistics"):
            figures.items([1, 2])
