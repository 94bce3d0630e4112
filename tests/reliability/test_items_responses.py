"""Items are read once, and everything wrong with them is said at once."""

import numpy as np
import pandas as pd
import pytest

from waistats import DataError
from waistats.reliability._items import read_items


def test_frames_and_arrays_give_the_same_numbers():
    frame = pd.DataFrame({"a": [1, 2, 3], "b": [2.0, np.nan, 1.0]})
    from_frame, from_array = read_items(frame), read_items(frame.to_numpy())
    np.testing.assert_array_equal(from_frame.values, from_array.values)
    assert from_frame.names == ("a", "b")
    assert from_array.names == ("1", "2")


def test_missing_values_of_every_kind_become_nan():
    frame = pd.DataFrame(
        {
            "a": pd.array([1, None, 3], dtype="Int64"),
            "b": pd.Series([1, None, 2], dtype=object),
            "c": pd.Categorical([1, 2, None]),
        }
    )
    values = read_items(frame).values
    assert values.dtype == np.float64
    np.testing.assert_array_equal(
        np.isnan(values), [[False] * 3, [True, True, False], [False, False, True]]
    )


def test_words_are_refused_with_item_value_and_row():
    frame = pd.DataFrame(
        {"a": [1, 2], "b": ["Never", "2"], "c": [pd.Timestamp(0)] * 2}, index=[7, 8]
    )
    with pytest.raises(DataError, match=r"b: 'Never' \(row 7\), c: has type datetime"):
        read_items(frame)


@pytest.mark.parametrize(
    ("items", "message"),
    [
        (np.ones((4, 1)), "at least 2 items are needed, but there is 1"),
        (np.ones(4), "two dimensions"),
        ([[1, 2], [1]], "table of numbers"),
        ([[1, 2], [np.inf, 3]], r"infinite: 1 \(row 1\)"),
        ([[1, np.nan], [-np.inf, np.inf]], r"1 \(row 1\), 2 \(row 1\)"),
        ([["1", "x"], ["2", "3"]], r"1: 'x' \(row 0\)"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "a is named more often"),
        (pd.DataFrame(), "but there are 0"),
    ],
)
def test_what_cannot_be_items_is_refused(items, message):
    with pytest.raises(DataError, match=message):
        read_items(items)


def test_a_large_frame_is_not_copied():
    matrix = np.ones((50, 3))
    assert np.shares_memory(read_items(matrix).values, matrix)
