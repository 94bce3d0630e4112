r"""The score of a heterogeneity variance: its parts, a step to its zero, its bounds.

Let K be an orthonormal basis of what the design leaves, :math:`K'X=0`. With
:math:`M=V+\tau^2I`, :math:`P=K(K'VK+\tau^2I)^{-1}K'`: its eigenvectors do not depend on
:math:`\tau^2`. With :math:`a_i>0` the eigenvalues of :math:`K'VK` and :math:`z_i` the
coordinates of the effects,

.. math::

   q_j = y'P^jy = \sum_i \frac{z_i^2}{(a_i+\tau^2)^j}, \qquad
   t_j = \operatorname{tr}P^j = \sum_i \frac{1}{(a_i+\tau^2)^j},

and twice the score of REML is :math:`g=q_2-t_1`. That of ML has
:math:`t_j=\sum w_i^j` instead, a sum of the same kind. Four facts follow.

(1) :math:`q_2^{-1/2}` and :math:`t_1^{-1}` rise and are concave: they are power means of
:math:`a_i+\tau^2`. Their tangents lie above them, their chords below. Both are straight
lines for equal sampling variances.

(2) Where :math:`q_1<2t_1^2/t_2` a zero of g is a fall: :math:`g'=t_2-2q_3` and, by
Cauchy and Schwarz, :math:`q_3\ge q_2^2/q_1=t_1^2/q_1`. As :math:`\tau^2` grows,
:math:`q_1` falls and :math:`t_1^2/t_2` rises, so that all zeros beyond are falls, and two
falls have a rise between them: at most one zero lies beyond.

(3) If :math:`q_2>t_1(l)\,(1-(s-l)\,q_3/q_2)^2` and :math:`q_2>t_1`, with :math:`t_1(l)` at
l and the rest at s > l, then g > 0 on [l, s]: there the tangent of :math:`q_2^{-1/2}` at s,
squared, lies below the chord of :math:`1/t_1`, since it does so at both ends and a convex
parabola is below a line wherever its ends are.

(4) If :math:`q_2<t_1` at s and at r > s, and the chord of :math:`q_2^{-1/2}` from s to
r, squared, lies above the tangent of :math:`1/t_1` at s between them, then g < 0 there.

(5) If :math:`2q_3/q_2` at s exceeds :math:`t_2/t_1` at l < s, all zeros between them are
falls: both ratios, means of :math:`1/(a_i+\tau^2)`, fall as :math:`\tau^2` grows, and a
zero is a fall where :math:`2q_3/q_2>t_2/t_1`.

So a likelihood has one maximum if (2) holds at 0, or if it holds at a point up to which
zeros are absent or falls by (3) to (5).
"""

import math
from dataclasses import dataclass, field
from threading import local
from typing import TypeVar

import numpy as np

from waistats._typing import BoolArray, FloatArray, IntArray
from waistats.meta._linalg import (
    Weighted,
    cross,
    dot,
    is_mean,
    product,
    project,
    solve,
    trace,
    trace_P,
    weighted_fit,
)

# what (2) and (3) must hold by, so that a zero that is known to a millionth is enough
MARGIN, FALLS = 0.01, 1.9
# doubles that a thread keeps
LARGEST = 200_000
# a Newton step of this part of v + tau2 ends a search: the next one would be its square
CLOSE = 3e-7

T = TypeVar("T", float, FloatArray)

# memory of the last powers of weights: to ask for it anew costs more than to fill it
_SCRATCH = local()


def _scratch(name: str, shape: tuple[int, ...]) -> FloatArray:
    """Return memory that the next call in this thread writes over."""
    size = math.prod(shape)
    known: FloatArray | None = getattr(_SCRATCH, name, None)
    if size > LARGEST:
        return np.empty(shape)
    if known is None or known.size < size:
        known = np.empty(size)
        setattr(_SCRATCH, name, known)
    return known[:size].reshape(shape)


