"""How far alpha could move with the answers that are missing.

The completion of missing answers with the highest or the lowest alpha.
"""

from dataclasses import dataclass
from itertools import combinations, product

import numpy as np
import pandas as pd

from waistats._format import Result, coefficient, counted
from waistats._typing import BoolArray, FloatArray
from waistats.errors import DataError, ModelError, listing
from waistats.provenance import NOTE, marked, noted, of_simulated
from waistats.reliability._answers import Codes, gated, read_answers
from waistats.reliability._items import ItemsLike, Responses
from waistats.reliability._moments import alpha_of, mean_and_covariance
from waistats.reliability._resampling import Seed
from waistats.reliability.alpha import no_total_variance

# completions that are tried one and all
MOST_COMPLETIONS = 50_000
# missing answers that are moved in pairs too, at most
_PAIRS = 30
_SWEEPS = 200


def all_completions(
    values: FloatArray, holes: BoolArray, grid: FloatArray
) -> dict[int, FloatArray]:
    """Return the completions with the lowest (-1) and highest (1) alpha of all."""
    fills = np.array(list(product(grid, repeat=int(holes.sum()))))
    ends = {-1: (np.inf, values), 1: (-np.inf, values)}
    for part in np.array_split(fills, 1 + fills.shape[0] * values.size // 2_000_000):
        matrices = np.repeat(values[None], len(part), axis=0)
        matrices[:, holes] = part
        alpha = alpha_of(mean_and_covariance(matrices)[1])
        defined = np.isfinite(alpha)
        for sign in (-1, 1):
            scored = np.where(defined, sign * alpha, -np.inf)
            at = int(scored.argmax())
            if scored[at] > sign * ends[sign][0]:
                ends[sign] = (float(alpha[at]), matrices[at].copy())
    return {sign: matrix for sign, (_, matrix) in ends.items()}


def search_completion(
    values: FloatArray,
    holes: BoolArray,
    grid: FloatArray,
    sign: int,
    n_starts: int,
    rng: np.random.Generator,
) -> FloatArray:
    """Return the completion with the highest (sign 1) or lowest (-1) alpha found."""
    best, best_score = values, -np.inf
    cells = [(int(i), int(j)) for i, j in np.argwhere(holes)]
    cells = cells if len(cells) <= _PAIRS else []
    for start in _starts(values, holes, grid, n_starts, rng):
        state = _State(start, sign)
        people = [
            (int(i), np.flatnonzero(holes[i])) for i in np.flatnonzero(holes.any(1))
        ]
        choices = [float(value) for value in grid]
        for _ in range(_SWEEPS):
            moved = [state.improve(i, at, choices) for i, at in people]
            if not any(moved) and not state.improve_pairs(cells, choices):
                break
        if state.score() > best_score:
            best, best_score = state.values, state.score()
    return best


def _starts(
    values: FloatArray,
    holes: BoolArray,
    grid: FloatArray,
    n_starts: int,
    rng: np.random.Generator,
) -> list[FloatArray]:
    """Return completions to start from: consistent, contrary, middling and random."""
    centred = values - np.nanmean(np.where(holes.all(axis=0), 0.0, values), axis=0)
    high = np.nanmean(centred, axis=1)[:, None] > 0
    ends = np.where(high, grid[-1], grid[0])
    alternating = np.where(np.arange(len(values))[:, None] % 2, grid[0], grid[-1])
    fills = [
        np.broadcast_to(ends, values.shape),
        np.broadcast_to(grid[0] + grid[-1] - ends, values.shape),
        np.full(values.shape, grid[len(grid) // 2]),
        np.broadcast_to(alternating, values.shape),
    ]
    fills += [rng.choice(grid, values.shape) for _ in range(n_starts)]
    return [np.where(holes, fill, values) for fill in fills]


class _State:
    """A completion with the sums that alpha needs, updated move by move."""

    def __init__(self, values: FloatArray, sign: int) -> None:
        # any origin serves, and one amid the answers keeps the sums small
        self.origin = float(np.round(values.mean()))
        self.values = values.copy()
        centred = values - self.origin
        self.sign = sign
        self.n = len(values)
        self.square = float((centred**2).sum())
        self.columns = centred.sum(axis=0)
        self.column_square = float((self.columns**2).sum())
        self.total = centred.sum(axis=1)
        self.total_square = float((self.total**2).sum())
        self.sum = float(self.total.sum())

    def score(self) -> float:
        """Return minus or plus the ratio of item to total variance."""
        return self._score(self.square, self.column_square, self.total_square, self.sum)

    def _score(
        self, square: float, column_square: float, total_square: float, whole: float
    ) -> float:
        items = square - column_square / self.n
        total = total_square - whole * whole / self.n
        if total <= 1e-12 * max(items, 1e-300):
            return -np.inf
        return -self.sign * items / total

    def improve(self, i: int, at: np.ndarray, choices: list[float]) -> bool:
        """Put the best answer into each hole of a respondent; then all holes alike."""
        moved = False
        for j in at:
            moved |= self._best(i, [int(j)], choices)
        if len(at) > 1:
            moved |= self._best(i, [int(j) for j in at], choices)
        return moved

    def improve_pairs(self, cells: list[tuple[int, int]], choices: list[float]) -> bool:
        """Put the best answers into two holes at once, pair after pair."""
        moved = False
        for (i, j), (k, other_item) in combinations(cells, 2):
            before, was = self.score(), float(self.values[i, j])
            best, chosen = before + 1e-12 * (1 + abs(before)), None
            for one in choices:
                self._move(i, [j], one)
                for other in choices:
                    score = self._score(*self._after(k, [other_item], other))
                    if score > best:
                        best, chosen = score, (one, other)
            self._move(i, [j], was if chosen is None else chosen[0])
            if chosen is not None:
                self._move(k, [other_item], chosen[1])
                moved = True
        return moved

    def _best(self, i: int, at: list[int], choices: list[float]) -> bool:
        now = self.score()
        best, chosen = now + 1e-12 * (1 + abs(now)) if np.isfinite(now) else now, None
        for choice in choices:
            sums = self._after(i, at, choice)
            score = self._score(*sums)
            if score > best:
                best, chosen = score, choice
        if chosen is None:
            return False
        self._move(i, at, chosen)
        return True

    def _after(
        self, i: int, at: list[int], choice: float
    ) -> tuple[float, float, float, float]:
        new = choice - self.origin
        square, column_square, change = self.square, self.column_square, 0.0
        for j in at:
            old = self.values[i, j] - self.origin
            delta = new - old
            square += new * new - old * old
            column_square += (2 * self.columns[j] + delta) * delta
            change += delta
        total_square = self.total_square + (2 * self.total[i] + change) * change
        return square, column_square, total_square, self.sum + change

    def _move(self, i: int, at: list[int], choice: float) -> None:
        sums = self._after(i, at, choice)
        for j in at:
            delta = choice - self.values[i, j]
            self.columns[j] += delta
            self.total[i] += delta
            self.values[i, j] = choice
        self.square, self.column_square, self.total_square, self.sum = sums


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
            "completions of "
            f"{counted(self.n_missing, 'missing answer')}{of_simulated(self.simulated)}"
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
    missing_codes: Codes = (),
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
    missing_codes : float or sequence of float
        Numbers that mean a missing answer, such as ``(99, -9)``.

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
    completion, but a wider range cannot be excluded. People without any answer are
    excluded.

    Examples
    --------
    >>> answers = [[1, 2, None], [3, 3, 4], [4, None, 5], [2, 1, 2], [5, 4, 4]]
    >>> found = alpha_bounds(answers, 1, 5)
    >>> round(found.low, 3), round(found.high, 3)
    (0.517, 0.944)
    """
    with gated():
        # what lies outside the range is refused below, codes or not
        responses = read_answers(items, missing_codes=missing_codes)
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
    notes = [*responses.notes, *([NOTE] if responses.simulated else [])]
    if not some.all():
        notes.append(
            f"{counted((~some).sum(), 'respondent')} without any answer excluded."
        )
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
            f"step={step:g} does not divide the range from {low:g} to {high:g} in "
            "whole steps."
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
