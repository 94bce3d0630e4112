"""The forms of omega total: how it is fitted, and its value and derivative."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from waistats.arrays import FloatArray
from waistats.errors import ConvergenceError
from waistats.reliability.delta import IntervalRequest, Spread
from waistats.reliability.factor import (
    FactorFit,
    check_positive_definite,
    fit_ml,
    ml_gradient,
)
from waistats.reliability.intervals import wald_limits
from waistats.reliability.minres import fit_minres, minres_gradient
from waistats.reliability.moments import correlation

METHODS = ("ml", "minres")
MATRICES = ("covariance", "correlation")
DENOMINATORS = ("model", "observed")
_OTHER = {"ml": ", or try method='minres'", "minres": ", or try method='ml'"}
# enough for a resample, whose own error is far larger
ROUGH: dict[str, Any] = {"tolerance": 1e-12, "max_iterations": 100}


@dataclass(frozen=True, slots=True, kw_only=True)
class OmegaForm:
    """Which omega: how it is fitted, on which matrix, over which variance.

    Attributes
    ----------
    method, matrix, denominator : str
        As in :func:`omega_total`.
    """

    method: str = "ml"
    matrix: str = "covariance"
    denominator: str = "model"

    def fit(self, s: FloatArray, **control: Any) -> FactorFit:
        """Return the one-factor fit of covariances (..., m, m)."""
        fitted = correlation(s) if self.matrix == "correlation" else s
        if self.method == "ml":
            return fit_ml(fitted, **control)
        return fit_minres(fitted, **control)

    def value(self, s: FloatArray, fit: FactorFit) -> FloatArray:
        """Return omega (...) of fits to covariances (..., m, m)."""
        common = fit.loadings[..., 0].sum(-1) ** 2
        if self.denominator == "model":
            return common / (common + fit.uniquenesses.sum(-1))
        matrix = correlation(s) if self.matrix == "correlation" else s
        return common / matrix.sum((-2, -1))

    def fit_checked(
        self, s: FloatArray, names: tuple[str, ...] | None = None
    ) -> FactorFit:
        """Return the fit of one matrix, or raise where there is none."""
        if self.method == "ml":
            check_positive_definite(s)
        fit = self.fit(s)
        labels = names or tuple(str(j + 1) for j in range(len(s)))
        check_converged(fit, self.method, labels)
        return fit

    def many(self, s: FloatArray) -> FloatArray:
        """Return omega (B,) of covariances (B, m, m); NaN where there is no fit."""
        usable = np.flatnonzero(np.isfinite(correlation(s)).all((-2, -1)))
        if self.method == "ml":
            lowest = np.linalg.eigvalsh(correlation(s[usable]))[..., 0]
            usable = usable[lowest > 1e-10]
        omega = np.full(s.shape[:-2], np.nan)
        if usable.size:
            fit = self.fit(s[usable], **ROUGH)
            omega[usable] = np.where(fit.converged, self.value(s[usable], fit), np.nan)
        return omega

    def gradient(self, s: FloatArray, fit: FactorFit) -> FloatArray:
        """Return the derivative (m, m) of omega by the covariance matrix."""
        lam = fit.loadings[..., 0]
        fitted = correlation(s) if self.matrix == "correlation" else s
        length = lam.sum()
        if self.denominator == "model":
            total = length**2 + fit.uniquenesses.sum()
            by_psi = -(length**2) / total**2
            by_lam = 2 * length * fit.uniquenesses.sum() / total**2
            direct = 0.0
        else:
            total = fitted.sum()
            by_psi, by_lam = 0.0, 2 * length / total
            direct = -(length**2) / total**2
        m = lam.size
        if self.method == "ml":
            gradient = ml_gradient(fit, np.full((m, 1), by_lam), np.full(m, by_psi))
            gradient = gradient + direct
            return (
                through_correlation(s, gradient)
                if self.matrix == "correlation"
                else gradient
            )
        return self._minres_gradient(s, lam, by_lam, by_psi, direct)

    def _minres_gradient(
        self,
        s: FloatArray,
        lam: FloatArray,
        by_lam: float,
        by_psi: float,
        direct: float,
    ) -> FloatArray:
        r = correlation(s)
        if self.matrix == "correlation":
            gradient = minres_gradient(r, lam, by_lam - 2 * by_psi * lam) + direct
            return through_correlation(s, gradient)
        # raw loadings are sd * standardized ones, raw uniquenesses s_jj - loading**2
        sd = np.sqrt(np.diagonal(s))
        by_raw = by_lam - 2 * by_psi * lam
        by_standardized = minres_gradient(r, lam / sd, by_raw * sd)
        gradient = through_correlation(s, by_standardized) + direct
        index = np.arange(lam.size)
        gradient[index, index] += by_psi + by_raw * (lam / sd) / (2 * sd)
        return gradient

    def correlation_gradient(self, r: FloatArray, fit: FactorFit) -> FloatArray:
        """Return the derivative (m, m) of omega of a correlation matrix by it."""
        lam = fit.loadings[..., 0]
        length, rest = lam.sum(), fit.uniquenesses.sum()
        total = length**2 + rest
        by_lam, by_psi = 2 * length * rest / total**2, -(length**2) / total**2
        if self.method == "minres":
            return minres_gradient(r, lam, by_lam - 2 * by_psi * lam)
        m = lam.size
        return ml_gradient(fit, np.full((m, 1), by_lam), np.full(m, by_psi))

    def describe(self) -> str:
        """Return the form in words."""
        fitted = "maximum likelihood" if self.method == "ml" else "minimum residuals"
        over = "model-implied" if self.denominator == "model" else "observed"
        how = f"one factor by {fitted}, {self.matrix} matrix, {over} variance"
        return f"Omega total, {how}."


def through_correlation(s: FloatArray, gradient: FloatArray) -> FloatArray:
    """Return the derivative by covariances ``s`` of a function of the correlations.

    Parameters
    ----------
    s : ndarray of shape (m, m)
        Covariance matrix.
    gradient : ndarray of shape (m, m)
        Symmetric derivative by the correlation matrix; its diagonal does not matter.

    Returns
    -------
    ndarray of shape (m, m)
        Symmetric derivative by ``s``.
    """
    sd = np.sqrt(np.diagonal(s))
    r = s / np.outer(sd, sd)
    off = gradient - np.diag(np.diagonal(gradient))
    return (off - np.diag((off * r).sum(axis=1))) / np.outer(sd, sd)


def check_converged(fit: FactorFit, method: str, names: tuple[str, ...]) -> None:
    """Raise a ConvergenceError unless the fit converged."""
    if fit.converged:
        return
    below = np.flatnonzero(fit.uniquenesses < 0)
    why = "these items do not follow it, or there are too few respondents"
    if below.size:
        which = ", ".join(names[j] for j in below)
        why = f"the unique variance of {which} falls below zero without end"
    raise ConvergenceError(
        f"the factor model has no solution after {fit.n_iter} steps: {why}. Check the "
        f"keys of the items (audit_keys){_OTHER.get(method, '')}."
    )


def improper(fit: FactorFit, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return notes on Heywood cases and on loadings against the direction."""
    notes: list[str] = []
    variance = (fit.loadings**2).sum(-1) + fit.uniquenesses
    heywood = np.flatnonzero(fit.uniquenesses <= 1e-8 * variance)
    if heywood.size:
        which = ", ".join(names[j] for j in heywood)
        notes.append(f"Heywood case: no positive unique variance of {which}.")
    against = np.flatnonzero(fit.loadings[:, 0] < 0)
    if against.size:
        which = ", ".join(names[j] for j in against)
        notes.append(
            f"Loading of opposite sign: {which}. Check the keys of reversed items."
        )
    return tuple(notes)


