"""How likely a reliability is good enough."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from waistats._frames import as_frame
from waistats._signature import renamed
from waistats._typing import FloatArray
from waistats.errors import ModelError, check_option
from waistats.measures import transform
from waistats.meta.results import FittedModel
from waistats.practice._population import prepare
from waistats.practice.prediction import check_thresholds


@renamed(source="result")
def threshold_probability(
    result: Any,
    threshold: Any = 0.70,
    *,
    n: Any = None,
    new: pd.DataFrame | Mapping[str, Any] | None = None,
    n_items: Any = None,
    include_uncertainty: bool = True,
    method: str = "normal",
    prediction: str | None = None,
) -> Any:
    r"""Return the probability that reliability exceeds a threshold.

    Parameters
    ----------
    result : MetaResult, MultilevelResult or RGStudy
        The fitted model; of a study, the one that `predict_reliability` takes.
    threshold : float or array_like, default .70
        Alphas to exceed.
    n : int or array_like, optional
        Respondents of a planned sample: then the probability is that of the alpha that
        the sample will show; otherwise of the true alpha of a population.
    new : DataFrame or mapping, optional
        Values of the moderators, one row per population.
    n_items : int, optional
        Items of the planned scale, where the fitted rows differ.
    include_uncertainty : bool, default True
        Whether to include that mean and heterogeneity are estimated: the probability
        for one new population. Without, it is the share of populations above the
        threshold, were the estimates the truth; with few studies that looks far too
        sure.
    method : {"normal", "calibrated"}
        Normal true values; or the share of the fitted studies' own calibrated values,
        which assumes no distribution but is coarse (only without ``n``).
    prediction : {"confidence-distribution", "metafor"}, optional
        Read the probability from this predictive distribution, as in
        `FittedModel.predict`, instead of the calibrated one. Of a study that was made
        with ``prediction="metafor"`` it is metafor's.

    Returns
    -------
    float or ndarray
        Of the shape of ``threshold``; with several populations or sizes, (rows,) or
        (rows, thresholds).

    Raises
    ------
    DataError
        For thresholds outside 0 ... 1.
    ModelError
        For moderators that are missing.

    Notes
    -----
    One minus the predictive distribution function at :math:`T(c)`. With one level it is
    a mixture over the posterior of :math:`\tau` under the prior
    :math:`\tau/\sqrt{s^2+\tau^2}`, :math:`s^2` the harmonic mean of the sampling
    variances, with flat coefficients; with several levels it is
    :math:`F_t((x'b-T(c))/\sqrt{\tau^2+se^2})` on studies - p. For a sample of n' its
    sampling variance :math:`v(n')` joins. Without uncertainty it is
    :math:`\Phi((x'b-T(c))/\tau)`. Calibrated values are
    :math:`\mu+\sqrt{\tau^2/(\tau^2+v_i)}\,(y_i-\mu)` [1]_.

    *Calibration.* Over 5 to 50 studies, :math:`\tau` .1 to .5 and true probabilities
    .01 to .99, the mean of the stated ones differs from the share that is found by at
    most .03 in each tenth of the scale (``docs/promises.md``, SIMULATED), and by at
    most .04 for each number of studies. Over true probabilities of .5 to .99 alone,
    stated ones of .5 to .6 are .09 too low and those of .6 to .7 .05; from .7 on they
    are within .03. With several levels stated ones are off by up to .08 with 4 studies,
    .05 with 8 and .02 with 20; `predict_reliability` prints which. The prediction
    interval is made to hold whatever :math:`\tau` is, which is another promise: its
    lower limit is exceeded with a little less than .975 here, and the probabilities of
    its own distribution (``prediction="confidence-distribution"``) are .06 too high
    where they say .9 or more.

    References
    ----------
    .. [1] Mathur, M. B., & VanderWeele, T. J. (2020). Research Synthesis Methods, 11,
       590-601.

    Examples
    --------
    >>> import pandas as pd
    >>> from waistats import effect_sizes, fit_meta
    >>> table = pd.DataFrame(
    ...     {"study_id": list("ABCDE"), "estimate": [.91, .89, .93, .88, .90],
    ...      "n": [84, 54, 231, 120, 90], "n_items": 12})
    >>> fit = fit_meta(effect_sizes(table))
    >>> round(threshold_probability(fit, .85), 3)
    0.901
    >>> threshold_probability(fit, [.80, .90], n=60).round(3)
    array([0.951, 0.56 ])
    """
    new = as_frame(new)
    method = check_option("method", method, ("normal", "calibrated"))
    cuts = check_thresholds(threshold)
    if method == "calibrated" and n is not None:
        raise ModelError("method='calibrated' is for true alphas; leave n out.")
    plan = prepare(result, {}, new, n, n_items, prediction=prediction)
    if method == "calibrated":
        found = _calibrated(plan.model, plan.spread.center, cuts)
    else:
        found = plan.spread.above(
            cuts, observed=n is not None, uncertainty=include_uncertainty
        )
    if np.ndim(threshold) == 0:
        found = found[:, 0]
    many = len(plan.rows) > 1 or np.ndim(n) > 0 or isinstance(new, pd.DataFrame)
    out = found if many else found[0]
    return float(out) if np.ndim(out) == 0 else out


def _calibrated(model: FittedModel, center: FloatArray, cuts: FloatArray) -> FloatArray:
    """Return shares of calibrated values above thresholds, shape (rows, thresholds)."""
    yi, vi = model.effects.yi, model.effects.vi
    keep = np.sqrt(model.tau2 / (model.tau2 + vi))
    around = keep * (yi - model.design.X @ model.beta)
    values = center[:, None, None] + around
    limits = transform(cuts, str(model.measure))[:, None]
    shares: FloatArray = np.mean(values > limits, axis=-1)
    return shares
