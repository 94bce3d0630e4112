"""Coefficient tables: status of a row, ``yi`` and ``vi``, and the way back."""

from waistats.measures._kinds import ALPHA_TYPES
from waistats.measures._scales import (
    BIASES,
    MEASURES,
    alpha_variance,
    back_transform,
    bonett_bias,
    slope,
    transform,
)
from waistats.measures._table import REQUIRED, check_columns, effect_sizes

__all__ = [
    "ALPHA_TYPES",
    "BIASES",
    "MEASURES",
    "REQUIRED",
    "alpha_variance",
    "back_transform",
    "bonett_bias",
    "check_columns",
    "effect_sizes",
    "slope",
    "transform",
]
