"""Write docs/intervals.md, so that no number in it is typed by hand.

Question: which interval of alpha covers the population value, and when?
Reads:    nothing; answers are SIMULATED.
Writes:   docs/intervals.md
"""

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from waistats._format import coefficient, interval
from waistats._typing import FloatArray
from waistats.reliability._intervals import (
    Limits,
    bonett_limits,
    feldt_limits,
    hakstian_whalen_limits,
    normal_theory_se,
    wald_limits,
)
from waistats.reliability._moments import (
    alpha_gradient,
    alpha_influence,
    alpha_of,
    influence_variance,
    mean_and_covariance,
)
from waistats.reliability._resampling import (
    alphas_without_each,
    bootstrap_limits,
    jackknife_limits,
    resampled_alphas,
)
from waistats.reliability.alpha import cronbach_alpha

TARGET = Path(__file__).with_name("intervals.md")
SEED = 1965
RUNS, BOOTSTRAP_RUNS, RESAMPLES = 4000, 400, 500
POPULATION = 200_000  # five times: the population alpha is good to about .0002
SIZES, LENGTHS = (30, 60, 150, 400), (4, 12)
# cuts of a standard normal answer; None leaves it as it is
ANSWERS = {
    "normal": None,
    "5-point": (-1.5, -0.5, 0.5, 1.5),
    "5-point, ceiling": (-2.0, -1.4, -0.8, 0.0),
    "5-point, strong ceiling": (-2.4, -1.9, -1.3, -0.5),
}


def draw(
    shape: tuple[int, int],
    m: int,
    cuts: tuple[float, ...] | None,
    rng: np.random.Generator,
) -> FloatArray:
    """Return SIMULATED answers (runs, n, m) of one factor, loadings .6 to .75."""
    loadings = np.linspace(0.6, 0.75, m)
    latent = rng.normal(size=(*shape, 1)) * loadings
    values = latent + rng.normal(size=(*shape, m)) * np.sqrt(1 - loadings**2)
    return values if cuts is None else np.digitize(values, cuts).astype(float)


def limits_by_formula(values: FloatArray) -> dict[str, Limits]:
    """Return every interval that is not a bootstrap, for a batch of samples."""
    n, m = values.shape[-2:]
    covariance = mean_and_covariance(values)[1]
    alpha = alpha_of(covariance)
    normal = normal_theory_se(covariance, alpha_gradient(covariance), n)
    adf = np.sqrt(influence_variance(alpha_influence(values)))
    ends = [
        jackknife_limits(alphas_without_each(sample), float(a), 0.95, "raw")[1:]
        for sample, a in zip(values, alpha, strict=True)
    ]
    return {
        "Feldt": feldt_limits(alpha, n, m),
        "Bonett": bonett_limits(alpha, n, m),
        "Bonett, exact bias": bonett_limits(alpha, n, m, bias="exact"),
        "Hakstian-Whalen": hakstian_whalen_limits(alpha, n, m),
        "normal-theory": wald_limits(alpha, normal),
        "normal-theory, log": wald_limits(alpha, normal, scale="bonett"),
        "ADF": wald_limits(alpha, adf),
        "ADF, log": wald_limits(alpha, adf, scale="bonett"),
        "jackknife": (np.array(ends)[:, 0], np.array(ends)[:, 1]),
    }


def limits_by_bootstrap(values: FloatArray) -> dict[str, Limits]:
    """Return bootstrap intervals, sample by sample."""
    found: dict[str, list[tuple[float, float]]] = {}
    for seed, sample in enumerate(values):
        alpha = float(alpha_of(mean_and_covariance(sample)[1]))
        replicates = resampled_alphas(sample, RESAMPLES, seed)
        for kind in ("percentile", "bca"):
            low, high = bootstrap_limits(
                replicates, alpha, 0.95, kind=kind, influence=alpha_influence(sample)
            )
            found.setdefault(f"bootstrap, {kind}", []).append((float(low), float(high)))
    return {
        name: (np.array(ends)[:, 0], np.array(ends)[:, 1])
        for name, ends in found.items()
    }


