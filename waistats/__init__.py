"""Reliability generalization of the Working Alliance Inventory."""

import lazy_loader

# __init__.pyi lists the public names; each is loaded when it is first asked for, so
# that a script that reads a file does not pay for models, figures and reports
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

__version__ = "0.2.0"
