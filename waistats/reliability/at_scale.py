"""Sums by study, as a query gives them, to samples and their moments."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from waistats.arrays import IntArray
from waistats.errors import DataError, listing
from waistats.reliability.grouping import (
    CARRIED,
    NO_ONE,
    as_text,
    joined_text,
    joined_values,
)
from waistats.reliability.moments import SumArray
from waistats.reliability.scales import ScalePlan
from waistats.reliability.sources import fetch
from waistats.reliability.summaries import Summary, summary_from_sums
from waistats.reliability.sums_query import Answers, sums_query


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
    if rows.empty:
        raise DataError(NO_ONE)
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
