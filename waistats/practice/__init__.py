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
    disattenuate,
    interpret_reliability,
    kelley_true_score,
    reliable_change,
    restrict_range,
    standard_error_of_measurement,
)
from waistats.practice.thresholds import threshold_probability

__all__ = [
    "Disattenuated",
    "ReliabilityPrediction",
    "disattenuate",
    "interpret_reliability",
    "kelley_true_score",
    "practice_table",
    "predict_reliability",
    "reliable_change",
    "restrict_range",
    "sample_size_for_alpha",
    "sample_size_for_correlation",
    "sample_size_for_icc",
    "sample_size_for_omega",
    "standard_error_of_measurement",
    "threshold_probability",
]
