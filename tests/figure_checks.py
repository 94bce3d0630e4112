"""What must hold of every figure: nothing cut, nothing on top of something else."""

import itertools
import re

import numpy as np


def visible_texts(figure):
    """Return the texts that are drawn: none of ticks outside the limits."""
    from matplotlib.axes import Axes
    from matplotlib.text import Text

    hidden = set()
    for ax in figure.findobj(Axes):
        for axis in (ax.xaxis, ax.yaxis):
            if not (ax.axison and ax.get_visible()):
                hidden |= {id(text) for text in axis.findobj(Text)}
            low, high = np.sort(axis.get_view_interval())
            edge = 1e-9 * (high - low)
            for tick in (*axis.majorTicks, *axis.minorTicks):
                if not low - edge <= tick.get_loc() <= high + edge:
                    hidden |= {id(tick.label1), id(tick.label2)}
    return [
        text
        for text in figure.findobj(Text)
        if text.get_text().strip() and text.get_visible() and id(text) not in hidden
    ]


def check_layout(ax, *, least_size=5.0, slack=1.5):
    """Every text lies inside the figure, is legible and touches no other text."""
    figure = ax.get_figure(root=True)
    figure.canvas.draw()
    outer = figure.bbox
    boxes = []
    for text in visible_texts(figure):
        box = text.get_window_extent()
        if box.width == 0:
            continue
        assert text.get_fontsize() >= least_size, text.get_text()
        name = repr(text.get_text())
        assert box.x0 >= outer.x0 - slack, f"{name} is cut on the left"
        assert box.x1 <= outer.x1 + slack, f"{name} is cut on the right"
        assert box.y0 >= outer.y0 - slack, f"{name} is cut below"
        assert box.y1 <= outer.y1 + slack, f"{name} is cut above"
        boxes.append((name, box))
    for (one, a), (other, b) in itertools.combinations(boxes, 2):
        wide = min(a.x1, b.x1) - max(a.x0, b.x0)
        high = min(a.y1, b.y1) - max(a.y0, b.y0)
        # line boxes of neighbouring rows share a little air
        touch = wide > slack and high > max(slack, 0.25 * min(a.height, b.height))
        assert not touch, f"{one} overlaps {other}"
    check_words(figure)
    check_points(figure)


def check_words(figure):
    """No hyphen is a minus, and the labels of one axis have the same decimals."""
    from matplotlib.axes import Axes

    for text in visible_texts(figure):
        said = text.get_text()
        assert not re.search(r"(?:^|[\s\[(])-\.?\d", said), (
            f"{said!r}: a hyphen as minus"
        )
    for ax in figure.findobj(Axes):
        for axis in (ax.xaxis, ax.yaxis):
            shown = visible_texts(figure)
            texts = [t.label1.get_text() for t in axis.majorTicks if t.label1 in shown]
            numbers = [t for t in texts if re.fullmatch(r"−?\.\d+", t)]
            decimals = {len(t.partition(".")[2]) for t in numbers}
            assert len(decimals) < 2, texts


def check_points(figure):
    """No text and no legend lies on a point."""
    from matplotlib.axes import Axes
    from matplotlib.collections import PathCollection

    for ax in figure.findobj(Axes):
        boxes = [
            (text.get_text(), text.get_window_extent())
            for text in ax.texts
            # a sign on a light is its meaning
            if text.get_visible() and len(text.get_text().strip()) > 1
        ]
        legend = ax.get_legend()
        if legend is not None:
            boxes.append(("the legend", legend.get_window_extent()))
        for points in ax.collections:
            if not isinstance(points, PathCollection) or not points.get_visible():
                continue
            places = points.get_offset_transform().transform(points.get_offsets())
            for name, box in boxes:
                inside = (places[:, 0] > box.x0) & (places[:, 0] < box.x1)
                inside &= (places[:, 1] > box.y0) & (places[:, 1] < box.y1)
                assert not inside.any(), f"{name!r} lies on a point"


def check_boxes(ax):
    """The texts of a chart of boxes stay inside the boxes that they begin in."""
    from matplotlib.patches import Rectangle

    figure = ax.get_figure(root=True)
    figure.canvas.draw()
    frames = [p.get_window_extent() for p in ax.patches if isinstance(p, Rectangle)]
    for text in ax.texts:
        box = text.get_window_extent()
        for frame in frames:
            starts = frame.x0 < box.x0 < frame.x1 and frame.y0 < box.y0 < frame.y1
            if starts:
                name = f"{text.get_text()!r} leaves its box"
                assert box.x1 <= frame.x1, name
                assert box.y1 <= frame.y1, name
