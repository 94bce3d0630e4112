"""Permutation tests of moderators: exact for few studies, Monte Carlo for many.

Distinct orders of things of which some are alike.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import chain, combinations
from math import comb, factorial, prod

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from waistats._format import Result, counted, fixed
from waistats._frames import as_frame
from waistats._progress import progress
from waistats._typing import BoolArray, FloatArray, IntArray
from waistats.errors import ConvergenceError, ModelError
from waistats.meta._formula import in_formula
from waistats.meta._linalg import inverse
from waistats.meta.fit import fit_meta
from waistats.meta.fit_many import Batch, in_chunks
from waistats.meta.results import MetaResult, TestResult
from waistats.provenance import marked, of_simulated


def row_kinds(X: FloatArray) -> IntArray:
    """Return the kind of each row; equal rows are of one kind."""
    return np.unique(X, axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)


def count_arrangements(kinds: IntArray) -> int:
    """Return how many distinct orders there are."""
    counts = np.bincount(kinds)
    return factorial(len(kinds)) // prod(factorial(int(c)) for c in counts)


def all_arrangements(kinds: IntArray) -> NDArray[np.int16]:
    """Return every distinct order once, as kinds, of shape (orders, k)."""
    counts = np.bincount(kinds)
    first, *rest = np.argsort(-counts, kind="stable")
    orders = np.full((1, counts[first]), first, dtype=np.int16)
    for kind in rest:
        size, added = orders.shape[1], int(counts[kind])
        places = _choices(size + added, added)
        # the others keep their order in the places that are left
        source = np.cumsum(~places, axis=1) - 1
        grown = np.where(places, np.int16(kind), orders[:, np.maximum(source, 0)])
        orders = grown.reshape(-1, size + added)
    return orders


def _choices(size: int, chosen: int) -> BoolArray:
    """Return every choice of some places out of all, as booleans."""
    number = comb(size, chosen)
    flat = chain.from_iterable(combinations(range(size), chosen))
    index = np.fromiter(flat, dtype=np.int64, count=number * chosen)
    places = np.zeros((number, size), dtype=bool)
    np.put_along_axis(places, index.reshape(number, chosen), True, axis=1)
    return places


def matching(orders: NDArray[np.int16], kinds: IntArray) -> IntArray:
    """Return, for each order, the place that each row of the original now has.

    Of shape (orders, k): entry r is the place that the row r took, rows of one kind in
    their first order.
    """
    index = np.empty(orders.shape, dtype=np.int64)
    index[:, np.argsort(kinds, kind="stable")] = np.argsort(
        orders, axis=1, kind="stable"
    )
    return index


# most orders that exact=True goes through
MOST = 2_000_000
BLOCK = 20_000
# statistics this near to the observed one are ties, as in metafor
TIE = 1.5e-8


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class PermutationResult(Result):
    """Permutation tests of a model's coefficients.

    Attributes
    ----------
    fit : MetaResult
        The model.
    p_value, p_value_se : ndarray, shape (p,)
        Two-sided permutation p values, and their Monte Carlo standard errors; 0 for an
        exact test.
    omnibus : TestResult
        Test of all moderators with its permutation p value.
    omnibus_se : float
        Its Monte Carlo standard error.
    exact : bool
        Whether every order was gone through.
    n_permutations : int
        Orders gone through, or drawn at random.
    statistics : ndarray, shape (n_permutations, p)
        t (or z) of the coefficients in each order.
    omnibus_statistics : ndarray, shape (n_permutations,)
        F (or chi-square) in each order.
    """

    fit: MetaResult
    p_value: FloatArray
    p_value_se: FloatArray
    omnibus: TestResult
    omnibus_se: float
    exact: bool
    n_permutations: int
    statistics: FloatArray = field(repr=False)
    omnibus_statistics: FloatArray = field(repr=False)

    @property
    def simulated(self) -> bool:
        """Whether the effects are SIMULATED."""
        return self.fit.simulated

    def to_frame(self) -> pd.DataFrame:
        """Return one row per coefficient; ``parametric_p`` is the model's own p value."""
        frame = self.fit.to_frame()
        columns = ["term", "estimate", "se", "statistic", "df"]
        tested = frame[columns].assign(
            p_value=self.p_value,
            p_value_se=self.p_value_se,
            parametric_p=frame["p_value"],
        )
        return marked(tested, self.simulated)

    def heading(self) -> str:
        """Return how many permutations there were, and the omnibus test."""
        kind = "Exact" if self.exact else "Monte Carlo"
        number = counted(self.n_permutations, "permutation")
        title = f"{kind} Permutation Test ({number}; k = {self.fit.k})"
        title += of_simulated(self.simulated)
        test = f"Test of Moderators:\n{self.omnibus.sentence()}"
        if not self.exact:
            test += f" (Monte Carlo SE {fixed(self.omnibus_se)})"
        return f"{title}\n\n{test}\n\nModel Results:"

    def closing(self) -> str:
        """Return what the smallest possible p value is, where that matters."""
        smallest = 1 / (self.n_permutations + (not self.exact))
        lines = list(self.notes)
        if smallest >= 0.01:
            lines.append(
                f"With so few permutations no p value can be below {fixed(smallest)}."
            )
        return "\n".join(lines)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know of the rows and the model."""
        return self.fit.notes


def permutation_test(
    effects: pd.DataFrame | MetaResult,
    moderators: str | None = None,
    *,
    by: str | None = None,
    method: str = "REML",
    small_sample: str = "knapp-hartung",
    n_permutations: int = 9_999,
    exact: bool | None = None,
    seed: int | np.random.Generator = 0,
) -> PermutationResult:
    r"""Test moderators or differences of groups without distributional assumptions.

    Parameters
    ----------
    effects : DataFrame or MetaResult
        A table from `effect_sizes`, or a fitted model with moderators.
    moderators : str, optional
        A formula, as in `fit_meta`.
    by : str, optional
        A column of groups instead of a formula; the omnibus test is that of subgroup
        differences, with one tau2 for all groups.
    method, small_sample : str
        As in `fit_meta`; a fitted model has its own.
    n_permutations : int, default 9999
        Random permutations; up to this many are enumerated instead.
    exact : bool, optional
        True enumerates all permutations (up to 2,000,000), False samples at random;
        None enumerates where there are at most ``n_permutations``.
    seed : int or Generator, default 0
        Seed of the random permutations.

    Returns
    -------
    PermutationResult
        Permutation p values of every coefficient and of all moderators.

    Raises
    ------
    ModelError
        Without moderators, with user weights, or for too many permutations.

    Notes
    -----
    The rows of the design are permuted against the pairs :math:`(y_i,v_i)`,
    the model is fitted again, and the p value is the share of permutations whose
    :math:`|t|` (or F) is at least the observed one. Permutations that leave the design
    unchanged count once. At random the observed order is one of n + 1, so that
    :math:`p=(b+1)/(n+1)` [1]_ with the standard error :math:`\sqrt{p(1-p)/n}`. With
    several moderators each p value tests its coefficient as if none had an effect. It
    is metafor's ``permutest``, which counts the observed order as one of n.

    References
    ----------
    .. [1] Phipson, B., & Smyth, G. K. (2010). Statistical Applications in Genetics and
       Molecular Biology, 9, 39.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame(
    ...     {"study_id": list("ABCDEF"), "rater": ["client"] * 3 + ["observer"] * 3,
    ...      "yi": [2.4, 2.1, 2.6, 1.7, 1.9, 2.2], "vi": [.02] * 6})
    >>> round(permutation_test(table, by="rater").omnibus.p_value, 2)
    0.2
    """
    effects = as_frame(effects)
    fit = _model(effects, moderators, by, method, small_sample)
    X, k = fit.design.X, fit.k
    if np.ptp(fit.effects.yi) == 0:
        raise ModelError(
            "All effects are equal, so every permutation gives the same result; there is "
            "nothing to test."
        )
    if n_permutations < 1:
        raise ModelError(f"n_permutations must be at least 1; got {n_permutations}.")
    kinds = row_kinds(X)
    orders = count_arrangements(kinds)
    if exact is None:
        exact = orders <= n_permutations
    if exact and orders > MOST:
        raise ModelError(
            f"An exact test needs {counted(orders, 'permutation')}, more than the "
            f"limit of {MOST:,}. Use exact=False."
        )
    if exact:
        number, blocks = orders, _every_order(kinds)
    else:
        number = n_permutations
        blocks = _random_orders(k, number, np.random.default_rng(seed))
    columns = list(fit.design.moderator_columns)
    t, F = _all_statistics(fit, blocks, number, columns)
    observed = np.abs(fit.to_frame()["statistic"].to_numpy())
    p, p_se = _p_values(np.abs(t), observed, exact)
    test = fit.test()
    overall, overall_se = _p_values(F[:, None], np.array([test.statistic]), exact)
    return PermutationResult(
        fit=fit,
        p_value=p,
        p_value_se=p_se,
        omnibus=replace(test, p_value=float(overall[0])),
        omnibus_se=float(overall_se[0]),
        exact=exact,
        n_permutations=number,
        statistics=t,
        omnibus_statistics=F,
    )


def _model(
    effects: pd.DataFrame | MetaResult,
    moderators: str | None,
    by: str | None,
    method: str,
    small_sample: str,
) -> MetaResult:
    """Return the fitted model that is to be tested."""
    if isinstance(effects, MetaResult):
        if moderators is not None or by is not None:
            raise ModelError(
                "A fitted model has its own moderators; do not give others."
            )
        fit = effects
    else:
        if by is not None:
            if moderators is not None:
                raise ModelError("Give moderators= or by=, not both.")
            moderators = f"~ C({in_formula(by)})"
        fit = fit_meta(effects, moderators, method=method, small_sample=small_sample)
    if not fit.has_moderators:
        raise ModelError(
            "A permutation test needs moderators, such as moderators='~ rater' or "
            "by='rater'."
        )
    if fit.weights is not None:
        raise ModelError("Permutation tests are defined for inverse-variance weights.")
    return fit


def _every_order(kinds: IntArray) -> Iterator[IntArray]:
    """Yield every distinct order in blocks, as places of the rows."""
    orders = all_arrangements(kinds)
    for start in range(0, len(orders), BLOCK):
        yield matching(orders[start : start + BLOCK], kinds)


def _random_orders(k: int, number: int, rng: np.random.Generator) -> Iterator[IntArray]:
    """Yield random orders in blocks; the blocks do not change what is drawn."""
    for start in range(0, number, BLOCK):
        size = min(BLOCK, number - start)
        yield np.argsort(rng.random((size, k)), axis=1)


def _all_statistics(
    fit: MetaResult, blocks: Iterator[IntArray], number: int, columns: list[int]
) -> tuple[FloatArray, FloatArray]:
    """Return t (number, p) and F (number,) of every order."""
    y, v = fit.effects.yi, fit.effects.vi
    parts = []
    for index in progress(blocks, "permutations", total=-(-number // BLOCK)):
        batch = in_chunks(
            np.ascontiguousarray(y[index.T]),
            np.ascontiguousarray(v[index.T]),
            fit.design.X,
            fit.method,
            fit.small_sample,
        )
        lost = int((~batch.converged).sum())
        if lost:
            raise ConvergenceError(
                f"{fit.method} did not converge for "
                f"{counted(lost, 'permutation')}; use "
                "method='PM' or 'DL'."
            )
        parts.append(_statistics(batch, columns, fit.df))
    t, F = zip(*parts, strict=True)
    return np.concatenate(t), np.concatenate(F)


def _statistics(
    batch: Batch, columns: list[int], df: float | None
) -> tuple[FloatArray, FloatArray]:
    """Return t of the coefficients (B, p) and the omnibus statistic (B,)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        t = batch.beta / np.sqrt(np.einsum("ppb->pb", batch.cov))
        b = batch.beta[columns]
        precision = inverse(batch.cov[np.ix_(columns, columns)])
        Q = np.einsum("pb,pqb,qb->b", b, precision, b, optimize=True)
    return t.T, Q if df is None else Q / len(columns)


def _p_values(
    permuted: FloatArray, observed: FloatArray, exact: bool
) -> tuple[FloatArray, FloatArray]:
    """Return p values (columns,) and their Monte Carlo standard errors."""
    tie = TIE * np.maximum(1, np.abs(observed))
    # a perfect fit has no standard error: its statistic is beyond any other
    reached = ~(permuted < observed - tie)
    hits, number = reached.sum(0), len(permuted)
    if exact:
        return hits / number, np.zeros(len(observed))
    p = (hits + 1) / (number + 1)
    return p, np.sqrt(p * (1 - p) / number)
