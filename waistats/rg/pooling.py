"""One pooled reliability, its interval and notes; cells; and which rows are pooled.

One level where rows are independent, three where studies give several coefficients.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from waistats._format import counted
from waistats._frozen import Frozen
from waistats._progress import progress
from waistats.errors import ModelError, check_option
from waistats.measures import ALPHA_TYPES
from waistats.meta._fits import Fits
from waistats.meta._predict import too_wide
from waistats.meta._prediction import DEFAULT_PREDICTION, PREDICTIONS
from waistats.meta.fit import fit_effects
from waistats.meta.multilevel.fit import fit_nested
from waistats.meta.multilevel.result import Model
from waistats.meta.multilevel.robust import RobustResult
from waistats.meta.results import MetaResult
from waistats.provenance import is_simulated, marked
from waistats.rg.descriptives import cells_of, grouping, kinds, levels

# Below this no random-effects model: the spread of so few cannot be told.
FEWEST_TO_POOL = 3

# ends of a pooled mean's intervals
ENDS = ("estimate", "ci_low", "ci_high", "pi_low", "pi_high")
POOLED = (
    "k", "k_studies", "n", "estimate", "ci_low", "ci_high", "pi_low", "pi_high",
    "tau2", "I2", "Q", "Q_df", "Q_p", "model", "note",
)  # fmt: skip
DESCRIPTIVE_ONLY = f"descriptive only: fewer than {FEWEST_TO_POOL} studies"


@dataclass(frozen=True, kw_only=True, eq=False)
class Pooled(Frozen):
    """A pooled reliability of one set of coefficients.

    Attributes
    ----------
    fit : MetaResult or MultilevelResult
        The model: one level if no study gives two coefficients, else three.
    independent : MetaResult
        The one-level model, as if all coefficients were independent.
    n_studies : int
        Studies; ``n`` sums respondents over coefficients.
    prediction : str
        The prediction interval: ``"confidence-distribution"`` or ``"metafor"``.
    pool_notes : tuple of str
        What was decided in pooling.
    """

    fit: Model
    independent: MetaResult
    n_studies: int
    n: float
    prediction: str = DEFAULT_PREDICTION
    pool_notes: tuple[str, ...] = ()

    @property
    def simulated(self) -> bool:
        """Whether the coefficients are SIMULATED."""
        return self.fit.simulated

    @property
    def dependent(self) -> bool:
        """Whether studies give more than one coefficient."""
        return self.fit.is_multilevel

    @property
    def robust(self) -> RobustResult | None:
        """CR2 of the three-level model where the interval is its; None otherwise."""
        if not self.fit.is_multilevel:
            return None
        basis = self.fit.contrasts(np.ones((1, 1))).basis
        return self.fit.robust() if basis == ("CR2",) else None

    @property
    def model(self) -> str:
        """Name of the model and of its interval."""
        if self.fit.is_multilevel:
            basis = self.fit.contrasts(np.ones((1, 1))).basis
            return "three levels, CR2" if basis == ("CR2",) else "three levels, t"
        return {
            "knapp-hartung": "one level, Knapp-Hartung",
            "knapp-hartung-adhoc": "one level, Knapp-Hartung ad hoc",
            "wald": "one level, Wald",
        }[self.fit.small_sample]

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know of the model, its interval and its limits."""
        said = (*self.model_notes, *self._limits[1])
        if self.prediction != DEFAULT_PREDICTION or "pi_low" in self._limits[0]:
            return said
        return (*said, *self.fit.prediction_notes())

    @property
    def model_notes(self) -> tuple[str, ...]:
        """What a reader must know of the model and its interval."""
        return (*self.pool_notes, *self.fit.notes)

    @property
    def note(self) -> str:
        """The notes in one text; empty for none."""
        return " ".join(self.notes)

    def interval(self, *, back_transform: bool = True) -> dict[str, float]:
        """Return ``estimate, ci_low, ci_high, pi_low, pi_high``.

        Limits that say nothing are withheld (NaN), with a note.
        """
        row = self._predicted
        if not back_transform:
            row = self._predict(back_transform=False)
        withheld = self._limits[0]
        return {
            name: float("nan") if name in withheld else float(row[name])
            for name in ENDS
        }

    def _predict(self, *, back_transform: bool = True) -> dict[str, Any]:
        predicted = self.fit.predict(
            back_transform=back_transform, prediction=self.prediction
        )
        return dict(predicted.iloc[0])

    @cached_property
    def _predicted(self) -> dict[str, Any]:
        return self._predict()

    @cached_property
    def _limits(self) -> tuple[set[str], tuple[str, ...]]:
        """Return the columns of limits that are not shown, and why."""
        return withheld_limits(self._predicted, self.fit.measure)

    def row(self) -> dict[str, Any]:
        """Return the pooled numbers on the alpha scale, for a frame."""
        fit = self.fit
        return {
            "k": fit.k,
            "k_studies": self.n_studies,
            "n": self.n,
            **self.interval(),
            "tau2": fit.tau2,
            "I2": fit.I2,
            "Q": fit.Q,
            "Q_df": fit.Q_df,
            "Q_p": fit.Q_p,
            "model": self.model,
            "note": self.note,
        }


