"""Files as psychologists have them: read right, or refused in words."""

import datetime as dt
import io
import string
import zipfile
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pyreadstat
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from waistats import DataError, ModelError, WaistatsError
from waistats.io.readers import read_coefficients, read_responses

WORDS = [
    "Never",
    "Rarely",
    "Occasionally",
    "Sometimes",
    "Often",
    "Very Often",
    "Always",
]
HEADER = "study_id,estimate,n,n_items"


def put(folder, content, name="studies.csv"):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def sheet(folder, rows, name="studies.xlsx", then=None):
    book = openpyxl.Workbook()
    page = book.active
    page.title = "Sheet1"
    for row in rows:
        page.append(row)
    if then is not None:
        then(book, page)
    book.save(folder / name)
    return folder / name


# --- coefficients: what is read -------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        "study_id,estimate,n,n_items,scale\n1,0.91,80,12,total\nLi é,-.10,54,4,bond\n",
        "study_id;estimate;n;n_items;scale\r\n1;0,91;80;12;total\r\n"
        "Li é;-,10;54;4;bond\r\n",
        "study_id\testimate\tn\tn_items\tscale\n1\t0,91\t80\t12\ttotal\n"
        "Li é\t−0,1\t54\t4\tbond",
        'sep=;\nstudy_id;estimate;n;n_items;scale\n1;"0.91";80;12;total\n'
        '"Li é";-.1;54;4;bond\n',
        '"","study_id","estimate","n","n_items","scale"\n"1","1",0.91,80,12,"total"\n'
        '"2","Li é",-0.1,54,4,"bond"\n',
        "\n\nstudy_id,estimate,n,n_items,scale,,\n\n1, 0.91 ,80,12,total,,\n,,,,,,\n"
        "Li é,-0.10,54.0,4,bond,,\n",
    ],
    ids=["comma", "semicolon", "tab", "sep", "row numbers", "blank rows"],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "utf-16"])
def test_delimited_text_is_read_alike(tmp_path, content, encoding):
    if encoding == "latin-1":
        content = content.replace("−", "-")
    frame = read_coefficients(put(tmp_path, content.encode(encoding)))
    assert list(frame["study_id"]) == ["1", "Li é"]
    assert list(frame["estimate"]) == [0.91, -0.1]
    assert list(frame["n"]) == [80, 54]
    assert list(frame["n_items"]) == [12, 4]
    assert list(frame["scale"]) == ["total", "bond"]
    assert frame["n"].dtype == frame["n_items"].dtype == np.int64
    assert pd.isna(frame["flag"][0])
    assert frame["flag"][1] == "negative"


@pytest.mark.parametrize("kind", ["xlsx", "sav", "dta", "parquet", "frame"])
def test_every_kind_gives_the_same_table(tmp_path, kind):
    frame = pd.DataFrame(
        {
            "study_id": [1.0, 2.0],
            "estimate": [0.91, 0.87],
            "n": [80.0, 54.0],
            "n_items": [12.0, 36.0],
            "rater": ["client", "observer"],
        }
    )
    path = tmp_path / f"studies.{kind}"
    if kind == "xlsx":
        frame.to_excel(path, index=False)
    elif kind == "sav":
        pyreadstat.write_sav(frame, path)
    elif kind == "dta":
        pyreadstat.write_dta(frame, path)
    elif kind == "parquet":
        frame.to_parquet(path)
    else:
        path = frame
    read = read_coefficients(path)
    expected = frame.assign(study_id=["1", "2"], n=[80, 54], n_items=[12, 36])
    pd.testing.assert_frame_equal(read, expected, check_dtype=False)
    assert list(read["study_id"]) == ["1", "2"]


def test_a_frame_is_not_changed():
    frame = pd.DataFrame(
        {"study_id": [1], "estimate": ["-0,5"], "n": [9], "n_items": [2]}
    )
    before = frame.copy()
    read = read_coefficients(frame)
    assert read["estimate"][0] == -0.5
    pd.testing.assert_frame_equal(frame, before)


@pytest.mark.parametrize("kind", ["frame", "parquet"])
def test_a_named_index_is_a_column(tmp_path, kind):
    frame = pd.DataFrame(
        {"estimate": [0.91], "n": [9], "n_items": [2]},
        index=pd.Index(["A"], name="study_id"),
    )
    given = frame
    if kind == "parquet":
        given = tmp_path / "a.parquet"
        frame.to_parquet(given)
    assert read_coefficients(given)["study_id"].tolist() == ["A"]


