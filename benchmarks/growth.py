"""Measure how time and memory grow with studies, coefficients, people and resamples.

Times are the best of three runs, memory is the peak of what a run allocates beyond its
input. Data are SIMULATED. Linear growth multiplies both by ten where the size grows by
ten.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import time
import tracemalloc
from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd

import waistats as ws

Line = tuple[str, Callable[[], object]]


def effects(studies: int, each: int = 1) -> pd.DataFrame:
    """Return SIMULATED effects, several a study."""
    rng = np.random.default_rng(3)
    k = studies * each
    study = np.repeat(np.arange(studies), each)
    v = 2 * 12 / (11 * (rng.integers(30, 300, k) - 2))
    y = 2 + 0.2 * rng.normal(size=studies)[study]
    y += rng.normal(size=k) * np.sqrt(v + 0.02)
    columns = {"study_id": [f"S{i}" for i in study], "yi": y, "vi": v}
    return pd.DataFrame(columns | {"measure": "bonett"})


def answers(n: int, m: int = 12) -> np.ndarray:
    """Return SIMULATED answers from 1 to 7."""
    rng = np.random.default_rng(4)
    latent = rng.normal(size=(n, 1)) + rng.normal(size=(n, m))
    return np.clip(np.round(latent + 4), 1, 7)


def pooled() -> Iterator[Line]:
    """fit_meta, REML: studies."""
    for k in (10, 100, 1_000, 10_000):
        table = effects(k)
        yield f"{k:,} studies", lambda table=table: ws.fit_meta(table).to_frame()


def left_out() -> Iterator[Line]:
    """leave_one_out: studies (its work is their square)."""
    for k in (10, 100, 1_000):
        fit = ws.fit_meta(effects(k))
        yield f"{k:,} studies", lambda fit=fit: ws.leave_one_out(fit)


def three_levels() -> Iterator[Line]:
    """fit_multilevel, three levels: coefficients of 1,000 studies."""
    for each in (2, 5, 20):
        table = effects(1_000, each)
        yield f"{each} a study", lambda table=table: ws.fit_multilevel(table)


def alphas() -> Iterator[Line]:
    """cronbach_alpha of 12 items: respondents."""
    for n in (1_000, 10_000, 100_000, 1_000_000):
        values = answers(n)
        yield f"{n:,} respondents", lambda values=values: ws.cronbach_alpha(values)


def resamples() -> Iterator[Line]:
    """cronbach_alpha, bootstrap interval of 500 x 12: resamples."""
    values = answers(500)
    for draws in (100, 1_000, 10_000):
        yield (
            f"{draws:,} resamples",
            lambda draws=draws: ws.cronbach_alpha(
                values, ci="bootstrap", n_resamples=draws
            ),
        )


def peak(call: Callable[[], object]) -> float:
    """Return the peak memory of a call, in MB."""
    tracemalloc.start()
    call()
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most / 1e6


def seconds(call: Callable[[], object]) -> float:
    """Return the shortest time of three calls."""
    times = []
    for _ in range(3):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)


def main() -> None:
    """Print a line a size."""
    for case in (pooled, left_out, three_levels, alphas, resamples):
        print(f"{case.__doc__:<60} {'ms':>10} {'MB':>8}")
        for label, call in case():
            print(f"    {label:<56} {1000 * seconds(call):10.2f} {peak(call):8.1f}")


if __name__ == "__main__":
    main()
