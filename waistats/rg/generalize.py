"""The whole study in one call."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from waistats._caller import option
from waistats._frames import as_frame
from waistats._progress import Steps
from waistats.errors import (
    ModelError,
    check_conf_level,
    check_option,
    listing,
    near,
    visible,
)
from waistats.measures import (
    MEASURES,
    effect_sizes,
    kind_words,
    numbers_of,
    status_of,
    variance_known,
)
from waistats.measures._known import known_covariance
from waistats.meta._covariance import follow
from waistats.meta._fits import Fits
from waistats.meta._prediction import DEFAULT_PREDICTION, PREDICTIONS
from waistats.meta.tau2 import check_method
from waistats.provenance import is_simulated
from waistats.rg.combine import combine_tables
from waistats.rg.descriptives import CELL, kinds
from waistats.rg.pooling import (
    FEWEST_TO_POOL,
    POOLED,
    default_title,
    main_rows,
    main_scale,
    pool,
)
from waistats.rg.prisma import check_screening
from waistats.rg.study import RGStudy
from waistats.rg.texts import read_texts


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
    V: Any = None,
    prediction: str = DEFAULT_PREDICTION,
    screening: Any = None,
    coders: Any = None,
    texts: Any = None,
    missing_moderators: str = "error",
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
        Confidence level.
    within_correlation : float, optional
        Correlation of sampling errors of one study's coefficients (`fit_multilevel`).
    candidates : sequence of str, optional
        Columns that are tested as moderators one at a time; by default every known
        study characteristic that the table has.
    title : str, optional
        What is studied, for titles; the instruments by default.
    V : mapping, array or DataFrame, optional
        Sampling covariance of coefficients that share respondents, as for
        `fit_multilevel`; by default ``attrs["V"]`` of the tables, which
        ``reliability_by_study(..., covariance=True)`` puts there. Its variances
        replace ``vi``; studies that it leaves out keep theirs.
    prediction : {"confidence-distribution", "metafor"}
        Prediction intervals of one-level models: with the uncertainty of the
        heterogeneity variance, or metafor's; see `FittedModel.predict`.
    screening : DataFrame, optional
        Log of the search, as for `prisma_counts`.
    coders : DataFrame or sequence of DataFrame, optional
        Sheets of further coders, as for `compare_coders`.
    texts : mapping or path, optional
        What only the authors can tell (question, criteria, search, funding ...), as for
        `read_texts`.
    missing_moderators : {"error", "drop"}, default "error"
        Refuse rows without a value of a moderator of ``moderators``, or leave them out
        of that model, by name.

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
    coefficients the model has three levels, fitted by REML (or ML), and its interval
    is cluster-robust (CR2) if there are enough studies. A cell of fewer than three
    studies is described only.

    Examples
    --------
    >>> from waistats import generalize, load_dataset
    >>> print(generalize(load_dataset("cesd")).sentence())
    Overall (total, k = 9, one level, Knapp-Hartung): alpha = .905, 95% CI [.885, .922],
    95% PI [.834, .946], I2 = 81.4%
    """
    coefficients = as_frame(coefficients)
    screening = as_frame(screening)
    measure = check_option("measure", measure, MEASURES)
    prediction = check_option("prediction", prediction, PREDICTIONS)
    missing_moderators = check_option(
        "missing_moderators", missing_moderators, ("error", "drop")
    )
    check_conf_level(conf_level)
    method = check_method(method)
    by = (by,) if isinstance(by, str) else tuple(by)
    if numbers := sorted({"yi", "vi", *POOLED} & set(by)):
        raise ModelError(
            f"by={listing(numbers)}: cells are defined by categories, such as "
            "instrument or rater, not by results."
        )
    with Steps("study", 5) as bar:
        bar.step("tables")
        table = combine_tables(coefficients)
        intake = _intake(coefficients)
        if screening is not None:
            screening = check_screening(screening)
        if texts is not None:
            texts = read_texts(texts)
        bar.step("effect sizes")
        effects = effect_sizes(table, measure=measure, bias=bias, conf_level=conf_level)
        V = known_covariance(table) if V is None else V
        known = None
        if V is not None and (not hasattr(V, "__len__") or len(V)):
            known = follow(
                effects,
                V,
                measure=str(table.attrs.get("V_measure", measure)),
                within_correlation=within_correlation,
            )
            there = effects["yi"].notna().to_numpy()
            effects.loc[there, "vi"] = known.matrix.diagonal()[there]
        notes = (
            *table.attrs.get("notes", ()),
            *effects.attrs.get("notes", ()),
            *_ignored(by, table),
        )
        effects.attrs = {}
        used = effects[effects["yi"].notna()]
        if used["study_id"].nunique() < 2:
            raise ModelError(
                f"{used['study_id'].nunique()} study gives a poolable coefficient; "
                "generalization needs at least two."
            )
        bar.step("pooled model")
        scale = main_scale(used)
        rows = main_rows(used, scale)
        pooled, fits = None, Fits()
        if rows["study_id"].nunique() >= FEWEST_TO_POOL:
            pooled = pool(
                rows,
                method=method,
                conf_level=conf_level,
                within_correlation=None if known is not None else within_correlation,
                V=known,
                prediction=prediction,
                fits=fits,
            )
        study = RGStudy(
            title=visible(title or default_title(used)),
            effects=effects,
            by=by,
            measure=measure,
            method=method,
            bias=bias,
            prediction=prediction,
            conf_level=conf_level,
            main_scale=scale,
            pooled=pooled,
            formula=moderators,
            within_correlation=within_correlation,
            simulated=is_simulated(effects),
            candidates=None if candidates is None else tuple(candidates),
            V=known,
            screening=screening,
            coders=coders,
            texts=texts,
            missing_moderators=missing_moderators,
            notes=tuple(dict.fromkeys((*notes, *set_aside(effects)))),
            intake=intake,
            fits=fits,
        )
        bar.step("coders")
        if coders is not None:
            study.agreements  # noqa: B018  (sheets that do not match are an error now)
        bar.step("moderator model")
        if moderators is not None:
            study.moderator_model  # noqa: B018  (a bad formula is an error now, not later)
    return study