def test_columns_are_renamed_and_the_rest_is_kept(tmp_path):
    path = put(tmp_path, "paper,alpha,N,k,therapy\nA,.9,30,12,none\nB,.8,40,12,CBT\n")
    names = {"paper": "study_id", "alpha": "estimate", "N": "n", "k": "n_items"}
    frame = read_coefficients(path, columns=names)
    assert list(frame) == ["study_id", "estimate", "n", "n_items", "therapy"]
    assert list(frame["therapy"]) == ["none", "CBT"]


def test_rows_that_give_a_reason_may_be_blank(tmp_path):
    path = put(
        tmp_path,
        f"{HEADER},status,status_reason\n"
        "A,.9,30,12,poolable,\nB,,,,not_poolable,\nC,.8,2,,,n too small\n",
    )
    frame = read_coefficients(path)
    assert list(frame["reason"].isna()) == [True, True, False]
    assert frame.loc[2, "n"] == 2
    assert np.isnan(frame.loc[1, "estimate"])


def test_simulated_provenance_survives(tmp_path):
    path = put(tmp_path, f"{HEADER},provenance\nA,.9,30,12,SIMULATED\n")
    assert list(read_coefficients(path)["provenance"]) == ["SIMULATED"]


# --- coefficients: what is refused ----------------------------------------------


@pytest.mark.parametrize(
    ("content", "match"),
    [
        ("", "studies.csv: the file is empty"),
        (" \n\n", "the file is empty"),
        (HEADER + "\n", "column names .study_id, estimate, n, n_items. but no rows"),
        ("study_id,alfa,N,items\nA,.9,30,12\n",
         r"columns 'estimate', 'n' and 'n_items' are missing.*"
         r'columns=\{"alfa": "estimate", "N": "n", "items": "n_items"\}'),
        ("a,b\n1,2\n", "'study_id', 'estimate', 'n' and 'n_items' are missing"),
        (HEADER + ",n\nA,.9,30,12,3\n", "'n' in columns 3, 5"),
        (HEADER + "\nA,high,30,12\n",
         r"must be a number, but is 'high' \(line 2, study_id A\)"),
        (HEADER + "\nA,.85-.93,30,12\n", "must be a number, but is '.85-.93'"),
        (HEADER + "\nA,1,30,12\nB,91,30,12\n",
         r"below 1, but is 1 \(line 2, study_id A\), 91 \(line 3, study_id B\)"),
        (HEADER + "\nA,.9,2,12\nB,.9,30.5,12\n",
         r"a whole number of at least 3, but is 2 \(line 2, study_id A\), 30.5"),
        (HEADER + "\nA,.9,,12\n", r"n must be filled, but is empty \(line 2"),
        (HEADER + "\nA,,30,12\n", r"estimate must be filled, but is empty \(line 2"),
        (HEADER + "\nA,.9,30,1\n",
         "n_items must be a whole number of at least 2, but is 1"),
        (HEADER + "\nA,.9,30,12\n,.9,30,12\n", r"study_id must be filled.*line 3"),
        (HEADER + "\nA,inf,30,12\nB,.9,-Infinity,12\n",
         "estimate must be a number, but is infinite.*n must be a number, but is inf"),
        (HEADER + "\nA,1e999,30,12\n", "infinite"),
        (HEADER + "\nA,nan,30,12\n", "estimate must be filled"),
        (HEADER + '\nA,.9,"1,234",12\n', "which may mean 1234 or a decimal"),
        ("study_id;estimate;n;n_items\nA;0,9;1.234;12\n", "may mean 1234 or a decimal"),
        (HEADER + "\nA,0,91,30,12\n", "the number differs in line"),
        (HEADER + '\nA,".9,30,12\n', "line 2 cannot be split"),
        (HEADER + "\nA,.9,30,12\nNote: n is approximate,,,\n",
         "study_id is the only filled cell in its row, but is 'Note: n is approximate'"),
        (HEADER + "\nStudy,alpha,N,items\nA,.9,30,12\n",
         "line 2 looks like a second row"),
        (HEADER + ",coefficient_id\nA,.9,30,12,x\nB,.9,30,12,x\nA,.8,30,12,x\n",
         r"coefficient_id must differ.*line 2, study_id A.*line 4, study_id A"),
        (b"\x00\x01\x02\xff" * 50, "is not text"),
        (b"PK\x03\x04" + b"\x00" * 40, "ends in .csv but holds a .xlsx file"),
    ],
)  # fmt: skip
def test_bad_coefficients_are_refused_in_words(tmp_path, content, match):
    with pytest.raises(DataError, match=f"(?s){match}"):
        read_coefficients(put(tmp_path, content))


