"""Ordinal alpha and omega: reliability of the normal variables behind the answers."""

from collections.abc import Callable

import numpy as np

from waistats.arrays import FloatArray
from waistats.errors import check_option
from waistats.provenance import marked, noted
from waistats.reliability.bootstrap import Seed
from waistats.reliability.delta import IntervalRequest, Spread, resampled_spread
from waistats.reliability.estimate import ReliabilityEstimate
from waistats.reliability.influence import influence_variance
from waistats.reliability.moments import alpha_of
from waistats.reliability.omega import FactorReliability
from waistats.reliability.omega_form import (
    METHODS,
    OmegaForm,
    improper,
    loading_frame,
    wald_spread,
    without_delta,
)
from waistats.reliability.ordinal_sample import OrdinalSample, ordinal_sample
from waistats.reliability.responses import ItemsLike


def ordinal_alpha(
    items: ItemsLike,
    *,
    correct: float = 0.0,
    ci: str | None = "adf",
    conf_level: float = 0.95,
    missing: str = "listwise",
    scale: str = "bonett",
    kind: str = "normal",
    n_resamples: int = 2000,
    seed: Seed = 0,
) -> ReliabilityEstimate:
    r"""Return ordinal alpha: alpha of the polychoric correlations.

    Parameters
    ----------
    items : DataFrame or array_like of shape (n, m)
        Keyed responses in at most 20 ordered categories.
    correct : float
        Count put into the empty cells of each pair's table; 0 leaves them empty.
    ci : {"adf", "bootstrap"}
        The interval; None for none. ``"adf"`` is from influence functions.
    conf_level : float
        Confidence level.
    missing : {"listwise", "pairwise"}
        Treatment of missing answers.
    scale : {"bonett", "raw"}
        Where the interval is symmetric: on -ln(1 - estimate), or on its own scale.
    kind : {"normal", "percentile", "bca"}
        Bootstrap interval.
    n_resamples : int
        Bootstrap samples.
    seed : int, Generator or None
        Makes the bootstrap reproducible.

    Returns
    -------
    ReliabilityEstimate
        Estimate, standard error and interval.

    Raises
    ------
    DataError
        If the answers are not in a few ordered categories.

    Notes
    -----
    .. math:: \alpha = \frac{m}{m-1}\left(1 - \frac{m}{\sum_{ij} r_{ij}}\right)

    with polychoric r (Zumbo, Gadermann & Zeisser, 2007). It is the reliability of the
    sum of the *normal variables behind* the answers, not of the sum of the answers, and
    is as a rule higher than alpha; do not pool the two. The same as psych's ``alpha``
    of ``polychoric(x, correct = 0)$rho``. psych's ``correct = .5`` acts only when items
    differ in their number of categories or ``global = FALSE``; here it always acts.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(1)
    >>> latent = rng.normal(size=(300, 1)) + rng.normal(size=(300, 4))
    >>> answers = np.digitize(latent, [-2, -1, 0, 1])
    >>> result = ordinal_alpha(answers)
    >>> round(result.estimate, 3), round(result.se, 3)
    (0.775, 0.023)
    """
    request = _request(ci, conf_level, scale, kind, n_resamples, seed)
    ordinal = ordinal_sample(items, correct=correct, missing=missing)
    r = ordinal.correlation
    m = len(r)
    gradient = np.full((m, m), m**2 / ((m - 1) * r.sum() ** 2))
    estimate = float(alpha_of(r))
    request, refusal = without_delta(request, ordinal.problems)
    spread = _spread(ordinal, estimate, gradient, alpha_of, request)
    return ReliabilityEstimate(
        coefficient="ordinal_alpha",
        estimate=estimate,
        se=spread.se,
        ci_low=spread.ci_low,
        ci_high=spread.ci_high,
        conf_level=conf_level,
        ci=spread.ci,
        n=int(ordinal.sample.moments.n),
        n_items=m,
        n_excluded=int(ordinal.sample.moments.n_excluded),
        method="Alpha of two-step maximum likelihood polychoric correlations.",
        notes=ordinal.notes + refusal + spread.notes,
    )


