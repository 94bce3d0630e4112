"""Forest plot: every coefficient with its interval, and what they pool to.

The lines of a forest plot, top to bottom: studies, groups, pooled values.

The columns of text beside a forest plot.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from waistats._format import cell, count, counted, fixed, level
from waistats._labels import (
    column_words,
    decimals,
    heterogeneity_text,
    noun,
    pooled_text,
    range_text,
    statistic_text,
    symbol,
    total_text,
    value_text,
)
from waistats._typing import FloatArray
from waistats.errors import ModelError
from waistats.figures import _style as style
from waistats.figures._alt import describe
from waistats.figures._axes import (
    axis_name,
    draw_intervals,
    set_alpha_axis,
    span,
    to_alpha,
)
from waistats.figures._cuts import row_cuts, set_cuts
from waistats.figures._hover import hover
from waistats.figures._labels import Beside, Texts, draw_beside, fit_beside
from waistats.figures._rows import by_value, check_column, study_rows
from waistats.figures._style import wrap
from waistats.meta._design import build_design
from waistats.meta._formula import in_formula
from waistats.meta.fit import fit_design
from waistats.meta.multilevel.fit import fit_levels
from waistats.meta.multilevel.result import Model
from waistats.rg.as_model import as_model, pooled_row
from waistats.sensitivity._refit import check_model

if TYPE_CHECKING:
    from matplotlib.axes import Axes


_COLUMNS = ["kind", "label", "estimate", "low", "high", "weight", "row"]


def forest_lines(
    result: Any,
    rows: pd.DataFrame,
    mean: pd.Series | None,
    *,
    by: str | None,
    order: str,
) -> tuple[pd.DataFrame, list[str]]:
    """Return one row per line of the plot, and the sentences below it.

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
        if np.isnan(row.pi_low):
            return [*lines, _blank(label=f"{label}: withheld, too few studies")]
        lines.append(("prediction", label, np.nan, row.pi_low, row.pi_high, np.nan, -1))
    return lines


def _grouped(
    result: Any, rows: pd.DataFrame, by: str
) -> tuple[list[tuple[Any, ...]], str]:
    """Return the lines of each group with its diamond, and the test of groups."""
    table = result.effects.table
    check_column(table, by)
    groups = group_values(table, by)
    fit = fit_groups(result, by)
    levels = list(dict.fromkeys(groups))
    if isinstance(groups.dtype, pd.CategoricalDtype):
        levels = [c for c in groups.cat.categories if c in levels]
    new = pd.DataFrame({by: pd.Series(levels, dtype=groups.dtype)})
    predicted = fit.predict(new, back_transform=False)
    group = groups.to_numpy()
    lines: list[tuple[Any, ...]] = []
    for value, row in zip(levels, predicted.itertuples(), strict=True):
        own = rows[np.isin(rows.index, np.flatnonzero(group == value))]
        share = float(own["weight"].sum())
        lines += [_blank("heading", str(value)), *_studies(own)]
        label = f"Mean of {value} (k = {len(own)})"
        lines.append(("group", label, row.estimate, row.ci_low, row.ci_high, share, -1))
        lines.append(_blank())
    return lines[:-1], f"Difference between groups: {statistic_text(fit.omnibus)}"


# the group of rows without a value
_NO_VALUE = "not reported"


def group_values(table: pd.DataFrame, by: str) -> pd.Series:
    """Return the group of each row; rows without a value are a group of their own."""
    values = table[by]
    blank = values.isna() | (values.astype(str).str.strip() == "")
    if not blank.any():
        return values
    return values.astype(object).astype(str).where(~blank, _NO_VALUE)


