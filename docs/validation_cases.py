"""Every number of the committed R references beside what waistats says now.

Each function yields `Row`: which public function, on which data, which quantity, ours
and the reference. `validation.py` makes the page, `tests/site/test_validation.py` checks.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

import waistats as ws
from waistats.meta._contrasts import model_contrasts
from waistats.reliability._intervals import feldt_limits
from waistats.reliability._polychoric import polychoric
from waistats.reliability.ordinal import categories

FOLDER = Path(__file__).parents[1] / "tests" / "reference"
SMALL = {"z": "wald", "t": "t", "knha": "knapp-hartung"}
METHODS = {"EE": "CE"}


class Row(NamedTuple):
    """A comparison; ours and reference broadcast."""

    function: str
    data: str
    quantity: str
    ours: Any
    reference: Any


def load(name: str) -> Any:
    """Return a reference file."""
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))


def named(columns: dict[str, Any], rows: int) -> pd.DataFrame:
    """Return a table with the names S1, S2, ... for its rows."""
    ids = [f"S{i + 1}" for i in range(rows)]
    return pd.DataFrame(columns).assign(study_id=ids)


def alpha() -> Iterator[Row]:
    """Yield alpha against psych, and with missing answers against lavaan."""
    reference = load("alpha_reference")
    for name, case in reference["cases"].items():
        items = np.array(case["items"], dtype=float)
        missing = "pairwise" if name.endswith("pairwise") else "listwise"
        found = ws.cronbach_alpha(items, missing=missing)
        standard = ws.standardized_alpha(items, missing=missing)
        yield Row("cronbach_alpha", name, "alpha", found.estimate, case["alpha"])
        yield Row(
            "standardized_alpha",
            name,
            "alpha",
            standard.estimate,
            case["standardized"],
        )
        if "ase" in case:
            limits = [case["feldt_low"], case["feldt_high"]]
            normal = ws.cronbach_alpha(items, ci="normal-theory", missing=missing)
            both = [found.ci_low, found.ci_high]
            yield Row("cronbach_alpha", name, "Feldt limits", both, limits)
            yield Row("cronbach_alpha", name, "normal se", normal.se, case["ase"])
    for case in load("numerics_quantiles")["cases"]:
        low, high = feldt_limits(0.9, case["n"], case["m"], case["level"])
        ratios = [10 * (1 - high), 10 * (1 - low)]
        expected = [case["low"], case["high"]]
        where = f"n = {case['n']:,}, {case['m']} items"
        label = "n from 3 to 10 million, 2 to 500 items"
        yield Row("Feldt limits", label, where, ratios, expected)
    for name, case in reference["em"].items():
        items = np.array(case["items"], dtype=float)
        found = ws.cronbach_alpha(items, missing="em", ci="normal-theory")
        function = "cronbach_alpha(missing='em')"
        yield Row(function, name, "alpha", found.estimate, case["alpha"])
        yield Row(function, name, "normal se", found.se, case["se_normal"])


def coefficients() -> Iterator[Row]:
    """Yield omega, ordinal coefficients, bounds and agreement."""
    reference, data = load("coefficients"), load("coefficients_data")
    arrays = {name: np.array(data[name], dtype=float) for name in ("ceiling", "mixed")}
    arrays["fixture"] = pd.read_csv(FOLDER / "fixture_items_60x5.csv").to_numpy(float)
    for name, case in reference["omega"].items():
        robust = ws.omega_total(arrays[name])
        normal = ws.omega_total(arrays[name], ci="normal-theory")
        yield Row("omega_total", name, "omega", robust.estimate, case["omega"])
        yield Row("omega_total", name, "robust se", robust.se, case["se_robust"])
        yield Row("omega_total", name, "normal se", normal.se, case["se_normal"])
    for name, case in reference["ordinal_alpha"].items():
        found = ws.ordinal_alpha(arrays[name])
        yield Row("ordinal_alpha", name, "alpha", found.estimate, case["alpha"])
    for name, case in reference["ordinal_omega"].items():
        found = ws.ordinal_omega(arrays[name])
        yield Row("ordinal_omega", name, "omega", found.estimate, case["omega"])
    for name, case in reference["bounds"].items():
        found = ws.guttman_lambdas(arrays[name])["estimate"]
        yield Row("guttman_lambdas", name, "lambda 1-6", found, case["lambdas"])
    halves = ws.split_half(arrays["ceiling"])
    case = reference["bounds"]["ceiling"]["correlation"]
    for which in ("best", "worst", "mean"):
        value = getattr(halves, which)
        yield Row("split_half", "ceiling", which, value, case[which])
    items = np.array(data["bifactor"], dtype=float)
    case, found = reference["schmid"]["tight"], ws.omega_hierarchical(items)
    yield Row(
        "omega_hierarchical", "bifactor", "omega h", found.estimate, case["omega_h"]
    )
    yield Row(
        "omega_hierarchical", "bifactor", "omega t", found.omega_total, case["omega_t"]
    )
    groups = {"task": "123", "bond": "456", "goal": "789"}
    found, case = ws.omega_hierarchical(items, groups=groups), reference["bifactor"]
    ours = [found.estimate, found.omega_total, found.se]
    theirs = [case["omega_h"], case["omega_t"], case["se_robust"]]
    function = "omega_hierarchical (known groups)"
    yield Row(function, "bifactor", "omega h, omega t, se", ours, theirs)
    found = ws.intraclass_correlations(np.array(data["ratings"]))
    case = reference["icc"]
    for column in ("estimate", "statistic", "df1", "df2", "ci_low", "ci_high"):
        yield Row(
            "intraclass_correlations", "ratings", column, found[column], case[column]
        )
    first, second = (
        arrays["ceiling"][:, part].mean(axis=1) for part in (slice(3), slice(3, 6))
    )
    found = ws.test_retest(first, second)
    case = reference["retest"]
    yield Row("test_retest", "ceiling", "r", found.estimate, case["estimate"])
    yield Row(
        "test_retest", "ceiling", "limits", [found.ci_low, found.ci_high], case["ci"]
    )
    yield from polychorics(reference["polychoric"], data)
    yield from sessions(reference["diary"], np.array(data["diary"]))
    case, found = load("coefficients_items"), ws.item_statistics(arrays["ceiling"])
    for ours, theirs in {
        "mean": "mean",
        "sd": "sd",
        "skew": "skew",
        "item_rest_correlation": "r_drop",
        "alpha_if_dropped": "alpha_drop",
    }.items():
        yield Row("item_statistics", "ceiling", ours, found[ours], case[theirs])


def item_models() -> Iterator[Row]:
    """Yield factor models, categorical omega, the greatest lower bound, two levels."""
    reference, categorical = (
        load("coefficients_models"),
        load("coefficients_categorical"),
    )
    three = pd.read_csv(FOLDER / "simulated_three_factors_300x12.csv")
    five = pd.read_csv(FOLDER / "fixture_items_60x5.csv")
    names = list(three.columns)
    factors = {"a": names[:4], "b": names[4:8], "c": names[8:]}
    pair = [("x2", "x6")]
    models: dict[str, dict[str, Any]] = {
        "correlated": {"factors": factors},
        "residual": {"factors": factors, "correlated_residuals": pair},
        "second": {
            "factors": factors,
            "correlated_residuals": pair,
            "second_order": True,
        },
        "single": {},
    }
    for name, options in models.items():
        found, case = ws.omega_from_model(three, ci=None, **options), reference[name]
        yield Row("omega_from_model", name, "omega", found.estimate, case["omega"])
        fit, expected = found.fit, case["fit"]
        for ours, theirs in {
            "chi_square": "chisq",
            "chi_square_scaled": "chisq.scaled",
            "rmsea": "rmsea",
            "cfi": "cfi",
            "srmr": "srmr_bentler",
        }.items():
            value = getattr(fit, ours)
            yield Row("omega_from_model", name, ours, value, expected[theirs])
    tau, case = ws.tau_equivalence(three[names[:4]]), reference["tau_equivalence"]
    yield Row("tau_equivalence", "a", "chi-square", tau.chi_square, case["plain"])
    yield Row("tau_equivalence", "a", "scaled", tau.chi_square_scaled, case["scaled"])
    for name, items in {"five": five, "three": three}.items():
        for matrix in ("covariance", "correlation"):
            bound = ws.greatest_lower_bound(items, matrix=matrix, ci=None).estimate
            right = reference["glb"][name][matrix]
            yield Row("greatest_lower_bound", name, matrix, bound, right)
    values = three.to_numpy()
    cuts = {
        "six": np.digitize(values[:, :6], [-1, 0, 1]),
        "skewed": np.digitize(values[:, :5], [-2, -1]),
        "binary": (values[:, :4] > 0).astype(int),
    }
    for name, answers in cuts.items():
        for method in ("dwls", "uls"):
            omega = ws.omega_categorical(answers, method=method, ci=None).estimate
            right = categorical[name][method]["observed"]
            yield Row("omega_categorical", name, method, omega, right)
    data, case = (
        pd.read_csv(FOLDER / "simulated_two_level.csv"),
        load("two_level_lavaan"),
    )
    table = ws.multilevel_reliability(
        data,
        person="p",
        session="s",
        items=list("abcde"),
        ci="bootstrap",
        n_resamples=100,
    )
    rows = table.to_frame().set_index("term")
    peer = load("two_level_semtools")
    six = ws.omega_categorical(cuts["six"], ci=None).estimate
    yield Row("omega_categorical", "six", "compRelSEM", six, peer["categorical"])
    for level in ("between", "within"):
        # its alphas are of lavaan's first step, which stops at three digits
        ours, right = rows.loc[f"omega_{level}_ml", "estimate"], peer[f"omega_{level}"]
        yield Row("two levels", "simulated", f"omega {level}, semTools", ours, right)
        name, found = "two levels", rows.loc[f"omega_{level}_ml"]
        alpha_ml = rows.loc[f"alpha_{level}_ml", "estimate"]
        yield Row(name, "simulated", f"alpha {level}", alpha_ml, case[f"alpha_{level}"])
        right = case[f"omega_{level}"]
        yield Row(name, "simulated", f"omega {level}", found["estimate"], right["est"])
        yield Row(name, "simulated", f"se of omega {level}", found["se"], right["se"])
    ratings = five.to_numpy(float) + np.array([0, 0.5, 1, 0.3, 0.8])
    i, j = np.indices(ratings.shape) + 1
    ratings[(7 * i + 3 * j) % 10 < 3] = np.nan
    case = load("ratings_lme4")
    for model in "123":
        found = ws.intraclass_correlation(ratings, form=f"{model},1", missing="reml")
        parts = found.components.set_index("component")["variance"]
        for ours, theirs in {"target": "t", "rater": "r", "error": "Residual"}.items():
            if theirs in case[model]["components"]:
                right = case[model]["components"][theirs]
                function = "intraclass_correlation(missing='reml')"
                yield Row(function, f"form {model}", ours, parts[ours], right)


def polychorics(reference: Any, data: Any) -> Iterator[Row]:
    """Yield polychoric correlations, which stand behind the ordinal coefficients."""
    for name, case in reference.items():
        found = polychoric(*categories(np.array(data[name], dtype=float)))
        for oracle in ("lavaan", "psych"):
            function = f"polychoric correlations ({oracle})"
            yield Row(function, name, "rho", found.correlation, case[oracle])


def sessions(case: Any, cube: np.ndarray) -> Iterator[Row]:
    """Yield reliability of repeated sessions against psych's mlr()."""
    person, time = np.nonzero(np.ones(cube.shape[:2], dtype=bool))
    items = [f"item{i}" for i in range(cube.shape[2])]
    frame = pd.DataFrame(cube[person, time], columns=items)
    frame = frame.assign(person=person, session=time)
    options = {"person": "person", "session": "session", "items": items, "ci": None}
    found = ws.multilevel_reliability(frame, **options)
    function, values = "multilevel_reliability", found.components["variance"]
    yield Row(function, "diary", "components", values, case["components"])
    estimates = found.to_frame().set_index("term")["estimate"]
    for term in ("RkF", "R1R", "RkR", "RC"):
        yield Row(function, "diary", term, estimates[term], case[term])
    for term in ("RkRn", "RCn"):  # psych's are by an optimiser that stops early
        name = f"{function} (nested)"
        yield Row(name, "diary", term, estimates[term], case[term])


