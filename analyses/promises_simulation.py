"""SIMULATED reliability generalization studies of known truth, and what models say.

Alphas of normal items come from their exact law, (1 - alpha)/(1 - a) ~ F(n - 1,
(n - 1)(m - 1)), which is that of parallel items. Alphas of ceiling items come from
answers: 5 points, 55 % of answers at the top, one factor with equal loadings; a pool of
alphas is drawn answer by answer for each n, number of items and true alpha on a grid of
the Bonett scale, and a study takes the error of a random member of the pool at a grid
point beside its own true alpha.
"""

import os
from itertools import product

import joblib
import numpy as np
import pandas as pd
from scipy import stats
from tqdm import tqdm

import waistats as ws

MEAN = -np.log(1 - 0.85)
TAUS = (0.0, 0.1, 0.3, 0.6)
SIZES = {"small": (20, 30, 40, 50), "mixed": (20, 50, 100, 300)}
ITEMS = (3, 12, 36)
STUDIES = (3, 5, 10, 25, 50, 100)
MEASURES = ("bonett", "bonett, exact bias", "hakstian-whalen", "raw")
METHODS = ("CE", "DL", "REML", "PM")
TESTS = ("wald", "knapp-hartung")
SHARES = (0.04, 0.06, 0.12, 0.23, 0.55)
GRID = MEAN + np.arange(-1.6, 2.1, 0.4)
Z = stats.norm.ppf(0.975)
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#D55E00")


def item_correlations(loadings: np.ndarray) -> np.ndarray:
    """Return the correlation of two ceiling items by the loading of their factor."""
    cuts = stats.norm.ppf(np.cumsum(SHARES)[:-1])
    nodes = np.linspace(-8, 8, 2001)
    weights = stats.norm.pdf(nodes)
    unique = np.sqrt(1 - loadings**2)[:, None]
    answer = sum(
        stats.norm.sf((cut - loadings[:, None] * nodes) / unique) for cut in cuts
    )
    points = np.arange(5)
    mean = points @ SHARES
    variance = points**2 @ SHARES - mean**2
    return ((answer - mean) ** 2 @ weights) / weights.sum() / variance


def loading_for(alpha: float, m: int) -> float:
    """Return the loading that gives m ceiling items a true alpha."""
    loadings = np.sqrt(1 - np.geomspace(1 - 1e-6, 1e-4, 600))
    wanted = alpha / (m - (m - 1) * alpha)
    return float(np.interp(wanted, item_correlations(loadings), loadings))


