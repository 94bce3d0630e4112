"""The posterior of two nested heterogeneities by quadrature, without a sampler."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from waistats._typing import FloatArray, IntArray
from waistats.meta._distributions import mixture_quantiles, rule
from waistats.meta._posterior import Prior
from waistats.meta.multilevel._blocks import dense_blocks, padded_rows
from waistats.meta.multilevel._data import Problem
from waistats.meta.multilevel._likelihood import evaluate, log_likelihood

NODES = 64
# nodes are spent where the log density is within this of its peak
DEPTH = 32.0
GRID = 24
# a share of the whole that no printed digit shows
NOTHING = 1e-13
# doubles per array when nodes are evaluated for many rows
BLOCK = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LevelsPosterior:
    r"""The posterior as a mixture over nodes of the standard deviations of L levels.

    Attributes
    ----------
    tau : ndarray, shape (L, m)
        Nodes.
    weight : ndarray, shape (m,)
        Their probabilities, which sum to 1.
    mean : ndarray, shape (p, m)
        Conditional posterior means of the coefficients.
    cov : ndarray, shape (p, p, m)
        Their conditional covariances.
    mass : tuple of ndarray, shape (NODES,)
        Marginal probabilities of the nodes of each level.
    low, high, center : ndarray, shape (L,)
        Nodes are Gauss-Legendre in :math:`t=\tau/(\tau+c)` on [low, high], with c the
        center.
    log_bayes_factor : float
        Logarithm of the evidence of the priors over that of no heterogeneity.
    """

    tau: FloatArray
    weight: FloatArray
    mean: FloatArray
    cov: FloatArray
    mass: tuple[FloatArray, ...]
    low: FloatArray
    high: FloatArray
    center: FloatArray
    log_bayes_factor: float

    def tau_quantiles(self, level: int, probabilities: FloatArray) -> FloatArray:
        """Return quantiles of the standard deviation of a level."""
        q = rule(NODES).quantiles(probabilities, self.mass[level])
        low, high = self.low[level], self.high[level]
        t = low + (high - low) * (q + 1) / 2
        return np.asarray(self.center[level] * t / (1 - t), dtype=float)

    def tau_moments(self, level: int) -> tuple[float, float]:
        """Return mean and standard deviation of the standard deviation of a level."""
        tau = self.tau[level]
        first = float(self.weight @ tau)
        return first, float(np.sqrt(self.weight @ (tau - first) ** 2))

    def mixture(
        self, rows: FloatArray, beyond: int = 0
    ) -> tuple[FloatArray, FloatArray]:
        """Return conditional means and standard deviations of Xb for design rows.

        Both (rows, m). ``beyond`` is how many levels, from the outermost, are new: 0 for
        the mean, 1 for the mean of a new study, L for a new coefficient of one.
        """
        variance = np.einsum("rp,pqm,rq->rm", rows, self.cov, rows, optimize=True)
        if beyond:
            variance = variance + (self.tau[:beyond] ** 2).sum(axis=0)
        return rows @ self.mean, np.sqrt(variance)

    def quantiles(
        self, rows: FloatArray, probabilities: FloatArray, beyond: int = 0
    ) -> FloatArray:
        """Return quantiles of Xb, of shape (rows, probabilities)."""
        mean, sd = self.mixture(rows, beyond)
        return mixture_quantiles(probabilities, self.weight, mean, sd)

    def moments(self, rows: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return means and standard deviations of Xb, of shape (rows,)."""
        means, sds = self.mixture(rows)
        mean = means @ self.weight
        return mean, np.sqrt((sds**2 + (means - mean[:, None]) ** 2) @ self.weight)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LevelsModel:
    """What is known before the heterogeneities.

    Attributes
    ----------
    problem : Problem
        The restricted likelihood of the multilevel model.
    y, X, V, codes
        Effects (k,), design (k, p), sampling covariance (k, k) and groups of L levels.
    known : tuple of float or None
        Mean and variance of a normal prior of the first coefficient.
    """

    problem: Problem
    y: FloatArray
    X: FloatArray
    V: sparse.csr_array
    codes: tuple[IntArray, ...]
    known: tuple[float, float] | None = None

    @property
    def n_levels(self) -> int:
        """How many levels have a heterogeneity."""
        return len(self.codes)

    def _chunks(self, tau: FloatArray) -> list[FloatArray]:
        width = max(1, BLOCK // (len(self.y) * 8))
        sigma2 = np.ascontiguousarray(tau.T**2) / self.problem.unit
        return [sigma2[i : i + width] for i in range(0, len(sigma2), width)]

    def log_likelihood(self, tau: FloatArray) -> FloatArray:
        """Return the log-likelihood of standard deviations (L, m), shape (m,)."""
        if self.known is not None:
            return self.given(tau)[0]
        parts = [log_likelihood(self.problem, part) for part in self._chunks(tau)]
        return np.concatenate(parts)

    def given(self, tau: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return the log-likelihood and the coefficients given standard deviations.

        Log-likelihood (m,) with the coefficients integrated out; means (p, m),
        covariances (p, p, m).
        """
        problem = self.problem
        turn = np.linalg.inv(problem.triangle)
        parts = [evaluate(problem, part) for part in self._chunks(tau)]
        value = np.concatenate([part.log_likelihood for part in parts])
        beta = np.concatenate([part.beta for part in parts])
        cov = np.concatenate([part.vcov for part in parts])
        mean = turn @ (problem.start[:, None] + np.sqrt(problem.unit) * beta.T)
        C = np.moveaxis(turn @ cov @ turn.T * problem.unit, 0, -1)
        if self.known is None:
            return value, mean, C
        m0, v0 = self.known
        total = C[0, 0] + v0
        gain = C[:, 0] / total
        value = value - 0.5 * (np.log(total) + (m0 - mean[0]) ** 2 / total)
        return value, mean + gain * (m0 - mean[0]), C - gain[:, None] * C[None, 0]


def integrate_levels(model: LevelsModel, priors: tuple[Prior, ...]) -> LevelsPosterior:
    r"""Return the posterior of a model with nested heterogeneities.

    Notes
    -----
    A product of Gauss-Legendre rules in :math:`t_l=\tau_l/(\tau_l+c_l)`, with c near
    the posterior mode of :math:`\ln\tau_l`, over the box in which the log density is
    within `DEPTH` of its peak. The density is smooth up to its edges, so that the error
    falls faster than any power of the number of nodes.
    """
    c = _scales(model, priors)
    ends = np.array(
        [
            prior.end / (prior.end + scale) if np.isfinite(prior.end) else 1.0
            for prior, scale in zip(priors, c, strict=True)
        ]
    )

    def prior_density(t: FloatArray) -> tuple[FloatArray, FloatArray]:
        tau = c[:, None] * t / (1 - t)
        logs = np.zeros(t.shape[1])
        for prior, one, at, scale in zip(priors, tau, t, c, strict=True):
            logs = logs + prior.log_density(one) + np.log(scale) - 2 * np.log1p(-at)
        return tau, logs

    def log_density(t: FloatArray) -> FloatArray:
        tau, logs = prior_density(t)
        return logs + model.log_likelihood(tau)

    low, high = _box(log_density, ends)
    nodes, L = rule(NODES), model.n_levels
    axes = [a + (b - a) * (nodes.x + 1) / 2 for a, b in zip(low, high, strict=True)]
    t = np.stack([axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")])
    w = nodes.w
    for _ in range(L - 1):
        w = np.multiply.outer(w, nodes.w)
    tau, logs = prior_density(t)
    logs = logs + model.log_likelihood(tau)
    peak = float(logs.max())
    mass = w.ravel() * np.exp(logs - peak) * float(np.prod((high - low) / 2))
    total = float(mass.sum())
    weight = mass / total
    cube = weight.reshape((NODES,) * L)
    margins = tuple(
        cube.sum(axis=tuple(j for j in range(L) if j != i)) for i in range(L)
    )
    kept = weight > NOTHING * weight.max()
    _, mean, cov = model.given(tau[:, kept])
    at_zero = float(model.log_likelihood(np.zeros((L, 1)))[0])
    return LevelsPosterior(
        tau=tau[:, kept],
        weight=weight[kept] / weight[kept].sum(),
        mean=mean,
        cov=cov,
        mass=margins,
        low=low,
        high=high,
        center=c,
        log_bayes_factor=peak + float(np.log(total)) - at_zero,
    )


def _scales(model: LevelsModel, priors: tuple[Prior, ...]) -> FloatArray:
    """Return standard deviations near the mode of the posterior of their logarithms."""
    sd = np.sqrt(model.V.diagonal())
    axes = []
    for prior in priors:
        lowest = 1e-3 * min(prior.scale, float(sd.min()))
        highest = 30 * max(prior.scale, float(sd.max()), float(np.ptp(model.y)))
        axes.append(np.geomspace(lowest, min(highest, prior.end), GRID))
    tau = np.stack([axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")])
    logs = model.log_likelihood(tau) + np.log(tau).sum(axis=0)
    for prior, one in zip(priors, tau, strict=True):
        logs = logs + prior.log_density(one)
    return tau[:, int(np.argmax(logs))]


def _box(
    log_density: Callable[[FloatArray], FloatArray], ends: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return the box in (0, ends) where the log density is near its peak."""
    low, high = np.zeros_like(ends), ends.copy()
    for _ in range(30):
        cell = (high - low) / GRID
        axes = [
            a + size * (np.arange(GRID) + 0.5)
            for a, size in zip(low, cell, strict=True)
        ]
        t = np.stack([axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")])
        logs = log_density(t)
        near = t[:, logs > np.nanmax(logs) - DEPTH]
        a = np.maximum(low, near.min(axis=1) - 1.5 * cell)
        b = np.minimum(high, near.max(axis=1) + 1.5 * cell)
        shrunk = (b - a) / (high - low)
        low, high = a, b
        if (shrunk > 0.7).all():
            break
    return low, high


def shrunken(
    model: LevelsModel, posterior: LevelsPosterior, *, outer: bool
) -> tuple[FloatArray, FloatArray, FloatArray]:
    r"""Return the mixtures of true values, and how far they are drawn to the mean.

    Parameters
    ----------
    outer : bool
        The true means of the outermost groups (at the mean of their design rows) in
        place of the true values of the coefficients.

    Returns
    -------
    mean, sd : ndarray, shape (n, m)
    shrinkage : ndarray, shape (n,)
        Posterior mean of the share of the true value that is the mean of all.

    Notes
    -----
    Given the standard deviations true values are normal with mean
    :math:`Ab + KW(y - Xb)` and covariance
    :math:`G - KWK' + (A - KWX)C(A - KWX)'`, K their covariance with the effects and A
    their design.
    """
    block = model.codes[0]
    y, X, m = model.y, model.X, len(posterior.weight)
    size = int(block.max()) + 1 if outer else len(y)
    mean, sd, pull = (np.empty((size, m)) for _ in range(3))
    for rows in padded_rows(block):
        real = rows >= 0
        V = dense_blocks(model.V, rows, 1.0)
        Xj = np.where(real[..., None], X[rows], 0.0)
        yj = np.where(real, y[rows], 0.0)
        both = real[:, :, None] & real[:, None, :]
        same = np.stack(
            [(c[rows][:, :, None] == c[rows][:, None, :]) & both for c in model.codes]
        ).astype(float)
        place = block[rows[:, 0]] if outer else rows[real]
        pick = np.ones((len(rows), 1), dtype=bool) if outer else real
        width = max(1, BLOCK // V.size)
        for start in range(0, m, width):
            cut = slice(start, start + width)
            tau2 = posterior.tau[:, cut].T ** 2
            G = np.tensordot(tau2, same, axes=1)
            if outer:
                K = tau2[:, :1, None, None] * real[:, None, :]
                A = (Xj.sum(axis=1) / real.sum(axis=1, keepdims=True))[:, None, :]
                own = np.broadcast_to(tau2[:, :1, None], K.shape[:3])
            else:
                K, A, own = G, Xj, np.diagonal(G, axis1=2, axis2=3)
            b, C = posterior.mean[:, cut].T, np.moveaxis(posterior.cov[..., cut], -1, 0)
            KW = np.linalg.solve(V + G, K.mT).mT
            rest = yj - (Xj @ b[:, None, :, None])[..., 0]
            at = (A @ b[:, None, :, None] + KW @ rest[..., None])[..., 0]
            left = A - KW @ Xj
            var = own - (KW * K).sum(axis=3)
            var = var + ((left @ C[:, None]) * left).sum(axis=3)
            mean[place, cut] = at[:, pick].T
            sd[place, cut] = np.sqrt(np.maximum(var[:, pick], 0.0)).T
            pull[place, cut] = (1 - KW.sum(axis=3))[:, pick].T
    return mean, sd, pull @ posterior.weight