def models() -> Iterator[Row]:
    """Yield every fit of one level."""
    reference = load("meta_fit")
    formulas = {"mean": None, "x": "~ x", "g": "~ g"}
    for case in reference["cases"]:
        data = reference["data"][case["data"]]
        table = named(
            {"yi": data["y"], "vi": data["v"]}
            | {c: data[c] for c in ("x", "g") if c in data},
            len(data["y"]),
        )
        if case["data"] == "perfect" and case["model"] == "x":
            continue  # residuals are rounding noise in both
        fit = ws.fit_meta(
            table,
            formulas[case["model"]],
            method=METHODS.get(case["method"], case["method"]),
            small_sample=SMALL[case["test"]],
        )
        frame = fit.to_frame()
        pairs = {"estimate": (frame["estimate"], "b")}
        if (
            fit.small_sample == SMALL[case["test"]]
        ):  # else the ad-hoc form, see the page
            pairs |= {
                "se": (frame["se"], "se"),
                "ci_low": (frame["ci_low"], "ci.lb"),
                "ci_high": (frame["ci_high"], "ci.ub"),
                "p_value": (frame["p_value"], "pval"),
            }
        pairs |= {
            "tau2": (fit.tau2, "tau2"),
            "tau2_se": (fit.tau2_se, "se.tau2"),
            "Q": (fit.Q, "QE"),
            "Q_p": (fit.Q_p, "QEp"),
            "I2": (fit.I2, "I2"),
            "H2": (fit.H2, "H2"),
            "aic": (fit.aic, "aic"),
            "bic": (fit.bic, "bic"),
        }
        for quantity, (ours, theirs) in pairs.items():
            # metafor's sums lose digits there
            extreme = case["data"] == "imbalance"
            name = f"fit_meta, {'extreme weights' if extreme else case['method']}"
            yield Row(name, case["data"], quantity, ours, case[theirs])
    case, data = reference["extra"]["adhoc"], reference["data"]["tau2_zero"]
    table = named({"yi": data["y"], "vi": data["v"]}, len(data["y"]))
    row = ws.fit_meta(table, small_sample="knapp-hartung-adhoc").to_frame().iloc[0]
    adhoc = {"se": "se", "ci_low": "ci.lb", "ci_high": "ci.ub", "p_value": "pval"}
    for ours, theirs in adhoc.items():
        name = "fit_meta, small_sample='knapp-hartung-adhoc'"
        yield Row(name, "tau2_zero", ours, row[ours], case[theirs])
    for name, case in reference["extra"]["qprofile"].items():
        data = reference["data"][name]
        table = named({"yi": data["y"], "vi": data["v"]}, len(data["y"]))
        found = ws.fit_meta(table, small_sample="wald").heterogeneity_intervals()
        yield Row("heterogeneity_intervals", name, "low", found.ci_low, case["ci.lb"])
        yield Row("heterogeneity_intervals", name, "high", found.ci_high, case["ci.ub"])


