"""Texts of a table that are numbers become numbers of a workbook."""

import pytest

from waistats.tables._excel import number_format


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("1", "0"),
        ("-.12", ".00"),
        (".91", ".00"),
        ("1,234", "#,##0"),
        ("0.5", "0.0"),
        ("-3", "0"),
        ("< .001", '"< .001"'),
        ("12%", '0"%"'),
    ],
)
def test_numbers_have_a_form_in_excel(text, form):
    assert number_format(text) == form


@pytest.mark.parametrize("text", ["", "–", "-", "1,2", "=1", "+2", "1e5"])
def test_no_numbers(text):
    assert number_format(text) == ""
