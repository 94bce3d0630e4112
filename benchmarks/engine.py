"""Time the meta-analytic engine against metafor and Python peers in the same run.

Targets: many REML fits take a thousandth of metafor's time and a third of PyMARE's; one
fit with all its results is at least four times as fast as metafor's; leave-one-out, a
three-level fit and a selection model are ahead of every peer. Peers are asked in the
environment that WAISTATS_PEERS names, R where Rscript and metafor are there; others are
said to be absent. Peers get the same data, and each works with its own tolerance;
metafor's thousand fits are 200, times five, the best of three in pieces of ten. PyMARE's
vectorised fits give estimates and standard errors, ours tau2, Q, I2 and H2 too. Data
are SIMULATED; times are the best of several runs in processor time (of all threads), which
other work on the machine does not lengthen; a ratio above 1 is in favour of waistats.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

import waistats as ws

HERE = Path(__file__).parent
FITS = 1000
THRESHOLD = 0.86
R_CODE = """
suppressMessages(library(metafor))
d <- jsonlite::fromJSON(commandArgs(TRUE)[1])
best <- function(f, n, each = 1) min(replicate(n, sum(system.time(
  for (i in seq_len(each)) f())[1:2]))) / each
k20 <- d$y20; v20 <- d$v20; k50 <- d$y50; v50 <- d$v50
few <- split(1:200, rep(1:20, each = 10))
many <- function(y, v) sum(sapply(few, function(rows) best(function()
  for (i in rows) rma(y[i, ], v[i, ]), 3))) * nrow(d$y20) / 200
fit <- rma(k50[1, ], v50[1, ])
m <- data.frame(y = d$y_ml, v = d$v_ml, study = d$study, row = seq_along(d$y_ml))
shifted <- rma(k50[1, ] + log(1 - d$threshold), v50[1, ], method = "ML")
out <- list(
  one = best(function() rma(k20[1, ], v20[1, ], test = "knha"), 7, 50),
  many20 = many(k20, v20),
  many50 = many(k50, v50),
  loo = best(function() leave1out(fit), 5),
  multilevel = best(function() rma.mv(y, v, random = ~ 1 | study / row, data = m,
                                      test = "t"), 5, 5),
  selection = best(function() selmodel(shifted, type = "stepfun", steps = .5,
                                       alternative = "greater"), 3))
