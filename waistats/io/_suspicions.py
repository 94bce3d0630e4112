"""Rows that are no study, values that are another's, and cells that hold other cells."""

import math
import re
import unicodedata
from collections import defaultdict

import numpy as np
from pandas.api.types import is_numeric_dtype
from scipy.special import bdtrc

from waistats._format import counted
from waistats.errors import listing
from waistats.io._findings import Finding
from waistats.io._numbers import decimals, is_missing, quoted
from waistats.io._rules import Rows, about_table
from waistats.measures import ALPHA_TYPES, kinds_of

_SUMMARY = re.compile(
    r"(?:grand |weighted |unweighted |pooled |overall |arithmetic )*"
    r"(?:totals?|sum|means?|averages?|medians?|overall|pooled|combined|all studies|"
    r"summary|gesamt|summe|mittelwert|insgesamt|promedio|moyenne|ensemble)"
    r"(?: mean| average| alpha| estimate| score| sample| studies| of studies)*",
    re.IGNORECASE,
)
# Rows of one value that are more than chance: how many, and how unlikely.
_FEWEST_EQUAL, _UNLIKELY = 4, 1e-3
_SHARE = re.compile(r"(?:^|[\s_.(])(?:pct|percent|percentage|prozent|share)|%", re.I)


_SIGNS = re.compile(r"[\W_]+")
# a blank that does not keep two numbers apart
_LOOSE = re.compile(r"(?<!\d) | (?!\d)")


def is_summary_word(text: str) -> bool:
    """Return whether a cell calls its row a total or a mean.

    >>> [is_summary_word(word) for word in ("Total", "Weighted mean:", "Totnes")]
    [True, True, False]
    """
    return bool(_SUMMARY.fullmatch(text.strip(" .:*")))


def suspicions(rows: Rows) -> list[Finding]:
    """Return doubts that need a look at the table as a whole."""
    return [
        *swallowed_rows(rows),
        *summary_rows(rows),
        *study_spellings(rows),
        *silent_induction(rows),
        *shares_among_percents(rows),
    ]


def summary_rows(rows: Rows) -> list[Finding]:
    """Return a warning for rows that sum up the others, by their name or their n."""
    named = np.zeros(len(rows), dtype=bool)
    for column in ("study_id", "coefficient_id", "sample_id"):
        texts = rows.texts(column)
        sums_up = {text for text in set(texts) if is_summary_word(text)}
        if sums_up:
            named |= np.array([text in sums_up for text in texts])
    n = rows.numbers("n")
    counted = np.isfinite(n) & rows.sound
    total = float(n[counted].sum())
    sums = np.zeros(len(rows), dtype=bool)
    if counted.sum() > 3:
        sums = counted & (n == total - n)
    names = rows.texts("study_id")
    mask = (named | sums) & rows.sound
    rules = [""] * len(rows)
    for i in np.flatnonzero(mask).tolist():
        word = "looks like" if named[i] else "may be"
        rules[i] = f"{quoted(names[i])} {word} a summary row"
        if sums[i]:
            rules[i] += f": its n, {n[i]:g}, is the sum of the other rows"
    return rows.found(
        mask,
        "study_id",
        "warning",
        rules,
        "A total or mean of the table is not a study: delete the row, or say 'summary row' "
        "in column 'reason'.",
    )


def plain_name(text: str) -> str:
    """Return a study's name without case, blanks and signs; digits stay apart.

    >>> plain_name("Smith  (2001)") == plain_name("smith 2001 ")
    True
    >>> plain_name("S1.1") == plain_name("S11")
    False
    """
    if text.isascii():
        folded = text.lower()
    else:
        folded = unicodedata.normalize("NFKC", text).casefold()
        folded = unicodedata.normalize("NFD", folded)
        folded = "".join(c for c in folded if not unicodedata.combining(c))
    words = _SIGNS.sub(" ", folded.replace("&", " and ")).strip()
    return _LOOSE.sub("", words)


def study_spellings(rows: Rows) -> list[Finding]:
    """Return a warning for studies whose names differ in case, blanks or signs only."""
    groups: dict[str, dict[str, None]] = defaultdict(dict)
    for name in dict.fromkeys(rows.texts("study_id")):
        if any(c.isalpha() for c in name):
            groups[plain_name(name)].setdefault(name)
    pairs = [list(names) for names in groups.values() if len(names) > 1]
    if not pairs:
        return []
    return [
        about_table(
            "study_id",
            "is written in several ways: "
            f"{listing(' / '.join(map(repr, names)) for names in pairs)}",
            "Each is counted as a separate study: use one spelling per study.",
        )
    ]


