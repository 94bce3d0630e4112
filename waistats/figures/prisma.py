"""PRISMA 2020 flow diagram: from the records found to the studies included."""

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pandas as pd

from waistats.errors import DataError
from waistats.figures import _style as style
from waistats.figures._alt import describe
from waistats.figures._style import wrap
from waistats.rg.prisma import COLUMNS, STREAMS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LINE, _PAD, _GAP, _BAND = 0.135, 0.06, 0.22, 0.28  # inches
_HEAD = "#e8eef4"
_ROWS = ("identified", "screened", "sought", "assessed", "included")
_SIDES = {
    "removed": "identified",
    "screened_out": "screened",
    "not_retrieved": "sought",
    "excluded": "assessed",
}
_PHASES = {"Identification": ("identified",), "Included": ("included",)} | {
    "Screening": ("screened", "sought", "assessed"),
}


def prisma(counts: pd.DataFrame, *, ax: "Axes | None" = None) -> "Axes":
    """Draw the flow diagram of PRISMA 2020.

    What happened to each record of the search?

    Parameters
    ----------
    counts : DataFrame
        What `prisma_counts` returns.
    ax : Axes, optional
        Where to draw; by default a new figure as tall as its boxes.

    Returns
    -------
    Axes
        A column for databases and registers, one for other methods and one for a
        previous version where there are any; bands name the phases.

    Examples
    --------
    >>> import waistats as ws
    >>> import pandas as pd
    >>> said = ["duplicate"] * 3 + ["excluded_screening"] * 9 + ["included"] * 6
    >>> log = pd.DataFrame({"decision": said, "source": "PsycINFO"})
    >>> log["provenance"] = "SIMULATED"
    >>> axes = ws.figures.prisma(ws.prisma_counts(log))
    """
    if not isinstance(counts, pd.DataFrame) or not set(COLUMNS) <= set(counts):
        raise DataError("prisma() draws the frame of prisma_counts().")
    streams = [s for s in ("databases", "other") if (counts["stream"] == s).any()]
    before = (counts["stream"] == "previous").any()
    columns = 2 * len(streams) + int(before)
    width = min(style.PAGE, 1.75 * columns + _BAND) if columns < 5 else 8.6
    own = ax is None
    with style.drawing():
        if ax is not None:
            width = max(style.inches(ax)[0], 2.0)
        wide = (width - _BAND - 0.12 * columns) / columns
        step = wide + 0.12
        places: dict[tuple[str, str], dict[str, Any]] = {}
        at = _BAND
        lefts: dict[str, float] = {}
        if before:
            lefts["previous"] = at
            at += step
        for stream in streams:
            lefts[stream] = at
            at += 2 * step
        for row in counts.to_dict("records"):
            stream, key = str(row["stream"]), str(row["key"])
            level = _SIDES.get(key, "identified" if stream == "previous" else key)
            left = lefts.get(stream, lefts.get("databases", _BAND))
            left += step if row["side"] else 0.0
            entry = {"row": row, "level": level, "left": left}
            entry["lines"] = _lines(row, wide - 2 * _PAD)
            places[stream, key] = entry
        tops, height, heads = _arrange(places, lefts, wide, step)
        ax = style.new_axes(ax, width, height + 0.1, style.HARDLY)
        ax.set_axis_off()
        ax.set_xlim(0, width)
        ax.set_ylim(height + 0.05, -0.05)
        for text, left, across in heads:
            _rectangle(ax, (left, 0.0), across, heads_height(heads), _HEAD)
            for i, line in enumerate(text):
                ax.text(
                    left + across / 2,
                    _PAD + _LINE * (i + 0.5),
                    line,
                    ha="center",
                    va="center_baseline",
                    fontsize=style.SMALL,
                    fontweight="bold",
                )
        for entry in places.values():
            _draw(ax, entry, tops, wide)
        _connect(ax, places, tops, wide, streams)
        _phases(ax, tops)
        said = "; ".join(_said(e["row"]) for e in places.values())
        describe(ax, f"PRISMA 2020 flow diagram. {said}.", of=counts, own=own)
    return ax


def _said(row: dict[str, Any]) -> str:
    detail = f" ({row['detail']})" if row["detail"] else ""
    return f"{row['box']}: {row['n']:,}{detail}"


def _lines(row: dict[str, Any], width: float) -> list[str]:
    text = f"{row['box']} (n\u00a0=\u00a0{row['n']:,})"
    lines = wrap(text, 0.95 * width).split("\n")
    for part in filter(None, str(row["detail"]).split("; ")):
        part = part.replace("n = ", "n\u00a0=\u00a0")
        lines += wrap(part, 0.95 * width).split("\n")
    return lines


