"""Files of responses as people have them: right values at the command line and in Python.

The files are SIMULATED; each stands for a kind of file on which an earlier version failed.
"""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import waistats as ws
from waistats import DataError
from waistats.cli import main

HERE = Path(__file__).parent
RIGHT = json.loads((HERE / "right_values.json").read_text(encoding="utf-8"))
WORDS = "Seldom,Sometimes,Fairly often,Very often,Always"


def run(capsys, tmp_path, name, *options):
    """Return exit code, what was printed, and the table that alpha wrote."""
    out = tmp_path / "out"
    shutil.rmtree(out, ignore_errors=True)
    typed = [str(HERE / name), *map(str, options)]
    code = main(["alpha", *typed, "--output", str(out)])
    said = capsys.readouterr()
    table = None
    if (out / "coefficients.csv").exists():
        table = pd.read_csv(out / "coefficients.csv", dtype={"study_id": str})
    return code, said.out + said.err, table


def right(name: str, what: str) -> dict[str, float]:
    return RIGHT[name][what]


def agrees(table, expected, column="study_id"):
    total = table[table["scale"] == "total"]
    found = dict(zip(total[column], total["estimate"], strict=True))
    assert list(found) == list(expected) or set(found) == set(expected)
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=1e-12), name


def both(capsys, tmp_path, name, typed, options, expected, read=None):
    """Command line and Python give the right values; return what was said."""
    code, said, table = run(capsys, tmp_path, name, *typed)
    assert code == 0, said
    agrees(table, expected)
    frame = ws.read_responses(HERE / name, **(read or {}))
    agrees(ws.reliability_by_study(frame, **options), expected)
    assert not re.search(r"\w+=[(\[\"'{]|\w+\(\)", said), said
    return said


def stops(capsys, tmp_path, name, typed, options, *words, read=None):
    """Both stop, exit 2, nothing written; each names options in its own words."""
    code, said, table = run(capsys, tmp_path, name, *typed)
    assert code == 2
    assert table is None
    assert not (tmp_path / "out").exists()
    with pytest.raises(DataError) as error:
        ws.reliability_by_study(
            ws.read_responses(HERE / name, **(read or {})), **options
        )
    for word in words:
        assert word in said
        assert word in str(error.value)
    assert "--" not in str(error.value)
    return said, str(error.value)


def test_qualtrics(capsys, tmp_path):
    expected = right("qualtrics.csv", "total alpha by site")
    both(
        capsys,
        tmp_path,
        "qualtrics.csv",
        ["--study", "site", "--items", "Q5_", "--labels", WORDS],
        {"study": "site", "items": "Q5_"},
        expected,
        read={"labels": WORDS.split(",")},
    )
    code, said, table = run(
        capsys, tmp_path, "qualtrics.csv", "--study", "site", "--instrument", "WAI-SR",
        "--labels", WORDS,
    )  # fmt: skip
    assert code == 0, said
    agrees(table, expected)


def test_numbered_words(capsys, tmp_path):
    expected = right(
        "numbered_words.csv", "alpha by site, 'Prefer not to say' missing, listwise"
    )
    both(
        capsys,
        tmp_path,
        "numbered_words.csv",
        ["--study", "site", "--items", "q1-q6"],
        {"study": "site", "items": "q"},
        expected,
    )


def test_codes_that_are_not_declared(capsys, tmp_path):
    name, options = "codes_undeclared.csv", {"study": "site", "items": "q"}
    typed = ["--study", "site", "--items", "q"]
    said, message = stops(capsys, tmp_path, name, typed, options, "99, -9")
    assert "--missing-codes 99,-9" in said
    assert "missing_codes=(99, -9)" in message
    # the file's own row
    assert "row 46: 99" in said
    lines = (HERE / name).read_text().splitlines()
    assert "99" in lines[46 - 1].split(",")
    expected = right(name, "alpha by site without the codes, listwise")
    both(
        capsys,
        tmp_path,
        name,
        [*typed, "--missing-codes", "99,-9"],
        options | {"missing_codes": (99, -9)},
        expected,
    )
    inspection = ws.inspect_responses(HERE / name, study="site")
    assert not inspection.ok
    assert inspection.to_frame()["finding"].tolist() == ["missing_codes"]
    # as answers after all
    code, said, _ = run(capsys, tmp_path, name, *typed, "--response-range=-9:99")
    assert code == 0
    code, said, _ = run(capsys, tmp_path, name, *typed, "--accept", "missing_codes")
    assert code == 0
    assert "Accepted by the user" in said


