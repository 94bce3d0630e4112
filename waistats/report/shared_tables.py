"""Tables that several parts of a report share."""

from typing import Any

import pandas as pd

from waistats.format import fixed, percent
from waistats.report.blocks import (
    Block,
    Column,
    alpha,
    alpha_interval,
    decimals,
    make_table,
    text,
    whole,
)
from waistats.report.text import name_words

CELL_COLUMNS = (
    Column("Version", "instrument", text, False),
    Column("Rater", "rater", text, False),
    Column("Scale", "scale", text, False),
    Column("Coefficient", "coefficient_type", text, False),
)


def pooled_table(frame: pd.DataFrame, caption: str, shown: str) -> Block:
    """Return pooled reliability a row a cell."""
    notes = []
    if (frame["note"] != "").any():
        notes.append("Cells of fewer than three studies are described only.")
    return make_table(
        frame,
        (
            Column("Moderator", "moderator", name_words, False),
            Column("Level", "level", text, False),
            *CELL_COLUMNS,
            Column("k", "k", whole),
            Column("Studies", "k_studies", whole),
            Column("N", "n", whole),
            Column("Alpha", "estimate", alpha),
            Column(f"{shown} CI", alpha_interval),
            Column(f"{shown} PI", lambda r: alpha_interval(r, "pi_low", "pi_high")),
            Column("tau2", "tau2", decimals(3)),
            Column("I2", "I2", lambda v: percent(v)),
            Column("Model", lambda r: text(r["note"] or r["model"]), numeric=False),
        ),
        caption,
        notes,
    )


def degrees(row: Any) -> str:
    """Return numerator and denominator degrees of freedom."""
    return f"{fixed(row['df'], 0)}, {fixed(row['df_denominator'], 1)}"
