"""Tables of coefficients as they were found: studies, cells, items, correlates."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from waistats._format import percent
from waistats._labels import column_words, symbol_of
from waistats.errors import DataError, ModelError, listing
from waistats.figures._rows import coefficient_table
from waistats.reliability._result import ReliabilityEstimate
from waistats.rg.descriptives import CELL, describe_coefficients
from waistats.rg.study import RGStudy
from waistats.tables._columns import sheet, simulated
from waistats.tables.models import cells

if TYPE_CHECKING:
    from great_tables import GT


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
) -> "GT":
    """Tabulate a coefficient table, a row a coefficient.

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
    return sheet(
        shown,
        id="studies",
        title=title,
        notes=[f"All rows: {'; '.join(same)}." if same else "", simulated(table)],
        heads={"estimate": symbol_of(table), "n": "<i>n</i>"},
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
) -> "GT":
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
    if isinstance(data, RGStudy):
        frame = data.descriptives
    else:
        table = coefficient_table(data)
        known = {"k", "mean", "median"} <= set(table)
        frame = table if known else describe_coefficients(table, by)
    shown = frame[frame.columns.drop("k_poolable", errors="ignore")]
    if "k_without_value" in shown and not shown["k_without_value"].any():
        shown = shown.drop(columns="k_without_value")
    if "coefficient_type" in shown and len(set(shown["coefficient_type"])) == 1:
        shown = shown.drop(columns="coefficient_type")
    return sheet(
        shown,
        id="descriptives",
        title=title,
        notes=[
            "k = number of coefficients; N = sum of their respondents. Unweighted and "
            "untransformed; mode of values rounded to two decimals."
        ],
    )


def levels(study: Any, *, title: str = "Pooled Reliability by Moderator") -> "GT":
    """Tabulate the levels of categorical moderators, of a study or its ``levels``."""
    frame = study.levels if isinstance(study, RGStudy) else study
    _needs(frame, ("moderator", "level", "k", "estimate"), "pooled_levels()")
    conf_level = study.conf_level if isinstance(study, RGStudy) else 0.95
    return cells(frame, title=title, conf_level=conf_level)


def screen(study: Any, *, title: str = "Moderators One at a Time") -> "GT":
    """Tabulate tests of single moderators, of a study or its ``screen``."""
    frame = study.screen if isinstance(study, RGStudy) else study
    _needs(frame, ("moderator", "statistic", "p_adjusted"), "screen_moderators()")
    shown = frame.drop(columns=["kind", "model", "tau2"], errors="ignore")
    shown["moderator"] = [column_words(str(name)) for name in shown["moderator"]]
    blank = [c for c in ("note", "k_missing") if c in shown and not _filled(shown[c])]
    return sheet(
        shown.drop(columns=blank),
        id="screen",
        title=title,
        notes=[
            "F tests of models with one moderator; p adjusted for the number of tests "
            "(Holm). R² = share of heterogeneity explained."
        ],
        coefficients=False,
        heads={"statistic": "<i>F</i>"},
    )


def _filled(column: pd.Series) -> bool:
    if pd.api.types.is_numeric_dtype(column):
        return bool(column.fillna(0).any())
    return bool((column.fillna("").astype(str) != "").any())


def correlates(frame: Any, *, title: str = "Bivariate Correlations") -> "GT":
    """Tabulate a frame of `correlates`, or those of a study."""
    shown = frame.correlates if isinstance(frame, RGStudy) else frame
    _needs(shown, ("characteristic", "estimate", "p_adjusted"), "correlates()")
    if "note" in shown and not _filled(shown["note"]):
        shown = shown.drop(columns="note")
    return sheet(
        shown,
        id="correlates",
        title=title,
        notes=["Every coefficient counts the same and as if it were independent."],
        heads={"estimate": "<i>r</i>"},
    )


def reliability(estimates: Any, *, title: str = "Reliability") -> "GT":
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
        return sheet(
            estimates[filled],
            id="reliability",
            title=title,
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
    return sheet(
        frame,
        id="reliability",
        title=title,
        notes=notes,
        conf_level=found[0].conf_level,
        heads={"n": "<i>n</i>"},
    )


def items(statistics: pd.DataFrame, *, title: str = "Item Statistics") -> "GT":
    """Tabulate a frame of `item_statistics`; its warnings become the note."""
    _needs(statistics, ("item", "item_rest_correlation"), "item_statistics()")
    shown = statistics.copy()
    for name in ("share_at_floor", "share_at_ceiling"):
        shown[name] = [percent(100 * float(v), 0) for v in shown[name]]
    for name in ("mean", "sd"):
        shown = shown.rename(columns={name: f"item_{name}"})
    if not shown["missing"].any():
        shown = shown.drop(columns="missing")
    return sheet(
        shown,
        id="items",
        title=title,
        notes=statistics.attrs.get("notes", ()),
        heads={
            "item_mean": "<i>M</i>",
            "item_sd": "<i>SD</i>",
            "share_at_floor": "Floor",
            "share_at_ceiling": "Ceiling",
            "item_rest_correlation": "<i>r</i> with rest",
            "alpha_if_dropped": "α without",
        },
        numbers=("share_at_floor", "share_at_ceiling"),
    )
