"""Tests of two or more alphas: from different people or from the same."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from waistats._typing import FloatArray
from waistats.errors import (
    DataError,
    ModelError,
    check_conf_level,
    check_option,
    listing,
)
from waistats.measures import transform
from waistats.provenance import is_simulated
from waistats.reliability._alpha_tests import alpha_of, compared, shared_values
from waistats.reliability._answers import (
    Accepted,
    Codes,
    cleaned,
    gated,
)
from waistats.reliability._comparison import (
    AlphaComparison,
    AlphasComparison,
    pair_frame,
)
from waistats.reliability._items import ItemsLike
from waistats.reliability._many_alphas import (
    cube_root_test,
    hotelling,
    independent_test,
    jackknife_covariance,
    log_alpha_without_each,
    normal_covariance,
)
from waistats.reliability._result import ReliabilityEstimate

INDEPENDENT = ("exact", "moment-matched", "feldt")
PAIRED = ("jackknife", "influence", "normal-theory", "feldt")
MANY_INDEPENDENT = ("normal-theory", "feldt-woodruff-salih")
MANY_PAIRED = ("jackknife", "normal-theory", "feldt-woodruff-salih")


def compare_alphas(
    first: ItemsLike | ReliabilityEstimate,
    second: ItemsLike | ReliabilityEstimate,
    *more: ItemsLike | ReliabilityEstimate,
    paired: bool = False,
    method: str | None = None,
    correlation: ArrayLike | None = None,
    conf_level: float = 0.95,
    missing_codes: Codes = (),
    accept: Accepted = (),
) -> Any:
    r"""Test whether two or more alphas are equal in the population.

    Parameters
    ----------
    first, second, *more : items or ReliabilityEstimate
        Keyed items, or alphas as :func:`cronbach_alpha` returns them (published ones as
        ``ReliabilityEstimate``).
    paired : bool
        Whether all come from the same people.
    method : str, optional
        Two alphas of different people: ``"exact"`` (default), or the approximations
        ``"moment-matched"`` and ``"feldt"``. Of the same people: ``"jackknife"``
        (default with items), ``"influence"``, ``"normal-theory"`` (default without), or
        ``"feldt"``. Three or more: ``"jackknife"`` (default with items of the same
        people), ``"normal-theory"`` (default otherwise), or ``"feldt-woodruff-salih"``.
    correlation : float or array_like of shape (K, K), optional
        Correlations of the totals, for published alphas of the same people.
    conf_level : float
        Confidence level of the intervals; of three and more alphas, of all together.
    missing_codes : float or sequence of float
        Numbers that mean a missing answer, such as ``(99, -9)``.
    accept : str or sequence of str
        Findings to accept: ``"missing_codes"`` treats common codes as valid answers.

    Returns
    -------
    AlphaComparison or AlphasComparison
        The test: of two alphas, two-sided with intervals of ratio and difference; or of
        three and more, with every pair compared.

    Raises
    ------
    DataError
        If an alpha is not defined or not below 1.
    ModelError
        If the method does not fit what is given.

    Notes
    -----
    *Different people.* Under equal population alphas
    :math:`(1-a_1)/(1-a_2)` is the ratio of two independent F variables (Feldt, 1969);
    ``"exact"`` integrates that distribution numerically. It is exact for normal items
    with equal error variances, whatever the sizes, does not depend on the order, and
    gives limits of the ratio :math:`(1-A_2)/(1-A_1)` and, by generalized confidence, of
    the difference :math:`A_1-A_2`. With unequal error variances its size at .05 is .019
    to .063. One F that approximates that distribution depends on the order: Feldt's, on
    :math:`n_1-1, n_2-1` degrees of freedom, is liberal for short scales (size .083-.089
    with 4 items); ``"moment-matched"`` has its mean and variance, and is refused where
    these do not exist or no F has them (small samples of few items).

    *The same people.* ``"jackknife"``: the difference of :math:`-\ln(1-a)` over its
    leave-one-out standard error, t on n - 1; size at .05 in SIMULATED normal and ceiling
    answers .043-.056 at n = 10, .046-.053 at 20 to 60. ``"influence"``, the
    distribution-free covariance of :func:`alpha_covariance`, is too liberal in small
    samples: .12-.14 at n = 10, .07-.08 at 30, .055-.065 at 150. ``"normal-theory"``
    supposes parallel normal items and no items in common: the variance of
    :math:`-\ln(1-a)` is :math:`2m/((m-1)n)` and the covariance :math:`2r^2/n`, r of the
    totals (size .040-.049 with 3 to 36 items). Feldt (1980),
    :math:`t=(a_1-a_2)\sqrt{n-2}/\sqrt{4(1-a_1)(1-a_2)(1-r^2)}` on n - 2, leaves out the
    errors' part, :math:`2/((m-1)n)` of each, and is liberal for short scales that correlate
    highly: .11 to .25 with 6 items, .08 with 36. The limits of the difference follow from
    the same t and from what it says of both alphas; they leave out 0 exactly where the test
    rejects, and held a difference of .12 to .14 in .94-.96 of SIMULATED normal and ceiling
    samples of 10 to 60.

    *Three and more.* Hotelling's F of the jackknife or of normal theory; of different
    people, the chi-square of :math:`-\ln(1-a)` with its exact bias and variance.
    ``"feldt-woodruff-salih"`` is their (1987) chi-square of :math:`(1-a)^{-1/3}`, as
    R's ``cocron``: too strict for different people (size .023 with 5 items, .036 with
    12), too liberal for the same (.06 to .23). ``pairs`` compares every two: exactly
    where the people differ, by the jackknife where their items are given, else by normal
    theory; p values are adjusted by Holm's method and limits by Bonferroni's.

    References
    ----------
    Feldt, L. S. (1969). Psychometrika, 34, 363-373. Feldt, L. S. (1980). Psychometrika,
    45, 99-105. Feldt, L. S., Woodruff, D. J., & Salih, F. A. (1987). Applied
    Psychological Measurement, 11, 93-103.

    Examples
    --------
    >>> values = {"se": 0.01, "ci_low": 0.8, "ci_high": 0.9, "coefficient": "alpha"}
    >>> client = ReliabilityEstimate(estimate=0.91, n=84, n_items=36, **values)
    >>> observer = ReliabilityEstimate(estimate=0.79, n=54, n_items=12, **values)
    >>> print(compare_alphas(client, observer).heading())
    alpha = .910 and .790, p = .002
    """
    check_conf_level(conf_level)
    given = (first, second, *more)
    simulated = any(is_simulated(x) for x in given)
    if method is not None and more:
        allowed = MANY_PAIRED if paired else MANY_INDEPENDENT
        method = check_option("method", method, allowed)
    elif method is not None:
        method = check_option("method", method, PAIRED if paired else INDEPENDENT)
    if correlation is not None and np.ndim(correlation) and not more:
        raise ModelError("correlation must be one number for two alphas.")
    used, notes = _without_codes(given, missing_codes, accept)
    with gated():
        if more:
            found = _many(used, paired, method, correlation, conf_level, simulated)
            return replace(found, notes=notes)
        between = None if correlation is None else float(np.asarray(correlation))
        two = compared(used[0], used[1], paired, method, between, conf_level)
    return replace(two, simulated=simulated, notes=(*notes, *two.notes))


def _without_codes(
    given: Sequence[Any], missing_codes: Codes, accept: Accepted
) -> tuple[list[Any], tuple[str, ...]]:
    """Return alphas as they are and items after the gate, and what it decided."""
    used: list[Any] = []
    notes: list[str] = []
    for i, one in enumerate(given, start=1):
        if isinstance(one, ReliabilityEstimate):
            used.append(one)
            continue
        items, said = cleaned(one, missing_codes=missing_codes, accept=accept)
        used.append(items)
        notes += [f"alpha {i}: {note}" for note in said]
    return used, tuple(notes)


def _many(
    given: Sequence[Any],
    paired: bool,
    method: str | None,
    correlation: Any,
    conf_level: float,
    simulated: bool,
) -> AlphasComparison:
    published = any(isinstance(x, ReliabilityEstimate) for x in given)
    if not paired and correlation is not None:
        raise ModelError("correlation= is for alphas of the same people: paired=True.")
    if method == "jackknife" and published:
        raise ModelError(
            "method='jackknife' needs the items of every alpha; with estimates alone "
            "use method='normal-theory' and correlation=."
        )
    matrix = None
    if paired and published:
        matrix = _correlations(correlation, len(given))
    elif paired:
        values, matrix = shared_values(given)
        given = values
    found = [alpha_of(x) for x in given]
    alpha = np.array([x.estimate for x in found])
    n = np.array([float(x.n) for x in found])
    m = np.array([float(x.n_items) for x in found])
    if paired and len(set(n)) > 1:
        raise DataError(
            "alphas of the same people must have the same n; got "
            f"{listing(int(x) for x in n)}."
        )
    statistic: float
    between = "normal-theory" if paired else "exact"
    if paired and not published and method in (None, "jackknife"):
        spread = jackknife_covariance([log_alpha_without_each(x) for x in given])
        test = hotelling(transform(alpha), spread, int(n[0]))
        statistic, df, df2, p = test[0], test[1], float(test[2]), test[3]
        how = "Dependent samples: jackknife of -ln(1 - alpha), Hotelling's F."
        between = "jackknife"
    elif method == "feldt-woodruff-salih":
        statistic, df, p = cube_root_test(alpha, n, m, matrix)
        df2 = np.nan
        who = "Dependent samples" if paired else "Independent samples"
        how = f"{who}: chi-square of Feldt, Woodruff and Salih (1987)."
    elif matrix is None:
        statistic, df, p = independent_test(alpha, n, m)
        df2 = np.nan
        how = "Independent samples: chi-square of -ln(1 - alpha), normal theory."
    else:
        spread = normal_covariance(n[0], m, matrix)
        test = hotelling(transform(alpha), spread, int(n[0]))
        statistic, df, df2, p = test[0], test[1], float(test[2]), test[3]
        how = "Dependent samples: -ln(1 - alpha), normal theory, Hotelling's F."
    compared = _pairs(
        given if between == "jackknife" else found, between, matrix, conf_level
    )
    return AlphasComparison(
        estimates=tuple(alpha.tolist()),
        n=tuple(int(x) for x in n),
        n_items=tuple(int(x) for x in m),
        statistic=statistic,
        df=float(df),
        df2=float(df2),
        p_value=p,
        method=how,
        pairs=pair_frame(compared, simulated),
        conf_level=conf_level,
        simulated=simulated,
    )


def _pairs(
    given: Sequence[Any], method: str, correlation: FloatArray | None, conf_level: float
) -> dict[tuple[int, int], AlphaComparison]:
    """Return every pair compared, with limits that hold together (Bonferroni)."""
    pairs = list(combinations(range(len(given)), 2))
    each = 1 - (1 - conf_level) / len(pairs)
    found = {}
    for i, j in pairs:
        r = None
        if method == "normal-theory" and correlation is not None:
            r = float(correlation[i, j])
        paired = method != "exact"
        found[i, j] = compared(given[i], given[j], paired, method, r, each)
    return found


def _correlations(given: Any, q: int) -> FloatArray:
    if given is None:
        raise ModelError(
            "alphas of the same people need correlation=, the correlations of their "
            "totals, or the items of all."
        )
    matrix = np.asarray(given, dtype=np.float64)
    if matrix.ndim == 0:
        matrix = np.where(np.eye(q, dtype=bool), 1.0, matrix)
    upper = np.triu_indices(q, 1)
    if matrix.shape != (q, q) or not (np.abs(matrix[upper]) < 1).all():
        raise DataError(
            f"correlation must be a {q} x {q} matrix of numbers between -1 and 1, the "
            "upper triangle filled."
        )
    filled = np.eye(q)
    filled[upper] = matrix[upper]
    filled.T[upper] = matrix[upper]
    return filled
