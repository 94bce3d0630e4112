"""Omega total: reliability of the sum of items that share one factor.

The forms of omega total: how it is fitted, and its value and derivative.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from waistats._caller import option
from waistats._format import coefficient, counted
from waistats._typing import FloatArray
from waistats.errors import ConvergenceError, DataError, check_option
from waistats.provenance import marked, noted
from waistats.reliability._answers import Accepted, Codes
from waistats.reliability._delta import (
    DELTA_INTERVALS,
    IntervalRequest,
    Spread,
    delta_spread,
)
from waistats.reliability._factor import (
    FactorFit,
    check_common,
    check_positive_definite,
    fit_minres,
    fit_ml,
    minres_gradient,
    ml_gradient,
)
from waistats.reliability._intervals import normal_theory_se, wald_limits
from waistats.reliability._items import ItemsLike
from waistats.reliability._moments import correlation
from waistats.reliability._resampling import Seed
from waistats.reliability._result import ReliabilityEstimate
from waistats.reliability._sample import (
    refuse_impossible,
    require_inverse,
    varying_sample,
)

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
            values: FloatArray = common / (common + fit.uniquenesses.sum(-1))
            return values
        matrix = correlation(s) if self.matrix == "correlation" else s
        found: FloatArray = common / matrix.sum((-2, -1))
        return found

    def fit_checked(
        self, s: FloatArray, names: tuple[str, ...] | None = None
    ) -> FactorFit:
        """Return the fit of one matrix, or raise where there is none."""
        if self.method == "ml":
            check_positive_definite(s)
        fit = self.fit(s)
        labels = names or tuple(str(j + 1) for j in range(len(s)))
        check_converged(fit, self.method, labels)
        check_common(fit)
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
    values: FloatArray = (off - np.diag((off * r).sum(axis=1))) / np.outer(sd, sd)
    return values


def check_converged(fit: FactorFit, method: str, names: tuple[str, ...]) -> None:
    """Raise a ConvergenceError unless the fit converged."""
    if fit.converged:
        return
    below = np.flatnonzero(fit.uniquenesses < 0)
    why = "these items do not follow it, or there are too few respondents"
    if below.size:
        which = ", ".join(names[j] for j in below)
        why = f"the unique variance of {which} decreases below zero without limit"
    raise ConvergenceError(
        f"the factor model has no solution after {counted(fit.n_iter, 'step')}: {why}. "
        f"Check the keys of the items (audit_keys){_OTHER.get(method, '')}."
    )


def improper(fit: FactorFit, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return a note on Heywood cases, which have no delta standard error."""
    variance = (fit.loadings**2).sum(-1) + fit.uniquenesses
    heywood = np.flatnonzero(fit.uniquenesses <= 1e-8 * variance)
    if not heywood.size:
        return ()
    which = ", ".join(names[j] for j in heywood)
    return (f"Heywood case: no positive unique variance of {which}.",)