def test_every_bad_row_is_named_at_once(tmp_path):
    rows = "".join(f"S{i},{1 + i},1,12\n" for i in range(60))
    with pytest.raises(DataError) as caught:
        read_coefficients(put(tmp_path, f"{HEADER}\n{rows}S,x,9,12\n"))
    text = str(caught.value)
    assert "estimate must be a number, but is 'x' (line 62, study_id S)" in text
    assert text.count("lines 2-61") == 2


@pytest.mark.parametrize(
    ("columns", "match"),
    [
        ({"alfa": "estimate"}, r"'alfa' \(did you mean 'alpha'\?\)"),
        ({"alpha": "n"}, "several columns the name 'n'"),
    ],
)
def test_wrong_column_names_are_refused(tmp_path, columns, match):
    path = put(tmp_path, "study_id,alpha,n,n_items\nA,.9,30,12\n")
    with pytest.raises(DataError, match=match):
        read_coefficients(path, columns=columns)


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("nothing.csv", "no such file"),
        ("studys.csv", r"no such file \(did you mean 'studies.csv'\?\)"),
        ("absent/a.csv", "neither the file nor its folder"),
        (".", "is a folder"),
        ("old.xls", r"cannot be read as an .xls file|'.xls' cannot be read. Save it"),
        ("a.jpeg", "'.jpeg' cannot be read. Save it as one of"),
        ("a\0b.csv", "no such file|cannot be opened"),
        ("x" * 5000, "cannot be opened"),
    ],
)
def test_paths_that_hold_no_table(tmp_path, name, match):
    put(tmp_path, f"{HEADER}\nA,.9,30,12\n")
    put(tmp_path, b"x", "old.xls")
    put(tmp_path, b"x", "a.jpeg")
    with pytest.raises(DataError, match=match):
        read_coefficients(f"{tmp_path}/{name}")


def test_a_file_that_may_not_be_read(tmp_path, monkeypatch):
    path = put(tmp_path, f"{HEADER}\nA,.9,30,12\n")

    def refused(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refused)
    with pytest.raises(DataError, match=r"cannot be read \(Permission denied\)"):
        read_coefficients(path)


@pytest.mark.parametrize("frame", [pd.DataFrame(), pd.DataFrame({"study_id": []})])
def test_frames_without_data(frame):
    with pytest.raises(DataError, match=r"has no columns|has columns but no rows"):
        read_coefficients(frame)


@pytest.mark.parametrize(
    ("given", "match"),
    [
        (None, "a file name or a DataFrame is needed; got NoneType"),
        (3, "got int"),
        (["a.csv"], "got list"),
        (b"a.csv", "got bytes"),
        ("https://example.org/a.csv", "is a URL; remote files"),
    ],
)
def test_what_is_no_path(given, match):
    with pytest.raises(DataError, match=match):
        read_coefficients(given)


@pytest.mark.parametrize("kind", ["xlsx", "xlsm", "sav", "zsav", "dta", "parquet"])
@pytest.mark.parametrize(
    "junk", [b"", b"a,b\n1,2\n", bytes(range(256)) * 8, b"PK\x03\x04"]
)
def test_fake_files_are_refused(tmp_path, kind, junk):
    path = put(tmp_path, junk, f"fake.{kind}")
    for read in (read_coefficients, read_responses):
        with pytest.raises(DataError, match=r"fake\."):
            read(path)


