"""Which rows of a table enter a model, and which do not and why."""

from collections import Counter
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from waistats._format import Result, counted
from waistats._frames import as_frame, is_name
from waistats._frozen import Frozen
from waistats._typing import BoolArray, FloatArray, IntArray
from waistats.errors import DataError, ModelError, listing
from waistats.io._numbers import is_missing
from waistats.measures import (
    ALPHA_TYPES,
    MEASURES,
    check_columns,
    text_identifiers,
    with_identifiers,
)
from waistats.provenance import marked

IDS = ("study_id", "coefficient_id")


@dataclass(frozen=True, kw_only=True, eq=False)
class Effects(Frozen):
    """The rows that a model uses.

    Attributes
    ----------
    yi, vi : ndarray, shape (k,)
        Effects and sampling variances.
    measure : str or None
        The scale; None where the table does not say, so that nothing is back-transformed.
    rows : ndarray of int, shape (k,)
        Positions of the used rows in the table that was given.
    source : DataFrame
        The table that was given.
    simulated : bool
        Whether any used row is marked SIMULATED.
    plain : bool
        Whether no study gave two rows and there is no column ``scale``, so that there
        is nothing to say of what rows share; also of any choice of the rows.
    """

    yi: FloatArray
    vi: FloatArray
    measure: str | None
    rows: np.ndarray
    source: pd.DataFrame
    simulated: bool
    plain: bool = False

    def of_rows(self, rows: IntArray | BoolArray) -> "Effects":
        """Return the effects of some rows, by their places or by a mask."""
        return replace(self, yi=self.yi[rows], vi=self.vi[rows], rows=self.rows[rows])

    @cached_property
    def table(self) -> pd.DataFrame:
        """Used rows in input order, index 0 ... k-1, both ids there and text."""
        table = self.source.iloc[self.rows].reset_index(drop=True)
        ids = {c: _text(self.source, c)[self.rows] for c in IDS}
        return table.assign(**ids)

    @cached_property
    def excluded(self) -> pd.DataFrame:
        """``study_id, coefficient_id, reason`` of the rows without an effect."""
        left = np.ones(len(self.source), dtype=bool)
        left[self.rows] = False
        columns = {c: _text(self.source, c)[left] for c in IDS}
        reason = _text(self.source, "reason", default="")[left]
        columns["reason"] = np.array([r or "no effect size" for r in reason], object)
        return marked(pd.DataFrame(columns), self.simulated)


class OfEffects(Result):
    """A result of a model of effects: its rows, and which were excluded."""

    __slots__ = ()
    effects: Effects

    @property
    def measure(self) -> str | None:
        """The scale of the effects."""
        return self.effects.measure

    @property
    def simulated(self) -> bool:
        """Whether the effects are SIMULATED."""
        return self.effects.simulated

    @property
    def excluded(self) -> pd.DataFrame:
        """Rows not used: ``study_id, coefficient_id, reason``."""
        return self.effects.excluded


def _floats(table: pd.DataFrame, column: str) -> tuple[FloatArray, list[str]]:
    """Return a column as floats, and which of its cells are text and not a number."""
    values = table[column]
    if values.dtype == np.float64:
        return values.to_numpy(), []
    numbers = pd.to_numeric(values, errors="coerce")
    odd = (numbers.isna() & values.notna()).to_numpy()
    studies = _text(table, "study_id")
    wrong = [
        f"{column} {values.iloc[i]!r} (study_id {studies[i]})"
        for i in np.flatnonzero(odd)
        if not is_missing(values.iloc[i])
    ]
    return numbers.to_numpy(dtype=float, na_value=np.nan), wrong


