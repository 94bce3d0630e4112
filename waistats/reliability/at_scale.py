"""Sums by study in one query, on whatever engine Ibis speaks to.

The query groups by study and by which scales a respondent completed, so that every
scale is summed over its own complete respondents although each item is summed once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from waistats.arrays import IntArray
from waistats.errors import DataError, listing
from waistats.reliability.grouping import CARRIED, as_text, joined_text, joined_values
from waistats.reliability.layout import Layout, LongColumns, item_name
from waistats.reliability.moments import SumArray
from waistats.reliability.scales import ScalePlan
from waistats.reliability.sources import Source, fetch
from waistats.reliability.summaries import Summary, summary_from_sums


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
    return column.notnull()  # noqa: PD004 - Ibis, not pandas


def _pairs(plan: ScalePlan, position: dict[object, int]) -> list[tuple[int, int]]:
    """Return the pairs of items that share a scale, each once."""
    found = set()
    for columns in plan.scales.values():
        at = sorted(position[c] for c in columns)
        found |= {(j, k) for a, j in enumerate(at) for k in at[a + 1 :]}
    return sorted(found)


def query_summaries(
    answers: Answers, *, products: bool = False
) -> tuple[pd.DataFrame, dict[str, Summary]]:
    """Return the samples, in order, and the moments of each scale.

    Raises
    ------
    DataError
        If a study is empty, an answer outside the form's range, or, in a long table,
        an item answered twice.
    """
    rows = fetch(sums_query(answers, products=products))
    samples, codes = ordered_samples(rows, answers)
    _refuse_bad(rows, samples, codes, answers.plan)
    return samples, {
        scale: _summary(rows, codes, len(samples), i, columns, answers.plan, products)
        for i, (scale, columns) in enumerate(answers.plan.scales.items())
    }


def ordered_samples(
    rows: pd.DataFrame, answers: Answers
) -> tuple[pd.DataFrame, IntArray]:
    """Return one row a sample in order of first appearance, and each row's sample.

    Without an order of rows, samples are ordered by name.
    """
    texts = {name: as_text(rows[name]) for name in answers.keys}
    empty = [name for name, text in texts.items() if text.isna().any()]
    if empty:
        lost = int(rows.loc[texts[empty[0]].isna().to_numpy(), "n"].sum())
        raise DataError(
            f"every respondent needs a value, but {listing(empty)} is empty for "
            f"{lost}. Fill it in or leave these respondents out."
        )
    joined = pd.Series(joined_text(list(texts.values())), dtype=object)
    if answers.order:
        order = rows[[*answers.order[:-1], "first"]].copy()
        by = list(order.columns)
    else:
        order, by = joined.to_frame("name"), ["name"]
    place = order.sort_values(by, kind="stable").index.to_numpy()
    _, names = pd.factorize(joined.iloc[place])
    codes = pd.Index(names).get_indexer(pd.Index(joined)).astype(np.int64)
    first = pd.Series(place).groupby(codes[place]).first().to_numpy()
    samples = pd.DataFrame(
        {
            "study_id": texts[answers.layout.study].iloc[first].to_numpy(dtype=object),
            "sample_id": np.asarray(names, dtype=object),
        }
    )
    for name in answers.layout.by:
        samples[name] = rows[name].iloc[first].to_numpy()
    return _with_facts(samples, answers), codes


def _with_facts(samples: pd.DataFrame, answers: Answers) -> pd.DataFrame:
    """Add the facts of a sample that the table holds: rater, provenance, ..."""
    known = answers.table.columns
    carry = [c for c in CARRIED if c in known and c not in answers.layout.keys]
    if not carry:
        return samples
    table = answers.table.select(*answers.keys, *carry).distinct()
    found = fetch(table)
    joined = joined_text([as_text(found[name]) for name in answers.keys])
    codes = pd.Index(samples["sample_id"]).get_indexer(pd.Index(joined))
    for name in carry:
        samples[name] = joined_values(found[name], codes, len(samples))
    return samples


def _refuse_bad(
    rows: pd.DataFrame, samples: pd.DataFrame, codes: IntArray, plan: ScalePlan
) -> None:
    names = samples["study_id"].to_numpy()
    if "twice" in rows and (rows["twice"].fillna(0) > 0).any():
        where = dict.fromkeys(names[codes[(rows["twice"] > 0).to_numpy()]])
        raise DataError(
            f"respondents answer an item more than once in study {listing(where)}. "
            "Name every column that identifies a respondent in person=: client and "
            "session, say."
        )
    if plan.form is None:
        return
    bad = []
    for j, column in enumerate(plan.columns):
        wrong = rows[f"w{j}"].fillna(0).to_numpy()
        if wrong.any():
            where = dict.fromkeys(names[codes[wrong > 0]])
            bad.append(f"{column}: {int(wrong.sum())} (study {listing(where, 5)})")
    if bad:
        low, high = plan.form.limits
        raise DataError(
            f"answers must be whole numbers from {low} to {high}, or empty; these are "
            f"not: {listing(bad, 30)}."
        )


def _summary(
    rows: pd.DataFrame,
    codes: IntArray,
    k: int,
    scale: int,
    columns: Sequence[object],
    plan: ScalePlan,
    products: bool,
) -> Summary:
    position = {column: j for j, column in enumerate(plan.columns)}
    at = [position[column] for column in columns]
    full = rows[f"c_t{scale}"].to_numpy(dtype=bool)
    kept, part = codes[full], rows[full]

    def summed(name: str) -> SumArray:
        return _added(part[name], kept, k)

    given = _added(rows["n"], codes, k)
    n = summed("n")
    cross = None
    if products:
        cross = np.empty((k, len(at), len(at)), dtype=summed(f"q{at[0]}").dtype)
        for a, j in enumerate(at):
            cross[:, a, a] = summed(f"q{j}")
            for b in range(a + 1, len(at)):
                low, high = sorted((j, at[b]))
                cross[:, a, b] = cross[:, b, a] = summed(f"p{low}_{high}")
    return summary_from_sums(
        n=n.astype(np.int64),
        n_excluded=(given - n).astype(np.int64),
        sums=np.column_stack([summed(f"s{j}") for j in at]),
        squares=np.column_stack([summed(f"q{j}") for j in at]),
        total_square=summed(f"square_t{scale}"),
        products=cross,
    )


def _added(values: "pd.Series[Any]", codes: IntArray, k: int) -> SumArray:
    """Return sums by sample; whole numbers stay whole."""
    whole = pd.api.types.is_integer_dtype(values)
    total: SumArray = np.zeros(k, dtype=np.int64 if whole else np.float64)
    np.add.at(total, codes, values.to_numpy(dtype=total.dtype))
    return total
