"""How fast coefficients are, against peers measured in the same run.

Run ``python benchmarks/reliability.py [case ...]``; R peers are omitted without R.
Numbers are the best of several runs, in milliseconds, on SIMULATED answers.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import json
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from waistats.reliability._best_split import best_split
from waistats.reliability._polychoric import polychoric
from waistats.reliability.alpha import cronbach_alpha
from waistats.reliability.glb import greatest_lower_bound
from waistats.reliability.icc import intraclass_correlation
from waistats.reliability.omega import omega_total
from waistats.reliability.omega_categorical import omega_categorical
from waistats.reliability.ordinal import categories, ordinal_alpha

Line = tuple[str, str, float]


def best(function: Callable[[], object], repeats: int = 7) -> float:
    """Return the shortest of several runs in milliseconds."""
    function()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return 1000 * min(times)


def best_in_r(values: np.ndarray, setup: str, call: str, repeats: int = 3) -> float:
    """Return the shortest of several runs of an R call on ``x``; NaN without R."""
    if shutil.which("Rscript") is None:
        return float("nan")
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder, "x.csv")
        pd.DataFrame(values).to_csv(data, index=False)
        script = (
            f"{setup}\nx <- as.matrix(read.csv({json.dumps(str(data))}))\n"
            f"run <- function() suppressWarnings(suppressMessages({call}))\n"
            f"invisible(run())\ncat('\\nTIME', min(replicate({repeats}, "
            "system.time(run())[['elapsed']])))\n"
        )
        done = subprocess.run(
            ["Rscript", "-e", script], capture_output=True, text=True, check=False
        )
    found = done.stdout.rpartition("TIME")[2].strip()
    return 1000 * float(found) if done.returncode == 0 else float("nan")


def ordered_answers(n: int, m: int, seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    latent = 0.7 * rng.normal(size=(n, 1)) + 0.7 * rng.normal(size=(n, m))
    return np.digitize(latent, [-1.5, -0.5, 0.3, 1.0]).astype(float)


def likert(n: int, m: int, seed: int = 3) -> np.ndarray:
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n, 1)) + rng.normal(size=(n, m)) + 4
    return np.clip(np.round(values), 1, 7)


def bare_alpha(values: np.ndarray) -> float:
    """Return alpha and nothing else."""
    m = values.shape[1]
    items = values.var(axis=0, ddof=1).sum()
    return m / (m - 1) * (1 - items / values.sum(axis=1).var(ddof=1))


def alpha_10000() -> Iterator[Line]:
    """Time alpha with its interval, of 10,000 x 12."""
    values = likert(10_000, 12)
    frame = pd.DataFrame(values)
    name = "alpha 10,000 x 12"
    yield name, "waistats, Feldt", best(lambda: cronbach_alpha(frame), 50)
    yield name, "waistats, ADF", best(lambda: cronbach_alpha(frame, ci="adf"), 50)
    yield name, "bare NumPy, no interval", best(lambda: bare_alpha(values), 50)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pingouin

        yield name, "pingouin", best(lambda: pingouin.cronbach_alpha(frame), 20)
    yield (
        name,
        "psych::alpha",
        best_in_r(values, "library(psych)", "alpha(as.data.frame(x))"),
    )


def multinomial_alphas(values: np.ndarray, draws: int) -> np.ndarray:
    """Return bootstrap alphas by multinomial weights and a product of matrices."""
    n, m = values.shape
    weights = np.random.default_rng(1).multinomial(n, np.full(n, 1 / n), size=draws)
    total = values.sum(axis=1)
    sums = weights @ np.column_stack([values, values**2, total, total**2])
    items = (sums[:, m : 2 * m] - sums[:, :m] ** 2 / n).sum(axis=1)
    whole = sums[:, -1] - sums[:, -2] ** 2 / n
    return m / (m - 1) * (1 - items / whole)


def bootstrap_500() -> Iterator[Line]:
    """Bootstrap an interval of alpha, 500 x 12, 1,000 resamples."""
    values = likert(500, 12)
    name = "bootstrap 500 x 12"
    for kind in ("percentile", "bca"):
        yield (
            name,
            f"waistats, {kind}",
            best(
                lambda kind=kind: cronbach_alpha(
                    values, ci="bootstrap", kind=kind, n_resamples=1000
                )
            ),
        )
    yield (
        name,
        "multinomial product, NumPy",
        best(lambda: multinomial_alphas(values, 1000)),
    )
    short = (
        "boot(x, function(d, i) { S <- cov(d[i, ]); "
        "12 / 11 * (1 - sum(diag(S)) / sum(S)) }, 1000)"
    )
    yield name, "boot::boot", best_in_r(values, "library(boot)", short)
    yield (
        name,
        "psych::alpha(n.iter = 1000)",
        best_in_r(values, "library(psych)", "alpha(as.data.frame(x), n.iter = 1000)"),
    )


def polychoric_12() -> Iterator[Line]:
    """Polychoric correlations of 500 x 12 five-point answers."""
    values = ordered_answers(500, 12)
    name = "polychoric 500 x 12"
    yield name, "waistats, correlations", best(lambda: polychoric(*categories(values)))
    yield (
        name,
        "waistats, ordinal_alpha with ADF interval",
        best(lambda: ordinal_alpha(values)),
    )
    yield (
        name,
        "psych::polychoric",
        best_in_r(values, "library(psych)", "polychoric(x, correct = 0)"),
    )
    yield (
        name,
        "lavaan::lavCor",
        best_in_r(
            values,
            "suppressMessages(library(lavaan))",
            "lavCor(as.data.frame(x), ordered = colnames(x))",
        ),
    )


def icc_500() -> Iterator[Line]:
    """One intraclass correlation of 500 targets by 12 raters."""
    rng = np.random.default_rng(2)
    values = rng.normal(size=(500, 1)) + rng.normal(size=(500, 12))
    frame = pd.DataFrame(
        {
            "target": np.repeat(np.arange(500), 12),
            "rater": np.tile(np.arange(12), 500),
            "rating": values.ravel(),
        }
    )
    columns = {"targets": "target", "raters": "rater", "ratings": "rating"}
    name = "ICC 500 x 12"
    yield name, "waistats, wide", best(lambda: intraclass_correlation(values))
    yield name, "waistats, long", best(lambda: intraclass_correlation(frame, **columns))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pingouin

        yield (
            name,
            "pingouin, long",
            best(lambda: pingouin.intraclass_corr(frame, *columns.values())),
        )
    yield (
        name,
        "psych::ICC(lmer = FALSE)",
        best_in_r(values, "library(psych)", "ICC(x, lmer = FALSE)"),
    )


def omega_500() -> Iterator[Line]:
    """Omega total of 500 x 12 answers with a robust and a bootstrap interval."""
    values = ordered_answers(500, 12)
    name = "omega 500 x 12"
    yield name, "waistats, ADF interval", best(lambda: omega_total(values))
    yield (
        name,
        "waistats, bootstrap of 1,000",
        best(lambda: omega_total(values, ci="bootstrap", n_resamples=1000), 3),
    )
    loads = " + ".join(f"l{j}*V{j}" for j in range(1, 13))
    total = " + ".join(f"l{j}" for j in range(1, 13))
    unique = "\\n".join(f"V{j} ~~ t{j}*V{j}" for j in range(1, 13))
    rest = " + ".join(f"t{j}" for j in range(1, 13))
    model = f"f =~ {loads}\\n{unique}\\no := ({total})^2 / (({total})^2 + {rest})"
    yield (
        name,
        "lavaan::cfa(se = 'robust.sem')",
        best_in_r(
            values,
            "suppressMessages(library(lavaan))",
            "{colnames(x) <- paste0('V', 1:12); "
            f"cfa(\"{model}\", as.data.frame(x), std.lv = TRUE, se = 'robust.sem')}}",
        ),
    )


def categorical_500() -> Iterator[Line]:
    """Categorical omega of 500 x 12 five-point answers with a delta interval."""
    values = ordered_answers(500, 12)
    name = "categorical omega 500 x 12"
    yield name, "waistats, ADF interval", best(lambda: omega_categorical(values))
    yield (
        name,
        "semTools::compRelSEM, no interval",
        best_in_r(
            values,
            "suppressMessages({library(lavaan); library(semTools)})",
            "{d <- as.data.frame(x); compRelSEM(cfa(paste('f =~', paste(names(d), "
            "collapse = '+')), d, ordered = names(d), std.lv = TRUE))}",
        ),
    )


def bounds_20() -> Iterator[Line]:
    """Bounds of 500 x 20 answers: greatest lower bound, best of 524,287 splits."""
    values = ordered_answers(500, 20)
    covariance = np.cov(values.T)
    name = "bounds 500 x 20"
    yield name, "waistats, best of all splits", best(lambda: best_split(covariance))
    yield (
        name,
        "waistats, greatest lower bound with interval",
        best(lambda: greatest_lower_bound(values)),
    )
    yield (
        name,
        "psych::glb.algebraic, no interval",
        best_in_r(values, "library(psych)", "glb.algebraic(cov(x))"),
    )


CASES: dict[str, Callable[[], Iterator[Line]]] = {
    "alpha": alpha_10000,
    "bootstrap": bootstrap_500,
    "polychoric": polychoric_12,
    "icc": icc_500,
    "omega": omega_500,
    "categorical": categorical_500,
    "bounds": bounds_20,
}


def main() -> None:
    """Print each case's times, and how many times as long each peer takes."""
    chosen = sys.argv[1:] or list(CASES)
    unknown = [name for name in chosen if name not in CASES]
    if unknown:
        raise SystemExit(f"no case {', '.join(unknown)}; there are {', '.join(CASES)}")
    for case in chosen:
        first = None
        for name, who, milliseconds in CASES[case]():
            first = first or milliseconds
            ratio = milliseconds / first
            print(f"{name:<20} {who:<44} {milliseconds:>9.2f} ms {ratio:>8.1f} x")


if __name__ == "__main__":
    main()
