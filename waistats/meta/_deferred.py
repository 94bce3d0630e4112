"""What a fit can say but need not compute until it is asked."""

from collections.abc import Callable


class Deferred:
    """Statistics by name, each computed when first asked for and then kept.

    Parameters
    ----------
    **how : callable or float
        Functions without arguments (`functools.partial` of module functions, so that a
        result can be sent to another process), or values.
    """

    __slots__ = ("_how", "_known")

    def __init__(self, **how: "Callable[[], float] | float") -> None:
        self._how = {name: call for name, call in how.items() if callable(call)}
        self._known = {
            name: float(value) for name, value in how.items() if not callable(value)
        }

    def __getitem__(self, name: str) -> float:
        if name not in self._known:
            self._known[name] = float(self._how[name]())
        return self._known[name]
