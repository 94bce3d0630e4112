"""Checks for small-study and reporting effects, side by side."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from waistats.errors import ConvergenceError, ModelError
from waistats.measures import back_transform
from waistats.meta.results import MetaResult
from waistats.provenance import marked
from waistats.sensitivity.selection import threshold_selection
from waistats.sensitivity.small_study import egger_test, pet_peese, rank_test
from waistats.sensitivity.trim_and_fill import trim_and_fill

THRESHOLDS = (0.70, 0.80, 0.90)
COLUMNS = ("check", "estimate", "statistic", "p_value", "note")


def robustness(fit: MetaResult) -> pd.DataFrame:
    """Run the small-study and reporting checks on a one-level model.

    Parameters
    ----------
    fit : MetaResult
        A model without moderators.

    Returns
    -------
    DataFrame
        ``check, estimate, statistic, p_value, note``; ``estimate`` is the pooled alpha
        that the check arrives at. A check that these data do not allow has it empty
        and says why.
    """
    checks: list[tuple[str, Callable[[], tuple[Any, ...]]]] = [
        ("Regression test on the standard error", lambda: _test(egger_test(fit))),
        (
            "Regression test on 1/sqrt(n)",
            lambda: _test(egger_test(fit, predictor="inverse_sqrt_n")),
        ),
        ("Rank test", lambda: _test(rank_test(fit))),
        ("PET-PEESE", lambda: _pet_peese(fit)),
        ("Trim and fill (L0)", lambda: _filled(fit)),
        *(
            (f"Selection at {c:.2f}".replace("0.", "."), lambda c=c: _selected(fit, c))
            for c in THRESHOLDS
        ),
    ]
    rows = []
    for name, check in checks:
        try:
            rows.append((name, *check()))
        except (ModelError, ConvergenceError) as error:
            words = str(error).split(". ")[0].rstrip(".")
            rows.append((name, np.nan, np.nan, np.nan, words))
    return marked(pd.DataFrame(rows, columns=list(COLUMNS)), fit.effects.simulated)


def _alpha(fit: MetaResult, value: float) -> float:
    return value if fit.measure is None else float(back_transform(value, fit.measure))


def _test(result: Any) -> tuple[Any, ...]:
    return np.nan, result.statistic, result.p_value, ""


def _pet_peese(fit: MetaResult) -> tuple[Any, ...]:
    frame = pet_peese(fit).to_frame()
    chosen = frame[frame["chosen"] & (frame["term"] == "Intercept")].iloc[0]
    return _alpha(fit, chosen["estimate"]), np.nan, np.nan, f"{chosen['method']} chosen"


def _filled(fit: MetaResult) -> tuple[Any, ...]:
    result = trim_and_fill(fit)
    words = f"{result.k0} filled on the {result.side}"
    return _alpha(fit, result.fit.estimate), np.nan, np.nan, words


def _selected(fit: MetaResult, threshold: float) -> tuple[Any, ...]:
    result = threshold_selection(fit, threshold)
    weight = float(np.atleast_1d(result.weight)[0])
    test = result.lrt
    words = f"relative reporting below: {weight:.2f}"
    return _alpha(fit, result.estimate), test.statistic, test.p_value, words