def fit_groups(result: Any, by: str) -> Model:
    """Return the model of a fit with one moderator more: its groups."""
    if check_model(result, "by=").has_moderators:
        raise ModelError(
            "by= needs a model without moderators; it fits the groups itself."
        )
    table = result.effects.table
    groups = group_values(table, by)
    if groups.nunique() < 2:
        raise ModelError(f"by={by!r} has one group only; leave by= out.")
    design = build_design(f"~ C({in_formula(by)})", table.assign(**{by: groups}))
    if result.is_multilevel:
        return fit_levels(
            result.effects,
            design,
            result.V,
            result.levels,
            list(result.codes),
            method=result.method,
            small_sample=result.small_sample,
            conf_level=result.conf_level,
            fits=result.deferred.fits,
        )
    return fit_design(
        result.effects,
        design,
        method=result.method,
        small_sample=result.small_sample,
        conf_level=result.conf_level,
        fits=result.deferred.fits,
    )


# columns that a forest plot has by itself, and those that it shows by default
OWN = ("estimate", "weight")
COLUMNS = ("n", "n_items", "estimate", "weight")
_HEADS = {"n": "n", "n_items": "Items", "weight": "Weight"}


def forest_columns(
    result: Any, lines: pd.DataFrame, names: Sequence[str]
) -> list[Texts]:
    """Return the columns of these names, one text per line."""
    return [_texts(result, lines, name) for name in names if _known(result, name)]


def _known(result: Any, name: str) -> bool:
    if name in OWN:
        return True
    if name in ("n", "n_items"):
        return name in result.effects.table
    check_column(result.effects.table, name)
    return True


def _texts(result: Any, lines: pd.DataFrame, name: str) -> Texts:
    """Return a column's head, side and texts."""
    if name == "estimate":
        return _estimates(result, lines)
    if name == "weight":
        shown = [fixed(w, 1) + "%" if np.isfinite(w) else "" for w in lines["weight"]]
        return "Weight", 1, shown
    values = result.effects.table[name]
    texts = ["" if row < 0 else _plain(name, values.iloc[row]) for row in lines["row"]]
    return _HEADS.get(name, column_words(name)), 0, texts


def _plain(name: str, value: Any) -> str:
    return count(value) if name in ("n", "n_items") else cell(name, value, 2)


def _estimates(result: Any, lines: pd.DataFrame) -> Texts:
    measure = result.measure
    numbers = lines[["estimate", "low", "high"]].to_numpy(dtype=float)
    alphas = np.asarray(to_alpha(numbers, measure))
    digits = decimals(alphas)
    texts = []
    for kind, (estimate, low, high) in zip(lines["kind"], alphas, strict=True):
        if kind in ("blank", "heading"):
            texts.append("")
        elif kind == "prediction":
            texts.append(range_text(low, high, measure, digits))
        else:
            limits = range_text(low, high, measure, digits)
            texts.append(f"{value_text(estimate, measure, digits)} {limits}")
    head = f"{symbol(result)} [{level(result.conf_level)} CI]"
    return head, 1, texts


_ROW, _LINE = 0.17, 0.155  # inches: a row of the plot, a line of text below it


