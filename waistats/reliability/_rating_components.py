r"""Variance components of ratings with gaps, by restricted maximum likelihood.

Targets and raters are crossed, one rating a cell at most. The mixed-model equations have
one unknown per target and rater, and the mean; targets are eliminated one by one, so that
what is left is a small system in raters, whatever the number of targets.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from waistats._format import counted
from waistats._typing import BoolArray, FloatArray
from waistats.errors import ConvergenceError, DataError

MODELS = ("1", "2", "3")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RatingComponents:
    """Variance components of ratings.

    Attributes
    ----------
    target, rater, error : float
        Variances; ``rater`` is of the fixed raters' levels where these are fixed, and 0
        where every target has its own raters.
    covariance : ndarray of shape (q, q)
        Sampling covariance of the random ones: target, rater (two-way random) and error.
    n, n_raters, n_ratings : int
        Targets, raters and ratings.
    log_likelihood : float
        Restricted log-likelihood.
    at_zero : tuple of str
        Components that ended at zero.
    """

    target: float
    rater: float
    error: float
    covariance: FloatArray
    n: int
    n_raters: int
    n_ratings: int
    log_likelihood: float
    at_zero: tuple[str, ...] = ()


def rating_components(values: FloatArray, model: str = "2") -> RatingComponents:
    """Return variance components of ratings (n, k), NaN where a rating is missing.

    Parameters
    ----------
    values : ndarray of shape (n, k)
        One row per target, one column per rater.
    model : {"1", "2", "3"}
        Shrout and Fleiss's: each target its own raters; raters random; raters fixed.

    Raises
    ------
    DataError
        If the ratings do not connect targets and raters, or there are too few.
    ConvergenceError
        If the maximum is not found.

    Notes
    -----
    The same restricted likelihood as lme4's ``lmer(REML = TRUE)``. Over ratios of the
    variances to the error variance, which is profiled out; standard errors are from the
    expected information. With complete ratings and positive mean squares the components
    are those of the analysis of variance.
    """
    there = np.isfinite(values)
    values, there = values[there.any(axis=1)], there[there.any(axis=1)]
    used = there.any(axis=0)
    values, there = values[:, used], there[:, used]
    _check(there, model)
    centre = float(values[there].mean())
    y = np.where(there, values - centre, 0.0)
    scale = float(np.sqrt((y[there] ** 2).mean()))
    if not scale > 0:
        raise DataError("the ratings do not vary, so agreement is not defined.")
    problem = _Problem(y=y / scale, there=there.astype(np.float64), model=model)
    ratios = _maximise(problem)
    value, error = problem.profile(ratios)
    theta = error * ratios
    information = problem.information(np.append(theta, error))
    names = ("target", "rater", "error")[: len(theta)] if model == "2" else ("target",)
    zero = tuple(
        name for name, r in zip(names, ratios, strict=False) if r <= _LEAST * 1.01
    )
    theta = np.where(ratios <= _LEAST * 1.01, 0.0, theta)
    levels = float(problem.fixed_levels(ratios).var(ddof=1)) if model == "3" else 0.0
    return RatingComponents(
        target=float(theta[0]) * scale**2,
        rater=float(theta[1]) * scale**2 if model == "2" else levels * scale**2,
        error=error * scale**2,
        covariance=np.asarray(
            np.linalg.pinv(information, hermitian=True) * scale**4, dtype=np.float64
        ),
        n=len(values),
        n_raters=values.shape[1],
        n_ratings=int(there.sum()),
        log_likelihood=value - (there.sum() - problem.p) * np.log(scale),
        at_zero=zero,
    )


_LEAST = 1e-8


def _check(there: BoolArray, model: str) -> None:
    n, k = there.shape
    if n < 2 or k < 2:
        raise DataError(
            f"at least 2 targets and 2 raters are needed; there are {n} and {k}."
        )
    if there.sum() - n - (0 if model == "1" else k - 1) < 1:
        raise DataError(
            f"{counted(there.sum(), 'rating')} of {counted(n, 'target')} by "
            f"{counted(k, 'rater')} leave nothing to estimate error from; some targets "
            "need more ratings."
        )
    if model == "1":
        return
    # raters that share no target with the others cannot be compared with them
    reached = np.zeros(k, dtype=bool)
    reached[0] = True
    while True:
        targets = there[:, reached].any(axis=1)
        wider = there[targets].any(axis=0) | reached
        if (wider == reached).all():
            break
        reached = wider
    if not reached.all():
        raise DataError(
            "raters fall into groups that rated no target in common, so their levels "
            "are not identifiable. Use form='1,1' or '1,k'."
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Problem:
    """Ratings in units of their standard deviation."""

    y: FloatArray
    there: FloatArray
    model: str

    @property
    def p(self) -> int:
        """Number of fixed effects."""
        return self.y.shape[1] if self.model == "3" else 1

    def _reduced(self, target: float) -> tuple[FloatArray, FloatArray, float, float]:
        """Return raters' system after targets are eliminated, y'Ay and log det.

        With V = I + target Z Z', V^-1 takes ``shrink`` times the mean off every target.
        """
        count = self.there.sum(axis=1)
        shrink = target / (1 + target * count)
        sums = self.y.sum(axis=1)
        system = np.diag(self.there.sum(axis=0)) - self.there.T @ (
            shrink[:, None] * self.there
        )
        right = self.y.sum(axis=0) - self.there.T @ (shrink * sums)
        square = float((self.y**2).sum() - (shrink * sums**2).sum())
        return system, right, square, float(np.log1p(target * count).sum())

    def profile(self, ratios: FloatArray) -> tuple[float, float]:
        """Return the restricted log-likelihood and the error variance at its maximum."""
        system, right, square, logdet = self._reduced(float(ratios[0]))
        k = len(right)
        if self.model == "2":
            inner = np.eye(k) / max(float(ratios[1]), 1e-300) + system
            logdet += k * np.log(max(float(ratios[1]), 1e-300))
            logdet += np.linalg.slogdet(inner)[1]
            ones = system.sum(axis=1)
            solved = np.linalg.solve(inner, np.column_stack([right, ones]))
            square -= float(right @ solved[:, 0])
            cross = float(right.sum() - ones @ solved[:, 0])
            fixed = float(system.sum() - ones @ solved[:, 1])
            square -= cross**2 / fixed
            logdet_fixed = np.log(fixed)
        elif self.model == "3":
            square -= float(right @ np.linalg.solve(system, right))
            logdet_fixed = np.linalg.slogdet(system)[1]
        else:
            fixed = float(system.sum())
            square -= float(right.sum()) ** 2 / fixed
            logdet_fixed = np.log(fixed)
        df = float(self.there.sum()) - self.p
        error = square / df
        value = -0.5 * (
            df * (np.log(2 * np.pi * error) + 1) + logdet + float(logdet_fixed)
        )
        return value, error

    def fixed_levels(self, ratios: FloatArray) -> FloatArray:
        """Return the fixed raters' levels (k,)."""
        system, right, _, _ = self._reduced(float(ratios[0]))
        return np.asarray(np.linalg.solve(system, right), dtype=np.float64)

    def information(self, theta: FloatArray) -> FloatArray:
        """Return the expected information (q, q) on target, rater and error variances."""
        row, column = np.nonzero(self.there)
        n_ratings = len(row)
        targets = np.zeros((n_ratings, len(self.y)))
        targets[np.arange(n_ratings), row] = 1.0
        raters = np.zeros((n_ratings, self.y.shape[1]))
        raters[np.arange(n_ratings), column] = 1.0
        designs = [targets] + ([raters] if self.model == "2" else [])
        fixed = raters if self.model == "3" else np.ones((n_ratings, 1))
        error = float(theta[-1])
        random = np.hstack(
            [z * np.sqrt(max(t, 0.0)) for z, t in zip(designs, theta, strict=False)]
        )
        inner = np.eye(random.shape[1]) * error + random.T @ random

        def inverse(x: FloatArray) -> FloatArray:
            result: FloatArray = (
                x - random @ np.linalg.solve(inner, random.T @ x)
            ) / error
            return result

        weighted = inverse(fixed)
        between = np.linalg.pinv(fixed.T @ weighted, hermitian=True)

        def project(x: FloatArray) -> FloatArray:
            found = inverse(x)
            return found - weighted @ (between @ (weighted.T @ x))

        projected = [project(z) for z in designs]
        q = len(designs) + 1
        out = np.empty((q, q))
        for a, z in enumerate(designs):
            for b in range(a, len(designs)):
                out[a, b] = out[b, a] = ((z.T @ projected[b]) ** 2).sum() / 2
            out[a, -1] = out[-1, a] = (projected[a] ** 2).sum() / 2
        # tr(PP): P is 1/error less a part of low rank, tr(P V) = N - p
        traces = [
            float(np.trace(z.T @ pz)) for z, pz in zip(designs, projected, strict=True)
        ]
        trace = (n_ratings - self.p) - sum(
            t * tr for t, tr in zip(theta, traces, strict=False)
        )
        trace_p = trace / error
        # tr(P P V) = tr(P): the same identity once more
        squares = sum(2 * t * out[a, -1] for a, t in enumerate(theta[:-1]))
        out[-1, -1] = (trace_p - squares) / error / 2
        return out


def _maximise(problem: _Problem) -> FloatArray:
    q = 2 if problem.model == "2" else 1

    def cost(logs: FloatArray) -> float:
        return -problem.profile(np.exp(logs))[0]

    best, where = np.inf, np.zeros(q)
    starts = [np.full(q, s) for s in (-2.0, 0.0, 2.0)]
    if q == 2:
        starts += [np.array([1.0, -6.0]), np.array([-6.0, 1.0])]
    low, high = np.log(_LEAST), np.log(1e8)
    for start in starts:
        found = minimize(
            cost,
            start,
            method="L-BFGS-B",
            bounds=[(low, high)] * q,
            options={"ftol": 1e-15, "gtol": 1e-9},
        )
        if found.fun < best:
            best, where = float(found.fun), found.x
    polished = minimize(
        cost,
        where,
        method="Nelder-Mead",
        bounds=[(low, high)] * q,
        options={"xatol": 1e-9, "fatol": 1e-13, "maxiter": 2000},
    )
    if not np.isfinite(polished.fun):
        raise ConvergenceError(
            "the variance components of the ratings did not converge."
        )
    found_at: FloatArray = np.exp(polished.x if polished.fun <= best else where)
    return found_at