def withheld_limits(
    row: Mapping[str, Any], measure: str | None
) -> tuple[set[str], tuple[str, ...]]:
    """Return the columns of limits that are not shown, and why.

    Parameters
    ----------
    row : mapping
        ``ci_low, ci_high, pi_low, pi_high`` on the alpha scale.
    measure : str or None
        The scale of the model; without one nothing is withheld but what is missing.
    """
    withheld: set[str] = set()
    notes = []
    for kind, name in (("ci", "confidence"), ("pi", "prediction")):
        low, high = float(row[f"{kind}_low"]), float(row[f"{kind}_high"])
        why = too_wide(low, high, measure)
        if why:
            withheld |= {f"{kind}_low", f"{kind}_high"}
            notes.append(f"The {name} interval is withheld ({why}).")
    return withheld, tuple(notes)


def pool(
    effects: pd.DataFrame,
    *,
    method: str = "REML",
    conf_level: float = 0.95,
    within_correlation: float | None = None,
    V: Any = None,
    prediction: str = DEFAULT_PREDICTION,
    fits: Fits | None = None,
) -> Pooled:
    """Pool effects by the model that their dependence asks for.

    What ``fits`` holds is not fitted again.

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
            f"{counted(n_studies, 'study is', 'studies are')} too few to pool; "
            "describe the coefficients instead."
        )
    prediction = check_option("prediction", prediction, PREDICTIONS)
    independent = fit_effects(effects, method=method, conf_level=conf_level, fits=fits)
    fit: Model = independent
    notes: tuple[str, ...] = kr20_note(used)
    if studies.duplicated().any():
        fit = fit_nested(
            effects,
            method=likelihood(method),
            conf_level=conf_level,
            within_correlation=within_correlation,
            V=V,
            fits=fits,
        )
        notes += method_note(method)
    return Pooled(
        fit=fit,
        independent=independent,
        n_studies=n_studies,
        n=float(pd.to_numeric(used["n"]).sum()),
        prediction=prediction,
        pool_notes=notes,
    )


def likelihood(method: str) -> str:
    """Return the estimator of a three-level model: ML where asked for, else REML."""
    return method if method in {"ML", "REML"} else "REML"


def method_note(method: str) -> tuple[str, ...]:
    """Return that an estimator of one level was not used with three."""
    if likelihood(method) == method:
        return ()
    return (
        f"Studies give several coefficients: the three-level model is fitted by REML, "
        f"since {method} is an estimator of one level.",
    )


def kr20_note(effects: pd.DataFrame) -> tuple[str, ...]:
    """Return that KR-20 is pooled with alpha, of which it is a case."""
    found = kinds(effects).value_counts()
    if "kr20" not in found or len(found) == 1:
        return ()
    n = int(found["kr20"])
    return (
        f"{n} of {len(effects)} {'is' if n == 1 else 'are'} KR-20, which is alpha of "
        "items scored 0 and 1.",
    )


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
        kept apart, but for alpha and KR-20, which are one kind here as in the overall
        model.
    **options
        Of `pool`: ``method, conf_level, within_correlation, V, prediction, fits``.

    Returns
    -------
    DataFrame
        The cell's columns, ``coefficient_type`` and `POOLED`. A cell of fewer than
        three studies has its counts, and ``note`` says descriptive only.
    """
    used = effects[effects["yi"].notna()].reset_index(drop=True)
    columns = grouping(used, by)
    keys = levels(used, columns).assign(coefficient_type=families(used))
    rows: list[dict[str, Any]] = []
    for key, index in progress(list(cells_of(keys)), "cells"):
        cell = dict(zip(keys.columns, key, strict=True))
        own = kinds(used.iloc[index]).unique()
        if len(own) == 1:
            cell["coefficient_type"] = own[0]
        rows.append(cell | cell_row(used.iloc[index], **options))
    out = pd.DataFrame(rows, columns=[*keys.columns, *POOLED])
    return marked(out, is_simulated(used))


def families(table: pd.DataFrame) -> pd.Series:
    """Return each row's kind of coefficient, alpha and KR-20 as one where both occur."""
    found = kinds(table)
    both = set(found) >= ALPHA_TYPES
    return found.where(~found.isin(ALPHA_TYPES), "alpha") if both else found


def cell_row(effects: pd.DataFrame, **options: Any) -> dict[str, Any]:
    """Return the pooled numbers of some rows, or their counts and why not."""
    if effects["study_id"].nunique() < FEWEST_TO_POOL:
        return {
            "k": len(effects),
            "k_studies": effects["study_id"].nunique(),
            "n": float(pd.to_numeric(effects["n"]).sum()),
            "note": DESCRIPTIVE_ONLY,
        }
    return pool(effects, **options).row()


TOTAL = "total"


def scales_of(rows: pd.DataFrame) -> pd.Series:
    """Return the scale of each row: total where the table does not say."""
    if "scale" not in rows:
        return pd.Series(TOTAL, index=rows.index)
    return rows["scale"].fillna(TOTAL).astype(str)


def main_rows(used: pd.DataFrame, scale: str) -> pd.DataFrame:
    """Return the alpha-like rows of one scale; all of them without a scale column."""
    alphas = used[kinds(used).isin(ALPHA_TYPES)]
    return alphas[scales_of(alphas) == scale] if "scale" in used else alphas


def main_scale(used: pd.DataFrame) -> str:
    """Return the scale of the overall model: total, else the most common one."""
    counts = scales_of(used[kinds(used).isin(ALPHA_TYPES)]).value_counts()
    if TOTAL in counts or len(counts) == 0:
        return TOTAL
    return str(sorted(counts.index[counts == counts.max()])[0])


def default_title(used: pd.DataFrame) -> str:
    """Return the instruments in words; nothing where the table names none."""
    if "instrument" not in used:
        return ""
    names = sorted({str(v) for v in used["instrument"].dropna()})
    if len(names) > 4:
        return f"scores of {len(names)} instruments"
    return " / ".join(names) + " scores" if names else ""
