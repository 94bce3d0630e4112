"""A frame to a great_tables table in the form of APA 7, notes and all."""

import html as markup
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import pandas as pd

from waistats.provenance import SIMULATED as MARK
from waistats.provenance import is_simulated
from waistats.tables.columns import table_columns

if TYPE_CHECKING:
    from great_tables import GT

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
    from great_tables import GT
    from great_tables import html as as_html

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