def multilevel() -> Iterator[Row]:
    """Yield models of several levels and their robust inference."""
    for case in load("multilevel_metafor")["cases"]:
        k, name = len(case["y"]), case["name"]
        table = pd.DataFrame({"yi": case["y"], "vi": case["v"]})
        levels = [f"level_{i + 1}" for i in range(len(case["groups"]))]
        table[levels] = np.transpose(case["groups"])
        formula = None
        if case["X"] is not None:
            X = np.reshape(np.array(case["X"], dtype=float), (k, -1))
            names = [f"x{i}" for i in range(X.shape[1])]
            table[names] = X
            formula = "~ " + " + ".join(names)
        fit = ws.fit_multilevel(
            table,
            formula,
            levels=levels,
            V=case["V"],
            method=case["method"],
            small_sample=SMALL[case["test"]],
        )
        # metafor's t counts coefficients, what is printed here counts studies
        df, each = (
            None if case["test"] == "z" else float(fit.Q_df),
            np.eye(len(fit.beta)),
        )
        frame = model_contrasts(each, fit.beta, fit.cov, df, fit.conf_level).to_frame()
        for ours, theirs in {"estimate": "b", "se": "se", "ci_low": "ci_low"}.items():
            yield Row("fit_multilevel", name, ours, frame[ours], case[theirs])
        yield Row("fit_multilevel", name, "sigma2", fit.sigma2, case["sigma2"])
        yield Row(
            "fit_multilevel", name, "log_likelihood", fit.log_likelihood, case["ll"]
        )
        yield Row("fit_multilevel", name, "Q", fit.Q, case["Q"])
        if "profile" in case:
            limits = np.reshape(case["profile"], (-1, 2))
            found = fit.components[["ci_low", "ci_high"]]
            yield Row("components (profile limits)", name, "limits", found, limits)
        if "robust" in case:
            robust = fit.robust()
            frame, told = robust.to_frame(), ~robust.parts.decided(each)
            for column in ("se", "df", "p_value", "ci_low", "ci_high"):
                expected = np.atleast_1d(case["robust"][column])[told]
                yield Row("robust (CR2)", name, column, frame[column][told], expected)
    expected = load("wai_totals")
    row = ws.generalize(ws.load_dataset("wai")).pooled.row()
    for column in ("estimate", "ci_low", "ci_high"):
        yield Row("generalize", "wai", column, row[column], expected[column])


