"""What a fit can say but need not compute until it is asked."""

from collections.abc import Callable

from waistats.meta._fits import Fits


class Deferred:
    """Statistics by name, each computed when first asked for and then kept.

    Parameters
    ----------
    fits : Fits, optional
        Where what is fitted from the model is kept; its own by default.
    **how : callable or float
        Functions without arguments (`functools.partial` of module functions, so that a
        result can be sent to another process), or values.
    """

    __slots__ = ("_how", "_known", "fits")

    def __init__(
        self, fits: Fits | None = None, **how: "Callable[[], float] | float"
    ) -> None:
        self.fits = Fits() if fits is None else fits
        self._how = {name: call for name, call in how.items() if callable(call)}
        self._known = {
            name: float(value) for name, value in how.items() if not callable(value)
        }

    def __getitem__(self, name: str) -> float:
        if name not in self._known:
            self._known[name] = float(self._how[name]())
        return self._known[name]
