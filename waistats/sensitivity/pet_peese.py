"""The coefficient expected of an infinitely large study: PET and PEESE."""

from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from waistats.errors import check_option
from waistats.format import Result, coefficient, interval, level
from waistats.meta.model import FittedModel
from waistats.provenance import marked, of_simulated
from waistats.sensitivity.precision import MODELS, regress_on, scale_notes
from waistats.sensitivity.refit import check_mean, check_model
from waistats.transforms import back_transform

PAIRS = {"se": ("se", "variance"), "inverse_sqrt_n": ("inverse_sqrt_n", "inverse_n")}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class PetPeese(Result):
    r"""Regression estimates of the coefficient of an infinitely large study.

    Attributes
    ----------
    pet, peese : MetaResult or MultilevelResult
        Regressions on the standard error and on the variance (or on
        :math:`1/\sqrt n` and :math:`1/n`).
    chosen : str
        ``"PEESE"`` where the PET intercept is above 0 at one-sided .05, else ``"PET"``.
    estimate, ci_low, ci_high : float
        The chosen intercept on the model's scale.
    """

    pet: FittedModel = field(repr=False)
    peese: FittedModel = field(repr=False)
    chosen: str
    estimate: float
    ci_low: float
    ci_high: float
    model: str
    predictor: str
    notes: tuple[str, ...] = ()

    @property
    def simulated(self) -> bool:
        """Whether the effects are SIMULATED."""
        return self.pet.simulated

    def to_frame(self) -> pd.DataFrame:
        """Return intercept and slope of both regressions: ``method, term, ...``."""
        parts = []
        for method, fit in (("PET", self.pet), ("PEESE", self.peese)):
            frame = fit.to_frame().drop(columns="provenance", errors="ignore")
            frame.insert(0, "method", method)
            parts.append(frame)
        frame = pd.concat(parts, ignore_index=True)
        frame["chosen"] = frame["method"] == self.chosen
        return marked(frame, self.simulated)

    def heading(self) -> str:
        """Return the model line."""
        mark = of_simulated(self.simulated)
        return f"PET-PEESE (k = {self.pet.k}; {self.model} model){mark}"

    def closing(self) -> str:
        """Return the chosen estimate on the alpha scale, and notes."""
        lines = []
        if self.pet.measure:
            ends = (self.estimate, self.ci_low, self.ci_high)
            a, low, high = (back_transform(x, self.pet.measure) for x in ends)
            lines.append(
                f"{self.chosen}, on the alpha scale: {coefficient(a)}, "
                f"{level(self.pet.conf_level)} CI {interval(low, high)}"
            )
        return "\n".join([*lines, *self.notes])


def pet_peese(result: Any, model: str = "classical", predictor: str = "se") -> PetPeese:
    r"""Estimate the coefficient that an infinitely large study would report.

    Parameters
    ----------
    result : MetaResult or MultilevelResult
        From `fit_meta` or `fit_multilevel`, without moderators.
    model : {"classical", "mixed"}, default "classical"
        Weighted least squares with a free scale, as published, or the model of
        ``result``; a multilevel model needs ``"mixed"``.
    predictor : {"se", "inverse_sqrt_n"}
        PET on the standard error and PEESE on the variance, or on
        :math:`1/\sqrt n` and :math:`1/n`; see `egger_test` for when.

    Returns
    -------
    PetPeese
        Both regressions, and the intercept that the published rule chooses.

    Notes
    -----
    Intercepts of :math:`y_i=\beta_0+\beta_1\sqrt{v_i}` (PET) and
    :math:`y_i=\beta_0+\beta_1v_i` (PEESE); the rule takes PEESE where the PET
    intercept differs from 0 [1]_. A reliability is far above 0, so the rule all but
    always takes PEESE; it says nothing of selection. Both extrapolate beyond the
    largest study and are unstable with few studies or much heterogeneity.

    References
    ----------
    .. [1] Stanley, T. D., & Doucouliagos, H. (2014). Research Synthesis Methods, 5,
       60-78.

    Examples
    --------
    >>> from waistats import effect_sizes, fit_meta
    >>> table = pd.DataFrame(
    ...     {"study_id": list("ABCDE"), "estimate": [.91, .79, .93, .88, .90],
    ...      "n": [84, 54, 231, 120, 300], "n_items": 12})
    >>> found = pet_peese(fit_meta(effect_sizes(table)))
    >>> found.chosen, round(float(found.estimate), 3)
    ('PEESE', 2.613)
    """
    fitted = check_model(result, "pet_peese")
    check_mean(fitted, "pet_peese")
    check_option("model", model, MODELS)
    check_option("predictor", predictor, PAIRS)
    pet, peese = (regress_on(fitted, model, name)[0] for name in PAIRS[predictor])
    intercept = pet.to_frame().iloc[0]
    positive = intercept.estimate > 0 and intercept.p_value / 2 < 0.05
    row = (peese if positive else pet).to_frame().iloc[0]
    return PetPeese(
        pet=pet,
        peese=peese,
        chosen="PEESE" if positive else "PET",
        estimate=float(row.estimate),
        ci_low=float(row.ci_low),
        ci_high=float(row.ci_high),
        model=model,
        predictor=predictor,
        notes=scale_notes(fitted, predictor == "se"),
    )
