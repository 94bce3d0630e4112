"""The pooled result as studies are added one by one.

The pooled result without each study in turn.

Covariances that influence diagnostics compare with, of either kind of model.

How much each coefficient, or each study, changes the fit.
"""

from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from waistats._areas import chi2_cdf, chi2_sf
from waistats._progress import progress
from waistats._typing import BoolArray, FloatArray, IntArray
from waistats.errors import DataError, ModelError, listing, near
from waistats.measures import back_transform as turn_back
from waistats.meta._linalg import cross, inverse, weighted_fit
from waistats.meta.fit_many import scale_factor
from waistats.meta.multilevel.result import Model, MultilevelResult
from waistats.meta.multilevel.robust import working_blocks
from waistats.meta.results import FittedModel, MetaResult
from waistats.provenance import marked
from waistats.sensitivity._refit import (
    Refits,
    check_mean,
    check_model,
    column_groups,
    included,
    inference,
    refit_many,
    row_labels,
)


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
        Column whose values are omitted together, such as ``"study_id"``; by default
        each row alone.
    robust : bool, default False
        For a multilevel model: ``se, ci_low, ci_high`` of each refit from its
        ``.robust()``, in place of those that the refit prints.
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
        If ``result`` is not a fitted model, or nothing would be left.
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
    if robust and not model.is_multilevel:
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
    result: Model,
    include: BoolArray,
    labels: Any,
    label: str,
    *,
    robust: bool = False,
    back_transform: bool,
) -> pd.DataFrame:
    """Return a row for each refit (and term), named by a column of labels."""
    batch = refit_many(result, include, intervals=True, robust=robust, kept=True)
    se, low, high, q_p = inference(result, batch)
    if batch.limits is not None:
        se, low, high = batch.limits
    p = len(result.beta)
    columns = {
        "estimate": _long(batch.beta),
        "se": _long(se),
        "ci_low": _long(low),
        "ci_high": _long(high),
        **{name: np.repeat(getattr(batch, name), p) for name in ("tau2", "I2", "Q")},
        "Q_p": np.repeat(q_p, p),
    }
    if result.is_multilevel:
        for level, values in zip(result.levels, batch.sigma2, strict=True):
            columns[f"sigma2_{level}"] = np.repeat(values, p)
    frame = pd.DataFrame(columns)
    frame.insert(0, label, np.repeat(np.asarray(labels, dtype=object), p))
    if result.has_moderators:
        frame.insert(1, "term", np.tile(np.asarray(result.design.names), batch.k.size))
    return to_alpha(frame, result) if back_transform else frame


def to_alpha(frame: pd.DataFrame, result: FittedModel) -> pd.DataFrame:
    """Return refits with the pooled mean and its limits back-transformed to alpha."""
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


def deleted_factor(result: Model, keep: BoolArray, deleted: Refits) -> FloatArray:
    """Return the Knapp-Hartung factor of every refit; 1 without it."""
    if result.is_multilevel or result.small_sample == "wald":
        return np.ones(keep.shape[1])
    X = result.design.X
    with np.errstate(divide="ignore", invalid="ignore"):
        fit = weighted_fit(*included(result, keep), X, deleted.tau2)
        factor = scale_factor(fit.rss, deleted.k - X.shape[1], result.small_sample)
    return np.where(deleted.k == 1, 1.0, factor)


def covariance_at(result: Model, deleted: Refits) -> FloatArray:
    """Return the covariance of b of all rows at the variances of each refit."""
    if result.is_multilevel:
        return _at_components(result, deleted.sigma2)
    X = result.design.X
    total = result.effects.vi[:, None] + deleted.tau2
    with np.errstate(invalid="ignore"):
        if result.weights is None:
            return inverse(cross(X, 1 / total))
        a = result.weights
        bread = np.linalg.inv(X.T @ (a[:, None] * X))
        meat = cross(X, a[:, None] ** 2 * total)
        found: FloatArray = np.einsum("pq,qrb,rs->psb", bread, meat, bread)
        return found


def _at_components(result: MultilevelResult, sigma2: FloatArray) -> FloatArray:
    p, size = len(result.beta), sigma2.shape[1]
    out = np.full((p, p, size), np.nan)
    for j in progress(np.flatnonzero(np.isfinite(sigma2).all(axis=0)), "influence"):
        MX = result.weighted_design(sigma2[:, j])
        out[:, :, j] = np.linalg.inv(result.design.X.T @ MX)
    return out


def leverages(result: Model) -> FloatArray:
    """Return the diagonal of the hat matrix, (k,)."""
    X, AX = result.design.X, result.weighted_design()
    found: FloatArray = np.einsum("kp,kp->k", X @ np.linalg.inv(X.T @ AX), AX)
    return found


