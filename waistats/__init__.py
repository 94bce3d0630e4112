"""Reliability generalization of the Working Alliance Inventory."""

from types import FunctionType
from typing import Any

import lazy_loader

# __init__.pyi lists the public names; each is loaded when it is first asked for, so
# that a script that reads a file does not pay for models, figures and reports
_load, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

__version__ = "0.2.0"


def __getattr__(name: str) -> Any:
    try:
        made = _load(name)
    except AttributeError as error:
        if name.startswith("_"):
            raise
        from waistats.errors import near

        hint = near(name, __all__)
        raise AttributeError(f"waistats has no attribute {name!r}{hint}.") from error
    if isinstance(made, FunctionType):
        from waistats._signature import public

        made = public(made, __name__)
    globals()[name] = made
    return made
