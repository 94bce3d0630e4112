"""The code that makes an analysis again, in Python and in R.

What is needed to make a report again: versions, data, call.
"""

import hashlib
import importlib.metadata
import platform
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import pandas as pd

from waistats._files import guarded
from waistats._format import counted
from waistats.measures import ALPHA_TYPES
from waistats.meta._prediction import DEFAULT_PREDICTION
from waistats.meta.multilevel.result import Model
from waistats.report._others import others
from waistats.rg.descriptives import CELL, kinds
from waistats.rg.pooling import Pooled
from waistats.rg.study import RGStudy

_R_MEASURE = {
    "bonett": "ABT",
    "hakstian-whalen": "AHW",
    "raw": "ARAW",
    "fisher-z": "ZCOR",
}
_R_VALUES = dict.fromkeys(_R_MEASURE, "ai = ai, mi = mi, ni = ni")
_R_VALUES["fisher-z"] = "ri = ai, ni = ni"
# metafor's own functions cut negative reliabilities off at 0
_R_BACK = {
    "bonett": "1 - exp(-y)",
    "hakstian-whalen": "1 - (1 - y)^3",
    "raw": "y",
    "fisher-z": "tanh(y)",
}
_BIAS = {
    "none": [],
    "bonett": ["dat$yi <- dat$yi + log(dat$ni / (dat$ni - 1))  # bias, by Bonett"],
    "exact": [
        "dat$yi <- with(dat, yi - half(ni - 1) + half((ni - 1) * (mi - 1)))  # bias",
    ],
}
_R_HALF = "half <- function(x) digamma(x / 2) - log(x / 2)"
_R_METHOD = {"CE": "EE"}
_CONTROL = "control = list(threshold = 1e-12, tol = 1e-12, maxiter = 1000)"
# metafor's usual optimiser stops where a variance is zero
_OPTIMISER = 'control = list(optimizer = "optim", optmethod = "BFGS", reltol = 1e-12))'
# what formulas share in both languages, once numpy's names are R's
_R_FORMULA = re.compile(r"[\w\s~+*:().^-]+")
_R_FUNCTIONS = frozenset(
    {"I", "factor", "scale", "abs", "cos", "cosh", "exp", "expm1", "floor", "log",
     "log10", "log1p", "log2", "sign", "sin", "sinh", "sqrt", "tan", "tanh", "trunc"}
)  # fmt: skip


# the mixture over the confidence distribution of tau2 (Nagashima et al., 2019)
_R_PREDICTION = (
    "# prediction interval with the uncertainty of tau2",
    "predictive <- function(y, v, level) {",
    "  df <- length(y) - 1",
    "  Q <- function(t) { w <- 1 / (v + t); sum(w * (y - sum(w * y) / sum(w))^2) }",
    "  b <- 1 / sqrt(4 - 1 / (1:63)^2)  # 64 nodes of Gauss and Legendre on (0, 1)",
    "  J <- matrix(0, 64, 64)",
    "  J[cbind(1:63, 2:64)] <- b",
    "  J[cbind(2:64, 1:63)] <- b",
    "  nodes <- eigen(J)",
    "  s <- (nodes$values + 1) / 2",
    "  rest <- pchisq(Q(0), df)",
    "  top <- sum((y - mean(y))^2)",
    "  t <- if (Q(0) < 1e-12) 0 * s else  # equal coefficients do not vary",
    "    sapply(qchisq(rest * (1 - s)^3, df), function(q)",
    "      uniroot(function(t) Q(t) - q, c(0, top / q), tol = 1e-14,",
    "              maxiter = 5000)$root)",
    "  p <- c((1 - rest) * min(1, 15 / (df + 1)),",
    "         3 * rest * (1 - s)^2 * nodes$vectors[1, ]^2)",
    "  t <- c(0, t)",
    "  m <- sapply(t, function(t) weighted.mean(y, 1 / (v + t)))",
    "  sd <- sqrt(t + 1 / sapply(t, function(t) sum(1 / (v + t))))",
    "  sapply(c(1 - level, 1 + level) / 2, function(a)",
    "    uniroot(function(x) sum(p * pnorm((x - m) / sd)) / sum(p) - a,",
    "            range(m + qnorm(a) * sd) + c(-1e-9, 1e-9), tol = 1e-12)$root)",
    "}",
)


