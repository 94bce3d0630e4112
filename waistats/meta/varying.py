"""The varying-coefficient model: the mean alpha of the studies at hand, no more."""

import numpy as np
import pandas as pd

from waistats.arrays import FloatArray
from waistats.effect_sizes import ALPHA_TYPES, effect_sizes
from waistats.errors import DataError, ModelError, check_conf_level, listing, near
from waistats.meta.design import build_design
from waistats.meta.distributions import critical
from waistats.meta.effects import Effects, usable_effects
from waistats.meta.varying_result import VaryingMeans, VaryingRegression

ALONE = "Intercept"


def fit_varying_coefficient(
    effects: pd.DataFrame,
    moderators: str | None = None,
    *,
    by: str | None = None,
    conf_level: float = 0.95,
) -> VaryingMeans | VaryingRegression:
    r"""Average alphas, compare groups or regress, without a model of heterogeneity.

    Parameters
    ----------
    effects : DataFrame
        A coefficient table, with or without the columns of `effect_sizes`; alphas (or
        KR-20) with ``study_id, estimate, n, n_items``. Rows that their ``status`` or
        ``reason`` rules out are listed in ``excluded``.
    moderators : str, optional
        A formula such as ``"~ np.log(n_items)"``: regression on :math:`-\ln(1-a)`.
    by : str, optional
        A column of groups: a mean for each and all differences; not with moderators.
    conf_level : float, default 0.95
        Level of the intervals.

    Returns
    -------
    VaryingMeans or VaryingRegression
        The latter with ``moderators``.

    Raises
    ------
    DataError
        For a table that is no coefficient table, too small samples or blank groups.
    ModelError
        For coefficients other than alpha, or ``by`` together with ``moderators``.

    Notes
    -----
    Each study keeps its own population alpha; the target is their plain mean, so the
    interval is about these k studies and holds however they differ [1]_. With
    :math:`\bar a=\sum a_i/k`, :math:`A=[(\bar m-2)(k-1)]^{1/4}`, harmonic mean
    :math:`\tilde n`,

    .. math:: v_i = \frac{2m_i(1-a_i)^2}{(m_i-1)(n_i-2-A)}, \quad
       se = \frac{\sqrt{\sum v_i}}{k}, \quad 1 - \exp\Bigl[\ln(1-\bar a) -
       \ln\frac{\tilde n}{\tilde n-1} \pm z\,\frac{se}{1-\bar a}\Bigr].

    The term :math:`\ln(\tilde n/(\tilde n-1))` removes the bias of
    :math:`\ln(1-a)` from the limits; the mean itself stays as it is. Differences of
    groups have MOVER limits. The regression is unweighted least squares of
    :math:`-\ln(1-a_i)+\ln(\tilde n/(\tilde n-1))`, covariance
    :math:`(X'X)^{-1}X'DX(X'X)^{-1}`, :math:`D=\operatorname{diag}v_i/(1-a_i)^2`.

    An unweighted common-effect model (``fit_meta(..., method="CE",
    weights="equal")``) differs: it averages :math:`-\ln(1-a)`, so that its
    back-transformed mean is never below the mean alpha, it has no bias term and no A,
    and it reads the mean as the one alpha of all studies. The R package vcmeta has
    the same formulas for one common m, and signs its regression by
    :math:`\ln(1-a)`; here each study has its own m, A takes their mean, and a
    positive coefficient raises alpha, as everywhere in this package.

    References
    ----------
    .. [1] Bonett, D. G. (2010). Psychological Methods, 15, 368-385.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame(
    ...     {"study_id": list("ABCD"), "estimate": [.91, .89, .90, .89],
    ...      "n": [583, 470, 546, 680], "n_items": 10})
    >>> fit_varying_coefficient(table).predict().round(4)
       estimate  ci_low  ci_high
    0    0.8975  0.8911   0.9039
    """
    check_conf_level(conf_level)
    if by is not None and moderators is not None:
        raise ModelError(
            "Give by= for means of groups or moderators= for a regression, not both."
        )
    used = _usable_alphas(effects, moderators)
    if moderators is not None:
        design = build_design(moderators, used.table)
        beta, cov = _regression(used, design.X)
        return VaryingRegression(
            beta=beta, cov=cov, effects=used, design=design, conf_level=conf_level
        )
    groups = _groups(used.table, by)
    terms = tuple(sorted(set(groups)))
    members = [groups == term for term in terms]
    a, n, m = _columns(used.table)
    parts = [_mean(a[g], n[g], m[g], used.table[g], conf_level) for g in members]
    estimate, se, low, high = (np.array(column) for column in zip(*parts, strict=True))
    return VaryingMeans(
        terms=terms,
        estimate=estimate,
        se=se,
        ci_low=low,
        ci_high=high,
        k=np.array([g.sum() for g in members]),
        by=by,
        effects=used,
        conf_level=conf_level,
    )


