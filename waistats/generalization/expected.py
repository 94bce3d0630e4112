"""What reliability a model expects of samples that did not report it."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pandas as pd

from waistats.datasets.reporting import EXCLUDED, OWN
from waistats.errors import DataError, ModelError, listing
from waistats.format import Result, coefficient
from waistats.generalization.applications import row_statuses
from waistats.meta.multilevel_result import MultilevelResult
from waistats.meta.result import MetaResult
from waistats.provenance import is_simulated, marked, of_simulated
from waistats.transforms import back_transform

Model: TypeAlias = MetaResult | MultilevelResult


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class ExpectedReliability(Result):
    """Expected reliability of inducing samples, and the shift from reporting ones.

    Attributes
    ----------
    table : DataFrame
        One row an inducing row with all moderators: ``study_id, estimate, ci_low,
        ci_high, pi_low, pi_high`` on the alpha scale.
    inducing, reporting : float
        The alpha at the mean prediction (on the model's scale) of either group.
    shift : float
        ``inducing - reporting``.
    left_out : tuple of str
        Inducing studies of which a moderator is not known.
    simulated : bool
        Whether any row, or what the model was fitted to, is SIMULATED.
    """

    table: pd.DataFrame
    inducing: float
    reporting: float
    shift: float
    left_out: tuple[str, ...]
    simulated: bool

    def to_frame(self) -> pd.DataFrame:
        """Return ``table``."""
        return self.table.copy()

    def heading(self) -> str:
        """Return both means and the shift in a sentence."""
        return (
            f"Expected reliability{of_simulated(self.simulated)}: "
            f"{coefficient(self.inducing)} in inducing samples, "
            f"{coefficient(self.reporting)} in reporting ones "
            f"(shift {coefficient(self.shift)})"
        )

    def closing(self) -> str:
        """Return which studies lack a moderator."""
        if not self.left_out:
            return ""
        return f"Without prediction, a moderator is not known: {listing(self.left_out)}"


def expected_reliability(model: Model, table: pd.DataFrame) -> ExpectedReliability:
    """Predict the reliability of samples that induced it, from those that reported it.

    Parameters
    ----------
    model : MetaResult or MultilevelResult
        A model with moderators, fitted to the coefficients that were reported.
    table : DataFrame
        The coding sheet, as `read_coefficients` reads it.

    Returns
    -------
    ExpectedReliability
        Predictions of the inducing rows and the shift of their mean.

    Raises
    ------
    ModelError
        If the model has no moderators: it expects the same everywhere.
    DataError
        If a moderator is no column, or no inducing row has all of them.

    Notes
    -----
    Means are taken on the model's scale and turned back, so that they are the alpha of
    a typical sample. What the moderators do not tell is in the prediction intervals.

    Examples
    --------
    >>> from waistats.datasets.readers import read_coefficients
    >>> from waistats.datasets.simulated_literature import simulate_literature
    >>> from waistats.effect_sizes import effect_sizes
    >>> from waistats.meta.fit import fit_meta
    >>> sheet = read_coefficients(simulate_literature(60).table)
    >>> model = fit_meta(effect_sizes(sheet), "~ np.log(n_items)")
    >>> expected = expected_reliability(model, sheet)
    >>> len(expected.to_frame()), abs(expected.shift) < 0.05
    (36, True)
    """
    if not model.has_moderators:
        raise ModelError(
            "the model has no moderators: it expects the same reliability everywhere. "
            "Fit one with moderators, such as '~ np.log(n_items) + rater'."
        )
    needed = list(model.design.variables)
    absent = [name for name in needed if name not in table]
    if absent:
        raise DataError(
            f"the table has no column {listing(map(repr, absent))}, a moderator."
        )
    status = row_statuses(table)
    induced = np.array([s not in (OWN, EXCLUDED) for s in status])
    known = table[needed].notna().all(axis=1).to_numpy()
    if not (induced & known).any():
        raise DataError(
            f"no inducing row tells {listing(needed)}: nothing to predict from."
        )
    rows = table[induced & known].reset_index(drop=True)
    predicted = model.predict(rows[needed])
    predicted.insert(0, "study_id", list(rows["study_id"].astype(str)))
    center = model.predict(rows[needed], back_transform=False)["estimate"].mean()
    fitted = model.predict(back_transform=False)["estimate"].mean()
    means = [float(_turned_back(value, model)) for value in (center, fitted)]
    left = table.loc[induced & ~known, "study_id"].astype(str)
    simulated = is_simulated(table) or model.simulated
    return ExpectedReliability(
        table=marked(predicted, simulated),
        inducing=means[0],
        reporting=means[1],
        shift=means[0] - means[1],
        left_out=tuple(dict.fromkeys(left)),
        simulated=simulated,
    )


def _turned_back(value: float, model: Model) -> float:
    return value if model.measure is None else back_transform(value, model.measure)