def covariance_frame(study: RGStudy) -> pd.DataFrame:
    """Return the sampling covariance of a study's coefficients, an entry a row."""
    assert study.V is not None
    rows = study.effects[study.effects["yi"].notna()].reset_index(drop=True)
    entries = study.V.of(rows).tocoo()
    ids = rows["coefficient_id"].astype(str).to_numpy()
    frame = pd.DataFrame(
        {
            "study_id": rows["study_id"].astype(str).to_numpy()[entries.row],
            "coefficient_id": ids[entries.row],
            "other_id": ids[entries.col],
            "covariance": entries.data,
            "measure": study.measure,
        }
    )
    order = ["study_id", "coefficient_id", "other_id"]
    return frame.sort_values(order, ignore_index=True)


def python_code(
    study: RGStudy,
    file: str = "coefficients.csv",
    covariance: str = "covariance.csv",
    layout: str = "",
) -> str:
    """Return Python that runs the same study on the coefficients of a file.

    ``layout`` holds further arguments of `RGStudy.report`, each after a comma.
    """
    options = []
    before, table = "", f'read_coefficients("{file}")'
    if study.V is not None:
        table = "table"
        before = (
            "# sampling covariance of coefficients that share respondents\n"
            f'pairs = pd.read_csv("{covariance}", dtype=dict.fromkeys(\n'
            '    ["study_id", "coefficient_id", "other_id"], str))\n'
            f'table = read_coefficients("{file}")\n'
            'table.attrs["V"] = {\n'
            '    name: part.pivot(index="coefficient_id", columns="other_id",\n'
            '                     values="covariance").fillna(0.0)\n'
            '    for name, part in pairs.groupby("study_id")}\n'
            f'table.attrs["V_measure"] = {study.measure!r}\n\n'
        )
    given = {"screening": study.screening, "coders": study.coders}
    given["texts"] = study.texts
    said = [name for name, value in given.items() if value is not None]
    if said:
        before += (
            f"# the authors also gave {', '.join(f'{name}=' for name in said)} to "
            "generalize(); no number depends on them\n"
        )
    if study.formula is not None:
        options.append(f"moderators={study.formula!r}")
    if study.by != CELL:
        options.append(f"by={study.by!r}")
    if study.measure != "bonett":
        options.append(f"measure={study.measure!r}")
    if study.method != "REML":
        options.append(f"method={study.method!r}")
    if study.bias != "none":
        options.append(f"bias={study.bias!r}")
    if study.conf_level != 0.95:
        options.append(f"conf_level={study.conf_level!r}")
    if study.prediction != DEFAULT_PREDICTION:
        options.append(f"prediction={study.prediction!r}")
    if study.within_correlation is not None:
        options.append(f"within_correlation={study.within_correlation!r}")
    if study.candidates is not None:
        options.append(f"candidates={study.candidates!r}")
    if study.missing_moderators != "error":
        options.append(f"missing_moderators={study.missing_moderators!r}")
    if study.title:
        options.append(f"title={study.title!r}")
    arguments = "".join(f"    {option},\n" for option in options)
    return (
        ("import pandas as pd\n" if study.V is not None else "")
        + "from waistats import generalize, read_coefficients\n\n"
        + before
        + "study = generalize(\n"
        f"    {table},\n"
        f"{arguments})\n"
        "print(study)\n"
        f'study.report("report.html"{layout})\n'
    )


@dataclass(frozen=True)
class _Part:
    """A model to write in R: its rows, and what its objects are called there."""

    rows: pd.DataFrame
    pooled: Pooled
    words: str
    number: str = ""

    def named(self, name: str) -> str:
        """Return a name of R; the second model and those after it have a number."""
        return f"{name}{self.number}"


def r_parts(study: RGStudy) -> list[_Part]:
    """Return every model that `r_code` writes, the overall one first."""
    found = []
    if study.pooled is not None:
        words = f"alphas of the {study.main_scale} scale"
        found.append((study.main_rows, study.pooled, f"the overall model: {words}"))
    found += [(part.rows, part.pooled, part.words) for part in others(study)]
    return [
        _Part(rows, pooled, words, f"{i}" if i > 1 else "")
        for i, (rows, pooled, words) in enumerate(found, start=1)
    ]


