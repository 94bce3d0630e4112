"""Responses of some studies at a time, for what sums cannot give."""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from waistats.errors import DataError
from waistats.reliability.grouping import CARRIED, NO_ONE, as_text
from waistats.reliability.layout import Layout
from waistats.reliability.sources import Source, fetch

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
    from tqdm import tqdm

    facts = [c for c in CARRIED if c in source.columns]
    wanted = list(dict.fromkeys([*layout.keys, *columns, *facts]))
    table = source.table.select(*dict.fromkeys([*wanted, *source.order]))
    batches = _packed(source, layout)
    for values in tqdm(batches, desc="studies", unit="batch", disable=_quiet(batches)):
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


def _quiet(batches: list[list[object]]) -> bool | None:
    """Return True where there is too little to show progress for."""
    return True if len(batches) < 2 else None


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
