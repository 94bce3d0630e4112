"""Interval of a coefficient that is a smooth function of the covariance matrix."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from waistats._caller import option
from waistats._format import counted
from waistats._typing import FloatArray
from waistats.errors import ModelError, check_conf_level, check_option
from waistats.reliability._intervals import wald_limits
from waistats.reliability._moments import influence_variance
from waistats.reliability._resampling import (
    KINDS,
    Seed,
    bootstrap_limits,
    check_resamples,
    jackknife_limits,
)
from waistats.reliability._sample import Sample

DELTA_INTERVALS = ("adf", "normal-theory", "jackknife", "bootstrap")


@dataclass(frozen=True, slots=True, kw_only=True)
class IntervalRequest:
    """What was asked for.

    Attributes
    ----------
    ci : str or None
        Kind of interval; None or ``"none"`` for none.
    conf_level : float
        Confidence level.
    scale : str
        ``"bonett"`` or ``"raw"``: where estimate -/+ z se is taken.
    kind : str
        Kind of bootstrap interval.
    n_resamples : int
        Resamples of the bootstrap.
    seed : int, Generator or None
        Makes the resamples reproducible.
    """

    ci: str | None
    conf_level: float
    scale: str = "raw"
    kind: str = "percentile"
    n_resamples: int = 2000
    seed: Seed = 0

    def check(self, allowed: tuple[str, ...]) -> None:
        """Raise a ModelError for options that do not exist."""
        if self.ci is not None:
            check_option("ci", self.ci, (*allowed, "none"))
        check_conf_level(self.conf_level)
        check_option("scale", self.scale, ("bonett", "raw"))
        check_option("kind", self.kind, KINDS)
        if self.ci == "bootstrap":
            check_resamples(self.n_resamples)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Standard error and limits of a coefficient.

    Attributes
    ----------
    se, ci_low, ci_high : float
        NaN where not defined.
    ci : str
        Kind of interval, ``""`` for none.
    notes : tuple of str
        What a reader must know of it.
    """

    se: float = np.nan
    ci_low: float = np.nan
    ci_high: float = np.nan
    ci: str = ""
    notes: tuple[str, ...] = ()

    def limits(self, conf_level: float) -> dict[str, Any]:
        """Return the fields of an estimate that hold it."""
        return {
            "se": self.se,
            "ci_low": self.ci_low,
            "ci_high": self.ci_high,
            "conf_level": conf_level,
            "ci": self.ci,
        }


def delta_spread(
    sample: Sample,
    estimate: float,
    gradient: FloatArray,
    function: Callable[[FloatArray], FloatArray],
    request: IntervalRequest,
) -> Spread:
    """Return the standard error and limits asked for.

    Parameters
    ----------
    sample : Sample
        The responses.
    estimate : float
        The coefficient.
    gradient : ndarray, shape (m, m)
        Its derivative by the covariances; the coefficient ignores their unit.
    function : callable
        Covariances (B, m, m) to coefficients (B,).
    request : IntervalRequest
        Kind and level.
    """
    if request.ci in (None, "none"):
        return Spread()
    if request.ci == "bootstrap":
        return resampled_spread(sample, estimate, gradient, function, request)
    if request.ci == "jackknife":
        return jackknife_spread(sample, estimate, function, request)
    notes: tuple[str, ...] = ()
    if request.ci == "normal-theory":
        se = sample.normal_se(gradient)
    else:
        se = float(np.sqrt(influence_variance(sample.influence(gradient))))
        if sample.likelihood is not None and not sample.likelihood.is_identified:
            notes = (
                "The observed information is not positive definite, so the "
                f"standard error is unreliable; use {option('ci', 'bootstrap')}.",
            )
    low, high = wald_limits(estimate, se, request.conf_level, request.scale)
    return Spread(
        se=se,
        ci_low=float(low),
        ci_high=float(high),
        ci=str(request.ci),
        notes=tuple(notes),
    )


class Resampling(Protocol):
    """What a bootstrap needs: a ``Sample``, or another kind of moments like one."""

    def influence(self, gradient: FloatArray) -> FloatArray:
        """Return influences (n,) on a function of the moments with this gradient."""

    def replicates(
        self, function: Callable[[FloatArray], FloatArray], n_resamples: int, seed: Seed
    ) -> FloatArray:
        """Return a function of the moments in each resample."""

    def without_each(self, function: Callable[[FloatArray], FloatArray]) -> FloatArray:
        """Return a function of the moments without each respondent."""


def jackknife_spread(
    sample: Resampling,
    estimate: float,
    function: Callable[[FloatArray], FloatArray],
    request: IntervalRequest,
) -> Spread:
    """Return standard error and limits from leaving out one respondent at a time."""
    # a coefficient that is not defined without someone is NaN, and said below
    with np.errstate(divide="ignore", invalid="ignore"):
        without = sample.without_each(function)
    return spread_without_each(without, estimate, request)


def spread_without_each(
    without: FloatArray, estimate: float, request: IntervalRequest
) -> Spread:
    """Return standard error and limits from a coefficient without each respondent."""
    usable = np.isfinite(without)
    if request.scale == "bonett":
        usable &= without < 1
    lost = int((~usable).sum())
    if lost:
        who = (
            "one respondent" if lost == 1 else f"{lost} of the respondents, one by one"
        )
        note = (
            f"Without {who} the coefficient is not defined, so there is no jackknife "
            f"interval; {option('ci', 'bootstrap')} leaves such cases out."
        )
        return Spread(notes=(note,))
    se, low, high = jackknife_limits(
        without, estimate, request.conf_level, request.scale
    )
    return Spread(se=se, ci_low=low, ci_high=high, ci="jackknife")


def resampled_spread(
    sample: Resampling,
    estimate: float,
    gradient: FloatArray,
    function: Callable[[FloatArray], FloatArray],
    request: IntervalRequest,
) -> Spread:
    """Return standard error and limits from resamples of the respondents."""
    # a resample in which the coefficient is not defined is NaN, and counted
    with np.errstate(divide="ignore", invalid="ignore"):
        replicates = sample.replicates(function, request.n_resamples, request.seed)
    influence = sample.influence(gradient) if request.kind == "bca" else None
    return bootstrap_spread(replicates, estimate, request, influence)


def bootstrap_spread(
    replicates: FloatArray,
    estimate: float,
    request: IntervalRequest,
    influence: FloatArray | None = None,
) -> Spread:
    """Return standard error and limits from a coefficient in each resample."""
    defined = replicates[np.isfinite(replicates)]
    lost = len(replicates) - len(defined)
    if len(defined) < len(replicates) / 2:
        raise ModelError(
            f"the coefficient is defined in only {len(defined)} of {len(replicates)} "
            "resamples, too few for a bootstrap interval. Use another ci."
        )
    low, high = bootstrap_limits(
        defined,
        estimate,
        request.conf_level,
        kind=request.kind,
        influence=influence,
    )
    notes = [
        f"Bootstrap: {counted(request.n_resamples, 'resample')}, {request.kind} interval."
    ]
    if lost:
        notes.append(
            f"{counted(lost, 'resample')} without a defined coefficient excluded."
        )
    return Spread(
        se=float(defined.std(ddof=1)),
        ci_low=float(low),
        ci_high=float(high),
        ci="bootstrap",
        notes=tuple(notes),
    )
