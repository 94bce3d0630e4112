import subprocess
import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from figure_checks import check_layout, visible_texts
from matplotlib import font_manager

mpl.use("Agg")
import matplotlib.pyplot as plt

from waistats import (
    DataError,
    ModelError,
    back_transform,
    effect_sizes,
    figures,
    fit_meta,
)
from waistats.figures import _style as style
from waistats.figures._axes import alpha_label, alpha_ticks
from waistats.figures._rows import study_labels
from waistats.figures.box import swarm

SIZES = (5, 30, 120)


def simulated(k, seed=1, measure="bonett", **columns):
    """Coefficients of a SIMULATED set of studies."""
    rng = np.random.default_rng(seed)
    n, n_items = rng.integers(25, 400, k), rng.choice([6, 12, 36], k)
    spread = np.sqrt(2 * n_items / ((n_items - 1) * (n - 2)))
    true = rng.normal(2.2, 0.35, k)
    table = pd.DataFrame(
        {
            "study_id": [f"Author{i + 1} & Co. ({1990 + i % 30})" for i in range(k)],
            "estimate": 1 - np.exp(-rng.normal(true, spread)),
            "n": n,
            "n_items": n_items,
            "rater": rng.choice(["client", "therapist", "observer"], k),
            "instrument": np.where(n_items == 36, "WAI-36", "WAI-SR"),
            "scale": rng.choice(["task", "bond", "goal", "total"], k),
            "year": 1990 + np.arange(k) % 30,
            "score_mean": rng.normal(5.5, 0.5, k),
            "score_sd": rng.uniform(0.5, 1.3, k),
            "provenance": "SIMULATED",
        }
    )
    return effect_sizes(table.assign(**columns), measure=measure)


@pytest.fixture(autouse=True)
def _leave_nothing_behind():
    before = dict(mpl.rcParams)
    yield
    plt.close("all")
    assert dict(mpl.rcParams) == before


@pytest.fixture(scope="module")
def models():
    return {k: fit_meta(simulated(k)) for k in SIZES}


def marked(ax, label="coefficients"):
    """Offsets of the markers with a label."""
    found = [c for c in ax.collections if c.get_label() == label]
    assert len(found) == 1
    return found[0].get_offsets()


def texts(ax):
    return [t.get_text() for t in visible_texts(ax.get_figure(root=True))]


class TestAxis:
    def test_ticks_stand_where_their_labels_say(self, models):
        for name in ("forest", "funnel", "caterpillar"):
            ax = getattr(figures, name)(models[30])
            places = ax.get_xticks()
            labels = [t.get_text() for t in ax.get_xticklabels()]
            assert len(labels) >= 3
            shown = [float(text) for text in labels]
            np.testing.assert_allclose(back_transform(places), shown, atol=1e-12)

    @pytest.mark.parametrize("measure", ["bonett", "hakstian-whalen", "fisher-z"])
    def test_ticks_are_apart_and_within(self, measure):
        ticks = alpha_ticks(0.5, 2.9, measure, 8)
        assert ticks == sorted(set(ticks))
        from waistats.measures import transform

        places = transform(ticks, measure)
        assert places.min() >= 0.5
        assert places.max() <= 2.9
        assert np.diff(places).min() >= 2.4 / 8 - 1e-12

    def test_labels_have_the_decimals_they_need(self):
        shown = [alpha_label(v) for v in (0.9, 0.29, 0.975, 0.9995, -0.5, 0)]
        assert shown == [".90", ".29", ".975", ".9995", "-.50", ".00"]

    def test_a_raw_axis_is_even_in_alpha(self):
        ax = figures.forest(fit_meta(simulated(8, measure="raw")))
        assert ax.get_xlabel() == "Coefficient alpha"

    def test_an_unknown_scale_is_not_called_alpha(self):
        table = pd.DataFrame({"yi": [0.1, 0.4, 0.3], "vi": [0.02, 0.03, 0.01]})
        ax = figures.forest(fit_meta(table))
        assert ax.get_xlabel() == "Effect (scale not stated)"


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


