"""The code that makes an analysis again, in Python and in R.

What is needed to make a report again: versions, data, call.
"""

import hashlib
import importlib.metadata
import platform
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

import pandas as pd

from waistats._files import guarded
from waistats._format import counted
from waistats.meta._prediction import DEFAULT_PREDICTION
from waistats.rg.descriptives import CELL
from waistats.rg.study import RGStudy

_R_MEASURE = {"bonett": "ABT", "hakstian-whalen": "AHW", "raw": "ARAW"}
# metafor's own functions cut negative reliabilities off at 0
_R_BACK = {
    "bonett": "1 - exp(-y)",
    "hakstian-whalen": "1 - (1 - y)^3",
    "raw": "y",
}
_BIAS = {
    "none": [],
    "bonett": ["dat$yi <- dat$yi + log(dat$ni / (dat$ni - 1))  # bias, by Bonett"],
    "exact": [
        "half <- function(x) digamma(x / 2) - log(x / 2)",
        "dat$yi <- with(dat, yi - half(ni - 1) + half((ni - 1) * (mi - 1)))  # bias",
    ],
}
_R_METHOD = {"CE": "EE"}
_CONTROL = "control = list(threshold = 1e-12, tol = 1e-12, maxiter = 1000)"
# what formulas share in both languages, once numpy's names are R's
_R_FORMULA = re.compile(r"[\w\s~+*:().^-]+")


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
    "  t <- sapply(qchisq(rest * (1 - s)^3, df), function(q)",
    "    uniroot(function(t) Q(t) - q, c(0, top / q), tol = 1e-14,",
    "            maxiter = 5000)$root)",
    "  p <- c((1 - rest) * min(1, 15 / (df + 1)),",
    "         3 * rest * (1 - s)^2 * nodes$vectors[1, ]^2)",
    "  t <- c(0, t)",
    "  m <- sapply(t, function(t) weighted.mean(y, 1 / (v + t)))",
    "  sd <- sqrt(t + 1 / sapply(t, function(t) sum(1 / (v + t))))",
    "  sapply(c(1 - level, 1 + level) / 2, function(a)",
    "    uniroot(function(x) sum(p * pnorm((x - m) / sd)) / sum(p) - a,",
    "            range(m + qnorm(a) * sd), tol = 1e-12)$root)",
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


def r_code(study: RGStudy) -> str:
    """Return R (metafor) that fits the overall model; empty where R has no such scale."""
    measure = _R_MEASURE.get(study.measure)
    if measure is None or study.pooled is None:
        return ""
    rows = study.main_rows
    lines = [
        "library(metafor)",
        f"back <- function(y) {_R_BACK[study.measure]}",
        *_data(rows),
        f'dat <- escalc(measure = "{measure}", ai = ai, mi = mi, ni = ni, data = dat)',
    ]
    lines += _BIAS[study.bias]
    if study.pooled.fit.is_multilevel:
        lines += _three_levels(study)
    else:
        adhoc = study.pooled.fit.small_sample == "knapp-hartung-adhoc"
        lines += [
            f'res <- rma(yi, vi, data = dat, method = "{_method(study)}", '
            f'test = "{"adhoc" if adhoc else "knha"}", '
            f"level = {100 * study.conf_level:.12g},",
            f"           {_CONTROL})",
            "res",
            *(["confint(res)"] if study.method != "CE" else []),
            "predict(res, transf = back)",
        ]
        if study.method != "CE" and study.prediction == DEFAULT_PREDICTION:
            lines += [
                *_R_PREDICTION,
                f"prediction <- back(with(dat, predictive(yi, vi, {study.conf_level!r})))",
                "prediction",
            ]
    lines += _moderators(study)
    return "\n".join(lines) + "\n"


def _method(study: RGStudy) -> str:
    return _R_METHOD.get(study.method, study.method)


def _data(rows: pd.DataFrame) -> list[str]:
    return [
        "dat <- data.frame(",
        f"  study_id = {_words(rows['study_id'])},",
        f"  coefficient_id = {_words(_own_ids(rows['coefficient_id']))},",
        f"  ai = {_numbers(rows['estimate'])},",
        f"  ni = {_numbers(rows['n'])},",
        f"  mi = {_numbers(rows['n_items'])}",
        ")",
    ]


def _own_ids(ids: pd.Series) -> pd.Series:
    """Return identifiers; a blank one is an identifier of its own."""
    blank = ids.isna() | (ids.astype(str).str.strip() == "")
    own = pd.Series([f"row {i + 1}" for i in range(len(ids))], index=ids.index)
    return ids.astype(object).where(~blank, own)


