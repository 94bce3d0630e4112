"""Time location-scale, Bayesian and permutation models against R in the same run.

Claims: `fit_location_scale` and `permutation_test` are faster than metafor on the same
data, `fit_bayes` takes less than 20 ms, and `fit_bayes_multilevel` of 60 coefficients in
20 studies less than a second; the prediction interval that carries the uncertainty of tau2
takes less than 1 ms. R is asked where Rscript and metafor are
there, and bayesmeta and PyMARE where they are installed; others are said to be absent.
Ratios above 1 are in favour of waistats. Data are SIMULATED.
"""

import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from waistats.meta.bayes import fit_bayes
from waistats.meta.bayes_multilevel import fit_bayes_multilevel
from waistats.meta.fit import fit_meta
from waistats.meta.location_scale import fit_location_scale
from waistats.meta.multivariate import fit_multivariate
from waistats.meta.permutation import permutation_test

K = 50
PERMUTATIONS = 1000
R_CODE = """
suppressMessages(library(metafor))
d <- read.csv(commandArgs(TRUE)[1])
best <- function(f, n) min(replicate(n, system.time(f())[["elapsed"]]))
loop <- function(f, n) best(function() for (i in 1:n) f(), 3) / n
fit <- rma(yi, vi, mods = ~ x, data = d)
out <- list(
  location_scale = loop(function() rma(yi, vi, mods = ~ x, scale = ~ z, data = d), 10),
  permutation = best(function() permutest(fit, iter = %d, progbar = FALSE), 1))
if (requireNamespace("bayesmeta", quietly = TRUE))
  out$bayes <- best(function() bayesmeta::bayesmeta(d$yi, sqrt(d$vi),
    tau.prior = function(t) bayesmeta::dhalfnormal(t, scale = 0.5)), 3)
cat(sprintf('{%%s}', paste(sprintf('"%%s": %%.9g', names(out), unlist(out)),
                           collapse = ", ")))
"""


def simulated() -> pd.DataFrame:
    """Return a SIMULATED table of effects with two covariates."""
    rng = np.random.default_rng(1)
    x, z = rng.normal(size=(2, K))
    vi = rng.uniform(0.01, 0.1, K)
    yi = 2 + 0.2 * x + rng.normal(size=K) * np.sqrt(vi + np.exp(-3 + 0.5 * z))
    ids = [f"S{i}" for i in range(K)]
    return pd.DataFrame({"study_id": ids, "x": x, "z": z, "yi": yi, "vi": vi})


def best(call: Callable[[], object], repeats: int) -> float:
    """Return the shortest time of several calls, in seconds."""
    call()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)


def ours(data: pd.DataFrame) -> dict[str, float]:
    """Return our times, all of a call included: checks, formula, result."""
    fit = fit_meta(data)
    return {
        # limits on the model's scale; without a frame around them
        "prediction": best(
            lambda: fit.predictive().limits(np.ones((1, 1)), fit.conf_level), 50
        ),
        "location_scale": best(lambda: fit_location_scale(data, "~ x", "~ z"), 20),
        "permutation": best(
            lambda: permutation_test(data, "~ x", n_permutations=PERMUTATIONS), 5
        ),
        "bayes": best(lambda: fit_bayes(data, prior_scale=0.5).to_frame(), 20),
        "bayes_levels": best(
            lambda: fit_bayes_multilevel(
                nested(), prior_scale=0.3, within_correlation=0.6
            ).to_frame(),
            5,
        ),
        "multivariate": best(
            lambda: fit_multivariate(nested(), within_correlation=0.6).to_frame(), 5
        ),
    }


def nested() -> pd.DataFrame:
    """Return SIMULATED effects of 20 studies, three scales each."""
    rng = np.random.default_rng(2)
    study = np.repeat(np.arange(20), 3)
    vi = rng.uniform(0.01, 0.1, 20)[study]
    yi = 2 + rng.normal(0, 0.3, 20)[study] + rng.normal(0, np.sqrt(vi + 0.02))
    columns = {"study_id": [f"S{i}" for i in study], "yi": yi, "vi": vi}
    return pd.DataFrame(columns | {"scale": ["task", "bond", "goal"] * 20})


def theirs(data: pd.DataFrame) -> dict[str, float]:
    """Return R's times; empty where R or metafor is not installed."""
    if shutil.which("Rscript") is None:
        return {}
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "data.csv"
        data.to_csv(table, index=False)
        command = ["Rscript", "-e", R_CODE % PERMUTATIONS, str(table)]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode != 0:
        print(f"R did not run: {run.stderr.strip()}")
        return {}
    return json.loads(run.stdout)


def pymare(data: pd.DataFrame) -> float | None:
    """Return PyMARE's time for the permutations; None where it is not installed."""
    try:
        from pymare import Dataset, meta_regression
    except ImportError:
        return None
    table = Dataset(data.yi.to_numpy(), data.vi.to_numpy(), data[["x"]].to_numpy())
    fit = meta_regression(dataset=table, method="REML")
    return best(lambda: fit.permutation_test(n_perm=PERMUTATIONS), 1)


def main() -> None:
    """Print a line a model."""
    data = simulated()
    mine, r = ours(data), theirs(data)
    peers = {
        "location_scale": [("metafor", r.get("location_scale"))],
        "permutation": [("metafor", r.get("permutation")), ("PyMARE", pymare(data))],
        "bayes": [("bayesmeta", r.get("bayes"))],
    }
    print(f"k = {K}, {PERMUTATIONS:,} permutations, one moderator; SIMULATED data")
    for name, seconds in mine.items():
        print(f"{name:<15} waistats {1000 * seconds:9.1f} ms")
        for peer, time_taken in peers.get(name, []):
            if time_taken is None:
                print(f"{'':<15} {peer:<8} not installed")
            else:
                ratio = time_taken / seconds
                print(
                    f"{'':<15} {peer:<8} {1000 * time_taken:9.1f} ms, "
                    f"{ratio:.1f} times as long"
                )
    quick = "yes" if mine["prediction"] < 0.001 else "no"
    print(f"prediction interval of {K} coefficients under 1 ms: {quick}")
    print(f"fit_bayes under 20 ms: {'yes' if mine['bayes'] < 0.02 else 'no'}")
    fast = "yes" if mine["bayes_levels"] < 1 else "no"
    print(f"fit_bayes_multilevel, 60 coefficients in 20 studies, under 1 s: {fast}")


if __name__ == "__main__":
    main()
