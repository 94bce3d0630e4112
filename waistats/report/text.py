"""Sentences of the report, written from the analysis; works are cited by `works`."""

from typing import Any

from waistats.effect_sizes import ALPHA_TYPES
from waistats.format import coefficient, count, fixed, interval, level, p_statement
from waistats.generalization.describe import kinds
from waistats.generalization.pool import FEWEST_TO_POOL
from waistats.generalization.study import RGStudy
from waistats.meta.multilevel_result import MultilevelResult
from waistats.wording import inside_words

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
        return "No moderator has enough coefficients to be tested."
    found = tested[tested["p_adjusted"] < 1 - study.conf_level]
    if len(found) == 0:
        names = ", ".join(name_words(name) for name in tested["moderator"])
        return (
            "Moderators tested one at a time, none significant after adjustment: "
            f"{names}."
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
