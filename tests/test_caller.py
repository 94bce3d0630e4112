"""Options in the words of the caller."""

import pytest

from waistats._caller import APP, TERMINAL, calling, command, option


@pytest.mark.parametrize(
    ("name", "value", "python", "typed"),
    [
        ("missing_codes", (99, -9), "missing_codes=(99, -9)", "--missing-codes 99,-9"),
        ("missing_codes", (99,), "missing_codes=(99,)", "--missing-codes 99"),
        ("response_range", (1.0, 5.0), "response_range=(1, 5)", "--response-range 1:5"),
        ("already_keyed", True, "already_keyed=True", "--already-keyed"),
        ("already_keyed", False, "already_keyed=False", "--not-keyed"),
        (
            "accept",
            "negative_alpha",
            'accept="negative_alpha"',
            "--accept negative_alpha",
        ),
        (
            "reverse",
            ["wai4", "wai10"],
            'reverse=["wai4", "wai10"]',
            "--reverse wai4,wai10",
        ),
        ("where", "filter_$ == 1", 'where="filter_$ == 1"', "--where 'filter_$ == 1'"),
        ("study", None, "study=", "--study"),
        ("provisional", True, "provisional=True", "--provisional"),
        (
            "raters",
            {"client": "C_", "therapist": "T_"},
            'raters={"client": "C_", "therapist": "T_"}',
            "--rater client=C_ --rater therapist=T_",
        ),
    ],
)
def test_option_is_written_as_the_caller_writes_it(name, value, python, typed):
    assert option(name, value) == python
    with calling(TERMINAL):
        assert option(name, value) == typed
    assert option(name, value) == python


def test_python_literals_can_be_run():
    assert option("where", 'a == "x\\y"') == 'where="a == \\"x\\\\y\\""'
    namespace: dict[str, object] = {}
    exec(option("where", 'a == "x\\y"'), namespace)
    assert namespace["where"] == 'a == "x\\y"'


def test_functions_are_commands_at_the_terminal():
    assert command("audit_keys") == "audit_keys()"
    with calling(TERMINAL):
        assert command("audit_keys") == "waistats items FILE"
    with calling(APP):
        assert "(" not in command("audit_keys")


def test_the_app_names_its_own_fields():
    with calling(APP):
        assert option("skip_rows", 2) == "‘Rows above the names to skip: 2’"
        assert option("sheet") == "‘Sheet of a workbook’"
        assert option("missing_words", ["refused", "n/a"]).endswith(": refused,n/a’")
