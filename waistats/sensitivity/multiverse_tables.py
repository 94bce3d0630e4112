"""The tables of a multiverse: handlings of dependence, and exclusions."""

import numpy as np
import pandas as pd

from waistats.arrays import FloatArray
from waistats.effect_sizes import effect_sizes
from waistats.errors import ModelError, WaistatsError
from waistats.meta.effects import Effects, usable_effects
from waistats.meta.fit import fit_meta
from waistats.sensitivity.influence import influence

OUTLYING = 1.96


def poolable(coefficients: pd.DataFrame) -> tuple[pd.DataFrame, Effects]:
    """Return the rows that every specification starts from, with ids as text."""
    table = coefficients.drop(columns=["measure", "yi", "vi"], errors="ignore")
    used = usable_effects(effect_sizes(table))
    rows = used.table.drop(columns=["measure", "yi", "vi"])
    return rows, used


def exclusions(
    table: pd.DataFrame, names: tuple[str, ...], small_n: float
) -> dict[str, pd.DataFrame | str]:
    """Return the table after each exclusion, or why it is the same as another."""
    out: dict[str, pd.DataFrame | str] = {}
    for name in names:
        if name == "none":
            out[name] = table
            continue
        lost = _small(table, small_n) if name == "small-n" else _outliers(table)
        if isinstance(lost, str):
            out[name] = lost
        elif not lost.any():
            out[name] = "it excludes no coefficient"
        elif (~lost).sum() < 3:
            out[name] = "it leaves fewer than 3 coefficients"
        else:
            out[name] = table[~lost].reset_index(drop=True)
    return out


def _small(table: pd.DataFrame, small_n: float) -> np.ndarray:
    return pd.to_numeric(table["n"]).to_numpy(dtype=float) < small_n


def _outliers(table: pd.DataFrame) -> np.ndarray | str:
    """Return rows with large studentised deleted residuals on the Bonett scale."""
    try:
        frame = influence(fit_meta(effect_sizes(table)))
    except WaistatsError as error:
        return f"outliers cannot be told: {error}"
    return frame["rstudent"].abs().to_numpy() > OUTLYING


def one_per_study(table: pd.DataFrame) -> pd.DataFrame:
    """Return the coefficient with the most respondents of each study, first of ties."""
    n = pd.to_numeric(table["n"])
    first = n.groupby(table["study_id"], sort=False).idxmax()
    return table.loc[np.sort(first.to_numpy())].reset_index(drop=True)


def mean_per_study(
    table: pd.DataFrame, yi: FloatArray, vi: FloatArray, correlation: float
) -> pd.DataFrame:
    r"""Return one row a study with mean effects.

    Notes
    -----
    Variance of a mean of j effects: :math:`\sum_{ab}\rho_{ab}\sqrt{v_av_b}/j^2`, with
    :math:`\rho` within a sample (the study, where there is no ``sample_id``) and 0
    between samples.
    """
    sample = table["sample_id"] if "sample_id" in table else table["study_id"]
    sample_code = pd.factorize(sample.astype(str))[0]
    study, names = pd.factorize(table["study_id"])
    rows = []
    for j in range(len(names)):
        at = np.flatnonzero(study == j)
        same = sample_code[at][:, None] == sample_code[at]
        rho = np.where(same, correlation, 0.0)
        np.fill_diagonal(rho, 1.0)
        s = np.sqrt(vi[at])
        row = table.iloc[at[0]].copy()
        for column in ("estimate", "n", "n_items"):
            row[column] = pd.to_numeric(table[column].iloc[at]).mean()
        row["yi"], row["vi"] = yi[at].mean(), s @ rho @ s / len(at) ** 2
        rows.append(row)
    out = pd.DataFrame(rows).reset_index(drop=True)
    return out.astype({"yi": float, "vi": float, "n": float})


def check_within(correlation: float) -> None:
    """Raise a ModelError unless a correlation lies from 0 to 1."""
    if not 0 <= correlation <= 1:
        raise ModelError(
            f"within_correlation must lie from 0 to 1; got {correlation!r}."
        )
