"""The figure `multiverse`."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from figure_checks import check_layout
from figure_made import marked

from waistats import (
    ModelError,
    back_transform,
    figures,
)

# what tests/test_provenance.py draws, of SIMULATED data and of others
EXAMPLES = {
    "multiverse": lambda m, **o: figures.multiverse(m.multiverse, **o),
}


class TestMultiverse:
    def test_estimates_and_choices(self, found):
        ax = figures.multiverse(found)
        check_layout(ax)
        curve, matrix = ax.child_axes
        y = marked(curve, "estimates")[:, 1]
        np.testing.assert_allclose(back_transform(y), np.sort(found.frame["estimate"]))
        marks = sum(len(p.get_path().vertices) // 2 for p in matrix.patches)
        names = ("measure", "model", "interval", "exclusion")
        choices = sum(len(set(found.frame[name])) > 1 for name in names)
        assert marks == choices * len(found.frame)

    def test_small_axes_keep_the_curve(self, found):
        _, ax = plt.subplots(figsize=(3, 2), layout="constrained")
        figures.multiverse(found, ax=ax)
        assert len(ax.child_axes) == 1
        check_layout(ax)

    def test_only_a_multiverse(self, models):
        with pytest.raises(ModelError, match="needs the result of multiverse"):
            figures.multiverse(models[5])