def ordinal_omega(
    items: ItemsLike,
    *,
    method: str = "minres",
    correct: float = 0.0,
    ci: str | None = "adf",
    conf_level: float = 0.95,
    missing: str = "listwise",
    scale: str = "bonett",
    kind: str = "normal",
    n_resamples: int = 2000,
    seed: Seed = 0,
) -> FactorReliability:
    r"""Return ordinal omega: omega total of the polychoric correlations.

    Parameters
    ----------
    items : DataFrame or array_like of shape (n, m)
        Keyed responses in at most 20 ordered categories, at least three items.
    method : {"minres", "ml"}
        Least squares on the correlations (lavaan's ``ULS``), or the normal likelihood.
    correct : float
        Count put into the empty cells of each pair's table; 0 leaves them empty.
    ci : {"adf", "bootstrap"}
        The interval; None for none.
    conf_level : float
        Confidence level.
    missing : {"listwise", "pairwise"}
        Treatment of missing answers.
    scale : {"bonett", "raw"}
        Where the interval is symmetric: on -ln(1 - estimate), or on its own scale.
    kind : {"normal", "percentile", "bca"}
        Bootstrap interval.
    n_resamples : int
        Bootstrap samples.
    seed : int, Generator or None
        Makes the bootstrap reproducible.

    Returns
    -------
    FactorReliability
        Estimate, standard error, interval and loadings.

    Raises
    ------
    DataError
        If the answers are not in a few ordered categories or fewer than three items
        vary.
    ConvergenceError
        If no one-factor solution is found.

    Notes
    -----
    .. math:: \omega = \frac{(\sum\lambda_j)^2}{(\sum\lambda_j)^2 + \sum(1-\lambda_j^2)}

    on the scale of the normal variables behind the answers (Gadermann, Guhn & Zumbo,
    2012). With ``"minres"`` the loadings are those of lavaan's categorical one-factor
    model with ``estimator = "ULS"``. It is not the categorical omega of Green and Yang
    (2009), which semTools and MBESS give and which is on the scale of the sum of the
    answers.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(1)
    >>> latent = rng.normal(size=(300, 1)) + rng.normal(size=(300, 4))
    >>> answers = np.digitize(latent, [-2, -1, 0, 1])
    >>> round(ordinal_omega(answers).estimate, 3)
    0.776
    """
    check_option("method", method, METHODS)
    request = _request(ci, conf_level, scale, kind, n_resamples, seed)
    ordinal = ordinal_sample(items, correct=correct, missing=missing, at_least_items=3)
    form = OmegaForm(method=method, matrix="correlation")
    r = ordinal.correlation
    fit = form.fit_checked(r, ordinal.sample.names)
    estimate = float(form.value(r, fit))
    problems = improper(fit, ordinal.sample.names)
    request, refusal = without_delta(request, problems + ordinal.problems)
    gradient = form.correlation_gradient(r, fit)
    spread = _spread(ordinal, estimate, gradient, form.many, request)
    fitted = "minimum residuals" if method == "minres" else "maximum likelihood"
    return FactorReliability(
        coefficient="ordinal_omega",
        estimate=estimate,
        se=spread.se,
        ci_low=spread.ci_low,
        ci_high=spread.ci_high,
        conf_level=conf_level,
        ci=spread.ci,
        n=int(ordinal.sample.moments.n),
        n_items=len(r),
        n_excluded=int(ordinal.sample.moments.n_excluded),
        method=f"Omega total, one factor by {fitted}, polychoric correlations.",
        notes=ordinal.notes + problems + refusal + spread.notes,
        loadings=marked(
            loading_frame(fit, ordinal.sample.names, ("loading",)), noted(ordinal.notes)
        ),
    )


def _request(
    ci: str | None,
    conf_level: float,
    scale: str,
    kind: str,
    n_resamples: int,
    seed: Seed,
) -> IntervalRequest:
    request = IntervalRequest(
        ci=ci,
        conf_level=conf_level,
        scale=scale,
        kind=kind,
        n_resamples=n_resamples,
        seed=seed,
    )
    request.check(("adf", "bootstrap"))
    return request


def _spread(
    ordinal: OrdinalSample,
    estimate: float,
    gradient: FloatArray,
    function: Callable[[FloatArray], FloatArray],
    request: IntervalRequest,
) -> Spread:
    if request.ci in (None, "none"):
        return Spread()
    if request.ci == "bootstrap":
        return resampled_spread(ordinal, estimate, gradient, function, request)
    se = float(np.sqrt(influence_variance(ordinal.influence(gradient))))
    return wald_spread(estimate, se, request)
