"""Public names and where they live; ``__init__.py`` loads each when it is asked for."""

from . import figures as figures, tables as tables
from .datasets.bundled import (
    list_datasets as list_datasets,
    load_dataset as load_dataset,
)
from .datasets.remote import (
    cache_path as cache_path,
    fetch_dataset as fetch_dataset,
)
from .datasets.simulate import (
    simulate_responses as simulate_responses,
)
from .datasets.simulated_studies import (
    SimulatedLiterature as SimulatedLiterature,
    SimulatedStudy as SimulatedStudy,
    simulate_hanson_study as simulate_hanson_study,
    simulate_literature as simulate_literature,
)
from .errors import (
    ConvergenceError as ConvergenceError,
    DataError as DataError,
    ModelError as ModelError,
    WaistatsError as WaistatsError,
)
from .instruments.forms import (
    Instrument as Instrument,
    define_instrument as define_instrument,
    get_instrument as get_instrument,
    list_instruments as list_instruments,
)
from .instruments.identification import (
    InstrumentMatch as InstrumentMatch,
    identify_instrument as identify_instrument,
)
from .instruments.keys import (
    audit_keys as audit_keys,
)
from .instruments.scoring import (
    item_columns as item_columns,
    keyed_items as keyed_items,
    score as score,
)
from .io.check import (
    check_coefficients as check_coefficients,
)
from .io.readers import (
    read_coefficients as read_coefficients,
    read_responses as read_responses,
)
from .measures import (
    back_transform as back_transform,
    effect_sizes as effect_sizes,
)
from .meta.bayes import (
    BayesResult as BayesResult,
    fit_bayes as fit_bayes,
)
from .meta.bayes_multilevel import (
    BayesMultilevelResult as BayesMultilevelResult,
    fit_bayes_multilevel as fit_bayes_multilevel,
)
from .meta.fit import (
    fit_meta as fit_meta,
)
from .meta.fit_many import (
    MetaBatch as MetaBatch,
    fit_meta_many as fit_meta_many,
)
from .meta.location_scale import (
    LocationScaleResult as LocationScaleResult,
    fit_location_scale as fit_location_scale,
)
from .meta.multilevel.fit import (
    fit_multilevel as fit_multilevel,
)
from .meta.multilevel.result import (
    MultilevelResult as MultilevelResult,
)
from .meta.multilevel.robust import RobustResult as RobustResult
from .meta.multivariate import (
    fit_multivariate as fit_multivariate,
)
from .meta.multivariate_result import (
    MultivariateResult as MultivariateResult,
)
from .meta.permutation import (
    PermutationResult as PermutationResult,
    permutation_test as permutation_test,
)
from .meta.results import (
    FittedModel as FittedModel,
    MetaResult as MetaResult,
    TestResult as TestResult,
)
from .meta.subgroups import (
    SubgroupResult as SubgroupResult,
    fit_subgroups as fit_subgroups,
)
from .meta.varying import (
    VaryingMeans as VaryingMeans,
    VaryingRegression as VaryingRegression,
    fit_varying_coefficient as fit_varying_coefficient,
)
from .practice import (
    Disattenuated as Disattenuated,
    ReliabilityPrediction as ReliabilityPrediction,
    disattenuate as disattenuate,
    interpret_reliability as interpret_reliability,
    kelley_true_score as kelley_true_score,
    practice_table as practice_table,
    predict_reliability as predict_reliability,
    reliable_change as reliable_change,
    restrict_range as restrict_range,
    sample_size_for_alpha as sample_size_for_alpha,
    sample_size_for_correlation as sample_size_for_correlation,
    sample_size_for_icc as sample_size_for_icc,
    sample_size_for_omega as sample_size_for_omega,
    standard_error_of_measurement as standard_error_of_measurement,
    threshold_probability as threshold_probability,
)
from .practice.scores import (
    decision_words as decision_words,
    range_change as range_change,
)
from .reliability._comparison import (
    AlphaComparison as AlphaComparison,
    AlphasComparison as AlphasComparison,
)
from .reliability._model_fit import ModelFit as ModelFit
from .reliability._result import (
    ReliabilityEstimate as ReliabilityEstimate,
)
from .reliability.alpha import (
    cronbach_alpha as cronbach_alpha,
    kr20 as kr20,
    standardized_alpha as standardized_alpha,
    two_item_reliability as two_item_reliability,
)
from .reliability.by_study.api import (
    reliability_by_study as reliability_by_study,
)
from .reliability.by_study.items import (
    item_statistics_by_study as item_statistics_by_study,
)
from .reliability.by_study.summaries import (
    ResponseSummaries as ResponseSummaries,
    read_summaries as read_summaries,
    summarize_responses as summarize_responses,
)
from .reliability.change import (
    DetectableChange as DetectableChange,
    LimitsOfAgreement as LimitsOfAgreement,
    limits_of_agreement as limits_of_agreement,
    reliability_of_change as reliability_of_change,
    smallest_detectable_change as smallest_detectable_change,
)
from .reliability.compare import compare_alphas as compare_alphas
from .reliability.composite import (
    composite_reliability as composite_reliability,
    stratified_alpha as stratified_alpha,
)
from .reliability.covariance import (
    AlphaCovariance as AlphaCovariance,
    alpha_covariance as alpha_covariance,
)
from .reliability.factor_model import (
    ModelReliability as ModelReliability,
    omega_from_model as omega_from_model,
)
from .reliability.glb import (
    greatest_lower_bound as greatest_lower_bound,
)
from .reliability.guttman import (
    guttman_lambdas as guttman_lambdas,
)
from .reliability.icc import (
    RatingReliability as RatingReliability,
    intraclass_correlation as intraclass_correlation,
    intraclass_correlations as intraclass_correlations,
)
from .reliability.inspect import (
    ResponsesInspection as ResponsesInspection,
    inspect_responses as inspect_responses,
)
from .reliability.items import (
    item_statistics as item_statistics,
)
from .reliability.missing_bounds import (
    AlphaBounds as AlphaBounds,
    alpha_bounds as alpha_bounds,
)
from .reliability.multilevel import (
    MultilevelReliability as MultilevelReliability,
    multilevel_reliability as multilevel_reliability,
)
from .reliability.omega import (
    FactorReliability as FactorReliability,
    omega_total as omega_total,
)
from .reliability.omega_categorical import (
    omega_categorical as omega_categorical,
)
from .reliability.omega_hierarchical import (
    HierarchicalReliability as HierarchicalReliability,
    omega_hierarchical as omega_hierarchical,
)
from .reliability.ordinal import (
    ordinal_alpha as ordinal_alpha,
    ordinal_omega as ordinal_omega,
)
from .reliability.retest import (
    test_retest as test_retest,
)
from .reliability.split_half import (
    SplitHalf as SplitHalf,
    split_half as split_half,
)
from .reliability.tau_equivalence import (
    TauEquivalence as TauEquivalence,
    tau_equivalence as tau_equivalence,
)
from .rg._spread_result import SpreadResult as SpreadResult
from .rg._spread_rows import (
    spread_covariance as spread_covariance,
)
from .rg.coders import (
    CoderAgreement as CoderAgreement,
    compare_coders as compare_coders,
)
from .rg.coding import (
    coding_codebook as coding_codebook,
    coding_examples as coding_examples,
    write_template as write_template,
)
from .rg.compare_samples import (
    compare_samples as compare_samples,
)
from .rg.correlates import (
    ClassicalRegression as ClassicalRegression,
    classical_regression as classical_regression,
    correlates as correlates,
)
from .rg.descriptives import (
    describe_coefficients as describe_coefficients,
    stem_and_leaf as stem_and_leaf,
)
from .rg.flow import (
    flow_counts as flow_counts,
)
from .rg.generalize import (
    generalize as generalize,
)
from .rg.induced_samples import (
    ExpectedReliability as ExpectedReliability,
    expected_reliability as expected_reliability,
    induction_tests as induction_tests,
    variance_ratio_test as variance_ratio_test,
)
from .rg.induction import (
    InductionRate as InductionRate,
    induction_rate as induction_rate,
)
from .rg.length import (
    lengthening_factor as lengthening_factor,
    mean_inter_item_correlation as mean_inter_item_correlation,
    spearman_brown as spearman_brown,
)
from .rg.pooled_items import (
    PooledCovariances as PooledCovariances,
    pool_covariances as pool_covariances,
)
from .rg.prisma import (
    prisma_counts as prisma_counts,
)
from .rg.quality import (
    rate_quality as rate_quality,
    study_quality as study_quality,
)
from .rg.references import (
    read_references as read_references,
    write_references as write_references,
)
from .rg.spread import (
    loading_variation as loading_variation,
    spread_analysis as spread_analysis,
)
from .rg.study import (
    RGStudy as RGStudy,
)
from .rg.texts import (
    AuthorTexts as AuthorTexts,
    read_texts as read_texts,
    write_texts_template as write_texts_template,
)
from .sensitivity.deletion import (
    cumulative as cumulative,
    influence as influence,
    leave_one_out as leave_one_out,
)
from .sensitivity.gosh import (
    GoshResult as GoshResult,
    gosh as gosh,
)
from .sensitivity.multiverse import (
    Multiverse as Multiverse,
    multiverse as multiverse,
)
from .sensitivity.retrace import (
    Retraced as Retraced,
    retrace as retrace,
)
from .sensitivity.selection import (
    ThresholdSelection as ThresholdSelection,
    threshold_selection as threshold_selection,
)
from .sensitivity.small_study import (
    EggerTest as EggerTest,
    PetPeese as PetPeese,
    RankTest as RankTest,
    egger_test as egger_test,
    pet_peese as pet_peese,
    rank_test as rank_test,
)
from .sensitivity.trim_and_fill import (
    TrimAndFill as TrimAndFill,
    trim_and_fill as trim_and_fill,
)
from .sensitivity.unreported import (
    FailSafeN as FailSafeN,
    fail_safe_n as fail_safe_n,
    worst_case as worst_case,
)

__version__: str
