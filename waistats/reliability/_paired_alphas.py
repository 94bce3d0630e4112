"""The interval of the difference of two alphas of the same people."""

import numpy as np
from scipy import special
from scipy.optimize import brentq

from waistats._typing import FloatArray

# nodes of the integral on either side of zero
_NODES = 200
_REACH = 30.0


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
    side = np.repeat([-1.0, 1.0], _NODES)
    at = np.maximum(side * (centre + spread * steps), 1e-300)
    middle = one + two + slope * (side * at - centre)
    with np.errstate(over="ignore"):
        log_size = at / 2 + np.log(-np.expm1(-at))

    def below(x: float) -> float:
        """P(difference <= x)."""
        reached = np.where(side < 0, 1.0, 0.0) if x >= 0 else np.zeros(2 * _NODES)
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
    z = np.linspace(-_REACH, _REACH, _NODES)
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
