"""Influence of each respondent on functions of polychoric correlations.

Polychoric correlations of ordered answers, all pairs of items at once.
"""

from dataclasses import dataclass

import numpy as np
from scipy import special

from waistats._typing import BoolArray, FloatArray, IntArray

# Beyond this the likelihood of a table with an empty triangle has no inner maximum.
LARGEST = 1 - 1e-8
_TINY = 1e-300
_TWO_PI = 2 * np.pi


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Polychoric:
    """Polychoric correlations with what their influence functions need.

    Attributes
    ----------
    correlation : ndarray of shape (m, m)
        Maximum likelihood correlations, not smoothed.
    thresholds : ndarray of shape (m, K + 1)
        Normal thresholds of every item, from ``-inf`` to ``inf``.
    codes : ndarray of int of shape (n, m)
        Answers as categories 0 ... K - 1; -1 where missing.
    pairs : tuple of two ndarrays of int
        First and second item of each pair.
    tables : ndarray of shape (pairs, K, K)
        Counts of each pair of answers, corrected if that was asked for.
    empty_cells : int
        Cells without a respondent in the tables of answers that do occur.
    converged : ndarray of bool of shape (pairs,)
        False where a correlation ran to plus or minus one.
    correct : float
        Count that was put into empty cells.
    """

    correlation: FloatArray
    thresholds: FloatArray
    codes: IntArray
    pairs: tuple[IntArray, IntArray]
    tables: FloatArray
    empty_cells: int
    converged: BoolArray
    correct: float = 0.0


def bivariate_normal_cdf(h: FloatArray, k: FloatArray, rho: FloatArray) -> FloatArray:
    r"""Return P(X < h, Y < k) of standard normal X, Y with correlation ``rho``.

    Parameters
    ----------
    h, k : array_like of float
        Finite limits, broadcast together with ``rho``.
    rho : array_like of float
        Correlations inside (-1, 1).

    Returns
    -------
    ndarray
        Probabilities, right to about 1e-15.

    Notes
    -----
    By Owen's T function (1956), which SciPy has, and so for whole arrays at once:
    :math:`\tfrac12[\Phi(h) + \Phi(k)] - T(h, a_h) - T(k, a_k) - \delta`.
    """
    h, k, rho = np.broadcast_arrays(h, k, rho)
    # the formula's limits at zero are those of a tiny number
    h = np.where(h == 0, _TINY, h)
    k = np.where(k == 0, _TINY, k)
    root = np.sqrt((1 - rho) * (1 + rho))
    with np.errstate(over="ignore"):
        a_h = (k / h - rho) / root
        a_k = (h / k - rho) / root
    half = np.where((h < 0) != (k < 0), 0.5, 0.0)
    marginal = (special.ndtr(h) + special.ndtr(k)) / 2
    values: FloatArray = (
        marginal - special.owens_t(h, a_h) - special.owens_t(k, a_k) - half
    )
    return values


def item_thresholds(counts: FloatArray) -> FloatArray:
    """Return normal thresholds of shape (..., K + 1) from category counts (..., K)."""
    total = counts.sum(-1, keepdims=True)
    below = np.cumsum(counts, axis=-1) / total
    below[..., -1] = 1
    start = np.zeros_like(below[..., :1])
    values: FloatArray = special.ndtri(
        np.clip(np.concatenate([start, below], axis=-1), 0, 1)
    )
    return values


def pair_tables(codes: IntArray, n_categories: int) -> FloatArray:
    """Return counts of shape (m, m, K, K) of every pair of answers; -1 is missing."""
    one_hot = codes[..., None] == np.arange(n_categories)
    n, m = codes.shape
    flat = one_hot.reshape(n, m * n_categories).astype(float)
    counts = flat.T @ flat
    shape = (m, n_categories, m, n_categories)
    values: FloatArray = counts.reshape(shape).transpose(0, 2, 1, 3)
    return values