def r_code(study: RGStudy) -> str:
    """Return R (metafor) that fits every model of a report; empty where none is."""
    parts = r_parts(study)
    if not parts:
        return ""
    lines = ["library(metafor)", f"back <- function(y) {_R_BACK[study.measure]}"]
    exact = study.method != "CE" and study.prediction == DEFAULT_PREDICTION
    if exact and not all(part.pooled.dependent for part in parts):
        lines += _R_PREDICTION
    biased = [kinds(part.rows).isin(ALPHA_TYPES).any() for part in parts]
    if study.bias == "exact" and any(biased):
        lines.append(_R_HALF)
    for part in parts:
        lines += ["", f"# {part.words}", *_data(study, part)]
        fit = _three_levels if part.pooled.dependent else _one_level
        lines += fit(study, part)
    lines += _moderators(study)
    return "\n".join(lines) + "\n"


def _one_level(study: RGStudy, part: _Part) -> list[str]:
    res, dat = part.named("res"), part.named("dat")
    prediction = part.named("prediction")
    lines = [
        f'{res} <- rma(yi, vi, data = {dat}, method = "{_method(study)}", '
        f'test = "{_test(part.pooled.fit)}", '
        f"level = {100 * study.conf_level:.12g},",
        f"           {_CONTROL})",
        res,
        *([f"confint({res})"] if study.method != "CE" else []),
        f"predict({res}, transf = back)",
    ]
    if study.method != "CE" and study.prediction == DEFAULT_PREDICTION:
        lines += [
            f"{prediction} <- back(with({dat}, "
            f"predictive(yi, vi, {study.conf_level!r})))",
            prediction,
        ]
    return lines


def _test(fit: Model) -> str:
    return "adhoc" if fit.small_sample == "knapp-hartung-adhoc" else "knha"


def _method(study: RGStudy) -> str:
    return _R_METHOD.get(study.method, study.method)


def _data(study: RGStudy, part: _Part) -> list[str]:
    """Return the data of a model: alphas as they are, others as effects.

    What the variance of an ICC or omega rests on differs from row to row.
    """
    dat, rows = part.named("dat"), part.rows
    if not kinds(rows).isin(ALPHA_TYPES).all():
        return _effects(dat, rows)
    lines = [
        f"{dat} <- data.frame(",
        *_ids(rows),
        f"  ai = {_numbers(rows['estimate'])},",
        f"  ni = {_numbers(rows['n'])},",
        f"  mi = {_numbers(rows['n_items'])}",
        ")",
        f'{dat} <- escalc(measure = "{_R_MEASURE[study.measure]}", '
        f"{_R_VALUES[study.measure]}, data = {dat})",
    ]
    return [*lines, *(line.replace("dat", dat) for line in _BIAS[study.bias])]


def _effects(dat: str, rows: pd.DataFrame) -> list[str]:
    return [
        f"{dat} <- data.frame(  # on the scale of the models",
        *_ids(rows),
        f"  yi = {_numbers(rows['yi'])},",
        f"  vi = {_numbers(rows['vi'])}",
        ")",
    ]


def _ids(rows: pd.DataFrame) -> list[str]:
    return [
        f"  study_id = {_words(rows['study_id'])},",
        f"  coefficient_id = {_words(_own_ids(rows['coefficient_id']))},",
    ]


def _own_ids(ids: pd.Series) -> pd.Series:
    """Return identifiers; a blank one is an identifier of its own."""
    blank = ids.isna() | (ids.astype(str).str.strip() == "")
    own = pd.Series([f"row {i + 1}" for i in range(len(ids))], index=ids.index)
    return ids.astype(object).where(~blank, own)


def _known_covariance(
    study: RGStudy, rows: pd.DataFrame, dat: str, V: str
) -> list[str]:
    """Return the sampling covariance of shared respondents, entry by entry."""
    assert study.V is not None
    entries = study.V.of(rows).tocoo()
    upper = entries.row < entries.col
    lines = [f"{V} <- diag({dat}$vi)  # sampling covariance from the responses"]
    diagonal = entries.row == entries.col
    order = entries.row[diagonal].argsort()
    variances = pd.Series(entries.data[diagonal][order])
    lines.append(f"diag({V}) <- {_numbers(variances)}")
    if upper.any():
        lines += [
            f"at <- cbind({_numbers(pd.Series(entries.row[upper] + 1))},",
            f"            {_numbers(pd.Series(entries.col[upper] + 1))})",
            f"{V}[at] <- {V}[at[, 2:1]] <- {_numbers(pd.Series(entries.data[upper]))}",
        ]
    return lines


