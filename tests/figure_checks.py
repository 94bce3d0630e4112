"""What must hold of every figure: nothing cut, nothing on top of something else."""

import itertools

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
