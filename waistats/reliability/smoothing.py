"""Sampling covariances of many studies, smoothed over the studies."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from waistats.arrays import FloatArray
from waistats.reliability.covariance import pooling_slope
from waistats.reliability.intervals import bonett_variance

Blocks = Mapping[str, Sequence[Sequence[float]]]


def smooth_blocks(
    table: pd.DataFrame, blocks: Blocks, measure: str
) -> dict[str, list[list[float]]]:
    r"""Return blocks that keep each study's n but share what the answers are like.

    Parameters
    ----------
    table : DataFrame
        Coefficient table.
    blocks : mapping of study_id to block
        Distribution-free covariances, rows in the table's order.
    measure : str
        Scale of the blocks.

    Returns
    -------
    dict of study_id to block
        The variance of a coefficient is Bonett's :math:`2m/((m-1)(n-2))`, times the
        ratio of the distribution-free variance to it that its scale has on average, put
        on ``measure``. The correlation of two scales is their average correlation.
        Averages over studies are weighted by n.

    Notes
    -----
    With ceiling effects the distribution-free variance of a small study is correlated
    with its alpha (about .25), so that studies with low alphas get too much weight and
    the pooled alpha is too low. The ratio takes the ceiling into account all the same.
    """
    studies = {
        str(name): _Study(part, np.asarray(blocks[str(name)], float), measure)
        for name, part in table.groupby("study_id", sort=False)
    }
    entries = pd.concat([study.entries() for study in studies.values()])
    entries["weighted"] = entries["value"] * entries["weight"]
    sums = entries.groupby(["first", "second"])[["weighted", "weight"]].sum()
    mean = (sums["weighted"] / sums["weight"]).to_dict()
    return {name: study.smoothed(mean).tolist() for name, study in studies.items()}


class _Study:
    """The block of one study, taken apart into variances and correlations."""

    def __init__(self, rows: pd.DataFrame, block: FloatArray, measure: str) -> None:
        estimate = rows["estimate"].to_numpy(dtype=np.float64)
        self.n = rows["n"].to_numpy(dtype=np.float64)
        self.scale = rows["scale"].to_numpy(dtype=object)
        self.formula = bonett_variance(self.n, rows["n_items"].to_numpy())
        # from the measure to Bonett's scale
        self.slope = pooling_slope(estimate, measure) * (1 - estimate)
        self.variance = np.diagonal(block) / self.slope**2
        sd = np.sqrt(np.diagonal(block))
        self.correlation = block / np.outer(sd, sd)

    def entries(self) -> pd.DataFrame:
        """Return variance ratios (a scale with itself) and correlations of scales."""
        first, second = np.tril_indices(len(self.n))
        value = self.correlation[first, second]
        own = first == second
        value[own] = (self.variance / self.formula)[first[own]]
        # a correlation of exactly 0 is of different people
        kept = np.isfinite(value) & (value != 0)
        frame = pd.DataFrame(
            {
                "first": np.minimum(self.scale[first], self.scale[second]),
                "second": np.maximum(self.scale[first], self.scale[second]),
                "value": value,
                "weight": np.sqrt(self.n[first] * self.n[second]),
            }
        )
        return frame[kept]

    def smoothed(self, mean: Mapping[tuple[str, str], float]) -> FloatArray:
        """Return the block with mean ratios and correlations."""
        block = np.where(np.isfinite(self.correlation), self.correlation, np.nan)
        for a, b in np.argwhere(np.isfinite(block) & (block != 0)):
            pair = sorted((self.scale[a], self.scale[b]))
            block[a, b] = mean[pair[0], pair[1]]
        ratio = np.diagonal(block).copy()
        sd = self.slope * np.sqrt(self.formula * ratio)
        np.fill_diagonal(block, np.where(np.isfinite(ratio), 1.0, np.nan))
        return block * np.outer(sd, sd)
