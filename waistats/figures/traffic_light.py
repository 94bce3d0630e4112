"""Quality of the studies: one light per standard, or shares where studies are many."""

from typing import TYPE_CHECKING, Any

import pandas as pd

from waistats._format import counted, percent
from waistats.errors import DataError
from waistats.figures import _style as style
from waistats.figures._alt import describe
from waistats.figures._rows import coefficient_table, study_names
from waistats.figures._theme import set_grey
from waistats.rg.quality import GRADES, STANDARDS, has_quality, study_quality

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# more studies than this are shown as shares
MANY = 40
_ROW = 0.17  # inches
_COLOURS = {
    "very good": "#009E73",
    "doubtful": "#F0E442",
    "inadequate": "#D55E00",
    "not rated": "#d9d9d9",
}
# greys of the same order, on which a black sign is read
_GREYS = {"very good": "#f0f0f0", "doubtful": "#c4c4c4", "inadequate": "#8f8f8f",
          "not rated": "#ffffff"}  # fmt: skip
_SIGNS = {"very good": "+", "doubtful": "?", "inadequate": "−", "not rated": ""}
_HEADS = {**STANDARDS, "quality": "Overall (worst score counts)"}


def traffic_light(data: Any, *, ax: "Axes | None" = None) -> "Axes":
    """Draw how studies are rated by COSMIN's standards of internal consistency.

    How sound is each study's analysis of reliability?

    Parameters
    ----------
    data : DataFrame, RGStudy, MetaResult or MultilevelResult
        A coding sheet with columns of the group quality.
    ax : Axes, optional
        Where to draw; by default a new figure.

    Returns
    -------
    Axes
        One row per study and one light per standard, with a sign for readers without
        colour; of more than 40 studies the share of each grade.

    Examples
    --------
    >>> import waistats as ws
    >>> sheet = ws.read_coefficients(ws.simulate_literature(9, seed=3).table)
    >>> rated = sheet.assign(
    ...     unidim_checked=[True, False, None] * 3,
    ...     per_subscale_reported=[True, True, False] * 3,
    ... )
    >>> axes = ws.figures.traffic_light(rated)
    """
    table = coefficient_table(data)
    if not has_quality(table):
        raise DataError(
            "The table has no column of the group quality: unidim_checked, n_adequate, "
            "per_subscale_reported or flaws."
        )
    frame = study_quality(table)
    own = ax is None
    with style.drawing():
        if len(frame) > MANY:
            ax = style.new_axes(ax, style.PAGE * 0.8, 1.7)
            _shares(ax, frame)
        else:
            ax = style.new_axes(ax, style.PAGE * 0.8, _ROW * len(frame) + 1.2)
            _lights(ax, frame, table)
        counts = frame["quality"].value_counts()
        said = ", ".join(f"{g} {int(counts.get(g, 0))}" for g in GRADES)
        text = f"Quality of {counted(len(frame), 'study')} by COSMIN: {said}."
        describe(ax, text, of=frame, own=own)
    return ax


def _lights(ax: "Axes", frame: pd.DataFrame, table: pd.DataFrame) -> None:
    for j, name in enumerate(_HEADS):
        for i, grade in enumerate(frame[name]):
            light = ax.scatter(
                [j], [i], s=62, color=_COLOURS[grade], edgecolor=style.MUTED, lw=0.5
            )
            set_grey(light, _GREYS[grade])
            ax.annotate(
                _SIGNS[grade],
                (j, i),
                ha="center",
                va="center_baseline",
                fontsize=style.SMALL,
                fontweight="bold",
            )
    names = study_names(table)
    ax.set_yticks(range(len(frame)), [names[s] for s in frame["study_id"]])
    ax.set_xticks(
        range(len(_HEADS)), [style.wrap(text, 1.1) for text in _HEADS.values()]
    )
    ax.xaxis.tick_top()
    ax.tick_params(length=0)
    ax.set_xlim(-0.6, len(_HEADS) - 0.4)
    ax.set_ylim(len(frame) - 0.4, -0.6)
    for spine in ax.spines.values():
        spine.set_visible(False)
    _legend(ax, frame)


def _shares(ax: "Axes", frame: pd.DataFrame) -> None:
    for i, name in enumerate(_HEADS):
        left = 0.0
        for grade in GRADES:
            share = 100 * float((frame[name] == grade).mean())
            (bar,) = ax.barh(
                [i],
                [share],
                left=left,
                color=_COLOURS[grade],
                edgecolor="white",
                lw=0.5,
            )
            set_grey(bar, _GREYS[grade])
            if share > 8:
                ax.annotate(
                    f"{_SIGNS[grade]} {percent(share, 0)}".strip(),
                    (left + share / 2, i),
                    ha="center",
                    va="center_baseline",
                    fontsize=style.SMALL,
                )
            left += share
    ax.set_yticks(range(len(_HEADS)), list(_HEADS.values()))
    ax.set_ylim(len(_HEADS) - 0.4, -0.6)
    ax.set_xlim(0, 100)
    ax.set_xlabel("Studies (%)")
    _legend(ax, frame)


def _legend(ax: "Axes", frame: pd.DataFrame) -> None:
    from matplotlib.lines import Line2D

    there = [g for g in GRADES if (frame[list(_HEADS)] == g).any().any()]
    marks = [
        Line2D(
            [],
            [],
            marker="o",
            linestyle="",
            color=_COLOURS[g],
            label=f"{g} {_SIGNS[g]}",
        )
        for g in there
    ]
    legend = ax.legend(
        handles=marks,
        ncols=len(there),
        loc="upper center",
        bbox_to_anchor=(0.5, -0.04 if len(ax.get_xlabel()) == 0 else -0.35),
        handletextpad=0.2,
        columnspacing=1.0,
    )
    for mark, grade in zip(legend.legend_handles, there, strict=True):
        set_grey(mark, _GREYS[grade])
