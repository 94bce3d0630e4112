"""How much each coefficient, or each study, changes the fit."""

from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from waistats.arrays import BoolArray, FloatArray, IntArray
from waistats.meta.multilevel_result import MultilevelResult
from waistats.meta.result import MetaResult
from waistats.meta.sums import inverse
from waistats.provenance import marked
from waistats.sensitivity.leverage import (
    covariance_at,
    deleted_factor,
    error_covariance,
    leverages,
)
from waistats.sensitivity.refit import Refits, check_model, column_groups, refit_many

Model = MetaResult | MultilevelResult


def influence(result: Any, by: str | None = None) -> pd.DataFrame:
    r"""Return outlier and influence diagnostics of every coefficient or study.

    Parameters
    ----------
    result : MetaResult or MultilevelResult
        From `fit_meta` or `fit_multilevel`, with or without moderators.
    by : str, optional
        Column whose values are deleted together, such as ``"study_id"``; by default
        each row alone.

    Returns
    -------
    DataFrame
        A row a coefficient, in input order: ``study_id, coefficient_id``;
        ``rstudent``, the studentised deleted residual; ``dffits``, the change of its
        fitted value in standard errors; ``cook_d``, Cook's distance; ``cov_ratio``,
        determinant of the covariance without it over that with it; ``tau2_deleted``
        and ``Q_deleted`` of the fit without it; ``hat``, its leverage; ``weight``, in
        percent; ``dfbetas_<term>``, the change of each coefficient in standard errors;
        ``influential``. With ``by`` a row a group: ``omitted, k, chi2, p_value`` (of
        all its deleted residuals together) in place of ids, ``rstudent``, ``dffits``
        and ``hat``. NaN where the rows left do not determine the coefficients.

    Notes
    -----
    With :math:`(i)` for the fit without i, :math:`M` the marginal covariance at the
    variances of that fit, and :math:`s^2` its Knapp-Hartung factor (1 otherwise),

    .. math:: t_i = \frac{y_i - x_i b_{(i)}}
       {\sqrt{s^2_{(i)}M_{ii} + x_i V_{(i)} x_i'}},\qquad
       D_i = (b-b_{(i)})'V^{-1}(b-b_{(i)}).

    A row is flagged where :math:`|DFFITS|>3\sqrt{p/(k-p)}`, the lower tail of
    :math:`\chi^2_p` at :math:`D_i` exceeds .5, :math:`h_i>3p/k`, or any
    :math:`|DFBETAS|>1` [1]_; a group by the second and fourth. For `fit_meta` the
    definitions and flags are those of metafor's ``influence``; for `fit_multilevel`
    ``rstudent, cook_d, hat, weight`` and DFBETAS are metafor's for ``rma.mv``, which
    has neither flags nor the others.

    References
    ----------
    .. [1] Viechtbauer, W., & Cheung, M. W.-L. (2010). Research Synthesis Methods, 1,
       112-125.

    Examples
    --------
    >>> from waistats import effect_sizes, fit_meta
    >>> table = pd.DataFrame(
    ...     {"study_id": ["A", "B", "C", "D"], "estimate": [.91, .79, .93, .88],
    ...      "n": [84, 54, 231, 120], "n_items": [36, 12, 12, 12]})
    >>> frame = influence(fit_meta(effect_sizes(table)))
    >>> frame[["study_id", "rstudent", "cook_d", "influential"]].round(3)
      study_id  rstudent  cook_d  influential
    0        A     0.434   0.101        False
    1        B    -2.396   0.733         True
    2        C     1.313   0.483         True
    3        D    -0.164   0.008        False
    """
    model = check_model(result, "influence")
    if by is not None:
        return _by_group(model, *column_groups(model.effects, by))
    k, p = model.design.X.shape
    keep = ~np.eye(k, dtype=bool)
    deleted = refit_many(model, keep)
    factor = deleted_factor(model, keep, deleted)
    hat, C = leverages(model), covariance_at(model, deleted)
    shared = _shared(model, deleted, factor, C)
    table = model.effects.table
    frame = pd.DataFrame(
        {
            "study_id": table["study_id"],
            "coefficient_id": table["coefficient_id"],
            **_rows(model, deleted, factor, C),
            "cook_d": shared.pop("cook_d"),
            "cov_ratio": shared.pop("cov_ratio"),
            "tau2_deleted": deleted.tau2,
            "Q_deleted": deleted.Q,
            "hat": hat,
            "weight": model.weight_shares(),
            **shared,
        }
    )
    bound = 3 * np.sqrt(p / (k - p)) if k > p else np.inf
    frame["influential"] = (
        (frame["dffits"].abs() > bound) | (hat > 3 * p / k) | _moved(frame, p)
    )
    return marked(frame, model.simulated)


