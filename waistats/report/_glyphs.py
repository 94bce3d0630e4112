"""One copy of each letter's shape on a page, whatever number of figures writes it."""

import re

_SHAPE = re.compile(
    r'<path id="f\d+-(DejaVu[^"]+)"[^>]*?transform="scale\(0.015625\)"/>'
)
_USED = re.compile(r'href="#f\d+-(DejaVu[^"]+)"')
_BETWEEN = re.compile(r"\s*\n\s*")
_TOLD = re.compile(r"<!--.*?-->", re.S)


def one_line(svg: str) -> str:
    """Return a drawing without comments and without its breaks of lines."""
    return _BETWEEN.sub(" ", _TOLD.sub("", svg)).replace("> <", "><")


class Glyphs:
    """The shapes of letters that the figures of one page have drawn so far."""

    def __init__(self) -> None:
        self._known: set[str] = set()

    def shared(self, svg: str) -> str:
        """Return a drawing that refers to the shapes which others have brought.

        The first figure with a letter brings its shape, under a name that the page has
        once.
        """

        def once(found: re.Match[str]) -> str:
            name = found[1]
            if name in self._known:
                return ""
            self._known.add(name)
            return re.sub(r'id="[^"]*"', f'id="{name}"', found[0], count=1)

        return _USED.sub(r'href="#\1"', _SHAPE.sub(once, svg))
