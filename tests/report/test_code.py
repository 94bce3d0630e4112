"""The R code of a report, run by R, gives the numbers of the report."""

import hashlib
import json
import os
import re
import runpy
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from report_studies import simulated

from waistats import effect_sizes, fit_meta, generalize, load_dataset, read_coefficients
from waistats.datasets.simulated_studies import simulate_literature
from waistats.report.code import (
    covariance_frame,
    csv_bytes,
    python_code,
    r_code,
    r_parts,
)
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
    """Run code and return named expressions as numbers; see `run_every`."""
    return run_every({"it": (code, wanted)}, tmp_path)["it"]


def run_every(codes, tmp_path):
    """Run codes after each other in one R and return the expressions of each.

    Without R these are the numbers of the stored runs of the same code; a code that was
    never run fails. WAISTATS_STORE_R=1 (and no parallel run) stores what R prints.
    """
    keys = {name: key_of(*pair) for name, pair in codes.items()}
    stored = json.loads(STORED.read_text(encoding="utf-8"))
    if rscript() is None:
        if absent := [name for name in codes if keys[name] not in stored["runs"]]:
            pytest.fail(f"no stored run of {absent}: run with WAISTATS_STORE_R=1")
        return {
            name: {k: np.array(v) for k, v in stored["runs"][key].items()}
            for name, key in keys.items()
        }
    lines = ["found <- list()"]
    for name, (code, wanted) in codes.items():
        pairs = ", ".join(f"{k} = as.numeric({text})" for k, text in wanted.items())
        # nothing of one code is there for the next
        lines += [code, f'found[["{name}"]] <- list({pairs})']
        lines.append('rm(list = setdiff(ls(), "found"))')
    versions = ", ".join(f"packageVersion('{p}')" for p in NEEDED)
    lines += [
        "cat(jsonlite::toJSON(found, digits = 17))",
        f"cat('\\n', format(getRversion()), sapply(list({versions}), format), '\\n')",
    ]
    script = tmp_path / "again.R"
    script.write_text("\n".join(lines), encoding="utf-8")
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
        new = {keys[name]: found[name] for name in codes}
        stored["runs"] = dict(sorted({**stored["runs"], **new}.items()))
        text = json.dumps(stored, indent=1, sort_keys=True) + "\n"
        STORED.write_text(text, encoding="utf-8")
    return {
        name: {k: np.array(v) for k, v in values.items()}
        for name, values in found.items()
    }


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
    robust = {"se": 'coef_test(mod, vcov = "CR2", cluster = dat_mod$study_id)$SE'}
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
    for formula in (
        "~ poly(year, 2)",
        "~ center(year + n_items)",
        "~ standardize(year)",
    ):
        study = generalize(load_dataset("mibs"), formula)
        assert f"# The model with {formula} is not written in R here." in r_code(study)


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


def of_kind(kind, *, dependent=False, scale="total", **columns):
    """SIMULATED coefficients of one kind, of eight studies; two of each if dependent."""
    table = simulated(8, 2 if dependent else 1, 0.2)
    return table.assign(coefficient_type=kind, scale=scale, **columns)


def averaged_icc(**options):
    return of_kind("icc", icc_form="ICC(3,k)", n_raters=2, **options)


def together(*tables):
    """Tables below each other, with ids that do not meet."""
    return pd.concat(
        [
            table.assign(coefficient_id=[f"{i}.{n}" for n in range(len(table))])
            for i, table in enumerate(tables)
        ],
        ignore_index=True,
    )


@cache
def kinds_of_tables():
    """Return tables of every kind that the code has to write down."""
    cesd = load_dataset("cesd")
    blank = cesd.assign(coefficient_id=["", None, *cesd["coefficient_id"][2:]])
    mibs = load_dataset("mibs").assign(scale=lambda t: t["scale"].fillna("total"))
    more = cesd.assign(
        scale="positive affect", n_items=4, estimate=cesd["estimate"] - 0.2
    )
    retest = cesd.assign(coefficient_type="test_retest", estimate=0.7)
    quoted = simulated(8, 2).assign(induced_from="Study 00")
    quoted.loc[::2, "induced_from"] = None
    quoted.loc[1::2, "reliability_status"] = "induced_precise"
    omega = of_kind("omega", se=0.02)
    signed = simulated(6).assign(estimate=[-0.2, 0.3, 0.6, 0.7, 0.8, 0.5])
    return {
        "blank ids": blank,
        "blank ids of dependent coefficients": mibs.assign(coefficient_id=""),
        "subscales": together(cesd, more),
        "subscales of dependent coefficients": together(
            simulated(6, 2), of_kind("alpha", dependent=True, scale="bond")
        ),
        "kinds of coefficients": together(cesd, retest),
        "induced rows": quoted,
        "negative": signed,
        "omega only": omega,
        "dependent omega only": of_kind("omega", dependent=True, se=0.02),
        "ICC only": averaged_icc(),
        "dependent ICC only": averaged_icc(dependent=True),
        "test-retest only": of_kind("test_retest"),
        "dependent test-retest only": of_kind("test_retest", dependent=True),
        "omega and ICC": together(omega, averaged_icc()),
        "three studies": simulated(3, 1, 0.2),
        "three studies of several": simulated(3, 2, 0.2),
        "two studies": simulated(2, 1, 0.2),
        "two studies of omega": of_kind("omega", se=0.02).head(2),
        "one study of many": simulated(5, 3).drop(index=[1, 2, 4, 5, 7, 8]),
    }