@pytest.mark.parametrize("kind", ["xlsx", "sav", "dta", "parquet"])
def test_truncated_and_altered_files_never_give_a_traceback(tmp_path, kind):
    frame = pd.DataFrame(
        {
            "study_id": ["A", "B"],
            "estimate": [0.9, 0.8],
            "n": [30, 40],
            "n_items": [12, 4],
        }
    )
    path = tmp_path / f"good.{kind}"
    writers = {
        "xlsx": lambda: frame.to_excel(path, index=False),
        "sav": lambda: pyreadstat.write_sav(frame, path),
        "dta": lambda: pyreadstat.write_dta(frame, path),
        "parquet": lambda: frame.to_parquet(path),
    }
    writers[kind]()
    whole = path.read_bytes()
    rng = np.random.default_rng(1)
    bad = tmp_path / f"bad.{kind}"
    refused = 0
    for trial in range(24):
        cut = np.frombuffer(whole, dtype=np.uint8).copy()
        if trial % 2:
            cut = cut[: rng.integers(1, len(cut))]
        else:
            cut[rng.integers(0, len(cut), size=20)] = rng.integers(0, 256, size=20)
        bad.write_bytes(cut.tobytes())
        try:
            read_coefficients(bad)
        except WaistatsError:
            refused += 1
    assert refused > 12


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(content=st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(tmp_path, content):
    path = put(tmp_path, content)
    for read in (read_coefficients, read_responses):
        try:
            read(path)
        except WaistatsError:
            continue


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    rows=st.lists(
        st.lists(st.text(string.printable, max_size=6), min_size=4, max_size=4),
        max_size=6,
    )
)
def test_any_cells_are_read_or_refused(tmp_path, rows):
    buffer = io.StringIO()
    pd.DataFrame(rows, columns=HEADER.split(",")).to_csv(buffer, index=False)
    path = put(tmp_path, buffer.getvalue())
    try:
        frame = read_coefficients(path)
    except DataError:
        return
    assert (frame["estimate"] < 1).all()
    assert (frame["n"] >= 3).all()


# --- responses ------------------------------------------------------------------


def test_worded_responses_become_numbers(tmp_path):
    path = put(
        tmp_path, "study;q1;q2;note\nA;Never; always ;x\nB;VERY  OFTEN;;never mind\n"
    )
    frame = read_responses(path, labels=WORDS)
    assert list(frame["q1"]) == [1, 6]
    assert frame["q2"][0] == 7
    assert np.isnan(frame["q2"][1])
    assert list(frame["note"]) == ["x", "never mind"]


def test_labels_may_be_a_mapping_and_numbers_may_stand_beside_words(tmp_path):
    path = put(tmp_path, "q1,q2\nno,1\nyes,no\n")
    frame = read_responses(path, labels={"no": 0, "yes": 1})
    assert frame.to_numpy().tolist() == [[0, 1], [1, 0]]


def test_unknown_words_are_all_named(tmp_path):
    path = put(tmp_path, "id,q1,q2\n1,Never,Oftn\n2,Nevr,Often\n3,Always,9\n")
    with pytest.raises(DataError) as caught:
        read_responses(path, labels=WORDS)
    text = str(caught.value)
    assert "q1 must be one of the labels" in text
    assert "'Nevr' (line 3)" in text
    assert "'Oftn' (line 2)" in text
    assert "'9' (line 4)" in text


@pytest.mark.parametrize(
    ("labels", "match"),
    [
        ("Never", "must be a list"),
        ([], "labels is empty"),
        (["Never", "never "], "twice"),
        ([1, 2], "must be words"),
        ({"Never": "one"}, "must give numbers"),
        ({"Never": np.inf}, "finite"),
    ],
)
def test_wrong_labels_are_refused(tmp_path, labels, match):
    with pytest.raises(ModelError, match=match):
        read_responses(put(tmp_path, "q1\nNever\n"), labels=labels)


def test_items_must_be_there_and_hold_numbers(tmp_path):
    path = put(tmp_path, "id,q1,q2\n1,3,4\n2,x,5\n3,,'6\n")
    with pytest.raises(
        DataError, match=r"(?s)q1 must be a number, but is 'x' \(line 3\).*q2"
    ):
        read_responses(path, items=["q1", "q2"])
    with pytest.raises(DataError, match=r"no item 'qq2' \(did you mean 'q2'\?\)"):
        read_responses(path, items=["q1", "qq2"])
    assert list(read_responses(path)["q1"].dropna()) == ["3", "x"]


def test_missing_codes_become_missing(tmp_path):
    path = put(tmp_path, "id,q1,q2\n9,3,99\n2,9,5\n")
    frame = read_responses(path, items=["q1", "q2"], missing_codes=[9, 99])
    assert list(frame["id"]) == [9, 2]
    assert frame[["q1", "q2"]].isna().to_numpy().tolist() == [
        [False, True],
        [True, False],
    ]


