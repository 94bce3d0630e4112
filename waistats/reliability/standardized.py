"""Standardized alpha: alpha of the correlations."""

import numpy as np

from waistats.errors import DataError, listing
from waistats.reliability.alpha import alpha_notes, exactly_one, no_total_variance
from waistats.reliability.bootstrap import Seed
from waistats.reliability.delta import DELTA_INTERVALS, IntervalRequest, delta_spread
from waistats.reliability.estimate import ReliabilityEstimate
from waistats.reliability.influence import standardized_alpha_gradient
from waistats.reliability.moments import standardized_alpha_of
from waistats.reliability.responses import ItemsLike
from waistats.reliability.sample import prepare


def standardized_alpha(
    items: ItemsLike,
    *,
    ci: str | None = "adf",
    conf_level: float = 0.95,
    missing: str = "listwise",
    scale: str = "raw",
    kind: str = "percentile",
    n_resamples: int = 2000,
    seed: Seed = 0,
) -> ReliabilityEstimate:
    r"""Return standardized alpha: alpha of the correlation matrix.

    Parameters
    ----------
    items : DataFrame or array_like of shape (n, m)
        Keyed numeric responses; every item must vary.
    ci : {"adf", "normal-theory", "bootstrap"}
        The interval; None for none. Feldt's, Bonett's and Hakstian and Whalen's are
        derived for raw alpha only.
    conf_level, missing, scale, kind, n_resamples, seed
        As in :func:`cronbach_alpha`.

    Returns
    -------
    ReliabilityEstimate
        Standardized alpha with its interval.

    Raises
    ------
    DataError
        If an item does not vary.

    Notes
    -----
    With the mean correlation r, :math:`m r / (1 + (m - 1) r)`: the reliability of the
    sum of standardized items, psych's ``std.alpha``. The interval takes account of the
    items' standard deviations being estimated.

    Examples
    --------
    >>> answers = [[1, 2, 2], [3, 3, 4], [4, 4, 3], [5, 4, 5], [2, 3, 3], [4, 5, 5]]
    >>> round(standardized_alpha(answers).estimate, 4)
    0.9307
    """
    request = IntervalRequest(
        ci=ci,
        conf_level=conf_level,
        scale=scale,
        kind=kind,
        n_resamples=n_resamples,
        seed=seed,
    )
    request.check(DELTA_INTERVALS)
    sample = prepare(items, missing)
    covariance = sample.moments.covariance
    flat = np.flatnonzero(~(sample.moments.item_variance > 0))
    if len(flat):
        raise DataError(
            "standardized alpha needs items that vary, but these do not: "
            f"{listing(sample.names[j] for j in flat)}. Leave them out or use "
            "cronbach_alpha."
        )
    estimate = exactly_one(float(standardized_alpha_of(covariance)))
    if np.isnan(estimate):
        raise DataError(no_total_variance(int(sample.moments.n)))
    spread = delta_spread(
        sample,
        estimate,
        standardized_alpha_gradient(covariance),
        standardized_alpha_of,
        request,
    )
    return ReliabilityEstimate(
        coefficient="standardized_alpha",
        estimate=estimate,
        se=spread.se,
        ci_low=spread.ci_low,
        ci_high=spread.ci_high,
        conf_level=conf_level,
        ci=spread.ci,
        n=int(sample.moments.n),
        n_items=sample.n_items,
        n_excluded=int(sample.moments.n_excluded),
        method="Alpha of the item correlations (standardized alpha).",
        notes=sample.notes + alpha_notes(estimate) + spread.notes,
    )
