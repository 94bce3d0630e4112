"""What printed intervals keep of their promise, from the table of docs/promises.md."""

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import special

from waistats._areas import critical
from waistats._files import data_json
from waistats._format import coefficient, fixed, interval, level, percent
from waistats.measures import ALPHA_TYPES, bonett_bias, transform
from waistats.meta._heterogeneity import typical_variance

if TYPE_CHECKING:
    from waistats.meta.multilevel.result import MultilevelResult
    from waistats.meta.results import FittedModel, MetaResult

PAGE = "docs/promises.md"
# what covers less is said; what covers more is shown beside metafor's
LEAST, MOST = 0.93, 0.97
# effects that are less apart than this from plain ones had no bias removed
PLAIN = 1e-9


@cache
def measured() -> dict[str, Any]:
    """Return the measured coverage, as ``docs/promises.py`` wrote it."""
    found: dict[str, Any] = data_json("promises.json")
    return found


def nearest_k(k: int, known: list[int]) -> int:
    """Return the number of studies that was simulated and is nearest in proportion."""
    return min(known, key=lambda one: abs(np.log(one / k)))


def prediction_coverage(k: int, ratio: float) -> tuple[float, float]:
    """Return what the default prediction interval and metafor's hold, as measured.

    ``ratio`` is tau over a typical standard error; cells of the nearest number of
    coefficients are interpolated.
    """
    table = pd.DataFrame(measured()["prediction"])
    near = nearest_k(k, sorted(int(n) for n in table["k"].unique()))
    cells = table[table["k"] == near].groupby("ratio").mean()
    at = cells.index.to_numpy(dtype=float)
    own, old = (
        float(np.interp(ratio, at, cells[name].to_numpy(dtype=float)))
        for name in ("default", "metafor")
    )
    return own, old


def probability_notes(fit: "FittedModel") -> tuple[str, ...]:
    """Return how far stated probabilities were off where the true ones were known."""
    name, many = "probability", fit.k
    if fit.is_multilevel:
        name, many = "probability_levels", fit.n_clusters
    table = measured()[name]
    column = next(iter(table[0]))
    near = nearest_k(many, [row[column] for row in table])
    row = next(row for row in table if row[column] == near)
    several = " that give several coefficients" if fit.is_multilevel else ""
    off, *low = (coefficient(abs(gap), 2) for gap in (row["gap"], *row["half"]))
    return (
        f"Probabilities were within {off} of the true ones on average in simulations of "
        f"{near} studies{several}; where at least half of the populations exceed the "
        f"threshold, those stated as .50 to .60 were {low[0]} too low and those stated as "
        f".60 to .70 {low[1]} too low ({PAGE}).",
    )


def mean_notes(fit: "MetaResult") -> tuple[str, ...]:
    """Return that intervals of a mean cover less than they say, as simulated.

    Simulated were sizes of samples that are alike (20 to 50) and unequal (20 to 300);
    the nearer is taken, by the spread of the logarithms of the variances.
    """
    if fit.has_moderators or fit.weights is not None or fit.conf_level != 0.95:
        return ()
    method = "CE" if fit.method == "CE" else "random"
    spread = float(np.log(fit.effects.vi).std())
    rows = [
        row
        for row in measured()["mean"]
        if (row["measure"], row["method"], row["test"])
        == (fit.measure, method, fit.small_sample)
    ]
    if not rows or fit.k < 3:
        return ()
    near = nearest_k(fit.k, [row["k"] for row in rows])
    row = min(
        (row for row in rows if row["k"] == near),
        key=lambda row: abs(row["log_spread"] - spread),
    )
    if not row["low"] < LEAST:
        return ()
    return (
        f"In simulations of {near} studies with sizes of samples that differ about as "
        f"these, 95% intervals of this kind covered {percent(100 * row['low'])} to "
        f"{percent(100 * row['high'])} of true means, by heterogeneity ({PAGE}).",
    )