def test_spss_labels_and_user_missing(tmp_path):
    path = tmp_path / "answers.sav"
    pyreadstat.write_sav(
        pd.DataFrame(
            {"site": ["a", "b", "b"], "q1": [1.0, 7.0, 9.0], "q2": [2.0, 99.0, np.nan]}
        ),
        path,
        column_labels={"q1": "We agree on goals"},
        variable_value_labels={"q1": {1: "Never", 7: "Always", 9: "no answer"}},
        missing_ranges={"q1": [9], "q2": [{"lo": 90, "hi": 99}]},
    )
    frame = read_responses(path)
    assert frame["q1"].tolist()[:2] == [1, 7]
    assert np.isnan(frame["q1"][2])
    assert frame["q2"].isna().tolist() == [False, True, True]
    assert frame.attrs["value_labels"]["q1"] == {
        1.0: "Never",
        7.0: "Always",
        9.0: "no answer",
    }
    assert frame.attrs["column_labels"] == {"q1": "We agree on goals"}
    assert list(frame["site"]) == ["a", "b", "b"]


def test_stata_labels_and_extended_missing(tmp_path):
    path = tmp_path / "answers.dta"
    pyreadstat.write_dta(
        pd.DataFrame({"q1": [1, 2, "a"], "q2": [3, 4, 5]}),
        path,
        missing_user_values={"q1": ["a"]},
        variable_value_labels={"q2": {3: "Never"}},
    )
    frame = read_responses(path)
    assert np.isnan(frame["q1"][2])
    assert frame["q2"].tolist() == [3, 4, 5]
    assert frame.attrs["value_labels"] == {"q2": {3: "Never"}}


def test_long_files_become_wide(tmp_path):
    path = put(
        tmp_path,
        "study,who,item,answer\nA,1,2,Often\nA,1,1,Never\nB,1,1,Always\nA,2,1,\n",
    )
    frame = read_responses(
        path, person=["study", "who"], item="item", value="answer", labels=WORDS
    )
    assert list(frame) == ["study", "who", "item2", "item1"]
    assert frame["study"].tolist() == ["A", "B", "A"]
    np.testing.assert_array_equal(frame["item1"], [1, 7, np.nan])
    np.testing.assert_array_equal(frame["item2"], [5, np.nan, np.nan])


@given(n=st.integers(1, 6), m=st.integers(1, 5), seed=st.integers(0, 1000))
@settings(max_examples=25, deadline=None)
def test_wide_to_long_and_back(n, m, seed):
    rng = np.random.default_rng(seed)
    wide = pd.DataFrame(
        rng.integers(1, 8, (n, m)), columns=[f"q{j + 1}" for j in range(m)]
    )
    wide.insert(0, "who", [f"p{i}" for i in range(n)])
    long = wide.melt(id_vars="who", var_name="item", value_name="answer")
    back = read_responses(long, person="who", item="item", value="answer")
    pd.testing.assert_frame_equal(back, wide, check_dtype=False)


@pytest.mark.parametrize(
    ("content", "match"),
    [
        ("who,item,answer\n1,a,3\n1,b,4\n1,a,5\n", r"more than once in lines 2, 4"),
        ("who,item,answer\n1,a,3\n,b,4\n", r"there is no 'who' in line"),
        (
            "who,item,answer,age\n1,a,3,20\n1,b,4,21\n",
            "'age' changes within a person in lines 3",
        ),
        ("who,item,answer,a\n1,a,3,20\n", "share the names a"),
        ("whom,item,answer\n1,a,3\n", r"no column 'who' \(did you mean 'whom'\?\)"),
        ("who,item,answer\n1,a,x\n", "a must be a number, but is 'x'"),
    ],
)
def test_bad_long_files(tmp_path, content, match):
    with pytest.raises(DataError, match=match):
        read_responses(
            put(tmp_path, content), person="who", item="item", value="answer"
        )


def test_a_long_file_needs_all_three_names(tmp_path):
    with pytest.raises(ModelError, match="person=, item= and value="):
        read_responses(put(tmp_path, "a,b\n1,2\n"), item="a")


def test_text_and_truth_columns_stay(tmp_path):
    frame = pd.DataFrame({"site": ["x", None], "ok": [True, False], "q1": [1, None]})
    read = read_responses(frame)
    assert read["ok"].dtype == bool
    assert read["site"].isna().tolist() == [False, True]
    assert read["q1"].dtype == float


# --- workbooks ------------------------------------------------------------------


ROWS = [
    ["study_id", "estimate", "n", "n_items"],
    ["A", 0.91, 80, 12],
    ["B", 0.87, 54, 12],
]


