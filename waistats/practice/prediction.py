"""The reliability to expect: in a new population, and in a sample of a given size."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from waistats._format import Result, coefficient, counted, frame_text, level
from waistats._frames import as_frame
from waistats._signature import renamed
from waistats._typing import FloatArray
from waistats.errors import DataError, check_conf_level
from waistats.measures import back_transform
from waistats.meta._predict import WIDEST
from waistats.meta.results import FittedModel
from waistats.practice._population import FACTS, prepare
from waistats.practice._source import check_range, numbers
from waistats.provenance import marked, of_simulated

THRESHOLDS = (0.70, 0.80, 0.90)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class ReliabilityPrediction(Result):
    """What reliability to expect; every array has shape (rows,).

    Attributes
    ----------
    estimate, ci_low, ci_high : ndarray
        Expected (median) alpha of such populations and its confidence interval.
    pi_low, pi_high : ndarray
        Prediction interval of the true alpha of a new population.
    observed_low, observed_high : ndarray
        Prediction interval of the alpha of a sample of n; NaN without n.
    thresholds : tuple of float
        Alphas to exceed.
    above, observed_above : ndarray, shape (rows, thresholds)
        Probabilities that the true, or the sample's, alpha exceeds them.
    n, n_items : ndarray
        Size of the planned sample and items of its scale; NaN without n.
    profile : DataFrame
        The populations.
    k : int
        Coefficients behind the model.
    conf_level : float
        Confidence level.
    simulated : bool
        Whether the model was fitted to SIMULATED data.
    notes : tuple of str
        What a reader must know.
    """

    estimate: FloatArray
    ci_low: FloatArray
    ci_high: FloatArray
    pi_low: FloatArray
    pi_high: FloatArray
    observed_low: FloatArray
    observed_high: FloatArray
    thresholds: tuple[float, ...]
    above: FloatArray
    observed_above: FloatArray
    n: FloatArray
    n_items: FloatArray
    profile: pd.DataFrame = field(repr=False)
    k: int
    conf_level: float
    simulated: bool = False
    notes: tuple[str, ...] = ()

    def to_frame(self) -> pd.DataFrame:
        """Return one row per prediction.

        The population; ``n, n_items`` where n was given; ``estimate, ci_low, ci_high,
        pi_low, pi_high``, ``observed_low, observed_high``; and a column a threshold,
        such as ``above_70`` (true alpha) and ``observed_above_70``.
        """
        planned = bool(np.isfinite(self.n).any())
        frame = self.profile.drop(columns="n_items" if planned else [], errors="ignore")
        columns: dict[str, Any] = {}
        if planned:
            columns |= {"n": self.n.astype(int), "n_items": self.n_items.astype(int)}
        for name in ("estimate", "ci_low", "ci_high", "pi_low", "pi_high"):
            columns[name] = getattr(self, name)
        if planned:
            columns["observed_low"] = self.observed_low
            columns["observed_high"] = self.observed_high
        names = [threshold_name(value) for value in self.thresholds]
        columns |= dict(zip(names, self.above.T, strict=True))
        if planned:
            labels = [f"observed_{name}" for name in names]
            columns |= dict(zip(labels, self.observed_above.T, strict=True))
        return marked(frame.assign(**columns), self.simulated)

    def heading(self) -> str:
        """Return what the prediction rests on."""
        text = f"Expected reliability, from {counted(self.k, 'coefficient')}"
        return text + of_simulated(self.simulated)

    def closing(self) -> str:
        """Return what the columns are, and the notes."""
        shown = level(self.conf_level)
        lines = [
            f"ci: {shown} interval of the expected alpha; pi: of the true alpha of a "
            "new population" + self._observed_words() + "."
        ]
        limits = ", ".join(coefficient(value, 2) for value in self.thresholds)
        lines.append(f"above: probability that alpha exceeds {limits}.")
        return "\n".join([*lines, *self.notes])

    def __str__(self) -> str:
        frame = self.to_frame()
        chances = [c for c in frame if c.startswith(("above_", "observed_above_"))]
        who = [c for c in frame if c in self.profile or c == "n"]
        parts = [self.heading(), frame_text(frame.drop(columns=chances))]
        parts.append(frame_text(frame[[*who, *chances]]))
        return "\n\n".join([*parts, self.closing()])

    def _observed_words(self) -> str:
        if not np.isfinite(self.n).any():
            return ""
        return "; observed: of the alpha that a sample of n shows"


def threshold_name(threshold: float) -> str:
    """Return a column's name such as ``above_70``."""
    return f"above_{f'{threshold:.10g}'.split('.')[-1].ljust(2, '0')}"


