"""The likelihood of several outcomes per study with one between-study covariance.

Everything a study contributes to derivatives passes through its outcomes: with Z the
indicator of the outcomes of its rows, Z'WZ, Z'WX and Z'Py are all that is needed, of
the size of the outcomes whatever the number of rows.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy import sparse

from waistats._format import counted
from waistats._typing import BoolArray, FloatArray, IntArray
from waistats.errors import ConvergenceError
from waistats.meta._optimize import Slopes, damped_newton
from waistats.meta.multilevel._blocks import dense_blocks

MAX_STEPS = 400
CONVERGED = 1e-18
# a step that promises less than this and does not climb meets only rounding
ROUNDING = 1e-9
# of the mean sampling variance: below it a variance is 0
NO_VARIANCE = 1e-8


class Derivatives(Protocol):
    """A criterion with its first two derivatives in the entries of a covariance."""

    @property
    def value(self) -> float: ...
    @property
    def score(self) -> FloatArray: ...
    @property
    def hessian(self) -> FloatArray: ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stacked:
    """Rows of J studies, padded to s rows each; padding is 0, in V the identity.

    Attributes
    ----------
    y : ndarray, shape (J, s)
        Effects.
    X : ndarray, shape (J, s, P)
        Design of all outcomes.
    Z : ndarray, shape (J, s, q)
        1 in the column of the outcome of a row.
    V : ndarray, shape (J, s, s)
        Sampling covariances.
    k : int
        Rows that are not padding.
    restricted : bool
        Whether the likelihood is restricted (REML).
    """

    y: FloatArray
    X: FloatArray
    Z: FloatArray
    V: FloatArray
    k: int
    restricted: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class At:
    """The likelihood without constants at one between-study covariance.

    ``score`` (a,) and ``hessian`` (a, a) are in the entries of the lower triangle, row
    by row; ``beta`` (P,) and ``cov`` (P, P) are the coefficients given it; ``expected``
    is the expected information.
    """

    value: float
    score: FloatArray
    hessian: FloatArray
    expected: FloatArray
    beta: FloatArray
    cov: FloatArray


def units(q: int) -> FloatArray:
    """Return the derivative of a covariance in each entry of its lower triangle."""
    rows, columns = np.tril_indices(q)
    out = np.zeros((len(rows), q, q))
    each = np.arange(len(rows))
    out[each, rows, columns] = 1.0
    out[each, columns, rows] = 1.0
    return out


def shapes(q: int, struct: str) -> FloatArray:
    r"""Return the quadratic forms that make the entries of a covariance.

    Returns
    -------
    ndarray, shape (a, b, b)
        Entry a is :math:`\phi'S_a\phi`. ``"UN"``: :math:`\phi` is the lower triangle of
        a Cholesky factor. ``"DIAG"`` and ``"ID"``: standard deviations. ``"CS"``:
        the roots of the eigenvalues of the mean and of the differences.
    """
    rows, columns = np.tril_indices(q)
    size = len(rows)
    if struct == "UN":
        place = np.full((q, q), -1)
        place[rows, columns] = np.arange(size)
        out = np.zeros((size, size, size))
        for a, (i, j) in enumerate(zip(rows, columns, strict=True)):
            for h in range(j + 1):
                out[a, place[i, h], place[j, h]] += 0.5
                out[a, place[j, h], place[i, h]] += 0.5
        return out
    own = (rows == columns).astype(float)
    if struct == "ID":
        values: FloatArray = own[:, None, None]
        return values
    if struct == "DIAG":
        out = np.zeros((size, q, q))
        out[np.flatnonzero(own), np.arange(q), np.arange(q)] = 1.0
        return out
    # compound symmetry: a^2 (I - 11'/q) + b^2 11'/q
    out = np.zeros((size, 2, 2))
    out[:, 0, 0] = own - 1 / q
    out[:, 1, 1] = 1 / q
    return out


def filled(theta: FloatArray, q: int) -> FloatArray:
    """Return the covariance of the entries of its lower triangle, (q, q)."""
    rows, columns = np.tril_indices(q)
    G = np.empty((q, q))
    G[rows, columns] = theta
    G[columns, rows] = theta
    return G


def entries(shape: FloatArray, phi: FloatArray) -> FloatArray:
    """Return the entries of the covariance from the parameters, shape (a,)."""
    return np.asarray(shape @ phi @ phi, dtype=float)


def evaluate(data: Stacked, theta: FloatArray) -> At:
    r"""Return the likelihood at a between-study covariance, with its derivatives.

    Notes
    -----
    :math:`M_j = V_j + Z_jGZ_j'`. With :math:`E_a` the derivative of G,
    :math:`A_j = Z_j'W_jZ_j`, :math:`F_j = Z_j'W_jX_j`, :math:`h_j = Z_j'(Py)_j`,
    :math:`C = (X'WX)^{-1}` and :math:`S_a = \sum F_j'E_aF_j`, the score of the
    restricted likelihood is
    :math:`\tfrac12[\sum h_j'E_ah_j - \sum\mathrm{tr}(E_aA_j) + \mathrm{tr}(CS_a)]`,
    and likewise for the second derivatives.
    """
    q = data.Z.shape[2]
    E = units(q)
    M = data.V + data.Z @ filled(theta, q) @ data.Z.mT
    half = np.linalg.cholesky(M)
    log_det = 2 * float(np.log(np.diagonal(half, axis1=1, axis2=2)).sum())
    joined = np.concatenate([data.X, data.Z, data.y[..., None]], axis=2)
    W = np.linalg.solve(M, joined)
    P = data.X.shape[2]
    WX, WZ, Wy = W[..., :P], W[..., P : P + q], W[..., -1]
    bread = np.einsum("jsp,jsr->pr", data.X, WX)
    C = np.linalg.inv(bread)
    beta = C @ np.einsum("jsp,js->p", WX, data.y)
    Py = Wy - WX @ beta
    rest = data.y - data.X @ beta
    A = data.Z.mT @ WZ
    F = data.Z.mT @ WX
    h = (data.Z.mT @ Py[..., None])[..., 0]
    value = -0.5 * (log_det + float((Py * rest).sum()))
    EA = E[:, None] @ A
    EF = E[:, None] @ F
    hE = h @ E
    trace = np.trace(EA, axis1=2, axis2=3).sum(1)
    pairs = np.einsum("ajxy,bjyx->ab", EA, EA)
    S = np.einsum("jxp,ajxr->apr", F, EF)
    if data.restricted:
        value -= 0.5 * float(np.linalg.slogdet(bread)[1])
        CS = C @ S
        trace = trace - np.trace(CS, axis1=1, axis2=2)
        T = np.einsum("ajxp,jxy,bjyr->abpr", EF, A, EF, optimize=True)
        pairs = pairs + np.einsum("axy,byx->ab", CS, CS)
        pairs = pairs - 2 * np.einsum("abpr,rp->ab", T, C)
    moved = np.einsum("jxp,ajx->ap", F, hE)
    quadratic = np.einsum("ajx,jxy,bjy->ab", hE, A, hE, optimize=True)
    quadratic = quadratic - moved @ C @ moved.T
    return At(
        value=value,
        score=0.5 * ((hE * h).sum(axis=(1, 2)) - trace),
        hessian=0.5 * pairs - quadratic,
        expected=0.5 * pairs,
        beta=beta,
        cov=C,
    )


def climb(
    at: Callable[[FloatArray], Derivatives],
    shape: FloatArray,
    start: FloatArray,
    what: str,
    within: tuple[FloatArray, FloatArray] | None = None,
) -> tuple[float, FloatArray]:
    """Return the maximum over parameters phi with theta_a = phi' shape_a phi.

    ``within`` (B, c) keeps phi at B psi + c; then psi is what is started and returned.

    Quadratic forms keep every step inside the covariances that exist, and make the edge
    (a correlation of 1, a variance of 0) an ordinary stationary point. Newton's steps
    replace negative curvatures by their size, so that saddles repel.
    """
    B, c = (np.eye(len(start)), np.zeros(len(start))) if within is None else within

    def likelihood(psi: FloatArray) -> tuple[float, Slopes]:
        phi = B @ psi + c
        here = at(entries(shape, phi))

        def slopes() -> tuple[FloatArray, FloatArray]:
            jacobian = 2 * shape @ phi
            curvature = jacobian.T @ here.hessian @ jacobian
            curvature = curvature + 2 * np.einsum("a,abc->bc", here.score, shape)
            return here.score @ jacobian @ B, -(B.T @ curvature @ B)

        return here.value, slopes

    def shorten(phi: FloatArray, step: FloatArray) -> float:
        """Return what makes no step longer than the parameters themselves."""
        return min(1.0, float((1 + np.linalg.norm(phi)) / np.linalg.norm(step)))

    found = damped_newton(
        likelihood,
        start,
        finished=lambda _phi, _step, promise, _value: (
            "flat" if promise < CONVERGED else None
        ),
        shorten=shorten,
        max_iterations=MAX_STEPS,
    )
    stopped = found.status == "stalled" and found.promise < ROUNDING
    if found.status == "flat" or stopped:
        return found.value, found.at
    raise ConvergenceError(f"{what} did not converge.")


def padded(
    y: FloatArray,
    X: FloatArray,
    V: sparse.csr_array,
    outcome: IntArray,
    study: IntArray,
    q: int,
    restricted: bool,
) -> Stacked:
    """Return the rows of each study side by side."""
    order = np.argsort(study, kind="stable")
    size = np.bincount(study)
    place = np.arange(len(y)) - np.repeat(np.cumsum(size) - size, size)
    rows = np.full((len(size), int(size.max())), -1)
    rows[study[order], place] = order
    real: BoolArray = rows >= 0
    Z = np.eye(q)[outcome]
    return Stacked(
        y=np.where(real, y[rows], 0.0),
        X=np.where(real[..., None], X[rows], 0.0),
        Z=np.where(real[..., None], Z[rows], 0.0),
        V=dense_blocks(sparse.csr_array(V), rows, 1.0),
        k=len(y),
        restricted=restricted,
    )


def standardised(
    y: FloatArray,
    v: FloatArray,
    X: FloatArray,
    V: sparse.csr_array,
    groups: tuple[IntArray, IntArray],
    q: int,
    method: str,
) -> tuple[Stacked, FloatArray, FloatArray, float]:
    """Return the rows by study in units of the mean sampling variance.

    Also what was taken off, as coefficients (P,), what is left of y (k,), and the unit.
    ``groups`` are the codes of outcomes and of studies.
    """
    unit = float(v.mean())
    start: FloatArray = np.asarray(np.linalg.lstsq(X, y, rcond=None)[0], dtype=float)
    residual: FloatArray = (y - X @ start) / np.sqrt(unit)
    data = padded(residual, X, V / unit, *groups, q, method == "REML")
    return data, start, residual, unit


def maximise(
    data: Stacked, y: FloatArray, v: FloatArray, outcome: IntArray, struct: str
) -> FloatArray:
    """Return the entries of the between-study covariance of highest likelihood."""
    q = data.Z.shape[2]
    count = np.bincount(outcome, minlength=q)
    total = np.bincount(outcome, y**2, minlength=q) / np.maximum(count - 1, 1)
    excess = total - np.bincount(outcome, v, minlength=q) / count
    sd = np.sqrt(np.maximum(excess, 0.05 * np.maximum(total, 1e-6)))
    shape = shapes(q, struct)
    name = f"The multivariate model of {counted(data.k, 'coefficient')}"
    found = [
        climb(lambda theta: evaluate(data, theta), shape, start, name)
        for start in _starts(sd, struct)
    ]
    _, phi = max(found, key=lambda one: one[0])
    theta = entries(shape, phi)
    # the edge is reached to rounding only
    G = filled(theta, q)
    gone = np.diagonal(G) < NO_VARIANCE
    G[gone, :] = 0.0
    G[:, gone] = 0.0
    return np.asarray(G[np.tril_indices(q)], dtype=float)


def _starts(sd: FloatArray, struct: str) -> list[FloatArray]:
    """Return parameters to start from."""
    q = len(sd)
    if struct == "ID":
        return [np.array([f * sd.mean()]) for f in (1.0, 0.2)]
    if struct == "DIAG":
        return [f * sd for f in (1.0, 0.2)]
    rhos = (0.0, 0.5, 0.9, -0.5 / (q - 1))
    if struct == "CS":
        # variances of the differences and of the mean times q
        return [sd.mean() * np.sqrt([1 - rho, 1 + (q - 1) * rho]) for rho in rhos]
    rows, columns = np.tril_indices(q)
    starts = []
    for rho in rhos:
        for scale in (1.0, 0.3):
            R = np.full((q, q), rho)
            np.fill_diagonal(R, 1.0)
            D = scale * sd
            L = np.linalg.cholesky(D[:, None] * R * D)
            starts.append(L[rows, columns])
    return starts
