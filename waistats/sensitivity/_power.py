"""What a small-study check would find with these samples: a parametric bootstrap."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special

from waistats._format import coefficient, percent
from waistats._progress import progress
from waistats._typing import FloatArray
from waistats.measures import transform
from waistats.meta.multilevel.result import Model, MultilevelResult

# an alpha below it is reported with this probability
WITHHELD_BELOW, KEPT = 0.80, 0.3
LEVEL = 0.05
RUNS = 400
SEED = 20260
# draws of a study's own deviation among which one that was reported is chosen
CANDIDATES = 48
# below this share of coefficients nothing to speak of would be withheld
FEW = 0.01
# draws that a study keeps for its other checks, at most: 16 MB of them
KEPT_DRAWS = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Power:
    """What a check finds in SIMULATED literatures with the same studies.

    Attributes
    ----------
    power : float
        Share of literatures in which it rejects at .05 where an alpha below the
        threshold is reported with probability .3; NaN where the scale is not known.
    size : float
        The same where none is withheld.
    threshold : float
        On the alpha scale.
    share : float
        Share of coefficients that the model expects below the threshold.
    runs, seed : int
        Literatures, and the seed that draws them.
    """

    power: float
    size: float
    threshold: float
    share: float
    runs: int
    seed: int

    def sentence(self) -> str:
        """Return what a reader must know; empty if it is not known."""
        if np.isnan(self.power):
            return ""
        below = f"alphas below {coefficient(self.threshold, 2)}"
        if self.share < FEW:
            return (
                f"Power: this model expects {below} in under {percent(100 * FEW, 0)} of "
                "coefficients, so withholding them would leave nothing to detect."
            )
        return (
            f"Power: with these samples it would find withheld {below} (7 in 10 of "
            f"them) in {percent(100 * self.power, 0)} of cases, and reject in "
            f"{percent(100 * self.size, 0)} where none is withheld (parametric "
            f"bootstrap, {self.runs} literatures)."
        )

    def phrase(self) -> str:
        """Return the same in few words, for a cell."""
        if np.isnan(self.power):
            return ""
        below = f"withheld alphas below {coefficient(self.threshold, 2)}"
        if self.share < FEW:
            return f"hardly any {below.removeprefix('withheld ')} are expected"
        return f"would find {below} in {percent(100 * self.power, 0)} of cases"


class PowerOf:
    """A power that is computed when first asked for, and then kept."""

    __slots__ = ("_found", "_how")

    def __init__(self, how: "Callable[[], Power]") -> None:
        self._how = how
        self._found: Power | None = None

    def __call__(self) -> Power:
        """Return the power."""
        if self._found is None:
            self._found = self._how()
        return self._found


def power_of(
    result: Model,
    rejects: Callable[[FloatArray], FloatArray],
    *,
    threshold: float = WITHHELD_BELOW,
    runs: int = RUNS,
    seed: int = SEED,
) -> Power:
    """Return the power of a check.

    Parameters
    ----------
    result : MetaResult or MultilevelResult
        The model that literatures are drawn from: its coefficients, its variances and
        its sampling variances.
    rejects : callable
        Takes effects (k, runs) and returns p values (runs,), NaN for none.
    """
    if result.measure is None:
        nothing = float("nan")
        return Power(
            power=nothing, size=nothing, threshold=threshold, share=nothing,
            runs=0, seed=seed,
        )  # fmt: skip
    cut = float(transform(threshold, result.measure))
    total = np.sqrt(result.effects.vi + result.tau2)
    center = result.design.X @ result.beta
    share = float(special.ndtr((cut - center) / total).mean())
    size, power = (_rejected(rejects(y)) for y in _literatures(result, cut, runs, seed))
    return Power(
        power=power, size=size, threshold=threshold, share=share, runs=runs, seed=seed
    )


def _literatures(result: Model, cut: float, runs: int, seed: int) -> list[FloatArray]:
    """Return effects (k, runs) where all are reported, and where few below the cut are.

    Several checks ask for the same draws, which the study keeps unless they are many.
    """

    def drawn() -> list[FloatArray]:
        rng = np.random.default_rng(seed)
        draw = _several if result.is_multilevel else _single
        return [draw(result, at, runs, rng) for at in (-np.inf, cut)]

    if result.k * runs > KEPT_DRAWS:
        return drawn()
    parts: tuple[Any, ...] = (result.tau2,)
    if result.is_multilevel:
        parts = (result.sigma2, result.codes[0], result.V)
    center = result.design.X @ result.beta
    given = (center, result.effects.vi, *parts, cut, runs, seed)
    return result.deferred.fits.once("literatures", given, drawn)


def _rejected(p: FloatArray) -> float:
    """Return the share of p values below the level; NaN where there are none."""
    known = p[np.isfinite(p)]
    return float((known < LEVEL).mean()) if len(known) else float("nan")


def _reported(
    center: FloatArray, sd: FloatArray, cut: float, rng: np.random.Generator
) -> FloatArray:
    """Return normal draws as they are reported, fewer below a cut than above."""
    below = special.ndtr((cut - center) / sd)
    seen = KEPT * below
    u = rng.uniform(size=np.broadcast_shapes(center.shape, sd.shape))
    u = u * (1 - below + seen)
    quantile = np.where(u < seen, u / KEPT, u - seen + below)
    values: FloatArray = center + sd * special.ndtri(
        np.clip(quantile, 1e-300, 1 - 1e-15)
    )
    return values


def _single(
    result: Model, cut: float, runs: int, rng: np.random.Generator
) -> FloatArray:
    """Return reported effects (k, runs) of a one-level model."""
    center = np.repeat((result.design.X @ result.beta)[:, None], runs, axis=1)
    sd = np.sqrt(result.effects.vi + result.tau2)[:, None]
    return _reported(center, sd, cut, rng)


def _several(
    result: Model, cut: float, runs: int, rng: np.random.Generator
) -> FloatArray:
    """Return the same of a multilevel model.

    A study that is seen is one whose coefficients all were reported: of many draws of
    what its coefficients share one is chosen with the probability of that. Sampling
    errors of a study share one correlation, the median of V's.
    """
    assert result.is_multilevel
    code = result.codes[0]
    v, k = result.effects.vi, result.k
    shared = _correlation(result)
    between = float(result.sigma2[0])
    within = np.sqrt(float(result.sigma2[1:].sum()) + (1 - shared) * v)[:, None]
    center = (result.design.X @ result.beta)[:, None]
    J = int(code.max()) + 1
    u = rng.normal(size=(CANDIDATES, J, runs)) * np.sqrt(between)
    z = rng.normal(size=(CANDIDATES, J, runs))
    root = np.sqrt(shared * v)[:, None]
    logs = rng.gumbel(size=(CANDIDATES, J, runs))
    if np.isfinite(cut):
        for c in progress(range(CANDIDATES), "SIMULATED literatures"):
            mean = center + u[c][code] + root * z[c][code]
            seen = 1 - (1 - KEPT) * special.ndtr((cut - mean) / within)
            np.add.at(logs[c], code, np.log(seen))
    chosen = logs.argmax(axis=0)[None]
    u = np.take_along_axis(u, chosen, axis=0)[0]
    z = np.take_along_axis(z, chosen, axis=0)[0]
    mean = center + u[code] + root * z[code]
    return _reported(mean, np.broadcast_to(within, (k, 1)), cut, rng)


def _correlation(result: MultilevelResult) -> float:
    """Return the median correlation of sampling errors within studies."""
    entries = result.V.tocoo()
    off = entries.row != entries.col
    if not off.any():
        return 0.0
    v = result.effects.vi
    scale = np.sqrt(v[entries.row[off]] * v[entries.col[off]])
    return float(np.clip(np.median(entries.data[off] / scale), 0.0, 0.99))
