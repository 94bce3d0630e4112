"""The coefficients that can be computed study by study, by name."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from inspect import signature

import numpy as np

from waistats._typing import FloatArray
from waistats.errors import ModelError, check_option
from waistats.reliability._delta import DELTA_INTERVALS
from waistats.reliability._moments import alpha_gradient, standardized_alpha_gradient
from waistats.reliability._result import ReliabilityEstimate
from waistats.reliability.alpha import (
    ALPHA_INTERVALS,
    cronbach_alpha,
    kr20,
    standardized_alpha,
)
from waistats.reliability.glb import greatest_lower_bound
from waistats.reliability.omega import OmegaForm, omega_total
from waistats.reliability.omega_categorical import omega_categorical
from waistats.reliability.omega_hierarchical import omega_hierarchical
from waistats.reliability.ordinal import ordinal_alpha, ordinal_omega
from waistats.reliability.split_half import split_half

ORDINAL_INTERVALS = ("adf", "jackknife", "bootstrap", "auto")


@dataclass(frozen=True, slots=True, kw_only=True)
class Coefficient:
    """A coefficient and the ways to compute it.

    Attributes
    ----------
    function : callable
        Items to a ReliabilityEstimate, with ``ci, conf_level, missing`` and options.
    intervals : tuple of str
        The values of ``ci`` that it takes; the first is its default.
    gradient : callable or None
        Covariances (m, m) and n to the derivative (m, m), for sampling covariances.
    from_moments : bool
        Whether ``function`` takes a sample of which only the moments are known.
    """

    function: Callable[..., ReliabilityEstimate]
    intervals: tuple[str, ...]
    gradient: Callable[[FloatArray, int], FloatArray] | None = None
    from_moments: bool = True

    def check_options(self, options: Iterable[str]) -> None:
        """Raise a ModelError for options that the function does not take."""
        own = {"ci", "conf_level", "missing", "missing_codes", "accept"}
        known = [
            name
            for name, parameter in signature(self.function).parameters.items()
            if parameter.kind is parameter.KEYWORD_ONLY and name not in own
        ]
        for name in options:
            check_option("a name in options", name, known)

    def interval(self, ci: str | None) -> str | None:
        """Return the interval to use: its own where Feldt's is not defined for it."""
        if ci in (None, "none"):
            return None
        if ci == "feldt" and ci not in self.intervals:
            return self.intervals[0]
        ci = check_option("ci", ci, self.intervals)
        return ci


def _alpha_gradient(covariance: FloatArray, n: int) -> FloatArray:
    return alpha_gradient(covariance)


def _standardized_gradient(covariance: FloatArray, n: int) -> FloatArray:
    return standardized_alpha_gradient(covariance)


def _omega_gradient(covariance: FloatArray, n: int) -> FloatArray:
    form = OmegaForm()
    gradient = form.gradient(covariance, form.fit_checked(covariance))
    # omega's variance has lavaan's divisor n, alpha's has n - 1
    values: FloatArray = gradient * np.sqrt(n / (n - 1))
    return values


COEFFICIENTS: dict[str, Coefficient] = {
    "alpha": Coefficient(
        function=cronbach_alpha,
        intervals=ALPHA_INTERVALS,
        gradient=_alpha_gradient,
    ),
    "standardized_alpha": Coefficient(
        function=standardized_alpha,
        intervals=DELTA_INTERVALS,
        gradient=_standardized_gradient,
    ),
    "kr20": Coefficient(
        function=kr20,
        intervals=ALPHA_INTERVALS,
        gradient=_alpha_gradient,
        from_moments=False,
    ),
    "omega_total": Coefficient(
        function=omega_total,
        intervals=DELTA_INTERVALS,
        gradient=_omega_gradient,
    ),
    "omega_hierarchical": Coefficient(
        function=omega_hierarchical,
        intervals=DELTA_INTERVALS,
    ),
    "split_half": Coefficient(
        function=split_half,
        intervals=(*DELTA_INTERVALS, "fisher-z"),
    ),
    "glb": Coefficient(
        function=greatest_lower_bound,
        intervals=DELTA_INTERVALS,
    ),
    "omega_categorical": Coefficient(
        function=omega_categorical,
        intervals=("auto", *ORDINAL_INTERVALS),
        from_moments=False,
    ),
    "ordinal_omega": Coefficient(
        function=ordinal_omega,
        intervals=("auto", *ORDINAL_INTERVALS),
        from_moments=False,
    ),
    "ordinal_alpha": Coefficient(
        function=ordinal_alpha,
        intervals=("auto", *ORDINAL_INTERVALS),
        from_moments=False,
    ),
}


def find_coefficient(name: str) -> Coefficient:
    """Return a coefficient by name, or raise a ModelError."""
    if not isinstance(name, str):
        raise ModelError(f"coefficient must be a name, such as 'alpha'; got {name!r}.")
    return COEFFICIENTS[check_option("coefficient", name, COEFFICIENTS)]
