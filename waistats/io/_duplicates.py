"""What the coefficients of a table are together: doubts about mixing them.

The same sample or coefficient in two places.
"""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import pandas as pd

from waistats._caller import option
from waistats._format import counted
from waistats._typing import BoolArray
from waistats.errors import listing
from waistats.io._codebook import Field
from waistats.io._findings import Finding
from waistats.io._rules import Rows, about_table, is_coding_sheet
from waistats.measures import ALPHA_TYPES

_COEFFICIENT = ("estimate", "n", "n_items", "instrument", "rater", "scale")
_OCCASION = (
    "study_id",
    "sample_id",
    "instrument",
    "rater",
    "scale",
    "coefficient_type",
)
_OCCASION_TIME = ("session", "session_number", "phase", "icc_form", "alpha_kind")


def repeated_rows(rows: Rows) -> list[Finding]:
    """Return doubts about rows that seem to tell of the same persons twice."""
    told = rows.frame.drop(columns="coefficient_id", errors="ignore")
    again = told[rows.poolable].duplicated()
    same = np.zeros(len(rows), dtype=bool)
    same[np.flatnonzero(rows.poolable)[again.to_numpy()]] = True
    found = rows.found(
        same,
        "study_id",
        "warning",
        "repeats another row in every column",
        "If it was entered twice, delete it.",
    )
    found += _elsewhere(
        rows,
        _COEFFICIENT,
        ("estimate", "n"),
        "estimate",
        "and n are those of",
        "If it is the same sample, give both rows one sample_id and keep one; if the "
        "figure is quoted from there, say 'induced_precise' in reliability_status.",
    )
    found += _elsewhere(
        rows,
        ("score_mean", "score_sd", "n", "scale", "rater"),
        ("score_mean", "score_sd", "n"),
        "score_mean",
        "with its SD and n is that of",
        "If it is the same sample, give both rows one sample_id.",
    )
    found += _elsewhere(
        rows,
        ("doi",),
        ("doi",),
        "doi",
        "is that of",
        "One publication is one study: give its rows one study_id.",
    )
    if is_coding_sheet(rows.frame):
        found += _ends_of_a_range(rows)
    return found


# Places of a finding that are named.
_MOST_PLACES = 12
# Rows to keep so that any row finds as many of other persons: of one sample in one
# study, of one study or one sample, and of all.
_KEPT = (_MOST_PLACES, 2 * _MOST_PLACES, 5 * _MOST_PLACES)


def _keys(rows: Rows, names: Sequence[str]) -> list[tuple[str, ...]]:
    columns = [rows.folded(name) for name in names]
    return list(zip(*columns, strict=True))


def _elsewhere(
    rows: Rows,
    names: Sequence[str],
    needed: Sequence[str],
    column: str,
    rule: str,
    advice: str,
) -> list[Finding]:
    """Return a doubt for rows that share a key with a row of another study."""
    asked: BoolArray = rows.sound.copy()
    for name in needed:
        asked &= rows.filled(name)
    studies, samples = rows.texts("study_id"), rows.texts("sample_id")
    found: list[Finding] = []
    named: dict[tuple[int, ...], str] = {}
    for members in _alike(rows, names, asked):
        earlier = _Earlier(studies, samples if column != "doi" else [""] * len(rows))
        for row in members:
            others, more = earlier.of(row)
            if others:
                key = tuple(others)
                if key not in named:
                    named[key] = listing(
                        f"{studies[i]} ({rows.table.place(i, column).label})"
                        for i in others
                    )
                places = named[key] + (f" and {more} more" if more else "")
                found.append(
                    rows.found_at(row, column, "warning", f"{rule} {places}", advice)
                )
            earlier.add(row)
    return found


def _alike(rows: Rows, names: Sequence[str], asked: BoolArray) -> list[list[int]]:
    """Return the rows that share a key, where there are at least two."""
    at = np.flatnonzero(asked)
    codes = pd.DataFrame(
        {
            j: pd.factorize(np.array(rows.folded(name), dtype=object)[at])[0]
            for j, name in enumerate(names)
        },
        index=at,
    )
    codes = codes[codes.duplicated(keep=False)]
    if codes.empty:
        return []
    groups: dict[int, list[int]] = defaultdict(list)
    numbers = codes.groupby(list(codes.columns), sort=False).ngroup()
    for row, group in zip(codes.index.tolist(), numbers.tolist(), strict=True):
        groups[group].append(row)
    return list(groups.values())


