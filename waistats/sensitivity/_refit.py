"""The same model fitted again to other rows: what every deletion stands on."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import partial
from typing import Any

import numpy as np

from waistats._areas import chi2_sf, critical, criticals
from waistats._progress import progress
from waistats._typing import BoolArray, FloatArray
from waistats.errors import DataError, ModelError, listing, near
from waistats.meta._effects import IDS, Effects
from waistats.meta._linalg import cross, inverse, product, project, solve, weighted_fit
from waistats.meta.fit_many import Batch, full_rank, in_chunks, scale_factor
from waistats.meta.multilevel.fit import fit_levels
from waistats.meta.multilevel.result import Model, MultilevelResult
from waistats.meta.results import FittedModel, MetaResult

# choices of rows held at once, times rows
BLOCK = 4_000_000


@dataclass(slots=True)
class Refits(Batch):
    """Fits of one model to many choices of its rows, the batch on the last axis.

    Attributes
    ----------
    sigma2 : (L, B)
        Variance of each level of a multilevel model; (0, B) for `fit_meta`.
    limits : (3, p, B) or None
        Standard errors and limits as each refit of a multilevel model prints them,
        where they were asked for.

    The other attributes are those of `Batch`.
    """

    sigma2: FloatArray
    limits: FloatArray | None = None


def check_meta(result: Any, what: str) -> MetaResult:
    """Return the result of `fit_meta`, or raise a ModelError that says what is needed."""
    if isinstance(result, MetaResult):
        return result
    raise ModelError(
        f"{what} needs the result of fit_meta(); got {type(result).__name__}."
    )


def check_model(result: Any, what: str) -> Model:
    """Return a fitted model, or raise a ModelError that says what is needed."""
    if isinstance(result, (MetaResult, MultilevelResult)):
        return result
    raise ModelError(
        f"{what} needs the result of fit_meta() or fit_multilevel(); got "
        f"{type(result).__name__}."
    )


def check_mean(result: FittedModel, what: str) -> None:
    """Raise a ModelError for a model with moderators."""
    if result.has_moderators:
        raise ModelError(
            f"{what} is defined for models without moderators; this one has "
            f"{result.design.formula!r}."
        )


def included(result: MetaResult, include: BoolArray) -> tuple[FloatArray, FloatArray]:
    """Return effects and variances (k, B) with the rows left out marked."""
    y = np.where(include, result.effects.yi[:, None], 0.0)
    v = np.where(include, result.effects.vi[:, None], np.inf)
    return y, v


def refit_many(
    result: Model,
    include: BoolArray,
    threads: int | None = None,
    *,
    intervals: bool = False,
    robust: bool = False,
    kept: bool = False,
) -> Refits:
    """Fit a model again to many choices of its rows.

    Parameters
    ----------
    result : MetaResult or MultilevelResult
        The model; its method, small-sample adjustment, weights and V are kept.
    include : ndarray of bool, shape (k, B)
        Rows of each fit.
    threads : int, optional
        As in `in_chunks`.
    intervals, robust : bool
        Of a multilevel model: keep the limits of each refit, its own or those of its
        ``.robust()``.
    kept : bool
        Take from the model's ``fits`` what was refitted before, and keep the rest there.

    Returns
    -------
    Refits
        NaN where the rows left do not determine the coefficients.
    """
    if result.is_multilevel:
        kind = "robust" if robust else "own" if intervals else "none"
        return _refit_levels(result, include, kind, kept=kept)
    if kept:
        given = (
            result.effects.yi, result.effects.vi, result.design.X, result.method,
            result.small_sample, result.weights, include,
        )  # fmt: skip
        again = partial(refit_many, result, include, threads)
        return result.deferred.fits.once("refits", given, again)
    width = max(1, BLOCK // len(include))
    starts = range(0, max(include.shape[1], 1), width)
    parts = [
        _refit_block(result, include[:, start : start + width], threads)
        for start in progress(starts, "refits")
    ]
    if len(parts) == 1:
        return parts[0]
    return Refits(
        **{
            part.name: np.concatenate([getattr(p, part.name) for p in parts], axis=-1)
            for part in fields(Refits)
            if part.name != "limits"
        }
    )


def _refit_block(result: MetaResult, include: BoolArray, threads: int | None) -> Refits:
    X = result.design.X
    y, v = included(result, include)
    batch = in_chunks(y, v, X, result.method, result.small_sample, threads)
    if result.weights is not None:
        _reweight(batch, y, v, result)
    alone = (batch.k == 1) & (X.shape[1] == 1)
    if alone.any():
        # one study knows its sampling error and nothing of heterogeneity
        only = np.where(include, result.effects.vi[:, None], 0).sum(axis=0)
        batch.cov[0, 0, alone] = only[alone]
        batch.I2[alone], batch.H2[alone] = 0.0, 1.0
    lost = ~(full_rank(X, include) & batch.converged)
    parts = {part.name: getattr(batch, part.name) for part in fields(Batch)}
    if lost.any():
        for name in parts.keys() - {"k", "converged"}:
            parts[name][..., lost] = np.nan
    return Refits(**parts, sigma2=np.empty((0, include.shape[1])))


def refit_rows(
    result: MultilevelResult, keep: BoolArray, *, kept: bool = False
) -> MultilevelResult:
    """Fit a multilevel model again to some of its rows."""
    design = result.design
    rows = np.flatnonzero(keep)
    return fit_levels(
        result.effects.of_rows(keep),
        design.of_rows(keep),
        result.V[rows][:, rows],
        result.levels,
        [np.unique(code[keep], return_inverse=True)[1] for code in result.codes],
        method=result.method,
        small_sample=result.small_sample,
        conf_level=result.conf_level,
        fits=result.deferred.fits if kept else None,
    )


def each_refit(
    result: MultilevelResult,
    include: BoolArray,
    use: Callable[[int, MultilevelResult], None],
    *,
    kept: bool = False,
) -> None:
    """Call ``use`` with every refit that its rows determine."""
    X = result.design.X
    able = full_rank(X, include) & (include.sum(axis=0) > X.shape[1])
    for j in progress(np.flatnonzero(able), "refits"):
        use(int(j), refit_rows(result, include[:, j], kept=kept))


def _refit_levels(
    result: MultilevelResult, include: BoolArray, limits: str, *, kept: bool
) -> Refits:
    p, size = result.design.X.shape[1], include.shape[1]
    names = ("tau2", "Q", "I2", "H2")
    out = Refits(
        beta=np.full((p, size), np.nan),
        cov=np.full((p, p, size), np.nan),
        **{name: np.full(size, np.nan) for name in names},
        k=include.sum(axis=0).astype(float),
        converged=np.ones(size, dtype=bool),
        rss=np.full(size, np.nan),
        sigma2=np.full((len(result.levels), size), np.nan),
        limits=None if limits == "none" else np.full((3, p, size), np.nan),
    )

    def keep(j: int, fit: MultilevelResult) -> None:
        if out.limits is not None:
            frame = (fit.robust() if limits == "robust" else fit).to_frame()
            out.limits[:, :, j] = frame[["se", "ci_low", "ci_high"]].T
        out.beta[:, j], out.cov[:, :, j] = fit.beta, fit.cov
        out.sigma2[:, j] = fit.sigma2
        for name in names:
            getattr(out, name)[j] = getattr(fit, name)

    each_refit(result, include, keep, kept=kept)
    return out


def _reweight(batch: Batch, y: FloatArray, v: FloatArray, result: MetaResult) -> None:
    """Replace the coefficients and their covariance by those of the user's weights."""
    X, p = result.design.X, result.design.X.shape[1]
    used = np.isfinite(v)
    a = np.where(used, np.asarray(result.weights)[:, None], 0.0)
    total = np.where(used, v + batch.tau2, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        bread = inverse(cross(X, a))
        beta = solve(bread, project(X, a * y))
        cov = product(product(bread, cross(X, a * a * total)), bread)
        rss = weighted_fit(y, v, X, batch.tau2).rss
        factor = scale_factor(rss, batch.k - p, result.small_sample)
    batch.beta[:], batch.cov[:] = beta, cov * factor


def inference(
    result: FittedModel, batch: Batch
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return standard errors (p, B), interval ends (p, B) and p values of Q (B,)."""
    p = result.design.X.shape[1]
    df = batch.k - p
    safe = np.where(df > 0, df, np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        se = np.sqrt(np.einsum("ppb->pb", batch.cov))
        half = critical(result.conf_level, None) * se
        if result.df is not None:
            student = criticals(result.conf_level, safe) * se
            half = np.where(batch.k == 1, half, student)
        q_p = np.where(df > 0, chi2_sf(batch.Q, safe), 1.0)
    q_p[np.isnan(batch.Q)] = np.nan
    return se, batch.beta - half, batch.beta + half, q_p


def row_labels(effects: Effects) -> np.ndarray:
    """Return a name for each row: its study where that is one row, else both ids.

    A coefficient's id that begins with its study's says both.
    """
    studies, ids = (effects.table[c].astype(str) for c in IDS)
    if studies.is_unique:
        found: np.ndarray = studies.to_numpy(dtype=object)
        return found
    pairs = zip(ids, studies, strict=True)
    if ids.is_unique and all(own.startswith(study) for own, study in pairs):
        made: np.ndarray = ids.to_numpy(dtype=object)
        return made
    answer: np.ndarray = (studies + "/" + ids).to_numpy(dtype=object)
    return answer


def column_groups(effects: Effects, by: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the groups of a column in order of appearance, and each row's group."""
    table = effects.table
    if not isinstance(by, str) or by not in table:
        options = [str(c) for c in table.columns]
        raise ModelError(
            f"by must be a column of the effects, such as 'study_id'; got {by!r}"
            f"{near(str(by), options)}."
        )
    blank = table[by].isna().to_numpy()
    if blank.any():
        ids = table["study_id"].to_numpy()[blank]
        raise DataError(f"{by} is missing for study_id {listing(ids)}.")
    names, first, codes = np.unique(
        table[by].astype(str).to_numpy(dtype=object).astype(str),
        return_index=True,
        return_inverse=True,
    )
    order = np.argsort(first)
    rank = np.empty(len(order), dtype=int)
    rank[order] = np.arange(len(order))
    return names[order].astype(object), rank[codes.ravel()]
