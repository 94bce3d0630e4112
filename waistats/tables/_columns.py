"""A frame to a great_tables table in the form of APA 7, notes and all.

How the columns of a frame are headed and shown in a table.
"""

import html as markup
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from waistats._format import (
    MISSING,
    cell,
    coefficient,
    count,
    fixed,
    interval,
    level,
    p_value,
)
from waistats._labels import decimals
from waistats.provenance import SIMULATED as MARK, is_simulated

if TYPE_CHECKING:
    from great_tables import GT


# Heads in HTML; statistical symbols are italic, Greek ones are not (APA 7).
_HEADS = {
    "study_id": "Study",
    "sample_id": "Sample",
    "coefficient_id": "Coefficient",
    "coefficient_type": "Kind",
    "n": "<i>N</i>",
    "n_items": "Items",
    "k": "<i>k</i>",
    "k_studies": "Studies",
    "k_poolable": "Poolable",
    "k_without_value": "Without value",
    "k_missing": "Missing",
    "n_levels": "Levels",
    "n_excluded": "Left out",
    "se": "<i>SE</i>",
    "sd": "<i>SD</i>",
    "mean": "<i>M</i>",
    "median": "<i>Mdn</i>",
    "min": "Min",
    "max": "Max",
    "q1": "<i>Q</i><sub>1</sub>",
    "q3": "<i>Q</i><sub>3</sub>",
    "df": "<i>df</i>",
    "p_value": "<i>p</i>",
    "p_adjusted": "<i>p</i> (adjusted)",
    "tau2": "τ²",
    "tau": "τ",
    "sigma2": "σ²",
    "I2": "<i>I</i>² (%)",
    "H2": "<i>H</i>²",
    "R2": "<i>R</i>² (%)",
    "r2": "<i>r</i>²",
    "Q": "<i>Q</i>",
    "Q_df": "<i>df</i>",
    "Q_p": "<i>p</i>",
    "vif": "VIF",
    "gvif": "GVIF",
    "rstudent": "Residual",
    "dffits": "DFFITS",
    "cook_d": "Cook’s <i>D</i>",
    "cov_ratio": "Cov. ratio",
    "tau2_deleted": "τ² without",
    "Q_deleted": "<i>Q</i> without",
    "hat": "Leverage",
    "weight": "Weight (%)",
    "aic": "AIC",
    "bic": "BIC",
    "aicc": "AICc",
    "score_mean": "<i>M</i> (score)",
    "score_sd": "<i>SD</i> (score)",
    "pct_female": "Female (%)",
    "doi": "DOI",
    "yi": "<i>y</i>",
    "vi": "<i>v</i>",
}
COUNTS = {"n", "k", "k_studies", "k_poolable", "k_without_value", "k_missing"} | {
    "n_items", "n_levels", "n_excluded", "k0", "Q_df", "year", "persons", "samples",
}  # fmt: skip
ALPHAS = {"mean", "median", "mode", "sd", "min", "q1", "q3", "max"} | {
    "alpha_if_dropped", "item_rest_correlation", "r2", "loading",
}  # fmt: skip
_PERCENTS = {"I2", "R2", "weight", "pct_female"}
_LIMITS = {"ci": "CI", "pi": "PI", "oi": "OI"}


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: its head in HTML, its texts, and whether it is words."""

    name: str
    head: str
    texts: list[str]
    words: bool


def table_columns(
    frame: pd.DataFrame,
    *,
    coefficients: bool,
    conf_level: float,
    heads: dict[str, str] | None = None,
    digits: int | None = None,
) -> list[Column]:
    """Return the columns of a frame as they are shown.

    Parameters
    ----------
    frame : DataFrame
        Unrounded.
    coefficients : bool
        Whether ``estimate`` and the limits are reliabilities (no zero before the
        point) or values on a model's scale.
    conf_level : float
        Level of the limits, for their heads.
    heads : dict, optional
        Heads in HTML instead of the usual ones.
    digits : int, optional
        Decimals of reliabilities; 2 by default, 3 where one would be shown as 1.00.
    """
    given = heads or {}
    most = digits or (_digits(frame) if coefficients else 2)

    def bounded(value: float | None) -> str:
        return coefficient(value, most) if coefficients else fixed(value, 3)

    columns: list[Column] = []
    for name in frame.columns:
        stem, _, end = str(name).rpartition("_")
        if end == "high" and f"{stem}_low" in frame:
            continue
        if end == "low" and f"{stem}_high" in frame:
            head = f"{level(conf_level)} {_LIMITS.get(stem, stem)}"
            pairs = zip(frame[name], frame[f"{stem}_high"], strict=True)
            texts = [interval(low, high, bounded) for low, high in pairs]
            columns.append(Column(stem, given.get(stem, head), texts, False))
            continue
        if name == "df_denominator":
            continue
        values = frame[name]
        if name == "df" and "df_denominator" in frame:
            texts = _degrees(frame)
        else:
            show = _show(str(name), values, bounded, most)
            texts = [show(value) for value in values]
        head = given.get(str(name), _HEADS.get(str(name), plain_head(str(name))))
        columns.append(Column(str(name), head, texts, _words(values)))
    return columns


def plain_head(name: str) -> str:
    """Return a column name as words: ``mean_age`` is ``Mean age``."""
    text = name.replace("_", " ").strip()
    return text[:1].upper() + text[1:]


def _words(values: pd.Series) -> bool:
    return not pd.api.types.is_numeric_dtype(values)


def _digits(frame: pd.DataFrame) -> int:
    names = [c for c in ("estimate", "ci_high", "pi_high", "max") if c in frame]
    numbers = [pd.to_numeric(frame[c], errors="coerce").to_numpy(float) for c in names]
    return decimals(np.concatenate(numbers)) if numbers else 2


def _show(
    name: str, values: pd.Series, bounded: Callable[[Any], str], digits: int
) -> Callable[[Any], str]:
    """Return how values of a column are shown."""
    if any(isinstance(value, str) for value in values):
        return lambda v: MISSING if _blank(v) or v == "" else str(v)
    if name in {"p_value", "p_adjusted"} or name.endswith("_p"):
        return lambda v: p_value(_number(v))
    if name == "estimate":
        return lambda v: bounded(_number(v))
    if not pd.api.types.is_numeric_dtype(values) or values.dtype == bool:
        return lambda v: MISSING if _blank(v) else cell(name, v, 3)
    if name in COUNTS:
        return _whole if name == "year" else (lambda v: count(_number(v)))
    if name == "df":
        return lambda v: _degree(_number(v))
    if name == "change":
        return lambda v: coefficient(_number(v), 3)
    if name in _PERCENTS:
        return lambda v: fixed(_number(v), 1)
    if name in ALPHAS:
        return lambda v: coefficient(_number(v), digits)
    if pd.api.types.is_integer_dtype(values):
        return _whole
    return lambda v: fixed(_number(v), 3)


def _blank(value: Any) -> bool:
    return value is None or (np.ndim(value) == 0 and bool(pd.isna(value)))


def _number(value: Any) -> float | None:
    return None if _blank(value) else float(value)


def _whole(value: Any) -> str:
    return MISSING if _blank(value) else str(int(value))


def _degree(value: float | None) -> str:
    whole = value is not None and float(value).is_integer()
    return fixed(value, 0 if whole else 1)


def _degrees(frame: pd.DataFrame) -> list[str]:
    pairs = zip(frame["df"], frame["df_denominator"], strict=True)
    return [
        ", ".join(_degree(_number(d)) for d in pair if not _blank(d)) or MISSING
        for pair in pairs
    ]


SIMULATED = f"The data are {MARK}."


def simulated(*data: Any) -> str:
    """Return what a note says of tables or results of which any is SIMULATED."""
    return SIMULATED if any(is_simulated(one) for one in data) else ""


def sheet(
    frame: pd.DataFrame,
    *,
    id: str,
    title: str,
    notes: Iterable[str] = (),
    coefficients: bool = True,
    conf_level: float = 0.95,
    heads: dict[str, str] | None = None,
    groups: str | None = None,
    numbers: Iterable[str] = (),
    digits: int | None = None,
) -> "GT":
    """Return a table of a frame.

    Parameters
    ----------
    frame : DataFrame
        Unrounded; pairs such as ``ci_low, ci_high`` become one column.
    id : str
        Identifier in HTML; a fixed one makes the HTML the same each time.
    title : str
        Title.
    notes : iterable of str
        Sentences of the note below; empty ones are left out.
    coefficients : bool, default True
        Whether estimates are reliabilities, or values on a model's scale.
    conf_level : float, default 0.95
        Level of the intervals.
    heads : dict, optional
        Heads of columns in HTML.
    groups : str, optional
        Column whose values head groups of rows.
    numbers : iterable of str
        Columns of texts that stand to the right as numbers do.
    digits : int, optional
        Decimals of reliabilities instead of 2.
    """
    from great_tables import GT, html as as_html

    notes = [sentence for sentence in notes if sentence]
    if "provenance" in frame and set(frame["provenance"]) <= {MARK}:
        if len(frame) and SIMULATED not in notes:
            notes.append(SIMULATED)
        frame = frame.drop(columns="provenance")

    columns = table_columns(
        frame,
        coefficients=coefficients,
        conf_level=conf_level,
        heads=heads,
        digits=digits,
    )
    left = [c.name for c in columns if c.words and c.name not in set(numbers)]
    right = [c.name for c in columns if c.name not in left]
    shown = pd.DataFrame({c.name: c.texts for c in columns}, dtype=object)
    table = (
        GT(shown, id=f"waistats-{id}", groupname_col=groups)
        .tab_header(as_html(f"<b>{markup.escape(title)}</b>"))
        .cols_label({c.name: as_html(c.head) for c in columns if c.name != groups})
        .cols_align("left", columns=left)
        .cols_align("right", columns=right)
        .tab_options(
            container_width="auto",
            table_margin_left="0",
            table_font_size="10pt",
            heading_align="left",
            heading_title_font_size="10pt",
            heading_border_bottom_style="none",
            table_border_top_style="none",
            table_border_bottom_style="none",
            column_labels_border_top_color="black",
            column_labels_border_bottom_color="black",
            column_labels_border_bottom_width="1px",
            table_body_border_bottom_color="black",
            table_body_border_top_color="black",
            table_body_hlines_style="none",
            row_group_border_top_style="none",
            row_group_border_bottom_style="none",
            row_group_font_weight="bold",
            data_row_padding="3px",
            source_notes_font_size="9pt",
            source_notes_padding="4px",
        )
    )
    note = " ".join(notes)
    if note:
        table = table.tab_source_note(as_html(f"<i>Note.</i> {markup.escape(note)}"))
    return table
