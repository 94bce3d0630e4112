"""The varying-coefficient model: the mean alpha of the observed studies only.

Results of the varying-coefficient model: means of groups, and regressions.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from waistats._areas import critical
from waistats._format import coefficient, counted, interval, level
from waistats._frames import as_frame
from waistats._typing import FloatArray, IntArray
from waistats.errors import DataError, ModelError, check_conf_level, listing, near
from waistats.measures import ALPHA_TYPES, back_transform, effect_sizes, transform
from waistats.meta._contrasts import TestResult, coefficient_frame, wald_test
from waistats.meta._design import Design, build_design, term_names
from waistats.meta._effects import (
    Effects,
    OfEffects,
    independence_notes,
    usable_effects,
)
from waistats.meta._predict import as_asked, prediction_frame
from waistats.provenance import marked, of_simulated


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class VaryingMeans(OfEffects):
    """Mean alphas of all studies or of groups of studies, on the alpha scale.

    Attributes
    ----------
    terms : tuple of str
        Groups in sorted order; ``("Intercept",)`` without groups.
    estimate, se, ci_low, ci_high : ndarray, shape (groups,)
        Unweighted mean alphas, their standard errors and limits.
    k : ndarray of int, shape (groups,)
        Studies of each group.
    by : str or None
        The column of the groups.
    effects : Effects
        The rows used.
    conf_level : float
        Confidence level.
    """

    terms: tuple[str, ...]
    estimate: FloatArray
    se: FloatArray
    ci_low: FloatArray
    ci_high: FloatArray
    k: IntArray
    by: str | None
    effects: Effects = field(repr=False)
    conf_level: float

    def predict(self) -> pd.DataFrame:
        """Return the mean alphas, one row per group: ``estimate, ci_low, ci_high``.

        The model says nothing of populations that were not studied, so there is no
        prediction interval.
        """
        names = ("estimate", "ci_low", "ci_high")
        frame = pd.DataFrame({name: getattr(self, name) for name in names})
        if self.by is not None:
            frame = frame.set_index(pd.Index(self.terms))
        return marked(frame, self.simulated)

    def contrast(self, weights: Mapping[str, float]) -> pd.DataFrame:
        r"""Return a weighted sum of group means with its MOVER interval.

        Parameters
        ----------
        weights : mapping of group to float
            Such as ``{"client": 1, "therapist": -1}``; groups not named weigh 0.

        Returns
        -------
        DataFrame
            One row: ``term, estimate, se, ci_low, ci_high, k``.

        Notes
        -----
        The sum is :math:`d=\sum c_j\bar a_j`; its lower limit
        :math:`d-\sqrt{\sum(c_j\bar a_j-l_j)^2}` with :math:`l_j` the lower end of
        :math:`c_j[L_j,U_j]`, its upper limit likewise [1]_.

        References
        ----------
        .. [1] Zou, G. Y., Huang, W., & Zhang, X. (2009). Computational Statistics and
           Data Analysis, 53, 1080-1085.
        """
        words = {str(name): float(w) for name, w in weights.items()}
        unknown = [f"{n}{near(n, self.terms)}" for n in words if n not in self.terms]
        if unknown:
            raise ModelError(
                f"No such groups: {listing(unknown)}. Groups: {listing(self.terms)}."
            )
        c = np.array([words.get(term, 0.0) for term in self.terms])
        ends = np.sort(np.stack([c * self.ci_low, c * self.ci_high]), axis=0)
        center = c * self.estimate
        d = float(center.sum())
        frame = pd.DataFrame(
            {
                "term": [_contrast_name(words)],
                "estimate": [d],
                "se": [float(np.sqrt((c**2 * self.se**2).sum()))],
                "ci_low": [d - float(np.linalg.norm(center - ends[0]))],
                "ci_high": [d + float(np.linalg.norm(ends[1] - center))],
                "k": [int(self.k[c != 0].sum())],
            }
        )
        return marked(frame, self.simulated)

    def differences(self) -> pd.DataFrame:
        """Return every difference of two groups, with MOVER intervals."""
        pairs = [self.contrast({a: 1, b: -1}) for a, b in combinations(self.terms, 2)]
        return pd.concat(pairs, ignore_index=True) if pairs else self._means().iloc[:0]

    def _means(self) -> pd.DataFrame:
        names = ("estimate", "se", "ci_low", "ci_high", "k")
        columns = {name: getattr(self, name) for name in names}
        frame = pd.DataFrame({"term": list(self.terms)} | columns)
        return marked(frame, self.simulated)

    def to_frame(self) -> pd.DataFrame:
        """Return one row per mean and then one per difference, on the alpha scale."""
        differences = self.differences()
        if len(differences) == 0:
            return self._means()
        return pd.concat([self._means(), differences], ignore_index=True)

    def heading(self) -> str:
        """Return the model line."""
        title = f"Varying-Coefficient Model (k = {len(self.effects.yi)}; Bonett, 2010)"
        title += of_simulated(self.simulated)
        return f"{title}\n\nMean alpha of the studies, {level(self.conf_level)} CI:"

    def closing(self) -> str:
        """Return the mean in a sentence, and what was excluded."""
        lines = []
        if self.by is None:
            limits = interval(float(self.ci_low[0]), float(self.ci_high[0]))
            mean = coefficient(float(self.estimate[0]))
            lines.append(f"Mean alpha: {mean}, {level(self.conf_level)} CI {limits}")
        lines.append(
            "It describes these studies only; there is no prediction interval."
        )
        return "\n".join([*lines, *_left_out(self.effects), *self.notes])

    @property
    def notes(self) -> tuple[str, ...]:
        """What the means take for granted of their rows."""
        return independence_notes(self.effects, () if self.by is None else (self.by,))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class VaryingRegression(OfEffects):
    r"""A varying-coefficient meta-regression, on the scale :math:`-\ln(1-a)`.

    Attributes
    ----------
    beta : ndarray, shape (p,)
        Coefficients; ``cov`` (p, p) is their covariance.
    effects, design : Effects, Design
        The rows and the design that were fitted.
    conf_level : float
        Confidence level.
    """

    beta: FloatArray
    cov: FloatArray
    effects: Effects = field(repr=False)
    design: Design = field(repr=False)
    conf_level: float

    @property
    def k(self) -> int:
        """Coefficients used."""
        return len(self.effects.yi)

    @property
    def omnibus(self) -> TestResult:
        """Wald test of all moderators."""
        columns = term_names(self.design, None)
        return wald_test(
            self.beta, self.cov, columns, None, "Moderators", simulated=self.simulated
        )

    def to_frame(self) -> pd.DataFrame:
        """Return one row per coefficient, on the Bonett scale."""
        frame = coefficient_frame(
            self.design.names, self.beta, self.cov, None, self.conf_level
        )
        return marked(frame, self.simulated)

    def predict(
        self,
        new: pd.DataFrame | Mapping[str, Any] | None = None,
        back_transform: bool = True,
    ) -> pd.DataFrame:
        """Return the expected alpha at values of the moderators.

        Parameters
        ----------
        new : DataFrame or mapping, optional
            Values of the moderators, one row per prediction; None for the fitted rows.
        back_transform : bool, default True
            Return the alpha scale (then without ``se``) instead of the Bonett scale.

        Returns
        -------
        DataFrame
            ``estimate, ci_low, ci_high`` (and ``se``), index of ``new``.
        """
        rows = self.design.X if new is None else self.design.rows(new)
        frame = prediction_frame(
            rows,
            self.beta,
            self.cov,
            0.0,
            conf_level=self.conf_level,
            df=None,
            pi_df=None,
        ).drop(columns=["pi_low", "pi_high"])
        return as_asked(
            frame,
            new,
            "bonett",
            back_transform=back_transform,
            simulated=self.simulated,
        )

    def heading(self) -> str:
        """Return the model line and the test of moderators."""
        title = f"Varying-Coefficient Meta-Regression (k = {len(self.effects.yi)})"
        title += of_simulated(self.simulated)
        test = f"Test of Moderators:\n{self.omnibus.sentence()}"
        return f"{title}\n\n{test}\n\nModel Results (bonett scale):"

    def closing(self) -> str:
        """Return what was excluded, and notes."""
        return "\n".join([*_left_out(self.effects), *self.notes])

    @property
    def notes(self) -> tuple[str, ...]:
        """What the regression takes for granted of its rows."""
        return independence_notes(self.effects, self.design.variables)


def _contrast_name(weights: Mapping[str, float]) -> str:
    """Return ``a - b`` for a difference, else the weights in words."""
    kept = {name: w for name, w in weights.items() if w != 0}
    text = " ".join(
        f"{'-' if w < 0 else '+'} {'' if abs(w) == 1 else f'{abs(w):g} '}{name}"
        for name, w in kept.items()
    )
    return text.removeprefix("+ ")


def _left_out(used: Effects) -> list[str]:
    count = len(used.excluded)
    return (
        [f"{counted(count, 'coefficient')} excluded; see .excluded."] if count else []
    )


ALONE = "Intercept"


def fit_varying_coefficient(
    effects: pd.DataFrame,
    moderators: str | None = None,
    *,
    by: str | None = None,
    conf_level: float = 0.95,
) -> VaryingMeans | VaryingRegression:
    r"""Average alphas, compare groups or regress, with varying coefficients.

    Parameters
    ----------
    effects : DataFrame
        A coefficient table, with or without the columns of `effect_sizes`; alphas (or
        KR-20) with ``study_id, estimate, n, n_items``. Rows that their ``status`` or
        ``reason`` rules out are listed in ``excluded``.
    moderators : str, optional
        A formula such as ``"~ np.log(n_items)"``: regression on :math:`-\ln(1-a)`.
    by : str, optional
        A column of groups: a mean for each and all differences; not with moderators.
    conf_level : float, default 0.95
        Confidence level.

    Returns
    -------
    VaryingMeans or VaryingRegression
        The latter with ``moderators``.

    Raises
    ------
    DataError
        For a table that is not a coefficient table, too small samples or blank groups.
    ModelError
        For coefficients other than alpha, or ``by`` together with ``moderators``.

    Notes
    -----
    Each study keeps its own population alpha; the target is their plain mean, so the
    interval is about these k studies and holds however they differ [1]_. With
    :math:`\bar a=\sum a_i/k`, :math:`A=[(\bar m-2)(k-1)]^{1/4}`, harmonic mean
    :math:`\tilde n`,

    .. math:: v_i = \frac{2m_i(1-a_i)^2}{(m_i-1)(n_i-2-A)}, \quad
       se = \frac{\sqrt{\sum v_i}}{k}, \quad 1 - \exp\Bigl[\ln(1-\bar a) -
       \ln\frac{\tilde n}{\tilde n-1} \pm z\,\frac{se}{1-\bar a}\Bigr].

    The term :math:`\ln(\tilde n/(\tilde n-1))` removes the bias of
    :math:`\ln(1-a)` from the limits; the mean itself stays as it is. Differences of
    groups have MOVER limits. The regression is unweighted least squares of
    :math:`-\ln(1-a_i)+\ln(\tilde n/(\tilde n-1))`, covariance
    :math:`(X'X)^{-1}X'DX(X'X)^{-1}`, :math:`D=\operatorname{diag}v_i/(1-a_i)^2`.

    An unweighted common-effect model (``fit_meta(..., method="CE",
    weights="equal")``) differs: it averages :math:`-\ln(1-a)`, so that its
    back-transformed mean is never below the mean alpha, it has no bias term and no A,
    and it reads the mean as the one alpha of all studies. The R package vcmeta has
    the same formulas for one common m, and signs its regression by
    :math:`\ln(1-a)`; here each study has its own m, A takes their mean, and a
    positive coefficient raises alpha, as everywhere in this package.

    References
    ----------
    .. [1] Bonett, D. G. (2010). Psychological Methods, 15, 368-385.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame(
    ...     {"study_id": list("ABCD"), "estimate": [.91, .89, .90, .89],
    ...      "n": [583, 470, 546, 680], "n_items": 10})
    >>> fit_varying_coefficient(table).predict().round(4)
       estimate  ci_low  ci_high
    0    0.8975  0.8911   0.9039
    """
    effects = as_frame(effects)
    check_conf_level(conf_level)
    if by is not None and moderators is not None:
        raise ModelError(
            "Give by= for means of groups or moderators= for a regression, not both."
        )
    return fit_varying(
        _usable_alphas(effects, moderators), by, moderators, conf_level=conf_level
    )


def fit_varying(
    used: Effects,
    by: str | None = None,
    moderators: str | None = None,
    *,
    conf_level: float,
) -> VaryingMeans | VaryingRegression:
    """Average the alphas of checked rows, as `fit_varying_coefficient`."""
    if moderators is not None:
        design = build_design(moderators, used.table)
        beta, cov = _regression(used, design.X)
        return VaryingRegression(
            beta=beta, cov=cov, effects=used, design=design, conf_level=conf_level
        )
    groups = _groups(used.table, by)
    terms = tuple(sorted(set(groups)))
    members = [groups == term for term in terms]
    a, n, m = _columns(used.table)
    parts = [_mean(a[g], n[g], m[g], used.table[g], conf_level) for g in members]
    estimate, se, low, high = (np.array(column) for column in zip(*parts, strict=True))
    return VaryingMeans(
        terms=terms,
        estimate=estimate,
        se=se,
        ci_low=low,
        ci_high=high,
        k=np.array([g.sum() for g in members]),
        by=by,
        effects=used,
        conf_level=conf_level,
    )


def _usable_alphas(table: pd.DataFrame, moderators: str | None) -> Effects:
    """Return the rows whose alphas can be averaged."""
    if isinstance(table, pd.DataFrame):
        table = table.drop(columns=["measure", "yi", "vi"], errors="ignore")
    used = usable_effects(effect_sizes(table), moderators)
    kinds = used.table.get("coefficient_type", pd.Series(dtype=str)).dropna()
    other = sorted(set(kinds.astype(str)) - ALPHA_TYPES)
    if other:
        raise ModelError(
            "The varying-coefficient formulas are those of alpha; the table also has "
            f"{listing(other)}. Select its rows of alpha."
        )
    return used


def _columns(table: pd.DataFrame) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return estimates, sample sizes and numbers of items."""
    a, n, m = (
        pd.to_numeric(table[c]).to_numpy(dtype=float)
        for c in ("estimate", "n", "n_items")
    )
    return a, n, m