def _corners(first: FloatArray, second: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return inner thresholds as grids (..., K - 1, 1) and (..., 1, K - 1)."""
    return first[..., 1:-1, None], second[..., None, 1:-1]


def _differences(corners: FloatArray) -> FloatArray:
    return np.diff(np.diff(corners, axis=-1), axis=-2)


def finite(limits: FloatArray) -> FloatArray:
    """Return thresholds with infinities replaced."""
    # 38 standard deviations: as good as infinite, and every function stays finite
    return np.clip(limits, -38.0, 38.0)


def cell_probabilities(
    first: FloatArray, second: FloatArray, rho: FloatArray
) -> FloatArray:
    """Return cell probabilities (..., K, K) of thresholds (..., K + 1) and ``rho``."""
    h, k = _corners(finite(first), finite(second))
    inner = bivariate_normal_cdf(h, k, rho[..., None, None])
    rows, columns = inner.shape[-2:]
    cdf = np.zeros((*inner.shape[:-2], rows + 2, columns + 2))
    cdf[..., 1:-1, 1:-1] = inner
    cdf[..., 1:, -1] = special.ndtr(first[..., 1:])
    cdf[..., -1, 1:] = special.ndtr(second[..., 1:])
    return _differences(cdf)


def cell_slopes(first: FloatArray, second: FloatArray, rho: FloatArray) -> FloatArray:
    """Return the derivative of :func:`cell_probabilities` by ``rho``."""
    h, k = _corners(finite(first), finite(second))
    r = rho[..., None, None]
    room = (1 - r) * (1 + r)
    exponent = (h**2 + k**2 - 2 * r * h * k) / (2 * room)
    with np.errstate(under="ignore"):
        density = np.exp(-exponent) / (_TWO_PI * np.sqrt(room))
    padded = np.zeros(
        (*density.shape[:-2], density.shape[-2] + 2, density.shape[-1] + 2)
    )
    padded[..., 1:-1, 1:-1] = density
    return _differences(padded)


def fit_pairs(
    tables: FloatArray,
    first: FloatArray,
    second: FloatArray,
    *,
    tolerance: float = 1e-11,
    max_iterations: int = 100,
) -> tuple[FloatArray, BoolArray]:
    """Return the maximum likelihood correlation of every table, given thresholds.

    Parameters
    ----------
    tables : ndarray of shape (..., K, K)
        Counts.
    first, second : ndarray of shape (..., K + 1)
        Thresholds of the row and the column item.
    tolerance : float
        Change of a correlation at which it counts as found.
    max_iterations : int
        Bound on the steps.

    Returns
    -------
    rho : ndarray of shape (...)
        Correlations.
    converged : ndarray of bool of shape (...)
        False where no inner maximum was found.

    Notes
    -----
    Fisher scoring on the correlation. The sign of the score keeps a bracket around
    the maximum, and a step that leaves it is replaced by bisection, so that empty cells
    and near perfect correlations cannot break the search.
    """
    shape = tables.shape[:-2]
    size = tables.shape[-1]
    tables = tables.reshape(-1, size, size)
    first = np.broadcast_to(first, (*shape, size + 1)).reshape(-1, size + 1)
    second = np.broadcast_to(second, (*shape, size + 1)).reshape(-1, size + 1)
    n = tables.sum((-1, -2))
    rho = _start(tables, n)
    low, high = np.full_like(rho, -LARGEST), np.full_like(rho, LARGEST)
    active = np.flatnonzero(n > 0)
    converged = np.zeros(rho.size, dtype=bool)
    for _ in range(max_iterations):
        if not active.size:
            break
        at = rho[active]
        a, b = first[active], second[active]
        slopes = cell_slopes(a, b, at)
        expected = np.maximum(cell_probabilities(a, b, at), _TINY)
        with np.errstate(over="ignore"):
            ratio = np.where(
                expected > 1e-15, slopes / expected, np.sign(slopes) * 1e15
            )
        score = (tables[active] * ratio).sum((-1, -2))
        information = n[active] * (slopes * np.clip(ratio, -1e8, 1e8)).sum((-1, -2))
        low[active] = np.where(score > 0, at, low[active])
        high[active] = np.where(score < 0, at, high[active])
        step = at + score / np.maximum(information, 1e-12)
        middle = (low[active] + high[active]) / 2
        inside = (step > low[active]) & (step < high[active])
        new = np.where(inside, step, middle)
        rho[active] = new
        done = np.abs(new - at) < tolerance
        converged[active[done]] = True
        active = active[~done]
    converged &= np.abs(rho) < LARGEST - 1e-6
    rho[n == 0] = np.nan
    return rho.reshape(shape), converged.reshape(shape)


def _start(tables: FloatArray, n: FloatArray) -> FloatArray:
    """Return product-moment correlations of the category numbers, a little shrunk."""
    scores = np.arange(tables.shape[-1])
    weight = np.where(n > 0, n, 1.0)
    rows, columns = tables.sum(-1), tables.sum(-2)
    mean_r, mean_c = rows @ scores / weight, columns @ scores / weight
    var_r = rows @ scores**2 / weight - mean_r**2
    var_c = columns @ scores**2 / weight - mean_c**2
    cross = (tables @ scores) @ scores / weight - mean_r * mean_c
    scale = np.sqrt(np.maximum(var_r * var_c, 1e-12))
    values: FloatArray = np.clip(cross / scale, -0.95, 0.95)
    return values


def corrected(
    tables: FloatArray, rows: FloatArray, columns: FloatArray, correct: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return tables and the thresholds of rows and columns that go with them.

    With ``correct`` above 0 it is put in every empty cell of answers that occur, and the
    thresholds are those of the corrected tables.
    """
    if correct <= 0:
        return tables, rows, columns
    occur = (tables.sum(-1, keepdims=True) > 0) & (tables.sum(-2, keepdims=True) > 0)
    tables = np.where((tables == 0) & occur, correct, tables)
    return tables, item_thresholds(tables.sum(-1)), item_thresholds(tables.sum(-2))


def polychoric(
    codes: IntArray, n_categories: int, *, correct: float = 0.0
) -> Polychoric:
    """Return two-step maximum likelihood polychoric correlations.

    Parameters
    ----------
    codes : ndarray of int of shape (n, m)
        Answers as categories 0 ... K - 1; -1 where missing (then pairwise).
    n_categories : int
        K, over all items.
    correct : float
        Count put into empty cells; thresholds of a corrected pair are its own.

    Returns
    -------
    Polychoric
        Correlations, thresholds and tables.

    Notes
    -----
    First the thresholds from each item's own answers, then each correlation given them
    (Olsson, 1979), as psych's ``polychoric(correct=0)`` and lavaan's ``lavCor``.
    """
    every = pair_tables(codes, n_categories)
    m = codes.shape[1]
    own = np.diagonal(np.diagonal(every, axis1=0, axis2=1), axis1=0, axis2=1)
    thresholds = item_thresholds(
        np.ascontiguousarray(own.T if own.shape[0] != m else own)
    )
    first, second = np.triu_indices(m, 1)
    tables = every[first, second]
    occur = (tables.sum(-1, keepdims=True) > 0) & (tables.sum(-2, keepdims=True) > 0)
    empty = int(((tables == 0) & occur).sum())
    tables, *limits = corrected(tables, thresholds[first], thresholds[second], correct)
    rho, converged = fit_pairs(tables, *limits)
    correlation = np.eye(m)
    correlation[first, second] = correlation[second, first] = rho
    return Polychoric(
        correlation=correlation,
        thresholds=thresholds,
        codes=codes,
        pairs=(first, second),
        tables=tables,
        empty_cells=empty,
        converged=converged,
        correct=correct,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CellScores:
    """What each cell of each pair's table tells of the pair's correlation.

    Attributes
    ----------
    ratio : ndarray of shape (pairs, K, K)
        Derivative of the log probability of a cell by the correlation; zero where no
        one answered so.
    counts, information : ndarray of shape (pairs,)
        People of the table, and the information on the correlation per person.
    by_row, by_column : ndarray of shape (pairs, K - 1)
        Information between the correlation and the thresholds of either item.
    """

    ratio: FloatArray
    counts: FloatArray
    information: FloatArray
    by_row: FloatArray
    by_column: FloatArray


def cell_scores(fit: Polychoric) -> CellScores:
    """Return the scores of the cells, information taken from the sample tables."""
    first, second = fit.pairs
    rho = np.clip(fit.correlation[first, second], -LARGEST, LARGEST)
    a, b = fit.thresholds[first], fit.thresholds[second]
    expected = np.maximum(cell_probabilities(a, b, rho), 1e-15)
    counts = fit.tables.sum((-1, -2))
    share = fit.tables / counts[:, None, None]
    ratio = np.where(share > 0, cell_slopes(a, b, rho) / expected, 0.0)
    mixed = share * ratio / expected
    return CellScores(
        ratio=ratio,
        counts=counts,
        information=np.maximum((share * ratio**2).sum((-1, -2)), 1e-12),
        by_row=_threshold_information(mixed, a, b, rho),
        by_column=_threshold_information(np.swapaxes(mixed, -1, -2), b, a, rho),
    )


def normal_density(at: FloatArray) -> FloatArray:
    """Return the standard normal density; infinite thresholds are far ones."""
    with np.errstate(under="ignore"):
        found: FloatArray = np.exp(-(finite(at) ** 2) / 2) / np.sqrt(_TWO_PI)
    return found


def polychoric_influence(fit: Polychoric, gradient: FloatArray) -> FloatArray:
    """Return each person's influence on a function of the polychoric matrix.

    Parameters
    ----------
    fit : Polychoric
        Correlations without correction for empty cells.
    gradient : ndarray of shape (m, m)
        Symmetric derivative of the function by the correlations.

    Returns
    -------
    ndarray of shape (n,)
        Influences on the scale where the variance is ``sum(influence**2) / n**2``.

    Notes
    -----
    Two-step estimation (Muthen, 1984): the score of a correlation less what the
    thresholds' own influence makes of it. Information is taken from the sample tables,
    as in lavaan's ``NACOV``. With missing answers each pair counts its own people.
    """
    first, second = fit.pairs
    n, m = fit.codes.shape
    size = fit.thresholds.shape[1] - 1
    cells = cell_scores(fit)
    weight = gradient[first, second] * 2 / cells.information
    on_thresholds = np.zeros((m, size - 1))
    np.add.at(on_thresholds, first, weight[:, None] * cells.by_row)
    np.add.at(on_thresholds, second, weight[:, None] * cells.by_column)
    form = np.zeros((m, size, m, size))
    form[first, :, second, :] = cells.ratio * (weight * n / cells.counts)[:, None, None]
    one_hot = fit.codes[..., None] == np.arange(size)
    flat = one_hot.reshape(n, m * size).astype(float)
    scores = ((flat @ form.reshape(m * size, m * size)) * flat).sum(1)
    answered = one_hot.any(-1)
    below = np.cumsum(one_hot, axis=-1)[..., :-1]
    share_below = below.sum(0) / answered.sum(0)[:, None]
    inner = fit.thresholds[:, 1:-1]
    density = normal_density(inner)
    usable = np.isfinite(inner)
    per_threshold = np.where(usable, on_thresholds / np.where(usable, density, 1), 0.0)
    per_threshold *= (n / answered.sum(0))[:, None]
    away = (below - share_below) * answered[..., None]
    influence: FloatArray = scores - (away * per_threshold).sum((1, 2))
    return influence


def _threshold_information(
    mixed: FloatArray, own: FloatArray, other: FloatArray, rho: FloatArray
) -> FloatArray:
    """Return the information (pairs, K - 1) between rho and the row thresholds."""
    at = finite(own[:, 1:-1])
    root = np.sqrt((1 - rho) * (1 + rho))[:, None, None]
    limits = np.clip(other, -1e3, 1e3)
    given = special.ndtr(
        (limits[:, None, :] - rho[:, None, None] * at[..., None]) / root
    )
    slopes = normal_density(at)[..., None] * np.diff(given, axis=-1)
    information: FloatArray = (slopes * (mixed[:, :-1] - mixed[:, 1:])).sum(-1)
    return information
