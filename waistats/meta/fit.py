"""Fit one meta-analytic model."""

from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from waistats._areas import chi2_cdf, chi2_sf
from waistats._format import counted, fixed
from waistats._frames import as_frame
from waistats._typing import FloatArray
from waistats.errors import (
    ConvergenceError,
    DataError,
    ModelError,
    check_conf_level,
    check_option,
    listing,
)
from waistats.meta._design import (
    Design,
    build_design,
    intercept_only,
    with_complete_moderators,
)
from waistats.meta._effects import Effects, independence_notes, usable_effects
from waistats.meta._fits import Deferred, Fits
from waistats.meta._heterogeneity import tau2_se
from waistats.meta._linalg import even_basis, log_likelihood, weighted_fit
from waistats.meta.fit_many import SMALL_SAMPLE, Batch, fit_batch, scale_factor
from waistats.meta.results import MetaResult
from waistats.meta.tau2 import check_method

# Q is far below its degrees of freedom where it is less than this share of them, or
# where chi-square is below it this rarely
COLLAPSED, RARELY = 0.1, 0.01


def fit_meta(
    effects: pd.DataFrame,
    moderators: str | None = None,
    *,
    method: str = "REML",
    small_sample: str = "knapp-hartung",
    conf_level: float = 0.95,
    weights: Any = None,
    missing_moderators: str = "error",
) -> MetaResult:
    r"""Pool coefficients, or explain their differences, with one effect per row.

    Parameters
    ----------
    effects : DataFrame
        A table from `effect_sizes`. Rows without ``yi, vi`` are excluded and listed in
        the result's ``excluded``.
    moderators : str, optional
        A formula such as ``"~ modality + np.log(n_items)"``; categories take their
        first level as reference, ``C(x, contr.treatment("b"))`` another. Names other
        than letters, digits and _ go in backticks: ``"~ `mean age`"``.
    method : str, default "REML"
        Estimator of the heterogeneity variance, by metafor's names: ``"CE"`` (also
        ``"EE"``, ``"FE"``), ``"DL"``, ``"HE"``, ``"HS"``, ``"HSk"``, ``"SJ"``,
        ``"ML"``, ``"REML"``, ``"EB"``, ``"PM"``, ``"PMM"`` or ``"SJIT"``.
    small_sample : {"knapp-hartung", "wald", "knapp-hartung-adhoc"}
        Standard errors and reference distribution: Knapp and Hartung's with t on k - p,
        the Wald ones with the normal, or Knapp and Hartung's never smaller than Wald's.
    conf_level : float, default 0.95
        Confidence level.
    weights : "equal", column name or array_like, optional
        Weights other than inverse variances; ``"equal"`` for an unweighted mean.
    missing_moderators : {"error", "drop"}, default "error"
        Refuse rows without a value of a moderator, or leave them out: they are then
        listed in ``excluded``, and a note names them.

    Returns
    -------
    MetaResult
        Prints as metafor prints, on the model's scale and on the alpha scale.

    Raises
    ------
    DataError, ModelError
        For fewer than two effects, mixed scales or kinds of coefficients, and
        moderators that are missing, constant or collinear.
    ConvergenceError
        If the heterogeneity variance does not converge.

    Notes
    -----
    :math:`y = X\beta + u + e` with :math:`u\sim N(0,\tau^2)`, :math:`e_i\sim N(0,v_i)`;
    :math:`b=(X'WX)^{-1}X'Wy`, :math:`W=\operatorname{diag}(1/(v_i+\tau^2))`, covariance
    :math:`(X'WX)^{-1}` times :math:`s^2=(y-Xb)'W(y-Xb)/(k-p)` with Knapp-Hartung [1]_.
    Where Q is far below its degrees of freedom (less than a tenth of them, or a lower
    tail of 1%) that factor would be too small: the ad-hoc form is used and noted.
    Rows are taken as independent; `fit_multilevel` is for coefficients that share
    samples. The results equal metafor's ``rma`` at its tightest tolerance. Under REML
    the log-likelihood has metafor's constant, and BIC uses ln(k - p).

    References
    ----------
    .. [1] Knapp, G., & Hartung, J. (2003). Statistics in Medicine, 22, 2693-2710.

    Examples
    --------
    >>> import pandas as pd
    >>> from waistats import effect_sizes, fit_meta
    >>> table = pd.DataFrame(
    ...     {"study_id": ["A", "B", "C", "D"], "estimate": [.91, .79, .93, .88],
    ...      "n": [84, 54, 231, 120], "n_items": [36, 12, 12, 12]})
    >>> fit_meta(effect_sizes(table)).predict().round(3)
       estimate  ci_low  ci_high  pi_low  pi_high
    0      0.89   0.769    0.948   0.418    0.979
    """
    return fit_effects(
        effects,
        moderators,
        method=method,
        small_sample=small_sample,
        conf_level=conf_level,
        weights=weights,
        missing_moderators=missing_moderators,
    )


