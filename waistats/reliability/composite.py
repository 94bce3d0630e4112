"""Reliability of the total of several scales."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from waistats._frames import as_frame
from waistats._typing import FloatArray
from waistats.errors import DataError, ModelError, listing
from waistats.provenance import NOTE
from waistats.reliability._answers import Accepted, Codes, gated, match_respondents
from waistats.reliability._delta import DELTA_INTERVALS, IntervalRequest, delta_spread
from waistats.reliability._items import ItemsLike
from waistats.reliability._resampling import Seed
from waistats.reliability._result import ReliabilityEstimate
from waistats.reliability._sample import prepare
from waistats.reliability.alpha import alpha_notes, exactly_one, no_total_variance


def stratified_alpha(
    scales: Mapping[str, ItemsLike],
    *,
    weights: Mapping[str, float] | None = None,
    ci: str | None = "adf",
    conf_level: float = 0.95,
    missing: str = "listwise",
    scale: str = "raw",
    kind: str = "percentile",
    n_resamples: int = 2000,
    seed: Seed = 0,
    missing_codes: Codes = (),
    accept: Accepted = (),
) -> ReliabilityEstimate:
    r"""Return stratified alpha: the reliability of a total of several scales.

    Parameters
    ----------
    scales : mapping of str to items
        Keyed items of each scale, such as task, bond and goal; no item in two scales.
    weights : mapping of str to float, optional
        Weights of the scale sums in the total; 1 by default.
    ci : {"adf", "normal-theory", "jackknife", "bootstrap"}
        The interval; None for none.
    conf_level, missing, scale, kind, n_resamples, seed, missing_codes, accept
        As in :func:`cronbach_alpha`.

    Returns
    -------
    ReliabilityEstimate
        Stratified alpha with its interval.

    Raises
    ------
    DataError
        If a scale has fewer than two items or the total does not vary.

    Notes
    -----
    With the variance :math:`V_p` and alpha :math:`\alpha_p` of scale p, weight
    :math:`w_p` and the variance V of the total (Rajaratnam, Cronbach & Gleser, 1965),

    .. math:: \alpha_s = 1 - \frac{\sum_p w_p^2 V_p (1 - \alpha_p)}{V}

    Cronbach's alpha of all items takes what is specific to a scale for error, so it is
    lower where the scales are distinct.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(1)
    >>> answers = rng.normal(size=(100, 1)) + rng.normal(size=(100, 6))
    >>> found = stratified_alpha({"task": answers[:, :3], "bond": answers[:, 3:]})
    >>> round(found.estimate, 3), found.n_items
    (0.822, 6)
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
    names, items, notes = _side_by_side(scales, missing_codes, accept)
    factor = _weights(weights, list(dict.fromkeys(names)))
    with gated():
        sample = prepare(items, missing)
    sizes = {name: names.count(name) for name in dict.fromkeys(names)}
    member = np.array([[name == p for name in names] for p in sizes], dtype=float)
    size = np.array(list(sizes.values()), dtype=float)
    stretch = size / (size - 1)
    weight = member.T @ factor
    # error variance and total variance are both linear in the covariances
    error = np.einsum(
        "p,pj,pk->jk", factor**2 * (1 - stretch), member, member
    ) + np.diag(member.T @ (factor**2 * stretch))
    total = np.outer(weight, weight)

    def value(covariance: FloatArray) -> FloatArray:
        top = np.einsum("jk,...jk->...", error, covariance)
        below = np.einsum("jk,...jk->...", total, covariance)
        spread = np.einsum("j,...jj->...", weight**2, covariance)
        found: FloatArray = 1 - top / np.where(below > 1e-12 * spread, below, np.nan)
        return found

    covariance = sample.moments.covariance
    estimate = exactly_one(float(value(covariance)))
    if np.isnan(estimate):
        raise DataError(no_total_variance(int(sample.moments.n)))
    variance = float((total * covariance).sum())
    gradient = ((1 - estimate) * total - error) / variance
    spread = delta_spread(sample, estimate, gradient, value, request)
    return ReliabilityEstimate(
        coefficient="stratified_alpha",
        estimate=estimate,
        **spread.limits(conf_level),
        **sample.counts,
        method=f"Stratified alpha of the total of {listing(sizes)}.",
        notes=notes + sample.notes + alpha_notes(estimate) + spread.notes,
    )


def _side_by_side(
    scales: Mapping[str, ItemsLike], missing_codes: Codes, accept: Accepted
) -> tuple[list[str], pd.DataFrame, tuple[str, ...]]:
    """Return each item's scale, all items, and notes on how rows were matched."""
    if not isinstance(scales, Mapping) or not scales:
        raise ModelError(
            "a mapping of scale to items is needed, such as {'task': task_items, "
            "'bond': bond_items}."
        )
    matched, notes = match_respondents(
        scales, missing_codes=missing_codes, accept=accept
    )
    names: list[str] = []
    columns: dict[str, FloatArray] = {}
    known: dict[str, FloatArray] = {}
    twice = []
    simulated = False
    for name, read in matched.items():
        simulated |= read.simulated
        for j, item in enumerate(read.names):
            values = read.values[:, j]
            if item in known and np.array_equal(known[item], values, equal_nan=True):
                twice.append(item)
            known[item] = values
            names.append(name)
            columns[f"{name}: {item}"] = values
    if twice:
        raise DataError(
            f"no item may be in two scales of one total, but {listing(twice)} "
            f"{'is' if len(twice) == 1 else 'are'}."
        )
    return names, pd.DataFrame(columns), notes + ((NOTE,) if simulated else ())


