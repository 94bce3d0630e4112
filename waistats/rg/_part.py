"""A random part of a large study, for checks that fit its model again and again."""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from waistats.rg.pooling import pool

if TYPE_CHECKING:
    from waistats.rg.study import RGStudy

# beyond so many coefficients of the overall model, checks take a part of them
LARGE = 2_000
PART = 1_000
_SEED = 20


def is_large(study: "RGStudy") -> bool:
    """Return whether a study is too large to be fitted again without each study."""
    return study.pooled is not None and study.pooled.fit.k > LARGE


def part_of(study: "RGStudy") -> "RGStudy":
    """Return a study of some of a large study's studies, drawn at random.

    The overall rows of whole studies, about `PART` of them, in their order, always the
    same; a study that is not large is its own part.
    """
    if not is_large(study):
        return study
    rows = study.effects[study.in_main]
    names = rows["study_id"].astype(str)
    sizes = names.value_counts()
    drawn = np.random.default_rng(_SEED).permutation(np.sort(sizes.index.to_numpy(str)))
    held = np.cumsum(sizes.loc[drawn].to_numpy()) <= PART
    # one study may have more than all of the part
    kept = drawn[: max(int(held.sum()), 3)]
    rows = rows[names.isin(kept)].reset_index(drop=True)
    pooled = pool(rows, **study.pool_options)
    return replace(study, effects=rows, pooled=pooled, formula=None)
