"""What reliability a model expects of samples that did not report it.

Whether an inducing sample is like the one whose reliability it quotes.
"""

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from waistats._areas import ratio_test
from waistats._format import Result, coefficient
from waistats._frames import as_frame
from waistats._signature import renamed
from waistats.errors import DataError, ModelError, check_conf_level, listing, near
from waistats.measures import EXCLUDED, OWN, back_transform
from waistats.meta.multilevel.result import Model
from waistats.provenance import is_simulated, marked, of_simulated
from waistats.rg.induction import number_column, row_statuses, text_column

SOURCE_COLUMNS = (
    "study_id", "source_study_id", "instrument", "rater", "scale", "score_sd", "n",
    "source_sd", "source_n", "ratio", "df1", "df2", "p_value", "ci_low", "ci_high",
    "mean_difference", "note",
)  # fmt: skip


def variance_ratio_test(
    sd: Any, n: Any, source_sd: Any, source_n: Any, *, conf_level: float = 0.95
) -> pd.DataFrame:
    r"""Test whether score variances are equal in a sample and in the source it quotes.

    Parameters
    ----------
    sd, n : array_like
        Standard deviation and size of the inducing samples.
    source_sd, source_n : array_like
        Those of the samples whose reliability they quote.
    conf_level : float, default 0.95
        Confidence level.

    Returns
    -------
    DataFrame
        ``ratio`` (of the variances), ``df1, df2, p_value`` (two-sided), ``ci_low,
        ci_high``; NaN where anything is missing.

    Raises
    ------
    DataError
        If a standard deviation is not positive or a sample has fewer than 2.

    Notes
    -----
    :math:`F = s^2/s_0^2` on :math:`(n-1, n_0-1)` degrees of freedom, as R's
    ``var.test``; it assumes normal scores. A quoted coefficient carries over only if
    both spread and composition are close (Vacha-Haase, Kogan & Thompson, 2000): with
    a smaller spread the reliability is lower.

    Examples
    --------
    >>> variance_ratio_test(9.4, 75, 12.1, 84)[["ratio", "df1", "df2"]].round(3)
       ratio  df1  df2
    0  0.604   74   83
    """
    check_conf_level(conf_level)
    s, k, s0, k0 = (
        np.atleast_1d(np.asarray(v, dtype=float)) for v in (sd, n, source_sd, source_n)
    )
    s, k, s0, k0 = np.broadcast_arrays(s, k, s0, k0)
    wrong = (s <= 0) | (s0 <= 0) | (k < 2) | (k0 < 2)
    if wrong.any():
        raise DataError(
            "standard deviations must be positive and sample sizes at least 2, but are not "
            f"in row {', '.join(map(str, np.flatnonzero(wrong)))}."
        )
    ratio, df1, df2 = (s / s0) ** 2, k - 1, k0 - 1
    p_value, low, high = ratio_test(ratio, df1, df2, conf_level)
    frame = pd.DataFrame(
        {
            "ratio": ratio,
            "df1": df1,
            "df2": df2,
            "p_value": p_value,
            "ci_low": low,
            "ci_high": high,
        }
    )
    whole = not frame[["df1", "df2"]].isna().any(axis=None)
    return frame.astype({"df1": int, "df2": int}) if whole else frame


