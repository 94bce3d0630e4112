"""One pooled reliability: one level where rows are independent, three where not."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from waistats.errors import ConvergenceError, ModelError
from waistats.meta.fit import fit_meta
from waistats.meta.multilevel import fit_multilevel
from waistats.meta.multilevel_result import MultilevelResult
from waistats.meta.result import MetaResult
from waistats.meta.robust import RobustResult

# Below this no random-effects model: the spread of so few cannot be told.
FEWEST_TO_POOL = 3
# Below this Satterthwaite's approximation is not to be trusted.
FEWEST_DF = 4


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pooled:
    """A pooled reliability of one set of coefficients.

    Attributes
    ----------
    fit : MetaResult or MultilevelResult
        The model: one level if no study gives two coefficients, else three.
    independent : MetaResult
        The one-level model, as if all coefficients were independent.
    robust : RobustResult or None
        CR2 of the three-level model; None with one level, and where its degrees of
        freedom are below 4, too few to trust.
    note : str
        What a reader must know of the interval; empty otherwise.
    n_studies : int
        Studies; ``n`` sums respondents over coefficients.
    """

    fit: MetaResult | MultilevelResult
    independent: MetaResult
    robust: RobustResult | None
    n_studies: int
    n: float
    note: str = ""

    @property
    def simulated(self) -> bool:
        """Whether the coefficients are SIMULATED."""
        return self.fit.simulated

    @property
    def dependent(self) -> bool:
        """Whether studies give more than one coefficient."""
        return isinstance(self.fit, MultilevelResult)

    def row(self) -> dict[str, Any]:
        """Return the pooled numbers on the alpha scale, for a frame."""
        predicted = self.fit.predict().iloc[0].drop("provenance", errors="ignore")
        predicted = predicted.to_dict()
        if self.robust is not None:
            interval = self.robust.predict().iloc[0]
            predicted["ci_low"] = interval["ci_low"]
            predicted["ci_high"] = interval["ci_high"]
        fit = self.fit
        return {
            "k": fit.k,
            "k_studies": self.n_studies,
            "n": self.n,
            **predicted,
            "tau2": fit.tau2,
            "I2": fit.I2,
            "Q": fit.Q,
            "Q_df": fit.Q_df,
            "Q_p": fit.Q_p,
            "model": self.model,
            "note": self.note,
        }

    @property
    def model(self) -> str:
        """Name of the model and of its interval."""
        if not self.dependent:
            return "one level, Knapp-Hartung"
        return "three levels, CR2" if self.robust is not None else "three levels, t"


def pool(
    effects: pd.DataFrame,
    *,
    method: str = "REML",
    conf_level: float = 0.95,
    within_correlation: float | None = None,
    V: Any = None,
) -> Pooled:
    """Pool effects by the model that their dependence asks for.

    Raises
    ------
    ModelError
        If there are fewer than three studies to pool.
    """
    used = effects[effects["yi"].notna()]
    studies = used["study_id"].astype(str)
    n_studies = int(studies.nunique())
    if n_studies < FEWEST_TO_POOL:
        raise ModelError(
            f"{n_studies} studies are too few to pool; describe them instead."
        )
    independent = fit_meta(effects, method=method, conf_level=conf_level)
    n = float(pd.to_numeric(used["n"]).sum())
    fit: MetaResult | MultilevelResult = independent
    robust, note = None, ""
    if studies.duplicated().any():
        three = fit_multilevel(
            effects,
            method=method if method in {"ML", "REML"} else "REML",
            conf_level=conf_level,
            within_correlation=within_correlation,
            V=V,
        )
        fit, robust = three, _robust(three)
        if robust is None:
            note = "too few studies for a robust interval; the model's own"
    return Pooled(
        fit=fit,
        independent=independent,
        robust=robust,
        n_studies=n_studies,
        n=n,
        note=note,
    )


def _robust(fit: MultilevelResult) -> RobustResult | None:
    """Return CR2, or None where the clusters are too few for it to be defined."""
    try:
        robust = fit.robust()
        df = float(robust.to_frame()["df"].iloc[0])
    except (ModelError, ConvergenceError):
        return None
    return robust if np.isfinite(df) and df >= FEWEST_DF else None