def usable_effects(effects: pd.DataFrame, moderators: str | None = None) -> Effects:
    """Return the rows of a table from `effect_sizes` that can be pooled.

    Raises
    ------
    DataError
        If ``yi`` or ``vi`` are missing, text, not finite, or ``vi`` is not positive.
    ModelError
        If fewer than two rows are left, or kinds of coefficients are mixed.
    """
    effects = as_frame(effects)
    if not isinstance(effects, pd.DataFrame):
        hint = " read_coefficients() reads a file." if is_name(effects) else ""
        raise DataError(
            "effects must be a table from effect_sizes(); got "
            f"{type(effects).__name__}.{hint}"
        )
    if not effects.columns.is_unique:
        check_columns(effects, ())
    ids = text_identifiers(effects)
    if ids is None:
        effects = with_identifiers(effects)
    if absent := [c for c in ("yi", "vi") if c not in effects]:
        raise DataError(
            f"Columns are missing: {listing(absent)}. effect_sizes() adds them to a "
            "coefficient table."
        )
    (yi, odd_yi), (vi, odd_vi) = _floats(effects, "yi"), _floats(effects, "vi")
    if odd_yi or odd_vi:
        raise DataError(
            f"yi and vi must be numbers, but are not: {listing(odd_yi + odd_vi)}. Correct "
            "these cells, or leave them empty to exclude the rows."
        )
    good = np.isfinite(yi) & np.isfinite(vi) & (vi > 0)
    rows = np.flatnonzero(good)
    if len(rows) < len(good):
        wrong = ~(good | np.isnan(yi) | np.isnan(vi))
        if wrong.any():
            raise DataError(
                "yi must be finite and vi positive, but are not for study_id "
                f"{listing(_text(effects, 'study_id')[wrong])}. Correct these rows, or "
                "leave yi and vi empty to exclude them."
            )
        yi, vi = yi[rows], vi[rows]
    if len(rows) < 2:
        raise ModelError(
            f"Pooling needs at least 2 coefficients with an effect; there "
            f"{'is 1' if len(rows) == 1 else 'are none'}."
        )
    _check_types(_values(effects, "coefficient_type", rows), moderators)
    marks = _values(effects, "provenance", rows)
    return Effects(
        yi=yi,
        vi=vi,
        measure=_measure(_values(effects, "measure", rows)),
        rows=rows,
        # a copy: a frame that its owner changes later must not change the result
        source=effects,
        simulated=any("SIMULATED" in mark for mark in marks),
        plain="scale" not in effects and _each_once(effects, ids),
    )


def _values(table: pd.DataFrame, column: str, rows: np.ndarray) -> set[str]:
    """Return the distinct texts of a column in some rows; none where it is absent."""
    if column not in table:
        return set()
    values = table[column].tolist()
    if len(rows) < len(values):
        values = [values[i] for i in rows.tolist()]
    return {str(value) for value in set(values) if not pd.isna(value)}


def _text(table: pd.DataFrame, column: str, default: str | None = None) -> np.ndarray:
    """Return a column as text; the row number, or a default, where it is absent."""
    if column in table:
        values = table[column]
        return np.array(["" if pd.isna(v) else str(v) for v in values], dtype=object)
    if default is not None:
        return np.full(len(table), default, dtype=object)
    return np.array([str(i + 1) for i in range(len(table))], dtype=object)


def _measure(names: set[str]) -> str | None:
    if len(names) > 1:
        raise ModelError(
            f"Effects on different scales cannot be pooled: {listing(sorted(names))}."
        )
    name = next(iter(names), None)
    return name if name in MEASURES else None


def _check_types(kinds: set[str], moderators: str | None) -> None:
    """Refuse to mix kinds of coefficients unless the model tells them apart."""
    families = {"alpha" if kind in ALPHA_TYPES else kind for kind in kinds}
    if len(families) > 1 and "coefficient_type" not in (moderators or ""):
        raise ModelError(
            f"Kinds of coefficients are mixed: {listing(sorted(families))}. Fit one "
            "kind at a time, or make coefficient_type a moderator."
        )


def _each_once(table: pd.DataFrame, ids: dict[str, list[str]] | None) -> bool:
    """Return whether no study is repeated; ``ids`` are read already, or None."""
    if "study_id" not in table:
        return True
    studies = table["study_id"].tolist() if ids is None else ids["study_id"]
    return len(set(studies)) == len(studies)


def independence_notes(
    used: Effects, variables: tuple[str, ...], joined: IntArray | None = None
) -> tuple[str, ...]:
    """Return what a model takes for granted of its rows and should not.

    Parameters
    ----------
    used : Effects
        The rows.
    variables : tuple of str
        Columns of the moderators.
    joined : ndarray of int, shape (k,), optional
        Groups of rows that the model takes as dependent; none by default.
    """
    if used.plain:
        return ()
    notes = []
    source = used.source
    if "study_id" in source:
        studies = source["study_id"].to_numpy(dtype=object)[used.rows].tolist()
        repeated = _repeated(studies, joined) if len(set(studies)) < len(studies) else 0
        if repeated:
            some = counted(repeated, "study gives", "studies give")
            notes.append(
                f"{some} more than one coefficient, and this model takes "
                "them as independent: intervals are too narrow and tests reject too "
                "often. fit_multilevel() with study_id as a level models the dependence."
            )
    if "scale" not in variables:
        scales = sorted(_values(source, "scale", used.rows) - {""})
        if len(scales) > 1:
            notes.append(
                f"Scales are pooled together: {listing(scales)}. A total and its "
                "subscales share items. Fit one scale at a time, or make scale a "
                "moderator."
            )
    return tuple(notes)


def _repeated(studies: list[str], joined: IntArray | None) -> int:
    """Return how many studies have rows that are not joined in one group."""
    groups = range(len(studies)) if joined is None else joined.tolist()
    parts = Counter(study for study, _ in set(zip(studies, groups, strict=True)))
    return sum(count > 1 for count in parts.values())
