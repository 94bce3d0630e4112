"""Reliability generalization of the Working Alliance Inventory."""

from waistats import figures, tables
from waistats.datasets.bundled import list_datasets, load_dataset
from waistats.datasets.remote import cache_path, fetch_dataset
from waistats.datasets.simulate import simulate_responses
from waistats.datasets.simulated_studies import (
    SimulatedStudy,
    simulate_hanson_study,
    simulate_literature,
)
from waistats.errors import ConvergenceError, DataError, ModelError, WaistatsError
from waistats.instruments.forms import (
    Instrument,
    define_instrument,
    get_instrument,
    list_instruments,
)
from waistats.instruments.identification import identify_instrument
from waistats.instruments.keys import audit_keys
from waistats.instruments.scoring import item_columns, keyed_items, score
from waistats.io.check import check_coefficients
from waistats.io.readers import read_coefficients, read_responses
from waistats.measures import back_transform, effect_sizes
from waistats.meta.bayes import fit_bayes
from waistats.meta.fit import fit_meta
from waistats.meta.fit_many import fit_meta_many
from waistats.meta.location_scale import fit_location_scale
from waistats.meta.multilevel.fit import MultilevelResult, fit_multilevel
from waistats.meta.permutation import permutation_test
from waistats.meta.results import MetaResult
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
from waistats.reliability._result import ReliabilityEstimate
from waistats.reliability.alpha import (
    cronbach_alpha,
    kr20,
    standardized_alpha,
    two_item_reliability,
)
from waistats.reliability.by_study.api import reliability_by_study
from waistats.reliability.by_study.items import item_statistics_by_study
from waistats.reliability.compare import alpha_covariance, compare_alphas
from waistats.reliability.composite import composite_reliability, stratified_alpha
from waistats.reliability.guttman import guttman_lambdas
from waistats.reliability.icc import (
    intraclass_correlation,
    intraclass_correlations,
    test_retest,
)
from waistats.reliability.items import item_statistics
from waistats.reliability.missing_bounds import alpha_bounds
from waistats.reliability.multilevel import multilevel_reliability
from waistats.reliability.omega import omega_total
from waistats.reliability.omega_hierarchical import omega_hierarchical
from waistats.reliability.ordinal import ordinal_alpha, ordinal_omega
from waistats.reliability.split_half import split_half
from waistats.rg._spread_rows import spread_covariance
from waistats.rg.coders import compare_coders
from waistats.rg.coding import coding_codebook, coding_examples, write_template
from waistats.rg.compare_samples import compare_samples
from waistats.rg.correlates import classical_regression, correlates
from waistats.rg.descriptives import describe_coefficients, stem_and_leaf
from waistats.rg.flow import flow_counts
from waistats.rg.induced_samples import (
    expected_reliability,
    induction_tests,
    variance_ratio_test,
)
from waistats.rg.induction import induction_rate
from waistats.rg.length import (
    lengthening_factor,
    mean_inter_item_correlation,
    spearman_brown,
)
from waistats.rg.spread import spread_analysis
from waistats.rg.study import RGStudy, generalize
from waistats.sensitivity.deletion import cumulative, influence, leave_one_out
from waistats.sensitivity.gosh import gosh
from waistats.sensitivity.multiverse import multiverse
from waistats.sensitivity.selection import threshold_selection
from waistats.sensitivity.small_study import egger_test, pet_peese, rank_test
from waistats.sensitivity.trim_and_fill import trim_and_fill
from waistats.sensitivity.unreported import fail_safe_n, worst_case

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