def _groups(table: pd.DataFrame, by: str | None) -> np.ndarray:
    """Return the group of each row as text."""
    if by is None:
        return np.full(len(table), ALONE, dtype=object)
    if by not in table:
        raise DataError(f"by={by!r} is not a column of the table{near(by, table)}.")
    blank = table[by].isna()
    if blank.any():
        ids = listing(table["study_id"][blank])
        raise DataError(f"{by} is blank for study_id {ids}. Fill it or leave them out.")
    found: np.ndarray = table[by].astype(str).to_numpy(dtype=object)
    return found


def _variance_on_bonett(
    n: FloatArray, m: FloatArray, table: pd.DataFrame
) -> FloatArray:
    """Return v_i / (1 - a_i)^2, with Bonett's correction for averaging."""
    A = ((m.mean() - 2) * (len(n) - 1)) ** 0.25
    room = n - 2 - A
    if (room <= 0).any():
        places = listing(
            f"{size:g} (study_id {name})"
            for size, name in zip(
                n[room <= 0], table["study_id"][room <= 0], strict=True
            )
        )
        raise DataError(
            f"n must be above {2 + A:.4g} in a mean of {counted(len(n), 'alpha')}, but "
            f"is {places}. Leave these rows out."
        )
    values: FloatArray = 2 * m / ((m - 1) * room)
    return values


def _bias(n: FloatArray) -> float:
    harmonic = len(n) / float((1 / n).sum())
    return float(np.log(harmonic / (harmonic - 1)))


def _mean(
    a: FloatArray, n: FloatArray, m: FloatArray, table: pd.DataFrame, conf_level: float
) -> tuple[float, float, float, float]:
    """Return the mean alpha, its standard error and its limits."""
    mean = float(a.mean())
    variance = _variance_on_bonett(n, m, table) * (1 - a) ** 2
    se = float(np.sqrt(variance.sum())) / len(a)
    center = float(transform(mean)) + _bias(n)
    half = critical(conf_level, None) * se / (1 - mean)
    low, high = (float(back_transform(at)) for at in (center - half, center + half))
    return mean, se, low, high


def _regression(used: Effects, X: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return unweighted coefficients on the Bonett scale and their covariance."""
    a, n, m = _columns(used.table)
    response = transform(a) + _bias(n)
    variance = _variance_on_bonett(n, m, used.table)
    projector = np.linalg.pinv(X)
    return projector @ response, (projector * variance) @ projector.T
