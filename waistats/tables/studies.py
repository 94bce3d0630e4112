"""Tables of coefficients as they were found: studies, cells, items, correlates."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from waistats._format import percent
from waistats._labels import (
    LABELS,
    column_words,
    head_words,
    kind_words,
    symbol_of,
)
from waistats.errors import DataError, ModelError, listing
from waistats.figures._rows import coefficient_table, study_names
from waistats.measures import ALPHA_TYPES, kinds_of
from waistats.reliability._result import ReliabilityEstimate
from waistats.rg.as_model import of_study
from waistats.rg.coders import CoderAgreement
from waistats.rg.descriptives import CELL, describe_coefficients
from waistats.rg.induction import InductionRate
from waistats.rg.quality import study_quality
from waistats.tables._build import (
    coefficient_to,
    fixed_to,
    simulated,
    spec,
    whole,
    year,
)
from waistats.tables._spec import TableSpec
from waistats.tables.models import cells

_STUDY = (
    "study_id", "authors", "author", "year", "instrument", "rater", "scale",
    "coefficient_type", "language", "country", "setting", "modality", "n", "n_items",
    "score_mean", "score_sd", "estimate", "ci_low", "ci_high",
)  # fmt: skip


def _needs(frame: pd.DataFrame, names: Sequence[str], maker: str) -> None:
    absent = [name for name in names if name not in frame]
    if absent:
        raise DataError(f"The frame lacks {listing(absent)}; make it with {maker}.")


def studies(
    data: Any,
    *,
    columns: Sequence[str] | None = None,
    title: str = "Coefficients Included",
) -> TableSpec:
    """Tabulate a coefficient table, one row per coefficient.

    Parameters
    ----------
    data : DataFrame, RGStudy, MetaResult or MultilevelResult
        The coefficients.
    columns : sequence of str, optional
        Columns; by default the known ones that are there and not all blank or all one
        and the same word.
    title : str
        Title.
    """
    table = coefficient_table(data)
    if columns is None:
        names = [c for c in _STUDY if c in table and _says_something(table[c])]
        named = next((c for c in names if c in ("authors", "author")), None)
        if named is not None:
            whole = _all_named(table[named])
            names.remove("study_id" if whole else named)
    else:
        _needs(table, columns, "read_coefficients()")
        names = list(columns)
    same = [
        f"{c}: {table[c].iloc[0]}"
        for c in ("instrument", "rater", "scale")
        if columns is None and c in table and c not in names and table[c].notna().any()
    ]
    shown = table[names].copy()
    for name in {"modality", "coefficient_type"} & set(names):
        shown[name] = shown[name].astype(str).str.replace("_", " ")
    return spec(
        shown,
        name="studies",
        caption=title,
        notes=[f"All rows: {'; '.join(same)}." if same else "", simulated(table)],
        heads={"estimate": symbol_of(table), "n": "*n*"},
    )


def _all_named(column: pd.Series) -> bool:
    """Return whether every row has a name and no remark, in brackets, in its place."""
    words = column.fillna("").astype(str).str.strip()
    return bool(((words != "") & ~words.str.startswith("(")).all())


def _says_something(column: pd.Series) -> bool:
    words = not pd.api.types.is_numeric_dtype(column)
    needed = 2 if words and column.name != "study_id" and len(column) > 1 else 1
    return len(set(column.dropna().astype(str))) >= needed


def descriptives(
    data: Any, by: Sequence[str] = CELL, *, title: str = "Reported Coefficients"
) -> TableSpec:
    """Tabulate reported coefficients cell by cell, unweighted.

    Parameters
    ----------
    data : DataFrame, RGStudy or model
        A coefficient table, or a frame of `describe_coefficients`.
    by : sequence of str
        Columns that make the cells.
    title : str
        Title.
    """
    frame = of_study(data, "descriptives", None)
    if frame is None:
        table = coefficient_table(data)
        known = {"k", "mean", "median"} <= set(table)
        frame = table if known else describe_coefficients(table, by)
    shown = frame[frame.columns.drop("k_poolable", errors="ignore")]
    if "k_without_value" in shown and not shown["k_without_value"].any():
        shown = shown.drop(columns="k_without_value")
    shown, kind = without_one_kind(shown)
    filled = shown["k"] > 0
    if "k_without_value" in shown:
        filled |= shown["k_without_value"] > 0
    empty = int((~filled).sum())
    notes = [
        kind,
        "N = respondents, summed over coefficients. Unweighted and untransformed; mode "
        "of values rounded to two decimals, a dash where none repeats.",
    ]
    if empty:
        notes.append(f"Combinations of these levels without a coefficient: {empty}.")
    return spec(
        shown[filled],
        name="descriptives",
        caption=title,
        notes=notes,
        heads={"coefficient_type": "Coefficient"},
    )


def without_one_kind(frame: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """Return a frame with kinds of coefficients in words, and what a note says of one."""
    if "coefficient_type" not in frame:
        return frame, ""
    kinds = [kind_words(str(kind)) for kind in frame["coefficient_type"]]
    if len(set(kinds)) > 1:
        return frame.assign(coefficient_type=kinds), ""
    said = f"All coefficients: {kinds[0]}." if kinds and kinds[0] != "alpha" else ""
    return frame.drop(columns="coefficient_type"), said


def levels(study: Any, *, title: str = "Pooled Reliability by Moderator") -> TableSpec:
    """Tabulate the levels of categorical moderators, of a study or its ``levels``.

    Parameters
    ----------
    study : RGStudy or DataFrame
        The study, or its ``levels``.
    title : str
        Title.

    Returns
    -------
    GT
        One row per level of each moderator, on the alpha scale.
    """
    frame = of_study(study, "levels", study)
    _needs(frame, ("moderator", "level", "k", "estimate"), "pooled_levels()")
    conf_level = of_study(study, "conf_level", 0.95)
    return cells(frame, title=title, conf_level=conf_level)


def screen(study: Any, *, title: str = "Moderators One at a Time") -> TableSpec:
    """Tabulate tests of single moderators, of a study or its ``screen``.

    Parameters
    ----------
    study : RGStudy or DataFrame
        The study, or its ``screen``.
    title : str
        Title.

    Returns
    -------
    GT
        One row per moderator.
    """
    frame = of_study(study, "screen", study)
    _needs(frame, ("moderator", "statistic", "p_adjusted"), "screen_moderators()")
    conf_level = of_study(study, "conf_level", 0.95)
    shown = frame.drop(columns=["kind", "tau2", "explains", "why"], errors="ignore")
    names = [head_words(str(name)) for name in shown["moderator"]]
    shown = shown.assign(moderator=names)
    blank = [c for c in shown if c not in _ALWAYS and not _filled(shown[c])]
    shown = shown.drop(columns=blank)
    slopes = "slope" in shown
    return spec(
        shown[[c for c in _SCREEN if c in shown]],
        name="screen",
        caption=title,
        notes=[
            "F tests of models with one moderator; p adjusted by Holm’s method.",
            "b = slope on the scale of pooling." if slopes else "",
            "The change in α is that of one standard deviation more, from the mean."
            if "change" in shown
            else "",
            "The number of items enters as its logarithm."
            if slopes and "Number of items" in names
            else "",
            simulated(frame),
        ],
        coefficients=False,
        conf_level=conf_level,
        heads={"statistic": "*F*"},
        footnotes=("note", "model"),
    )


_ALWAYS = {"moderator", "k", "statistic", "df", "p_value", "p_adjusted", "R2"}
_SCREEN = (
    "moderator", "k", "k_studies", "k_missing", "n_levels", "slope", "slope_se",
    "slope_ci_low",
    "slope_ci_high", "change", "statistic", "df", "df_denominator", "p_value",
    "p_adjusted", "Q_E", "Q_E_df", "Q_E_p", "R2", "note", "model",
)  # fmt: skip


def _filled(column: pd.Series) -> bool:
    if pd.api.types.is_numeric_dtype(column):
        return bool(column.fillna(0).any())
    return bool((column.fillna("").astype(str) != "").any())


def correlates(frame: Any, *, title: str = "Bivariate Correlations") -> TableSpec:
    """Tabulate a frame of `correlates`, or those of a study.

    Parameters
    ----------
    frame : DataFrame or RGStudy
        Result of `waistats.correlates`, or a study.
    title : str
        Title.

    Returns
    -------
    GT
        One row per characteristic.
    """
    shown = of_study(frame, "correlates", frame)
    _needs(shown, ("characteristic", "estimate", "p_adjusted"), "correlates()")
    named = [_characteristic(str(name)) for name in shown["characteristic"]]
    return spec(
        shown.assign(characteristic=named),
        name="correlates",
        caption=title,
        notes=[
            "Unweighted and untransformed, as in the classical study: every coefficient "
            "counts the same and as if it were independent. Sample size is a precision, "
            "not a cause of reliability."
        ],
        heads={"estimate": "*r*"},
        footnotes=("note",),
    )


def _characteristic(name: str) -> str:
    """Return a number in words, or a level of a category."""
    column, equals, level = name.partition(" = ")
    return f"{head_words(column)}{equals}{level}"


def flow(boxes: pd.DataFrame, *, title: str = "Flow of Coefficients") -> TableSpec:
    """Tabulate a frame of `flow_counts`: what each box counts, and what is excluded.

    Parameters
    ----------
    boxes : DataFrame
        Result of `flow_counts`.
    title : str
        Title.

    Returns
    -------
    GT
        One row per box.
    """
    _needs(boxes, ("box", "side", "studies", "coefficients"), "flow_counts()")
    names = ("box", "studies", "samples", "coefficients", "persons")
    shown = boxes[[c for c in names if c in boxes]].copy()
    shown["box"] = [
        f"\u00a0\u00a0{box}" if side else str(box)
        for box, side in zip(boxes["box"], boxes["side"], strict=True)
    ]
    if "note" in boxes:
        shown["note"] = boxes["note"]
    return spec(
        shown,
        name="flow",
        caption=title,
        notes=[
            "Indented: excluded at that step. A study or sample with several "
            "coefficients may "
            "appear in several boxes. Persons: the largest n of each sample, added up.",
            simulated(boxes),
        ],
        heads={"box": "Step"},
        footnotes=("note",),
    )


def induction(
    rate: InductionRate, *, title: str = "Reliability Induction"
) -> TableSpec:
    """Tabulate a result of `induction_rate`: studies that took reliability from elsewhere.

    Parameters
    ----------
    rate : InductionRate
        Result of `induction_rate`.
    title : str
        Title.

    Returns
    -------
    GT
        One row per level of each grouping variable.
    """
    frame = rate.table
    shown = frame.drop(columns=["induced", "se"], errors="ignore")
    by = [head_words(str(v)) if v else "All" for v in shown["by"]]
    shown = shown.assign(by=by)
    return spec(
        shown,
        name="induction",
        caption=title,
        notes=["k = number of studies; Wilson intervals.", simulated(rate, frame)],
        conf_level=rate.conf_level,
        heads={
            "by": "By",
            "estimate": "Rate",
            "reported_own": "Reported",
            "induced_precise": "Induced, precise",
            "induced_vague": "Induced, vague",
        },
        footnotes=("note",),
        explain=False,
    )


_COMPARED = {
    "hedges g": "Hedges’ g",
    "difference": "difference of means",
    "log variance ratio": "ln variance ratio",
    "log odds ratio": "ln odds ratio",
}
_NUMBERS_OF_GROUPS = ("mean_reporting", "mean_inducing")


def comparison(
    frame: pd.DataFrame,
    *,
    conf_level: float = 0.95,
    title: str = "Inducing and Reporting Samples",
) -> TableSpec:
    """Tabulate a frame of `compare_samples`; logarithms are back-transformed.

    Parameters
    ----------
    frame : DataFrame
        Result of `compare_samples`.
    conf_level : float
        Confidence level of the intervals, for the heads of the columns.
    title : str
        Title.

    Returns
    -------
    GT
        One row per variable or level; effects on a log scale are back-transformed.
    """
    _needs(frame, ("variable", "measure", "estimate"), "compare_samples()")
    shown = frame.drop(
        columns=["sd_reporting", "sd_inducing", "se", "df"], errors="ignore"
    ).copy()
    logs = (shown["variable"].astype(str) == "n").to_numpy()
    for name in _NUMBERS_OF_GROUPS:
        values = pd.to_numeric(shown[name], errors="coerce").to_numpy(dtype=float)
        shown[name] = np.where(logs, np.exp(np.where(logs, values, 0.0)), values)
    shown["variable"] = [column_words(str(v)) for v in shown["variable"]]
    shown["measure"] = [_COMPARED.get(str(v), str(v)) for v in shown["measure"]]
    return spec(
        shown,
        name="comparison",
        caption=title,
        notes=[
            "Differences are inducing minus reporting samples. Means of a category are "
            "shares.",
            "The sizes of samples are compared on their logarithms; their means are "
            "geometric ones."
            if logs.any()
            else "",
            simulated(frame),
        ],
        coefficients=False,
        conf_level=conf_level,
        heads={
            "variable": "Variable",
            "mean_reporting": "*M* reporting",
            "mean_inducing": "*M* inducing",
            "estimate": "Difference",
        },
        shows=dict.fromkeys((*_NUMBERS_OF_GROUPS, "estimate", "ci"), fixed_to(2)),
        footnotes=("note",),
    )


_STUDY_LEVEL = (
    "year", "country", "language", "instrument", "rater", "setting", "sample_type",
    "population", "modality", "treatment_format", "design", "mean_age", "pct_female",
)  # fmt: skip


def characteristics(
    data: Any,
    *,
    columns: Sequence[str] | None = None,
    title: str = "Characteristics of the Included Studies",
) -> TableSpec:
    """Tabulate one row per study: sample, form and what was reported.

    Parameters
    ----------
    data : DataFrame, RGStudy, MetaResult or MultilevelResult
        The coefficients.
    columns : sequence of str, optional
        Characteristics; by default the known ones that are there and differ.
    title : str
        Title.

    Returns
    -------
    GT
        Several values of a study are listed; numbers as their range; the
        last columns count its coefficients and give the range of its alphas.
    """
    table = coefficient_table(data)
    if columns is None:
        names = [c for c in _STUDY_LEVEL if c in table and _says_something(table[c])]
    else:
        _needs(table, columns, "read_coefficients()")
        names = list(columns)
    codes, studies = pd.factorize(table["study_id"].astype(str))
    called = study_names(table)
    columns_of = {"study_id": [called[str(study)] for study in studies]}
    # a year that stands in every name needs no column of its own
    dated = all(re.search(r"\(\d{4}\)", text) for text in columns_of["study_id"])
    if columns is None and dated and "year" in names:
        names.remove("year")
    for name in (*names, "n"):
        if name in table:
            columns_of[name] = _spoken(table[name], name, codes, len(studies))
    sizes = np.bincount(codes[codes >= 0], minlength=len(studies))
    columns_of["coefficients"] = [str(size) for size in sizes]
    alphas = np.isin(kinds_of(table), list(ALPHA_TYPES))
    columns_of["alpha"] = _spoken(
        table.loc[alphas, "estimate"], "estimate", codes[alphas], len(studies)
    )
    shown = pd.DataFrame(columns_of)
    return spec(
        shown,
        name="characteristics",
        caption=title,
        notes=[
            "Ranges where a study has several values; α of all its scales.",
            simulated(table),
        ],
        heads={
            "n": "*n*",
            "coefficients": "Coefficients",
            "alpha": "α",
            **{c: column_words(c) for c in names if c not in LABELS},
        },
        numbers=("n", "coefficients", "alpha", "year", "mean_age", "pct_female"),
        explain=False,
    )


def _spoken(
    values: pd.Series, name: str, codes: np.ndarray, n_studies: int
) -> list[str]:
    """Return the values of each study as text: a range of numbers, a list of words."""
    there = values.notna().to_numpy() & (codes >= 0)
    kept, codes = values[there], codes[there]
    if pd.api.types.is_numeric_dtype(kept) and kept.dtype != bool:
        digits = {"estimate": 2, "mean_age": 1, "pct_female": 0}.get(name, 0)
        show = (
            coefficient_to(digits)
            if name == "estimate"
            else year
            if name == "year"
            else whole
            if name == "n"
            else fixed_to(digits)
        )
        out = [""] * n_studies
        ends = kept.groupby(codes).agg(["min", "max"])
        for code, low, high in zip(ends.index, ends["min"], ends["max"], strict=True):
            out[code] = "–".join(dict.fromkeys([show(low), show(high)]))
        return out
    found: list[dict[str, None]] = [{} for _ in range(n_studies)]
    for code, value in zip(codes, kept, strict=True):
        if str(value).strip():
            found[code].setdefault(str(value).replace("_", " "))
    return [", ".join(texts) for texts in found]


def quality(
    data: Any, *, title: str = "Quality of the Evidence for Internal Consistency"
) -> TableSpec:
    """Tabulate how studies are rated by COSMIN’s standards, one row per study.

    Parameters
    ----------
    data : DataFrame, RGStudy or model
        A coefficient table with the quality columns of the codebook.
    title : str
        Title.

    Returns
    -------
    GT
        One row per study.
    """
    table = coefficient_table(data)
    frame = study_quality(table)
    called = study_names(table)
    return spec(
        frame.assign(study_id=[called[str(name)] for name in frame["study_id"]]),
        name="quality",
        caption=title,
        notes=[
            "Box on internal consistency of the COSMIN Risk of Bias checklist (Mokkink "
            "et al., 2018), worst score counts. + one dimension was shown and alpha is "
            "at least .70; − it was shown and alpha is lower; ? it was not shown "
            "(Prinsen et al., 2018)."
        ],
        heads={
            "separate": "Each dimension separately",
            "statistic": "Statistic",
            "flaws": "Other flaws",
            "quality": "Quality",
            "criterion": "Criterion",
        },
        shows={"criterion": lambda v: {"-": "−"}.get(str(v), str(v))},
    )


def agreement(
    result: CoderAgreement, *, title: str = "Agreement of Two Coders"
) -> TableSpec:
    """Tabulate a result of `compare_coders`, one row per variable.

    Parameters
    ----------
    result : CoderAgreement
        Result of `compare_coders`.
    title : str
        Title.

    Returns
    -------
    GT
        One row per variable.
    """
    frame = result.to_frame()
    named = [column_words(str(v)) for v in frame["variable"]]
    coefficient = [
        {"kappa": "κ", "icc": "ICC"}.get(str(v), "") for v in frame["coefficient"]
    ]
    shown = frame.assign(variable=named, coefficient=coefficient).drop(
        columns=["kind", "se"]
    )
    return spec(
        shown,
        name="agreement",
        caption=title,
        notes=[
            f"Rows coded by both: {result.k_matched}. k = rows that both filled in; "
            "κ of categories, ICC(2,1) of numbers.",
            simulated(result),
        ],
        conf_level=result.conf_level,
        heads={
            "variable": "Variable",
            "k_one_blank": "Blank in one",
            "agreement": "Agreement (%)",
            "coefficient": "Coefficient",
        },
        shows={"agreement": fixed_to(1)},
        footnotes=("note",),
        explain=False,
    )


def reliability(estimates: Any, *, title: str = "Reliability") -> TableSpec:
    """Tabulate reliability estimates.

    Parameters
    ----------
    estimates : ReliabilityEstimate, mapping of them by name, sequence, or DataFrame
        Estimates; or a coefficient table with ``estimate``.
    title : str
        Title.
    """
    if isinstance(estimates, pd.DataFrame):
        names = [c for c in (*_STUDY, "se", "reason") if c in estimates]
        filled = [c for c in names if _says_something(estimates[c]) or c == "estimate"]
        return spec(
            estimates[filled],
            name="reliability",
            caption=title,
            notes=[simulated(estimates)],
        )
    if isinstance(estimates, ReliabilityEstimate):
        estimates = [estimates]
    named = isinstance(estimates, Mapping)
    found = list(estimates.values()) if named else list(estimates)
    if not found or not all(isinstance(e, ReliabilityEstimate) for e in found):
        raise ModelError(
            "reliability() needs estimates such as cronbach_alpha() gives."
        )
    frame = pd.concat([e.to_frame() for e in found], ignore_index=True)
    if named:
        frame.insert(0, "scale", [str(name) for name in estimates])
    if not frame["n_excluded"].any():
        frame = frame.drop(columns="n_excluded")
    notes = dict.fromkeys(sentence for e in found for sentence in (e.method, *e.notes))
    kinds = list(dict.fromkeys(e.ci for e in found if e.ci))
    if kinds:
        notes[f"Confidence intervals: {', '.join(kinds)}."] = None
    return spec(
        frame,
        name="reliability",
        caption=title,
        notes=notes,
        conf_level=found[0].conf_level,
        heads={"n": "*n*"},
    )


def items(statistics: pd.DataFrame, *, title: str = "Item Statistics") -> TableSpec:
    """Tabulate a frame of `item_statistics`; its warnings become the note.

    Parameters
    ----------
    statistics : DataFrame
        Result of `item_statistics`.
    title : str
        Title.

    Returns
    -------
    GT
        One row per item.
    """
    _needs(statistics, ("item", "item_rest_correlation"), "item_statistics()")
    shown = statistics.copy()
    for name in ("share_at_floor", "share_at_ceiling"):
        shown[name] = [percent(100 * float(v), 0) for v in shown[name]]
    for name in ("mean", "sd"):
        shown = shown.rename(columns={name: f"item_{name}"})
    if not shown["missing"].any():
        shown = shown.drop(columns="missing")
    return spec(
        shown,
        name="items",
        caption=title,
        notes=statistics.attrs.get("notes", ()),
        heads={
            "item_mean": "*M*",
            "item_sd": "*SD*",
            "share_at_floor": "Floor",
            "share_at_ceiling": "Ceiling",
            "item_rest_correlation": "*r* with rest",
            "alpha_if_dropped": "α without",
        },
        numbers=("share_at_floor", "share_at_ceiling"),
    )
