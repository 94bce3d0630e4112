"""How a table of responses is laid out: wide or long, its study and samples.

Which columns make which scale, and which of them are reverse-scored.

Which respondents make a sample: study, and columns that split it.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from waistats._caller import option
from waistats._identifiers import column_names, identifiers
from waistats._typing import IntArray
from waistats.errors import DataError, ModelError, listing, near
from waistats.instruments._findings import Finding, accepted, refuse
from waistats.instruments._gate import row_namer
from waistats.instruments.forms import Instrument, get_instrument
from waistats.instruments.scoring import found_items
from waistats.io._long import LongColumns, wide_shape
from waistats.io._numbers import number_style, parse_numbers


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalePlan:
    """The scales asked for.

    Attributes
    ----------
    scales : dict of str to tuple
        Column names of each scale.
    form : Instrument or None
        The form whose key applies.
    form_columns : tuple
        Columns of the form's items, in its order; empty without a form.
    findings : tuple of Finding
        What was accepted when the items were found.
    """

    scales: dict[str, tuple[object, ...]]
    form: Instrument | None = None
    form_columns: tuple[object, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def columns(self) -> tuple[object, ...]:
        """Every column needed, each once."""
        return tuple(dict.fromkeys(c for of in self.scales.values() for c in of))

    @property
    def reversed(self) -> frozenset[object]:
        """Columns that are reverse-scored."""
        if self.form is None:
            return frozenset()
        numbered = zip(self.form.items, self.form_columns, strict=True)
        return frozenset(c for number, c in numbered if number in self.form.reverse)


def plan_scales(
    known: Sequence[object],
    *,
    items: str | Sequence[object] | None = None,
    instrument: str | Instrument | None = None,
    scales: Mapping[str, Sequence[object]] | Sequence[str] | None = None,
    provisional: bool = False,
    accept: Collection[str] = (),
) -> ScalePlan:
    """Return the scales that the options describe.

    Parameters
    ----------
    known : sequence
        The columns of the data.
    items : str or sequence, optional
        Prefix or names of the item columns.
    instrument : str or Instrument, optional
        A form, whose subscales, total and reversed items apply.
    scales : mapping or sequence, optional
        Columns of each scale; or, with ``instrument``, the names of its scales to use.
    provisional : bool
        Allow a provisional form.
    accept : collection of str
        Findings that do not stop: see `item_columns`.

    Returns
    -------
    ScalePlan
        Without instrument and scales one scale, ``total``.

    Raises
    ------
    DataError
        If columns are missing or a scale has fewer than two items.
    """
    header = pd.DataFrame(columns=pd.Index(known, dtype=object))
    form = None
    if instrument is not None:
        form = get_instrument(instrument, provisional=provisional)
    if form is None and isinstance(scales, Mapping):
        if items is not None:
            raise ModelError(
                f"give either {option('items')} (one scale, total) or {option('scales')} "
                "(columns of each scale), not both."
            )
        chosen = {str(name): tuple(of) for name, of in scales.items()}
        form_columns: tuple[object, ...] = ()
        findings: tuple[Finding, ...] = ()
    else:
        columns, gap = found_items(header, form, items)
        form_columns = tuple(columns)
        findings = tuple(accepted([gap] if gap else [], frozenset(accept)))
        refuse(findings)
        chosen = _chosen(form, form_columns, scales)
    _check(chosen, known)
    if form is None:
        return ScalePlan(scales=chosen, findings=findings)
    return ScalePlan(scales=chosen, form=form, form_columns=form_columns)


def _chosen(
    form: Instrument | None,
    columns: tuple[object, ...],
    scales: Mapping[str, Sequence[object]] | Sequence[str] | None,
) -> dict[str, tuple[object, ...]]:
    if form is None:
        if scales is not None:
            raise ModelError(
                f"{option('scales')} must name the columns of each scale, such as "
                f"{{'task': ['wai1', 'wai2']}}, unless {option('instrument')} is given."
            )
        return {"total": columns}
    if isinstance(scales, Mapping):
        outside = [c for of in scales.values() for c in of if c not in columns]
        if outside:
            raise DataError(
                f"scales: {listing(outside)} {'is' if len(outside) == 1 else 'are'} "
                f"not among the items of {form.name}."
            )
        return {str(name): tuple(of) for name, of in scales.items()}
    place = dict(zip(form.items, columns, strict=True))
    own = {
        name: tuple(place[number] for number in numbers)
        for name, numbers in form.scales.items()
    }
    if scales is None:
        # a scale of one item has no internal consistency
        return {name: of for name, of in own.items() if len(of) > 1}
    wanted = [scales] if isinstance(scales, str) else list(scales)
    unknown = [f"{name!r}{near(name, own)}" for name in wanted if name not in own]
    if unknown:
        raise DataError(
            f"{form.name} has no scale {listing(unknown)}; it has {listing(own)}."
        )
    return {name: own[name] for name in wanted}


def _check(chosen: dict[str, tuple[object, ...]], known: Sequence[object]) -> None:
    if not chosen:
        raise ModelError(f"{option('scales')} names no scale.")
    names = list(known)
    held = set(names)
    for scale, columns in chosen.items():
        absent = [
            f"{c!r}{near(str(c), map(str, names))}" for c in columns if c not in held
        ]
        if absent:
            raise DataError(
                f"scale {scale}: no column {listing(absent)}; the columns are "
                f"{listing(names, 20)}."
            )
        twice = [c for c, n in Counter(columns).items() if n > 1]
        if twice:
            raise DataError(f"scale {scale}: {listing(twice)} named more than once.")
        if len(columns) < 2:
            raise DataError(
                f"scale {scale}: at least 2 items are needed, but there "
                f"{'is' if len(columns) == 1 else 'are'} {len(columns)}."
            )


NO_ONE = "there are no respondents: the table has columns, but no rows."
# facts of a whole sample, carried into the table when the data have them
CARRIED = ("instrument", "rater", "provenance")
# the cell of study and by, which names coefficients; the sample may hold several
CELL = "waistats_cell"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Samples:
    """The samples in order of first appearance.

    Attributes
    ----------
    codes : ndarray of int, shape (N,)
        Sample of each respondent.
    frame : DataFrame
        One row per cell of study and ``by``: ``study_id, sample_id``, the name of the
        cell, the columns that split studies, and facts carried along.
    """

    codes: IntArray
    frame: pd.DataFrame


def as_text(values: "pd.Series[Any]") -> "pd.Series[Any]":
    """Return identifiers as text: as spelled, typed numbers in their shortest form."""
    return identifiers(values)


def check_columns(known: Sequence[object], wanted: dict[str, Sequence[object]]) -> None:
    """Raise a DataError naming options whose columns do not exist."""
    names = [str(name) for name in known]
    missing = [
        f"{option}={column!r}{near(str(column), names)}"
        for option, columns in wanted.items()
        for column in columns
        if column not in known
    ]
    if missing:
        raise DataError(
            f"no such column: {listing(missing)}; the columns are {listing(names, 20)}."
        )


def study_texts(
    data: pd.DataFrame, columns: Sequence[str]
) -> dict[str, "pd.Series[Any]"]:
    """Return the identifiers that the columns hold, as text; labels name codes."""
    return {
        column: identifiers(data[column], column_names(data, column))
        for column in columns
    }


def group_samples(
    data: pd.DataFrame,
    study: str,
    by: Sequence[str],
    *,
    carry: Sequence[str] = (),
    person: IntArray | None = None,
) -> Samples:
    """Return the samples of a frame whose study and ``by`` are filled in every row.

    Parameters
    ----------
    data : DataFrame
        One row per respondent.
    study, by : str
        Columns of the study, and those that split it.
    carry : sequence of str
        Facts of a sample that are carried along.
    person : ndarray of int, optional
        Person of each row. Cells of a study with the same persons are one sample: its
        sessions, say.
    """
    if data.empty:
        raise DataError(NO_ONE)
    texts = study_texts(data, [study, *by])
    codes, first = _combined(list(texts.values()))
    cells = sample_names([text.iloc[first] for text in texts.values()])
    own = [study, *between_people(texts, study, by, person)]
    frame = pd.DataFrame(
        {
            "study_id": texts[study].iloc[first].to_numpy(dtype=object),
            "sample_id": sample_names([texts[column].iloc[first] for column in own]),
            CELL: cells,
        }
    )
    for column in by:
        frame[column] = texts[column].iloc[first].to_numpy(dtype=object)
    for column in carry:
        values = study_texts(data, [column])[column]
        frame[column] = joined_values(values, codes, len(first))
    return Samples(codes=codes, frame=frame)


def _combined(texts: Sequence["pd.Series[Any]"]) -> tuple[IntArray, IntArray]:
    """Return the combination of each row, and the first row of each combination."""
    if len(texts) == 1:
        codes = pd.factorize(texts[0])[0]
    else:
        several = [pd.factorize(text)[0].tolist() for text in texts]
        codes = pd.factorize(pd.MultiIndex.from_arrays(several))[0]
    first = np.unique(codes, return_index=True)[1]
    return codes.astype(np.int64), first.astype(np.int64)


def between_people(
    texts: Mapping[str, "pd.Series[Any]"],
    study: str,
    by: Sequence[str],
    person: IntArray | None,
) -> list[str]:
    """Return the columns of ``by`` that tell people apart, not occasions of one person.

    Without persons every column does.
    """
    if person is None:
        return list(by)
    found = []
    for column in by:
        frame = pd.DataFrame(
            {
                "study": pd.factorize(texts[study])[0],
                "person": person,
                "value": pd.factorize(texts[column])[0],
            }
        )
        several = frame.groupby(["study", "person"])["value"].nunique()
        if not (several > 1).any():
            found.append(column)
    return found


def sample_names(texts: Sequence["pd.Series[Any]"]) -> np.ndarray:
    """Return one name for each row, ``study / rater``; different rows, different names.

    The texts hold one row per combination. Where a study itself holds `` / `` and two
    combinations would be called alike, the parts are put in quotes.
    """
    joined = joined_text(texts)
    parts = list(zip(*(text.to_numpy(dtype=object) for text in texts), strict=True))
    meant: dict[object, set[tuple[object, ...]]] = {}
    for name, part in zip(joined, parts, strict=True):
        meant.setdefault(name, set()).add(part)
    for i, (name, part) in enumerate(zip(joined, parts, strict=True)):
        if len(meant[name]) > 1:
            joined[i] = " / ".join(f'"{one}"' for one in part)
    return joined


def joined_text(texts: Sequence["pd.Series[Any]"]) -> np.ndarray:
    """Return one name for each combination of the columns: ``study / rater``."""
    joined = texts[0].to_numpy(dtype=object, copy=True)
    for text in texts[1:]:
        joined = joined + " / " + text.to_numpy(dtype=object)
    return np.asarray(joined, dtype=object)


def joined_values(values: "pd.Series[Any]", codes: IntArray, k: int) -> list[str]:
    """Return the distinct values of each sample in words, such as ``client``."""
    pairs = pd.DataFrame({"code": codes, "value": as_text(values).to_numpy()})
    pairs = pairs.dropna().drop_duplicates()
    found: list[list[str]] = [[] for _ in range(k)]
    for code, value in zip(pairs["code"], pairs["value"], strict=True):
        found[code].append(str(value))
    return [", ".join(sorted(words)) for words in found]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Where the study, its samples and the answers stand.

    Attributes
    ----------
    study : str
        Column of the study.
    by : tuple of str
        Columns that split a study into samples.
    long : LongColumns or None
        For one row per answer.
    person : tuple of str
        Columns of the respondent in a table with one row per respondent (and occasion).
    """

    study: str
    by: tuple[str, ...] = ()
    long: LongColumns | None = None
    person: tuple[str, ...] = ()

    @property
    def keys(self) -> tuple[str, ...]:
        """Columns that cannot be items."""
        people = self.person if self.long is None else self.long.person
        return (self.study, *self.by, *people)

    def check(self, known: Sequence[object]) -> None:
        """Raise a DataError for columns that do not exist."""
        wanted: dict[str, Sequence[object]] = {"study": [self.study], "by": self.by}
        if self.person:
            wanted["person"] = self.person
        if self.long is not None:
            wanted["person"] = self.long.person
            wanted["item"], wanted["value"] = [self.long.item], [self.long.value]
        check_columns(known, wanted)

    def widen(self, data: pd.DataFrame) -> pd.DataFrame:
        """Return one row per respondent, in order of first appearance."""
        self.check(list(data.columns))
        if self.long is None:
            return data
        long = self.long
        keys = [self.study, *self.by, *long.person]
        texts = study_texts(data, [*keys, long.item])
        rest = [c for c in data.columns if c not in (long.item, long.value)]
        name = row_namer(data)

        def where(rows: IntArray) -> str:
            told = [name(data.index[row]).removeprefix("row ") for row in rows]
            return f"row{'' if len(told) == 1 else 's'} {listing(told)}"

        item = texts.pop(long.item)
        shape = wide_shape(
            {c: texts[c] for c in dict.fromkeys(keys)},
            (long.item, item),
            where=where,
            others=rest,
        )
        cells = data[long.value]
        numbers, unread = parse_numbers(cells, number_style(cells))
        if unread:
            raise DataError(
                f"{long.value} must be numeric, but is not in "
                f"{where(np.array(sorted(unread)))}."
            )
        answers = shape.spread(numbers, np.float64)
        wide = data[rest].iloc[shape.first].reset_index(drop=True)
        found = pd.concat([wide, pd.DataFrame(answers, columns=shape.names)], axis=1)
        # rows are persons now, and no longer those of the file
        found.attrs = {k: v for k, v in data.attrs.items() if k != "file_rows"}
        return found


def with_form(samples: pd.DataFrame, plan: ScalePlan) -> pd.DataFrame:
    """Return the samples with the name of the form, if there is one."""
    if plan.form is None:
        return samples
    named = samples.drop(columns="instrument", errors="ignore")
    named.insert(2, "instrument", plan.form.name)
    return named
