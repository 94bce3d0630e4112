"""How wide texts are, cutting and breaking them to fit.

One look for every figure, and files that are the same bytes each time.
"""

import io
import os
import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from waistats._caller import outside
from waistats._files import new_file
from waistats.errors import check_option
from waistats.figures._hover import named, with_titles
from waistats.figures._theme import themed

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from waistats._typing import FloatArray, IntArray


# Okabe and Ito's colours, told apart in every common colour blindness, ordered so that
# neighbours also differ in grey.
PALETTE = (
    "#0072B2",  # blue
    "#E69F00",  # orange
    "#009E73",  # green
    "#CC79A7",  # purple
    "#56B4E9",  # sky
    "#D55E00",  # vermilion
    "#F0E442",  # yellow
    "#000000",
)
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
INK = "#1a1a1a"
MUTED = "#595959"
RULE = "#b3b3b3"
BLUE, ORANGE, GREEN, VERMILION = PALETTE[0], PALETTE[1], PALETTE[2], PALETTE[5]

# Inches: a journal's one and two columns.
COLUMN, PAGE = 3.5, 7.0
SIZE, SMALL, LEAST = 8.0, 7.0, 5.0
# in matplotlib's own copy, see `own_font`: a system's may be of another version
FONT = "DejaVu Sans"
FORMATS = ("svg", "png", "pdf")
HARDLY = (0.05, 0.04, 0.05, 0.04)  # margins of figures that place their own panels

_HOUSE: dict[str, Any] = {
    "font.family": FONT,
    "font.size": SIZE,
    "axes.titlesize": SIZE,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": SIZE,
    "axes.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "xtick.major.size": 3.0,
    "ytick.major.size": 3.0,
    "xtick.minor.size": 1.5,
    "ytick.minor.size": 1.5,
    "text.color": INK,
    # a name may hold dollar signs; no text of ours is mathematics
    "text.parse_math": False,
    "legend.fontsize": SMALL,
    "legend.title_fontsize": SMALL,
    "legend.frameon": False,
    "legend.handlelength": 1.6,
    "lines.linewidth": 1.0,
    "hatch.linewidth": 0.5,
    "svg.hashsalt": "waistats",
    "svg.fonttype": "path",
    "pdf.fonttype": 42,
    "figure.dpi": 100,
    "savefig.facecolor": "white",
}


@contextmanager
def own_font() -> Iterator[None]:
    """Draw in matplotlib's own copy of the font, whichever copies a system has.

    matplotlib prefers its own as a rule. Where it does not, the others are hidden
    for as long as the drawing takes.
    """
    from matplotlib import font_manager, get_data_path

    manager: Any = font_manager.fontManager  # its cache has no public name
    folder = get_data_path()
    found = (
        manager.findfont(font_manager.FontProperties(family=FONT, weight=weight))
        for weight in ("normal", "bold")
    )
    if all(str(file).startswith(folder) for file in found):
        yield
        return
    kept = manager.ttflist
    manager.ttflist = [
        entry for entry in kept if entry.name != FONT or entry.fname.startswith(folder)
    ]
    manager._findfont_cached.cache_clear()
    try:
        yield
    finally:
        manager.ttflist = kept
        manager._findfont_cached.cache_clear()


@contextmanager
def drawing() -> Iterator[None]:
    """Draw in the house style; the user's own settings are back afterwards."""
    import matplotlib as mpl
    from matplotlib import style

    interactive = mpl.is_interactive()
    try:
        with (
            style.context(["default", _HOUSE]),
            own_font(),
            warnings.catch_warnings(),
        ):
            # said once, by `render`, not once a sign and a measurement
            warnings.filterwarnings(
                "ignore", message=r"Glyph \d+ ", category=UserWarning
            )
            try:
                yield
            finally:
                interactive = mpl.is_interactive()
    finally:
        # the first figure loads the backend, and a notebook's backend turns this on
        mpl.interactive(interactive)


def arrow(ax: "Axes", start: tuple[float, float], end: tuple[float, float]) -> None:
    """Draw the arrow of a flow chart."""
    from matplotlib.patches import FancyArrowPatch

    ax.add_patch(
        FancyArrowPatch(
            start,
            end,
            arrowstyle="-|>",
            mutation_scale=7,
            shrinkA=0,
            shrinkB=0,
            color=MUTED,
            linewidth=0.9,
        )
    )


def strokes(
    ax: "Axes",
    x: "IntArray | FloatArray",
    low: "FloatArray",
    high: "FloatArray",
    *,
    color: str,
    linewidth: float,
    zorder: float = 2,
) -> None:
    """Draw vertical strokes as one path: a file of hundreds stays small."""
    import numpy as np
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path as Line

    known = np.isfinite(low) & np.isfinite(high)
    ends = np.column_stack([x, low, x, high])[known].reshape(-1, 2)
    codes = np.resize([Line.MOVETO, Line.LINETO], len(ends))
    line = PathPatch(Line(ends, codes), facecolor="none", edgecolor=color)
    line.set(linewidth=linewidth, zorder=zorder, capstyle="butt")
    ax.add_patch(line)