def multivariate() -> Iterator[Row]:
    """Yield several outcomes of the same studies, and their robust inference."""
    reference, profiles = load("multivariate_metafor"), load("multivariate_confint")
    for name in ("berkey1998", "simulated_scales"):
        data = pd.DataFrame(reference[name]["data"]).rename(
            columns={"study": "study_id"}
        )
        data["coefficient_id"] = [str(i) for i in range(len(data))]
        for case in reference[name]["fits"]:
            fit = ws.fit_multivariate(
                data,
                outcome="outcome",
                V=reference[name]["V"],
                struct=case["struct"],
                method=case["method"],
            )
            size = len(fit.outcomes)
            above = np.triu_indices(size, 1)
            label = name.replace("simulated_scales", "SIMULATED subscales")
            yield Row("fit_multivariate", label, "estimate", fit.beta, case["beta"])
            spread = np.broadcast_to(case["tau2"], size)
            yield Row("fit_multivariate", label, "tau2", fit.tau2, spread)
            found = fit.correlations.to_numpy(float)[above]
            expected = np.broadcast_to(case["rho"], found.shape)
            yield Row("fit_multivariate", label, "correlations", found, expected)
            for ours in ("log_likelihood", "Q", "aic", "bic"):
                value = getattr(fit, ours)
                yield Row("fit_multivariate (fit)", label, ours, value, case[ours])
            frame = fit.robust().to_frame()
            for ours in ("se", "df"):
                yield Row(
                    "fit_multivariate (CR2)",
                    label,
                    ours,
                    frame[ours],
                    case[f"robust_{ours}"],
                )
            if case["struct"] == "UN" and case["method"] == "REML":
                found = fit.heterogeneity_intervals()
                found = found[found["parameter"] == "tau2"]["ci_high"]
                expected = np.array(profiles[name]["tau2"])[:, 2]
                # lower limits near 0 are where rma.mv's search stops
                yield Row(
                    "fit_multivariate (upper profile limits)",
                    label,
                    "tau2",
                    found,
                    expected,
                )


