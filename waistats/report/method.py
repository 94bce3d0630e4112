"""The method section of a report, in sentences."""

from waistats._format import level
from waistats.measures import ALPHA_TYPES
from waistats.report._others import kind_noun, others
from waistats.report.text import (
    FEWEST_WORD,
    formula_words,
    is_pooled,
    joined,
    of_title,
)
from waistats.rg._part import is_large
from waistats.rg.descriptives import kinds
from waistats.rg.pooling import likelihood
from waistats.rg.study import RGStudy

SCALE_WORDS = {
    "bonett": "−ln(1 − α) (Bonett, 2002), whose variance depends on the numbers of "
    "respondents and items alone",
    "hakstian-whalen": "1 − (1 − α)^(1/3) (Hakstian & Whalen, 1976)",
    "raw": "the scale of alpha itself, untransformed",
    "fisher-z": "Fisher’s z (whose variance is not right for alpha)",
}
BIAS_WORDS = {
    "none": "",
    "bonett": ", less the bias of that scale by Bonett’s term, ln(n/(n − 1))",
    "exact": ", less the bias of that scale by the exact distribution of alpha for "
    "normal parallel items",
}


def methods_paragraphs(study: RGStudy) -> list[str]:
    """Return the methods of the analysis as a paper states them."""
    opening = (
        "This is a reliability generalization study (Vacha-Haase, 1998) of "
        f"{of_title(study)}, reported by the REGEMA checklist (Sánchez-Meca et al., "
        "2021). "
    )
    if not is_pooled(study):
        return [
            f"{opening}Fewer than {FEWEST_WORD} studies give the same kind of "
            "coefficient of the same scale, so the coefficients are described and not "
            "pooled; nothing was tested."
        ]
    shown = level(study.conf_level)
    rest = study.scales[study.scales["estimate"].notna()]
    rest = rest[~rest["coefficient_type"].isin(ALPHA_TYPES)]
    letter = "α" if study.pooled is not None else "ρ"
    words = SCALE_WORDS[study.measure].replace("α", letter)
    if study.pooled is None:
        words = words.partition(", whose")[0]
        words = words.replace("the scale of alpha itself", "their own scale")
    opening += (
        f"Coefficients were pooled on {words}"
        f"{BIAS_WORDS[study.bias] if study.pooled is not None else ''}; larger values mean "
        "higher reliability. They were weighted by the inverse of their variance; "
        "estimates and the ends of intervals were back-transformed to the scale of "
        f"{'alpha' if study.pooled is not None else 'the coefficients'}."
    )
    if len(rest):
        names = dict.fromkeys(map(_many, rest["coefficient_type"]))
        opening += (
            f" Variances of {joined(names)} come from the standard errors or "
            "intervals printed with them, or from their own sampling distributions."
        )
    closing = (
        f"Heterogeneity is described by tau, the {shown} prediction interval for the "
        f"true reliability of a new population{_prediction(study)}, *Q* and I2. "
        f"{_apart(study)}{_tested(study)}"
    )
    if study.pooled is not None:
        closing += (
            " Sensitivity: leaving out each study, influence diagnostics, small-study "
            "tests (Egger et al., 1997), selection models, and the result under other "
            "defensible specifications."
        )
    elif not is_large(study):
        closing += (
            " Sensitivity: leaving out each study and, with at least ten studies, "
            "small-study tests (Egger et al., 1997)."
        )
    return [f"{opening} {' '.join(_model(study))}", closing]


def _many(kind: str) -> str:
    """Return coefficients of a kind as a paper first names them."""
    return "intraclass correlations (ICCs)" if kind == "icc" else f"{kind_noun(kind)}s"


def _apart(study: RGStudy) -> str:
    """Return what was not pooled together, and which cells are described only."""
    rows = study.effects
    apart = []
    if "scale" in rows and len(set(rows["scale"].dropna())) > 1:
        apart.append("totals and subscales")
    found = kinds(rows)
    if len(set(found.where(~found.isin(ALPHA_TYPES), "alpha"))) > 1:
        apart.append("kinds of coefficients")
    text = ""
    if apart:
        words = ", and ".join(apart) + ("," if len(apart) > 1 else "")
        text = f"{words[:1].upper()}{words[1:]} were never pooled together."
    if study.cells["estimate"].isna().any():
        text += f" Cells of fewer than {FEWEST_WORD} studies are described only."
    return f"{text.strip()} " if text else ""


