"""The same respondents in the same rows of several sets of items."""

from collections.abc import Hashable, Mapping

import pandas as pd

from waistats.errors import DataError, listing
from waistats.reliability.responses import ItemsLike, Responses, read_items


def _read(name: str, items: ItemsLike) -> Responses:
    try:
        return read_items(items)
    except DataError as error:
        raise DataError(f"scale {name}: {error}") from error


def match_respondents(
    scales: Mapping[str, ItemsLike],
) -> tuple[dict[str, ItemsLike], tuple[str, ...]]:
    """Return the items with the same respondents in the same rows, and notes.

    Frames with different indexes are matched by index, arrays by row.

    Raises
    ------
    DataError
        If the respondents cannot be matched.
    """
    read = {str(name): _read(str(name), items) for name, items in scales.items()}
    frames = [items for items in scales.values() if isinstance(items, pd.DataFrame)]
    same = all(frame.index.equals(frames[0].index) for frame in frames[1:])
    if same:
        sizes = {name: len(items.values) for name, items in read.items()}
        if len(set(sizes.values())) > 1:
            told = listing(f"{name} {n}" for name, n in sizes.items())
            raise DataError(
                "every scale needs the same respondents, one row each; the numbers of "
                f"rows differ: {told}. Give frames whose index names the respondents."
            )
        return {str(name): items for name, items in scales.items()}, ()
    if len(frames) < len(scales):
        raise DataError(
            "the frames have different indexes, so that arrays cannot be matched to "
            "them; give every scale as a frame indexed by respondent."
        )
    for name, frame in zip(read, frames, strict=True):
        if not frame.index.is_unique:
            twice = frame.index[frame.index.duplicated()].unique()
            raise DataError(
                f"scale {name}: respondents must be unique in the index to be matched, "
                f"but {listing(twice)} occur more than once."
            )
    everyone: list[Hashable] = list(
        dict.fromkeys(label for frame in frames for label in frame.index)
    )
    shared = sum(all(label in frame.index for frame in frames) for label in everyone)
    if not shared:
        raise DataError(
            "no respondent is in the index of every scale; give the frames one index, "
            "such as the dyad."
        )
    note = f"Matched by index: {len(everyone)} respondents, {shared} with every scale."
    return (
        {
            name: frame.reindex(everyone)
            for name, frame in zip(read, frames, strict=True)
        },
        (note,),
    )
