"""Every coefficient of the registry gives by study what its function gives."""

import numpy as np
import pandas as pd
import pytest

from waistats.reliability.by_study.api import reliability_by_study
from waistats.reliability.registry import COEFFICIENTS


@pytest.mark.parametrize("coefficient", list(COEFFICIENTS))
def test_every_coefficient_of_the_registry(coefficient):
    rng = np.random.default_rng(44)
    groups = np.repeat(rng.normal(size=(240, 2)), 4, axis=1)
    values = rng.normal(size=(240, 1)) + 0.7 * groups + rng.normal(size=(240, 8))
    cuts = [0] if coefficient == "kr20" else [-1.5, -0.5, 0.5, 1.5]
    items = [f"q{i}" for i in range(1, 9)]
    answers = pd.DataFrame(np.digitize(values, cuts), columns=items)
    answers["study"] = np.repeat(["a", "b"], 120)
    options = {"factors": 2} if coefficient == "omega_hierarchical" else {}
    table = reliability_by_study(
        answers, study="study", items="q", coefficient=coefficient, options=options
    )
    function = COEFFICIENTS[coefficient].function
    assert len(table) == 2
    for row in table.itertuples():
        one = function(answers.loc[answers["study"] == row.study_id, items], **options)
        assert row.estimate == pytest.approx(one.estimate, rel=1e-9)
        assert row.se == pytest.approx(one.se, rel=1e-7)
        assert row.n_items == one.n_items
