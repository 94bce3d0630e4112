"""What a reliability means for scores, for planning and for the next sample."""

from waistats.practice.overview import practice_table
from waistats.practice.planning import (
    sample_size_for_alpha,
    sample_size_for_correlation,
    sample_size_for_icc,
    sample_size_for_omega,
)
from waistats.practice.prediction import ReliabilityPrediction, predict_reliability
from waistats.practice.scores import (
    Disattenuated,
    decision_words,
    disattenuate,
    kelley_true_score,
    range_change,
    reliable_change,
    standard_error_of_measurement,
)
from waistats.practice.thresholds import threshold_probability

__all__ = [
    "Disattenuated",
    "ReliabilityPrediction",
    "decision_words",
    "disattenuate",
    "kelley_true_score",
    "practice_table",
    "predict_reliability",
    "range_change",
    "reliable_change",
    "sample_size_for_alpha",
    "sample_size_for_correlation",
    "sample_size_for_icc",
    "sample_size_for_omega",
    "standard_error_of_measurement",
    "threshold_probability",
]