@renamed(source="result")
def predict_reliability(
    result: Any,
    instrument: str | None = None,
    rater: str | None = None,
    modality: str | None = None,
    n: Any = None,
    *,
    new: pd.DataFrame | Mapping[str, Any] | None = None,
    n_items: Any = None,
    thresholds: Sequence[float] = THRESHOLDS,
    include_uncertainty: bool = True,
    conf_level: float | None = None,
    prediction: str | None = None,
) -> ReliabilityPrediction:
    r"""Predict the reliability that a new population, or a sample of it, will show.

    Parameters
    ----------
    result : MetaResult, MultilevelResult or RGStudy
        The fitted model. Of a study, the moderator model where it has the named
        moderators; else the coefficients of that kind, pooled as in its cells; else the
        overall model.
    instrument, rater, modality : str, optional
        The population. A model without these moderators must have been fitted to such
        rows, and a note says where they were mixed with others.
    n : int or array_like, optional
        Respondents of the planned sample; several give one row each.
    new : DataFrame or mapping, optional
        Values of other moderators, one row per population. Numbers that are not given take
        their mean, with a note.
    n_items : int, optional
        Items of the scale; by default those of the fitted rows or of the form.
    thresholds : sequence of float, default (.70, .80, .90)
        Alphas to exceed.
    include_uncertainty : bool, default True
        Whether probabilities account for the estimation of mean and heterogeneity, as
        the intervals do.
    conf_level : float, optional
        Level of the intervals; that of the model by default.
    prediction : {"confidence-distribution", "metafor"}, optional
        Kind of the prediction intervals, as in `FittedModel.predict`; that of a study by
        default. Given, the probabilities are of that kind, too; else they are those of
        `threshold_probability`.

    Returns
    -------
    ReliabilityPrediction
        Prints one row per population and sample size.

    Raises
    ------
    DataError
        For values that no fitted coefficient has, and sizes below 3.
    ModelError
        For moderators that are missing.

    Notes
    -----
    The interval of the expected alpha is the one that the model prints. For the limits
    the true alpha of a new population has the predictive distribution of
    `FittedModel.predict`, with the uncertainty of mean and heterogeneity, for
    probabilities the calibrated one of `threshold_probability`; the alpha that a sample
    of n' shows has in addition the variance :math:`v(n')`, on the Bonett scale
    :math:`2m/((m-1)(n'-2))`; on the others it is taken at the expected alpha. The ends
    are back-transformed.

    Examples
    --------
    >>> import pandas as pd
    >>> from waistats import effect_sizes, fit_meta
    >>> table = pd.DataFrame(
    ...     {"study_id": list("ABCDE"), "estimate": [.91, .89, .93, .88, .90],
    ...      "n": [84, 54, 231, 120, 90], "n_items": 12})
    >>> predicted = predict_reliability(fit_meta(effect_sizes(table)), n=[30, 300])
    >>> predicted.to_frame()[["n", "estimate", "observed_low", "observed_high"]].round(3)
         n  estimate  observed_low  observed_high
    0   30     0.906         0.789          0.957
    1  300     0.906         0.823          0.949
    """
    new = as_frame(new)
    facts = dict(zip(FACTS, (instrument, rater, modality), strict=False))
    for name, value in facts.items():
        if not (value is None or isinstance(value, str)):
            raise DataError(
                f"{name} must be text; got {value!r}. Values of other moderators are "
                "given by new=."
            )
    if conf_level is not None:
        check_conf_level(conf_level)
    cuts = check_thresholds(thresholds)
    plan = prepare(
        result, facts, new, n, n_items, prediction=prediction, conf_level=conf_level
    )
    model, spread = plan.model, plan.spread
    shown = model.conf_level if conf_level is None else conf_level
    low, high = spread.interval(shown, observed=False)
    observed = spread.interval(shown, observed=True)
    back = model.measure or "raw"
    confidence = (
        back_transform(spread.low, back),
        back_transform(spread.high, back),
    )
    notes = list(plan.notes)
    ends = {"ci": confidence, "pi": (low, high), "observed": observed}
    for name, (lower, upper) in ends.items():
        ends[name] = _shown(name, lower, upper, notes)
    notes += spread.prediction_notes()
    notes += spread.probability_notes(uncertainty=include_uncertainty)
    return ReliabilityPrediction(
        estimate=back_transform(spread.center, back),
        ci_low=ends["ci"][0],
        ci_high=ends["ci"][1],
        pi_low=ends["pi"][0],
        pi_high=ends["pi"][1],
        observed_low=ends["observed"][0],
        observed_high=ends["observed"][1],
        thresholds=tuple(float(cut) for cut in cuts),
        above=spread.above(cuts, observed=False, uncertainty=include_uncertainty),
        observed_above=spread.above(
            cuts, observed=True, uncertainty=include_uncertainty
        ),
        n=plan.n,
        n_items=plan.n_items,
        profile=plan.rows,
        k=model.k,
        conf_level=shown,
        simulated=model.simulated,
        notes=(*notes, *_model_notes(model)),
    )


_LIMITS = {
    "ci": "Confidence limits",
    "pi": "Prediction limits",
    "observed": "Limits for the alpha that a sample shows",
}


def _shown(
    name: str, low: FloatArray, high: FloatArray, notes: list[str]
) -> tuple[FloatArray, FloatArray]:
    """Return limits without those that say nothing, which a note says."""
    wide = high - low > WIDEST
    if wide.any():
        notes.append(
            f"{_LIMITS[name]} that are more than {WIDEST:g} apart are withheld: there are "
            "too few studies."
        )
    return np.where(wide, np.nan, low), np.where(wide, np.nan, high)


def check_thresholds(thresholds: Any) -> FloatArray:
    """Return thresholds as an array; each must lie between 0 and 1."""
    cuts = np.atleast_1d(numbers("threshold", thresholds))
    check_range("threshold", cuts, 0, 1, open_high=True)
    return cuts


def _model_notes(model: FittedModel) -> list[str]:
    if model.method == "CE":
        return [
            "The common-effect model has no heterogeneity: the intervals hold only if "
            "every population has the same alpha."
        ]
    return []
