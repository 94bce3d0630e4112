"""What a table is: a frame, how its columns are shown, its caption and notes."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from waistats.errors import visible
from waistats.tables._typeset import Run, Runs, plain, signs

# signs from which a cell holds a sentence; letters that a column needs at most, and that
# a line of an upright page holds
SENTENCE, LETTERS, WIDE = 60, 26, 140

Show = Callable[..., str]


_SPACE = re.compile(r"[ \t\r\n\f\v]+")


def said(text: Any) -> str:
    """Return a text on one line, what would move or hide other text as escapes."""
    return visible(_SPACE.sub(" ", str(text)).strip(" "))


@dataclass(frozen=True, slots=True)
class Link:
    """A cell that leads to a section of the same report."""

    text: str
    section: str

    def __str__(self) -> str:
        return self.text

    def __len__(self) -> int:
        return len(self.text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of a table.

    Attributes
    ----------
    name : str
        Its name in the rendered table.
    head : tuple of Run
        What stands above it.
    sources : tuple of str
        Columns of the frame that a cell is made of.
    show : callable
        The values of the sources, in order, to the text of the cell.
    numeric : bool
        Whether it is aligned, and kept in a spreadsheet, as numbers.
    ends : callable, optional
        For two sources that are the ends of an interval: how each is shown alone.
    by : str, optional
        Column that decides how a cell is shown: its value comes before the sources'.
    """

    name: str
    head: Runs
    sources: tuple[str, ...]
    show: Show
    numeric: bool = True
    ends: Show | None = None
    by: str | None = None

    @property
    def title(self) -> str:
        """The head without italics."""
        return plain(self.head)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TableSpec:
    """A table before it is drawn: numbers, not texts.

    Attributes
    ----------
    frame : DataFrame
        Unrounded.
    columns : tuple of Column
        What is shown of it, and how.
    caption : str
        What stands above the table.
    notes : tuple of str
        Sentences below the table.
    name : str
        Short name, for identifiers.
    groups : str or None
        Column whose values head groups of rows; it is not shown otherwise.
    sortable : bool
        Whether a page lets its reader sort the rows.
    number : int
        Its number in a report; 0 outside of one.
    """

    frame: pd.DataFrame
    columns: tuple[Column, ...]
    caption: str
    notes: tuple[str, ...] = ()
    name: str = "table"
    groups: str | None = None
    sortable: bool = False
    number: int = 0
    kind: str = "table"

    def __post_init__(self) -> None:
        object.__setattr__(self, "caption", said(self.caption))
        object.__setattr__(self, "notes", tuple(map(said, self.notes)))
        needed = {s for c in self.columns for s in (*c.sources, c.by) if s is not None}
        missing = needed - set(self.frame)
        if missing:
            raise ValueError(f"The frame lacks {', '.join(sorted(missing))}.")

    @property
    def heads(self) -> list[str]:
        """The heads of the columns as plain text."""
        return [column.title for column in self.columns]

    @property
    def numeric(self) -> list[bool]:
        """Which columns stand to the right."""
        return [column.numeric for column in self.columns]

    def values(self, column: Column) -> list[Any]:
        """Return the raw values of a column's last source, links kept."""
        return list(self.frame[column.sources[-1]])

    def texts(self, column: Column) -> list[str]:
        """Return the cells of a column as text."""
        return self._shown(column, column.show, column.sources)

    def end_texts(self, column: Column, source: str) -> list[str]:
        """Return one end of each interval of a column as text."""
        assert column.ends is not None
        return self._shown(column, column.ends, [source])

    def _shown(self, column: Column, show: Show, sources: Sequence[str]) -> list[str]:
        names = [*sources] if column.by is None else [column.by, *sources]
        parts = [list(self.frame[name]) for name in names]
        return [said(show(*values)) for values in zip(*parts, strict=True)]

    def rows(self, *, typeset: bool = False) -> list[list[str]]:
        """Return the cells as text, row by row; ``typeset`` sets true minus signs."""
        made = [self.texts(column) for column in self.columns]
        if typeset:
            made = [
                [signs(text) for text in texts] if column.numeric else texts
                for column, texts in zip(self.columns, made, strict=True)
            ]
        return [list(row) for row in zip(*made, strict=True)]

    def grouped(self) -> Iterator[tuple[str | None, list[int]]]:
        """Yield each head of a group and the positions of its rows; None without."""
        if self.groups is None:
            yield None, list(range(len(self.frame)))
            return
        places: dict[str, list[int]] = {}
        for position, value in enumerate(self.frame[self.groups]):
            places.setdefault(said(value), []).append(position)
        yield from places.items()

    @property
    def note(self) -> str:
        """The notes as one text; empty without."""
        return " ".join(note for note in self.notes if note)

    @property
    def long(self) -> list[bool]:
        """Which columns hold sentences."""
        return [
            any(len(text) > SENTENCE for text in self.texts(column))
            for column in self.columns
        ]

    @property
    def wide(self) -> bool:
        """Whether it needs a page on its side: more letters than a line upright holds."""
        rows = self.rows()
        letters = 0
        for j, column in enumerate(self.columns):
            texts = [row[j] for row in rows]
            words = max((len(w) for w in column.title.split()), default=0)
            whole = max(map(len, texts), default=0)
            letters += max(words, min(whole, LETTERS)) + 2
        return letters > WIDE

    def retitled(self, caption: str, notes: Sequence[str] | None = None) -> "TableSpec":
        """Return the same table under another caption."""
        kept = self.notes if notes is None else tuple(notes)
        return replace(self, caption=caption, notes=kept)


def head(text: str) -> Runs:
    """Return a text that is no markup as a head."""
    return (Run(said(text)),)
