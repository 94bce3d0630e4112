"""The R code of a report, run by R, gives the numbers of the report."""

import hashlib
import json
import os
import re
import runpy
import shutil
import subprocess
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from waistats import effect_sizes, fit_meta, generalize, load_dataset, read_coefficients
from waistats.datasets.simulated_studies import simulate_literature
from waistats.report.code import covariance_frame, csv_bytes, python_code, r_code
from waistats.report.method import methods_paragraphs
from waistats.report.render_html import study_page

# what R printed when it last ran this code, for machines without R
STORED = Path(__file__).with_name("r_runs.json")


NEEDED = ("metafor", "clubSandwich", "jsonlite")


# metafor's optimisers stop earlier than ours
RTOL = 2e-5


@cache
def rscript():
    """Return the path of R with what the code needs, or None.

    With WAISTATS_REQUIRE_R=1 its absence is a failure.
    """
    path = shutil.which("Rscript")
    missing = "R is not installed" if path is None else ""
    if path is not None:
        test = " && ".join(f"requireNamespace('{p}', quietly=TRUE)" for p in NEEDED)
        code = f"quit(status = if ({test}) 0 else 1)"
        if subprocess.run([path, "-e", code], capture_output=True).returncode:
            missing = f"R lacks one of {', '.join(NEEDED)}"
    if missing and os.environ.get("WAISTATS_REQUIRE_R") == "1":
        pytest.fail(missing)
    return None if missing else path


def key_of(code, wanted):
    """Return the key of a run: the code with its numbers to nine digits."""
    plain = re.sub(r"\d+\.\d+(e-?\d+)?", lambda m: f"{float(m[0]):.9g}", code)
    text = json.dumps([plain, wanted], sort_keys=True)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:20]


