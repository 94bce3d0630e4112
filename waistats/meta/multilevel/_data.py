"""Data of a multilevel model, rescaled and cut into blocks, ready to evaluate.

Columns of a table -> nested groups, clusters and sampling covariance.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from waistats._format import coefficient, counted, fixed
from waistats._typing import FloatArray, IntArray
from waistats.errors import DataError, ModelError, listing, near
from waistats.meta._covariance import SamplingCovariance
from waistats.meta._effects import IDS, Effects
from waistats.meta.multilevel._blocks import (
    Batch,
    connect,
    constant_correlation,
    cut,
    is_diagonal,
    level_codes,
    sampling_covariance,
)
from waistats.reliability.covariance import AlphaCovariance

# a V that differs from vi by more is probably on another scale
UNLIKELY = 5


def level_names(levels: Sequence[str]) -> tuple[str, ...]:
    """Return the names of the levels as a checked tuple."""
    names = (levels,) if isinstance(levels, str) else tuple(levels)
    if not names or not all(isinstance(name, str) for name in names):
        raise ModelError(
            "levels must name columns, outermost first, such as ('study_id', "
            f"'coefficient_id'); got {levels!r}."
        )
    if len(set(names)) < len(names):
        raise ModelError(f"levels must differ; got {listing(names)}.")
    return names


def group_codes(used: Effects, name: str) -> IntArray:
    """Return the codes of one level."""
    source = used.source
    if name not in source:
        if name in IDS:
            return np.arange(len(used.rows))
        raise DataError(
            f"Level {name!r} is not a column of the table"
            f"{near(name, map(str, source.columns))}."
        )
    values = source[name].to_numpy(dtype=object)[used.rows]
    blank = pd.isna(values) | (values == "")
    # a blank sample is the study's one unnamed sample
    if blank.any() and name != "sample_id":
        raise DataError(
            f"Level {name!r} is empty in rows {listing(used.rows[blank] + 1)} of the "
            "table."
        )
    found: IntArray = pd.factorize(values)[0].astype(np.int64)
    return found


def check_rows_apart(
    used: Effects, names: tuple[str, ...], codes: list[IntArray]
) -> None:
    """Refuse coefficient ids that are there twice in one group."""
    if "coefficient_id" not in names:
        return
    code = codes[names.index("coefficient_id")]
    twice = np.bincount(code)[code] > 1
    if twice.any():
        table = used.table[twice]
        places = (table["study_id"] + "/" + table["coefficient_id"]).unique()
        raise DataError(
            f"coefficient_id is repeated for {listing(places)} (study/coefficient). "
            "Number the coefficients of a study, or put sample_id between the levels."
        )


def _matrices(V: Any, measure: str | None) -> Any:
    """Return V with results of `alpha_covariance` as matrices on the effects' scale."""
    if isinstance(V, AlphaCovariance):
        return V.matrix(measure or "bonett")
    if isinstance(V, Mapping):
        return {name: _matrices(block, measure) for name, block in V.items()}
    return V


def _respondents(
    effects: pd.DataFrame, used: Effects, names: tuple[str, ...]
) -> IntArray:
    """Return the codes of rows that may share respondents."""
    study = group_codes(used, "study_id" if "study_id" in effects else names[0])
    if "sample_id" not in effects:
        return study
    values = used.source["sample_id"].to_numpy(dtype=object)[used.rows]
    sample = pd.factorize(values, use_na_sentinel=False)[0].astype(np.int64)
    return level_codes([study, sample])[1]


def table_covariance(
    effects: pd.DataFrame,
    used: Effects,
    names: tuple[str, ...],
    within_correlation: float | None,
    V: Any,
) -> sparse.csr_array:
    """Return the sampling covariance of the used rows."""
    if V is not None and within_correlation is not None:
        raise ModelError("Give V or within_correlation, not both.")
    if isinstance(V, SamplingCovariance):
        at = V.rows(effects.iloc[used.rows])
        return sparse.csr_array(V.matrix[at][:, at])
    if V is not None:
        V = _matrices(V, used.measure)
        rows = range(1, len(effects) + 1)
        study = effects["study_id"].tolist() if "study_id" in effects else rows
        return sampling_covariance(V, [str(name) for name in study], used.rows)
    if within_correlation is not None:
        return constant_correlation(
            used.vi, _respondents(effects, used, names), within_correlation
        )
    return sparse.csr_array(sparse.diags_array(used.vi))


def covariance_notes(
    used: Effects, V: sparse.csr_array, within_correlation: float | None, given: Any
) -> tuple[str, ...]:
    """Return what a reader must know of the sampling covariance."""
    if within_correlation is not None:
        where = "sample" if "sample_id" in used.source else "study"
        return (
            f"Sampling errors of one {where} are assumed to correlate "
            f"{coefficient(within_correlation, 2)}.",
        )
    if given is None:
        return ()
    ratio = float(np.median(V.diagonal() / used.vi))
    notes = ["Sampling covariances are those given as V."]
    if not 1 / UNLIKELY < ratio < UNLIKELY:
        notes.append(
            f"Their variances are {fixed(ratio, 3)} times vi (median): is V on the "
            "scale of yi?"
        )
    if isinstance(given, SamplingCovariance):
        notes += given.notes
    return tuple(notes)


