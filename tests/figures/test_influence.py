"""The figure `influence`."""

import numpy as np
import pytest
from figure_made import marked, texts

import waistats as w
from waistats import (
    DataError,
    figures,
)
from waistats.sensitivity.deletion import influence

# what tests/test_provenance.py draws, of SIMULATED data and of others
EXAMPLES = {
    "influence": lambda m, **o: figures.influence(m.fit, **o),
    "influence of a frame": lambda m, **o: figures.influence(w.influence(m.fit), **o),
}


class TestInfluence:
    def test_flags_and_values_are_those_of_the_frame(self, models):
        model = models[30]
        frame = influence(model)
        ax = figures.influence(model)
        assert len(ax.child_axes) == 8
        first = ax.child_axes[0]
        drawn = np.concatenate(
            [marked(first), marked(first, "influential")]
            if frame["influential"].any()
            else [marked(first)]
        )
        order = np.argsort(drawn[:, 0])
        np.testing.assert_allclose(drawn[order, 1], frame["rstudent"])
        for name in frame.loc[frame["influential"], "study_id"]:
            assert any(name in text for text in texts(ax))

    def test_a_frame_does_as_well(self, models):
        assert len(figures.influence(influence(models[5])).child_axes) == 8
        with pytest.raises(DataError, match="lacks hat"):
            figures.influence(influence(models[5]).drop(columns="hat"))
