"""Several outcomes a study at once, with an unstructured between-study covariance."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from waistats._format import (
    coefficient,
    fixed,
    frame_text,
    interval,
    level,
    p_statement,
)
from waistats._frames import as_frame
from waistats._typing import FloatArray, IntArray
from waistats.errors import (
    DataError,
    ModelError,
    check_conf_level,
    check_option,
    listing,
    near,
)
from waistats.meta._contrasts import Contrasts
from waistats.meta._design import Design, build_design, intercept_only
from waistats.meta._distributions import chi2_sf, critical, two_sided
from waistats.meta._effects import Effects, OfEffects, usable_effects
from waistats.meta._predict import on_alpha_scale, prediction_frame
from waistats.meta._unstructured import (
    At,
    Stacked,
    evaluate,
    filled,
    maximise,
    padded,
    shapes,
)
from waistats.meta._wald import TestResult, likelihood_ratio, wald_test
from waistats.meta.multilevel._blocks import is_diagonal
from waistats.meta.multilevel._data import (
    check_contains,
    covariance_notes,
    table_covariance,
)
from waistats.meta.multilevel._intervals import cautious
from waistats.meta.multilevel.robust import (
    RobustResult,
    Sandwich,
    robust_contrasts,
    sandwich,
)
from waistats.meta.results import information
from waistats.provenance import marked, of_simulated

STRUCTS = ("UN", "CS", "DIAG", "ID")
# a correlation that is nearer to -1 or 1 is at its bound
AT_BOUND = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class MultivariateResult(OfEffects):
    """A fitted model of several outcomes a study.

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

    @property
    def has_moderators(self) -> bool:
        """Whether the outcomes have more than a mean each."""
        return self.base.names != ("Intercept",)

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
        """Test that named coefficients (as in ``to_frame()``) are all 0."""
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
    ) -> pd.DataFrame:
        """Return each outcome's mean, and the range of true values of new studies.

        Parameters
        ----------
        new : DataFrame or mapping, optional
            Values of the moderators; needed where there are any.
        back_transform : bool, default True
            Return the alpha scale (then without ``se``) instead of the model's.
        conf_level : float, optional
            Level of both intervals; that of the fit by default.

        Returns
        -------
        DataFrame
            ``outcome, estimate, ci_low, ci_high, pi_low, pi_high`` (and ``se``), the
            outcomes of the first row of ``new`` first.
        """
        if new is None and self.has_moderators:
            raise ModelError(
                "predict() of a model with moderators needs new= with their values."
            )
        base = np.ones((1, 1)) if new is None else self.base.rows(new)
        p, q = base.shape[1], len(self.outcomes)
        parts = []
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
                    conf_level=conf_level or self.conf_level,
                    df=df,
                    pi_df=df,
                )
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
            f"(k = {self.k} of {len(self.outcomes)} outcomes in {self.n_studies} "
            f"studies; {self.method}; between studies: {self.struct})"
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
        """Return the means on the alpha scale, what was left out, and notes."""
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
                f"{len(self.excluded)} coefficients excluded; see .excluded for the "
                "reasons."
            )
        return "\n".join([*lines, *self.notes])


