"""Orthogonal bifactor models of known groups: pattern, omega and its derivative."""

from collections.abc import Mapping, Sequence

import numpy as np

from waistats.arrays import BoolArray, FloatArray
from waistats.errors import DataError, ModelError, listing, near
from waistats.reliability.factor import FactorFit, ml_gradient

Groups = Mapping[str, Sequence[str]]


def group_pattern(groups: Groups, names: tuple[str, ...]) -> BoolArray:
    """Return free loadings of shape (m, 1 + groups): the general factor comes first.

    Parameters
    ----------
    groups : mapping of str to sequence of item names
        Items of each group.
    names : tuple of str
        All items.

    Returns
    -------
    ndarray of bool
        True where a loading is free.

    Raises
    ------
    DataError
        If an item is unknown or stands in two groups.
    ModelError
        If a group has fewer than three items.
    """
    members = {str(g): [str(item) for item in items] for g, items in groups.items()}
    flat = [item for items in members.values() for item in items]
    unknown = [f"{item!r}{near(item, names)}" for item in flat if item not in names]
    if unknown:
        raise DataError(f"groups name items that are not there: {listing(unknown)}.")
    twice = sorted({item for item in flat if flat.count(item) > 1})
    if twice:
        raise DataError(f"each item may be in one group only: {listing(twice)}.")
    small = [f"{g} ({len(items)})" for g, items in members.items() if len(items) < 3]
    if small or not members:
        raise ModelError(
            "a bifactor model needs groups of at least 3 items, but these have fewer: "
            f"{listing(small) or 'none was given'}. Leave such groups out: their items "
            "then load on the general factor only."
        )
    pattern = np.zeros((len(names), 1 + len(members)), dtype=bool)
    pattern[:, 0] = True
    for column, items in enumerate(members.values(), start=1):
        pattern[:, column] = [name in set(items) for name in names]
    return pattern


def bifactor_omega(fit: FactorFit) -> FloatArray:
    """Return omega hierarchical (...) of fits whose first factor is general."""
    sums = fit.loadings.sum(-2)
    total = (sums**2).sum(-1) + fit.uniquenesses.sum(-1)
    return sums[..., 0] ** 2 / total


def bifactor_gradient(fit: FactorFit) -> FloatArray:
    """Return the derivative (m, m) of omega hierarchical by the covariances."""
    sums = fit.loadings.sum(-2)
    total = (sums**2).sum(-1) + fit.uniquenesses.sum(-1)
    share = sums[0] ** 2 / total
    by_sum = -2 * share * sums / total
    by_sum[0] += 2 * sums[0] / total
    free = fit.loadings != 0
    by_uniqueness = np.full(fit.uniquenesses.shape, -share / total)
    return ml_gradient(fit, free * by_sum, by_uniqueness)
