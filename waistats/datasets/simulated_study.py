"""A SIMULATED reliability generalization study, for teaching."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from waistats.arrays import FloatArray
from waistats.datasets.bifactor import (
    bonett,
    population_alpha,
    scattered_alphas,
    solve_general,
)
from waistats.datasets.simulate import SIMULATED, draw_responses, form_model
from waistats.format import Result
from waistats.forms import Instrument
from waistats.instruments import get_instrument


@dataclass(frozen=True, slots=True, kw_only=True)
class _Version:
    """One version of the study: who fills in which form, and its population alphas."""

    instrument: str
    rater: str
    scales: tuple[str, ...]
    k: int
    alpha: float
    tau: float
    n: range
    ceiling: float

    @property
    def name(self) -> str:
        return f"{self.instrument} {self.rater}"


# Only the counts (5 versions, 12 scales, 67 alphas) and the span of the scale means
# (.79 to .97) are known of the study that this one has the shape of.
_VERSIONS = (
    _Version(
        instrument="WAI-36",
        rater="client",
        scales=("task", "bond", "goal", "total"),
        k=7,
        alpha=0.93,
        tau=0.30,
        n=range(40, 181),
        ceiling=0.25,
    ),
    _Version(
        instrument="WAI-36",
        rater="therapist",
        scales=("task", "bond", "goal", "total"),
        k=4,
        alpha=0.91,
        tau=0.20,
        n=range(30, 121),
        ceiling=0.15,
    ),
    _Version(
        instrument="WAI-36",
        rater="observer",
        scales=("bond", "total"),
        k=5,
        alpha=0.97,
        tau=0.25,
        n=range(30, 91),
        ceiling=0.05,
    ),
    _Version(
        instrument="WAI-S",
        rater="client",
        scales=("total",),
        k=8,
        alpha=0.92,
        tau=0.35,
        n=range(40, 251),
        ceiling=0.30,
    ),
    _Version(
        instrument="WAI-S",
        rater="therapist",
        scales=("total",),
        k=5,
        alpha=0.90,
        tau=0.25,
        n=range(30, 151),
        ceiling=0.15,
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class SimulatedStudy(Result):
    """SIMULATED answers of many studies, and the truth behind them.

    Attributes
    ----------
    frames : mapping of str to pandas.DataFrame
        For each version, such as ``"WAI-36 client"``, the raw answers: ``study_id,
        person_id, instrument, rater``, the items and ``provenance``.
    scales : mapping of str to tuple of str
        The scales that the studies of a version report.
    truth : pandas.DataFrame
        One row a coefficient: ``study_id, instrument, rater, scale, n, n_items,
        population_alpha, provenance``.
    cells : pandas.DataFrame
        One row a version and scale: ``instrument, rater, scale, n_items, k, estimate``
        (the alpha at the mean of the Bonett scale), ``tau`` (its standard deviation
        there) and ``provenance``, for the population of studies.
    seed : int
        The seed.
    """

    frames: Mapping[str, pd.DataFrame]
    scales: Mapping[str, tuple[str, ...]]
    truth: pd.DataFrame
    cells: pd.DataFrame
    seed: int

    def to_frame(self) -> pd.DataFrame:
        """Return the population truth of each version and scale."""
        return self.cells.copy()

    def heading(self) -> str:
        """Return what the study is, in a line."""
        persons = sum(len(frame) for frame in self.frames.values())
        return (
            f"SIMULATED study (seed {self.seed}): {len(self.frames)} versions, "
            f"{len(self.cells)} scales, {len(self.truth)} alphas, {persons:,} "
            "respondents"
        )


def _positions(form: Instrument, scale: str) -> list[int]:
    return [form.items.index(number) for number in form.scales[scale]]


def _cell_truth(alphas: FloatArray, weights: FloatArray) -> tuple[float, float]:
    """Return the mean, as an alpha, and SD of a scale's alphas on the Bonett scale."""
    values = bonett(alphas)
    mean = float(weights @ values)
    spread = float(np.sqrt(weights @ (values - mean) ** 2))
    return float(-np.expm1(-mean)), spread


