"""The whole study in one call."""

from collections.abc import Sequence
from typing import Any

from waistats.effect_sizes import effect_sizes
from waistats.errors import ModelError, check_conf_level, check_option, listing
from waistats.format import visible
from waistats.generalization.cells import POOLED
from waistats.generalization.combine import combine_tables
from waistats.generalization.describe import (
    CELL,
)
from waistats.generalization.main_scale import default_title, main_rows, main_scale
from waistats.generalization.pool import FEWEST_TO_POOL, pool
from waistats.generalization.study import RGStudy
from waistats.meta.tau2 import check_method
from waistats.provenance import is_simulated
from waistats.transforms import MEASURES


def generalize(
    coefficients: Any,
    moderators: str | None = None,
    by: Sequence[str] = CELL,
    *,
    measure: str = "bonett",
    method: str = "REML",
    bias: str = "none",
    conf_level: float = 0.95,
    within_correlation: float | None = None,
    candidates: Sequence[str] | None = None,
    title: str | None = None,
) -> RGStudy:
    """Run a reliability generalization study on coefficient tables.

    Parameters
    ----------
    coefficients : DataFrame or list of DataFrame
        Coefficient tables: published ones from `read_coefficients`, computed ones from
        `reliability_by_study`, or both.
    moderators : str, optional
        A formula for one model with several moderators, such as
        ``"~ rater + np.log(n_items)"``.
    by : sequence of str, default ("instrument", "rater", "scale")
        Columns that make the cells; absent ones are ignored.
    measure : {"bonett", "hakstian-whalen", "raw", "fisher-z"}, default "bonett"
        Scale of pooling.
    method : str, default "REML"
        Estimator of the heterogeneity variance; see `fit_meta`.
    bias : {"none", "bonett", "exact"}, default "none"
        Correction of the Bonett scale; see `effect_sizes`. Metafor has none; with more
        than about 25 coefficients intervals keep their level with ``"exact"`` only.
    conf_level : float, default 0.95
        Level of the intervals.
    within_correlation : float, optional
        Correlation of sampling errors of one study's coefficients (`fit_multilevel`).
    candidates : sequence of str, optional
        Columns that are tested as moderators one at a time; by default every known
        study characteristic that the table has.
    title : str, optional
        Words for what is studied; the instruments by default.

    Returns
    -------
    RGStudy
        Prints its headline and cells; ``report(path)`` writes the page.

    Raises
    ------
    DataError
        For tables that cannot be used; every bad row is named.
    ModelError
        If fewer than two coefficients can be pooled.

    Notes
    -----
    Alpha and KR-20 are pooled; other kinds of coefficients have cells of their own.
    Totals and subscales are never pooled together. Where studies give several
    coefficients the model has three levels, and its interval is cluster-robust (CR2)
    if there are enough studies. A cell of fewer than three studies is described only.

    Examples
    --------
    >>> from waistats import generalize, load_dataset
    >>> print(generalize(load_dataset("cesd")).sentence())
    Overall (total, k = 9, one level, Knapp-Hartung): alpha = .905, 95% CI [.885, .922],
    95% PI [.839, .944], I2 = 81.4%
    """
    check_option("measure", measure, MEASURES)
    check_conf_level(conf_level)
    method = check_method(method)
    if numbers := sorted({"yi", "vi", *POOLED} & set(by)):
        raise ModelError(
            f"by={listing(numbers)}: cells are made by kinds, such as instrument or "
            "rater, not by numbers of the result."
        )
    table = combine_tables(coefficients)
    effects = effect_sizes(table, measure=measure, bias=bias, conf_level=conf_level)
    used = effects[effects["yi"].notna()]
    if used["study_id"].nunique() < 2:
        raise ModelError(
            f"{used['study_id'].nunique()} study gives a poolable coefficient; "
            "generalization needs at least two."
        )
    scale = main_scale(used)
    rows = main_rows(used, scale)
    pooled = None
    if rows["study_id"].nunique() >= FEWEST_TO_POOL:
        pooled = pool(
            rows,
            method=method,
            conf_level=conf_level,
            within_correlation=within_correlation,
        )
    study = RGStudy(
        title=visible(title or default_title(used)),
        effects=effects,
        by=tuple(by),
        measure=measure,
        method=method,
        bias=bias,
        conf_level=conf_level,
        main_scale=scale,
        pooled=pooled,
        formula=moderators,
        within_correlation=within_correlation,
        simulated=is_simulated(effects),
        candidates=None if candidates is None else tuple(candidates),
    )
    if moderators is not None:
        study.moderator_model  # noqa: B018  (a bad formula is an error now, not later)
    return study
