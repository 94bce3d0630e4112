"""Tables of moderators: levels, one at a time, correlates."""

from typing import Any

import pandas as pd

from waistats._labels import (
    column_words,
)
from waistats.rg.as_model import of_study
from waistats.tables._build import (
    check_columns,
    simulated,
    spec,
)
from waistats.tables._names import named_tests
from waistats.tables._spec import TableSpec
from waistats.tables.models import cells


def levels(
    study: Any,
    *,
    title: str = "Pooled Reliability by Moderator",
    conf_level: float = 0.95,
) -> TableSpec:
    """Tabulate the levels of categorical moderators, of a study or its ``levels``.

    Parameters
    ----------
    study : RGStudy or DataFrame
        The study, or its ``levels``.
    title : str
        Title.
    conf_level : float
        Confidence level of the intervals of a frame; a study has its own.

    Returns
    -------
    GT
        One row per level of each moderator, on the alpha scale.
    """
    frame = of_study(study, "levels", study)
    check_columns(frame, ("moderator", "level", "k", "estimate"), "pooled_levels()")
    conf_level = of_study(study, "conf_level", conf_level)
    return cells(frame, title=title, conf_level=conf_level)


def screen(
    study: Any,
    *,
    title: str = "Moderators One at a Time",
    sign: str = "α",
    groups: str | None = None,
    conf_level: float = 0.95,
) -> TableSpec:
    """Tabulate tests of single moderators, of a study or its ``screen``.

    Parameters
    ----------
    study : RGStudy or DataFrame
        The study, or its ``screen``.
    title : str
        Title.
    sign : str
        What the coefficients are called in the head of their change; empty for several
        kinds.
    groups : str, optional
        Column whose values head groups of rows, such as scales.
    conf_level : float
        Confidence level of the intervals of a frame; a study has its own.

    Returns
    -------
    GT
        One row per moderator.
    """
    frame = of_study(study, "screen", study)
    if frame is not study:
        frame = named_tests(study, frame)
    check_columns(
        frame, ("moderator", "statistic", "p_adjusted"), "screen_moderators()"
    )
    conf_level = of_study(study, "conf_level", conf_level)
    shown = frame.drop(columns=["kind", "tau2", "explains", "why"], errors="ignore")
    names = [column_words(str(name)) for name in shown["moderator"]]
    shown = shown.assign(moderator=names)
    blank = [c for c in shown if c not in _ALWAYS and not _filled(shown[c])]
    shown = shown.drop(columns=blank)
    slopes = "slope" in shown
    undefined = shown["R2"].isna().any() if "R2" in shown else False
    return spec(
        shown[[c for c in (groups, *_SCREEN) if c is not None and c in shown]],
        name="screen",
        caption=title,
        notes=[
            "F tests of models with one moderator; p adjusted by Holm’s method"
            + (" within each group of rows." if groups else "."),
            "b = slope on the scale of pooling." if slopes else "",
            f"The change in {sign or 'the coefficient'} is that of one standard deviation "
            "more, from the mean."
            if "change" in shown
            else "",
            "The number of items enters as its logarithm."
            if slopes and "Number of items" in names
            else "",
            "R2 is not defined where there is no heterogeneity to explain."
            if undefined
            else "",
            simulated(frame),
        ],
        coefficients=False,
        conf_level=conf_level,
        heads={"statistic": "*F*", "change": f"Change in {sign}" if sign else "Change"},
        groups=groups,
        footnotes=("note", "model"),
    )


_ALWAYS = {"moderator", "k", "statistic", "df", "p_value", "p_adjusted", "R2"}


_SCREEN = (
    "moderator", "k", "n_levels", "slope", "slope_se",
    "slope_ci_low",
    "slope_ci_high", "change", "statistic", "df", "df_denominator", "p_value",
    "p_adjusted", "Q_E", "Q_E_df", "Q_E_p", "R2", "note", "model",
)  # fmt: skip


def _filled(column: pd.Series) -> bool:
    if pd.api.types.is_numeric_dtype(column):
        return bool(column.fillna(0).any())
    return bool((column.fillna("").astype(str) != "").any())


def correlates(
    frame: Any, *, title: str = "Bivariate Correlations", conf_level: float = 0.95
) -> TableSpec:
    """Tabulate a frame of `correlates`, or those of a study.

    Parameters
    ----------
    frame : DataFrame or RGStudy
        Result of `waistats.correlates`, or a study.
    title : str
        Title.
    conf_level : float
        Confidence level of the intervals of a frame; a study has its own.

    Returns
    -------
    GT
        One row per characteristic.
    """
    shown = of_study(frame, "correlates", frame)
    check_columns(shown, ("characteristic", "estimate", "p_adjusted"), "correlates()")
    named = [_characteristic(str(name)) for name in shown["characteristic"]]
    return spec(
        shown.assign(characteristic=named),
        name="correlates",
        caption=title,
        notes=[
            "Unweighted and untransformed, as in early reliability generalization: every "
            "coefficient counts the same and as if it were independent. Sample size is a "
            "precision, not a cause of reliability."
        ],
        heads={"estimate": "*r*"},
        conf_level=of_study(frame, "conf_level", conf_level),
        footnotes=("note",),
    )


def _characteristic(name: str) -> str:
    """Return a number in words, or a level of a category."""
    column, equals, level = name.partition(" = ")
    return f"{column_words(column)}{equals}{level}"
