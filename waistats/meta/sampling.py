"""Sampling covariance of the coefficients: V, stored as its non-zero entries only."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from waistats.arrays import FloatArray, IntArray
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
        raise DataError(f"V of {name} holds something that is no number.") from error
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
            wrong.append(f"{name} ({block.shape[0]} for {rows.size} rows)")
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
                f"V must have one row and column for each of the {total} rows of the "
                f"table, in its order; its shape is {whole.shape}."
            )
    return _checked(sparse.csr_array(matrix), used)


def _checked(matrix: sparse.csr_array, used: IntArray) -> sparse.csr_array:
    if bad := [int(used[row]) + 1 for row in _rows_not_finite(matrix)]:
        raise DataError(f"V holds missing or infinite values in row {listing(bad)}.")
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
