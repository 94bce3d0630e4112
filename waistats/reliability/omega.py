"""Omega total: reliability of the sum of items that share one factor."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from waistats.errors import check_option
from waistats.provenance import marked, noted
from waistats.reliability.bootstrap import Seed
from waistats.reliability.delta import (
    DELTA_INTERVALS,
    IntervalRequest,
    Spread,
    delta_spread,
)
from waistats.reliability.estimate import ReliabilityEstimate
from waistats.reliability.intervals import normal_theory_se
from waistats.reliability.omega_form import (
    DENOMINATORS,
    MATRICES,
    METHODS,
    OmegaForm,
    improper,
    loading_frame,
    wald_spread,
    without_delta,
)
from waistats.reliability.responses import ItemsLike
from waistats.reliability.usable import varying_sample


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class FactorReliability(ReliabilityEstimate):
    """A reliability from a factor model, with the model's loadings.

    Attributes
    ----------
    loadings : DataFrame
        One row an item: ``item``, a column of standardized loadings for each factor,
        ``communality`` and ``uniqueness`` (shares of the item's variance).
    """

    loadings: pd.DataFrame


def omega_total(
    items: ItemsLike,
    *,
    method: str = "ml",
    matrix: str = "covariance",
    denominator: str = "model",
    ci: str | None = "adf",
    conf_level: float = 0.95,
    missing: str = "listwise",
    scale: str = "bonett",
    kind: str = "normal",
    n_resamples: int = 2000,
    seed: Seed = 0,
) -> FactorReliability:
    r"""Return omega total of items that measure one factor.

    Parameters
    ----------
    items : DataFrame or array_like of shape (n, m)
        Keyed responses to at least three items.
    method : {"ml", "minres"}
        Normal maximum likelihood, or least squares on the off-diagonal correlations.
    matrix : {"covariance", "correlation"}
        Reliability of the sum of the items, or of the sum of standardized items.
    denominator : {"model", "observed"}
        Variance of the sum as the model implies it, or as it is in the sample.
    ci : {"adf", "normal-theory", "bootstrap"}
        The interval; None for none. ``"adf"`` is robust: it needs no normal answers.
    conf_level : float
        Confidence level.
    missing : {"listwise", "pairwise", "em"}
        Treatment of missing answers.
    scale : {"bonett", "raw"}
        Where the interval is symmetric: on -ln(1 - estimate), or on its own scale.
    kind : {"normal", "percentile", "bca"}
        Bootstrap interval: normal on -ln(1 - omega), quantiles, or BCa.
    n_resamples : int
        Bootstrap samples.
    seed : int, Generator or None
        Makes the bootstrap reproducible.

    Returns
    -------
    FactorReliability
        Estimate, standard error, interval and standardized loadings.

    Raises
    ------
    DataError
        If fewer than three items vary.
    ModelError
        If the covariance matrix allows no maximum likelihood fit.
    ConvergenceError
        If no one-factor solution is found.

    Notes
    -----
    .. math:: \omega = \frac{(\sum\lambda_j)^2}{(\sum\lambda_j)^2 + \sum\theta_j}

    This is the omega of McDonald (1999) for a unidimensional scale. It equals lavaan's
    and semTools' one-factor omega and MBESS's ``ci.reliability(type = "omega")``, up to
    MBESS's n - 1 in the standard error. psych's ``omega(nfactors = 1)`` is ``"minres",
    matrix="correlation", denominator="observed"``; psych's ``omega.tot`` with more
    factors counts the group factors as reliable too (see :func:`omega_hierarchical`).

    The default standard error is the delta method on the robust (sandwich) covariance
    of the parameters, as lavaan's ``se = "robust.sem"``; limits are made on
    -ln(1 - omega). Below about 100 respondents, or with many answers at the ceiling,
    the bootstrap is nearer its level (Kelley & Pornprasertmanit, 2016). Where a unique
    variance is not positive (a Heywood case) or a loading has the opposite sign, a note
    says so and no delta standard error is given.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(1)
    >>> answers = rng.normal(size=(200, 1)) + rng.normal(size=(200, 4))
    >>> result = omega_total(answers)
    >>> round(result.estimate, 3), round(result.se, 3)
    (0.778, 0.025)
    """
    check_option("method", method, METHODS)
    check_option("matrix", matrix, MATRICES)
    check_option("denominator", denominator, DENOMINATORS)
    request = IntervalRequest(
        ci=ci,
        conf_level=conf_level,
        scale=scale,
        kind=kind,
        n_resamples=n_resamples,
        seed=seed,
    )
    request.check(DELTA_INTERVALS)
    sample = varying_sample(items, missing, at_least_items=3)
    form = OmegaForm(method=method, matrix=matrix, denominator=denominator)
    n = int(sample.moments.n)
    # maximum likelihood divides by n, and so do lavaan's standard errors
    s = sample.moments.covariance * ((n - 1) / n)
    fit = form.fit_checked(s, sample.names)
    estimate = float(form.value(s, fit))
    problems = improper(fit, sample.names)
    request, refusal = without_delta(request, problems)
    spread = Spread()
    if request.ci not in (None, "none"):
        gradient = form.gradient(s, fit)
        if request.ci == "normal-theory" and sample.likelihood is None:
            implied = fit.implied() if denominator == "model" else s
            se = float(normal_theory_se(implied, gradient, n))
            spread = wald_spread(estimate, se, request)
        else:
            scaled = gradient * np.sqrt((n - 1) / n)
            spread = delta_spread(sample, estimate, scaled, form.many, request)
    return FactorReliability(
        coefficient="omega_total",
        estimate=estimate,
        se=spread.se,
        ci_low=spread.ci_low,
        ci_high=spread.ci_high,
        conf_level=conf_level,
        ci=spread.ci,
        n=n,
        n_items=sample.n_items,
        n_excluded=int(sample.moments.n_excluded),
        method=form.describe(),
        notes=sample.notes + problems + refusal + spread.notes,
        loadings=marked(
            loading_frame(fit, sample.names, ("loading",)), noted(sample.notes)
        ),
    )
