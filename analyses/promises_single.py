"""SIMULATED studies of one coefficient each: prediction intervals and probabilities.

True values are normal on the Bonett scale; alphas of 12 parallel items come from their
exact law, (1 - alpha)/(1 - a) ~ F(n - 1, 11 (n - 1)).
"""

from itertools import product

import numpy as np
import pandas as pd
from promises_dependent import ITEMS, MEAN, TRUE, by_tenth, spread_out
from scipy import stats

import waistats as ws

STUDIES = (3, 4, 5, 7, 10, 15, 20, 30, 40, 60, 100)
TAUS = (0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.45, 0.6)
SIZES = {
    "small": (20, 30, 40, 50),
    "mixed": (20, 50, 100, 300),
    "large": (200, 300, 500),
}
KINDS = ("confidence-distribution", "metafor")
# probabilities: studies and tau
ASKED = (5, 8, 10, 15, 20, 30, 50)
ASKED_TAUS = (0.1, 0.15, 0.2, 0.3, 0.4, 0.5)


def draw(rng, k, tau, size, runs):
    """Return effects (runs, k) and their sampling variances (k,)."""
    n = np.resize(SIZES[size], k)
    error = np.log(rng.f(n - 1, (n - 1) * (ITEMS - 1), (runs, k)))
    variance = 2 * ITEMS / ((ITEMS - 1) * (n - 2))
    return rng.normal(MEAN, tau, (runs, k)) + error, variance


def typical(variance):
    """Return a typical standard error, as I2 has it (Higgins and Thompson)."""
    w = 1 / variance
    return np.sqrt((len(w) - 1) * w.sum() / (w.sum() ** 2 - (w**2).sum()))


def prediction(setting, seed, runs):
    """Return one row: what both kinds of prediction intervals hold, and their width."""
    k, tau, size = setting
    y, v = draw(np.random.default_rng(seed), k, tau, size, runs)
    row = {"k": k, "tau": tau, "n": size, "ratio": tau / typical(v)}
    for kind in KINDS:
        fits = ws.fit_meta_many(y, v, prediction=kind)
        low, high = fits.pi_low, fits.pi_high
        if tau > 0:
            inside = stats.norm.cdf(high, MEAN, tau) - stats.norm.cdf(low, MEAN, tau)
        else:
            inside = (low < MEAN) & (high > MEAN)
        row[f"pi_coverage_{kind}"] = inside.mean()
        row[f"pi_width_{kind}"] = np.median(high - low)
    return row | {"runs": runs}


def probability(setting, seed, runs):
    """Return rows of one cell: by tenths of the stated probability, sums of both."""
    k, tau, size = setting
    y, v = draw(np.random.default_rng(seed), k, tau, size, runs)
    cuts = MEAN - tau * stats.norm.ppf(TRUE)
    w = 1 / (v + tau**2)
    stated = {name: [] for name in ("default", *KINDS[:1], "plug-in", "known tau")}
    for effects in y:
        table = pd.DataFrame({"yi": effects, "vi": v, "measure": "bonett"})
        table["study_id"] = [f"S{i}" for i in range(k)]
        fit = ws.fit_meta(table)
        alphas = -np.expm1(-cuts)
        ask = ws.threshold_probability
        stated["default"].append(ask(fit, alphas))
        stated[KINDS[0]].append(ask(fit, alphas, prediction=KINDS[0]))
        stated["plug-in"].append(ask(fit, alphas, include_uncertainty=False))
        center, sd = w @ effects / w.sum(), np.sqrt(tau**2 + 1 / w.sum())
        stated["known tau"].append(stats.norm.sf(cuts, center, sd))
    facts = {"k": k, "tau": tau, "n": size, "runs": runs}
    rows = []
    for name, values in stated.items():
        rows += by_tenth(facts | {"kind": name}, np.array(values), TRUE)
    return rows


def write(folder, runs, end, *, small=False):
    """Write both tables to a folder, and print the lowest coverage by studies."""
    cells = list(product(STUDIES, TAUS, SIZES))
    asked = list(product(ASKED, ASKED_TAUS, SIZES))
    if small:
        cells, asked = cells[::40], asked[::40]
    frame = spread_out(prediction, cells, runs, 20261129, "prediction")
    # a probability takes a fit of its own, and 50 are asked of each
    few = max(1, runs // 5)
    rows = spread_out(probability, asked, few, 20261130, "probability")
    for name, table in (("prediction", frame), ("probability", rows)):
        table = table.assign(provenance="SIMULATED")
        table.to_csv(folder / f"05_promises_{name}{end}.csv", index=False)
    print(frame.groupby("k")[f"pi_coverage_{KINDS[0]}"].min().round(3))
