"""Priors of the heterogeneity standard deviation."""

from dataclasses import dataclass

import numpy as np
from scipy import special

from waistats.arrays import FloatArray
from waistats.errors import ModelError, check_option

PRIORS = ("half-normal", "half-cauchy", "uniform")
# the end of a uniform prior that goes with the scale of the other two
UNIFORM_END = 4.0


@dataclass(frozen=True, slots=True)
class Prior:
    """A prior of tau: ``kind`` of `PRIORS`; ``scale`` is the end of a uniform one."""

    kind: str
    scale: float

    @property
    def end(self) -> float:
        """The largest possible tau."""
        return self.scale if self.kind == "uniform" else np.inf

    def log_density(self, tau: FloatArray) -> FloatArray:
        """Return the normalised log density."""
        A = self.scale
        if self.kind == "half-normal":
            return 0.5 * np.log(2 / np.pi) - np.log(A) - 0.5 * (tau / A) ** 2
        if self.kind == "half-cauchy":
            return np.log(2 / (np.pi * A)) - np.log1p((tau / A) ** 2)
        return np.where(tau <= A, -np.log(A), -np.inf)

    def quantile(self, p: FloatArray) -> FloatArray:
        """Return prior quantiles of tau."""
        if self.kind == "half-normal":
            return self.scale * special.ndtri((1 + p) / 2)
        if self.kind == "half-cauchy":
            return self.scale * np.tan(np.pi * p / 2)
        return self.scale * p

    def neighbours(self) -> list["Prior"]:
        """Return half-normal priors around it, and the other two kinds beside it."""
        A = self.scale / UNIFORM_END if self.kind == "uniform" else self.scale
        return [
            *(Prior("half-normal", A * factor) for factor in (0.5, 1.0, 2.0)),
            Prior("half-cauchy", A),
            Prior("uniform", UNIFORM_END * A),
        ]


def checked_prior(kind: str, scale: float) -> Prior:
    """Return a prior of tau, or raise a ModelError."""
    check_option("prior", kind, PRIORS)
    if not (np.isfinite(scale) and scale > 0):
        raise ModelError(f"prior_scale must be positive and finite; got {scale!r}.")
    return Prior(kind, float(scale))
