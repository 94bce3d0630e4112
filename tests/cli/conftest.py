"""What the tests of this package share."""

import pytest

from waistats import load_dataset


@pytest.fixture
def mibs(tmp_path):
    path = tmp_path / "mibs.csv"
    table = load_dataset("mibs").rename(columns={"estimate": "alpha"})
    table.to_csv(path, index=False)
    return path
