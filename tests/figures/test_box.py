"""The figure `box`."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from figure_checks import check_layout
from figure_made import SIZES, simulated

from waistats import (
    DataError,
    figures,
)
from waistats.figures.box import swarm

# what tests/test_provenance.py draws, of SIMULATED data and of others
EXAMPLES = {
    "box": lambda m, **o: figures.box(m.coefficients, **o),
}


class TestBox:
    @pytest.mark.parametrize("k", SIZES)
    def test_every_coefficient_is_a_point(self, k):
        table = simulated(k)
        ax = figures.box(table)
        check_layout(ax)
        drawn = np.concatenate([c.get_offsets()[:, 0] for c in _points(ax)])
        np.testing.assert_allclose(np.sort(drawn), np.sort(table["estimate"]))
        cells = table.groupby(["instrument", "rater", "scale"]).size()
        assert len(ax.get_yticks()) == len(cells)

    @pytest.mark.parametrize("k", [12, 60])
    def test_given_axes(self, k):
        _, ax = plt.subplots(figsize=(3, 2.4), layout="constrained")
        assert figures.box(simulated(k), ax=ax) is ax
        check_layout(ax)

    def test_boxes_only_where_they_say_something(self):
        table = simulated(24, rater=["client"] * 4 + ["observer"] * 20)
        ax = figures.box(table, by=("rater",))
        medians = [line for line in ax.lines if line.get_linewidth() == 1.6]
        assert len(medians) == 1
        own = table.loc[table["rater"] == "observer", "estimate"]
        assert medians[0].get_xdata()[0] == pytest.approx(own.median())

    def test_kinds_of_coefficients_are_kept_apart(self):
        table = simulated(8, rater="client").assign(
            coefficient_type=["alpha", "icc"] * 4
        )
        ax = figures.box(table, by="rater")
        labels = [t.get_text() for t in ax.get_yticklabels()]
        assert labels == ["client, alpha", "client, icc"]

    @pytest.mark.parametrize("low", [0.30, 0.70, 0.79, 0.90, 0.981])
    def test_printed_ticks_are_true(self, low):
        estimates = np.linspace(low, low + (1 - low) * 0.8, 12)
        ax = figures.box(simulated(12).assign(estimate=estimates))
        ax.figure.canvas.draw()
        inside = [
            t for t in ax.get_xticks() if ax.get_xlim()[0] <= t <= ax.get_xlim()[1]
        ]
        shown = [ax.xaxis.get_major_formatter()(tick, 0) for tick in inside]
        assert len(inside) >= 3
        assert [float(text) for text in shown] == pytest.approx(inside, abs=1e-9)

    def test_rows_without_an_estimate_are_named(self):
        table = simulated(6)
        table.loc[2, "estimate"] = np.nan
        assert "1 row without an estimate" in figures.alt_text(figures.box(table))
        with pytest.raises(DataError, match="is empty"):
            figures.box(table.assign(estimate=np.nan))

    def test_points_of_a_swarm_do_not_touch(self):
        places = np.sort(np.random.default_rng(3).normal(0, 5, 60))
        offsets = swarm(places, 2.0)
        apart = np.hypot(
            places[:, None] - places, offsets[:, None] - offsets
        ) + 9 * np.eye(60)
        assert apart.min() >= 0.95 * 2.0 - 1e-9


def _points(ax):
    return [c for c in ax.collections if type(c).__name__ == "PathCollection"]
