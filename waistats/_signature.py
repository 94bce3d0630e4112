"""Public functions as users call them: what help() shows, and last names of keywords."""

import inspect
import warnings
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


def shorten(function: Callable[..., Any]) -> None:
    """Let ``help()`` open with names and defaults alone."""
    function.__signature__ = short(inspect.signature(function))  # type: ignore[attr-defined]


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
                        stacklevel=2,
                    )
                    told[new] = told.pop(old)
            return function(*args, **kwargs)

        return call

    return decorate
