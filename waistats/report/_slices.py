"""A tall figure in parts that print may break, its head and axis on every page."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from urllib.parse import quote

from waistats.report._glyphs import one_line
from waistats.report.blocks import Figure

_SVG, _LINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
_HREF = f"{{{_LINK}}}href"
_MOVED = re.compile(r"translate\([-\d.]+ ([-\d.]+)\)")
_NUMBER = re.compile(r"-?\d+\.?\d*")


@dataclass(frozen=True, slots=True)
class Slices:
    """Head, bands and foot of a figure, each as an element; empty where there is none.

    The bands show parts of the figure that stands on the same page. Browsers repeat
    pictures on a page, but no references: head and foot are small drawings.
    """

    head: str
    bands: list[str]
    foot: str


def slices(figure: Figure) -> Slices | None:
    """Return the parts of a figure; None for one that is not cut."""
    places = figure.drawing.cuts
    if not places:
        return None
    width, height = (72 * v for v in figure.drawing.size)
    ends = [height * place for place in places]
    if ends[0] < _LEAST:
        ends[0] = 0.0
    # the line of the axis is part of the foot
    ends[-1] = height if height - ends[-1] < _LEAST else ends[-1] - 1
    svg = figure.drawing.render("svg")

    def strip(top: float, bottom: float) -> str:
        if bottom - top < _LEAST:
            return ""
        drawn = one_line(_strip(svg, top, bottom, width))
        if not drawn:
            return ""
        # shorter than base64, which makes four letters of three
        address = f"data:image/svg+xml,{quote(drawn, safe=_SAFE)}"
        return f'<img alt="" src="{address}" style="--w:{width:.0f}pt">'

    return Slices(
        strip(0.0, ends[0]),
        [
            f'<svg viewBox="0 {top:.2f} {width:.2f} {bottom - top:.2f}" '
            f'style="--w:{width:.0f}pt"><use href="#f{figure.number}-figure_1"/></svg>'
            for top, bottom in pairwise(ends)
            if bottom > top
        ],
        strip(ends[-1], height),
    )


_LEAST = 5.0  # points of a head or foot
# what an address in an attribute may hold as it is
_SAFE = " /:;=()'*{},.-"


def _strip(svg: bytes, top: float, bottom: float, width: float) -> str:
    """Return a drawing of what lies whole between two heights; empty for nothing."""
    ET.register_namespace("", _SVG)
    ET.register_namespace("xlink", _LINK)
    root = ET.fromstring(svg)
    known = {e.get("id"): e for d in root.iter(f"{{{_SVG}}}defs") for e in d}
    styles = [e for e in known.values() if e.tag == f"{{{_SVG}}}style"]
    _prune(root, top, bottom)
    if len(root) == 0:
        return ""
    wanted = {e.get(_HREF, "")[1:] for e in root.iter(f"{{{_SVG}}}use")}
    defs = ET.Element(f"{{{_SVG}}}defs")
    defs.extend([*styles, *(known[name] for name in sorted(wanted) if name in known)])
    root.insert(0, defs)
    root.set("viewBox", f"0 {top:.2f} {width:.2f} {bottom - top:.2f}")
    root.set("width", f"{width:.2f}pt")
    root.set("height", f"{bottom - top:.2f}pt")
    # simple quotes need no escape in an address
    return ET.tostring(root, encoding="unicode").replace('"', "'")


def _prune(element: ET.Element, top: float, bottom: float) -> None:
    for child in list(element):
        tag = child.tag.removeprefix(f"{{{_SVG}}}")
        moved = _MOVED.match(child.get("transform", ""))
        if tag == "g" and moved is None:
            child.attrib.pop("clip-path", None)
            _prune(child, top, bottom)
            kept = len(child) > 0
        elif tag in {"g", "use", "path"}:
            kept = all(top - 0.5 <= y <= bottom for y in _heights(child, moved))
        else:
            kept = False
        if not kept:
            element.remove(child)


def _heights(element: ET.Element, moved: re.Match[str] | None) -> Iterator[float]:
    """Yield the heights at which an element draws."""
    if moved is not None:
        yield float(moved[1])
    elif element.get("d"):
        yield from map(float, _NUMBER.findall(element.get("d", ""))[1::2])
    else:
        yield float(element.get("y", "nan"))
