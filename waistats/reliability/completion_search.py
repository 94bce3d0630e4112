"""The completion of missing answers with the highest or the lowest alpha."""

from itertools import combinations, product

import numpy as np

from waistats.arrays import BoolArray, FloatArray
from waistats.reliability.moments import alpha_of, mean_and_covariance

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
