"""What was fitted is not fitted again, and what is not asked for is not computed."""

from collections.abc import Callable, Hashable
from hashlib import blake2b
from typing import Any, TypeVar

import numpy as np
from scipy import sparse

Made = TypeVar("Made")


class Fits:
    """Fits by their input, each made once and then kept.

    A study has one, and the models of a study know it; any other model has its own, for
    what is fitted from it. Numbers are kept, not tables: the same numbers under other
    names are the same fit.
    """

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[Hashable, Any] = {}

    def once(self, what: str, given: tuple[Any, ...], make: Callable[[], Made]) -> Made:
        """Return what ``make`` returns, called once for what is given.

        Parameters
        ----------
        what : str
            Kind of fit.
        given : tuple
            All that the result depends on: arrays, sparse arrays, strings, numbers and
            sequences of these.
        make : callable
            Makes the fit; an error is not kept.
        """
        key = (what, *map(_key, given))
        if key not in self._known:
            self._known[key] = make()
        found: Made = self._known[key]
        return found

    def __reduce__(self) -> tuple[type, tuple[()]]:
        # another process fits for itself
        return Fits, ()


def _key(value: Any) -> Hashable:
    if isinstance(value, np.ndarray):
        if value.dtype == object:
            return tuple(value.tolist())
        data = np.ascontiguousarray(value)
        return (
            value.shape,
            value.dtype.str,
            blake2b(data.tobytes(), digest_size=16).digest(),
        )
    if sparse.issparse(value):
        rows = sparse.csr_array(value)
        return rows.shape, *map(_key, (rows.data, rows.indices, rows.indptr))
    if isinstance(value, (list, tuple)):
        return tuple(_key(part) for part in value)
    key: Hashable = value
    return key


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