def level_notes(fit: "MultilevelResult", what: str) -> tuple[str, ...]:
    """Return that intervals of a model with several levels hold less than they say.

    Parameters
    ----------
    fit : MultilevelResult
        The model.
    what : {"ci", "pi"}
        The intervals of the mean, or of predictions.
    """
    if fit.has_moderators or fit.small_sample == "wald" or fit.conf_level != 0.95:
        return ()
    table = measured()["levels"]
    near = nearest_k(fit.n_clusters, [row["studies"] for row in table])
    low, high = next(row[what] for row in table if row["studies"] == near)
    if fit.n_clusters < 3 or not low < LEAST:
        return ()
    kind, held = {
        "ci": ("intervals of this kind covered", "true means"),
        "pi": ("prediction intervals of this kind held", "new coefficients"),
    }[what]
    return (
        f"In simulations of {near} studies that give several coefficients, 95% {kind} "
        f"{percent(100 * low)} to {percent(100 * high)} of {held}, by heterogeneity and by "
        f"what the model knew of the errors ({PAGE}).",
    )


def prediction_notes(fit: "MetaResult") -> tuple[str, ...]:
    """Return that a prediction interval holds more than it says, and metafor's limits."""
    if fit.has_moderators or fit.method == "CE" or fit.k < 3 or fit.conf_level != 0.95:
        return ()
    v = fit.effects.vi
    typical = typical_variance(fit.effects.yi, v, fit.design.X)
    own, old = prediction_coverage(fit.k, fit.tau / float(np.sqrt(typical)))
    if own <= MOST:
        return ()
    row = fit.predict(prediction="metafor").iloc[0]
    show = fixed if fit.measure is None else coefficient
    limits = interval(float(row.pi_low), float(row.pi_high), show)
    return (
        f"If tau is as small as estimated, this prediction interval holds "
        f"{percent(100 * own)} of new populations, as simulated; that of metafor, which "
        f"takes tau as known, is {limits} and holds {percent(100 * old)} ({PAGE}).",
    )


def bias_notes(fit: "FittedModel") -> tuple[str, ...]:
    r"""Return that the bias of the Bonett scale costs the interval of a mean.

    Notes
    -----
    The bias of a mean with weights w is :math:`\sum w_ib_i/\sum w_i`, of d standard
    errors; the interval then covers :math:`\Phi(c-d)-\Phi(-c-d)`.
    """
    bias = _bias(fit)
    if bias is None:
        return ()
    row = fit.contrasts(np.ones((1, 1)))
    se = float(row.se[0])
    df = None if row.df is None or np.isnan(row.df[0]) else float(row.df[0])
    c, d = critical(fit.conf_level, df), bias / se if se > 0 else 0.0
    below, above = (_cdf(end - d, df) for end in (-c, c))
    covers = above - below
    if not covers < fit.conf_level - (0.95 - LEAST):
        return ()
    return (
        f"The bias of the Bonett scale, about {fixed(bias, 3)} here, is "
        f"{fixed(abs(d), 1)} standard errors of the mean: its {level(fit.conf_level)} "
        f'interval covers about {percent(100 * covers)}. bias="exact" removes it '
        f"({PAGE}).",
    )


def _cdf(z: float, df: float | None) -> float:
    return float(special.ndtr(z) if df is None else special.stdtr(df, z))


def _bias(fit: "FittedModel") -> float | None:
    """Return the bias of the mean; None where there is none, or it was removed."""
    table = fit.effects.table
    known = {"estimate", "n", "n_items"} <= set(table.columns)
    if fit.has_moderators or fit.measure != "bonett" or not known:
        return None
    a, n, m = (
        pd.to_numeric(table[name], errors="coerce").to_numpy(dtype=float)
        for name in ("estimate", "n", "n_items")
    )
    alpha = np.ones(len(a), dtype=bool)
    if "coefficient_type" in table:
        kind = table["coefficient_type"]
        alpha = (kind.isin([*ALPHA_TYPES, ""]) | kind.isna()).to_numpy()
    usable = alpha & (a < 1) & (n > 2) & (m > 1)
    if not usable.any():
        return None
    plain = transform(np.where(usable, a, 0.0), "bonett")
    if not (np.abs(plain - fit.effects.yi)[usable] < PLAIN).all():
        return None
    bias = np.zeros(len(a))
    bias[usable] = bonett_bias(n[usable], m[usable], "exact")
    return float(fit.weight_shares() @ bias / 100)