def heads_height(heads: list[tuple[list[str], float, float]]) -> float:
    """Return the height of the bar with the names of the streams."""
    return _LINE * max(len(text) for text, _, _ in heads) + 2 * _PAD


def _arrange(
    places: dict[tuple[str, str], dict[str, Any]],
    lefts: dict[str, float],
    wide: float,
    step: float,
) -> tuple[dict[str, tuple[float, float]], float, list[tuple[list[str], float, float]]]:
    """Return top and height of each row of boxes, the height of all, and the heads."""
    heads = []
    for stream, left in lefts.items():
        across = wide if stream == "previous" else wide + step
        text = wrap(STREAMS[stream], 0.92 * (across - 2 * _PAD)).split("\n")
        heads.append((text, left, across))
    y = heads_height(heads) + 0.12
    tops = {}
    for level in _ROWS:
        entries = [e for e in places.values() if e["level"] == level]
        if not entries:
            continue
        tall = max(_LINE * len(e["lines"]) + 2 * _PAD for e in entries)
        tops[level] = (y, tall)
        y += tall + _GAP
    return tops, y - _GAP, heads


def _rectangle(
    ax: "Axes", corner: tuple[float, float], wide: float, tall: float, color: str
) -> None:
    from matplotlib.patches import Rectangle

    ax.add_patch(
        Rectangle(
            corner, wide, tall, facecolor=color, edgecolor=style.MUTED, linewidth=0.8
        )
    )


def _draw(
    ax: "Axes",
    entry: dict[str, Any],
    tops: dict[str, tuple[float, float]],
    wide: float,
) -> None:
    top, _ = tops[entry["level"]]
    tall = _LINE * len(entry["lines"]) + 2 * _PAD
    color = "#f5f5f5" if entry["row"]["side"] else "white"
    _rectangle(ax, (entry["left"], top), wide, tall, color)
    entry["box"] = (entry["left"], top, tall)
    for i, line in enumerate(entry["lines"]):
        ax.text(
            entry["left"] + _PAD,
            top + _PAD + _LINE * (i + 0.5),
            line,
            va="center_baseline",
            fontsize=style.SMALL,
        )


def _connect(
    ax: "Axes",
    places: dict[tuple[str, str], dict[str, Any]],
    tops: dict[str, tuple[float, float]],
    wide: float,
    streams: list[str],
) -> None:
    final = places["both", "included"]["box"]
    for stream in streams:
        way = [places[stream, key]["box"] for key in _ROWS if (stream, key) in places]
        for (x, y, tall), (_, below, _) in pairwise(way):
            style.arrow(ax, (x + wide / 2, y + tall), (x + wide / 2, below))
        x, y, tall = way[-1]
        if abs(x - final[0]) < 1e-9:
            style.arrow(ax, (x + wide / 2, y + tall), (x + wide / 2, final[1]))
        else:
            _elbow(ax, (x + wide / 2, y + tall), final, wide)
        for key, level in _SIDES.items():
            if (stream, key) in places and (stream, level) in places:
                x, y, tall = places[stream, level]["box"]
                middle = y + min(tall, places[stream, key]["box"][2]) / 2
                style.arrow(
                    ax, (x + wide, middle), (places[stream, key]["left"], middle)
                )
    if ("previous", "previous") in places:
        x, y, tall = places["previous", "previous"]["box"]
        _elbow(ax, (x + wide / 2, y + tall), final, wide)


def _elbow(
    ax: "Axes",
    start: tuple[float, float],
    final: tuple[float, float, float],
    wide: float,
) -> None:
    x, y, tall = final
    middle = y + tall / 2
    ax.plot([start[0], start[0]], [start[1], middle], color=style.MUTED, linewidth=0.9)
    end = x + wide if start[0] > x else x
    style.arrow(ax, (start[0], middle), (end, middle))


def _phases(ax: "Axes", tops: dict[str, tuple[float, float]]) -> None:
    for name, levels in _PHASES.items():
        spans = [tops[level] for level in levels if level in tops]
        if not spans:
            continue
        top = spans[0][0]
        end = spans[-1][0] + spans[-1][1]
        _rectangle(ax, (0.0, top), _BAND - 0.08, end - top, _HEAD)
        room = 0.9 * (end - top) / style.text_width([name], style.SMALL, bold=True)
        ax.text(
            (_BAND - 0.08) / 2,
            (top + end) / 2,
            name,
            rotation=90,
            ha="center",
            va="center",
            fontsize=max(style.SMALL * min(1.0, room), style.LEAST),
            fontweight="bold",
        )
