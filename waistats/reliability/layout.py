"""How a table of responses is laid out: wide or long, its study and samples."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from waistats.errors import DataError, ModelError, listing
from waistats.reliability.grouping import as_text, check_columns


@dataclass(frozen=True, slots=True, kw_only=True)
class LongColumns:
    """Columns of a table with one row an answer.

    Attributes
    ----------
    person : tuple of str
        Columns that identify a respondent.
    item, value : str
        Columns of the item and of the answer.
    """

    person: tuple[str, ...]
    item: str
    value: str


def long_columns(
    person: str | Sequence[str] | None, item: str | None, value: str | None
) -> LongColumns | None:
    """Return the columns of a long table; None for a wide one."""
    if person is None and item is None and value is None:
        return None
    if person is None or item is None or value is None:
        raise ModelError(
            "a long table needs all of person=, item= and value=: the columns of the "
            "respondent, of the item and of the answer."
        )
    people = (person,) if isinstance(person, str) else tuple(person)
    return LongColumns(person=people, item=item, value=value)


def item_name(text: str, item: str) -> str:
    """Return the column of an item; numbers are named after the item column."""
    return f"{item}{text}" if text.isdigit() else text


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
        For one row an answer.
    """

    study: str
    by: tuple[str, ...] = ()
    long: LongColumns | None = None

    @property
    def keys(self) -> tuple[str, ...]:
        """Columns that cannot be items."""
        people = () if self.long is None else self.long.person
        return (self.study, *self.by, *people)

    def check(self, known: Sequence[object]) -> None:
        """Raise a DataError for columns that do not exist."""
        wanted: dict[str, Sequence[object]] = {"study": [self.study], "by": self.by}
        if self.long is not None:
            wanted["person"] = self.long.person
            wanted["item"], wanted["value"] = [self.long.item], [self.long.value]
        check_columns(known, wanted)

    def widen(self, data: pd.DataFrame) -> pd.DataFrame:
        """Return one row a respondent, in order of first appearance."""
        self.check(list(data.columns))
        if self.long is None:
            return data
        long = self.long
        keys = [self.study, *self.by, *long.person]
        texts = {column: as_text(data[column]) for column in (*keys, long.item)}
        empty = {c: data.index[t.isna().to_numpy()] for c, t in texts.items()}
        told = [f"{c} in row {listing(rows)}" for c, rows in empty.items() if len(rows)]
        if told:
            raise DataError(
                f"every row of a long table needs these values, but they are empty: "
                f"{'; '.join(told)}."
            )
        joined = pd.MultiIndex.from_frame(
            pd.DataFrame({str(i): texts[column] for i, column in enumerate(keys)})
        )
        person, _ = pd.factorize(joined)
        item, items = pd.factorize(texts[long.item])
        repeated = pd.Series(person * len(items) + item).duplicated(keep=False)
        if repeated.any():
            rows = data.index[repeated.to_numpy()]
            raise DataError(
                "a respondent answers an item more than once in row "
                f"{listing(rows)}. Delete the repeated rows, or name every column that "
                "identifies a respondent in person=: client and session, say."
            )
        numbers = pd.to_numeric(data[long.value], errors="coerce")
        wrong = data.index[(numbers.isna() & data[long.value].notna()).to_numpy()]
        if len(wrong):
            raise DataError(
                f"{long.value} must be numeric, but is not in row {listing(wrong)}."
            )
        first = np.unique(person, return_index=True)[1]
        answers = np.full((len(first), len(items)), np.nan)
        answers[person, item] = numbers.to_numpy(dtype=float, na_value=np.nan)
        names = [item_name(str(text), long.item) for text in items]
        rest = [c for c in data.columns if c not in (long.item, long.value)]
        wide = data[rest].iloc[first].reset_index(drop=True)
        return pd.concat([wide, pd.DataFrame(answers, columns=names)], axis=1)
