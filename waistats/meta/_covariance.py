"""Sampling covariance that follows its coefficients, whichever rows a model takes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from waistats._format import counted
from waistats._typing import BoolArray, FloatArray
from waistats.errors import DataError, listing
from waistats.measures import slope
from waistats.measures._known import known_covariance
from waistats.meta.multilevel._blocks import constant_correlation, sampling_covariance

PAIRS = ("study_id", "coefficient_id", "other_id", "covariance", "measure")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SamplingCovariance:
    """Sampling covariance of the coefficients of a table, found by their ids.

    Attributes
    ----------
    places : dict of (study_id, coefficient_id) to int
        Row and column of each coefficient.
    matrix : sparse array, shape (k, k)
        Covariance on the scale of ``yi``.
    given : ndarray of bool, shape (k,)
        Coefficients whose covariance was given; the others have their ``vi``, and
        ``within_correlation`` with those of their sample.
    n_used : int
        Coefficients that can be pooled.
    measure : str or None
        Scale of ``yi``.
    within_correlation : float or None
        Assumed correlation of the others.
    """

    places: Mapping[tuple[str, str], int] = field(repr=False)
    matrix: sparse.csr_array = field(repr=False)
    given: BoolArray = field(repr=False)
    n_used: int
    measure: str | None = None
    within_correlation: float | None = None

    def rows(self, effects: pd.DataFrame) -> np.ndarray:
        """Return the places of the rows of a table of these coefficients."""
        keys = _keys(effects)
        absent = [key for key in keys if key not in self.places]
        if absent:
            raise DataError(
                "V has no row for "
                f"{listing('/'.join(key) for key in absent)} (study/coefficient)."
            )
        return np.array([self.places[key] for key in keys], dtype=np.int64)

    def of(self, effects: pd.DataFrame) -> sparse.csr_array:
        """Return the covariance of the rows of a table, in their order."""
        at = self.rows(effects)
        return sparse.csr_array(self.matrix[at][:, at])

    def known(self, effects: pd.DataFrame) -> tuple[sparse.csr_array, BoolArray]:
        """Return what was given of the rows of a table, on its scale, and for which."""
        at = self.rows(effects)
        given = np.asarray(self.given[at], dtype=bool)
        scale = sparse.diags_array(_rescaled(effects, self.measure) * given)
        return sparse.csr_array(scale @ self.matrix[at][:, at] @ scale), given

    def on(self, effects: pd.DataFrame) -> sparse.csr_array:
        """Return `of` on the scale of a table, which may be another."""
        matrix, given = self.known(effects)
        vi = np.where(given, 0.0, effects["vi"].to_numpy(dtype=float))
        if self.within_correlation is None:
            return sparse.csr_array(matrix + sparse.diags_array(vi))
        samples = _samples(effects, _keys(effects))
        rest = constant_correlation(vi, samples, self.within_correlation)
        return sparse.csr_array(matrix + rest)

    def to_frame(self) -> pd.DataFrame:
        """Return the covariance of all coefficients, labelled study/coefficient."""
        labels = ["/".join(key) for key in self.places]
        return pd.DataFrame(self.matrix.toarray(), index=labels, columns=labels)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know."""
        known, all_ = int(self.given.sum()), self.n_used
        if known == all_:
            return ()
        rest = all_ - known
        assumed = (
            "are taken as independent"
            if self.within_correlation is None
            else f"are assumed to correlate {self.within_correlation:g} within a sample"
        )
        return (
            f"The sampling covariance of {known} of {counted(all_, 'coefficient')} is "
            f"known; the errors of the other {rest} {assumed}.",
        )


