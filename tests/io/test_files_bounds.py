"""Further kinds of files, names with signs, standard input, and files built to hurt."""

import io
import os
import struct
import sys
import threading
import time
import zipfile

import numpy as np
import openpyxl
import pandas as pd
import pyreadstat
import pytest
from hostile import run

from waistats import DataError, check_coefficients, reliability_by_study
from waistats.io._files import FORMATS
from waistats.io.readers import read_coefficients, read_responses

FRAME = pd.DataFrame(
    {
        "site": ["A", "A", "B", "B", "B"],
        "q1": [1.0, 2.0, 3.0, 4.0, 5.0],
        "q2": [2.0, 1.0, 4.0, 3.0, 5.0],
    }
)


def seconds(call) -> float:
    start = time.process_time()
    call()
    return time.process_time() - start


WRITERS = {
    ".csv": lambda path: FRAME.to_csv(path, index=False),
    ".xlsx": lambda path: FRAME.to_excel(path, index=False),
    ".sav": lambda path: pyreadstat.write_sav(FRAME, path),
    ".zsav": lambda path: pyreadstat.write_sav(FRAME, path, compress=True),
    ".por": lambda path: pyreadstat.write_por(FRAME.rename(columns=str.upper), path),
    ".dta": lambda path: pyreadstat.write_dta(FRAME, path),
    ".xpt": lambda path: pyreadstat.write_xport(FRAME, path),
    ".parquet": lambda path: FRAME.to_parquet(path),
    ".feather": lambda path: FRAME.to_feather(path),
}
# nothing at hand writes these
UNWRITTEN = {".sas7bdat"}


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize("named", [True, False])
def test_every_kind_is_read(tmp_path, kind, named, monkeypatch):
    path = tmp_path / f"a{kind}"
    WRITERS[kind](path)
    source = path
    if not named:
        if kind == ".por":
            pytest.skip("a portable file is known by its name alone")
        monkeypatch.setattr(
            sys, "stdin", io.TextIOWrapper(io.BytesIO(path.read_bytes()))
        )
        source = "-"
    read = read_responses(source).rename(columns=str.lower)
    pd.testing.assert_frame_equal(read, FRAME, check_dtype=False)


def test_no_format_is_forgotten():
    """A format that can be read is written and read here."""
    formats = [form.endings for form in FORMATS if not form.optional]
    lost = [ends for ends in formats if not {*WRITERS, *UNWRITTEN} & set(ends)]
    assert lost == []


def record(kind: int, data: bytes = b"") -> bytes:
    """Return a record of a binary workbook."""
    head = bytes([kind]) if kind < 128 else bytes([kind & 127 | 128, kind >> 7])
    size, left = b"", len(data)
    while left > 127:
        size, left = size + bytes([left & 127 | 128]), left >> 7
    return head + size + bytes([left]) + data


def wide_text(text: str) -> bytes:
    return struct.pack("<I", len(text)) + text.encode("utf-16-le")


def binary_sheet(cells: dict[tuple[int, int], str | float]) -> bytes:
    """Return a sheet of an .xlsb file, of cells by row and column."""
    parts = [record(129), record(148, struct.pack("<4I", 0, 0, 0, 0)), record(145)]
    for row in sorted({row for row, _ in cells}):
        parts.append(record(0, struct.pack("<IIHHBI", row, 0, 300, 0, 0, 0)))
        for (_, column), cell in (item for item in cells.items() if item[0][0] == row):
            at = struct.pack("<II", column, 0)
            parts.append(
                record(6, at + wide_text(cell))
                if isinstance(cell, str)
                else record(5, at + struct.pack("<d", cell))
            )
    return b"".join([*parts, record(146), record(130)])