class TestFunnel:
    @pytest.mark.parametrize("k", SIZES)
    def test_points_and_layout(self, models, k):
        ax = figures.funnel(models[k])
        result = models[k]
        np.testing.assert_allclose(marked(ax)[:, 0], result.effects.yi)
        np.testing.assert_allclose(marked(ax)[:, 1], np.sqrt(result.effects.vi))
        check_layout(ax)
        assert ax.yaxis_inverted()

    def test_a_coefficient_in_a_shade_reaches_the_threshold(self, models):
        ax = figures.funnel(models[30], thresholds=(0.85,))
        shade = next(p for p in ax.patches if p.get_label() == "≥ .85")
        assert back_transform(shade.get_x()) == pytest.approx(0.85)
        end = shade.get_x() + shade.get_width()
        assert end == pytest.approx(ax.get_xlim()[1])

    def test_thresholds_out_of_sight_are_not_named(self, models):
        ax = figures.funnel(models[30], thresholds=(0.2, 0.3, 0.999))
        assert [t.get_text() for t in ax.get_legend().get_texts()] == ["≥ .30"]

    def test_moderators_give_residuals(self):
        result = fit_meta(simulated(12), "~ year")
        ax = figures.funnel(result)
        fitted = result.predict(back_transform=False)["estimate"]
        np.testing.assert_allclose(marked(ax)[:, 0], result.effects.yi - fitted)
        assert ax.get_xlabel() == "Residual"

    def test_too_many_thresholds(self, models):
        with pytest.raises(ModelError, match="at most 4"):
            figures.funnel(models[5], thresholds=(0.5, 0.6, 0.7, 0.8, 0.9))


class TestCaterpillar:
    @pytest.mark.parametrize("k", SIZES)
    def test_points_are_sorted(self, models, k):
        ax = figures.caterpillar(models[k])
        np.testing.assert_allclose(marked(ax)[:, 0], np.sort(models[k].effects.yi))
        check_layout(ax)


@pytest.mark.parametrize("weight", ["normal", "bold"])
@pytest.mark.parametrize("first", [False, True])
def test_the_font_is_matplotlibs_own(weight, first, monkeypatch, tmp_path):
    """A system's DejaVu Sans of another version would draw other bytes."""
    manager = font_manager.fontManager
    stem = "DejaVuSans-Bold" if weight == "bold" else "DejaVuSans"
    ours = Path(mpl.get_data_path(), "fonts", "ttf", f"{stem}.ttf")
    copy = tmp_path / ours.name
    copy.write_bytes(ours.read_bytes())
    number = 700 if weight == "bold" else 400
    system = font_manager.FontEntry(
        fname=str(copy), name=style.FONT, weight=number, size="scalable"
    )
    fonts = [system, *manager.ttflist] if first else [*manager.ttflist, system]
    monkeypatch.setattr(manager, "ttflist", fonts)
    manager._findfont_cached.cache_clear()
    own = font_manager.FontProperties(family=style.FONT, weight=weight)
    try:
        given = Path(font_manager.findfont(own))
        assert (given == copy) == first
        with style.drawing():
            assert Path(font_manager.findfont(own)) == ours
            assert style.text_width(["a"]) > 0
            assert Path(font_manager.findfont(own)) == ours
        # and the session has its fonts again
        assert manager.ttflist is fonts
        assert Path(font_manager.findfont(own)) == given
    finally:
        manager._findfont_cached.cache_clear()


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


class TestFiles:
    @pytest.mark.parametrize("format", ["svg", "png", "pdf"])
    def test_the_same_bytes_each_time(self, models, format):
        first = figures.render(figures.forest(models[5]), format, dpi=80)
        with mpl.rc_context({"font.size": 20, "axes.facecolor": "red"}):
            second = figures.render(figures.forest(models[5]), format, dpi=80)
        assert first == second
        assert b"Matplotlib v" not in first
        assert mpl.__version__.encode() not in first

    def test_save_writes_every_format_or_the_one_of_the_suffix(self, models, tmp_path):
        ax = figures.funnel(models[5])
        files = figures.save(ax, tmp_path / "fig.1")
        assert [f.name for f in files] == ["fig.1.svg", "fig.1.png", "fig.1.pdf"]
        assert [f.read_bytes()[:4] for f in files] == [b"<?xm", b"\x89PNG", b"%PDF"]
        only = figures.save(ax, tmp_path / "only.png", dpi=50)
        assert [f.name for f in only] == ["only.png"]
        assert figures.alt_text(ax)[:20].encode() in files[0].read_bytes()

    def test_unknown_format(self, models):
        with pytest.raises(ModelError, match="format must be one of 'svg'"):
            figures.render(figures.funnel(models[5]), "gif")

    def test_importing_figures_leaves_matplotlib_alone(self):
        code = "import sys, waistats.figures; sys.exit('matplotlib' in sys.modules)"
        assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