def _tested(study: RGStudy) -> str:
    """Return how moderators were tested, or what a test would have needed."""
    needs = (
        "numbers where at least ten studies have a value, categories where at least two "
        "levels have four studies"
    )
    many = 0 if study.pooled is None else int(study.screen["p_value"].notna().sum())
    counts = [many, *(len(part.tested) for part in others(study))]
    many = max(counts)
    if not many:
        text = (
            f"Moderators were to be tested where the data allow it ({needs}); none was"
        )
    else:
        text = f"Moderators were tested one at a time, {needs}"
    if many > 1:
        text += "; *p* values are adjusted for the number of tests (Holm, 1979)"
    if study.moderator_model is not None:
        text += f". {_together(study)}"
    return f"{text}."


def _together(study: RGStudy) -> str:
    """Return that moderators were also tested in one model."""
    words = formula_words(study)
    many = " and " in words
    if not many:
        return f"A model with {words} gives the predictive equation"
    return (
        f"One model with {words} tests them together and gives the predictive equation"
    )


def _prediction(study: RGStudy) -> str:
    """Return how one-level prediction intervals are made."""
    if study.prediction == "metafor" or study.method == "CE":
        return ""
    if study.pooled is not None and study.pooled.dependent:
        return (
            " (by *t* on the number of studies less one in models of three levels, with "
            "the uncertainty of the heterogeneity variance in those of one level)"
        )
    return " (with the uncertainty of the heterogeneity variance in it)"


def _estimator(study: RGStudy) -> str:
    """Return the estimators that were used, by the levels of the models."""
    cited = {"REML": "REML (Viechtbauer, 2005)"}
    three = likelihood(study.method)
    own = cited.get(study.method, study.method)
    if study.pooled is None or not study.pooled.dependent or three == study.method:
        return own
    return f"{own} in models of one level and by {cited[three]} in those of three"


def _common_effect(study: RGStudy) -> str:
    """Return that the effect was taken as common, and where it could not be."""
    if study.pooled is None or not study.pooled.dependent:
        return "A common-effect model was fitted."
    return (
        "Common-effect models were fitted where no study gives two coefficients, else "
        f"models of three levels by {likelihood(study.method)}."
    )


def _model(study: RGStudy) -> list[str]:
    """Return what was fitted, and how intervals are made."""
    parts = []
    if study.method == "CE":
        parts.append(_common_effect(study))
    else:
        parts.append(
            "Random-effects models were fitted, since populations differ in reliability; "
            f"the heterogeneity variance was estimated by {_estimator(study)}."
        )
    knapp = "Intervals and tests use *t* with Knapp and Hartung’s variance"
    if study.pooled is None or not study.pooled.dependent:
        fit = None if study.pooled is None else study.pooled.fit
        adhoc = fit is not None and fit.small_sample == "knapp-hartung-adhoc"
        form = (
            ", in the overall model in its ad hoc form, which is never smaller than the "
            "variance of the model"
            if adhoc
            else ""
        )
        return [*parts, f"{knapp} (Knapp & Hartung, 2003){form}."]
    three = study.pooled.fit
    assert three.is_multilevel
    correlation = study.within_correlation
    unit = "sample" if "sample_id" in study.effects else "study"
    errors = (
        f"correlated {correlation:g} within a {unit}" if correlation else "independent"
    )
    if study.V is not None:
        errors = "correlated as the responses of the same persons show"
    studies = three.n_levels[three.levels[0]]
    parts.append(
        f"Since {studies} studies gave {three.k} coefficients of the {study.main_scale} "
        "scale, the overall model has three levels (sampling, coefficients within "
        f"studies, studies), with sampling errors taken as {errors}."
    )
    if study.pooled.robust is not None:
        parts.append(
            "Its confidence interval and tests of moderators are cluster-robust (CR2 with "
            "Satterthwaite’s degrees of freedom, or those of Hotelling’s T²; Pustejovsky & "
            "Tipton, 2018)."
        )
    else:
        parts.append(
            "There are too few studies for a cluster-robust interval, so the interval is "
            "the model’s, on *t*."
        )
    parts.append(
        "Where no study gives two coefficients, models have one level and "
        f"{knapp[0].lower()}{knapp[1:]} (Knapp & Hartung, 2003)."
    )
    return parts
