"""Short signatures: names and defaults, since docstrings say the types in words."""

import inspect
from collections.abc import Callable
from typing import Any


def shorten(function: Callable[..., Any]) -> None:
    """Let ``help()`` open with names and defaults alone."""
    function.__signature__ = short(inspect.signature(function))  # type: ignore[attr-defined]


def short(signature: inspect.Signature) -> inspect.Signature:
    """Return a signature without annotations."""
    bare = inspect.Parameter.empty
    told = [one.replace(annotation=bare) for one in signature.parameters.values()]
    return signature.replace(parameters=told, return_annotation=bare)