def binary_workbook(path, **sheets: bytes) -> None:
    """Write an .xlsb file, put together by hand."""
    numbered = list(enumerate(sheets.items(), start=1))
    listed = b"".join(
        record(156, struct.pack("<II", 0, i) + wide_text(f"rId{i}") + wide_text(name))
        for i, (name, _) in numbered
    )
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    links = "".join(
        f'<Relationship Id="rId{i}" Type="{office}/worksheet" '
        f'Target="worksheets/sheet{i}.bin"/>'
        for i, _ in numbered
    )
    package = "http://schemas.openxmlformats.org/package/2006"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(
            "[Content_Types].xml", f'<Types xmlns="{package}/content-types"/>'
        )
        archive.writestr(
            "xl/_rels/workbook.bin.rels",
            f'<Relationships xmlns="{package}/relationships">{links}</Relationships>',
        )
        archive.writestr(
            "xl/workbook.bin",
            record(131) + record(143) + listed + record(144) + record(132),
        )
        for i, (_, content) in numbered:
            archive.writestr(f"xl/worksheets/sheet{i}.bin", content)


def cells_of(frame: pd.DataFrame) -> dict[tuple[int, int], str | float]:
    rows = [list(frame), *frame.to_numpy().tolist()]
    return {(i, j): cell for i, row in enumerate(rows) for j, cell in enumerate(row)}


