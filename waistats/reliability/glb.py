r"""The greatest lower bound: as much unique variance as a covariance matrix allows.

:math:`\max \sum_j\theta_j` such that :math:`S-\mathrm{diag}(\theta)` stays positive
semidefinite and :math:`\theta\ge 0`. A semidefinite program, solved for many matrices at
once by a primal-dual interior-point method.
"""

from dataclasses import dataclass

import numpy as np

from waistats._format import counted
from waistats._typing import BoolArray, FloatArray
from waistats.errors import ConvergenceError, check_option
from waistats.reliability._answers import Accepted, Codes
from waistats.reliability._delta import (
    DELTA_INTERVALS,
    IntervalRequest,
    Spread,
    delta_spread,
)
from waistats.reliability._items import ItemsLike
from waistats.reliability._moments import correlation
from waistats.reliability._resampling import Seed
from waistats.reliability._result import ReliabilityEstimate
from waistats.reliability._sample import require_inverse, varying_sample
from waistats.reliability.omega import through_correlation

TOLERANCE = 1e-11
MAX_ITERATIONS = 60


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LargestUniquenesses:
    """The solutions for a batch of covariance matrices.

    Attributes
    ----------
    uniquenesses : ndarray of shape (..., m)
        Unique variances with the largest sum.
    dual : ndarray of shape (..., m, m)
        Derivative of that sum by the covariance matrix.
    gap : ndarray of shape (...)
        Bound on how far the sum is from the largest, relative to the trace.
    converged : ndarray of bool of shape (...)
        Whether the gap is within the tolerance.
    n_iter : int
        Iterations of the slowest solution.
    """

    uniquenesses: FloatArray
    dual: FloatArray
    gap: FloatArray
    converged: BoolArray
    n_iter: int


def largest_uniquenesses(
    covariances: FloatArray,
    *,
    tolerance: float = TOLERANCE,
    max_iterations: int = MAX_ITERATIONS,
) -> LargestUniquenesses:
    r"""Return the unique variances with the largest sum.

    Parameters
    ----------
    covariances : ndarray of shape (..., m, m)
        Positive semidefinite matrices whose diagonals are positive.
    tolerance : float
        Gap between the sum and its upper bound, relative to the trace.
    max_iterations : int
        Newton steps.

    Returns
    -------
    LargestUniquenesses
        Solutions; ``converged`` is False for a matrix that is not positive definite.

    Notes
    -----
    The method of Helmberg, Rendl, Vanderbei and Wolkowicz (1996) with a bound of zero
    for each unique variance. With Z = S - diag(theta), a dual X and multipliers t of
    theta >= 0, the conditions are XZ = mu I, theta t = mu and diag(X) - t = 1; a Newton
    step solves one system in m unknowns. The dual is the derivative of the sum by S.
    """
    m = covariances.shape[-1]
    lead = covariances.shape[:-2]
    batch = np.asarray(covariances, dtype=np.float64).reshape(-1, m, m)
    sds = np.sqrt(np.diagonal(batch, axis1=-2, axis2=-1))
    r = batch / (sds[:, :, None] * sds[:, None, :])
    # correlations: weights of the sum carry the items' variances
    weight = sds**2 / (sds**2).mean(axis=-1, keepdims=True)
    theta, x, gap, n_iter = _solve(r, weight, tolerance, max_iterations)
    scale = (sds**2).mean(axis=-1)
    return LargestUniquenesses(
        uniquenesses=(theta * sds**2).reshape(*lead, m),
        dual=(x * scale[:, None, None] / (sds[:, :, None] * sds[:, None, :])).reshape(
            *lead, m, m
        ),
        gap=gap.reshape(lead),
        converged=np.asarray(gap <= 10 * tolerance).reshape(lead),
        n_iter=n_iter,
    )


