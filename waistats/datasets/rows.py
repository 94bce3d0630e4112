"""Rows of a parsed table as the rules of checking see them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from waistats.arrays import BoolArray, FloatArray
from waistats.datasets.findings import Finding
from waistats.datasets.numbers import plain_text
from waistats.datasets.table import RawTable

_YES = frozenset({"true", "1", "yes"})


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
    poolable : ndarray of bool
        Sound rows that claim to be poolable.
    """

    frame: pd.DataFrame
    table: RawTable
    sound: BoolArray
    poolable: BoolArray

    def __len__(self) -> int:
        return len(self.frame)

    def numbers(self, name: str) -> FloatArray:
        """Return a column as floats; NaN where it is blank, absent or no number."""
        if name not in self.frame:
            return np.full(len(self), np.nan)
        values = pd.to_numeric(self.frame[name], errors="coerce")
        return values.to_numpy(dtype=float, na_value=np.nan)

    def texts(self, name: str) -> list[str]:
        """Return a column as stripped texts; ``""`` where it is blank or absent."""
        if name not in self.frame:
            return [""] * len(self)
        return [plain_text(cell) or "" for cell in self.frame[name]]

    def equal(self, name: str, *values: str) -> BoolArray:
        """Return which rows hold one of these texts."""
        return np.array([text in values for text in self.texts(name)], dtype=bool)

    def filled(self, name: str) -> BoolArray:
        """Return which rows hold anything in a column."""
        return np.array([text != "" for text in self.texts(name)], dtype=bool)

    def yes(self, name: str) -> BoolArray:
        """Return which rows say yes in a column."""
        words = (text.casefold() for text in self.texts(name))
        return np.array([word in _YES for word in words], dtype=bool)

    def found(
        self,
        mask: BoolArray,
        column: str,
        severity: str,
        rule: str | Sequence[str],
        advice: str,
        values: Sequence[str] | None = None,
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


def about_table(
    column: str, rule: str, advice: str, severity: str = "warning"
) -> Finding:
    """Return a finding about a table as a whole."""
    return Finding(column=column, severity=severity, rule=rule, advice=advice)