def centred_mean(y: FloatArray, v: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the means at tau2 = 0 (1, B), and v, residuals, their squares (3, k, B).

    The second is in memory that the next call in this thread writes over.
    """
    stacked = _scratch("data", (3, *y.shape))
    variances, r, w = stacked
    variances[:], r[:] = v, y
    np.reciprocal(variances, out=w)
    b = (np.einsum("kb,kb->b", w, r) / np.add.reduce(w))[None]
    r -= b
    if not np.isfinite(b).all():
        r[~np.isfinite(r)] = 0.0
    np.multiply(r, r, out=w)
    return b, stacked


def mean_parts(
    sums: tuple[tuple[T, T, T], tuple[T, T, T], tuple[T, T, T]], *, restricted: bool
) -> tuple[T, T, T, T, T]:
    """Return q1, q2, q3, t1 and t2 of one mean.

    ``sums[j - 1]`` is the sums of w^j, w^j y and w^j y^2. The effects must be residuals
    of the fit at tau2 = 0: then no more than a factor k is lost to cancellation.
    """
    (s1, a1, c1), (s2, a2, c2), (s3, a3, c3) = sums
    m = a1 / s1
    lean = a2 - m * s2
    q1 = c1 - m * a1
    q2 = c2 - m * (2 * a2 - m * s2)
    q3 = c3 - m * (2 * a3 - m * s3) - lean * lean / s1
    if not restricted:
        return q1, q2, q3, s1, s2
    r = s2 / s1
    return q1, q2, q3, s1 - r, s2 + r * r - 2 * s3 / s1


def parabola(q2: T, q3: T, t1: T, t2: T) -> tuple[T, T, T, T]:
    """Return a, b, c and b^2 - 4ac of the step x, where a x^2 + b x + c = 0.

    The tangents of q2^(-1/2), squared, and of 1/t1 meet there. For equal sampling
    variances that is the zero; else near it a Newton step.
    """
    slope = q3 / q2
    a = t1 * slope * slope
    b = 2 * t1 * slope - q2 * t2 / t1
    c = t1 - q2
    return a, b, c, b * b - 4 * a * c


def falls_beyond(q1: T, t1: T, t2: T) -> T:
    """Return a number above 0 where all zeros from here on are falls, by (2)."""
    return FALLS * t1 * t1 - q1 * t2


def rise_before(width: T, t1_low: T, q2: T, q3: T) -> T:
    """Return the room that (3) leaves at its lower end, as a part of 1 / t1 there."""
    bend = 1 - width * q3 / q2
    return 1 - bend * bend * t1_low / q2


@dataclass(slots=True)
class Parts:
    """What the score consists of at one tau2 of each data set, (B,) each.

    Attributes
    ----------
    q1, q2, q3 : (B,)
        y'Py, y'PPy and y'PPPy.
    t1, t2 : (B,)
        Traces of P and PP; for ML the sums of w and of its squares.
    scale : (B,)
        Harmonic mean of v + tau2.
    sums : (3, 3, B) or None
        Of one mean: by powers of the weights, the sums of w, wy and wy^2.
    """

    q1: FloatArray
    q2: FloatArray
    q3: FloatArray
    t1: FloatArray
    t2: FloatArray
    scale: FloatArray
    sums: FloatArray | None = None

    def only(self, index: IntArray) -> "Parts":
        """Return those of some data sets."""
        return Parts(
            q1=self.q1[index],
            q2=self.q2[index],
            q3=self.q3[index],
            t1=self.t1[index],
            t2=self.t2[index],
            scale=self.scale[index],
            sums=None if self.sums is None else self.sums[..., index],
        )


@dataclass(slots=True)
class Score:
    """Data sets whose heterogeneity variance is sought, and what it must fulfil.

    Attributes
    ----------
    y, v, X
        As in `estimate_tau2`; y are residuals of the fit at tau2 = 0.
    k : (B,)
        Studies used.
    target : (B,) or None
        What y'Py must be; None for the zero of a score.
    restricted : bool
        Whether the likelihood is REML's.
    """

    y: FloatArray
    v: FloatArray
    X: FloatArray
    k: FloatArray
    restricted: bool
    target: FloatArray | None = None
    is_mean: bool = field(init=False)
    fit: Weighted | None = None
    stacked: FloatArray | None = None

    def __post_init__(self) -> None:
        self.is_mean = is_mean(self.X)

    @property
    def df(self) -> FloatArray:
        """Studies less coefficients, (B,)."""
        values: FloatArray = self.k - self.X.shape[1]
        return values

    def only(self, index: IntArray) -> "Score":
        """Return those of some data sets; all of them without a copy."""
        if len(index) == self.y.shape[1]:
            return self
        target = None if self.target is None else self.target[index]
        X = self.X if self.X.ndim == 2 else self.X.take(index, axis=-1)
        stacked = None
        if self.stacked is not None:
            stacked = self.stacked.take(index, axis=2)
            v, y = stacked[0], stacked[1]
        else:
            y, v = self.y.take(index, axis=1), self.v.take(index, axis=1)
        return Score(
            y=y,
            v=v,
            X=X,
            k=self.k[index],
            target=target,
            restricted=self.restricted,
            stacked=stacked,
        )

    def trace_P(self, at: Parts) -> FloatArray:
        """Return tr P at tau2 = 0, (B,)."""
        if self.restricted:
            return at.t1
        if at.sums is not None:
            values: FloatArray = at.sums[0, 0] - at.sums[1, 0] / at.sums[0, 0]
            return values
        fit = weighted_fit(self.y, self.v, self.X, np.zeros(len(self.k)))
        return trace_P(self.X, fit, fit.w**2)

    def rises(self, at: Parts) -> BoolArray:
        """Return whether tau2 must be larger, by the sign of the score."""
        return at.q2 > at.t1 if self.target is None else at.q1 > self.target

    def step(self, at: Parts) -> FloatArray:
        """Return the step to the zero that the tangents foretell; NaN for none."""
        if self.target is not None:
            # 1 / y'Py is concave: its Newton steps arrive from below
            return (at.q1 / self.target - 1) * at.q1 / at.q2
        _, b, c, inside = parabola(at.q2, at.q3, at.t1, at.t2)
        x = -2 * c / (b + np.sqrt(inside))
        return np.where((b <= 0) & (c > 0), np.nan, x)

    def at(self, tau2: FloatArray) -> Parts:
        """Return the parts of the score at each data set's tau2, (B,)."""
        return self._of_mean(tau2) if self.is_mean else self._of_design(tau2)

    def level(self, tau2: FloatArray) -> FloatArray:
        """Return the sums of w, wy and wy^2 of one mean, (3, B)."""
        stacked = self._stack()
        w = _scratch("powers", self.y.shape)
        np.reciprocal(np.add(stacked[0], tau2, out=w), out=w)
        sums = np.empty((3, len(tau2)))
        np.matmul(np.ones(len(w)), w, out=sums[0])
        np.einsum("kb,ikb->ib", w, stacked[1:], out=sums[1:])
        return sums

    def _stack(self) -> FloatArray:
        """Return v, y and the squares of y, (3, k, B)."""
        if self.stacked is None:
            self.stacked = np.stack([self.v, self.y, self.y * self.y])
        return self.stacked

    def _of_mean(self, tau2: FloatArray) -> Parts:
        stacked, shape = self._stack(), (3, *self.y.shape)
        powers = _scratch("powers", shape)
        w, w2, w3 = powers
        np.add(stacked[0], tau2, out=w)
        np.reciprocal(w, out=w)
        np.multiply(w, w, out=w2)
        np.multiply(w, w2, out=w3)
        sums = np.empty((3, 3, len(tau2)))
        np.matmul(np.ones(shape[1]), powers, out=sums[:, 0])
        np.einsum("jkb,ikb->jib", powers, stacked[1:], out=sums[:, 1:])
        one, two, three = ((row[0], row[1], row[2]) for row in sums)
        parts = mean_parts((one, two, three), restricted=self.restricted)
        found = Parts(*parts, scale=self.k / sums[0, 0], sums=sums)
        if self.restricted:
            _not_below(found, self.df)
        return found

    def _of_design(self, tau2: FloatArray) -> Parts:
        self.fit = fit = weighted_fit(self.y, self.v, self.X, tau2, into=self.fit)
        q1, q2 = fit.rss, dot(fit.u, fit.u)
        wu = np.multiply(fit.w, fit.u, out=fit.r)
        q3 = dot(wu, fit.u)
        lean = project(self.X, wu)
        q3 -= (lean * solve(fit.C, lean)).sum(0)
        w2 = np.multiply(fit.w, fit.w, out=fit.r)
        t1, t2 = fit.w.sum(0), w2.sum(0)
        scale = self.k / t1
        if self.restricted:
            CA2 = product(fit.C, cross(self.X, w2))
            w2 *= fit.w
            t1 = t1 - np.einsum("ppb->b", CA2)
            t2 += trace(CA2, CA2) - 2 * trace(fit.C, cross(self.X, w2))
        found = Parts(q1, q2, q3, t1, t2, scale)
        if self.restricted:
            _not_below(found, self.df)
        return found


def _not_below(at: Parts, df: FloatArray) -> None:
    """Keep tr PP at (tr P)^2 / rank P at least.

    Where one weight dwarfs the others its sums cancel, down to 0 and beyond.
    """
    tiny = np.finfo(float).tiny
    np.maximum(at.t2, np.maximum(at.t1 * at.t1 / df, tiny), out=at.t2)


def is_single(at: Parts, tau2: FloatArray, t1_zero: FloatArray) -> BoolArray:
    """Return whether the zero found is proven to be the only one, (B,).

    ``at`` is at a tau2 that differs from the zero by a millionth at most, so that q2 may
    be a little below t1. Of the parabola and the chord of (3) that leaves a hundredth of
    the way open, which the margin of (2) covers.
    """
    room = rise_before(tau2, t1_zero, at.q2, at.q3)
    lack = (at.q2 / at.t1 - 1) * t1_zero / at.q2
    covered = (room > MARGIN) & (-lack <= MARGIN * room)
    return covered & (falls_beyond(at.q1, at.t1, at.t2) > 0)


# steps of a proof to either side, and their lengths
STEPS, SHORTER, LONGER = 8, 0.3, 0.7


def prove_single(score: Score, tau2: FloatArray, at_zero: Parts) -> BoolArray:
    """Return whether what was found is proven single by several steps, (B,).

    From it to the right until (2) holds, and to the left down to 0.
    """
    proven = np.zeros(len(tau2), dtype=bool)
    at = score.at(tau2)
    # where g is 0 but for rounding, it must fall for a little while to either side
    steep = np.flatnonzero((2 * at.q3 > 1.1 * at.t2) | (tau2 == 0))
    left = _proven_left(score, at, tau2, at_zero, steep)
    proven[_proven_right(score, at, tau2, left)] = True
    return proven


def _proven_right(
    score: Score, at: Parts, tau2: FloatArray, alive: IntArray
) -> IntArray:
    """Return those of some data sets without a further zero to the right."""
    proven = []
    here, t = at.only(alive), tau2[alive]
    for _ in range(STEPS):
        done = falls_beyond(here.q1, here.t1, here.t2) > 0
        proven.append(alive[done])
        rest = np.flatnonzero(~done)
        if len(rest) == 0:
            break
        alive, here, t = alive[rest], here.only(rest), t[rest]
        width = LONGER * here.scale
        there = score.only(alive).at(t + width)
        kept = np.flatnonzero(
            falls_between(here, there) | _negative(here, there, t, width)
        )
        alive, here = alive[kept], there.only(kept)
        t = (t + width)[kept]
    return np.concatenate(proven)


def falls_between(low: Parts, high: Parts) -> BoolArray:
    """Return whether all zeros between two points are falls, by (5)."""
    return 2 * high.q3 * low.t1 > 1.01 * low.t2 * high.q2


def _negative(
    here: Parts, there: Parts, tau2: FloatArray, width: FloatArray
) -> BoolArray:
    """Return whether the score stays below 0 over a width to the right, by (4).

    Of the square of the chord less the tangent, b is the slope at x = 0 and c the value:
    0 but for rounding at a zero, where the score falls steeply for a little while.
    """
    root = here.q2**-0.5
    chord = (there.q2**-0.5 - root) / width
    b = 2 * chord * root - here.t2 / here.t1**2
    c = 1 / here.q2 - 1 / here.t1
    nowhere_zero = (c > 0) & (b * b < 4 * chord * chord * c)
    upwards = (b > 0) & (-c <= 0.002 * tau2 * b)
    return (there.q2 < there.t1) & (upwards | nowhere_zero)


def _positive(low: Parts, high: Parts, width: FloatArray) -> BoolArray:
    """Return whether the score is positive between two points, by (3)."""
    room = rise_before(width, low.t1, high.q2, high.q3)
    lack = (high.q2 / high.t1 - 1) * low.t1 / high.q2
    return (room > MARGIN) & (-lack <= MARGIN * room)


def _proven_left(
    score: Score,
    at: Parts,
    tau2: FloatArray,
    at_zero: Parts,
    alive: IntArray,
) -> IntArray:
    """Return those of some data sets without a further zero to the left."""
    proven = [alive[tau2[alive] == 0]]
    alive = alive[tau2[alive] > 0]
    here, t = at.only(alive), tau2[alive]
    for _ in range(STEPS):
        if len(alive) == 0:
            break
        zero = at_zero.only(alive)
        done = falls_between(zero, here) | _positive(zero, here, t)
        proven.append(alive[done])
        rest = np.flatnonzero(~done)
        if len(rest) == 0:
            break
        alive, here, t = alive[rest], here.only(rest), t[rest]
        low = SHORTER * t
        there = score.only(alive).at(low)
        kept = np.flatnonzero(
            falls_between(there, here) | _positive(there, here, t - low)
        )
        alive, here, t = alive[kept], there.only(kept), low[kept]
    return np.concatenate(proven)
