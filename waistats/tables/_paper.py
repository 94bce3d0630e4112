"""Tables as a paper prints them: no code, no instructions, nothing said in every row."""

import re
from collections.abc import Container, Iterable
from dataclasses import replace

import pandas as pd

from waistats._format import MISSING
from waistats.tables._spec import SENTENCE, TableSpec

# what only a program's user can read: code, options, functions, pages of the docs
CODE = re.compile(
    r"`|\b[A-Za-z_]\w*=[\w'\"(\[]|\b(?!(?:exp|log|tanh|sqrt)\()[a-z]\w{2,}\(|\bdocs/|(?<![\w-])--[a-z]|"
    r"(?<!\w)\.[a-z_]{3,}\b|\b(?:knapp-hartung|confidence-distribution)(?:-adhoc)?\b"
)
_PAGE = re.compile(r"(?:,? see |;? ?\(|, )docs/[\w./-]+\)?")
_ORDER = re.compile(
    r"(?:Use|Fit|Give|Take|Leave|Merge|See|Describe|Choose|Add|Try|Name|Correct|Install)\b"
)
_END = re.compile(r"(?<=[.!?])\s+")


def for_paper(note: str) -> str:
    """Return a note without the sentences that are for who computes.

    A sentence that holds code, or that says what to do, is left out; a page of the docs
    in parentheses is. Notes of results keep what is so and what to do in sentences of
    their own.

    >>> for_paper("It covers 88% (docs/promises.md). bias='exact' removes it.")
    'It covers 88%.'
    """
    said = _PAGE.sub("", note)
    kept = [
        sentence
        for sentence in _END.split(said)
        if not (CODE.search(sentence) or _ORDER.match(sentence))
    ]
    return " ".join(kept)


# what says how much wider a prediction interval is than one that takes tau as known
WIDE = re.compile(
    r"If tau is as small as estimated, this prediction interval holds ([\d.]+)% of new "
    r"populations, as simulated; that of metafor, [^.]*?\[[^\]]*\] and holds "
    r"[\d.]+%(?: \(docs/[\w.]+\))?\."
)


def with_shared_notes(frame: pd.DataFrame) -> pd.DataFrame:
    """Return pooled rows whose notes on wide prediction intervals are one note.

    Each row has its own number in the result; a table says their range once.
    """
    if "note" not in frame:
        return frame
    notes = frame["note"].fillna("").astype(str)
    held = [float(share) for note in notes for share in WIDE.findall(note)]
    if len(held) < 2:
        return frame
    ends = " to ".join(dict.fromkeys(f"{x:g}" for x in (min(held), max(held))))
    text = (
        "If tau is as small as estimated, this prediction interval holds more than 95% of "
        f"new populations ({ends}% as simulated)."
    )
    return frame.assign(note=[WIDE.sub(text, note) for note in notes])


# letters of footnotes that stand above the line in every font of ours
LETTERS = "ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐ"
# numbers that a note says once where they are the same in every row
_CONSTANT = {"k_reporting": "reporting", "k_inducing": "inducing"}


def noted(table: TableSpec, notes: Iterable[str]) -> TableSpec:
    """Return a table with further notes, before its footnotes."""
    at = next(
        (i for i, note in enumerate(table.notes) if note[:1] in tuple(LETTERS)),
        len(table.notes),
    )
    said = (*table.notes[:at], *filter(None, notes), *table.notes[at:])
    return table.retitled(table.caption, said)


def without_repeats(table: TableSpec) -> TableSpec:
    """Return a table in which what every row says alike is said in the note."""
    names = {column.name for column in table.columns}
    frame, gone, notes = table.frame, set(), []
    if len(frame) and {"k", "k_studies"} <= names:
        k, studies = frame["k"].tolist(), frame["k_studies"].tolist()
        if all(a == b for a, b in zip(k, studies, strict=True)):
            gone.add("k_studies")
            notes.append("One coefficient per study.")
    if len(frame) > 1 and set(_CONSTANT) <= names:
        counts = {name: set(frame[name].tolist()) for name in _CONSTANT}
        if all(len(values) == 1 for values in counts.values()):
            gone |= set(_CONSTANT)
            said = [f"{int(v.pop())} {_CONSTANT[name]}" for name, v in counts.items()]
            notes.append(f"In all rows {' and '.join(said)} samples.")
    if not gone:
        return table
    columns = tuple(c for c in table.columns if c.name not in gone)
    return noted(replace(table, columns=columns), notes)


_DATED = re.compile(r"\(\d{4}\)")


def without_alike(table: TableSpec, *, kept: Container[str]) -> TableSpec:
    """Return a list of coefficients in which the one text of all rows is said once.

    A year that is part of every name of a study needs no column, either.
    """
    texts = {column.name: table.texts(column) for column in table.columns}
    dated = all(map(_DATED.search, texts.get("study_id", [""])))
    same = [c for c in table.columns if c.name not in kept and _one(texts[c.name])]
    gone = {column.name for column in same} | ({"year"} if dated else set())
    columns = tuple(c for c in table.columns if c.name not in gone)
    said = [
        f"{c.title} {texts[c.name][0]}"
        for c in same
        if not (dated and c.name == "year")
    ]
    note = f"All rows: {'; '.join(said)}." if said else ""
    return noted(replace(table, columns=columns), [note])


def _one(texts: list[str]) -> bool:
    """Return whether every row of several has the one short text of a column."""
    one = len(texts) > 1 and len(set(texts)) == 1
    return one and texts[0] != MISSING and 0 < len(texts[0]) <= SENTENCE