def _by_group(result: Model, names: np.ndarray, codes: IntArray) -> pd.DataFrame:
    """Return the diagnostics of groups of rows."""
    keep = codes[:, None] != np.arange(len(names))
    deleted = refit_many(result, keep)
    factor = deleted_factor(result, keep, deleted)
    chi2 = _joint_residuals(result, keep, deleted, factor)
    size = np.bincount(codes)
    shared = _shared(result, deleted, factor, covariance_at(result, deleted))
    frame = pd.DataFrame(
        {
            "omitted": names,
            "k": size,
            "chi2": chi2,
            "p_value": stats.chi2.sf(chi2, size),
            "cook_d": shared.pop("cook_d"),
            "cov_ratio": shared.pop("cov_ratio"),
            "tau2_deleted": deleted.tau2,
            "Q_deleted": deleted.Q,
            "weight": np.bincount(codes, result.weight_shares()),
            **shared,
        }
    )
    frame["influential"] = _moved(frame, len(result.beta))
    return marked(frame, result.simulated)


def _shared(
    result: Model, deleted: Refits, factor: FloatArray, C: FloatArray
) -> dict[str, FloatArray]:
    """Return Cook's distances, covariance ratios and DFBETAS of deletions."""
    change = result.beta[:, None] - deleted.beta
    with np.errstate(divide="ignore", invalid="ignore"):
        dfbetas = change / np.sqrt(factor * np.einsum("ppb->pb", C))
        scaled = inverse(result.cov[:, :, None])[:, :, 0] @ change
        cook = np.einsum("pb,pb->b", change, scaled)
        moved = np.moveaxis(deleted.cov, -1, 0)
        ratio = np.linalg.det(moved) / np.linalg.det(result.cov)
    columns = {"cook_d": cook, "cov_ratio": ratio}
    for name, values in zip(result.design.names, dfbetas, strict=True):
        columns[f"dfbetas_{name}"] = values
    return columns


def _rows(
    result: Model, deleted: Refits, factor: FloatArray, C: FloatArray
) -> dict[str, FloatArray]:
    """Return studentised deleted residuals and DFFITS of single rows."""
    X, v = result.design.X, result.effects.vi
    with np.errstate(divide="ignore", invalid="ignore"):
        fitted = np.einsum("kp,pk->k", X, deleted.beta)
        variance = np.einsum("kp,pqk,kq->k", X, deleted.cov, X)
        rstudent = (result.effects.yi - fitted) / np.sqrt(
            factor * (v + deleted.tau2) + variance
        )
        if isinstance(result, MetaResult):
            spread = _fitted_variance(result, deleted)
        else:
            spread = np.einsum("kp,pqk,kq->k", X, C, X)
        dffits = (X @ result.beta - fitted) / np.sqrt(factor * spread)
    return {"rstudent": rstudent, "dffits": dffits}


def _fitted_variance(result: MetaResult, deleted: Refits) -> FloatArray:
    """Return the variance of each fitted value at the variance of its deletion.

    The weights stay those of the full fit, as in metafor.
    """
    v, tau2 = result.effects.vi, deleted.tau2
    if result.weights is None:
        return leverages(result) * (v + tau2)
    X, a = result.design.X, result.weights
    H = X @ np.linalg.solve(X.T @ (a[:, None] * X), X.T * a)
    return np.einsum("ij,ji->i", H**2, v[:, None] + tau2)


def _joint_residuals(
    result: Model, keep: BoolArray, deleted: Refits, factor: FloatArray
) -> FloatArray:
    """Return the chi-square of each group's deleted residuals."""
    X, y = result.design.X, result.effects.yi
    out = np.full(keep.shape[1], np.nan)
    for j in np.flatnonzero(np.isfinite(deleted.beta).all(axis=0)):
        rows = np.flatnonzero(~keep[:, j])
        M = error_covariance(result, deleted, int(j), rows)
        S = factor[j] * M + X[rows] @ deleted.cov[:, :, j] @ X[rows].T
        r = y[rows] - X[rows] @ deleted.beta[:, j]
        out[j] = r @ np.linalg.solve(S, r)
    return out


def _moved(frame: pd.DataFrame, p: int) -> BoolArray:
    """Return what moves the coefficients too much."""
    dfbetas = frame.filter(regex="^dfbetas_").abs()
    far = (dfbetas > 1).any(axis=1) | (stats.chi2.cdf(frame["cook_d"], p) > 0.5)
    return far.to_numpy()
