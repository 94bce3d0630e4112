"""How likely a reliability is good enough."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from waistats._frames import as_frame
from waistats._renamed import renamed
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
        The predictive distribution, as in `FittedModel.predict`; that of a study by
        default.

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
    One minus the predictive distribution function at :math:`T(c)`: a mixture over the
    confidence distribution of :math:`\tau^2` for one-level models,
    :math:`F_t((x'b-T(c))/\sqrt{\tau^2+se^2})` on studies - p with several levels. For a
    sample of n' its sampling variance :math:`v(n')` joins. Without uncertainty it is
    :math:`\Phi((x'b-T(c))/\tau)`. Calibrated values are
    :math:`\mu+\sqrt{\tau^2/(\tau^2+v_i)}\,(y_i-\mu)` [1]_.

    *Calibration.* Simulated (5 to 50 studies, :math:`\tau` .1 to .5, true
    probabilities .5 to .99), and all of these pooled, stated and true probabilities
    differ by at most .03 in each decile of stated ones above .6. That is an average: in
    single cells of studies and :math:`\tau` they differ by up to .06, either way.
    Without uncertainty stated ones of .9 and more are .08 too high. Below .6 stated
    probabilities are too low there, since no true one is below .5.

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
    0.951
    >>> threshold_probability(fit, [.80, .90], n=60).round(3)
    array([0.98 , 0.585])
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
    return np.mean(values > transform(cuts, str(model.measure))[:, None], axis=-1)
