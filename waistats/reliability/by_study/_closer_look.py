"""The full part of the gate: what only a look at whole rows and moments can find."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from waistats._caller import option
from waistats._format import counted, fixed, percent
from waistats._typing import FloatArray, IntArray
from waistats.errors import listing
from waistats.instruments._findings import NOTE, WARNING, Finding
from waistats.reliability._intervals import FORMULA_INTERVALS, is_strained
from waistats.reliability._moments import variance_strain

# intervals that rest on normal items
_NORMAL_ITEMS = (*FORMULA_INTERVALS, "normal-theory")
# more respondents than this are not compared row by row
MOST_ROWS = 200_000
_FEWEST_ITEMS = 8
_MOST_NAMED = 4
_AT_THE_END = 0.35
_OFTEN = 0.05
# equal rows are worth a word where chance gives fewer than this
_BY_CHANCE = 0.01


def look_at_rows(
    values: FloatArray,
    columns: Sequence[object],
    row: Callable[[int], str],
    *,
    contrary: bool = False,
    whose: str | None = None,
) -> list[Finding]:
    """Return respondents with equal rows, and with one answer to all items.

    Parameters
    ----------
    values : ndarray, shape (N, m)
        Answers as they are in the file.
    columns : sequence
        Names of the items.
    row : callable
        Position to the name of the row.
    contrary : bool
        Whether some items are worded against the others and not reverse-scored, so that
        one answer to all of them contradicts itself.
    whose : str, optional
        The rater.
    """
    complete = np.flatnonzero(np.isfinite(values).all(axis=1))
    if len(complete) < 2 or values.shape[1] < _FEWEST_ITEMS:
        return []
    found = [
        *_identical(values, complete, row),
        *_straight(values, complete, row, contrary),
    ]
    if whose is None:
        return found
    return [replace(finding, text=f"{whose}: {finding.text}") for finding in found]


class _Ranked:
    """Scores of respondents in their order, sorted once for all equal rows."""

    def __init__(self, rows: FloatArray) -> None:
        self.scores = rows.sum(axis=1)
        self.order = np.argsort(self.scores, kind="stable")
        self.ranked = self.scores[self.order]
        self.left_out = np.zeros(len(rows), dtype=bool)

    def nearest(self, at: IntArray, k: int) -> IntArray:
        """Return the k rows with the scores nearest to that of some, those left out.

        Of equally near ones the first.
        """
        score, ranked = self.scores[at[0]], self.ranked
        low, high = (
            np.searchsorted(ranked, score),
            np.searchsorted(ranked, score, "right"),
        )
        # k rows on each side, and all that are as far away as the last of them
        first = np.searchsorted(ranked, ranked[max(low - k, 0)])
        last = np.searchsorted(ranked, ranked[min(high + k, len(ranked)) - 1], "right")
        window = self.order[first:last]
        self.left_out[at] = True
        window = window[~self.left_out[window]]
        self.left_out[at] = False
        distance = np.abs(self.scores[window] - score)
        furthest = np.partition(distance, k - 1)[k - 1]
        sure = window[distance < furthest]
        ties = np.sort(window[distance == furthest])[: k - len(sure)]
        return np.concatenate([sure, ties])


def _identical(
    values: FloatArray, complete: IntArray, row: Callable[[int], str]
) -> list[Finding]:
    rows = values[complete]
    m = rows.shape[1]
    frame = pd.DataFrame(rows)
    if not frame.duplicated().any():
        return []
    same = frame.groupby(list(frame.columns), sort=False).indices
    scores = _Ranked(rows)
    groups = sorted(  # by their first rows: pandas 2 keeps no order in indices
        (
            complete[at]
            for at in same.values()
            if len(at) > 1 and _chance(rows, scores, at) < _BY_CHANCE
        ),
        key=lambda group: int(group[0]),
    )
    if not groups:
        return []
    told = [listing((row(int(i)) for i in group), 3) for group in groups]
    n = sum(len(group) - 1 for group in groups)
    return [
        Finding(
            severity=WARNING,
            finding="identical_rows",
            where=listing(told[:_MOST_NAMED], _MOST_NAMED),
            n=n,
            example=told[0],
            text=f"{counted(n, 'respondent repeats', 'respondents repeat')} "
            f"another's answers to all {counted(m, 'item')}: "
            + "; ".join(told[:_MOST_NAMED])
            + (" and others" if len(told) > _MOST_NAMED else ""),
            advice="Check whether rows were copied; name the person with "
            f"{option('person')} if the file has one.",
        )
    ]


def _chance(rows: FloatArray, scores: _Ranked, at: IntArray) -> float:
    """Return how many rows would equal this one by chance among people of its score.

    The frequencies of answers are those of the 10 % of respondents with the nearest
    scores, the equal rows left out.
    """
    left = len(rows) - len(at)
    if not left:
        return 0.0
    near = rows[scores.nearest(at, min(max(20, left // 10), left))]
    frequency = ((near == rows[at[0]]).sum(axis=0) + 0.5) / (len(near) + 1)
    return float(np.exp(np.log(frequency).sum()) * len(rows))


def _straight(
    values: FloatArray,
    complete: IntArray,
    row: Callable[[int], str],
    contrary: bool,
) -> list[Finding]:
    rows = values[complete]
    flat = (rows == rows[:, :1]).all(axis=1)
    n = int(flat.sum())
    if not n:
        return []
    where = [row(int(i)) for i in complete[flat]]
    often = n >= _OFTEN * len(rows)
    extra = ", although some items are worded the other way" if contrary else ""
    return [
        Finding(
            severity=WARNING if contrary or often else NOTE,
            finding="straight_lining",
            where=listing(where, _MOST_NAMED),
            n=n,
            example=where[0],
            text=f"{n} of {counted(len(rows), 'respondent')} gave one answer to all "
            f"{counted(rows.shape[1], 'item')}{extra}: {listing(where, _MOST_NAMED)}",
        )
    ]


def look_at_interval(
    keyed: FloatArray,
    codes: IntArray,
    k: int,
    scale: str,
    ends: tuple[float, float] | None,
    ci: str | None,
) -> list[Finding]:
    """Return whether ceiling or kurtosis breaks an interval that assumes normal items.

    Parameters
    ----------
    keyed : ndarray, shape (N, m)
        Scored items of one scale.
    codes : ndarray of int, shape (N,)
        Sample of each respondent, 0 ... k - 1.
    k : int
        Number of samples.
    scale : str
        Name of the scale.
    ends : tuple of float or None
        Lowest and highest answer; those that occur where None.
    ci : str or None
        The interval.

    Notes
    -----
    The distribution-free variance of alpha (`cronbach_alpha(ci="adf")`) over the normal
    theory one, pooled over samples, is the factor by which the interval's variance is
    too small. A warning needs `is_strained`, the rule of `cronbach_alpha`, or 60 % of
    the answers at one end.
    """
    if ci not in _NORMAL_ITEMS:
        return []
    full = np.isfinite(keyed).all(axis=1)
    ratio, error = variance_strain(*(keyed[full & (codes == j)] for j in range(k)))
    given = keyed[np.isfinite(keyed)]
    if not len(given) or not np.isfinite(ratio):
        return []
    low, high = ends if ends is not None else (given.min(), given.max())
    at_top, at_floor = float((given == high).mean()), float((given == low).mean())
    most = max(at_top, at_floor)
    strained = is_strained(ratio, error)
    if not strained and most < 0.6:
        return []
    end = (
        f"highest answer, {high:g}" if at_top >= at_floor else f"lowest answer, {low:g}"
    )
    if most >= _AT_THE_END:
        finding, text = (
            "ceiling",
            f"scale {scale}: {percent(100 * most, 0)} of the answers are the {end}",
        )
    else:
        finding, text = "kurtosis", f"scale {scale}: the answers have heavy tails"
    return [
        Finding(
            severity=WARNING,
            finding=finding,
            where=scale,
            n=len(given),
            example=fixed(ratio, 2),
            text=f"{text}; the sampling variance of alpha is about {fixed(ratio, 1)} times "
            f"what the {ci} interval assumes",
            advice=f"Use {option('ci', 'jackknife')} or, with 150 respondents and more, "
            f"{option('ci', 'adf')}.",
        )
    ]