def fit_effects(
    effects: pd.DataFrame,
    moderators: str | None = None,
    *,
    method: str = "REML",
    small_sample: str = "knapp-hartung",
    conf_level: float = 0.95,
    weights: Any = None,
    missing_moderators: str = "error",
    fits: Fits | None = None,
) -> MetaResult:
    """Fit as `fit_meta` does; what ``fits`` holds is not fitted again."""
    effects = as_frame(effects)
    method = check_method(method)
    small_sample = check_option("small_sample", small_sample, SMALL_SAMPLE)
    check_conf_level(conf_level)
    effects, left_out = with_complete_moderators(
        effects, moderators, missing_moderators
    )
    used = usable_effects(effects, moderators)
    design = (
        intercept_only(len(used.yi))
        if moderators is None
        else build_design(moderators, used.table)
    )
    return fit_design(
        used,
        design,
        method=method,
        small_sample=small_sample,
        conf_level=conf_level,
        weights=_weights(weights, used),
        notes=left_out,
        fits=fits,
    )


def fit_design(
    used: Effects,
    design: Design,
    *,
    method: str,
    small_sample: str,
    conf_level: float,
    weights: FloatArray | None = None,
    notes: tuple[str, ...] = (),
    fits: Fits | None = None,
) -> MetaResult:
    """Fit checked effects to a checked design; what ``fits`` holds is taken from it."""
    k, p = design.X.shape
    if k <= p and small_sample != "wald":
        raise ModelError(
            f"A model with {counted(p, 'coefficient')} fitted to {counted(k, 'row')} "
            "leaves no degrees of freedom for Knapp-Hartung; use fewer moderators or "
            "small_sample='wald'."
        )
    y, v = used.yi, used.vi
    X, back = even_basis(design.X)
    batch = _searched(y, v, X, method, fits)
    Q = float(batch.Q[0])
    adhoc = method != "CE" and small_sample == "knapp-hartung" and collapsed(Q, k - p)
    if adhoc:
        small_sample = "knapp-hartung-adhoc"
    if not batch.converged[0]:
        raise ConvergenceError(
            f"{method} did not converge for these {counted(k, 'coefficient')} (formula "
            f"{design.formula})."
        )
    tau2 = float(batch.tau2[0])
    beta = batch.beta[:, 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = scale_factor(batch.rss, k - p, small_sample)
        cov = batch.cov[:, :, 0] * factor[0]
    if weights is not None:
        beta, cov = _weighted(y, v, X, weights, tau2, small_sample)
    said = [*notes, *independence_notes(used, design.variables)]
    if method == "CE" and small_sample != "wald":
        said.append(
            "Knapp-Hartung with a common-effect model scales its standard error by the "
            "observed heterogeneity. small_sample='wald' gives the model's own."
        )
    elif adhoc:
        said.append(
            f"These coefficients are less variable than sampling error predicts (Q = "
            f"{fixed(Q, 2)} on {k - p} df), so the Knapp-Hartung standard error would be "
            "too small; the plain one is used, the ad hoc form of Knapp and Hartung's. "
            "It is small_sample='knapp-hartung-adhoc'."
        )
    return MetaResult(
        tau2=tau2,
        I2=float(batch.I2[0]),
        H2=float(batch.H2[0]),
        Q=Q,
        Q_df=k - p,
        Q_p=float(chi2_sf(Q, k - p)) if k > p else 1.0,
        beta=back @ beta,
        cov=back @ cov @ back.T,
        df=None if small_sample == "wald" else float(k - p),
        effects=used,
        design=design,
        method=method,
        small_sample=small_sample,
        conf_level=conf_level,
        n_parameters=p + (method != "CE"),
        deferred=Deferred(
            fits,
            tau2_se=partial(tau2_se, y, v, X, tau2, method),
            R2=partial(_explained, y, v, design, tau2, method, fits),
            log_likelihood=partial(_likelihood, y, v, X, beta, tau2, method),
        ),
        weights=weights,
        fit_notes=tuple(said),
    )


def _searched(
    y: FloatArray, v: FloatArray, X: FloatArray, method: str, fits: Fits | None
) -> Batch:
    """Return the fit of one data set under ``"wald"``, from ``fits`` where it is there."""
    search = partial(fit_batch, y[:, None], v[:, None], X, method, "wald")
    if fits is None:
        return search()
    return fits.once("one level", (y, v, X, method), search)


def collapsed(Q: float, df: int) -> bool:
    """Return whether effects vary far less than sampling error predicts."""
    return df > 0 and bool(COLLAPSED * df > Q or chi2_cdf(Q, df) < RARELY)


def _weights(weights: Any, used: Effects) -> FloatArray | None:
    """Return user weights for the used rows."""
    if weights is None:
        return None
    k = len(used.yi)
    if isinstance(weights, str):
        if weights == "equal":
            return np.ones(k)
        if weights not in used.table:
            raise ModelError(
                f"weights must be 'equal', a column or an array; got {weights!r}."
            )
        values: FloatArray = pd.to_numeric(
            used.table[weights], errors="coerce"
        ).to_numpy(float)
    else:
        values = np.asarray(weights, dtype=float)
        if values.shape == (k + len(used.excluded),):
            values = values[used.rows]
    if values.shape != (k,):
        raise ModelError(
            f"weights must have one value per row; got shape {values.shape}."
        )
    bad = ~(np.isfinite(values) & (values >= 0))
    if bad.any() or values.sum() == 0:
        ids = used.table["study_id"].to_numpy()[bad]
        raise DataError(f"weights must be finite and not negative: {listing(ids)}.")
    return values


def _weighted(
    y: FloatArray,
    v: FloatArray,
    X: FloatArray,
    weights: FloatArray,
    tau2: float,
    small_sample: str,
) -> tuple[FloatArray, FloatArray]:
    r"""Return the fit with user weights A and its covariance.

    The covariance is :math:`(X'AX)^{-1}X'AMAX(X'AX)^{-1}` with M the marginal
    variances, times the Knapp-Hartung factor of the inverse-variance fit, as in
    metafor.
    """
    AX = weights[:, None] * X
    bread = np.linalg.inv(X.T @ AX)
    beta = bread @ (AX.T @ y)
    cov = bread @ (AX.T @ ((v + tau2)[:, None] * AX)) @ bread
    k, p = X.shape
    fit = weighted_fit(y[:, None], v[:, None], X, np.array([tau2]))
    factor = scale_factor(fit.rss, k - p, small_sample) if k > p else np.ones(1)
    return beta, cov * factor[0]


def _likelihood(
    y: FloatArray,
    v: FloatArray,
    X: FloatArray,
    beta: FloatArray,
    tau2: float,
    method: str,
) -> float:
    """Return the log-likelihood with metafor's constants."""
    k, p = X.shape
    restricted = method == "REML"
    at = np.array([tau2])
    shifted = (y - X @ beta)[:, None]
    fit = weighted_fit(shifted, v[:, None], X, at)
    if not restricted:
        fit.b, fit.r = 0 * fit.b, shifted
        fit.u = fit.w * shifted
    value = float(log_likelihood(fit, restricted=restricted)[0])
    if restricted:
        value += 0.5 * np.linalg.slogdet(X.T @ X)[1]
    value -= 0.5 * (k - p if restricted else k) * np.log(2 * np.pi)
    return float(value)


def _explained(
    y: FloatArray,
    v: FloatArray,
    design: Design,
    tau2: float,
    method: str,
    fits: Fits | None,
) -> float:
    """Return R2, the share of heterogeneity that moderators explain, 0-100."""
    if not design.has_intercept or design.X.shape[1] == 1 or method == "CE":
        return float("nan")
    ones = even_basis(np.ones((len(y), 1)))[0]
    tau2_null = float(_searched(y, v, ones, method, fits).tau2[0])
    if tau2_null <= 0:
        return float("nan")
    return max(0.0, 100 * (tau2_null - tau2) / tau2_null)