def fit_multivariate(
    effects: pd.DataFrame,
    moderators: str | None = None,
    *,
    outcome: str = "scale",
    study: str = "study_id",
    V: Any = None,
    within_correlation: float | None = None,
    struct: str = "UN",
    method: str = "REML",
    small_sample: str = "t",
    conf_level: float = 0.95,
) -> MultivariateResult:
    r"""Pool several outcomes of the same studies together, such as subscales.

    Parameters
    ----------
    effects : DataFrame
        A table from `effect_sizes`, a row a coefficient. Rows without ``yi, vi`` are
        left out and listed in ``excluded``.
    moderators : str, optional
        A formula; every outcome has its own coefficients.
    outcome : str, default "scale"
        Column that names the outcome of each row (task, bond, goal).
    study : str, default "study_id"
        Column of the studies, whose true values vary together.
    V : array, list of arrays or dict, optional
        Known sampling covariance on the scale of ``yi``, as in `fit_multilevel`; from
        item data ``reliability_by_study`` computes it. Subscales answered by the same
        people have correlated errors: without V or ``within_correlation`` these go into
        the correlation between studies.
    within_correlation : float, optional
        Correlation of the sampling errors of one study (or sample) in place of V.
    struct : {"UN", "CS", "DIAG", "ID"}
        Between-study covariance: unstructured; one variance and one correlation;
        variances without correlations; one variance.
    method : {"REML", "ML"}
        Restricted or full maximum likelihood.
    small_sample : {"t", "wald"}
        CR2 with Satterthwaite's degrees of freedom, clustered on studies; where these
        are below 4 the wider of it and the model's own, t on the studies with an outcome
        less its coefficients. Or the normal and chi-square.
    conf_level : float, default 0.95
        Confidence level.

    Returns
    -------
    MultivariateResult
        With ``between``, ``correlations``, ``components``, ``contrasts()``,
        ``omnibus``, ``predict()`` and ``robust()``.

    Raises
    ------
    DataError
        For blank outcomes or studies, and for a V that does not fit.
    ModelError
        For fewer than two outcomes, outcomes in too few studies, and pairs of outcomes
        that no two studies have in common.
    ConvergenceError
        If the covariance does not converge.

    Notes
    -----
    :math:`y_j\sim N(X_j\beta, V_j + Z_jGZ_j')` for study j, with :math:`Z_j` the
    outcomes of its rows and G their covariance between studies [1]_: metafor's
    ``rma.mv(yi, V, mods = ~ outcome - 1, random = ~ outcome | study, struct = "UN")``,
    whose likelihood it is, constants included. The maximum is sought by Newton's steps
    on a Cholesky factor of G from several starts, so that G is always a covariance, its
    edge included. A study need not report every outcome. Rows of the same study and
    outcome (samples) share one true value; where they vary more than their sampling
    errors, use `fit_multilevel`.

    References
    ----------
    .. [1] Berkey, C. S., et al. (1998). Statistics in Medicine, 17, 2537-2550; Jackson,
       D., Riley, R., & White, I. R. (2011). Statistics in Medicine, 30, 2481-2498.

    Examples
    --------
    >>> from waistats import effect_sizes
    >>> table = pd.DataFrame(
    ...     {"study_id": list("AABBCCDDEE"), "scale": ["task", "bond"] * 5,
    ...      "coefficient_id": [str(i) for i in range(10)],
    ...      "estimate": [.91, .85, .79, .80, .93, .88, .88, .80, .85, .81],
    ...      "n": [84, 84, 154, 154, 231, 231, 120, 120, 90, 90], "n_items": 4})
    >>> fit = fit_multivariate(effect_sizes(table), within_correlation=0.6)
    >>> fit.predict().round(3)[["outcome", "estimate", "ci_low", "ci_high"]]
      outcome  estimate  ci_low  ci_high
    0    task     0.882   0.795    0.932
    1    bond     0.835   0.775    0.879
    """
    effects = as_frame(effects)
    struct = check_option("struct", struct, STRUCTS)
    method = check_option("method", method, ("REML", "ML"))
    small_sample = check_option("small_sample", small_sample, ("t", "wald"))
    check_conf_level(conf_level)
    used = usable_effects(effects, moderators)
    outcomes, outcome_code = _groups(used, outcome, "outcome")
    _, study_code = _groups(used, study, "study")
    covariance = table_covariance(effects, used, (study,), within_correlation, V)
    notes = covariance_notes(used, covariance, within_correlation, V is not None)
    used = replace(used, vi=covariance.diagonal())
    base = (
        intercept_only(len(used.yi))
        if moderators is None
        else build_design(moderators, used.table)
    )
    _check_counts(outcomes, outcome_code, study_code, base, struct)
    if not is_diagonal(covariance):
        check_contains(study_code, study, covariance, [])
    elif V is None and within_correlation is None:
        notes = (
            *notes,
            "Sampling errors are taken as independent; those of outcomes answered by the "
            "same people are not, and their correlation then counts as one between "
            "studies. Give V or within_correlation.",
        )
    return _fit(
        used,
        base,
        covariance,
        (outcomes, outcome_code, study_code),
        struct=struct,
        method=method,
        small_sample=small_sample,
        conf_level=conf_level,
        notes=notes,
    )


def _fit(
    used: Effects,
    base: Design,
    V: sparse.csr_array,
    groups: tuple[tuple[str, ...], IntArray, IntArray],
    *,
    struct: str,
    method: str,
    small_sample: str,
    conf_level: float,
    notes: tuple[str, ...],
) -> MultivariateResult:
    """Fit checked effects."""
    outcomes, outcome, study = groups
    design = _stacked_design(base, outcomes, outcome)
    X, k, q = design.X, len(used.yi), len(outcomes)
    unit = float(used.vi.mean())
    start = np.linalg.lstsq(X, used.yi, rcond=None)[0]
    residual = (used.yi - X @ start) / np.sqrt(unit)
    data = padded(residual, X, V / unit, outcome, study, q, method == "REML")
    theta = maximise(data, residual, used.vi / unit, outcome, struct)
    at = evaluate(data, theta)
    at_zero = evaluate(data, np.zeros_like(theta))
    rest = residual - X @ at_zero.beta
    G = filled(theta, q) * unit
    P = X.shape[1]
    n_parameters = P + len(shapes(q, struct)[0])
    likelihood = at.value + _constant(X, k, unit, method)
    aic, bic, aicc = information(likelihood, n_parameters, k, P, method)
    Q = _quadratic(data, at_zero, rest)
    size = np.bincount(np.unique(np.stack([study, outcome]), axis=1)[1], minlength=q)
    df = np.repeat(size - len(base.names), len(base.names)).astype(float)
    return MultivariateResult(
        outcomes=outcomes,
        between=G,
        beta=start + np.sqrt(unit) * at.beta,
        cov=at.cov * unit,
        df=None if small_sample == "wald" else df,
        Q=Q,
        Q_df=k - P,
        Q_p=float(chi2_sf(Q, k - P)) if k > P else 1.0,
        log_likelihood=likelihood,
        aic=aic,
        bic=bic,
        aicc=aicc,
        n_parameters=n_parameters,
        n_studies=int(study.max()) + 1,
        V=V,
        effects=used,
        design=design,
        base=base,
        study=study,
        outcome=outcome,
        method=method,
        struct=struct,
        small_sample=small_sample,
        conf_level=conf_level,
        notes=(*notes, *_bound_notes(G, outcomes, struct)),
    )


