"""Figures of sensitivity, moderators and studies; see test_figures for the basic ones."""

import json
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from figure_checks import check_layout, visible_texts

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
from waistats.figures.baujat import baujat_values
from waistats.meta.multilevel.fit import fit_multilevel
from waistats.reliability.items import item_statistics
from waistats.rg.generalize import generalize
from waistats.sensitivity.deletion import cumulative, influence, leave_one_out
from waistats.sensitivity.gosh import gosh
from waistats.sensitivity.multiverse import multiverse
from waistats.sensitivity.trim_and_fill import trim_and_fill

REFERENCE = Path(__file__).parents[1] / "reference" / "figures_baujat.json"
SIZES = (5, 30, 120)


def simulated(k, seed=1, **columns):
    """Coefficients of a SIMULATED set of studies."""
    rng = np.random.default_rng(seed)
    n, n_items = rng.integers(25, 400, k), rng.choice([6, 12, 36], k)
    spread = np.sqrt(2 * n_items / ((n_items - 1) * (n - 2)))
    table = pd.DataFrame(
        {
            "study_id": [f"Author{i + 1} & Co. ({1990 + i % 30})" for i in range(k)],
            "estimate": 1 - np.exp(-rng.normal(rng.normal(2.2, 0.35, k), spread)),
            "n": n,
            "n_items": n_items,
            "rater": rng.choice(["client", "therapist", "observer"], k),
            "instrument": np.where(n_items == 36, "WAI-36", "WAI-SR"),
            "scale": rng.choice(["task", "bond", "goal", "total"], k),
            "year": 1990 + np.arange(k) % 30,
            "provenance": "SIMULATED",
        }
    )
    return effect_sizes(table.assign(**columns))


def plain(effects):
    return effects.drop(columns=["measure", "yi", "vi"])


@pytest.fixture(autouse=True)
def _leave_nothing_behind():
    before = dict(mpl.rcParams)
    yield
    plt.close("all")
    assert dict(mpl.rcParams) == before


@pytest.fixture(scope="module")
def models():
    return {k: fit_meta(simulated(k)) for k in SIZES}


@pytest.fixture(scope="module")
def study():
    return generalize(plain(simulated(60)))