class TestBinaryWorkbooks:
    @pytest.fixture(autouse=True)
    def _needs_its_reader(self):
        pytest.importorskip("python_calamine")

    def test_are_read(self, tmp_path):
        path = tmp_path / "a.xlsb"
        note = binary_sheet({(0, 0): "README", (1, 0): "see the other sheet"})
        binary_workbook(path, S=binary_sheet(cells_of(FRAME)), About=note)
        pd.testing.assert_frame_equal(read_responses(path), FRAME, check_dtype=False)
        binary_workbook(path, About=note, S=binary_sheet(cells_of(FRAME)))
        with pytest.raises(DataError, match=r"Sheet 'S' holds answers: choose it with"):
            read_responses(path)

    def test_a_far_cell_takes_no_room(self, tmp_path):
        """The reader of such files made room for 17 billion cells, and was ended."""
        path = tmp_path / "a.xlsb"
        far = {**cells_of(FRAME), (1_048_575, 16_383): 1.0}
        binary_workbook(path, S=binary_sheet(far))
        with pytest.raises(DataError, match=r"claims 1,048,576 rows and 16,384 col"):
            read_responses(path)
        for place in ((5_000_000, 1), (3, 20_000)):
            binary_workbook(path, S=binary_sheet({**cells_of(FRAME), place: 1.0}))
            with pytest.raises(DataError, match=r"cannot be read as an \.xlsb file"):
                read_responses(path)

    def test_damaged_ones_are_refused(self, tmp_path):
        path = tmp_path / "a.xlsb"
        binary_workbook(path, S=binary_sheet(cells_of(FRAME)))
        content = path.read_bytes()
        rng = np.random.default_rng(3)
        for _ in range(40):
            hurt = bytearray(content)
            for at in rng.integers(0, len(hurt), 30):
                hurt[at] = rng.integers(0, 256)
            path.write_bytes(hurt)
            with pytest.raises(DataError):
                read_responses(path)
        whole = binary_sheet(cells_of(FRAME))
        for end in range(10, len(whole), 7):
            binary_workbook(path, S=whole[:end])
            try:
                read = read_responses(path)
            except DataError:
                continue
            # cut between records: what is left is a sheet
            assert set(read) <= set(FRAME)
        path.write_bytes(content[: len(content) // 2])
        with pytest.raises(DataError, match=r"may be damaged or encrypted: open it in"):
            read_responses(path)


def test_a_cut_transport_file_is_refused(tmp_path):
    """Fewer people are no table: the last record of a whole file is filled up."""
    path = tmp_path / "a.xpt"
    pyreadstat.write_xport(pd.concat([FRAME] * 20), path)
    content = path.read_bytes()
    assert len(read_responses(path)) == 100
    for end in range(700, len(content), 97):
        if end % 80:
            path.write_bytes(content[:end])
            with pytest.raises(
                DataError, match=r"SAS transport file\. It may be damag"
            ):
                read_responses(path)


def test_open_documents_are_read(tmp_path):
    """A sheet of LibreOffice, put together by hand."""
    pytest.importorskip("python_calamine")
    cells = [list(FRAME), *FRAME.to_numpy().tolist()]
    rows = "".join(
        "<table:table-row>"
        + "".join(
            f'<table:table-cell office:value-type="string"><text:p>{cell}</text:p>'
            "</table:table-cell>"
            if isinstance(cell, str)
            else f'<table:table-cell office:value-type="float" office:value="{cell}"/>'
            for cell in row
        )
        + "</table:table-row>"
        for row in cells
    )
    spaces = " ".join(
        f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
        for name in ("office", "table", "text")
    )
    path = tmp_path / "a.ods"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr(
            "META-INF/manifest.xml",
            '<?xml version="1.0"?><manifest:manifest xmlns:manifest='
            '"urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>',
        )
        archive.writestr(
            "content.xml",
            f'<?xml version="1.0"?><office:document-content {spaces}><office:body>'
            f'<office:spreadsheet><table:table table:name="S">{rows}</table:table>'
            "</office:spreadsheet></office:body></office:document-content>",
        )
    read = read_responses(path)
    pd.testing.assert_frame_equal(read, FRAME, check_dtype=False)
    with pytest.raises(DataError, match=r"no sheet 'T'"):
        read_responses(path, sheet="T")


@pytest.mark.parametrize(
    ("kind", "advice"),
    [
        ("rds", "Write it as .csv or .parquet in R"),
        ("json", "Write it as .csv or .parquet"),
        ("numbers", "Export it as .xlsx or .csv"),
        ("omv", "jamovi"),
    ],
)
def test_other_kinds_are_named_with_the_way_out(tmp_path, kind, advice):
    path = tmp_path / f"a.{kind}"
    path.write_bytes(b"x")
    with pytest.raises(DataError, match=advice):
        read_responses(path)


def test_without_calamine_old_sheets_are_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "python_calamine", None)
    path = tmp_path / "a.xls"
    path.write_bytes(b"x")
    with pytest.raises(DataError, match=r"Save it as .xlsx .*waistats\[spreadsheets\]"):
        read_responses(path)


@pytest.mark.parametrize(
    "name", ["a[1].csv", "b*.csv", "c?.csv", "[ab].csv", "d{1}.csv"]
)
@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_names_with_signs_are_literal(tmp_path, name, kind, monkeypatch):
    from waistats.reliability.by_study import _sources

    monkeypatch.setattr(_sources, "_WHOLE", 0)
    path = (tmp_path / name).with_suffix(f".{kind}")
    other = tmp_path / f"a1.{kind}"
    wrong = FRAME.assign(site="wrong")
    for frame, where in ((wrong, other), (FRAME, path)):
        if kind == "csv":
            frame.to_csv(where, index=False)
        else:
            frame.to_parquet(where)
    found = reliability_by_study(str(path), study="site", items="q")
    assert found["study_id"].tolist() == ["A", "B"]


@pytest.mark.parametrize("kind", ["csv", "xlsx", "sav", "parquet"])
def test_standard_input(tmp_path, kind, monkeypatch):
    path = tmp_path / f"a.{kind}"
    {
        "csv": lambda: FRAME.to_csv(path, index=False),
        "xlsx": lambda: FRAME.to_excel(path, index=False),
        "sav": lambda: pyreadstat.write_sav(FRAME, path),
        "parquet": lambda: FRAME.to_parquet(path),
    }[kind]()
    stream = io.TextIOWrapper(io.BytesIO(path.read_bytes()))
    monkeypatch.setattr(sys, "stdin", stream)
    read = read_responses("-")
    pd.testing.assert_frame_equal(read, FRAME, check_dtype=False)
    # a command may look at it twice
    pd.testing.assert_frame_equal(read_responses("-"), read)


def test_a_pipe_is_read(tmp_path):
    path = tmp_path / "pipe.csv"
    os.mkfifo(path)
    content = FRAME.to_csv(index=False).encode()
    writer = threading.Thread(target=lambda: path.write_bytes(content))
    writer.start()
    read = read_responses(path)
    writer.join()
    pd.testing.assert_frame_equal(read, FRAME, check_dtype=False)


def altered(path, part: str, change) -> None:
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts[part] = change(parts[part])
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


def test_a_formatted_cell_far_away_costs_nothing(tmp_path):
    book = openpyxl.Workbook()
    for row in [list(FRAME), *FRAME.to_numpy().tolist()]:
        book.active.append(row)
    book.active["XFD1048576"].font = openpyxl.styles.Font(bold=True)
    book.save(tmp_path / "far.xlsx")
    assert seconds(lambda: read_responses(tmp_path / "far.xlsx")) < 5
    pd.testing.assert_frame_equal(
        read_responses(tmp_path / "far.xlsx"), FRAME, check_dtype=False
    )


def test_a_workbook_that_unpacks_to_gigabytes_is_refused_at_once(tmp_path):
    path = tmp_path / "bomb.xlsx"
    FRAME.to_excel(path, index=False)
    row = b"<row>" + b"<c><v>1</v></c>" * 200 + b"</row>"
    altered(
        path,
        "xl/worksheets/sheet1.xml",
        lambda content: content.replace(b"</sheetData>", row * 120_000),
    )
    assert path.stat().st_size < 5_000_000

    def read() -> None:
        with pytest.raises(DataError, match="unpacks to more than"):
            read_responses(path)

    assert seconds(read) < 5


def test_many_cells_without_values_are_no_table(tmp_path):
    path = tmp_path / "styled.xlsx"
    FRAME.to_excel(path, index=False)
    row = b"<row>" + b'<c s="1"/>' * 100 + b"</row>"
    altered(
        path,
        "xl/worksheets/sheet1.xml",
        lambda content: content.replace(b"</sheetData>", row * 5000 + b"</sheetData>"),
    )
    assert seconds(lambda: read_responses(path)) < 5
    assert read_responses(path).shape == FRAME.shape


@pytest.mark.slow
def test_twenty_thousand_columns(tmp_path):
    rng = np.random.default_rng(1)
    path = tmp_path / "wide.csv"
    names = ",".join(f"q{j}" for j in range(20_000))
    rows = [",".join(map(str, rng.integers(1, 6, 20_000))) for _ in range(20)]
    path.write_text("\n".join([f"site,{names}", *(f"A,{row}" for row in rows)]))
    assert seconds(lambda: read_responses(path)) < 5


def coefficients(k: int) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    return pd.DataFrame(
        {
            "study_id": [f"S{i // 3}" for i in range(k)],
            "coefficient_id": [f"c{i}" for i in range(k)],
            "instrument": rng.choice(["WAI-SR", "WAI-S"], k),
            "scale": rng.choice(["total", "bond"], k),
            "estimate": rng.uniform(0.7, 0.95, k).round(3),
            "n": rng.integers(20, 300, k),
            "n_items": 12,
            "score_mean": rng.uniform(40, 60, k).round(2),
            "score_sd": rng.uniform(5, 9, k).round(2),
        }
    )


@pytest.mark.slow
def test_long_tables_are_read_in_linear_time(tmp_path):
    """SIMULATED rows; ten times the rows take at most some fifteen times the time."""
    times = {}
    for k in (3_000, 30_000):
        path = tmp_path / f"{k}.csv"
        coefficients(k).to_csv(path, index=False)
        times[k] = seconds(lambda path=path: read_coefficients(path))
    assert times[30_000] < 15 * times[3_000] + 0.2
    # a hundred thousand rows are read in 3 s on a quiet machine
    assert times[30_000] < 3


def test_one_value_everywhere_is_linear_too(tmp_path):
    same = coefficients(10_000).assign(estimate=0.9, n=100, score_mean=50.0, score_sd=6)
    assert seconds(lambda: read_coefficients(same)) < 3


@pytest.mark.parametrize("read", [read_responses, check_coefficients])
def test_more_columns_than_spss_holds_are_refused_at_once(tmp_path, read):
    path = tmp_path / "wide.csv"
    names = ",".join(f"q{j}" for j in range(60_000))
    path.write_text(names + "\n" + ",".join(["1"] * 60_000) + "\n")
    start = time.process_time()
    with pytest.raises(DataError, match="60,000 columns, but at most 32,767"):
        read(path)
    assert time.process_time() - start < 5


@pytest.mark.parametrize(
    ("part", "before", "inserted"),
    [
        ("xl/worksheets/sheet1.xml", b"<row", b"<a>" * 10**6 + b"</a>" * 10**6),
        ("xl/worksheets/sheet1.xml", b"</sheetData", b"<c/>" * 8_000_000),
        ("xl/worksheets/sheet1.xml", b"</sheetData", b"<row/>" * 4_000_000),
        ("xl/workbook.xml", b"<sheets", b"<a>" * 2 * 10**6 + b"</a>" * 2 * 10**6),
        ("xl/_rels/workbook.xml.rels", b"<Relationship ", b"<a/>" * 3 * 10**6),
    ],
)
def test_a_workbook_that_no_program_writes_is_refused_at_once(
    tmp_path, part, before, inserted
):
    """Nested, or nothing but empty cells, in a small file: below 5 s on any machine."""
    book = openpyxl.Workbook()
    book.active.append(["study_id", "estimate", "n", "n_items"])
    book.active.append(["A", 0.9, 80, 12])
    book.save(tmp_path / "plain.xlsx")
    path = tmp_path / "odd.xlsx"
    with (
        zipfile.ZipFile(tmp_path / "plain.xlsx") as old,
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for info in old.infolist():
            content = old.read(info)
            if info.filename == part:
                at = content.index(before)
                content = content[:at] + inserted + content[at:]
            new.writestr(info.filename, content)
    start = time.process_time()
    with pytest.raises(DataError, match=r"as no spreadsheet program|claims 1,048,577"):
        read_coefficients(path)
    assert time.process_time() - start < 5


def test_check_reads_a_file_of_answers_once_and_a_wide_one_in_seconds(
    tmp_path, monkeypatch, capsys
):
    """A file of 8,000 items is refused in the time that reading takes."""
    import waistats.io.readers as readers

    read = []

    def counted(*given, **options):
        read.append(given)
        return inner(*given, **options)

    inner = readers.read_table
    monkeypatch.setattr(readers, "read_table", counted)
    path = tmp_path / "wide.csv"
    names = [f"q{i}" for i in range(1, 8001)]
    rows = [
        ",".join(["A", *(str(i % 5 + 1 + k % 2) for i in range(8000))])
        for k in range(20)
    ]
    path.write_text("\n".join([",".join(["study", *names]), *rows]))
    start = time.process_time()
    assert run("check", path) == 2
    assert "at most 5,000" in capsys.readouterr().err
    assert len(read) == 1
    assert time.process_time() - start < 5


def compound(directory: bytes) -> bytes:
    """Return the head of an old Excel file, put together by hand, and its directory."""
    head = bytearray(b"\xff" * 512)
    head[:32] = (
        bytes.fromhex("d0cf11e0a1b11ae1")
        + bytes(16)
        + bytes.fromhex("3e000300feff0900")
    )
    numbers = (6, 0, 0, 1, 1, 0, 4096, 2**32 - 2, 0, 2**32 - 2, 0, 0)
    head[32:80] = b"".join(number.to_bytes(4, "little") for number in numbers)
    table = (2**32 - 3).to_bytes(4, "little") + (2**32 - 2).to_bytes(4, "little")
    return bytes(head) + table + b"\xff" * 504 + directory


@pytest.mark.parametrize("size", [0, 72, 200])
def test_a_damaged_old_workbook_is_refused_in_our_words_alone(tmp_path, capfd, size):
    """Its reader prints where it broke, past Python's error stream."""
    pytest.importorskip("python_calamine")
    path = tmp_path / "old.xls"
    path.write_bytes(compound(b"\1" * size))
    with pytest.raises(DataError, match="may be damaged"):
        read_responses(path)
    assert capfd.readouterr().err == ""


def test_an_open_document_with_a_broken_list_of_parts_is_refused(tmp_path):
    pytest.importorskip("python_calamine")
    path = tmp_path / "a.ods"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("contänt.xml", "<a/>")
    # the name's flag says UTF-8, and its bytes are not
    path.write_bytes(path.read_bytes().replace("ä".encode(), b"\xf4x"))
    with pytest.raises(DataError, match="may be damaged"):
        read_responses(path)
