"""Tables of what a reliability means for the use of scores."""

import re
from typing import Any

import numpy as np
import pandas as pd

from waistats._format import (
    coefficient,
    count,
    fixed,
    level,
)
from waistats.errors import DataError, ModelError
from waistats.practice import practice_table
from waistats.rg._spread_result import SpreadResult
from waistats.rg.as_model import has_model, of_study
from waistats.rg.study import RGStudy
from waistats.tables._build import (
    fixed_to,
    number,
    simulated,
    spec,
)
from waistats.tables._spec import TableSpec


def practice(result: Any, *, title: str = "Implications for Use") -> TableSpec:
    """Tabulate what a pooled reliability means in practice.

    Parameters
    ----------
    result : DataFrame, MetaResult, MultilevelResult or RGStudy
        Result of `practice_table`; or a study or model, for its own.
    title : str
        Title.

    Returns
    -------
    GT
        One row per quantity, at the pooled alpha and at both prediction limits.
    """
    names = ("quantity", "estimate", "pi_low", "pi_high")
    frame = practice_table(result) if has_model(result) else result
    if not isinstance(frame, pd.DataFrame) or not set(names) <= set(frame):
        raise DataError("practice() needs a study, a model or practice_table().")
    ends = frame[["pi_low", "pi_high"]].to_numpy(dtype=float)
    # errors fall as alpha rises; the smaller end comes first
    alphas = frame["quantity"].astype(str).str.startswith("alpha").to_numpy()
    ends = np.where(alphas[:, None], ends, np.sort(ends, axis=1))
    shown = pd.DataFrame(
        {
            "quantity": [_named(str(name)) for name in frame["quantity"]],
            "estimate": frame["estimate"],
            "pi_low": ends[:, 0],
            "pi_high": ends[:, 1],
        }
    )
    units = frame["quantity"].astype(str).str.endswith(", in SDs").any()
    conf_level = getattr(result, "conf_level", 0.95)
    return spec(
        shown,
        name="practice",
        caption=title,
        notes=[
            "Range: between both ends of the prediction interval for the true alpha of a "
            "new population; for the alpha of a planned sample, the prediction interval "
            "of what it shows."
            + (
                " Errors and changes in standard deviations of the score;"
                if units
                else ""
            )
            + f" {'r' if units else 'R'}eliable change by Jacobson & Truax, 1991. Alpha of "
            "one session says nothing about change over sessions: where there is a "
            "test–retest coefficient, it is the one for change.",
            _beside_interval(frame, conf_level),
            *frame.attrs.get("notes", ()),
            simulated(frame),
        ],
        heads={"pi": "Range"},
        shows={"estimate": _quantity, "pi": _quantity},
        by={"estimate": "quantity", "pi": "quantity"},
    )


_QUANTITIES = {
    "n to find a true r of": "Respondents needed to find a true correlation of",
    "n for an interval": "Respondents needed for an interval",
}


def _named(quantity: str) -> str:
    """Return a quantity as a row of a printed table is headed."""
    for short, words in _QUANTITIES.items():
        if quantity.startswith(short):
            return quantity.replace(short, words)
    return quantity[:1].upper() + quantity[1:]


def _beside_interval(frame: pd.DataFrame, conf_level: float) -> str:
    """Return why a probability is less than the prediction interval would have it."""
    rows = frame.set_index("quantity")
    low = rows.loc["alpha", "pi_low"]
    within = (1 + conf_level) / 2
    less = [
        p
        for name, p in rows["estimate"].items()
        if (found := re.match(r"P\(true alpha > ([.\d]+)\)", str(name)))
        and float(found[1]) <= low
        and p < within - 0.005
    ]
    if not less:
        return ""
    return (
        "Probabilities average over what tau can be, large values included, so with few "
        "studies they may be lower than the prediction interval suggests."
    )


def _quantity(name: str, value: Any) -> str:
    """Return a value as its quantity is shown: people whole, alphas and chances as .xx."""
    found = number(value)
    if name.startswith(("n ", "Respondents")):
        return count(found)
    if name.startswith("P(") and found is not None:
        return chance(found)
    bounded = name.lower().startswith("alpha")
    return coefficient(found, 2) if bounded else fixed(found, 2)


def chance(value: float) -> str:
    """Return a probability to two decimals, never as certain or as impossible."""
    if value > 0.995:
        return "> .99"
    return "< .01" if value < 0.005 else coefficient(value, 2)


_SPREAD = {
    "tau2_error": "τ² of log error variance",
    "tau2_spread": "τ² of log score variance",
    "tau2_alpha": "τ² of transformed alpha",
    "slope": "Slope of transformed alpha on log score variance",
    "correlation": "Correlation of both true values",
}


def spread(
    result: SpreadResult, *, title: str = "Measurement Error or Score Variance"
) -> TableSpec:
    """Tabulate a result of `spread_analysis`.

    Parameters
    ----------
    result : SpreadResult
        Result of `spread_analysis`.
    title : str
        Title.

    Returns
    -------
    GT
        One row per estimate, with its interval and test.
    """
    frame = result.to_frame()
    named = [_SPREAD.get(str(term), str(term)) for term in frame["term"]]
    return spec(
        frame.assign(term=named),
        name="spread",
        caption=title,
        notes=[
            "τ² with Q-profile limits and Q tests, the slope by profile likelihood. A "
            "slope of 1 means that only spread differs."
        ],
        coefficients=False,
        conf_level=result.conf_level,
        heads={"term": "Quantity", "null": "Tested against"},
        shows={"null": fixed_to(0)},
    )


def score_errors(
    study: RGStudy,
    *,
    title: str = "Standard Error of Measurement in Points of the Sum Score",
) -> TableSpec:
    """Tabulate pooled standard errors of measurement, in points of each form.

    Parameters
    ----------
    study : RGStudy
        A study whose table gives standard deviations of scores.
    title : str
        Title.

    Returns
    -------
    GT
        One row per form and rater.
    """
    frame = of_study(study, "score_errors", None)
    if frame is None:
        raise ModelError("score_errors() needs the study that generalize() gives.")
    if len(frame) == 0:
        raise DataError("This study gives no standard deviations of scores to pool.")
    frame = frame.drop(columns="tau2")
    known = [c for c in study.by if c in frame and len(set(frame[c].astype(str))) > 1]
    rest = [c for c in frame if c not in study.by]
    return spec(
        frame[[*known, *rest]],
        name="score_errors",
        caption=title,
        notes=[
            "Log error variances, s²(1 − α), pooled by random effects (REML, "
            "Knapp–Hartung). Smallest detectable change: what the difference of two "
            "scores of a person must exceed to be more than error, at "
            f"{level(study.conf_level)}. Alpha takes what changes between occasions for "
            "true score, so a change over time may need to be larger."
        ],
        coefficients=False,
        conf_level=study.conf_level,
        heads={
            "n_items": "Items",
            "score_range": "Range of the score",
            "estimate": "SEM",
            "detectable": "Smallest detectable change",
        },
        shows={
            **dict.fromkeys(("estimate", "ci", "pi", "detectable"), fixed_to(1)),
            "score_range": fixed_to(0),
        },
    )
