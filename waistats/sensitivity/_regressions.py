"""The small-study tests for many outcomes of the same studies at once."""

import numpy as np
from scipy import stats

from waistats._areas import two_sided
from waistats._progress import progress
from waistats._typing import FloatArray, IntArray
from waistats.meta.fit_many import in_chunks
from waistats.meta.multilevel._blocks import connect, padded_rows
from waistats.meta.multilevel.result import MultilevelResult
from waistats.meta.multilevel.robust import SMALLEST_DF, sandwich, satterthwaite
from waistats.meta.results import MetaResult


def kendall(y: FloatArray, v: FloatArray) -> tuple[float, float, bool]:
    """Return Kendall's tau, its p value and whether there are ties."""
    w = 1 / v
    deviate = (y - (w @ y) / w.sum()) / np.sqrt(v - 1 / w.sum())
    ties = len(np.unique(v)) < len(v) or len(np.unique(deviate)) < len(v)
    tau, p = stats.kendalltau(deviate, v, method="asymptotic" if ties else "exact")
    return float(tau), float(p), ties


# up to so many coefficients all pairs of many outcomes are counted at once
_PAIRWISE = 120


def kendall_p(y: FloatArray, v: FloatArray) -> FloatArray:
    """Return the p values of `kendall` for many outcomes (k, B) of the same studies.

    Without ties among deviates the p value depends on the number of concordant pairs
    alone, so that each number asks for one test.
    """
    k = len(v)
    if k > _PAIRWISE:
        drawn = progress(y.T, "power of the rank test", total=y.shape[1])
        return np.array([kendall(column, v)[1] for column in drawn])
    w = 1 / v
    deviate = (y - (w @ y) / w.sum()) / np.sqrt(v - 1 / w.sum())[:, None]
    order = np.sort(deviate, axis=0)
    tied = (order[1:] == order[:-1]).any(axis=0)
    i, j = np.triu_indices(k, 1)
    score = np.sign(v[i] - v[j]) @ np.sign(deviate[i] - deviate[j])
    known: dict[float, float] = {}
    p = np.empty(y.shape[1])
    for b in range(y.shape[1]):
        size = abs(float(score[b]))
        if tied[b] or size not in known:
            p[b] = kendall(y[:, b], v)[1]
            if not tied[b]:
                known[size] = p[b]
        else:
            p[b] = known[size]
    return p


def single_p(fit: MetaResult, column: int, y: FloatArray) -> FloatArray:
    """Return p values of a coefficient for many outcomes (k, B) of one-level models."""
    v = np.repeat(fit.effects.vi[:, None], y.shape[1], axis=1)
    batch = in_chunks(y, v, fit.design.X, fit.method, fit.small_sample)
    with np.errstate(invalid="ignore", divide="ignore"):
        t = batch.beta[column] / np.sqrt(batch.cov[column, column])
    return np.asarray(two_sided(t, fit.df), dtype=float)


def nested_p(
    fitted: MultilevelResult,
    fit: MultilevelResult,
    column: int,
    y: FloatArray,
) -> FloatArray:
    """Return the same of multilevel models, at the variances of the model itself.

    CR2 by Satterthwaite's degrees of freedom, and where these are below 4 the more
    cautious of it and the model's own on studies - p.
    """
    X, sigma2, codes = fit.design.X, fitted.sigma2, list(fit.codes)
    WX = fit.weighted_design(sigma2)
    bread = np.asarray(np.linalg.inv(X.T @ WX), dtype=np.float64)
    beta = bread @ (WX.T @ y)
    rest = y - X @ beta
    cluster = connect(fit.V, fit.codes[0])
    # the adjusted scores are linear in residuals: one row of each study at a time
    order = np.argsort(cluster, kind="stable")
    size = np.bincount(cluster)
    place = np.empty(len(cluster), dtype=np.int64)
    place[order] = np.arange(len(cluster)) - np.repeat(np.cumsum(size) - size, size)
    scores = np.zeros((len(size), y.shape[1]))
    df = np.nan
    for i in progress(range(int(size.max())), "power of the regression test"):
        mark = (place == i).astype(float)
        parts = sandwich(X, mark, fit.V, codes, sigma2, bread, cluster)
        # clusters come batch by batch: their order is that of the rows they hold
        g = np.zeros(len(size))
        g[_cluster_order(cluster)] = parts.scores[:, column]
        rows = np.flatnonzero(place == i)
        scores[cluster[rows]] += g[cluster[rows], None] * rest[rows]
        df = float(satterthwaite(parts, np.eye(len(bread))[[column]])[0])
    own = two_sided(
        beta[column] / np.sqrt(bread[column, column]), max(len(size) - len(bread), 1)
    )
    if not df > 0:
        return np.asarray(own, dtype=float)
    with np.errstate(invalid="ignore", divide="ignore"):
        robust = two_sided(beta[column] / np.sqrt((scores**2).sum(axis=0)), df)
    p = robust if df >= SMALLEST_DF - 0.01 else np.fmax(robust, own)
    return np.asarray(p, dtype=float)


def _cluster_order(cluster: IntArray) -> IntArray:
    """Return the clusters in the order in which `sandwich` puts them."""
    return np.concatenate([cluster[rows[:, 0]] for rows in padded_rows(cluster)])
