"""Measure how time and memory grow with studies, coefficients, people and resamples.

Times are processor time, the best of three runs, of fewer where they take 5 s; memory is
the peak of what a run allocates beyond its input. Data are SIMULATED. The exponent
compares a line with the one above it: 1 is linear growth, 2 is growth with the square.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import math
import re
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd

import waistats as ws

FOLDER = tempfile.TemporaryDirectory()
# seconds after which a call is not made again
LONG = 5
# what a line measures, how large it is, and the call
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


def coefficients(k: int) -> pd.DataFrame:
    """Return SIMULATED coefficients, three a study."""
    rng = np.random.default_rng(1)
    return pd.DataFrame(
        {
            "study_id": [f"S{i // 3}" for i in range(k)],
            "coefficient_id": [f"c{i}" for i in range(k)],
            "instrument": rng.choice(["WAI-SR", "WAI-S"], k),
            "scale": rng.choice(["total", "bond"], k),
            "estimate": rng.uniform(0.7, 0.95, k).round(3),
            "n": rng.integers(20, 300, k),
            "n_items": 12,
            "score_mean": rng.uniform(40, 60, k).round(2),
            "score_sd": rng.uniform(5, 9, k).round(2),
        }
    )


def written(frame: pd.DataFrame) -> str:
    """Return the name of a CSV file that holds a frame."""
    path = Path(FOLDER.name) / f"{len(frame)}x{len(frame.columns)}.csv"
    frame.to_csv(path, index=False)
    return str(path)


def tables_read() -> Iterator[Line]:
    """read_coefficients from CSV: rows."""
    for k in (1_000, 10_000, 100_000):
        path = written(coefficients(k))
        yield f"{k:,} rows", lambda path=path: ws.read_coefficients(path)


def tables_checked() -> Iterator[Line]:
    """check_coefficients of a frame: rows."""
    for k in (1_000, 10_000, 100_000):
        table = coefficients(k)
        yield f"{k:,} rows", lambda table=table: ws.check_coefficients(table)


def equal_pairs() -> Iterator[Line]:
    """check_coefficients, one estimate and n of many studies: rows."""
    for k in (1_000, 10_000, 100_000):
        table = coefficients(k).assign(estimate=0.91, n=120, scale="total")
        yield f"{k:,} rows", lambda table=table: ws.check_coefficients(table)


def columns_read() -> Iterator[Line]:
    """read_responses from CSV, 50 rows: columns."""
    for m in (200, 2_000, 20_000):
        names = [f"q{j}" for j in range(m)]
        frame = pd.DataFrame(answers(50, m).astype(int), columns=names)
        path = written(frame.assign(site="A"))
        yield f"{m:,} columns", lambda path=path: ws.read_responses(path)


def responses_read() -> Iterator[Line]:
    """read_responses from CSV, 12 items: respondents."""
    for n in (1_000, 10_000, 100_000):
        names = [f"q{j}" for j in range(12)]
        frame = pd.DataFrame(answers(n).astype(int), columns=names)
        path = written(frame.assign(site="A"))
        yield f"{n:,} respondents", lambda path=path: ws.read_responses(path)


def by_study() -> Iterator[Line]:
    """reliability_by_study from CSV, 12 items, 50 sites: respondents."""
    for n in (1_000, 10_000, 100_000):
        names = [f"q{j}" for j in range(1, 13)]
        frame = pd.DataFrame(answers(n).astype(int), columns=names)
        path = written(frame.assign(site=[f"S{i % 50}" for i in range(n)]))
        yield (
            f"{n:,} respondents",
            lambda path=path: ws.reliability_by_study(path, study="site", items="q"),
        )


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


def generalized() -> Iterator[Line]:
    """generalize: coefficients, three a study."""
    for k in (1_000, 10_000, 100_000):
        table = coefficients(k).assign(coefficient_type="alpha")
        yield f"{k:,} coefficients", lambda table=table: ws.generalize(table)


def peak(call: Callable[[], object]) -> float:
    """Return the peak memory of a call, in MB."""
    tracemalloc.start()
    call()
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most / 1e6


def seconds(call: Callable[[], object]) -> float:
    """Return the shortest time of three calls, of fewer where they take long."""
    times: list[float] = []
    while len(times) < 3 and sum(times) < LONG:
        start = time.process_time()
        call()
        times.append(time.process_time() - start)
    return min(times)


CASES = (
    tables_read, tables_checked, equal_pairs, columns_read, responses_read, by_study,
    pooled, left_out, three_levels, generalized, alphas, resamples,
)  # fmt: skip


def main() -> None:
    """Print a line a size, with the exponent of the growth since the line above."""
    for case in CASES:
        print(f"{case.__doc__:<60} {'ms':>10} {'exponent':>9} {'MB':>8}")
        before: tuple[float, float] | None = None
        for label, call in case():
            took = seconds(call)
            size = float(re.sub(r"[^0-9]", "", label.split()[0]))
            power = ""
            if before is not None:
                power = f"{math.log(took / before[1]) / math.log(size / before[0]):.2f}"
            before = (size, took)
            print(f"    {label:<56} {1000 * took:10.2f} {power:>9} {peak(call):8.1f}")


if __name__ == "__main__":
    main()
