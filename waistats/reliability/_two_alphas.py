r"""The exact law of two alphas from independent samples, by one integral.

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
        return float(np.log1p(-self.alpha1) - np.log1p(-self.alpha2))


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
