"""Sentences of the report, written from the analysis."""

from typing import Any

import pandas as pd

from waistats.effect_sizes import ALPHA_TYPES
from waistats.format import coefficient, count, fixed, interval, level, p_statement
from waistats.generalization.describe import kinds
from waistats.generalization.study import RGStudy
from waistats.meta.multilevel_result import MultilevelResult

REFERENCES = {
    "bonett": "Bonett, D. G. (2002). Sample size requirements for testing and estimating "
    "coefficient alpha. Journal of Educational and Behavioral Statistics, 27, 335-340.",
    "hakstian-whalen": "Hakstian, A. R., & Whalen, T. E. (1976). A k-sample significance "
    "test for independent alpha coefficients. Psychometrika, 41, 219-231.",
    "knapp": "Knapp, G., & Hartung, J. (2003). Improved tests for a random effects "
    "meta-regression with a single covariate. Statistics in Medicine, 22, 2693-2710.",
    "cr2": "Pustejovsky, J. E., & Tipton, E. (2018). Small-sample methods for "
    "cluster-robust variance estimation and hypothesis testing in fixed effects models. "
    "Journal of Business & Economic Statistics, 36, 672-683.",
    "viechtbauer": "Viechtbauer, W. (2005). Bias and efficiency of meta-analytic variance "
    "estimators in the random-effects model. Journal of Educational and Behavioral "
    "Statistics, 30, 261-293.",
    "vacha-haase": "Vacha-Haase, T. (1998). Reliability generalization: Exploring "
    "variance in measurement error affecting score reliability across studies. "
    "Educational and Psychological Measurement, 58, 6-20.",
    "hanson": "Hanson, W. E., Curry, K. T., & Bandalos, D. L. (2002). Reliability "
    "generalization of Working Alliance Inventory scale scores. Educational and "
    "Psychological Measurement, 62, 659-673.",
    "regema": "Sánchez-Meca, J., Marín-Martínez, F., López-López, J. A., et al. (2021). "
    "Improving the reporting quality of reliability generalization meta-analyses: The "
    "REGEMA checklist. Research Synthesis Methods, 12, 516-536.",
    "paap": "Paap, D., et al. (2022). Frontiers in Psychology, 13, 945294.",
}

SCALE_WORDS = {
    "bonett": "-ln(1 - alpha), Bonett's transformation",
    "hakstian-whalen": "1 - (1 - alpha)^(1/3), Hakstian and Whalen's transformation",
    "raw": "the untransformed coefficients",
    "fisher-z": "Fisher's z (whose variance is not right for alpha)",
}


def methods_paragraph(study: RGStudy) -> str:
    """Return the methods of the analysis as a paper states them."""
    measure = SCALE_WORDS[study.measure]
    parts = [
        f"Coefficients were pooled on {measure}, with larger values for higher "
        "reliability, weighted by the inverse of their variance; estimates and the ends "
        "of intervals were turned back to the scale of alpha."
    ]
    if study.method == "CE":
        parts.append("A common-effect model was fitted.")
    else:
        parts.append(
            "Random-effects models were fitted, with the heterogeneity variance "
            f"estimated by {study.method}."
        )
    if study.pooled is not None and study.pooled.dependent:
        three = study.pooled.fit
        assert isinstance(three, MultilevelResult)
        correlation = study.within_correlation
        parts.append(
            f"{three.n_levels[three.levels[0]]} studies gave {three.k} coefficients, so "
            "the overall model has three levels (sampling, coefficients within studies, "
            "studies)"
            + (
                f", with sampling errors of one study correlated {correlation:g}."
                if correlation
                else ", with independent sampling errors."
            )
        )
        if study.pooled.robust is not None:
            parts.append(
                "Its confidence interval is cluster-robust (CR2, Satterthwaite degrees "
                "of freedom)."
            )
        else:
            parts.append(
                "There are too few studies for a cluster-robust interval, so the "
                "interval is the model's, on t."
            )
    else:
        parts.append("Intervals follow Knapp and Hartung.")
    parts.append(
        f"Heterogeneity is described by Q, tau2, I2 and the {level(study.conf_level)} "
        "prediction interval for the true reliability of a new population. Totals and "
        "subscales, and kinds of coefficients, were never pooled together. Cells of "
        "fewer than three studies are described only. Moderators were tested one at a "
        "time with p values adjusted by Holm's method."
    )
    return " ".join(parts)


