"""What a point says when it is pointed at, in SVG and on a page; no script."""

import html
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# points that are drawn one by one, and say something; more are one picture
MOST = 2_000
_MARK = "tips"
_POINT = re.compile(r"<(use|path)\b([^>]*)/>")
_DEFS = re.compile(r"(<defs>.*?</defs>)", re.S)


def hover(points: Any, texts: Sequence[str]) -> None:
    """Let each point of a scatter say a text when it is pointed at."""
    if len(texts) > MOST:
        # so many drawn one by one would make a page that no browser turns
        points.set_rasterized(True)
        return
    points.waistats_tips = [str(text) for text in texts]


@contextmanager
def named(figure: "Figure") -> Iterator[list[list[str]]]:
    """Name the points that say something, for as long as a file is written."""
    found = [a for a in figure.findobj() if hasattr(a, "waistats_tips")]
    kept = [artist.get_gid() for artist in found]
    for i, artist in enumerate(found):
        artist.set_gid(f"{_MARK}-{i}")
    try:
        yield [artist.waistats_tips for artist in found]
    finally:
        for artist, gid in zip(found, kept, strict=True):
            artist.set_gid(gid)


def with_titles(svg: str, tips: Sequence[Sequence[str]]) -> str:
    """Return an SVG whose points hold what they say."""
    for i, texts in enumerate(tips):
        start = svg.find(f'<g id="{_MARK}-{i}">')
        if start < 0:
            continue
        end = _end_of_group(svg, start)
        svg = svg[:start] + _titled(svg[start:end], texts) + svg[end:]
    return svg


def _end_of_group(svg: str, start: int) -> int:
    depth = 0
    for found in re.finditer(r"<g\b|</g>", svg[start:]):
        depth += 1 if found[0] != "</g>" else -1
        if depth == 0:
            return start + found.end()
    return len(svg)


def _titled(block: str, texts: Sequence[str]) -> str:
    left = iter(texts)

    def titled(found: re.Match[str]) -> str:
        text = next(left, "")
        if not text:
            return found[0]
        title = f"<title>{html.escape(text)}</title>"
        return f"<{found[1]}{found[2]}>{title}</{found[1]}>"

    # what stands in definitions is no point
    parts = _DEFS.split(block)
    return "".join(
        p if p.startswith("<defs>") else _POINT.sub(titled, p) for p in parts
    )