def run_r(code, wanted, tmp_path):
    """Run code and return named expressions as numbers.

    Without R these are the numbers of the stored run of the same code; a code that was
    never run fails. WAISTATS_STORE_R=1 (and no parallel run) stores what R prints.
    """
    key = key_of(code, wanted)
    stored = json.loads(STORED.read_text(encoding="utf-8"))
    if rscript() is None:
        if key not in stored["runs"]:
            pytest.fail("no stored run of this R code: run with WAISTATS_STORE_R=1")
        return {k: np.array(v) for k, v in stored["runs"][key].items()}
    pairs = ", ".join(f"{name} = as.numeric({text})" for name, text in wanted.items())
    versions = ", ".join(f"packageVersion('{p}')" for p in NEEDED)
    script = tmp_path / "again.R"
    text = (
        f"{code}\ncat(jsonlite::toJSON(list({pairs}), digits = 17))\n"
        f"cat('\\n', format(getRversion()), sapply(list({versions}), format))\n"
    )
    script.write_text(text, encoding="utf-8")
    done = subprocess.run(
        [rscript(), "--vanilla", str(script)],
        capture_output=True,
        encoding="utf-8",
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    *_, printed, software = done.stdout.rstrip().splitlines()
    found = json.loads(printed)
    if os.environ.get("WAISTATS_STORE_R") == "1":
        stored["source"] = dict(zip(("R", *NEEDED), software.split(), strict=True))
        stored["runs"] = dict(sorted({**stored["runs"], key: found}.items()))
        text = json.dumps(stored, indent=1, sort_keys=True) + "\n"
        STORED.write_text(text, encoding="utf-8")
    return {k: np.array(v) for k, v in found.items()}


@pytest.mark.parametrize(
    ("measure", "method", "level"),
    [
        ("bonett", "REML", 0.95),
        ("hakstian-whalen", "DL", 0.9),
        ("raw", "PM", 0.95),
        ("bonett", "CE", 0.95),
        ("bonett", "SJ", 0.95),
    ],
)
def test_one_level(measure, method, level, tmp_path):
    study = generalize(
        load_dataset("cesd"), measure=measure, method=method, conf_level=level
    )
    wanted = {
        "fit": "c(res$b, res$se, res$tau2, res$QE, res$I2)",
        "alpha": "c(with(predict(res, transf = back), c(pred, ci.lb, ci.ub)), prediction)",
    }
    if method == "CE":
        wanted["alpha"] = wanted["alpha"].replace(", prediction", "")
    found = run_r(r_code(study), wanted, tmp_path)
    fit = study.overall
    ours = [fit.estimate, fit.se, fit.tau2, fit.Q, fit.I2]
    np.testing.assert_allclose(found["fit"], ours, rtol=RTOL)
    row = study.pooled.row()
    names = ["estimate", "ci_low", "ci_high", "pi_low", "pi_high"]
    ours = [row[name] for name in names[: len(found["alpha"])]]
    np.testing.assert_allclose(found["alpha"], ours, rtol=RTOL)


@pytest.mark.parametrize("correlation", [None, 0.5])
@pytest.mark.parametrize("name", ["wai", "mibs"])
def test_three_levels(name, correlation, tmp_path):
    study = generalize(load_dataset(name), within_correlation=correlation)
    assert study.pooled.robust is not None
    wanted = {
        "sigma2": "res$sigma2",
        "alpha": "predict(res, transf = back)$pred",
        "interval": "back(c(robust$CI_L, robust$CI_U))",
        "prediction": "prediction",
    }
    found = run_r(r_code(study), wanted, tmp_path)
    row = study.pooled.row()
    sigma2 = study.overall.components["sigma2"]
    np.testing.assert_allclose(found["sigma2"], sigma2, rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(found["alpha"], row["estimate"], rtol=RTOL)
    ours = [row["ci_low"], row["ci_high"]]
    np.testing.assert_allclose(found["interval"], ours, rtol=1e-4)
    ours = [row["pi_low"], row["pi_high"]]
    np.testing.assert_allclose(found["prediction"], ours, rtol=1e-4)


def test_moderators(tmp_path):

    table = read_coefficients(simulate_literature().table)
    study = generalize(table, "~ rater + np.log(n_items) + I(score_sd)")
    assert "is not written in R" not in r_code(study)
    found = run_r(r_code(study), {"b": "mod$b", "se": "mod$se"}, tmp_path)
    frame = study.moderator_model.to_frame()
    np.testing.assert_allclose(found["b"], frame["estimate"], rtol=RTOL)
    np.testing.assert_allclose(found["se"], frame["se"], rtol=RTOL)


def test_moderators_of_dependent_coefficients(tmp_path):
    study = generalize(load_dataset("mibs"), "~ year")
    found = run_r(r_code(study), {"b": "mod$b", "se": "mod$se"}, tmp_path)
    frame = study.moderator_model.to_frame()
    # an intercept at the year 0 is known less well than the slope
    np.testing.assert_allclose(found["b"], frame["estimate"], rtol=1e-3)
    # the model's own; what is printed is clubSandwich's
    own = np.sqrt(np.diag(study.moderator_model.cov))
    np.testing.assert_allclose(found["se"], own, rtol=1e-3)
    robust = {"se": 'coef_test(mod, vcov = "CR2", cluster = dat$study_id)$SE'}
    found = run_r(r_code(study), robust, tmp_path)
    np.testing.assert_allclose(found["se"], frame["se"], rtol=2e-3)


def test_several_moderators_of_dependent_coefficients_are_tested_at_once(tmp_path):
    rows = load_dataset("mibs").assign(first=lambda t: (t["year"] < 2015).astype(int))
    study = generalize(rows, "~ year + first")
    code = r_code(study)
    wald = code.rpartition("Wald_test")[2]
    assert "constrain_zero(2:3)" in wald
    test = f"Wald_test{wald}".strip()
    wanted = {"F": f"({test})$Fstat", "df": f"({test})$df_denom"}
    found = run_r(code, wanted, tmp_path)
    ours = study.moderator_model.omnibus
    np.testing.assert_allclose(found["F"], ours.statistic, rtol=2e-3)
    np.testing.assert_allclose(found["df"], ours.df_denominator, rtol=2e-3)


def test_names_that_r_would_read_otherwise(tmp_path):
    table = load_dataset("cesd")
    table["study_id"] = [f'a"b\\n{i}\n' for i in range(len(table))]
    study = generalize(table)
    found = run_r(r_code(study), {"k": "length(unique(dat$study_id))"}, tmp_path)
    assert found["k"] == 9


def test_what_r_has_not_is_said():
    assert r_code(generalize(load_dataset("cesd"), measure="fisher-z")) == ""
    study = generalize(load_dataset("mibs"), "~ poly(year, 2)")
    assert "# The model with ~ poly(year, 2) is not written in R here." in r_code(study)


@pytest.mark.parametrize(("bias", "term"), [("exact", "half"), ("bonett", "log")])
def test_a_bias_correction_is_in_both_codes(bias, term, tmp_path):
    table = load_dataset("cesd")
    study = generalize(table, bias=bias)
    own = fit_meta(effect_sizes(table, bias=bias))
    assert study.overall.estimate == pytest.approx(own.estimate, rel=1e-12)
    assert f"bias='{bias}'" in python_code(study)
    assert f"{term}(" in r_code(study).split("escalc")[1]
    found = run_r(r_code(study), {"estimate": "res$beta", "se": "res$se"}, tmp_path)
    assert found["estimate"] == pytest.approx([own.estimate], rel=RTOL)
    words = " ".join(methods_paragraphs(study))
    assert "less the bias of that scale" in words
    assert "less the bias" not in " ".join(methods_paragraphs(generalize(table)))


@pytest.mark.parametrize("prediction", ["metafor", "confidence-distribution"])
def test_the_python_code_is_python_with_every_option(prediction):
    study = generalize(
        load_dataset("cesd"),
        prediction=prediction,
        candidates=["year"],
        conf_level=0.9,
        bias="exact",
    )
    compile(python_code(study), "again.py", "exec")
    assert python_code(study).count("prediction=") == (prediction == "metafor")


def kinds_of_tables():
    """Return tables of every kind that the code has to write down."""
    cesd = load_dataset("cesd")
    blank = cesd.assign(coefficient_id=["", None, *cesd["coefficient_id"][2:]])
    mibs = load_dataset("mibs").assign(scale=lambda t: t["scale"].fillna("total"))
    more = cesd.assign(
        scale="positive affect", n_items=4, estimate=cesd["estimate"] - 0.2
    )
    more["coefficient_id"] = [f"s{i}" for i in range(len(more))]
    retest = cesd.assign(coefficient_type="test_retest", estimate=0.7)
    retest["coefficient_id"] = [f"r{i}" for i in range(len(retest))]
    return {
        "blank ids": blank,
        "blank ids of dependent coefficients": mibs.assign(coefficient_id=""),
        "subscales": pd.concat([cesd, more], ignore_index=True),
        "kinds of coefficients": pd.concat([cesd, retest], ignore_index=True),
    }


@pytest.mark.parametrize("kind", list(kinds_of_tables()))
def test_every_kind_of_table(kind, tmp_path):
    study = generalize(kinds_of_tables()[kind])
    several = study.pooled.dependent
    wanted = {
        "k": "nrow(dat)",
        "tau2": "sum(res$sigma2)" if several else "res$tau2",
        "alpha": "predict(res, transf = back)$pred",
        "prediction": "prediction",
    }
    found = run_r(r_code(study), wanted, tmp_path)
    row = study.pooled.row()
    assert found["k"] == study.overall.k
    tau2 = study.overall.components["sigma2"].sum() if several else study.overall.tau2
    np.testing.assert_allclose(found["tau2"], tau2, rtol=1e-3)
    np.testing.assert_allclose(found["alpha"], row["estimate"], rtol=RTOL)
    ours = [row["pi_low"], row["pi_high"]]
    np.testing.assert_allclose(found["prediction"], ours, rtol=1e-4)


@pytest.mark.parametrize("kind", [*kinds_of_tables(), "known covariance"])
def test_python_code_of_every_kind_of_table(kind, tmp_path, monkeypatch):
    tables = kinds_of_tables() | {"known covariance": load_dataset("mibs")}
    table = tables[kind]
    V = shared(table) if kind == "known covariance" else None
    study = generalize(table, V=V)
    csv = csv_bytes(study.coefficients)
    (tmp_path / "coefficients.csv").write_bytes(csv)
    if V is not None:
        pairs = csv_bytes(covariance_frame(study))
        (tmp_path / "covariance.csv").write_bytes(pairs)
    monkeypatch.chdir(tmp_path)
    code = python_code(study).partition("print(study)")[0]
    named = {}
    exec(compile(code, "again.py", "exec"), named)
    again = named["study"]
    for name in ("summary", "to_frame"):
        pd.testing.assert_frame_equal(
            getattr(again, name)(), getattr(study, name)(), rtol=1e-9
        )
    assert (study.V is None) == (again.V is None)


def shared(table):
    """Return a covariance in which coefficients of a study correlate .3."""
    effects = effect_sizes(table)
    V = np.diag(effects["vi"].to_numpy(dtype=float))
    same = effects["study_id"].to_numpy()[:, None] == effects["study_id"].to_numpy()
    sei = np.sqrt(np.diag(V))
    assert effects["yi"].notna().all()
    return np.where(same & ~np.eye(len(V), dtype=bool), 0.3 * np.outer(sei, sei), V)


def test_known_covariance_of_shared_respondents(tmp_path):
    table = load_dataset("mibs")
    study = generalize(table, V=shared(table))
    found = run_r(
        r_code(study), {"alpha": "predict(res, transf = back)$pred"}, tmp_path
    )
    np.testing.assert_allclose(
        found["alpha"], study.pooled.row()["estimate"], rtol=RTOL
    )


@pytest.mark.slow
def test_python_code_makes_it_again(tmp_path, monkeypatch, capsys):
    study = generalize(
        load_dataset("mibs"),
        "~ year",
        by=("instrument",),
        method="ML",
        conf_level=0.9,
        candidates=["year"],
        title="scores of 'a' scale",
    )
    code = python_code(study)
    study.coefficients.to_csv(tmp_path / "coefficients.csv", index=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "again.py").write_text(code, encoding="utf-8")
    made = runpy.run_path(str(tmp_path / "again.py"))["study"]
    assert capsys.readouterr().out.strip() == str(study)
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == study_page(study)
    pd.testing.assert_frame_equal(
        made.moderator_model.to_frame(), study.moderator_model.to_frame()
    )
