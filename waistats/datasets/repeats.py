"""The same sample or coefficient in two places."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from waistats.arrays import BoolArray
from waistats.datasets.findings import Finding
from waistats.datasets.reporting import is_coding_sheet
from waistats.datasets.rows import Rows
from waistats.errors import listing

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
    told = rows.frame.drop(columns="coefficient_id", errors="ignore").astype(str)
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


def _keys(rows: Rows, names: Sequence[str]) -> list[tuple[str, ...]]:
    columns = [[t.casefold() for t in rows.texts(name)] for name in names]
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
    groups: dict[tuple[str, ...], list[int]] = defaultdict(list)
    keys = _keys(rows, names)
    for i in np.flatnonzero(asked):
        groups[keys[i]].append(int(i))
    found: list[Finding] = []
    for members in groups.values():
        for later in members[1:]:
            others = [
                i
                for i in members
                if i < later
                and studies[i] != studies[later]
                # one sample_id says already that the persons are the same
                and (column == "doi" or not samples[i] or samples[i] != samples[later])
            ]
            if others:
                places = listing(
                    f"{studies[i]} ({rows.table.place(i, column).label})"
                    for i in others
                )
                mask = np.arange(len(rows)) == later
                told = f"{rule} {places}"
                found += rows.found(mask, column, "warning", told, advice)
    return found


def _ends_of_a_range(rows: Rows) -> list[Finding]:
    """Return a doubt for several coefficients of one sample, scale and occasion."""
    asked = rows.poolable & rows.filled("sample_id")
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
        "is a second one of the same sample, form, rater, scale and session",
        "Two ends of a range are one row, without an estimate; occasions differ in "
        "session or session_number.",
    )
