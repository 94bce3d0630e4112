"""Numbers that customarily mean a missing answer, told from answers.

A code is customary and lies outside the declared range. Where no range is declared,
the answers themselves must set it apart: see `customary_codes`.
"""

import re
from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import ArrayLike

# what questionnaires and SPSS files use for "no answer"
_TWICE = (7, 8, 9, 66, 77, 88, 96, 97, 98, 99, 777, 888, 998, 999, 9998, 9999)
CUSTOMARY = frozenset({9, -1, *(v for v in _TWICE if v > 9), *(-v for v in _TWICE)})
# more distinct answers than this, and they are no rating scale
_MOST_ANSWERS = 12
# the rating scales beyond which a 9 is no answer
_SHORT_SCALES = ((1, 5), (1, 7))

_MISSING_WORDS = re.compile(
    r"""^\W*(?:
        n\W?/?\W?a\W? | not?\ (?:answer(?:ed)?|response|data|reply|information) |
        missing(?:\ .*)? | refus(?:ed|al)(?:\ .*)? | declined(?:\ .*)? |
        prefer\ not\b.* |
        not\ (?:applicable|available|asked|assessed|stated|known|reported) |
        (?:i\ )?(?:do\ not|don\W?t|dont)\ know | dk | unknown | skipped | no\ opinion |
        blank | (?:system|user)[\ -]missing | invalid(?:\ .*)? | unanswered |
        keine\ (?:angabe|antwort)(?:\ .*)? | k\W?\ ?a\W? |
        nicht\ (?:beantwortet|zutreffend) |
        wei(?:ss|ß)\ (?:ich\ )?nicht | fehlend(?:\ .*)? | verweigert |
        sans\ r[ée]ponse | non\ r[ée]ponse | sin\ respuesta | no\ contesta | ns/nc |
        ne\ sait\ pas | pas\ de\ r[ée]ponse | no\ (?:responde|sabe) |
        prefiero\ no\b.* | prefiro\ n[ãa]o\b.* | n[ãa]o\ (?:respondeu|sabe) |
        sem\ resposta | non\ (?:risponde|so|sa) | nessuna\ risposta |
        geen\ antwoord | weet\ niet | нет\ ответа | отказ | не\ знаю |
        затрудняюсь\ ответить | 无回答 | 拒绝回答 | 不知道
    )\W*$""",
    re.I | re.X,
)


def means_missing(label: object) -> bool:
    """Return whether a value label says that there is no answer.

    >>> [means_missing(word) for word in ("no answer", "Refused", "n/a", "Never")]
    [True, True, True, False]
    """
    words = " ".join(str(label).split())
    return bool(_MISSING_WORDS.match(words))


def is_customary(values: ArrayLike) -> np.ndarray:
    """Return which numbers are customary codes, as booleans of the same shape."""
    return np.isin(np.asarray(values, dtype=np.float64), list(CUSTOMARY))


def customary_codes(
    distinct: ArrayLike, declared: tuple[float, float] | None = None
) -> tuple[float, ...]:
    """Return the distinct answers that are codes for a missing answer.

    Parameters
    ----------
    distinct : array_like of float
        The distinct answers to items that share a response scale.
    declared : tuple of float, optional
        Lowest and highest answer of the form, of ``response_range`` or of the value
        labels.

    Returns
    -------
    tuple of float
        Codes, in increasing order.

    Notes
    -----
    Where a range is declared, a code is a customary number outside it. Where none is,
    all answers must be whole numbers and at most 12 of them no customary number; a
    customary number is then a code if its distance from them is wider than their span,
    or if it is a 9 beyond a scale of 1 to 5 or 1 to 7.

    Examples
    --------
    >>> customary_codes([1, 2, 3, 4, 5, 99, -9])
    (-9.0, 99.0)
    >>> customary_codes([1, 3, 5, 7, 8, 9])  # an answer on a scale of 1 to 10
    ()
    >>> customary_codes([1, 2, 3, 9], declared=(1, 9))
    ()
    """
    values = np.unique(np.asarray(distinct, dtype=np.float64))
    values = values[np.isfinite(values)]
    candidate = is_customary(values)
    if not candidate.any():
        return ()
    if declared is not None:
        low, high = declared
        outside = (values < low) | (values > high)
        return tuple(float(value) for value in values[candidate & outside])
    others = values[~candidate]
    if len(others):
        # a customary number amid the others is an answer, such as 9 of 1 to 10
        candidate &= (values < others[0]) | (values > others[-1])
        others = values[~candidate]
    if not (values == np.round(values)).all() or not 2 <= len(others) <= _MOST_ANSWERS:
        return ()
    low, high = float(others[0]), float(others[-1])
    short = any(bottom <= low and high <= top for bottom, top in _SHORT_SCALES)
    found = []
    for value in values[candidate]:
        gap = max(low - value, value - high)
        if gap > high - low or (value == 9 and short):
            found.append(float(value))
    return tuple(found)


def labelled_missing(labels: Mapping[float, str]) -> dict[float, str]:
    """Return the codes of an item that its value labels call missing.

    A label such as "don't know" in the middle of a scale is an answer; only codes
    beyond the other labels are missing.
    """
    numbers: dict[float, str] = {}
    for code, label in labels.items():
        try:
            numbers[float(code)] = str(label)
        except (TypeError, ValueError):
            continue
    answers = [code for code, label in numbers.items() if not means_missing(label)]
    low, high = min(answers, default=np.inf), max(answers, default=-np.inf)
    return {
        code: label
        for code, label in numbers.items()
        if means_missing(label) and not low < code < high
    }


def label_range(
    labels: Iterable[Mapping[float, str]],
) -> tuple[float, float] | None:
    """Return the range that the value labels of items declare, None without one.

    Labels that mean a missing answer and customary codes far from the other labels say
    nothing of the range.
    """
    codes: set[float] = set()
    for of in labels:
        for code, label in of.items():
            try:
                number = float(code)
            except (TypeError, ValueError):
                continue
            if not means_missing(label):
                codes.add(number)
    far = customary_codes(sorted(codes))
    kept = sorted(codes - set(far))
    return (kept[0], kept[-1]) if len(kept) >= 2 else None
