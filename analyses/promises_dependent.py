"""SIMULATED studies that give several coefficients, and what models say of them.

True values on the Bonett scale are normal between studies (tau) and within (omega).
Alphas of 12 parallel items come from their exact law, (1 - alpha)/(1 - a) ~ F(n - 1,
11 (n - 1)); those of a study share respondents: their errors are joined by a normal
copula of a given correlation. n is log-uniform from 30 to 300, one per study.
"""

import os
from functools import partial
from itertools import product

import joblib
import numpy as np
import pandas as pd
from scipy import stats
from tqdm import tqdm

import waistats as ws
from waistats.rg.moderators import screen_moderators

MEAN = -np.log(1 - 0.85)
ITEMS = 12
STUDIES = (3, 4, 5, 8, 12, 20)
SPREADS = ((0.0, 0.0), (0.1, 0.1), (0.3, 0.1), (0.1, 0.3), (0.6, 0.2))
# correlation of errors within a study: of the data, and the model's
ERRORS = ((0.6, 0.6), (0.6, None))
# moderators and small-study checks take several fits a run: in these cells only
TESTED = (0.3, 0.1)
# the lowest of many cells are low by chance, too: what covers less is tried again
AGAIN, TIMES = 0.935, 5
LEVEL = 0.05
# probabilities: studies, and the true probabilities that are asked for
ASKED = (4, 8, 20)
TRUE = np.round(np.linspace(0.01, 0.99, 50), 4)


def counts(studies: int, pattern: str) -> np.ndarray:
    """Return coefficients per study: four each, or from one to many."""
    if pattern == "equal":
        return np.full(studies, 4)
    share = 1.7 ** np.arange(studies) if studies < 9 else 1.25 ** np.arange(studies)
    return np.maximum(1, np.round(4 * studies * share / share.sum())).astype(int)


def draw(rng, studies, pattern, spread, correlation):
    """Return a table of effects, ``yi, vi`` and two moderators without effect."""
    study = np.repeat(np.arange(studies), counts(studies, pattern))
    k = len(study)
    n = np.floor(np.exp(rng.uniform(np.log(30), np.log(300), studies)))[study]
    true = MEAN + rng.normal(0, spread[0], studies)[study] + rng.normal(0, spread[1], k)
    z = np.sqrt(correlation) * rng.normal(size=studies)[study]
    z = z + np.sqrt(1 - correlation) * rng.normal(size=k)
    ratio = stats.f.ppf(stats.norm.cdf(z), n - 1, (n - 1) * (ITEMS - 1))
    place = np.arange(k) - np.r_[0, np.cumsum(np.bincount(study))[:-1]][study]
    return pd.DataFrame(
        {
            "study_id": np.char.add("S", study.astype(str)).astype(object),
            "coefficient_id": place.astype(str).astype(object),
            "yi": true + np.log(ratio),
            "vi": 2 * ITEMS / ((ITEMS - 1) * (n - 2)),
            "n": n,
            "measure": "bonett",
            "by_study": rng.permutation(np.linspace(-1, 1, studies))[study],
            "by_coefficient": rng.permutation(np.linspace(-1, 1, k)),
            "one": np.where(study == rng.integers(studies), "a", "b").astype(object),
            "half": np.where(rng.permutation(studies)[study] % 2, "a", "b"),
        }
    )


def kept(table, spread, assumed, *, tested):
    """Return what the models keep of their promises on one table."""
    fit = ws.fit_multilevel(table, within_correlation=assumed)
    row = fit.predict(back_transform=False).iloc[0]
    total = float(np.hypot(*spread))
    inside = (
        stats.norm.cdf(row.pi_high, MEAN, total)
        - stats.norm.cdf(row.pi_low, MEAN, total)
        if total > 0
        else float(row.pi_low < MEAN < row.pi_high)
    )
    found = {
        "ci_coverage": float(row.ci_low < MEAN < row.ci_high),
        "ci_width": row.ci_high - row.ci_low,
        "pi_coverage": inside,
    }
    if not tested:
        return found
    for name in ("by_study", "by_coefficient", "one"):
        try:
            model = ws.fit_multilevel(table, f"~ {name}", within_correlation=assumed)
            p = model.test().p_value
        except (ws.ModelError, ws.ConvergenceError):
            p = float("nan")
        found[f"moderator_{name}"] = float(p < LEVEL) if np.isfinite(p) else np.nan
    one_level = ws.fit_meta(table)
    checks = {
        "egger": lambda: ws.egger_test(fit),
        "inverse_sqrt_n": lambda: ws.egger_test(fit, predictor="inverse_sqrt_n"),
        "egger_one_level": lambda: ws.egger_test(one_level),
        "rank": lambda: ws.rank_test(fit),
    }
    for name, check in checks.items():
        try:
            found[name] = float(check().p_value < LEVEL)
        except (ws.ModelError, ws.ConvergenceError):
            found[name] = np.nan
    names = ["by_study", "half", "one"]
    screen = screen_moderators(table.assign(half=table["half"].astype(object)), names)
    if screen["p_value"].notna().any():
        found["screen"] = float(screen["explains"].any())
    return found


