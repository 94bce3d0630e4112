"""Cluster-robust tests and intervals of a fitted model.

CR2 cluster-robust covariance, Satterthwaite and Hotelling-T-squared tests.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from waistats._areas import criticals, f_sf, two_sided
from waistats._format import (
    Result,
    coefficient,
    counted,
    fixed,
    interval,
    level,
    p_statement,
)
from waistats._typing import BoolArray, FloatArray, IntArray
from waistats.meta._contrasts import Contrasts, TestResult, model_contrasts
from waistats.meta._design import Design, term_names
from waistats.meta._predict import as_asked
from waistats.meta._verdict import SMALLEST_DF as SMALLEST_DF, enough_df
from waistats.meta.multilevel._blocks import dense_blocks, padded_rows
from waistats.provenance import marked, of_simulated

DECIDES_ALONE = 1e-9
# share of a contrast's variance that one cluster may decide alone
DECIDED = 1e-8
SINGULAR = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Sandwich:
    """What every robust test is made of, for J clusters and p coefficients.

    Attributes
    ----------
    scores : array, shape (J, p)
        G_j'e_j, the adjusted score of each cluster.
    own : array, shape (J, p, p)
        G_j'M_jG_j.
    cross : array, shape (J, p, p)
        G_j'X_j.
    bread : array, shape (p, p)
        (X'M^-1X)^-1.
    alone : tuple of (int, array of shape (p, r))
        Clusters that alone decide something: their code, and what of the coefficients.
    """

    scores: FloatArray
    own: FloatArray
    cross: FloatArray
    bread: FloatArray
    alone: tuple[tuple[int, FloatArray], ...] = ()

    @property
    def cov(self) -> FloatArray:
        """The CR2 covariance of the coefficients."""
        return self.scores.T @ self.scores

    @property
    def expected(self) -> FloatArray:
        """Expectation of `cov` under the model: bread less what one cluster decides."""
        shared = self.cross @ self.bread @ self.cross.mT
        values: FloatArray = (self.own - shared).sum(axis=0)
        return values

    def decided(self, contrasts: FloatArray) -> BoolArray:
        r"""Return whether one cluster alone decides each contrast (rows), (n,).

        Without that cluster the contrast cannot be estimated. The cluster has no
        residual there, so that CR2 says nothing of how studies vary: it is unbiased
        under the model, :math:`\sum_j p_{jj}=c'Bc`, but not for such contrasts.
        """
        found = np.zeros(len(contrasts), dtype=bool)
        for row, contrast in enumerate(contrasts):
            found[row] = bool(self.deciders(contrast))
        return found

    def deciders(self, contrast: FloatArray) -> list[int]:
        """Return the codes of the clusters that alone decide part of a contrast (p,)."""
        whole = float(contrast @ self.bread @ contrast)
        return [
            code
            for code, part in self.alone
            if float(((contrast @ part) ** 2).sum()) > DECIDED * whole
        ]


def working_blocks(
    rows: IntArray, V: sparse.csr_array, codes: list[IntArray], sigma2: FloatArray
) -> FloatArray:
    """Return M = V + sum of sigma2_l Z_lZ_l' of padded blocks of rows, (m, s, s)."""
    real = rows >= 0
    M = dense_blocks(V, rows, 1.0)
    both = real[:, :, None] & real[:, None, :]
    for code, variance in zip(codes, sigma2, strict=True):
        same = code[rows][:, :, None] == code[rows][:, None, :]
        M += variance * (same & both)
    return M


def sandwich(
    X: FloatArray,
    residual: FloatArray,
    V: sparse.csr_array,
    codes: list[IntArray],
    sigma2: FloatArray,
    bread: FloatArray,
    cluster: IntArray,
) -> Sandwich:
    r"""Return the CR2 scores of every cluster.

    Parameters
    ----------
    X : array of shape (k, p)
        Design.
    residual : array of shape (k,)
        y - Xb.
    V : sparse array of shape (k, k)
        Sampling covariance; no entry joins two clusters.
    codes : list of int arrays of shape (k,)
        Groups of each level, all within clusters.
    sigma2 : array of shape (L,)
        Their variances.
    bread : array of shape (p, p)
        (X'M^-1X)^-1.
    cluster : array of int, shape (k,)
        Independent clusters.

    Notes
    -----
    With :math:`M_j = D_j'D_j` the working covariance of a cluster,
    :math:`A_j = D_j'[D_j(M_j - X_jBX_j')D_j']^{+1/2}D_j` makes
    :math:`V = \sum_j G_j'e_je_j'G_j`, :math:`G_j = A_jM_j^{-1}X_jB`, unbiased where the
    working model holds [1]_.

    References
    ----------
    .. [1] Pustejovsky, J. E., & Tipton, E. (2018). Journal of Business & Economic
       Statistics, 36, 672-683.
    """
    half = np.linalg.cholesky(bread)
    scores, own, cross, decisive = [], [], [], []
    for rows in padded_rows(cluster):
        real = rows >= 0
        M = working_blocks(rows, V, codes, sigma2)
        Xj = np.where(real[..., None], X[rows], 0.0)
        e = np.where(real, residual[rows], 0.0)
        D = np.linalg.cholesky(M).mT
        inner = D @ (M - Xj @ bread @ Xj.mT) @ D.mT
        value, vector = np.linalg.eigh((inner + inner.mT) / 2)
        # directions that this cluster alone decides have no residual: its root leaves
        # them out, as many as its share of the information has eigenvalues of 1
        WX = np.linalg.solve(M, Xj)
        share = np.linalg.eigvalsh(half.T @ Xj.mT @ WX @ half)
        alone = (share > 1 - DECIDES_ALONE).sum(axis=1, keepdims=True)
        for j in np.flatnonzero(alone[:, 0]):
            vectors = np.linalg.eigh(half.T @ Xj[j].T @ WX[j] @ half)[1]
            part = half @ vectors[:, -alone[j, 0] :]
            decisive.append((int(cluster[rows[j, 0]]), part))
        kept = (np.arange(value.shape[1]) >= alone) & (value > 0)
        root = np.where(kept, 1 / np.sqrt(np.where(kept, value, 1.0)), 0.0)
        A = D.mT @ (vector * root[:, None, :]) @ vector.mT @ D
        G = A @ WX @ bread
        scores.append((G.mT @ e[..., None])[..., 0])
        own.append(G.mT @ M @ G)
        cross.append(G.mT @ Xj)
    return Sandwich(
        scores=np.concatenate(scores),
        own=np.concatenate(own),
        cross=np.concatenate(cross),
        bread=bread,
        alone=tuple(decisive),
    )


def satterthwaite(parts: Sandwich, contrasts: FloatArray) -> FloatArray:
    r"""Return the degrees of freedom of each contrast (rows), shape (n,).

    Notes
    -----
    :math:`(\sum_j p_{jj})^2 / \sum_{ij} p_{ij}^2`, NaN where the numerator is 0, with
    :math:`p_{ij} = g_i'(\delta_{ij}M_j - X_iBX_j')g_j`, :math:`g_j = G_jc`. The double
    sum needs only sums over clusters.
    """
    C, B = contrasts, parts.bread
    h = np.einsum("jpr,np->njr", parts.cross, C)
    shared = np.einsum("njr,rs,njs->nj", h, B, h)
    single = np.einsum("np,jpr,nr->nj", C, parts.own, C) - shared
    HB = h.mT @ h @ B
    pairs = np.trace(HB @ HB, axis1=1, axis2=2) - (shared**2).sum(axis=1)
    expected = single.sum(axis=1)
    # nothing of the contrast is left to vary between clusters
    some = expected > SINGULAR * np.einsum("np,pr,nr->n", C, B, C)
    values: FloatArray = np.divide(
        expected**2,
        (single**2).sum(axis=1) + pairs,
        out=np.full(len(C), np.nan),
        where=some,
    )
    return values


def robust_contrasts(
    parts: Sandwich, rows: FloatArray, beta: FloatArray, conf_level: float
) -> Contrasts:
    """Return CR2 intervals of contrasts (n, p); NaN where one cluster alone decides."""
    estimate = rows @ beta
    df = satterthwaite(parts, rows)
    df = np.where(parts.decided(rows), np.nan, df)
    variance = np.einsum("np,pr,nr->n", rows, parts.cov, rows)
    se = np.where(np.isnan(df), np.nan, np.sqrt(variance))
    half = criticals(conf_level, df) * se
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = estimate / se
    return Contrasts(
        estimate=estimate,
        se=se,
        df=df,
        statistic=statistic,
        p_value=two_sided(statistic, df),
        ci_low=estimate - half,
        ci_high=estimate + half,
    )


def hotelling(
    parts: Sandwich, contrasts: FloatArray, beta: FloatArray
) -> tuple[float, float, float]:
    r"""Return F and its two degrees of freedom for ``contrasts @ beta = 0`` (HTZ).

    Notes
    -----
    :math:`F = Q(\eta-q+1)/(\eta q)` on :math:`(q, \eta-q+1)`,
    :math:`Q = (Cb)'(CV_{CR2}C')^{-1}Cb`, with the degrees of freedom :math:`\eta` of
    the Wishart distribution that matches the variance of :math:`CV_{CR2}C'` [1]_. NaN
    where :math:`\eta \le q - 1` or the robust covariance of the contrasts is singular.

    References
    ----------
    .. [1] Tipton, E., & Pustejovsky, J. E. (2015). Journal of Educational and
       Behavioral Statistics, 40, 604-634.
    """
    q = len(contrasts)
    undefined = float("nan"), float(q), float("nan")
    value, vector = np.linalg.eigh(contrasts @ parts.expected @ contrasts.T)
    if value[0] <= SINGULAR * value[-1]:
        return undefined
    T = (vector / np.sqrt(value)) @ vector.T @ contrasts
    half = np.linalg.cholesky(parts.bread)
    A = T @ parts.cross @ half
    single = T @ parts.own @ T.T - A @ A.mT
    flat = A.reshape(len(A), -1)
    K = (flat.T @ flat).reshape(q, A.shape[2], q, A.shape[2])
    pairs = (K**2).sum() + (K * K.transpose(2, 1, 0, 3)).sum()
    AA = A @ A.mT
    pairs -= (np.trace(AA, axis1=1, axis2=2) ** 2).sum() + (AA * AA.mT).sum()
    total = (np.trace(single, axis1=1, axis2=2) ** 2).sum()
    total += (single * single.mT).sum() + pairs
    eta = q * (q + 1) / total
    meat = contrasts @ parts.cov @ contrasts.T
    if eta <= q - 1 or np.linalg.matrix_rank(meat, hermitian=True) < q:
        return undefined
    b = contrasts @ beta
    Q = float(b @ np.linalg.solve(meat, b))
    return Q * (eta - q + 1) / (eta * q), float(q), float(eta - q + 1)


WARNING = "too few clusters to trust"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class RobustResult(Result):
    """Coefficients of a model with CR2 standard errors, clustered.

    Attributes
    ----------
    beta : ndarray, shape (p,)
        Coefficients on the model's scale; ``cov`` (p, p) is their CR2 covariance.
    cluster : str
        What was clustered on.
    n_clusters, k : int
        Clusters and coefficients.
    conf_level : float
        Confidence level.
    measure : str or None
        The scale of the effects.
    simulated : bool
        Whether the effects are SIMULATED.
    design : Design
        The design that was fitted.
    parts : Sandwich
        What the tests are made of.
    labels : tuple of str
        Names of the clusters by their codes; empty where they are not known.
    """

    beta: FloatArray
    cluster: str
    n_clusters: int
    k: int
    conf_level: float
    measure: str | None
    simulated: bool
    design: Design = field(repr=False)
    parts: Sandwich = field(repr=False)
    labels: tuple[str, ...] = field(default=(), repr=False)

    @property
    def cov(self) -> FloatArray:
        """The CR2 covariance of the coefficients."""
        return self.parts.cov

    @property
    def omnibus(self) -> TestResult:
        """HTZ test of all moderators; without moderators, of the mean against 0."""
        return self.test()

    def to_frame(self) -> pd.DataFrame:
        """Return one row per coefficient, on the model's scale.

        A contrast that one cluster alone decides has no robust test: its columns are
        NaN, and ``note`` says which cluster, and what the model's own test is.
        """
        each = np.eye(len(self.beta))
        frame = robust_contrasts(
            self.parts, each, self.beta, self.conf_level
        ).to_frame()
        frame.insert(0, "term", list(self.design.names))
        frame["note"] = [self._note(row) for row in each]
        return marked(frame, self.simulated)

    def _note(self, contrast: FloatArray) -> str:
        """Return which cluster decides a contrast, and the model's own test of it."""
        if not self.parts.decided(contrast[None])[0]:
            return ""
        df = float(self.n_clusters - len(self.beta))
        own = model_contrasts(
            contrast[None], self.beta, self.parts.bread, df, self.conf_level
        )
        test = (
            f"t({df:g}) = {fixed(own.statistic[0])}, {p_statement(own.p_value[0], 4)}"
        )
        return (
            f"no robust test: {self.decided_by(contrast)} alone determines it; "
            f"the model's own: {test if df > 0 else 'none, without degrees of freedom'}"
        )

    def decided_by(self, contrast: FloatArray) -> str:
        """Return the names of the clusters that alone decide part of a contrast.

        Parameters
        ----------
        contrast : ndarray of shape (p,)
            A combination of the coefficients.
        """
        names = self.labels or tuple(f"cluster {j + 1}" for j in range(self.n_clusters))
        return " and ".join(names[j] for j in self.parts.deciders(contrast))

    def test(self, terms: str | list[str] | None = None) -> TestResult:
        """Test that terms of the formula have no effect; all moderators by default.

        Hotelling's T-squared with estimated degrees of freedom (HTZ), as clubSandwich's
        ``Wald_test``; NaN where the clusters are too few for it, or one of them alone
        decides what is tested.

        Parameters
        ----------
        terms : str or list of str, optional
            Terms of the formula, or names of coefficients; all moderators by default.
        """
        columns = list(term_names(self.design, terms))
        contrasts = np.eye(len(self.beta))[columns]
        if terms is None:
            name = "Moderators" if self.design.names != ("Intercept",) else "Mean"
        else:
            name = terms if isinstance(terms, str) else ", ".join(terms)
        F, q, df = hotelling(self.parts, contrasts, self.beta)
        if self.parts.decided(contrasts).any():
            F = df = float("nan")
        return TestResult(
            name=name,
            statistic=F,
            df=q,
            p_value=float(f_sf(F, q, df)) if df == df else float("nan"),
            distribution="F",
            df_denominator=df,
            simulated=self.simulated,
            basis="CR2",
        )

    def predict(
        self,
        new: pd.DataFrame | Mapping[str, Any] | None = None,
        back_transform: bool = True,
    ) -> pd.DataFrame:
        """Return predicted means with robust intervals.

        Parameters
        ----------
        new : DataFrame or mapping, optional
            Values of the moderators, one row per prediction. None gives one row without
            moderators and one row per fitted coefficient with them.
        back_transform : bool, default True
            Return the alpha scale (then without ``se``) instead of the model's.

        Returns
        -------
        DataFrame
            ``estimate, df, ci_low, ci_high`` (and ``se``). Prediction intervals rest
            on the model's variances; the model's own ``predict`` has them.
        """
        rows = self.design.asked_rows(new)
        found = robust_contrasts(self.parts, rows, self.beta, self.conf_level)
        names = ["estimate", "se", "df", "ci_low", "ci_high"]
        frame = found.to_frame()[names]
        return as_asked(
            frame,
            new,
            self.measure,
            back_transform=back_transform,
            simulated=self.simulated,
        )

    def heading(self) -> str:
        """Return what was clustered, the joint test, and the scale."""
        title = (
            f"Cluster-Robust Results (CR2, {counted(self.n_clusters, 'cluster')} of "
            f"{self.cluster}, k = {self.k}){of_simulated(self.simulated)}"
        )
        parts = [title]
        if self.design.names != ("Intercept",):
            parts.append(f"Test of Moderators (HTZ):\n{self.omnibus.sentence()}")
        scale = f" ({self.measure} scale)" if self.measure else ""
        parts.append(f"Model Results{scale}, Satterthwaite df:")
        return "\n\n".join(parts)

    def shown(self) -> pd.DataFrame:
        """Return the coefficients; the notes stand below."""
        return self.to_frame().drop(columns="note")

    def closing(self) -> str:
        """Return the mean on the alpha scale and a warning for small df."""
        lines = []
        if self.measure and self.design.names == ("Intercept",):
            row = self.predict().iloc[0]
            lines.append(
                f"On the alpha scale: {coefficient(row.estimate)}, "
                f"{level(self.conf_level)} CI {interval(row.ci_low, row.ci_high)}"
            )
        each = self.to_frame()
        lines += [f"{row.term}: {row.note}." for row in each.itertuples() if row.note]
        few = [
            row.term
            for row in each.itertuples()
            if not row.note and not enough_df(row.df)
        ]
        if few:
            lines.append(f"df below {SMALLEST_DF} for {', '.join(few)}: {WARNING}.")
        joint = self.omnibus.df_denominator
        if len(self.beta) > 1 and not enough_df(joint):
            why = f"df of the joint test below {SMALLEST_DF}: {WARNING}."
            lines.append("No robust joint test." if np.isnan(joint) else why)
        return "\n".join(lines)
