"""Notes of results as sentences of a paper: without code and without instructions."""

import re

import pandas as pd

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