def pool(n: int, m: int, seed: np.random.SeedSequence, size: int = 2000) -> np.ndarray:
    """Return errors on the Bonett scale of alphas from answers, (grid, size)."""
    rng = np.random.default_rng(seed)
    cuts = stats.norm.ppf(np.cumsum(SHARES)[:-1]).astype(np.float32)
    errors = np.empty((len(GRID), size))
    batch = max(1, 400_000 // (n * m))
    for row, theta in enumerate(GRID):
        loading = np.float32(loading_for(1 - np.exp(-theta), m))
        rest = np.sqrt(1 - loading**2)
        for start in range(0, size, batch):
            count = min(batch, size - start)
            latent = rest * rng.standard_normal((count, n, m), dtype=np.float32)
            latent += loading * rng.standard_normal((count, n, 1), dtype=np.float32)
            answers = sum((latent > cut).astype(np.float32) for cut in cuts)
            items = answers.var(axis=1, ddof=1, dtype=float).sum(axis=1)
            total = answers.sum(axis=2).var(axis=1, ddof=1, dtype=float)
            ratio = m / (m - 1) * (1 - items / np.maximum(total, 1e-9))
            found = -np.log1p(-np.minimum(ratio, 0.999))
            errors[row, start : start + count] = found - theta
    return errors


def draw(rng, k, tau, n, m, pools=None, *, runs):
    """Return sizes (k,), true alphas and alphas of studies, both (runs, k)."""
    sizes = np.resize(n, k)
    theta = rng.normal(MEAN, tau, (runs, k))
    if pools is None:
        ratio = rng.f(sizes - 1, (sizes - 1) * (m - 1), (runs, k))
        return sizes, -np.expm1(-theta), 1 - np.exp(-theta) / ratio
    place = (theta - GRID[0]) / (GRID[1] - GRID[0])
    point = np.floor(place + rng.random((runs, k))).astype(int).clip(0, len(GRID) - 1)
    error = np.empty((runs, k))
    for size in np.unique(sizes):
        of = np.broadcast_to(sizes == size, (runs, k))
        drawn = pools[m, int(size)]
        error[of] = drawn[point[of], rng.integers(0, drawn.shape[1], of.sum())]
    return sizes, -np.expm1(-theta), -np.expm1(-(theta + error))


def effects(alphas, sizes, m, measure):
    """Return yi and vi of all runs, both (runs, k)."""
    runs, k = alphas.shape
    measure, _, bias = measure.partition(", ")
    table = pd.DataFrame(
        {
            "study_id": np.tile(np.arange(k), runs),
            "estimate": alphas.ravel(),
            "n": np.tile(sizes, runs),
            "n_items": m,
        }
    )
    table = ws.effect_sizes(table, measure=measure, bias=bias[:5] or "none")
    y, v = (table[name].to_numpy().reshape(runs, k) for name in ("yi", "vi"))
    return y, v


def truth(measure: str, tau: float) -> float:
    """Return the mean of true alphas on the scale of a measure."""
    if measure.startswith("bonett"):
        return MEAN
    root = 3 if measure == "hakstian-whalen" else 1
    return 1 - np.exp(-MEAN / root + tau**2 / (2 * root**2))


def on_bonett(values: np.ndarray, measure: str) -> np.ndarray:
    """Return values of a scale on the Bonett scale; an alpha of 1 is infinite."""
    if measure.startswith("bonett"):
        return values
    rest = np.maximum(1 - values, 0) ** (3 if measure == "hakstian-whalen" else 1)
    with np.errstate(divide="ignore"):
        return -np.log(rest)


def share_inside(low, high, tau):
    """Return the share of new true alphas between limits on the Bonett scale."""
    if tau == 0:
        return (low <= MEAN) & (high >= MEAN)
    return stats.norm.cdf((high - MEAN) / tau) - stats.norm.cdf((low - MEAN) / tau)


def model_row(y, v, measure, method, test, tau, slope):
    """Return what one model keeps of its promises over the runs of a cell."""
    k = y.shape[1]
    fit = ws.fit_meta_many(y, v, method=method, small_sample=test)
    t = Z if test == "wald" else stats.t.ppf(0.975, k - 1)
    target = truth(measure, tau)
    half = t * fit.se
    wide = t * np.sqrt(fit.se**2 + fit.tau2)
    low, high = (on_bonett(fit.estimate + s * wide, measure) for s in (-1, 1))
    alpha = -np.expm1(-on_bonett(fit.estimate, measure))
    aim = -np.expm1(-on_bonett(np.array(target), measure))
    row = {
        "bias": (alpha - aim).mean(),
        "ci_coverage": (np.abs(fit.estimate - target) <= half).mean(),
        "pi_coverage": share_inside(low, high, tau).mean(),
        "tau2": fit.tau2.mean(),
    }
    X = np.column_stack([np.ones(k), slope])
    model = ws.fit_meta_many(y, v, X, method=method, small_sample=test)
    t = Z if test == "wald" else stats.t.ppf(0.975, k - 2)
    ratio = np.abs(model.estimate[:, 1]) / model.se[:, 1]
    return row | {"type_1": (ratio > t).mean()}


def varying_row(alphas, true, sizes, m, slope, tau):
    """Return the same for varying coefficients, as `fit_varying_coefficient` has it."""
    k = alphas.shape[1]
    A = ((m - 2) * (k - 1)) ** 0.25
    variance = 2 * m / ((m - 1) * (sizes - 2 - A))
    shift = np.log(1 / (1 - (1 / sizes).mean()))
    mean = alphas.mean(1)
    half = Z * np.sqrt((variance * (1 - alphas) ** 2).sum(1)) / k / (1 - mean)
    center = -np.log1p(-mean) + shift

    def covered(alpha):
        return (np.abs(-np.log1p(-alpha) - center) <= half).mean()

    X = np.column_stack([np.ones(k), slope])
    projector = np.linalg.pinv(X)[1]
    b = (-np.log1p(-alphas)) @ projector
    se = np.sqrt((projector**2 * variance).sum())
    population = truth("raw", tau)
    return {
        "bias": (mean - population).mean(),
        "ci_coverage": covered(population),
        "ci_coverage_these": covered(true.mean(1)),
        "type_1": (np.abs(b) / se > Z).mean(),
    }


def cell(setting, seed, pools, runs):
    """Return one row a method for one setting."""
    k, tau, size, m, items = setting
    rng = np.random.default_rng(seed)
    pools = pools if items == "ceiling" else None
    sizes, true, alphas = draw(rng, k, tau, SIZES[size], m, pools, runs=runs)
    slope = rng.permutation(np.linspace(-1, 1, k))
    facts = dict(zip(("k", "tau", "n", "n_items", "items"), setting, strict=True))
    rows = []
    for measure in MEASURES:
        y, v = effects(alphas, sizes, m, measure)
        for method, test in product(METHODS, TESTS):
            row = model_row(y, v, measure, method, test, tau, slope)
            rows.append(
                facts | {"measure": measure, "model": method, "test": test} | row
            )
    row = varying_row(alphas, true, sizes, m, slope, tau)
    rows.append(facts | {"measure": "raw", "model": "VC", "test": "wald"} | row)
    return rows


def settings():
    """Return every combination of k, tau, sizes, items and their kind."""
    return list(product(STUDIES, TAUS, SIZES, ITEMS, ("normal", "ceiling")))


def pool_sizes():
    """Return the (items, n) that pools are needed for."""
    return sorted({(m, n) for m in ITEMS for sizes in SIZES.values() for n in sizes})


def simulate(runs, *, small=False):
    """Return one row per cell and method, the same on any machine."""
    parallel = joblib.Parallel(n_jobs=os.cpu_count(), return_as="generator")

    def spread(function, tasks, name):
        calls = (joblib.delayed(function)(*task) for task in tasks)
        return list(tqdm(parallel(calls), name, len(tasks), disable=None))

    seeds = np.random.SeedSequence(20261128).spawn(2)
    needed, cells = pool_sizes(), settings()
    tasks = list(zip(cells, seeds[1].spawn(len(cells)), strict=True))
    sized = [
        (n, m, s) for (m, n), s in zip(needed, seeds[0].spawn(len(needed)), strict=True)
    ]
    if small:
        tasks, sized = [t for t in tasks if t[0][0] < 25 and t[0][-1] == "normal"], []
    drawn = spread(pool, sized, "pools")
    pools = {(m, n): pool for (n, m, _), pool in zip(sized, drawn, strict=True)}
    rows = spread(cell, [(*t, pools, runs) for t in tasks], "cells")
    return pd.DataFrame([row for part in rows for row in part])


def coverage_figure(frame):
    """Return a figure of the coverage of 95 % intervals against k."""
    from matplotlib.figure import Figure

    lines = {
        "REML, Knapp-Hartung": ("bonett, exact bias", "REML", "knapp-hartung"),
        "REML, Wald": ("bonett, exact bias", "REML", "wald"),
        "REML, Knapp-Hartung, raw alphas": ("raw", "REML", "knapp-hartung"),
        "common effect": ("bonett, exact bias", "CE", "wald"),
    }
    chosen = frame.set_index(["measure", "model", "test"]).sort_index()
    figure = Figure(figsize=(9, 4.6), layout="constrained")
    axes = figure.subplots(2, len(TAUS), sharex=True, sharey=True)
    for (row, items), (column, tau) in product(
        enumerate(("normal", "ceiling")), enumerate(TAUS)
    ):
        ax = axes[row, column]
        ax.axhline(0.95, color="0.6", linewidth=0.8)
        marks = zip("os^x", COLOURS, lines.items(), strict=True)
        for marker, colour, (label, key) in marks:
            of = chosen.loc[key]
            of = of[(of["items"] == items) & (of.tau == tau)]
            mean = of.groupby("k").ci_coverage.mean()
            ax.plot(mean, marker=marker, color=colour, markersize=4, label=label)
        ax.set(xscale="log", ylim=(0, 1), title=f"{items} items, tau = {tau:g}")
        ax.set_xticks(STUDIES, STUDIES)
        ax.tick_params(which="minor", bottom=False)
    figure.supxlabel("studies")
    figure.supylabel("coverage of the 95% interval")
    figure.legend(
        *axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncol=4
    )
    return figure
