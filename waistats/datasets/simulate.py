"""SIMULATED responses with a known population alpha."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from waistats.arrays import FloatArray, IntArray
from waistats.datasets.bifactor import (
    OrdinalBifactor,
    base_thresholds,
    draw_answers,
    make_model,
    scattered_alphas,
    solve_general,
)
from waistats.errors import DataError, ModelError, listing
from waistats.instruments import Instrument, get_instrument

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
        raise DataError(f"n has {len(sizes)} numbers for {k} studies.")
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
        raise DataError(f"reliability has {len(given)} numbers for {k} studies.")
    alphas = np.broadcast_to(given, (k,)).copy()
    if tau == 0:
        return alphas
    return scattered_alphas(alphas, tau, rng.standard_normal(k))


def _check_share(name: str, value: float) -> None:
    if not 0 <= value < 1:
        raise ModelError(f"{name} is a share, at least 0 and below 1; got {value!r}.")


def simulate_responses(
    instrument: str | Instrument,
    *,
    studies: int | Sequence[object] = 10,
    n: int | Sequence[int] | range = 100,
    reliability: float | Sequence[float] = 0.90,
    tau: float = 0.0,
    ceiling: float = 0.0,
    missing: float = 0.0,
    seed: int | np.random.Generator | None = None,
    provisional: bool = False,
) -> pd.DataFrame:
    r"""Make SIMULATED answers whose population alpha is the one asked for.

    The answers are raw: reversed items run the other way, as in a real file, so
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
        Population alpha of the keyed total score, one for all or one a study.
    tau : float, default 0
        Standard deviation of the studies' population alphas about ``reliability`` on
        the Bonett scale, -ln(1 - alpha). Alphas below 0 are set to 0.
    ceiling : float, default 0
        Share of the keyed answers in the top category. 0 leaves the answers symmetric
        about the middle of the scale.
    missing : float, default 0
        Share of answers missing completely at random.
    seed : int, Generator or None
        Seed; the same seed gives the same frame.
    provisional : bool, default False
        Allow a provisional form.

    Returns
    -------
    pandas.DataFrame
        One row a respondent: ``study_id`` (text), ``person_id``, the items ``wai1`` ...
        (``item1`` ... for forms of your own) and ``provenance`` = SIMULATED. The
        population alpha of each study is in ``attrs["population_alpha"]``.

    Raises
    ------
    DataError, ModelError
        If counts do not match the studies, or an alpha cannot be reached.

    Notes
    -----
    Latent answers follow a bifactor model with a general factor of variance
    :math:`g` and one group factor a subscale of variance :math:`0.4\,g(1-g)`; cuts
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
    _check_share("missing", missing)
    names = _study_names(studies)
    rng = np.random.default_rng(seed)
    sizes = _sizes(n, len(names), rng)
    alphas = _wanted_alphas(reliability, tau, len(names), rng)
    model = form_model(form, ceiling=ceiling)
    distinct, which = np.unique(alphas, return_inverse=True)
    general = solve_general(model, distinct)[which]
    items = draw_responses(form, model, np.repeat(general, sizes), rng, missing=missing)
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
