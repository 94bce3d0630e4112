"""Fail-safe N: historical, and here for comparison with older studies only.

The pooled alpha if the studies that did not report had low coefficients.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from waistats._areas import critical
from waistats._format import Result, coefficient, count
from waistats._signature import renamed
from waistats._typing import FloatArray
from waistats.errors import DataError, ModelError, check_option, listing
from waistats.measures import alpha_variance, back_transform, transform
from waistats.meta._prediction import DEFAULT_PREDICTION, PREDICTIONS
from waistats.meta.fit_many import fit_meta_many
from waistats.meta.results import MetaResult
from waistats.provenance import marked, of_simulated
from waistats.sensitivity._refit import check_mean, check_meta


def worst_case(
    result: Any,
    *,
    n_missing: Any = None,
    alpha: Any = (0.50, 0.60, 0.70, 0.80),
    n: float | None = None,
    n_items: float | None = None,
    prediction: str = DEFAULT_PREDICTION,
) -> pd.DataFrame:
    r"""Pool again as if studies that did not report had had a given alpha.

    Parameters
    ----------
    result : MetaResult
        From `fit_meta`, without moderators or user weights.
    n_missing : int or sequence of int, optional
        How many did not report; by default the rows in ``result.excluded``.
    alpha : float or sequence of float, default (.50, .60, .70, .80)
        The alpha they are given, each in turn.
    n, n_items : float, optional
        Their respondents and items; by default the medians of those that reported.
    prediction : {"confidence-distribution", "metafor"}
        The prediction interval, as in `FittedModel.predict`.

    Returns
    -------
    DataFrame
        ``n_missing, alpha, k, estimate, ci_low, ci_high, pi_low, pi_high`` on the alpha
        scale, ``tau2`` on the model's, ``I2``; the first row is the model as it is.

    Raises
    ------
    ModelError, DataError
        If nobody is known to be missing, or an alpha is not below 1.

    Notes
    -----
    Most studies induce their reliability or do not mention it. What they would have
    found is unknown, but it bounds the answer: pooling them at a low alpha shows how
    far silence can matter. Rows are added with the sampling variance of that alpha.

    Examples
    --------
    >>> from waistats import effect_sizes, fit_meta
    >>> table = pd.DataFrame(
    ...     {"study_id": ["A", "B", "C", "D"], "estimate": [.91, .85, .93, .88],
    ...      "n": [84, 54, 231, 120], "n_items": 12})
    >>> frame = worst_case(fit_meta(effect_sizes(table)), n_missing=[2, 4], alpha=.7)
    >>> frame[["n_missing", "alpha", "k", "estimate"]].round(3)
       n_missing  alpha  k  estimate
    0          0    NaN  4     0.899
    1          2    0.7  6     0.853
    2          4    0.7  8     0.824
    """
    model = check_meta(result, "worst_case")
    check_mean(model, "worst_case")
    if model.measure is None or model.weights is not None:
        raise ModelError(
            "worst_case needs effects that name their measure, and no user weights."
        )
    prediction = check_option("prediction", prediction, PREDICTIONS)
    counts = _counts(model, n_missing)
    alphas = np.atleast_1d(np.asarray(alpha, dtype=float))
    if not (alphas < 1).all():
        raise ModelError(f"alpha must be below 1; got {alpha!r}.")
    size = _median(model, "n") if n is None else float(n)
    items = _median(model, "n_items") if n_items is None else float(n_items)
    if size < 3 or items < 2:
        raise ModelError(
            f"n must be at least 3 and n_items at least 2; got {size:g} and {items:g}."
        )
    count = np.append(0, np.repeat(counts, len(alphas)))
    given = np.append(np.nan, np.tile(alphas, len(counts)))
    return _pooled(model, count, given, size, items, prediction)


def _pooled(
    model: MetaResult,
    count: np.ndarray,
    given: FloatArray,
    n: float,
    n_items: float,
    prediction: str,
) -> pd.DataFrame:
    """Return the fit of every number and alpha of missing studies."""
    measure = str(model.measure)
    added = np.arange(count.max())[:, None] < count
    filler = np.where(np.isnan(given), 0.0, given)
    y = np.where(added, transform(filler, measure), 0.0)
    v = np.where(added, alpha_variance(filler, n, n_items, measure), 1.0)
    reported = [np.repeat(a[:, None], len(count), 1) for a in _own(model)]
    y, v = np.concatenate([reported[0], y]).T, np.concatenate([reported[1], v]).T
    used = np.concatenate([np.ones_like(reported[0], dtype=bool), added]).T
    batch = fit_meta_many(
        y,
        v,
        include=used,
        method=model.method,
        small_sample=model.small_sample,
        prediction=prediction,
        conf_level=model.conf_level,
    )
    wald = model.df is None
    far = [critical(model.conf_level, None if wald else float(k) - 1) for k in batch.k]
    half = np.array(far) * batch.se
    ends = {
        "estimate": batch.estimate,
        "ci_low": batch.estimate - half,
        "ci_high": batch.estimate + half,
        "pi_low": batch.pi_low,
        "pi_high": batch.pi_high,
    }
    frame = pd.DataFrame(
        {
            "n_missing": count,
            "alpha": given,
            "k": batch.k.astype(int),
            **{name: back_transform(end, measure) for name, end in ends.items()},
            "tau2": batch.tau2,
            "I2": batch.I2,
        }
    )
    return marked(frame, model.simulated)


def _own(model: MetaResult) -> tuple[FloatArray, FloatArray]:
    return model.effects.yi, model.effects.vi


def _counts(model: MetaResult, n_missing: Any) -> np.ndarray:
    if n_missing is None:
        if len(model.excluded) == 0:
            raise ModelError(
                "Every row of the table was pooled, so n_missing= must say how many "
                "studies did not report."
            )
        n_missing = len(model.excluded)
    counts = np.atleast_1d(np.asarray(n_missing))
    if not (np.issubdtype(counts.dtype, np.integer) and (counts > 0).all()):
        raise ModelError(f"n_missing must be positive integers; got {n_missing!r}.")
    return counts


def _median(model: MetaResult, column: str) -> float:
    table = model.effects.table
    if column not in table:
        raise ModelError(f"The effects have no column {column}; give {column}=.")
    values = pd.to_numeric(table[column], errors="coerce")
    blank = values.isna().to_numpy()
    if blank.any():
        ids = listing(table["study_id"].to_numpy()[blank])
        raise DataError(f"{column} is missing for study_id {ids}; give {column}=.")
    return float(values.median())


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class FailSafeN(Result):
    """Unreported coefficients that would bring the mean down to a threshold.

    Attributes
    ----------
    n : float
        Their number; 0 where the mean is not above the threshold.
    k : int
        Coefficients pooled.
    estimate, threshold, mean_unreported : float
        Pooled alpha, the threshold, and the alpha given to the unreported.
    simulated : bool
        Whether the effects are SIMULATED.
    """

    n: float
    k: int
    estimate: float
    threshold: float
    mean_unreported: float
    simulated: bool

    def to_frame(self) -> pd.DataFrame:
        """Return one row."""
        names = ("n", "k", "estimate", "threshold", "mean_unreported")
        frame = pd.DataFrame({name: [getattr(self, name)] for name in names})
        return marked(frame, self.simulated)

    def __str__(self) -> str:
        return (
            f"Fail-safe N (historical){of_simulated(self.simulated)}: "
            f"{count(np.ceil(self.n))} unreported coefficients "
            f"of {coefficient(self.mean_unreported)} would bring "
            f"{coefficient(self.estimate)} (k = {self.k}) down to "
            f"{coefficient(self.threshold)}.\nThe Cochrane "
            "Handbook advises against fail-safe numbers; worst_case() and "
            "threshold_selection() answer the question behind them."
        )


@renamed(drawer="mean_unreported")
def fail_safe_n(
    result: Any, *, threshold: float = 0.70, mean_unreported: float = 0.60
) -> FailSafeN:
    r"""Return the fail-safe N of a pooled alpha (historical; not advised).

    Parameters
    ----------
    result : MetaResult
        From `fit_meta`, without moderators.
    threshold : float, default .70
        What the mean must stay above.
    mean_unreported : float, default .60
        Mean alpha of the unreported coefficients, below the threshold.

    Returns
    -------
    FailSafeN
        With ``n``, not rounded.

    Notes
    -----
    :math:`k(\bar\alpha-\alpha_c)/(\alpha_c-\alpha_d)` [1]_. It ignores precision and
    heterogeneity and relies on an assumed mean; no other function here calls
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
    7.971
    """
    model = check_meta(result, "fail_safe_n")
    check_mean(model, "fail_safe_n")
    if model.measure is None:
        raise ModelError("fail_safe_n needs effects that name their measure.")
    if not mean_unreported < threshold < 1:
        raise ModelError(
            "mean_unreported must be below threshold and threshold below 1; got "
            f"mean_unreported={mean_unreported!r}, threshold={threshold!r}."
        )
    alpha = float(model.predict().loc[0, "estimate"])
    n = model.k * (alpha - threshold) / (threshold - mean_unreported)
    return FailSafeN(
        n=max(0.0, float(n)),
        k=model.k,
        estimate=alpha,
        threshold=float(threshold),
        mean_unreported=float(mean_unreported),
        simulated=model.simulated,
    )