def results_paragraph(study: RGStudy) -> str:
    """Return the overall result as a paper states it."""
    if study.pooled is None:
        return study.sentence()
    row = study.pooled.row()
    fit = study.pooled.fit
    shown = level(study.conf_level)
    scale = "" if study.main_scale == "total" else f" of the {study.main_scale} scale"
    sentences = [
        f"Across {row['k']} coefficients{scale} from {row['k_studies']} studies "
        f"(N = {count(row['n'])} over coefficients), the pooled alpha was "
        f"{coefficient(row['estimate'])}, {shown} CI "
        f"{interval(row['ci_low'], row['ci_high'])}.",
        f"Reliability differed between samples more than sampling error explains: "
        f"Q({fit.Q_df}) = {fixed(fit.Q, 2)}, {p_statement(fit.Q_p)}, "
        f"tau2 = {fixed(fit.tau2)}, I2 = {fixed(fit.I2, 1)}%."
        if fit.Q_p < 1 - study.conf_level
        else f"The coefficients did not differ more than sampling error explains: "
        f"Q({fit.Q_df}) = {fixed(fit.Q, 2)}, {p_statement(fit.Q_p)}, "
        f"tau2 = {fixed(fit.tau2)}, I2 = {fixed(fit.I2, 1)}%.",
        f"The true alpha of a new population is expected in "
        f"{interval(row['pi_low'], row['pi_high'])} ({shown} prediction interval).",
    ]
    if study.pooled.dependent:
        other = study.pooled.independent.predict().iloc[0]
        sentences.append(
            "Taking all coefficients as independent gives "
            f"{coefficient(other['estimate'])} "
            f"{interval(other['ci_low'], other['ci_high'])}."
        )
    return " ".join(sentences)


def limitations(study: RGStudy) -> list[str]:
    """Return the limits that the data themselves show."""
    out = []
    table = study.effects
    used = table["yi"].notna()
    k, left = int(used.sum()), int((~used).sum())
    if k < 20:
        out.append(
            f"Only {k} coefficients can be pooled; intervals and heterogeneity are "
            "imprecise, and few moderators can be examined."
        )
    if left:
        out.append(
            f"{left} of {len(table)} coefficients cannot be pooled; the reasons stand in "
            "the table of coefficients left out."
        )
    if "n" in table and (no_n := int(table["n"].isna().sum())):
        out.append(f"{no_n} coefficients come without a sample size.")
    if {"estimate_low", "estimate_high"} <= set(table):
        ranges = table["estimate"].isna() & (
            table["estimate_low"].notna() | table["estimate_high"].notna()
        )
        if ranges.any():
            out.append(f"{int(ranges.sum())} reports give only a range or a bound.")
    if "modality_inferred" in table:
        inferred = pd.to_numeric(table["modality_inferred"], errors="coerce") == 1
        if inferred.any():
            out.append(
                f"The modality of {int(inferred.sum())} coefficients was inferred from "
                "the setting, not stated."
            )
    if "provenance" in table:
        second = (table["provenance"].astype(str) == "secondary") & used
        if second.any():
            out.append(
                f"{int(second.sum())} pooled coefficients were read in another source "
                "than their own report."
            )
    estimates = pd.to_numeric(table["estimate"], errors="coerce")
    if ((estimates < 0) & used).any():
        out.append(
            "Negative alphas are among the coefficients; unreversed items are the "
            "likeliest cause."
        )
    if study.pooled is not None and study.pooled.note:
        out.append(f"Overall model: {study.pooled.note}.")
    if _is_wai(table):
        out.append(
            "A review by COSMIN's rules found internal consistency of the WAI not "
            "established, since unidimensionality was not shown (Paap et al., 2022): "
            "alpha of a multidimensional scale is no proof of one construct."
        )
    if study.simulated:
        out.append("The data are SIMULATED; nothing here is a finding about people.")
    return out


def _is_wai(table: pd.DataFrame) -> bool:
    if "instrument" not in table:
        return False
    return bool(table["instrument"].astype(str).str.contains("WAI").any())


def references(study: RGStudy) -> list[str]:
    """Return the works that the methods rest on, in alphabetical order."""
    keys = ["knapp", "viechtbauer", "vacha-haase", "regema"]
    if study.measure in REFERENCES:
        keys.append(study.measure)
    if study.pooled is not None and study.pooled.robust is not None:
        keys.append("cr2")
    if _is_wai(study.effects):
        keys += ["hanson", "paap"]
    return sorted(REFERENCES[key] for key in keys)


def other_kinds(study: RGStudy) -> dict[str, int]:
    """Return how many coefficients of other kinds than alpha there are."""
    names = kinds(study.effects)
    counts: Any = names[~names.isin(ALPHA_TYPES)].value_counts()
    return {str(name): int(k) for name, k in sorted(counts.items())}
