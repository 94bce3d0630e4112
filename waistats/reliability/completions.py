"""How far alpha could move with the answers that are missing."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from waistats.arrays import FloatArray
from waistats.errors import DataError, ModelError, listing
from waistats.format import Result, coefficient, count
from waistats.provenance import NOTE, marked, noted, of_simulated
from waistats.reliability.alpha import no_total_variance
from waistats.reliability.bootstrap import Seed
from waistats.reliability.completion_search import (
    MOST_COMPLETIONS,
    all_completions,
    search_completion,
)
from waistats.reliability.moments import alpha_of, mean_and_covariance
from waistats.reliability.responses import ItemsLike, Responses, read_items


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class AlphaBounds(Result):
    """The lowest and highest alpha found over completions of missing answers.

    Attributes
    ----------
    low, high : float
        The bounds.
    n, n_items : int
        Respondents and items.
    n_missing : int
        Missing answers filled in.
    lowest, highest : ndarray, shape (n, n_items)
        Completed responses that have these alphas.
    notes : tuple of str
        What a reader must know.
    """

    low: float
    high: float
    n: int
    n_items: int
    n_missing: int
    lowest: FloatArray
    highest: FloatArray
    notes: tuple[str, ...] = ()

    @property
    def simulated(self) -> bool:
        """Whether the responses are SIMULATED."""
        return noted(self.notes)

    def to_frame(self) -> pd.DataFrame:
        """Return two rows: ``bound`` (low, high) and ``estimate``."""
        frame = pd.DataFrame(
            {
                "bound": ["low", "high"],
                "estimate": [self.low, self.high],
                "n": [self.n] * 2,
                "n_items": [self.n_items] * 2,
                "n_missing": [self.n_missing] * 2,
            }
        )
        return marked(frame, self.simulated)

    def heading(self) -> str:
        """Return the bounds in a line."""
        return (
            f"alpha between {coefficient(self.low)} and {coefficient(self.high)} over "
            f"completions of {count(self.n_missing)} missing answers"
            f"{of_simulated(self.simulated)}"
        )

    def closing(self) -> str:
        """Return the notes, a line each."""
        return "\n".join(self.notes)


def alpha_bounds(
    items: ItemsLike,
    response_min: float,
    response_max: float,
    *,
    step: float = 1.0,
    n_starts: int = 4,
    seed: Seed = 0,
) -> AlphaBounds:
    r"""Return how low and how high alpha could be, whatever the missing answers were.

    Parameters
    ----------
    items : DataFrame or array_like of shape (n, m)
        Keyed responses, empty where missing.
    response_min, response_max : float
        The lowest and highest answer possible.
    step : float
        Distance of neighbouring answers.
    n_starts : int
        Random starts of the search, besides four that are built to be extreme.
    seed : int, Generator or None
        Makes the random starts reproducible.

    Returns
    -------
    AlphaBounds
        The bounds and completions that reach them.

    Raises
    ------
    DataError
        If an answer is outside the range, or alpha is not defined.

    Notes
    -----
    The bounds need no assumption on why answers are missing. Up to 50,000 completions
    are all tried, and the bounds are exact. Beyond, they are found by search from
    several starts: one answer, all answers of one respondent and (up to 30 missing)
    two answers at a time, until none improves. Both bounds are then reached by a
    completion, but a wider range cannot be excluded. People without any answer are left
    out.

    Examples
    --------
    >>> answers = [[1, 2, None], [3, 3, 4], [4, None, 5], [2, 1, 2], [5, 4, 4]]
    >>> found = alpha_bounds(answers, 1, 5)
    >>> round(found.low, 3), round(found.high, 3)
    (0.517, 0.944)
    """
    responses = read_items(items)
    grid = _grid(response_min, response_max, step)
    _check_range(responses, grid)
    some = ~np.isnan(responses.values).all(axis=1)
    values = responses.values[some]
    if len(values) < 3:
        raise DataError(
            f"at least 3 respondents with any answer are needed, but there "
            f"{'is' if len(values) == 1 else 'are'} {len(values)}."
        )
    holes = np.isnan(values)
    notes = [NOTE] if responses.simulated else []
    if not some.all():
        notes.append(f"{(~some).sum()} respondents without any answer left out.")
    rng = np.random.default_rng(seed)
    if holes.sum() * np.log(len(grid)) <= np.log(MOST_COMPLETIONS):
        found = all_completions(values, holes, grid)
    else:
        notes.append("Found by search: both bounds are reached by a completion.")
        found = {
            sign: search_completion(values, holes, grid, sign, n_starts, rng)
            for sign in (-1, 1)
        }
    ends = {
        sign: float(alpha_of(mean_and_covariance(matrix)[1]))
        for sign, matrix in found.items()
    }
    if np.isnan(list(ends.values())).any():
        raise DataError(no_total_variance(len(values)))
    return AlphaBounds(
        low=ends[-1],
        high=ends[1],
        n=len(values),
        n_items=responses.n_items,
        n_missing=int(holes.sum()),
        lowest=found[-1],
        highest=found[1],
        notes=tuple(notes),
    )


def _grid(low: float, high: float, step: float) -> FloatArray:
    if not (np.isfinite([low, high, step]).all() and high > low and step > 0):
        raise ModelError(
            "response_min must be below response_max and step above 0; got "
            f"{low!r}, {high!r} and {step!r}."
        )
    steps = (high - low) / step
    if abs(steps - round(steps)) > 1e-9:
        raise ModelError(
            f"step={step:g} does not lead from {low:g} to {high:g} in whole steps."
        )
    return np.linspace(low, high, round(steps) + 1)


def _check_range(responses: Responses, grid: FloatArray) -> None:
    values = responses.values
    wrong = np.argwhere((values < grid[0]) | (values > grid[-1]))
    if len(wrong):
        places = [
            f"{responses.names[j]} is {values[i, j]:g} (row {responses.rows[i]})"
            for i, j in wrong
        ]
        raise DataError(
            f"answers must lie between {grid[0]:g} and {grid[-1]:g}, but "
            f"{listing(places)}."
        )