def forest(
    result: Any,
    *,
    ax: "Axes | None" = None,
    by: str | None = None,
    order: str = "input",
    labels: str | Sequence[str] | None = None,
    columns: Sequence[str] = COLUMNS,
    prediction: str | None = None,
) -> "Axes":
    """Draw every coefficient with its interval, and what they pool to.

    What did each study find, and what is the pooled result?

    Parameters
    ----------
    result : MetaResult, MultilevelResult or RGStudy
        The model, or a study for its overall one. With moderators, each row shows its
        fitted value instead of a pooled one below.
    ax : Axes, optional
        Where to draw; by default a new figure as tall as its rows. Columns that do not
        fit are omitted, the last first.
    by : str, optional
        A column whose groups get a heading, a diamond each and a test of their
        differences, from a model with that moderator and the same heterogeneity in all
        groups. Rows without a value are a group of their own.
    order : str, default "input"
        ``"input"``, ``"estimate"``, ``"precision"``, or a column to sort by.
    labels : str or sequence of str, optional
        A column with the labels, or the labels.
    columns : sequence of str
        Columns of text: ``"estimate"``, ``"weight"``, and columns of the table.
    prediction : {"confidence-distribution", "metafor"}, optional
        The prediction interval, as in `FittedModel.predict`; a study's own by default.

    Returns
    -------
    Axes
        One marker a coefficient, its area by weight; the axis is even on the pooling
        scale and its ticks are values of alpha. An arrow ends an interval that
        reaches beyond the axis.

    Examples
    --------
    >>> import waistats as ws
    >>> cesd = ws.effect_sizes(ws.load_dataset("cesd"))
    >>> fit = ws.fit_meta(cesd)
    >>> axes = ws.figures.forest(fit)
    """
    model = as_model(result)
    rows = study_rows(model, labels)
    row_of_mean = (
        None if model.has_moderators else pooled_row(result, prediction=prediction)
    )
    lines, foot = forest_lines(model, rows, row_of_mean, by=by, order=order)
    own = ax is None
    own_rows = (lines["kind"] == "study").to_numpy()
    found = forest_columns(model, lines, columns)
    with style.drawing():
        if own:
            size = min(style.SMALL, 72 * _ROW * 0.72)
            width = style.PAGE - 0.1
            texts = fit_beside(list(lines["label"]), own_rows, found, width, size)
            foot += _omitted(found, texts)
        height = _ROW * (len(lines) + 1) + 0.32 + _LINE * (1 + len(foot))
        ax = style.new_axes(ax, style.PAGE, height)
        width, room = style.inches(ax)
        if own:
            width = style.PAGE - 0.1
        foot = [wrap(sentence, width) for sentence in foot]
        below = "\n".join(foot)
        extra = _LINE * (2 + below.count("\n") + (width < style.PAGE / 2))
        row = _ROW if own else max(room - extra, 0.1) / (len(lines) + 1)
        size = min(style.SMALL, 72 * row * 0.72)
        texts = fit_beside(list(lines["label"]), own_rows, found, width, size)
        style.reserve(ax, texts.left, texts.right, extra)
        length = max(width - texts.left - texts.right, 0.5)
        limits = _limits(lines)
        _draw_lines(ax, lines, limits, row * 72, rows["tip"])
        draw_beside(ax, texts, list(~own_rows), size, counted(model.k, "coefficient"))
        set_alpha_axis(ax.xaxis, limits, model.measure, length)
        ax.set_ylim(len(lines) - 0.4, -1.6)
        name = axis_name(model.measure, noun(model.effects.table), length + 0.5)
        ax.set_xlabel(name)
        _write_below(ax, below, texts.left, 1 + name.count("\n"))
        ax.spines["left"].set_visible(False)
        kinds = list(lines["kind"])
        below_heading = [i + 1 for i, kind in enumerate(kinds) if kind == "heading"]
        set_cuts(ax, row_cuts(len(kinds), closed=below_heading))
        describe(ax, _alt(model, rows, by, lines, row_of_mean), of=result, own=own)
    return ax


def _omitted(found: list[Texts], texts: Beside) -> list[str]:
    """Return which columns had no room, in a sentence; empty for none."""
    shown = [column.name for column in texts.columns]
    lost = [head for head, _, _ in found if head not in shown]
    return [f"No room for the columns: {', '.join(lost)}."] if lost else []


def _limits(lines: pd.DataFrame) -> tuple[float, float]:
    """Return limits that hold estimates and pooled intervals, and most of the rest."""
    study = lines[lines["kind"] == "study"]
    pooled = lines[lines["kind"].isin(["group", "summary", "prediction"])]
    core = span(study["estimate"], pooled["low"], pooled["high"], margin=0)
    half = float(((study["high"] - study["low"]) / 2).median())
    room = max(0.35 * (core[1] - core[0]), 3 * half)
    low = max(float(lines["low"].min()), core[0] - room)
    high = min(float(lines["high"].max()), core[1] + room)
    return span(low, high)


