"""Every defensible way to pool the same coefficients, and how much the way matters."""

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd
from tqdm import tqdm

from waistats.errors import ModelError, check_conf_level, check_option
from waistats.provenance import marked
from waistats.sensitivity.multiverse_fits import fits
from waistats.sensitivity.multiverse_result import CHOICES, Multiverse
from waistats.sensitivity.multiverse_tables import (
    check_within,
    exclusions,
    one_per_study,
    poolable,
)

MEASURES = ("raw", "hakstian-whalen", "bonett", "bonett-corrected")
MODELS = (
    "CE", "DL", "REML", "PM", "HS", "unweighted", "n-weighted", "varying-coefficient",
)  # fmt: skip
INTERVALS = ("wald", "knapp-hartung")
DEPENDENCE = ("ignored", "one", "mean", "multilevel", "multilevel-robust")
EXCLUSIONS = ("none", "outliers", "small-n")


def multiverse(
    coefficients: pd.DataFrame,
    *,
    measures: Sequence[str] = MEASURES,
    models: Sequence[str] = MODELS,
    intervals: Sequence[str] = INTERVALS,
    dependence: Sequence[str] = DEPENDENCE,
    exclude: Sequence[str] = EXCLUSIONS,
    small_n: float = 50,
    within_correlation: float = 0.6,
    multilevel_correlation: float | None = None,
    thresholds: Sequence[float] = (0.70, 0.80, 0.90),
    conf_level: float = 0.95,
) -> Multiverse:
    """Pool the same coefficients in every defensible way.

    Parameters
    ----------
    coefficients : DataFrame
        A coefficient table, as for `effect_sizes`.
    measures : sequence of str
        Of ``"raw"``, ``"hakstian-whalen"``, ``"bonett"``, ``"bonett-corrected"`` (with
        Bonett's bias term).
    models : sequence of str
        Of ``"CE"``, ``"DL"``, ``"REML"``, ``"PM"``, ``"HS"`` (Hunter-Schmidt) and the
        other estimators of `fit_meta`, ``"unweighted"``, ``"n-weighted"``,
        ``"varying-coefficient"`` (Bonett, 2010).
    intervals : sequence of str
        Of ``"wald"``, ``"knapp-hartung"``.
    dependence : sequence of str
        What is done with several coefficients of a study: ``"ignored"``, ``"one"``
        (most respondents), ``"mean"``, ``"multilevel"``, ``"multilevel-robust"`` (CR2).
    exclude : sequence of str
        Of ``"none"``, ``"outliers"`` (studentised deleted residual beyond 1.96 on the
        Bonett scale), ``"small-n"``.
    small_n : float, default 50
        Coefficients of fewer respondents are small.
    within_correlation : float, default 0.6
        Correlation of sampling errors within a sample, for means of a study.
    multilevel_correlation : float, optional
        That of multilevel models, as ``within_correlation`` of `fit_multilevel` and
        `generalize`; independent errors by default, as there.
    thresholds : sequence of float, default (.70, .80, .90)
        What the conclusion is about: between which of them the pooled alpha lies.
    conf_level : float, default 0.95
        Level of the intervals.

    Returns
    -------
    Multiverse
        ``to_frame()`` has a row a specification, ``choices()`` what each choice does,
        ``sentence()`` how much the conclusion depends on them.

    Raises
    ------
    DataError, ModelError
        For a table that cannot be pooled at all, or unknown options.

    Notes
    -----
    Combinations that nobody defends are left out: Knapp-Hartung with a common effect,
    a multilevel model other than REML, the varying-coefficient model with any interval
    but its own. What cannot be fitted, or repeats another specification because it
    excludes nothing, is listed in ``skipped`` with the reason. Where every study has
    one coefficient, ``dependence`` is ``"ignored"`` alone. A multilevel model has t
    limits (``"t"``) for ``"knapp-hartung"``, a robust one its Satterthwaite limits
    (``"cr2"``) only. A sampling covariance V from item responses belongs to one scale
    and one set of rows, and these differ between specifications: fit that model by
    `fit_multilevel`.

    Examples
    --------
    >>> from waistats import load_dataset
    >>> found = multiverse(load_dataset("cesd"))
    >>> len(found.to_frame()) > 50, round(found.spread, 2)
    (True, 0.01)
    """
    for name, values, known in (
        ("measures", measures, MEASURES),
        ("intervals", intervals, INTERVALS),
        ("dependence", dependence, DEPENDENCE),
        ("exclude", exclude, EXCLUSIONS),
    ):
        _check_options(name, values, known)
    _check_options("models", models, (*MODELS, *_ESTIMATORS))
    check_conf_level(conf_level)
    check_within(within_correlation)
    table, used = poolable(coefficients)
    several = bool(table["study_id"].duplicated().any())
    handlings = tuple(dependence) if several else ("ignored",)
    rows: list[dict[str, Any]] = []
    skipped: list[dict[str, Any]] = []
    paths = list(_paths(table, handlings, tuple(exclude), small_n, skipped))
    for handling, exclusion, kept in tqdm(
        paths, desc="multiverse", disable=None, delay=3
    ):
        base = {"dependence": handling, "exclusion": exclusion}
        for spec, found in fits(
            kept,
            handling,
            tuple(measures),
            tuple(models),
            tuple(intervals),
            (within_correlation, multilevel_correlation),
            conf_level,
        ):
            if isinstance(found, str):
                skipped.append({**base, **spec, "reason": found})
            else:
                rows.append({**base, **spec, **found})
    if not rows:
        raise ModelError("None of the specifications can be fitted; see the choices.")
    lost = pd.DataFrame(skipped, columns=[*CHOICES, "reason"])
    return Multiverse(
        frame=marked(_in_order(pd.DataFrame(rows)), used.simulated),
        skipped=marked(_in_order(lost), used.simulated),
        thresholds=tuple(float(c) for c in sorted(thresholds)),
        conf_level=conf_level,
        simulated=used.simulated,
        k=len(table),
    )


_ESTIMATORS = ("HE", "HSk", "SJ", "ML", "EB", "PMM", "SJIT")


def _check_options(name: str, values: Any, known: tuple[str, ...]) -> None:
    if isinstance(values, str) or len(values) == 0:
        raise ModelError(f"{name} must be a sequence of names; got {values!r}.")
    for value in values:
        check_option(name, value, known)


def _in_order(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame with the choices first."""
    rest = [c for c in frame.columns if c not in CHOICES]
    return frame[[*CHOICES, *rest]]


def _paths(
    table: pd.DataFrame,
    handlings: tuple[str, ...],
    exclude: tuple[str, ...],
    small_n: float,
    skipped: list[dict[str, Any]],
) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Yield each handling of dependence with each exclusion, and its table."""
    for handling in handlings:
        start = one_per_study(table) if handling == "one" else table
        for exclusion, kept in exclusions(start, exclude, small_n).items():
            if isinstance(kept, str):
                choice = {"dependence": handling, "exclusion": exclusion}
                skipped.append({**choice, "reason": kept})
            else:
                yield handling, exclusion, kept