def coverage(
    draw_runs: Callable[[int], FloatArray], population: float
) -> dict[str, float]:
    """Return the share of intervals that hold the population value, in percent."""
    shares = {}
    for runs, method in (
        (RUNS, limits_by_formula),
        (BOOTSTRAP_RUNS, limits_by_bootstrap),
    ):
        blocks = [
            method(draw_runs(min(1000, runs))) for _ in range(max(1, runs // 1000))
        ]
        for name in blocks[0]:
            inside = [
                (block[name][0] < population) & (population < block[name][1])
                for block in blocks
            ]
            shares[name] = 100 * float(np.mean(inside))
    return shares


def simulate() -> pd.DataFrame:
    """Return one row per condition: what the answers are, items, n, and coverages."""
    rng = np.random.default_rng(SEED)
    rows = []
    conditions = [(a, m, n) for a in ANSWERS for m in LENGTHS for n in SIZES]
    for answers, m, n in tqdm(conditions, desc="conditions", disable=None):
        cuts = ANSWERS[answers]
        parts = [draw((1, POPULATION), m, cuts, rng)[0] for _ in range(5)]
        moments = np.mean([mean_and_covariance(part)[1] for part in parts], axis=0)
        population = float(alpha_of(moments))
        top = float(np.mean(parts[0] == parts[0].max())) if cuts else 0.0
        found = coverage(
            lambda k, n=n, m=m, c=cuts: draw((k, n), m, c, rng), population
        )
        rows.append(
            {"answers": answers, "top": top, "items": m, "n": n, "alpha": population}
            | found
        )
    return pd.DataFrame(rows)


def table(frame: pd.DataFrame) -> str:
    """Return a frame of texts as a table."""
    lines = [list(frame.columns), ["---"] * frame.shape[1], *frame.to_numpy().tolist()]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def methods(found: pd.DataFrame) -> list[str]:
    """Return the names of the intervals."""
    return [
        name for name in found if name not in ("answers", "top", "items", "n", "alpha")
    ]


def pooled(found: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Return mean coverages over conditions, as texts."""
    means = found.groupby(by, sort=False)[methods(found)].mean()
    return means.map("{:.1f}".format).reset_index()


def upright(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table with a row for each interval."""
    turned = frame.set_index(frame.columns[0]).T
    return turned.rename_axis("interval").reset_index()


def listwise_note() -> str:
    """Return, with numbers, what an interval with the wrong n looks like."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pingouin

        answers = pingouin.read_dataset("cronbach_wide_missing")
        alpha, limits = pingouin.cronbach_alpha(answers, nan_policy="listwise")
    right = cronbach_alpha(answers)
    return (
        f"pingouin's own example has {len(answers)} people, {right.n} of them complete. "
        f"Under listwise deletion alpha is {coefficient(float(alpha))}. pingouin and "
        f"psych use the n from before deletion: {interval(*limits)}. With the n that "
        f"was used it is {interval(right.ci_low, right.ci_high)}."
    )


def advice(found: pd.DataFrame) -> str:
    """Return which interval to trust when, with the coverages behind it."""
    means = found.groupby("answers", sort=False)[methods(found)].mean()
    small = found[found["n"] == min(SIZES)].groupby("answers", sort=False)
    adf_small, jackknife_small = small["ADF"].mean(), small["jackknife"].mean()
    strong = list(ANSWERS)[-1]
    lines = [
        "* **Answers that spread over the scale:** the formulas of Feldt, Bonett and "
        f"Hakstian-Whalen hold their level ({means.loc['normal', 'Feldt']:.1f}% with "
        f"normal answers, {means.loc['5-point', 'Feldt']:.1f}% with five points). They "
        "need only alpha, n and the number of items, so they serve published alphas too.",
        "* **Answers at the ceiling**, as in most data on the alliance: "
        f"the formulas cover {means.loc['5-point, ceiling', 'Feldt']:.1f}% and "
        f"{means.loc[strong, 'Feldt']:.1f}%, whatever n. ADF covers "
        f"{means.loc['5-point, ceiling', 'ADF']:.1f}% and {means.loc[strong, 'ADF']:.1f}%.",
        '* **The jackknife** (`ci="jackknife"`: alpha without each respondent, t on n - 1) '
        f"stays near its level in every condition: {found['jackknife'].min():.1f}% to "
        f"{found['jackknife'].max():.1f}%, also where few answers meet a ceiling "
        f"({jackknife_small[strong]:.1f}% with {min(SIZES)} respondents). It needs the "
        "answers.",
        f"* **Fewer than about 150 respondents:** ADF is short "
        f"({adf_small['normal']:.1f}% with {min(SIZES)} normal answers, "
        f"{adf_small[strong]:.1f}% with a strong ceiling), and so is the bootstrap.",
        "* **Normal-theory** (psych's) allows items of different covariances, but no "
        "ceiling.",
        "* **Bias correction** of Bonett's interval, and the log scale for the ADF and "
        "normal-theory intervals, change little; the raw scale is the default.",
    ]
    return "\n".join(lines)


def main() -> None:
    """Simulate, and write the page."""
    found = simulate()
    error = 100 * np.sqrt(0.95 * 0.05 / RUNS)
    shown = found.copy()
    shown["top"] = [f"{100 * t:.0f}%" if t else "" for t in found["top"]]
    shown["alpha"] = [coefficient(a) for a in found["alpha"]]
    shown[methods(found)] = found[methods(found)].map("{:.1f}".format)
    text = f"""# Which interval of alpha to trust when

This page is written by `docs/intervals.py`. All answers in it are SIMULATED.

{advice(found)}

Coverage is the share, in percent, of 95% intervals that hold the population's alpha.
One factor with loadings from .60 to .75; {RUNS:,} samples per condition ({BOOTSTRAP_RUNS}
with {RESAMPLES} resamples for the bootstrap), so that a coverage has a standard error
of about {error:.1f} (bootstrap {100 * np.sqrt(0.95 * 0.05 / BOOTSTRAP_RUNS):.1f}).

## By kind of answers

Means over {" and ".join(map(str, LENGTHS))} items and n of {", ".join(map(str, SIZES))}.

{table(upright(pooled(found, ["answers"])))}

## By number of respondents, strong ceiling

{table(upright(pooled(found[found["answers"] == list(ANSWERS)[-1]], ["n"])))}

## The n of an interval

{listwise_note()}

## Every condition

`top` is the share of answers in the highest category, `alpha` that of the population.

{table(shown)}
"""
    TARGET.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
