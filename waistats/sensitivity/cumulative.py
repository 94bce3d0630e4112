"""The pooled result as studies are added one by one."""

from typing import Any

import numpy as np
import pandas as pd

from waistats.arrays import IntArray
from waistats.errors import DataError, ModelError, listing, near
from waistats.meta.model import FittedModel
from waistats.provenance import marked
from waistats.sensitivity.leave_one_out import refit_frame
from waistats.sensitivity.refit import check_mean, check_model, row_labels


def cumulative(
    result: Any,
    order: Any = None,
    *,
    descending: bool = False,
    back_transform: bool = False,
) -> pd.DataFrame:
    """Fit a model to the first study, the first two, and so on.

    Parameters
    ----------
    result : MetaResult or MultilevelResult
        From `fit_meta` or `fit_multilevel`, without moderators.
    order : str or array_like, optional
        What decides the order: a column such as ``"year"`` or ``"n"``,
        ``"precision"`` for the most precise first, or one value a row; without it the
        rows stay as they are. Ties keep the order of the rows.
    descending : bool, default False
        Largest value first.
    back_transform : bool, default False
        Return ``estimate, ci_low, ci_high`` on the alpha scale, then without ``se``.

    Returns
    -------
    DataFrame
        ``added, k, estimate, se, ci_low, ci_high, tau2, I2, Q, Q_p``, a row for each
        study added, on the model's scale; with ``order`` its values as a last column
        ``order``.

    Raises
    ------
    ModelError, DataError
        For models with moderators, unknown columns, and missing values in ``order``.

    Notes
    -----
    Equals metafor's ``cumul``. The first row is one study: its standard error is the
    square root of its sampling variance and its interval is normal.

    Examples
    --------
    >>> from waistats import effect_sizes, fit_meta
    >>> table = pd.DataFrame(
    ...     {"study_id": ["A", "B", "C"], "estimate": [.91, .79, .93],
    ...      "n": [84, 54, 231], "n_items": [36, 12, 12], "year": [2010, 2002, 2006]})
    >>> frame = cumulative(fit_meta(effect_sizes(table)), "year", back_transform=True)
    >>> frame[["added", "k", "estimate", "order"]].round(3)
      added  k  estimate  order
    0     B  1     0.790   2002
    1     C  2     0.881   2006
    2     A  3     0.892   2010
    """
    model = check_model(result, "cumulative")
    check_mean(model, "cumulative")
    values = order_values(model, order)
    index = _sorted(values, descending)
    place = np.empty(model.k, dtype=np.int64)
    place[index] = np.arange(model.k)
    include = place[:, None] <= np.arange(model.k)
    labels = row_labels(model.effects)[index]
    frame = refit_frame(model, include, labels, "added", back_transform=back_transform)
    frame.insert(1, "k", np.arange(1, model.k + 1))
    if order is not None:
        frame["order"] = values.iloc[index].to_numpy()
    return marked(frame, model.simulated)


def order_values(result: FittedModel, order: Any) -> pd.Series:
    """Return what rows are ordered by, a value for each row used."""
    table, k = result.effects.table, result.k
    if order is None:
        return pd.Series(np.arange(k))
    if isinstance(order, str):
        if order in table:
            values = table[order]
        elif order == "precision":
            values = pd.Series(result.effects.vi)
        else:
            options = [*map(str, table.columns), "precision"]
            raise ModelError(
                f"order must be a column of the effects or 'precision'; got {order!r}"
                f"{near(order, options)}."
            )
    else:
        values = pd.Series(np.asarray(order))
        if len(values) == k + len(result.excluded):
            values = values.iloc[result.effects.rows].reset_index(drop=True)
        if len(values) != k:
            raise ModelError(
                f"order must have one value a row ({k}); got {len(values)}."
            )
    blank = values.isna().to_numpy()
    if blank.any():
        ids = table["study_id"].to_numpy()[blank]
        raise DataError(
            f"order has missing values for study_id {listing(ids)}. Fill them, or order "
            "by another column."
        )
    return values.reset_index(drop=True)


def _sorted(values: pd.Series, descending: bool) -> IntArray:
    """Return the positions in order; ties stay as they stand."""
    ranked = values.rank(method="dense") if values.dtype != object else None
    if ranked is None:
        ranked = values.astype(str).rank(method="dense")
    codes = ranked.to_numpy()
    return np.argsort(-codes if descending else codes, kind="stable")