def induction_tests(table: pd.DataFrame, *, conf_level: float = 0.95) -> pd.DataFrame:
    """Compare each sample that quotes a reliability with the sample quoted.

    Parameters
    ----------
    table : DataFrame
        A coding sheet as `read_coefficients` reads it. The source of a row is the row
        whose ``doi`` is its ``induced_source_doi``, of the same form, rater and scale.
    conf_level : float, default 0.95
        Confidence level.

    Returns
    -------
    DataFrame
        One row for each row with ``induced_source_doi``: the samples, their spread,
        `variance_ratio_test`, ``mean_difference`` (standardized by the source's SD),
        and ``note`` where the source is not in the table or something is missing.

    Examples
    --------
    >>> sheet = pd.DataFrame({
    ...     "study_id": ["A", "B"], "doi": ["10.1/a", None], "score_sd": [12.1, 9.4],
    ...     "score_mean": [66, 70], "n": [84, 75], "scale": "total",
    ...     "induced_source_doi": [None, "10.1/A"]})
    >>> induction_tests(sheet)[["study_id", "source_study_id", "ratio"]].round(3)
      study_id source_study_id  ratio
    0        B               A  0.604
    """
    table = as_frame(table)
    texts = {
        name: text_column(table, name)
        for name in ("study_id", "instrument", "rater", "scale")
    }
    doi = [text.casefold() for text in text_column(table, "doi")]
    cited = [text.casefold() for text in text_column(table, "induced_source_doi")]
    n = number_column(table, "n")
    n = np.where(np.isnan(n), number_column(table, "n_sample"), n)
    sd, mean = number_column(table, "score_sd"), number_column(table, "score_mean")
    metric = text_column(table, "score_metric")
    cell = list(zip(texts["instrument"], texts["rater"], texts["scale"], strict=True))
    rows: list[dict[str, Any]] = []
    for i in [i for i, source in enumerate(cited) if source]:
        row = {name: values[i] for name, values in texts.items()}
        row |= {"score_sd": sd[i], "n": n[i]}
        sources = [j for j, own in enumerate(doi) if own == cited[i] and j != i]
        alike = [j for j in sources if cell[j] == cell[i] and np.isfinite(sd[j])]
        if not alike:
            where = "has no SD for this form, rater and scale" if sources else "is not"
            note = f"the source {where}{' in the table' if not sources else ''}"
            rows.append(row | {"note": note})
            continue
        j = alike[0]
        row |= {
            "source_study_id": texts["study_id"][j],
            "source_sd": sd[j],
            "source_n": n[j],
        }
        if not np.isfinite([sd[i], n[i], n[j]]).all():
            rows.append(row | {"note": "SD or n is missing"})
            continue
        if metric[i] != metric[j]:
            rows.append(row | {"note": "sums and item means cannot be compared"})
            continue
        test = variance_ratio_test(sd[i], n[i], sd[j], n[j], conf_level=conf_level)
        rows.append(
            row
            | test.iloc[0].to_dict()
            | {"mean_difference": (mean[i] - mean[j]) / sd[j], "note": ""}
        )
    return marked(pd.DataFrame(rows, columns=list(SOURCE_COLUMNS)), is_simulated(table))


Model: TypeAlias = Model


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
        return f"No prediction, since a moderator is missing: {listing(self.left_out)}"


@renamed(model="result")
def expected_reliability(result: Model, table: pd.DataFrame) -> ExpectedReliability:
    """Predict the reliability of samples that induced it, from those that reported it.

    Parameters
    ----------
    result : MetaResult or MultilevelResult
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
        If a moderator is not a column, or no inducing row has all of them.

    Notes
    -----
    Means are taken on the model's scale and back-transformed, so that they are the alpha of
    a typical sample. What the moderators do not tell is in the prediction intervals.

    Examples
    --------
    >>> from waistats.io.readers import read_coefficients
    >>> from waistats.datasets.simulated_studies import simulate_literature
    >>> from waistats.measures import effect_sizes
    >>> from waistats.meta.fit import fit_meta
    >>> sheet = read_coefficients(simulate_literature(60).table)
    >>> model = fit_meta(effect_sizes(sheet), "~ np.log(n_items)")
    >>> expected = expected_reliability(model, sheet)
    >>> len(expected.to_frame()), abs(expected.shift) < 0.05
    (36, True)
    """
    table = as_frame(table)
    if not result.has_moderators:
        raise ModelError(
            "the model has no moderators: it expects the same reliability everywhere. "
            "Fit one with moderators, such as '~ np.log(n_items) + rater'."
        )
    needed = list(result.design.variables)
    absent = [name for name in needed if name not in table]
    if absent:
        known = [str(name) for name in table.columns]
        told = [f"{name!r}{near(name, known)}" for name in absent]
        raise DataError(f"the table has no column {listing(told)}, a moderator.")
    status = row_statuses(table)
    induced = np.array([s not in (OWN, EXCLUDED) for s in status])
    known = table[needed].notna().all(axis=1).to_numpy()
    if not (induced & known).any():
        raise DataError(
            f"no inducing row has values of {listing(needed)}: nothing to predict from."
        )
    rows = table[induced & known].reset_index(drop=True)
    predicted = result.predict(rows[needed])
    predicted.insert(0, "study_id", list(rows["study_id"].astype(str)))
    center = result.predict(rows[needed], back_transform=False)["estimate"].mean()
    fitted = result.predict(back_transform=False)["estimate"].mean()
    means = [float(_turned_back(value, result)) for value in (center, fitted)]
    left = table.loc[induced & ~known, "study_id"].astype(str)
    simulated = is_simulated(table) or result.simulated
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
