"""Notes of results as sentences of a paper: without code and without instructions."""

import re

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