@pytest.fixture(scope="module")
def reference():
    return json.loads(REFERENCE.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def found():
    return multiverse(plain(simulated(12)))


@pytest.fixture(scope="module")
def items():
    rng = np.random.default_rng(0)
    answers = rng.normal(size=(150, 1)) + rng.normal(size=(150, 12)) * 0.9
    answers[:, 4] = -answers[:, 4]
    frame = pd.DataFrame(answers, columns=[f"item {i + 1}" for i in range(12)])
    return item_statistics(np.clip(np.round(frame + 4.2), 1, 5))


FLOW = {
    "Records found": {"studies": 412},
    "Not about the WAI": {"studies": 230, "side": True},
    "Full texts read": {"studies": 182, "persons": 20012},
    "Reliability induced": {"studies": 121, "side": True, "note": "54 by omission"},
    "Pooled": {"studies": 61, "samples": 71, "coefficients": 1, "persons": 9034},
}


def marked(ax, label="coefficients"):
    found = [c for c in ax.collections if c.get_label() == label]
    assert len(found) == 1
    return found[0].get_offsets()


def texts(ax):
    return [t.get_text() for t in visible_texts(ax.get_figure(root=True))]


OF_MODELS = {
    "baujat": figures.baujat,
    "radial": figures.radial,
    "qq": figures.qq,
    "influence": figures.influence,
    "shrinkage": figures.shrinkage,
    "length": figures.length,
    "bubble": lambda r, **k: figures.bubble(r, "year", **k),
    "bubble_levels": lambda r, **k: figures.bubble(r, "rater", **k),
    "leave_one_out": figures.leave_one_out,
    "cumulative": lambda r, **k: figures.cumulative(r, order="year", **k),
}


class TestEveryFigure:
    @pytest.mark.parametrize("k", SIZES)
    @pytest.mark.parametrize("name", OF_MODELS)
    def test_nothing_is_cut_or_overlaps(self, models, name, k):
        ax = OF_MODELS[name](models[k])
        check_layout(ax)
        assert str(k) in figures.alt_text(ax)

    @pytest.mark.parametrize("name", OF_MODELS)
    def test_given_axes_are_used(self, models, name):
        _, ax = plt.subplots(figsize=(2.8, 2.3), layout="constrained")
        assert OF_MODELS[name](models[30], ax=ax) is ax
        check_layout(ax)
        assert len(plt.get_fignums()) == 1

    @pytest.mark.parametrize("name", OF_MODELS)
    def test_the_same_bytes_each_time(self, models, name):
        one, two = (figures.render(OF_MODELS[name](models[5])) for _ in range(2))
        assert one == two

    @pytest.mark.parametrize("name", OF_MODELS)
    def test_what_is_no_model_is_refused(self, name):
        with pytest.raises(ModelError, match="A fitted model is needed"):
            OF_MODELS[name]("model")


class TestAgainstMetafor:
    @pytest.mark.parametrize("case", ["mean_knha", "mean_wald", "moderator_knha"])
    def test_baujat_and_radial(self, reference, case):
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
        x, y = baujat_values(model)
        np.testing.assert_allclose(x, expected["baujat_x"], rtol=1e-6)
        np.testing.assert_allclose(y, expected["baujat_y"], rtol=1e-5)
        drawn = marked(figures.baujat(model))
        np.testing.assert_allclose(drawn, np.column_stack([x, y]))
        if "radial_x" in expected:
            points = marked(figures.radial(model))
            np.testing.assert_allclose(points[:, 0], expected["radial_x"], rtol=1e-6)
            np.testing.assert_allclose(
                points[:, 1], expected["radial_y"], rtol=1e-5, atol=1e-7
            )


class TestRefits:
    def test_rows_are_those_of_the_frame(self, models):
        model = models[30]
        frame = leave_one_out(model, back_transform=True)
        for given in (model, frame):
            ax = figures.leave_one_out(given)
            x = marked(ax, "estimates")[:, 0]
            np.testing.assert_allclose(back_transform(x), frame["estimate"])

    def test_order_by_estimate(self, models):
        x = marked(figures.leave_one_out(models[30], order="estimate"), "estimates")
        assert np.all(np.diff(x[:, 0]) >= 0)

    def test_cumulative_ends_at_the_pooled_value(self, models):
        ax = figures.cumulative(models[30], order="precision")
        x = marked(ax, "estimates")[:, 0]
        assert x[-1] == pytest.approx(models[30].estimate)
        frame = cumulative(models[30], "precision", back_transform=True)
        np.testing.assert_allclose(back_transform(x), frame["estimate"])

    def test_a_frame_on_the_models_scale_is_refused(self, models):
        with pytest.raises(DataError, match="back_transform=True"):
            figures.leave_one_out(leave_one_out(models[5]))

    def test_multilevel_models(self):
        effects = simulated(16, study_id=[f"S{i // 2}" for i in range(16)])
        model = fit_multilevel(effects)
        check_layout(figures.leave_one_out(model))
        check_layout(figures.forest(model))
        check_layout(figures.influence(model))


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


class TestQuantiles:
    def test_points_are_sorted_residuals(self, models):
        points = marked(figures.qq(models[30]))
        expected = np.sort(influence(models[30])["rstudent"])
        np.testing.assert_allclose(points[:, 1], expected)
        assert np.all(np.diff(points[:, 0]) > 0)
        np.testing.assert_allclose(points[:, 0], -points[::-1, 0], atol=1e-12)


class TestGosh:
    def test_every_subset_is_counted(self):
        cloud = gosh(fit_meta(simulated(10)))
        ax = figures.gosh(cloud)
        check_layout(ax)
        counts = ax.collections[0].get_array()
        usable = (cloud.k > 1) & np.isfinite(cloud.I2)
        assert counts.sum() == usable.sum()

    def test_with_and_without_a_study(self):
        model = fit_meta(simulated(9))
        ax = figures.gosh(model, study=2)
        check_layout(ax)
        assert any(t.startswith("With Author3") for t in texts(ax))
        assert all(len(panel.patches) == 2 for panel in ax.child_axes)

    def test_a_model_of_many_is_drawn_from_a_fixed_sample(self):
        model = fit_meta(simulated(24))
        cloud = gosh(model, subsets=2000, seed=1)
        assert figures.render(figures.gosh(cloud)) == figures.render(
            figures.gosh(cloud)
        )

    def test_moderators_are_refused(self):
        with pytest.raises(ModelError, match="without moderators"):
            figures.gosh(gosh(fit_meta(simulated(8), "~ year")))


class TestMultiverse:
    def test_estimates_and_choices(self, found):
        ax = figures.multiverse(found)
        check_layout(ax)
        curve, matrix = ax.child_axes
        y = marked(curve, "estimates")[:, 1]
        np.testing.assert_allclose(back_transform(y), np.sort(found.frame["estimate"]))
        marks = sum(len(c.get_segments()) for c in matrix.collections)
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


class TestShrinkage:
    def test_one_level_is_the_known_formula(self, models):
        model = models[30]
        share = model.tau2 / (model.tau2 + model.effects.vi)
        expected = model.estimate + share * (model.effects.yi - model.estimate)
        found = model.true_values(back_transform=False)["estimate"]
        np.testing.assert_allclose(found, expected)
        ax = figures.shrinkage(model)
        np.testing.assert_allclose(marked(ax, "estimates")[:, 0], expected)

    def test_multilevel_with_one_level_agrees(self):
        effects = simulated(20)
        one = fit_meta(effects)
        several = fit_multilevel(effects, levels=("coefficient_id",))
        ends = ["estimate", "ci_low", "ci_high"]
        found, expected = (f.true_values(0.9)[ends] for f in (several, one))
        np.testing.assert_allclose(found["estimate"], expected["estimate"], rtol=1e-5)


class TestLength:
    def test_the_curve_goes_through_the_pooled_value(self, models):
        model = models[30]
        ax = figures.length(model)
        line = next(x for x in ax.lines if x.get_label() == "Spearman–Brown")
        typical = np.exp(np.log(model.effects.table["n_items"]).mean())
        at = np.interp(typical, line.get_xdata(), line.get_ydata())
        assert at == pytest.approx(model.estimate, abs=1e-3)

    def test_it_needs_items_and_no_moderators(self):
        with pytest.raises(ModelError, match="without moderators"):
            figures.length(fit_meta(simulated(8), "~ year"))
        table = pd.DataFrame({"yi": [0.1, 0.4, 0.3], "vi": [0.02, 0.03, 0.01]})
        with pytest.raises(DataError, match="n_items"):
            figures.length(fit_meta(table))


class TestStudies:
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

    def test_cells(self, study):
        ax = figures.cells(study)
        check_layout(ax)
        assert len(ax.patches) == len(ax.get_xticks()) * len(ax.get_yticks())
        pooled = study.cells.dropna(subset="estimate").iloc[0]
        shown = f"{pooled['estimate']:.2f}".lstrip("0") + f"\nk = {pooled['k']}"
        assert shown in texts(ax)
        _, small = plt.subplots(figsize=(3.4, 3), layout="constrained")
        check_layout(figures.cells(study.cells, ax=small))

    def test_cells_need_their_columns(self):
        with pytest.raises(DataError, match="estimate"):
            figures.cells(pd.DataFrame({"scale": ["total"], "k": [1]}))

    def test_filled_studies_are_hollow(self):
        effects = simulated(60)
        seen = (effects["yi"] > 2.2) | (effects["vi"] < effects["vi"].quantile(0.3))
        filled = trim_and_fill(fit_meta(effects[seen]), side="left")
        ax = figures.funnel(filled)
        assert len(marked(ax, "filled in")) == filled.k0 > 0
        assert f"{filled.k0} of them, hollow" in figures.alt_text(ax)


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
