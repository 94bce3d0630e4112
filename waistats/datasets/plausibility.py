"""Coefficients that are legal but that a reader should look at again."""

import numpy as np

from waistats.arrays import BoolArray, FloatArray
from waistats.datasets.findings import Finding
from waistats.datasets.numbers import decimals
from waistats.datasets.reporting import is_coding_sheet
from waistats.datasets.rows import Rows, about_table
from waistats.errors import listing

# Numbers that people type for "not known".
_CODES = (-999, -99, -9, 99, 999, 9999)
_NEVER_CODES = ("n", "n_sample", "score_mean", "score_sd", "mean_age", "n_therapists")


def row_doubts(rows: Rows) -> list[Finding]:
    """Return warnings and notes about single rows."""
    alpha, n = rows.numbers("estimate"), rows.numbers("n")
    places = printed_decimals(rows)
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
            places < 2,
            "note",
            "has one decimal",
            "If the source prints no more, rounding matters: vary it in a sensitivity "
            "analysis. A spreadsheet forgets last zeros: say 2 in alpha_decimals for "
            ".90.",
        ),
        (
            "alpha_decimals",
            _shown(rows) > rows.numbers("alpha_decimals"),
            "warning",
            "is less than the decimals of the estimate",
            "Type the coefficient as it is printed, and count its decimals.",
        ),
        (
            "n",
            n < 10,
            "warning",
            "is below 10",
            "The sampling variance of so small a sample is hardly known: describe it "
            "rather than pool it.",
        ),
        (
            "estimate",
            (alpha < rows.numbers("ci_low"))
            | (alpha > rows.numbers("ci_high"))
            | (rows.numbers("ci_low") > rows.numbers("ci_high")),
            "warning",
            "lies outside its confidence limits",
            "Compare estimate, ci_low and ci_high with the source.",
        ),
        *_sample_rules(rows),
    ]
    return [
        finding
        for column, mask, severity, rule, advice in rules
        for finding in rows.found(mask & rows.poolable, column, severity, rule, advice)
    ] + [*_rounding(rows, places), *_codes_for_missing(rows)]


def _rounding(rows: Rows, places: FloatArray) -> list[Finding]:
    """Return one note for all alphas that rounding moves by half a standard error."""
    is_alpha = rows.equal("coefficient_type", "", "alpha", "kr20")
    rough = (places >= 2) & (rounding_error(rows, places) > 0.5)
    hit = np.flatnonzero(rough & is_alpha & rows.poolable).tolist()
    if not hit:
        return []
    where = listing((rows.table.place(i, "estimate").label for i in hit), 6)
    return [
        about_table(
            "estimate",
            "may be off by more than half its standard error through rounding "
            f"({where})",
            "Give more decimals if the source has them; else vary it in a sensitivity "
            "analysis.",
            "note",
        )
    ]


def _sample_rules(rows: Rows) -> list[tuple[str, BoolArray, str, str, str]]:
    n, therapists = rows.numbers("n"), rows.numbers("n_therapists")
    by_therapist = rows.equal("rater", "therapist", "supervisor")
    known = rows.equal("coefficient_type", "", "alpha", "kr20", "test_retest")
    variance = rows.filled("se") | (rows.filled("ci_low") & rows.filled("ci_high"))
    return [
        (
            "n",
            n > rows.numbers("n_sample"),
            "warning",
            "is larger than n_sample",
            "n counts the complete cases behind the coefficient: compare both with "
            "the source. Where n counts sessions or ratings, say so in n_unit.",
        ),
        (
            "n",
            by_therapist & (therapists < n),
            "note",
            "counts ratings by fewer therapists",
            "Ratings of one therapist depend on each other: the coefficient is less "
            "certain than its n says.",
        ),
        (
            "n_unit",
            rows.equal("n_unit", "sessions", "ratings") & ~rows.filled("level"),
            "note",
            "counts repeated ratings, and level is empty",
            "Say in level whether the coefficient is between persons, within them, or "
            "of both mixed.",
        ),
        (
            "level",
            rows.equal("level", "mixed") & is_coding_sheet(rows.frame),
            "note",
            "mixes differences between persons and within them",
            "Do not pool it with coefficients of one level without a moderator.",
        ),
        (
            "is_average",
            rows.yes("is_average"),
            "warning",
            "says that the figure averages several coefficients",
            "Its sampling variance is not that of one coefficient: give the single "
            "ones if the source has them, or leave it out in a sensitivity analysis.",
        ),
        (
            "coefficient_type",
            ~known & ~variance,
            "warning",
            "has no sampling variance of its own",
            "Give se, or ci_low and ci_high, or say in column 'reason' why the row "
            "cannot be pooled.",
        ),
    ]


def _shown(rows: Rows) -> FloatArray:
    """Return the decimals that each estimate shows in its source; NaN for none."""
    if "estimate" not in rows.table.frame:
        return np.full(len(rows), np.nan)
    shown = [decimals(cell) for cell in rows.table.frame["estimate"]]
    return np.array([np.nan if d is None else d for d in shown])


def printed_decimals(rows: Rows) -> FloatArray:
    """Return the decimals of each estimate in print: as coded, else as they show."""
    coded = rows.numbers("alpha_decimals")
    return np.where(np.isnan(coded), _shown(rows), coded)


def rounding_error(rows: Rows, places: FloatArray) -> FloatArray:
    """Return the most that rounding moves an alpha, in its standard errors.

    Half a unit of the last decimal, on the scale of Bonett (2002).
    """
    alpha = rows.numbers("estimate")
    n, items = rows.numbers("n"), rows.numbers("n_items")
    with np.errstate(invalid="ignore", divide="ignore"):
        half = 0.5 * 10.0**-places / (1 - alpha)
        return half / np.sqrt(2 * items / ((items - 1) * (n - 2)))


def _codes_for_missing(rows: Rows) -> list[Finding]:
    found: list[Finding] = []
    for name in _NEVER_CODES:
        values = rows.numbers(name)
        coded = np.isin(values, _CODES)
        if name in ("n", "n_sample", "n_therapists"):
            coded = np.isin(values, [999, 9999])
        if name == "mean_age":
            coded |= values == 0
        found += rows.found(
            coded & rows.sound,
            name,
            "warning",
            "looks like a code for a missing value",
            "What is not known is an empty cell, never 0 or 999.",
            [f"{value:g}" for value in values],
        )
    return found