def _covariances(study: RGStudy, rows: pd.DataFrame, dat: str, V: str) -> list[str]:
    """Return the sampling covariance of rows: known, assumed, or none."""
    if study.V is not None:
        return _known_covariance(study, rows, dat, V)
    if not study.within_correlation:
        return [f"{V} <- {dat}$vi"]
    samples = f"{dat}$sample_id <- {dat}$study_id"
    if "sample_id" in rows:
        words = _words(rows["sample_id"])
        samples = f"{dat}$sample_id <- paste({dat}$study_id, {words})"
    return [
        samples,
        f"{V} <- vcalc(vi, cluster = sample_id, obs = coefficient_id, data = {dat},",
        f"           rho = {study.within_correlation!r})",
    ]


def _three_levels(study: RGStudy, part: _Part) -> list[str]:
    dat, res, V = part.named("dat"), part.named("res"), part.named("V")
    robust, prediction = part.named("robust"), part.named("prediction")
    lines = [
        *_covariances(study, part.rows, dat, V),
        f"{res} <- rma.mv(yi, {V}, random = ~ 1 | study_id/coefficient_id, "
        f"data = {dat},",
        f'              method = "{part.pooled.fit.method}", test = "t",',
        f"              level = {100 * study.conf_level:.12g},",
        f"              {_OPTIMISER}",
        res,
        f"predict({res}, transf = back)",
    ]
    if study.prediction == DEFAULT_PREDICTION:
        lines += [
            "# the prediction interval that this report gives: t on studies - 1",
            f"far <- qt({(1 + study.conf_level) / 2!r}, "
            f"length(unique({dat}$study_id)) - 1) *",
            f"  sqrt({res}$se^2 + sum({res}$sigma2))",
            f"{prediction} <- back(c({res}$b) + c(-far, far))",
            prediction,
        ]
    if part.pooled.robust is None:
        interval = part.named("interval")
        lines += [
            "# the confidence interval that this report gives: t on studies - 1",
            f"near <- qt({(1 + study.conf_level) / 2!r}, "
            f"length(unique({dat}$study_id)) - 1) * {res}$se",
            f"{interval} <- back(c({res}$b) + c(-near, near))",
            interval,
        ]
    else:
        lines += [
            "library(clubSandwich)  # the interval that this report gives",
            f'{robust} <- conf_int({res}, vcov = "CR2", cluster = {dat}$study_id,',
            f"                   level = {study.conf_level!r})",
            robust,
            f"back(c({robust}$CI_L, {robust}$CI_U))",
        ]
    return lines


def _r_formula(formula: str) -> str:
    """Return a formula as R reads it; empty for one that it would read otherwise."""
    if not _R_FORMULA.fullmatch(formula):
        return ""
    text = re.sub(r"\bC\(", "factor(", formula.replace("np.", ""))
    called = set(re.findall(r"([\w.]+)\(", text)) - {"center"}
    if called - _R_FUNCTIONS:
        return ""
    text = re.sub(r"\bcenter\((\w+)\)", r"scale(\1, scale = FALSE)", text)
    return "" if "center(" in text or re.search(r"(?<!\w)_", text) else text


def _moderators(study: RGStudy) -> list[str]:
    """Return the model with moderators, where its formula reads the same in R."""
    model = study.moderator_model
    if model is None or study.formula is None:
        return []
    formula = _r_formula(study.formula)
    if not formula:
        return [f"# The model with {study.formula} is not written in R here."]
    rows, data = model.effects.table, model.design.data
    lines = ["", "# the model with moderators", *_effects("dat_mod", rows)]
    if data is not None:
        for name in model.design.variables:
            lines.append(f"dat_mod${name} <- {_moderator(data[name])}")
    if model.is_multilevel:
        return [
            *lines,
            *_covariances(study, rows, "dat_mod", "V_mod"),
            f"mod <- rma.mv(yi, V_mod, mods = {formula}, data = dat_mod,",
            "              random = ~ 1 | study_id/coefficient_id,",
            f'              method = "{model.method}", test = "t",',
            f"              level = {100 * study.conf_level:.12g},",
            f"              {_OPTIMISER}",
            "mod",
            *_tests(study, model),
        ]
    return [
        *lines,
        f"mod <- rma(yi, vi, mods = {formula}, data = dat_mod, "
        f'method = "{_method(study)}",',
        f'           test = "{_test(model)}", level = {100 * study.conf_level:.12g},',
        f"           {_CONTROL})",
        "mod",
    ]


