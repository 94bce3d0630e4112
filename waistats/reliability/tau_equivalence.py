"""A test of what alpha supposes: items that load equally on one factor."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import special

from waistats._format import Result, coefficient, counted, fixed, p_statement
from waistats.provenance import marked, noted, of_simulated
from waistats.reliability._answers import Accepted, Codes
from waistats.reliability._factor_structure import (
    EQUAL,
    degrees_of_freedom,
    factor_structure,
    fit_factors,
    omega_of,
)
from waistats.reliability._items import ItemsLike
from waistats.reliability._model_fit import model_fit, robust_parts
from waistats.reliability._moments import alpha_of
from waistats.reliability._sample import require_inverse, varying_sample


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class TauEquivalence(Result):
    """Whether the items are tau-equivalent, as alpha supposes.

    Attributes
    ----------
    models : DataFrame
        ``term`` (parallel, tau-equivalent, congeneric) and the measures of
        :class:`ModelFit`, with ``omega`` of each model.
    chi_square, df, p_value : float
        Test of equal loadings: tau-equivalent against congeneric.
    chi_square_scaled, p_value_scaled : float
        The same without supposing normal answers (Satorra & Bentler, 2001); NaN where
        the correction is not positive.
    alpha, omega : float
        Cronbach's alpha, and omega total of the congeneric model.
    n, n_items : int
        Respondents and items used.
    notes : tuple of str
        What a reader must know.
    """

    models: pd.DataFrame
    chi_square: float
    df: int
    p_value: float
    chi_square_scaled: float
    p_value_scaled: float
    alpha: float
    omega: float
    n: int
    n_items: int
    notes: tuple[str, ...] = ()

    @property
    def simulated(self) -> bool:
        """Whether the responses are SIMULATED."""
        return noted(self.notes)

    def to_frame(self) -> pd.DataFrame:
        """Return one row per model."""
        return self.models.copy()

    def shown(self) -> pd.DataFrame:
        """Return the measures that are usually reported."""
        columns = [
            "term",
            "chi_square",
            "df",
            "p_value",
            "rmsea",
            "cfi",
            "srmr",
            "omega",
        ]
        return self.models[columns]

    def heading(self) -> str:
        """Return the test and both coefficients in a line."""
        return (
            f"Equal loadings: chi-square({self.df}) = {fixed(self.chi_square, 2)}, "
            f"{p_statement(self.p_value)} (scaled {fixed(self.chi_square_scaled, 2)}, "
            f"{p_statement(self.p_value_scaled)}); alpha = {coefficient(self.alpha)}, "
            f"omega = {coefficient(self.omega)}, n = {self.n}, "
            f"{counted(self.n_items, 'item')}{of_simulated(self.simulated)}"
        )

    def closing(self) -> str:
        """Return the notes."""
        return "\n".join(self.notes)


def tau_equivalence(
    items: ItemsLike,
    *,
    missing: str = "listwise",
    missing_codes: Codes = (),
    accept: Accepted = (),
) -> TauEquivalence:
    r"""Test whether the items load equally on one factor, as Cronbach's alpha supposes.

    Parameters
    ----------
    items : DataFrame or array_like of shape (n, m)
        Keyed responses to at least three items.
    missing : {"listwise", "pairwise", "em"}
        Treatment of missing answers.
    missing_codes : float or sequence of float
        Numbers that mean a missing answer, such as ``(99, -9)``.
    accept : str or sequence of str
        Findings to accept: ``"missing_codes"`` treats common codes as valid answers.

    Returns
    -------
    TauEquivalence
        Parallel, tau-equivalent and congeneric models, and the test of equal loadings.

    Raises
    ------
    DataError
        If fewer than three items vary, or their covariances allow no maximum likelihood.

    Notes
    -----
    One factor with free loadings (congeneric), equal loadings (essentially
    tau-equivalent), or equal loadings and unique variances (parallel), by normal maximum
    likelihood on the covariances. Alpha equals the reliability of the sum under the
    second and is below it under the first. The likelihood-ratio test supposes normal
    answers and rejects too often with ordinal ones; the scaled test does not. In large
    samples both reject for differences that hardly touch alpha: look at alpha and omega.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(1)
    >>> answers = rng.normal(size=(200, 1)) + rng.normal(size=(200, 4))
    >>> result = tau_equivalence(answers)
    >>> result.df, round(result.p_value, 2)
    (3, 0.31)
    """
    sample = varying_sample(
        items, missing, at_least_items=3, missing_codes=missing_codes, accept=accept
    )
    n, m = int(sample.moments.n), sample.n_items
    s = sample.moments.covariance * ((n - 1) / n)
    require_inverse(sample, "cronbach_alpha")
    factors = {"factor": list(sample.names)}
    rows, fits = [], {}
    labels = ("congeneric", "tau-equivalent", "parallel")
    for term, equal in zip(labels, EQUAL, strict=True):
        structure = factor_structure(sample.names, factors, equal=equal)
        fitted = fit_factors(s, structure, n)
        theta = fitted.parameters[0]
        trace, _ = robust_parts(sample, s, structure, fitted)
        fit = model_fit(
            s, structure.matrix(theta), degrees_of_freedom(structure, s), n, trace
        )
        omega = omega_of(structure, theta, np.ones(m))[0]
        fits[term] = fit, trace
        rows.append({"term": term, **fit.to_frame().iloc[0].to_dict(), "omega": omega})
    models = pd.DataFrame(rows[::-1]).astype({"df": int})
    (equal_fit, equal_trace), (free_fit, free_trace) = (
        fits["tau-equivalent"],
        fits["congeneric"],
    )
    df = equal_fit.df - free_fit.df
    statistic = max(equal_fit.chi_square - free_fit.chi_square, 0.0)
    correction = (equal_trace - (free_trace if free_fit.df else 0.0)) / df
    scaled = statistic / correction if correction > 0 else np.nan
    return TauEquivalence(
        models=marked(models, noted(sample.notes)),
        chi_square=statistic,
        df=df,
        p_value=float(special.chdtrc(df, statistic)),
        chi_square_scaled=float(scaled),
        p_value_scaled=float(special.chdtrc(df, scaled)),
        alpha=float(alpha_of(s)),
        omega=float(rows[0]["omega"]),
        n=n,
        n_items=m,
        notes=sample.notes,
    )
