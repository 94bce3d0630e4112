"""Which rows report a coefficient of their own, and which take it from elsewhere.

Rows of a parsed table as the rules of checking see them.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype

from waistats._typing import BoolArray, FloatArray
from waistats.io._findings import Finding
from waistats.io._numbers import plain_texts, quoted
from waistats.io._table import RawTable
from waistats.measures import (
    EXCLUDED,
    INDUCED,
    OWN,
    SHEET_MARK,
    YES,
    status_of,
    texts_of,
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rows:
    """A parsed table, its source, and which of its rows a rule may judge.

    Attributes
    ----------
    frame : DataFrame
        The typed columns.
    table : RawTable
        The cells, for places and for numbers as they are printed.
    sound : ndarray of bool
        Rows without an error: doubts about the others would hide what matters.
    own : ndarray of bool
        Rows that report on their own sample.
    poolable : ndarray of bool
        Sound rows that claim to be poolable.
    """

    frame: pd.DataFrame
    table: RawTable
    sound: BoolArray
    own: BoolArray
    poolable: BoolArray
    # a column is asked for by many rules: its texts are made once
    _known: dict[str, list[str]] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        return len(self.frame)

    def numbers(self, name: str) -> FloatArray:
        """Return a column as floats; NaN where it is blank, absent or no number."""
        if name not in self.frame:
            return np.full(len(self), np.nan)
        values = pd.to_numeric(self.frame[name], errors="coerce")
        numbers: FloatArray = values.to_numpy(dtype=float, na_value=np.nan)
        return numbers

    def texts(self, name: str) -> list[str]:
        """Return a column as stripped texts; ``""`` where it is blank or absent."""
        if name not in self._known:
            blank = [""] * len(self)
            given = name in self.frame
            texts = plain_texts(self.frame[name]) if given else blank
            self._known[name] = [text or "" for text in texts]
        return self._known[name]

    def folded(self, name: str) -> list[str]:
        """Return a column as texts without case."""
        key = f"{name} in lower case"
        if key not in self._known:
            texts = self.texts(name)
            words = {text: text.casefold() for text in set(texts)}
            self._known[key] = [words[text] for text in texts]
        return self._known[key]

    def equal(self, name: str, *values: str) -> BoolArray:
        """Return which rows hold one of these texts."""
        if name not in self.frame:
            return np.full(len(self), "" in values)
        return np.array([text in values for text in self.texts(name)], dtype=bool)

    def filled(self, name: str) -> BoolArray:
        """Return which rows hold anything in a column."""
        if name not in self.frame:
            return np.zeros(len(self), dtype=bool)
        if is_numeric_dtype(self.frame[name].dtype):
            filled: BoolArray = self.frame[name].notna().to_numpy(dtype=bool)
            return filled
        return np.array([text != "" for text in self.texts(name)], dtype=bool)

    def yes(self, name: str) -> BoolArray:
        """Return which rows say yes in a column."""
        if name not in self.frame:
            return np.zeros(len(self), dtype=bool)
        return np.array([word in YES for word in self.folded(name)], dtype=bool)

    def found(
        self,
        mask: BoolArray,
        column: str,
        severity: str,
        rule: str | Sequence[str],
        advice: str,
        values: Sequence[str] | Mapping[int, str] | None = None,
    ) -> list[Finding]:
        """Return a finding for every row of a mask, with its own rule or value."""
        studies = self.texts("study_id")
        return [
            Finding(
                column=column,
                severity=severity,
                rule=rule if isinstance(rule, str) else rule[i],
                value="" if values is None else values[i],
                advice=advice,
                place=self.table.place(i, column),
                row=i,
                study_id=studies[i],
            )
            for i in np.flatnonzero(mask).tolist()
        ]

    def found_at(
        self, row: int, column: str, severity: str, rule: str, advice: str
    ) -> Finding:
        """Return a finding for one row."""
        return Finding(
            column=column,
            severity=severity,
            rule=rule,
            advice=advice,
            place=self.table.place(row, column),
            row=row,
            study_id=self.texts("study_id")[row],
        )


def about_table(
    column: str, rule: str, advice: str, severity: str = "warning"
) -> Finding:
    """Return a finding about a table as a whole."""
    return Finding(column=column, severity=severity, rule=rule, advice=advice)


_CITATION = re.compile(
    r"\b([A-ZÀ-Ý][\w'’-]+)(?:,? (?:&|and|et al\.?)(?: [A-ZÀ-Ý][\w'’-]+)?)?,? "
    r"\(?((?:19|20)\d\d)\)?"
)


def is_coding_sheet(frame: pd.DataFrame) -> bool:
    """Return whether a table is a coding sheet, with its studies that report nothing.

    >>> is_coding_sheet(pd.DataFrame({"study_id": ["A"], "estimate": [0.9]}))
    False
    """
    return SHEET_MARK in frame


def with_status(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a coding sheet with ``status`` and ``reason`` told for every row.

    Models then leave induced coefficients out, and say why.
    """
    found = status_of(frame)
    told = frame.copy()
    given = texts_of(frame, "status")
    told["status"] = [
        old or ("poolable" if claimed else "not_poolable")
        for old, claimed in zip(given, found.claimed, strict=True)
    ]
    reasons = [
        None if claimed else reason
        for claimed, reason in zip(found.claimed, found.reason, strict=True)
    ]
    told["reason"] = pd.Series(reasons, index=frame.index, dtype=object)
    return told


