"""One typed contract: awkward files give the same table on every path, to 1e-12.

Every case is a frame of SIMULATED answers with something awkward in it. It is written
to CSV, Excel, SPSS, Stata, Parquet and Feather, read in memory and by DuckDB, handed
over as an Ibis table, a pandas, Polars and pyarrow frame; the coefficients must agree.
"""

import datetime as dt
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pyreadstat
import pytest

from waistats.reliability.by_study import _sources as sources
from waistats.reliability.by_study.api import reliability_by_study

ibis = pytest.importorskip("ibis")
polars = pytest.importorskip("polars")

N = 48
ITEMS = ["q1", "q2", "q3", "q4"]
TABLE = [
    "study_id", "sample_id", "scale", "coefficient_type", "estimate", "se", "ci_low",
    "ci_high", "n", "n_items", "score_mean", "score_sd", "n_excluded", "status",
]  # fmt: skip


def plain(seed: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(N, 1)) + rng.normal(size=(N, 4)) * 0.8
    return pd.DataFrame(np.clip(np.round(values + 3), 1, 5).astype(int), columns=ITEMS)


def with_ids(*ids: object) -> pd.DataFrame:
    frame = plain()
    each = -(-N // len(ids))
    column = [ids[i // each] for i in range(N)]
    frame.insert(0, "study", pd.Series(column, dtype=_dtype(ids)))
    return frame


def _dtype(ids: tuple[object, ...]) -> object:
    return object if isinstance(ids[0], (str, dt.date, Decimal)) else None


def with_items(change) -> pd.DataFrame:
    frame = with_ids("A", "B", "C")
    frame[ITEMS] = change(frame[ITEMS])
    return frame


def gaps(items: pd.DataFrame) -> pd.DataFrame:
    items = items.astype(float)
    items.iloc[3, 1] = items.iloc[20, 0] = items.iloc[40, 3] = np.nan
    return items


def decimals(items: pd.DataFrame) -> pd.DataFrame:
    return items.map(lambda v: Decimal(int(v)) + Decimal("0.25"))


def spelled(*forms: str):
    def change(items: pd.DataFrame) -> pd.DataFrame:
        texts = items.astype(object)
        for i in range(len(texts)):
            for j in range(texts.shape[1]):
                form = forms[(i + j) % len(forms)]
                texts.iloc[i, j] = form.format(items.iloc[i, j])
        return texts

    return change


def mixed_blanks(items: pd.DataFrame) -> pd.DataFrame:
    texts = items.astype(str).astype(object)
    texts.iloc[2, 0], texts.iloc[5, 1], texts.iloc[9, 2] = "", " ", "NA"
    texts.iloc[11, 3], texts.iloc[21, 0], texts.iloc[30, 1] = "n/a", ".", "-"
    return texts


CASES = {
    # identifiers in text, as spelled
    "decimals as names": with_ids("1.1", "1.10", "1.2"),
    "leading zeros": with_ids("01", "1", "001"),
    "exponents": with_ids("1e5", "100000", "1E5"),
    "truth": with_ids("T", "true", "TRUE", "True"),
    "signs": with_ids("+1", "-1", "−1", "1"),
    "commas": with_ids("1,5", "1.5", "15"),
    "thousands": with_ids("1,000", "1000", "1.000"),
    "infinite": with_ids("inf", "Infinity", "-inf"),
    "hexadecimal": with_ids("0x10", "16", "1_6"),
    "dates": with_ids("2024-01-02", "2024-1-2", "02.01.2024"),
    "long numbers": with_ids("9007199254740993", "9007199254740992", "1234567890123456789"),
    "no ascii": with_ids("Łódź", "北京", "Großröhrsdorf"),
    "quotes": with_ids('the "old" clinic', "O'Brien", "A, B; C"),
    "formulas": with_ids("=1+1", "@cmd", "A-1"),
    "case": with_ids("north", "North", "NORTH"),
    "outer blanks": with_ids("A", " B", "C "),
    "null words": with_ids("None", "null", "NULL"),
    "one letter": with_ids("F", "M", "X"),
    "lines": with_ids("first\nsecond", "first second", "third"),
    "slashes": with_ids("A / B", "A", "B"),
    "percent": with_ids("50%", "50", "0.5"),
    "long names": with_ids("x" * 200, "x" * 199, "y"),
    # identifiers in numbers, in their shortest form
    "whole numbers": with_ids(1, 2, 30),
    "whole floats": with_ids(1.0, 2.0, 30.0),
    "floats": with_ids(1.1, 1.5, 100000.0),
    "negative": with_ids(-1, 0, 1),
    "large": with_ids(2**40, 2**40 + 1, 7),
    # answers
    "small integers": with_items(lambda f: f.astype("int8")),
    "nullable": with_items(lambda f: gaps(f).astype("Int64")),
    "floats with gaps": with_items(gaps),
    "single precision": with_items(lambda f: gaps(f).astype("float32")),
    "single precision, halves": with_items(lambda f: (f / 2).astype("float32")),
    "tenths": with_items(lambda f: f / 10),
    "fixed decimals": with_items(decimals),
    "unsigned": with_items(lambda f: f.astype("uint8")),
    "nullable floats": with_items(lambda f: gaps(f).astype("Float64")),
    "yes and no": with_items(lambda f: (f > 2).astype(int)),
    "negative answers": with_items(lambda f: f - 3),
    "texts": with_items(spelled("{}")),
    "texts with decimals": with_items(spelled("{}.0")),
    "texts of two kinds": with_items(spelled("{}", "{}.0", " {}")),
    "texts with zeros": with_items(spelled("0{}")),
    "blanks and words for blanks": with_items(mixed_blanks),
    "plus signs": with_items(spelled("+{}", "{}")),
    "minus signs": with_items(lambda f: spelled("−{}")(f)),
    "millions": with_items(lambda f: f + 1_000_000),
}  # fmt: skip


def texts_of(frame: pd.DataFrame) -> pd.DataFrame:
    """Objects as files of statistics programs can hold them: floats or texts."""
    changed = {}
    for name in frame:
        cells = frame[name]
        if cells.map(lambda c: isinstance(c, Decimal)).any():
            changed[name] = cells.astype(float)
        elif cells.dtype == object:
            changed[name] = cells.map(lambda c: c if isinstance(c, str) else str(c))
        elif pd.api.types.is_extension_array_dtype(cells.dtype):
            changed[name] = cells.astype(float)
        else:
            changed[name] = cells
    return pd.DataFrame(changed)


def shortest(frame: pd.DataFrame) -> pd.DataFrame:
    """A text file spells typed identifiers in their shortest form here."""
    if frame["study"].dtype == float:
        texts = [str(int(c)) if c.is_integer() else str(c) for c in frame["study"]]
        return frame.assign(study=texts)
    return frame


def csv(frame, folder):
    shortest(frame).to_csv(folder / "a.csv", index=False)
    return folder / "a.csv"


def semicolons(frame, folder):
    shortest(frame).to_csv(folder / "a.csv", index=False, sep=";")
    return folder / "a.csv"


def excel(frame, folder):
    texts_of(frame).to_excel(folder / "a.xlsx", index=False)
    return folder / "a.xlsx"


def spss(frame, folder):
    pyreadstat.write_sav(texts_of(frame), folder / "a.sav")
    return folder / "a.sav"


def stata(frame, folder):
    pyreadstat.write_dta(texts_of(frame), folder / "a.dta")
    return folder / "a.dta"


def parquet(frame, folder):
    frame.to_parquet(folder / "a.parquet", index=False)
    return folder / "a.parquet"


def two_parquets(frame, folder):
    frame.iloc[:20].to_parquet(folder / "a1.parquet", index=False)
    frame.iloc[20:].to_parquet(folder / "a2.parquet", index=False)
    return folder / "a*.parquet"


def feather(frame, folder):
    frame.to_feather(folder / "a.feather")
    return folder / "a.feather"


def arrow(frame, folder):
    import pyarrow

    return pyarrow.Table.from_pandas(frame, preserve_index=False)


def polars_frame(frame, folder):
    return polars.from_arrow(arrow(frame, folder))


def ibis_table(frame, folder):
    with sources.ibis_calls():
        return ibis.duckdb.connect().read_parquet(parquet(frame, folder))


PATHS = {
    "csv": csv,
    "csv by DuckDB": csv,
    "semicolons by DuckDB": semicolons,
    "excel": excel,
    "spss": spss,
    "stata": stata,
    "parquet by DuckDB": parquet,
    "two parquets by DuckDB": two_parquets,
    "parquet in memory": parquet,
    "feather": feather,
    "arrow": arrow,
    "polars": polars_frame,
    "ibis": ibis_table,
}
# What a path cannot hold, or holds in another sense.
IMPOSSIBLE = {
    # a frame of the user and a table of Ibis are typed: texts are no numbers there
    "ibis": {
        "texts", "texts with decimals", "texts of two kinds", "texts with zeros",
        "blanks and words for blanks", "plus signs", "minus signs",
    },
    "arrow": {"blanks and words for blanks", "minus signs"},
    "polars": {"blanks and words for blanks", "minus signs"},
    # Excel takes the first for a formula
    "excel": {"formulas"},
}  # fmt: skip


def expected_of(frame: pd.DataFrame) -> pd.DataFrame:
    """The table by this test's own reading of the answers, as plain floats."""
    clean = frame.copy()
    clean["study"] = [
        c.strip()
        if isinstance(c, str)
        else str(int(c))
        if float(c).is_integer()
        else str(c)
        for c in frame["study"]
    ]
    words = {"", "na", "n/a", ".", "-"}
    for name in ITEMS:
        clean[name] = [
            np.nan
            if c is None or c is pd.NA or c != c
            else (
                np.nan
                if isinstance(c, str) and c.strip().lower() in words
                else float(str(c).strip().replace("−", "-"))
                if isinstance(c, str)
                else float(c)
            )
            for c in frame[name].astype(object)
        ]
    return reliability_by_study(clean, study="study", items=ITEMS)


def compared(table: pd.DataFrame) -> pd.DataFrame:
    kept = table[TABLE].sort_values(["study_id", "scale"], ignore_index=True)
    return kept.astype(dict.fromkeys(("study_id", "sample_id"), object))


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("case", CASES)
def test_every_path_gives_the_same_table(case, path, tmp_path: Path, monkeypatch):
    if case in IMPOSSIBLE.get(path, ()):
        return
    frame = CASES[case]
    if "DuckDB" in path:
        monkeypatch.setattr(sources, "_WHOLE", 0)
    if path == "parquet in memory":
        monkeypatch.setattr(sources, "find_spec", lambda name: None)
    data = PATHS[path](frame, tmp_path)
    found = reliability_by_study(data, study="study", items=ITEMS)
    pd.testing.assert_frame_equal(
        compared(found),
        compared(expected_of(frame)),
        rtol=1e-12,
        atol=1e-13,
        check_dtype=False,
        check_column_type=False,
    )


def test_the_paths_are_those_they_claim_to_be(tmp_path, monkeypatch):
    """CSV and Parquet are queried where the test says so, and read where not."""
    frame = CASES["small integers"]
    assert isinstance(sources.open_source(csv(frame, tmp_path)), pd.DataFrame)
    monkeypatch.setattr(sources, "_WHOLE", 0)
    for write in (csv, semicolons, parquet, two_parquets):
        assert isinstance(sources.open_source(write(frame, tmp_path)), sources.Source)
    assert len(CASES) >= 40
