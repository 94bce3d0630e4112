"""SIMULATED responses with a known population alpha.

Population alpha of ordinal items with a general and group factors.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import ndtr

from waistats._format import coefficient, counted
from waistats._signature import renamed
from waistats._typing import FloatArray, IntArray
from waistats.errors import ConvergenceError, DataError, ModelError, listing
from waistats.instruments.forms import Instrument, get_instrument
from waistats.measures import back_transform, transform

# Terms of the tetrachoric series; at a correlation of .99 the rest is below 1e-9.
_TERMS = 2000
_HIGHEST = 0.99


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OrdinalBifactor:
    """Items with one general factor, one group factor per subscale, and thresholds.

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
    values: FloatArray = ((2 * levels - 1) * above).sum(axis=-1) - above.sum(
        axis=-1
    ) ** 2
    return values


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
    thresholds: FloatArray = cuts + shifts[:, None]
    if ceiling == 0:
        return thresholds
    low, high = -12.0, 12.0
    for _ in range(80):
        middle = (low + high) / 2
        share = ndtr(-(thresholds[:, -1] + middle)).mean()
        low, high = (middle, high) if share > ceiling else (low, middle)
    found: FloatArray = thresholds + (low + high) / 2
    return found


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
    values: FloatArray = m / (m - 1) * covariances / (variances + covariances)
    return values


