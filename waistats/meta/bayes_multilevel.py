"""The Bayesian three-level model: heterogeneity between and within studies."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from waistats._format import coefficient, counted, fixed, frame_text, interval, level
from waistats._frames import as_frame
from waistats._typing import FloatArray
from waistats.errors import ModelError, check_conf_level, check_option
from waistats.measures import back_transform
from waistats.meta._bayes_levels import (
    LevelsModel,
    LevelsPosterior,
    integrate_levels,
    shrunken,
)
from waistats.meta._design import Design, build_design
from waistats.meta._distributions import mixture_above, mixture_quantiles
from waistats.meta._effects import Effects, OfEffects, usable_effects
from waistats.meta._posterior import PRIORS, Prior, checked_prior
from waistats.meta._predict import as_asked, on_model_scale, posterior_frame
from waistats.meta.bayes import checked_mu_prior, default_scale
from waistats.meta.multilevel._blocks import level_codes
from waistats.meta.multilevel._data import (
    check_rows_apart,
    covariance_notes,
    group_codes,
    level_names,
    prepare,
    table_covariance,
)
from waistats.provenance import marked, of_simulated

OF = ("mean", "study", "coefficient")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class BayesMultilevelResult(OfEffects):
    """The posterior of a model with heterogeneity between and within studies.

    Attributes
    ----------
    levels : tuple of str
        Names of the levels, outermost first.
    priors : tuple of Prior
        Prior of the standard deviation of each: ``kind`` and ``scale``.
    mu_prior : tuple of float or None
        Mean and standard deviation of the intercept's prior; None for a flat one.
    n_levels : dict of str to int
        Groups of each level.
    model : LevelsModel
        The likelihood.
    posterior : LevelsPosterior
        The quadrature, a mixture over nodes of the standard deviations.
    effects, design : Effects, Design
        The rows and the design that were fitted.
    conf_level : float
        Probability of the equal-tailed credible intervals.
    """

    levels: tuple[str, ...]
    priors: tuple[Prior, ...]
    mu_prior: tuple[float, float] | None
    n_levels: dict[str, int]
    model: LevelsModel = field(repr=False)
    posterior: LevelsPosterior = field(repr=False)
    effects: Effects = field(repr=False)
    design: Design = field(repr=False)
    conf_level: float
    notes: tuple[str, ...] = ()

    @property
    def k(self) -> int:
        """Coefficients used."""
        return len(self.effects.yi)

    @property
    def tau(self) -> dict[str, float]:
        """Posterior median of the standard deviation of each level."""
        half = np.array([0.5])
        return {
            name: float(self.posterior.tau_quantiles(i, half)[0])
            for i, name in enumerate(self.levels)
        }

    @property
    def log_bayes_factor(self) -> float:
        """Evidence for heterogeneity of any level against none, its logarithm."""
        return self.posterior.log_bayes_factor

    @property
    def has_moderators(self) -> bool:
        """Whether the model has more than an intercept."""
        return self.design.has_moderators

    def _probabilities(self, conf_level: float | None = None) -> FloatArray:
        tail = (1 - (conf_level or self.conf_level)) / 2
        return np.array([tail, 0.5, 1 - tail])

    def to_frame(self) -> pd.DataFrame:
        """Return one row per coefficient and one per level, on the model's scale.

        ``estimate`` is the posterior median, ``ci_low, ci_high`` the credible interval;
        ``tau_<level>`` are standard deviations.
        """
        post, probabilities = self.posterior, self._probabilities()
        each = np.eye(len(self.design.names))
        levels = range(len(self.levels))
        limits = [
            *post.quantiles(each, probabilities),
            *(post.tau_quantiles(i, probabilities) for i in levels),
        ]
        low, middle, high = np.array(limits).T
        mean, sd = post.moments(each)
        spread = np.array([post.tau_moments(i) for i in levels])
        names = [f"tau_{name}" for name in self.levels]
        frame = pd.DataFrame(
            {
                "term": [*self.design.names, *names],
                "estimate": middle,
                "mean": np.concatenate([mean, spread[:, 0]]),
                "sd": np.concatenate([sd, spread[:, 1]]),
                "ci_low": low,
                "ci_high": high,
            }
        )
        return marked(frame, self.simulated)

    def _beyond(self, of: str) -> int:
        of = check_option("of", of, OF)
        return {"mean": 0, "study": 1, "coefficient": len(self.levels)}[of]

    def predict(
        self,
        new: pd.DataFrame | Mapping[str, Any] | None = None,
        back_transform: bool = True,
        *,
        of: str = "coefficient",
        conf_level: float | None = None,
    ) -> pd.DataFrame:
        """Return the mean's posterior, and the prediction for a new study.

        Parameters
        ----------
        new : DataFrame or mapping, optional
            Values of the moderators, one row per prediction. None gives one row without
            moderators and one row per fitted coefficient with them.
        back_transform : bool, default True
            Return the alpha scale (then without ``se``) instead of the model's.
        of : {"coefficient", "study"}
            What the prediction interval is for: the true value of one coefficient of a
            new study, as `fit_multilevel` predicts, or the new study's mean.
        conf_level : float, optional
            Probability of both intervals; that of the fit by default.

        Returns
        -------
        DataFrame
            ``estimate`` (median), ``ci_low, ci_high`` of the mean (and ``se``, its
            standard deviation), ``pi_low, pi_high``.
        """
        of = check_option("of", of, OF[1:])
        rows = self.design.asked_rows(new)
        post, probabilities = self.posterior, self._probabilities(conf_level)
        frame = posterior_frame(
            post.quantiles(rows, probabilities),
            post.moments(rows)[1],
            post.quantiles(rows, probabilities, self._beyond(of)),
        )
        return as_asked(
            frame,
            new,
            self.measure,
            back_transform=back_transform,
            simulated=self.simulated,
        )

    def probability(
        self,
        threshold: float,
        new: pd.DataFrame | Mapping[str, Any] | None = None,
        *,
        of: str = "coefficient",
    ) -> Any:
        """Return the posterior probability that reliability exceeds a threshold.

        Parameters
        ----------
        threshold : float
            On the alpha scale (the model's, if its measure is unknown).
        new : DataFrame or mapping, optional
            Values of the moderators, one row per probability.
        of : {"coefficient", "study", "mean"}
            The true value of a coefficient of a new study, the new study's mean, or the
            mean of all studies.

        Returns
        -------
        float or ndarray
            A float for one row.
        """
        point = on_model_scale("threshold", threshold, self.measure)
        mean, sd = self.posterior.mixture(self.design.asked_rows(new), self._beyond(of))
        cuts = np.array([point])
        chance = mixture_above(cuts, self.posterior.weight, mean, sd)[:, 0]
        return float(chance[0]) if len(chance) == 1 else chance

    def _shrunk(
        self, *, outer: bool, conf_level: float | None
    ) -> dict[str, FloatArray]:
        mean, sd, shrinkage = shrunken(self.model, self.posterior, outer=outer)
        q = mixture_quantiles(
            self._probabilities(conf_level), self.posterior.weight, mean, sd
        )
        columns = {"estimate": q[:, 1], "ci_low": q[:, 0], "ci_high": q[:, 2]}
        if self.measure is not None:
            columns = {c: back_transform(x, self.measure) for c, x in columns.items()}
        return columns | {"shrinkage": shrinkage}

    def studies(self, *, conf_level: float | None = None) -> pd.DataFrame:
        """Return the true mean of every group of the outermost level, shrunken.

        Parameters
        ----------
        conf_level : float, optional
            Level of the intervals; that of the result by default.

        Returns
        -------
        DataFrame
            The level's column, ``k, estimate, ci_low, ci_high`` on the alpha scale (the
            model's, if its measure is unknown) and ``shrinkage``, the posterior mean of
            the weight of the pooled mean in it. With moderators: at the mean of the
            group's design rows.
        """
        code = self.model.codes[0]
        first = np.unique(code, return_index=True)[1]
        names = self.effects.source[self.levels[0]].to_numpy(dtype=object)
        frame = pd.DataFrame(
            {
                self.levels[0]: [str(x) for x in names[self.effects.rows][first]],
                "k": np.bincount(code),
                **self._shrunk(outer=True, conf_level=conf_level),
            }
        )
        return marked(frame, self.simulated)

    def coefficients(self, *, conf_level: float | None = None) -> pd.DataFrame:
        """Return the true value of every coefficient, shrunken.

        Parameters
        ----------
        conf_level : float, optional
            Level of the intervals; that of the result by default.

        Returns
        -------
        DataFrame
            ``study_id, coefficient_id, observed, estimate, ci_low, ci_high`` on the
            alpha scale (the model's, if its measure is unknown) and ``shrinkage``, the
            posterior mean of the weight of the pooled mean in it.
        """
        y = self.effects.yi
        frame = self.effects.table[["study_id", "coefficient_id"]].assign(
            observed=y if self.measure is None else back_transform(y, self.measure),
            **self._shrunk(outer=False, conf_level=conf_level),
        )
        return marked(frame, self.simulated)

    def sensitivity(self, factors: Sequence[float] = (0.5, 1.0, 2.0)) -> pd.DataFrame:
        """Return the posterior with the scales of the priors times each factor.

        Parameters
        ----------
        factors : sequence of float
            Factors of the scales of the priors.

        Returns
        -------
        DataFrame
            ``factor``, ``tau_<level>`` (medians) and, without moderators, the columns of
            `predict` on the alpha scale.
        """
        rows = []
        for factor in factors:
            priors = tuple(Prior(p.kind, p.scale * float(factor)) for p in self.priors)
            if float(factor) == 1:
                fit = self
            else:
                posterior = integrate_levels(self.model, priors)
                fit = replace(self, priors=priors, posterior=posterior)
            row: dict[str, Any] = {"factor": float(factor)}
            row |= {f"tau_{name}": value for name, value in fit.tau.items()}
            if not self.has_moderators:
                predicted = fit.predict().drop(columns="provenance", errors="ignore")
                row |= predicted.iloc[0].to_dict()
            rows.append(row)
        return marked(pd.DataFrame(rows), self.simulated)

    def heading(self) -> str:
        """Return the model line, the priors and the evidence for heterogeneity."""
        kind = "Mixed-Effects" if self.has_moderators else "Random-Effects"
        groups = ", ".join(f"{n} {name}" for name, n in self.n_levels.items())
        title = (
            f"Bayesian Multilevel {kind} Model (k = {self.k}; {groups})"
            f"{of_simulated(self.simulated)}"
        )
        shown = ", ".join(
            f"tau_{name} {'uniform up to' if p.kind == 'uniform' else p.kind} "
            f"{p.scale:.4g}"
            for name, p in zip(self.levels, self.priors, strict=True)
        )
        mu = "flat"
        if self.mu_prior is not None:
            mu = f"normal({self.mu_prior[0]:g}, sd {self.mu_prior[1]:g})"
        logs = self.log_bayes_factor
        factor = f"{np.exp(logs):.4g}" if abs(logs) < 12 else f"exp({fixed(logs, 2)})"
        scale = f" ({self.measure} scale)" if self.measure else ""
        return "\n\n".join(
            [
                title,
                f"Priors: {shown}; Intercept {mu}",
                "Bayes factor for heterogeneity (of any level against none): " + factor,
                f"Posterior{scale}, median and {level(self.conf_level)} credible "
                "interval:",
            ]
        )

    def closing(self) -> str:
        """Return the same on the alpha scale, and what other priors would give."""
        lines = []
        if not self.has_moderators:
            row = self.predict().iloc[0]
            show = coefficient if self.measure else fixed
            name = "On the alpha scale" if self.measure else "Mean"
            lines.append(
                f"{name}: {show(row.estimate)}, {level(self.conf_level)} credible "
                f"interval {interval(row.ci_low, row.ci_high, show)}, coefficient of a "
                f"new study {interval(row.pi_low, row.pi_high, show)}"
            )
        frame = self.sensitivity().drop(
            columns=["pi_low", "pi_high", "provenance"], errors="ignore"
        )
        lines += ["", "With the scales of the priors times factor:", frame_text(frame)]
        if len(self.excluded):
            lines.append(
                f"{counted(len(self.excluded), 'coefficient')} excluded; see .excluded."
            )
        return "\n".join([*lines, *self.notes]).lstrip("\n")


def fit_bayes_multilevel(
    effects: pd.DataFrame,
    moderators: str | None = None,
    *,
    levels: Sequence[str] = ("study_id", "coefficient_id"),
    within_correlation: float | None = None,
    V: Any = None,
    prior: str = "half-normal",
    prior_scale: float | Sequence[float] | None = None,
    mu_prior: tuple[float, float] | None = None,
    conf_level: float = 0.95,
) -> BayesMultilevelResult:
    r"""Pool coefficients that share studies, with priors on both heterogeneities.

    Parameters
    ----------
    effects : DataFrame
        A table from `effect_sizes`.
    moderators : str, optional
        A formula, as in `fit_meta`; its coefficients have flat priors.
    levels : sequence of one or two str, default ("study_id", "coefficient_id")
        Columns with the nested groups, outermost first.
    within_correlation : float, optional
        Correlation of the sampling errors of one study (or sample).
    V : array, list of arrays or dict, optional
        Known sampling covariance, as in `fit_multilevel`.
    prior : {"half-normal", "half-cauchy", "uniform"}
        Prior of the standard deviation of each level, independent of the others.
    prior_scale : float or sequence of float, optional
        Its scale, or the upper end of a uniform prior; one for all levels or one each.
        The default is that of `fit_bayes` for each: 0.5 on the Bonett scale.
    mu_prior : tuple of float, optional
        Mean and standard deviation, on the model's scale, of a normal prior of the
        intercept; flat by default.
    conf_level : float, default 0.95
        Probability of the equal-tailed intervals.

    Returns
    -------
    BayesMultilevelResult
        With ``predict()``, ``studies()`` and ``coefficients()`` (shrunken),
        ``probability(threshold)``, ``log_bayes_factor`` and ``sensitivity()``.

    Raises
    ------
    DataError, ModelError
        For what cannot be pooled, and for priors that are not defined.

    Notes
    -----
    :math:`y_{ij}\sim N(x_{ij}'\beta + u_i + w_{ij}, V)` with
    :math:`u_i\sim N(0,\tau_1^2)` between studies and :math:`w_{ij}\sim N(0,\tau_2^2)`
    within. Given both standard deviations all is normal, and the density of these is
    their priors times the restricted likelihood of `fit_multilevel` [1]_. Posteriors
    are mixtures over a 64 x 64 product of Gauss-Legendre rules, the same every time; two
    adaptive integrals agree to 7 digits. With one level it is `fit_bayes`.

    With few studies the prior of the outer level decides: ``sensitivity()``, which is
    printed, shows half and twice its scale.

    References
    ----------
    .. [1] Roever, C. (2020). Journal of Statistical Software, 93(6); Gelman, A. (2006).
       Bayesian Analysis, 1, 515-533.

    Examples
    --------
    >>> from waistats import effect_sizes
    >>> table = pd.DataFrame(
    ...     {"study_id": ["A", "A", "B", "B", "C", "D"],
    ...      "coefficient_id": list("123456"),
    ...      "estimate": [.91, .85, .79, .84, .93, .88],
    ...      "n": [84, 84, 54, 54, 231, 120], "n_items": [36, 12, 12, 12, 12, 12]})
    >>> fit = fit_bayes_multilevel(effect_sizes(table), within_correlation=0.6)
    >>> fit.predict().round(3)
       estimate  ci_low  ci_high  pi_low  pi_high
    0     0.882   0.798    0.931   0.587    0.966
    """
    effects = as_frame(effects)
    prior = check_option("prior", prior, PRIORS)
    check_conf_level(conf_level)
    used = usable_effects(effects, moderators)
    names = level_names(levels)
    if len(names) > 2:
        raise ModelError(
            f"fit_bayes_multilevel integrates over at most 2 levels; got {len(names)}."
        )
    codes = level_codes([group_codes(used, name) for name in names])
    check_rows_apart(used, names, codes)
    covariance = table_covariance(effects, used, names, within_correlation, V)
    notes = covariance_notes(used, covariance, within_correlation, V is not None)
    used = replace(used, vi=covariance.diagonal())
    design = build_design(moderators, used.table)
    if len(names) == 2 and np.array_equal(codes[0], codes[1]):
        notes = (
            *notes,
            f"No {names[0]} has more than one coefficient: how heterogeneity divides "
            "between and within is decided by the priors alone. fit_bayes() has one.",
        )
    model = LevelsModel(
        problem=prepare(used.yi, design.X, covariance, codes, restricted=True),
        y=used.yi,
        X=design.X,
        V=covariance,
        codes=tuple(codes),
        known=checked_mu_prior(mu_prior, design),
    )
    priors = _priors(used, prior, prior_scale, names)
    return BayesMultilevelResult(
        levels=names,
        priors=priors,
        mu_prior=mu_prior,
        n_levels={
            name: int(code.max()) + 1 for name, code in zip(names, codes, strict=True)
        },
        model=model,
        posterior=integrate_levels(model, priors),
        effects=used,
        design=design,
        conf_level=conf_level,
        notes=notes,
    )


def _priors(
    used: Effects,
    kind: str,
    scale: float | Sequence[float] | None,
    names: tuple[str, ...],
) -> tuple[Prior, ...]:
    """Return the prior of each level."""
    if scale is None:
        scale = default_scale(used, kind)
    scales = np.atleast_1d(np.asarray(scale, dtype=float))
    if scales.shape not in {(1,), (len(names),)}:
        raise ModelError(
            f"prior_scale must be one number, or one for each of the {len(names)} "
            f"levels; got {scale!r}."
        )
    return tuple(
        checked_prior(kind, float(s)) for s in np.broadcast_to(scales, len(names))
    )
