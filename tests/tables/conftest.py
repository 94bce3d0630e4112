"""What the tests of this package share."""

import pytest
from table_made import coefficients

from waistats import fit_meta
from waistats.meta.multilevel.fit import fit_multilevel
from waistats.rg.generalize import generalize


@pytest.fixture(scope="session")
def model():
    return fit_meta(coefficients())


@pytest.fixture(scope="session")
def moderated():
    return fit_meta(coefficients(), "~ rater + np.log(n_items)")


@pytest.fixture(scope="session")
def multilevel():
    return fit_multilevel(coefficients())


@pytest.fixture(scope="session")
def study():
    table = coefficients(40, instrument="WAI-SR", scale="total")
    return generalize(table.drop(columns=["measure", "yi", "vi"]))
