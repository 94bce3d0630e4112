"""Many fits at once: the engine under every model that has one variance component."""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from waistats._areas import critical, criticals
from waistats._format import Result
from waistats._typing import BoolArray, FloatArray
from waistats.errors import (
    ConvergenceError,
    DataError,
    ModelError,
    check_conf_level,
    check_option,
    listing,
)
from waistats.meta._linalg import (
    cross,
    is_mean,
    studies_used,
    weighted_fit,
    without_fit,
)
from waistats.meta._prediction import PREDICTIONS, mean_limits
from waistats.meta._score import centred_mean
from waistats.meta._tau2_alone import Alone
from waistats.meta.tau2 import (
    ESTIMATORS,
    check_method,
    estimate,
    estimate_alone,
    new_score,
)

# coefficients of a piece of a batch: fewer cost more calls, more leave the cache
PIECE = 60_000
SMALL_SAMPLE = ("knapp-hartung", "wald", "knapp-hartung-adhoc")


@dataclass(slots=True)
class Batch:
    """Fits of a batch, the batch on the last axis.

    Attributes
    ----------
    beta : (p, B)
        Coefficients.
    cov : (p, p, B)
        Their covariance matrix.
    tau2, Q, I2, H2, k : (B,)
        Heterogeneity and the studies used.
    converged : (B,)
        Whether the iteration for tau2 ended.
    rss : (B,)
        Weighted residual sum of squares at tau2.
    """

    beta: FloatArray
    cov: FloatArray
    tau2: FloatArray
    Q: FloatArray
    I2: FloatArray
    H2: FloatArray
    k: FloatArray
    converged: BoolArray
    rss: FloatArray


def fit_batch(
    y: FloatArray,
    v: FloatArray,
    X: FloatArray,
    method: str,
    small_sample: str,
    *,
    thorough: bool = True,
) -> Batch:
    """Fit data sets (k, B) with design (k, p) or (k, p, B); left out is ``v = inf``."""
    if (alone := estimate_alone(y, v, X, method)) is not None:
        return _batch_of_one(*alone, small_sample)
    k = studies_used(v)
    df = k - X.shape[1]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        # tau2 does not depend on the fitted part; without it sums lose no digits
        if is_mean(X):
            fitted, stacked = centred_mean(y, v)
            score = new_score(stacked[1], stacked[0], X, k, method)
            score.stacked = stacked
        else:
            y, v = np.ascontiguousarray(y), np.ascontiguousarray(v)
            fitted, residual = without_fit(y, v, X)
            # some start from the spread of the effects themselves
            of_effects = ESTIMATORS[method].of_effects
            score = new_score(y if of_effects else residual, v, X, k, method)
        at_zero = score.at(np.zeros(y.shape[1]))
        found = estimate(score, at_zero, method, thorough)
        Q, tau2 = at_zero.q1, found.tau2
        if method == "CE":
            I2 = 100 * np.maximum((Q - df) / Q, 0)
            H2 = Q / df
        else:
            typical = df / score.trace_P(at_zero)
            I2, H2 = 100 * tau2 / (tau2 + typical), tau2 / typical + 1
        if score.is_mean:
            sums = found.sums
            s1, a1, c1 = score.level(tau2) if sums is None else sums
            beta = (a1 / s1)[None]
            cov, rss = (1 / s1)[None, None], c1 - beta[0] * a1
        else:
            final = weighted_fit(residual, v, X, tau2)
            beta, cov, rss = final.b, final.C, final.rss
        cov = cov * scale_factor(rss, df, small_sample)
    return Batch(fitted + beta, cov, tau2, Q, I2, H2, k, found.converged, rss)


def _batch_of_one(mean: float, found: Alone, small_sample: str) -> Batch:
    """Return the fit of one mean from what its search ended with."""
    (s1, a1, c1), zero = found.sums, found.at_zero
    df = found.k - 1
    typical = df / (zero.sums[0][0] - zero.sums[1][0] / zero.sums[0][0])
    rss = np.array([c1 - a1 * a1 / s1])
    return Batch(
        np.array([[mean + a1 / s1]]),
        scale_factor(rss, df, small_sample)[None, None] / s1,
        np.array([found.tau2]),
        np.array([zero.q1]),
        np.array([100 * found.tau2 / (found.tau2 + typical)]),
        np.array([found.tau2 / typical + 1]),
        np.array([float(found.k)]),
        np.array([True]),
        rss,
    )


def full_rank(X: FloatArray, used: BoolArray) -> BoolArray:
    """Return whether the studies used leave the design its full rank, of shape (B,)."""
    p = X.shape[1]
    enough: BoolArray = used.sum(0) >= p
    if p == 1:
        return enough
    G = np.moveaxis(cross(X, used.astype(float)), -1, 0)
    size = np.sqrt(np.einsum("bpp->bp", G))
    size[size == 0] = 1
    values = np.linalg.eigvalsh(G / (size[:, :, None] * size[:, None, :]))
    made: BoolArray = enough & (values[:, 0] > 1e-12)
    return made