def new_axes(
    ax: "Axes | None",
    width: float,
    height: float,
    fixed: tuple[float, float, float, float] | None = None,
) -> "Axes":
    """Return ``ax``, or axes in a new figure of ``width`` by ``height`` inches.

    New axes fill their figure as their texts allow; or, where ``fixed`` says so, the
    figure but for margins at the left, bottom, right and top, in inches.
    """
    if ax is not None:
        _dress(ax)
        return ax
    import matplotlib.pyplot as plt

    if fixed is None:
        return plt.subplots(figsize=(width, height), layout="constrained")[1]
    _, new = plt.subplots(figsize=(width, height))
    left, bottom, right, top = fixed
    box = (left, bottom, width - left - right, height - bottom - top)
    new.set_position((box[0] / width, box[1] / height, box[2] / width, box[3] / height))
    return new


def _dress(ax: "Axes") -> None:
    """Give axes that were made elsewhere the look of the house."""
    ax.spines[["top", "right"]].set_visible(False)
    for spine in ax.spines.values():
        spine.set(color=MUTED, linewidth=0.7)
    for axis in (ax.xaxis, ax.yaxis):
        axis.label.set(fontsize=SIZE, fontfamily=FONT, color=INK)
        for which in ("major", "minor"):
            axis.set_tick_params(
                which=which,
                labelsize=SMALL,
                labelfontfamily=FONT,
                color=MUTED,
                labelcolor=INK,
                width=0.7,
                length=3.0 if which == "major" else 1.5,
            )
    ax.set_axisbelow(True)


def figure_of(drawn: "Axes | Figure") -> "Figure":
    """Return the figure that axes belong to, or the figure itself."""
    from matplotlib.figure import Figure

    if isinstance(drawn, Figure):
        return drawn
    figure = drawn.get_figure(root=True)
    if figure is None:
        raise ValueError("These axes do not belong to a figure.")
    return figure


def inches(ax: "Axes") -> tuple[float, float]:
    """Return the width and height of axes in inches."""
    box = ax.get_window_extent()
    dpi = figure_of(ax).dpi
    return box.width / dpi, box.height / dpi


def reserve(
    ax: "Axes",
    left: float = 0.0,
    right: float = 0.0,
    bottom: float = 0.0,
    top: float = 0.0,
) -> None:
    """Make room, in inches, beside axes that no layout engine moves."""
    figure = figure_of(ax)
    if figure.get_layout_engine() is not None:
        return
    box = ax.get_position()
    across, up = 1 / figure.get_size_inches()
    x, y = left * across, bottom * up
    width = box.width - x - right * across
    tall = box.height - y - top * up
    ax.set_position((box.x0 + x, box.y0 + y, width, tall))


def alt_text(drawn: "Axes | Figure") -> str:
    """Return the alternative text of a figure: what it shows, in sentences.

    Parameters
    ----------
    drawn : Axes or Figure
        What a function of `waistats.figures` returned, or a figure of several.

    Returns
    -------
    str
        The texts of its axes, in their order; empty for other figures.
    """
    from matplotlib.figure import Figure

    axes = drawn.axes if isinstance(drawn, Figure) else [drawn]
    return " ".join(ax.alt_text for ax in axes if hasattr(ax, "alt_text"))


def render(
    drawn: "Axes | Figure",
    format: str = "svg",
    *,
    dpi: float = 300,
    theme: str = "colour",
) -> bytes:
    """Return a figure as the bytes of a file, the same each time.

    Parameters
    ----------
    drawn : Axes or Figure
        The figure, or axes in it.
    format : {"svg", "png", "pdf"}, default "svg"
        The kind of file.
    dpi : float, default 300
        Dots an inch of a PNG.
    theme : {"colour", "grey", "apa"}, default "colour"
        For journals without colour; ``"apa"`` has black texts and axes besides.

    Returns
    -------
    bytes
        The file, without date, machine or version in it; the alternative text is part
        of its metadata.
    """
    format = check_option("format", format, FORMATS)
    figure = figure_of(drawn)
    about = alt_text(drawn)
    metadata: dict[str, str | None] = {
        "svg": {"Date": None, "Creator": "waistats", "Description": about or None},
        "png": {"Software": None, "Description": about or None},
        "pdf": {
            "CreationDate": None,
            "Producer": None,
            "Creator": "waistats",
            "Subject": about or None,
        },
    }[format]
    stream = io.BytesIO()
    if unknown := unknown_signs(figure):
        warnings.warn(
            f"The font {FONT} has no {' '.join(unknown)}: the figure shows boxes there.",
            stacklevel=outside(),
        )
    with drawing(), themed(figure, theme), named(figure) as tips:
        figure.savefig(
            stream,
            format=format,
            dpi=dpi,
            metadata={k: v for k, v in metadata.items() if v or k not in _ABOUT},
        )
    content = stream.getvalue()
    if format == "svg" and tips:
        content = with_titles(content.decode("utf-8"), tips).encode("utf-8")
    # XML knows no control characters
    return _CONTROL.sub(b"", content) if format == "svg" else content