class _Earlier:
    """Rows met so far, and which of them are of other persons than a further one.

    One sample_id says already that the persons are the same. All rows are counted, and
    few are kept, so that many equal rows cost no more time each.
    """

    def __init__(self, studies: Sequence[str], samples: Sequence[str]) -> None:
        self.studies, self.samples = studies, samples
        self.rows: list[int] = []
        self.size = 0
        self.counts: dict[tuple[str, ...], int] = defaultdict(int)
        self.kept: dict[tuple[str, ...], int] = defaultdict(int)

    def of(self, row: int) -> tuple[list[int], int]:
        """Return the first rows of other persons, and how many more there are."""
        study, sample = self.studies[row], self.samples[row]
        count = self.size - self.counts["study", study]
        if sample:
            count -= self.counts["sample", sample]
            count += self.counts["both", study, sample]
        shown: list[int] = []
        for i in self.rows if count else ():
            if self.studies[i] != study and not (sample and self.samples[i] == sample):
                shown.append(i)
                if len(shown) == min(count, _MOST_PLACES):
                    break
        return shown, count - len(shown)

    def add(self, row: int) -> None:
        """Take in a row."""
        study, sample = self.studies[row], self.samples[row]
        of: list[tuple[str, ...]] = [("study", study)]
        if sample:
            of += [("sample", sample), ("both", study, sample)]
        self.size += 1
        for key in of:
            self.counts[key] += 1
        both, one, every = _KEPT
        if len(self.rows) < every and all(
            self.kept[key] < (both if key[0] == "both" else one) for key in of
        ):
            self.rows.append(row)
            for key in of:
                self.kept[key] += 1


def _ends_of_a_range(rows: Rows) -> list[Finding]:
    """Return a doubt for several coefficients of one sample, scale and occasion."""
    asked = rows.poolable & rows.filled("sample_id")
    if not asked.any():
        return []
    keys = _keys(rows, (*_OCCASION, *_OCCASION_TIME))
    seen: set[tuple[str, ...]] = set()
    again = np.zeros(len(rows), dtype=bool)
    for i in np.flatnonzero(asked):
        again[i] = keys[i] in seen
        seen.add(keys[i])
    return rows.found(
        again,
        "estimate",
        "warning",
        "is a second row of the same sample, form, rater, scale and session",
        "Two ends of a range are one row, without an estimate; occasions differ in "
        "session or session_number.",
    )


_CONTRACT = (
    "sample_id",
    "coefficient_id",
    "instrument",
    "rater",
    "scale",
    "coefficient_type",
    "score_mean",
    "score_sd",
    "se",
    "ci_low",
    "ci_high",
    "provenance",
    "status",
    "reason",
)
# column, severity, advice for a table with several of its values
_KINDS = (
    (
        "coefficient_type",
        "warning",
        "Kinds of coefficients should not be pooled together: select one.",
    ),
    (
        "alpha_kind",
        "warning",
        "Ordinal alphas are higher than raw ones: pool them separately.",
    ),
    (
        "icc_form",
        "warning",
        "Forms of the intraclass correlation answer different questions (one rating or "
        "the mean of several; consistency or agreement): pool them separately.",
    ),
    (
        "instrument",
        "note",
        "Pool forms together only deliberately, or make instrument a moderator.",
    ),
    (
        "administered_as",
        "note",
        "Short forms taken out of a long one differ from short forms given alone: "
        "make administered_as a moderator.",
    ),
    (
        "level",
        "warning",
        "Coefficients between and within persons are not the same: pool them separately.",
    ),
)
# Elsewhere, columns of these names are the user's own.
_OF_SHEETS = frozenset({"alpha_kind", "administered_as", "level"})
_INFERRED = {"n_items_derived": "n_items", "modality_inferred": "modality"}


