"""How many studies an asymmetric funnel lacks, and the result with them filled in."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from waistats._format import Result, counted, fixed, p_statement
from waistats._typing import FloatArray, IntArray
from waistats.errors import ConvergenceError, ModelError, check_option
from waistats.measures import back_transform
from waistats.meta._design import intercept_only
from waistats.meta._effects import IDS, Effects
from waistats.meta.fit import fit_design
from waistats.meta.fit_many import fit_batch
from waistats.meta.results import MetaResult
from waistats.provenance import marked, of_simulated
from waistats.sensitivity._dependence import one_level
from waistats.sensitivity._refit import check_mean, check_model

ESTIMATORS = ("L0", "R0", "Q0")
MAX_ITERATIONS = 100


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class TrimAndFill(Result):
    """The trim and fill method.

    Attributes
    ----------
    k0, k0_se : int, float
        Studies estimated to be missing, and the standard error of that number; NaN
        where its variance formula is negative.
    side : str
        ``"left"`` or ``"right"``: where studies are missing.
    estimator : str
        ``"L0"``, ``"R0"`` or ``"Q0"``.
    p_value : float
        Of the hypothesis that none is missing; R0 only, else NaN.
    fit : MetaResult
        The model with the missing studies filled in; ``fit.effects.table`` has the
        column ``filled``.
    original : MetaResult
        The model without them.
    """

    k0: int
    k0_se: float
    side: str
    estimator: str
    p_value: float
    fit: MetaResult = field(repr=False)
    original: MetaResult = field(repr=False)
    notes: tuple[str, ...] = ()

    @property
    def simulated(self) -> bool:
        """Whether the effects are SIMULATED."""
        return self.original.simulated

    def to_frame(self) -> pd.DataFrame:
        """Return the pooled mean as observed and as filled, on the model's scale."""
        parts = []
        for studies, fit in (("observed", self.original), ("filled", self.fit)):
            frame = fit.to_frame().drop(columns=["term", "provenance"], errors="ignore")
            frame.insert(0, "studies", studies)
            frame.insert(1, "k", fit.k)
            parts.append(frame.assign(tau2=fit.tau2, I2=fit.I2))
        return marked(pd.concat(parts, ignore_index=True), self.simulated)

    def heading(self) -> str:
        """Return how many studies are missing and where."""
        text = f"Estimated number of missing studies on the {self.side} side: {self.k0}"
        text += f" (se = {fixed(self.k0_se)}; estimator {self.estimator})"
        text += of_simulated(self.simulated)
        if not np.isnan(self.p_value):
            text += f"\nTest that none is missing: {p_statement(self.p_value, 4)}"
        return text

    def closing(self) -> str:
        """Return both pooled alphas, and notes."""
        lines = []
        if self.fit.measure:
            lines.append(
                f"Observed, on the alpha scale: {self.original.alpha_sentence()}"
            )
            lines.append(f"Filled, on the alpha scale: {self.fit.alpha_sentence()}")
        return "\n".join([*lines, *self.notes])


def trim_and_fill(
    result: Any, estimator: str = "L0", side: str | None = None
) -> TrimAndFill:
    r"""Estimate how many studies are missing, and refit with them filled in.

    Parameters
    ----------
    result : MetaResult or MultilevelResult
        From `fit_meta` or `fit_multilevel`, without moderators. Of a
        multilevel model one coefficient per study is used: that of the most respondents,
        then of the most items, then the first.
    estimator : {"L0", "R0", "Q0"}, default "L0"
        Estimator of the number of missing studies.
    side : {"left", "right"}, optional
        Where studies are missing; by default opposite to the slope of Egger's
        regression: left (low coefficients) unless small studies have lower ones.

    Returns
    -------
    TrimAndFill
        ``k0, k0_se, side, fit``; filled rows are marked in ``fit.effects.table``.

    Raises
    ------
    ModelError
        For a model with moderators, or if the variances are equal and ``side`` is not
        given.
    ConvergenceError
        If the number of missing studies does not settle.

    Notes
    -----
    Studies are trimmed from the other side until the rest is symmetric, then mirrored
    about the trimmed mean [1]_. As metafor's ``trimfill``, but the filled model keeps
    the small-sample adjustment of ``result``, which metafor drops unless told again.
    With heterogeneity it can find missing studies where there are none (and on the raw
    and Hakstian-Whalen scales asymmetry is built in; see `egger_test`): a sensitivity
    analysis, not an estimate of what was withheld.

    References
    ----------
    .. [1] Duval, S., & Tweedie, R. (2000). Biometrics, 56, 455-463.

    Examples
    --------
    >>> from waistats import effect_sizes, fit_meta
    >>> table = pd.DataFrame(
    ...     {"study_id": list("ABCDEF"), "estimate": [.91, .97, .93, .88, .90, .96],
    ...      "n": [84, 24, 231, 120, 300, 30], "n_items": 12})
    >>> found = trim_and_fill(fit_meta(effect_sizes(table)))
    >>> found.k0, found.side
    (1, 'left')
    """
    given = check_model(result, "trim_and_fill")
    check_mean(given, "trim_and_fill")
    model, notes = one_level(given, "Trim and fill")
    estimator = check_option("estimator", estimator, ESTIMATORS)
    if side is None:
        side = _default_side(model)
    side = check_option("side", side, ("left", "right"))
    sign = -1.0 if side == "right" else 1.0
    order = np.argsort(sign * model.effects.yi, kind="stable")
    y = sign * model.effects.yi[order]
    k0, k0_se, center = _missing(model, y, order, estimator)
    last = order[len(y) - k0 :]
    filled = _filled(model.effects, last, sign * (2 * center - y[len(y) - k0 :]))
    if k0 == 0:
        fit = replace(model, effects=filled)
    else:
        fit = fit_design(
            filled,
            intercept_only(len(filled.yi)),
            method=model.method,
            small_sample=model.small_sample,
            conf_level=model.conf_level,
            weights=_extended(model.weights, last),
        )
    return TrimAndFill(
        k0=k0,
        k0_se=k0_se,
        side=side,
        estimator=estimator,
        p_value=0.5 ** (k0 + 1) if estimator == "R0" else float("nan"),
        fit=fit,
        original=model,
        notes=notes,
    )


