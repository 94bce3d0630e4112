"""One table of what a pooled reliability means in practice."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from waistats._format import coefficient, counted, level
from waistats._frames import as_frame
from waistats._signature import renamed
from waistats._typing import FloatArray
from waistats.errors import ModelError
from waistats.practice._population import prepare
from waistats.practice._source import check_positive, numbers
from waistats.practice.planning import (
    sample_size_for_alpha,
    sample_size_for_correlation,
)
from waistats.practice.prediction import THRESHOLDS, predict_reliability
from waistats.practice.scores import reliable_change, standard_error_of_measurement
from waistats.provenance import marked


@renamed(source="result")
def practice_table(
    result: Any,
    sd: float | None = None,
    *,
    new: pd.DataFrame | Mapping[str, Any] | None = None,
    n: Sequence[int] = (30, 100, 300),
    n_items: int | None = None,
    rho: float = 0.30,
    width: float = 0.05,
    thresholds: Sequence[float] = THRESHOLDS,
    conf_level: float | None = None,
    prediction: str | None = None,
) -> pd.DataFrame:
    """Summarize what a pooled reliability means for a clinician or planner.

    Parameters
    ----------
    result : MetaResult, MultilevelResult or RGStudy
        The fitted model; of a study, the one that `predict_reliability` takes.
    sd : float, optional
        Standard deviation of the scores; without it errors and changes are in standard
        deviations.
    new : mapping, optional
        Values of the moderators, one population.
    n : sequence of int, default (30, 100, 300)
        Sizes of planned samples, for the alpha they will show.
    n_items : int, optional
        Items of the planned scale; by default those of the population, else the
        most common among the fitted rows.
    rho : float, default .30
        True correlation with a perfectly measured variable that a study wants to find.
    width : float, default .05
        Width of the interval of alpha that a study wants.
    thresholds : sequence of float, default (.70, .80, .90)
        Alphas to exceed.
    conf_level : float, optional
        Level of intervals and tests; that of the model by default.
    prediction : {"confidence-distribution", "metafor"}, optional
        Kind of the prediction intervals; see `predict_reliability`.

    Returns
    -------
    DataFrame
        ``quantity, estimate, pi_low, pi_high``: at the expected alpha and at both ends
        of the prediction interval of a new population's true alpha. Probabilities have
        an estimate only; the alpha of a planned sample has its own interval. What a
        reader must know is in ``attrs["notes"]``.

    Raises
    ------
    ModelError
        For moderators that are missing, or several populations.

    Examples
    --------
    >>> import pandas as pd
    >>> from waistats import effect_sizes, fit_meta
    >>> table = pd.DataFrame(
    ...     {"study_id": list("ABCDE"), "estimate": [.91, .89, .93, .88, .90],
    ...      "n": [84, 54, 231, 120, 90], "n_items": 12})
    >>> practice_table(fit_meta(effect_sizes(table)), sd=9).round(2).head(3)
                            quantity  estimate  pi_low  pi_high
    0                          alpha      0.91    0.83     0.95
    1  standard error of measurement      2.76    3.75     2.06
    2       reliable change, 95% (±)      7.66   10.40     5.71
    """
    new = as_frame(new)
    if len(prepare(result, {}, new, None, n_items).rows) != 1:
        raise ModelError("practice_table is for one population; pass one row of new.")
    predicted = predict_reliability(
        result,
        n=n,
        new=new,
        n_items=n_items,
        thresholds=thresholds,
        conf_level=conf_level,
        prediction=prediction,
    )
    s = np.ones(()) if sd is None else numbers("sd", sd)
    check_positive("sd", s)
    unit = ", in SDs" if sd is None else ""
    shown = predicted.conf_level
    ends = (predicted.estimate[0], predicted.pi_low[0], predicted.pi_high[0])
    alpha = np.array(ends)
    # limits of untransformed alphas may pass 1
    share = np.clip(alpha, 0, 1)
    rows: list[tuple[Any, ...]] = [
        ("alpha", *alpha),
        _row(f"standard error of measurement{unit}", _sem(s, share)),
        _row(
            f"reliable change, {level(shown)} (±){unit}",
            reliable_change(s, share, conf_level=shown),
        ),
        _row(
            f"n to find a true r of {coefficient(rho, 2)}, power .80",
            _for_correlation(rho, share, shown),
        ),
        _row(
            f"n for an interval of alpha of width {coefficient(width, 2)}",
            _for_width(share, predicted.n_items[0], width, shown),
        ),
    ]
    none = (np.nan, np.nan)
    for cut, p in zip(predicted.thresholds, predicted.above[0], strict=True):
        rows.append((f"P(true alpha > {coefficient(cut, 2)})", p, *none))
    for i, size in enumerate(predicted.n.astype(int)):
        limits = predicted.observed_low[i], predicted.observed_high[i]
        sample = f"in a sample of {size} ({counted(predicted.n_items[i], 'item')})"
        rows.append((f"alpha {sample}", ends[0], *limits))
        for cut, p in zip(
            predicted.thresholds, predicted.observed_above[i], strict=True
        ):
            text = f"P(alpha > {coefficient(cut, 2)}) {sample}"
            rows.append((text, p, *none))
    table = pd.DataFrame(rows, columns=["quantity", "estimate", "pi_low", "pi_high"])
    table.attrs["notes"] = predicted.notes
    return marked(table, predicted.simulated)


def _row(name: str, values: FloatArray) -> tuple[Any, ...]:
    return (name, *np.asarray(values, dtype=float))


def _sem(sd: FloatArray, share: FloatArray) -> FloatArray:
    sem: FloatArray = standard_error_of_measurement(sd, share)
    return sem


def _for_width(
    share: FloatArray, n_items: float, width: float, conf_level: float
) -> FloatArray:
    """Return sizes; an alpha of 1 has no interval."""
    out = np.full(share.shape, np.nan)
    some = share < 1
    out[some] = sample_size_for_alpha(
        share[some], n_items, width=width, conf_level=conf_level
    )
    return out


def _for_correlation(rho: float, share: FloatArray, conf_level: float) -> FloatArray:
    """Return sizes; none is enough where nothing true is measured."""
    out = np.full(share.shape, np.nan)
    some = share > 0
    out[some] = sample_size_for_correlation(rho, share[some], conf_level=conf_level)
    return out
