"""Flow diagram: what was found, what was omitted and why, what was pooled."""

from collections.abc import Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pandas as pd

from waistats._format import count
from waistats.errors import DataError
from waistats.figures import _style as style
from waistats.figures._alt import describe
from waistats.figures._cuts import set_cuts
from waistats.figures._style import wrap

if TYPE_CHECKING:
    from matplotlib.axes import Axes


COUNTS = ("studies", "samples", "coefficients", "persons")
_LINE, _PAD, _GAP = 0.145, 0.07, 0.24  # inches


def flow(boxes: Any, *, ax: "Axes | None" = None) -> "Axes":
    """Draw the way from the literature to the pooled coefficients.

    What happened to each study and coefficient?

    Parameters
    ----------
    boxes : mapping or DataFrame
        For each box, in order, its counts: ``{"Found": {"studies": 60, ...}, ...}``
        with any of ``studies, samples, coefficients, persons``; ``"side": True`` puts
        a box, such as one of exclusions, next to the way; ``"note"`` adds a line, and
        ``"provenance"`` may say SIMULATED. As a frame: columns ``box``, the counts,
        ``side``, ``note`` and ``provenance``.
    ax : Axes, optional
        Where to draw; by default a new figure as tall as its boxes.

    Returns
    -------
    Axes
        Counts that are missing are omitted of their box.

    Examples
    --------
    >>> import waistats as ws
    >>> wai = ws.load_dataset("wai")
    >>> axes = ws.figures.flow(ws.flow_counts(wai))
    """
    entries = _entries(boxes)
    main = [e for e in entries if not e["side"]]
    if not main:
        raise DataError("A flow diagram needs at least one box on the way.")
    beside = any(e["side"] for e in entries)
    own = ax is None
    with style.drawing():
        width = style.PAGE * 0.85 if beside else style.COLUMN
        if ax is not None:
            width = max(style.inches(ax)[0], 1.0)
        wide = 0.47 * width if beside else 0.96 * width
        left, right = 0.01 * width, 0.52 * width
        for entry in entries:
            # a raster rounds the widths of letters up
            entry["lines"] = _lines(entry, 0.95 * (wide - 2 * _PAD))
        height = _arrange(entries)
        ax = style.new_axes(ax, width, height + 0.1, style.HARDLY)
        ax.set_axis_off()
        ax.set_xlim(0, width)
        ax.set_ylim(height + 0.05, -0.05)
        tops = [
            e["top"] - 0.05
            for one, e in pairwise(entries)
            if not (e["side"] or one["side"])
        ]
        set_cuts(ax, [-0.05, *tops, height + 0.05])
        scale = min(1.0, style.inches(ax)[1] / (height + 0.1))
        for entry in entries:
            _box(ax, entry, right if entry["side"] else left, wide, scale)
        _arrows(ax, entries, left + 0.5 * wide, right)
        describe(
            ax,
            "Flow diagram. " + "; ".join(map(_words, entries)) + ".",
            of=_marks(boxes),
            own=own,
        )
    return ax


def _marks(boxes: Any) -> pd.DataFrame:
    """Return the boxes as a frame, which may say that they are SIMULATED."""
    return boxes if isinstance(boxes, pd.DataFrame) else pd.DataFrame([*boxes.values()])


def _entries(boxes: Any) -> list[dict[str, Any]]:
    if isinstance(boxes, pd.DataFrame):
        if "box" not in boxes:
            raise DataError("The frame needs a column 'box' with the names.")
        if boxes["box"].duplicated().any():
            raise DataError("Names of boxes must differ.")
        rows = boxes.set_index("box").to_dict(orient="index")
    elif isinstance(boxes, Mapping):
        rows = dict(boxes)
    else:
        raise DataError(
            "boxes must be a mapping of names to counts, or a frame with the column "
            "'box'."
        )
    entries = []
    for name, values in rows.items():
        if not isinstance(values, Mapping):
            raise DataError(f"The counts of box {name!r} must be a mapping.")
        known = {c: values.get(c) for c in COUNTS if pd.notna(values.get(c))}
        side = values.get("side", False)
        note = values.get("note")
        entries.append(
            {
                "name": str(name),
                "counts": known,
                "side": bool(side) if pd.notna(side) else False,
                "note": str(note) if isinstance(note, str) else "",
            }
        )
    return entries


def _count_text(counts: Mapping[str, Any]) -> str:
    words = []
    for name, value in counts.items():
        one = {"studies": "study"}.get(name, name[:-1])
        words.append(f"{count(float(value))} {one if value == 1 else name}")
    return ", ".join(words)


def _lines(entry: dict[str, Any], width: float) -> list[str]:
    """Return the lines of a box; the first ones, its name, are bold."""
    name = wrap(entry["name"], 0.9 * width, style.SIZE).split("\n")
    entry["bold"] = len(name)
    # a number stays with its noun
    counts = (
        _count_text(entry["counts"]).replace(" ", "\u00a0").replace(",\u00a0", ", ")
    )
    rest = [t for t in (counts, entry["note"]) if t]
    return [*name, *(line for t in rest for line in wrap(t, width).split("\n"))]


def _arrange(entries: list[dict[str, Any]]) -> float:
    """Give each box its top and height; return the height of all."""
    y = 0.0
    for i, entry in enumerate(entries):
        entry["height"] = _LINE * len(entry["lines"]) + 2 * _PAD
        entry["top"] = y
        last = i + 1 == len(entries)
        follows_side = not last and (entries[i + 1]["side"] or entry["side"])
        y += entry["height"] + (0.0 if last else 0.1 if follows_side else _GAP)
    return y


def _box(
    ax: "Axes", entry: dict[str, Any], left: float, wide: float, scale: float
) -> None:
    from matplotlib.patches import Rectangle

    side = entry["side"]
    ax.add_patch(
        Rectangle(
            (left, entry["top"]),
            wide,
            entry["height"],
            facecolor="#f5f5f5" if side else "white",
            edgecolor=style.MUTED,
            linewidth=0.8,
        )
    )
    for i, line in enumerate(entry["lines"]):
        ax.text(
            left + _PAD,
            entry["top"] + _PAD + _LINE * (i + 0.5),
            line,
            va="center_baseline",
            fontsize=max(style.LEAST, style.SMALL * scale),
            fontweight="bold" if i < entry["bold"] else "normal",
        )


def _arrows(
    ax: "Axes", entries: list[dict[str, Any]], down: float, right: float
) -> None:
    """Draw the way down, and a branch to each box next to it."""
    main = [e for e in entries if not e["side"]]
    for one, other in pairwise(main):
        style.arrow(ax, (down, one["top"] + one["height"]), (down, other["top"]))
    for entry in entries:
        if entry["side"]:
            middle = entry["top"] + entry["height"] / 2
            style.arrow(ax, (down, middle), (right, middle))


def _words(entry: dict[str, Any]) -> str:
    return f"{entry['name']}: {_count_text(entry['counts']) or 'no counts'}"
