"""The pooled result without each study in turn."""

from typing import Any

import numpy as np
import pandas as pd

from waistats.arrays import BoolArray, FloatArray
from waistats.errors import ModelError
from waistats.meta.model import FittedModel
from waistats.meta.multilevel_result import MultilevelResult
from waistats.meta.result import MetaResult
from waistats.provenance import marked
from waistats.sensitivity.refit import (
    check_model,
    column_groups,
    each_refit,
    inference,
    refit_many,
    row_labels,
)
from waistats.transforms import back_transform as turn_back


def leave_one_out(
    result: Any,
    by: str | None = None,
    *,
    robust: bool = False,
    back_transform: bool = False,
) -> pd.DataFrame:
    """Fit a model again without each study, or each group of rows, in turn.

    Parameters
    ----------
    result : MetaResult or MultilevelResult
        From `fit_meta` or `fit_multilevel`; its method, small-sample adjustment,
        weights and moderators are kept.
    by : str, optional
        Column whose values are left out together, such as ``"study_id"``; by default
        each row alone.
    robust : bool, default False
        For a multilevel model: ``se, ci_low, ci_high`` of each refit from its
        ``.robust()``, clustered on the outermost level.
    back_transform : bool, default False
        Return ``estimate, ci_low, ci_high`` on the alpha scale, then without ``se``.

    Returns
    -------
    DataFrame
        ``omitted, estimate, se, ci_low, ci_high, tau2, I2, Q, Q_p`` on the model's
        scale, in input order; a multilevel model has ``sigma2_<level>`` at the end.
        With moderators there is one row for each ``omitted`` and ``term``. NaN where
        the rows left do not determine the coefficients.

    Raises
    ------
    ModelError
        If ``result`` is no fitted model, or nothing would be left.
    ConvergenceError
        If a multilevel model does not converge without some rows.

    Notes
    -----
    Equals metafor's ``leave1out``, which has no moderators and no multilevel models
    in version 3.8. For `fit_meta` all fits are one batch.

    Examples
    --------
    >>> from waistats import effect_sizes, fit_meta
    >>> table = pd.DataFrame(
    ...     {"study_id": ["A", "B", "C", "D"], "estimate": [.91, .79, .93, .88],
    ...      "n": [84, 54, 231, 120], "n_items": [36, 12, 12, 12]})
    >>> frame = leave_one_out(fit_meta(effect_sizes(table)), back_transform=True)
    >>> frame[["omitted", "estimate", "ci_low", "ci_high"]].round(3)
      omitted  estimate  ci_low  ci_high
    0       A     0.882   0.539    0.970
    1       B     0.910   0.821    0.954
    2       C     0.871   0.631    0.955
    3       D     0.892   0.556    0.974
    """
    model = check_model(result, "leave_one_out")
    if robust and not isinstance(model, MultilevelResult):
        raise ModelError("robust=True needs the result of fit_multilevel().")
    if by is None:
        names, codes = row_labels(model.effects), np.arange(model.k)
    else:
        names, codes = column_groups(model.effects, by)
    if len(names) < 2:
        raise ModelError(f"{by} has one value, so nothing would be left to fit.")
    keep = codes[:, None] != np.arange(len(names))
    frame = refit_frame(
        model, keep, names, "omitted", robust=robust, back_transform=back_transform
    )
    return marked(frame, model.simulated)


def refit_frame(
    result: MetaResult | MultilevelResult,
    include: BoolArray,
    labels: Any,
    label: str,
    *,
    robust: bool = False,
    back_transform: bool,
) -> pd.DataFrame:
    """Return a row for each refit (and term), named by a column of labels."""
    batch = refit_many(result, include)
    se, low, high, q_p = inference(result, batch)
    if robust and isinstance(result, MultilevelResult):
        se, low, high = _robust(result, include)
    p = len(result.beta)
    columns = {
        "estimate": _long(batch.beta),
        "se": _long(se),
        "ci_low": _long(low),
        "ci_high": _long(high),
        **{name: np.repeat(getattr(batch, name), p) for name in ("tau2", "I2", "Q")},
        "Q_p": np.repeat(q_p, p),
    }
    if isinstance(result, MultilevelResult):
        for level, values in zip(result.levels, batch.sigma2, strict=True):
            columns[f"sigma2_{level}"] = np.repeat(values, p)
    frame = pd.DataFrame(columns)
    frame.insert(0, label, np.repeat(np.asarray(labels, dtype=object), p))
    if result.has_moderators:
        frame.insert(1, "term", np.tile(np.asarray(result.design.names), batch.k.size))
    return to_alpha(frame, result) if back_transform else frame


def _robust(
    result: MultilevelResult, include: BoolArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return cluster-robust standard errors and limits of every refit, each (p, B)."""
    out = np.full((3, len(result.beta), include.shape[1]), np.nan)

    def keep(j: int, fit: MultilevelResult) -> None:
        out[:, :, j] = fit.robust().to_frame()[["se", "ci_low", "ci_high"]].T

    each_refit(result, include, keep)
    return out[0], out[1], out[2]


def to_alpha(frame: pd.DataFrame, result: FittedModel) -> pd.DataFrame:
    """Return refits with the pooled mean and its limits turned back to alpha."""
    if result.measure is None or result.has_moderators:
        raise ModelError(
            "back_transform=True needs a model of one mean whose effects name their "
            "measure; coefficients of moderators are differences on the model's scale."
        )
    out = frame.drop(columns="se")
    for name in ("estimate", "ci_low", "ci_high"):
        out[name] = turn_back(out[name], result.measure)
    return out


def _long(values: FloatArray) -> FloatArray:
    """Return (p, B) values with the terms of each refit together."""
    return values.T.ravel()