def cluster_codes(
    used: Effects, cluster: Any, default: tuple[IntArray, str]
) -> tuple[IntArray, str]:
    """Return cluster codes of the used rows and what to call them."""
    if cluster is None:
        return default
    if isinstance(cluster, str):
        return group_codes(used, cluster), cluster
    values = np.asarray(cluster)
    if values.shape == (len(used.source),):
        values = values[used.rows]
    if values.shape != (len(used.rows),):
        raise ModelError(
            "cluster must have one value for each of the "
            f"{counted(len(used.rows), 'row')}; its shape is {values.shape}."
        )
    code = pd.factorize(values)[0].astype(np.int64)
    if (code < 0).any():
        raise DataError(
            f"cluster is missing in rows {listing(used.rows[code < 0] + 1)} of the "
            "table."
        )
    return code, "the given values"


def check_contains(
    code: IntArray,
    name: str,
    V: sparse.csr_array,
    groups: Sequence[tuple[IntArray, str]],
) -> None:
    """Refuse clusters between which the model has correlations."""
    if code.max() == 0:
        raise ModelError("Robust standard errors need at least 2 clusters; there is 1.")
    joined = [(group, f"groups of {level}") for group, level in groups]
    if not is_diagonal(V):
        joined.append((connect(V, None), "rows whose sampling errors are correlated"))
    for group, what in joined:
        first = np.unique(group, return_index=True)[1][group]
        if (code[first] != code).any():
            raise ModelError(
                f"Clusters of {name} cut through {what}, so they are not independent. "
                "Cluster on the outermost level or something wider."
            )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Problem:
    """Data of a model with covariance V + sum of sigma2_l Z_l Z_l', ready to evaluate.

    Outcome, V and design are rescaled so that the numbers are near 1; ``unit`` is the
    variance that counts as 1, ``start`` the least-squares fit that was taken off, and
    ``triangle`` turns coefficients of the orthonormal design into those of X.
    """

    batches: tuple[Batch, ...]
    row_level: bool
    k: int
    p: int
    n_levels: int
    restricted: bool
    unit: float
    start: FloatArray
    triangle: FloatArray
    excess: tuple[float, float]
    Q: float
    typical_variance: float


def prepare(
    y: FloatArray,
    X: FloatArray,
    V: sparse.csr_array,
    codes: list[IntArray],
    *,
    restricted: bool = True,
) -> Problem:
    """Rescale the data and cut them into blocks.

    Parameters
    ----------
    y : array of shape (k,)
        Outcome.
    X : array of shape (k, p)
        Design of full column rank.
    V : sparse array of shape (k, k)
        Sampling covariance.
    codes : list of int arrays of shape (k,)
        Groups of each level, outermost first, no two alike.
    restricted : bool, default True
        Restricted (REML) rather than full (ML) likelihood.
    """
    k, p = X.shape
    orthonormal, triangle = np.linalg.qr(X)
    orthonormal, triangle = orthonormal * np.sqrt(k), triangle / np.sqrt(k)
    variance = V.diagonal()
    unit = float(np.exp(np.log(variance).mean()))
    start = orthonormal.T @ y / k
    residual = (y - orthonormal @ start) / np.sqrt(unit)
    batches, row_level = cut(residual, orthonormal, V / unit, codes)
    Q, trace = _without_effects(batches, p)
    df = max(k - p, 1)
    plain = float(residual @ residual) / df - float(variance.mean()) / unit
    return Problem(
        batches=batches,
        row_level=row_level,
        k=k,
        p=p,
        n_levels=len(codes),
        restricted=restricted,
        unit=unit,
        start=start,
        triangle=triangle,
        excess=(max((Q - df) / trace, 0.0), max(plain, 0.0)),
        Q=Q,
        typical_variance=(k - p) / trace * unit,
    )


def _without_effects(batches: tuple[Batch, ...], p: int) -> tuple[float, float]:
    """Return Q = y'Py and tr P with W = V^-1."""
    once = np.zeros((p + 1, p + 1))
    twice, trace = once.copy(), 0.0
    for batch in batches:
        R = batch.columns[batch.real][:, batch.n_groups :]
        w = 1 / batch.spread[batch.real]
        once += (R.T * w) @ R
        twice += (R.T * w**2) @ R
        trace += float(w.sum())
    beta = np.linalg.solve(once[:p, :p], once[:p, p])
    Q = float(once[p, p] - once[:p, p] @ beta)
    trace -= float(np.trace(np.linalg.solve(once[:p, :p], twice[:p, :p])))
    return max(Q, 0.0), trace