cat(jsonlite::toJSON(out, auto_unbox = TRUE, digits = 9))
"""
TITLES = {
    "one": "one REML fit, k = 20, Knapp-Hartung",
    "one_pm": "one Paule-Mandel fit, k = 20",
    "many20": f"{FITS:,} REML fits, k = 20",
    "many50": f"{FITS:,} REML fits, k = 50",
    "many20dl": f"{FITS:,} DerSimonian-Laird fits, k = 20",
    "many50dl": f"{FITS:,} DerSimonian-Laird fits, k = 50",
    "loo": "leave-one-out, k = 50",
    "multilevel": "three-level fit, 60 coefficients in 20 studies",
    "selection": "selection model, k = 50",
}


def simulated() -> dict[str, np.ndarray]:
    """Return SIMULATED effects on the Bonett scale; each row is a data set."""
    rng = np.random.default_rng(1)
    data: dict[str, np.ndarray] = {"threshold": np.array(THRESHOLD)}
    for k in (20, 50):
        v = 2 * 12 / (11 * (rng.integers(30, 300, (FITS, k)) - 2))
        data[f"y{k}"] = 2 + rng.normal(size=(FITS, k)) * np.sqrt(v + 0.04)
        data[f"v{k}"] = v
    study = np.repeat(np.arange(20), 3)
    v = 2 * 12 / (11 * (rng.integers(30, 300, 60) - 2))
    u = rng.normal(size=20)[study] * 0.2
    data |= {"study": study, "v_ml": v}
    data["y_ml"] = 2 + u + rng.normal(size=60) * np.sqrt(v + 0.02)
    return data


def best(call: Callable[[], object], repeats: int) -> float:
    """Return the shortest time of several calls, of a second at least."""
    call()
    times: list[float] = []
    while len(times) < repeats or sum(times) < 1:
        start = time.process_time()
        call()
        times.append(time.process_time() - start)
    return min(times)


def table(y: np.ndarray, v: np.ndarray, study: np.ndarray) -> pd.DataFrame:
    columns = {"study_id": [f"S{i:02d}" for i in study], "yi": y, "vi": v}
    return pd.DataFrame(columns | {"measure": "bonett"})


def ours(data: dict[str, np.ndarray]) -> dict[str, dict[str, float]]:
    """Return our times, with all of a call included: checks, tests, intervals."""
    small = table(data["y20"][0], data["v20"][0], np.arange(20))
    large = ws.fit_meta(table(data["y50"][0], data["v50"][0], np.arange(50)))
    levels = table(data["y_ml"], data["v_ml"], data["study"])
    found = {
        "one": {
            "fit_meta": best(lambda: ws.fit_meta(small), 100),
            "fit_meta and its frame": best(lambda: ws.fit_meta(small).to_frame(), 100),
        },
        "one_pm": {
            "fit_meta and its frame": best(
                lambda: ws.fit_meta(small, method="PM").to_frame(), 100
            )
        },
        "loo": {"leave_one_out": best(lambda: ws.leave_one_out(large), 30)},
        "multilevel": {
            "fit_multilevel": best(lambda: ws.fit_multilevel(levels), 30),
        },
        "selection": {
            "threshold_selection": best(
                lambda: ws.threshold_selection(large, threshold=THRESHOLD), 10
            )
        },
    }
    for k in (20, 50):
        y, v = data[f"y{k}"], data[f"v{k}"]
        call = lambda y=y, v=v, **o: ws.fit_meta_many(y, v, **o)  # noqa: E731
        found[f"many{k}"] = {
            "fit_meta_many": best(call, 50),
            "fit_meta_many, thorough=False": best(lambda: call(thorough=False), 50),  # noqa: B023
        }
        found[f"many{k}dl"] = {
            "fit_meta_many": best(lambda: call(method="DL"), 50)  # noqa: B023
        }
    return found


def metafor(data: dict[str, np.ndarray]) -> dict[str, float]:
    """Return metafor's times; empty where R or metafor is not installed."""
    if shutil.which("Rscript") is None:
        print("R is not installed")
        return {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "data.json"
        path.write_text(json.dumps({name: a.tolist() for name, a in data.items()}))
        command = ["Rscript", "-e", R_CODE, str(path)]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode != 0:
        print(f"R did not run: {run.stderr.strip()}")
        return {}
    return json.loads(run.stdout)


def python_peers(
    data: dict[str, np.ndarray], *, slow: bool
) -> dict[str, dict[str, float]]:
    """Return the times of Python peers; empty without an environment of theirs."""
    interpreter = os.environ.get("WAISTATS_PEERS")
    if not interpreter:
        print("Python peers: WAISTATS_PEERS names no interpreter; left out")
        return {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "data.npz"
        np.savez(path, **data)
        command = [interpreter, str(HERE / "peers.py"), str(path), *["slow"] * slow]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode != 0:
        print(f"peers did not run: {run.stderr.strip()[-500:]}")
        return {}
    return json.loads(run.stdout)


def rounds(data: dict[str, np.ndarray]) -> dict[str, dict[str, float]]:
    """Return the best of two rounds in turn, so that all see the same load."""
    least: dict[str, dict[str, float]] = {case: {} for case in TITLES}
    for number in range(2):
        r = {case: {"metafor": t} for case, t in metafor(data).items()}
        peers = python_peers(data, slow=number == 0)
        for found in (ours(data), r, peers):
            for case, times in found.items():
                for who, seconds in times.items():
                    known = least[case].get(who, np.inf)
                    least[case][who] = min(known, seconds)
    return least


def main() -> None:
    """Print each case, ours first, and how many times as long each peer takes."""
    print(f"{'':<54} {'ms':>10} {'times ours':>11}")
    for case, times in rounds(simulated()).items():
        print(TITLES[case])
        mine = next(iter(times.values()))
        for who, seconds in times.items():
            ratio = f"{seconds / mine:11.2f}"
            print(f"    {who:<50} {1000 * seconds:10.3f} {ratio}")


if __name__ == "__main__":
    main()
