"""Which rows the overall model pools: one scale, alphas only.

One pooled reliability: one level where rows are independent, three where not.

Pooled reliability cell by cell, and what is too small to pool.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from waistats._frozen import Frozen
from waistats.errors import ConvergenceError, ModelError
from waistats.measures import ALPHA_TYPES, back_transform
from waistats.meta.fit import fit_meta
from waistats.meta.multilevel.fit import MultilevelResult, fit_multilevel
from waistats.meta.multilevel.robust import RobustResult
from waistats.meta.results import MetaResult
from waistats.provenance import is_simulated, marked
from waistats.rg.descriptives import cells_of, grouping, kinds, levels

# Below this no random-effects model: the spread of so few cannot be told.
FEWEST_TO_POOL = 3
# Below this Satterthwaite's approximation is not to be trusted.
FEWEST_DF = 4


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pooled(Frozen):
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


POOLED = (
    "k", "k_studies", "n", "estimate", "ci_low", "ci_high", "pi_low", "pi_high",
    "tau2", "I2", "Q", "Q_df", "Q_p", "model", "note",
)  # fmt: skip
DESCRIPTIVE_ONLY = f"descriptive only: fewer than {FEWEST_TO_POOL} studies"


def pooled_cells(
    effects: pd.DataFrame, by: Sequence[str], **options: Any
) -> pd.DataFrame:
    """Pool each cell that is large enough.

    Parameters
    ----------
    effects : DataFrame
        A table from `effect_sizes`.
    by : sequence of str
        Columns that make the cells; absent ones are ignored. Kinds of coefficients are
        kept apart.
    **options
        Of `pool`: ``method, conf_level, within_correlation``.

    Returns
    -------
    DataFrame
        The cell's columns, ``coefficient_type`` and `POOLED`. A cell of fewer than
        three studies has its counts, and ``note`` says descriptive only.
    """
    used = effects[effects["yi"].notna()].reset_index(drop=True)
    columns = grouping(used, by)
    keys = levels(used, columns).assign(coefficient_type=kinds(used))
    rows: list[dict[str, Any]] = []
    for key, index in cells_of(keys):
        cell = dict(zip(keys.columns, key, strict=True))
        rows.append(cell | pooled_row(used.iloc[index], **options))
    out = pd.DataFrame(rows, columns=[*keys.columns, *POOLED])
    return marked(out, is_simulated(used))


def pooled_row(effects: pd.DataFrame, **options: Any) -> dict[str, Any]:
    """Return the pooled numbers of some rows, or their counts and why not."""
    if effects["study_id"].nunique() < FEWEST_TO_POOL:
        return {
            "k": len(effects),
            "k_studies": effects["study_id"].nunique(),
            "n": float(pd.to_numeric(effects["n"]).sum()),
            "note": DESCRIPTIVE_ONLY,
        }
    return pool(effects, **options).row()


def shrunken(pooled: Pooled) -> pd.DataFrame:
    r"""Return each coefficient drawn towards the mean by its own imprecision.

    ``study_id, coefficient_id, estimate, ci_low, ci_high`` on the alpha scale:
    :math:`\lambda\mu+(1-\lambda)y_i`, :math:`\lambda=v_i/(v_i+\tau^2)`, of the
    one-level model.
    """
    fit = pooled.independent
    y, v = fit.effects.yi, fit.effects.vi
    share = v / (v + fit.tau2) if fit.tau2 > 0 else np.ones(len(v))
    center = share * fit.estimate + (1 - share) * y
    se = np.sqrt((1 - share) * v + share**2 * fit.se**2)
    half = 1.959963984540054 * se
    table = fit.effects.table[["study_id", "coefficient_id"]].copy()
    for name, values in (
        ("estimate", center),
        ("ci_low", center - half),
        ("ci_high", center + half),
    ):
        table[name] = back_transform(values, fit.measure) if fit.measure else values
    return marked(table, fit.effects.simulated)


TOTAL = "total"


def main_rows(used: pd.DataFrame, scale: str) -> pd.DataFrame:
    """Return the alpha-like rows of one scale; all of them without a scale column."""
    alphas = used[kinds(used).isin(ALPHA_TYPES)]
    if "scale" not in used:
        return alphas
    return alphas[alphas["scale"].fillna(TOTAL).astype(str) == scale]


def main_scale(used: pd.DataFrame) -> str:
    """Return the scale of the overall model: total, else the commonest one."""
    if "scale" not in used:
        return TOTAL
    counts = (
        used[kinds(used).isin(ALPHA_TYPES)]["scale"]
        .fillna(TOTAL)
        .astype(str)
        .value_counts()
    )
    if TOTAL in counts or len(counts) == 0:
        return TOTAL
    return str(sorted(counts.index[counts == counts.max()])[0])


def default_title(used: pd.DataFrame) -> str:
    """Return the instruments in words."""
    if "instrument" not in used:
        return "these scores"
    names = sorted({str(v) for v in used["instrument"].dropna()})
    if len(names) > 4:
        return f"scores of {len(names)} instruments"
    return " / ".join(names) + " scores" if names else "these scores"
