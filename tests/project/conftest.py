"""What the tests of this package share."""

import pytest
from project_made import coding_sheet, fill

from waistats.project.layout import new_project


@pytest.fixture(scope="session")
def sheet():
    return coding_sheet()


@pytest.fixture
def folder(tmp_path, sheet):
    place = new_project(tmp_path / "study")
    fill(place, sheet.head(8))
    return place
