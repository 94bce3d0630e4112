"""Themes of journals: a drawn figure in greys, for as long as it is written."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from waistats.errors import check_option

if TYPE_CHECKING:
    from matplotlib.figure import Figure

THEMES = ("colour", "grey", "apa")
_COLOURS = (
    "color", "facecolor", "edgecolor", "markerfacecolor", "markeredgecolor",
)  # fmt: skip


@contextmanager
def themed(figure: "Figure", theme: str) -> Iterator[None]:
    """Show a figure in a theme; its own colours are back afterwards.

    ``"grey"`` turns every colour into the grey of its lightness; ``"apa"`` draws texts
    and axes in black besides.
    """
    check_option("theme", theme, THEMES)
    undo: list[Callable[[], Any]] = []
    if theme != "colour":
        for artist in figure.findobj():
            undo += _greyed(artist, black=theme == "apa")
    try:
        yield
    finally:
        for put_back in reversed(undo):
            put_back()


def _greyed(artist: Any, *, black: bool) -> list[Callable[[], Any]]:
    """Give an artist the greys of its colours; return what puts them back."""
    from matplotlib.collections import QuadMesh
    from matplotlib.image import AxesImage
    from matplotlib.spines import Spine
    from matplotlib.text import Text

    undo: list[Callable[[], Any]] = []
    if isinstance(artist, (AxesImage, QuadMesh)):
        kept = artist.get_cmap()
        artist.set_cmap("Greys")
        return [lambda: artist.set_cmap(kept)]
    dark = black and isinstance(artist, (Text, Spine))
    found = []
    for name in _COLOURS:
        get = getattr(artist, f"get_{name}", None)
        change = getattr(artist, f"set_{name}", None)
        if get is not None and change is not None:
            # all are read before any is changed: some follow others
            found.append((name, change, get()))
    own = getattr(artist, _OWN, None)
    for name, change, colour in found:
        made: Any = "black" if dark else _grey(colour)
        if own is not None and name != "edgecolor":
            made = own
        if made is not None:
            undo.append(partial(change, colour))
            change(made)
    return undo


_OWN = "waistats_grey"


def set_grey(artist: Any, grey: str) -> None:
    """Say in which grey an artist is drawn where its colour has that of another one."""
    setattr(artist, _OWN, grey)


def _grey(colour: Any) -> Any:
    """Return the grey of a colour or of colours; None where there is none."""
    import numpy as np
    from matplotlib.colors import to_rgba_array

    if isinstance(colour, str) and colour in {"none", "auto", "inherit", "face"}:
        return None
    try:
        rgba = to_rgba_array(colour)
    except (TypeError, ValueError):
        return None
    if len(rgba) == 0:
        return None
    light = rgba[:, :3] @ np.array([0.299, 0.587, 0.114])
    grey = np.column_stack([light, light, light, rgba[:, 3]])
    return tuple(grey[0]) if len(grey) == 1 else grey
