"""Write docs/small_study.md, so that no number in it is typed by hand.

Question: do tests of small-study effects hold their size for alphas, and what do they
          find?
Reads:    nothing; coefficients are SIMULATED.
Writes:   docs/small_study.md
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from waistats._format import coefficient
from waistats._typing import FloatArray
from waistats.errors import ConvergenceError
from waistats.measures import alpha_variance, back_transform, transform
from waistats.meta.fit import fit_meta
from waistats.meta.fit_many import fit_meta_many
from waistats.sensitivity._selection_likelihood import (
    Selection,
    climb,
    evaluate,
    maximise,
)
from waistats.sensitivity.trim_and_fill import trim_and_fill

TARGET = Path(__file__).with_name("small_study.md")
SIZES = (10, 20, 40)
RUNS = 2_000
SLOW_RUNS = 300
LEVEL = 0.05
CUT = 0.80
KEPT = 0.3
LENGTHS = (6, 12, 24, 36)
RESPONDENTS = (30, 500)
# of true -ln(1 - alpha)
MEAN, SPREAD = 1.8, 0.28


class Literature(NamedTuple):
    """SIMULATED reports, each (runs, k): alphas, respondents, items."""

    a: FloatArray
    n: FloatArray
    m: FloatArray


@dataclass(frozen=True)
class World:
    """How a literature comes about."""

    name: str
    lengths: bool
    selection: str


WORLDS = (
    World("no selection, 12 items", lengths=False, selection="none"),
    World("no selection, 6 to 36 items", lengths=True, selection="none"),
    World("low alphas withheld, 12 items", lengths=False, selection="all"),
    World("low alphas of small studies withheld, 12 items", False, "small"),
)


def simulate(world: World, k: int, runs: int, seed: int) -> Literature:
    """Draw alphas from their F law around true values, and report some of them.

    True -ln(1 - alpha) is normal at 12 items, and other lengths follow Spearman and
    Brown; n is log-uniform.
    """
    rng = np.random.default_rng(seed)
    size = (runs, 8 * k)
    n = np.floor(np.exp(rng.uniform(*np.log(RESPONDENTS), size)))
    m = (
        rng.choice(LENGTHS, size).astype(float)
        if world.lengths
        else np.full(size, 12.0)
    )
    true = -np.expm1(-rng.normal(MEAN, SPREAD, size))
    factor = m / 12
    true = factor * true / (1 + (factor - 1) * true)
    f = rng.f(n - 1, (n - 1) * (m - 1))
    a = 1 - (1 - true) / f
    withheld = a < CUT
    if world.selection == "small":
        withheld &= n < 100
    reported = (world.selection == "none") | ~withheld | (rng.uniform(size=size) < KEPT)
    first = np.argsort(~reported, axis=1, kind="stable")[:, :k]
    return Literature(*(np.take_along_axis(x, first, axis=1) for x in (a, n, m)))


def egger(
    lit: Literature, measure: str, predictor: str, *, classical: bool, by_length: bool
) -> float:
    """Return the share of rejections of Egger's regression."""
    y, v = transform(lit.a, measure), alpha_variance(*lit, measure)
    x = np.sqrt(v) if predictor == "se" else 1 / np.sqrt(lit.n)
    columns = [np.ones_like(x), x]
    if by_length and np.ptp(lit.m) > 0:
        columns.append(np.log(lit.m))
    X = np.stack(columns, axis=-1)
    fit = fit_meta_many(y, v, X, method="CE" if classical else "REML")
    t = fit.estimate[..., 1] / fit.se[..., 1]
    p = 2 * stats.t.sf(np.abs(t), y.shape[1] - X.shape[-1])
    return float((p < LEVEL).mean())


def rank(lit: Literature, measure: str) -> float:
    """Return the share of rejections of Begg and Mazumdar's test."""
    y, v = transform(lit.a, measure), alpha_variance(*lit, measure)
    w = 1 / v
    center = (w * y).sum(1, keepdims=True) / w.sum(1, keepdims=True)
    z = (y - center) / np.sqrt(v - 1 / w.sum(1, keepdims=True))
    pairs = zip(z[:SLOW_RUNS], v[:SLOW_RUNS], strict=True)
    p = np.array([stats.kendalltau(a, b).pvalue for a, b in pairs])
    return float((p < LEVEL).mean())


def selection(lit: Literature, *, by_length: bool = False) -> float:
    """Return the share of rejections of the threshold selection model."""
    longer = by_length and np.ptp(lit.m) > 0
    y, v = transform(lit.a), alpha_variance(*lit, "bonett")
    cut = transform(np.array([CUT]))
    rejected, usable = 0, 0
    for row in range(SLOW_RUNS):
        zone = (lit.a[row] >= CUT).astype(np.int64)
        if zone.min() == zone.max():
            continue
        X = np.ones((y.shape[1], 1))
        if longer:
            X = np.column_stack([X, np.log(lit.m[row])])
        data = Selection(y=y[row], v=v[row], X=X, cuts=cut, zone=zone)
        start = np.append(np.linalg.lstsq(X, y[row])[0], [0.3, 0.0])
        free = np.ones(len(start), dtype=bool)
        try:
            null = climb(data, start, np.append(free[1:], False))
            top = maximise(data, null, free)
        except ConvergenceError:
            continue
        gain = evaluate(data, top).value - evaluate(data, null).value
        usable += 1
        rejected += stats.chi2.sf(2 * gain, 1) < LEVEL
    return rejected / usable


