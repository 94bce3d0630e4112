"""Labels, forms and scores that do not go together.

Coefficients that are legal but that a reader should look at again.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from waistats._format import coefficient, counted
from waistats._typing import BoolArray, FloatArray
from waistats.errors import listing
from waistats.instruments.forms import (
    Instrument,
    bundled_forms,
    form_of,
)
from waistats.instruments.identification import RATERS, identify_instrument
from waistats.io._findings import Finding
from waistats.io._numbers import decimals
from waistats.io._rules import Rows, about_table, is_coding_sheet
from waistats.measures import ALPHA_TYPES, kinds_of

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
            "It is kept. Items that were not reversed are the usual cause: check the "
            "scoring "
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
            "Its weight on a transformed scale is unstable: give the unrounded value "
            "and check the sample.",
        ),
        (
            "estimate",
            places < 2,
            "note",
            "has one decimal",
            "If the source prints no more, rounding matters: examine it in a sensitivity "
            "analysis. Spreadsheets drop trailing zeros: enter 2 in alpha_decimals for "
            ".90.",
        ),
        (
            "alpha_decimals",
            _shown(rows) > rows.numbers("alpha_decimals"),
            "warning",
            "is less than the decimals of the estimate",
            "Enter the coefficient as printed, and count its decimals.",
        ),
        (
            "n",
            n < 10,
            "warning",
            "is below 10",
            "The sampling variance is unreliable in so small a sample: describe it "
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
            "Give more decimals if the source has them; else examine it in a sensitivity "
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
            "certain than its n suggests.",
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
    known: dict[Any, int | None] = {}
    shown = []
    for cell in rows.table.frame["estimate"].tolist():
        key = cell if isinstance(cell, str) else str(cell)
        if key not in known:
            known[key] = decimals(key)
        shown.append(known[key])
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
            "Leave unknown values empty, never 0 or 999.",
            {i: f"{values[i]:g}" for i in np.flatnonzero(coded).tolist()},
        )
    return found


def form_doubts(rows: Rows) -> list[Finding]:
    """Return doubts about rows whose label, form and facts disagree."""
    found: list[Finding] = []
    advice = (
        "Keep the label as printed, resolve the form in column 'instrument' by what "
        "the study cites, and enter yes in version_conflict."
    )
    settled = rows.yes("version_conflict")
    answers = rows.filled("response_min") | rows.filled("response_max")
    limits = _row_limits(rows)
    # a rule is asked only of rows that it can say something of: tables may be long
    for rule, column, mask in (
        (
            _label_conflict,
            "instrument_label",
            rows.filled("instrument_label") & ~settled,
        ),
        (_wrong_length, "n_items", _odd_lengths(rows) & ~rows.filled("modified")),
        (_wrong_answers, "response_max", answers & ~settled),
        (_wrong_scores, "score_mean", _odd_means(rows, limits)),
        (_wrong_spread, "score_sd", _odd_spreads(rows, limits)),
        (
            _impossible_alpha,
            "estimate",
            rows.own & _odd_alphas(rows, limits),
        ),
    ):
        told = _each(rows, rule, mask & rows.sound)
        broken = np.array([bool(text) for text in told], dtype=bool)
        found += rows.found(
            broken,
            column,
            "warning",
            told,
            advice if column == "instrument_label" else _ADVICE[column],
        )
    return found


_ADVICE = {
    "n_items": "Correct it, or say in column 'modified' what was changed (items "
    "dropped, items added).",
    "response_max": "Correct response_min and response_max or the form; if the study "
    "used the form with other answers, enter yes in version_conflict.",
    "score_mean": "Compare mean, n_items, answers and score_metric (sum or item_mean) "
    "with the source.",
    "score_sd": "Compare it with the source: the metric of sums and item means may be "
    "mixed up.",
    "estimate": "Compare alpha, mean, SD and the range of answers with the source: one of "
    "them is that of another sample, scale or metric.",
}


def _odd_lengths(rows: Rows) -> BoolArray:
    """Return rows whose number of items may not be that of their form and scale."""
    forms, scales = rows.texts("instrument"), rows.folded("scale")
    items = rows.numbers("n_items")
    codes, firsts = _distinct(forms, scales, items)
    known = bundled_forms()
    odd = [
        bool(
            _wrong_length(
                known.get(forms[i]), {"n_items": items[i], "scale": scales[i]}
            )
        )
        for i in firsts
    ]
    wrong: BoolArray = np.array(odd, dtype=bool)[codes]
    return wrong


def _distinct(*columns: Sequence[Any] | FloatArray) -> tuple[np.ndarray, list[int]]:
    """Return which of the different rows each row is, and where each stands first."""
    codes = np.zeros(len(columns[0]), dtype=np.int64)
    for column in columns:
        values = column if isinstance(column, np.ndarray) else np.array(column, object)
        own, levels = pd.factorize(values, use_na_sentinel=False)
        codes, _ = pd.factorize(codes * len(levels) + own)
    _, firsts = np.unique(codes, return_index=True)
    return codes, firsts.tolist()


def _row_limits(rows: Rows) -> FloatArray:
    """Return lowest and highest item score and the items of every row, as columns."""
    names = ("response_min", "response_max", "n_items")
    numbers = np.column_stack([rows.numbers(name) for name in names])
    forms, scales = rows.texts("instrument"), rows.folded("scale")
    codes, firsts = _distinct(forms, scales, *numbers.T)
    limits: FloatArray = np.empty((len(firsts), 3))
    for j, i in enumerate(firsts):
        facts = dict(zip(names, numbers[i].tolist(), strict=True))
        facts |= {"scale": scales[i]}
        limits[j] = score_limits(bundled_forms().get(forms[i]), facts)
    of_rows: FloatArray = limits[codes]
    return of_rows


def _odd_means(rows: Rows, limits: FloatArray) -> BoolArray:
    """Return rows whose mean is no sum of items, or that state their metric."""
    low, high, items = limits.T
    mean = rows.numbers("score_mean")
    with np.errstate(invalid="ignore"):
        fits = (items * low <= mean) & (mean <= items * high)
        of_items = (low <= mean) & (mean <= high)
    outside = ~fits | (rows.equal("score_metric", "item_mean") & ~of_items)
    odd: BoolArray = ~np.isnan(mean) & outside
    return odd


def _odd_spreads(rows: Rows, limits: FloatArray) -> BoolArray:
    """Return rows whose SD may be wider than mean and range allow, or is 0.

    The bound of `_wrong_spread` without its allowances, on either metric.
    """
    low, high, items = limits.T
    sd = rows.numbers("score_sd")
    odd: BoolArray = sd == 0
    with np.errstate(invalid="ignore", divide="ignore"):
        for factor in (np.ones(len(rows)), items):
            mean = rows.numbers("score_mean") / factor
            mean = np.where(np.isnan(mean), (low + high) / 2, mean)
            inside = (low <= mean) & (mean <= high)
            odd |= inside & ((sd / factor) ** 2 > (high - mean) * (mean - low))
    return odd


def _odd_alphas(rows: Rows, limits: FloatArray) -> BoolArray:
    """Return rows whose alpha may be below what mean, SD and range allow.

    The bound of `_impossible_alpha` without its allowances, so that no row is lost.
    """
    low, high, items = limits.T
    alpha = rows.numbers("estimate")
    odd = np.zeros(len(rows), dtype=bool)
    with np.errstate(invalid="ignore", divide="ignore"):
        for factor in (np.ones(len(rows)), items):
            mean = rows.numbers("score_mean") / factor
            sd = rows.numbers("score_sd") / factor
            widest = (high - mean) * (mean - low)
            least = items / (items - 1) * (1 - widest / (items * sd**2))
            odd |= (low <= mean) & (mean <= high) & (alpha < least)
    return odd & ~np.isnan(alpha)


def _each(rows: Rows, rule: Callable[..., str], mask: BoolArray) -> list[str]:
    """Return what a rule says of every row of a mask, ``""`` for nothing."""
    told = [""] * len(rows)
    if not mask.any():
        return told
    columns = {name: rows.folded(name) for name in ("scale", "rater")}
    labels, forms = rows.texts("instrument_label"), rows.texts("instrument")
    names = (
        "n_items", "response_min", "response_max", "score_mean", "score_sd", "n",
        "estimate",
    )  # fmt: skip
    numbers = {name: rows.numbers(name) for name in names}
    metrics, changes = rows.texts("score_metric"), rows.texts("modified")
    kinds = kinds_of(rows.frame)
    for i in np.flatnonzero(mask).tolist():
        facts: dict[str, Any] = {name: values[i] for name, values in numbers.items()}
        facts |= {name: values[i] for name, values in columns.items()}
        facts["type"] = kinds[i]
        facts |= {"label": labels[i], "metric": metrics[i], "modified": changes[i]}
        told[i] = rule(bundled_forms().get(forms[i]), facts)
    return told


def _label_conflict(form: Instrument | None, facts: dict[str, Any]) -> str:
    label = facts["label"]
    meant = form_of(label) if label else None
    if meant is None:
        return ""
    # a form from which items were dropped has the length of no form
    whole = facts["scale"] in ("", "total") and not facts["modified"]
    own = meant.n_items
    n_items = facts["n_items"] if whole else (np.nan if own is None else own)
    low, high = facts["response_min"], facts["response_max"]
    if (
        np.isnan(n_items)
        or n_items < 1
        or n_items % 1
        or not (low < high or low != low)
    ):
        return ""
    match = identify_instrument(
        n_items=int(n_items),
        response_min=None if np.isnan(low) else low,
        response_max=None if np.isnan(high) else high,
        rater=facts["rater"] if facts["rater"] in RATERS else None,
        label=label,
    )
    return f"disagrees with the form. {match.explanation}" if match.conflict else ""


def _wrong_length(form: Instrument | None, facts: dict[str, Any]) -> str:
    n_items, scale = facts["n_items"], facts["scale"]
    if form is None or np.isnan(n_items):
        return ""
    if scale in ("", "total"):
        expected = form.n_items
    elif form.key is not None and scale in form.key.subscales:
        expected = len(form.key.subscales[scale])
    else:
        return ""
    if expected is None or n_items == expected:
        return ""
    return f"is {n_items:g}, but {form.name} has {expected} in its {scale or 'total'}"


def _wrong_answers(form: Instrument | None, facts: dict[str, Any]) -> str:
    if form is None or form.response_min is None or form.response_max is None:
        return ""
    low, high = facts["response_min"], facts["response_max"]
    wrong = (low == low and low != form.response_min) or (
        high == high and high != form.response_max
    )
    if not wrong:
        return ""
    return (
        f"and response_min say {low:g} to {high:g}, but {form.name} is answered from "
        f"{form.response_min:g} to {form.response_max:g}"
    )


def score_limits(
    form: Instrument | None, facts: dict[str, Any]
) -> tuple[float, float, float]:
    """Return lowest and highest item score of a row and its items; NaN if unknown."""
    low, high, items = facts["response_min"], facts["response_max"], facts["n_items"]
    if form is None:
        return low, high, items
    known = form.response_min is not None and form.response_max is not None
    if known and np.isnan(low) and np.isnan(high):
        low, high = float(form.response_min or 0), float(form.response_max or 0)
    if form.n_items and np.isnan(items) and facts["scale"] in ("", "total"):
        items = float(form.n_items)
    return low, high, items


def _wrong_scores(form: Instrument | None, facts: dict[str, Any]) -> str:
    low, high, items = score_limits(form, facts)
    mean = facts["score_mean"]
    if np.isnan(mean) or np.isnan(low) or np.isnan(high):
        return ""
    of_items = low <= mean <= high
    of_sums = items * low <= mean <= items * high
    if facts["metric"] == "item_mean" and not of_items:
        return f"is {mean:g}, but item means lie from {low:g} to {high:g}"
    if np.isnan(items) or of_sums or (of_items and facts["metric"] != "sum"):
        return ""
    return f"is {mean:g}, but sums lie from {items * low:g} to {items * high:g}"


def _wrong_spread(form: Instrument | None, facts: dict[str, Any]) -> str:
    low, high, items = score_limits(form, facts)
    sd, n = facts["score_sd"], facts["n"]
    if np.isnan(sd):
        return ""
    if sd == 0:
        return "is 0: the scores do not vary, so reliability is not defined"
    mean, sd, factor = _on_item_metric(low, high, items, facts)
    most = _widest(low, high, mean, n)
    if np.isnan(most) or sd <= most + _half(factor):
        return ""
    given = "" if np.isnan(mean) else f" with a mean of {facts['score_mean']:g}"
    return (
        f"is {facts['score_sd']:g}, more than the {most * factor:.3g} that is possible"
        f"{given}"
    )


def _half(factor: float) -> float:
    """Return half a unit of the last decimal of a printed SD, on the item metric.

    Sums are printed to one decimal, item means to two.
    """
    return 0.005 if factor == 1 else 0.05 / factor


def _on_item_metric(
    low: float, high: float, items: float, facts: dict[str, Any]
) -> tuple[float, float, float]:
    """Return mean and SD on the metric of item means, and what leads back."""
    mean, sd = facts["score_mean"], facts["score_sd"]
    item_mean = facts["metric"] == "item_mean" or (
        facts["metric"] != "sum" and low <= mean <= high and not items * low <= mean
    )
    factor = 1.0 if item_mean else items
    return mean / factor, sd / factor, factor


def _widest(low: float, high: float, mean: float, n: float) -> float:
    """Return the largest SD of n values between two ends, with this mean if it is known.

    All values lie at the ends (Bhatia and Davis, 2000): sqrt((high - mean)(mean - low)).
    """
    middle = (low + high) / 2 if np.isnan(mean) else mean
    if np.isnan(middle) or not low <= middle <= high:
        return np.nan
    corrected = np.sqrt(n / (n - 1)) if n > 1 else 1.0
    return float(np.sqrt((high - middle) * (middle - low)) * corrected)


def _impossible_alpha(form: Instrument | None, facts: dict[str, Any]) -> str:
    """Return that alpha is below what mean, SD and range of the scores allow.

    Item variances sum to at most m (high - mean)(mean - low), so with s the SD of item
    means alpha is at least m/(m - 1) [1 - (high - mean)(mean - low) / (m s^2)].
    """
    low, high, m = score_limits(form, facts)
    alpha, n = facts["estimate"], facts["n"]
    if facts["type"] not in ALPHA_TYPES or np.isnan(alpha) or not m > 1:
        return ""
    if facts["metric"] not in ("sum", "item_mean") and not m * low > high:
        # sums and item means cannot be distinguished
        return ""
    mean, sd, factor = _on_item_metric(low, high, m, facts)
    # as far as rounding may move what is printed
    sd = sd - _half(factor)
    widest = _widest(low, high, mean, n)
    if np.isnan(mean) or np.isnan(widest) or not 0 < sd <= widest:
        return ""
    least = m / (m - 1) * (1 - widest**2 / (m * sd**2))
    if alpha + 0.005 >= least:
        return ""
    return (
        "is impossible for the printed scores: with a mean of "
        f"{facts['score_mean']:g}, an SD of {facts['score_sd']:g} and answers from "
        f"{low:g} to {high:g}, alpha of {counted(m, 'item')} is at least "
        f"{coefficient(least, 2)}"
    )
