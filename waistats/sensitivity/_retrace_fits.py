"""The analyses that a study may have run, each with the figures that it would print."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from waistats._areas import critical
from waistats._typing import FloatArray
from waistats.measures import alpha_variance, back_transform, bonett_bias, transform
from waistats.meta.fit_many import fit_batch
from waistats.meta.multilevel.fit import fit_multilevel
from waistats.meta.varying import fit_varying_coefficient
from waistats.sensitivity._multiverse_tables import exclusions, one_per_study

_OF_VARIANCE = ("variance-as-se", "se-as-variance", "n-items-swapped")
UNWEIGHTED = ("unweighted", "n-weighted")


def transformed(
    table: pd.DataFrame,
) -> Iterator[tuple[str, str, FloatArray, FloatArray]]:
    """Yield measure, mistake, yi and vi of every scale, right and wrong."""
    a, n, m = (
        pd.to_numeric(table[c]).to_numpy(dtype=float)
        for c in ("estimate", "n", "n_items")
    )
    big = bool((n > 3).all())
    for measure in ("raw", "hakstian-whalen", "bonett"):
        y, v = transform(a, measure), alpha_variance(a, n, m, measure)
        yield measure, "none", y, v
        yield measure, "variance-as-se", y, v**2
        yield measure, "se-as-variance", y, np.sqrt(v)
        if (m > 3).all() and (n >= 2).all() and (m != n).any():
            yield measure, "n-items-swapped", y, alpha_variance(a, m, n, measure)
    y, v = transform(a, "bonett"), alpha_variance(a, n, m, "bonett")
    for name in ("bonett", "exact"):
        own = "bonett-corrected" if name == "bonett" else "bonett-exact"
        bias = bonett_bias(n, m, name)
        yield own, "none", y - bias, v
        if name == "bonett":
            yield own, "bias-wrong-sign", y + bias, v
    yield "bonett", "scale-wrong-sign", y, v
    if big:
        yield "fisher-z", "none", transform(a, "fisher-z"), 1 / (n - 3)
        if (a > 0).all():
            yield "fisher-z-root", "none", np.arctanh(np.sqrt(a)), 1 / (n - 3)


def _back(values: FloatArray, measure: str, mistake: str) -> FloatArray:
    """Return values of a scale as alphas."""
    if mistake == "scale-wrong-sign":
        with np.errstate(over="ignore"):
            mirrored: FloatArray = back_transform(-values)
            return mirrored
    if measure == "fisher-z-root":
        return np.tanh(values) ** 2
    plain = "bonett" if measure.startswith("bonett") else measure
    with np.errstate(over="ignore"):
        return np.asarray(back_transform(values, plain), dtype=float)


@dataclass(frozen=True)
class Scale:
    measure: str
    mistake: str
    yi: FloatArray
    vi: FloatArray


def one_level_rows(
    scales: list[Scale], n: FloatArray, methods: Sequence[str], level: float
) -> Iterator[dict[str, Any]]:
    """Yield every one-level specification of a table, all scales of it at once."""
    Y = np.column_stack([s.yi for s in scales])
    V = np.column_stack([s.vi for s in scales])
    k = len(Y)
    ones = np.ones((k, 1))
    z, t = critical(level, None), critical(level, float(k - 1))
    for method in methods:
        if method in UNWEIGHTED:
            yield from _plain(scales, Y, V, n, method, level)
            continue
        fits = fit_batch(Y, V, ones, method, "wald")
        mu, se = fits.beta[0], np.sqrt(fits.cov[0, 0])
        w = 1 / (V + fits.tau2)
        q = (w * (Y - mu) ** 2).sum(0) / (k - 1)
        ways = {"wald": (se, z)}
        if method != "CE":
            ways["knapp-hartung"] = (np.sqrt(q) * se, t)
            ways["knapp-hartung-ad-hoc"] = (np.sqrt(np.maximum(q, 1)) * se, t)
        for interval, (error, c) in ways.items():
            far = c * np.sqrt(error**2 + fits.tau2)
            for j, scale in enumerate(scales):
                if not fits.converged[j]:
                    continue
                yield _row(
                    scale, method, interval, k, mu[j], c * error[j], far[j],
                    (fits.tau2[j], fits.I2[j], fits.Q[j]),
                )  # fmt: skip


def _plain(
    scales: list[Scale],
    Y: FloatArray,
    V: FloatArray,
    n: FloatArray,
    method: str,
    level: float,
) -> Iterator[dict[str, Any]]:
    """Yield means without inverse-variance weights, with the intervals they get.

    The interval of a mean: t or z times the (weighted) standard deviation over the root
    of k; or the random-effects variance of the same weights (REML), as metafor's.
    """
    k = len(Y)
    w = (np.ones(k) if method == "unweighted" else n)[:, None]
    w = w / w.sum()
    mu = (w * Y).sum(0)
    spread = (w * (Y - mu) ** 2).sum(0)
    if method == "unweighted":
        spread = spread * k / (k - 1)
    of_mean = np.sqrt(spread / k)
    fits = fit_batch(Y, V, np.ones((k, 1)), "REML", "wald")
    own = np.sqrt((w**2 * (V + fits.tau2)).sum(0))
    z, t = critical(level, None), critical(level, float(k - 1))
    nothing = (np.nan, np.nan, np.nan)
    for j, scale in enumerate(scales):
        row = scale, method
        if scale.mistake not in _OF_VARIANCE:  # sampling variances play no part
            yield _row(*row, "t-of-mean", k, mu[j], t * of_mean[j], np.nan, nothing)
            yield _row(*row, "z-of-mean", k, mu[j], z * of_mean[j], np.nan, nothing)
        far = z * np.sqrt(own[j] ** 2 + fits.tau2[j])
        rest = (fits.tau2[j], fits.I2[j], fits.Q[j])
        yield _row(*row, "wald", k, mu[j], z * own[j], far, rest)


def _row(
    scale: Scale,
    model: str,
    interval: str,
    k: int,
    mu: float,
    half: float,
    far: float,
    rest: tuple[float, float, float],
) -> dict[str, Any]:
    limits = np.array([mu, mu - half, mu + half, mu - far, mu + far])
    turned = _back(limits, scale.measure, scale.mistake)
    if scale.mistake == "scale-wrong-sign":
        turned = turned[[0, 2, 1, 4, 3]]
    return {
        "measure": scale.measure,
        "model": model,
        "interval": interval,
        "mistake": scale.mistake,
        "k": k,
        **dict(
            zip(
                ("estimate", "ci_low", "ci_high", "pi_low", "pi_high"),
                turned.tolist(), strict=True,
            )
        ),
        **dict(zip(("tau2", "I2", "Q"), map(float, rest), strict=True)),
    }  # fmt: skip


def multilevel_rows(
    table: pd.DataFrame, scale: Scale, correlation: float | None, level: float
) -> Iterator[dict[str, Any]]:
    """Yield the three-level model with its Wald, t and CR2 limits."""
    effects = table.assign(measure=scale.measure, yi=scale.yi, vi=scale.vi)
    fit = fit_multilevel(
        effects.drop(columns="measure"),
        within_correlation=correlation,
        conf_level=level,
    )
    mu, se = float(fit.beta[0]), math.sqrt(float(fit.cov[0, 0]))
    k = len(scale.yi)
    rest = (fit.tau2, fit.I2, fit.Q)
    for interval, df in (("wald", None), ("t", float(k - 1))):
        c = critical(level, df)
        far = c * math.sqrt(se**2 + fit.tau2)
        yield _row(scale, "REML", interval, k, mu, c * se, far, rest)
    robust = fit.robust().to_frame().iloc[0]
    half = (float(robust["ci_high"]) - float(robust["ci_low"])) / 2
    yield _row(scale, "REML", "cr2", k, mu, half, math.nan, rest)


def varying_row(table: pd.DataFrame, level: float) -> dict[str, Any]:
    """Return Bonett's (2010) varying-coefficient mean."""
    found = fit_varying_coefficient(table, conf_level=level).predict().iloc[0]
    return {
        "measure": "raw",
        "model": "varying-coefficient",
        "interval": "bonett-2010",
        "mistake": "none",
        "k": len(table),
        **{c: float(found[c]) for c in ("estimate", "ci_low", "ci_high")},
        **dict.fromkeys(("pi_low", "pi_high", "tau2", "I2", "Q"), math.nan),
    }


