"""Coefficient tables on which the package was seen to fail (SIMULATED), both ways in.

Each file stands for a kind; `right_values.json` beside the files' origin says what has to
happen.
"""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from waistats import (
    DataError,
    check_coefficients,
    describe_coefficients,
    effect_sizes,
    fit_meta,
    generalize,
    read_coefficients,
)
from waistats.cli.app import main

HERE = Path(__file__).parent


def typed(capsys, *words):
    """Return exit code and what the command line says."""
    code = main([str(word) for word in words])
    out, err = capsys.readouterr()
    return code, out + err


def both_ways(name):
    """Return a table as it is read, and as a frame that a user made of the file."""
    return read_coefficients(HERE / name), pd.read_csv(HERE / name)


def test_blank_id_columns_equal_absent_ones(tmp_path, capsys):
    path = HERE / "blank_ids.csv"
    bare = tmp_path / "blank_ids.csv"
    frame = pd.read_csv(path)
    frame.drop(columns=["sample_id", "coefficient_id"]).to_csv(bare, index=False)
    for one, other in zip(both_ways("blank_ids.csv"), [bare, bare], strict=True):
        study = generalize(one)
        plain = generalize(read_coefficients(other))
        assert study.overall.k == plain.overall.k == 13
        assert study.main_rows["study_id"].nunique() == 10
        for name in ("effects", "cells", "descriptives", "leave_one_out", "influence"):
            pd.testing.assert_frame_equal(getattr(study, name), getattr(plain, name))
    pages = []
    for i, file in enumerate((path, bare)):
        out = tmp_path / f"out{i}"
        code, said = typed(capsys, "generalize", file, "--output", out)
        assert code == 0, said
        pages.append((out / "report.html").read_text(encoding="utf-8"))
    assert pages[0].count("<svg") == pages[1].count("<svg")
    # the file is named in the page: its hash differs, nothing else
    differ = [
        (a, b)
        for a, b in zip(pages[0].splitlines(), pages[1].splitlines(), strict=True)
        if a != b and not re.search(r"[0-9a-f]{16}", a)
    ]
    assert differ == []


def test_partly_blank_ids():
    frame = pd.read_csv(HERE / "blank_ids.csv").astype({"coefficient_id": object})
    frame.loc[0, "coefficient_id"] = "first"
    effects = effect_sizes(frame)
    assert list(effects["coefficient_id"][:3]) == ["first", "2", "3"]
    assert effects["coefficient_id"].is_unique
    frame = frame.astype({"sample_id": object})
    frame.loc[0, "sample_id"] = "s"
    assert list(effect_sizes(frame)["sample_id"][:2]) == ["s", ""]
    whole = generalize(pd.read_csv(HERE / "blank_ids.csv"))
    assert generalize(frame).overall.tau2 == pytest.approx(whole.overall.tau2)


def test_quoted_values_are_no_observations(tmp_path, capsys):
    for table in both_ways("induced.csv"):
        described = describe_coefficients(table)
        assert list(described["k"]) == [3]
        assert described["mean"][0] == pytest.approx(0.82)
        assert np.isnan(described["mode"][0])
        study = generalize(table)
        assert study.overall.k == 3
        assert "9" not in study.stem_and_leaf
        assert len(study.excluded) == 5
        assert set(effect_sizes(table)["yi"].notna()[:3]) == {True}
    code, said = typed(
        capsys, "generalize", HERE / "induced.csv", "--output", tmp_path / "out"
    )
    assert code == 0
    assert "3 coefficients of 3 studies can be pooled; 5 cannot" in said
    made = pd.read_csv(tmp_path / "out" / "tables" / "descriptives.csv")
    assert list(made["k"]) == [3]


def test_a_bare_omega_and_icc_are_set_aside(tmp_path, capsys):
    for table in both_ways("bare_omega.csv"):
        study = generalize(table)
        assert study.overall.k == 6
        assert list(study.excluded["coefficient_type"]) == ["omega_total", "icc"]
        assert study.excluded["reason"].str.contains("sampling variance").all()
        assert "omega total of Study 07, ICC of Study 08" in str(study)
        assert "Excluded because" in study._repr_html_()
    code, said = typed(
        capsys, "generalize", HERE / "bare_omega.csv", "--output", tmp_path / "out"
    )
    assert code == 0
    assert "Excluded because" in said
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert (
        "sampling variance unknown: a standard error, confidence limits, or the" in page
    )


def test_an_icc_with_its_form_gets_the_variance_of_its_law():
    table = read_coefficients(HERE / "bare_omega.csv")
    table["icc_form"], table["n_raters"] = None, np.nan
    table.loc[7, ["icc_form", "n_raters"]] = ["3,k", 3]
    effects = effect_sizes(table)
    # 2k/((k - 1)(n - 2)) on the scale of -ln(1 - r)
    assert effects["vi"][7] == pytest.approx(2 * 3 / (2 * 127))
    table.loc[7, "icc_form"] = "ICC(3,1)"
    r, n, k = 0.904, 129, 3
    v = 2 * (1 - r) ** 2 * (1 + (k - 1) * r) ** 2 / (k * (k - 1) * (n - 1))
    assert effect_sizes(table)["vi"][7] == pytest.approx(v / (1 - r) ** 2)


