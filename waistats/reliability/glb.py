"""The greatest lower bound of reliability."""

import numpy as np

from waistats._format import counted
from waistats._typing import FloatArray
from waistats.errors import ConvergenceError, check_option
from waistats.reliability._answers import Accepted, Codes
from waistats.reliability._bootstrap import Seed
from waistats.reliability._delta import (
    DELTA_INTERVALS,
    IntervalRequest,
    Spread,
    delta_spread,
)
from waistats.reliability._glb import largest_uniquenesses
from waistats.reliability._items import ItemsLike
from waistats.reliability._moments import correlation
from waistats.reliability._result import ReliabilityEstimate
from waistats.reliability._sample import require_inverse, varying_sample
from waistats.reliability.omega import through_correlation


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
        se=spread.se,
        ci_low=spread.ci_low,
        ci_high=spread.ci_high,
        conf_level=conf_level,
        ci=spread.ci,
        n=int(sample.moments.n),
        n_items=sample.n_items,
        n_excluded=int(sample.moments.n_excluded),
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
