"""Rows cut into independent blocks, in which every block's covariance is diagonal.

Sampling covariance of the coefficients: V, stored as its non-zero entries only.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from waistats._format import counted
from waistats._typing import BoolArray, FloatArray, IntArray
from waistats.errors import DataError, ModelError, listing


def constant_correlation(
    vi: FloatArray, study: IntArray, correlation: float
) -> sparse.csr_array:
    """Return V with one correlation between all coefficients of a study.

    Parameters
    ----------
    vi : array of shape (k,)
        Sampling variances.
    study : array of int, shape (k,)
        Study codes.
    correlation : float
        Correlation of the sampling errors within a study, from 0 to below 1.
    """
    if not 0 <= correlation < 1:
        raise ModelError(
            "within_correlation must be at least 0 and below 1 (a correlation of 1 "
            f"leaves no error of its own to any coefficient); got {correlation!r}."
        )
    row, column = pairs_within(study)
    value = np.sqrt(vi[row] * vi[column])
    value[row != column] *= correlation
    return sparse.csr_array((value, (row, column)), shape=(vi.size, vi.size))


def pairs_within(group: IntArray) -> tuple[IntArray, IntArray]:
    """Return the row and column numbers of all pairs of rows of the same group."""
    order = np.argsort(group, kind="stable")
    _, start, size = np.unique(group[order], return_index=True, return_counts=True)
    rows, columns = [], []
    for n in np.unique(size):
        members = order[start[size == n][:, None] + np.arange(n)]
        rows.append(np.repeat(members, n, axis=1).ravel())
        columns.append(np.tile(members, (1, n)).ravel())
    return np.concatenate(rows), np.concatenate(columns)


def _from_blocks(blocks: Sequence[tuple[Any, IntArray, FloatArray]], k: int) -> Any:
    rows = [np.repeat(at, at.size) for _, at, _ in blocks]
    columns = [np.tile(at, at.size) for _, at, _ in blocks]
    values = [block.ravel() for _, _, block in blocks]
    return sparse.csr_array(
        (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))),
        shape=(k, k),
    )


def _square(block: Any, name: str) -> FloatArray:
    try:
        matrix = np.asarray(block, dtype=float)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"V of {name} contains a value that is not a number."
        ) from error
    matrix = matrix.reshape(1, 1) if matrix.ndim == 0 else matrix
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise DataError(f"V of {name} must be square, but has shape {matrix.shape}.")
    return matrix


def _blocks_by_study(
    V: Mapping[Any, Any], study: Sequence[str], used: IntArray
) -> sparse.csr_array:
    given = {str(name): block for name, block in V.items()}
    labels = np.asarray([str(name) for name in study], dtype=object)
    codes, names = pd.factorize(labels)
    kept = np.zeros(labels.size, dtype=bool)
    kept[used] = True
    needed = {str(names[code]) for code in np.unique(codes[used])}
    if absent := sorted(needed - set(given)):
        raise DataError(f"V has no block for study_id {listing(absent)}.")
    order = np.argsort(codes, kind="stable")
    members = np.split(order, np.cumsum(np.bincount(codes))[:-1])
    blocks, wrong = [], []
    for name, rows in zip(names, members, strict=True):
        if name not in needed:
            continue
        block = _square(given[str(name)], f"study_id {name}")
        inside = rows[kept[rows]]
        if block.shape[0] == rows.size:
            block = block[np.ix_(kept[rows], kept[rows])]
        elif block.shape[0] != inside.size:
            wrong.append(f"{name} ({block.shape[0]} for {counted(rows.size, 'row')})")
            continue
        blocks.append((name, inside, block))
    if wrong:
        raise DataError(
            "V must have one row and column for each row of the study, in the order of "
            f"the table; it does not for study_id {listing(wrong)}."
        )
    return _from_blocks(blocks, labels.size)[used][:, used]


def sampling_covariance(
    V: Any, study: Sequence[str], used: IntArray
) -> sparse.csr_array:
    """Return V of the used rows from any of the forms in which it may be given.

    Parameters
    ----------
    V : array, DataFrame, sparse array, list of arrays, or mapping
        The whole matrix in row order; or blocks for consecutive rows; or one block for
        each study by its ``study_id``.
    study : sequence of str
        ``study_id`` of every row of the table.
    used : array of int
        Positions of the rows that enter the model.
    """
    total = len(study)
    if isinstance(V, Mapping):
        matrix = _blocks_by_study(V, study, used)
    else:
        if sparse.issparse(V):
            whole = sparse.csr_array(V)
        elif isinstance(V, (list, tuple)) and any(np.ndim(block) == 2 for block in V):
            parts = [_square(block, f"block {i + 1}") for i, block in enumerate(V)]
            blocks = [sparse.csr_array(part) for part in parts]
            whole = sparse.csr_array(sparse.block_diag(blocks))
        else:
            whole = sparse.csr_array(_square(V, "the table"))
        if whole.shape == (total, total):
            matrix = whole[used][:, used]
        elif whole.shape == (used.size, used.size):
            matrix = whole
        else:
            raise DataError(
                "V must have one row and column for each of the "
                f"{counted(total, 'row')} of the table, in its order; its shape is "
                f"{whole.shape}."
            )
    return _checked(sparse.csr_array(matrix), used)


def _checked(matrix: sparse.csr_array, used: IntArray) -> sparse.csr_array:
    if bad := [int(used[row]) + 1 for row in _rows_not_finite(matrix)]:
        raise DataError(f"V contains missing or infinite values in row {listing(bad)}.")
    diagonal = matrix.diagonal()
    if bad := [int(used[row]) + 1 for row in np.flatnonzero(diagonal <= 0)]:
        raise DataError(
            "V must have variances above 0 on its diagonal; it does not in row "
            f"{listing(bad)}."
        )
    gap = sparse.coo_array(matrix - matrix.T)
    scale = np.sqrt(diagonal[gap.row] * diagonal[gap.col])
    uneven = np.unique(gap.row[np.abs(gap.data) > 1e-8 * scale])
    if uneven.size:
        bad = [int(used[row]) + 1 for row in uneven]
        raise DataError(f"V is not symmetric in row {listing(bad)}.")
    matrix = sparse.csr_array((matrix + matrix.T) / 2)
    matrix.eliminate_zeros()
    return matrix


def _rows_not_finite(matrix: sparse.csr_array) -> IntArray:
    entries = sparse.coo_array(matrix)
    return np.unique(entries.row[~np.isfinite(entries.data)]).astype(np.int64)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Batch:
    """Blocks of similar size, padded to one size s; padding has weight 0.

    Attributes
    ----------
    rows : array of int, shape (m, s)
        Row numbers of the m blocks; -1 is padding.
    spread : array, shape (m, s)
        Eigenvalues of each block of V; padding is 1.
    real : array of bool, shape (m, s)
        Where ``spread`` belongs to data.
    columns : array, shape (m, s, q + p + 1)
        Group indicators, design and outcome, turned by the eigenvectors of V.
    n_groups : int
        q, the most groups of the clustered levels in a block.
    level : array, shape (m, q, C)
        1 where a group indicator belongs to one of the C clustered levels.
    """

    rows: IntArray
    spread: FloatArray
    real: BoolArray
    columns: FloatArray
    n_groups: int
    level: FloatArray


def level_codes(keys: list[IntArray]) -> list[IntArray]:
    """Return group codes of nested levels: an inner group lies within its outer one."""
    codes: list[IntArray] = []
    for key in keys:
        if codes:
            _, key = np.unique(np.stack([codes[-1], key]), axis=1, return_inverse=True)
        _, code = np.unique(key, return_inverse=True)
        codes.append(code.reshape(-1).astype(np.int64))
    return codes


def is_diagonal(V: sparse.csr_array) -> bool:
    """Say whether V has nothing off its diagonal."""
    return bool(V.nnz == np.count_nonzero(V.diagonal()))


def connect(V: sparse.csr_array, outer: IntArray | None) -> IntArray:
    """Return block codes: rows that share an outer group or a covariance."""
    k = V.shape[0]
    if outer is None:
        if is_diagonal(V):
            return np.zeros(k, dtype=np.int64)
        found: IntArray = connected_components(V, directed=False)[1].astype(np.int64)
        return found
    if is_diagonal(V):
        return outer
    first = np.unique(outer, return_index=True)[1][outer]
    links = sparse.csr_array((np.ones(k), (np.arange(k), first)), shape=(k, k))
    numbers: IntArray = connected_components(V + links, directed=False)[1].astype(
        np.int64
    )
    return numbers


def size_classes(size: IntArray) -> list[IntArray]:
    """Return the block numbers of each batch: few batches, little padding."""
    if size.size * int(size.max()) <= max(4 * int(size.sum()), 2000):
        return [np.arange(size.size)]
    power = np.ceil(2 * np.log2(size)).astype(int)
    return [np.flatnonzero(power == value) for value in np.unique(power)]


def padded_rows(block: IntArray) -> list[IntArray]:
    """Return the row numbers of all blocks, batch by batch, padded with -1."""
    order = np.argsort(block, kind="stable")
    _, start, size = np.unique(block[order], return_index=True, return_counts=True)
    batches = []
    for members in size_classes(size):
        place = np.arange(size[members].max())
        inside = place < size[members][:, None]
        at = np.where(inside, start[members][:, None] + place, 0)
        batches.append(np.where(inside, order[at], -1))
    return batches


def dense_blocks(V: sparse.csr_array, rows: IntArray, padding: float) -> FloatArray:
    """Return the blocks of V, (m, s, s), with ``padding`` on the padded diagonal."""
    m, s = rows.shape
    block_of = np.full(V.shape[0], -1)
    place_of = np.zeros(V.shape[0], dtype=np.int64)
    real = rows >= 0
    block_of[rows[real]], place_of[rows[real]] = np.nonzero(real)
    entries = sparse.coo_array(V)
    inside = block_of[entries.row] >= 0
    row, column = entries.row[inside], entries.col[inside]
    dense = np.zeros((m, s, s))
    dense[block_of[row], place_of[row], place_of[column]] = entries.data[inside]
    pad_block, pad_place = np.nonzero(~real)
    dense[pad_block, pad_place, pad_place] = padding
    return dense


def _indicators(rows: IntArray, codes: list[IntArray]) -> tuple[FloatArray, FloatArray]:
    """Return group indicators (m, s, q) and the level of each of them (m, q, C)."""
    m, s = rows.shape
    real = rows >= 0
    parts, levels = [], []
    for index, key in enumerate(codes):
        code = np.where(real, key[rows], -1)
        # within a block, groups are numbered from 0 in order of their code
        ordered = np.argsort(code, axis=1, kind="stable")
        sorted_code = np.take_along_axis(code, ordered, axis=1)
        new = np.ones((m, s), dtype=np.int64)
        new[:, 1:] = sorted_code[:, 1:] != sorted_code[:, :-1]
        new[sorted_code < 0] = 0
        number = np.empty((m, s), dtype=np.int64)
        np.put_along_axis(number, ordered, np.cumsum(new, axis=1) - 1, axis=1)
        q = int(number.max()) + 1
        part = (number[..., None] == np.arange(q)) & real[..., None]
        level = np.zeros((m, q, len(codes)))
        level[..., index] = part.any(axis=1)
        parts.append(part.astype(float))
        levels.append(level)
    if not parts:
        return np.zeros((m, s, 0)), np.zeros((m, 0, 0))
    return np.concatenate(parts, axis=2), np.concatenate(levels, axis=1)


def cut(
    y: FloatArray, X: FloatArray, V: sparse.csr_array, codes: list[IntArray]
) -> tuple[tuple[Batch, ...], bool]:
    """Cut the rows into blocks and turn every block so that V is diagonal in it.

    Parameters
    ----------
    y : array of shape (k,)
        Outcome.
    X : array of shape (k, p)
        Design.
    V : sparse array of shape (k, k)
        Sampling covariance.
    codes : list of int arrays of shape (k,)
        Groups of each nested level, outermost first, no two alike.

    Returns
    -------
    batches : tuple of Batch
        The blocks.
    row_level : bool
        Whether the groups of the innermost level are single rows; its variance then
        adds to every eigenvalue, and the other levels are the clustered ones.
    """
    row_level = bool(codes) and int(codes[-1].max()) + 1 == y.size
    clustered = codes[:-1] if row_level else codes
    block = connect(V, clustered[0] if clustered else None)
    turned = not is_diagonal(V)
    batches = []
    for rows in padded_rows(block):
        real = rows >= 0
        Z, level = _indicators(rows, clustered)
        columns = np.concatenate([Z, X[rows], y[rows][..., None]], axis=2)
        columns = np.where(real[..., None], columns, 0.0)
        if turned:
            # padding is -1, so that it never shares an eigenvalue with data
            spread, axes = np.linalg.eigh(dense_blocks(V, rows, -1.0))
            columns = axes.transpose(0, 2, 1) @ columns
            _check_positive(spread, rows)
            real = np.arange(rows.shape[1]) >= (~real).sum(axis=1)[:, None]
        else:
            spread = V.diagonal()[rows]
        batches.append(
            Batch(
                rows=rows,
                spread=np.where(real, spread, 1.0),
                real=real,
                columns=columns,
                n_groups=Z.shape[2],
                level=level,
            )
        )
    return tuple(batches), row_level


def _check_positive(spread: FloatArray, rows: IntArray) -> None:
    size = (rows >= 0).sum(axis=1)
    smallest = spread[np.arange(rows.shape[0]), rows.shape[1] - size]
    bad = np.flatnonzero(smallest <= 1e-14 * spread[:, -1])
    if bad.size:
        places = [
            "(" + listing(rows[b][rows[b] >= 0] + 1, 6) + ")" for b in bad.tolist()
        ]
        raise DataError(
            "V must be positive definite; it is not for the rows "
            f"{listing(places)} of the model. Are two coefficients given twice, or "
            "correlations too high?"
        )
