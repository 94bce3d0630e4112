"""Combinations of coefficients: estimates and intervals, tests, and how they print."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from waistats._areas import chi2_sf, critical, f_sf, two_sided
from waistats._format import Result, fixed, p_statement
from waistats._typing import FloatArray
from waistats.errors import ModelError
from waistats.provenance import marked, of_simulated

COLUMNS = ("estimate", "se", "statistic", "df", "p_value", "ci_low", "ci_high")
WITH_TERM = pd.Index(("term", *COLUMNS))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Contrasts:
    """Combinations of coefficients on the model's scale; every array has shape (n,).

    Attributes
    ----------
    estimate, se : ndarray
        Estimates and the standard errors behind the intervals.
    df : ndarray
        Degrees of freedom of t; NaN for the normal, and where there is no interval.
    statistic, p_value : ndarray
        Test against 0.
    ci_low, ci_high : ndarray
        Limits.
    basis : tuple of str
        What each interval rests on: ``"CR2"`` or ``"model"``; empty where a model has
        one kind only.
    """

    estimate: FloatArray
    se: FloatArray
    df: FloatArray
    statistic: FloatArray
    p_value: FloatArray
    ci_low: FloatArray
    ci_high: FloatArray
    basis: tuple[str, ...] = ()

    def to_frame(self, terms: Sequence[str] | None = None) -> pd.DataFrame:
        """Return one row per combination, with its name in ``term`` where it has one."""
        # one block of numbers: a frame of single columns takes longer than a fit
        numbers = np.array([getattr(self, name) for name in COLUMNS], dtype=float)
        frame = pd.DataFrame(numbers.T)
        if terms is None:
            frame.columns = WITH_TERM[1:]
        else:
            # -1 goes on with 0, 1 ..., which is faster than to search among names
            frame.insert(0, -1, _words(tuple(terms)).copy())
            frame.columns = WITH_TERM
        return frame.assign(basis=list(self.basis)) if self.basis else frame


@lru_cache(maxsize=64)
def _words(terms: tuple[str, ...]) -> Any:
    """Return names as a column of text; to infer its kind takes longer than a fit."""
    return pd.Series(list(terms)).array


def model_contrasts(
    rows: FloatArray,
    beta: FloatArray,
    cov: FloatArray,
    df: float | None,
    conf_level: float,
) -> Contrasts:
    r"""Return :math:`x'b\pm c\sqrt{x'Vx}` for rows (n, p), c normal without ``df``."""
    estimate = rows @ beta
    se = np.sqrt(np.einsum("ij,jk,ik->i", rows, cov, rows))
    half = critical(conf_level, df) * se
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = estimate / se
    return Contrasts(
        estimate=estimate,
        se=se,
        df=np.full(len(rows), np.nan if df is None else df),
        statistic=statistic,
        p_value=two_sided(statistic, df),
        ci_low=estimate - half,
        ci_high=estimate + half,
    )


def coefficient_frame(
    names: Sequence[str],
    estimate: FloatArray,
    cov: FloatArray,
    df: float | None,
    conf_level: float,
) -> pd.DataFrame:
    """Return one row per coefficient; t with ``df``, normal without."""
    each = np.eye(len(estimate))
    return model_contrasts(each, estimate, cov, df, conf_level).to_frame(list(names))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class TestResult(Result):
    """A test of a hypothesis.

    Attributes
    ----------
    name : str
        What was tested.
    statistic : float
        The statistic.
    df : float
        Degrees of freedom (of the numerator for an F; of the t for a t).
    p_value : float
        p value.
    distribution : str
        ``"F"``, ``"chi2"``, ``"t"`` or ``"z"``.
    df_denominator : float
        Of an F; NaN otherwise.
    estimate : float
        What was estimated, where the test has an estimate; NaN otherwise.
    simulated : bool
        Whether the data are SIMULATED.
    basis : str
        What the test rests on, such as ``"CR2"`` or ``"model"``; empty where a model
        has one only.
    """

    __test__ = False

    name: str
    statistic: float
    df: float
    p_value: float
    distribution: str
    df_denominator: float = float("nan")
    estimate: float = float("nan")
    simulated: bool = False
    basis: str = ""

    def to_frame(self) -> pd.DataFrame:
        """Return one row with the test."""
        frame = pd.DataFrame(
            {
                "term": [self.name],
                "estimate": [self.estimate],
                "statistic": [self.statistic],
                "df": [self.df],
                "df_denominator": [self.df_denominator],
                "p_value": [self.p_value],
            }
        )
        return marked(frame, self.simulated)

    @property
    def withheld(self) -> str:
        """Why there is no test, in words; empty where there is one."""
        if self.p_value == self.p_value:
            return ""
        left = self.df_denominator if self.distribution == "F" else self.df
        if self.basis == "CR2":
            return "too few studies, or one of them alone decides what is tested"
        if not left > 0:
            return "no degrees of freedom are left: too few studies for so many terms"
        return "it is not defined for these data"

    def sentence(self) -> str:
        """Return the test as a paper prints it, or why there is none."""
        if self.withheld:
            return f"not tested ({self.withheld})"
        if self.distribution == "F":
            df = f"{_df(self.df)}, {_df(self.df_denominator)}"
            head = f"F({df})"
        elif self.distribution == "z":
            head = "z"
        else:
            symbol = "χ²" if self.distribution == "chi2" else self.distribution
            head = f"{symbol}({_df(self.df)})"
        return f"{head} = {fixed(self.statistic)}, {p_statement(self.p_value, 4)}"

    def __str__(self) -> str:
        return f"{self.name}{of_simulated(self.simulated)}: {self.sentence()}"


def _df(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else fixed(value, 2)


def wald_test(
    beta: FloatArray,
    cov: FloatArray,
    columns: tuple[int, ...],
    df_residual: float | None,
    name: str,
    *,
    simulated: bool,
) -> TestResult:
    r"""Test that some coefficients are zero.

    Notes
    -----
    :math:`Q=b'V^{-1}b` over q coefficients; chi-square on q, or with residual
    degrees of freedom :math:`F=Q/q` on (q, k - p).
    """
    index = list(columns)
    b, V = beta[index], cov[np.ix_(index, index)]
    q = len(index)
    try:
        Q = float(b @ np.linalg.solve(V, b))
    except np.linalg.LinAlgError:
        Q = float("inf") if np.any(b != 0) else float("nan")
    if df_residual is None:
        p = float(chi2_sf(Q, q))
        return TestResult(
            name=name,
            statistic=Q,
            df=q,
            p_value=p,
            distribution="chi2",
            simulated=simulated,
        )
    # without degrees of freedom the statistic says nothing
    left = df_residual > 0
    return TestResult(
        name=name,
        statistic=Q / q if left else float("nan"),
        df=q,
        p_value=float(f_sf(Q / q, q, df_residual)),
        distribution="F",
        df_denominator=df_residual,
        simulated=simulated,
    )


def likelihood_ratio(
    full: tuple[float, int], reduced: tuple[float, int], name: str, *, simulated: bool
) -> TestResult:
    """Test a reduced model against a full one, each as (log-likelihood, parameters)."""
    df = full[1] - reduced[1]
    if df <= 0:
        raise ModelError(
            "The first model must have more parameters than the second; the second "
            "must be nested in it."
        )
    statistic = max(2 * (full[0] - reduced[0]), 0.0)
    return TestResult(
        name=name,
        statistic=statistic,
        df=df,
        p_value=float(chi2_sf(statistic, df)),
        distribution="chi2",
        simulated=simulated,
    )
