"""Public functions as users call them: help(), hints for keywords, their last names.

Docstrings say the types in words, so ``help()`` opens with names and defaults alone.
"""

import inspect
import re
import warnings
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from waistats._caller import outside
from waistats.errors import listing, near

P = ParamSpec("P")
R = TypeVar("R")

# where a function keeps the old names that it takes
_OLD = "_old_names"
_UNEXPECTED = re.compile(r"got an unexpected keyword argument '([^']+)'")


def public(function: Callable[P, R], module: str) -> Callable[P, R]:
    """Return a function as users get it from ``module``.

    It costs one frame a call. A keyword that it does not have is a TypeError that names
    the nearest one, as Python itself does from version 3.13 on.
    """

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except TypeError as error:
            told = _unexpected(error, function, kwargs)
            if told is None:
                raise
        raise TypeError(told)

    # pickled by the name under which users find it
    call.__module__ = module
    call.__signature__ = short(inspect.signature(function))  # type: ignore[attr-defined]
    return call


def _unexpected(
    error: TypeError, function: Callable[..., Any], given: dict[str, Any]
) -> str | None:
    """Return what to say of keywords that a function does not have, or None."""
    found = _UNEXPECTED.search(str(error))
    known = inspect.signature(function).parameters
    if found is None or found[1] in known or found[1] not in given:
        return None
    taken = {*known, *function.__dict__.get(_OLD, ())}
    unknown = [name for name in given if name not in taken]
    hints = [near(name, known) for name in unknown]
    told = ", ".join(f"{n!r}{hint}" for n, hint in zip(unknown, hints, strict=True))
    takes = "" if all(hints) else f" It takes {listing(known, 30)}."
    what = (
        "an unexpected keyword argument" if len(unknown) == 1 else "unexpected keywords"
    )
    return f"{function.__name__}() got {what} {told}.{takes}"


def short(signature: inspect.Signature) -> inspect.Signature:
    """Return a signature without annotations."""
    bare = inspect.Parameter.empty
    told = [one.replace(annotation=bare) for one in signature.parameters.values()]
    return signature.replace(parameters=told, return_annotation=bare)


def renamed(**names: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Let a function take keywords by their old names, ``old="new"``.

    An old name gives a DeprecationWarning that says the new one; both at once are a
    TypeError, as two values for one argument always are.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            for old, new in names.items():
                if old in kwargs:
                    told: dict[str, Any] = kwargs
                    if new in told:
                        raise TypeError(
                            f"{function.__name__}() got {new!r} and its old name "
                            f"{old!r}. Give {new!r} alone."
                        )
                    warnings.warn(
                        f"{function.__name__}({old}=) is now {new}=; the old name will be "
                        "removed in the next version.",
                        DeprecationWarning,
                        stacklevel=outside(),
                    )
                    told[new] = told.pop(old)
            return function(*args, **kwargs)

        call.__dict__[_OLD] = tuple(names)
        return call

    return decorate
