"""The laws of two alphas: of independent samples, exactly, and of the same people.

With population alphas A and sample alphas a of normal parallel items,
(1 - A)/(1 - a) follows F with n - 1 and (n - 1)(m - 1) degrees of freedom (Feldt, 1965).
A ratio or difference of two such quantities is one integral over one of the two laws.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import special
from scipy.optimize import brentq

from waistats._typing import FloatArray
from waistats.errors import ConvergenceError
from waistats.measures import transform

# nodes of the integral: 400 leave nothing to be seen at 1e-12
_NODES = 400
# the logistic substitution reaches tails of e**-60
_REACH = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoAlphas:
    """Two sample alphas with their sizes.

    Attributes
    ----------
    alpha1, alpha2 : float
        Sample alphas, below 1.
    n1, n2 : int
        Respondents, at least 2.
    m1, m2 : int
        Items, at least 2.
    """

    alpha1: float
    n1: int
    m1: int
    alpha2: float
    n2: int
    m2: int

    @property
    def log_ratio(self) -> float:
        """Logarithm of (1 - alpha1) / (1 - alpha2)."""
        return float(transform(self.alpha2) - transform(self.alpha1))


def p_value(alphas: TwoAlphas) -> float:
    r"""Return the two-sided p value of equal population alphas.

    Notes
    -----
    Under equality :math:`W=(1-a_1)/(1-a_2)` is distributed as :math:`F_1/F_2` with
    independent :math:`F_i\sim F((n_i-1)(m_i-1), n_i-1)` (Feldt, 1969);
    :math:`P=\int_0^1 S_{F_1}(W\,Q_{F_2}(u))\,du` and p = 2 min(P, 1 - P), which does
    not depend on the order of the samples.
    """
    above, below = ratio_tails(alphas, alphas.log_ratio)
    return float(min(1.0, 2 * min(above, below)))


def ratio_tails(alphas: TwoAlphas, log_ratio: float) -> tuple[float, float]:
    """Return P(log F1/F2 > log_ratio) and P(log F1/F2 <= log_ratio), both accurately."""
    top1, low1 = _df(alphas.n1, alphas.m1)
    weights, quantiles = _law(alphas.n2, alphas.m2)
    with np.errstate(over="ignore", under="ignore"):
        at = np.exp(log_ratio + quantiles)
        above = weights @ special.fdtrc(top1, low1, at)
        below = weights @ special.fdtr(top1, low1, at)
    return float(above), float(below)


def ratio_limits(alphas: TwoAlphas, conf_level: float) -> tuple[float, float]:
    """Return limits of (1 - A1) / (1 - A2), population alphas A."""
    tail = (1 - conf_level) / 2
    low, high = (_ratio_quantile(alphas, tail, upper=u) for u in (False, True))
    ratio = alphas.log_ratio
    return float(np.exp(ratio - high)), float(np.exp(ratio - low))


def difference_limits(alphas: TwoAlphas, conf_level: float) -> tuple[float, float]:
    r"""Return limits of A1 - A2, population alphas A.

    Notes
    -----
    No pivot holds the difference alone. These are the quantiles of
    :math:`(1-a_2)G_2-(1-a_1)G_1`, :math:`G_i\sim F(n_i-1,(n_i-1)(m_i-1))`: a
    generalized confidence interval (Weerahandi, 1993). It leaves out 0 exactly where
    the exact test rejects.
    """
    tail = (1 - conf_level) / 2
    # the integrand has a kink where the needed G1 is 0
    weights, log_g2 = _law(alphas.n2, alphas.m2, inverse=True, nodes=4 * _NODES)
    part2 = (1 - alphas.alpha2) * np.exp(log_g2)
    rest1 = 1 - alphas.alpha1
    low1, top1 = alphas.n1 - 1.0, (alphas.n1 - 1.0) * (alphas.m1 - 1)

    def below(x: float) -> float:
        # (1 - a1) G1 >= part2 - x
        needed = np.maximum((part2 - x) / rest1, 0.0)
        return float(weights @ special.fdtrc(low1, top1, needed))

    def above(x: float) -> float:
        needed = np.maximum((part2 - x) / rest1, 0.0)
        return float(weights @ special.fdtr(low1, top1, needed))

    start = alphas.alpha1 - alphas.alpha2
    width = rest1 + (1 - alphas.alpha2)
    low = _root(lambda x: below(x) - tail, start, width)
    high = _root(lambda x: tail - above(x), start, width)
    return low, high


def _df(n: int, m: int) -> tuple[float, float]:
    return (n - 1.0) * (m - 1), n - 1.0


@lru_cache(maxsize=64)
def _law(
    n: int, m: int, *, inverse: bool = False, nodes: int = _NODES
) -> tuple[FloatArray, FloatArray]:
    """Return weights and log quantiles of F((n-1)(m-1), n-1), or of its inverse.

    The substitution u = 1/(1 + exp(-z)) takes the integral to the whole line, where the
    trapezoid rule converges faster than any power; tails keep their relative accuracy.
    """
    z = np.linspace(-_REACH, _REACH, nodes)
    u, rest = special.expit(z), special.expit(-z)
    weights = u * rest
    weights /= weights.sum()
    top, low = _df(n, m)
    # each tail from its own small probability
    lower = special.betaincinv(top / 2, low / 2, np.minimum(u, 0.5))
    upper = special.betaincinv(low / 2, top / 2, np.minimum(rest, 0.5))
    with np.errstate(divide="ignore"):
        from_below = np.log(lower) - np.log1p(-lower)
        from_above = np.log1p(-upper) - np.log(upper)
    beta_logit = np.where(u <= 0.5, from_below, from_above)
    logs = beta_logit + np.log(low / top)
    logs = -logs if inverse else logs
    for shared in (weights, logs):
        shared.setflags(write=False)
    return weights, logs


def _ratio_quantile(alphas: TwoAlphas, tail: float, *, upper: bool) -> float:
    side = 0 if upper else 1

    def excess(x: float) -> float:
        return float(np.log(ratio_tails(alphas, x)[side] / tail))

    return _root((lambda x: -excess(x)) if upper else excess, 0.0, 1.0)


def _root(function: Callable[[float], float], start: float, width: float) -> float:
    """Return the zero of an increasing function, bracketed by doubling."""
    low = high = start
    for _ in range(60):
        if function(low) < 0:
            break
        low -= width
        width *= 2
    for _ in range(60):
        if function(high) > 0:
            break
        high += width
        width *= 2
    if not function(low) <= 0 <= function(high):
        raise ConvergenceError(
            "the limits of the comparison could not be bracketed; the samples are too "
            "small for this confidence level."
        )
    return float(brentq(function, low, high, xtol=1e-13, rtol=1e-13))


# nodes of the integral on either side of zero
_PAIRED_NODES = 200
_PAIRED_REACH = 30.0


def paired_difference_limits(
    transformed: tuple[float, float],
    covariance: FloatArray,
    df: float,
    conf_level: float,
) -> tuple[float, float]:
    r"""Return limits of A1 - A2 from correlated -ln(1 - a).

    Parameters
    ----------
    transformed : tuple of float
        :math:`L_i=-\ln(1-a_i)`.
    covariance : ndarray of shape (2, 2)
        Their sampling covariance.
    df : float
        Degrees of freedom of t.
    conf_level : float
        Confidence level.

    Notes
    -----
    With :math:`D=L_1-L_2` and :math:`S=L_1+L_2` the difference is
    :math:`2e^{-S/2}\sinh(D/2)`. The limits are the quantiles of this function of D, t about
    its estimate, and of S given D, t about its regression on D. The difference is positive
    where D is, so the interval leaves out 0 exactly where the t test of D rejects.
    """
    one, two = transformed
    first, second, shared = covariance[0, 0], covariance[1, 1], covariance[0, 1]
    centre = one - two
    variance = first + second - 2 * shared
    spread = float(np.sqrt(variance))
    slope = (first - second) / variance
    # of S given D
    rest = first + second + 2 * shared - (first - second) ** 2 / variance
    residual = float(np.sqrt(max(rest, 1e-300)))
    weights, steps = _halves(float(special.stdtr(df, -centre / spread)), df)
    # the node that belongs to zero must not cross it by rounding
    side = np.repeat([-1.0, 1.0], _PAIRED_NODES)
    at = np.maximum(side * (centre + spread * steps), 1e-300)
    middle = one + two + slope * (side * at - centre)
    with np.errstate(over="ignore"):
        log_size = at / 2 + np.log(-np.expm1(-at))

    def below(x: float) -> float:
        """P(difference <= x)."""
        reached = (
            np.where(side < 0, 1.0, 0.0) if x >= 0 else np.zeros(2 * _PAIRED_NODES)
        )
        if x != 0:
            same = side > 0 if x > 0 else side < 0
            needed = 2 * (log_size[same] - np.log(abs(x)))
            # a larger sum shrinks the difference towards zero
            t = np.clip((needed - middle[same]) / residual, -1e8, 1e8)
            reached[same] = special.stdtr(df, -t if x > 0 else t)
        return float(weights @ reached)

    tail = (1 - conf_level) / 2
    start = float(np.exp(-two) - np.exp(-one))
    width = float(np.exp(-two) + np.exp(-one))
    ends = []
    for p in (tail, 1 - tail):
        low, high, step = start, start, width
        while below(low) > p:
            low, step = low - step, 2 * step
        step = width
        while below(high) < p:
            high, step = high + step, 2 * step
        ends.append(float(brentq(lambda x, p=p: below(x) - p, low, high, xtol=1e-13)))
    return ends[0], ends[1]


def _halves(negative: float, df: float) -> tuple[FloatArray, FloatArray]:
    """Return weights and t quantiles that part the law of D at zero."""
    z = np.linspace(-_PAIRED_REACH, _PAIRED_REACH, _PAIRED_NODES)
    u, rest = special.expit(z), special.expit(-z)
    weight = u * rest / (u * rest).sum()
    positive = 1 - negative
    # each tail from its own small probability
    left = special.stdtrit(df, negative * u)
    right = -special.stdtrit(df, positive * rest)
    return (
        np.concatenate([negative * weight, positive * weight]),
        np.concatenate([left, right]),
    )