def test_two_studies_have_no_model_in_r():
    for name in ("two studies", "two studies of omega"):
        study = generalize(kinds_of_tables()[name])
        assert r_code(study) == ""
        assert not r_parts(study)


POOLED_KINDS = [
    name for name in kinds_of_tables() if not name.startswith("two studies")
]
MEASURES = ("hakstian-whalen", "raw", "fisher-z")


@cache
def pooled_studies():
    """Return a study of every kind of table, and of several measures and options."""
    tables = kinds_of_tables()
    made = {kind: generalize(tables[kind]) for kind in POOLED_KINDS}
    several = together(
        simulated(6), of_kind("alpha", scale="bond", dependent=True), averaged_icc()
    )
    for measure in MEASURES:
        made[measure] = generalize(several, measure=measure)
    made["options"] = generalize(
        several, within_correlation=0.5, prediction="metafor", conf_level=0.9
    )
    made["covariance"] = generalize(
        load_dataset("mibs"), V=shared(load_dataset("mibs"))
    )
    return made


def wanted_of(study):
    """Return the expressions of R for all numbers of all models of a study."""
    wanted = {}
    for i, part in enumerate(r_parts(study)):
        n = part.number
        several = part.pooled.dependent
        ends = f"with(predict(res{n}, transf = back), c(ci.lb, ci.ub))"
        if several:
            ends = f"interval{n}"
        if part.pooled.robust is not None:
            ends = f"back(c(robust{n}$CI_L, robust{n}$CI_U))"
        pi = f"prediction{n}"
        if study.prediction == "metafor":
            pi = f"with(predict(res{n}, transf = back), c(pi.lb, pi.ub))"
        wanted |= {
            f"k{i}": f"nrow(dat{n})",
            f"tau2_{i}": f"sum(res{n}$sigma2)" if several else f"res{n}$tau2",
            f"Q{i}": f"res{n}$QE",
            f"estimate{i}": f"predict(res{n}, transf = back)$pred",
            f"ci{i}": ends,
            f"pi{i}": pi,
        }
    return wanted


@cache
def pooled_in_r():
    with tempfile.TemporaryDirectory() as folder:
        codes = {k: (r_code(s), wanted_of(s)) for k, s in pooled_studies().items()}
        return run_every(codes, Path(folder))


@pytest.mark.parametrize("kind", [*POOLED_KINDS, *MEASURES, "options", "covariance"])
def test_every_kind_of_table(kind):
    study, found = pooled_studies()[kind], pooled_in_r()[kind]
    parts = r_parts(study)
    assert parts
    for i, part in enumerate(parts):
        # limits that the report withholds are in it too
        row = part.pooled.fit.predict(back_transform=True, prediction=study.prediction)
        row = dict(row.iloc[0])
        tau2 = part.pooled.fit.tau2
        assert found[f"k{i}"] == part.pooled.fit.k
        np.testing.assert_allclose(found[f"tau2_{i}"], tau2, rtol=1e-3, atol=1e-6)
        np.testing.assert_allclose(found[f"Q{i}"], part.pooled.fit.Q, rtol=RTOL)
        np.testing.assert_allclose(found[f"estimate{i}"], row["estimate"], rtol=RTOL)
        for name in ("ci", "pi"):
            ours = [row[f"{name}_low"], row[f"{name}_high"]]
            np.testing.assert_allclose(found[f"{name}{i}"], ours, rtol=1e-4, atol=1e-6)


