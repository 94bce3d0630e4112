"""Rows of a coefficient table: their names and kinds, and which of them may be pooled.

This is the one place that decides whether a row is an observation of its own sample,
whether it may be pooled, and why not.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from waistats._format import is_damaged
from waistats._frames import as_frame
from waistats._identifiers import identifier, identifiers
from waistats._published_variances import (
    ICC_FORMS,
    icc_form,
    icc_log_variance,
    icc_variance,
    omega_variance,
)
from waistats._typing import BoolArray, FloatArray
from waistats.errors import DataError, ModelError, listing, near
from waistats.instruments.forms import bundled_forms
from waistats.measures._kinds import (
    ALPHA_TYPES,
    KIND_COLUMNS,
    icc_form_of,
    in_one_word,
)

REQUIRED = ("study_id", "estimate", "n", "n_items")
IDS = ("study_id", "sample_id", "coefficient_id")

# A table with this column is a coding sheet.
SHEET_MARK = "reliability_status"
OWN = "reported_own"
INDUCED = {
    "induced_precise": "induced by precise report",
    "induced_vague": "induced by vague report",
    "omitted": "induced by omission",
}
EXCLUDED = "exclude"
# words of ``status`` that say that the value is another study's
_QUOTED = ("induced", "quoted", "omitted")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RowStatus:
    """What each row of a coefficient table is.

    Attributes
    ----------
    own : ndarray of bool
        Rows that report on their own sample: no quoted value, no induction, no study
        that screening excluded.
    claimed : ndarray of bool
        Own rows that give no reason against being pooled.
    poolable : ndarray of bool
        Claimed rows with an estimate, n, n_items and a sampling variance.
    reason : ndarray of str
        Why a row cannot be pooled; ``""`` where it can.
    """

    own: BoolArray
    claimed: BoolArray
    poolable: BoolArray
    reason: np.ndarray


def _may_be_damaged(kind: Any) -> bool:
    return kind.kind == "O" and getattr(kind, "storage", "") != "pyarrow"


def check_columns(table: Any, required: tuple[str, ...]) -> None:
    """Raise a DataError that names every missing or doubled column."""
    if not isinstance(table, pd.DataFrame):
        raise DataError(
            f"A coefficient table is a DataFrame; got {type(table).__name__}. "
            "read_coefficients() makes one from a file."
        )
    doubled = sorted({str(c) for c in table.columns[table.columns.duplicated()]})
    if doubled:
        raise DataError(f"Columns occur twice: {listing(doubled)}. Rename one of each.")
    missing = [c for c in required if c not in table.columns]
    if missing:
        words = [f"{c}{near(c, map(str, table.columns))}" for c in missing]
        raise DataError(
            f"Columns are missing: {listing(words)}. A coefficient table needs "
            f"{listing(REQUIRED)}; columns={{'yours': 'ours'}} of read_coefficients() "
            "renames."
        )
    if len(table) == 0:
        raise DataError("The coefficient table has no rows.")
    damaged = [
        f"{cell!a} in {column}"
        for column in table.columns[[_may_be_damaged(t) for t in table.dtypes]]
        for cell in table[column]
        if is_damaged(cell)
    ]
    if damaged:
        raise DataError(
            f"Text contains invalid characters: {listing(damaged)}. Retype it."
        )


def prepared(table: Any, required: tuple[str, ...] = REQUIRED) -> pd.DataFrame:
    """Return a coefficient table as every analysis takes it: a typed copy.

    Identifiers are text, and a column of blank ones is none; kinds of coefficients,
    raters and scales have one word each; ``n_items`` that is blank is that of the form.
    What was filled is said in ``attrs["notes"]``.

    Raises
    ------
    DataError
        For what is not a table, and missing or doubled columns.
    """
    table = as_frame(table)
    check_columns(table, required)
    out = with_identifiers(table)
    for column in KIND_COLUMNS:
        if column in out and not pd.api.types.is_numeric_dtype(out[column]):
            if column == "coefficient_type":
                out = _with_icc_form(out)
            out[column] = in_one_word(out[column], column)
    return with_form_lengths(out)


def text_identifiers(table: pd.DataFrame) -> dict[str, list[str]] | None:
    """Return the columns of identifiers; None unless all are text already."""
    found = {}
    for name in IDS:
        if name in table:
            cells = table[name].tolist()
            for cell in cells:
                if type(cell) is not str or not cell or cell != cell.strip():
                    return None
            found[name] = cells
    return found


def with_identifiers(table: pd.DataFrame) -> pd.DataFrame:
    """Return a copy whose identifiers are text; a blank column of them is excluded.

    A blank ``coefficient_id`` is an id of its own, a blank ``sample_id`` the study's one
    unnamed sample (``""``).
    """
    out = table.copy()
    for name in IDS:
        if name not in out:
            continue
        texts = identifiers(out[name])
        blank = texts.isna().to_numpy()
        if name != "study_id" and blank.all():
            out = out.drop(columns=name)
        elif name == "coefficient_id":
            out[name] = _own_ids(texts, blank)
        elif name == "sample_id":
            out[name] = texts.mask(blank, "")
        else:
            out[name] = texts.mask(blank, "") if blank.any() else texts
    return out


def _own_ids(texts: pd.Series, blank: BoolArray) -> pd.Series:
    """Return ids with the number of the row where there is none."""
    if not blank.any():
        return texts
    taken = set(texts[~blank])
    filled = [
        (str(i + 1) if str(i + 1) not in taken else f"row {i + 1}") if empty else text
        for i, (text, empty) in enumerate(zip(texts, blank, strict=True))
    ]
    return pd.Series(filled, index=texts.index, dtype=object)


def with_coefficient_ids(table: pd.DataFrame, at: int = 0) -> pd.DataFrame:
    """Return a prepared table with ``coefficient_id``: the row number where absent."""
    if "coefficient_id" not in table:
        table.insert(at, "coefficient_id", [str(i + 1) for i in range(len(table))])
    return table


def _with_icc_form(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table with the forms of ICCs that are named in their kind."""
    texts = texts_of(table, "coefficient_type")
    forms = {text: icc_form_of(text) for text in set(texts)}
    named = [forms[text] for text in texts]
    if not any(named):
        return table
    given = texts_of(table, "icc_form")
    table["icc_form"] = [old or new for old, new in zip(given, named, strict=True)]
    return table