def cell(setting, seed, runs, *, tests=True):
    """Return one row for one setting: means over runs, and how many there were."""
    studies, pattern, spread, (correlation, assumed) = setting
    tested = tests and spread == TESTED
    rng = np.random.default_rng(seed)
    rows, lost = [], 0
    for _ in range(runs):
        table = draw(rng, studies, pattern, spread, correlation)
        try:
            rows.append(kept(table, spread, assumed, tested=tested))
        except ws.ConvergenceError:
            lost += 1
    facts = {
        "studies": studies,
        "coefficients": pattern,
        "tau": spread[0],
        "omega": spread[1],
        "correlation": correlation,
        "assumed": np.nan if assumed is None else assumed,
    }
    return facts | pd.DataFrame(rows).mean().to_dict() | {"lost": lost, "runs": runs}


def by_tenth(facts, values, true):
    """Return rows of one kind of probabilities, (runs, asked): sums by tenths stated.

    ``true`` are the true probabilities, of all or of those of .5 and more (``half``).
    """
    tenth = np.minimum(np.floor(10 * values), 9)
    rows = []
    for part, inside in (("all", true > 0), ("half", true >= 0.5)):
        for level in np.unique(tenth[:, inside]):
            chosen = (tenth == level) & inside
            rows.append(
                facts
                | {
                    "true": part,
                    "tenth": int(level),
                    "count": int(chosen.sum()),
                    "stated": values[chosen].mean(),
                    "share": np.broadcast_to(true, values.shape)[chosen].mean(),
                }
            )
    return rows


def probability(setting, seed, runs):
    """Return rows of one cell: probabilities of a new study's coefficient, by tenths."""
    studies, pattern, spread, (correlation, assumed) = setting
    rng = np.random.default_rng(seed)
    alphas = -np.expm1(-(MEAN - np.hypot(*spread) * stats.norm.ppf(TRUE)))
    stated = []
    for _ in range(runs):
        table = draw(rng, studies, pattern, spread, correlation)
        fit = ws.fit_multilevel(table, within_correlation=assumed)
        stated.append(ws.threshold_probability(fit, alphas))
    facts = {
        "studies": studies,
        "coefficients": pattern,
        "tau": spread[0],
        "omega": spread[1],
        "assumed": np.nan if assumed is None else assumed,
        "runs": runs,
    }
    return by_tenth(facts, np.array(stated), TRUE)


def spread_out(function, settings, runs, entropy, name):
    """Return a row, or a list of rows, a setting: over the processors, always the same."""
    seeds = np.random.SeedSequence(entropy).spawn(len(settings))
    parallel = joblib.Parallel(n_jobs=os.cpu_count(), return_as="generator")
    calls = (
        joblib.delayed(function)(setting, seed, runs)
        for setting, seed in zip(settings, seeds, strict=True)
    )
    found = list(tqdm(parallel(calls), name, len(settings), disable=None))
    return pd.DataFrame([r for f in found for r in (f if isinstance(f, list) else [f])])


def simulate(runs, *, small=False):
    """Return the rows of dependent coefficients."""
    settings = list(product(STUDIES, ("equal", "unequal"), SPREADS, ERRORS))
    settings = settings[::12] if small else settings
    frame = spread_out(cell, settings, runs, 20261128, "dependent")
    return with_repeats(frame, settings)


def with_repeats(frame, settings):
    """Return rows with columns ``again_``: low cells with more and other literatures."""
    names = ["ci_coverage", "pi_coverage"]
    low = np.flatnonzero(frame[names].min(axis=1) < AGAIN)
    out = frame.assign(again_runs=np.nan, **{f"again_{name}": np.nan for name in names})
    if len(low):
        runs = TIMES * int(frame["runs"].iloc[0])
        untested = partial(cell, tests=False)
        found = spread_out(
            untested, [settings[i] for i in low], runs, 20261203, "again"
        )
        for name in ("runs", *names):
            out.loc[low, f"again_{name}"] = found[name].to_numpy()
    return out


def probabilities(runs, *, small=False):
    """Return the rows of probabilities, where true values vary."""
    settings = list(product(ASKED, ("equal", "unequal"), SPREADS[1:], ERRORS))
    return spread_out(
        probability, settings[::12] if small else settings, runs, 20261201, "levels"
    )


def write(folder, runs, end, *, small=False):
    """Write both tables to a folder, and print the coverage by studies."""
    frame = simulate(runs, small=small).assign(provenance="SIMULATED")
    frame.to_csv(folder / f"05_promises_dependent{end}.csv", index=False)
    rows = probabilities(runs, small=small).assign(provenance="SIMULATED")
    rows.to_csv(folder / f"05_promises_levels{end}.csv", index=False)
    print(frame.pivot_table("ci_coverage", "studies", "coefficients").round(3))
