"""Fail-safe N: historical, and here for comparison with older studies only."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from waistats.errors import ModelError
from waistats.format import Result, coefficient, count
from waistats.provenance import marked, of_simulated
from waistats.sensitivity.refit import check_mean, check_meta


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class FailSafeN(Result):
    """Unreported coefficients that would bring the mean down to a threshold.

    Attributes
    ----------
    n : float
        Their number; 0 where the mean is not above the threshold.
    k : int
        Coefficients pooled.
    estimate, threshold, drawer : float
        Pooled alpha, the threshold, and the alpha given to the unreported.
    simulated : bool
        Whether the effects are SIMULATED.
    """

    n: float
    k: int
    estimate: float
    threshold: float
    drawer: float
    simulated: bool

    def to_frame(self) -> pd.DataFrame:
        """Return one row."""
        names = ("n", "k", "estimate", "threshold", "drawer")
        frame = pd.DataFrame({name: [getattr(self, name)] for name in names})
        return marked(frame, self.simulated)

    def __str__(self) -> str:
        return (
            f"Fail-safe N (historical){of_simulated(self.simulated)}: "
            f"{count(np.ceil(self.n))} unreported coefficients "
            f"of {coefficient(self.drawer)} would bring {coefficient(self.estimate)} "
            f"(k = {self.k}) down to {coefficient(self.threshold)}.\nThe Cochrane "
            "Handbook advises against fail-safe numbers; worst_case() and "
            "threshold_selection() answer the question behind them."
        )


def fail_safe_n(
    result: Any, *, threshold: float = 0.80, drawer: float = 0.60
) -> FailSafeN:
    r"""Return the fail-safe N of a pooled alpha (historical; not advised).

    Parameters
    ----------
    result : MetaResult
        From `fit_meta`, without moderators.
    threshold : float, default .80
        What the mean must stay above.
    drawer : float, default .60
        Alpha of the coefficients in the drawer, below the threshold.

    Returns
    -------
    FailSafeN
        With ``n``, not rounded.

    Notes
    -----
    :math:`k(\bar\alpha-\alpha_c)/(\alpha_c-\alpha_d)` [1]_. It ignores precision and
    heterogeneity and takes the drawer's alpha on trust; no other function here calls
    it.

    References
    ----------
    .. [1] Howell, R. T., & Shields, A. L. (2008). Educational and Psychological
       Measurement, 68, 120-128.

    Examples
    --------
    >>> from waistats import effect_sizes, fit_meta
    >>> table = pd.DataFrame(
    ...     {"study_id": ["A", "B", "C", "D"], "estimate": [.91, .85, .93, .88],
    ...      "n": [84, 54, 231, 120], "n_items": 12})
    >>> round(fail_safe_n(fit_meta(effect_sizes(table))).n, 3)
    1.986
    """
    model = check_meta(result, "fail_safe_n")
    check_mean(model, "fail_safe_n")
    if model.measure is None:
        raise ModelError("fail_safe_n needs effects that name their measure.")
    if not drawer < threshold < 1:
        raise ModelError(
            "drawer must be below threshold and threshold below 1; got "
            f"drawer={drawer!r}, threshold={threshold!r}."
        )
    alpha = float(model.predict().loc[0, "estimate"])
    n = model.k * (alpha - threshold) / (threshold - drawer)
    return FailSafeN(
        n=max(0.0, float(n)),
        k=model.k,
        estimate=alpha,
        threshold=float(threshold),
        drawer=float(drawer),
        simulated=model.simulated,
    )
