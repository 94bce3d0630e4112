"""The figure `bubble`."""

import numpy as np
import pandas as pd
import pytest
from figure_made import marked, simulated

from waistats import (
    ModelError,
    figures,
    fit_meta,
)

# what tests/test_provenance.py draws, of SIMULATED data and of others
EXAMPLES = {
    "bubble": lambda m, **o: figures.bubble(m.by_year, **o),
}


class TestBubble:
    @pytest.mark.parametrize(
        ("name", "words"),
        [
            ("n_items", "Number of items"),
            ("pct_female", "Female (%)"),
            ("score_sd", "Standard deviation of scores"),
            ("mean_age", "Mean age"),
            ("own_column", "Own column"),
        ],
    )
    def test_the_axis_has_the_words_of_the_codebook(self, models, name, words):
        table = models[30].effects.table
        table = table.assign(**{name: np.linspace(4, 36, len(table))})
        ax = figures.bubble(fit_meta(table), name)
        assert ax.get_xlabel() == words
        assert "_" not in figures.alt_text(ax).split(" against ")[1].split(",")[0]

    def test_the_line_is_the_prediction(self, models):
        ax = figures.bubble(models[30], "year")
        model = fit_meta(models[30].effects.table, "~ year")
        line = next(line for line in ax.lines if line.get_linestyle() == "-")
        x = line.get_xdata()
        expected = model.predict(pd.DataFrame({"year": x}), back_transform=False)
        np.testing.assert_allclose(line.get_ydata(), expected["estimate"])
        np.testing.assert_allclose(marked(ax)[:, 0], model.effects.table["year"])

    def test_other_moderators_stand_at_their_baseline(self):
        model = fit_meta(simulated(30), "~ rater + np.log(n_items)")
        ax = figures.bubble(model, "n_items")
        line = next(line for line in ax.lines if line.get_linestyle() == "-")
        new = pd.DataFrame({"n_items": line.get_xdata()[:1], "rater": ["client"]})
        expected = model.predict(new, back_transform=False)["estimate"].iloc[0]
        assert line.get_ydata()[0] == pytest.approx(expected)

    def test_a_level_has_its_mean(self, models):
        ax = figures.bubble(models[30], "rater")
        labels = [t.get_text() for t in ax.get_xticklabels()]
        assert sorted(labels) == ["client", "observer", "therapist"]

    def test_the_moderator_must_be_known(self, models):
        with pytest.raises(ModelError, match="Name the moderator to draw"):
            figures.bubble(models[5])
        with pytest.raises(ModelError, match="no column 'yeer'"):
            figures.bubble(models[5], "yeer")
        model = fit_meta(simulated(12), "~ year")
        with pytest.raises(ModelError, match=r"no moderator 'rater'; it has year"):
            figures.bubble(model, "rater")