def other_models() -> Iterator[Row]:
    """Yield location-scale and permutation models."""
    reference = load("models_metafor")
    for case in reference["scale"]:
        steep = case["data"] == "bcg" and case["scale"] == "~x"
        if not steep and min(np.log(case["tau2"])) < -10:
            continue  # no maximum: a ConvergenceError here, a warning there
        data = reference["data"][case["data"]]
        fit = ws.fit_location_scale(
            named(data, len(data["yi"])),
            case["mods"],
            case["scale"],
            method=case["method"],
            small_sample=SMALL[case["test"]],
        )
        frame = fit.to_frame()
        location = frame[frame["part"] == "location"]
        scale = frame[frame["part"] == "scale"]
        for ours, theirs in {"estimate": "beta", "se": "se"}.items():
            yield Row(
                "fit_location_scale", case["data"], ours, location[ours], case[theirs]
            )
        yield Row(
            "fit_location_scale",
            case["data"],
            "log_likelihood",
            fit.log_likelihood,
            case["ll"],
        )
        yield Row(
            "fit_location_scale (scale part)",
            case["data"],
            "estimate",
            scale["estimate"],
            case["gamma.newton"],
        )
    for case in reference["exact"]:
        columns = {c: case[c] for c in ("yi", "vi", "x", "g") if case.get(c)}
        table = named(columns, len(case["yi"]))
        found = ws.permutation_test(
            table,
            case["mods"],
            method=case["method"],
            small_sample=SMALL[case["test"]],
            exact=True,
        )
        yield Row(
            "permutation_test", case["mods"], "p_value", found.p_value, case["pval"]
        )


