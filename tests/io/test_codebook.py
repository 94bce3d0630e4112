"""The codebook is true of the data, and the checks are true of the codebook."""

import hashlib

import numpy as np
import pandas as pd
import pytest

from waistats import DataError
from waistats._files import data_folder, data_path
from waistats.io import _codebook as schema
from waistats.io._codebook import parse_table
from waistats.io._files import read_table, table_of_frame
from waistats.io._numbers import MISSING_NUMBERS, MISSING_TEXTS

PACKAGE = schema.codebook()
RESOURCES = {entry["name"]: entry for entry in PACKAGE["resources"]}
TABLES = [name for name, entry in RESOURCES.items() if entry["format"] == "csv"]
SCHEMAS = {name: RESOURCES[name]["schema"] for name in TABLES}
SCHEMAS |= PACKAGE["schemas"]


def test_every_data_file_is_described():
    described = {entry["path"] for entry in PACKAGE["resources"]}
    own = {"datapackage.json", "remote.json", "promises.json"}
    assert {path.name for path in data_folder().iterdir()} == described | own


@pytest.mark.parametrize("name", RESOURCES)
def test_hashes_and_sizes_are_those_of_the_files(name):
    content = data_path(RESOURCES[name]["path"]).read_bytes()
    found = f"sha256:{hashlib.sha256(content).hexdigest()}"
    assert (RESOURCES[name]["hash"], RESOURCES[name]["bytes"]) == (found, len(content))


@pytest.mark.parametrize("name", RESOURCES)
def test_resources_name_sources_and_licence(name):
    entry = RESOURCES[name]
    assert all(source["title"] for source in entry["sources"])
    assert entry["licenses"][0]["name"]
    assert entry["title"]
    assert entry["description"]


@pytest.mark.parametrize("name", TABLES)
def test_the_fields_are_the_columns(name):
    table = read_table(data_path(RESOURCES[name]["path"]))
    assert [f["name"] for f in SCHEMAS[name]["fields"]] == list(table.frame)
    key = SCHEMAS[name]["primaryKey"]
    assert not table.frame[key].duplicated().any()


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_field_is_explained(name):
    for field in SCHEMAS[name]["fields"]:
        assert field["title"], field["name"]
        assert field["description"].endswith("."), field["name"]
        assert field["type"] in {"string", "number", "integer", "boolean", "date"}
        words = {word.lower() for word in field.get("missingValues", [])}
        expected = (
            set() if field["type"] in ("string", "date") else set(MISSING_NUMBERS)
        )
        assert words == expected
        if "categories" in field:
            assert field["categories"] == field["constraints"]["enum"]
    assert {w.lower() for w in SCHEMAS[name]["missingValues"]} == set(MISSING_TEXTS)


def test_shared_fields_mean_the_same_in_every_table():
    users = {f["name"]: f for f in SCHEMAS["coefficients"]["fields"]}
    for name in ("wai", "cesd", "mibs", "coding"):
        for field in SCHEMAS[name]["fields"]:
            other = users.get(field["name"])
            if other is None:
                continue
            assert field["type"] == other["type"]
            assert field["title"] == other["title"]
            rules = other.get("constraints", {})
            assert rules.items() <= field.get("constraints", {}).items()


def test_unknown_resources_are_refused():
    with pytest.raises(DataError, match=r"did you mean 'hanson2002'"):
        schema.resource("hansen2002")


@pytest.mark.parametrize(
    ("constraints", "kind", "good", "bad", "said"),
    [
        ({"minimum": 3}, "integer", [3, 80], [2, 2.5], "a whole number of at least 3"),
        ({"exclusiveMaximum": 1}, "number", [-5, 0.99], [1, 1.5], "a number below 1"),
        (
            {"minimum": 0, "maximum": 100},
            "number",
            [0, 100],
            [-1, 101],
            "a number of at least 0 and of at most 100",
        ),
        ({"enum": ["a", "b"]}, "string", ["a", "B"], ["c", "a b"], "one of 'a', 'b'"),
        ({"pattern": "10\\..+"}, "string", ["10.1"], ["x10.1"], "of the form 10\\..+"),
        ({"required": True}, "string", ["a"], [None], "text"),
        ({"unique": True}, "string", ["a", "b"], ["c", "c"], "text"),
    ],
)
def test_each_constraint_becomes_a_check(constraints, kind, good, bad, said):
    field = schema.Field(name="x", type=kind, constraints=constraints)
    assert field.expected == said
    table = table_of_frame(pd.DataFrame({"x": pd.Series([*good, *bad], dtype=object)}))
    frame, unread = parse_table(table, [field])
    assert not unread
    found = schema.validate(frame, [field], table)
    assert sorted(f.row for f in found) == list(range(len(good), len(good) + len(bad)))
    assert all(f.severity == "error" for f in found)


def test_one_finding_a_cell_even_where_two_constraints_break():
    field = schema.Field(name="n", type="integer", constraints={"minimum": 3})
    table = table_of_frame(pd.DataFrame({"n": [2.5, np.nan, 7.0]}))
    frame, _ = parse_table(table, [field])
    (finding,) = schema.validate(frame, [field], table)
    assert finding.text == "n must be a whole number of at least 3, but is 2.5"


def test_numbers_that_cannot_be_read_do_not_hide_numbers_out_of_range():
    field = schema.Field(name="n", type="integer", constraints={"minimum": 3})
    table = table_of_frame(pd.DataFrame({"n": ["x", "1", "9"]}))
    frame, unread = parse_table(table, [field])
    found = [*unread, *schema.validate(frame, [field], table)]
    assert [(f.row, f.value) for f in found] == [(0, "'x'"), (1, "1")]


@pytest.mark.parametrize("words", [["yes", "no"], ["Ja", "nein"], ["oui", "0"]])
def test_yes_and_no_in_several_languages(words):
    columns = [f for f in schema.fields() if f.name == "n_items_derived"]
    table = table_of_frame(pd.DataFrame({"n_items_derived": [*words, None]}))
    frame, bad = parse_table(table, columns)
    assert not bad
    assert list(frame["n_items_derived"][:2]) == [True, False]
    assert frame["n_items_derived"].isna().tolist() == [False, False, True]


def test_a_word_that_is_neither_yes_nor_no_is_named():
    columns = [f for f in schema.fields() if f.name == "n_items_derived"]
    table = table_of_frame(pd.DataFrame({"n_items_derived": ["maybe"]}))
    (finding,) = parse_table(table, columns)[1]
    assert finding.text == "n_items_derived must be yes or no, but is 'maybe'"
