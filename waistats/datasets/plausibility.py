"""Coefficients that are legal but that a reader should look at again."""

import numpy as np
import pandas as pd

from waistats.arrays import BoolArray
from waistats.datasets.findings import Finding
from waistats.datasets.numbers import decimals
from waistats.datasets.table import RawTable
from waistats.errors import listing

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


def _of_table(
    column: str, rule: str, advice: str, severity: str = "warning"
) -> Finding:
    return Finding(column=column, severity=severity, rule=rule, advice=advice)


def row_doubts(
    frame: pd.DataFrame, table: RawTable, poolable: BoolArray
) -> list[Finding]:
    """Return warnings and notes about single rows that can be pooled."""
    positions = np.flatnonzero(poolable)
    frame = frame.iloc[positions]
    alpha = frame["estimate"].to_numpy(dtype=float)
    n = frame["n"].to_numpy(dtype=float)
    shown = [decimals(cell) for cell in table.frame["estimate"].iloc[positions]]
    coarse = np.array(
        [places is not None and places < 2 for places in shown], dtype=bool
    )
    rules: list[tuple[str, BoolArray, str, str, str]] = [
        (
            "estimate",
            alpha < 0,
            "warning",
            "is negative",
            "It is kept. Items that were not reversed are the usual cause: look at the "
            "keys.",
        ),
        (
            "estimate",
            (alpha >= 0) & (alpha < 0.3),
            "warning",
            "is unusually low",
            "Make sure that it is a reliability coefficient and not a p value or a "
            "correlation.",
        ),
        (
            "estimate",
            alpha >= 0.995,
            "warning",
            "is nearly 1",
            "Its weight on a transformed scale is fragile: give the unrounded value "
            "and check the sample.",
        ),
        (
            "estimate",
            coarse,
            "note",
            "has one decimal",
            "If the source prints no more, rounding matters: vary it in a sensitivity "
            "analysis.",
        ),
        (
            "n",
            n < 10,
            "warning",
            "is below 10",
            "The sampling variance of so small a sample is hardly known: describe it "
            "rather than pool it.",
        ),
    ]
    told = frame.drop(columns="coefficient_id", errors="ignore").astype(str)
    rules.append(
        (
            "study_id",
            told.duplicated().to_numpy(),
            "warning",
            "repeats another row in every column",
            "If it was entered twice, delete it.",
        )
    )
    if {"ci_low", "ci_high"} <= set(frame):
        low, high = (frame[c].to_numpy(dtype=float) for c in ("ci_low", "ci_high"))
        rules.append(
            (
                "estimate",
                (alpha < low) | (alpha > high) | (low > high),
                "warning",
                "lies outside its confidence limits",
                "Compare estimate, ci_low and ci_high with the source.",
            )
        )
    studies = list(frame["study_id"])
    return [
        Finding(
            column=column,
            severity=severity,
            rule=rule,
            value="",
            advice=advice,
            place=table.place(int(positions[i]), column),
            row=int(positions[i]),
            study_id=str(studies[i]),
        )
        for column, mask, severity, rule, advice in rules
        for i in np.flatnonzero(mask)
    ]


def _kinds(frame: pd.DataFrame, column: str) -> list[str]:
    return sorted(set(frame[column].dropna())) if column in frame else []


def table_doubts(frame: pd.DataFrame, poolable: BoolArray) -> list[Finding]:
    """Return warnings and notes about what the poolable rows are together."""
    found = _names(frame)
    if not poolable.any():
        return [
            *found,
            _of_table(
                "status",
                "leaves no row that can be pooled",
                "Every row is marked as not poolable or gives a reason.",
            ),
        ]
    frame = frame.loc[poolable]
    if len(set(frame["study_id"])) == 1:
        found.append(
            _of_table(
                "study_id",
                "names one study only",
                "One study cannot be pooled: describe it.",
            )
        )
    samples = ["study_id"]
    if "sample_id" in frame and frame["sample_id"].notna().all():
        samples.append("sample_id")
    counts = frame.groupby(samples, sort=False).size()
    several = [key[-1] if isinstance(key, tuple) else key for key in counts.index]
    several = [s for s, k in zip(several, counts, strict=True) if k > 1]
    if several:
        found.append(
            _of_table(
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
                _of_table(
                    "sample_id",
                    f"stands in several studies ({listing(twice)})",
                    "Make sure that the same persons are not counted twice.",
                )
            )
    types = _kinds(frame, "coefficient_type")
    if len(types) > 1:
        found.append(
            _of_table(
                "coefficient_type",
                f"mixes {listing(types)}",
                "Kinds of coefficients are not to be pooled together: select one.",
            )
        )
    scales = _kinds(frame, "scale")
    if "total" in scales and len(scales) > 1:
        found.append(
            _of_table(
                "scale",
                f"mixes totals and subscales ({listing(scales)})",
                "Analyse them apart, or use scale as a moderator with the log of "
                "n_items.",
            )
        )
    forms = _kinds(frame, "instrument")
    if len(forms) > 1:
        found.append(
            _of_table(
                "instrument",
                f"mixes {listing(forms)}",
                "Pool forms together only on purpose, or make instrument a moderator.",
                "note",
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
                _of_table(
                    str(name),
                    f"is read as a moderator; did you mean {match[0]!r}",
                    f"If so, rename it or pass columns={{{name!r}: {match[0]!r}}}.",
                )
            )
    return found
