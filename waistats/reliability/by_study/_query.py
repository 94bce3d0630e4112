"""Answers as a query has them, in Ibis's words, for whatever engine Ibis speaks to.

Items as numbers, sums of scored items by study and by which scales a respondent
completed, and the responses of some studies at a time, for what sums cannot give.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from waistats._progress import progress
from waistats.errors import DataError
from waistats.io._long import LongColumns, item_name
from waistats.reliability.by_study._layout import (
    CARRIED,
    NO_ONE,
    Layout,
    ScalePlan,
    as_text,
)
from waistats.reliability.by_study._sources import Source, fetch, without_nan


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Answers:
    """A table with one row per respondent, and what to ask of it.

    Attributes
    ----------
    table : ibis Table
        Responses, wide.
    layout : Layout
        Where the study and the samples stand.
    plan : ScalePlan
        The scales.
    order : tuple of str
        Columns that give the order of the rows.
    turned : frozenset
        Items to be reverse-scored in the query.
    turned_in : tuple or None
        Studies, as the table spells them, where they are; None for all.
    limits : tuple of float or None
        Lowest and highest answer, between which items are reverse-scored.
    codes : tuple of float
        Numbers that mean a missing answer.
    besides : frozenset
        Items to reverse-score in addition to those of the key.
    both_ends : float
        Sum of the lowest and the highest answer, between which these are reversed.
    stored : bool
        Whether the table is files of Parquet, which know the ends of their columns.
    rows : int
        Rows of the table, 0 where they were not counted.
    """

    table: Any
    layout: Layout
    plan: ScalePlan
    order: tuple[str, ...]
    turned: frozenset[object] = frozenset()
    turned_in: tuple[object, ...] | None = None
    limits: tuple[float, float] | None = None
    codes: tuple[float, ...] = ()
    besides: frozenset[object] = frozenset()
    both_ends: float = 0.0
    stored: bool = False
    rows: int = 0

    @property
    def keys(self) -> list[str]:
        """Columns that make a sample."""
        return [self.layout.study, *self.layout.by]


def long_items(source: Source, long: LongColumns) -> dict[str, object]:
    """Return the items of a long table: column name to value, numbers in order."""
    column = source.table[long.item]
    values = fetch(source.table.select(item=column).distinct())["item"]
    if values.isna().any():
        raise DataError(
            f"every row of a long table needs an item; {long.item} has gaps."
        )
    texts = as_text(values)
    named = {
        item_name(str(text), long.item): value
        for text, value in zip(texts, values, strict=True)
    }
    return dict(sorted(named.items(), key=lambda pair: (len(pair[0]), pair[0])))


def widened(source: Source, layout: Layout, items: dict[str, object]) -> Any:
    """Return the query that puts a long table into one row per respondent."""
    long = layout.long
    if long is None:
        return source.table
    table = source.table
    carry = [c for c in CARRIED if c in source.columns and c not in layout.keys]
    value = _number(table, long.value, narrow=True)
    cells = {
        name: value.max(where=table[long.item] == raw) for name, raw in items.items()
    }
    counts = {"waistats_answers": value.count()}
    first = {name: table[name].min() for name in source.order}
    facts = {name: table[name].max() for name in carry}
    keys = list(dict.fromkeys([layout.study, *layout.by, *long.person]))
    return table.group_by(keys).aggregate(**cells, **counts, **first, **facts)


# types with room for the squares of answers, and for totals of so many of them
_ROOMY = {"boolean": "int16", "int8": "int16", "int16": "int32"}
_MOST_NARROW = 200


def _number(table: Any, name: str, *, narrow: bool = False) -> Any:
    """Return a column as whole or real numbers, NaN as missing."""
    column = table[name]
    kind = column.type()
    if (kind.is_boolean() or kind.is_integer()) and not kind.is_uint64():
        roomy = _ROOMY.get(str(kind).lstrip("!"), "int64")
        return column.cast(roomy if narrow else "int64")
    return without_nan(column.cast("float64"))


def item_number(
    table: Any, name: str, codes: tuple[float, ...], *, narrow: bool = False
) -> Any:
    """Return an item as numbers, codes for a missing answer as missing."""
    import ibis

    column = _number(table, name, narrow=narrow)
    if not codes:
        return column
    return ibis.ifelse(column.isin(list(codes)), ibis.null(str(column.type())), column)


def oriented(answers: Answers, column: object, *, narrow: bool) -> Any:
    """Return an item as numbers, reverse-scored where the user says so."""
    x = item_number(answers.table, str(column), answers.codes, narrow=narrow)
    if column not in answers.besides:
        return x
    ends = answers.both_ends
    return (int(ends) if float(ends).is_integer() else ends) - x


def sums_query(
    answers: Answers,
    *,
    near: dict[str, float] | None = None,
    with_total: bool = False,
) -> Any:
    """Return the Ibis expression of the sums that the scales need.

    Parameters
    ----------
    answers : Answers
        The table and the scales.
    near : dict of str to float, optional
        What is taken off the answers of an item before summing.
    with_total : bool
        Whether each item's product with the total of the first scale is needed too.
    """
    plan, table = answers.plan, answers.table
    position = {column: j for j, column in enumerate(plan.columns)}
    narrow = len(position) <= _MOST_NARROW
    given = {f"x{j}": oriented(answers, c, narrow=narrow) for c, j in position.items()}
    kept = [*answers.keys, *answers.order]
    if answers.layout.long is not None:
        kept.append("waistats_answers")
    base = table.select(*dict.fromkeys(kept), **given)
    if answers.turned and plan.form is not None:
        base = base.mutate(**_turned(answers, base, position))
    scales = {
        f"t{i}": [base[f"x{position[c]}"] for c in columns]
        for i, columns in enumerate(plan.scales.values())
    }
    base = base.mutate(
        **{name: sum(of[1:], start=of[0]) for name, of in scales.items()}
    )
    base = base.mutate(**_shifted(base, scales, position, near or {}))
    asked = {"n": base.count()}
    for j in position.values():
        y = base[f"y{j}"]
        asked |= {f"s{j}": y.sum(), f"q{j}": (y * y).sum()}
    for name in scales:
        total = with_room(base[f"y{name}"])
        asked[f"square_{name}"] = (total * total).sum()
    if with_total:
        # exact as real numbers up to 2**53, and faster than whole ones
        whole = base["yt0"].cast("float64")
        for j in position.values():
            asked[f"a{j}"] = (base[f"y{j}"].cast("float64") * whole).sum()
    if answers.layout.long is not None:
        present = [is_given(base[f"x{j}"]).cast("int64") for j in position.values()]
        counted = sum(present[1:], start=present[0])
        asked["twice"] = (base["waistats_answers"] > counted).cast("int64").sum()
    groups = [
        base[name] for name in dict.fromkeys([*answers.keys, *answers.order[:-1]])
    ]
    if answers.order:
        asked["first"] = base[answers.order[-1]].min()
    full = {f"c_{name}": is_given(base[name]) for name in scales}
    return base.group_by(groups, **full).aggregate(**asked)


# whole numbers whose squares, and sums of them, an engine holds exactly
_SMALL = frozenset({"boolean", "int8", "uint8", "int16", "uint16"})
_FIRST = 1000


def origins(
    answers: Answers,
    columns: Sequence[object] | None = None,
    *,
    as_answered: bool = False,
) -> dict[str, float]:
    """Return a whole number near the answers of each item that needs one.

    It is near the scored answers, or with ``as_answered`` near those of the table.

    Squares of numbers that are large against their spread lose the spread: a constant
    taken off before squaring keeps it. Small whole numbers need none.
    """
    schema = answers.table.schema()
    large = [
        str(column)
        for column in columns or answers.plan.columns
        if str(schema[str(column)]).lstrip("!") not in _SMALL
    ]
    if not large:
        return {}
    first = fetch(answers.table.select(*large).limit(_FIRST))
    near = {}
    for name in large:
        values = pd.to_numeric(first[name], errors="coerce").to_numpy(
            dtype=np.float64, na_value=np.nan
        )
        finite = values[np.isfinite(values)]
        near[name] = float(np.round(finite.mean())) if finite.size else 0.0
    if not as_answered:
        for name in near.keys() & {str(column) for column in answers.besides}:
            near[name] = answers.both_ends - near[name]
    return near


def _shifted(
    base: Any,
    scales: dict[str, list[Any]],
    position: dict[object, int],
    near: dict[str, float],
) -> dict[str, Any]:
    """Return items and totals less their origins; without origins, as they are."""
    items = {}
    for column, j in position.items():
        x = base[f"x{j}"]
        if str(column) in near:
            origin = near[str(column)]
            # whole numbers beyond 2**53 differ exactly before they become real ones
            whole = x.type().is_integer() and abs(origin) < 2**62
            x = (x - (int(origin) if whole else origin)).cast("float64")
        items[f"y{j}"] = x
    totals = {}
    for name, of in scales.items():
        own = [items[f"y{x.get_name()[1:]}"] for x in of]
        totals[f"y{name}"] = sum(own[1:], start=own[0])
    return items | totals


def _turned(answers: Answers, base: Any, position: dict[object, int]) -> dict[str, Any]:
    """Return the reversed items, reverse-scored in the studies where they are."""
    import ibis

    form = answers.plan.form
    limits = answers.limits or (form.limits if form is not None else (0, 0))
    both = limits[0] + limits[1]
    ends = int(both) if float(both).is_integer() else both
    found = {}
    for column in answers.turned & set(position):
        x = base[f"x{position[column]}"]
        if answers.turned_in is None:
            found[f"x{position[column]}"] = ends - x
        else:
            here = base[answers.layout.study].isin(list(answers.turned_in))
            found[f"x{position[column]}"] = ibis.ifelse(here, ends - x, x)
    return found


def with_room(column: Any) -> Any:
    """Return a total with room for its square.

    Ibis takes sums of small numbers for larger ones than engines make of them, and so
    leaves a cast to a larger type out; by way of real numbers it cannot.
    """
    if not column.type().is_integer():
        return column
    return column.cast("float64").cast("int64")


def is_given(column: Any) -> Any:
    return column.notnull()  # noqa: PD004 (Ibis)


# respondents fetched at once: bounds memory, and is one fetch for most data
_MOST = 500_000


def study_batches(
    source: Source, layout: Layout, columns: Sequence[object]
) -> Iterator[pd.DataFrame]:
    """Yield frames that hold whole studies, studies in order of first appearance.

    Parameters
    ----------
    source : Source
        The responses.
    layout : Layout
        Where the study stands.
    columns : sequence
        Further columns needed.
    """
    facts = [c for c in CARRIED if c in source.columns]
    wanted = list(dict.fromkeys([*layout.keys, *columns, *facts]))
    table = source.table.select(*dict.fromkeys([*wanted, *source.order]))
    batches = _packed(source, layout)
    for values in progress(batches, "studies"):
        part = table.filter(table[layout.study].isin(values))
        frame = fetch(part)
        if source.order:
            frame = frame.sort_values(list(source.order), kind="stable")
        else:
            texts = [as_text(frame[name]) for name in (layout.study, *layout.by)]
            order = pd.DataFrame({str(i): text for i, text in enumerate(texts)})
            place = order.sort_values(list(order.columns), kind="stable").index
            frame = frame.loc[place]
        yield frame[wanted].reset_index(drop=True)


def _packed(source: Source, layout: Layout) -> list[list[object]]:
    """Return the values of the study column, packed into batches of bounded size."""
    table = source.table
    first = {name: table[name].min() for name in source.order}
    query = table.group_by(table[layout.study]).aggregate(n=table.count(), **first)
    counts = fetch(query)
    if counts.empty:
        raise DataError(NO_ONE)
    texts = as_text(counts[layout.study])
    if texts.isna().any():
        lost = int(counts.loc[texts.isna().to_numpy(), "n"].sum())
        raise DataError(
            f"every respondent needs a value, but {layout.study} is empty for {lost}. "
            "Fill it in or leave these respondents out."
        )
    counts["text"] = texts.to_numpy(dtype=object)
    counts = counts.sort_values([*source.order, "text"], kind="stable")
    # one study may be spelt in several ways, and must stay together
    studies = counts.groupby("text", sort=False).agg({layout.study: list, "n": "sum"})
    batch = np.cumsum(studies["n"].to_numpy()) // _MOST
    packed: dict[int, list[object]] = {}
    for number, values in zip(batch, studies[layout.study], strict=True):
        packed.setdefault(int(number), []).extend(values)
    return list(packed.values())
