"""The cheap part of the gate: codes, ranges and the state of the key, in memory.

Every path that computes from answers runs it; `inspect_responses` adds what needs a
closer look. What the answers decide and what stops is decided here and nowhere else.
"""

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from waistats._caller import option
from waistats._format import counted
from waistats._typing import BoolArray, FloatArray
from waistats.errors import ModelError, listing
from waistats.instruments._codes import (
    customary_codes,
    is_customary,
    label_range,
    labelled_missing,
)
from waistats.instruments._findings import (
    NOTE,
    STOP,
    Finding,
    accepted,
    check_accept,
    refuse,
)
from waistats.instruments._key_decision import (
    Keyed,
    decide_key,
    key_plan,
    keyed_values,
    reversal,
    reversed_besides,
)
from waistats.instruments._key_evidence import key_sums
from waistats.instruments.forms import Instrument

ValueLabels: TypeAlias = Mapping[object, Mapping[Any, str]]

# rows that are reduced side by side
_FOLD = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class GateOptions:
    """What the user says of the answers.

    Attributes
    ----------
    missing_codes : tuple of float
        Numbers that mean a missing answer.
    response_range : tuple of float or None
        Lowest and highest answer.
    already_keyed : bool, None or mapping of study to these
        Whether reversed items are reverse-scored in the file; None decides from the
        answers.
    reverse : tuple
        Columns that are reverse-scored besides those of the key.
    accept : frozenset of str
        Findings that do not stop.
    allow_fractions : bool
        Whether a form's answers may lie between whole numbers.
    """

    missing_codes: tuple[float, ...] = ()
    response_range: tuple[float, float] | None = None
    already_keyed: Keyed = None
    reverse: tuple[object, ...] = ()
    accept: frozenset[str] = field(default_factory=frozenset)
    allow_fractions: bool = False


def gate_options(
    *,
    missing_codes: float | Sequence[float] = (),
    response_range: tuple[float, float] | None = None,
    already_keyed: Keyed = None,
    reverse: str | Sequence[object] = (),
    accept: str | Sequence[str] = (),
    allow_fractions: bool = False,
) -> GateOptions:
    """Return the options of a public function, checked."""
    codes = missing_codes if isinstance(missing_codes, Sequence) else (missing_codes,)
    wrong = [code for code in codes if not _is_number(code)]
    if wrong or isinstance(codes, str):
        raise ModelError(
            f"{option('missing_codes')} takes numbers, such as "
            f"{option('missing_codes', (99, -9))}; got {missing_codes!r}."
        )
    limits = None
    if response_range is not None:
        given = tuple(response_range)
        if (
            len(given) != 2
            or not all(_is_number(end) for end in given)
            or not given[0] < given[1]
        ):
            raise ModelError(
                f"{option('response_range')} takes the lowest and the highest answer, "
                f"such as {option('response_range', (1, 5))}; got {response_range!r}."
            )
        limits = (float(given[0]), float(given[1]))
    if not (already_keyed is None or isinstance(already_keyed, bool | Mapping)):
        raise ModelError(
            "already_keyed must be True, False, None or a mapping of study to these; "
            f"got {already_keyed!r}."
        )
    return GateOptions(
        missing_codes=tuple(float(code) for code in codes),
        response_range=limits,
        already_keyed=already_keyed,
        reverse=(reverse,) if isinstance(reverse, str) else tuple(reverse),
        accept=check_accept(accept),
        allow_fractions=allow_fractions,
    )


def _is_number(value: object) -> bool:
    return (
        isinstance(value, int | float | np.integer | np.floating)
        and not isinstance(value, bool)
        and bool(np.isfinite(value))
    )


def row_namer(data: pd.DataFrame) -> Callable[[object], str]:
    """Return how a row's label is called: as the file numbers it, where it is known.

    ``attrs["file_rows"]`` holds, where the numbering of the file starts or jumps, the
    label of a row and its number in the file.
    """
    starts = data.attrs.get("file_rows", ())
    labels = [label for label, _ in starts]

    def name(label: object) -> str:
        if starts and isinstance(label, (int, np.integer)):
            first, number = starts[max(bisect_right(labels, int(label)) - 1, 0)]
            return f"row {int(label) - first + number}"
        return f"row {label}"

    return name


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Answers:
    """Answers with codes taken out.

    Attributes
    ----------
    values : ndarray, shape (N, m)
        NaN where an answer is missing.
    limits : tuple of float or None
        Lowest and highest answer, as far as anything declares them.
    findings : list of Finding
        What was found.
    bad : ndarray of bool, shape (N, m), or None
        The answers that stop; None where there are none.
    """

    values: FloatArray
    limits: tuple[float, float] | None
    findings: list[Finding]
    bad: BoolArray | None = None