def scale_factor(rss: FloatArray, df: Any, small_sample: str) -> FloatArray:
    """Return the Knapp-Hartung factor; 1 under ``"wald"``."""
    if small_sample == "wald":
        return np.ones_like(rss)
    factor = np.where(rss <= 1e-300, 0.0, rss) / df
    result: FloatArray = (
        factor if small_sample == "knapp-hartung" else np.maximum(factor, 1)
    )
    return result


def in_chunks(
    y: FloatArray,
    v: FloatArray,
    X: FloatArray,
    method: str,
    small_sample: str,
    threads: int | None = None,
    *,
    thorough: bool = True,
) -> Batch:
    """Fit a large batch in cache-sized pieces, on one thread per core."""
    k, size = y.shape
    # the pieces do not depend on the machine, so that its results do not either
    width = max(1, PIECE // max(k, 1))
    workers = threads or os.cpu_count() or 1
    edges = range(0, size, width)

    def piece(start: int) -> Batch:
        cut = slice(start, start + width)
        design = X if X.ndim == 2 else X[:, :, cut]
        part_y, part_v = y[:, cut], v[:, cut]
        return fit_batch(
            part_y, part_v, design, method, small_sample, thorough=thorough
        )

    if len(edges) == 1:
        return piece(0)
    if workers == 1:
        parts = [piece(start) for start in edges]
    else:
        with ThreadPoolExecutor(workers) as pool:
            parts = list(pool.map(piece, edges))
    return Batch(
        *(
            np.concatenate([getattr(part, name) for part in parts], axis=-1)
            for name in Batch.__slots__
        )
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class MetaBatch(Result):
    """The fits of `fit_meta_many`.

    Attributes
    ----------
    estimate, se : ndarray
        Pooled effects, of the batch's shape; with a design (..., p).
    tau2, Q, I2, H2 : ndarray
        Heterogeneity, of the batch's shape; I2 on 0-100.
    k : ndarray
        Studies used by each fit.
    method, small_sample : str
        As asked for.
    pi_low, pi_high : ndarray or None
        Prediction limits of the batch's shape, where they were asked for.
    """

    estimate: FloatArray
    se: FloatArray
    tau2: FloatArray
    Q: FloatArray
    I2: FloatArray
    H2: FloatArray
    k: FloatArray
    method: str
    small_sample: str
    pi_low: FloatArray | None = None
    pi_high: FloatArray | None = None

    def to_frame(self) -> pd.DataFrame:
        """Return one row per fit; with a design, columns ``estimate_0, se_0, ...``."""
        shape = self.tau2.shape
        columns: dict[str, FloatArray] = {}
        if self.estimate.shape == shape:
            columns |= {"estimate": self.estimate.ravel(), "se": self.se.ravel()}
        else:
            for j in range(self.estimate.shape[-1]):
                columns[f"estimate_{j}"] = self.estimate[..., j].ravel()
                columns[f"se_{j}"] = self.se[..., j].ravel()
        names = ["pi_low", "pi_high"] if self.pi_low is not None else []
        names += ["tau2", "Q", "I2", "k"]
        columns |= {name: getattr(self, name).ravel() for name in names}
        return pd.DataFrame(columns)

    def heading(self) -> str:
        """Return how many fits there are and how they were made."""
        return (
            f"{self.tau2.size} fits of shape {self.tau2.shape} "
            f"(tau^2 estimator: {self.method}; {self.small_sample})"
        )

    def __str__(self) -> str:
        frame = self.to_frame()
        values = frame.describe().loc[["mean", "std", "min", "50%", "max"]]
        from waistats._format import frame_text

        return self.heading() + "\n\n" + frame_text(values.reset_index(names=""))


def fit_meta_many(
    yi: Any,
    vi: Any,
    X: Any = None,
    include: Any = None,
    method: str = "REML",
    *,
    small_sample: str = "knapp-hartung",
    thorough: bool = True,
    prediction: str | None = None,
    conf_level: float = 0.95,
) -> MetaBatch:
    """Fit one model to many data sets in one call.

    Parameters
    ----------
    yi, vi : array_like, shape (..., k)
        Effects and sampling variances; leading axes are the batch and broadcast.
    X : array_like, shape (k, p) or (..., k, p), optional
        Design, with its intercept column; None for the pooled mean alone.
    include : array_like of bool, shape (..., k), optional
        Which studies enter each fit; None for all. ``yi, vi`` may be NaN elsewhere.
    method : str, default "REML"
        Estimator of the heterogeneity variance, as in `fit_meta`.
    small_sample : {"knapp-hartung", "wald", "knapp-hartung-adhoc"}
        Standard errors, as in `fit_meta`.
    thorough : bool, default True
        Search likelihoods with several maxima for the highest.
    prediction : {"confidence-distribution", "metafor"}, optional
        Add prediction limits of the mean's populations, as `FittedModel.predict` has
        them; only without a design.
    conf_level : float, default 0.95
        Their level.

    Returns
    -------
    MetaBatch
        Arrays of the batch's shape. A fit with fewer studies than coefficients, or with
        a design that its studies leave without full rank, is NaN; one with as many
        studies as coefficients has ``tau2`` 0, and under Knapp-Hartung no ``se``.

    Raises
    ------
    DataError
        For shapes that do not fit, values not finite or variances not positive.
    ConvergenceError
        If a fit does not converge; its place in the batch is named.

    Notes
    -----
    NumPy on arrays with the batch contiguous, in pieces that fit the cache, on threads;
    results do not depend on the pieces or the threads.

    Examples
    --------
    >>> fits = fit_meta_many([[0.1, 0.3, 0.5], [0.2, 0.2, 0.2]], [0.01, 0.02, 0.03])
    >>> fits.estimate.round(4), fits.tau2.round(4)
    (array([0.2673, 0.2   ]), array([0.0216, 0.    ]))
    """
    method = check_method(method)
    small_sample = check_option("small_sample", small_sample, SMALL_SAMPLE)
    check_conf_level(conf_level)
    if prediction is not None:
        prediction = check_option("prediction", prediction, PREDICTIONS)
        if X is not None:
            raise ModelError(
                "Prediction limits of many fits are those of a mean; leave X out."
            )
    y, v, design, shape = _arrays(yi, vi, X, include)
    batch = in_chunks(y, v, design, method, small_sample, thorough=thorough)
    estimable = np.isfinite(batch.beta).all(0) & full_rank(design, np.isfinite(v))
    lost = np.flatnonzero(~batch.converged & estimable)
    if len(lost):
        places = listing(str(tuple(map(int, np.unravel_index(i, shape)))) for i in lost)
        raise ConvergenceError(
            f"{method}: no convergence for the fits at {places} of the batch."
        )
    with np.errstate(invalid="ignore"):
        se = np.sqrt(np.einsum("ppb->pb", batch.cov))

    def shaped(a: FloatArray) -> FloatArray:
        return np.where(estimable, a, np.nan).reshape(shape)

    def by_column(a: FloatArray) -> FloatArray:
        return np.stack([shaped(row) for row in a], axis=-1)

    beta, se = by_column(batch.beta), by_column(se)
    if X is None:
        beta, se = beta[..., 0], se[..., 0]
    low = high = None
    if prediction == "metafor" or (prediction and method == "CE"):
        with np.errstate(invalid="ignore"):
            half = np.sqrt(se**2 + shaped(batch.tau2))
            if small_sample == "wald":
                half = half * critical(conf_level)
            else:
                half = half * criticals(conf_level, batch.k.reshape(shape) - 1)
        low, high = beta - half, beta + half
    elif prediction:
        low, high = (shaped(ends) for ends in mean_limits(y, v, conf_level))
    return MetaBatch(
        estimate=beta,
        se=se,
        tau2=shaped(batch.tau2),
        Q=shaped(batch.Q),
        I2=shaped(batch.I2),
        H2=shaped(batch.H2),
        k=batch.k.reshape(shape),
        method=method,
        small_sample=small_sample,
        pi_low=low,
        pi_high=high,
    )


def _arrays(
    yi: Any, vi: Any, X: Any, include: Any
) -> tuple[FloatArray, FloatArray, FloatArray, tuple[int, ...]]:
    """Return (k, B) arrays with the studies left out marked, and the batch's shape."""
    y, v = np.asarray(yi, dtype=float), np.asarray(vi, dtype=float)
    mask = np.True_ if include is None else np.asarray(include)
    if mask.dtype != bool:
        raise DataError("include must be an array of booleans.")
    design = None if X is None else np.asarray(X, dtype=float)
    lead = () if design is None else (*design.shape[:-2], design.shape[-2])
    try:
        full = np.broadcast_shapes(y.shape, v.shape, mask.shape, lead)
    except ValueError as error:
        raise DataError(
            f"Shapes do not fit: yi {y.shape}, vi {v.shape}, include {mask.shape}"
            + ("" if design is None else f", X {design.shape}")
            + "; the last axis of yi, vi and include is the studies."
        ) from error
    if len(full) == 0 or full[-1] < 1:
        raise DataError("yi and vi need at least one study on their last axis.")
    y, v, used = (np.broadcast_to(a, full) for a in (y, v, mask))
    bad = used & ~(np.isfinite(y) & np.isfinite(v) & (v > 0))
    if bad.any():
        places = listing(str(tuple(map(int, i))) for i in np.argwhere(bad))
        raise DataError(
            f"yi must be finite and vi positive and finite, but are not at {places}."
        )
    k = full[-1]
    flat_y = np.where(used, y, 0.0).reshape(-1, k).T
    flat_v = np.where(used, v, np.inf).reshape(-1, k).T
    if design is None:
        design = np.ones((k, 1))
    elif design.ndim > 2:
        p = design.shape[-1]
        design = np.broadcast_to(design, (*full, p)).reshape(-1, k, p)
        design = np.ascontiguousarray(np.moveaxis(design, 0, -1))
    if not np.isfinite(design).all():
        raise DataError("X must be finite.")
    return flat_y, flat_v, design, full[:-1]
