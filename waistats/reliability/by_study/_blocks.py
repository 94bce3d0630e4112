r"""Blocks of sums: what alphas, their variances and covariances need of the answers.

A block holds the people of one sample who answered the same set of items. With answers
:math:`y_j` less a shift, each person has the features :math:`1, y_1, \ldots, y_m`; for
fourth moments also :math:`T_s^2` and :math:`Q_s` of every scale, the squares of the sum
and the sum of squares of its items. The block is the matrix of sums of products of these
features. Another shift is a linear map of the features, so blocks with different shifts
can be added without loss.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from waistats._typing import FloatArray, IntArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Block:
    """Sums over the people of one sample who answered every item of some scales.

    Attributes
    ----------
    sample : int
        The sample, by its place.
    scales : tuple of int
        The scales that these people answered, by their places.
    items : tuple of str
        The m items.
    groups : tuple of ndarray of int
        Places of the items of each scale in ``items``, for fourth moments; empty where
        there are only second moments.
    shift : ndarray of shape (m,)
        What was taken off the answers before summing.
    matrix : ndarray of shape (f, f)
        Sums of products of the features; its first entry is the number of people.
    """

    sample: int
    scales: tuple[int, ...]
    items: tuple[str, ...]
    groups: tuple[IntArray, ...]
    shift: FloatArray
    matrix: FloatArray

    @property
    def n(self) -> int:
        """Number of people."""
        return int(self.matrix[0, 0])

    @property
    def mean(self) -> FloatArray:
        """Means of the shifted items, shape (m,)."""
        m = len(self.items)
        found: FloatArray = self.matrix[0, 1 : m + 1] / self.matrix[0, 0]
        return found

    def centring(self) -> FloatArray:
        """Return the map that takes the features to those of centred answers."""
        return moving(self.mean, self.groups)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Between:
    """Sums over the people that two blocks share.

    Attributes
    ----------
    first, second : int
        The blocks, by their places.
    matrix : ndarray of shape (f, g), or None
        Sums of products of the features of both; None where too few people are shared
        to be told.
    """

    first: int
    second: int
    matrix: FloatArray | None


def features(values: FloatArray, groups: Sequence[IntArray]) -> FloatArray:
    """Return the features (n, f) of shifted answers (n, m)."""
    parts = [np.ones((len(values), 1)), values]
    for of in groups:
        own = values[:, of]
        parts += [own.sum(axis=1, keepdims=True) ** 2]
        parts += [(own * own).sum(axis=1, keepdims=True)]
    return np.hstack(parts)


def moving(by: FloatArray, groups: Sequence[IntArray]) -> FloatArray:
    r"""Return the map (f, f) of the features when ``by`` is taken off the answers.

    With :math:`B=\sum b_j`: :math:`(T-B)^2=T^2-2BT+B^2` and
    :math:`\sum(y_j-b_j)^2=Q-2\sum b_jy_j+\sum b_j^2`.
    """
    m = len(by)
    size = 1 + m + 2 * len(groups)
    move = np.eye(size)
    move[1 : m + 1, 0] = -by
    for s, of in enumerate(groups):
        own, row = by[of], 1 + m + 2 * s
        total = own.sum()
        move[row, 1 + of] = -2 * total
        move[row, 0] = total**2
        move[row + 1, 1 + of] = -2 * own
        move[row + 1, 0] = (own**2).sum()
    return move


def shifted(block: Block, shift: FloatArray) -> Block:
    """Return the block with another shift."""
    move = moving(shift - block.shift, block.groups)
    return replace(block, shift=shift, matrix=move @ block.matrix @ move.T)


def added(first: Block, second: Block) -> Block:
    """Return the block of the people of two blocks of the same items and scales."""
    n = first.n + second.n
    sums = first.n * (first.mean + first.shift) + second.n * (
        second.mean + second.shift
    )
    shift = np.round(sums / n)
    one, other = shifted(first, shift), shifted(second, shift)
    return replace(one, matrix=one.matrix + other.matrix)


def moved(
    between: FloatArray, old: tuple[Block, Block], new: tuple[Block, Block]
) -> FloatArray:
    """Return the sums over shared people with the shifts of other blocks."""
    left, right = (
        moving(after.shift - before.shift, before.groups)
        for before, after in zip(old, new, strict=True)
    )
    return left @ between @ right.T


def make_block(
    values: FloatArray,
    *,
    sample: int,
    scales: Sequence[int],
    items: Sequence[str],
    groups: Sequence[IntArray],
) -> tuple[Block, FloatArray]:
    """Return the block of complete answers (n, m), and the features of each person.

    The shift is a whole number near the mean, so that sums of whole numbers stay whole.
    """
    shift = np.round(values.mean(axis=0)) if len(values) else np.zeros(len(items))
    made = features(values - shift, groups)
    block = Block(
        sample=sample,
        scales=tuple(scales),
        items=tuple(items),
        groups=tuple(groups),
        shift=shift,
        matrix=made.T @ made,
    )
    return block, made


def influence_weights(block: Block, group: int) -> FloatArray:
    r"""Return the weights (f,) that make alpha's influence of the centred features.

    .. math::

        \frac{m}{m-1}\,\frac{D\,t_i^2-V\,u_i}{V^2}

    with D the sum of the item variances and V the variance of the sum of the items.
    """
    of = block.groups[group]
    m, row = len(of), 1 + len(block.items) + 2 * group
    move = block.centring()
    sums = move[row : row + 2] @ block.matrix[:, 0]
    total, squares = sums / (block.n - 1)
    weights = np.zeros(len(block.matrix))
    weights[row] = m / (m - 1) * squares / total**2
    weights[row + 1] = -m / (m - 1) / total
    # in terms of the block's own features
    return weights @ move


def influence_product(
    first: Block, second: Block, matrix: FloatArray, groups: tuple[int, int]
) -> float:
    """Return the sampling covariance of two alphas from sums over shared people.

    Parameters
    ----------
    first, second : Block
        Blocks of the two alphas; one and the same for alphas of the same people.
    matrix : ndarray of shape (f, g)
        Sums of products of their features over the people that they share.
    groups : tuple of int
        Which scale of each block.
    """
    left = influence_weights(first, groups[0])
    right = influence_weights(second, groups[1])
    sizes = first.n * (first.n - 1.0) * second.n * (second.n - 1.0)
    return float(left @ matrix @ right / np.sqrt(sizes))