def read_codes(
    values: FloatArray,
    columns: Sequence[object],
    options: GateOptions,
    *,
    form: Instrument | None = None,
    groups: Sequence[Sequence[int]] | None = None,
    labels: ValueLabels | None = None,
    row: Callable[[int], str] = str,
) -> Answers:
    """Return the answers without codes, and what is wrong with the others.

    Parameters
    ----------
    values : ndarray, shape (N, m)
        Numbers as they are in the file.
    columns : sequence
        Names of the m items.
    options : GateOptions
        What the user says.
    form : Instrument, optional
        The form, whose range applies.
    groups : sequence of sequences of int, optional
        Items that share a response scale; by default all of them.
    labels : mapping, optional
        Value labels of columns.
    row : callable
        Position of a respondent to the name of the row.
    """
    of_items = [dict((labels or {}).get(column, {})) for column in columns]
    values, found = _without_codes(values, columns, of_items, options)
    limits = declared_range(form, of_items, options)
    low, high = _ends(values)
    bad = None
    for group in groups or [range(len(columns))]:
        at = list(group)
        wrong, more = _odd(values, low, high, at, columns, limits, form, options, row)
        if wrong is not None:
            bad = np.zeros(values.shape, dtype=bool) if bad is None else bad
            bad[:, at] |= wrong
            found += [finding for finding in more if finding not in found]
    return Answers(values=values, limits=limits, findings=found, bad=bad)


def declared_range(
    form: Instrument | None, labels: Sequence[Mapping[Any, str]], options: GateOptions
) -> tuple[float, float] | None:
    """Return the range that the user, the form or the value labels declare."""
    if options.response_range is not None:
        return options.response_range
    if form is not None:
        return (float(form.limits[0]), float(form.limits[1]))
    return label_range(labels)


