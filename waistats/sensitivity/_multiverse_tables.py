"""The tables of a multiverse: handlings of dependence, and exclusions."""

from functools import partial

import numpy as np
import pandas as pd
from scipy import sparse

from waistats._typing import FloatArray
from waistats.errors import ModelError, WaistatsError
from waistats.measures import effect_sizes
from waistats.meta._covariance import SamplingCovariance
from waistats.meta._effects import Effects, usable_effects
from waistats.meta._fits import Fits
from waistats.meta.fit import fit_effects
from waistats.sensitivity.deletion import influence

OUTLYING = 1.96
# a column that remembers the rows
_ROW = "row of the multiverse"


class Scaled:
    """Effect sizes of one table and its parts, computed once for each scale.

    A row's effect size does not depend on the other rows.
    """

    def __init__(self, bonett: pd.DataFrame, V: SamplingCovariance | None) -> None:
        effects = bonett.assign(**{_ROW: np.arange(len(bonett))})
        self.table = without_effects(effects)
        self._V = V
        self._of: dict[str, pd.DataFrame | None] = {"bonett": with_known(effects, V)}

    def __call__(self, part: pd.DataFrame, measure: str) -> pd.DataFrame:
        """Return the effect sizes of rows of ``table``."""
        if measure not in self._of:
            try:
                self._of[measure] = scaled_effects(self.table, measure, self._V)
            except WaistatsError:
                self._of[measure] = None
        whole = self._of[measure]
        if whole is None:
            # a part may do without the row that is in the way
            return scaled_effects(part, measure, self._V)
        return whole.iloc[part[_ROW].to_numpy()].reset_index(drop=True)


def without_effects(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table without the columns of effect sizes."""
    return table.drop(columns=["measure", "yi", "vi"], errors="ignore")


def poolable(coefficients: pd.DataFrame) -> tuple[pd.DataFrame, Effects]:
    """Return the rows that every specification starts from, with ids as text."""
    used = usable_effects(effect_sizes(without_effects(coefficients)))
    return without_effects(used.table), used


def exclusions(
    table: pd.DataFrame,
    names: tuple[str, ...],
    small_n: float,
    scaled: Scaled | None = None,
    fits: Fits | None = None,
) -> dict[str, pd.DataFrame | str]:
    """Return the table after each exclusion, or why it is the same as another."""
    out: dict[str, pd.DataFrame | str] = {}
    for name in names:
        if name == "none":
            out[name] = table
            continue
        lost = (
            _small(table, small_n)
            if name == "small-n"
            else _outliers(table, scaled, fits)
        )
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
    found: np.ndarray = pd.to_numeric(table["n"]).to_numpy(dtype=float) < small_n
    return found


def scaled_effects(
    table: pd.DataFrame, measure: str, V: SamplingCovariance | None
) -> pd.DataFrame:
    """Return effect sizes on a scale; variances are those of V where it knows them."""
    corrected = measure == "bonett-corrected"
    effects = effect_sizes(
        table,
        measure="bonett" if corrected else measure,
        bias="bonett" if corrected else "none",
    )
    return with_known(effects, V)


def with_known(effects: pd.DataFrame, V: SamplingCovariance | None) -> pd.DataFrame:
    """Return effects with the variances of V where it knows them."""
    if V is None:
        return effects
    matrix, given = V.known(effects)
    vi = np.where(given, matrix.diagonal(), effects["vi"])
    return effects.assign(vi=vi)


def _outliers(
    table: pd.DataFrame, scaled: Scaled | None, fits: Fits | None
) -> np.ndarray | str:
    """Return rows with large studentized deleted residuals on the Bonett scale."""
    scale = partial(scaled_effects, V=None) if scaled is None else scaled
    try:
        effects = scale(table, "bonett")
        frame = influence(fit_effects(effects, fits=fits))
    except WaistatsError as error:
        return f"outliers cannot be identified: {error}"
    found: np.ndarray | str = frame["rstudent"].abs().to_numpy() > OUTLYING
    return found


def one_per_study(table: pd.DataFrame) -> pd.DataFrame:
    """Return the coefficient with the most respondents of each study, first of ties."""
    n = pd.to_numeric(table["n"])
    first = n.groupby(table["study_id"], sort=False).idxmax()
    return table.loc[np.sort(first.to_numpy())].reset_index(drop=True)


def mean_per_study(
    table: pd.DataFrame,
    yi: FloatArray,
    vi: FloatArray,
    correlation: float,
    V: SamplingCovariance | None = None,
) -> pd.DataFrame:
    r"""Return one row per study with mean effects.

    Notes
    -----
    Variance of a mean of j effects: :math:`\sum_{ab}\rho_{ab}\sqrt{v_av_b}/j^2`, with
    :math:`\rho` within a sample (the study, where there is no ``sample_id``) and 0
    between samples; of coefficients whose covariance is known, that covariance.
    """
    sample = table["sample_id"] if "sample_id" in table else table["study_id"]
    study, _ = pd.factorize(table["study_id"])
    together = pd.DataFrame({"study": study, "sample": sample.astype(str)})
    known = np.zeros(study.max(initial=-1) + 1)
    if V is not None:
        matrix, given = V.known(table)
        pairs = sparse.coo_array(matrix)
        within = study[pairs.row] == study[pairs.col]
        np.add.at(known, study[pairs.row[within]], pairs.data[within])
        vi = np.where(given, 0.0, vi)
    # a sum over pairs within a sample is the square of a sum
    sums = together.assign(s=np.sqrt(vi)).groupby(["study", "sample"])["s"].sum()
    shared = (sums**2).groupby("study").sum().to_numpy()
    j = np.bincount(study)
    own = np.bincount(study, weights=vi)
    first = np.unique(study, return_index=True)[1]
    out = table.iloc[first].reset_index(drop=True)
    for column in ("estimate", "n", "n_items"):
        means = pd.to_numeric(table[column]).groupby(study).mean()
        out[column] = means.to_numpy(dtype=float)
    out["yi"] = np.bincount(study, weights=yi) / j
    out["vi"] = ((1 - correlation) * own + correlation * shared + known) / j**2
    return out


def check_within(correlation: float) -> None:
    """Raise a ModelError unless a correlation lies from 0 to 1."""
    if not 0 <= correlation <= 1:
        raise ModelError(
            f"within_correlation must lie from 0 to 1; got {correlation!r}."
        )