def mean_alpha(row: dict[str, Any]) -> dict[str, Any] | None:
    """Return a Bonett-scale row with the mean instead of the median alpha."""
    if not row["measure"].startswith("bonett") or row["mistake"] != "none":
        return None
    if not row["tau2"] > 0:
        return None
    factor = math.exp(row["tau2"] / 2)
    turned = {c: 1 - (1 - row[c]) * factor for c in ("estimate", "ci_low", "ci_high")}
    return {**row, **turned, "back_transform": "mean-alpha"}


def selections(
    table: pd.DataFrame, small_n: float
) -> Iterator[tuple[dict[str, str], pd.DataFrame]]:
    """Yield every choice of rows, exclusions and dependence with its table."""
    chosen = {"all": table}
    for column in ("scale", "rater", "instrument"):
        if column in table:
            levels = table[column].dropna().astype(str)
            if len(set(levels)) > 1:
                for value in dict.fromkeys(levels):
                    part = table[table[column].astype(str) == value]
                    chosen[f"{column} {value}"] = part.reset_index(drop=True)
    for name, rows in chosen.items():
        several = rows["study_id"].duplicated().any()
        ways = ("ignored", "one", "mean", "multilevel") if several else ("ignored",)
        for way in ways:
            start = one_per_study(rows) if way == "one" else rows
            if len(start) < 2:
                continue
            found = exclusions(start, ("none", "outliers", "small-n"), small_n)
            for exclusion, kept in found.items():
                if not isinstance(kept, str):
                    base = {"rows": name, "dependence": way, "exclusion": exclusion}
                    yield base, kept
