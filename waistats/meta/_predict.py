"""Predicted values with confidence and prediction intervals, on either scale.

What moderators do, in the reader's units: changes in alpha, variance inflation.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from waistats._areas import critical
from waistats._format import fixed
from waistats._frames import as_frame
from waistats._typing import FloatArray
from waistats.errors import ModelError
from waistats.measures import back_transform, transform
from waistats.meta._design import Design
from waistats.provenance import marked

# limits on the alpha scale that are further apart are not shown
WIDEST = 1.5


def baseline(data: pd.DataFrame) -> dict[str, Any]:
    """Return the mean of numeric variables and the first level of the others."""
    values: dict[str, Any] = {}
    for name in data.columns:
        column = data[name]
        if _is_numeric(column):
            values[name] = float(column.mean())
        else:
            values[name] = _levels(column)[0]
    return values


def _is_numeric(column: pd.Series) -> bool:
    categorical = isinstance(column.dtype, pd.CategoricalDtype)
    boolean = pd.api.types.is_bool_dtype(column)
    return pd.api.types.is_numeric_dtype(column) and not (categorical or boolean)


def _levels(column: pd.Series) -> list[Any]:
    if isinstance(column.dtype, pd.CategoricalDtype):
        return list(column.cat.categories)
    return sorted(column.unique())


def alpha_effects(
    design: Design,
    predict: Callable[[pd.DataFrame], pd.DataFrame],
    at: dict[str, Any] | None = None,
) -> pd.DataFrame:
    """Return what each moderator changes in alpha, from a stated baseline.

    Parameters
    ----------
    design : Design
        The design of a model with moderators given as a formula.
    predict : callable
        The model's prediction on the alpha scale.
    at : dict, optional
        Baseline values; others are the mean of a number or the first level.

    Returns
    -------
    DataFrame
        First row the baseline; then a row for each number raised by one standard
        deviation and for each other level: ``variable, value, estimate, ci_low,
        ci_high, change``, on the alpha scale (the model's, if its measure is unknown).
    """
    data = design.data
    if data is None or len(data.columns) == 0:
        raise ModelError("The model has no moderators.")
    start = baseline(data) | (at or {})
    profiles: list[dict[str, Any]] = [start]
    labels = [("baseline", ", ".join(f"{k} = {_show(v)}" for k, v in start.items()))]
    for name in data.columns:
        if _is_numeric(data[name]):
            sd = float(data[name].std(ddof=1))
            moved = start[name] + sd
            profiles.append(start | {name: moved})
            labels.append((name, f"{_show(moved)} (+1 SD)"))
        else:
            for value in _levels(data[name]):
                if value != start[name]:
                    profiles.append(start | {name: value})
                    labels.append((name, str(value)))
    frame = pd.DataFrame(profiles)
    for name in data.columns:
        if not _is_numeric(data[name]):
            frame[name] = frame[name].astype(data[name].dtype)
    predicted = predict(frame)
    variables, values = zip(*labels, strict=True)
    out = predicted[["estimate", "ci_low", "ci_high"]].reset_index(drop=True)
    out.insert(0, "variable", list(variables))
    out.insert(1, "value", list(values))
    out["change"] = out["estimate"] - out["estimate"].iloc[0]
    return out


def _show(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def variance_inflation(design: Design, cov: FloatArray) -> pd.DataFrame:
    r"""Return the (generalized) variance inflation factor of each term.

    Notes
    -----
    From the correlation matrix R of the coefficients without the intercept:
    :math:`\det R_{jj}\det R_{-j-j}/\det R` [1]_; for a term of one column it is the
    usual factor, and metafor's ``vif()``. ``gvif`` is its power :math:`1/(2q)`, which
    compares terms of different size.

    References
    ----------
    .. [1] Fox, J., & Monette, G. (1992). Journal of the American Statistical
       Association, 87, 178-183.
    """
    columns = [c for c in design.moderator_columns if design.names[c] != "Intercept"]
    if not columns:
        raise ModelError("The model has no moderators.")
    V = cov[np.ix_(columns, columns)]
    sd = np.sqrt(np.diag(V))
    R = V / np.outer(sd, sd)
    whole = np.linalg.slogdet(R)[1]
    rows = []
    for term, index in design.term_columns.items():
        own = [columns.index(c) for c in index if c in columns]
        if not own:
            continue
        rest = [j for j in range(len(columns)) if j not in own]
        parts = (
            np.linalg.slogdet(R[np.ix_(s, s)])[1] if s else 0.0 for s in (own, rest)
        )
        vif = float(np.exp(sum(parts) - whole))
        rows.append((term, len(own), vif, vif ** (1 / (2 * len(own)))))
    return pd.DataFrame(rows, columns=["term", "df", "vif", "gvif"])


COLUMNS = ["estimate", "se", "ci_low", "ci_high", "pi_low", "pi_high"]


def prediction_frame(
    rows: FloatArray,
    beta: FloatArray,
    cov: FloatArray,
    between: float | FloatArray,
    *,
    conf_level: float,
    df: float | None,
    pi_df: float | None,
) -> pd.DataFrame:
    r"""Return predictions for design rows on the model's scale.

    Notes
    -----
    :math:`x'b \pm c\sqrt{x'Vx}` and, for the true value of a new population,
    :math:`x'b \pm c\sqrt{x'Vx+\tau^2}`.
    """
    center = rows @ beta
    variance = np.einsum("ij,jk,ik->i", rows, cov, rows)
    se = np.sqrt(variance)
    half = critical(conf_level, df) * se
    far = critical(conf_level, pi_df) * np.sqrt(variance + between)
    columns = [center, se, center - half, center + half, center - far, center + far]
    return pd.DataFrame(dict(zip(COLUMNS, columns, strict=True)))


def too_wide(low: float, high: float, measure: str | None) -> str:
    """Return why limits on the alpha scale are not shown; empty where they are.

    Limits that far apart say less than that a reliability lies below 1.
    """
    if np.isnan(low) or np.isnan(high):
        return "too few studies"
    if measure is not None and not high - low <= WIDEST:
        return f"too few studies: it would reach below {fixed(high - WIDEST, 1)}"
    return ""


def posterior_frame(mean: FloatArray, se: FloatArray, far: FloatArray) -> pd.DataFrame:
    """Return predictions of a posterior: low, median and high of the mean, and far."""
    ends = (mean[:, 1], se, mean[:, 0], mean[:, 2], far[:, 0], far[:, 2])
    return pd.DataFrame(dict(zip(COLUMNS, ends, strict=True)))


def on_model_scale(name: str, reliability: float, measure: str | None) -> float:
    """Return a reliability that was named, on the model's scale."""
    point = float(reliability)
    if measure is None:
        return point
    if not np.isfinite(point) or point >= 1:
        raise ModelError(f"{name} must be below 1; got {reliability!r}.")
    return float(transform(point, measure))


def as_asked(
    frame: pd.DataFrame,
    new: Any,
    measure: str | None,
    *,
    back_transform: bool,
    simulated: bool,
) -> pd.DataFrame:
    """Return predictions with the labels of ``new``, on the scale that was asked for.

    Limits that tables and figures withhold are there, and ``attrs["notes"]`` says so.
    """
    new = as_frame(new)
    if isinstance(new, pd.DataFrame):
        frame.index = new.index
    alphas = on_alpha_scale(frame, measure) if back_transform or measure else frame
    notes = _wide_notes(alphas, measure)
    found = marked(alphas if back_transform else frame, simulated)
    if notes:
        found.attrs["notes"] = (*found.attrs.get("notes", ()), *notes)
    return found


def _wide_notes(frame: pd.DataFrame, measure: str | None) -> list[str]:
    """Return which limits of a frame on the alpha scale say nothing."""
    notes = []
    for kind, name in (("ci", "confidence"), ("pi", "prediction")):
        if measure is None or f"{kind}_low" not in frame:
            continue
        low = frame[f"{kind}_low"].to_numpy(dtype=float)
        high = frame[f"{kind}_high"].to_numpy(dtype=float)
        wide = np.flatnonzero(high - low > WIDEST)
        if not len(wide):
            continue
        why = too_wide(low[wide[0]], high[wide[0]], measure)
        of = "" if len(frame) == 1 else f" of {len(wide)} of {len(frame)} rows"
        notes.append(
            f"The {name} interval{of} says nothing ({why}); tables and figures "
            "withhold it."
        )
    return notes


def on_alpha_scale(frame: pd.DataFrame, measure: str | None) -> pd.DataFrame:
    """Return a prediction frame on the alpha scale, without ``se``."""
    out = frame.drop(columns="se")
    if measure is None:
        return out
    for name in out.columns.intersection(COLUMNS):
        out[name] = back_transform(out[name], measure)
    return out
