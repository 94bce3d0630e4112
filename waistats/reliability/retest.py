"""Stability of a score over two occasions."""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from waistats.arrays import FloatArray
from waistats.errors import DataError, check_conf_level, check_option
from waistats.reliability.agreement import intraclass_correlation
from waistats.reliability.estimate import ReliabilityEstimate
from waistats.reliability.intervals import normal_quantile
from waistats.reliability.moments import correlation, mean_and_covariance


def test_retest(
    first: ArrayLike,
    second: ArrayLike,
    *,
    kind: str = "pearson",  # noqa: PT028
    form: str = "2,1",  # noqa: PT028
    conf_level: float = 0.95,  # noqa: PT028
) -> ReliabilityEstimate:
    r"""Return the stability of a score over two occasions.

    Parameters
    ----------
    first, second : array_like of shape (n,)
        The same people's scores, in the same order; Series must have the same index.
    kind : {"pearson", "icc"}
        The correlation, which ignores a change of level, or an intraclass correlation.
    form : str
        Form of the ICC.
    conf_level : float
        Confidence level.

    Returns
    -------
    ReliabilityEstimate
        Estimate and interval: Fisher's z for r, the F distribution for an ICC.

    Raises
    ------
    DataError
        If the scores do not belong together or do not vary.

    Notes
    -----
    The limits of r are :math:`\tanh(\mathrm{artanh}\,r \pm z/\sqrt{n-3})`, as R's
    ``cor.test``; its standard error is :math:`(1-r^2)/\sqrt{n-1}` (bivariate normal).
    People with one score only are left out and counted.

    Examples
    --------
    >>> result = test_retest([1, 2, 3, 4, 5, 6], [2, 1, 4, 3, 6, 5])
    >>> round(result.estimate, 3), round(result.ci_low, 3), round(result.ci_high, 3)
    (0.829, 0.052, 0.981)
    """
    check_option("kind", kind, ("pearson", "icc"))
    check_conf_level(conf_level)
    pairs = _paired(first, second)
    if kind == "icc":
        return intraclass_correlation(pairs, form=form, conf_level=conf_level)
    whole = pairs[~np.isnan(pairs).any(axis=1)]
    n = len(whole)
    if n < 3:
        raise DataError(
            f"at least 3 people with both scores are needed; there {_are(n)} {n}."
        )
    if (np.ptp(whole, axis=0) == 0).any():
        raise DataError("both scores must vary, but one is the same for everyone.")
    r = float(correlation(mean_and_covariance(whole)[1])[0, 1])
    notes: tuple[str, ...] = ()
    low = high = np.nan
    if n > 3:
        half = normal_quantile(conf_level) / np.sqrt(n - 3)
        with np.errstate(divide="ignore"):
            low, high = np.tanh(np.arctanh(np.clip(r, -1, 1)) + np.array([-half, half]))
    else:
        notes = ("An interval needs at least 4 people.",)
    return ReliabilityEstimate(
        coefficient="test_retest",
        estimate=r,
        se=float((1 - r**2) / np.sqrt(n - 1)),
        ci_low=float(low),
        ci_high=float(high),
        conf_level=conf_level,
        ci="fisher-z" if n > 3 else "",
        n=n,
        n_items=2,
        n_excluded=len(pairs) - n,
        method="Pearson correlation of two occasions; n_items counts occasions.",
        notes=notes,
    )


# pytest would take the name for a test
test_retest.__test__ = False  # type: ignore[attr-defined]


def _paired(first: ArrayLike, second: ArrayLike) -> FloatArray:
    both = [first, second]
    if all(isinstance(x, pd.Series) for x in both) and not first.index.equals(  # type: ignore[union-attr]
        second.index  # type: ignore[union-attr]
    ):
        raise DataError(
            "first and second have different indexes, so it is not known who belongs "
            "together. Align them first: first, second = first.align(second)."
        )
    columns = []
    for name, values in zip(("first", "second"), both, strict=True):
        try:
            column = np.asarray(values, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise DataError(f"{name} must hold numbers: {error}.") from error
        if column.ndim != 1:
            raise DataError(f"{name} must have one dimension; got {column.ndim}.")
        if np.isinf(column).any():
            raise DataError(f"{name} holds infinite values. Leave them empty.")
        columns.append(column)
    if len(columns[0]) != len(columns[1]):
        raise DataError(
            f"first and second must be as long as each other; got {len(columns[0])} "
            f"and {len(columns[1])} scores."
        )
    return np.column_stack(columns)


def _are(n: int) -> str:
    return "is" if n == 1 else "are"