def test_errors_name_the_cell(tmp_path):
    rows = [*ROWS, ["C", dt.date(2024, 3, 1), 30, 12], ["D", ".91 (adults)", 2, 12]]
    with pytest.raises(DataError) as caught:
        read_coefficients(sheet(tmp_path, rows))
    text = str(caught.value)
    assert "the date or time 2024-03-01 00:00:00 (Sheet1!B4, study_id C)" in text
    assert "'.91 (adults)' (Sheet1!B5, study_id D)" in text
    assert "but is 2 (Sheet1!C5, study_id D)" in text


def test_merged_cells_are_refused(tmp_path):
    path = sheet(tmp_path, ROWS, then=lambda book, page: page.merge_cells("A2:A3"))
    with pytest.raises(DataError, match=r"cells are merged \(Sheet1!A2:A3"):
        read_coefficients(path)


def test_formulas_need_their_saved_value(tmp_path):
    rows = [*ROWS, ["C", "=B2+0.01", 30, 12]]
    with pytest.raises(DataError, match="formulas without a saved value: Sheet1!B4"):
        read_coefficients(sheet(tmp_path, rows))


def test_formulas_with_a_saved_value_are_read(tmp_path):
    path = sheet(tmp_path, [*ROWS, ["C", "=B2+0.01", 30, 12]])
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    page = "xl/worksheets/sheet1.xml"
    formula, empty = b"<f>B2+0.01</f>", (b"<v></v>", b"<v />", b"<v/>")
    saved = [parts[page].replace(formula + v, formula + b"<v>0.92</v>") for v in empty]
    parts[page] = max(saved, key=len)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    assert read_coefficients(path)["estimate"].tolist() == [0.91, 0.87, 0.92]


def test_a_hidden_first_sheet_is_passed_over(tmp_path):
    def then(book, page):
        page.sheet_state = "hidden"
        other = book.create_sheet("shown")
        for row in [*ROWS, ["C", 0.5, 20, 3]]:
            other.append(row)

    assert len(read_coefficients(sheet(tmp_path, ROWS, then=then))) == 3


def test_a_title_above_the_names_is_refused(tmp_path):
    path = sheet(tmp_path, [["Table 1. Coefficients"], *ROWS])
    with pytest.raises(DataError, match=r"Sheet1, row 1 holds one cell only .*delete"):
        read_coefficients(path)


def test_error_values_of_a_sheet_are_named(tmp_path):
    rows = [*ROWS, ["C", "#DIV/0!", 30, 12]]
    with pytest.raises(DataError, match=r"is '#DIV/0!' \(Sheet1!B4, study_id C\)"):
        read_coefficients(sheet(tmp_path, rows))


def test_two_header_rows_are_refused(tmp_path):
    rows = [ROWS[0], ["Study", "alpha", "N", "items"], *ROWS[1:]]
    with pytest.raises(
        DataError, match="row 2 looks like a second row of column names"
    ):
        read_coefficients(sheet(tmp_path, rows))


def test_a_sheet_is_chosen_by_name(tmp_path):
    def then(book, page):
        other = book.create_sheet("more")
        for row in [*ROWS, ["C", 0.5, 20, 3]]:
            other.append(row)
        book.create_sheet("blank")

    path = sheet(tmp_path, ROWS, then=then)
    assert len(read_coefficients(path)) == 2
    assert len(read_coefficients(path, sheet="more")) == 3
    with pytest.raises(DataError, match=r"no sheet 'mroe' \(did you mean 'more'\?\)"):
        read_coefficients(path, sheet="mroe")
    with pytest.raises(DataError, match="sheet 'blank' is empty"):
        read_coefficients(path, sheet="blank")
    with pytest.raises(DataError, match="sheet= is for Excel"):
        read_coefficients(put(tmp_path, "a\n1\n"), sheet="more")


def test_a_sheet_with_a_far_cell_does_not_hang(tmp_path):
    path = sheet(
        tmp_path, ROWS, then=lambda book, page: page.__setitem__("XFD1048576", "x")
    )
    with pytest.raises(DataError, match="claims 1,048,576 rows"):
        read_coefficients(path)


def test_a_name_as_long_as_a_book_is_refused(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("study_id," + "x" * 40_000 + "\nA,1\n")
    with pytest.raises(DataError, match="the name of column 2 has more than 32,767"):
        read_coefficients(path)
