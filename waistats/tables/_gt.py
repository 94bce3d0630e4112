"""A table as a great_tables table, and what a great_tables table says."""

from collections.abc import Callable
from functools import wraps
from html import unescape
from typing import TYPE_CHECKING, Any, ParamSpec

import pandas as pd

from waistats._signature import public
from waistats.errors import ModelError, visible
from waistats.tables._spec import Column, TableSpec, head
from waistats.tables._typeset import plain, sentence, signs, to_html

if TYPE_CHECKING:
    from great_tables import GT

P = ParamSpec("P")

# great_tables copies what an object holds with every method, this along with the rest
_KEPT = "waistats_spec"

_LOOK: dict[str, Any] = {
    "container_width": "auto",
    "table_margin_left": "0",
    "table_font_size": "10pt",
    "heading_align": "left",
    "heading_title_font_size": "10pt",
    "heading_border_bottom_style": "none",
    "table_border_top_style": "none",
    "table_border_bottom_style": "none",
    "column_labels_border_top_color": "black",
    "column_labels_border_bottom_color": "black",
    "column_labels_border_bottom_width": "1px",
    "table_body_border_bottom_color": "black",
    "table_body_border_top_color": "black",
    "table_body_hlines_style": "none",
    "row_group_border_top_style": "none",
    "row_group_border_bottom_style": "none",
    "row_group_font_weight": "bold",
    "data_row_padding": "3px",
    "source_notes_font_size": "9pt",
    "source_notes_padding": "4px",
}


def to_gt(spec: TableSpec) -> "GT":
    """Return a table as a great_tables table in the form of APA 7, notes and all."""
    from great_tables import GT, html as as_html

    texts = {
        column.name: [signs(t) for t in spec.texts(column)]
        if column.numeric
        else spec.texts(column)
        for column in spec.columns
    }
    shown = pd.DataFrame(texts, dtype=object)
    if spec.groups is not None:
        shown[spec.groups] = [str(v) for v in spec.frame[spec.groups]]
    left = [c.name for c in spec.columns if not c.numeric]
    right = [c.name for c in spec.columns if c.numeric]
    table = (
        GT(shown, id=f"waistats-{spec.name}", groupname_col=spec.groups)
        .tab_header(as_html(f"<b>{to_html(sentence(spec.caption))}</b>"))
        .cols_label({c.name: as_html(to_html(c.head)) for c in spec.columns})
        .cols_align("left", columns=left)
        .cols_align("right", columns=right)
        .tab_options(**_LOOK)
    )
    if spec.note:
        note = f"<i>Note.</i> {to_html(sentence(spec.note))}"
        table = table.tab_source_note(as_html(note))
    table.__dict__[_KEPT] = spec
    return table


def published(make: Callable[P, TableSpec]) -> Callable[P, "GT"]:
    """Return a function that gives a great_tables table for one that gives a spec."""

    @wraps(make)
    def made(*args: P.args, **kwargs: P.kwargs) -> "GT":
        return to_gt(make(*args, **kwargs))

    made.__annotations__ = {**make.__annotations__, "return": "GT"}
    return public(made, "waistats.tables")


def spec_of(table: Any) -> TableSpec:
    """Return what a table says: one of ours, or any great_tables table.

    What a user changed of ours since - title, notes, heads, hidden columns - counts.
    """
    if isinstance(table, TableSpec):
        return table
    if not hasattr(table, "_tbl_data"):
        raise ModelError(
            "A table is one of waistats.tables or of great_tables; got "
            f"{type(table).__name__}."
        )
    title = _text(table._heading.title)
    notes = tuple(_text(n).removeprefix("Note. ") for n in table._source_notes)
    kept = table.__dict__.get(_KEPT)
    heads = {c.var: _text(c.column_label) for c in table._boxhead if c.visible}
    if isinstance(kept, TableSpec):
        columns = tuple(
            c if c.title == heads[c.name] else _renamed(c, heads[c.name])
            for c in kept.columns
            if c.name in heads
        )
        if kept.note and notes and notes[0] == plain(sentence(kept.note)):
            notes = (*kept.notes, *notes[1:])
        if title == plain(sentence(kept.caption)):
            title = kept.caption
        return TableSpec(
            frame=kept.frame,
            columns=columns,
            caption=title,
            notes=notes,
            name=kept.name,
            groups=kept.groups,
        )
    body = table._build_data(context="html")._body.body
    groups = next((c.var for c in table._boxhead if c.type.name == "row_group"), None)
    frame = pd.DataFrame(
        {str(c): [_text(v) for v in body[c]] for c in body}, dtype=object
    )
    if groups is not None:
        frame[groups] = [str(v) for v in table._tbl_data[groups]]
    return TableSpec(
        frame=frame,
        columns=tuple(
            Column(
                name=c.var,
                head=head(heads[c.var]),
                sources=(c.var,),
                show=str,
                numeric=str(c.defaulted_align) == "right",
            )
            for c in table._boxhead
            if c.visible and c.var != groups
        ),
        caption=title,
        notes=notes,
        groups=groups,
    )


def _renamed(column: Column, title: str) -> Column:
    from dataclasses import replace

    return replace(column, head=head(title))


def _text(value: Any) -> str:
    """Return a text of great_tables, which may be marked as HTML, without its tags."""
    import re

    if value is None:
        return ""
    marked = getattr(value, "text", None)
    raw = str(value) if marked is None else str(marked)
    if marked is not None or "<" in raw:
        raw = unescape(re.sub(r"<[^<>]*>", "", raw))
    return visible(" ".join(raw.split()))


def to_html_fragment(table: Any) -> str:
    """Return a table as HTML with its own style, to put into a page."""
    made = to_gt(table) if isinstance(table, TableSpec) else table
    return visible(made.as_raw_html(), keep="\n\t")
