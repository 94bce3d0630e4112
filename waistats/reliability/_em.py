"""Means and covariances of incomplete normal responses by maximum likelihood (EM).

All that maximum likelihood needs is, for each pattern of missing answers, a count, the
sums and the cross-products, so one batched computation serves a sample and its
resamples.
"""

from dataclasses import dataclass

import numpy as np

from waistats._typing import BoolArray, FloatArray, IntArray
from waistats.errors import ConvergenceError, ModelError, listing

_MAX_ITER = 5000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Patterns:
    """Responses grouped by which items were answered.

    Attributes
    ----------
    answered : ndarray of bool, shape (p, m)
        Items answered in each pattern.
    member : ndarray of int, shape (n,)
        Pattern of each respondent.
    values : ndarray, shape (n, m)
        Responses less ``centre``; 0 where missing.
    centre : ndarray, shape (m,)
        Means of the answers, taken off for precision.
    """

    answered: BoolArray
    member: IntArray
    values: FloatArray
    centre: FloatArray

    def sums(
        self, weights: FloatArray | None = None
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return counts (..., p), sums (..., p, m), cross-products (..., p, m, m).

        ``weights`` (B, n) count each respondent in each of B resamples.
        """
        p, m = self.answered.shape
        every = np.ones(len(self.values)) if weights is None else weights
        lead = every.shape[:-1]
        count = np.empty((*lead, p))
        first = np.empty((*lead, p, m))
        second = np.empty((*lead, p, m, m))
        for k in range(p):
            of_k = self.member == k
            rows, w = self.values[of_k], every[..., of_k]
            products = (rows[:, :, None] * rows[:, None, :]).reshape(len(rows), -1)
            count[..., k] = w.sum(axis=-1)
            first[..., k, :] = w @ rows
            second[..., k, :, :] = (w @ products).reshape(*lead, m, m)
        return count, first, second


def group_patterns(values: FloatArray) -> Patterns:
    """Return responses grouped by pattern; everyone must have answered something."""
    answered = ~np.isnan(values)
    patterns, member = np.unique(answered, axis=0, return_inverse=True)
    centre = np.nansum(values, axis=0) / answered.sum(axis=0)
    return Patterns(
        answered=patterns,
        member=member.reshape(-1).astype(np.int64),
        values=np.where(answered, values - centre, 0.0),
        centre=centre,
    )


def precisions(covariance: FloatArray, answered: BoolArray) -> FloatArray:
    """Return the inverse of each pattern's observed block, zero elsewhere."""
    mask = answered.astype(np.float64)
    block = mask[:, :, None] * mask[:, None, :]
    padded = covariance[..., None, :, :] * block
    index = np.arange(answered.shape[1])
    padded[..., index, index] += 1 - mask
    return np.linalg.inv(padded) * block


def em_moments(
    patterns: Patterns,
    weights: FloatArray | None = None,
    *,
    tolerance: float = 1e-11,
) -> tuple[FloatArray, FloatArray]:
    """Return the maximum likelihood means (..., m) and covariances (..., m, m).

    Parameters
    ----------
    patterns : Patterns
        The responses.
    weights : ndarray, shape (B, n), optional
        Counts of each respondent in B resamples; one fit each.
    tolerance : float
        Largest change of a mean (in standard deviations) or a covariance (in
        products of them) at which to stop.

    Returns
    -------
    tuple of ndarray
        Means, and covariances with divisor n.

    Raises
    ------
    ConvergenceError
        If the steps do not become small.
    """
    count, first, second = patterns.sums(weights)
    n = count.sum(axis=-1)
    answers = np.einsum("...p,pm->...m", count, patterns.answered.astype(float))
    mean = first.sum(axis=-2) / answers
    variance = np.einsum("...pmm->...m", second) / answers - mean**2
    covariance = variance[..., None] * np.eye(len(patterns.centre))
    sd = np.sqrt(variance)
    for _ in range(_MAX_ITER):
        precision = precisions(covariance, patterns.answered)
        z, zz = _standardised(precision, mean, count, first, second)
        slope = z.sum(axis=-2) / n[..., None]
        curve = (zz - count[..., None, None] * precision).sum(axis=-3)
        curve = curve / n[..., None, None]
        step = (covariance @ slope[..., None])[..., 0]
        change = (
            covariance @ curve @ covariance - step[..., :, None] * step[..., None, :]
        )
        mean = mean + step
        covariance = covariance + change
        scaled = change / (sd[..., :, None] * sd[..., None, :])
        if max(abs(step / sd).max(), abs(scaled).max()) < tolerance:
            return patterns.centre + mean, covariance
    raise ConvergenceError(
        f"EM did not converge in {_MAX_ITER} steps: some items may be sums or copies "
        "of others. Use missing='listwise' or leave such items out."
    )


def _standardised(
    precision: FloatArray,
    mean: FloatArray,
    count: FloatArray,
    first: FloatArray,
    second: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """Return sums of z and of zz' by pattern, z = W (x - mean)."""
    centre = mean[..., None, :]
    deviations = first - count[..., None] * centre
    cross = first[..., :, None] * centre[..., None, :]
    outer = centre[..., :, None] * centre[..., None, :]
    squares = (
        second - cross - np.swapaxes(cross, -1, -2) + count[..., None, None] * outer
    )
    z = (precision @ deviations[..., None])[..., 0]
    return z, precision @ squares @ precision


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Likelihood:
    """The fitted normal likelihood: its observed information and scores.

    Attributes
    ----------
    patterns : Patterns
        The responses.
    mean : ndarray, shape (m,)
        Means.
    covariance : ndarray, shape (m, m)
        Covariances, divisor n.
    information : ndarray, shape (q, q)
        Observed information of a respondent on average, for means and then the upper
        triangle of the covariances. The expected one is wrong where answers are
        missing at random (Kenward and Molenberghs, 1998).
    """

    patterns: Patterns
    mean: FloatArray
    covariance: FloatArray
    information: FloatArray

    @property
    def is_identified(self) -> bool:
        """Whether the information is positive definite."""
        values = np.linalg.eigvalsh(_unit_diagonal(self.information))
        return bool(values.min() > 1e-10)

    def influence(self, gradient: FloatArray) -> FloatArray:
        """Return influences (n,) on a function with this derivative (m, m).

        ``g'H⁻¹s`` for each respondent's score s. The gradient is taken at covariances
        with divisor n - 1, as everywhere else.
        """
        m = len(self.mean)
        solution = np.linalg.solve(self.information, self._stacked(gradient))
        row, column = np.triu_indices(m)
        matrix = np.zeros((m, m))
        matrix[row, column] = matrix[column, row] = solution[m:]
        precision = precisions(self.covariance, self.patterns.answered)
        member = self.patterns.member
        deviation = self.patterns.values - (self.mean - self.patterns.centre)
        z = np.einsum("ijk,ik->ij", precision[member], deviation)
        traces = np.einsum("jk,pkj->p", matrix, precision)
        quadratic = np.einsum("ij,jk,ik->i", z, matrix, z, optimize=True)
        influence: FloatArray = z @ solution[:m] + (quadratic - traces[member]) / 2
        return influence

    def normal_se(self, gradient: FloatArray) -> float:
        """Return the standard error that holds for normal responses."""
        g = self._stacked(gradient)
        n = len(self.patterns.values)
        # the gradient is at divisor n - 1, the information at divisor n
        ratio = n / (n - 1)
        return float(ratio * np.sqrt(g @ np.linalg.solve(self.information, g) / n))

    def _stacked(self, gradient: FloatArray) -> FloatArray:
        m = len(self.mean)
        row, column = np.triu_indices(m)
        doubled = np.where(row == column, 1.0, 2.0) * gradient[row, column]
        return np.concatenate([np.zeros(m), doubled])


def fit_likelihood(values: FloatArray, names: tuple[str, ...]) -> Likelihood:
    """Return the normal likelihood fitted to incomplete responses (n, m).

    Raises
    ------
    ModelError
        If two items were never answered by the same respondent, or the covariance
        matrix is singular.
    """
    _check_pairs(values, names)
    patterns = group_patterns(values)
    singular = ModelError(
        "missing='em' needs more respondents than items and items that are not sums or "
        "copies of each other; their covariance matrix is singular. Use "
        "missing='listwise' or 'pairwise'."
    )
    try:
        mean, covariance = em_moments(patterns)
    except np.linalg.LinAlgError as error:
        raise singular from error
    if np.linalg.eigvalsh(_unit_diagonal(covariance)).min() < 1e-9:
        raise singular
    return Likelihood(
        patterns=patterns,
        mean=mean,
        covariance=covariance,
        information=_observed_information(patterns, mean, covariance),
    )


def _check_pairs(values: FloatArray, names: tuple[str, ...]) -> None:
    present = (~np.isnan(values)).astype(np.float64)
    never = np.argwhere(np.triu(present.T @ present < 2, 1))
    if len(never):
        pairs = [f"{names[j]} and {names[k]}" for j, k in never]
        raise ModelError(
            "missing='em' needs every pair of items answered together by at least two "
            f"respondents; these are not: {listing(pairs)}."
        )


def _unit_diagonal(matrix: FloatArray) -> FloatArray:
    scale = np.sqrt(np.abs(np.diagonal(matrix)))
    scale = np.where(scale > 0, scale, 1.0)
    scaled: FloatArray = matrix / np.outer(scale, scale)
    return scaled


def _observed_information(
    patterns: Patterns, mean: FloatArray, covariance: FloatArray
) -> FloatArray:
    """Return minus the mean second derivative of the log-likelihood, (q, q)."""
    count, first, second = patterns.sums()
    n, m = count.sum(), len(mean)
    precision = precisions(covariance, patterns.answered)
    z, zz = _standardised(precision, mean - patterns.centre, count, first, second)
    i, j = np.triu_indices(m)
    halved = np.where(i == j, 0.5, 1.0)
    # sums over patterns of (zz' - W / 2) x W, as one product of matrices
    left = (zz - count[:, None, None] * precision / 2).reshape(len(count), -1)
    four = (left.T @ precision.reshape(len(count), -1)).reshape(m, m, m, m)
    a, b, k, l = i[:, None], j[:, None], i[None, :], j[None, :]  # noqa: E741
    both = four[a, k, b, l] + four[a, l, b, k] + four[b, k, a, l] + four[b, l, a, k]
    mixed = np.einsum("pki,pj->kij", precision, z)
    mixed = (mixed[:, i, j] + mixed[:, j, i]) * halved
    information = np.empty((m + len(i), m + len(i)))
    information[:m, :m] = np.einsum("p,pij->ij", count, precision)
    information[:m, m:] = mixed
    information[m:, :m] = mixed.T
    information[m:, m:] = both * halved[:, None] * halved[None, :]
    found: FloatArray = information / n
    return found