def _weights(weights: Mapping[str, float] | None, names: Sequence[str]) -> FloatArray:
    if weights is None:
        return np.ones(len(names))
    if set(weights) != set(names):
        raise ModelError(
            f"weights must name each scale once: {listing(names)}; got "
            f"{listing(weights)}."
        )
    values = np.array([float(weights[name]) for name in names])
    if not (np.isfinite(values).all() and (values != 0).any()):
        raise ModelError("weights must be finite numbers, not all of them 0.")
    return values


def composite_reliability(
    reliability: Mapping[str, float],
    *,
    sd: Mapping[str, float],
    correlation: pd.DataFrame | Sequence[Sequence[float]],
    n: int,
    n_items: int,
    weights: Mapping[str, float] | None = None,
) -> ReliabilityEstimate:
    r"""Return the reliability of a total from published numbers of its scales.

    Parameters
    ----------
    reliability : mapping of str to float
        Reliability of each scale, such as ``{"task": .88, "bond": .85, "goal": .87}``.
    sd : mapping of str to float
        Standard deviation of each scale's score.
    correlation : DataFrame or matrix
        Correlations of the scale scores, in the order of ``reliability``.
    n, n_items : int
        Respondents, and items of the total; kept with the result for pooling.
    weights : mapping of str to float, optional
        Weights of the scales in the total; 1 by default.

    Returns
    -------
    ReliabilityEstimate
        The composite's reliability; published numbers give no standard error.

    Raises
    ------
    DataError
        If the numbers are impossible.

    Notes
    -----
    Mosier (1943): with scores of covariance C, errors uncorrelated between scales,

    .. math:: \rho = 1 - \frac{\sum_p w_p^2 C_{pp} (1 - \rho_p)}{w'Cw}

    With alphas and covariances of the same items this is :func:`stratified_alpha`.

    Examples
    --------
    >>> found = composite_reliability(
    ...     {"task": 0.88, "bond": 0.85},
    ...     sd={"task": 4.0, "bond": 4.5},
    ...     correlation=[[1, 0.7], [0.7, 1]],
    ...     n=80,
    ...     n_items=8,
    ... )
    >>> round(found.estimate, 4)
    0.9193
    """
    correlation = as_frame(correlation)
    names = list(reliability)
    rho = np.array([float(reliability[name]) for name in names])
    if set(sd) != set(names):
        raise DataError(
            f"sd must name each scale once: {listing(names)}; got {listing(sd)}."
        )
    spread = np.array([float(sd[name]) for name in names])
    matrix = _correlations(correlation, names)
    bad = [f"{k} {v:g}" for k, v in zip(names, rho, strict=True) if not v <= 1]
    bad += [f"sd of {k} {v:g}" for k, v in zip(names, spread, strict=True) if not v > 0]
    if bad:
        raise DataError(
            f"a reliability is at most 1 and a standard deviation above 0: "
            f"{listing(bad)}."
        )
    if n < 3 or n_items < 2:
        raise DataError(
            f"n must be at least 3 and n_items at least 2; got {n}, {n_items}."
        )
    weight = _weights(weights, names)
    scaled = weight * spread
    total = float(scaled @ matrix @ scaled)
    if not total > 1e-12 * float(scaled @ scaled):
        raise DataError("the total of these scales has no variance.")
    estimate = 1 - float((scaled**2 * (1 - rho)).sum()) / total
    return ReliabilityEstimate(
        coefficient="composite",
        estimate=estimate,
        se=np.nan,
        ci_low=np.nan,
        ci_high=np.nan,
        n=int(n),
        n_items=int(n_items),
        method=f"Composite reliability of the total of {listing(names)} (Mosier).",
        notes=alpha_notes(estimate),
    )


def _correlations(given: Any, names: list[str]) -> FloatArray:
    if isinstance(given, pd.DataFrame) and set(map(str, given.index)) == set(names):
        given = given.set_axis(map(str, given.index), axis=0)
        given = given.set_axis(map(str, given.columns), axis=1).loc[names, names]
    matrix = np.asarray(given, dtype=np.float64)
    if matrix.shape != (len(names), len(names)):
        raise DataError(
            f"correlation must have a row and a column for each of {listing(names)}; "
            f"its shape is {matrix.shape}."
        )
    wrong = not np.allclose(matrix, matrix.T) or not np.allclose(np.diagonal(matrix), 1)
    if wrong or np.linalg.eigvalsh(matrix).min() < -1e-6:
        raise DataError(
            "correlation must be a correlation matrix: symmetric, 1 on the diagonal and "
            "without negative eigenvalues."
        )
    return matrix