def error_covariance(
    result: Model, deleted: Refits, j: int, rows: IntArray
) -> FloatArray:
    """Return the marginal covariance of some rows at the variances of a refit."""
    if not result.is_multilevel:
        return np.diag(result.effects.vi[rows] + deleted.tau2[j])
    codes = list(result.codes)
    V: sparse.csr_array = result.V
    found: FloatArray = working_blocks(rows[None, :], V, codes, deleted.sigma2[:, j])[0]
    return found


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
        One row per coefficient, in input order: ``study_id, coefficient_id``;
        ``rstudent``, the studentized deleted residual; ``dffits``, the change of its
        fitted value in standard errors; ``cook_d``, Cook's distance; ``cov_ratio``,
        determinant of the covariance without it over that with it; ``tau2_deleted``
        and ``Q_deleted`` of the fit without it; ``hat``, its leverage; ``weight``, in
        percent; ``dfbetas_<term>``, the change of each coefficient in standard errors;
        ``influential``. With ``by`` one row per group: ``omitted, k, chi2, p_value`` (of
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
    deleted = refit_many(model, keep, kept=True)
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
    deleted = refit_many(result, keep, kept=True)
    factor = deleted_factor(result, keep, deleted)
    chi2 = _joint_residuals(result, keep, deleted, factor)
    size = np.bincount(codes)
    shared = _shared(result, deleted, factor, covariance_at(result, deleted))
    frame = pd.DataFrame(
        {
            "omitted": names,
            "k": size,
            "chi2": chi2,
            "p_value": chi2_sf(chi2, size),
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
    """Return studentized deleted residuals and DFFITS of single rows."""
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
    found: FloatArray = np.einsum("ij,ji->i", H**2, v[:, None] + tau2)
    return found


def _joint_residuals(
    result: Model, keep: BoolArray, deleted: Refits, factor: FloatArray
) -> FloatArray:
    """Return the chi-square of each group's deleted residuals."""
    X, y = result.design.X, result.effects.yi
    out = np.full(keep.shape[1], np.nan)
    able = np.flatnonzero(np.isfinite(deleted.beta).all(axis=0))
    for j in progress(able, "influence"):
        rows = np.flatnonzero(~keep[:, j])
        M = error_covariance(result, deleted, int(j), rows)
        S = factor[j] * M + X[rows] @ deleted.cov[:, :, j] @ X[rows].T
        r = y[rows] - X[rows] @ deleted.beta[:, j]
        out[j] = r @ np.linalg.solve(S, r)
    return out


def _moved(frame: pd.DataFrame, p: int) -> BoolArray:
    """Return what moves the coefficients too much."""
    dfbetas = frame.filter(regex="^dfbetas_").abs()
    far = (dfbetas > 1).any(axis=1) | (chi2_cdf(frame["cook_d"], p) > 0.5)
    found: BoolArray = far.to_numpy()
    return found


def cumulative(
    result: Any,
    order: Any = None,
    *,
    descending: bool = False,
    back_transform: bool = False,
) -> pd.DataFrame:
    """Fit a model to the first study, the first two, and so on.

    Parameters
    ----------
    result : MetaResult or MultilevelResult
        From `fit_meta` or `fit_multilevel`, without moderators.
    order : str or array_like, optional
        What decides the order: a column such as ``"year"`` or ``"n"``,
        ``"precision"`` for the most precise first, or one value per row; without it the
        rows stay as they are. Ties keep the order of the rows.
    descending : bool, default False
        Largest value first.
    back_transform : bool, default False
        Return ``estimate, ci_low, ci_high`` on the alpha scale, then without ``se``.

    Returns
    -------
    DataFrame
        ``added, k, estimate, se, ci_low, ci_high, tau2, I2, Q, Q_p``, a row for each
        study added, on the model's scale; with ``order`` its values as a last column
        ``order``.

    Raises
    ------
    ModelError, DataError
        For models with moderators, unknown columns, and missing values in ``order``.

    Notes
    -----
    Equals metafor's ``cumul``. The first row is one study: its standard error is the
    square root of its sampling variance and its interval is normal.

    Examples
    --------
    >>> from waistats import effect_sizes, fit_meta
    >>> table = pd.DataFrame(
    ...     {"study_id": ["A", "B", "C"], "estimate": [.91, .79, .93],
    ...      "n": [84, 54, 231], "n_items": [36, 12, 12], "year": [2010, 2002, 2006]})
    >>> frame = cumulative(fit_meta(effect_sizes(table)), "year", back_transform=True)
    >>> frame[["added", "k", "estimate", "order"]].round(3)
      added  k  estimate  order
    0     B  1     0.790   2002
    1     C  2     0.881   2006
    2     A  3     0.892   2010
    """
    model = check_model(result, "cumulative")
    check_mean(model, "cumulative")
    values = order_values(model, order)
    index = _sorted(values, descending)
    place = np.empty(model.k, dtype=np.int64)
    place[index] = np.arange(model.k)
    include = place[:, None] <= np.arange(model.k)
    labels = row_labels(model.effects)[index]
    frame = refit_frame(model, include, labels, "added", back_transform=back_transform)
    frame.insert(1, "k", np.arange(1, model.k + 1))
    if order is not None:
        frame["order"] = values.iloc[index].to_numpy()
    return marked(frame, model.simulated)


def order_values(result: FittedModel, order: Any) -> pd.Series:
    """Return what rows are ordered by, a value for each row used."""
    table, k = result.effects.table, result.k
    if order is None:
        return pd.Series(np.arange(k))
    if isinstance(order, str):
        if order in table:
            values = table[order]
        elif order == "precision":
            values = pd.Series(result.effects.vi)
        else:
            options = [*map(str, table.columns), "precision"]
            raise ModelError(
                f"order must be a column of the effects or 'precision'; got {order!r}"
                f"{near(order, options)}."
            )
    else:
        values = pd.Series(np.asarray(order))
        if len(values) == k + len(result.excluded):
            values = values.iloc[result.effects.rows].reset_index(drop=True)
        if len(values) != k:
            raise ModelError(
                f"order must have one value per row ({k}); got {len(values)}."
            )
    blank = values.isna().to_numpy()
    if blank.any():
        ids = table["study_id"].to_numpy()[blank]
        raise DataError(
            f"order has missing values for study_id {listing(ids)}. Fill them, or order "
            "by another column."
        )
    return values.reset_index(drop=True)


def _sorted(values: pd.Series, descending: bool) -> IntArray:
    """Return the positions in order; ties stay as they stand."""
    ranked = values.rank(method="dense") if values.dtype != object else None
    if ranked is None:
        ranked = values.astype(str).rank(method="dense")
    codes = ranked.to_numpy()
    return np.argsort(-codes if descending else codes, kind="stable")