def _moderator(values: pd.Series) -> str:
    """Return a moderator; the first of its categories is the one compared with."""
    if pd.api.types.is_numeric_dtype(values):
        return _numbers(values)
    levels = values.astype("category").cat.categories
    return f"factor({_words(values)},\n    levels = {_words(pd.Series(levels))})"


def _tests(study: RGStudy, model: Model) -> list[str]:
    """Return the tests of a three-level model that the report gives: CR2 or its own."""
    terms = len(model.design.names)
    basis = model.contrasts(np.eye(terms)).basis
    lines = []
    if "CR2" in basis:
        lines += [
            "library(clubSandwich)  # the tests that this report gives",
            'coef_test(mod, vcov = "CR2", cluster = dat_mod$study_id)',
            'conf_int(mod, vcov = "CR2", cluster = dat_mod$study_id, '
            f"level = {study.conf_level!r})",
        ]
    together = terms > 2 and model.design.names[0] == "Intercept"
    alone = [i for i, what in enumerate(basis, start=1) if what != "CR2"]
    own = together and model.omnibus is not None and model.omnibus.basis != "CR2"
    if alone or own:
        lines.append("df <- length(unique(dat_mod$study_id)) - nrow(mod$b)")
    if alone:
        lines += [
            f"own <- {_vector(map(str, alone))}  # terms with the model's own test, "
            "t on studies - terms",
            f"near <- qt({(1 + study.conf_level) / 2!r}, df) * mod$se[own]",
            "cbind(t = mod$zval[own], p = 2 * pt(-abs(mod$zval[own]), df),",
            "      low = mod$b[own] - near, high = mod$b[own] + near)",
        ]
    if together and own:
        lines.append(
            f"c(F = mod$QM, p = pf(mod$QM, {terms - 1}, df, lower.tail = FALSE))"
        )
    elif together:
        lines += [
            f'Wald_test(mod, constrain_zero(2:{terms}), vcov = "CR2",',
            '          cluster = dat_mod$study_id, test = "HTZ")',
        ]
    return lines


def _words(values: pd.Series) -> str:
    quoted = (
        '"'
        + str(v).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        + '"'
        for v in values
    )
    return _vector(quoted)


def _numbers(values: pd.Series) -> str:
    return _vector(f"{float(v):.15g}" for v in values)


def _vector(words: Iterable[str]) -> str:
    lines, line = [], ""
    for word in words:
        if line and len(line) + len(word) > 72:
            lines.append(line.rstrip())
            line = ""
        line += word + ", "
    lines.append(line)
    return "c(" + "\n    ".join(lines).rstrip(", ") + ")"


# those that numbers and drawings depend on, and those that read files
LIBRARIES = (
    "numpy", "pandas", "scipy", "statsmodels", "pingouin", "formulaic", "matplotlib",
    "pyarrow", "pyreadstat", "openpyxl", "jinja2",
)  # fmt: skip


def csv_bytes(frame: pd.DataFrame) -> bytes:
    """Return a table as the bytes of its CSV file, unrounded, safe in a spreadsheet."""
    text: str = guarded(frame).to_csv(index=False, lineterminator="\n")
    return text.encode("utf-8")


def data_hash(frame: pd.DataFrame) -> str:
    """Return the SHA-256 of a table's CSV file."""
    return hashlib.sha256(csv_bytes(frame)).hexdigest()


def _versions(names: Iterable[str]) -> list[str]:
    """Return libraries with their versions; one that is not installed is left out."""
    found = []
    for name in names:
        with suppress(importlib.metadata.PackageNotFoundError):
            found.append(f"{name} {importlib.metadata.version(name)}")
    return found


def colophon(tables: Sequence[pd.DataFrame], call: str) -> list[str]:
    """Return the lines of the colophon; no clock, no path and no host is in it."""
    from waistats import __version__

    versions = _versions(LIBRARIES)
    lines = [
        f"Made by waistats {__version__} on {platform.python_implementation()} "
        f"{platform.python_version()} ({platform.system()}, {platform.machine()}) with "
        f"{', '.join(versions)}.",
    ]
    lines += [
        f"Data: {counted(len(table), 'row')}, SHA-256 of the CSV {data_hash(table)}."
        for table in tables
    ]
    lines.append(f"Call: {call}")
    return lines
