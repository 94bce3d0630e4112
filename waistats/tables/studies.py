"""Tables of coefficients as they were found: studies, cells, items, correlates."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype

from waistats._labels import (
    LABELS,
    column_words,
    symbol_of,
)
from waistats.errors import ModelError
from waistats.figures._rows import coefficient_table, study_names
from waistats.measures import ALPHA_TYPES, kind_words, kinds_of
from waistats.reliability._result import ReliabilityEstimate
from waistats.rg.as_model import of_study
from waistats.rg.descriptives import CELL, describe_coefficients
from waistats.tables._build import (
    check_columns,
    coefficient_to,
    fixed_to,
    percent_to,
    simulated,
    spec,
    whole,
    year,
)
from waistats.tables._spec import Show, TableSpec

_STUDY = (
    "study_id", "year", "instrument", "rater", "scale",
    "coefficient_type", "language", "country", "setting", "modality", "n", "n_items",
    "score_mean", "score_sd", "estimate", "ci_low", "ci_high",
)  # fmt: skip


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
    else:
        check_columns(table, columns, "read_coefficients()")
        names = list(columns)
    same = [
        f"{c}: {table[c].iloc[0]}"
        for c in ("instrument", "rater", "scale")
        if columns is None and c in table and c not in names and table[c].notna().any()
    ]
    # where it is asked for, it is a column and not a note
    shown = _in_words(table[names]).rename(columns={"provenance": "read"})
    return spec(
        shown.assign(study_id=_called(table)) if "study_id" in names else shown,
        name="studies",
        caption=title,
        notes=[f"All rows: {'; '.join(same)}." if same else "", simulated(table)],
        heads={
            "estimate": symbol_of(table),
            "n": "*n*",
            "read": "Provenance",
            **{c: column_words(c) for c in _AS_CODED if c in names},
        },
    )


_AS_CODED = ("source_url", "source", "evidence", "reliability_status")
_STATUS_WORDS = {
    "reported_own": "own",
    "induced_precise": "induced, precise",
    "induced_vague": "induced, vague",
    "omitted": "not mentioned",
}


def _called(table: pd.DataFrame) -> list[str]:
    called = study_names(table)
    return [called.get(name, name) for name in table["study_id"].astype(str)]


def _in_words(frame: pd.DataFrame) -> pd.DataFrame:
    """Return rows of a coefficient table whose codes are words."""
    said: dict[str, Callable[[str], str]] = {
        "coefficient_type": kind_words,
        "reliability_status": lambda status: _STATUS_WORDS.get(status, status),
    }
    made = {}
    for name in {*said, *_STUDY_LEVEL} & set(frame):
        if not is_numeric_dtype(frame[name]):
            words = said.get(name, _spaced)
            texts = frame[name].map(str, na_action="ignore")
            made[name] = texts.map(words, na_action="ignore")
    return frame.assign(**made)


def _spaced(word: str) -> str:
    """Return a code of the codebook as words: ``face_to_face`` is ``face to face``."""
    return word.replace("_", " ")


def _says_something(column: pd.Series) -> bool:
    words = not is_numeric_dtype(column)
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
    modes = _of_modes(shown)
    filled = shown["k"] > 0
    if "k_without_value" in shown:
        filled |= shown["k_without_value"] > 0
    empty = int((~filled).sum())
    notes = [
        kind,
        f"N = respondents, summed over coefficients. Unweighted and untransformed. {modes}",
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


def _of_modes(shown: pd.DataFrame) -> str:
    """Return what a mode is here, and a dash in its place where there is one."""
    if "mode" not in shown:
        return ""
    text = "Mode: of values rounded to two decimals, the largest of several"
    several = shown.loc[shown["k"] > 1, "mode"]
    return (
        f"{text}; a dash where no value repeats."
        if several.isna().any()
        else f"{text}."
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
        The coefficients; of a study those of its reports' own samples.
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
    table = coefficient_table(data, own=True)
    if columns is None:
        names = [c for c in _STUDY_LEVEL if c in table and _says_something(table[c])]
    else:
        check_columns(table, columns, "read_coefficients()")
        names = list(columns)
    codes, studies = pd.factorize(table["study_id"].astype(str))
    called = study_names(table)
    ids = [called[str(study)] for study in studies]
    shown = pd.DataFrame({"study_id": ids})
    # a year that stands in every name needs no column of its own
    dated = all(re.search(r"\(\d{4}\)", text) for text in ids)
    if columns is None and dated and "year" in names:
        names.remove("year")
    for name in (*names, "n"):
        if name in table:
            shown = shown.join(_of_studies(table[name], name, codes, len(studies)))
    sizes = np.bincount(codes[codes >= 0], minlength=len(studies))
    shown["coefficients"] = sizes
    alphas = np.isin(kinds_of(table), list(ALPHA_TYPES))
    sign = "α"
    if not alphas.any():
        alphas, sign = np.ones(len(table), dtype=bool), symbol_of(table)
    values = pd.to_numeric(table.loc[alphas, "estimate"], errors="coerce")
    shown = shown.join(_of_studies(values, "alpha", codes[alphas], len(studies)))
    ranges = [c.removesuffix("_min") for c in shown if c.endswith("_min")]
    return spec(
        shown,
        name="characteristics",
        caption=title,
        notes=[
            _of_several(shown, table, sign),
            simulated(table),
        ],
        heads={
            "n": "*n*",
            "coefficients": "*k*",
            "alpha": sign,
            **{c: column_words(c) for c in names if c not in LABELS},
        },
        shows={name: _RANGES.get(name, fixed_to(0)) for name in ranges},
        ranges=ranges,
        explain=False,
    )


def _of_several(shown: pd.DataFrame, table: pd.DataFrame, sign: str) -> str:
    """Return what a cell says of a study with several coefficients; empty without."""
    text = "k = number of coefficients"
    if "scale" in table and len(set(table["scale"].dropna())) > 1:
        text += f"; {sign} of all scales of a study"
    if (shown["coefficients"].astype(int) > 1).any():
        text += ". Ranges where a study has several values"
    return f"{text}."


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
            _in_words(estimates[filled]),
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
    check_columns(statistics, ("item", "item_rest_correlation"), "item_statistics()")
    shown = statistics.copy()
    for name in ("share_at_floor", "share_at_ceiling"):
        shown[name] = 100 * shown[name]
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
        shows=dict.fromkeys(("share_at_floor", "share_at_ceiling"), percent_to(0)),
    )


# how the ends of what a study gives several times are shown; others as whole numbers
_RANGES: Mapping[str, Show] = {
    "alpha": coefficient_to(2),
    "year": year,
    "n": whole,
    "mean_age": fixed_to(1),
}


def _of_studies(
    values: pd.Series, name: str, codes: np.ndarray, n_studies: int
) -> pd.DataFrame:
    """Return the values of each study: the least and the most, or a list of words."""
    there = values.notna().to_numpy() & (codes >= 0)
    kept, codes = values[there], codes[there]
    if is_numeric_dtype(kept) and kept.dtype != bool:
        ends = kept.groupby(codes).agg(["min", "max"]).reindex(range(n_studies))
        return ends.rename(columns=lambda end: f"{name}_{end}")
    found: list[dict[str, None]] = [{} for _ in range(n_studies)]
    for code, value in zip(codes, kept, strict=True):
        if str(value).strip():
            found[code].setdefault(_spaced(str(value)))
    return pd.DataFrame({name: [", ".join(texts) for texts in found]})


def without_one_kind(frame: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """Return a frame with kinds of coefficients in words, and what a note says of one."""
    if "coefficient_type" not in frame:
        return frame, ""
    kinds = [kind_words(str(kind)) for kind in frame["coefficient_type"]]
    if len(set(kinds)) > 1:
        return frame.assign(coefficient_type=kinds), ""
    said = f"All coefficients: {kinds[0]}." if kinds and kinds[0] != "alpha" else ""
    return frame.drop(columns="coefficient_type"), said
