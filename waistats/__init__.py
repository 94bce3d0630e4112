"""Reliability generalization of the Working Alliance Inventory."""

from types import FunctionType
from typing import Any

import lazy_loader

# __init__.pyi lists the public names; each is loaded when it is first asked for, so
# that a script that reads a file does not pay for models, figures and reports
_load, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

__version__ = "0.2.0"


def __getattr__(name: str) -> Any:
    made = _load(name)
    if isinstance(made, FunctionType):
        from waistats._signature import shorten

        shorten(made)
    globals()[name] = made
    return made