def follow(
    effects: pd.DataFrame,
    V: Any,
    *,
    measure: str = "bonett",
    within_correlation: float | None = None,
) -> SamplingCovariance:
    r"""Return a covariance that follows the rows of a table of effects.

    Parameters
    ----------
    effects : DataFrame
        A table from `effect_sizes`, with its ``measure``.
    V : array, DataFrame, list of arrays, or mapping
        As for `fit_multilevel`; a mapping of ``study_id`` to block may leave studies
        out, and a block may be a DataFrame labelled by ``coefficient_id``.
    measure : str
        Scale of ``V``.
    within_correlation : float, optional
        Assumed correlation within a sample for the studies that ``V`` leaves out.

    Raises
    ------
    DataError
        If ids repeat, or ``V`` does not fit the table or is not positive.

    Notes
    -----
    Between scales by the delta method: :math:`V_{ij}T'(a_i)T'(a_j)`.
    """
    keys = _keys(effects)
    places = {key: i for i, key in enumerate(keys)}
    if len(places) < len(keys):
        twice = {key for key in keys if keys.count(key) > 1}
        raise DataError(
            "With V, each coefficient needs an id of its own; coefficient_id is repeated "
            f"for {listing(sorted('/'.join(k) for k in twice))} "
            "(study/coefficient)."
        )
    used = effects["yi"].notna().to_numpy() & effects["vi"].notna().to_numpy()
    study = [key[0] for key in keys]
    inside = np.ones(len(keys), dtype=bool)
    if isinstance(V, Mapping):
        V = {str(name): block for name, block in V.items()}
        inside = np.array([name in V for name in study], dtype=bool)
        V = {
            name: _in_order(
                block, effects, [i for i, s in enumerate(study) if s == name]
            )
            for name, block in V.items()
            if name in set(study)
        }
    given = inside & used
    at = np.flatnonzero(inside)
    vi = np.where(used, effects["vi"].to_numpy(dtype=float), 0.0)
    base: sparse.csr_array
    if within_correlation is None:
        base = sparse.csr_array(sparse.diags_array(np.where(given, 0.0, vi)))
    else:
        base = constant_correlation(
            np.where(given, 0.0, vi), _samples(effects, keys), within_correlation
        )
    if given.any():
        block = sampling_covariance(V, [study[i] for i in at], np.flatnonzero(used[at]))
        scale = _rescaled(effects, measure)[given]
        part = sparse.coo_array(block)
        rows = np.flatnonzero(given)
        values = part.data * scale[part.row] * scale[part.col]
        base = base + sparse.csr_array(
            (values, (rows[part.row], rows[part.col])), shape=base.shape
        )
    return SamplingCovariance(
        places=places,
        matrix=sparse.csr_array(base),
        given=given,
        n_used=int(used.sum()),
        measure=_scale_of(effects) or measure,
        within_correlation=within_correlation,
    )


def _keys(effects: pd.DataFrame) -> list[tuple[str, str]]:
    ids = effects.get("coefficient_id", effects.index)
    return [(str(s), str(c)) for s, c in zip(effects["study_id"], ids, strict=True)]


def _samples(effects: pd.DataFrame, keys: list[tuple[str, str]]) -> np.ndarray:
    samples = effects["sample_id"] if "sample_id" in effects else [""] * len(keys)
    texts = ["" if pd.isna(s) else str(s) for s in samples]
    pairs = [f"{len(k[0])} {k[0]} {s}" for k, s in zip(keys, texts, strict=True)]
    found: np.ndarray = pd.factorize(np.array(pairs, dtype=object))[0].astype(np.int64)
    return found


def _in_order(block: Any, effects: pd.DataFrame, rows: list[int]) -> Any:
    """Return a block labelled by coefficient_id in the order of the table's rows."""
    if not isinstance(block, pd.DataFrame) or "coefficient_id" not in effects:
        return block
    ids = [str(v) for v in effects["coefficient_id"].iloc[rows]]
    labelled = block.set_axis([str(v) for v in block.index], axis=0)
    labelled = labelled.set_axis([str(v) for v in block.columns], axis=1)
    known = set(labelled.index)
    used = effects["yi"].notna().to_numpy()[rows]
    absent = [i for i, there in zip(ids, used, strict=True) if there and i not in known]
    if absent:
        if len(labelled) == len(ids) and not known & set(ids):
            # labelled by something else, such as scales: rows in the table's order
            return block
        raise DataError(
            f"V of study_id {effects['study_id'].iloc[rows[0]]} has no row for "
            f"coefficient_id {listing(absent)}."
        )
    return labelled.reindex(index=ids, columns=ids).to_numpy(dtype=float)


