"""Several tables, folders, wide tables and workbooks with a page of words first."""

import numpy as np
import pandas as pd
import pytest
from openpyxl import Workbook

from waistats import (
    DataError,
    check_coefficients,
    generalize,
    read_coefficients,
    reliability_by_study,
)
from waistats.cli.app import main
from waistats.meta._covariance import covariance_pairs


def typed(capsys, *words):
    code = main([str(word) for word in words])
    out, err = capsys.readouterr()
    return code, out + err


def coefficients(names, **columns):
    rng = np.random.default_rng(len(names))
    return pd.DataFrame(
        {
            "study_id": names,
            "estimate": rng.uniform(0.8, 0.95, len(names)).round(3),
            "n": rng.integers(50, 200, len(names)),
            "n_items": 12,
            **columns,
        }
    )


def test_several_files_are_one_study(tmp_path, capsys):
    one, two = coefficients(list("ABC")), coefficients(list("DEFG"))
    one.to_csv(tmp_path / "one.csv", index=False)
    two.to_csv(tmp_path / "two.csv", index=False)
    out = tmp_path / "out"
    files = [tmp_path / "one.csv", tmp_path / "two.csv"]
    code, said = typed(capsys, "generalize", *files, "--output", out)
    assert code == 0, said
    assert "7 coefficients of 7 studies" in said
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "waistats generalize one.csv two.csv" in page
    both = generalize([one, two])
    assert both.overall.k == 7


def test_a_study_in_two_files_stops(tmp_path, capsys):
    coefficients(list("ABC")).to_csv(tmp_path / "one.csv", index=False)
    coefficients(list("CDE")).to_csv(tmp_path / "two.csv", index=False)
    files = [tmp_path / "one.csv", tmp_path / "two.csv"]
    code, said = typed(capsys, "generalize", *files, "--output", tmp_path / "out")
    assert code == 2
    assert "more than one file: C (" in said
    assert "one.csv and" in said
    assert not (tmp_path / "out").exists()
    code, said = typed(capsys, "generalize", files[0], files[0])
    assert code == 2
    assert "named twice" in said


def test_a_folder_brings_its_covariance(tmp_path, capsys):
    rng = np.random.default_rng(12)
    frames = []
    for j in range(5):
        answers = rng.normal(size=(70, 1)) + rng.normal(scale=0.8, size=(70, 6))
        frame = pd.DataFrame(answers, columns=[f"i{i}" for i in range(6)])
        frames.append(frame.assign(study=f"S{j}"))
    scales = {"a": ["i0", "i1", "i2"], "b": ["i3", "i4", "i5"]}
    table = reliability_by_study(
        pd.concat(frames, ignore_index=True),
        study="study",
        scales=scales,
        covariance=True,
    )
    pairs = covariance_pairs(table)
    folder = tmp_path / "site"
    folder.mkdir()
    table.to_csv(folder / "coefficients.csv", index=False)
    pairs.to_csv(folder / "covariance.csv", index=False)
    out = tmp_path / "out"
    code, said = typed(
        capsys, "generalize", folder, "--moderators", "~ scale", "--output", out
    )
    assert code == 0, said
    assert "given as V" in said
    expected = generalize(table, "~ scale").moderator_model
    shown = f"{expected.to_frame()['estimate'][1]:.4f}"
    assert shown in said
    empty = tmp_path / "empty"
    empty.mkdir()
    code, said = typed(capsys, "generalize", empty)
    assert code == 2
    assert "without coefficients.csv" in said


WIDE = pd.DataFrame(
    {
        "study": list("ABCD"),
        "instrument": "WAI-SR",
        "N": [80, 90, 100, 110],
        "alpha_task": [0.85, 0.86, None, 0.88],
        "alpha_bond": [0.80, 0.81, 0.82, 0.83],
        "alpha_total": [0.90, 0.91, 0.92, 0.93],
        "n_items": 12,
    }
)


def test_a_wide_table_becomes_rows(tmp_path, capsys):
    path = tmp_path / "wide.csv"
    WIDE.to_csv(path, index=False)
    columns = {"study": "study_id", "N": "n"}
    table = read_coefficients(path, columns=columns, wide={"alpha_*": "scale"})
    assert len(table) == 11
    assert list(table["scale"][:3]) == ["task", "bond", "total"]
    # the length of a subscale is that of the form, never that of the whole scale
    assert list(table["n_items"][:3]) == [4, 4, 12]
    assert any("alpha_* without a value" in note for note in table.attrs["notes"])
    frame = read_coefficients(WIDE, columns=columns, wide={"alpha_*": "scale"})
    pd.testing.assert_frame_equal(frame, table)
    out = tmp_path / "out"
    code, said = typed(
        capsys, "generalize", path, "--columns", "study=study_id,N=n", "--wide",
        "alpha_*=scale", "--output", out,
    )  # fmt: skip
    assert code == 0, said
    assert "11 coefficients of 4 studies" in said
    assert "'alpha_*=scale'" in (out / "report.html").read_text(
        encoding="utf-8"
    ).replace("&#39;", "'")


def test_lengths_go_with_their_scales():
    table = WIDE.drop(columns=["instrument", "n_items"]).assign(
        n_items_task=4, n_items_bond=5, n_items_total=9
    )
    columns = {"study": "study_id", "N": "n"}
    read = read_coefficients(table, columns=columns, wide={"alpha_*": "scale"})
    assert list(read["n_items"][:3]) == [4, 5, 9]
    unknown = WIDE.drop(columns="instrument")
    with pytest.raises(DataError, match="n_items must be filled"):
        read_coefficients(unknown, columns=columns, wide={"alpha_*": "scale"})


def test_patterns_that_do_not_fit_are_refused(tmp_path, capsys):
    path = tmp_path / "wide.csv"
    WIDE.to_csv(path, index=False)
    with pytest.raises(DataError, match=r"wide=.*at least two columns"):
        read_coefficients(path, wide={"omega_*": "scale"})
    with pytest.raises(DataError, match="with one \\*"):
        read_coefficients(path, wide={"alpha": "scale"})
    with pytest.raises(DataError, match="'instrument', which already exists"):
        read_coefficients(path, wide={"alpha_*": "instrument"})
    code, said = typed(capsys, "generalize", path, "--wide", "alpha_*")
    assert code == 2
    assert "--wide takes a pair" in said
    code, said = typed(capsys, "generalize", path, "--wide", "omega_*=scale")
    assert code == 2
    assert "--wide 'omega_*=scale' needs" in said


def test_a_page_of_words_first(tmp_path, capsys):
    book = Workbook()
    page = book.active
    page.title = "README"
    page["A1"] = "Coefficients collected in spring"
    page["A2"] = "Ask us before use"
    data = book.create_sheet("data")
    table = coefficients(list("ABC"))
    data.append(list(table.columns))
    for row in table.itertuples(index=False):
        data.append([getattr(v, "item", lambda v=v: v)() for v in row])
    path = tmp_path / "book.xlsx"
    book.save(path)
    for call in (read_coefficients, check_coefficients):
        with pytest.raises(DataError, match=r"Sheet 'data' holds coef.*sheet=\"data\""):
            call(path)
    code, said = typed(capsys, "generalize", path)
    assert code == 2
    assert "--sheet data" in said
    assert len(read_coefficients(path, sheet="data")) == 3


def test_a_path_is_no_table():
    with pytest.raises(DataError, match=r"'x\.csv'.*read_coefficients\("):
        generalize("x.csv")
    with pytest.raises(DataError, match=r"dict.*read_coefficients\("):
        generalize({})
