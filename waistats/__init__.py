"""Reliability generalization of the Working Alliance Inventory."""

from waistats import figures, tables
from waistats.columns import item_columns
from waistats.datasets.bundled import list_datasets, load_dataset
from waistats.datasets.check import check_coefficients
from waistats.datasets.readers import read_coefficients, read_responses
from waistats.datasets.remote import cache_path, fetch_dataset
from waistats.datasets.simulate import simulate_responses
from waistats.datasets.simulated_literature import simulate_literature
from waistats.datasets.simulated_study import SimulatedStudy, simulate_hanson_study
from waistats.effect_sizes import effect_sizes
from waistats.errors import ConvergenceError, DataError, ModelError, WaistatsError
from waistats.forms import Instrument
from waistats.generalization.coders import compare_coders
from waistats.generalization.coding import (
    coding_codebook,
    coding_examples,
    write_template,
)
from waistats.generalization.compare import compare_samples
from waistats.generalization.correlates import classical_regression, correlates
from waistats.generalization.describe import describe_coefficients, stem_and_leaf
from waistats.generalization.expected import expected_reliability
from waistats.generalization.flow import flow_counts
from waistats.generalization.generalize import generalize
from waistats.generalization.induction import induction_rate
from waistats.generalization.length import (
    lengthening_factor,
    mean_inter_item_correlation,
    spearman_brown,
)
from waistats.generalization.sources import induction_tests, variance_ratio_test
from waistats.generalization.spread import spread_analysis
from waistats.generalization.spread_covariance import spread_covariance
from waistats.generalization.study import RGStudy
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
from waistats.meta.subgroups import fit_subgroups
from waistats.meta.varying import fit_varying_coefficient
from waistats.practice import (
    Disattenuated,
    ReliabilityPrediction,
    decision_words,
    disattenuate,
    kelley_true_score,
    practice_table,
    predict_reliability,
    range_change,
    reliable_change,
    sample_size_for_alpha,
    sample_size_for_correlation,
    standard_error_of_measurement,
    threshold_probability,
)
from waistats.reliability.agreement import (
    intraclass_correlation,
    intraclass_correlations,
)
from waistats.reliability.alpha import cronbach_alpha, kr20
from waistats.reliability.bounds import guttman_lambdas
from waistats.reliability.by_study import reliability_by_study
from waistats.reliability.compare import compare_alphas
from waistats.reliability.completions import alpha_bounds
from waistats.reliability.composite import composite_reliability, stratified_alpha
from waistats.reliability.covariance import alpha_covariance
from waistats.reliability.estimate import ReliabilityEstimate
from waistats.reliability.hierarchical import omega_hierarchical
from waistats.reliability.items import item_statistics
from waistats.reliability.items_by_study import item_statistics_by_study
from waistats.reliability.multilevel import multilevel_reliability
from waistats.reliability.omega import omega_total
from waistats.reliability.ordinal import ordinal_alpha, ordinal_omega
from waistats.reliability.retest import test_retest
from waistats.reliability.split_half import split_half
from waistats.reliability.standardized import standardized_alpha
from waistats.reliability.two_items import two_item_reliability
from waistats.scoring import keyed_items, score
from waistats.sensitivity.cumulative import cumulative
from waistats.sensitivity.fail_safe import fail_safe_n
from waistats.sensitivity.gosh import gosh
from waistats.sensitivity.influence import influence
from waistats.sensitivity.leave_one_out import leave_one_out
from waistats.sensitivity.multiverse import multiverse
from waistats.sensitivity.pet_peese import pet_peese
from waistats.sensitivity.selection import threshold_selection
from waistats.sensitivity.small_study import egger_test, rank_test
from waistats.sensitivity.trim_and_fill import trim_and_fill
from waistats.sensitivity.worst_case import worst_case
from waistats.transforms import back_transform

__version__ = "0.1.0"

__all__ = [
    "ConvergenceError",
    "DataError",
    "Disattenuated",
    "Instrument",
    "MetaResult",
    "ModelError",
    "MultilevelResult",
    "RGStudy",
    "ReliabilityEstimate",
    "ReliabilityPrediction",
    "SimulatedStudy",
    "WaistatsError",
    "alpha_bounds",
    "alpha_covariance",
    "audit_keys",
    "back_transform",
    "cache_path",
    "check_coefficients",
    "classical_regression",
    "coding_codebook",
    "coding_examples",
    "compare_alphas",
    "compare_coders",
    "compare_samples",
    "composite_reliability",
    "correlates",
    "cronbach_alpha",
    "cumulative",
    "decision_words",
    "define_instrument",
    "describe_coefficients",
    "disattenuate",
    "effect_sizes",
    "egger_test",
    "expected_reliability",
    "fail_safe_n",
    "fetch_dataset",
    "figures",
    "fit_bayes",
    "fit_location_scale",
    "fit_meta",
    "fit_meta_many",
    "fit_multilevel",
    "fit_subgroups",
    "fit_varying_coefficient",
    "flow_counts",
    "generalize",
    "get_instrument",
    "gosh",
    "guttman_lambdas",
    "identify_instrument",
    "induction_rate",
    "induction_tests",
    "influence",
    "intraclass_correlation",
    "intraclass_correlations",
    "item_columns",
    "item_statistics",
    "item_statistics_by_study",
    "kelley_true_score",
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
    "practice_table",
    "predict_reliability",
    "range_change",
    "rank_test",
    "read_coefficients",
    "read_responses",
    "reliability_by_study",
    "reliable_change",
    "sample_size_for_alpha",
    "sample_size_for_correlation",
    "score",
    "simulate_hanson_study",
    "simulate_literature",
    "simulate_responses",
    "spearman_brown",
    "split_half",
    "spread_analysis",
    "spread_covariance",
    "standard_error_of_measurement",
    "standardized_alpha",
    "stem_and_leaf",
    "stratified_alpha",
    "tables",
    "test_retest",
    "threshold_probability",
    "threshold_selection",
    "trim_and_fill",
    "two_item_reliability",
    "variance_ratio_test",
    "worst_case",
    "write_template",
]
