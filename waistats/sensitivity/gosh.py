"""The model fitted to every subset of the studies, or to a sample of subsets."""

from math import comb
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from waistats.arrays import BoolArray
from waistats.errors import ModelError
from waistats.meta.multilevel_result import MultilevelResult
from waistats.meta.result import MetaResult
from waistats.sensitivity.gosh_result import GoshResult
from waistats.sensitivity.refit import check_model, refit_many, row_labels

# all subsets up to this many coefficients; beyond it, this many drawn ones
ENUMERATED = 20
DRAWN = 100_000
DRAWN_LEVELS = 1_000
BLOCK = 1 << 15
# up to here subsets are drawn from the list of all, so that many are drawn fast
LISTED = 22


def gosh(
    result: Any, subsets: int | None = None, seed: int | None = None
) -> GoshResult:
    r"""Fit the model to all subsets of its coefficients (GOSH).

    Parameters
    ----------
    result : MetaResult or MultilevelResult
        From `fit_meta` or `fit_multilevel`; its method, weights, V and moderators are
        kept.
    subsets : int, optional
        Draw this many different subsets instead of taking all; by default all up to 20
        coefficients (1,048,575 subsets) and 100,000 beyond; 1,000 of a multilevel
        model, whose fits are slow.
    seed : int, optional
        Of the draw; needed for the same subsets again.

    Returns
    -------
    GoshResult
        ``to_frame()`` has a row a subset; ``split()`` says which studies divide the
        cloud.

    Raises
    ------
    ModelError
        If ``result`` is no fitted model, or ``subsets`` is not positive.

    Notes
    -----
    The graphical display of study heterogeneity of Olkin et al. [1]_. A subset has at
    least as many coefficients as the model; one that leaves the design without full
    rank is NaN. Drawn subsets contain each coefficient with probability 1/2 and are
    all different. Subsets are kept as bits, and fitted in blocks, so that memory is
    that of the results: about 50 bytes a subset.

    References
    ----------
    .. [1] Olkin, I., Dahabreh, I. J., & Trikalinos, T. A. (2012). Research Synthesis
       Methods, 3, 214-223.

    Examples
    --------
    >>> import pandas as pd
    >>> from waistats import effect_sizes, fit_meta
    >>> table = pd.DataFrame(
    ...     {"study_id": list("ABCDEF"), "estimate": [.91, .90, .93, .88, .92, .60],
    ...      "n": [84, 254, 231, 120, 90, 300], "n_items": 12})
    >>> cloud = gosh(fit_meta(effect_sizes(table)))
    >>> len(cloud.k), cloud.split().query("splits")["study"].to_list()
    (63, ['F'])
    """
    model = check_model(result, "gosh")
    k, p = model.design.X.shape
    if subsets is not None and (subsets < 1 or int(subsets) != subsets):
        raise ModelError(f"subsets must be a positive whole number; got {subsets!r}.")
    total = 2**k - sum(comb(k, j) for j in range(p))
    if subsets is None and isinstance(model, MultilevelResult):
        subsets = DRAWN_LEVELS
    elif subsets is None and k > ENUMERATED:
        subsets = DRAWN
    every = subsets is None or subsets >= total
    members = _all_subsets(k, p) if every else _drawn(k, p, int(subsets or 0), seed)
    parts = _fit(model, members)
    return GoshResult(
        members=members,
        studies=tuple(row_labels(model.effects)),
        terms=model.design.names,
        total=total,
        seed=None if every else seed,
        measure=model.measure,
        method=model.method,
        simulated=model.effects.simulated,
        **parts,
    )


def unpacked(members: NDArray[np.uint8], k: int) -> BoolArray:
    """Return packed subsets (B, bytes) as booleans, of shape (k, B)."""
    bits = np.unpackbits(members, axis=1, count=k, bitorder="little")
    return np.ascontiguousarray(bits.T).view(bool)


def _all_subsets(k: int, least: int) -> NDArray[np.uint8]:
    """Return every subset of at least some size, packed, in binary order."""
    numbers = np.arange(2**k, dtype="<u4" if k <= 32 else "<u8")
    numbers = numbers[np.bitwise_count(numbers) >= least]
    width = -(-k // 8)
    return np.ascontiguousarray(
        numbers.view(np.uint8).reshape(len(numbers), -1)[:, :width]
    )


def _drawn(k: int, least: int, size: int, seed: int | None) -> NDArray[np.uint8]:
    """Return different random subsets of at least some size, packed.

    Each row is in a subset with probability 1/2.
    """
    rng = np.random.default_rng(seed)
    if k <= LISTED:
        every = _all_subsets(k, least)
        return every[rng.choice(len(every), size, replace=False)]
    width = -(-k // 8)
    kept = np.empty((0, width), dtype=np.uint8)
    last = np.uint8(255 >> (8 * width - k))
    while len(kept) < size:
        more = rng.integers(0, 256, size=(size, width), dtype=np.uint8)
        more[:, -1] &= last
        more = more[np.bitwise_count(more).sum(axis=1) >= least]
        kept = np.concatenate([kept, more])
        _, first = np.unique(kept, axis=0, return_index=True)
        kept = kept[np.sort(first)]
    return kept[:size]


def _fit(
    model: MetaResult | MultilevelResult, members: NDArray[np.uint8]
) -> dict[str, Any]:
    """Return the fits of all subsets, block by block."""
    k, p = model.design.X.shape
    size = len(members)
    out: dict[str, Any] = {"estimate": np.empty((p, size))}
    out |= {name: np.empty(size) for name in ("tau2", "I2", "Q")}
    out["k"] = np.empty(size, dtype=np.int32)
    starts = range(0, size, BLOCK)
    for start in tqdm(starts, desc="GOSH", unit="block", disable=None, delay=3):
        cut = slice(start, start + BLOCK)
        batch = refit_many(model, unpacked(members[cut], k))
        out["estimate"][:, cut] = batch.beta
        for name in ("tau2", "I2", "Q", "k"):
            out[name][cut] = getattr(batch, name)
    return out
