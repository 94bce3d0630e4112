"""The figure `forest`."""

import re

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from figure_checks import check_layout
from figure_made import SIZES, marked, plain, simulated, texts
from matplotlib.text import Text

from waistats import (
    ModelError,
    back_transform,
    effect_sizes,
    figures,
    fit_meta,
    load_dataset,
)
from waistats.figures._rows import study_labels
from waistats.rg.generalize import generalize

# what tests/test_provenance.py draws, of SIMULATED data and of others
EXAMPLES = {
    "forest": lambda m, **o: figures.forest(m.fit, **o),
    "forest of a study": lambda m, **o: figures.forest(m.study, **o),
}


class TestForest:
    @pytest.mark.parametrize("k", SIZES)
    def test_one_marker_a_coefficient_at_its_value(self, models, k):
        ax = figures.forest(models[k])
        np.testing.assert_allclose(marked(ax)[:, 0], models[k].effects.yi)
        check_layout(ax)
        labels = [t.get_text() for t in ax.get_yticklabels()]
        assert labels[0] == "Study"
        assert labels[1 : k + 1] == list(models[k].effects.table["study_id"])

    def test_the_diamond_is_the_pooled_interval(self, models):
        ax = figures.forest(models[30])
        x = ax.patches[0].get_xy()[:, 0]
        row = models[30].predict(back_transform=False).iloc[0]
        assert x.min() == pytest.approx(row.ci_low)
        assert x.max() == pytest.approx(row.ci_high)
        bar = [line.get_xdata() for line in ax.lines if line.get_marker() == "|"]
        np.testing.assert_allclose(bar[0], [row.pi_low, row.pi_high])

    def test_areas_are_proportional_to_weights(self, models):
        result = models[5]
        ax = figures.forest(result)
        area = next(c for c in ax.collections if c.get_label() == "coefficients")
        weight = result.weight_shares()
        big = weight > weight.max() / 4
        ratio = area.get_sizes()[big] / weight[big]
        np.testing.assert_allclose(ratio, ratio[0])

    def test_common_effect_has_no_prediction_interval(self):
        result = fit_meta(simulated(6), method="CE", small_sample="wald")
        ax = figures.forest(result)
        assert not any("prediction" in t for t in texts(ax))
        assert "Common-effect mean (k = 6)" in texts(ax)

    def test_groups_have_diamonds_and_a_test(self, models):
        result = models[30]
        ax = figures.forest(result, by="rater", order="estimate")
        check_layout(ax)
        assert len(ax.patches) == 4
        model = fit_meta(result.effects.table, "~ rater")
        means = model.predict(pd.DataFrame({"rater": ["client"]}), back_transform=False)
        first = ax.patches[0].get_xy()[:, 0]
        order = list(dict.fromkeys(result.effects.table["rater"]))
        diamond = ax.patches[order.index("client")].get_xy()[:, 0]
        assert diamond.min() == pytest.approx(means["ci_low"].iloc[0])
        assert first.shape == diamond.shape
        p = f"p = {model.omnibus.p_value:.3f}".replace("0.", ".")
        assert any(
            "Difference between groups: F(2, 27)" in t and p in t for t in texts(ax)
        )
        assert len(marked(ax)) == 30

    def test_groups_need_a_column_and_a_model_without_moderators(self, models):
        with pytest.raises(ModelError, match=r"no column 'ratre' \(did you mean"):
            figures.forest(models[5], by="ratre")
        model = fit_meta(simulated(30), "~ year")
        with pytest.raises(ModelError, match="without moderators"):
            figures.forest(model, by="rater")

    def test_moderators_show_fitted_values_instead_of_a_mean(self):
        result = fit_meta(simulated(12), "~ year")
        ax = figures.forest(result)
        assert len(ax.patches) == 12
        fitted = result.predict(back_transform=False)
        x = ax.patches[3].get_xy()[:, 0]
        assert x.min() == pytest.approx(fitted["ci_low"].iloc[3])
        assert not any("mean (k" in t for t in texts(ax))

    def test_order_by_a_column(self, models):
        ax = figures.forest(models[5], order="year")
        table = models[5].effects.table.sort_values("year")
        labels = [t.get_text() for t in ax.get_yticklabels()][1:6]
        assert labels == list(table["study_id"])

    @pytest.mark.parametrize(("width", "height", "k"), [(3.5, 3, 60), (3.5, 3, 12)])
    def test_given_axes_are_filled_without_overlap(self, width, height, k):
        _, ax = plt.subplots(figsize=(width, height))
        assert figures.forest(fit_meta(simulated(k)), ax=ax) is ax
        check_layout(ax)

    def test_long_intervals_end_in_arrows(self):
        table = simulated(10)
        table.loc[0, ["yi", "vi"]] = [1.5, 4.0]
        ax = figures.forest(fit_meta(table))
        cut = [c for c in ax.collections if c.get_label() == "_cut"]
        assert len(cut) == 2
        low, high = ax.get_xlim()
        assert low > 1.5 - 1.96 * 2
        assert high < 1.5 + 1.96 * 2

    def test_columns_of_the_table(self, models):
        ax = figures.forest(models[5], columns=("rater", "estimate"))
        check_layout(ax)
        assert {"Rater", "client"} <= set(texts(ax))
        with pytest.raises(ModelError, match="no column 'raterr'"):
            figures.forest(models[5], columns=("raterr",))

    def test_labels_tell_coefficients_of_a_study_apart(self):
        table = pd.DataFrame(
            {
                "study_id": ["A", "A", "B", "C", "C"],
                "rater": ["client", "therapist", "client", "client", "client"],
                "scale": ["total"] * 3 + ["bond", "goal"],
            }
        )
        assert study_labels(table) == [
            "A, client",
            "A, therapist",
            "B",
            "C, bond",
            "C, goal",
        ]

    def test_alternative_text_says_what_is_seen(self, models):
        text = figures.alt_text(figures.forest(models[30]))
        assert text.startswith("Forest plot of 30 SIMULATED coefficients, from ")
        assert models[30].alpha_sentence()[:2] in text


class TestStudy:
    def test_a_study_is_drawn_with_its_own_interval(self):
        effects = simulated(
            40, study_id=[f"S{i // 2}" for i in range(40)], scale="total"
        )
        found = generalize(plain(effects))
        row = found.pooled.row()
        ax = figures.forest(found)
        x = back_transform(ax.patches[0].get_xy()[:, 0])
        np.testing.assert_allclose([x.min(), x.max()], [row["ci_low"], row["ci_high"]])
        assert found.pooled.robust is not None
        for draw in (
            figures.funnel,
            figures.caterpillar,
            figures.box,
            figures.baujat,
            figures.leave_one_out,
            figures.shrinkage,
            figures.radial,
            figures.length,
        ):
            assert figures.alt_text(draw(found))


def test_negative_limits_have_a_true_minus():
    axes = figures.forest(fit_meta(effect_sizes(load_dataset("mibs"))))
    shown = [text.get_text() for text in axes.figure.findobj(Text)]
    assert ".45 [−.15, .74]" in shown
    assert not [text for text in shown if re.search(r"(?<!\w)-\.?\d", text)]
