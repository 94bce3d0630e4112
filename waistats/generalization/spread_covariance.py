"""Sampling covariance of alpha and of the score variance, from item responses."""

import numpy as np

from waistats.arrays import FloatArray
from waistats.errors import DataError
from waistats.reliability.influence import alpha_influence, influence_covariance
from waistats.reliability.moments import alpha_of
from waistats.reliability.responses import ItemsLike, read_items


def spread_covariance(items: ItemsLike) -> FloatArray:
    r"""Return one sample's covariance of transformed alpha and log score variance.

    Parameters
    ----------
    items : DataFrame or array_like, shape (n, m)
        Keyed responses; people with a missing answer are left out.

    Returns
    -------
    ndarray, shape (2, 2)
        For :math:`-\ln(1-a)` and :math:`\ln s^2`: a block of the ``V`` that
        `spread_analysis` takes.

    Raises
    ------
    DataError
        For fewer than 3 complete respondents, a total that does not vary, and an alpha
        of 1.

    Notes
    -----
    Distribution-free, so that it holds for scores at the ceiling and unequal loadings:
    with the influence functions of alpha and :math:`t_i^2/V-(n-1)/n` of :math:`\ln s^2`
    (:math:`t_i` centred totals, V their variance) it is
    :math:`F'F/(n(n-1))`.

    Examples
    --------
    >>> answers = [[1, 2, 1], [3, 3, 4], [4, 5, 4], [2, 1, 3], [5, 4, 4], [1, 3, 2]]
    >>> spread_covariance(answers).round(3)
    array([[0.126, 0.066],
           [0.066, 0.05 ]])
    """
    values = read_items(items).values
    values = values[~np.isnan(values).any(axis=1)]
    n = len(values)
    if n < 3:
        raise DataError(f"At least 3 complete respondents are needed; there are {n}.")
    totals = values.sum(axis=1)
    centred = totals - totals.mean()
    variance = float(centred @ centred) / (n - 1)
    if variance <= 0:
        raise DataError(f"The total of the {n} respondents does not vary.")
    alpha = float(alpha_of(np.cov(values, rowvar=False)))
    if alpha > 1 - 1e-12:
        raise DataError("Alpha is 1: the items are copies of each other.")
    of_variance = centred**2 / variance - (n - 1) / n
    columns = [alpha_influence(values) / (1 - alpha), of_variance]
    return influence_covariance(np.column_stack(columns))
