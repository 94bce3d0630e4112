"""The forest plots of a report: their columns and groups, as the user chose them."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from waistats import figures
from waistats._caller import option
from waistats._format import count
from waistats._labels import column_words
from waistats.errors import ModelError, near
from waistats.figures.forest import COLUMNS, OWN
from waistats.report.blocks import Figure, embed
from waistats.rg.pooling import Pooled
from waistats.rg.study import RGStudy

# beyond this many rows a forest plot fills more than a page
MANY = 40
# rows of a forest plot that was asked for by its columns or groups
MOST = 120


@dataclass(frozen=True, slots=True)
class Forest:
    """How forest plots are drawn; by default as `figures.forest` draws them.

    Attributes
    ----------
    columns : tuple of str or None
        Columns of text next to the plot.
    by : str or None
        Column whose groups have a heading and a pooled value each.
    """

    columns: tuple[str, ...] | None = None
    by: str | None = None

    @property
    def chosen(self) -> bool:
        """Whether anything was chosen."""
        return self.columns is not None or self.by is not None

    def code(self) -> str:
        """Return the options as arguments of `RGStudy.report`, each after a comma."""
        given = {
            "forest_columns": None if self.columns is None else list(self.columns),
            "forest_by": self.by,
        }
        return "".join(
            f", {name}={value!r}" for name, value in given.items() if value is not None
        )


DEFAULT = Forest()


def checked_forest(
    study: RGStudy, columns: Sequence[str] | None = None, by: str | None = None
) -> Forest:
    """Return the choice, or refuse what the study does not have.

    Raises
    ------
    ModelError
        For columns that the coefficients do not have, a text in place of a sequence,
        and groups of which the overall model has fewer than two.
    """
    table = study.main_rows
    known = [c for c in map(str, table.columns) if c not in {"measure", "yi", "vi"}]
    problems = []
    if isinstance(columns, str):
        raise ModelError(
            f"{option('forest_columns')} takes a sequence of names, such as "
            f"[{columns!r}]."
        )
    for name in dict.fromkeys(columns or ()):
        if name not in known and name not in OWN:
            problems.append(
                f"{option('forest_columns')}: the coefficients have no column {name!r}"
                f"{near(name, [*OWN, *known])}."
            )
    if by is not None and by not in known:
        problems.append(
            f"{option('forest_by')}: the coefficients have no column {by!r}"
            f"{near(by, known)}."
        )
    if problems:
        every = ", ".join([*OWN, *known])
        raise ModelError(f"{' '.join(problems)} Columns: {every}.")
    if by is not None and groups(table, by) < 2:
        raise ModelError(
            f"{option('forest_by')}: the coefficients of the overall model have one "
            f"{by} only; groups need two."
        )
    return Forest(None if columns is None else tuple(columns), by)


def groups(table: pd.DataFrame, by: str) -> int:
    """Return how many groups a column makes; rows without a value are one."""
    return int(table[by].nunique(dropna=False))


def forest_figure(
    part: Pooled, name: str, of: str, study: RGStudy, forest: Forest = DEFAULT
) -> Figure:
    """Return the forest plot of a pooled model, a caterpillar plot of many rows."""
    note = f"Model: {part.model}."
    if part.fit.k > (MOST if forest.chosen else MANY):
        if forest.chosen:
            note += (
                f" A forest plot of {count(part.fit.k)} coefficients cannot be read; one "
                f"with the chosen columns has up to {MOST}."
            )
        return embed(
            name,
            figures.caterpillar(part),
            f"Caterpillar Plot {of}",
            note,
            simulated=study.simulated,
        )
    table = part.fit.effects.table
    # a scale of which all rows are of one group has nothing to compare
    by = forest.by
    if by is not None and (by not in table or groups(table, by) < 2):
        by = None
    columns = COLUMNS if forest.columns is None else forest.columns
    here = [c for c in columns if c in OWN or c in table]
    drawn = figures.forest(part, by=by, columns=here)
    title = f"Forest Plot {of}"
    if by is not None:
        title += f", by {column_words(by)}"
    return embed(name, drawn, title, note, simulated=study.simulated)