def _known_covariance(study: RGStudy) -> list[str]:
    """Return the sampling covariance of shared respondents, entry by entry."""
    assert study.V is not None
    entries = study.V.of(study.main_rows).tocoo()
    upper = entries.row < entries.col
    lines = ["V <- diag(dat$vi)  # sampling covariance from the responses"]
    diagonal = entries.row == entries.col
    order = entries.row[diagonal].argsort()
    variances = pd.Series(entries.data[diagonal][order])
    lines.append(f"diag(V) <- {_numbers(variances)}")
    if upper.any():
        lines += [
            f"at <- cbind({_numbers(pd.Series(entries.row[upper] + 1))},",
            f"            {_numbers(pd.Series(entries.col[upper] + 1))})",
            f"V[at] <- V[at[, 2:1]] <- {_numbers(pd.Series(entries.data[upper]))}",
        ]
    return lines


def _three_levels(study: RGStudy) -> list[str]:
    assert study.pooled is not None
    lines = ["V <- dat$vi"]
    if study.V is not None:
        lines = _known_covariance(study)
    elif study.within_correlation:
        rows = study.main_rows
        lines = ["dat$sample_id <- dat$study_id"]
        if "sample_id" in rows:
            samples = _words(rows["sample_id"])
            lines = [f"dat$sample_id <- paste(dat$study_id, {samples})"]
        lines += [
            "V <- vcalc(vi, cluster = sample_id, obs = coefficient_id, data = dat,",
            f"           rho = {study.within_correlation!r})",
        ]
    lines += [
        "res <- rma.mv(yi, V, random = ~ 1 | study_id/coefficient_id, data = dat,",
        f'              method = "{study.pooled.fit.method}", test = "t",',
        f"              level = {100 * study.conf_level:.12g})",
        "res",
        "predict(res, transf = back)",
    ]
    if study.prediction == DEFAULT_PREDICTION:
        lines += [
            "# the prediction interval that this report gives: t on studies - 1",
            f"far <- qt({(1 + study.conf_level) / 2!r}, "
            "length(unique(dat$study_id)) - 1) *",
            "  sqrt(res$se^2 + sum(res$sigma2))",
            "prediction <- back(c(res$b) + c(-far, far))",
            "prediction",
        ]
    if study.pooled.robust is not None:
        lines += [
            "library(clubSandwich)  # the interval that this report gives",
            'robust <- conf_int(res, vcov = "CR2", cluster = dat$study_id,',
            f"                   level = {study.conf_level!r})",
            "robust",
            "back(c(robust$CI_L, robust$CI_U))",
        ]
    return lines


def _moderators(study: RGStudy) -> list[str]:
    """Return the model with moderators, where its formula reads the same in R."""
    model = study.moderator_model
    if model is None or study.formula is None:
        return []
    formula = study.formula.replace("np.log(", "log(").replace("np.sqrt(", "sqrt(")
    rows = study.main_rows
    used = model.effects.table
    names = [name for name in model.design.variables if name in rows]
    same = list(used["yi"]) == list(rows["yi"])
    if not _R_FORMULA.fullmatch(formula) or "np." in formula or not same:
        return [f"# The model with {study.formula} is not written in R here."]
    lines: list[str] = []
    for name in names:
        number = pd.api.types.is_numeric_dtype(rows[name])
        values = _numbers(rows[name]) if number else _words(rows[name])
        lines.append(f"dat${name} <- {values}")
    if model.is_multilevel:
        return [
            *lines,
            f"mod <- rma.mv(yi, V, mods = {formula}, data = dat,",
            "              random = ~ 1 | study_id/coefficient_id,",
            f'              method = "{model.method}", test = "t")',
            "mod",
            "library(clubSandwich)  # the tests that this report gives",
            'coef_test(mod, vcov = "CR2", cluster = dat$study_id)',
            *_together(model),
        ]
    return [
        *lines,
        f'mod <- rma(yi, vi, mods = {formula}, data = dat, method = "{_method(study)}",',
        f'           test = "knha", {_CONTROL})',
        "mod",
    ]


def _together(model: Any) -> list[str]:
    """Return the test of several terms at once; one term has its own test."""
    terms = len(model.design.names)
    if terms < 3 or model.design.names[0] != "Intercept":
        return []
    return [
        f'Wald_test(mod, constrain_zero(2:{terms}), vcov = "CR2",',
        '          cluster = dat$study_id, test = "HTZ")',
    ]


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
