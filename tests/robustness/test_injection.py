"""Texts that a spreadsheet would run are texts in every file; numbers stay numbers."""

import csv
import io

import numpy as np
import openpyxl
import pandas as pd
import pytest
from hostile import bounded, run
from hypothesis import given, strategies as st

from waistats import load_dataset, simulate_responses, tables
from waistats._files import FORMULA_STARTS, guarded, write_csv
from waistats.report.folder import study_tables, write_parts
from waistats.rg.generalize import generalize

RUN = [
    "=1+1", "+1+1", "-1+1", "@SUM(1)", "\t=1+1", "\r=1+1", "\n=1+1",
    "＝1+1", "＋1", "－1", "＠x", '=HYPERLINK("http://x")', "-2+3+cmd|' /C calc'!A0",
]  # fmt: skip
START = tuple(FORMULA_STARTS)


def is_number(text):
    try:
        float(text)
    except ValueError:
        return False
    return True


def risky(rows):
    """Return the cells that a spreadsheet may run."""
    return [c for row in rows for c in row if c.startswith(START) and not is_number(c)]


def read(path):
    with open(path, encoding="utf-8-sig", newline="") as stream:
        return list(csv.reader(stream))


def test_csv_of_frames(tmp_path):
    frame = pd.DataFrame({"=a": RUN, "b": -0.5, "c": np.arange(len(RUN)) - 3})
    write_csv(frame, tmp_path / "a.csv")
    rows = read(tmp_path / "a.csv")
    assert risky(rows) == []
    kept = [text.replace("\r", "\n") for text in RUN]
    assert [row[0] for row in rows] == ["'=a", *(f"'{text}" for text in kept)]
    assert {row[1] for row in rows[1:]} == {"-0.5"}
    assert [int(row[2]) for row in rows[1:]] == list(frame["c"])


@pytest.mark.parametrize("kind", ["category", "string", object])
def test_text_of_any_type(kind):
    frame = pd.DataFrame({"a": pd.Series(["=1", "x", None]).astype(kind)})
    shown = guarded(frame)["a"]
    assert list(shown[:2]) == ["'=1", "x"]
    assert pd.isna(shown[2])


@bounded
@given(st.lists(st.text(max_size=5), min_size=1, max_size=5))
def test_any_text_comes_back_but_for_the_apostrophe(texts):
    stream = io.StringIO()
    frame = pd.DataFrame({"a": pd.Series(texts, dtype=object), "b": -1})
    guarded(frame).to_csv(stream, index=False, lineterminator="\n")
    rows = list(csv.reader(io.StringIO(stream.getvalue(), newline="")))[1:]
    assert risky(rows) == []
    kept = [t.replace("\r\n", "\n").replace("\r", "\n") for t in texts]
    back = [row[0] if row else "" for row in rows]
    assert [t.removeprefix("'") for t in back] == [t.removeprefix("'") for t in kept]


def test_tables_for_print(tmp_path):
    frame = pd.DataFrame({"study_id": RUN, "=x": RUN, "z": -0.5})
    made = tables.table(frame, title="=1+1", note="@x")
    for name in ("a b.csv", "a ü.xlsx"):
        tables.save_table(made, tmp_path / name)
    rows = read(tmp_path / "a b.csv")
    assert risky(rows) == []
    assert len(rows) == len(RUN) + 1
    sheet = openpyxl.load_workbook(tmp_path / "a ü.xlsx").active
    cells = [
        cell for row in sheet.iter_rows() for cell in row if cell.value is not None
    ]
    assert {cell.data_type for cell in cells} == {"s", "n"}
    assert sum(cell.value == -0.5 for cell in cells) == len(RUN)


def test_the_folder_of_a_report(tmp_path):
    table = load_dataset("cesd").assign(instrument="=1+1", language="@x", note="\t=1")
    table["study_id"] = [f"{RUN[i]} {i}" for i in range(len(table))]
    study = generalize(table, title="=1+1")
    write_parts(study, [], tmp_path)
    made = sorted((tmp_path / "tables").iterdir())
    assert len(made) == len(study_tables(study)) > 8
    for path in made:
        assert risky(read(path)) == [], path.name


def test_the_command_alpha(tmp_path):
    items = simulate_responses("WAI-SR", studies=2, n=20, seed=1)
    items["study_id"] = items["study_id"].map(lambda name: f"=1+1 {name}")
    items.to_csv(tmp_path / "a.csv", index=False)
    words = ["--study", "study_id", "--instrument", "WAI-SR", "--output"]
    assert run("alpha", tmp_path / "a.csv", *words, tmp_path / "out") == 0
    rows = read(tmp_path / "out" / "coefficients.csv")
    assert risky(rows) == []
    assert sum(row[0].startswith("'=1+1") for row in rows) == 8


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_the_template(kind, tmp_path):
    path = tmp_path / f"leer ü.{kind}"
    assert run("template", path) == 0
    if kind == "csv":
        assert risky(read(path)) == []
        return
    for sheet in openpyxl.load_workbook(path):
        cells = [cell for row in sheet.iter_rows() for cell in row]
        assert not any(cell.data_type == "f" for cell in cells), sheet.title