def _default_side(model: MetaResult) -> str:
    """Return the side opposite to where Egger's slope piles up small studies."""
    y, v = model.effects.yi, model.effects.vi
    if np.ptp(v) <= 1e-12 * v.max():
        raise ModelError(
            "All sampling variances are equal, so the funnel has no slope to choose a "
            "side by; give side='left' or side='right'."
        )
    X = np.column_stack([np.ones(len(y)), np.sqrt(v)])
    if len(y) < 3:
        raise ModelError("Choosing a side needs at least 3 coefficients; give side=.")
    slope = _mean(y, v, X, model, model.weights)[1]
    return "right" if slope < 0 else "left"


def _mean(
    y: FloatArray,
    v: FloatArray,
    X: FloatArray,
    model: MetaResult,
    weights: FloatArray | None,
) -> FloatArray:
    """Return the coefficients of a fit by the model's method, shape (p,)."""
    if weights is not None:
        A = X.T @ (weights[:, None] * X)
        return np.asarray(np.linalg.solve(A, X.T @ (weights * y)), dtype=float)
    batch = fit_batch(y[:, None], v[:, None], X, model.method, "wald")
    if not batch.converged[0]:
        raise ConvergenceError(
            f"{model.method} did not converge for the {counted(len(y), 'study')} left "
            "by trimming; fit with method='DL'."
        )
    return batch.beta[:, 0]


def _missing(
    model: MetaResult, y: FloatArray, order: IntArray, estimator: str
) -> tuple[int, float, float]:
    """Return k0, its standard error and the trimmed mean, for y in rising order."""
    v, k = model.effects.vi[order], len(y)
    weights = None if model.weights is None else model.weights[order]
    k0 = 0
    for _ in range(MAX_ITERATIONS):
        left = slice(0, k - k0)
        w = None if weights is None else weights[left]
        X = np.ones((k - k0, 1))
        center = float(_mean(y[left], v[left], X, model, w)[0])
        new, se = _count(y - center, estimator)
        new = min(new, k - 1)
        if new == k0:
            return k0, se, center
        k0 = new
    raise ConvergenceError(
        f"trim_and_fill: {estimator} did not converge in {MAX_ITERATIONS} iterations; try "
        "another estimator or side."
    )


def _count(residual: FloatArray, estimator: str) -> tuple[int, float]:
    """Return the number of missing studies and its standard error (before rounding)."""
    k = len(residual)
    rank = np.empty(k)
    rank[np.argsort(np.abs(residual), kind="stable")] = np.arange(1, k + 1)
    if estimator == "R0":
        below = rank[residual < 0]
        raw = k - (below.max() if len(below) else 0) - 1
        return max(0, int(raw)), float(np.sqrt(2 * max(0, raw) + 2))
    S = rank[residual > 0].sum()
    if estimator == "L0":
        raw = (4 * S - k * (k + 1)) / (2 * k - 1)
        slope = 4 / (2 * k - 1)
    else:
        raw = k - 0.5 - np.sqrt(max(2 * k**2 - 4 * S + 0.25, 0))
        slope = 2 / np.sqrt(max((k - 0.5) ** 2 - raw * (2 * k - raw - 1), 1e-300))
    variance = (
        k * (k + 1) * (2 * k + 1)
        + 10 * raw**3
        + 27 * raw**2
        + 17 * raw
        - 18 * k * raw**2
        - 18 * k * raw
        + 6 * k**2 * raw
    ) / 24
    se = slope * np.sqrt(variance) if variance >= 0 else np.nan
    return max(0, round(raw)), float(se)


def _filled(effects: Effects, mirrored: IntArray, values: FloatArray) -> Effects:
    """Return the effects with mirrored rows at the end, marked in column filled."""
    source, k0 = effects.source, len(values)
    if k0 == 0:
        return replace(effects, source=source.assign(filled=False))
    for name in IDS:
        if name not in source:
            source = source.assign(**{name: [str(i + 1) for i in range(len(source))]})
    rows = source.iloc[effects.rows[mirrored]].copy()
    for name in IDS:
        rows[name] = [f"Filled {i + 1}" for i in range(k0)]
    rows["yi"] = values
    if "estimate" in rows:
        rows["estimate"] = (
            back_transform(values, effects.measure) if effects.measure else np.nan
        )
    if "provenance" in rows:
        mark = of_simulated(effects.simulated)
        rows["provenance"] = f"imputed by trim and fill{mark}"
    both = pd.concat([source, rows], ignore_index=True)
    both["filled"] = np.arange(len(both)) >= len(source)
    return replace(
        effects,
        source=both,
        yi=np.concatenate([effects.yi, values]),
        vi=np.concatenate([effects.vi, effects.vi[mirrored]]),
        rows=np.concatenate([effects.rows, len(source) + np.arange(k0)]),
    )


def _extended(weights: FloatArray | None, mirrored: IntArray) -> FloatArray | None:
    if weights is None:
        return None
    return np.concatenate([weights, weights[mirrored]])
