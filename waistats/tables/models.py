"""Tables of fitted models."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from waistats._format import counted, fixed, level
from waistats._labels import (
    column_words,
    heterogeneity_text,
    model_text,
    noun,
    plain_head,
    statistic_text,
    symbol,
    symbol_of,
    term_text,
)
from waistats.errors import ModelError
from waistats.figures._rows import study_names
from waistats.measures import kind_words
from waistats.meta.multilevel.robust import RobustResult
from waistats.meta.results import FittedModel
from waistats.rg.as_model import as_model, as_pooled, of_study, pooled_row
from waistats.rg.pooling import withheld_limits
from waistats.tables._build import number, simulated, spec
from waistats.tables._paper import noted, with_shared_notes
from waistats.tables._spec import TableSpec

_POOLED = ["k", "estimate", "ci_low", "ci_high", "pi_low", "pi_high", "tau2", "I2"]
_SCALE = {
    "bonett": "Estimates are on the Bonett scale, −ln(1 − α).",
    "hakstian-whalen": "Estimates are on the Hakstian–Whalen scale, 1 − (1 − α)^(1/3).",
    "fisher-z": "Estimates are on the Fisher z scale.",
    "raw": "Estimates are coefficients, untransformed.",
}


def left_out(model: FittedModel) -> str:
    """Return how many coefficients a model leaves out; empty for none."""
    many = len(model.excluded)
    if many == 0:
        return ""
    return f"{counted(many, 'coefficient')} could not be pooled."


def pooled(results: Any, *, title: str = "Pooled Reliability") -> TableSpec:
    """Tabulate pooled values with their intervals.

    Parameters
    ----------
    results : MetaResult, MultilevelResult, RGStudy, DataFrame or mapping of str
        A model; a study, for its cells; a frame of cells; or several models by name.
    title : str
        Title.

    Returns
    -------
    GT
        One row per model or cell, on the alpha scale.

    Examples
    --------
    >>> import pandas as pd
    >>> from waistats import effect_sizes, fit_meta, tables
    >>> table = pd.DataFrame(
    ...     {"study_id": ["A", "B", "C"], "estimate": [.91, .79, .88],
    ...      "n": [84, 54, 120], "n_items": [36, 12, 12]})
    >>> print(tables.to_csv(pooled(fit_meta(effect_sizes(table)))))
    Model,k,α,95% CI,95% PI,τ²,I² (%)
    Coefficient alpha,3,.87,"[.63, .95]","[-.09, .98]",0.144,84.3
    <BLANKLINE>
    """
    frame = of_study(results, "cells", results)
    if isinstance(frame, pd.DataFrame):
        shown = of_study(results, "conf_level", 0.95)
        return cells(frame, conf_level=shown, notes=[simulated(results)])
    named = results if isinstance(results, Mapping) else {"": results}
    results_of = {str(name): result for name, result in named.items()}
    models = {name: as_model(result) for name, result in results_of.items()}
    rows = []
    for name, model in models.items():
        if model.has_moderators:
            raise ModelError(
                "pooled() is for models without moderators; use coefficients() or "
                "moderators()."
            )
        row: dict[str, Any] = {"model": name or noun(model.effects.table)}
        row |= {"k": model.k, "k_studies": model.effects.table["study_id"].nunique()}
        row |= pooled_row(results_of[name], back_transform=True).to_dict()
        rows.append(row | {"tau2": model.tau2, "I2": model.I2})
    frame = pd.DataFrame(rows)
    first = next(iter(models.values()))
    said = {name: _of_pooled(result) for name, result in results_of.items()}
    heads = {"model": "Model", "estimate": symbol(first)}
    texts = {name: _fitted(results_of[name], model) for name, model in models.items()}
    fits = dict.fromkeys(texts.values())
    if len(fits) > 1:
        fits = {f"{name}: {text}": None for name, text in texts.items()}
    notes = [*fits, left_out(first) if len(models) == 1 else ""]
    for name, own in said.items():
        notes += [f"{name}: {note}" if name else note for note in own]
    notes.append(simulated(*models.values()))
    return spec(
        frame,
        name="pooled",
        caption=title,
        notes=notes,
        coefficients=first.measure is not None,
        conf_level=first.conf_level,
        heads=heads,
    )


def _fitted(result: Any, model: FittedModel) -> str:
    """Return how a model was fitted, with the interval that is shown of it."""
    pooled = as_pooled(result)
    return model_text(model, robust=pooled is not None and pooled.robust is not None)


def _of_pooled(result: Any) -> tuple[str, ...]:
    """Return what a reader must know of a pooled result, its prediction included."""
    if isinstance(result, FittedModel):
        withheld = withheld_limits(result.predict().iloc[0], result.measure)[1]
        return (*result.notes, *withheld, *result.prediction_notes())
    return tuple(getattr(result, "notes", ()))


def _said(model: FittedModel) -> list[str]:
    """Return the notes of a model with its terms in words."""
    text = "\n".join(model.notes)
    for name in sorted(model.design.names, key=len, reverse=True):
        # a plain word may stand in a note for itself
        if not name.isalpha():
            text = text.replace(name, term_text(name))
    return text.split("\n")


def cells(
    frame: pd.DataFrame,
    *,
    title: str = "Pooled Reliability by Cell",
    conf_level: float = 0.95,
    notes: Sequence[str] | None = None,
) -> TableSpec:
    """Tabulate pooled cells or levels: ``cells`` or ``levels`` of a study.

    Parameters
    ----------
    frame : DataFrame
        ``cells`` or ``levels`` of a study.
    title : str
        Title.
    conf_level : float
        Confidence level of the intervals, for the heads of the columns.
    notes : sequence of str, optional
        Notes of your own below the table.

    Returns
    -------
    GT
        One row per cell, on the alpha scale.
    """
    shown = with_shared_notes(frame)
    shown = shown.drop(columns=["Q", "Q_df", "Q_p"], errors="ignore")
    sign = "α"
    if "coefficient_type" in shown:
        kinds = [str(kind) for kind in shown["coefficient_type"]]
        shown = shown.assign(coefficient_type=[kind_words(kind) for kind in kinds])
        if len(set(kinds)) == 1:
            shown = shown.drop(columns="coefficient_type")
        sign = symbol_of(frame)
        sign = "Estimate" if sign == "Reliability" else sign
    groups = None
    if "moderator" in frame:
        names = [column_words(str(name)) for name in frame["moderator"]]
        shown = shown.assign(moderator=names)
        groups = "moderator"
    made = spec(
        shown,
        name="cells",
        caption=title,
        conf_level=conf_level,
        heads={"estimate": sign},
        groups=groups,
        footnotes=("note", "model"),
    )
    return noted(made, notes or ())


def coefficients(result: Any, *, title: str = "Model Coefficients") -> TableSpec:
    """Tabulate the coefficients of a model on its own scale.

    Parameters
    ----------
    result : MetaResult, MultilevelResult, RobustResult or RGStudy
        The model.
    title : str
        Title.

    Returns
    -------
    GT
        One row per term; the note has the test of moderators and the heterogeneity.
    """
    robust = result if isinstance(result, RobustResult) else None
    model = as_model(result) if robust is None else robust
    notes = [_SCALE.get(model.measure or "", "")]
    if robust is not None:
        notes.append(
            "Cluster-robust standard errors (CR2) with Satterthwaite degrees of "
            f"freedom, {counted(robust.n_clusters, 'cluster')}."
        )
        notes.append(simulated(robust))
    if isinstance(model, FittedModel):
        if model.has_moderators:
            notes.append(f"Test of moderators: {statistic_text(model.omnibus)}.")
        notes += [f"{heterogeneity_text(model)}.", left_out(model), *_said(model)]
        notes.append(simulated(model))
    frame = model.to_frame()
    frame["term"] = [term_text(str(term)) for term in frame["term"]]
    statistic = "*t*" if frame["df"].notna().any() else "*z*"
    return spec(
        frame if frame["df"].notna().any() else frame.drop(columns="df"),
        name="coefficients",
        caption=title,
        notes=notes,
        coefficients=False,
        conf_level=model.conf_level,
        heads={"estimate": "*b*", "statistic": statistic, "term": "Term"},
    )


def moderators(
    result: Any, *, title: str = "Moderators in Units of Alpha"
) -> TableSpec:
    """Tabulate the effect of each moderator on alpha, from a stated baseline.

    Parameters
    ----------
    result : MetaResult, MultilevelResult or RGStudy
        A model with moderators.
    title : str
        Title.

    Returns
    -------
    GT
        One row per moderator or level: the predicted alpha and its difference from the
        baseline.
    """
    model = as_model(result)
    frame = model.alpha_effects()
    base = ", ".join(
        f"{term_text(name)} {value}"
        for name, _, value in (
            part.partition(" = ") for part in str(frame["value"].iloc[0]).split(", ")
        )
    )
    named = [
        "Baseline",
        *(column_words(str(name)) for name in frame["variable"].iloc[1:]),
    ]
    shown = frame.assign(value=["–", *frame["value"].iloc[1:]], variable=named)
    shown["change"] = shown["change"].where(shown.index > 0)
    notes = [
        f"Baseline: {base}. Change = difference from the baseline; numbers are raised "
        "by one standard deviation. Intervals are of the value itself.",
        f"Test of moderators: {statistic_text(model.omnibus)}.",
        simulated(model),
    ]
    return spec(
        shown,
        name="moderators",
        caption=title,
        notes=notes,
        coefficients=model.measure is not None,
        conf_level=model.conf_level,
        heads={"estimate": symbol(model), "variable": "Moderator"},
    )


def heterogeneity(result: Any, *, title: str = "Heterogeneity") -> TableSpec:
    """Tabulate tau2, tau, I2 and H2 with their intervals.

    Parameters
    ----------
    result : MetaResult or RGStudy
        The model.
    title : str
        Title.

    Returns
    -------
    GT
        One row with tau2, tau, I2 and H2, each with its limits.
    """
    model = as_model(result)
    frame = model.heterogeneity_intervals().reset_index(names="quantity")
    signs = {"tau2": "τ²", "tau": "τ", "I2": "I² (%)", "H2": "H²"}
    shown = frame.assign(quantity=[signs[q] for q in frame["quantity"]])
    several = model.is_multilevel and len(model.levels) > 1
    limits = "Profile-likelihood" if several else "Q-profile"
    return spec(
        shown,
        name="heterogeneity",
        caption=title,
        notes=[
            f"{limits} {level(model.conf_level)} intervals.",
            f"{heterogeneity_text(model)}.",
            simulated(model),
        ],
        coefficients=False,
        conf_level=model.conf_level,
        heads={"quantity": "Quantity"},
        shows={"estimate": _heterogeneity, "ci": _heterogeneity},
        by={"estimate": "quantity", "ci": "quantity"},
    )


def _heterogeneity(quantity: str, value: Any) -> str:
    """Return a measure of heterogeneity with the decimals that are usual of it."""
    return fixed(number(value), {"I² (%)": 1, "H²": 2}.get(quantity, 3))


def components(result: Any, *, title: str = "Variance Components") -> TableSpec:
    """Tabulate the variances of a multilevel model, outer level first.

    Parameters
    ----------
    result : MultilevelResult or RGStudy
        The model.
    title : str
        Title.

    Returns
    -------
    GT
        One row per level, with profile-likelihood limits of its variance.
    """
    model = as_model(result)
    if not model.is_multilevel:
        raise ModelError("components() is for models from fit_multilevel().")
    frame = model.components
    frame.insert(1, "groups", [model.n_levels[name] for name in frame["level"]])
    frame["level"] = [plain_head(name.removesuffix("_id")) for name in frame["level"]]
    return spec(
        frame,
        name="components",
        caption=title,
        notes=[
            "Profile-likelihood intervals. I² is the share of total variability.",
            f"{heterogeneity_text(model)}.",
            simulated(model),
        ],
        coefficients=False,
        conf_level=model.conf_level,
    )


def excluded(result: Any, *, title: str = "Excluded Coefficients") -> TableSpec:
    """Tabulate the rows that were not pooled, and why.

    Parameters
    ----------
    result : MetaResult, MultilevelResult, RGStudy or DataFrame
        The model; a study, for what its reports say of their own samples.
    title : str
        Title.

    Returns
    -------
    GT
        One row per excluded coefficient, with the reason.
    """
    frame = result if isinstance(result, pd.DataFrame) else result.excluded
    if (own := of_study(result, "own_excluded", None)) is not None:
        called = study_names(result.effects)
        names = [called[name] for name in own["study_id"].astype(str)]
        frame = own.assign(study_id=names).drop(columns="coefficient_id")
    sign = symbol_of(frame) if len(frame) else "α"
    if "coefficient_type" in frame:
        frame = _in_words(frame)
    return spec(
        frame,
        name="excluded",
        caption=title,
        notes=[] if len(frame) else ["No coefficient was excluded."],
        heads={
            "estimate": "Value" if sign == "Reliability" else sign,
            "coefficient_type": "Kind",
        },
    )


def _in_words(frame: pd.DataFrame) -> pd.DataFrame:
    """Return excluded rows with kinds in words, also where a reason names one."""
    codes = [str(kind) for kind in frame["coefficient_type"].fillna("")]
    words = [kind_words(code) for code in codes]
    reasons = [
        str(reason).replace(f"({code})", f"({word})")
        for reason, code, word in zip(frame["reason"], codes, words, strict=True)
    ]
    return frame.assign(coefficient_type=words, reason=reasons)
