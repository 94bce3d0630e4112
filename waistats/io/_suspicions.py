"""Rows that are no study, values that are another's, and cells that hold other cells."""

import re
import unicodedata
from collections import defaultdict

import numpy as np
from scipy import stats

from waistats.errors import listing
from waistats.io._rules import Rows, about_table
from waistats.io._table import Finding, decimals, is_missing, quoted
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
        named |= np.array(
            [
                bool(_SUMMARY.fullmatch(text.strip(" .:*")))
                for text in rows.texts(column)
            ]
        )
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
        "A total or mean of the table is no study: delete the row, or say 'summary row' "
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
    for name in rows.texts("study_id"):
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
            "Each is counted as a study of its own: give one study one spelling.",
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
    values, counts = np.unique(alpha[asked], return_counts=True)
    for value in values[counts >= _FEWEST_EQUAL]:
        same = asked & (alpha == value)
        others = alpha[asked & (alpha != value)]
        members = np.flatnonzero(same)
        names = {studies[i] for i in members}
        if len(names) < _FEWEST_EQUAL or len(set(n[same])) < 2:
            continue
        shown = [decimals(cells.iloc[i]) for i in members[:50]]
        places = max((d for d in shown if d is not None), default=2)
        step = 10.0 ** -max(places, 2)
        chance = 0.25
        if len(others) >= 3:
            spread = max(float(others.std(ddof=1)), 0.02)
            density = stats.norm.pdf(value, float(others.mean()), spread)
            chance = min(0.25, max(float(density) * step, 1e-6))
        k = int(asked.sum())
        unlikely = len(values) * stats.binom.sf(len(members) - 1, k, chance)
        if unlikely < _UNLIKELY or len(members) == k:
            low, high = n[same].min(), n[same].max()
            found.append(
                about_table(
                    "estimate",
                    f"is exactly {value:g} in {len(members)} of {k} rows at n from "
                    f"{low:g} to {high:g} ({listing(sorted(names), 8)})",
                    "So many equal values are seldom their own: they may be quoted from "
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
            "looks like a share among percentages",
            "Write shares in one way: 61 for 61 %.",
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
        for i, cell in enumerate(cells):
            if not isinstance(cell, str) or is_missing(cell) or "\n" not in cell:
                continue
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
                    f"holds a quoted cell of {len(lines) + 1} lines, {len(inner)} of "
                    f"which look like {rest} of the file"
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
