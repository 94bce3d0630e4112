"""Stability of a score over two occasions."""

from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from waistats._areas import critical
from waistats._frames import as_frame
from waistats._signature import renamed
from waistats._typing import FloatArray
from waistats.errors import DataError, check_conf_level, check_option
from waistats.reliability._answers import Accepted, Codes, gated, read_answers
from waistats.reliability._moments import correlation, mean_and_covariance
from waistats.reliability._result import ReliabilityEstimate
from waistats.reliability.icc import intraclass_correlation


@renamed(kind="method")
def test_retest(
    first: ArrayLike,
    second: ArrayLike,
    *,
    method: str = "pearson",  # noqa: PT028
    form: str = "2,1",  # noqa: PT028
    conf_level: float = 0.95,  # noqa: PT028
    missing_codes: Codes = (),  # noqa: PT028
    accept: Accepted = (),  # noqa: PT028
) -> ReliabilityEstimate:
    r"""Return the stability of a score over two occasions.

    Parameters
    ----------
    first, second : array_like of shape (n,)
        The same people's scores, in the same order; Series must have the same index.
    method : {"pearson", "icc"}
        The correlation, which ignores a change of level, or an intraclass correlation.
    form : str
        Form of the ICC.
    conf_level : float
        Confidence level.
    missing_codes : float or sequence of float
        Numbers that mean a missing answer, such as ``(99, -9)``.
    accept : str or sequence of str
        Findings to accept: ``"missing_codes"`` treats common codes as valid answers.

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
    People with one score only are excluded and counted.

    Examples
    --------
    >>> result = test_retest([1, 2, 3, 4, 5, 6], [2, 1, 4, 3, 6, 5])
    >>> round(result.estimate, 3), round(result.ci_low, 3), round(result.ci_high, 3)
    (0.829, 0.052, 0.981)
    """
    first = as_frame(first)
    second = as_frame(second)
    method = check_option("method", method, ("pearson", "icc"))
    check_conf_level(conf_level)
    scores = read_answers(
        paired_scores(first, second), missing_codes=missing_codes, accept=accept
    )
    if method == "icc":
        with gated():
            found = intraclass_correlation(
                scores.values, form=form, conf_level=conf_level
            )
        return replace(found, notes=(*scores.notes, *found.notes))
    pairs = scores.values
    whole = pairs[~np.isnan(pairs).any(axis=1)]
    n = len(whole)
    if n < 3:
        raise DataError(
            f"at least 3 people with both scores are needed; there {_are(n)} {n}."
        )
    if (np.ptp(whole, axis=0) == 0).any():
        raise DataError("both scores must vary, but one is the same for everyone.")
    r = float(correlation(mean_and_covariance(whole)[1])[0, 1])
    notes = scores.notes
    low = high = np.nan
    if n > 3:
        half = critical(conf_level) / np.sqrt(n - 3)
        with np.errstate(divide="ignore"):
            low, high = np.tanh(np.arctanh(np.clip(r, -1, 1)) + np.array([-half, half]))
    else:
        notes += ("An interval needs at least 4 people.",)
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


def paired_scores(first: ArrayLike, second: ArrayLike) -> FloatArray:
    """Return two scores of the same people (n, 2); NaN where one is missing."""
    both = [first, second]
    if all(isinstance(x, pd.Series) for x in both) and not first.index.equals(  # type: ignore[union-attr]
        second.index  # type: ignore[union-attr]
    ):
        raise DataError(
            "first and second have different indexes, so their scores cannot be "
            "matched. Align them first: first, second = first.align(second)."
        )
    columns = []
    for name, values in zip(("first", "second"), both, strict=True):
        try:
            column = np.asarray(values, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise DataError(f"{name} must be a list of numbers.") from error
        if column.ndim != 1:
            raise DataError(f"{name} must have one dimension; got {column.ndim}.")
        if np.isinf(column).any():
            raise DataError(f"{name} holds infinite values. Leave them empty.")
        columns.append(column)
    if len(columns[0]) != len(columns[1]):
        raise DataError(
            f"first and second must have the same length; got {len(columns[0])} "
            f"and {len(columns[1])} scores."
        )
    return np.column_stack(columns)


def _are(n: int) -> str:
    return "is" if n == 1 else "are"


test_retest.__test__ = False  # type: ignore[attr-defined]
