"""A SIMULATED literature: a coding sheet with known rates of induction.

A SIMULATED reliability generalization study, for teaching.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import pandas as pd

from waistats._format import Result, counted
from waistats._typing import FloatArray
from waistats.datasets.simulate import (
    SIMULATED,
    draw_responses,
    form_model,
    population_alpha,
    scattered_alphas,
    solve_general,
)
from waistats.errors import ModelError, listing
from waistats.instruments.forms import Instrument, get_instrument
from waistats.measures import INDUCED, OWN, back_transform, transform


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
        One row per coefficient: ``study_id, instrument, rater, scale, n, n_items,
        population_alpha, provenance``.
    cells : pandas.DataFrame
        One row per version and scale: ``instrument, rater, scale, n_items, k, estimate``
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
            f"SIMULATED study (seed {self.seed}): "
            f"{counted(len(self.frames), 'version')}, "
            f"{counted(len(self.cells), 'scale')}, "
            f"{counted(len(self.truth), 'alpha')}, {counted(persons, 'respondent')}"
        )


def _positions(form: Instrument, scale: str) -> list[int]:
    return [form.items.index(number) for number in form.scales[scale]]


def _cell_truth(alphas: FloatArray, weights: FloatArray) -> tuple[float, float]:
    """Return the mean, as an alpha, and SD of a scale's alphas on the Bonett scale."""
    values = transform(alphas)
    mean = float(weights @ values)
    spread = float(np.sqrt(weights @ (values - mean) ** 2))
    return float(back_transform(mean)), spread


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
    """Make a SIMULATED study with the design of Hanson, Curry and Bandalos (2002).

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


RATES: Mapping[str, float] = MappingProxyType(
    {OWN: 0.40, "induced_precise": 0.20, "induced_vague": 0.15, "omitted": 0.25}
)
# form, rater, share of the studies, population alpha, its SD on the Bonett scale
_FORMS = (
    ("WAI-36", "client", 0.30, 0.93, 0.30),
    ("WAI-36", "therapist", 0.15, 0.91, 0.20),
    ("WAI-S", "client", 0.30, 0.92, 0.35),
    ("WAI-SR", "client", 0.25, 0.90, 0.30),
)
_SETTINGS = ("outpatient", "inpatient", "online")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class SimulatedLiterature(Result):
    """A SIMULATED literature, and the truth behind it.

    Attributes
    ----------
    table : DataFrame
        The coding sheet, one row per study; ``provenance`` is SIMULATED.
    counts : dict of str to int
        Studies of each ``reliability_status``: exactly the rates asked for, as nearly
        as whole studies allow.
    truth : DataFrame
        One row per version: ``instrument, rater, alpha, tau, provenance``, the population
        of studies on the Bonett scale.
    seed : int
        The seed.
    """

    table: pd.DataFrame
    counts: dict[str, int]
    truth: pd.DataFrame
    seed: int

    @property
    def induction_rate(self) -> float:
        """The rate of induction."""
        total = sum(self.counts.values())
        return 1 - self.counts[OWN] / total

    def to_frame(self) -> pd.DataFrame:
        """Return the coding sheet."""
        return self.table.copy()

    def heading(self) -> str:
        """Return what it is, in a line."""
        parts = ", ".join(f"{name} {count}" for name, count in self.counts.items())
        return f"SIMULATED literature of {counted(len(self.table), 'study')}: {parts}"


def simulate_literature(
    n_studies: int = 60,
    seed: int = 2000,
    *,
    rates: Mapping[str, float] = RATES,
    trend: float = 0.08,
) -> SimulatedLiterature:
    """Make a SIMULATED coding sheet of studies that report or induce reliability.

    Parameters
    ----------
    n_studies : int, default 60
        Studies, at least 4.
    seed : int, default 2000
        Seed; the same seed gives the same literature.
    rates : mapping
        Share of each ``reliability_status``; they sum to 1.
    trend : float, default 0.08
        How much a year later moves a study towards reporting, in standard deviations
        of what else decides it.

    Returns
    -------
    SimulatedLiterature
        ``table``, ``counts`` and ``truth``.

    Notes
    -----
    Which studies induce depends on their year and on chance, how many does not: the
    counts are the rates. Inducing samples score a third of a standard deviation higher
    and spread less, so that a comparison finds something. Estimates are drawn on the
    Bonett scale and rounded to two decimals, as in print.

    Examples
    --------
    >>> literature = simulate_literature()
    >>> literature.counts["omitted"], literature.induction_rate
    (15, 0.6)
    """
    _check(n_studies, rates)
    rng = np.random.default_rng(seed)
    counts = _whole_counts(rates, n_studies)
    year = rng.integers(1992, 2024, size=n_studies)
    status = _statuses(counts, trend * (year - 2008) + rng.standard_normal(n_studies))
    induced = status != OWN
    which = rng.choice(
        len(_FORMS), size=n_studies, p=[share for *_, share, _, _ in _FORMS]
    )
    n = np.round(np.exp(rng.normal(4.4, 0.5, size=n_studies))).astype(int) + 20
    table = pd.DataFrame(
        {
            "study_id": [f"SIM{i:03d}" for i in range(1, n_studies + 1)],
            "sample_id": [f"SIM{i:03d}_1" for i in range(1, n_studies + 1)],
            "coefficient_id": [f"SIM{i:03d}_1" for i in range(1, n_studies + 1)],
            "year": year,
            "title": "SIMULATED study",
            "provenance": SIMULATED,
            "reliability_status": status,
            "instrument": [_FORMS[v][0] for v in which],
            "rater": [_FORMS[v][1] for v in which],
            "scale": "total",
            "coefficient_type": "alpha",
        }
    )
    forms = [get_instrument(name) for name in table["instrument"]]
    for name in ("n_items", "response_min", "response_max"):
        table[name] = [getattr(form, name) for form in forms]
    table["estimate"] = np.where(induced, np.nan, _estimates(which, n, table, rng))
    table["alpha_decimals"] = np.where(induced, np.nan, 2)
    table["n"] = np.where(induced, np.nan, n)
    table["n_sample"] = n + rng.integers(0, 12, size=n_studies)
    table = table.assign(**_samples(table, induced, rng))
    _quote(table)
    truth = pd.DataFrame(
        [(form, rater, alpha, tau) for form, rater, _, alpha, tau in _FORMS],
        columns=["instrument", "rater", "alpha", "tau"],
    ).assign(provenance=SIMULATED)
    return SimulatedLiterature(table=table, counts=counts, truth=truth, seed=seed)


def _check(n_studies: int, rates: Mapping[str, float]) -> None:
    if n_studies < 4 or n_studies != int(n_studies):
        raise ModelError(f"n_studies must be 4 or more whole studies; got {n_studies}.")
    known = (OWN, *INDUCED)
    if set(rates) != set(known) or min(rates.values()) < 0:
        raise ModelError(
            f"rates must give a share of 0 or more for each of {listing(known)}; got "
            f"{dict(rates)}."
        )
    if abs(sum(rates.values()) - 1) > 1e-9:
        raise ModelError(f"rates must sum to 1, but sum to {sum(rates.values()):g}.")


def _whole_counts(rates: Mapping[str, float], total: int) -> dict[str, int]:
    """Return counts that sum to the total, the largest remainders rounded up."""
    exact = {name: rate * total for name, rate in rates.items()}
    # a hair of floating error must not turn 12 into 11
    counts = {name: int(value + 1e-9) for name, value in exact.items()}
    left = sorted(exact, key=lambda name: counts[name] - exact[name])
    for name in left[: total - sum(counts.values())]:
        counts[name] += 1
    return counts


def _statuses(counts: Mapping[str, int], leaning: FloatArray) -> np.ndarray:
    """Return a status for each study: those that lean most to reporting report."""
    order = np.argsort(-leaning, kind="stable")
    status = np.empty(len(leaning), dtype=object)
    status[order] = np.repeat(
        np.array(list(counts), dtype=object), list(counts.values())
    )
    return status


def _estimates(
    which: np.ndarray, n: np.ndarray, table: pd.DataFrame, rng: np.random.Generator
) -> FloatArray:
    alpha, tau = (np.array([v[i] for v in _FORMS])[which] for i in (3, 4))
    items = table["n_items"].to_numpy(dtype=float)
    error = np.sqrt(2 * items / ((items - 1) * (n - 2))) * rng.standard_normal(len(n))
    spread = np.hypot(tau, error)
    z = (tau * rng.standard_normal(len(n)) + error) / spread
    return np.round(scattered_alphas(alpha, spread, z), 2)


def _samples(
    table: pd.DataFrame, induced: np.ndarray, rng: np.random.Generator
) -> dict[str, object]:
    """Return age, sex, setting and scores of the samples."""
    k = len(table)
    low, high, items = (
        table[name].to_numpy(dtype=float)
        for name in ("response_min", "response_max", "n_items")
    )
    level = rng.normal(0.72, 0.05, size=k) + np.where(induced, 0.02, 0)
    spread = np.exp(rng.normal(np.log(0.15), 0.1, size=k) - np.where(induced, 0.1, 0))
    return {
        "score_mean": np.round(items * (low + level * (high - low)), 1),
        "score_sd": np.round(items * spread * (high - low), 1),
        "score_metric": "sum",
        "mean_age": np.round(rng.normal(36, 5, size=k), 1),
        "pct_female": np.round(100 * rng.beta(13, 7, size=k)),
        "setting": rng.choice(
            np.array(_SETTINGS, dtype=object), size=k, p=(0.6, 0.2, 0.2)
        ),
        "evidence": "SIMULATED",
    }


def _quote(table: pd.DataFrame) -> None:
    """Give precise inductions the alpha that the authors of a form might have had."""
    quoted = {"WAI-36": 0.93, "WAI-S": 0.95, "WAI-SR": 0.92}
    precise = table["reliability_status"] == "induced_precise"
    table.loc[precise, "estimate"] = [
        quoted[name] for name in table.loc[precise, "instrument"]
    ]
    doi = [get_instrument(name).doi if p else None
           for name, p in zip(table["instrument"], precise, strict=True)]  # fmt: skip
    table["induced_source_doi"] = pd.Series(doi, index=table.index, dtype=object)
    silent = table["reliability_status"].isin(["induced_vague", "omitted"])
    table.loc[silent, "coefficient_type"] = None
