"""The result of a model of several outcomes."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from waistats._areas import chi2_ppf, critical, two_sided
from waistats._format import (
    coefficient,
    counted,
    fixed,
    frame_text,
    interval,
    level,
    p_statement,
)
from waistats._typing import FloatArray, IntArray
from waistats.errors import ModelError, check_conf_level, check_option, listing, near
from waistats.meta._contrasts import Contrasts, TestResult, likelihood_ratio, wald_test
from waistats.meta._design import Design
from waistats.meta._effects import Effects, OfEffects
from waistats.meta._predict import on_alpha_scale, prediction_frame
from waistats.meta._prediction import (
    DEFAULT_PREDICTION,
    PREDICTIONS,
    Distribution,
    Student,
    predictive,
)
from waistats.meta._unstructured import standardised
from waistats.meta._unstructured_profile import correlation_limits, variance_limits
from waistats.meta.multilevel._intervals import cautious
from waistats.meta.multilevel.robust import (
    RobustResult,
    Sandwich,
    robust_contrasts,
    sandwich,
)
from waistats.provenance import marked, of_simulated

# a correlation that is nearer to -1 or 1 is at its bound
AT_BOUND = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class MultivariateResult(OfEffects):
    """A fitted model of several outcomes per study.

    Attributes
    ----------
    outcomes : tuple of str
        Names of the outcomes, in order of appearance.
    between : ndarray, shape (q, q)
        Covariance of the studies' true values.
    beta : ndarray, shape (P,)
        Coefficients on the model's scale, outcome by outcome; ``cov`` (P, P) is their
        covariance.
    df : ndarray, shape (P,), or None
        Studies with the outcome of a coefficient less the outcome's coefficients, of the
        model's own intervals; None for the normal.
    Q, Q_df, Q_p : float
        (Residual) heterogeneity test, with the whole V.
    log_likelihood, aic, bic, aicc : float
        With metafor's constants; restricted under REML.
    n_studies : int
        Studies used.
    V : sparse array, shape (k, k)
        Sampling covariance of the rows that were fitted.
    effects, design : Effects, Design
        The rows, and the design of all outcomes.
    method, struct, small_sample, conf_level, measure
        As asked for.
    """

    outcomes: tuple[str, ...]
    between: FloatArray
    beta: FloatArray
    cov: FloatArray
    df: FloatArray | None
    Q: float
    Q_df: int
    Q_p: float
    log_likelihood: float
    aic: float
    bic: float
    aicc: float
    n_parameters: int
    n_studies: int
    V: sparse.csr_array = field(repr=False)
    effects: Effects = field(repr=False)
    design: Design = field(repr=False)
    base: Design = field(repr=False)
    study: IntArray = field(repr=False)
    outcome: IntArray = field(repr=False)
    method: str
    struct: str
    small_sample: str
    conf_level: float
    notes: tuple[str, ...] = ()

    @property
    def k(self) -> int:
        """Coefficients used."""
        return len(self.effects.yi)

    @property
    def tau2(self) -> FloatArray:
        """Variance of the studies' true values of each outcome, shape (q,)."""
        return np.diagonal(self.between).copy()

    @property
    def tau(self) -> FloatArray:
        """Square roots of ``tau2``."""
        return np.sqrt(self.tau2)

    @property
    def correlations(self) -> pd.DataFrame:
        """Correlations of the studies' true values, by outcome; NaN without variance."""
        with np.errstate(divide="ignore", invalid="ignore"):
            R = self.between / np.outer(self.tau, self.tau)
        R[~np.isfinite(R)] = np.nan
        names = list(self.outcomes)
        return marked(pd.DataFrame(R, index=names, columns=names), self.simulated)

    @property
    def components(self) -> pd.DataFrame:
        """Each outcome's ``outcome, k, studies, tau2, tau`` and ``r_<outcome>``."""
        q = len(self.outcomes)
        pairs = np.unique(np.stack([self.study, self.outcome]), axis=1)
        frame = pd.DataFrame(
            {
                "outcome": list(self.outcomes),
                "k": np.bincount(self.outcome, minlength=q),
                "studies": np.bincount(pairs[1], minlength=q),
                "tau2": self.tau2,
                "tau": self.tau,
            }
        )
        R = self.correlations[list(self.outcomes)].to_numpy()
        for name, values in zip(self.outcomes, R.T, strict=True):
            frame[f"r_{name}"] = values
        return marked(frame, self.simulated)

    def heterogeneity_intervals(self, conf_level: float | None = None) -> pd.DataFrame:
        r"""Return profile-likelihood limits of the variances and correlations.

        Parameters
        ----------
        conf_level : float, optional
            Level of the intervals; that of the fit by default.

        Returns
        -------
        DataFrame
            ``parameter`` (tau2, tau or r), ``outcome`` (of a correlation both, "bond,
            task"), ``estimate, ci_low, ci_high``.

        Notes
        -----
        Values at which the likelihood, maximised over all else, is within half a
        chi-square quantile of its maximum, as metafor's ``confint``. A variance whose
        interval starts at 0, or a correlation whose interval ends at -1 or 1, is not
        bounded by the data on that side.
        """
        shown = conf_level or self.conf_level
        check_conf_level(shown)
        q, names = len(self.outcomes), self.outcomes
        data, _, _, unit = standardised(
            self.effects.yi,
            self.effects.vi,
            self.design.X,
            self.V,
            (self.outcome, self.study),
            q,
            self.method,
        )
        theta = np.asarray(self.between[np.tril_indices(q)] / unit, dtype=float)
        drop = float(chi2_ppf(shown, 1))
        spread = variance_limits(data, theta, self.struct, drop) * unit
        joint = correlation_limits(data, theta, self.struct, drop)
        R = self.correlations[list(names)].to_numpy()
        rows: list[tuple[Any, ...]] = []
        for root, parameter in ((False, "tau2"), (True, "tau")):
            ends = np.sqrt(spread) if root else spread
            best = self.tau if root else self.tau2
            rows += [
                (parameter, name, value, *limits)
                for name, value, limits in zip(names, best, ends, strict=True)
            ]
        rows += [
            ("r", f"{names[j]}, {names[i]}", R[i, j], *joint[i, j])
            for j, i in combinations(range(q), 2)
        ]
        columns = ["parameter", "outcome", "estimate", "ci_low", "ci_high"]
        return marked(pd.DataFrame(rows, columns=columns), self.simulated)

    @property
    def has_moderators(self) -> bool:
        """Whether the outcomes have more than a mean each."""
        return self.base.has_moderators

    def _sandwich(self) -> Sandwich:
        """Return what robust intervals are made of, clustered on studies."""
        Z = np.eye(len(self.outcomes))[self.outcome]
        k = self.k
        member = sparse.csr_array(
            (np.ones(k), (np.arange(k), self.study)), shape=(k, self.n_studies)
        )
        joined = sparse.coo_array(member @ member.T)
        value = (Z @ self.between @ Z.T)[joined.row, joined.col]
        G = sparse.csr_array((value, (joined.row, joined.col)), shape=(k, k))
        X = self.design.X
        return sandwich(
            X,
            self.effects.yi - X @ self.beta,
            sparse.csr_array(self.V + G),
            [],
            np.empty(0),
            self.cov,
            self.study,
        )

    def _contrasts(
        self, rows: FloatArray, df: FloatArray, conf_level: float | None = None
    ) -> Contrasts:
        """Return combinations of coefficients with the intervals that are printed.

        CR2 with Satterthwaite's degrees of freedom; where these are below 4 the wider
        of it and the model's own.
        """
        shown = conf_level or self.conf_level
        estimate = rows @ self.beta
        se = np.sqrt(np.einsum("np,pr,nr->n", rows, self.cov, rows))
        plain = self.df is None
        each = [None if plain else float(d) for d in df]
        half = np.array([critical(shown, d) for d in each]) * se
        statistic = estimate / se
        tails = [two_sided(t, d) for t, d in zip(statistic, each, strict=True)]
        own = Contrasts(
            estimate=estimate,
            se=se,
            df=np.asarray(df, dtype=float),
            statistic=statistic,
            p_value=np.array(tails, dtype=float),
            ci_low=estimate - half,
            ci_high=estimate + half,
        )
        if plain:
            return own
        return cautious(robust_contrasts(self._sandwich(), rows, self.beta, shown), own)

    def _df(self) -> FloatArray:
        return np.full(len(self.beta), np.nan) if self.df is None else self.df

    def to_frame(self) -> pd.DataFrame:
        """Return one row per coefficient, on the model's scale; ``term`` is an outcome."""
        frame = self._contrasts(np.eye(len(self.beta)), self._df()).to_frame()
        frame.insert(0, "term", list(self.design.names))
        return marked(frame, self.simulated)

    @property
    def omnibus(self) -> TestResult:
        """Test that all outcomes have the same mean (the same coefficients)."""
        p = len(self.base.names)
        q = len(self.outcomes)
        C = np.kron(np.eye(q)[1:] - np.eye(q)[0], np.eye(p))
        df = None if self.df is None else float(self.df.min())
        return wald_test(
            C @ self.beta,
            C @ self.cov @ C.T,
            tuple(range(len(C))),
            df,
            "Equal outcomes",
            simulated=self.simulated,
        )

    def contrasts(self) -> pd.DataFrame:
        """Return the differences of all pairs of outcomes, on the model's scale.

        Returns
        -------
        DataFrame
            ``contrast, estimate, se, statistic, df, p_value, p_adjusted`` (Holm),
            ``ci_low, ci_high``. ``df`` is that of the outcome with fewer studies.
        """
        if self.has_moderators:
            raise ModelError(
                "contrasts() compares means; with moderators use test() with terms."
            )
        pairs = list(combinations(range(len(self.outcomes)), 2))
        C = np.zeros((len(pairs), len(self.beta)))
        for row, (i, j) in enumerate(pairs):
            C[row, i], C[row, j] = 1.0, -1.0
        df = np.array([min(self._df()[i], self._df()[j]) for i, j in pairs])
        frame = self._contrasts(C, df).to_frame()
        names = [f"{self.outcomes[i]} - {self.outcomes[j]}" for i, j in pairs]
        frame.insert(0, "contrast", names)
        place = list(frame.columns).index("p_value") + 1
        frame.insert(place, "p_adjusted", _holm(frame["p_value"].to_numpy(dtype=float)))
        return marked(frame, self.simulated)

    def test(self, terms: str | list[str]) -> TestResult:
        """Test that named coefficients (as in ``to_frame()``) are all 0.

        Parameters
        ----------
        terms : str or list of str
            Names of coefficients, as in ``to_frame()``.
        """
        wanted = [terms] if isinstance(terms, str) else list(terms)
        names = self.design.names
        for term in wanted:
            if term not in names:
                raise ModelError(
                    f"{term!r} is not a term of the model{near(term, names)}. Terms: "
                    f"{listing(names)}."
                )
        columns = tuple(names.index(term) for term in wanted)
        df = None if self.df is None else float(self.df[list(columns)].min())
        return wald_test(
            self.beta,
            self.cov,
            columns,
            df,
            ", ".join(wanted),
            simulated=self.simulated,
        )

    def compare(self, reduced: "MultivariateResult") -> TestResult:
        """Return the likelihood-ratio test against a simpler between-study structure.

        Both fitted by the same method to the same rows and coefficients. Where the
        simpler structure sets a variance to 0 the test is conservative.

        Parameters
        ----------
        reduced : MultivariateResult
            The model with the simpler structure.
        """
        same = (
            self.method == reduced.method
            and self.design.names == reduced.design.names
            and np.array_equal(self.effects.yi, reduced.effects.yi)
        )
        if not same:
            raise ModelError(
                "Both models must be fitted by the same method to the same rows and "
                "moderators."
            )
        return likelihood_ratio(
            (self.log_likelihood, self.n_parameters),
            (reduced.log_likelihood, reduced.n_parameters),
            f"{self.struct} against {reduced.struct}",
            simulated=self.simulated or reduced.simulated,
        )

    def predict(
        self,
        new: pd.DataFrame | Mapping[str, Any] | None = None,
        back_transform: bool = True,
        *,
        conf_level: float | None = None,
        prediction: str = DEFAULT_PREDICTION,
    ) -> pd.DataFrame:
        r"""Return each outcome's mean, and the range of true values of new studies.

        Parameters
        ----------
        new : DataFrame or mapping, optional
            Values of the moderators; needed where there are any.
        back_transform : bool, default True
            Return the alpha scale (then without ``se``) instead of the model's.
        conf_level : float, optional
            Level of both intervals; that of the fit by default.
        prediction : {"confidence-distribution", "metafor"}
            Kind of the prediction interval.

        Returns
        -------
        DataFrame
            ``outcome, estimate, ci_low, ci_high, pi_low, pi_high`` (and ``se``), the
            outcomes of the first row of ``new`` first.

        Notes
        -----
        The default carries the uncertainty of each outcome's :math:`\tau^2`: the
        confidence distribution that this outcome's rows have of it by themselves, around
        the estimate of the model. SIMULATED studies of three outcomes (5, 10 and 20
        studies, :math:`\tau` 0 to .4): 95% intervals hold .94 and more of new true
        values, those that take :math:`\tau^2` as known .91 and more. ``"metafor"`` is
        the latter, on the outcome's degrees of freedom; so is an outcome of which a
        study has several rows.
        """
        prediction = check_option("prediction", prediction, PREDICTIONS)
        if new is None and self.has_moderators:
            raise ModelError(
                "predict() of a model with moderators needs new= with their values."
            )
        base = np.ones((1, 1)) if new is None else self.base.rows(new)
        p, q = base.shape[1], len(self.outcomes)
        parts, shown_level = [], conf_level or self.conf_level
        spreads = [self._predictive(o, prediction) for o in range(q)]
        for row in base:
            for o in range(q):
                x = np.zeros((1, p * q))
                x[0, o * p : (o + 1) * p] = row
                df = None if self.df is None else float(self.df[o * p])
                part = prediction_frame(
                    x,
                    self.beta,
                    self.cov,
                    float(self.between[o, o]),
                    conf_level=shown_level,
                    df=df,
                    pi_df=df,
                )
                ends = spreads[o].limits(row[None], shown_level)
                part["pi_low"], part["pi_high"] = ends
                d = np.array([np.nan if df is None else df])
                shown = self._contrasts(x, d, conf_level)
                for name in ("se", "ci_low", "ci_high"):
                    part[name] = getattr(shown, name)
                parts.append(part)
        frame = pd.concat(parts, ignore_index=True)
        if back_transform:
            frame = on_alpha_scale(frame, self.measure)
        frame.insert(0, "outcome", list(self.outcomes) * len(base))
        return marked(frame, self.simulated)

    def _predictive(self, outcome: int, prediction: str) -> Distribution:
        """Return the distribution of an outcome's true values in new studies."""
        p = self.base.X.shape[1]
        own = slice(outcome * p, (outcome + 1) * p)
        beta, cov = self.beta[own], self.cov[own, own]
        rows = np.flatnonzero(self.outcome == outcome)
        repeated = len(np.unique(self.study[rows])) < len(rows)
        if prediction == "metafor" or repeated or len(rows) <= p:
            tau2 = float(self.between[outcome, outcome])
            df = None if self.df is None else float(self.df[outcome * p])
            return Student(beta=beta, cov=cov, tau2=tau2, df=df)
        y, v, X = self.effects.yi[rows], self.effects.vi[rows], self.design.X[rows, own]
        alone = predictive(y, v, X)
        return replace(alone, beta=np.tile(beta[:, None], (1, len(alone.tau2))))

    def robust(self) -> RobustResult:
        """Return the coefficients with CR2 standard errors, clustered on studies."""
        return RobustResult(
            beta=self.beta,
            cluster="study",
            n_clusters=self.n_studies,
            k=self.k,
            conf_level=self.conf_level,
            measure=self.measure,
            simulated=self.simulated,
            design=self.design,
            parts=self._sandwich(),
        )

    def heading(self) -> str:
        """Return the model line, the between-study covariance and the tests."""
        title = (
            f"Multivariate {'Mixed' if self.has_moderators else 'Random'}-Effects Model "
            f"(k = {self.k} of {counted(len(self.outcomes), 'outcome')} in "
            f"{counted(self.n_studies, 'study')}; {self.method}; between studies: "
            f"{self.struct})"
            f"{of_simulated(self.simulated)}"
        )
        shown = self.components.drop(columns="provenance", errors="ignore")
        between = (
            "Between studies (variance, standard deviation, correlations):\n"
            + frame_text(shown)
        )
        kind = "Residual Heterogeneity" if self.has_moderators else "Heterogeneity"
        tests = (
            f"Test for {kind}:\nQ(df = {self.Q_df}) = {fixed(self.Q)}, "
            f"{p_statement(self.Q_p, 4)}\n\n"
            f"Test that the outcomes are equal:\n{self.omnibus.sentence()}"
        )
        scale = f" ({self.measure} scale)" if self.measure else ""
        return "\n\n".join([title, between, tests, f"Model Results{scale}:"])

    def closing(self) -> str:
        """Return the means on the alpha scale, what was excluded, and notes."""
        lines = []
        if self.measure and not self.has_moderators:
            lines.append(
                f"On the alpha scale, with {level(self.conf_level)} CI and PI:"
            )
            for row in self.predict().itertuples():
                lines.append(
                    f"  {row.outcome}: {coefficient(row.estimate)}, CI "
                    f"{interval(row.ci_low, row.ci_high)}, PI "
                    f"{interval(row.pi_low, row.pi_high)}"
                )
        if len(self.excluded):
            lines.append(
                f"{counted(len(self.excluded), 'coefficient')} excluded; see .excluded "
                "for the "
                "reasons."
            )
        return "\n".join([*lines, *self.notes])


