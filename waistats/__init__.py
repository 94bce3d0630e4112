"""Reliability generalization of the Working Alliance Inventory."""

from waistats import figures, tables
from waistats.datasets.bundled import list_datasets, load_dataset
from waistats.datasets.check import check_coefficients
from waistats.datasets.readers import read_coefficients, read_responses
from waistats.datasets.remote import cache_path, fetch_dataset
from waistats.datasets.simulate import simulate_responses
from waistats.datasets.simulated_study import SimulatedStudy, simulate_hanson_study
from waistats.effect_sizes import back_transform, effect_sizes
from waistats.errors import ConvergenceError, DataError, ModelError, WaistatsError
from waistats.forms import Instrument
from waistats.generalization.correlates import classical_regression, correlates
from waistats.generalization.describe import describe_coefficients, stem_and_leaf
from waistats.generalization.length import (
    lengthening_factor,
    mean_inter_item_correlation,
    spearman_brown,
)
from waistats.generalization.spread import spread_analysis
from waistats.generalization.study import RGStudy, generalize
from waistats.identification import identify_instrument
from waistats.instruments import define_instrument, get_instrument, list_instruments
from waistats.key_audit import audit_keys
from waistats.meta.bayes import fit_bayes
from waistats.meta.fit import fit_meta
from waistats.meta.location_scale import fit_location_scale
from waistats.meta.many import fit_meta_many
from waistats.meta.multilevel import fit_multilevel
from waistats.meta.multilevel_result import MultilevelResult
from waistats.meta.permutation import permutation_test
from waistats.meta.result import MetaResult
from waistats.meta.varying import fit_varying_coefficient
from waistats.practice.attenuation import disattenuate
from waistats.practice.planning import sample_size_for_alpha
from waistats.practice.prediction import predict_reliability
from waistats.practice.scores import reliable_change, standard_error_of_measurement
from waistats.practice.thresholds import threshold_probability
from waistats.reliability.agreement import (
    intraclass_correlation,
    intraclass_correlations,
)
from waistats.reliability.alpha import cronbach_alpha, kr20, standardized_alpha
from waistats.reliability.bounds import guttman_lambdas
from waistats.reliability.by_study import reliability_by_study
from waistats.reliability.covariance import alpha_covariance
from waistats.reliability.estimate import ReliabilityEstimate
from waistats.reliability.hierarchical import omega_hierarchical
from waistats.reliability.items import item_statistics
from waistats.reliability.multilevel import multilevel_reliability
from waistats.reliability.omega import omega_total
from waistats.reliability.ordinal import ordinal_alpha, ordinal_omega
from waistats.reliability.retest import test_retest
from waistats.reliability.split_half import split_half
from waistats.scoring import keyed_items, score
from waistats.sensitivity.cumulative import cumulative
from waistats.sensitivity.gosh import gosh
from waistats.sensitivity.influence import influence
from waistats.sensitivity.leave_one_out import leave_one_out
from waistats.sensitivity.multiverse import multiverse
from waistats.sensitivity.pet_peese import pet_peese
from waistats.sensitivity.selection import threshold_selection
from waistats.sensitivity.small_study import egger_test, rank_test
from waistats.sensitivity.trim_and_fill import trim_and_fill

__version__ = "0.1.0"

__all__ = [
    "ConvergenceError",
    "DataError",
    "Instrument",
    "MetaResult",
    "ModelError",
    "MultilevelResult",
    "RGStudy",
    "ReliabilityEstimate",
    "SimulatedStudy",
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
    "disattenuate",
    "effect_sizes",
    "egger_test",
    "fetch_dataset",
    "figures",
    "fit_bayes",
    "fit_location_scale",
    "fit_meta",
    "fit_meta_many",
    "fit_multilevel",
    "fit_varying_coefficient",
    "generalize",
    "get_instrument",
    "gosh",
    "guttman_lambdas",
    "identify_instrument",
    "influence",
    "intraclass_correlation",
    "intraclass_correlations",
    "item_statistics",
    "keyed_items",
    "kr20",
    "leave_one_out",
    "lengthening_factor",
    "list_datasets",
    "list_instruments",
    "load_dataset",
    "mean_inter_item_correlation",
    "multilevel_reliability",
    "multiverse",
    "omega_hierarchical",
    "omega_total",
    "ordinal_alpha",
    "ordinal_omega",
    "permutation_test",
    "pet_peese",
    "predict_reliability",
    "rank_test",
    "read_coefficients",
    "read_responses",
    "reliability_by_study",
    "reliable_change",
    "sample_size_for_alpha",
    "score",
    "simulate_hanson_study",
    "simulate_responses",
    "spearman_brown",
    "split_half",
    "spread_analysis",
    "standard_error_of_measurement",
    "standardized_alpha",
    "stem_and_leaf",
    "tables",
    "test_retest",
    "threshold_probability",
    "threshold_selection",
    "trim_and_fill",
]