def test_codes_whose_labels_say_so(capsys, tmp_path):
    said = both(
        capsys,
        tmp_path,
        "codes_labelled.sav",
        ["--study", "site", "--items", "q"],
        {"study": "site", "items": "q"},
        right("codes_labelled.sav", "alpha by site; study_id is North, South, East"),
    )
    assert "3 answers 99 are missing: the value label is 'no answer'" in said
    assert "-9 is missing: the value label is 'refused'" in said


def test_items_with_a_gap(capsys, tmp_path):
    name = "gap_in_items.csv"
    typed = ["--study", "site", "--items", "q"]
    said, message = stops(
        capsys, tmp_path, name, typed, {"study": "site", "items": "q"}, "q10", "7 to 9"
    )
    assert "--items q1-q6" in said
    assert 'items="q1-q6"' in message
    with pytest.raises(DataError, match="q10"):
        ws.reliability_by_study(HERE / name, study="site")
    assert main(["alpha", str(HERE / name), "--study", "site"]) == 2
    assert "q1-q6 (not q10" in capsys.readouterr().err
    value = RIGHT[name]["alpha of q1-q6 (q10 is the age)"]
    for items in ("q1-q6", "q1,q2,q3,q4,q5,q6"):
        code, said, table = run(
            capsys, tmp_path, name, "--study", "site", "--items", items
        )
        assert code == 0, said
        assert table["estimate"].tolist() == [pytest.approx(value, rel=1e-12)]
    table = ws.reliability_by_study(HERE / name, study="site", items=["q1-q6"])
    assert table["estimate"].tolist() == [pytest.approx(value, rel=1e-12)]


@pytest.mark.parametrize(
    ("name", "state", "flag"),
    [
        ("keyed_already.csv", "already reverse-scored", "--already-keyed"),
        ("keyed_not.csv", "not reverse-scored yet", "--not-keyed"),
    ],
)
def test_the_state_of_the_key_is_found(capsys, tmp_path, name, state, flag):
    expected = right(name, "WAI-S total alpha by study, either way")
    typed = ["--study", "study_id", "--instrument", "WAI-S"]
    options = {"study": "study_id", "instrument": "WAI-S"}
    said = both(capsys, tmp_path, name, typed, options, expected)
    assert state in said
    stated = flag == "--already-keyed"
    both(
        capsys,
        tmp_path,
        name,
        [*typed, flag],
        options | {"already_keyed": stated},
        expected,
    )
    wrong = "--not-keyed" if stated else "--already-keyed"
    said, message = stops(
        capsys,
        tmp_path,
        name,
        [*typed, wrong],
        options | {"already_keyed": not stated},
        "wai4, wai10",
        "key_contradicted",
    )
    assert flag in said
    assert f"already_keyed={stated}" in message
    by_study = options | {"already_keyed": {"S1": stated, "S2": None}}
    agrees(
        ws.reliability_by_study(ws.read_responses(HERE / name), **by_study), expected
    )
    # from a query of the file
    agrees(ws.reliability_by_study(HERE / name, **options), expected)


def test_an_item_that_was_not_reversed(capsys, tmp_path):
    name = "one_unreversed.csv"
    typed = ["--study", "study_id", "--items", "wai"]
    options = {"study": "study_id", "items": "wai"}
    said = both(
        capsys, tmp_path, name, typed, options, right(name, "as it stands, by study")
    )
    after = right(name, "item wai7 reverse-scored")
    line = next(line for line in said.splitlines() if "wai7" in line)
    for value in after.values():
        assert f"{value:.3f}".lstrip("0") in line
    assert "--reverse wai7" in line
    both(
        capsys,
        tmp_path,
        name,
        [*typed, "--reverse", "wai7"],
        options | {"reverse": "wai7"},
        after,
    )
    frame = ws.inspect_responses(HERE / name, study="study_id").to_frame()
    assert frame["finding"].tolist() == ["against_scale"]
    assert frame["where"].tolist() == ["wai7"]


def test_an_encoding_that_is_not_utf8(capsys, tmp_path):
    name = "cyrillic_cp1251.csv"
    expected = right(name, "alpha by site")
    typed = ["--study", "site", "--items", "q", "--encoding", "cp1251"]
    code, said, table = run(capsys, tmp_path, name, *typed)
    assert code == 0, said
    agrees(table, expected)
    frame = ws.read_responses(HERE / name, encoding="cp1251")
    agrees(ws.reliability_by_study(frame, study="site", items="q"), expected)