def set_aside(
    effects: pd.DataFrame, called: Mapping[str, str] | None = None
) -> list[str]:
    """Return a sentence on complete rows that no sampling variance can be given.

    ``called`` says what a study is called; its identifier by default.
    """
    status = status_of(effects)
    numbers = [numbers_of(effects, name) for name in ("estimate", "n", "n_items")]
    complete = np.isfinite(np.stack(numbers)).all(axis=0)
    left = effects["yi"].isna().to_numpy() & complete
    bare = left & status.own & ~variance_known(effects)
    if not bare.any():
        return []
    names = called or {}
    rows = zip(effects["study_id"][bare], kinds(effects)[bare], strict=True)
    said = [f"{kind_words(kind)} of {names.get(study, study)}" for study, kind in rows]
    return [
        "Excluded because their sampling variance is unknown: "
        f"{listing(dict.fromkeys(said))}."
    ]


def _ignored(by: Sequence[str], table: pd.DataFrame) -> list[str]:
    """Return a note for each column of cells that was asked for and is not there."""
    known = [str(name) for name in table.columns]
    return [
        f"{option('by')}: there is no column {name!r}{near(name, known)}; it was ignored."
        for name in by
        if name not in known and name not in CELL
    ]


DECIDED = "decided by the"


def _intake(coefficients: Any) -> tuple[str, ...]:
    """Return what was decided when tables were read, each sentence once."""
    several = isinstance(coefficients, (list, tuple))
    said: dict[str, None] = {}
    for table in coefficients if several else [coefficients]:
        for record in getattr(table, "attrs", {}).get("intake", ()):
            where = str(record.get("where", ""))
            text = str(record.get("decision", "") or record.get("finding", ""))
            by = str(record.get("by", ""))
            if where and where not in text and record.get("finding") != "question":
                text = f"{where}: {text}"
            who = f" ({DECIDED} {by})" if by else ""
            said[f"{text.rstrip('.')}{who}."] = None
    return tuple(said)
