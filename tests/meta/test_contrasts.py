"""A test without degrees of freedom is withheld with a reason."""

import numpy as np
import pandas as pd
import pytest

from waistats import fit_multilevel
from waistats._labels import statistic_text
from waistats.meta._contrasts import wald_test


def test_no_degrees_of_freedom_leave_no_test_and_say_why():
    one = np.eye(2)
    found = wald_test(
        np.array([2.0, 9.0]), one, (1,), float("nan"), "Moderators", simulated=False
    )
    assert np.isnan(found.statistic)
    assert np.isnan(found.p_value)
    for text in (found.sentence(), statistic_text(found)):
        assert text.startswith("not tested (no degrees of freedom are left")
    known = wald_test(
        np.array([2.0, 9.0]), one, (1,), 5.0, "Moderators", simulated=False
    )
    assert known.withheld == ""
    assert known.sentence().startswith("F(1, 5) = 81.00")


@pytest.mark.parametrize("formula", ["~ x + z", "~ x + z + w"])
def test_a_model_with_as_many_coefficients_as_studies_has_no_test_of_its_own(formula):
    rng = np.random.default_rng(1)
    table = pd.DataFrame(
        {
            "study_id": list("AABBCC"),
            "yi": rng.normal(2, 0.3, 6),
            "vi": 0.02,
            "measure": "bonett",
            **{name: rng.normal(size=6) for name in "xzw"},
        }
    )
    model = fit_multilevel(table, formula)
    text = str(model)
    assert "not tested (no degrees of freedom are left" in text
    assert (
        f"3 studies leave no degrees of freedom for a model with {len(model.beta)}"
        in text
    )
    for wrong in ("–)", "p = –", "= -1 df", "= 0 df", "nan"):
        assert wrong not in text
