"""What to do about a cell that should hold a number and does not."""

import datetime as dt
import re
from typing import Any

import numpy as np

# What spreadsheets show for a formula without a result.
FAILED = ("#DIV/0!", "#N/A", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!")
FAILED_ADVICE = "The formula failed: mend it, or empty the cell."
NUMBER_ADVICE = "Write a plain number, without range, bound, unit, note or date."
DATE_ADVICE = (
    "The spreadsheet program took it for a date: format the cell as a number or as "
    "text, and type it again."
)

_NUMBER = r"[+-]?(?:\d+(?:[.,]\d+)?|[.,]\d+)"
_RANGE = re.compile(
    rf"^\D{{0,12}}{_NUMBER}\s*(?:-|‐|–|—|to|bis|and|und|a|à|y|/|;|\.\.\.?|…)\s*{_NUMBER}\D{{0,3}}$",
    re.IGNORECASE,
)
_BOUND = re.compile(
    rf"^(?:[<>≤≥=~≈]+|at least|at most|over|above|below|under|about|ca\.?|approx\.?|"
    rf"mindestens|über|unter|etwa)\s*{_NUMBER}\s*$",
    re.IGNORECASE,
)
_PERCENT = re.compile(rf"^{_NUMBER}\s*%$")
_CITED = re.compile(rf"^{_NUMBER}\D.*\b(?:19|20)\d\d\b")
_COMMENTED = re.compile(rf"^\D{{0,8}}{_NUMBER}\D")


def number_advice(column: str, cell: Any) -> str:
    """Return the advice for one cell of a column of numbers.

    >>> number_advice("estimate", ".80-.90")[:38]
    'A range is not one coefficient: leave '
    >>> number_advice("n", "82 (complete cases)")
    "Write the number alone; what it means belongs into column 'note'."
    """
    if isinstance(cell, (dt.date, dt.time, dt.timedelta, np.datetime64)):
        return DATE_ADVICE
    if not isinstance(cell, str):
        return NUMBER_ADVICE
    text = cell.strip()
    if text in FAILED:
        return FAILED_ADVICE
    of_estimate = column == "estimate"
    if _RANGE.match(text):
        if of_estimate:
            return (
                "A range is not one coefficient: leave the cell empty, put its ends "
                "into estimate_low and estimate_high, and say so in column 'reason'."
            )
        return "A range is not one number: leave the cell empty, and say so in 'note'."
    if _BOUND.match(text):
        if of_estimate:
            return (
                "A bound is no coefficient: leave the cell empty, put it into "
                "estimate_low (at least) or estimate_high (at most), and say so in "
                "column 'reason'."
            )
        return "A bound is no number: leave the cell empty, and say so in 'note'."
    if _PERCENT.match(text):
        return "Write it without the sign, a coefficient as 0.91 and a share as 91."
    if of_estimate and _CITED.match(text):
        return (
            "It names another study: if the figure is that study's, say "
            "'induced_precise' in reliability_status and give its DOI in "
            "induced_source_doi. The cell holds the number alone."
        )
    if _COMMENTED.match(text):
        return "Write the number alone; what it means belongs into column 'note'."
    return NUMBER_ADVICE
