"""Items that correlate negatively with their scale, from sums, and alpha without that.

With the variance v of an item, its covariance c with the total and the variance V of
the total, V - 4 c + 4 v is the variance of the total once the item is reverse-scored;
item variances stay as they are.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from waistats._typing import BoolArray, FloatArray
from waistats.instruments._findings import Finding
from waistats.instruments._key_decision import against_finding
from waistats.reliability.by_study._layout import ScalePlan, as_text, joined_text
from waistats.reliability.by_study._query import Answers, origins, sums_query
from waistats.reliability.by_study._query_once import Sums
from waistats.reliability.by_study._sources import fetch

_MOST_ALPHAS = 200


def query_against(
    answers: Answers,
    columns: Sequence[object],
    against: BoolArray,
    studies: Sequence[str],
    sums: Sums,
) -> list[Finding]:
    """Return a warning for each item that correlates negatively with its scale.

    Parameters
    ----------
    answers : Answers
        The question, with what is reverse-scored.
    columns : sequence
        The m items.
    against : ndarray of bool, shape (u, m)
        Which items correlate negatively with their subscale, in each study.
    studies : sequence of str
        Names of the u studies.
    sums : Sums
        What is known already.
    """
    found = []
    known: dict[str, pd.DataFrame] = {}
    for j in np.flatnonzero(against.any(axis=0)).tolist():
        scale = _scale_of(answers.plan, columns[j])
        if scale is None:
            continue
        if scale not in known:
            known[scale] = _sums(answers, scale, sums)
        names = {studies[i] for i in np.flatnonzero(against[:, j]).tolist()}
        of = list(answers.plan.scales[scale])
        places = _places(known[scale], of.index(columns[j]), len(of), names)
        found.append(against_finding(columns[j], scale, places))
    return found


def _scale_of(plan: ScalePlan, column: object) -> str | None:
    held = [(len(of), name) for name, of in plan.scales.items() if column in of]
    return max(held)[1] if held else None


def _sums(answers: Answers, scale: str, known: Sums) -> pd.DataFrame:
    """Return the sums of the complete respondents of one scale, one row per sample."""
    of = answers.plan.scales[scale]
    if answers.plan.form is None and len(answers.plan.scales) == 1:
        full = known.scored(np.zeros(len(known.rows), dtype=bool))[known.full]
        square = "square0"
    else:
        one = replace(answers, plan=replace(answers.plan, scales={scale: of}))
        rows = fetch(sums_query(one, near=origins(one), with_total=True))
        full = rows[rows["c_t0"].to_numpy(dtype=bool)]
        square = "square_t0"
    names = [f"{name}{j}" for name in "sqa" for j in range(len(of))]
    table = full[["n", *names]].astype(np.float64).reset_index(drop=True)
    table["square"] = full[square].to_numpy(dtype=np.float64)
    texts = [as_text(full[name]) for name in answers.keys]
    table["cell"] = joined_text(texts)
    table["study"] = texts[0].to_numpy(dtype=object)
    if answers.order:
        order = full[[*answers.order[:-1], "first"]].reset_index(drop=True)
        at = order.sort_values(list(order.columns), kind="stable").index
        table = table.loc[at]
    return table.groupby(["cell", "study"], sort=not answers.order).sum().reset_index()


def _places(
    table: pd.DataFrame, item: int, m: int, studies: set[str]
) -> list[tuple[str, float, float]]:
    """Return sample, alpha as it is, and alpha once an item is reverse-scored."""
    table = table[table["study"].isin(studies) & (table["n"] >= 3)].head(_MOST_ALPHAS)
    n = table["n"].to_numpy(dtype=np.float64)

    def each(name: str) -> FloatArray:
        columns = [f"{name}{i}" for i in range(m)]
        values: FloatArray = table[columns].to_numpy(dtype=np.float64)
        return values

    sums = each("s")
    total = sums.sum(axis=1)
    variance = each("q") - sums**2 / n[:, None]
    with_total = each("a")[:, item] - sums[:, item] * total / n
    whole = table["square"].to_numpy(dtype=np.float64) - total**2 / n
    turned = whole - 4 * with_total + 4 * variance[:, item]
    spread = variance.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        before, after = (m / (m - 1) * (1 - spread / v) for v in (whole, turned))
    return [
        (str(name), float(old), float(new))
        for name, old, new in zip(table["cell"], before, after, strict=True)
        if np.isfinite(old) and np.isfinite(new) and new > old
    ]
