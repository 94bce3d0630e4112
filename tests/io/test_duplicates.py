"""Many rows that say the same: every one is counted, and few are kept."""

import numpy as np
import pandas as pd

from waistats import check_coefficients
from waistats.io._duplicates import _KEPT, _MOST_PLACES, _Earlier


def _by_looking(studies, samples, row):
    others = [
        i
        for i in range(row)
        if studies[i] != studies[row]
        and not (samples[row] and samples[i] == samples[row])
    ]
    return others[:_MOST_PLACES], max(len(others) - _MOST_PLACES, 0)


def test_rows_of_other_persons_are_those_that_looking_at_all_finds():
    rng = np.random.default_rng(5)
    for _ in range(20):
        size = 400
        studies = [f"S{i}" for i in rng.integers(0, rng.integers(1, 12), size)]
        samples = ["" if i == 0 else str(i) for i in rng.integers(0, 5, size)]
        earlier = _Earlier(studies, samples)
        for row in range(size):
            assert earlier.of(row) == _by_looking(studies, samples, row)
            earlier.add(row)
        assert len(earlier.rows) <= _KEPT[-1]


def test_equal_coefficients_of_many_studies_are_each_named_once():
    k = 300
    table = pd.DataFrame(
        {
            "study_id": [f"S{i}" for i in range(k)],
            "estimate": 0.91,
            "n": 120,
            "n_items": 12,
        }
    )
    found = check_coefficients(table)
    told = found[found["finding"].str.contains("are those of")]
    assert len(told) == k - 1
    assert told["finding"].iloc[-1].endswith(f"and {k - 1 - _MOST_PLACES} more")


def test_an_sd_without_a_number_of_items_is_not_compared_with_nothing():
    table = pd.DataFrame(
        {
            "study_id": ["A", "B"],
            "estimate": [0.9, 0.8],
            "n": 50,
            "n_items": [12, None],
            "reason": [None, "items not told"],
            "score_sd": [1.0, 3.0],
            "score_mean": [5.0, 40.0],
            "response_min": 1,
            "response_max": 7,
        }
    )
    assert not check_coefficients(table)["finding"].str.contains("nan").any()
