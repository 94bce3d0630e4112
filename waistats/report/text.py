"""Sentences of the report, written from the analysis; works are cited by `works`.

The works that a report cites.

The limits that the data themselves show.
"""

from collections.abc import Iterable
from typing import Any

import pandas as pd

from waistats._format import coefficient, count, fixed, interval, level, p_statement
from waistats._labels import inside_words
from waistats.measures import ALPHA_TYPES
from waistats.meta.multilevel.fit import MultilevelResult
from waistats.rg.descriptives import kinds
from waistats.rg.pooling import FEWEST_TO_POOL
from waistats.rg.study import RGStudy

# how it is cited in the text -> the reference
WORKS = {
    "Bonett, 2002": "Bonett, D. G. (2002). Sample size requirements for testing and "
    "estimating coefficient alpha. Journal of Educational and Behavioral Statistics, "
    "27, 335-340. https://doi.org/10.3102/10769986027004335",
    "Botella et al., 2010": "Botella, J., Suero, M., & Gambara, H. (2010). Psychometric "
    "inferences from a meta-analysis of reliability and internal consistency "
    "coefficients. Psychological Methods, 15, 386-397.",
    "Egger et al., 1997": "Egger, M., Davey Smith, G., Schneider, M., & Minder, C. "
    "(1997). Bias in meta-analysis detected by a simple, graphical test. BMJ, 315, "
    "629-634.",
    "Hakstian & Whalen, 1976": "Hakstian, A. R., & Whalen, T. E. (1976). A k-sample "
    "significance test for independent alpha coefficients. Psychometrika, 41, 219-231.",
    "Hanson et al., 2002": "Hanson, W. E., Curry, K. T., & Bandalos, D. L. (2002). "
    "Reliability generalization of Working Alliance Inventory scale scores. Educational "
    "and Psychological Measurement, 62, 659-673.",
    "Holm, 1979": "Holm, S. (1979). A simple sequentially rejective multiple test "
    "procedure. Scandinavian Journal of Statistics, 6, 65-70.",
    "Jacobson & Truax, 1991": "Jacobson, N. S., & Truax, P. (1991). Clinical "
    "significance: A statistical approach to defining meaningful change in "
    "psychotherapy research. Journal of Consulting and Clinical Psychology, 59, 12-19.",
    "Knapp & Hartung, 2003": "Knapp, G., & Hartung, J. (2003). Improved tests for a "
    "random effects meta-regression with a single covariate. Statistics in Medicine, "
    "22, 2693-2710.",
    "Olkin et al., 2012": "Olkin, I., Dahabreh, I. J., & Trikalinos, T. A. (2012). GOSH "
    "- a graphical display of study heterogeneity. Research Synthesis Methods, 3, "
    "214-223.",
    "Paap et al., 2022": "Paap, D., et al. (2022). Frontiers in Psychology, 13, 945294.",
    "Pustejovsky & Tipton, 2018": "Pustejovsky, J. E., & Tipton, E. (2018). "
    "Small-sample methods for cluster-robust variance estimation and hypothesis testing "
    "in fixed effects models. Journal of Business & Economic Statistics, 36, 672-683.",
    "Sánchez-Meca et al., 2021": "Sánchez-Meca, J., Marín-Martínez, F., López-López, J. "
    "A., et al. (2021). Improving the reporting quality of reliability generalization "
    "meta-analyses: The REGEMA checklist. Research Synthesis Methods, 12, 516-536.",
    "Vacha-Haase, 1998": "Vacha-Haase, T. (1998). Reliability generalization: Exploring "
    "variance in measurement error affecting score reliability across studies. "
    "Educational and Psychological Measurement, 58, 6-20.",
    "Viechtbauer, 2005": "Viechtbauer, W. (2005). Bias and efficiency of meta-analytic "
    "variance estimators in the random-effects model. Journal of Educational and "
    "Behavioral Statistics, 30, 261-293.",
}


def cited(texts: Iterable[str]) -> list[str]:
    """Return the references of the works that texts cite, in alphabetical order."""
    whole = "\n".join(texts)
    return sorted(full for name, full in WORKS.items() if name in whole)


SCALE_WORDS = {
    "bonett": "-ln(1 - alpha) (Bonett, 2002), whose variance depends on n and the number "
    "of items alone",
    "hakstian-whalen": "1 - (1 - alpha)^(1/3) (Hakstian & Whalen, 1976)",
    "raw": "the scale of alpha itself, untransformed",
    "fisher-z": "Fisher's z (whose variance is not right for alpha)",
}


BIAS_WORDS = {
    "none": "",
    "bonett": ", less the bias of that scale by Bonett's term, ln(n/(n - 1))",
    "exact": ", less the bias of that scale by the exact distribution of alpha for "
    "normal parallel items",
}

_NAMES = {"pct_female": "percentage of women", "instrument": "version"}