def _usable_alphas(table: pd.DataFrame, moderators: str | None) -> Effects:
    """Return the rows whose alphas can be averaged."""
    if isinstance(table, pd.DataFrame):
        table = table.drop(columns=["measure", "yi", "vi"], errors="ignore")
    used = usable_effects(effect_sizes(table), moderators)
    kinds = used.table.get("coefficient_type", pd.Series(dtype=str)).dropna()
    other = sorted(set(kinds.astype(str)) - ALPHA_TYPES)
    if other:
        raise ModelError(
            "The varying-coefficient formulas are those of alpha; the table also has "
            f"{listing(other)}. Take its rows of alpha."
        )
    return used


def _columns(table: pd.DataFrame) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return estimates, sample sizes and numbers of items."""
    a, n, m = (
        pd.to_numeric(table[c]).to_numpy(dtype=float)
        for c in ("estimate", "n", "n_items")
    )
    return a, n, m


def _groups(table: pd.DataFrame, by: str | None) -> np.ndarray:
    """Return the group of each row as text."""
    if by is None:
        return np.full(len(table), ALONE, dtype=object)
    if by not in table:
        raise DataError(f"by={by!r} is no column of the table{near(by, table)}.")
    blank = table[by].isna()
    if blank.any():
        ids = listing(table["study_id"][blank])
        raise DataError(f"{by} is blank for study_id {ids}. Fill it or leave them out.")
    return table[by].astype(str).to_numpy(dtype=object)


def _variance_on_bonett(
    n: FloatArray, m: FloatArray, table: pd.DataFrame
) -> FloatArray:
    """Return v_i / (1 - a_i)^2, with Bonett's correction for averaging."""
    A = ((m.mean() - 2) * (len(n) - 1)) ** 0.25
    room = n - 2 - A
    if (room <= 0).any():
        places = listing(
            f"{size:g} (study_id {name})"
            for size, name in zip(
                n[room <= 0], table["study_id"][room <= 0], strict=True
            )
        )
        raise DataError(
            f"n must be above {2 + A:.4g} in a mean of {len(n)} alphas, but is "
            f"{places}. Leave these rows out."
        )
    return 2 * m / ((m - 1) * room)


def _bias(n: FloatArray) -> float:
    harmonic = len(n) / float((1 / n).sum())
    return float(np.log(harmonic / (harmonic - 1)))


def _mean(
    a: FloatArray, n: FloatArray, m: FloatArray, table: pd.DataFrame, conf_level: float
) -> tuple[float, float, float, float]:
    """Return the mean alpha, its standard error and its limits."""
    mean = float(a.mean())
    variance = _variance_on_bonett(n, m, table) * (1 - a) ** 2
    se = float(np.sqrt(variance.sum())) / len(a)
    center = np.log1p(-mean) - _bias(n)
    half = critical(conf_level, None) * se / (1 - mean)
    return mean, se, float(-np.expm1(center + half)), float(-np.expm1(center - half))


def _regression(used: Effects, X: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return unweighted coefficients on the Bonett scale and their covariance."""
    a, n, m = _columns(used.table)
    response = -np.log1p(-a) + _bias(n)
    variance = _variance_on_bonett(n, m, used.table)
    projector = np.linalg.pinv(X)
    return projector @ response, (projector * variance) @ projector.T
