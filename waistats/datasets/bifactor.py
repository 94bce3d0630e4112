"""Population alpha of ordinal items with a general and group factors."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from waistats.arrays import FloatArray, IntArray
from waistats.errors import ConvergenceError, ModelError

# Terms of the tetrachoric series; at a correlation of .99 the rest is below 1e-9.
_TERMS = 2000
_HIGHEST = 0.99


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OrdinalBifactor:
    """Items with one general factor, one group factor a subscale, and thresholds.

    Attributes
    ----------
    group : ndarray of int, shape (n_items,)
        Group factor of each item; -1 for none.
    group_share : float
        Share of what the general factor leaves that goes to the group factor, as a
        multiple of the squared general loading.
    thresholds : ndarray, shape (n_items, n_categories - 1)
        Cuts on the standard normal latent answer, increasing.
    coefficients : ndarray, shape (n_items, terms)
        Hermite coefficients of each ordinal item.
    variances : ndarray, shape (n_items,)
        Variance of each ordinal item.
    """

    group: IntArray
    group_share: float
    thresholds: FloatArray
    coefficients: FloatArray
    variances: FloatArray


def hermite_coefficients(thresholds: FloatArray, terms: int = _TERMS) -> FloatArray:
    """Return the coefficients of ordinal answers in normalised Hermite polynomials.

    With them the covariance of two ordinal answers whose latent answers correlate
    ``r`` is ``sum(r**k * a_k * b_k)`` over k = 1, 2, ... (the tetrachoric series).
    """
    density = np.exp(-0.5 * thresholds**2) / np.sqrt(2 * np.pi)
    before, now = np.zeros_like(thresholds), np.ones_like(thresholds)
    out = np.empty((*thresholds.shape[:-1], terms))
    for k in range(1, terms + 1):
        out[..., k - 1] = (density * now).sum(axis=-1) / np.sqrt(k)
        before, now = now, (thresholds * now - np.sqrt(k - 1) * before) / np.sqrt(k)
    return out


def _variances(thresholds: FloatArray) -> FloatArray:
    above = ndtr(-thresholds)
    levels = np.arange(1, thresholds.shape[-1] + 1)
    return ((2 * levels - 1) * above).sum(axis=-1) - above.sum(axis=-1) ** 2


def base_thresholds(
    n_items: int, n_categories: int, ceiling: float, spread: float
) -> FloatArray:
    """Return cuts for items of differing difficulty.

    ``ceiling`` is the share of all answers in the top category; 0 leaves the answers
    symmetric about the middle of the scale.
    """
    many = n_categories > 2
    cuts = np.linspace(-1.8, 1.8, n_categories - 1) if many else np.zeros(1)
    # golden-ratio steps spread the difficulties evenly over every subscale
    steps = (np.arange(1, n_items + 1) * 0.6180339887498949) % 1
    shifts = spread * (steps - steps.mean())
    thresholds = cuts + shifts[:, None]
    if ceiling == 0:
        return thresholds
    low, high = -12.0, 12.0
    for _ in range(80):
        middle = (low + high) / 2
        share = ndtr(-(thresholds[:, -1] + middle)).mean()
        low, high = (middle, high) if share > ceiling else (low, middle)
    return thresholds + (low + high) / 2


def make_model(
    group: Sequence[int], thresholds: FloatArray, group_share: float
) -> OrdinalBifactor:
    """Return a model with everything that does not depend on the loadings."""
    return OrdinalBifactor(
        group=np.asarray(group, dtype=np.int64),
        group_share=group_share,
        thresholds=thresholds,
        coefficients=hermite_coefficients(thresholds),
        variances=_variances(thresholds),
    )


def group_variance(general: FloatArray, group_share: float) -> FloatArray:
    """Return the squared group loading that goes with a squared general loading."""
    return group_share * general * (1 - general)


def _series(coefficients: FloatArray, r: FloatArray) -> FloatArray:
    """Return ``sum(c_k r**k)`` over k = 1, 2, ..., for every r."""
    # r**k falls below 1e-15 before the last of these terms
    most = float(np.clip(np.max(r, initial=0.0), 1e-9, _HIGHEST + 0.005))
    terms = 2 + int(np.log(1e-15) / np.log(most))
    return np.polynomial.polynomial.polyval(r, coefficients[:terms]) * r


def population_alpha(
    model: OrdinalBifactor, general: FloatArray, members: Sequence[int] | None = None
) -> FloatArray:
    """Return Cronbach's alpha of the ordinal items for each squared general loading.

    ``members`` are positions of a subscale's items; by default all items.
    """
    chosen = np.arange(len(model.group)) if members is None else np.asarray(members)
    a, group = model.coefficients[chosen], model.group[chosen]
    same = np.zeros(a.shape[1])
    for factor in np.unique(group[group >= 0]):
        mine = a[group == factor]
        same += mine.sum(axis=0) ** 2 - (mine**2).sum(axis=0)
    other = a.sum(axis=0) ** 2 - (a**2).sum(axis=0) - same
    within = general + group_variance(general, model.group_share)
    covariances = _series(same, within) + _series(other, general)
    variances = model.variances[chosen].sum()
    m = len(chosen)
    return m / (m - 1) * covariances / (variances + covariances)


def solve_general(model: OrdinalBifactor, alpha: FloatArray) -> FloatArray:
    """Return the squared general loading that gives each population alpha."""
    wanted = np.asarray(alpha, dtype=float)
    # beyond this the series of the within-group correlation is not accurate
    highest = _highest_general(model.group_share)
    most = float(population_alpha(model, np.array([highest]))[0])
    too_high = wanted[wanted > most]
    if too_high.size:
        raise ModelError(
            f"a population alpha of {too_high.max():.4f} cannot be reached with these "
            f"items; the highest is {most:.4f}. Ask for less, or for less ceiling."
        )
    low, high = np.zeros_like(wanted), np.full_like(wanted, highest)
    at_low, at_high = -wanted, most - wanted
    middle, last_below = low, np.zeros_like(wanted, dtype=bool)
    for i in range(100):
        middle = (low * at_high - high * at_low) / np.where(
            at_high == at_low, 1.0, at_high - at_low
        )
        gap = population_alpha(model, middle) - wanted
        if np.all(np.abs(gap) < 1e-13):
            break
        below = gap < 0
        # an end that stays twice loses half its weight (Illinois)
        stays = 0.5 if i else 1.0
        at_high = np.where(below, np.where(last_below, stays, 1.0) * at_high, gap)
        at_low = np.where(below, gap, np.where(last_below, 1.0, stays) * at_low)
        low, high = np.where(below, middle, low), np.where(below, high, middle)
        last_below = below
    else:
        raise ConvergenceError(
            "no loading was found for the population alphas asked for; the largest gap "
            f"left is {np.abs(gap).max():.2g}."
        )
    return middle


def _highest_general(group_share: float) -> float:
    grid = np.linspace(0.5, _HIGHEST, 2000)
    return float(grid[grid + group_variance(grid, group_share) <= _HIGHEST].max())


def scale_alphas(
    model: OrdinalBifactor, general: FloatArray, scales: Mapping[str, Sequence[int]]
) -> dict[str, FloatArray]:
    """Return the population alpha of every scale of two or more items."""
    return {
        name: population_alpha(model, general, members)
        for name, members in scales.items()
        if len(members) > 1
    }


def draw_answers(
    model: OrdinalBifactor, general: FloatArray, rng: np.random.Generator
) -> IntArray:
    """Draw one respondent for each squared general loading; answers count from 0."""
    n, n_items = len(general), len(model.group)
    latent = np.sqrt(general)[:, None] * rng.standard_normal((n, 1))
    own = np.broadcast_to((1 - general)[:, None], (n, n_items)).copy()
    n_groups = int(model.group.max()) + 1
    if n_groups:
        grouped = model.group >= 0
        variance = group_variance(general, model.group_share)
        factors = np.sqrt(variance)[:, None] * rng.standard_normal((n, n_groups))
        latent = latent + np.where(grouped, factors[:, model.group], 0.0)
        own -= np.where(grouped, variance[:, None], 0.0)
    latent = latent + np.sqrt(own) * rng.standard_normal((n, n_items))
    answers = np.zeros((n, n_items), dtype=np.int64)
    for cut in model.thresholds.T:
        answers += latent > cut
    return answers


def bonett(alpha: FloatArray) -> FloatArray:
    """Return alphas on the scale -ln(1 - alpha)."""
    return -np.log1p(-alpha)


def scattered_alphas(
    alpha: float | FloatArray, tau: float, z: FloatArray
) -> FloatArray:
    """Return study alphas that lie ``tau * z`` from ``alpha`` on the Bonett scale.

    Alphas below 0 are not possible in the model and are set to 0.
    """
    return np.maximum(
        -np.expm1(-(bonett(np.asarray(alpha, dtype=float)) + tau * z)), 0.0
    )
