"""Spearman-Brown reliability of two items."""

from dataclasses import replace

import numpy as np

from waistats.errors import DataError
from waistats.reliability.alpha import alpha_notes, exactly_one, no_total_variance
from waistats.reliability.bootstrap import Seed
from waistats.reliability.delta import (
    DELTA_INTERVALS,
    IntervalRequest,
    Spread,
    delta_spread,
)
from waistats.reliability.estimate import ReliabilityEstimate
from waistats.reliability.influence import standardized_alpha_gradient
from waistats.reliability.intervals import normal_quantile
from waistats.reliability.moments import correlation, standardized_alpha_of
from waistats.reliability.responses import ItemsLike
from waistats.reliability.sample import prepare


def two_item_reliability(
    items: ItemsLike,
    *,
    ci: str | None = "fisher-z",
    conf_level: float = 0.95,
    missing: str = "listwise",
    scale: str = "raw",
    kind: str = "percentile",
    n_resamples: int = 2000,
    seed: Seed = 0,
) -> ReliabilityEstimate:
    r"""Return the Spearman-Brown reliability of two items.

    Parameters
    ----------
    items : DataFrame or array_like of shape (n, 2)
        Two keyed items that vary.
    ci : {"fisher-z", "adf", "normal-theory", "bootstrap"}
        The interval; None for none. ``"fisher-z"`` is that of the correlation, put
        through the formula; it supposes normal responses.
    conf_level, missing, scale, kind, n_resamples, seed
        As in :func:`cronbach_alpha`.

    Returns
    -------
    ReliabilityEstimate
        The reliability of the sum of the two standardized items.

    Raises
    ------
    DataError
        If there are not two items, or one does not vary.

    Notes
    -----
    :math:`2r / (1 + r)`, the standardized alpha of two items; the coefficient of choice
    for a two-item scale (Eisinga, te Grotenhuis & Pelzer, 2013).

    Examples
    --------
    >>> round(two_item_reliability([[1, 2], [2, 2], [3, 5], [5, 4]]).estimate, 4)
    0.8117
    """
    request = IntervalRequest(
        ci=ci,
        conf_level=conf_level,
        scale=scale,
        kind=kind,
        n_resamples=n_resamples,
        seed=seed,
    )
    request.check(("fisher-z", *DELTA_INTERVALS))
    sample = prepare(items, missing)
    if sample.n_items != 2:
        raise DataError(
            f"two_item_reliability takes two items; got {sample.n_items}. Use "
            "cronbach_alpha for more."
        )
    covariance = sample.moments.covariance
    r = float(correlation(covariance)[0, 1])
    if np.isnan(r):
        raise DataError("both items must vary, but one has the same answer throughout.")
    if r <= -1 + 1e-12:
        raise DataError(no_total_variance(int(sample.moments.n)))
    estimate = exactly_one(2 * r / (1 + r))
    if request.ci == "fisher-z":
        spread = _fisher(r, int(sample.moments.n), conf_level)
    else:
        spread = delta_spread(
            sample,
            estimate,
            standardized_alpha_gradient(covariance),
            standardized_alpha_of,
            request,
        )
    if sample.likelihood is not None and request.ci == "fisher-z":
        note = "The interval takes everyone for complete; ci='adf' does not."
        spread = replace(spread, notes=(*spread.notes, note))
    return ReliabilityEstimate(
        coefficient="spearman_brown",
        estimate=estimate,
        se=spread.se,
        ci_low=spread.ci_low,
        ci_high=spread.ci_high,
        conf_level=conf_level,
        ci=spread.ci,
        n=int(sample.moments.n),
        n_items=2,
        n_excluded=int(sample.moments.n_excluded),
        method=f"Spearman-Brown of two items, r = {r:.3f}.",
        notes=sample.notes + alpha_notes(estimate) + spread.notes,
    )


def _fisher(r: float, n: int, conf_level: float) -> Spread:
    """Return the limits of r by Fisher's z, put through Spearman-Brown."""
    if n < 4:
        note = "Fisher's z needs at least 4 respondents; no interval is given."
        return Spread(notes=(note,))
    if r >= 1 - 1e-12:
        return Spread(se=0.0, ci_low=1.0, ci_high=1.0, ci="fisher-z")
    root = np.sqrt(n - 3)
    ends = np.tanh(
        np.arctanh(r) + normal_quantile(conf_level) / root * np.array([-1, 1])
    )
    low, high = 2 * ends / (1 + ends)
    se = 2 / (1 + r) ** 2 * (1 - r**2) / root
    return Spread(se=float(se), ci_low=float(low), ci_high=float(high), ci="fisher-z")
