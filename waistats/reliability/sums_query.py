"""The query for sums by study, in Ibis's words, for whatever engine Ibis speaks to.

It groups by study and by which scales a respondent completed, so that every scale is
summed over its own complete respondents although each item is summed once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from waistats.errors import DataError
from waistats.reliability.grouping import CARRIED, as_text
from waistats.reliability.layout import Layout, LongColumns, item_name
from waistats.reliability.scales import ScalePlan
from waistats.reliability.sources import Source, fetch


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Answers:
    """A table with one row a respondent, and what to ask of it.

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
        Items to be turned round in the query.
    """

    table: Any
    layout: Layout
    plan: ScalePlan
    order: tuple[str, ...]
    turned: frozenset[object]

    @property
    def keys(self) -> list[str]:
        """Columns that make a sample."""
        return [self.layout.study, *self.layout.by]


def numeric_columns(table: Any, columns: Sequence[object]) -> list[str]:
    """Return in words the columns that are not numbers."""
    schema = table.schema()
    return [
        f"{name} is {schema[name]}"
        for name in columns
        if not (schema[name].is_numeric() or schema[name].is_boolean())
    ]


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
    """Return the query that puts a long table into one row a respondent."""
    long = layout.long
    if long is None:
        return source.table
    table = source.table
    carry = [c for c in CARRIED if c in source.columns and c not in layout.keys]
    value = _number(table, long.value)
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
    import ibis

    column = table[name]
    kind = column.type()
    if kind.is_boolean() or kind.is_integer():
        roomy = _ROOMY.get(str(kind).lstrip("!"), "int64")
        return column.cast(roomy if narrow else "int64")
    column = column.cast("float64")
    return ibis.ifelse(column.isnan(), ibis.null("float64"), column)


def sums_query(answers: Answers, *, products: bool = False) -> Any:
    """Return the Ibis expression of the sums that the scales need.

    Parameters
    ----------
    answers : Answers
        The table and the scales.
    products : bool
        Whether cross-products are needed too.
    """
    plan, table = answers.plan, answers.table
    position = {column: j for j, column in enumerate(plan.columns)}
    narrow = len(position) <= _MOST_NARROW
    given = {
        f"x{j}": _number(table, str(c), narrow=narrow) for c, j in position.items()
    }
    kept = [*answers.keys, *answers.order]
    if answers.layout.long is not None:
        kept.append("waistats_answers")
    base = table.select(*dict.fromkeys(kept), **given)
    if answers.turned and plan.form is not None:
        low, high = plan.form.limits
        turned = {
            f"x{position[c]}": (low + high) - base[f"x{position[c]}"]
            for c in answers.turned & set(position)
        }
        base = base.mutate(**turned)
    scales = {
        f"t{i}": [base[f"x{position[c]}"] for c in columns]
        for i, columns in enumerate(plan.scales.values())
    }
    base = base.mutate(
        **{name: sum(of[1:], start=of[0]) for name, of in scales.items()}
    )
    asked = {"n": base.count()}
    for j in position.values():
        x = base[f"x{j}"]
        asked |= {f"s{j}": x.sum(), f"q{j}": (x * x).sum()}
        if plan.form is not None:
            low, high = plan.form.limits
            wrong = (x < low) | (x > high)
            if x.type().is_floating():
                wrong = wrong | (x != x.round())
            asked[f"w{j}"] = wrong.cast("int64").sum()
    for name in scales:
        total = _wide(base[name])
        asked[f"square_{name}"] = (total * total).sum()
    if products:
        for j, k in _pairs(plan, position):
            asked[f"p{j}_{k}"] = (base[f"x{j}"] * base[f"x{k}"]).sum()
    if answers.layout.long is not None:
        present = [_given(base[f"x{j}"]).cast("int64") for j in position.values()]
        counted = sum(present[1:], start=present[0])
        asked["twice"] = (base["waistats_answers"] > counted).cast("int64").sum()
    groups = [
        base[name] for name in dict.fromkeys([*answers.keys, *answers.order[:-1]])
    ]
    if answers.order:
        asked["first"] = base[answers.order[-1]].min()
    full = {f"c_{name}": _given(base[name]) for name in scales}
    return base.group_by(groups, **full).aggregate(**asked)


def _wide(column: Any) -> Any:
    """Return a total with room for its square.

    Ibis takes sums of small numbers for larger ones than engines make of them, and so
    leaves a cast to a larger type out; by way of real numbers it cannot.
    """
    if not column.type().is_integer():
        return column
    return column.cast("float64").cast("int64")


def _given(column: Any) -> Any:
    return column.notnull()


def _pairs(plan: ScalePlan, position: dict[object, int]) -> list[tuple[int, int]]:
    """Return the pairs of items that share a scale, each once."""
    found = set()
    for columns in plan.scales.values():
        at = sorted(position[c] for c in columns)
        found |= {(j, k) for a, j in enumerate(at) for k in at[a + 1 :]}
    return sorted(found)