def test_identifiers_that_look_like_numbers(capsys, tmp_path):
    name = "ids_like_numbers.csv"
    expected = right(name, "three studies")
    both(
        capsys,
        tmp_path,
        name,
        ["--study", "site", "--items", "q"],
        {"study": "site", "items": "q"},
        expected,
    )
    agrees(ws.reliability_by_study(HERE / name, study="site", items="q"), expected)


CLINIC = {
    "study": "site",
    "by": "session",
    "person": "client",
    "raters": {"client": "WAI_C_", "therapist": "wait"},
    "instrument": "WAI-SR",
}
CLINIC_TYPED = [
    *("--study", "site", "--by", "session", "--person", "client"),
    *("--rater", "client=WAI_C_", "--rater", "therapist=wait"),
    *("--instrument", "WAI-SR"),
]


def test_two_raters_two_sessions(capsys, tmp_path):
    name = "clinic.sav"
    code, said, written = run(capsys, tmp_path, name, *CLINIC_TYPED)
    assert code == 0, said
    table = ws.reliability_by_study(ws.read_responses(HERE / name), **CLINIC)
    for found in (written, table):
        assert found["coefficient_id"].is_unique
        total = found[found["scale"] == "total"]
        cell = total["study_id"] + ", " + total["session"]
        for rater, what in (
            ("client", "client total alpha, site x session, blank row dropped, the "
             "duplicate case once"),
            ("therapist", "therapist"),
        ):  # fmt: skip
            own = total["rater"] == rater
            values = dict(zip(cell[own], total.loc[own, "estimate"], strict=True))
            expected = RIGHT[name][what]
            assert set(values) == set(expected)
            for key, value in expected.items():
                assert values[key] == pytest.approx(value, rel=1e-12)
        own = total["rater"] == "client"
        n = dict(zip(cell[own], total.loc[own, "n"], strict=True))
        assert n == RIGHT[name]["n, client, listwise"]
        # persons counted once: a site is one sample of the same people
        assert found["sample_id"].nunique() == 2
        most = found.groupby("sample_id")["n"].max().sum()
        assert most == RIGHT[name]["persons"]
    assert "row 31" in said
    assert "1 row repeats a person with the same answers, counted once: P007" in said
    agreed = {record["finding"]: record["by"] for record in table.attrs["intake"]}
    assert agreed["identical_repeats"] == agreed["blank_id"] == "data"


def test_alphas_of_the_same_persons_covary(capsys, tmp_path):
    """The computed covariance, by hand from influence functions of two sessions."""
    name = "clinic.sav"
    _, _, written = run(capsys, tmp_path, name, *CLINIC_TYPED)
    pairs = pd.read_csv(tmp_path / "out" / "covariance.csv")
    table = ws.reliability_by_study(ws.read_responses(HERE / name), **CLINIC)
    block = np.array(table.attrs["V"]["Kiel"])
    own = table[table["study_id"] == "Kiel"].reset_index(drop=True)
    assert np.linalg.eigvalsh(block).min() > -1e-12

    frame = ws.read_responses(HERE / name)
    frame = frame[frame["site"] == 2].drop_duplicates(["client", "session"])
    items = {
        "client": [f"WAI_C_{i}" for i in range(1, 13)],
        "therapist": [f"wait{i}" for i in range(1, 13)],
    }

    def influence(rater: str, session: int) -> pd.Series:
        part = frame[frame["session"] == session].set_index("client")[items[rater]]
        part = part.dropna().astype(float)
        x = part - part.mean()
        m, n = 12, len(x)
        t, u = x.sum(axis=1), (x**2).sum(axis=1)
        spread, variance = u.sum() / (n - 1), (t**2).sum() / (n - 1)
        raw = m / (m - 1) * (spread * t**2 - variance * u) / variance**2
        alpha = m / (m - 1) * (1 - spread / variance)
        return raw / (1 - alpha) / np.sqrt(n * (n - 1))

    for first, second in (
        (("client", 3), ("client", 10)),
        (("client", 3), ("therapist", 3)),
        (("client", 10), ("therapist", 3)),
    ):
        expected = (influence(*first) * influence(*second)).dropna().sum()
        at = [
            own.index[
                (own["rater"] == rater)
                & (own["session"] == f"session {session}")
                & (own["scale"] == "total")
            ][0]
            for rater, session in (first, second)
        ]
        assert block[at[0], at[1]] == pytest.approx(expected, rel=1e-9)
        ids = set(own["coefficient_id"].iloc[at])
        chosen = [
            {a, b} == ids
            for a, b in zip(pairs["coefficient_id"], pairs["other_id"], strict=True)
        ]
        assert pairs.loc[chosen, "covariance"].tolist() == [pytest.approx(expected)]
    assert set(pairs["coefficient_id"]) <= set(written["coefficient_id"])