def _draw_version(
    version: _Version, first: int, rng: np.random.Generator
) -> tuple[pd.DataFrame, list[dict[str, object]], list[dict[str, object]]]:
    """Return the answers of one version, its study truths and its cell truths."""
    form = get_instrument(version.instrument)
    model = form_model(form, ceiling=version.ceiling)
    ids = [f"SIM{first + i:02d}" for i in range(version.k)]
    sizes = rng.choice(np.asarray(version.n), size=version.k)
    z = rng.standard_normal(version.k)
    alphas = scattered_alphas(version.alpha, version.tau, z)
    general: FloatArray = solve_general(model, alphas)
    items = draw_responses(form, model, np.repeat(general, sizes), rng)
    about = pd.DataFrame(
        {
            "study_id": np.repeat(np.array(ids, dtype=object), sizes),
            "person_id": np.arange(1, len(items) + 1),
            "instrument": version.instrument,
            "rater": version.rater,
        }
    )
    frame = pd.concat([about, items], axis=1)
    frame["provenance"] = SIMULATED
    # Gauss-Hermite nodes stand for the population of studies
    nodes, weights = np.polynomial.hermite_e.hermegauss(9)
    possible = solve_general(model, scattered_alphas(version.alpha, version.tau, nodes))
    truths: list[dict[str, object]] = []
    cells: list[dict[str, object]] = []
    for scale in version.scales:
        positions = _positions(form, scale)
        common: dict[str, object] = {
            "instrument": version.instrument,
            "rater": version.rater,
            "scale": scale,
            "n_items": len(positions),
        }
        own = population_alpha(model, general, positions)
        truths += [
            {"study_id": study, **common, "n": int(n), "population_alpha": float(alpha)}
            for study, n, alpha in zip(ids, sizes, own, strict=True)
        ]
        estimate, tau = _cell_truth(
            population_alpha(model, possible, positions), weights / weights.sum()
        )
        cells.append({**common, "k": version.k, "estimate": estimate, "tau": tau})
    return frame, truths, cells


def simulate_hanson_study(seed: int = 2002) -> SimulatedStudy:
    """Make a SIMULATED study of the shape of Hanson, Curry and Bandalos (2002).

    Five versions, 12 scales and 67 alphas, as raw answers of 29 studies with known
    population alphas. Nothing else is theirs: versions, raters, sample sizes and alphas
    are invented, and every frame says SIMULATED.

    Parameters
    ----------
    seed : int, default 2002
        Seed; the same seed gives the same study.

    Returns
    -------
    SimulatedStudy
        ``frames``, ``scales``, ``truth`` and ``cells``.

    Notes
    -----
    Every study has respondents of its own, so that coefficients depend on each other
    only where they are scales of the same study. Population alphas of the totals are
    normal on the Bonett scale; those of the subscales follow from the model of
    `simulate_responses`.

    Examples
    --------
    >>> study = simulate_hanson_study()
    >>> len(study.frames), len(study.cells), len(study.truth)
    (5, 12, 67)
    >>> study.scales["WAI-36 observer"]
    ('bond', 'total')
    """
    rng = np.random.default_rng(seed)
    frames: dict[str, pd.DataFrame] = {}
    truths: list[dict[str, object]] = []
    cells: list[dict[str, object]] = []
    first = 1
    for version in _VERSIONS:
        frame, own_truths, own_cells = _draw_version(version, first, rng)
        frames[version.name] = frame
        truths += own_truths
        cells += own_cells
        first += version.k
    return SimulatedStudy(
        frames=frames,
        scales={v.name: v.scales for v in _VERSIONS},
        truth=pd.DataFrame(truths).assign(provenance=SIMULATED),
        cells=pd.DataFrame(cells).assign(provenance=SIMULATED),
        seed=seed,
    )