def name_words(name: str) -> str:
    """Return a column's name in words."""
    return _NAMES.get(name, inside_words(name))


def study_title(study: RGStudy) -> str:
    """Return the title of a study's report."""
    return f"Reliability generalization of {study.title}"


def methods_paragraphs(study: RGStudy) -> list[str]:
    """Return the methods of the analysis as a paper states them."""
    shown = level(study.conf_level)
    opening = (
        f"This is a reliability generalization study (Vacha-Haase, 1998) of "
        f"{study.title}, reported by the REGEMA checklist (Sánchez-Meca et al., 2021). "
        f"Coefficients were pooled on {SCALE_WORDS[study.measure]}{BIAS_WORDS[study.bias]}"
        "; larger values mean higher reliability. Coefficients were weighted by the "
        "inverse of their variance; estimates and the ends of intervals were turned "
        "back to the scale of alpha."
    )
    closing = (
        f"Heterogeneity is described by Q, tau2, I2 and the {shown} prediction interval "
        "for the true reliability of a new population. Totals and subscales, and kinds "
        "of coefficients, were never pooled together. Cells of fewer than "
        f"{FEWEST_TO_POOL} studies are described only. Moderators were tested one at a "
        "time, numbers where at least ten coefficients have a value, categories where "
        "at least two levels have four; p values are adjusted for the number of tests "
        "(Holm, 1979)."
    )
    if study.pooled is not None:
        closing += (
            " Sensitivity: leaving out each study, influence diagnostics, small-study "
            "tests (Egger et al., 1997), selection models, and the result under every "
            "defensible specification."
        )
    return [f"{opening} {' '.join(_model(study))}", closing]


def _model(study: RGStudy) -> list[str]:
    """Return what was fitted, and how intervals are made."""
    parts = []
    if study.method == "CE":
        parts.append("A common-effect model was fitted.")
    else:
        by = " (Viechtbauer, 2005)" if study.method == "REML" else ""
        parts.append(
            "Random-effects models were fitted, since populations differ in reliability; "
            f"the heterogeneity variance was estimated by {study.method}{by}."
        )
    knapp = "Intervals and tests use t with Knapp and Hartung's variance"
    if study.pooled is None or not study.pooled.dependent:
        return [*parts, f"{knapp} (Knapp & Hartung, 2003)."]
    three = study.pooled.fit
    assert isinstance(three, MultilevelResult)
    correlation = study.within_correlation
    unit = "sample" if "sample_id" in study.effects else "study"
    errors = (
        f"correlated {correlation:g} within a {unit}" if correlation else "independent"
    )
    parts.append(
        f"{three.n_levels[three.levels[0]]} studies gave {three.k} coefficients of the "
        f"{study.main_scale} scale, so the overall model has three levels (sampling, "
        "coefficients within studies, studies), with sampling errors taken as "
        f"{errors}."
    )
    if study.pooled.robust is not None:
        parts.append(
            "Its confidence interval is cluster-robust (CR2 with Satterthwaite's degrees "
            "of freedom; Pustejovsky & Tipton, 2018)."
        )
    else:
        parts.append(
            "There are too few studies for a cluster-robust interval, so the interval is "
            "the model's, on t."
        )
    parts.append(
        "Where no study gives two coefficients, models have one level and "
        f"{knapp[0].lower()}{knapp[1:]} (Knapp & Hartung, 2003)."
    )
    return parts