def test_kinds_have_one_word(tmp_path, capsys):
    for table in both_ways("type_spellings.csv"):
        effects = effect_sizes(table)
        assert effects["yi"].notna().all()
        assert (effects["coefficient_type"] == "alpha").sum() == 6
        assert (effects["coefficient_type"] == "kr20").sum() == 3
        assert generalize(table).overall.k == 9
    code, said = typed(
        capsys, "generalize", HERE / "type_spellings.csv", "--output", tmp_path / "out"
    )
    assert code == 0
    assert "9 coefficients of 9 studies can be pooled; 0 cannot" in said
    code, said = typed(capsys, "check", HERE / "type_spellings.csv")
    assert code == 0
    assert "'Coefficient alpha' as 'alpha'" in said


@pytest.mark.parametrize("name", ["mean.age", "age (years)", "Age, mean", "% women"])
def test_moderators_of_any_name(name, tmp_path, capsys):
    for table in both_ways("moderator_names.csv"):
        fit = fit_meta(effect_sizes(table), f"~ `{name}`", missing_moderators="drop")
        assert fit.k == (9 if name == "mean.age" else 12)
        assert fit.design.names == ("Intercept", name)
        study = generalize(table, f"~ `{name}`", missing_moderators="drop")
        assert study.moderator_model.k == fit.k
    code, said = typed(
        capsys, "generalize", HERE / "moderator_names.csv", "--moderators",
        f"~ `{name}`", "--missing-moderators", "drop", "--output", tmp_path / "out",
    )  # fmt: skip
    assert code == 0, said
    assert name in said
    assert ("Study 03, Study 06, Study 10" in said.replace(" (no mean.age)", "")) == (
        name == "mean.age"
    )


def test_blanks_and_numbers_with_signs_are_named(tmp_path, capsys):
    for table in both_ways("moderator_names.csv"):
        effects = effect_sizes(table)
        with pytest.raises(DataError, match=r"Study 03.*Study 06.*Study 10.*drop"):
            fit_meta(effects, "~ `mean.age`")
        with pytest.raises(DataError, match=r"'10\*'.*Study 05.*'30 mg'.*Study 07"):
            fit_meta(effects, "~ dose")
        assert fit_meta(effects, "~ C(dose)").design.X.shape == (12, 6)
    out = tmp_path / "out"
    for moderator, words in {
        "~ `mean.age`": "--missing-moderators drop",
        "~ mean.age": "`mean.age`",
        "~ dose": "'10*' (study_id Study 05)",
    }.items():
        code, said = typed(
            capsys, "generalize", HERE / "moderator_names.csv", "--moderators",
            moderator, "--output", out,
        )  # fmt: skip
        assert code == 2
        assert words in said
        assert not out.exists()


FINDINGS = {
    "total_row.csv": ("line 26", "'Total' looks like a summary row"),
    "quotes.csv": ("line 2", "quoted cell of 3 lines, 2 of which look like rows"),
    "study_spelling.csv": (
        "table",
        r"'Smith 2001' / 'smith 2001', 'Lee 2010' / 'Lee  ",
    ),
    "silent_induction.csv": (
        "table",
        "exactly 0.93 in 6 of 12 rows at n from 52 to 258",
    ),
}


@pytest.mark.parametrize(("name", "finding"), FINDINGS.items())
def test_what_a_check_sees(name, finding, tmp_path, capsys):
    where, words = finding
    found = check_coefficients(HERE / name)
    hit = found[found["finding"].str.contains(words, regex=False)]
    assert list(hit["severity"]) == ["warning"]
    assert list(hit["where"]) == [where]
    code, said = typed(capsys, "check", HERE / name)
    assert code == 0
    assert words in said
    # nothing doubtful gets in without a word
    assert words in str(generalize(read_coefficients(HERE / name)))
    code, said = typed(capsys, "generalize", HERE / name, "--output", tmp_path / "out")
    assert code == 0
    assert words in said


def test_kim_2015_and_kim_2016_are_two_studies():
    found = check_coefficients(HERE / "study_spelling.csv")
    assert not found["finding"].str.contains("Kim").any()


def test_labelled_numbers_are_categories():
    table = read_coefficients(HERE / "labelled_moderator.sav")
    fit = fit_meta(effect_sizes(table), "~ lang")
    assert next(iter(fit.to_frame()["term"])) == "Intercept"
    assert len(fit.to_frame()) == 3
    assert "English" not in " ".join(fit.to_frame()["term"])
