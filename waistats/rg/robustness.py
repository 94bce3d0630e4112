"""Checks for small-study and reporting effects, side by side."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from waistats._format import coefficient, fixed
from waistats._progress import progress
from waistats.errors import ConvergenceError, ModelError
from waistats.measures import back_transform
from waistats.meta.multilevel.result import Model
from waistats.meta.results import FittedModel, MetaResult
from waistats.provenance import marked
from waistats.sensitivity.selection import threshold_selection
from waistats.sensitivity.small_study import egger_test, pet_peese, rank_test
from waistats.sensitivity.trim_and_fill import trim_and_fill

THRESHOLDS = (0.70, 0.80, 0.90)
COLUMNS = ("check", "estimate", "statistic", "p_value", "note")


def robustness(fit: Model, *, thresholds: Sequence[float] = THRESHOLDS) -> pd.DataFrame:
    """Run the small-study and reporting checks on a model.

    Parameters
    ----------
    fit : MetaResult or MultilevelResult
        A model without moderators. Where its studies give several coefficients,
        regressions are multilevel, and other checks use one coefficient per study.
    thresholds : sequence of float
        Alphas below which coefficients may have been withheld, a selection model each.

    Returns
    -------
    DataFrame
        ``check, estimate, statistic, p_value, note``; ``estimate`` is the pooled alpha
        that the check arrives at. A check that these data do not allow has it empty
        and says why. The note of a test says what its power is.
    """
    checks: list[tuple[str, Callable[[], tuple[Any, ...]]]] = [
        ("Regression test on the standard error", lambda: _egger(fit)),
        (
            "Regression test on 1/√n",
            lambda: _egger(fit, predictor="inverse_sqrt_n"),
        ),
        ("Rank test", lambda: _rank(fit)),
        ("PET-PEESE", lambda: _pet_peese(fit)),
        ("Trim and fill (L0)", lambda: _filled(fit)),
        *(
            (
                f"Selection at {coefficient(c, 2)}",
                lambda c=c: _selected(fit, c),
            )
            for c in thresholds
        ),
    ]
    rows = []
    for name, check in progress(checks, "small-study checks"):
        try:
            rows.append((name, *check()))
        except (ModelError, ConvergenceError) as error:
            words = str(error).split(". ")[0].rstrip(".")
            # the name of the function is for who calls it
            words = words.removeprefix("threshold_selection: ")
            rows.append((name, np.nan, np.nan, np.nan, words))
    return marked(pd.DataFrame(rows, columns=list(COLUMNS)), fit.effects.simulated)


def _alpha(fit: Model, value: float) -> float:
    return value if fit.measure is None else float(back_transform(value, fit.measure))


def _words(*parts: str) -> str:
    return "; ".join(part for part in parts if part)


def _thinned(fit: Model, used: MetaResult) -> str:
    """Return how many coefficients a check of one per study uses; empty for all."""
    return "" if used.k == fit.k else f"one coefficient per study ({used.k} of {fit.k})"


def _nested(result: FittedModel) -> str:
    return "multilevel" if result.is_multilevel else ""


def _egger(fit: Model, predictor: str = "se") -> tuple[Any, ...]:
    result = egger_test(fit, predictor=predictor)
    words = _words(_nested(result.fit), result.power.phrase())
    return np.nan, result.statistic, result.p_value, words


def _rank(fit: Model) -> tuple[Any, ...]:
    result = rank_test(fit)
    words = _words(_thinned(fit, result.used), result.power.phrase())
    return np.nan, result.statistic, result.p_value, words


def _pet_peese(fit: Model) -> tuple[Any, ...]:
    result = pet_peese(fit)
    words = _words(f"{result.chosen} chosen", _nested(result.pet))
    return _alpha(fit, result.estimate), np.nan, np.nan, words


def _filled(fit: Model) -> tuple[Any, ...]:
    result = trim_and_fill(fit)
    words = _words(
        f"filled on the {result.side}: {result.k0}", _thinned(fit, result.original)
    )
    return _alpha(fit, result.fit.estimate), np.nan, np.nan, words


def _selected(fit: Model, threshold: float) -> tuple[Any, ...]:
    result = threshold_selection(fit, threshold)
    weight = float(np.atleast_1d(result.weight)[0])
    test = result.lrt
    words = _words(
        f"relative reporting below: {fixed(weight, 2)}",
        _thinned(fit, result.original),
        result.power.phrase(),
    )
    return _alpha(fit, result.estimate), test.statistic, test.p_value, words