def filled(lit: Literature) -> float:
    """Return how often trim and fill finds at least one missing study."""
    y, v = transform(lit.a), alpha_variance(*lit, "bonett")
    found = 0
    for row in range(SLOW_RUNS):
        table = pd.DataFrame({"yi": y[row], "vi": v[row]})
        found += trim_and_fill(fit_meta(table, method="DL"), side="left").k0 > 0
    return found / SLOW_RUNS


def _egger(measure: str, predictor: str, **options: bool) -> Callable:
    chosen = {"classical": False, "by_length": False} | options
    return lambda lit: egger(lit, measure, predictor, **chosen)


SELECTION = f"threshold selection at {coefficient(CUT, 2)}"
TESTS: dict[str, Callable[[Literature], float]] = {
    "Egger, mixed, se, Bonett scale": _egger("bonett", "se"),
    "Egger, mixed, 1/√n, Bonett scale": _egger("bonett", "inverse_sqrt_n"),
    "the same with ln(items) as moderator": _egger(
        "bonett", "inverse_sqrt_n", by_length=True
    ),
    "Egger, classical, se, Bonett scale": _egger("bonett", "se", classical=True),
    "Egger, mixed, se, raw alpha": _egger("raw", "se"),
    "Egger, mixed, se, Hakstian-Whalen": _egger("hakstian-whalen", "se"),
    "rank test, Bonett scale": lambda lit: rank(lit, "bonett"),
    "rank test, raw alpha": lambda lit: rank(lit, "raw"),
    SELECTION: selection,
    f"{SELECTION}, ln(items) as moderator": lambda lit: selection(lit, by_length=True),
    "trim and fill finds a missing study": filled,
}


def shares(world: World) -> pd.DataFrame:
    """Return the share of rejections of every test at every number of studies."""
    rows = []
    drawn = {k: simulate(world, k, RUNS, seed=k) for k in SIZES}
    for name, test in TESTS.items():
        values = {f"k = {k}": coefficient(test(drawn[k]), 2) for k in SIZES}
        rows.append({"test": name} | values)
    return pd.DataFrame(rows)


def markdown(frame: pd.DataFrame) -> str:
    """Return a frame of texts as a table."""
    lines = [list(frame.columns), ["---"] * frame.shape[1], *frame.to_numpy().tolist()]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def page() -> str:
    """Return the page."""
    tables = {world: shares(world) for world in WORLDS}
    raw = tables[WORLDS[0]].set_index("test").loc["Egger, mixed, se, raw alpha"]
    lengths = tables[WORLDS[1]].set_index("test")["k = 40"]
    truth = MEAN + SPREAD * stats.norm.ppf([0.5, 0.025, 0.975])
    middle, low, high = (coefficient(float(a), 2) for a in back_transform(truth))
    error = np.sqrt(LEVEL * (1 - LEVEL) / np.array([RUNS, SLOW_RUNS]))
    parts = [
        "# Tests of small-study effects, for alphas",
        "Made by `docs/small_study.py` from SIMULATED coefficients: share of rejections "
        f"at {coefficient(LEVEL, 2)} in {RUNS:,} literatures (rank test, selection model "
        f"and trim and fill: {SLOW_RUNS}), so that a share of "
        f"{coefficient(LEVEL, 2)} has a Monte Carlo standard error of "
        f"{coefficient(float(error[0]))} ({coefficient(float(error[1]))}). Alphas "
        f"follow their F law around true values that differ between studies (median "
        f"{middle}, 95% of populations from {low} to {high} at 12 items); n is "
        f"log-uniform from {RESPONDENTS[0]} to {RESPONDENTS[1]}. Withheld means: an "
        f"alpha below {coefficient(CUT, 2)} is reported with "
        f"probability {coefficient(KEPT, 1)}.",
        "On the Bonett scale the sampling variance contains only the numbers of "
        "respondents and items, so that only reporting can relate effects to it. The "
        "variance of a raw alpha falls as alpha rises: without any selection Egger's "
        "test on raw "
        f"alphas rejects in {raw['k = 10']} (k = 10) to {raw['k = 40']} (k = 40) of "
        "literatures. Where forms differ in length, longer forms are both more "
        "reliable and more precise: take 1/√n and the logarithm of the number of items "
        "as moderator.",
    ]
    for world, table in tables.items():
        parts += [f"## {world.name[0].upper()}{world.name[1:]}", markdown(table)]
    parts.append(
        "Trim and fill is not a test: with heterogeneity it finds missing studies in many "
        "literatures with none missing. The selection model is told the true threshold "
        "here; it takes true coefficients as normal on the pooling scale, and where "
        "forms differ in length they are not, so that it rejects in "
        f"{lengths[SELECTION]} of literatures without selection (k = 40), and with the "
        "logarithm of the number of items as moderator in "
        f"{lengths[f'{SELECTION}, ln(items) as moderator']}. All of the other tests on the "
        "Bonett scale have little power against what is withheld by size of the "
        "coefficient alone."
    )
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    TARGET.write_text(page(), encoding="utf-8")
    print(f"wrote {TARGET}")