def _quadratic(data: Stacked, at: At, rest: FloatArray) -> float:
    """Return the weighted residual sum of squares with W = V^-1."""
    r = data.y - data.X @ at.beta
    W = np.linalg.solve(data.V, r[..., None])[..., 0]
    return max(float((r * W).sum()), 0.0) if rest.size else 0.0


def _constant(X: FloatArray, k: int, unit: float, method: str) -> float:
    """Return what metafor's log-likelihood has besides the value of `evaluate`."""
    P = X.shape[1]
    size = k - P if method == "REML" else k
    value = -0.5 * size * (np.log(2 * np.pi) + np.log(unit))
    if method == "REML":
        value += 0.5 * float(np.linalg.slogdet(X.T @ X)[1])
    return float(value)


def _groups(used: Effects, column: str, what: str) -> tuple[tuple[str, ...], IntArray]:
    """Return the names of the groups of a column, and each row's group."""
    source = used.source
    if column not in source:
        raise DataError(
            f"{what}={column!r} is not a column of the table"
            f"{near(column, map(str, source.columns))}."
        )
    values = source[column].to_numpy(dtype=object)[used.rows]
    blank = pd.isna(values) | (values == "")
    if blank.any():
        raise DataError(
            f"{column} is empty in rows {listing(used.rows[blank] + 1)} of the table. "
            "Fill these cells, or leave the rows out."
        )
    codes, names = pd.factorize(np.array([str(v) for v in values], dtype=object))
    return tuple(str(name) for name in names), codes.astype(np.int64)


def _check_counts(
    outcomes: tuple[str, ...],
    outcome: IntArray,
    study: IntArray,
    base: Design,
    struct: str,
) -> None:
    """Refuse what leaves a mean, a variance or a correlation without data."""
    if len(outcomes) < 2:
        raise ModelError(
            f"A multivariate model needs at least 2 outcomes; there is only "
            f"{outcomes[0]!r}. fit_meta() and fit_multilevel() pool one."
        )
    reported = np.zeros((int(study.max()) + 1, len(outcomes)), dtype=bool)
    reported[study, outcome] = True
    size, p = reported.sum(axis=0), len(base.names)
    few = [f"{name} ({n})" for name, n in zip(outcomes, size, strict=True) if n <= p]
    if few:
        raise ModelError(
            f"Every outcome needs more studies than its {p} "
            f"coefficient{'s' if p > 1 else ''}; too few have {listing(few)}."
        )
    if struct != "UN":
        return
    together = reported.T.astype(int) @ reported
    apart = [
        f"{outcomes[i]} and {outcomes[j]}"
        for i, j in combinations(range(len(outcomes)), 2)
        if together[i, j] < 2
    ]
    if apart:
        raise ModelError(
            f"Fewer than 2 studies have {listing(apart)}, so their correlation between "
            "studies is unknown; use struct='CS' or 'DIAG', or leave an outcome out."
        )


def _stacked_design(
    base: Design, outcomes: tuple[str, ...], outcome: IntArray
) -> Design:
    """Return the design in which every outcome has coefficients of its own."""
    k, p = base.X.shape
    q = len(outcomes)
    X = (np.eye(q)[outcome][:, :, None] * base.X[:, None, :]).reshape(k, q * p)
    names = tuple(
        name if term == "Intercept" else f"{name}:{term}"
        for name in outcomes
        for term in base.names
    )
    if np.linalg.matrix_rank(X) < q * p:
        raise ModelError(
            "The moderators are constant or collinear within an outcome, so its "
            f"coefficients are not identifiable: {base.formula}."
        )
    return replace(
        base,
        X=X,
        names=names,
        term_columns={name: (i,) for i, name in enumerate(names)},
    )


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
