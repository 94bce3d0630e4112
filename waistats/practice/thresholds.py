"""How likely a reliability is good enough."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from waistats._typing import FloatArray
from waistats.errors import ModelError, check_option
from waistats.measures import transform
from waistats.meta.results import FittedModel
from waistats.practice._population import prepare
from waistats.practice.prediction import check_thresholds


def threshold_probability(
    source: Any,
    threshold: Any = 0.80,
    *,
    n: Any = None,
    new: pd.DataFrame | Mapping[str, Any] | None = None,
    n_items: Any = None,
    include_uncertainty: bool | None = None,
    method: str = "normal",
) -> Any:
    r"""Return the probability that reliability exceeds a threshold.

    Parameters
    ----------
    source : MetaResult, MultilevelResult or RGStudy
        The fitted model; of a study, the one that `predict_reliability` takes.
    threshold : float or array_like, default .80
        Alphas to exceed.
    n : int or array_like, optional
        Respondents of a planned sample: then the probability is that of the alpha that
        the sample will show; otherwise of the true alpha of a population.
    new : DataFrame or mapping, optional
        Values of the moderators, a row a population.
    n_items : int, optional
        Items of the planned scale, where the fitted rows differ.
    include_uncertainty : bool, optional
        Whether to include that the model itself is estimated. By default not without
        ``n``, which gives the share of populations above the threshold, and so with
        ``n``, which gives the probability for one planned sample. With few studies the
        share without uncertainty looks far too sure.
    method : {"normal", "calibrated"}
        Normal true values; or the share of the fitted studies' own calibrated values,
        which assumes no distribution but is coarse (only without ``n``).

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
    :math:`\Phi((\mu-T(c))/\tau)`, with uncertainty
    :math:`F_t((\mu-T(c))/\sqrt{\tau^2+se^2})` on the model's degrees of freedom; for a
    sample of n' its sampling variance :math:`v(n')` joins :math:`\tau^2`. Calibrated
    values are :math:`\mu+\sqrt{\tau^2/(\tau^2+v_i)}\,(y_i-\mu)` [1]_.

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
    0.993
    >>> threshold_probability(fit, [.80, .90], n=60).round(3)
    array([0.97 , 0.574])
    """
    check_option("method", method, ("normal", "calibrated"))
    cuts = check_thresholds(threshold)
    if method == "calibrated" and n is not None:
        raise ModelError("method='calibrated' is for true alphas; leave n out.")
    plan = prepare(source, {}, new, n, n_items)
    if method == "calibrated":
        found = _calibrated(plan.model, plan.spread.center, cuts)
    else:
        observed = n is not None
        uncertain = observed if include_uncertainty is None else include_uncertainty
        found = plan.spread.above(cuts, observed=observed, uncertainty=uncertain)
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