def opposite(loadings: FloatArray, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return a note on loadings (m,) against the direction of the factor."""
    against = np.flatnonzero(loadings < 0)
    if not against.size:
        return ()
    which = ", ".join(names[j] for j in against)
    return (f"Loading of opposite sign: {which}. Check the keys of reversed items.",)


def uncorrelated(r: FloatArray, n: int) -> tuple[str, ...]:
    """Return a note where correlations (m, m) of n people can be chance alone.

    Bartlett's test of sphericity at .05.
    """
    m = len(r)
    sign, logdet = np.linalg.slogdet(r)
    statistic = -(n - 1 - (2 * m + 5) / 6) * logdet
    if sign <= 0 or n <= m or special.chdtrc(m * (m - 1) / 2, statistic) < 0.05:
        return ()
    return (
        "The items' correlations can be chance alone (Bartlett's test of sphericity, "
        "p > .05), so the factor and its omega are unreliable.",
    )


def without_delta(
    request: IntervalRequest, problems: tuple[str, ...]
) -> tuple[IntervalRequest, tuple[str, ...]]:
    """Return the request without a delta interval if the solution is improper."""
    if problems and request.ci in ("adf", "normal-theory"):
        note = (
            f"No standard error is given for such a solution; {option('ci', 'bootstrap')} "
            "resamples respondents instead."
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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class FactorReliability(ReliabilityEstimate):
    """A reliability from a factor model, with the model's loadings.

    Attributes
    ----------
    loadings : DataFrame
        One row per item: ``item``, a column of standardized loadings for each factor,
        ``communality`` and ``uniqueness`` (shares of the item's variance).
    """

    loadings: pd.DataFrame


def omega_total(
    items: ItemsLike,
    *,
    method: str = "ml",
    matrix: str = "covariance",
    denominator: str = "model",
    ci: str | None = "adf",
    conf_level: float = 0.95,
    missing: str = "listwise",
    scale: str = "bonett",
    kind: str = "normal",
    n_resamples: int = 2000,
    seed: Seed = 0,
    missing_codes: Codes = (),
    accept: Accepted = (),
) -> FactorReliability:
    r"""Return omega total of items that measure one factor.

    Parameters
    ----------
    items : DataFrame or array_like of shape (n, m)
        Keyed responses to at least three items.
    method : {"ml", "minres"}
        Normal maximum likelihood, or least squares on the off-diagonal correlations.
    matrix : {"covariance", "correlation"}
        Reliability of the sum of the items, or of the sum of standardized items.
    denominator : {"model", "observed"}
        Variance of the sum as the model implies it, or as it is in the sample.
    ci : {"adf", "normal-theory", "jackknife", "bootstrap"}
        The interval; None for none. ``"adf"`` is robust: it needs no normal answers.
    conf_level : float
        Confidence level.
    missing : {"listwise", "pairwise", "em"}
        Treatment of missing answers.
    scale : {"bonett", "raw"}
        Where the interval is symmetric: on -ln(1 - estimate), or on its own scale.
    kind : {"normal", "percentile", "bca"}
        Bootstrap interval: normal on -ln(1 - omega), quantiles, or BCa.
    n_resamples : int
        Bootstrap samples.
    seed : int, Generator or None
        Makes the bootstrap reproducible.
    missing_codes : float or sequence of float
        Numbers that mean a missing answer, such as ``(99, -9)``.
    accept : str or sequence of str
        Findings to accept: ``"missing_codes"`` treats common codes as valid answers.

    Returns
    -------
    FactorReliability
        Estimate, standard error, interval and standardized loadings.

    Raises
    ------
    DataError
        If fewer than three items vary or correlate, or the covariance matrix allows no
        maximum likelihood fit (no more respondents than items, copies).
    ConvergenceError
        If no one-factor solution is found.

    Notes
    -----
    .. math:: \omega = \frac{(\sum\lambda_j)^2}{(\sum\lambda_j)^2 + \sum\theta_j}

    This is the omega of McDonald (1999) for a unidimensional scale. It equals lavaan's
    and semTools' one-factor omega and MBESS's ``ci.reliability(type = "omega")``, up to
    MBESS's n - 1 in the standard error. psych's ``omega(nfactors = 1)`` is ``"minres",
    matrix="correlation", denominator="observed"``; psych's ``omega.tot`` with more
    factors counts the group factors as reliable too (see :func:`omega_hierarchical`).

    The default standard error is the delta method on the robust (sandwich) covariance
    of the parameters, as lavaan's ``se = "robust.sem"``; limits are made on
    -ln(1 - omega). Below about 100 respondents, or with many answers at the ceiling, the
    bootstrap (Kelley & Pornprasertmanit, 2016) and the jackknife are nearer their level:
    in SIMULATED answers of six items with a strong ceiling ``"adf"`` covers .90 and .93
    at n = 30 and 60, ``"jackknife"`` .97 and .95. Where a unique
    variance is not positive (a Heywood case) or a loading has the opposite sign, a note
    says so and no delta standard error is given.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(1)
    >>> answers = rng.normal(size=(200, 1)) + rng.normal(size=(200, 4))
    >>> result = omega_total(answers)
    >>> round(result.estimate, 3), round(result.se, 3)
    (0.778, 0.025)
    """
    method = check_option("method", method, METHODS)
    matrix = check_option("matrix", matrix, MATRICES)
    denominator = check_option("denominator", denominator, DENOMINATORS)
    request = IntervalRequest(
        ci=ci,
        conf_level=conf_level,
        scale=scale,
        kind=kind,
        n_resamples=n_resamples,
        seed=seed,
    )
    request.check(DELTA_INTERVALS)
    sample = varying_sample(
        items, missing, at_least_items=3, missing_codes=missing_codes, accept=accept
    )
    if method == "ml":
        require_inverse(sample, f"{option('method', 'minres')} or cronbach_alpha")
    form = OmegaForm(method=method, matrix=matrix, denominator=denominator)
    n = int(sample.moments.n)
    # maximum likelihood divides by n, and so do lavaan's standard errors
    s = sample.moments.covariance * ((n - 1) / n)
    fit = form.fit_checked(s, sample.names)
    estimate = float(form.value(s, fit))
    refuse_impossible(sample, estimate, "omega")
    if not estimate <= 1 + 1e-9:
        raise DataError(
            f"omega would be {coefficient(estimate)}: the unique variances are negative "
            "together, so the items do not follow one factor. Check the keys of the "
            "items (audit_keys)."
        )
    problems = improper(fit, sample.names)
    request, refusal = without_delta(request, problems)
    problems += opposite(fit.loadings[:, 0], sample.names)
    problems += uncorrelated(correlation(s), n)
    spread = Spread()
    if request.ci not in (None, "none"):
        gradient = form.gradient(s, fit)
        if request.ci == "normal-theory" and sample.likelihood is None:
            implied = fit.implied() if denominator == "model" else s
            se = float(normal_theory_se(implied, gradient, n))
            spread = wald_spread(estimate, se, request)
        else:
            scaled = gradient * np.sqrt((n - 1) / n)
            spread = delta_spread(sample, estimate, scaled, form.many, request)
    return FactorReliability(
        coefficient="omega_total",
        estimate=estimate,
        **spread.limits(conf_level),
        **sample.counts,
        method=form.describe(),
        notes=sample.notes + problems + refusal + spread.notes,
        loadings=marked(
            loading_frame(fit, sample.names, ("loading",)), noted(sample.notes)
        ),
    )
