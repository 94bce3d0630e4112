"""Reliability generalization of the Working Alliance Inventory."""

from waistats import figures
from waistats.datasets.bundled import list_datasets, load_dataset
from waistats.datasets.check import check_coefficients
from waistats.datasets.readers import read_coefficients, read_responses
from waistats.datasets.remote import cache_path, fetch_dataset
from waistats.datasets.simulate import simulate_responses
from waistats.datasets.simulated_study import simulate_hanson_study
from waistats.effect_sizes import back_transform, effect_sizes
from waistats.errors import ConvergenceError, DataError, ModelError, WaistatsError
from waistats.generalization.correlates import classical_regression, correlates
from waistats.generalization.describe import describe_coefficients, stem_and_leaf
from waistats.generalization.length import (
    lengthening_factor,
    mean_inter_item_correlation,
    spearman_brown,
)
from waistats.generalization.study import RGStudy, generalize
from waistats.identification import identify_instrument
from waistats.instruments import (
    define_instrument,
    get_instrument,
    list_instruments,
)
from waistats.key_audit import audit_keys
from waistats.meta.fit import fit_meta
from waistats.meta.many import fit_meta_many
from waistats.meta.multilevel import fit_multilevel
from waistats.meta.multilevel_result import MultilevelResult
from waistats.meta.result import MetaResult
from waistats.reliability.alpha import cronbach_alpha, kr20, standardized_alpha
from waistats.reliability.by_study import reliability_by_study
from waistats.reliability.covariance import alpha_covariance
from waistats.reliability.estimate import ReliabilityEstimate
from waistats.scoring import keyed_items, score
from waistats.sensitivity.cumulative import cumulative
from waistats.sensitivity.influence import influence
from waistats.sensitivity.leave_one_out import leave_one_out

__version__ = "0.1.0"

__all__ = [
    "ConvergenceError",
    "DataError",
    "MetaResult",
    "ModelError",
    "MultilevelResult",
    "RGStudy",
    "ReliabilityEstimate",
    "WaistatsError",
    "alpha_covariance",
    "audit_keys",
    "back_transform",
    "cache_path",
    "check_coefficients",
    "classical_regression",
    "correlates",
    "cronbach_alpha",
    "cumulative",
    "define_instrument",
    "describe_coefficients",
    "effect_sizes",
    "fetch_dataset",
    "figures",
    "fit_meta",
    "fit_meta_many",
    "fit_multilevel",
    "generalize",
    "get_instrument",
    "identify_instrument",
    "influence",
    "keyed_items",
    "kr20",
    "leave_one_out",
    "lengthening_factor",
    "list_datasets",
    "list_instruments",
    "load_dataset",
    "mean_inter_item_correlation",
    "read_coefficients",
    "read_responses",
    "reliability_by_study",
    "score",
    "simulate_hanson_study",
    "simulate_responses",
    "spearman_brown",
    "standardized_alpha",
    "stem_and_leaf",
]
