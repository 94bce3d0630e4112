"""Ordered answers -> polychoric correlations, checked, smoothed and resampled."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from waistats.arrays import FloatArray, IntArray
from waistats.errors import DataError, ModelError, check_option, listing
from waistats.reliability.bootstrap import Seed, resampled_sums
from waistats.reliability.polychoric import (
    Polychoric,
    fit_pairs,
    item_thresholds,
    polychoric,
)
from waistats.reliability.polychoric_influence import polychoric_influence
from waistats.reliability.responses import ItemsLike
from waistats.reliability.sample import Sample
from waistats.reliability.usable import varying_sample

MOST_CATEGORIES = 20
# a table of this many counts is resampled at once
_BLOCK = 4_000_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OrdinalSample:
    """Ordered answers with their polychoric correlations.

    Attributes
    ----------
    sample : Sample
        The answers and their counts.
    fit : Polychoric
        The correlations as estimated.
    correlation : ndarray of shape (m, m)
        The correlations, smoothed where they were not positive definite.
    problems : tuple of str
        Why there is no delta-method standard error; empty if there is one.
    notes : tuple of str
        On missing answers, empty cells, smoothing and perfect correlations.
    """

    sample: Sample
    fit: Polychoric
    correlation: FloatArray
    problems: tuple[str, ...]
    notes: tuple[str, ...]

    def influence(self, gradient: FloatArray) -> FloatArray:
        """Return influences (n,) on a function of correlations with this gradient."""
        return polychoric_influence(self.fit, gradient)

    def replicates(
        self, function: Callable[[FloatArray], FloatArray], n_resamples: int, seed: Seed
    ) -> FloatArray:
        """Return a function of correlations (B, m, m) in B resamples of respondents."""
        return function(resampled_polychorics(self.fit, n_resamples, seed))


def ordinal_sample(
    items: ItemsLike,
    *,
    correct: float = 0.0,
    missing: str = "listwise",
    at_least_items: int = 2,
) -> OrdinalSample:
    """Return items with their polychoric correlations, checked and smoothed.

    Parameters
    ----------
    items : DataFrame or array_like of shape (n, m)
        Ordered answers.
    correct : float
        Count put into empty cells.
    missing : {"listwise", "pairwise"}
        Treatment of missing answers.
    at_least_items : int
        The fewest items.

    Returns
    -------
    OrdinalSample
        Answers, correlations and notes.
    """
    check_option("missing", missing, ("listwise", "pairwise"))
    if not 0 <= correct < 1:
        raise ModelError(f"correct must be at least 0 and below 1; got {correct!r}.")
    sample = varying_sample(items, missing, at_least_items=at_least_items)
    codes, size = categories(sample.values)
    fit = polychoric(codes, size, correct=correct)
    notes = [*sample.notes]
    if fit.empty_cells:
        what = f"filled with {correct:g}" if correct else "left empty"
        notes.append(f"{fit.empty_cells} empty cells in the tables of pairs, {what}.")
    problems = []
    if not fit.converged.all():
        pairs = [
            f"{sample.names[fit.pairs[0][p]]} with {sample.names[fit.pairs[1][p]]}"
            for p in np.flatnonzero(~fit.converged)
        ]
        problems.append(
            f"Polychoric correlation at its limit of one: {listing(pairs, 4)}."
        )
    matrix, smoothed = smooth(fit.correlation)
    if smoothed:
        problems.append(
            "The polychoric matrix was not positive definite and has been smoothed "
            "(negative eigenvalues set to zero)."
        )
    return OrdinalSample(
        sample=sample,
        fit=fit,
        correlation=matrix,
        problems=tuple(problems),
        notes=(*notes, *problems),
    )


def categories(values: FloatArray) -> tuple[IntArray, int]:
    """Return answers as category numbers, -1 where missing, and how many there are."""
    present = ~np.isnan(values)
    levels = np.unique(values[present])
    if levels.size > MOST_CATEGORIES:
        raise DataError(
            f"ordinal coefficients need answers in at most {MOST_CATEGORIES} ordered "
            f"categories, but there are {levels.size} different ones. For continuous "
            "answers use cronbach_alpha or omega_total."
        )
    codes = np.searchsorted(levels, values)
    return np.where(present, codes, -1), levels.size


def smooth(correlation: FloatArray) -> tuple[FloatArray, bool]:
    """Return the matrix with eigenvalues of at least 1e-10, and whether it changed.

    Notes
    -----
    As psych's ``cor.smooth``: eigenvalues below 1e-12 become 1e-10, the rest is
    rescaled, and the diagonal is set to one again.
    """
    values, vectors = np.linalg.eigh(correlation)
    if values[0] >= np.finfo(float).eps:
        return correlation, False
    values = np.where(values < 1e-12, 1e-10, values)
    matrix = (vectors * values) @ vectors.T
    sd = np.sqrt(np.diagonal(matrix))
    matrix = matrix / np.outer(sd, sd)
    np.fill_diagonal(matrix, 1.0)
    return matrix, True


def resampled_polychorics(fit: Polychoric, n_resamples: int, seed: Seed) -> FloatArray:
    """Return unsmoothed polychoric matrices (B, m, m) of resampled respondents."""
    codes, (first, second) = fit.codes, fit.pairs
    n, m = codes.shape
    size = fit.thresholds.shape[1] - 1
    # every block of pairs must draw the same people
    draw = int(np.random.default_rng(seed).integers(2**63))
    one_hot = (codes[..., None] == np.arange(size)).astype(float)
    own = resampled_sums(one_hot.reshape(n, m * size), n_resamples, draw)
    thresholds = item_thresholds(own.reshape(n_resamples, m, size))
    matrices = np.broadcast_to(np.eye(m), (n_resamples, m, m)).copy()
    block = max(1, _BLOCK // (max(n, n_resamples) * size**2))
    starts = range(0, first.size, block)
    for start in tqdm(starts, desc="pairs", disable=None, leave=False):
        i, j = first[start : start + block], second[start : start + block]
        joint = one_hot[:, i, :, None] * one_hot[:, j, None, :]
        sums = resampled_sums(joint.reshape(n, -1), n_resamples, draw)
        tables = sums.reshape(n_resamples, i.size, size, size)
        rho, _ = fit_pairs(
            tables,
            thresholds[:, i],
            thresholds[:, j],
            tolerance=1e-6,
            max_iterations=60,
        )
        matrices[:, i, j] = matrices[:, j, i] = rho
    return matrices
