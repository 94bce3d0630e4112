"""The figure `flow`."""

import matplotlib.pyplot as plt
import pandas as pd
import pytest
from figure_checks import check_boxes, check_layout
from figure_made import texts

import waistats as w
from waistats import (
    DataError,
    figures,
)

# what tests/test_provenance.py draws, of SIMULATED data and of others
EXAMPLES = {
    "flow": lambda m, **o: figures.flow(w.flow_counts(m.sheet), **o),
}


FLOW = {
    "Records found": {"studies": 412},
    "Not about the WAI": {"studies": 230, "side": True},
    "Full texts read": {"studies": 182, "persons": 20012},
    "Reliability induced": {"studies": 121, "side": True, "note": "54 by omission"},
    "Pooled": {"studies": 61, "samples": 71, "coefficients": 1, "persons": 9034},
}


class TestFlow:
    def test_boxes_arrows_and_counts(self):
        from matplotlib.patches import FancyArrowPatch, Rectangle

        ax = figures.flow(FLOW)
        check_layout(ax)
        assert sum(isinstance(p, Rectangle) for p in ax.patches) == 5
        assert sum(isinstance(p, FancyArrowPatch) for p in ax.patches) == 4
        shown = " ".join(texts(ax)).replace("\u00a0", " ")
        assert "61 studies, 71 samples, 1 coefficient, 9,034 persons" in shown
        assert "Pooled: 61 studies" in figures.alt_text(ax)

    @pytest.mark.parametrize("dpi", [100, 110, 220, 300])
    def test_texts_stay_in_their_boxes_at_every_resolution(self, dpi):
        ax = figures.flow(FLOW)
        figures.render(ax, "png", dpi=dpi)
        ax.get_figure().set_dpi(dpi)
        check_boxes(ax)

    def test_a_frame_does_as_well(self):
        frame = pd.DataFrame(FLOW).T.reset_index(names="box")
        one, two = (figures.render(figures.flow(x)) for x in (FLOW, frame))
        assert one == two

    def test_given_axes(self):
        _, ax = plt.subplots(figsize=(4, 3))
        check_layout(figures.flow(FLOW, ax=ax))

    @pytest.mark.parametrize(
        ("boxes", "match"),
        [
            ([1], "mapping of names"),
            ({"A": 3}, "counts of box 'A'"),
            ({"A": {"studies": 1, "side": True}}, "at least one box on the way"),
            (pd.DataFrame({"name": ["A"]}), "column 'box'"),
            (pd.DataFrame({"box": ["A", "A"]}), "must differ"),
        ],
    )
    def test_bad_boxes(self, boxes, match):
        with pytest.raises(DataError, match=match):
            figures.flow(boxes)