def contradictions(rows: Rows) -> list[Finding]:
    """Return an error for every row of a coding sheet that says two things at once."""
    said = rows.texts(SHEET_MARK)
    own = rows.equal(SHEET_MARK, OWN)
    induced = rows.equal(SHEET_MARK, *INDUCED)
    valued = ~np.isnan(rows.numbers("estimate"))
    anything = valued | rows.filled("estimate_low") | rows.filled("estimate_high")
    excluded = rows.equal("screening_decision", EXCLUDED)
    shown = [quoted(text) for text in said]
    return [
        *rows.found(
            own & rows.filled("induced_source_doi"),
            SHEET_MARK,
            "error",
            "cannot be 'reported_own' where induced_source_doi names another study",
            "If the figure is that study's, say 'induced_precise'; else empty "
            "induced_source_doi.",
        ),
        *rows.found(
            valued & rows.equal(SHEET_MARK, "induced_vague", "omitted"),
            SHEET_MARK,
            "error",
            "does not go with a coefficient in the row",
            "A coefficient of the study's own data is 'reported_own', one of another "
            "study 'induced_precise'; a study that gives none has no estimate.",
            shown,
        ),
        *rows.found(
            induced & rows.equal("status", "poolable"),
            "status",
            "error",
            "cannot be 'poolable' where the reliability is induced",
            "Empty status: only rows with 'reported_own' are pooled.",
        ),
        *rows.found(
            excluded & ~rows.filled("reason"),
            "reason",
            "error",
            "must be filled where screening_decision is 'exclude'",
            "Every exclusion has a reason: it appears in the flow chart.",
        ),
        *rows.found(
            own & anything & ~excluded & ~rows.filled("coefficient_type"),
            "coefficient_type",
            "error",
            "must be filled where a coefficient is reported",
            "Say which kind it is; 'unspecified' if the study does not say.",
        ),
    ]


def citation_doubts(rows: Rows) -> list[Finding]:
    """Return doubts about where the coefficients of a coding sheet come from."""
    own = rows.equal(SHEET_MARK, OWN) & rows.sound
    precise = rows.equal(SHEET_MARK, "induced_precise") & rows.sound
    valued = (
        rows.filled("estimate")
        | rows.filled("estimate_low")
        | rows.filled("estimate_high")
    )
    cited = [
        _earlier_study(text, year, authors)
        for text, year, authors in zip(
            rows.texts("evidence"),
            rows.numbers("year"),
            rows.texts("authors"),
            strict=True,
        )
    ]
    addressed = np.zeros(len(rows), dtype=bool)
    for name in ("doi", "source_url", "seen_in", "source"):
        addressed |= rows.filled(name)
    real = np.array([t != "SIMULATED" for t in rows.texts("provenance")], dtype=bool)
    return [
        *rows.found(
            own & np.array([bool(c) for c in cited], dtype=bool),
            "evidence",
            "warning",
            [f"names an earlier study ({c})" for c in cited],
            "If the coefficient is that study's, say 'induced_precise' in "
            "reliability_status.",
        ),
        *rows.found(
            precise & ~valued,
            "estimate",
            "warning",
            "is empty where a precise figure of another study is quoted",
            "Give the figure; if none is quoted, say 'induced_vague'.",
        ),
        *rows.found(
            precise & ~rows.filled("induced_source_doi"),
            "induced_source_doi",
            "note",
            "is empty where a figure of another study is quoted",
            "With it, the inducing sample can be compared with its source.",
        ),
        *rows.found(
            own & valued & real & ~(addressed & rows.filled("evidence")),
            "evidence",
            "note",
            "or address is missing: the figure cannot be traced",
            "Give a DOI or address, and paraphrase the passage.",
        ),
    ]


def _earlier_study(text: str, year: float, authors: str) -> str:
    """Return the first citation of an earlier year by others; ``""`` for none."""
    for match in _CITATION.finditer(text):
        earlier = np.isnan(year) or int(match[2]) < year
        if earlier and match[1].casefold() not in authors.casefold():
            return match[0]
    return ""