def unknown_signs(figure: "Figure") -> list[str]:
    """Return the visible signs in the texts of a figure that its font lacks."""
    from matplotlib import font_manager
    from matplotlib.text import Text

    with own_font():
        font = font_manager.get_font(font_manager.findfont(FONT))
    known = font.get_charmap()
    signs = {sign for text in figure.findobj(Text) for sign in str(text.get_text())}
    return sorted(s for s in signs if s.isprintable() and ord(s) not in known)


_ABOUT = ("Description", "Subject")
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]|\xef\xbf[\xbe\xbf]")


def save(
    drawn: "Axes | Figure",
    path: str | os.PathLike[str],
    formats: Iterable[str] = FORMATS,
    *,
    dpi: float = 300,
    theme: str = "colour",
) -> list[Path]:
    """Write a figure in each format, the same bytes each time.

    Parameters
    ----------
    drawn : Axes or Figure
        The figure, or axes in it.
    path : path
        File name; a suffix that is a format is the only format written.
    formats : iterable of str, default ("svg", "png", "pdf")
        Formats for a path without such a suffix.
    dpi : float, default 300
        Dots an inch of a PNG.
    theme : {"colour", "grey", "apa"}, default "colour"
        For journals without colour; ``"apa"`` has black texts and axes besides.

    Returns
    -------
    list of Path
        The files written; each appears whole or not at all.
    """
    target = Path(path)
    suffix = target.suffix.lower().lstrip(".")
    if suffix in FORMATS:
        files = [(suffix, target)]
    else:
        files = [(name, target.with_name(f"{target.name}.{name}")) for name in formats]
    for name, file in files:
        content = render(drawn, name, dpi=dpi, theme=theme)
        with new_file(file) as work:
            work.write_bytes(content)
    return [file for _, file in files]


# no figure has room for more signs in a line, and each takes time to measure
MOST = 1000


def text_width(texts: Iterable[str], size: float = SMALL, bold: bool = False) -> float:
    """Return the width in inches of the widest text."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    font = FontProperties(family=FONT, size=size, weight="bold" if bold else "normal")
    lines = [line[:MOST] for text in texts for line in text.split("\n") if line]
    measure = text_to_path.get_text_width_height_descent
    with own_font():
        widths = [measure(line, font, False)[0] for line in lines]
    return max(widths, default=0.0) / 72


def shorten(text: str, width: float, size: float = SMALL, bold: bool = False) -> str:
    """Return a text cut with an ellipsis where it is wider than ``width`` inches."""
    if len(text) <= MOST and text_width([text], size, bold) <= width + 0.01:
        return text
    fits, too_long = 0, min(len(text), MOST)
    while too_long - fits > 1:
        middle = (fits + too_long) // 2
        if text_width([text[:middle] + "…"], size, bold) > width:
            too_long = middle
        else:
            fits = middle
    return text[:fits].rstrip() + "…"


def shorten_apart(
    texts: Sequence[str], widths: Sequence[float], size: float = SMALL
) -> list[str]:
    """Return texts cut to widths in inches so that different ones stay different.

    Texts that would look alike lose what they share at their beginning.
    """
    given = list(texts)
    cut = [shorten(t, w, size) for t, w in zip(given, widths, strict=True)]
    alike: dict[str, list[int]] = {}
    for i, text in enumerate(cut):
        alike.setdefault(text, []).append(i)
    for places in alike.values():
        if len({given[i] for i in places}) < 2:
            continue
        shared = _shared([given[i] for i in places])
        for i in places:
            head = shorten(given[i], 0.4 * widths[i], size)
            cut[i] = shorten(head + given[i][len(shared) :], widths[i], size)
    return cut


def _shared(texts: Sequence[str]) -> str:
    """Return the words with which all texts begin."""
    first, last = min(texts), max(texts)
    same = next(
        (i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b),
        min(len(first), len(last)),
    )
    return first[: max(first.rfind(" ", 0, same), first.rfind("_", 0, same)) + 1]


def wrap(text: str, width: float, size: float = SMALL) -> str:
    """Return a text broken into lines not wider than ``width`` inches.

    ``p = .042`` and the like stay on one line.
    """
    lines = [""]
    for word in re.split(r"(?<![=<>]) (?![=<>])", text):
        longer = f"{lines[-1]} {word}".lstrip()
        if lines[-1] and text_width([longer], size) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return "\n".join(lines)
