"""Sums by study, as a query gives them, to samples and their moments."""

from typing import Any

import numpy as np
import pandas as pd

from waistats._caller import option
from waistats._typing import BoolArray, FloatArray, IntArray
from waistats.errors import DataError, listing
from waistats.reliability._moments import SumArray
from waistats.reliability.by_study._layout import (
    CARRIED,
    NO_ONE,
    as_text,
    joined_text,
    joined_values,
)
from waistats.reliability.by_study._query import Answers
from waistats.reliability.by_study._query_once import Sums
from waistats.reliability.by_study._sources import fetch
from waistats.reliability.by_study._summaries import Summary, summary_from_sums


def query_summaries(
    answers: Answers, sums: Sums
) -> tuple[pd.DataFrame, dict[str, Summary]]:
    """Return the samples, in order, and the moments of each scale.

    Raises
    ------
    DataError
        If a study is empty or, in a long table, an item answered twice.
    """
    rows = sums.rows
    if rows.empty:
        raise DataError(NO_ONE)
    samples, codes = ordered_samples(rows, answers)
    _refuse_repeats(rows, samples, codes)
    turned = turned_rows(answers, rows)
    scored = sums.scored(turned)
    origin = np.tile(sums.origin, (len(samples), 1))
    if turned.any():
        back = np.unique([j for of in sums.plan.turned for j in of])
        flip = np.zeros(len(samples), dtype=bool)
        flip[codes[turned]] = True
        origin[np.ix_(flip, back)] = key_ends(answers) - origin[np.ix_(flip, back)]
    return samples, {
        name: _summary(sums, scored, codes, origin, i)
        for i, name in enumerate(answers.plan.scales)
    }


def key_ends(answers: Answers) -> float:
    """Return the sum of the lowest and the highest answer on the form."""
    form = answers.plan.form
    limits = answers.limits or (form.limits if form is not None else (0, 0))
    return float(limits[0] + limits[1])


def turned_rows(answers: Answers, rows: pd.DataFrame) -> BoolArray:
    """Return the rows of sums whose reversed items are reverse-scored."""
    if not answers.turned:
        return np.zeros(len(rows), dtype=bool)
    if answers.turned_in is None:
        return np.ones(len(rows), dtype=bool)
    return np.asarray(rows[answers.layout.study].isin(list(answers.turned_in)))


def ordered_samples(
    rows: pd.DataFrame, answers: Answers
) -> tuple[pd.DataFrame, IntArray]:
    """Return one row per sample in order of first appearance, and each row's sample.

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
        samples[name] = texts[name].iloc[first].to_numpy(dtype=object)
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


def _refuse_repeats(rows: pd.DataFrame, samples: pd.DataFrame, codes: IntArray) -> None:
    names = samples["study_id"].to_numpy()
    if "twice" in rows and (rows["twice"].fillna(0) > 0).any():
        where = dict.fromkeys(names[codes[(rows["twice"] > 0).to_numpy()]])
        raise DataError(
            f"respondents answer an item more than once in study {listing(where)}. "
            f"Name every column that identifies a respondent in {option('person')}, for "
            "example client and session."
        )


def _summary(
    sums: Sums, rows: pd.DataFrame, codes: IntArray, origin: FloatArray, scale: int
) -> Summary:
    """Return the moments of a scale from sums of scored answers (rows)."""
    at, k = sums.plan.scales[scale], len(origin)
    full = sums.complete(scale)
    kept, part = codes[full], rows[full]

    def summed(name: str) -> SumArray:
        return _added(part[name], kept, k)

    given = _added(rows["n"], codes, k)
    n = summed("n")
    cross = None
    if sums.products:
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
        total_square=summed(f"square{scale}"),
        products=cross,
        origin=origin[:, list(at)],
    )


def _added(values: "pd.Series[Any]", codes: IntArray, k: int) -> SumArray:
    """Return sums by sample; whole numbers stay whole."""
    whole = pd.api.types.is_integer_dtype(values)
    total: SumArray = np.zeros(k, dtype=np.int64 if whole else np.float64)
    np.add.at(total, codes, values.to_numpy(dtype=total.dtype))
    return total