def _bound_notes(
    G: FloatArray, outcomes: tuple[str, ...], struct: str
) -> tuple[str, ...]:
    """Return what a reader must know of estimates at the edge."""
    tau = np.sqrt(np.diagonal(G))
    notes = []
    if zero := [name for name, t in zip(outcomes, tau, strict=True) if t == 0]:
        notes.append(
            f"The between-study variance of {listing(zero)} is estimated at 0; its "
            "correlations are undefined."
        )
    if struct in {"UN", "CS"}:
        edge = [
            f"{outcomes[i]} and {outcomes[j]}"
            for i, j in combinations(range(len(outcomes)), 2)
            if tau[i] * tau[j] > 0 and abs(G[i, j]) > (1 - AT_BOUND) * tau[i] * tau[j]
        ]
        values = np.linalg.eigvalsh(G)
        if edge:
            notes.append(
                f"The between-study correlation of {listing(edge)} is estimated at its "
                "bound of -1 or 1: these studies carry little information about it."
            )
        elif len(outcomes) > 2 and not zero and values[0] < AT_BOUND * values[-1]:
            notes.append(
                "The between-study covariance is estimated at its boundary (not of full "
                "rank): these studies carry little information about its correlations."
            )
    return tuple(notes)


def _holm(p: FloatArray) -> FloatArray:
    """Return Holm's adjusted p values."""
    order = np.argsort(p, kind="stable")
    scaled = p[order] * np.arange(len(p), 0, -1)
    out = np.empty_like(p)
    out[order] = np.minimum(np.maximum.accumulate(scaled), 1.0)
    return out
