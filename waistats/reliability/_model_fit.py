"""How well a covariance structure fits: chi-square, RMSEA, CFI, TLI, SRMR."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import special
from scipy.optimize import brentq

from waistats._format import Result, fixed, interval, p_statement
from waistats._typing import FloatArray
from waistats.reliability._factor_structure import FactorStructure
from waistats.reliability._moments import centred
from waistats.reliability._sample import Sample
from waistats.reliability._structure import Structure, StructureFit

_NAMES = (
    *("chi_square", "df", "p_value", "scaling", "chi_square_scaled"),
    *("p_value_scaled", "rmsea", "rmsea_low", "rmsea_high", "cfi", "tli", "srmr"),
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class ModelFit(Result):
    """Fit of a model to the covariances of its items.

    Attributes
    ----------
    chi_square, df, p_value : float
        Likelihood-ratio test against the unrestricted covariances, n times the
        discrepancy; it supposes normal answers.
    scaling : float
        Satorra and Bentler's correction; 1 for normal answers, NaN without responses.
    chi_square_scaled, p_value_scaled : float
        ``chi_square / scaling`` and its test, which does not suppose normal answers.
    rmsea, rmsea_low, rmsea_high : float
        Root mean square error of approximation with its 90 % limits.
    cfi, tli : float
        Comparative fit index and Tucker-Lewis index, against uncorrelated items.
    srmr : float
        Root mean square of the residual correlations, the diagonal included.
    n : int
        Respondents.
    """

    chi_square: float
    df: int
    p_value: float
    scaling: float
    chi_square_scaled: float
    p_value_scaled: float
    rmsea: float
    rmsea_low: float
    rmsea_high: float
    cfi: float
    tli: float
    srmr: float
    n: int

    def to_frame(self) -> pd.DataFrame:
        """Return the measures in one row."""
        return pd.DataFrame({name: [getattr(self, name)] for name in _NAMES})

    def heading(self) -> str:
        """Return the usual line of a results section."""
        text = f"chi-square({self.df}) = {fixed(self.chi_square, 2)}"
        if self.df:
            text += f", {p_statement(self.p_value)}"
        if np.isfinite(self.chi_square_scaled):
            text += (
                f" (scaled {fixed(self.chi_square_scaled, 2)}, "
                f"{p_statement(self.p_value_scaled)})"
            )
        limits = interval(
            self.rmsea_low, self.rmsea_high, lambda x: fixed(x, 3).removeprefix("0")
        )
        return (
            f"{text}, RMSEA = {fixed(self.rmsea, 3)}, 90% CI {limits}, "
            f"CFI = {fixed(self.cfi, 3)}, SRMR = {fixed(self.srmr, 3)}"
        )


def model_fit(
    s: FloatArray, sigma: FloatArray, df: int, n: int, trace: float = np.nan
) -> ModelFit:
    r"""Return the fit of a model-implied matrix.

    Parameters
    ----------
    s : ndarray of shape (m, m)
        Sample covariances, divisor n.
    sigma : ndarray of shape (m, m)
        Covariances by the model.
    df : int
        Degrees of freedom of the model.
    n : int
        Respondents.
    trace : float
        ``tr(U Gamma)`` of Satorra and Bentler; NaN without responses.

    Returns
    -------
    ModelFit
        The measures, with lavaan's conventions (n, not n - 1).
    """
    m = len(s)
    chi_square = max(n * _discrepancy(s, sigma), 0.0)
    baseline = n * _discrepancy(s, np.diag(np.diagonal(s)))
    base_df = m * (m - 1) // 2
    excess, base_excess = chi_square - df, baseline - base_df
    cfi = 1 - max(excess, 0.0) / max(excess, base_excess, 1e-300)
    # a saturated model fits by itself
    tli = (
        1 - (excess / df) / (base_excess / base_df)
        if df > 0 and base_excess != 0
        else 1.0
    )
    scaling = trace / df if df > 0 else np.nan
    scaled = chi_square / scaling if scaling > 0 else np.nan
    low, high = _noncentrality(chi_square, df)
    per = max(df * n, 1)
    sd = np.sqrt(np.diagonal(s))
    residual = (s - sigma) / np.outer(sd, sd)
    below = np.tril_indices(m)
    return ModelFit(
        chi_square=chi_square,
        df=df,
        p_value=_tail(chi_square, df),
        scaling=float(scaling),
        chi_square_scaled=float(scaled),
        p_value_scaled=_tail(scaled, df),
        rmsea=float(np.sqrt(max(excess, 0.0) / per)) if df > 0 else 0.0,
        rmsea_low=float(np.sqrt(low / per)),
        rmsea_high=float(np.sqrt(high / per)),
        cfi=float(cfi),
        tli=float(tli),
        srmr=float(np.sqrt((residual[below] ** 2).mean())),
        n=n,
    )


def robust_trace(
    values: FloatArray, s: FloatArray, structure: Structure, parameters: FloatArray
) -> tuple[float, FloatArray]:
    r"""Return tr(U Gamma) and the robust covariance (p, p) of the parameters.

    Parameters
    ----------
    values : ndarray of shape (n, m)
        Complete answers.
    s : ndarray of shape (m, m)
        Their covariances, divisor n.
    structure : Structure
        The model.
    parameters : ndarray of shape (p,)
        Its estimates.

    Notes
    -----
    With centred answers c and W the inverse of the model's matrix, the score of a
    parameter is half of :math:`c'W\dot\Sigma_aWc`, less its expectation, and
    :math:`\mathrm{tr}(V\Gamma)=\tfrac12[\overline{(c'Wc)^2}-\mathrm{tr}(WSWS)]`; both
    need no matrix of fourth moments (Satorra & Bentler, 1994).
    """
    n = len(values)
    away = centred(values)[1]
    w = np.linalg.inv(structure.matrix(parameters))
    slopes = structure.derivatives(parameters)
    around = w @ slopes @ w
    information = np.einsum("aij,bij->ab", slopes, around, optimize=True) / 2
    m = len(w)
    pairs = (away[:, :, None] * away[:, None, :]).reshape(n, m * m)
    scores = pairs @ around.reshape(len(around), m * m).T / 2
    scores -= scores.mean(axis=0)
    meat = scores.T @ scores / n
    bread = np.linalg.pinv(information, rcond=1e-12, hermitian=True)
    distance = np.einsum("ij,jk,ik->i", away, w, away, optimize=True)
    ws = w @ s
    saturated = ((distance**2).mean() - np.trace(ws @ ws)) / 2
    trace = float(saturated - np.trace(bread @ meat))
    return trace, bread @ meat @ bread / n


def robust_parts(
    sample: Sample, s: FloatArray, structure: FactorStructure, fit: StructureFit
) -> tuple[float, FloatArray]:
    """Return tr(U Gamma) and the covariance of the parameters, robust if it can be."""
    if len(sample.values) and sample.missing == "listwise":
        return robust_trace(sample.values, s, structure, fit.parameters[0])
    return np.nan, fit.covariance()


def _discrepancy(s: FloatArray, sigma: FloatArray) -> float:
    _, ratio = np.linalg.slogdet(np.linalg.solve(s, sigma))
    return float(ratio + np.trace(np.linalg.solve(sigma, s)) - len(s))


def _tail(statistic: float, df: int) -> float:
    if not (df > 0 and np.isfinite(statistic)):
        return np.nan
    return float(special.chdtrc(df, statistic))


def _noncentrality(
    statistic: float, df: int, level: float = 0.90
) -> tuple[float, float]:
    """Return limits of the noncentrality of a chi-square."""
    if df <= 0:
        return 0.0, 0.0
    found = []
    for tail in ((1 + level) / 2, (1 - level) / 2):

        def excess(parameter: float, wanted: float = tail) -> float:
            # chndtr ends in rounding where the tail is all there is
            return float(special.chndtr(statistic, df, parameter)) - wanted

        if excess(0.0) <= 0:
            found.append(0.0)
            continue
        high = max(statistic, 1.0)
        while excess(high) > 0:
            high *= 2
        found.append(float(brentq(excess, 0.0, high, xtol=1e-10)))
    return found[0], found[1]
