"""References of coding, induction, deletions in levels and Bayes beside waistats.

As validation_cases.py, for what a synthesis does before and after its models.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from validation_cases import SMALL, Row, load, named

import waistats as ws
from waistats.figures.baujat import baujat_values
from waistats.rg.compare_samples import log_odds_ratio
from waistats.rg.induction import logistic_trend, wilson_interval

REFITS = {"estimate": "b", "se": "se"}


def coded_twice(variable: str, first: Any, second: Any) -> pd.Series:
    """Return the agreement of two coders on one variable."""
    sheets = [
        named({variable: list(values)}, len(values)) for values in (first, second)
    ]
    return ws.compare_coders(*sheets).to_frame().set_index("variable").loc[variable]


def literature() -> Iterator[Row]:
    """Yield agreement of coders, rates of induction and comparisons of samples."""
    reference = load("coding_agreement")
    case = reference["kappa"]
    yield from agreement("three raters", "rater", case["first"], case["second"], case)
    two = [["yes" if v == "a" else "no" for v in case[w]] for w in ("first", "second")]
    yield from agreement("yes and no", "open_data", *two, reference["kappa_two"])
    case = reference["icc"]
    yield from agreement("two counts", "n", case["first"], case["second"], case)
    for case in reference["wilson"]:
        for key, level in (("ci", 0.95), ("ci_90", 0.90)):
            limits = np.concatenate(wilson_interval([case["x"]], [case["n"]], level))
            name = f"{case['x']} of {case['n']}"
            yield Row("induction_rate (Wilson interval)", name, key, limits, case[key])
    case = reference["trend"]
    trend = logistic_trend(case["year"], np.array(case["induced"], dtype=bool))
    for column in ("estimate", "se", "p_value"):
        yield Row(
            "induction_rate (trend)", "16 years", column, trend[column], case[column]
        )
    yield from samples(reference)


def agreement(
    data: str, variable: str, first: Any, second: Any, case: Any
) -> Iterator[Row]:
    """Yield kappa or ICC of one variable, with what the reference has of it."""
    found = coded_twice(variable, first, second)
    name = f"compare_coders ({found['coefficient']})"
    yield Row(name, data, "estimate", found["estimate"], case["estimate"])
    if "se" in case:
        yield Row(name, data, "se", found["se"], case["se"])
    if "ci" in case:
        limits = [found["ci_low"], found["ci_high"]]
        yield Row(name, data, "limits", limits, case["ci"])


def samples(reference: Any) -> Iterator[Row]:
    """Yield reporting against inducing samples, and a sample against its source."""
    function, case = "compare_samples", reference["smd"]
    values = [*case["reporting"], *case["inducing"]]
    status = ["reported_own"] * 7 + ["omitted"] * 5
    columns = {"reliability_status": status, "mean_age": values, "score_sd": values}
    found = ws.compare_samples(named(columns, 12)).set_index(["variable", "measure"])
    row = found.loc[("mean_age", "hedges g")]
    pair = [row["estimate"], row["se"] ** 2]
    expected = [case["estimate"], case["variance"]]
    yield Row(function, "twelve samples", "Hedges' g", pair, expected)
    row, case = found.loc[("score_sd", "log variance ratio")], reference["log_variance"]
    for column in ("estimate", "df", "p_value"):
        yield Row(function, "twelve samples", column, row[column], case[column])
    limits = [row["ci_low"], row["ci_high"]]
    yield Row(function, "twelve samples", "limits", limits, case["ci"])
    for name, counts in (("odds", (3, 2, 1, 6)), ("odds_zero", (5, 0, 3, 4))):
        told, case = (
            log_odds_ratio(np.array(counts, dtype=float), 0.95),
            reference[name],
        )
        pair = [told["estimate"], told["se"] ** 2]
        yield Row(
            function, name, "log odds", pair, [case["estimate"], case["variance"]]
        )
    row, case = (
        ws.variance_ratio_test(9.4, 75, 12.1, 84).iloc[0],
        reference["variance_ratio"],
    )
    ours = [row["ratio"], row["p_value"], row["ci_low"], row["ci_high"]]
    expected = [case["statistic"], case["p_value"], *case["ci"]]
    yield Row("variance_ratio_test", "two samples", "ratio, p, limits", ours, expected)


def baujat() -> Iterator[Row]:
    """Yield what a Baujat plot draws."""
    reference = load("figures_baujat")
    data = reference["data"]
    table = named(
        {
            "estimate": data["ai"],
            "n": data["ni"],
            "n_items": data["mi"],
            "place": data["order"],
        },
        len(data["ai"]),
    )
    for name, case in reference["cases"].items():
        fit = ws.fit_meta(
            ws.effect_sizes(table),
            "~ place" if "moderator" in name else None,
            method="DL" if name == "mean_wald" else "REML",
            small_sample=SMALL["z" if name == "mean_wald" else "knha"],
        )
        x, y = baujat_values(fit)
        yield Row("figures.baujat", "cesd", "across", x, case["baujat_x"])
        yield Row("figures.baujat", "cesd", "upwards", y, case["baujat_y"])


def deletions() -> Iterator[Row]:
    """Yield deletions of rows and of studies from models of three levels."""
    reference = load("sensitivity_multilevel")
    data = ws.load_dataset("mibs")
    mother = data["participants"].str.contains("mother").astype(float)
    effects = ws.effect_sizes(data.assign(mother=mother))
    fits = {
        "independent": ws.fit_multilevel(effects),
        "correlated": ws.fit_multilevel(effects, "~ mother", within_correlation=0.6),
    }
    for name, fit in fits.items():
        case, label = reference[name], f"mibs, {name}"
        for by, part in (("study_id", "studies"), (None, "rows")):
            function = f"leave_one_out of three levels, {part}"
            # the model's own standard errors; those shown by default are CR2's
            frame = ws.leave_one_out(replace(fit, small_sample="wald", df=None), by=by)
            for ours, theirs in REFITS.items():
                expected = np.concatenate([np.ravel(one[theirs]) for one in case[part]])
                yield Row(function, label, ours, frame[ours], expected)
            first = frame.iloc[:: len(fit.beta)]
            for level, column in enumerate(
                ("sigma2_study_id", "sigma2_coefficient_id")
            ):
                expected = [one["sigma2"][level] for one in case[part]]
                yield Row(function, label, column, first[column], expected)
        frame = ws.leave_one_out(fit, by="study_id", robust=True)
        expected = np.concatenate([np.ravel(one["cr2_se"]) for one in case["studies"]])
        told = frame["se"].notna().to_numpy()  # not where one study alone decides
        function = "leave_one_out of three levels, studies (CR2)"
        yield Row(function, label, "se", frame["se"][told], expected[told])
        yield from diagnostics(fit, label, case)


def diagnostics(fit: Any, label: str, case: Any) -> Iterator[Row]:
    """Yield influence of rows and studies on a model of three levels."""
    frame, function = ws.influence(fit), "influence in three levels"
    for column in ("rstudent", "cook_d", "hat"):
        yield Row(function, label, column, frame[column], case[column])
    frame = ws.influence(fit, by="study_id")
    frame = frame.iloc[np.argsort(frame["omitted"].astype(int))]
    yield Row(function, label, "chi2", frame["chi2"], case["study_chi2"])
    yield Row(function, label, "Cook's D", frame["cook_d"], case["study_cook_d"])
    egger, expected = ws.egger_test(fit), case["egger"]
    own = egger.fit.beta[-1] / np.sqrt(egger.fit.cov[-1, -1])
    ours, theirs = [egger.estimate, own], [expected["b"][-1], expected["t"][-1]]
    yield Row("egger_test of three levels", label, "b, t", ours, theirs)
    robust = ws.egger_test(fit, robust=True)
    ours = [robust.statistic, robust.df, robust.p_value]
    theirs = [expected[f"cr2_{name}"][-1] for name in ("t", "df", "p")]
    yield Row("egger_test of three levels (CR2)", label, "t, df, p", ours, theirs)


def bayes() -> Iterator[Row]:
    """Yield the Bayesian model against adaptive quadrature."""
    effects = ws.effect_sizes(ws.load_dataset("cesd"))
    for case in load("bayes_integrals")["cases"]:
        prior, expected = case["prior"], case["found"]
        fit = ws.fit_bayes(effects, prior=prior, prior_scale=case["scale"])
        frame, name = fit.to_frame(), f"cesd, {prior}({case['scale']:g})"
        for i, term in enumerate(("mu", "tau")):
            ours = frame.loc[i, ["ci_low", "estimate", "ci_high"]]
            yield Row("fit_bayes", name, f"{term}, quantiles", ours, expected[term])
            mean = expected[f"{term}_mean"]
            yield Row("fit_bayes", name, f"{term}, mean", frame["mean"][i], mean)
        yield Row("fit_bayes", name, "mu, sd", frame["sd"][0], expected["mu_sd"])
        new = fit.predict(back_transform=False).iloc[0][["pi_low", "pi_high"]]
        yield Row("fit_bayes", name, "prediction limits", new, expected["new"])
        share = fit.probability(0.90)
        yield Row("fit_bayes", name, "P(alpha > .90)", share, expected["above_90"])