def test_the_same_person_with_other_answers_stops(capsys, tmp_path):
    options = {name: of for name, of in CLINIC.items() if name != "by"}
    typed = [word for word in CLINIC_TYPED if word not in ("--by", "session")]
    said, message = stops(
        capsys, tmp_path, "clinic.sav", typed, options, "50 persons", "P000"
    )
    assert "--by" in said
    assert "by=" in message
    code, said, _ = run(
        capsys, tmp_path, "clinic.sav", *typed, "--accept", "repeated_person"
    )
    assert code == 0
    typed = [word for word in typed if word not in ("--person", "client")]
    code, said, _ = run(capsys, tmp_path, "clinic.sav", *typed)
    assert code == 0
    assert "client looks like a person identifier" in said
    assert "--person client" in said


def test_the_filter_variable_of_spss(capsys, tmp_path):
    name = "filtered.sav"
    typed, options = (
        ["--study", "site", "--items", "q"],
        {"study": "site", "items": "q"},
    )
    everyone = {"A": RIGHT[name]["without, n 60, with a warning that names filter_$"]}
    said = both(capsys, tmp_path, name, typed, options, everyone)
    assert "filter_$, the filter variable of SPSS" in said
    assert "--where 'filter_$ == 1'" in said
    chosen = {"A": RIGHT[name]["with --where 'filter_$ == 1', n 40"]}
    both(
        capsys,
        tmp_path,
        name,
        [*typed, "--where", "filter_$ == 1"],
        options | {"where": "filter_$ == 1"},
        chosen,
    )


def test_impossible_pairwise_covariances(capsys, tmp_path):
    """Never an alpha above 1, a negative error or limits in the wrong order."""
    name = "pairwise_impossible.csv"
    frame = pd.read_csv(HERE / name)
    with pytest.raises(DataError, match="semidefinite"):
        ws.cronbach_alpha(frame, missing="pairwise")
    frame.insert(0, "study", "A")
    frame.to_csv(tmp_path / "file.csv", index=False)
    options = {"study": "study", "items": ["a", "b", "c"], "missing": "pairwise"}
    table = ws.reliability_by_study(frame, **options)
    typed = ["--study", "study", "--items", "a,b,c", "--missing", "pairwise"]
    code = main(["alpha", str(tmp_path / "file.csv"), *typed])
    printed = capsys.readouterr().out
    assert code == 0
    for _, row in table.iterrows():
        assert row["status"] == "not_poolable"
        assert np.isnan(row["estimate"])
        assert "pairwise" in row["reason"] or "semidefinite" in row["reason"]
    assert "semidefinite" in printed


def test_check_takes_files_of_responses(capsys):
    file = str(HERE / "codes_undeclared.csv")
    assert main(["check", file]) == 2
    said = capsys.readouterr().out
    assert "stop: 99, -9 among answers" in said
    assert "1 stop, 0 warnings, 0 notes" in said
    assert main(["check", file, "--study", "site", "--missing-codes", "99,-9"]) == 0
    assert main(["check", str(HERE / "clinic.sav"), *CLINIC_TYPED]) == 0
    assert "identical_repeats" in capsys.readouterr().out
    assert main(["check", str(HERE / "total_row.csv")]) == 0
    assert "0 errors" in capsys.readouterr().out


def test_items_shows_the_item_total_table(capsys):
    file = str(HERE / "one_unreversed.csv")
    assert main(["items", file, "--instrument", "WAI-S"]) == 0
    said = capsys.readouterr().out
    frame = ws.read_responses(file)
    items = [f"wai{i}" for i in range(1, 13)]
    expected = ws.item_statistics(frame[items])
    row = expected.set_index("item").loc["wai7"]
    assert f"{row['alpha_if_dropped']:.3f}" in said
    assert f"{row['item_rest_correlation']:.3f}" in said
    assert "item wai7 should not correlate negatively with the rest." in said
    assert "--reverse wai7" in said