def results_paragraph(study: RGStudy) -> str:
    """Return the overall result as a paper states it."""
    if study.pooled is None:
        return study.sentence()
    row = study.pooled.row()
    fit = study.pooled.fit
    shown = level(study.conf_level)
    scale = "" if study.main_scale == "total" else f" of the {study.main_scale} scale"
    simulated = "SIMULATED " if study.simulated else ""
    differ = (
        "Reliability differed between samples more than sampling error explains"
        if fit.Q_p < 1 - study.conf_level
        else "The coefficients did not differ detectably more than sampling error "
        "explains"
    )
    sentences = [
        f"Across {row['k']} {simulated}coefficients{scale} from {row['k_studies']} "
        f"studies (N = {count(row['n'])} over coefficients), the pooled alpha was "
        f"{coefficient(row['estimate'])}, {shown} CI "
        f"{interval(row['ci_low'], row['ci_high'])}.",
        f"{differ}: Q({fit.Q_df}) = {fixed(fit.Q, 2)}, {p_statement(fit.Q_p)}, "
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


def moderators_sentence(study: RGStudy) -> str:
    """Return which moderators the screen finds."""
    tested = study.screen[study.screen["p_value"].notna()]
    if len(tested) == 0:
        return "No moderator has enough studies to be tested."
    found = tested[tested["explains"].astype(bool)]
    if len(found) == 0:
        names = "; ".join(
            f"{name_words(row['moderator'])} ({row['why']})"
            for _, row in tested.iterrows()
        )
        return (
            "Moderators tested one at a time, none of which can be said to explain "
            f"differences: {names}."
        )
    head = f"Of {len(tested)} moderators tested one at a time, "
    words = [
        f"{name_words(row['moderator'])} (adjusted {p_statement(row['p_adjusted'])})"
        for _, row in found.iterrows()
    ]
    verb = "explains" if len(words) == 1 else "explain"
    return head + f"{', '.join(words)} {verb} differences after adjustment."


def other_kinds(study: RGStudy) -> dict[str, int]:
    """Return how many coefficients of other kinds than alpha there are."""
    names = kinds(study.effects)
    counts: Any = names[~names.isin(ALPHA_TYPES)].value_counts()
    return {str(name): int(k) for name, k in sorted(counts.items())}


FEW = 20
# from here the bias of the Bonett scale costs coverage, by docs/promises.md
MANY_FOR_BIAS = 25


def limitations(study: RGStudy) -> list[str]:
    """Return the limits of a study as sentences."""
    table = study.effects
    used = table["yi"].notna()
    return [
        *_size(study, used),
        *_reports(table, used),
        *_values(table, used),
        *_model_of(study),
    ]


def _size(study: RGStudy, used: pd.Series) -> list[str]:
    out = []
    k, left = int(used.sum()), int((~used).sum())
    if k < FEW:
        out.append(
            f"Only {k} coefficients can be pooled; intervals and heterogeneity are "
            "imprecise, and few moderators can be examined."
        )
    small = int((study.cells["note"] != "").sum())
    if small:
        out.append(
            f"{small} of {len(study.cells)} cells have too few studies to be pooled, or "
            "for a robust interval."
        )
    if left:
        out.append(
            f"{left} of {len(study.effects)} coefficients cannot be pooled; the reasons "
            "stand in the table of coefficients left out."
        )
    return out


def _reports(table: pd.DataFrame, used: pd.Series) -> list[str]:
    """Return what the sources do not tell."""
    out = []
    if "n" in table and (no_n := int(table["n"].isna().sum())):
        out.append(f"{no_n} coefficients come without a sample size.")
    if {"estimate_low", "estimate_high"} <= set(table):
        ranges = table["estimate"].isna() & (
            table["estimate_low"].notna() | table["estimate_high"].notna()
        )
        if ranges.any():
            out.append(f"{int(ranges.sum())} reports give only a range or a bound.")
    if "modality_inferred" in table:
        marks = table["modality_inferred"].astype(str).str.casefold()
        inferred = marks.isin(["1", "1.0", "true", "yes"])
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
        own = (table["provenance"].astype(str) == "computed") & used
        if own.any():
            out.append(
                f"{int(own.sum())} pooled coefficients were computed by the coder from "
                "open answers; their reports do not print them."
            )
    if "reliability_status" not in table:
        out.append(
            "The table does not say how many studies reported no reliability of their "
            "own, so the rate of reliability induction is not known."
        )
    return out


def _values(table: pd.DataFrame, used: pd.Series) -> list[str]:
    out = []
    estimates = pd.to_numeric(table["estimate"], errors="coerce")
    alphas = kinds(table).isin(ALPHA_TYPES)
    if ((estimates < 0) & used).any():
        out.append(
            "Negative alphas are among the coefficients; unreversed items are the "
            "likeliest cause."
        )
    if (alphas & used).any():
        out.append(
            "Alpha equals reliability only for items that measure one construct equally "
            "well with unrelated errors; otherwise it can be too low, or, with related "
            "errors, too high."
        )
    return out


def _model_of(study: RGStudy) -> list[str]:
    out = []
    if study.pooled is not None and study.pooled.note:
        out.append(f"Overall model: {study.pooled.note}.")
    if study.pooled is not None and study.bias == "none" and study.measure == "bonett":
        k = study.pooled.fit.k
        if k > MANY_FOR_BIAS:
            out.append(
                f"The Bonett scale has a bias of about 1/n, which was left in, as in "
                f"metafor. With {k} coefficients the confidence interval is so short "
                "that the bias may cost some of its coverage; bias='exact' removes it."
            )
    assumed = study.within_correlation is None and study.V is None
    if study.pooled is not None and study.pooled.dependent and assumed:
        out.append(
            "Coefficients of one study were taken to have independent sampling errors; "
            "where they come from the same persons, they have not."
        )
    if is_wai(study):
        out.append(
            "A review by COSMIN's rules found internal consistency of the WAI not "
            "established, since unidimensionality was not shown (Paap et al., 2022): "
            "alpha of a multidimensional scale is no proof of one construct."
        )
    if study.simulated:
        out.append("The data are SIMULATED; nothing here is a finding about people.")
    return out


def is_wai(study: RGStudy) -> bool:
    """Return whether the table has a form of the Working Alliance Inventory."""
    if "instrument" not in study.effects:
        return False
    return bool(study.effects["instrument"].astype(str).str.contains("WAI").any())
