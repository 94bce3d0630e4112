"""The model fitted to every subset of the studies, or to a sample of subsets.

The cloud of subsets, and which studies split it.
"""

from dataclasses import dataclass, field
from math import comb
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.cluster.vq import kmeans2

from waistats._format import Result, coefficient, count, counted
from waistats._progress import progress
from waistats._typing import BoolArray, FloatArray, IntArray
from waistats.errors import ModelError, near
from waistats.measures import back_transform
from waistats.meta.multilevel.result import Model
from waistats.provenance import marked, of_simulated
from waistats.sensitivity._refit import (
    check_model,
    column_groups,
    refit_many,
    row_labels,
)

# half of the variance of membership, of a study in nearly all or none of a cluster
SPLITS = 0.5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class GoshResult(Result):
    """Fits of a model to subsets of its coefficients.

    Attributes
    ----------
    estimate : ndarray, shape (p, B)
        Coefficients of each subset on the model's scale.
    tau2, I2, Q : ndarray, shape (B,)
        Heterogeneity of each subset; I2 on 0-100.
    k : ndarray of int, shape (B,)
        Size of each subset.
    members : ndarray of uint8, shape (B, bytes)
        Which rows are in each subset, a bit a row, the first row lowest.
    studies : tuple of str
        Names of the rows.
    terms : tuple of str
        Names of the coefficients.
    total : int
        Subsets there are; more than B where they were drawn.
    """

    estimate: FloatArray = field(repr=False)
    tau2: FloatArray = field(repr=False)
    I2: FloatArray = field(repr=False)
    Q: FloatArray = field(repr=False)
    k: IntArray = field(repr=False)
    members: NDArray[np.uint8] = field(repr=False)
    studies: tuple[str, ...]
    terms: tuple[str, ...]
    total: int
    seed: int | None
    measure: str | None
    method: str
    simulated: bool

    def to_frame(self) -> pd.DataFrame:
        """Return one row per subset: ``k, estimate, tau2, I2, Q``.

        With moderators ``estimate_<term>`` for each coefficient.
        """
        if len(self.terms) == 1:
            estimates = {"estimate": self.estimate[0]}
        else:
            named = zip(self.terms, self.estimate, strict=True)
            estimates = {f"estimate_{term}": values for term, values in named}
        rest = {"tau2": self.tau2, "I2": self.I2, "Q": self.Q}
        frame = pd.DataFrame({"k": self.k, **estimates, **rest})
        return marked(frame, self.simulated)

    def includes(self, study: str | int) -> BoolArray:
        """Return which subsets contain a row, by its name or number, shape (B,).

        Parameters
        ----------
        study : str
            A study, or value of ``by``.
        """
        if isinstance(study, str):
            if study not in self.studies:
                raise ModelError(
                    f"No study {study!r}{near(study, self.studies)} in these subsets."
                )
            study = self.studies.index(study)
        byte, bit = divmod(int(study), 8)
        found: BoolArray = (self.members[:, byte] >> np.uint8(bit)) & np.uint8(1) == 1
        return found

    def clusters(self, term: int = 0) -> IntArray:
        """Return 0 or 1 for each subset: the two clusters of the cloud.

        Two means of standardized estimate and I2, from the ends of the estimates;
        cluster 1 has the higher mean estimate. -1 where a subset has no fit.

        Parameters
        ----------
        term : int, default 0
            Position of the coefficient.
        """
        points = np.column_stack([self.estimate[term], self.I2])
        usable = np.isfinite(points).all(axis=1) & (self.k > len(self.terms))
        out = np.full(len(points), -1)
        if usable.sum() < 2:
            return out
        points = points[usable]
        scale = points.std(axis=0)
        points = (points - points.mean(axis=0)) / np.where(scale > 0, scale, 1)
        order = np.argsort(points[:, 0], kind="stable")
        tenth = max(1, len(order) // 10)
        ends = np.stack(
            [points[order[:tenth]].mean(axis=0), points[order[-tenth:]].mean(axis=0)]
        )
        if np.array_equal(ends[0], ends[1]):
            return out
        _, label = kmeans2(points, ends, iter=20, minit="matrix", missing="warn")
        if points[label == 0, 0].mean() > points[label == 1, 0].mean():
            label = 1 - label
        out[usable] = label
        return out

    def split(self, term: int = 0) -> pd.DataFrame:
        r"""Return which studies divide the cloud.

        Parameters
        ----------
        term : int, default 0
            Position of the coefficient.

        Returns
        -------
        DataFrame
            One row per study, in input order: ``study``; ``estimate_with``,
            ``estimate_without``, ``I2_with``, ``I2_without``, means over subsets with
            and without it (on the model's scale); ``share_high``, ``share_low``, the
            share of the subsets of either cluster that contain it; ``phi``, the
            correlation of membership and cluster; ``splits``, whether
            :math:`|\phi|\ge.5`: then at least about three quarters of the subsets with
            it lie in one cluster, and of those without in the other.
        """
        label = self.clusters(term)
        high, low = label == 1, label == 0
        used = high | low
        estimate = self.estimate[term]
        rows = []
        for i, study in enumerate(self.studies):
            inside = self.includes(i)
            within, outside = used & inside, used & ~inside
            phi = _phi(inside[used], high[used])
            rows.append(
                {
                    "study": study,
                    "estimate_with": _mean(estimate, within),
                    "estimate_without": _mean(estimate, outside),
                    "I2_with": _mean(self.I2, within),
                    "I2_without": _mean(self.I2, outside),
                    "share_high": _mean(inside, high),
                    "share_low": _mean(inside, low),
                    "phi": phi,
                    "splits": abs(phi) >= SPLITS,
                }
            )
        return marked(pd.DataFrame(rows), self.simulated)

    def heading(self) -> str:
        """Return how many subsets were fitted."""
        drawn = "" if len(self.k) == self.total else f", of {count(self.total)}, drawn"
        text = f"{counted(len(self.k), 'subset')}{drawn} (k = {len(self.studies)}"
        text += f"; tau^2 estimator: {self.method})"
        return text + of_simulated(self.simulated)

    def shown(self) -> pd.DataFrame:
        """Return quantiles of the cloud."""
        return quantiles(self.to_frame().drop(columns="provenance", errors="ignore"))

    def closing(self) -> str:
        """Return the range on the alpha scale and the studies that split the cloud."""
        lines = []
        if self.measure and len(self.terms) == 1:
            ends = np.nanquantile(self.estimate[0], [0, 1])
            low, high = (
                coefficient(float(x)) for x in back_transform(ends, self.measure)
            )
            lines.append(f"Pooled alpha of the subsets: {low} to {high}.")
        names = self.split().query("splits")["study"]
        lines.append(
            f"Studies that split the cloud: {', '.join(names)}."
            if len(names)
            else "No single study splits the cloud."
        )
        return "\n".join(lines)


def quantiles(frame: pd.DataFrame) -> pd.DataFrame:
    """Return smallest, quartiles and largest of every column."""
    shown = frame.quantile([0, 0.25, 0.5, 0.75, 1]).reset_index(drop=True)
    shown.insert(0, "quantile", ["min", ".25", "median", ".75", "max"])
    return shown


def _mean(values: np.ndarray, where: BoolArray) -> float:
    return float(values[where].mean()) if where.any() else float("nan")


def _phi(a: BoolArray, b: BoolArray) -> float:
    """Return the correlation of two sets of zeros and ones; 0 where one is constant."""
    if len(a) == 0:
        return 0.0
    both, one, other = (float(np.mean(x)) for x in (a & b, a, b))
    spread = one * (1 - one) * other * (1 - other)
    return (both - one * other) / np.sqrt(spread) if spread > 0 else 0.0


# all subsets up to this many coefficients; beyond it, this many drawn ones
ENUMERATED = 20
DRAWN = 100_000
DRAWN_LEVELS = 1_000
BLOCK = 1 << 15
# up to here subsets are drawn from the list of all, so that many are drawn fast
LISTED = 22


def gosh(
    result: Any,
    subsets: int | None = None,
    seed: int | None = 0,
    *,
    by: str | None = None,
) -> GoshResult:
    r"""Fit the model to all subsets of its coefficients, or studies (GOSH).

    Parameters
    ----------
    result : MetaResult or MultilevelResult
        From `fit_meta` or `fit_multilevel`; its method, weights, V and moderators are
        kept.
    subsets : int, optional
        Draw this many different subsets instead of taking all; by default all up to 20
        coefficients (1,048,575 subsets) and 100,000 beyond; 1,000 of a multilevel
        model, whose fits are slow.
    seed : int or None, default 0
        Of the draw; needed for the same subsets again.
    by : str, optional
        Column whose values enter or stay out together, such as ``"study_id"``; by
        default each coefficient alone.

    Returns
    -------
    GoshResult
        ``to_frame()`` has one row per subset; ``split()`` says which studies divide the
        cloud.

    Raises
    ------
    ModelError
        If ``result`` is not a fitted model, or ``subsets`` is not positive.

    Notes
    -----
    The graphical display of study heterogeneity of Olkin et al. [1]_. A subset has at
    least as many coefficients as the model; one that leaves the design without full
    rank is NaN. Drawn subsets contain each coefficient with probability 1/2 and are
    all different. Subsets are kept as bits, and fitted in blocks, so that memory is
    that of the results: about 50 bytes per subset.

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
    p = model.design.X.shape[1]
    if subsets is not None and (subsets < 1 or int(subsets) != subsets):
        raise ModelError(f"subsets must be a positive whole number; got {subsets!r}.")
    if by is None:
        names, codes = row_labels(model.effects), np.arange(model.k)
    else:
        names, codes = column_groups(model.effects, by)
    k, least = len(names), 1 if by is not None else p
    total = 2**k - sum(comb(k, j) for j in range(least))
    if subsets is None and model.is_multilevel:
        subsets = DRAWN_LEVELS
    elif subsets is None and k > ENUMERATED:
        subsets = DRAWN
    every = subsets is None or subsets >= total
    size = total if subsets is None else int(subsets)
    members = _all_subsets(k, least) if every else _drawn(k, least, size, seed)
    parts = _fit(model, members, codes)
    return GoshResult(
        members=members,
        studies=tuple(str(name) for name in names),
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


def _fit(model: Model, members: NDArray[np.uint8], codes: IntArray) -> dict[str, Any]:
    """Return the fits of all subsets of groups of rows, block by block."""
    k, p = int(codes.max()) + 1, model.design.X.shape[1]
    size = len(members)
    out: dict[str, Any] = {"estimate": np.empty((p, size))}
    out |= {name: np.empty(size) for name in ("tau2", "I2", "Q")}
    out["k"] = np.empty(size, dtype=np.int32)
    starts = range(0, size, BLOCK)
    for start in progress(starts, "GOSH"):
        cut = slice(start, start + BLOCK)
        batch = refit_many(model, unpacked(members[cut], k)[codes])
        out["estimate"][:, cut] = batch.beta
        for name in ("tau2", "I2", "Q", "k"):
            out[name][cut] = getattr(batch, name)
    return out
