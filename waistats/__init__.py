"""Reliability generalization of the Working Alliance Inventory."""

from waistats.effect_sizes import back_transform, effect_sizes
from waistats.errors import ConvergenceError, DataError, ModelError, WaistatsError
from waistats.meta.fit import fit_meta
from waistats.meta.many import fit_meta_many

__version__ = "0.1.0"

__all__ = [
    "ConvergenceError",
    "DataError",
    "ModelError",
    "WaistatsError",
    "back_transform",
    "effect_sizes",
    "fit_meta",
    "fit_meta_many",
]