def sensitivity() -> Iterator[Row]:
    """Yield deletions, small-study tests and selection."""
    reference = load("sensitivity_metafor")
    refits = {"estimate": "estimate", "se": "se", "tau2": "tau2", "I2": "I2", "Q": "Q"}
    diagnostics = {
        "rstudent": "rstudent",
        "dffits": "dffits",
        "cook_d": "cook.d",
        "cov_ratio": "cov.r",
        "hat": "hat",
        "tau2_deleted": "tau2.del",
    }
    for name, part in reference["sets"].items():
        data = named(part["data"], len(part["data"]["yi"]))
        data["n"] = data["ni"]
        for label, case in part["fits"].items():
            method, test = label.split("_")
            fit = ws.fit_meta(
                data, method=METHODS.get(method, method), small_sample=SMALL[test]
            )
            frames = {
                "leave_one_out": (ws.leave_one_out(fit), refits),
                "cumulative": (ws.cumulative(fit), refits),
                "influence": (ws.influence(fit), diagnostics),
            }
            for function, (frame, columns) in frames.items():
                for ours, theirs in columns.items():
                    expected = case[function][theirs]
                    if len(expected):
                        yield Row(function, name, ours, frame[ours], expected)
            found = ws.egger_test(fit)
            expected = case["egger"]["rma_se"]
            yield Row(
                "egger_test", name, "statistic", found.statistic, expected["statistic"]
            )
            yield Row("egger_test", name, "p_value", found.p_value, expected["p"])
            filled = ws.trim_and_fill(fit)
            expected = case["trim_and_fill"]["L0_auto"]
            yield Row("trim_and_fill", name, "k0", filled.k0, expected["k0"])
            yield Row(
                "trim_and_fill",
                name,
                "estimate",
                filled.fit.estimate,
                expected["estimate"],
            )
        found = ws.rank_test(ws.fit_meta(data))
        yield Row("rank_test", name, "tau", found.statistic, part["rank"]["tau"])
        yield Row("rank_test", name, "p_value", found.p_value, part["rank"]["p"])
    cloud = ws.gosh(
        ws.fit_meta(ws.effect_sizes(ws.load_dataset("cesd")), small_sample="wald")
    )
    order = np.argsort(reference["gosh"]["members"])
    place = np.argsort(cloud.members[:, 0] + 256 * cloud.members[:, -1].astype(int))
    for column in ("estimate", "tau2", "Q"):
        ours = cloud.to_frame()[column].to_numpy()[place]
        expected = np.array(reference["gosh"][column])[order]
        yield Row("gosh", "cesd", column, ours, expected)
    selections = load("sensitivity_selection")["selection"]
    for name in ("cesd", "mibs"):
        case = selections[name]
        fit = ws.fit_meta(ws.effect_sizes(ws.load_dataset(name)))
        found = ws.threshold_selection(fit, case["threshold"])
        for ours in ("estimate", "tau2", "weight"):
            value = getattr(found, ours)
            yield Row("threshold_selection", name, ours, value, case[ours])
        yield Row("threshold_selection", name, "LRT", found.lrt.statistic, case["lrt"])


