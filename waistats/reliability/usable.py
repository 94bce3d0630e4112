"""Items that vary: what a coefficient of correlations can be computed from."""

from dataclasses import replace

import numpy as np

from waistats.errors import DataError, listing
from waistats.provenance import NOTE
from waistats.reliability.responses import ItemsLike, read_items
from waistats.reliability.sample import Sample, prepare


def varying_sample(
    items: ItemsLike,
    missing: str = "listwise",
    *,
    at_least_items: int = 2,
    at_least_n: int = 3,
) -> Sample:
    """Return the sample of the items that vary.

    Parameters
    ----------
    items : DataFrame or array_like of shape (n, m)
        Numeric responses.
    missing : {"listwise", "pairwise", "em"}
        Treatment of missing answers.
    at_least_items, at_least_n : int
        The fewest items that vary, and the fewest respondents.

    Returns
    -------
    Sample
        As :func:`prepare` gives it, for the items that vary.

    Raises
    ------
    DataError
        If too few items vary or too few respondents remain.

    Notes
    -----
    An item to which everyone gives the same answer has no correlations. It is left out
    with a note, as psych does, and ``n_items`` counts what is left.
    """
    sample = prepare(items, missing, at_least_n=at_least_n)
    names = np.asarray(sample.names, dtype=object)
    varies = sample.moments.item_variance > 0
    if varies.sum() < at_least_items:
        flat = (
            f" (always the same: {listing(names[~varies])})" if not varies.all() else ""
        )
        raise DataError(
            f"at least {at_least_items} items with differing answers are needed, but "
            f"there {'is' if varies.sum() == 1 else 'are'} {varies.sum()}{flat}."
        )
    if varies.all():
        return sample
    values = read_items(items).values[:, varies]
    kept = prepare(values, missing, at_least_n=at_least_n)
    note = f"Left out, as everyone gave the same answer: {listing(names[~varies])}."
    said = tuple(text for text in sample.notes if text == NOTE)
    notes = (note, *kept.notes, *said)
    return replace(kept, names=tuple(names[varies]), notes=notes)
