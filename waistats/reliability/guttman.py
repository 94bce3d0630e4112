"""Guttman's lambdas: six bounds of reliability from one matrix."""

import numpy as np
import pandas as pd

from waistats._typing import FloatArray
from waistats.errors import DataError, check_option
from waistats.provenance import marked, noted
from waistats.reliability._answers import Accepted, Codes
from waistats.reliability._best_split import best_split
from waistats.reliability._items import ItemsLike
from waistats.reliability._moments import correlation
from waistats.reliability._resampling import Seed
from waistats.reliability._sample import refuse_impossible, varying_sample
from waistats.reliability.alpha import no_total_variance
from waistats.reliability.split_half import searched_note


def guttman_lambdas(
    items: ItemsLike,
    *,
    matrix: str = "correlation",
    missing: str = "listwise",
    n_samples: int = 10_000,
    seed: Seed = 0,
    missing_codes: Codes = (),
    accept: Accepted = (),
) -> pd.DataFrame:
    r"""Return Guttman's lambda 1 to 6, lower bounds of the reliability of the sum.

    Parameters
    ----------
    items : DataFrame or array_like of shape (n, m)
        Keyed responses to at least two items.
    matrix : {"correlation", "covariance"}
        Bounds for the sum of standardized items, as psych, or of the items.
    missing : {"listwise", "pairwise", "em"}
        Treatment of missing answers.
    n_samples : int
        Random splits from which the search for lambda 4 starts above 28 items; at most
        400 are used.
    seed : int, Generator or None
        Makes them reproducible.
    missing_codes : float or sequence of float
        Numbers that mean a missing answer, such as ``(99, -9)``.
    accept : str or sequence of str
        Findings to accept: ``"missing_codes"`` treats common codes as valid answers.

    Returns
    -------
    DataFrame
        ``term`` (lambda1 ... lambda6) and ``estimate``; what was excluded is in
        ``attrs["notes"]``.

    Raises
    ------
    DataError
        If fewer than two items vary, the total does not vary, or pairwise covariances
        are impossible and a bound would exceed 1.

    Notes
    -----
    With the matrix R of m items, its sum V and its diagonal D (Guttman, 1945):
    lambda 1 is :math:`1 - \mathrm{tr}D/V`; lambda 2 adds
    :math:`\sqrt{\tfrac{m}{m-1}\sum_{i\ne j} r_{ij}^2}/V`; lambda 3 is alpha; lambda 4
    the best split half; lambda 5 adds
    :math:`2\sqrt{\max_j\sum_{i\ne j} r_{ij}^2}/V` to lambda 1; lambda 6 is
    :math:`1 - \sum_j e_j^2/V` with the error variances of the items' multiple
    regressions on each other.

    As psych's ``guttman``, but items are never reverse-scored (psych reverses items that
    load negatively on the first component before it searches lambda 4), and lambda 4 is
    the best of *all* splits, equal or not, up to 28 items; psych tries equal halves only,
    and 10,000 random ones from 17 items on. Above 28 items a search is made, and a note
    says so. Lambda 6 needs more respondents than items: with as many items or more it
    would be 1 whatever they are, and is NaN with a note. In small samples lambda 4 and 6
    are too high.

    Examples
    --------
    >>> answers = [[1, 2, 2], [3, 3, 4], [4, 4, 3], [5, 4, 5], [2, 3, 3], [4, 5, 5]]
    >>> guttman_lambdas(answers).round(3)
          term  estimate
    0  lambda1     0.620
    1  lambda2     0.931
    2  lambda3     0.931
    3  lambda4     0.842
    4  lambda5     0.918
    5  lambda6     0.901
    """
    matrix = check_option("matrix", matrix, ("correlation", "covariance"))
    sample = varying_sample(items, missing, missing_codes=missing_codes, accept=accept)
    s = sample.moments.covariance
    r = correlation(s) if matrix == "correlation" else s
    if not r.sum() > 1e-12 * np.trace(r):
        raise DataError(f"{no_total_variance(int(sample.moments.n))}.")
    best = best_split(r, n_starts=min(n_samples, 400), seed=seed)
    found = lambdas(r, best.value)
    notes = sample.notes
    if not best.exhaustive:
        notes += (searched_note(best),)
    people = len(sample.values) or int(sample.moments.n)
    if people <= sample.n_items or not sample.is_possible:
        found[5] = np.nan
        why = (
            f"more respondents than items; there are {people} and {sample.n_items}"
            if people <= sample.n_items
            else "consistent covariances, which these pairwise ones are not"
        )
        notes += (f"Lambda 6 is not given: it needs {why}.",)
    refuse_impossible(sample, float(np.nanmax(found)), "a bound of reliability")
    frame = pd.DataFrame(
        {"term": [f"lambda{i}" for i in range(1, 7)], "estimate": found}
    )
    frame = marked(frame, noted(notes))
    frame.attrs["notes"] = notes
    return frame


def lambdas(r: FloatArray, best_split: float) -> FloatArray:
    """Return lambda 1 to 6 of a matrix, given its best split half."""
    m = len(r)
    total = r.sum()
    diagonal = np.diagonal(r)
    squares = r**2 - np.diag(diagonal**2)
    first = 1 - diagonal.sum() / total
    second = first + np.sqrt(squares.sum() * m / (m - 1)) / total
    third = first * m / (m - 1)
    fifth = first + 2 * np.sqrt(squares.sum(axis=0).max()) / total
    sixth = 1 - error_variances(r).sum() / total
    return np.array([first, second, third, best_split, fifth, sixth])


def error_variances(r: FloatArray) -> FloatArray:
    """Return what each item has left after regression on all others.

    Notes
    -----
    The reciprocals of the diagonal of the inverse. An item that others determine
    exactly has none; then a least-squares regression is made item by item.
    """
    values = np.linalg.eigvalsh(correlation(r))
    if values[0] > 1e-10:
        return 1 / np.diagonal(np.linalg.inv(r))
    m = len(r)
    left = np.empty(m)
    for j in range(m):
        rest = np.delete(np.arange(m), j)
        inverse = np.linalg.pinv(r[np.ix_(rest, rest)], rcond=1e-10, hermitian=True)
        left[j] = r[j, j] - r[j, rest] @ inverse @ r[rest, j]
    return np.maximum(left, 0.0)