def _scale_of(effects: pd.DataFrame) -> str | None:
    """Return the scale of yi; None where it is not said."""
    own = effects["measure"].dropna().unique() if "measure" in effects else []
    return str(own[0]) if len(own) == 1 else None


def _rescaled(effects: pd.DataFrame, measure: str | None) -> FloatArray:
    """Return what leads each coefficient's error from one scale to that of yi."""
    own = _scale_of(effects)
    if own is None or measure is None or own == measure:
        return np.ones(len(effects))
    a = pd.to_numeric(effects["estimate"], errors="coerce").to_numpy(dtype=float)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(slope(a, own) / slope(a, measure), dtype=float)


def covariance_pairs(table: pd.DataFrame) -> pd.DataFrame | None:
    """Return the covariance that a table carries, each pair once; None without one.

    ``study_id, coefficient_id, other_id, covariance, measure``, for a file with the
    coefficients.
    """
    V = known_covariance(table)
    if not V:
        return None
    ids = (
        [str(v) for v in table["coefficient_id"]]
        if "coefficient_id" in table
        else [str(i + 1) for i in range(len(table))]
    )
    measure = table.attrs.get("V_measure", "bonett")
    at: dict[str, list[int]] = {}
    for i, name in enumerate(table["study_id"]):
        at.setdefault(str(name), []).append(i)
    rows = []
    for study, given in V.items():
        own = at[study]
        if isinstance(given, pd.DataFrame):
            names = [ids[i] for i in own]
            given = given.reindex(index=names, columns=names)
        block = np.asarray(given, dtype=float)
        for i in range(len(own)):
            for j in range(i, len(own)):
                if np.isfinite(block[i, j]):
                    pair = (study, ids[own[i]], ids[own[j]], block[i, j], measure)
                    rows.append(pair)
    return pd.DataFrame(rows, columns=list(PAIRS))


def blocks_of_pairs(pairs: pd.DataFrame, source: str) -> tuple[dict[str, Any], str]:
    """Return blocks by study, labelled by ``coefficient_id``, and their scale.

    Raises
    ------
    DataError
        For missing columns, several scales, or pairs that are no numbers.
    """
    absent = [name for name in PAIRS if name not in pairs]
    if absent:
        raise DataError(
            f"{source}: columns are missing: {listing(absent)}. It is the file that "
            "waistats alpha --output writes next to coefficients.csv."
        )
    measures = sorted({str(m) for m in pairs["measure"]})
    if len(measures) != 1:
        raise DataError(
            f"{source}: measure must be one scale; got {listing(measures)}."
        )
    values = pd.to_numeric(pairs["covariance"], errors="coerce")
    if bad := np.flatnonzero(values.isna()).tolist():
        raise DataError(
            f"{source}: covariance must be a number, but is not in rows "
            f"{listing(i + 1 for i in bad)}."
        )
    blocks: dict[str, Any] = {}
    table = pairs.assign(covariance=values).astype(
        {"study_id": str, "coefficient_id": str, "other_id": str}
    )
    for study, part in table.groupby("study_id", sort=False):
        names = list(dict.fromkeys([*part["coefficient_id"], *part["other_id"]]))
        block = pd.DataFrame(np.nan, index=names, columns=names)
        for one, other, value in zip(
            part["coefficient_id"], part["other_id"], part["covariance"], strict=True
        ):
            block.loc[one, other] = block.loc[other, one] = value
        blocks[str(study)] = block
    return blocks, measures[0]
