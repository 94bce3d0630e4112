"""Sums of items by study -> moments by study, the same in memory and from a query.

Alpha needs no more than n, the sums and squares of the items and the square of the
total; only coefficients of the whole covariance matrix need cross-products.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from waistats._caller import option
from waistats._typing import BoolArray, FloatArray, IntArray
from waistats.errors import DataError, listing
from waistats.reliability._moments import (
    SumArray,
    covariance_from_sums,
    variance_from_sums,
)
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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Summary:
    """Moments of one scale in k samples, from complete respondents.

    Attributes
    ----------
    n, n_excluded : ndarray of int, shape (k,)
        Respondents with every item answered, and the others.
    mean, item_variance : ndarray, shape (k, m)
        Means and variances of the items.
    total_variance : ndarray, shape (k,)
        Variance of the sum of the items.
    covariance : ndarray, shape (k, m, m), or None
        Covariances, where cross-products were asked for.
    """

    n: IntArray
    n_excluded: IntArray
    mean: FloatArray
    item_variance: FloatArray
    total_variance: FloatArray
    covariance: FloatArray | None = None

    @property
    def holds_nan(self) -> bool:
        """Whether a NaN among the answers got past an engine's test for it."""
        return bool((np.isnan(self.total_variance) & (self.n > 1)).any())


def summary_from_sums(
    *,
    n: IntArray,
    n_excluded: IntArray,
    sums: SumArray,
    squares: SumArray,
    total_square: SumArray,
    products: SumArray | None = None,
    origin: FloatArray | float = 0.0,
) -> Summary:
    """Return moments from sums over complete respondents.

    Parameters
    ----------
    n, n_excluded : ndarray of int, shape (k,)
        Complete respondents and the others.
    sums, squares : ndarray, shape (k, m)
        Sums and sums of squares of the items, less ``origin``.
    total_square : ndarray, shape (k,)
        Sum of squares of the total of the items, less their origins.
    products : ndarray, shape (k, m, m), optional
        Cross-products.
    origin : float or ndarray, shape (m,)
        What was taken off the answers before summing.

    Returns
    -------
    Summary
        Means are NaN without respondents, variances with fewer than two.
    """
    total = sums.sum(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = origin + np.where(n > 0, 1.0, np.nan)[:, None] * sums / n[:, None]
    return Summary(
        n=n,
        n_excluded=n_excluded,
        mean=mean,
        item_variance=variance_from_sums(n, sums, squares),
        total_variance=variance_from_sums(n, total, total_square),
        covariance=None
        if products is None
        else covariance_from_sums(n, sums, products),
    )


def summarise(
    values: FloatArray, codes: IntArray, n_samples: int, *, products: bool = False
) -> Summary:
    """Return moments of each sample from responses in memory.

    Parameters
    ----------
    values : ndarray, shape (N, m)
        Responses; NaN where missing.
    codes : ndarray of int, shape (N,)
        Sample of each respondent, 0 ... n_samples - 1.
    n_samples : int
        Number of samples k.
    products : bool
        Whether covariances are needed.
    """
    m = values.shape[1]
    # any origin near the answers keeps the squares small
    first = values[:1000]
    answered = np.isfinite(first)
    sums = np.where(answered, first, 0.0).sum(axis=0)
    origin = np.round(sums / np.maximum(answered.sum(axis=0), 1))
    total = values.sum(axis=1)
    kept = np.isfinite(total)
    given = np.bincount(codes, minlength=n_samples)
    if not kept.all():
        values, codes = values[kept], codes[kept]
    n = np.bincount(codes, minlength=n_samples)

    def summed(column: FloatArray) -> FloatArray:
        return np.asarray(
            np.bincount(codes, weights=column, minlength=n_samples), dtype=np.float64
        )

    centred = [values[:, j] - origin[j] for j in range(m)]
    sums = np.column_stack([summed(column) for column in centred])
    squares = np.column_stack([summed(column * column) for column in centred])
    cross = None
    if products:
        cross = np.empty((n_samples, m, m))
        for j in range(m):
            for k in range(j, m):
                cross[:, j, k] = cross[:, k, j] = summed(centred[j] * centred[k])
    score = sum(centred, start=np.zeros(len(values)))
    return summary_from_sums(
        n=n.astype(np.int64),
        n_excluded=(given - n).astype(np.int64),
        sums=sums,
        squares=squares,
        total_square=summed(score * score),
        products=cross,
        origin=origin,
    )


def joined(parts: Sequence[Summary]) -> Summary:
    """Return the moments of several batches of samples, one after the other."""

    def stacked(name: str) -> np.ndarray:
        return np.concatenate([getattr(part, name) for part in parts])

    return Summary(
        n=stacked("n"),
        n_excluded=stacked("n_excluded"),
        mean=stacked("mean"),
        item_variance=stacked("item_variance"),
        total_variance=stacked("total_variance"),
        covariance=None if parts[0].covariance is None else stacked("covariance"),
    )


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
