"""The predictive distribution of alpha: in a new population, and in a sample of it."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import special

from waistats.arrays import FloatArray
from waistats.effect_sizes import ALPHA_TYPES
from waistats.errors import ModelError, listing
from waistats.meta.distributions import critical
from waistats.meta.model import FittedModel
from waistats.transforms import alpha_variance, back_transform, transform


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Predictive:
    """Predictive distributions on the model's scale; every array has shape (rows,).

    Attributes
    ----------
    center, se : ndarray
        Predicted mean and its standard error.
    tau2 : float
        Variance of true values around it.
    sampling : ndarray
        Variance of a sample's value around the true one; NaN without a planned n.
    df : float or None
        Degrees of freedom; None for the normal.
    measure : str
        The scale.
    """

    center: FloatArray
    se: FloatArray
    tau2: float
    sampling: FloatArray
    df: float | None
    measure: str

    def variance(self, *, observed: bool, uncertainty: bool) -> FloatArray:
        """Return the variance of true, or of observed, values."""
        total = np.full(self.center.shape, self.tau2)
        total = total + (self.sampling if observed else 0.0)
        return total + (self.se**2 if uncertainty else 0.0)

    def interval(
        self, conf_level: float, *, observed: bool
    ) -> tuple[FloatArray, FloatArray]:
        """Return the limits of the prediction interval, turned back."""
        spread = np.sqrt(self.variance(observed=observed, uncertainty=True))
        half = critical(conf_level, self.df) * spread
        return (
            back_transform(self.center - half, self.measure),
            back_transform(self.center + half, self.measure),
        )

    def above(
        self, threshold: FloatArray, *, observed: bool, uncertainty: bool
    ) -> FloatArray:
        """Return probabilities of exceeding thresholds, shape (rows, thresholds)."""
        distance = self.center[:, None] - transform(threshold, self.measure)
        spread = np.sqrt(self.variance(observed=observed, uncertainty=uncertainty))
        with np.errstate(divide="ignore", invalid="ignore"):
            z = distance / spread[:, None]
        # without any spread everything lies on one side
        z = np.where(np.isnan(z) & (distance == 0), -np.inf, z)
        if uncertainty and self.df is not None:
            return special.stdtr(self.df, z)
        return special.ndtr(z)


def predictive(
    model: FittedModel,
    rows: pd.DataFrame,
    n: FloatArray | None = None,
    n_items: FloatArray | None = None,
) -> Predictive:
    """Return the predictive distributions for populations, and samples of size n."""
    if model.measure is None:
        raise ModelError(
            "The effects do not say which scale they are on, so that there is no way "
            "back to alpha. effect_sizes() adds the column 'measure'."
        )
    frame = model.predict(rows, back_transform=False)
    center = frame["estimate"].to_numpy(dtype=float)
    sampling = np.full(len(center), np.nan)
    if n is not None and n_items is not None:
        check_kind(model)
        expected = back_transform(center, model.measure)
        sampling = alpha_variance(expected, n, n_items, model.measure)
    return Predictive(
        center=center,
        se=frame["se"].to_numpy(dtype=float),
        tau2=model.tau2,
        sampling=sampling,
        df=model.df,
        measure=model.measure,
    )


def check_kind(model: FittedModel) -> None:
    """Raise a ModelError for coefficients whose sampling variance n does not give."""
    table = model.effects.table
    if "coefficient_type" not in table:
        return
    kinds = {str(kind) for kind in table["coefficient_type"].dropna()} - ALPHA_TYPES
    if kinds - {""}:
        raise ModelError(
            f"How much a sample's {listing(sorted(kinds))} varies does not follow from "
            "n and n_items; only for alpha it does. Leave n out."
        )