def _ends(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the smallest and the largest answer to each item; none: inf and -inf."""
    n, m = values.shape
    if n > _FOLD and values.flags.c_contiguous:
        # rows side by side: a reduction over a few long rows is many times as fast
        # as one over many short rows
        whole = n // _FOLD * _FOLD
        folded = values[:whole].reshape(-1, _FOLD * m)
        ends = [
            np.concatenate([reduce(folded, axis=0).reshape(_FOLD, m), values[whole:]])
            for reduce in (np.fmin.reduce, np.fmax.reduce)
        ]
    else:
        ends = [values, values]
    low = np.asarray(np.fmin.reduce(ends[0], axis=0, initial=np.inf))
    high = np.asarray(np.fmax.reduce(ends[1], axis=0, initial=-np.inf))
    return low, high


def _without_codes(
    values: FloatArray,
    columns: Sequence[object],
    labels: Sequence[Mapping[Any, str]],
    options: GateOptions,
) -> tuple[FloatArray, list[Finding]]:
    found: list[Finding] = []
    if options.missing_codes:
        taken = np.isin(values, options.missing_codes)
        if taken.any():
            values = np.where(taken, np.nan, values)
            codes = listing(f"{code:g}" for code in options.missing_codes)
            found.append(
                Finding(
                    severity=NOTE,
                    finding="missing_codes_given",
                    where=_of(columns, np.asarray(taken.any(axis=0))),
                    n=int(taken.sum()),
                    example=codes,
                    text=f"{counted(taken.sum(), 'answer')} set to missing, as "
                    f"stated ({codes})",
                    by="user",
                )
            )
    meant: dict[tuple[float, str], list[tuple[object, int]]] = {}
    for j, column in enumerate(columns):
        for code, label in labelled_missing(labels[j]).items():
            taken_here = values[:, j] == code
            if taken_here.any():
                values = values if values.flags.owndata else values.copy()
                values = values.copy() if not meant else values
                values[taken_here, j] = np.nan
                meant.setdefault((code, label), []).append(
                    (column, int(taken_here.sum()))
                )
    for (code, label), where in meant.items():
        n = sum(count for _, count in where)
        found.append(
            Finding(
                severity=NOTE,
                finding="labelled_missing",
                where=listing(column for column, _ in where),
                n=n,
                example=f"{code:g} ({label})",
                text=f"{counted(n, 'answer', 'answers')} {code:g} "
                f"{'is' if n == 1 else 'are'} missing: the value label is {label!r}",
            )
        )
    return values, found


def _of(columns: Sequence[object], chosen: BoolArray) -> str:
    return listing(c for c, one in zip(columns, chosen, strict=True) if one)


def _odd(
    values: FloatArray,
    low: FloatArray,
    high: FloatArray,
    at: Sequence[int],
    columns: Sequence[object],
    limits: tuple[float, float] | None,
    form: Instrument | None,
    options: GateOptions,
    row: Callable[[int], str],
) -> tuple[BoolArray | None, list[Finding]]:
    """Return codes and answers out of range among items that share a scale."""
    whole = form is not None and not options.allow_fractions
    ends = np.array([*low[list(at)], *high[list(at)]])
    ends = ends[np.isfinite(ends)]
    if limits is None and not is_customary(ends).any():
        return None, []
    part = values[:, list(at)]
    if limits is None:
        codes = customary_codes(np.unique(part[np.isfinite(part)]))
        wrong = np.isin(part, codes)
    else:
        wrong = (part < limits[0]) | (part > limits[1])
        if whole:
            wrong |= np.isfinite(part) & (part != np.rint(part))
        codes = customary_codes(np.unique(part[wrong]), limits)
    if not wrong.any():
        return None, []
    coded = np.isin(part, codes)
    cells = [
        BadCell(columns[at[j]], row(int(i)), float(part[i, j]), bool(coded[i, j]))
        for i, j in _cells(wrong)
    ]
    others = part[~wrong & np.isfinite(part)]
    return wrong, odd_findings(cells, limits, whole, others)


def _cells(wrong: BoolArray) -> list[tuple[int, int]]:
    """Return the places of bad cells, item by item."""
    j, i = np.nonzero(wrong.T)
    return [(int(a), int(b)) for a, b in zip(i, j, strict=True)]


@dataclass(frozen=True, slots=True)
class BadCell:
    """An answer that is a code or out of range."""

    column: object
    row: str
    value: float
    code: bool
    n: int = 1

    def said(self) -> str:
        """Return the place and the value."""
        if self.row:
            return f"{self.column}, {self.row}: {self.value:g}"
        return f"{self.column}: {self.value:g} ({self.n} times)"


def odd_findings(
    cells: Sequence[BadCell],
    limits: tuple[float, float] | None,
    whole: bool,
    others: FloatArray | None = None,
) -> list[Finding]:
    """Return the stops for codes and for answers out of range."""
    found = []
    codes = [cell for cell in cells if cell.code]
    if codes:
        values = sorted({cell.value for cell in codes}, reverse=True)
        shown = listing(f"{value:g}" for value in values)
        n = sum(cell.n for cell in codes)
        scale = (
            f"answers from {limits[0]:g} to {limits[1]:g}"
            if limits is not None
            else _observed(others)
        )
        numbers = tuple(int(v) if float(v).is_integer() else v for v in values)
        if limits is None:
            out = (
                f"If they are valid answers, state it with {option('response_range')}."
            )
        else:
            out = f"To use them as answers: {option('accept', 'missing_codes')}."
        found.append(
            Finding(
                severity=STOP,
                finding="missing_codes",
                where=listing(dict.fromkeys(cell.column for cell in codes)),
                n=n,
                example=codes[0].said(),
                values=tuple(values),
                text=f"{shown} among {scale} look like codes for a missing answer: "
                f"{n} in {listing(dict.fromkeys(c.column for c in codes))}, such as "
                f"{codes[0].said()}",
                advice="If they mean missing, give "
                f"{option('missing_codes', numbers)}. {out}",
            )
        )
    rest = [cell for cell in cells if not cell.code]
    if rest and limits is not None:
        n = sum(cell.n for cell in rest)
        kind = "whole numbers" if whole else "numbers"
        found.append(
            Finding(
                severity=STOP,
                finding="out_of_range",
                where=listing(dict.fromkeys(cell.column for cell in rest)),
                n=n,
                example=rest[0].said(),
                values=tuple(sorted({cell.value for cell in rest})),
                text=f"answers must be {kind} from {limits[0]:g} to {limits[1]:g}, or "
                f"empty; {counted(n, 'is', 'are')} not: "
                f"{listing((cell.said() for cell in rest), 30)}",
                advice="Correct them, or set them to missing with "
                f"{option('missing_codes')}; another response scale is stated with "
                f"{option('response_range')}.",
            )
        )
    return found


def _observed(others: FloatArray | None) -> str:
    if others is None or not len(others):
        return "the answers"
    return f"answers from {others.min():g} to {others.max():g}"


def scored_answers(
    values: FloatArray,
    columns: Sequence[object],
    form: Instrument,
    options: GateOptions,
    *,
    labels: ValueLabels | None,
    row: Callable[[int], str],
) -> tuple[FloatArray, list[Finding]]:
    """Return the answers of one file to a form, scored, and what was found.

    Raises
    ------
    DataError
        For codes, answers out of range and a key that is contradicted or conflicts.
    """
    absent = [c for c in options.reverse if str(c) not in map(str, columns)]
    if absent:
        raise ModelError(
            f"{option('reverse')} names {listing(absent)}, which "
            f"{'is' if len(absent) == 1 else 'are'} not among the items."
        )
    read = read_codes(values, columns, options, form=form, labels=labels, row=row)
    turned, limits, more = reversed_besides(
        read.values, columns, options.reverse, read.limits
    )
    clean = turned if read.bad is None else np.where(read.bad, np.nan, turned)
    plan = key_plan(form, columns)
    alone = np.zeros(len(clean), dtype=np.int64)
    decision = decide_key(
        key_sums(clean, alone, 1, plan.layout),
        plan,
        np.zeros(1, dtype=np.int64),
        [""],
        options.already_keyed,
        weak_stops=False,
    )
    found = [*read.findings, *more, *decision.findings]
    found = accepted(found, options.accept)
    refuse(found)
    ends = limits or (float(form.limits[0]), float(form.limits[1]))
    return keyed_values(turned, decision.turned, alone, reversal(ends)), found
