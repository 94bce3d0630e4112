"""CR2 cluster-robust covariance, Satterthwaite and Hotelling-T-squared tests."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from waistats.arrays import FloatArray, IntArray
from waistats.meta.blocks import dense_blocks, padded_rows

DECIDES_ALONE = 1e-9
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
    """

    scores: FloatArray
    own: FloatArray
    cross: FloatArray
    bread: FloatArray

    @property
    def cov(self) -> FloatArray:
        """The CR2 covariance of the coefficients."""
        return self.scores.T @ self.scores


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
    scores, own, cross = [], [], []
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
    return np.divide(
        expected**2,
        (single**2).sum(axis=1) + pairs,
        out=np.full(len(C), np.nan),
        where=some,
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
    # the model's expectation of the robust covariance: CBC' but for what a cluster alone
    # decides, which no residual shows
    expected = parts.own - parts.cross @ parts.bread @ parts.cross.mT
    value, vector = np.linalg.eigh(contrasts @ expected.sum(axis=0) @ contrasts.T)
    undefined = float("nan"), float(q), float("nan")
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