def table_doubts(rows: Rows, known: tuple[Field, ...]) -> list[Finding]:
    """Return warnings and notes about what the poolable rows are together."""
    found = [*_names(rows.frame), *_spellings(rows, known)]
    if not rows.poolable.any():
        return [
            *found,
            about_table(
                "status",
                "leaves no row that can be pooled",
                "Every row is marked as not poolable or gives a reason.",
            ),
        ]
    frame = rows.frame.loc[rows.poolable]
    if len(set(frame["study_id"])) == 1:
        found.append(
            about_table(
                "study_id",
                "has one study only",
                "One study cannot be pooled: describe it.",
            )
        )
    found += _several(frame)
    own = frozenset() if is_coding_sheet(frame) else _OF_SHEETS
    for column, severity, advice in _KINDS:
        if column in own:
            continue
        values = _values(rows, column, rows.poolable)
        families = {v for v in values if v not in ALPHA_TYPES}
        families |= {"alpha"} if len(families) < len(values) else set()
        if len(values) > 1 and len(families) > 1:
            rule = f"mixes {listing(values)}"
            found.append(about_table(column, rule, advice, severity))
    scales = _values(rows, "scale", rows.poolable)
    if "total" in scales and len(scales) > 1:
        found.append(
            about_table(
                "scale",
                f"mixes totals and subscales ({listing(scales)})",
                "Analyse them separately, or use scale as a moderator with the log of "
                "n_items.",
            )
        )
    marks = _values(rows, "provenance", rows.poolable)
    if "SIMULATED" in marks and len(marks) > 1:
        found.append(
            about_table(
                "provenance",
                "mixes SIMULATED and real coefficients",
                "Delete the SIMULATED rows, such as those of the examples.",
            )
        )
    for column, fact in _INFERRED.items():
        count = int((rows.yes(column) & rows.poolable).sum())
        if count:
            found.append(
                about_table(
                    column,
                    f"says that {fact} was inferred, not printed, in "
                    f"{counted(count, 'row')}",
                    "Check whether the source states it.",
                    "note",
                )
            )
    return found


def _values(rows: Rows, column: str, mask: BoolArray) -> list[str]:
    texts = zip(rows.texts(column), mask, strict=True)
    return sorted({text for text, used in texts if used and text})


def _several(frame: pd.DataFrame) -> list[Finding]:
    """Return doubts about samples with several rows, and rows with one sample."""
    found = []
    samples = ["study_id"]
    if "sample_id" in frame and frame["sample_id"].notna().all():
        samples.append("sample_id")
    counts = frame.groupby(samples, sort=False).size()
    several = [key[-1] if isinstance(key, tuple) else key for key in counts.index]
    several = [s for s, k in zip(several, counts, strict=True) if k > 1]
    if several:
        found.append(
            about_table(
                samples[-1],
                f"has several coefficients ({listing(several)})",
                "They depend on each other: use a multilevel model or choose one each.",
            )
        )
    if "sample_id" in frame:
        shared = frame.groupby("sample_id")["study_id"].nunique()
        twice = list(shared.index[shared > 1])
        if twice:
            found.append(
                about_table(
                    "sample_id",
                    f"appears in several studies ({listing(twice)})",
                    "Make sure that the same persons are not counted twice.",
                )
            )
    return found


def _spellings(rows: Rows, known: tuple[Field, ...]) -> list[Finding]:
    """Return a warning for words of one column that differ in case or signs only."""

    def plain(text: str) -> str:
        return "".join(c for c in text.casefold() if c.isalnum())

    found = []
    for column in known:
        if not column.examples or column.name not in rows.frame:
            continue
        groups: dict[str, set[str]] = {}
        for text in dict.fromkeys(rows.texts(column.name)):
            groups.setdefault(plain(text), set()).add(text)
        for spelled in groups.values():
            if len(spelled) > 1:
                found.append(
                    about_table(
                        column.name,
                        f"is written in several ways ({listing(sorted(spelled))})",
                        "Each is a level of its own: choose one spelling.",
                    )
                )
    return found


def _names(frame: pd.DataFrame) -> list[Finding]:
    """Return a warning for a column that nearly has a name of the contract."""
    from difflib import get_close_matches

    found = []
    for name in frame:
        absent = [known for known in _CONTRACT if known not in frame]
        if name in _CONTRACT:
            continue
        match = get_close_matches(str(name).lower(), absent, n=1, cutoff=0.85)
        if match:
            found.append(
                about_table(
                    str(name),
                    f"is read as a moderator; did you mean {match[0]!r}",
                    f"If so, rename it: {option('columns', {str(name): match[0]})}.",
                )
            )
    return found
