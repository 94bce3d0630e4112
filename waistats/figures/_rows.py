"""What a figure draws of a fitted model: one row per coefficient."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from waistats._areas import critical
from waistats._format import count, level
from waistats._labels import range_text, value_text
from waistats.errors import ModelError, near
from waistats.figures._hover import MOST
from waistats.measures import back_transform
from waistats.rg.as_model import as_model, of_study

# What tells the coefficients of one study apart, in the order of its use.
_PARTS = ("sample_id", "instrument", "rater", "scale", "coefficient_id")


# what a bare number of these is called
_NUMBERED = {"sample_id": "sample", "coefficient_id": "no."}


def study_rows(result: Any, labels: str | Sequence[str] | None = None) -> pd.DataFrame:
    """Return the coefficients of a model as a figure needs them.

    Parameters
    ----------
    result : MetaResult or MultilevelResult
        The model.
    labels : str or sequence of str, optional
        A column with the labels, or the labels; by default the study, and what tells
        its coefficients apart.

    Returns
    -------
    DataFrame
        ``label, yi, vi, se, ci_low, ci_high, weight`` (percent) and ``n, n_items``
        where the table has them; intervals are normal ones on the model's scale.
    """
    effects = result.effects
    se = np.sqrt(effects.vi)
    half = critical(result.conf_level) * se
    rows = pd.DataFrame(
        {
            "label": _labels(effects.table, labels),
            "yi": effects.yi,
            "vi": effects.vi,
            "se": se,
            "ci_low": effects.yi - half,
            "ci_high": effects.yi + half,
            "weight": result.weight_shares(),
        }
    )
    for name in ("n", "n_items"):
        if name in effects.table:
            rows[name] = effects.table[name].to_numpy()
    rows["tip"] = _tips(result, rows)
    return rows


def _tips(result: Any, rows: pd.DataFrame) -> list[str]:
    """Return what each point says when it is pointed at: study, value, n, source."""
    measure = result.measure
    table = result.effects.table
    if len(table) > MOST:
        return [""] * len(table)
    sources = [""] * len(table)
    for name in ("doi", "source", "source_url"):
        if name in table:
            given = ["" if pd.isna(v) else str(v).strip() for v in table[name]]
            sources = [a or b for a, b in zip(sources, given, strict=True)]
    said = []
    for row, source in zip(rows.itertuples(), sources, strict=True):
        ends = [float(v) for v in (row.yi, row.ci_low, row.ci_high)]
        if measure is not None:
            ends = [float(back_transform(v, measure)) for v in ends]
        text = f"{row.label}: {value_text(ends[0], measure)}, "
        text += f"{level(result.conf_level)} CI {range_text(ends[1], ends[2], measure)}"
        n = getattr(row, "n", None)
        text += f", n = {count(float(n))}" if n is not None and pd.notna(n) else ""
        said.append(f"{text}. {source}" if source else f"{text}.")
    return said


def _labels(table: pd.DataFrame, labels: str | Sequence[str] | None) -> list[str]:
    if isinstance(labels, str):
        check_column(table, labels)
        return [str(value) for value in table[labels]]
    if labels is not None:
        given = [str(label) for label in labels]
        if len(given) != len(table):
            raise ModelError(
                f"labels must have one text per coefficient ({len(table)}); got "
                f"{len(given)}."
            )
        return given
    return study_labels(table)


def check_column(table: pd.DataFrame, name: str) -> None:
    """Raise a ModelError unless the fitted table has the column."""
    if name not in table:
        raise ModelError(
            f"The fitted table has no column {name!r}{near(name, map(str, table))}."
        )


def study_names(table: pd.DataFrame) -> dict[str, str]:
    """Return what each study is called: its authors and year, else its identifier.

    A bare number is no name: study 3 is called ``Study 3``.
    """
    ids = [str(v) for v in table["study_id"]]
    printed, alone = (_first(table, name, ids) for name in ("authors", "author"))
    years = _first(table, "year", ids)
    names: dict[str, str] = {}
    for study in dict.fromkeys(ids):
        called = _authors(printed.get(study, ""), years.get(study, ""))
        if not called and _is_number(study):
            called = _authors(alone.get(study, ""), years.get(study, ""))
            called = called or f"Study {study}"
        names[study] = called or study
    # two publications of one name keep their identifiers
    twice = pd.Series(names).duplicated(keep=False).to_dict()
    told = {s: f", study {s}" if _is_number(s) else f" ({s})" for s in names}
    return {s: f"{n}{told[s]}" if twice[s] and n != s else n for s, n in names.items()}


def _is_number(study: str) -> bool:
    return study.replace(".", "").isdigit()


def _first(table: pd.DataFrame, name: str, ids: list[str]) -> dict[str, str]:
    """Return the first filled cell of each study in a column, as text."""
    if name not in table:
        return {}
    found: dict[str, str] = {}
    for study, value in zip(ids, table[name].tolist(), strict=True):
        text = "" if pd.isna(value) else str(value).strip()
        if text:
            found.setdefault(study, text)
    return found


def _authors(text: str, year: str) -> str:
    """Return ``Horvath & Greenberg (1989)`` of authors as printed; empty if unknown."""
    # what stands in brackets is a remark
    if not text or text.startswith("("):
        return ""
    if ";" in text or "," in text:
        people = [p.strip() for p in text.split(";") if p.strip()]
        text = _joined([p.split(",")[0].strip() for p in people])
    try:
        return f"{text} ({int(float(year))})" if year else text
    except ValueError:
        return f"{text} ({year})"


def _joined(surnames: list[str]) -> str:
    if len(surnames) > 2:
        return f"{surnames[0]} et al."
    return " & ".join(surnames)


def study_labels(table: pd.DataFrame) -> list[str]:
    """Return a label per row: the study, and what tells its coefficients apart."""
    ids = table["study_id"].astype(str)
    label = ids.map(study_names(table))
    for name in _PARTS:
        repeated = label.duplicated(keep=False)
        if not repeated.any():
            break
        if name not in table:
            continue
        part = table[name].fillna("").astype(str)
        differs = part.groupby(label).transform("nunique") > 1
        # a sample or coefficient often repeats the name of its study
        part = pd.Series(
            [_part(p, s) for p, s in zip(part, ids, strict=True)], index=label.index
        )
        if name in _NUMBERED:
            part = part.where(~part.str.isdigit(), f"{_NUMBERED[name]} " + part)
        label = label.mask(repeated & differs & (part != ""), label + ", " + part)
    return list(label)


def _part(part: str, study: str) -> str:
    """Return what an identifier adds to that of its study."""
    rest = part.removeprefix(study).lstrip("_ ")
    return rest or (part if part.isdigit() else "")


def by_value(rows: pd.DataFrame, order: str, table: pd.DataFrame) -> pd.DataFrame:
    """Return rows in an order: ``"input"``, ``"estimate"``, ``"precision"``, column."""
    if order == "input":
        return rows
    if order == "estimate":
        return rows.sort_values("yi", kind="stable")
    if order == "precision":
        return rows.sort_values("vi", kind="stable")
    check_column(table, order)
    return rows.loc[
        table[order].reset_index(drop=True).sort_values(kind="stable").index
    ]


def coefficient_table(data: Any, *, own: bool = False) -> pd.DataFrame:
    """Return a coefficient table: itself, or that of a study or model.

    ``own`` takes of a study what its reports say of their own samples.
    """
    found = of_study(data, "own_rows" if own else "effects", data)
    if isinstance(found, pd.DataFrame):
        return found
    return as_model(data).effects.table
