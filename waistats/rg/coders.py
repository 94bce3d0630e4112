"""How far two coders of the same studies agree.

Two sheets of the same studies, row against row.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from waistats._areas import critical
from waistats._format import Result, counted, percent
from waistats._frames import is_frame
from waistats._typing import FloatArray
from waistats.errors import DataError, check_conf_level, listing, near
from waistats.io._codebook import Field, parse_table, rename_columns
from waistats.io._files import Source, read_table
from waistats.io._findings import problem
from waistats.io._numbers import plain_text, quoted
from waistats.io._table import RawTable
from waistats.io.check import codebook_of
from waistats.provenance import is_simulated, marked, of_simulated
from waistats.reliability.icc import intraclass_correlation

# What identifies a coefficient where rows are not numbered: as few as will do.
NATURAL_KEYS = (
    "study_id", "sample_id", "scale", "coefficient_type", "rater", "instrument",
    "session_number", "session",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sheet:
    """A parsed sheet, with the key of every row."""

    table: RawTable
    frame: pd.DataFrame
    known: tuple[Field, ...]

    def shown(self, row: int, name: str) -> str:
        """Return a cell as text."""
        return plain_text(self.frame[name].iloc[row]) or ""

    def where(self, row: int, name: str) -> str:
        """Return where a cell stands."""
        return self.table.place(row, name).label


def read_sheet(source: Source, label: str) -> Sheet:
    """Return a parsed sheet; cells that are not of their type are a DataError."""
    table = rename_columns(read_table(source), {})
    if is_frame(source):
        table = RawTable(
            source=label,
            frame=table.frame,
            numbers=table.numbers,
            kind=table.kind,
            labels=table.labels,
        )
    known = codebook_of(table)
    frame, findings = parse_table(table, known)
    error = problem(table.source, findings)
    if error is not None:
        raise error
    return Sheet(table=table, frame=frame, known=known)


def matching_keys(sheets: tuple[Sheet, Sheet], keys: Sequence[str] | None) -> list[str]:
    """Return the columns by which rows are matched: given, or the first that do."""
    if keys is not None:
        names = [keys] if isinstance(keys, str) else list(keys)
        for sheet in sheets:
            absent = [name for name in names if name not in sheet.frame]
            if absent or not names:
                said = listing(f"{n!r}{near(n, sheet.frame.columns)}" for n in absent)
                raise DataError(
                    f"{sheet.table.source}: has no key column {said or '(none named)'};"
                    f" it has {listing(sheet.frame.columns)}."
                )
        return names
    numbered = ["study_id", "coefficient_id"]
    if all(n in s.frame and s.frame[n].notna().all() for n in numbered for s in sheets):
        return numbered
    there = [n for n in NATURAL_KEYS if all(n in s.frame for s in sheets)]
    for count in range(1, len(there) + 1):
        names = there[:count]
        if not any(s.frame.duplicated(names).any() for s in sheets):
            return names
    raise DataError(
        "the sheets share no columns that identify a row. Name them with keys=, such "
        "as keys=['study_id', 'scale']."
    )


def row_of_key(sheet: Sheet, names: list[str]) -> dict[tuple[str, ...], int]:
    """Return the row of every key; a repeated key is a DataError."""
    columns = [[plain_text(cell) or "" for cell in sheet.frame[n]] for n in names]
    found: dict[tuple[str, ...], int] = {}
    repeated = []
    for row, key in enumerate(zip(*columns, strict=True)):
        if key in found:
            repeated.append(
                f"{sheet.table.place(row, names[0]).label} ({quoted(' / '.join(key))})"
            )
        found.setdefault(key, row)
    if repeated:
        raise DataError(
            f"{sheet.table.source}: {listing(names)} must identify every row, but "
            f"{listing(repeated)} repeat an earlier one. Give each row its own "
            "identifier, or name more columns with keys=."
        )
    return found


def unmatched_rows(
    sheets: tuple[Sheet, Sheet],
    places: tuple[dict[tuple[str, ...], int], dict[tuple[str, ...], int]],
    names: list[str],
) -> pd.DataFrame:
    """Return the keys, the sheet and the place of rows that only one sheet has."""
    left = [
        (*key, label, sheets[own].where(row, names[0]))
        for own, label in enumerate(("first", "second"))
        for key, row in places[own].items()
        if key not in places[1 - own]
    ]
    return pd.DataFrame(left, columns=[*names, "sheet", "where"])


# What belongs to the coder or copies the source word by word.
_NOT_CODED = frozenset(
    {"coder", "coder2", "date", "note", "evidence", "quote_location", "confidence",
     "page", "title", "authors", "source_url", "seen_in", "provenance", "status"}
)  # fmt: skip
_COLUMNS = (
    "variable", "kind", "k", "k_one_blank", "agreement", "coefficient", "estimate",
    "se", "ci_low", "ci_high", "note",
)  # fmt: skip
_CELL = ("variable", "first", "second", "first_where", "second_where")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class CoderAgreement(Result):
    """How far two coders agree, variable by variable.

    Attributes
    ----------
    variables : DataFrame
        ``variable, kind`` (category, number, text), ``k`` (rows that both filled in),
        ``k_one_blank`` (rows that only one filled in), ``agreement`` (per cent of both
        counts together), ``coefficient`` (kappa or icc), ``estimate, se, ci_low,
        ci_high, note``.
    disagreements : DataFrame
        The keys, ``variable, first, second, first_where, second_where``, one row per cell.
    unmatched : DataFrame
        The keys and ``sheet, where`` of rows that only one sheet has.
    keys : tuple of str
        Columns by which rows were matched.
    k_first, k_second, k_matched : int
        Rows of the sheets, and rows in both.
    conf_level : float
        Confidence level.
    simulated : bool
        Whether a sheet is SIMULATED.
    """

    variables: pd.DataFrame
    disagreements: pd.DataFrame
    unmatched: pd.DataFrame
    keys: tuple[str, ...]
    k_first: int
    k_second: int
    k_matched: int
    conf_level: float
    simulated: bool = False

    def to_frame(self) -> pd.DataFrame:
        """Return ``variables``."""
        return marked(self.variables.copy(), self.simulated)

    def heading(self) -> str:
        """Return how many rows were coded twice."""
        total = self.k_first + self.k_second - self.k_matched
        share = percent(100 * self.k_matched / total, 0)
        return (
            f"Agreement of two coders{of_simulated(self.simulated)}: {self.k_matched} "
            f"of {counted(total, 'row')} coded by both ({share}), matched by "
            f"{', '.join(self.keys)}"
        )

    def closing(self) -> str:
        """Return how many cells differ."""
        count, left = len(self.disagreements), len(self.unmatched)
        said = counted(count, "cell differs", "cells differ")
        if left:
            only = counted(left, "row appears", "rows appear")
            said += f"; {only} in one sheet only"
        return f"{said}. See .disagreements and .unmatched."


def compare_coders(
    first: Source,
    second: Source,
    *,
    keys: Sequence[str] | None = None,
    variables: Sequence[str] | None = None,
    conf_level: float = 0.95,
) -> CoderAgreement:
    r"""Compare the sheets of two coders who read the same studies.

    Parameters
    ----------
    first, second : str, path or DataFrame
        Filled coding sheets, or any tables with columns of the same names.
    keys : sequence of str, optional
        Columns that identify a row in both sheets. By default ``study_id`` and
        ``coefficient_id`` where both sheets have them, else as many of study, sample,
        scale, kind of coefficient, rater, form and session as it takes.
    variables : sequence of str, optional
        Columns to compare; by default all that both sheets have, save keys and notes
        of the coders.
    conf_level : float, default 0.95
        Confidence level.

    Returns
    -------
    CoderAgreement
        Kappa of every category, ICC of every number, per cent of agreement of every
        variable, and all cells that differ with their places.

    Raises
    ------
    DataError
        If a sheet cannot be read, keys are missing or repeated, or no row is in both.

    Notes
    -----
    Cohen's :math:`\kappa = (p_o - p_e)/(1 - p_e)` with the large-sample standard error
    of Fleiss, Cohen and Everitt (1969), by statsmodels; psych's ``cohen.kappa`` gives
    the same. Numbers have ICC(2,1), absolute agreement of single coders. Both are
    of the rows that both coders filled in; a blank next to a value counts as a
    disagreement in the per cent of agreement and is listed. Texts have no coefficient.

    Examples
    --------
    >>> one = pd.DataFrame({"study_id": ["A", "B", "C", "D"], "n": [80, 54, 120, 33],
    ...                     "rater": ["client", "client", "therapist", "observer"]})
    >>> two = one.assign(n=[80, 45, 120, 33])
    >>> agreement = compare_coders(one, two, keys=["study_id"])
    >>> agreement.to_frame()[["variable", "k", "agreement", "coefficient"]]
      variable  k  agreement coefficient
    0        n  4       75.0         icc
    1    rater  4      100.0       kappa
    >>> agreement.disagreements[["study_id", "variable", "first", "second"]]
      study_id variable first second
    0        B        n    54     45
    """
    check_conf_level(conf_level)
    sheets = (read_sheet(first, "first sheet"), read_sheet(second, "second sheet"))
    names = matching_keys(sheets, keys)
    places = (row_of_key(sheets[0], names), row_of_key(sheets[1], names))
    shared = [key for key in places[0] if key in places[1]]
    if not shared:
        raise DataError(
            f"no row of {sheets[0].table.source} is in {sheets[1].table.source} by "
            f"{listing(names)}. Give both sheets the same identifiers, or name other "
            "columns with keys=."
        )
    rows = tuple(np.array([place[key] for key in shared]) for place in places)
    results, cells = [], []
    for name in _variables(sheets, names, variables):
        result, unlike = _compare(sheets, rows, name, conf_level)
        results += [] if result is None else [result]
        for i in unlike:
            pair = [(sheet, int(r[i])) for sheet, r in zip(sheets, rows, strict=True)]
            shown = [sheet.shown(row, name) for sheet, row in pair]
            where = [sheet.where(row, name) for sheet, row in pair]
            cells.append((*shared[i], name, *shown, *where))
    return CoderAgreement(
        variables=pd.DataFrame(results, columns=list(_COLUMNS)),
        disagreements=pd.DataFrame(cells, columns=[*names, *_CELL]),
        unmatched=unmatched_rows(sheets, places, names),
        keys=tuple(names),
        k_first=len(sheets[0].frame),
        k_second=len(sheets[1].frame),
        k_matched=len(shared),
        conf_level=conf_level,
        simulated=any(is_simulated(sheet.frame) for sheet in sheets),
    )


def _variables(
    sheets: tuple[Sheet, Sheet], names: list[str], variables: Sequence[str] | None
) -> list[str]:
    shared = [str(n) for n in sheets[0].frame if n in sheets[1].frame]
    if variables is None:
        skipped = _NOT_CODED | set(names) | {"coefficient_id"}
        return [n for n in shared if n not in skipped]
    absent = [n for n in variables if n not in shared]
    if absent:
        said = listing(f"{n!r}{near(n, shared)}" for n in absent)
        raise DataError(f"both sheets must have {said}; they share {listing(shared)}.")
    return list(variables)


def _compare(
    sheets: tuple[Sheet, Sheet],
    rows: tuple[np.ndarray, ...],
    name: str,
    conf_level: float,
) -> tuple[dict[str, Any] | None, list[int]]:
    """Return the row of one variable, and which matched rows differ."""
    pair = [
        s.frame[name].iloc[r].reset_index(drop=True)
        for s, r in zip(sheets, rows, strict=True)
    ]
    texts = [[(plain_text(c) or "").casefold() for c in column] for column in pair]
    there = np.array([[t != "" for t in column] for column in texts])
    if not there.any():
        return None, []
    both, one = there.all(axis=0), there.any(axis=0) & ~there.all(axis=0)
    kind = _kind(sheets[0].known, name, pair, texts)
    if kind == "number":
        values = np.array([pd.to_numeric(c).to_numpy(dtype=float) for c in pair])
        equal = both & (values[0] == values[1])
        told = _icc(values[:, both], conf_level)
    else:
        equal = both & np.array(
            [a == b for a, b in zip(texts[0], texts[1], strict=True)], dtype=bool
        )
        told = {"note": "text: no coefficient"}
        if kind == "category":
            chosen = np.flatnonzero(both).tolist()
            used = [[column[i] for i in chosen] for column in texts]
            told = _kappa(used[0], used[1], conf_level)
    judged = both | one
    row = {
        "variable": name,
        "kind": kind,
        "k": int(both.sum()),
        "k_one_blank": int(one.sum()),
        "agreement": 100 * float(equal.sum() / judged.sum()),
        "coefficient": {"category": "kappa", "number": "icc"}.get(kind, ""),
        **dict.fromkeys(("estimate", "se", "ci_low", "ci_high"), np.nan),
        "note": "",
        **told,
    }
    return row, np.flatnonzero(judged & ~equal).tolist()


def _kind(
    known: tuple[Field, ...],
    name: str,
    pair: list[pd.Series],
    texts: list[list[str]],
) -> str:
    field = {f.name: f for f in known}.get(name)
    if field is not None and field.type == "boolean":
        return "category"
    if field is not None and ("enum" in field.constraints or field.examples):
        return "category"
    if all(
        pd.api.types.is_numeric_dtype(c) and not pd.api.types.is_bool_dtype(c)
        for c in pair
    ):
        return "number"
    if field is not None:
        return "text"
    # words of one's own are categories where any of them comes back
    filled = [t for t in texts[0] if t]
    return "category" if len(set(filled)) < len(filled) else "text"


def _icc(values: FloatArray, conf_level: float) -> dict[str, Any]:
    if values.shape[1] < 2:
        return {"note": "fewer than two rows"}
    if np.ptp(values) == 0:
        return {"note": "every number is the same: not defined"}
    icc = intraclass_correlation(values.T, form="2,1", conf_level=conf_level)
    return {
        "estimate": icc.estimate,
        "se": icc.se,
        "ci_low": icc.ci_low,
        "ci_high": icc.ci_high,
    }


def _kappa(first: list[str], second: list[str], conf_level: float) -> dict[str, Any]:
    """Return Cohen's kappa of two lists of categories with its standard error."""
    from statsmodels.stats.inter_rater import cohens_kappa

    levels = sorted({*first, *second})
    if len(first) < 2:
        return {"note": "fewer than two rows"}
    if len(levels) < 2:
        return {"note": "one category only: not defined"}
    counts = np.zeros((len(levels), len(levels)))
    position = {level: i for i, level in enumerate(levels)}
    for a, b in zip(first, second, strict=True):
        counts[position[a], position[b]] += 1
    # its test against 0 is not defined where a coder uses one category
    with np.errstate(divide="ignore", invalid="ignore"):
        kappa = cohens_kappa(counts)
    # rounding may leave a tiny negative variance where agreement is perfect
    se = float(np.sqrt(max(kappa.var_kappa, 0.0)))
    half = critical(conf_level) * se
    estimate = float(kappa.kappa)
    return {
        "estimate": estimate,
        "se": se,
        "ci_low": max(estimate - half, -1.0),
        "ci_high": min(estimate + half, 1.0),
        "note": _without_error(estimate) if se < 1e-12 else "",
    }


def _without_error(kappa: float) -> str:
    if kappa > 1 - 1e-12:
        return "perfect agreement: no standard error"
    return "one coder used one category only: no standard error"