def with_form_lengths(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose blank ``n_items`` are those of the forms, with a note."""
    if "n_items" not in table or "instrument" not in table:
        return table
    blank = table["n_items"].isna().to_numpy()
    there = pd.to_numeric(table.get("estimate"), errors="coerce").notna().to_numpy()
    rows = np.flatnonzero(blank & there)
    if len(rows) == 0:
        return table
    names, scales = texts_of(table, "instrument"), texts_of(table, "scale")
    changed = texts_of(table, "modified")
    filled = {
        int(i): length
        for i in rows
        if not changed[i] and (length := form_length(names[i], scales[i])) is not None
    }
    if not filled:
        return table
    values = table["n_items"].astype(object)
    for i, length in filled.items():
        values.iloc[i] = length
    table["n_items"] = _numeric(values)
    studies = texts_of(table, "study_id")
    told = listing(f"{studies[i]} ({names[i]}: {m})" for i, m in filled.items())
    note = f"n_items was blank and is that of the form: {told}."
    table.attrs["notes"] = (*table.attrs.get("notes", ()), note)
    return table


def _numeric(values: pd.Series) -> pd.Series:
    numbers = pd.to_numeric(values, errors="coerce")
    return numbers if numbers.notna().equals(values.notna()) else values


def form_length(instrument: str, scale: str) -> int | None:
    """Return the items of a bundled form, or of its subscale; None where not known.

    >>> form_length("WAI-SR", "total"), form_length("WAI-SR", "bond")
    (12, 4)
    """
    form = bundled_forms().get(instrument)
    if form is None:
        return None
    if scale.casefold() in ("", "total"):
        return form.n_items
    if form.key is not None and scale in form.key.subscales:
        return len(form.key.subscales[scale])
    return None


def texts_of(table: pd.DataFrame, name: str) -> list[str]:
    """Return a column as stripped texts; ``""`` where it is blank or absent."""
    if name not in table:
        return [""] * len(table)
    cells = table[name].tolist()
    known = {
        cell: identifier(cell) or "" for cell in {c for c in cells if type(c) is str}
    }
    return [
        known[cell] if type(cell) is str else identifier(cell) or "" for cell in cells
    ]


def numbers_of(table: pd.DataFrame, name: str) -> FloatArray:
    """Return a column as floats; NaN where it is blank, absent or no number."""
    if name not in table:
        return np.full(len(table), np.nan)
    values = pd.to_numeric(table[name], errors="coerce")
    return np.asarray(values.to_numpy(dtype=float, na_value=np.nan))


def kinds_of(table: pd.DataFrame) -> np.ndarray:
    """Return each row's kind of coefficient; alpha where the table does not say."""
    if "coefficient_type" not in table:
        return np.full(len(table), "alpha", dtype=object)
    kinds = in_one_word(
        pd.Series(texts_of(table, "coefficient_type"), dtype=object), "coefficient_type"
    )
    return np.array([kind or "alpha" for kind in kinds], dtype=object)


def status_of(table: pd.DataFrame) -> RowStatus:
    """Return what each row is, whether it may be pooled, and why not.

    A row is not its own sample's where ``reliability_status`` (or ``status``) says that
    the value is quoted, or ``screening_decision`` is exclude. It cannot be pooled where
    ``status`` is anything but ``poolable``, where ``reason`` is filled, where estimate,
    n or n_items is blank, or where its sampling variance is not known.
    """
    given = texts_of(table, "reason")
    shown, said = texts_of(table, "status"), _folded(table, SHEET_MARK)
    status, decision = _folded(table, "status"), _folded(table, "screening_decision")
    source = texts_of(table, "induced_source_doi")
    numbers = {name: numbers_of(table, name) for name in ("estimate", "n", "n_items")}
    quoted = _where(said, lambda text: text in INDUCED)
    quoted |= _where(status, lambda text: text.startswith(_QUOTED))
    excused = _where(status, lambda text: text not in ("", "poolable"))
    excused |= _where(given, lambda text: text != "")
    own = ~quoted & ~_where(decision, lambda text: text == EXCLUDED)
    claimed = own & ~excused
    there = np.all([np.isfinite(x) for x in numbers.values()], axis=0)
    poolable = claimed & there & variance_known(table)
    reason = np.full(len(table), "", dtype=object)
    bare: list[int] = []
    for i in np.flatnonzero(~poolable).tolist():
        blank = [name for name, x in numbers.items() if not np.isfinite(x[i])]
        if given[i]:
            reason[i] = given[i]
        elif said[i] in INDUCED:
            of = f" of {source[i]}" if source[i] else ""
            reason[i] = INDUCED[said[i]] + of
        elif decision[i] == EXCLUDED:
            reason[i] = "excluded"
        elif excused[i]:
            reason[i] = shown[i]
        elif blank:
            reason[i] = f"no {' and '.join(blank)}"
        else:
            bare.append(i)
    for i, words in unknown_variance(table, bare).items():
        reason[i] = words
    return RowStatus(own=own, claimed=claimed, poolable=poolable, reason=reason)


def _folded(table: pd.DataFrame, name: str) -> list[str]:
    """Return a column as texts without case."""
    texts = texts_of(table, name)
    known = {text: text.casefold() for text in set(texts)}
    return [known[text] for text in texts]


def _where(texts: list[str], holds: Callable[[str], bool]) -> BoolArray:
    """Return the rows whose text has a property; each different text is asked once."""
    known = {text: holds(text) for text in set(texts)}
    return np.array([known[text] for text in texts], dtype=bool)


def unknown_variance(table: pd.DataFrame, rows: Iterable[int]) -> dict[int, str]:
    """Return why coefficients have no sampling variance, and what would settle it."""
    kinds, forms = kinds_of(table), texts_of(table, "icc_form")
    loadings, raters = texts_of(table, "loadings"), _raters(table)
    said = {}
    for i in rows:
        needs, more = ["a standard error", "confidence limits"], ""
        if kinds[i] == "icc":
            lacking = []
            if icc_form(forms[i]) not in ICC_FORMS:
                lacking.append("the form of the ICC (such as ICC(3,k))")
            if not raters[i] >= 2:
                lacking.append("the number of raters")
            needs += [" and ".join(lacking)] if lacking else []
        elif str(kinds[i]).startswith("omega"):
            if loadings[i]:
                more = " (the loadings given are not those of this omega)"
            else:
                needs.append("the loadings of its items")
        several = ", ".join(needs[:-1]) + ("," if len(needs) > 2 else "")
        said[i] = (
            f"sampling variance unknown{more}: {several} or {needs[-1]} would settle it"
        )
    return said


def _raters(table: pd.DataFrame) -> FloatArray:
    """Return the raters of each ICC; NaN where it is not known."""
    raters = numbers_of(table, "n_raters")
    return np.where(np.isfinite(raters), raters, numbers_of(table, "n_raters_per_unit"))


def variance_known(table: pd.DataFrame) -> BoolArray:
    """Return which rows have a sampling variance: by law, as printed, or computed."""
    kinds, n = kinds_of(table), numbers_of(table, "n")
    by_law = np.isin(kinds, list(ALPHA_TYPES)) | ((kinds == "test_retest") & (n > 3))
    se, low, high = (numbers_of(table, name) for name in ("se", "ci_low", "ci_high"))
    with np.errstate(invalid="ignore"):
        printed = (se > 0) | (high > low)
    known: BoolArray = by_law | printed
    if known.all():
        return known
    return np.asarray(known | np.isfinite(published_variance(table)[0]))


def published_variance(table: pd.DataFrame) -> tuple[FloatArray, BoolArray]:
    """Return variances of ICCs and omegas from what is printed beside them.

    Returns
    -------
    variance : ndarray
        NaN where it is not known.
    of_log : ndarray of bool
        Where it is the variance of -ln(1 - r), else of r.
    """
    size = len(table)
    variance, of_log = np.full(size, np.nan), np.zeros(size, dtype=bool)
    kinds, a, n = kinds_of(table), numbers_of(table, "estimate"), numbers_of(table, "n")
    forms, loadings = texts_of(table, "icc_form"), texts_of(table, "loadings")
    raters = _raters(table)
    for i in range(size):
        if not (np.isfinite(a[i]) and n[i] > 3 and -1 < a[i] < 1):
            continue
        try:
            if kinds[i] == "icc" and raters[i] >= 2:
                form = icc_form(forms[i])
                if form not in ICC_FORMS:
                    continue
                average = form.endswith("k")
                of_log[i] = average
                variance[i] = float(
                    icc_log_variance(n[i], raters[i], form)
                    if average
                    else icc_variance(a[i], n[i], raters[i], form)
                )
            elif str(kinds[i]) in ("omega", "omega_total") and loadings[i]:
                values = [float(x) for x in re.split(r"[;\s]+", loadings[i]) if x]
                omega, value = omega_variance(values, int(n[i]))
                # loadings of another model than the printed omega say nothing of it
                if abs(omega - a[i]) < 0.015:
                    variance[i] = float(value)
        except (DataError, ModelError, ValueError):
            continue
    return variance, of_log
