"""Damped Newton steps: a valley, a saddle, a stall, and steps that lead too far."""

import numpy as np
import pytest
from scipy import optimize

from waistats.meta._optimize import damped_newton, newton_step


def free(at, step):
    return 1.0


def until(bound):
    return lambda at, step, promise, value: "converged" if promise < bound else None


def valley(at):
    a, b = at
    value = -(100 * (b - a * a) ** 2 + (1 - a) ** 2)

    def slopes():
        gradient = [400 * a * (b - a * a) + 2 * (1 - a), -200 * (b - a * a)]
        information = [[1200 * a * a - 400 * b + 2, -400 * a], [-400 * a, 200]]
        return np.array(gradient), np.array(information)

    return value, slopes


def test_it_finds_what_scipy_finds():
    found = damped_newton(
        valley, np.array([-1.2, 1.0]), finished=until(1e-14), shorten=free
    )
    assert found.status == "converged"
    oracle = optimize.minimize(lambda x: -valley(x)[0], [-1.2, 1.0], method="BFGS")
    np.testing.assert_allclose(found.at, oracle.x, atol=1e-4)
    np.testing.assert_allclose(found.at, [1, 1], atol=1e-7)


def test_a_saddle_repels():
    # x^2 y^2-like surface with a saddle at 0: -(x^2 - 1)^2 - y^2
    def surface(at):
        x, y = at
        gradient = np.array([-4 * x * (x * x - 1), -2 * y])
        information = np.array([[12 * x * x - 4, 0], [0, 2.0]])
        return -((x * x - 1) ** 2) - y * y, lambda: (gradient, information)

    found = damped_newton(
        surface, np.array([0.01, 0.5]), finished=until(1e-14), shorten=free
    )
    np.testing.assert_allclose(np.abs(found.at), [1, 0], atol=1e-7)


def test_negative_eigenvalues_count_by_their_size():
    step = newton_step(np.array([1.0, 1.0]), np.diag([2.0, -4.0]))
    np.testing.assert_allclose(step, [0.5, 0.25])


def test_what_cannot_rise_stalls_and_what_does_not_end_is_exhausted():
    # the gradient points the wrong way, so that no part of a step rises
    def liar(at):
        return -float(at @ at), lambda: (2 * at, 2 * np.eye(1))

    found = damped_newton(liar, np.array([1.0]), finished=until(0.0), shorten=free)
    assert found.status == "stalled"
    assert found.at == pytest.approx([1.0])
    few = damped_newton(
        valley,
        np.array([-1.2, 1.0]),
        finished=until(1e-14),
        shorten=free,
        max_iterations=3,
    )
    assert (few.status, few.n_iter) == ("exhausted", 3)


def test_steps_are_shortened_and_the_caller_may_end_the_climb():
    seen = []

    def finished(at, step, promise, value):
        seen.append(at.copy())
        return "far" if np.abs(at).max() > 2 else None

    def slope(at):
        return float(at[0]), lambda: (np.array([1.0]), np.array([[1e-3]]))

    found = damped_newton(
        slope,
        np.array([0.0]),
        finished=finished,
        shorten=lambda at, step: 0.5 / abs(step[0]),
    )
    assert found.status == "far"
    np.testing.assert_allclose(np.diff(np.array(seen).ravel()), 0.5)
