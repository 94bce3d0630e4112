"""One climber for the likelihoods that have a few parameters: damped Newton steps."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from waistats._typing import FloatArray

MAX_ITERATIONS = 300
MAX_HALVINGS = 40
# of the largest curvature: flatter directions count as this curved
FLATTEST = 1e-10

# gradient and information, which is minus the second derivatives
Slopes = Callable[[], tuple[FloatArray, FloatArray]]
Evaluate = Callable[[FloatArray], tuple[float, Slopes]]


class Maximum(NamedTuple):
    """Where a climb ended.

    Attributes
    ----------
    at : ndarray, shape (n,)
        The parameters.
    value : float
        The function there.
    status : str
        ``"converged"``; ``"stalled"``, where no part of the last step rose;
        ``"exhausted"`` after the last iteration; or what ``finished`` said.
    promise : float
        What the last step would have gained, were the function quadratic; of a stalled
        climb rounding if it is small.
    step : ndarray, shape (n,)
        The last step before it was shortened.
    n_iter : int
        Steps taken.
    """

    at: FloatArray
    value: float
    status: str
    promise: float
    step: FloatArray
    n_iter: int


def newton_step(gradient: FloatArray, information: FloatArray) -> FloatArray:
    """Return the Newton step with negative eigenvalues as their absolute values."""
    values, vectors = np.linalg.eigh(information)
    size = np.abs(values)
    size = np.maximum(size, FLATTEST * (1 + size.max()))
    step: FloatArray = vectors @ ((vectors.T @ gradient) / size)
    return step


def damped_newton(
    evaluate: Evaluate,
    start: FloatArray,
    *,
    finished: Callable[[FloatArray, FloatArray, float, float], str | None],
    shorten: Callable[[FloatArray, FloatArray], float],
    slack: float = 0.0,
    max_iterations: int = MAX_ITERATIONS,
) -> Maximum:
    r"""Climb to a maximum by Newton steps that always rise.

    Parameters
    ----------
    evaluate : callable
        Parameters (n,) -> the function, and what gives its gradient (n,) and
        information (n, n), minus the second derivatives, when it is called.
    start : ndarray, shape (n,)
        Where to begin.
    finished : callable
        (parameters, step, promise, value) -> a status that ends the climb, or None.
        Where it is ``"converged"`` the last step is taken without looking: it is exact
        to the digits that are left.
    shorten : callable
        (parameters, step) -> a factor of at most 1 for steps that lead too far.
    slack : float, default 0
        Share of the value that a step may lose, for functions with rounding errors.
    max_iterations : int
        Steps after which the climb is given up.

    Returns
    -------
    Maximum
        The caller decides what its status means.

    Notes
    -----
    With gradient g and information H the step is :math:`|H|^{-1}g`, where the
    eigenvalues of H are replaced by their absolute values, so that saddle points
    repel; it is halved until the function rises. Its promise is :math:`g'|H|^{-1}g`.
    """
    at = np.asarray(start, dtype=float)
    value, slopes = evaluate(at)
    step, promise = np.zeros_like(at), np.inf
    for iteration in range(max_iterations):
        gradient, information = slopes()
        step = newton_step(gradient, information)
        promise = float(gradient @ step)
        status = finished(at, step, promise, value)
        if status == "converged":
            return Maximum(at + step, value, status, promise, step, iteration)
        if status is not None:
            return Maximum(at, value, status, promise, step, iteration)
        size = shorten(at, step)
        for _ in range(MAX_HALVINGS):
            new, new_slopes = evaluate(at + size * step)
            if new > value or (slack and new >= value - slack * abs(value)):
                break
            size /= 2
        else:
            return Maximum(at, value, "stalled", promise, step, iteration)
        at, value, slopes = at + size * step, new, new_slopes
    return Maximum(at, value, "exhausted", promise, step, max_iterations)
