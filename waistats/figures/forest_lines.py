"""The lines of a forest plot, top to bottom: studies, groups, pooled values."""

from typing import Any

import numpy as np
import pandas as pd

from waistats.errors import ModelError
from waistats.figures.study_rows import by_value, check_column
from waistats.format import level
from waistats.meta.fit import fit_meta
from waistats.meta.result import MetaResult
from waistats.wording import heterogeneity_text, statistic_text

_COLUMNS = ["kind", "label", "estimate", "low", "high", "weight", "row"]


def forest_lines(
    result: Any,
    rows: pd.DataFrame,
    mean: pd.Series | None,
    *,
    by: str | None,
    order: str,
) -> tuple[pd.DataFrame, list[str]]:
    """Return one row a line of the plot, and the sentences below it.

    ``kind`` is ``"study"``, ``"heading"``, ``"group"``, ``"summary"``,
    ``"prediction"`` or ``"blank"``; ``estimate, low, high`` are on the model's scale,
    and ``row`` is the position among the fitted rows (-1 for other lines).
    """
    table = result.effects.table
    ordered = by_value(rows, order, table)
    foot: list[str] = []
    if by is None:
        lines = _studies(ordered)
    else:
        lines, test = _grouped(result, ordered, by)
        foot.append(test)
    if mean is not None:
        lines += _pooled(result, mean)
    frame = pd.DataFrame(lines, columns=_COLUMNS)
    frame["fitted_low"], frame["fitted_high"] = np.nan, np.nan
    if result.has_moderators:
        fitted = result.predict(back_transform=False)
        at = frame["row"].to_numpy(dtype=int)
        frame["fitted_low"] = np.where(at >= 0, fitted["ci_low"].to_numpy()[at], np.nan)
        frame["fitted_high"] = np.where(
            at >= 0, fitted["ci_high"].to_numpy()[at], np.nan
        )
    return frame, [*foot, heterogeneity_text(result)]


def _studies(rows: pd.DataFrame) -> list[tuple[Any, ...]]:
    return [
        ("study", r.label, r.yi, r.ci_low, r.ci_high, r.weight, r.Index)
        for r in rows.itertuples()
    ]


def _blank(kind: str = "blank", label: str = "") -> tuple[Any, ...]:
    return (kind, label, np.nan, np.nan, np.nan, np.nan, -1)


def _pooled(result: Any, row: pd.Series) -> list[tuple[Any, ...]]:
    kind = "Common-effect" if result.method == "CE" else "Random-effects"
    lines = [
        _blank(),
        (
            "summary",
            f"{kind} mean (k = {result.k})",
            row.estimate,
            row.ci_low,
            row.ci_high,
            np.nan,
            -1,
        ),
    ]
    if result.method != "CE":
        label = f"{level(result.conf_level)} prediction interval"
        lines.append(("prediction", label, np.nan, row.pi_low, row.pi_high, np.nan, -1))
    return lines


def _grouped(
    result: Any, rows: pd.DataFrame, by: str
) -> tuple[list[tuple[Any, ...]], str]:
    """Return the lines of each group with its diamond, and the test of groups."""
    table = result.effects.table
    check_column(table, by)
    fit = fit_groups(result, by)
    levels = list(dict.fromkeys(table[by]))
    if isinstance(table[by].dtype, pd.CategoricalDtype):
        levels = [c for c in table[by].cat.categories if c in levels]
    new = pd.DataFrame({by: pd.Series(levels, dtype=table[by].dtype)})
    predicted = fit.predict(new, back_transform=False)
    group = table[by].to_numpy()
    lines: list[tuple[Any, ...]] = []
    for value, row in zip(levels, predicted.itertuples(), strict=True):
        own = rows[np.isin(rows.index, np.flatnonzero(group == value))]
        share = float(own["weight"].sum())
        lines += [_blank("heading", str(value)), *_studies(own)]
        label = f"Mean of {value} (k = {len(own)})"
        lines.append(("group", label, row.estimate, row.ci_low, row.ci_high, share, -1))
        lines.append(_blank())
    return lines[:-1], f"Difference between groups: {statistic_text(fit.omnibus)}"


def fit_groups(result: Any, by: str) -> MetaResult:
    """Return the model of a fit with one moderator more: its groups."""
    if not isinstance(result, MetaResult) or result.has_moderators:
        raise ModelError(
            "by= needs a model from fit_meta() without moderators; it fits the groups "
            "itself."
        )
    if result.effects.table[by].nunique() < 2:
        raise ModelError(f"by={by!r} has one group only; leave by= out.")
    return fit_meta(
        result.effects.table,
        f"~ C(`{by}`)",
        method=result.method,
        small_sample=result.small_sample,
        conf_level=result.conf_level,
    )
