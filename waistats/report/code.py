"""The code that makes an analysis again, in Python and in R."""

import pandas as pd

from waistats.generalization.study import RGStudy
from waistats.meta.multilevel_result import MultilevelResult

_R_MEASURE = {"bonett": "ABT", "hakstian-whalen": "AHW", "raw": "ARAW"}


def python_code(study: RGStudy) -> str:
    """Return Python that runs the same study on ``coefficients.csv``."""
    options = []
    if study.formula is not None:
        options.append(f"moderators={study.formula!r}")
    if study.measure != "bonett":
        options.append(f"measure={study.measure!r}")
    if study.method != "REML":
        options.append(f"method={study.method!r}")
    if study.conf_level != 0.95:
        options.append(f"conf_level={study.conf_level!r}")
    if study.within_correlation is not None:
        options.append(f"within_correlation={study.within_correlation!r}")
    arguments = "".join(f", {option}" for option in options)
    return (
        "from waistats import generalize, read_coefficients\n\n"
        'study = generalize(read_coefficients("coefficients.csv")'
        f"{arguments})\n"
        "print(study)\n"
        'study.report("report.html")\n'
    )


def r_code(study: RGStudy) -> str:
    """Return R (metafor) that fits the overall model; empty where R has no such scale."""
    measure = _R_MEASURE.get(study.measure)
    if measure is None or study.pooled is None:
        return ""
    rows = study.main_rows
    fit = study.pooled.fit
    lines = [
        "library(metafor)",
        "dat <- data.frame(",
        f"  study_id = {_vector(rows['study_id'], quote=True)},",
        f"  coefficient_id = {_vector(rows['coefficient_id'], quote=True)},",
        f"  ai = {_vector(rows['estimate'])},",
        f"  ni = {_vector(rows['n'])},",
        f"  mi = {_vector(rows['n_items'])}",
        ")",
        f'dat <- escalc(measure = "{measure}", ai = ai, mi = mi, ni = ni, data = dat)',
    ]
    if isinstance(fit, MultilevelResult):
        lines += [
            "res <- rma.mv(yi, vi, random = ~ 1 | study_id/coefficient_id, data = dat,",
            f'              method = "{fit.method}", test = "t")',
            "library(clubSandwich)",
            'coef_test(res, vcov = "CR2", cluster = dat$study_id)',
        ]
    else:
        lines += [
            f'res <- rma(yi, vi, data = dat, method = "{study.method}", test = "knha",',
            "           control = list(threshold = 1e-12, maxiter = 1000))",
        ]
    lines.append("res")
    if study.measure == "bonett":
        lines.append("predict(res, transf = transf.iabt)")
    return "\n".join(lines) + "\n"


def _vector(values: pd.Series, *, quote: bool = False) -> str:
    if quote:
        words = [
            '"' + str(v).replace("\\", "\\\\").replace('"', '\\"') + '"' for v in values
        ]
    else:
        words = [f"{float(v):.15g}" for v in values]
    lines, line = [], ""
    for word in words:
        if len(line) + len(word) > 70:
            lines.append(line)
            line = ""
        line += word + ", "
    lines.append(line)
    return "c(" + "\n    ".join(lines).rstrip(", ") + ")"