def without_delta(
    request: IntervalRequest, problems: tuple[str, ...]
) -> tuple[IntervalRequest, tuple[str, ...]]:
    """Return the request without a delta interval if the solution is improper."""
    if problems and request.ci in ("adf", "normal-theory"):
        note = (
            "No standard error is given for such a solution; ci='bootstrap' resamples "
            "respondents instead."
        )
        return replace(request, ci=None), (note,)
    return request, ()


def wald_spread(estimate: float, se: float, request: IntervalRequest) -> Spread:
    """Return limits estimate -/+ z se on the scale asked for."""
    low, high = wald_limits(estimate, se, request.conf_level, request.scale)
    return Spread(se=se, ci_low=float(low), ci_high=float(high), ci=str(request.ci))


def loading_frame(
    fit: FactorFit, names: tuple[str, ...], factors: tuple[str, ...]
) -> pd.DataFrame:
    """Return standardized loadings, communality and uniqueness of each item."""
    variance = (fit.loadings**2).sum(-1) + fit.uniquenesses
    loadings = fit.loadings / np.sqrt(variance)[:, None]
    columns = {name: loadings[:, j] for j, name in enumerate(factors)}
    return pd.DataFrame(
        {
            "item": list(names),
            **columns,
            "communality": (loadings**2).sum(-1),
            "uniqueness": fit.uniquenesses / variance,
        }
    )
