"""Labels, forms and scores that do not go together."""

from collections.abc import Callable

import numpy as np

from waistats.datasets.findings import Finding
from waistats.datasets.rows import Rows
from waistats.forms import Instrument
from waistats.identification import RATERS, identify_instrument
from waistats.instruments import bundled_forms, family_labels, forms_called


def form_doubts(rows: Rows) -> list[Finding]:
    """Return doubts about rows whose label, form and facts disagree."""
    found: list[Finding] = []
    advice = (
        "Keep the label as printed, resolve the form in column 'instrument' by what "
        "the study cites, and say yes in version_conflict."
    )
    settled = rows.yes("version_conflict")
    for rule, column, mask in (
        (_label_conflict, "instrument_label", ~settled),
        (_wrong_length, "n_items", ~rows.filled("modified")),
        (_wrong_answers, "response_max", ~settled),
        (_wrong_scores, "score_mean", np.ones(len(rows), dtype=bool)),
        (_wrong_spread, "score_sd", np.ones(len(rows), dtype=bool)),
    ):
        told = _each(rows, rule)
        broken = np.array([bool(text) for text in told], dtype=bool)
        found += rows.found(
            broken & mask & rows.sound,
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
    "used the form with other answers, say yes in version_conflict.",
    "score_mean": "Compare mean, n_items, answers and score_metric (sum or item_mean) "
    "with the source.",
    "score_sd": "Compare it with the source: the metric of sums and item means may be "
    "mixed up.",
}


def _each(rows: Rows, rule: Callable[..., str]) -> list[str]:
    """Return what a rule says of every row, ``""`` for nothing."""
    columns = {name: rows.texts(name) for name in ("scale", "rater")}
    labels, forms = rows.texts("instrument_label"), rows.texts("instrument")
    names = (
        "n_items", "response_min", "response_max", "score_mean", "score_sd", "n",
    )  # fmt: skip
    numbers = {name: rows.numbers(name) for name in names}
    metrics, changes = rows.texts("score_metric"), rows.texts("modified")
    told = []
    for i in range(len(rows)):
        facts = {name: values[i] for name, values in numbers.items()}
        facts |= {name: values[i].casefold() for name, values in columns.items()}
        facts |= {"label": labels[i], "metric": metrics[i], "modified": changes[i]}
        told.append(rule(bundled_forms().get(forms[i]), facts))
    return told


def _label_conflict(form: Instrument | None, facts: dict) -> str:
    label = facts["label"]
    called = forms_called(label) if label else []
    if not called or label.casefold() in {n.casefold() for n in family_labels()}:
        return ""
    # a form from which items were dropped has the length of no form
    whole = facts["scale"] in ("", "total") and not facts["modified"]
    own = bundled_forms()[called[0]].n_items
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


def _wrong_length(form: Instrument | None, facts: dict) -> str:
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


def _wrong_answers(form: Instrument | None, facts: dict) -> str:
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


def score_limits(form: Instrument | None, facts: dict) -> tuple[float, float, float]:
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


def _wrong_scores(form: Instrument | None, facts: dict) -> str:
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


def _wrong_spread(form: Instrument | None, facts: dict) -> str:
    low, high, items = score_limits(form, facts)
    sd, n = facts["score_sd"], facts["n"]
    if np.isnan(sd):
        return ""
    if sd == 0:
        return "is 0: no score varies, and no reliability is defined"
    factor = 1 if facts["metric"] == "item_mean" else items
    # of n values between two ends, half at each end spread most
    most = (high - low) * factor / 2 * (np.sqrt(n / (n - 1)) if n > 1 else 1.0)
    if np.isnan(most) or sd <= most:
        return ""
    return f"is {sd:g}, more than the {most:.3g} that is possible"