def _solve(
    r: FloatArray, weight: FloatArray, tolerance: float, max_iterations: int
) -> tuple[FloatArray, FloatArray, FloatArray, int]:
    """Return theta (b, m), X (b, m, m), relative gaps (b,) and iterations."""
    count, m, _ = r.shape
    lowest = np.linalg.eigvalsh(r)[:, 0]
    theta = np.repeat(np.clip(lowest, 1e-14, None)[:, None] * 0.7, m, axis=1)
    slack = weight.copy()
    x = np.zeros_like(r)
    index = np.arange(m)
    x[:, index, index] = weight + slack
    gap = np.full(count, np.inf)
    active = np.flatnonzero(lowest > 1e-13)
    n_iter = 0
    while active.size and n_iter < max_iterations:
        n_iter += 1
        new = _newton(
            r[active], weight[active], theta[active], x[active], slack[active]
        )
        theta[active], x[active], slack[active] = new
        z = r[active].copy()
        z[:, index, index] -= theta[active]
        complement = (x[active] * z).sum((-1, -2)) + (
            slack[active] * theta[active]
        ).sum(-1)
        gap[active] = complement / m
        active = active[gap[active] > tolerance]
    return theta, x, gap, n_iter


def _newton(
    r: FloatArray,
    weight: FloatArray,
    theta: FloatArray,
    x: FloatArray,
    slack: FloatArray,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    m = r.shape[-1]
    index = np.arange(m)
    z = r.copy()
    z[:, index, index] -= theta
    inverse = np.linalg.inv(z)
    total = (x * z).sum((-1, -2)) + (slack * theta).sum(-1)
    mu = (0.1 * total / (2 * m))[:, None]
    system = x * inverse
    system[:, index, index] += slack / theta
    right = weight - mu * np.diagonal(inverse, axis1=-2, axis2=-1) + mu / theta
    step = np.linalg.solve(system, right[..., None])[..., 0]
    dx = mu[..., None] * inverse - x + (x * step[:, None, :]) @ inverse
    dx = (dx + np.swapaxes(dx, -1, -2)) / 2
    dslack = mu / theta - slack - slack * step / theta
    dual = np.minimum(_longest_definite(x, dx), _longest_positive(slack, dslack))
    dz = np.zeros_like(z)
    dz[:, index, index] = -step
    primal = np.minimum(_longest_definite(z, dz), _longest_positive(theta, step))
    return (
        theta + primal[:, None] * step,
        x + dual[:, None, None] * dx,
        slack + dual[:, None] * dslack,
    )


def _longest_definite(at: FloatArray, step: FloatArray) -> FloatArray:
    """Return .95 of the way to where ``at + t step`` is singular, at most 1."""
    values, vectors = np.linalg.eigh(at)
    # near the end rounding takes the smallest eigenvalues below zero
    floor = 1e-16 * values[:, -1:]
    root = vectors / np.sqrt(np.maximum(values, floor))[:, None, :]
    scaled = np.swapaxes(root, -1, -2) @ step @ root
    lowest = np.linalg.eigvalsh((scaled + np.swapaxes(scaled, -1, -2)) / 2)[:, 0]
    found: FloatArray = np.minimum(1.0, 0.95 / np.maximum(-lowest, 1e-12))
    return found


def _longest_positive(at: FloatArray, step: FloatArray) -> FloatArray:
    with np.errstate(divide="ignore", invalid="ignore"):
        limits = np.where(step < 0, -0.95 * at / step, np.inf)
    result: FloatArray = np.minimum(1.0, limits.min(axis=-1))
    return result


def greatest_lower_bound(
    items: ItemsLike,
    *,
    matrix: str = "covariance",
    ci: str | None = "adf",
    conf_level: float = 0.95,
    missing: str = "listwise",
    scale: str = "bonett",
    kind: str = "normal",
    n_resamples: int = 1000,
    seed: Seed = 0,
    missing_codes: Codes = (),
    accept: Accepted = (),
) -> ReliabilityEstimate:
    r"""Return the greatest lower bound of the reliability of the sum of the items.

    Parameters
    ----------
    items : DataFrame or array_like of shape (n, m)
        Keyed responses.
    matrix : {"covariance", "correlation"}
        Bound for the sum of the items, or of the standardized items.
    ci : {"adf", "normal-theory", "jackknife", "bootstrap"}
        The interval, of the bound in the population; None for none.
    conf_level : float
        Confidence level.
    missing : {"listwise", "pairwise", "em"}
        Treatment of missing answers.
    scale : {"bonett", "raw"}
        Where the interval is symmetric: on -ln(1 - bound), or on the bound itself.
    kind : {"normal", "percentile", "bca"}
        Bootstrap interval.
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
    ReliabilityEstimate
        The bound with its interval.

    Raises
    ------
    DataError
        If fewer than two items vary, or the covariance matrix is not positive definite,
        as with no more respondents than items: the bound would be near 1 whatever the
        items are.

    Notes
    -----
    .. math:: \mathrm{glb} = 1 - \frac{\max\sum_j\theta_j}{1'S1}
        \quad\text{such that}\quad S-\mathrm{diag}(\theta)\succeq 0,\ \theta\ge 0

    (Jackson & Agunwamba, 1977): the lowest reliability that uncorrelated errors allow.
    The semidefinite program is solved by an interior-point method; psych's
    ``glb.algebraic`` gives the same numbers (to about eight digits).

    *The bound of a sample is too high* (Ten Berge & Socan, 2004): in SIMULATED normal
    data with 12 parallel items, alpha .86, it is on average .05 too high at n = 100, .025
    at n = 500 and .012 at n = 2,000. Below about 1,000 respondents prefer omega or alpha.

    References
    ----------
    Jackson, P. H., & Agunwamba, C. C. (1977). Psychometrika, 42, 567-578. Ten Berge,
    J. M. F., & Socan, G. (2004). Psychometrika, 69, 613-625.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(1)
    >>> answers = rng.normal(size=(500, 1)) + rng.normal(size=(500, 5))
    >>> result = greatest_lower_bound(answers)
    >>> round(result.estimate, 3), round(result.se, 3)
    (0.831, 0.014)
    """
    matrix = check_option("matrix", matrix, ("covariance", "correlation"))
    request = IntervalRequest(
        ci=ci,
        conf_level=conf_level,
        scale=scale,
        kind=kind,
        n_resamples=n_resamples,
        seed=seed,
    )
    request.check(DELTA_INTERVALS)
    sample = varying_sample(items, missing, missing_codes=missing_codes, accept=accept)
    s = sample.moments.covariance
    require_inverse(sample, "cronbach_alpha or guttman_lambdas")
    used = correlation(s) if matrix == "correlation" else s
    solution = largest_uniquenesses(used)
    if not solution.converged:
        raise ConvergenceError(
            "the greatest lower bound did not converge in "
            f"{counted(solution.n_iter, 'iteration')}; the items are nearly linearly "
            "dependent."
        )
    total, unique = used.sum(), float(solution.uniquenesses.sum())
    spread = Spread()
    if request.ci not in (None, "none"):
        gradient = unique / total**2 - solution.dual / total
        if matrix == "correlation":
            gradient = through_correlation(s, gradient)

        def many(covariances: FloatArray) -> FloatArray:
            return bounds_of(
                correlation(covariances) if matrix == "correlation" else covariances
            )

        spread = delta_spread(sample, 1 - unique / total, gradient, many, request)
    return ReliabilityEstimate(
        coefficient="glb",
        estimate=float(1 - unique / total),
        **spread.limits(conf_level),
        **sample.counts,
        method=f"Greatest lower bound, {matrix} matrix.",
        notes=sample.notes + _bias_note(int(sample.moments.n)) + spread.notes,
    )


def bounds_of(covariances: FloatArray) -> FloatArray:
    """Return the greatest lower bound (...) of covariances (..., m, m).

    NaN where a matrix is not positive definite.
    """
    variances = np.diagonal(covariances, axis1=-2, axis2=-1)
    varies = (variances > 1e-12 * variances.max(axis=-1, keepdims=True)).all(axis=-1)
    usable = covariances[varies]
    bounds = np.full(covariances.shape[:-2], np.nan)
    if len(usable):
        found = largest_uniquenesses(usable, tolerance=1e-9)
        bound = 1 - found.uniquenesses.sum(axis=-1) / usable.sum(axis=(-2, -1))
        bounds[varies] = np.where(found.converged, bound, np.nan)
    return bounds


def _bias_note(n: int) -> tuple[str, ...]:
    if n >= 1000:
        return ()
    return (
        f"The greatest lower bound of a sample is biased upward; with n = {n} prefer omega "
        "or alpha (fewer than about 1,000 respondents).",
    )
