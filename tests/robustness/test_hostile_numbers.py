"""Numbers at the edge: a result that can be, or a reason."""

import warnings

import numpy as np
import pandas as pd
import pytest
from hostile import answer, bounded
from hypothesis import given, settings
from strategies import coefficient_tables, responses

from waistats import (
    DataError,
    ReliabilityEstimate,
    cronbach_alpha,
    effect_sizes,
    figures,
    fit_meta,
    guttman_lambdas,
    item_statistics,
    load_dataset,
    multiverse,
    omega_total,
    practice_table,
    sample_size_for_alpha,
    standard_error_of_measurement,
)
from waistats.figures._axes import set_alpha_axis
from waistats.figures._style import drawing, new_axes
from waistats.meta._linalg import sum_of_logs


class TestNumbers:
    @bounded
    @given(items=responses())
    def test_answers_give_a_coefficient_or_a_reason(self, items):
        with warnings.catch_warnings():
            # a warning is one of the allowed answers
            warnings.simplefilter("ignore")
            for compute in (cronbach_alpha, guttman_lambdas, item_statistics):
                result, _ = answer(compute, items)
                if isinstance(result, ReliabilityEstimate):
                    assert np.isfinite(result.estimate)
                    assert result.estimate <= 1 + 1e-12
                    if np.isfinite(result.ci_low):
                        assert result.ci_low <= result.estimate <= result.ci_high

    def test_answers_too_large_to_square_are_named(self):
        items = pd.DataFrame({"q1": [1.0, 2, 3], "q2": [1.0, 1e200, 2]})
        with pytest.raises(DataError, match=r"too large: q2 \(row 1\)"):
            cronbach_alpha(items)

    def test_a_factor_model_of_noise_says_so(self):
        items = pd.DataFrame(np.random.default_rng(1).integers(1, 3, (8, 4)))
        result, said = answer(omega_total, items)
        assert len(said) > 20 if said else result.estimate < 1

    @settings(bounded, max_examples=25)
    @given(table=coefficient_tables())
    def test_pooling_stays_within_the_coefficients(self, table):
        for measure in ("bonett", "hakstian-whalen", "raw"):
            fit = fit_meta(effect_sizes(table, measure=measure))
            row = fit.predict().iloc[0]
            assert table["estimate"].min() <= row["estimate"] <= table["estimate"].max()
            assert row["pi_low"] <= row["ci_low"] <= row["estimate"]
            assert row["estimate"] <= row["ci_high"] <= row["pi_high"]
            # the untransformed scale has no end at 1
            assert row["pi_high"] <= 1 or measure == "raw"
            assert 0 <= fit.I2 <= 100

    def test_equal_coefficients_are_no_certainty(self):
        table = pd.DataFrame(
            {"study_id": list("abc"), "estimate": 0.9, "n": 50, "n_items": 12}
        )
        fit = fit_meta(effect_sizes(table))
        # Knapp-Hartung would say that nothing is uncertain
        assert fit.se == pytest.approx(np.sqrt(fit.effects.vi[0] / 3))
        assert "standard error would be too small" in str(fit)
        other = fit_meta(effect_sizes(load_dataset("cesd")))
        assert "too small" not in str(other)

    def test_products_of_huge_weights_are_summed_as_logarithms(self):
        rng = np.random.default_rng(1)
        for shift in (-300, -40, 0, 40, 300):
            w = 10.0 ** (shift + rng.uniform(-3, 3, (21, 4)))
            np.testing.assert_allclose(sum_of_logs(w), np.log(w).sum(0), rtol=1e-12)

    def test_limits_that_pass_one_leave_the_figure(self):
        found = multiverse(load_dataset("mibs").head(6))
        frame = found.to_frame().sort_values("estimate", kind="stable")
        passed = (frame["ci_high"] >= 1).to_numpy()
        assert set(frame.loc[passed, "measure"]) == {"raw"}
        # a warning would be an error here
        panel = figures.multiverse(found).child_axes[0]
        # one path of strokes, from lower to upper limit
        ends = panel.patches[0].get_path().vertices[1::2, 1]
        assert len(ends) == len(frame)
        assert np.isfinite(ends).all()
        assert ends[passed] == pytest.approx(panel.get_ylim()[1])

    def test_limits_that_say_nothing_are_withheld(self):
        table = pd.DataFrame(
            {
                "study_id": list("abc"), "estimate": [0.999, 0.9, 0.2],
                "n": [500, 400, 90], "n_items": 12,
            }
        )  # fmt: skip
        for measure in ("raw", "hakstian-whalen", "bonett"):
            fit = fit_meta(effect_sizes(table, measure=measure))
            rows = practice_table(fit).set_index("quantity")
            assert rows.loc["alpha", ["pi_low", "pi_high"]].isna().all()
            assert np.isfinite(rows.loc["alpha", "estimate"])

    @pytest.mark.parametrize("measure", ["raw", "hakstian-whalen"])
    def test_limits_at_one_and_above_in_practice(self, measure):
        table = pd.DataFrame(
            {
                "study_id": list("abcde"), "estimate": [0.999, 0.95, 0.9, 0.8, 0.75],
                "n": [500, 400, 90, 90, 90], "n_items": 12,
            }
        )  # fmt: skip
        fit = fit_meta(effect_sizes(table, measure=measure))
        assert fit.predict()["pi_high"].iloc[0] >= 1
        rows = practice_table(fit).set_index("quantity")["pi_high"]
        assert rows["alpha"] >= 1
        assert rows["standard error of measurement, in SDs"] == 0
        (width,) = [name for name in rows.index if "interval of alpha" in name]
        assert np.isnan(rows[width])
        assert standard_error_of_measurement(9.0, fit)["pi_high"] == 0
        assert np.isnan(sample_size_for_alpha(fit, 12, width=0.05)["pi_high"])

    @pytest.mark.parametrize("limits", [(-25.0, 10.0), (-300.0, 30.0), (0.0, 1e-9)])
    def test_an_axis_of_any_length_has_few_marks(self, limits):
        with drawing():
            ax = new_axes(None, 4, 3)
            set_alpha_axis(ax.xaxis, limits, "bonett", 4.0)
        assert len(ax.xaxis.get_minorticklocs()) <= 40
        assert np.isfinite(ax.xaxis.get_majorticklocs()).all()