def practice() -> Iterator[Row]:
    """Yield subgroups, spread and what a pooled result means in practice."""
    reference = load("subgroups")
    data = named(reference["data"], len(reference["data"]["yi"]))
    separate = ws.fit_subgroups(data, "alloc", small_sample="wald")
    frame, case = separate.to_frame(), reference["separate"]
    for ours, theirs in {"estimate": "est", "se": "se", "tau2": "tau2"}.items():
        yield Row("fit_subgroups", "bcg", ours, frame[ours], case[theirs])
    between = separate.between
    tests = [between.statistic, between.p_value]
    yield Row("fit_subgroups", "bcg", "between", tests, [case["QM"], case["QMp"]])
    common = ws.fit_subgroups(data, "alloc", tau2="common").between
    case = reference["common"]
    tests = [common.statistic, common.p_value]
    yield Row("fit_subgroups", "bcg", "common", tests, [case["QM"], case["QMp"]])
    reference = load("spread_bivariate")
    for case in reference["cases"]:
        if case["mods"]:
            continue
        part = reference["data"][case["data"]]
        table = named(
            {
                "estimate": part["alpha"],
                "score_sd": part["sd"],
                "n": part["n"],
                "n_items": part["m"],
            },
            len(part["alpha"]),
        )
        found = ws.spread_analysis(table, metric="as_given")
        name = case["data"]
        likelihood = found.bivariate.log_likelihood
        yield Row("spread_analysis", name, "log_likelihood", likelihood, case["ll"])
        yield Row("spread_analysis", name, "error", found.error.beta, case["error_b"])
        yield Row(
            "spread_analysis", name, "error tau2", found.error.tau2, case["error_tau2"]
        )
    reference = load("practice_planning")
    fit = ws.fit_meta(ws.effect_sizes(ws.load_dataset("cesd")))
    found = ws.predict_reliability(
        fit, n=reference["sizes"], thresholds=reference["cuts"], prediction="metafor"
    )
    for ours in ("observed_low", "observed_high"):
        value = getattr(found, ours)
        yield Row("predict_reliability", "cesd", ours, value, reference[ours])
    shares = ws.threshold_probability(fit, reference["cuts"], prediction="metafor")
    yield Row("threshold_probability", "cesd", "P", shares, reference["t"])


def floats(values: Any) -> np.ndarray:
    """Return numbers as a flat array, R's NA and null as NaN."""
    if isinstance(values, pd.DataFrame | pd.Series | np.ndarray):
        return np.asarray(values, dtype=float).ravel()
    flat = np.atleast_1d(np.asarray(values, dtype=object)).ravel()
    numbers = [np.nan if x is None or isinstance(x, str | dict) else x for x in flat]
    return np.array(numbers, dtype=float)


def difference(row: Row) -> tuple[float, int]:
    """Return the largest difference and how many numbers were compared.

    Relative to references above 1 in size, absolute below.
    """
    ours, reference = floats(row.ours), floats(row.reference)
    known = np.isfinite(np.broadcast_to(reference, ours.shape))
    if not known.any():
        return 0.0, 0
    gap = np.abs(ours - reference) / np.maximum(np.abs(reference), 1)
    return float(np.nan_to_num(gap[known], nan=np.inf).max()), int(known.sum())