def _draw_lines(
    ax: "Axes",
    lines: pd.DataFrame,
    limits: tuple[float, float],
    row: float,
    tips: pd.Series,
) -> None:
    """Draw markers, intervals and diamonds; ``row`` is the height of one in points."""
    y = np.arange(len(lines))
    study = (lines["kind"] == "study").to_numpy()
    part, at = lines[study], y[study]
    ends = part[["low", "high"]].to_numpy()
    draw_intervals(ax, at, ends[:, 0], ends[:, 1], limits, row)
    # strong correlations can make a weight of a multilevel model negative
    weight = part["weight"].to_numpy(dtype=float).clip(min=0)
    side = np.maximum(0.62 * row * np.sqrt(weight / weight.max()), 0.18 * row)
    points = ax.scatter(
        part["estimate"],
        at,
        s=side**2,
        marker="s",
        color=style.BLUE,
        linewidth=0,
        zorder=4,
        label="coefficients",
    )
    hover(points, list(tips.loc[part["row"]]))
    for i, line in enumerate(lines.itertuples()):
        if line.kind in ("group", "summary", "fitted"):
            _diamond(ax, i, line)
        elif line.kind == "prediction":
            _bar(ax, i, line.low, line.high)
    for i, line in enumerate(lines.itertuples()):
        if line.kind == "study" and np.isfinite(line.fitted_low):
            _fitted(ax, i, line)
    summary = lines[lines["kind"] == "summary"]
    if len(summary):
        middle = float(summary["estimate"].iloc[0])
        ax.plot(
            [middle, middle],
            [-0.5, len(lines) - 0.5],
            color=style.MUTED,
            linewidth=0.7,
            linestyle=(0, (4, 3)),
            zorder=1,
        )


def _diamond(ax: "Axes", y: float, line: Any) -> None:
    summary = line.kind == "summary"
    corners = [
        (line.low, y),
        (line.estimate, y - 0.36),
        (line.high, y),
        (line.estimate, y + 0.36),
    ]
    from matplotlib.patches import Polygon

    ax.add_patch(
        Polygon(
            corners,
            closed=True,
            facecolor=style.VERMILION if summary else "white",
            edgecolor=style.VERMILION,
            linewidth=0.9,
            zorder=5,
        )
    )


def _bar(ax: "Axes", y: float, low: float, high: float) -> None:
    ax.plot(
        [low, high],
        [y, y],
        color=style.VERMILION,
        linewidth=1.4,
        marker="|",
        markersize=5,
        zorder=4,
    )


def _fitted(ax: "Axes", y: float, line: Any) -> None:
    from matplotlib.patches import Polygon

    middle = (line.fitted_low + line.fitted_high) / 2
    corners = [
        (line.fitted_low, y),
        (middle, y - 0.42),
        (line.fitted_high, y),
        (middle, y + 0.42),
    ]
    ax.add_patch(
        Polygon(
            corners,
            closed=True,
            facecolor="#f6c9a8",
            edgecolor="#d9975f",
            linewidth=0.4,
            zorder=1,
        )
    )


def _write_below(ax: "Axes", text: str, left: float, lines: int) -> None:
    """Write sentences from the left edge, below an axis label of some lines."""
    ax.annotate(
        text,
        (0, 0),
        xycoords="axes fraction",
        xytext=(-72 * left + 2, -18 - 10.5 * lines),
        textcoords="offset points",
        va="top",
        linespacing=1.4,
        fontsize=style.SMALL,
        annotation_clip=False,
    )


def _alt(
    result: Any,
    rows: pd.DataFrame,
    by: str | None,
    lines: pd.DataFrame,
    row: pd.Series | None,
) -> str:
    alphas: FloatArray = np.asarray(to_alpha(rows["yi"].to_numpy(), result.measure))
    ends = [value_text(a, result.measure) for a in (alphas.min(), alphas.max())]
    text = f"Forest plot of {total_text(result)}, from {ends[0]} to {ends[1]}. "
    groups = int((lines["kind"] == "group").sum())
    if groups:
        text += f"They are in {counted(groups, 'group')} by {by}, each with its mean. "
    return text + pooled_text(result, row)