def solve_general(model: OrdinalBifactor, alpha: FloatArray) -> FloatArray:
    """Return the squared general loading that gives each population alpha."""
    wanted = np.asarray(alpha, dtype=float)
    # beyond this the series of the within-group correlation is not accurate
    highest = _highest_general(model.group_share)
    most = float(population_alpha(model, np.array([highest]))[0])
    too_high = wanted[wanted > most]
    if too_high.size:
        raise ModelError(
            f"a population alpha of {coefficient(too_high.max(), 4)} cannot be reached "
            f"with these items; the highest is {coefficient(most, 4)}. Lower the alpha or "
            "the ceiling."
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
    values: FloatArray = middle
    return values


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


def scattered_alphas(
    alpha: float | FloatArray, tau: float, z: FloatArray
) -> FloatArray:
    """Return study alphas that lie ``tau * z`` from ``alpha`` on the Bonett scale.

    Alphas below 0 are not possible in the model and are set to 0.
    """
    alphas: FloatArray = np.maximum(back_transform(transform(alpha) + tau * z), 0.0)
    return alphas


SIMULATED = "SIMULATED"
# Respondents drawn at a time, so that a million of them fit in memory.
_CHUNK = 100_000
_GROUP_SHARE = 0.4
_DIFFICULTY_SPREAD = 0.5


def form_model(form: Instrument, *, ceiling: float = 0.0) -> OrdinalBifactor:
    """Return the population model behind the SIMULATED answers of a form."""
    low, high = form.limits
    factor_of = {
        number: factor
        for factor, numbers in enumerate(form.subscales.values())
        for number in numbers
    }
    group = [factor_of.get(number, -1) for number in form.items]
    thresholds = base_thresholds(
        len(form.items), high - low + 1, ceiling, _DIFFICULTY_SPREAD
    )
    return make_model(group, thresholds, _GROUP_SHARE)


def item_prefix(form: Instrument) -> str:
    """Return the prefix of SIMULATED item columns."""
    return "wai" if "wai" in form.name.lower() else "item"


def draw_responses(
    form: Instrument,
    model: OrdinalBifactor,
    general: FloatArray,
    rng: np.random.Generator,
    *,
    missing: float = 0.0,
) -> pd.DataFrame:
    """Draw raw answers, one respondent for each squared general loading."""
    low, high = form.limits
    drawn: IntArray = np.concatenate(
        [
            draw_answers(model, general[i : i + _CHUNK], rng)
            for i in range(0, len(general), _CHUNK)
        ]
    )
    keyed = drawn + low
    raw = np.where(np.isin(form.items, form.reverse), low + high - keyed, keyed)
    columns = [f"{item_prefix(form)}{number}" for number in form.items]
    if not missing:
        return pd.DataFrame(raw, columns=columns)
    empty = rng.random(raw.shape) < missing
    return pd.DataFrame(np.where(empty, np.nan, raw), columns=columns)


def _study_names(studies: int | Sequence[object]) -> list[str]:
    if isinstance(studies, str):
        raise DataError(
            f"studies must be a number or a list of names; got {studies!r}."
        )
    if isinstance(studies, (int, np.integer)):
        if studies < 1:
            raise DataError(f"studies must be 1 or more; got {studies}.")
        width = max(2, len(str(studies)))
        return [f"S{i:0{width}d}" for i in range(1, int(studies) + 1)]
    names = [str(name) for name in studies]
    twice = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    if not names or twice:
        raise DataError(f"studies must be distinct names; twice: {listing(twice)}.")
    return names


def _sizes(n: object, k: int, rng: np.random.Generator) -> IntArray:
    if isinstance(n, range):
        if len(n) == 0 or min(n) < 2:
            raise DataError(f"n as a range must hold numbers of 2 or more; got {n}.")
        return rng.choice(np.asarray(n), size=k).astype(np.int64)
    sizes = np.asarray(n)
    if sizes.ndim > 1 or sizes.dtype.kind not in "iu" or np.any(sizes < 2):
        raise DataError(
            "n must be a whole number of 2 or more, one for each study, or a range to "
            f"draw from; got {n!r}."
        )
    if sizes.ndim == 1 and len(sizes) != k:
        raise DataError(
            f"n has {counted(len(sizes), 'number')} for {counted(k, 'study')}."
        )
    return np.broadcast_to(sizes, (k,)).astype(np.int64)


def _wanted_alphas(
    reliability: object, tau: float, k: int, rng: np.random.Generator
) -> FloatArray:
    given = np.asarray(reliability, dtype=float)
    if given.ndim > 1 or not np.all((given >= 0) & (given < 1)):
        raise ModelError(
            f"reliability is a population alpha, at least 0 and below 1; got "
            f"{reliability!r}."
        )
    if tau < 0 or not np.isfinite(tau):
        raise ModelError(f"tau is a standard deviation, 0 or more; got {tau!r}.")
    if given.ndim == 1 and len(given) != k:
        raise DataError(
            f"reliability has {counted(len(given), 'number')} for {counted(k, 'study')}."
        )
    alphas = np.broadcast_to(given, (k,)).copy()
    if tau == 0:
        return alphas
    return scattered_alphas(alphas, tau, rng.standard_normal(k))


def _check_share(name: str, value: float) -> None:
    if not 0 <= value < 1:
        raise ModelError(f"{name} is a share, at least 0 and below 1; got {value!r}.")


@renamed(missing="missing_rate")
def simulate_responses(
    instrument: str | Instrument,
    *,
    studies: int | Sequence[object] = 10,
    n: int | Sequence[int] | range = 100,
    reliability: float | Sequence[float] = 0.90,
    tau: float = 0.0,
    ceiling: float = 0.0,
    missing_rate: float = 0.0,
    seed: int | np.random.Generator | None = 0,
    provisional: bool = False,
) -> pd.DataFrame:
    r"""Simulate item responses with a given population alpha, marked SIMULATED.

    The answers are raw: reversed items are not reverse-scored, as in a real file, so
    `score` or `keyed_items` must be applied before alpha is computed.

    Parameters
    ----------
    instrument : str or Instrument
        The form; its subscales are the group factors.
    studies : int or sequence of names, default 10
        How many studies, or their names.
    n : int, sequence of int or range, default 100
        Respondents of each study; from a ``range`` they are drawn at random.
    reliability : float or sequence of float, default 0.90
        Population alpha of the keyed total score, one for all or one per study.
    tau : float, default 0
        Standard deviation of the studies' population alphas about ``reliability`` on
        the Bonett scale, -ln(1 - alpha). Alphas below 0 are set to 0.
    ceiling : float, default 0
        Share of the keyed answers in the top category. 0 leaves the answers symmetric
        about the middle of the scale.
    missing_rate : float, default 0
        Share of answers missing completely at random.
    seed : int, Generator or None, default 0
        The same seed gives the same frame; None gives another one at each call.
    provisional : bool, default False
        Allow a provisional form.

    Returns
    -------
    pandas.DataFrame
        One row per respondent: ``study_id`` (text), ``person_id``, the items ``wai1`` ...
        (``item1`` ... for forms of your own) and ``provenance`` = SIMULATED. The
        population alpha of each study is in ``attrs["population_alpha"]``.

    Raises
    ------
    DataError, ModelError
        If counts do not match the studies, or an alpha cannot be reached.

    Notes
    -----
    Latent answers follow a bifactor model with a general factor of variance
    :math:`g` and one group factor per subscale of variance :math:`0.4\,g(1-g)`; cuts
    differing between items make them ordinal. Covariances of the ordinal answers are
    exact (tetrachoric series), and :math:`g` is solved so that alpha of the ordinal
    keyed items in the population is ``reliability``.

    Examples
    --------
    >>> frame = simulate_responses("WAI-SR", studies=2, n=3, seed=1)
    >>> frame[["study_id", "person_id", "provenance"]].tail(2)
      study_id  person_id provenance
    4      S02          5  SIMULATED
    5      S02          6  SIMULATED
    """
    form = get_instrument(instrument, provisional=provisional)
    if len(form.items) < 2:
        raise ModelError(f"{form.name}: alpha needs at least 2 items.")
    _check_share("ceiling", ceiling)
    _check_share("missing_rate", missing_rate)
    names = _study_names(studies)
    rng = np.random.default_rng(seed)
    sizes = _sizes(n, len(names), rng)
    alphas = _wanted_alphas(reliability, tau, len(names), rng)
    model = form_model(form, ceiling=ceiling)
    distinct, which = np.unique(alphas, return_inverse=True)
    general = solve_general(model, distinct)[which]
    items = draw_responses(
        form, model, np.repeat(general, sizes), rng, missing=missing_rate
    )
    total = int(sizes.sum())
    frame = pd.concat(
        [
            pd.DataFrame(
                {
                    "study_id": np.repeat(np.array(names, dtype=object), sizes),
                    "person_id": np.arange(1, total + 1),
                }
            ),
            items,
        ],
        axis=1,
    )
    frame["provenance"] = SIMULATED
    frame.attrs["population_alpha"] = dict(zip(names, alphas.tolist(), strict=True))
    return frame