def moderated():
    """Return studies whose model with moderators is made of every kind of rows."""
    one = simulated(12, 1, 0.2)
    # R sorts letters by the rules of a language, this package by their codes
    mixed = one.assign(rater=np.resize(["observer", "Client", "therapist"], 12))
    mixed["decade"] = np.resize([1990, 1990, 2000], 12)
    several = simulated(9, 2, 0.2).assign(setting=np.resize(["b", "a", "c"], 18))
    few = simulated(4, 3, 0.2)
    gaps = simulated(12, 2, 0.2)
    gaps.loc[[3, 8, 9], "year"] = np.nan
    scales = together(several, simulated(9, 2, 0.2, seed=5).assign(scale="bond"))
    yes = one.assign(online=np.resize([True, False, False], 12))
    return {
        "one level": (mixed, "~ rater + year", {}),
        "a truth value": (yes, "~ online * year", {}),
        "common effect": (one, "~ year", {"method": "CE"}),
        "level of 90 %": (mixed, "~ rater", {"conf_level": 0.9}),
        "three levels": (several, "~ setting + year", {}),
        "few studies": (few, "~ year", {}),
        "few studies, two terms": (few, "~ year + score_sd", {}),
        "gaps": (gaps, "~ year", {"missing_moderators": "drop"}),
        "scales": (scales, "~ scale", {}),
        "scales, correlated": (scales, "~ scale", {"within_correlation": 0.4}),
        "functions": (mixed, "~ C(decade) + center(year) * np.log(score_sd)", {}),
        "powers": (mixed, "~ I(score_sd**2) + scale(year)", {}),
        "raw": (mixed, "~ year", {"measure": "raw"}),
    }


@cache
def moderated_studies():
    return {k: generalize(t, f, **more) for k, (t, f, more) in moderated().items()}


@cache
def moderated_in_r():
    with tempfile.TemporaryDirectory() as folder:
        codes = {
            k: (r_code(s), wanted_of_terms(s)) for k, s in moderated_studies().items()
        }
        return run_every(codes, Path(folder))


def wanted_of_terms(study):
    """Return the expressions of R for the numbers of a model with moderators."""
    model = study.moderator_model
    wanted = {"b": "mod$b", "k": "nrow(dat_mod)"}
    if not model.is_multilevel:
        return wanted | {"low": "mod$ci.lb", "high": "mod$ci.ub", "F": "mod$QM"}
    basis = model.contrasts(np.eye(len(model.beta))).basis
    robust = (
        f'mod, vcov = "CR2", cluster = dat_mod$study_id, level = {study.conf_level}'
    )
    if "CR2" in basis:
        wanted |= {
            "low": f"conf_int({robust})$CI_L",
            "high": f"conf_int({robust})$CI_U",
        }
    if "model" in basis:
        wanted |= {"own_low": "mod$b[own] - near", "own_high": "mod$b[own] + near"}
    return wanted


@pytest.mark.parametrize("kind", list(moderated()))
def test_every_kind_of_moderators(kind):
    study, found = moderated_studies()[kind], moderated_in_r()[kind]
    model = study.moderator_model
    assert "not written" not in r_code(study)
    basis = ("",) * len(model.beta)
    if model.is_multilevel:
        basis = model.contrasts(np.eye(len(model.beta))).basis
    frame = model.to_frame()
    assert found["k"] == model.k
    near = {"rtol": 1e-4, "atol": 1e-6}
    np.testing.assert_allclose(found["b"], frame["estimate"], **near)
    is_own = np.array([what == "model" for what in basis])
    for name in ("low", "high"):
        ours = frame[f"ci_{name}"].to_numpy()
        if not is_own.all():
            theirs = found[name][~is_own]
            np.testing.assert_allclose(theirs, ours[~is_own], **near)
        if is_own.any():
            np.testing.assert_allclose(found[f"own_{name}"], ours[is_own], **near)
    if "F" in found:
        np.testing.assert_allclose(found["F"], model.omnibus.statistic, **near)


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
    pairs = [
        (again.summary(), study.summary()),
        (again.cells, study.cells),
        (again.scales, study.scales),
    ]
    for one, other in pairs:
        pd.testing.assert_frame_equal(one, other, rtol=1e-9)
    assert (study.V is None) == (again.V is None)


def shared(table):
    """Return a covariance in which coefficients of a study correlate .3."""
    effects = effect_sizes(table)
    V = np.diag(effects["vi"].to_numpy(dtype=float))
    same = effects["study_id"].to_numpy()[:, None] == effects["study_id"].to_numpy()
    sei = np.sqrt(np.diag(V))
    assert effects["yi"].notna().all()
    return np.where(same & ~np.eye(len(V), dtype=bool), 0.3 * np.outer(sei, sei), V)


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
