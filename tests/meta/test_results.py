"""Results of one level: coefficients, predictions, effects on alpha, print."""

import numpy as np
import pandas as pd
import pytest

from waistats import DataError, ModelError, effect_sizes, fit_meta, load_dataset


@pytest.fixture(scope="module")
def mibs():
    return effect_sizes(load_dataset("mibs"))


@pytest.fixture(scope="module")
def cesd():
    return effect_sizes(load_dataset("cesd"))


def test_prints_as_metafor_prints(cesd):
    text = str(fit_meta(cesd))
    for line in (
        "Random-Effects Model (k = 9; tau^2 estimator: REML)",
        "tau^2 (estimated amount of total heterogeneity): 0.0461 (SE = 0.0302)",
        "Q(df = 8) = 33.3957, p < .0001",
        "On the alpha scale: .905, 95% CI [.885, .922], 95% PI [.834, .946]",
    ):
        assert line in text
    assert "<table>" in fit_meta(cesd)._repr_html_()


def test_pi_df_option(cesd):
    fit = fit_meta(cesd)
    wide = fit.predict(pi_df="k-p-1").iloc[0]
    plain = fit.predict(prediction="metafor").iloc[0]
    assert wide["pi_low"] < plain["pi_low"]
    assert wide["ci_low"] == plain["ci_low"]
    pd.testing.assert_series_equal(fit.predict(pi_df="k-p").iloc[0], plain)
    with pytest.raises(ModelError, match="prediction must be"):
        fit.predict(prediction="riley")


def test_predict_rows(mibs):
    fit = fit_meta(mibs, "~ year")
    assert len(fit.predict()) == fit.k
    frame = pd.DataFrame({"year": [2010, 2020]}, index=["x", "y"])
    on_model = fit.predict(frame, back_transform=False)
    assert list(on_model.index) == ["x", "y"]
    assert list(on_model.columns)[1] == "se"
    np.testing.assert_allclose(
        fit.predict(frame)["estimate"], 1 - np.exp(-on_model["estimate"])
    )


def test_alpha_effects(mibs):
    fit = fit_meta(mibs, "~ year + pubtype")
    effects = fit.alpha_effects()
    assert list(effects["variable"]) == ["baseline", "year", "pubtype"]
    assert effects["change"][0] == 0
    sd = mibs["year"].std()
    moved = fit.predict({"year": mibs["year"].mean() + sd, "pubtype": "Article"})
    assert effects["estimate"][1] == pytest.approx(moved["estimate"].iloc[0])
    other = fit.alpha_effects(at={"pubtype": "Thesis"})
    assert other["value"][0].endswith("pubtype = Thesis")


def test_unseen_levels_are_refused(mibs):
    fit = fit_meta(mibs, "~ pubtype")
    with pytest.raises(
        DataError, match="has levels that are not in the fitted data: Book"
    ):
        fit.predict({"pubtype": "Book"})
    with pytest.raises(DataError, match="pubtype"):
        fit.predict({"pubtyp": "Article"})


def test_effects_of_unknown_scale_stay_there():
    frame = pd.DataFrame({"yi": [0.1, 0.4, 0.2], "vi": [0.02, 0.03, 0.01]})
    fit = fit_meta(frame)
    assert fit.predict()["estimate"].iloc[0] == fit.estimate
    assert "alpha scale" not in str(fit)