def silent_induction(rows: Rows) -> list[Finding]:
    """Return a warning for own alphas that are equal too often to be own.

    Studies that say that they report their own alpha, with samples of different size,
    and that agree to the last printed decimal: the chance of so many is that of a
    binomial, whose probability is the normal density of the other values.
    """
    alpha, n = rows.numbers("estimate"), rows.numbers("n")
    is_alpha = np.isin(kinds_of(rows.frame), list(ALPHA_TYPES))
    asked = rows.poolable & rows.own & is_alpha & np.isfinite(alpha)
    studies, cells = rows.texts("study_id"), rows.table.frame["estimate"]
    found: list[Finding] = []
    at = np.flatnonzero(asked)
    if len(at) < _FEWEST_EQUAL:
        return []
    values, counts = np.unique(alpha[at], return_counts=True)
    k = len(at)
    by_value = at[np.argsort(alpha[at], kind="stable")]
    sets = np.split(by_value, np.cumsum(counts)[:-1])
    often = counts >= _FEWEST_EQUAL
    # moments of all, from which those of a value are taken away
    centre = float(values.mean())
    first = float(counts @ (values - centre))
    second = float(counts @ (values - centre) ** 2)
    for value, members in zip(
        values[often], (m for m, e in zip(sets, often, strict=True) if e), strict=True
    ):
        names = {studies[i] for i in members.tolist()}
        if len(names) < _FEWEST_EQUAL or len(set(n[members].tolist())) < 2:
            continue
        shown = [decimals(cells.iloc[i]) for i in members[:50]]
        places = max((d for d in shown if d is not None), default=2)
        step = 10.0 ** -max(places, 2)
        chance = 0.25
        if (left := k - len(members)) >= 3:
            away = float(value) - centre
            mean = (first - len(members) * away) / left
            squares = second - len(members) * away**2 - left * mean**2
            spread = max(math.sqrt(max(squares, 0) / (left - 1)), 0.02)
            z = (away - mean) / spread
            density = math.exp(-(z**2) / 2) / (spread * math.sqrt(2 * math.pi))
            chance = min(0.25, max(density * step, 1e-6))
        unlikely = len(values) * bdtrc(len(members) - 1, k, chance)
        if unlikely < _UNLIKELY or len(members) == k:
            low, high = n[members].min(), n[members].max()
            found.append(
                about_table(
                    "estimate",
                    f"is exactly {value:g} in {len(members)} of {counted(k, 'row')} at "
                    f"n from {low:g} to {high:g} ({listing(sorted(names), 8)})",
                    "So many equal values are unlikely to be independent: they may be "
                    "quoted from "
                    "a manual or an earlier study. Compare them with the sources, and "
                    "say 'induced_precise' in reliability_status for what is quoted.",
                )
            )
    return found


def shares_among_percents(rows: Rows) -> list[Finding]:
    """Return a warning for values such as .61 in a column of percentages."""
    found: list[Finding] = []
    for column in rows.frame.columns:
        name = str(column)
        if not _SHARE.search(name):
            continue
        values = rows.numbers(name)
        there = np.isfinite(values)
        share = there & (values > 0) & (values <= 1)
        percent = there & (values > 1)
        if not (share.any() and percent.any()) or share.sum() > percent.sum():
            continue
        found += rows.found(
            share & rows.sound,
            name,
            "warning",
            "looks like a proportion among percentages",
            "Use one format: 61 for 61 %.",
            [f"{value:g}" for value in values],
        )
    return found


def swallowed_rows(rows: Rows) -> list[Finding]:
    """Return a warning for quoted cells that hold whole rows of the file."""
    width = len(rows.table.frame.columns)
    found: list[Finding] = []
    for column in rows.table.frame:
        cells = rows.table.frame[column]
        mask = np.zeros(len(rows), dtype=bool)
        shown = [""] * len(rows)
        if is_numeric_dtype(cells.dtype):
            continue
        broken = [
            (i, cell)
            for i, cell in enumerate(cells.tolist())
            if isinstance(cell, str) and "\n" in cell and not is_missing(cell)
        ]
        for i, cell in broken:
            lines = cell.splitlines()[1:]
            fewest = max(2, width - 2)
            inner = [
                line
                for line in lines
                if max(line.count(sign) for sign in ",;\t") >= fewest
            ]
            if inner:
                mask[i] = True
                rest = "a row" if len(inner) == 1 else "rows"
                shown[i] = (
                    f"holds a quoted cell of {counted(len(lines) + 1, 'line')}, "
                    f"{len(inner)} of which look like {rest} of the file"
                )
        if mask.any():
            found += rows.found(
                mask,
                str(column),
                "warning",
                shown,
                "A quotation mark is probably not closed where it should be: the rows "
                "inside it are not read. Correct the file.",
            )
    return found
