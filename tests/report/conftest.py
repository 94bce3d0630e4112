"""What the tests of this package share."""

import pytest

from waistats import generalize, load_dataset, read_coefficients
from waistats.datasets.simulated_studies import simulate_literature
from waistats.report.render_html import study_page
from waistats.report.sections import study_sections


@pytest.fixture(scope="session")
def wai():
    return generalize(load_dataset("wai"), title="Working Alliance Inventory scores")


@pytest.fixture(scope="session")
def wai_sections(wai):
    return study_sections(wai)


@pytest.fixture(scope="session")
def page(wai, wai_sections):
    return study_page(wai, sections=wai_sections)


@pytest.fixture(scope="session")
def literature():
    return generalize(read_coefficients(simulate_literature().table))


@pytest.fixture(scope="session")
def literature_sections(literature):
    return study_sections(literature)


@pytest.fixture(scope="session")
def literature_page(literature, literature_sections):
    return study_page(literature, sections=literature_sections)
