"""Tables of models show the numbers of the model, and notes that come from it."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text
from table_made import cells_of, coefficients, read_contents

from waistats import ModelError, effect_sizes, figures, fit_meta, tables


class TestModels:
    def test_pooled_shows_the_prediction(self, model):
        (row,) = cells_of(tables.pooled(model))
        expected = model.predict().iloc[0]
        assert row["k"] == "12"
        assert row["Studies"] == "6"
        assert row["α"] == f"{expected.estimate:.2f}".lstrip("0")
        low, high = (f"{expected[c]:.2f}".lstrip("0") for c in ("pi_low", "pi_high"))
        assert row["95% PI"] == f"[{low}, {high}]"
        assert row["τ²"] == f"{model.tau2:.3f}"

    def test_notes_come_from_the_model(self, model):
        note = " ".join(read_contents(tables.pooled(model)).notes)
        assert note.startswith("Note. k = number of coefficients; CI")
        assert "Random-effects model, REML, on the Bonett scale, Knapp–Hartung" in note
        assert note.endswith("The data are SIMULATED.")
        plain = fit_meta(coefficients(provenance="primary"))
        assert "SIMULATED" not in " ".join(read_contents(tables.pooled(plain)).notes)

    def test_pooled_of_several_models_names_each(self, model, multilevel):
        table = tables.pooled({"one level": model, "three levels": multilevel})
        contents = read_contents(table)
        assert [row[0] for row in contents.rows] == ["one level", "three levels"]
        assert "three levels: Random-effects model with levels study and" in str(
            contents.notes
        )

    def test_models_with_moderators_have_no_pooled_row(self, moderated):
        with pytest.raises(ModelError, match="without moderators"):
            tables.pooled(moderated)

    def test_coefficients(self, moderated):
        rows = cells_of(tables.coefficients(moderated))
        frame = moderated.to_frame()
        assert [row["Term"] for row in rows] == [
            "Intercept",
            "rater: therapist",
            "log number of items",
        ]
        assert [row["b"] for row in rows] == [f"{b:.3f}" for b in frame["estimate"]]
        assert rows[1]["df"] == "9"
        assert rows[1]["p"].startswith(".")

    def test_normal_tests_have_z_and_no_df(self):
        model = fit_meta(coefficients(), small_sample="wald")
        (row,) = cells_of(tables.coefficients(model))
        assert "z" in row
        assert "df" not in row

    def test_robust_coefficients(self, multilevel):
        table = tables.coefficients(multilevel.robust())
        assert "(CR2) with Satterthwaite degrees of freedom, 6 clusters" in str(
            read_contents(table).notes
        )

    def test_moderators_in_units_of_alpha(self, moderated):
        rows = cells_of(tables.moderators(moderated))
        frame = moderated.alpha_effects()
        assert [row["α"] for row in rows] == [
            f"{v:.2f}".lstrip("0") for v in frame["estimate"]
        ]
        assert rows[0]["Change in α"] == "–"

    def test_heterogeneity_and_components(self, model, multilevel):
        rows = cells_of(tables.heterogeneity(model))
        assert [row["Quantity"] for row in rows] == ["τ²", "τ", "I² (%)", "H²"]
        assert rows[2]["Estimate"] == f"{model.I2:.1f}"
        levels = cells_of(tables.components(multilevel))
        assert [row["Level"] for row in levels] == ["Study", "Coefficient"]
        assert [row["Groups"] for row in levels] == ["6", "12"]
        with pytest.raises(ModelError, match="fit_multilevel"):
            tables.components(model)

    def test_excluded_rows_keep_their_reason(self):
        table = coefficients()
        table.loc[3, ["yi", "vi"]] = np.nan
        model = fit_meta(table.assign(reason=["", "", "", "a <range>", *[""] * 8]))
        (row,) = cells_of(tables.excluded(model))
        assert row["Reason"] == "a <range>"
        assert "1 coefficient could not be pooled" in str(
            read_contents(tables.pooled(model)).notes
        )

    def test_what_is_no_model_is_refused(self):
        with pytest.raises(ModelError, match="A fitted model is needed"):
            tables.heterogeneity("model")


def test_limits_that_explode_are_withheld_with_the_reason():
    """A plain model of three studies far apart, in tables and figures."""
    table = pd.DataFrame(
        {
            "study_id": list("ABC"), "estimate": [0.98, 0.55, 0.90], "n": [40, 60, 80],
            "n_items": 12,
        }
    )  # fmt: skip
    fit = fit_meta(effect_sizes(table))
    made = tables.to_html(tables.pooled(fit))
    low = fit.predict().iloc[0]["pi_low"]
    assert low < -100
    assert f"{low:.3f}".replace("-", "\N{MINUS SIGN}") not in made
    assert f"{low:.3f}" not in made
    assert "The prediction interval is withheld (too few studies" in made
    assert "The confidence interval is withheld (too few studies" in made
    axes = figures.forest(fit)
    texts = [text.get_text() for text in axes.figure.findobj(Text)]
    assert any("withheld, too few studies" in text for text in texts)
    assert not any("[-" in text for text in texts)
