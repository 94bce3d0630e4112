"""Every defensible way to pool the same coefficients, and how much the way matters.

What a multiverse found: its specifications, and which choices matter.

The specifications of a multiverse on one table, fitted.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from waistats._format import (
    Result,
    coefficient,
    counted,
    frame_text,
    level,
    percent,
)
from waistats._frames import as_frame
from waistats._progress import progress
from waistats.errors import ModelError, check_conf_level, check_option
from waistats.measures import effect_sizes
from waistats.measures._known import known_covariance
from waistats.meta._covariance import SamplingCovariance, follow
from waistats.meta._effects import usable_effects
from waistats.meta._fits import Fits
from waistats.meta.tau2 import METHODS
from waistats.provenance import marked, of_simulated
from waistats.sensitivity._multiverse_fits import OWN_SCALE, specifications
from waistats.sensitivity._multiverse_tables import (
    Scaled,
    check_within,
    exclusions,
    one_per_study,
    poolable,
    without_effects,
)
from waistats.sensitivity.gosh import quantiles

CHOICES = ("measure", "model", "interval", "dependence", "exclusion")
MOVING = ("measure", "model", "dependence", "exclusion")
# differences below this do not show in a printed alpha
NOTABLE = 0.01


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Multiverse(Result):
    """Pooled alphas of every specification.

    Attributes
    ----------
    frame : DataFrame
        ``measure, model, interval, dependence, exclusion, k, n_studies, estimate,
        ci_low, ci_high, pi_low, pi_high`` on the alpha scale, ``tau2`` on each
        measure's, ``I2``; one row per specification.
    skipped : DataFrame
        Specifications without a result, and the ``reason``.
    thresholds : tuple of float
        What the conclusion is about.
    k : int
        Coefficients of the table.
    notes : tuple of str
        What a reader must know of the variances.
    """

    frame: pd.DataFrame = field(repr=False)
    skipped: pd.DataFrame = field(repr=False)
    thresholds: tuple[float, ...]
    conf_level: float
    simulated: bool
    k: int
    notes: tuple[str, ...] = ()

    @property
    def spread(self) -> float:
        """Largest less smallest pooled alpha."""
        return float(np.ptp(self.frame["estimate"]))

    def to_frame(self) -> pd.DataFrame:
        """Return one row per specification."""
        return self.frame.copy()

    def choices(self) -> pd.DataFrame:
        r"""Return what each choice does to the pooled alpha.

        Returns
        -------
        DataFrame
            ``choice, options, low, low_mean, high, high_mean, difference, share``: the
            options with the lowest and highest mean estimate, their difference, and
            the share (0-100) of the variance of estimates between options,
            :math:`\eta^2` of each choice alone. Largest difference first. The interval
            moves no estimate and is omitted; the varying-coefficient model has a
            scale of its own and is omitted from ``measure``.
        """
        rows = []
        for choice in MOVING:
            frame = self.frame
            if choice == "measure" and (frame["measure"] != OWN_SCALE).any():
                frame = frame[frame["measure"] != OWN_SCALE]
            estimate = frame["estimate"]
            total = float(((estimate - estimate.mean()) ** 2).sum())
            groups = estimate.groupby(frame[choice], sort=False)
            means, sizes = groups.mean(), groups.size()
            between = float((sizes * (means - estimate.mean()) ** 2).sum())
            rows.append(
                {
                    "choice": choice,
                    "options": len(means),
                    "low": means.idxmin(),
                    "low_mean": means.min(),
                    "high": means.idxmax(),
                    "high_mean": means.max(),
                    "difference": means.max() - means.min(),
                    "share": 100 * between / total if total > 0 else 0.0,
                }
            )
        frame = pd.DataFrame(rows).sort_values(
            "difference", ascending=False, kind="stable", ignore_index=True
        )
        return marked(frame, self.simulated)

    def bands(self) -> pd.DataFrame:
        """Return the share of estimates and intervals above each threshold.

        Columns ``threshold, estimate, ci_low, ci_high``, shares on 0-100.
        """
        names = ("estimate", "ci_low", "ci_high")
        frame = pd.DataFrame(
            {
                "threshold": self.thresholds,
                **{
                    name: [
                        100 * float((self.frame[name] >= c).mean())
                        for c in self.thresholds
                    ]
                    for name in names
                },
            }
        )
        return marked(frame, self.simulated)

    def sentence(self) -> str:
        """Return how much the conclusion depends on the choices."""
        estimate = self.frame["estimate"]
        n = len(estimate)
        low, middle, high = (
            coefficient(float(x)) for x in estimate.quantile([0, 0.5, 1])
        )
        text = (
            f"In {counted(n, 'specification')} the pooled alpha lies between {low} and "
            f"{high} (median {middle}; spread {coefficient(self.spread)}). "
        )
        return text + self._verdict() + " " + self._mover()

    def _verdict(self) -> str:
        bands = self.bands()
        split = bands[(bands["estimate"] > 0) & (bands["estimate"] < 100)]
        if len(split) == 0:
            return f"All of them put it {self._place()}."
        words = [
            f"{percent(row.estimate, 0)} put it at or above {coefficient(row.threshold, 2)}"
            for row in split.itertuples()
        ]
        return f"The conclusion depends on the choices: {', '.join(words)}."

    def _place(self) -> str:
        estimate = float(self.frame["estimate"].iloc[0])
        above = [c for c in self.thresholds if estimate >= c]
        below = [c for c in self.thresholds if estimate < c]
        if above and below:
            return f"between {coefficient(above[-1], 2)} and {coefficient(below[0], 2)}"
        if above:
            return f"at or above {coefficient(above[-1], 2)}"
        return f"below {coefficient(below[0], 2)}" if below else "in the same place"

    def _mover(self) -> str:
        first = self.choices().iloc[0]
        if self.spread < NOTABLE:
            ends = {coefficient(float(x), 2) for x in self.frame["estimate"]}
            if len(ends) == 1:
                return "No choice matters for an alpha of two decimals."
            return "They differ by less than .01."
        return (
            f"What matters most is the {choice_words(first.choice)}: on average "
            f"{coefficient(first.low_mean)} "
            f"({option_words(first.choice, str(first.low))}) to "
            f"{coefficient(first.high_mean)} "
            f"({option_words(first.choice, str(first.high))})."
        )

    def heading(self) -> str:
        """Return how many specifications there are."""
        text = (
            f"Multiverse of {counted(len(self.frame), 'specification')} (k = {self.k}"
        )
        text += f"; {level(self.conf_level)} CI)"
        return text + of_simulated(self.simulated)

    def closing(self) -> str:
        """Return the sentence and what was skipped."""
        lines = [frame_text(self.choices()), "", self.sentence()]
        if len(self.skipped):
            lines.append(
                f"{counted(len(self.skipped), 'specification')} skipped; see .skipped."
            )
        lines += self.notes
        return "\n".join(lines)

    def shown(self) -> pd.DataFrame:
        """Return quantiles of the specifications."""
        return quantiles(self.frame[["estimate", "ci_low", "ci_high"]])


# what options are called in print; estimators keep their names
_OPTIONS = {
    ("measure", "raw"): "untransformed",
    ("measure", "hakstian-whalen"): "Hakstian–Whalen",
    ("measure", "bonett"): "Bonett",
    ("measure", "bonett-corrected"): "Bonett, bias removed",
    ("measure", "fisher-z"): "Fisher z",
    ("measure", OWN_SCALE): "alpha itself",
    ("model", "CE"): "common effect",
    ("model", "unweighted"): "random effects, unweighted",
    ("model", "n-weighted"): "random effects, weighted by n",
    ("model", "varying-coefficient"): "varying coefficient",
    ("interval", "wald"): "normal",
    ("interval", "knapp-hartung"): "Knapp–Hartung",
    ("interval", "bonett-2010"): "Bonett (2010)",
    ("interval", "cr2"): "cluster-robust (CR2)",
    ("dependence", "one"): "largest sample per study",
    ("dependence", "mean"): "mean per study",
    ("dependence", "multilevel-robust"): "multilevel, robust",
    ("exclusion", "small-n"): "small samples",
}
_CHOICES = {
    "measure": "scale of pooling",
    "model": "model",
    "interval": "interval",
    "dependence": "handling of dependence",
    "exclusion": "exclusion",
}


def choice_words(choice: str) -> str:
    """Return what a choice is called in print."""
    return _CHOICES.get(choice, choice)


def option_words(choice: str, option: str) -> str:
    """Return what an option of a choice is called in print.

    >>> option_words("model", "CE"), option_words("model", "REML")
    ('common effect', 'random effects (REML)')
    """
    words = _OPTIONS.get((choice, option))
    if words is None and choice == "model":
        return f"random effects ({option})"
    return words or option


MEASURES = ("raw", "hakstian-whalen", "bonett", "bonett-corrected")
MODELS = (
    "CE", "DL", "REML", "PM", "HS", "unweighted", "n-weighted", "varying-coefficient",
)  # fmt: skip
INTERVALS = ("wald", "knapp-hartung")
DEPENDENCE = ("ignored", "one", "mean", "multilevel", "multilevel-robust")
EXCLUSIONS = ("none", "outliers", "small-n")


def multiverse(
    coefficients: pd.DataFrame,
    *,
    measures: Sequence[str] = MEASURES,
    models: Sequence[str] = MODELS,
    intervals: Sequence[str] = INTERVALS,
    dependence: Sequence[str] = DEPENDENCE,
    exclude: Sequence[str] = EXCLUSIONS,
    small_n: float = 50,
    within_correlation: float = 0.6,
    multilevel_correlation: float | None = None,
    V: Any = None,
    thresholds: Sequence[float] = (0.70, 0.80, 0.90),
    conf_level: float = 0.95,
) -> Multiverse:
    """Pool the same coefficients in every defensible way.

    Parameters
    ----------
    coefficients : DataFrame
        A coefficient table, as for `effect_sizes`.
    measures : sequence of str
        Of ``"raw"``, ``"hakstian-whalen"``, ``"bonett"``, ``"bonett-corrected"`` (with
        Bonett's bias term).
    models : sequence of str
        Of ``"CE"``, ``"DL"``, ``"REML"``, ``"PM"``, ``"HS"`` (Hunter-Schmidt) and the
        other estimators of `fit_meta`, ``"unweighted"``, ``"n-weighted"``,
        ``"varying-coefficient"`` (Bonett, 2010).
    intervals : sequence of str
        Of ``"wald"``, ``"knapp-hartung"``.
    dependence : sequence of str
        What is done with several coefficients of a study: ``"ignored"``, ``"one"``
        (most respondents), ``"mean"``, ``"multilevel"``, ``"multilevel-robust"`` (CR2).
    exclude : sequence of str
        Of ``"none"``, ``"outliers"`` (studentized deleted residual beyond 1.96 on the
        Bonett scale), ``"small-n"``.
    small_n : float, default 50
        Coefficients of fewer respondents are small.
    within_correlation : float, default 0.6
        Correlation of sampling errors within a sample, for means of a study.
    multilevel_correlation : float, optional
        That of multilevel models, as ``within_correlation`` of `fit_multilevel` and
        `generalize`; independent errors by default, as there.
    V : mapping, array or DataFrame, optional
        Sampling covariance of coefficients that share respondents, as for
        `fit_multilevel` and `generalize`; by default ``attrs["V"]`` of the table. Every
        specification takes the variances from it, and the means of a study and the
        multilevel models the covariances, too, on each scale by the delta method.
    thresholds : sequence of float, default (.70, .80, .90)
        What the conclusion is about: between which of them the pooled alpha lies.
    conf_level : float, default 0.95
        Confidence level.

    Returns
    -------
    Multiverse
        ``to_frame()`` has one row per specification, ``choices()`` what each choice does,
        ``sentence()`` how much the conclusion depends on them.

    Raises
    ------
    DataError, ModelError
        For a table that cannot be pooled at all, or unknown options.

    Notes
    -----
    Combinations that nobody defends are omitted: Knapp-Hartung with a common effect,
    a multilevel model other than REML, the varying-coefficient model with any interval
    but its own. What cannot be fitted, or repeats another specification because it
    excludes nothing, is listed in ``skipped`` with the reason. Where every study has
    one coefficient, ``dependence`` is ``"ignored"`` alone. A multilevel model has t
    limits (``"t"``) for ``"knapp-hartung"``, a robust one its Satterthwaite limits
    (``"cr2"``) only. Prediction intervals are those that `FittedModel.predict` gives by
    default. Coefficients that V does not know have the variance of their scale and
    the correlations above.

    Examples
    --------
    >>> from waistats import load_dataset
    >>> found = multiverse(load_dataset("cesd"))
    >>> len(found.to_frame()) > 50, round(found.spread, 2)
    (True, 0.01)
    """
    return every_way(
        coefficients,
        measures=measures,
        models=models,
        intervals=intervals,
        dependence=dependence,
        exclude=exclude,
        small_n=small_n,
        within_correlation=within_correlation,
        multilevel_correlation=multilevel_correlation,
        V=V,
        thresholds=thresholds,
        conf_level=conf_level,
        fits=Fits(),
    )


def every_way(
    coefficients: pd.DataFrame,
    *,
    measures: Sequence[str] = MEASURES,
    models: Sequence[str] = MODELS,
    intervals: Sequence[str] = INTERVALS,
    dependence: Sequence[str] = DEPENDENCE,
    exclude: Sequence[str] = EXCLUSIONS,
    small_n: float = 50,
    within_correlation: float = 0.6,
    multilevel_correlation: float | None = None,
    V: Any = None,
    thresholds: Sequence[float] = (0.70, 0.80, 0.90),
    conf_level: float = 0.95,
    fits: Fits,
    effects: pd.DataFrame | None = None,
) -> Multiverse:
    """Return the `multiverse` of a table; what ``fits`` holds is not fitted again.

    ``effects`` are its rows on the Bonett scale, where they are known.
    """
    coefficients = as_frame(coefficients)
    for name, values, known in (
        ("measures", measures, MEASURES),
        ("intervals", intervals, INTERVALS),
        ("dependence", dependence, DEPENDENCE),
        ("exclude", exclude, EXCLUSIONS),
    ):
        _check_options(name, values, known)
    _check_options("models", models, (*MODELS, *_ESTIMATORS))
    check_conf_level(conf_level)
    check_within(within_correlation)
    if effects is None:
        table, used = poolable(coefficients)
    else:
        used = usable_effects(effects)
        table = without_effects(used.table)
    several = bool(table["study_id"].duplicated().any())
    handlings = tuple(dependence) if several else ("ignored",)
    covariance = _covariance(coefficients, V, multilevel_correlation)
    rows: list[dict[str, Any]] = []
    skipped: list[dict[str, Any]] = []
    scaled = Scaled(used.table, covariance)
    paths = list(_paths(scaled, handlings, tuple(exclude), small_n, skipped, fits))
    for handling, exclusion, kept in progress(paths, "multiverse"):
        base = {"dependence": handling, "exclusion": exclusion}
        for spec, found in specifications(
            kept,
            handling,
            tuple(measures),
            tuple(models),
            tuple(intervals),
            (within_correlation, multilevel_correlation),
            conf_level,
            scaled,
            fits,
            covariance,
        ):
            if isinstance(found, str):
                skipped.append({**base, **spec, "reason": found})
            else:
                rows.append({**base, **spec, **found})
    if not rows:
        raise ModelError("None of the specifications can be fitted; see the choices.")
    lost = pd.DataFrame(skipped, columns=[*CHOICES, "reason"])
    return Multiverse(
        frame=marked(_in_order(pd.DataFrame(rows)), used.simulated),
        skipped=marked(_in_order(lost), used.simulated),
        thresholds=tuple(float(c) for c in sorted(thresholds)),
        conf_level=conf_level,
        simulated=used.simulated,
        k=len(table),
        notes=() if covariance is None else covariance_notes(covariance),
    )


def _covariance(
    coefficients: pd.DataFrame, V: Any, correlation: float | None
) -> SamplingCovariance | None:
    """Return the sampling covariance that specifications take, if there is one."""
    if V is None:
        V = known_covariance(coefficients)
    if isinstance(V, SamplingCovariance):
        return V
    if V is None or (hasattr(V, "__len__") and not len(V)):
        return None
    bare = coefficients.drop(columns=["measure", "yi", "vi"], errors="ignore")
    return follow(
        effect_sizes(bare),
        V,
        measure=str(coefficients.attrs.get("V_measure", "bonett")),
        within_correlation=correlation,
    )


def covariance_notes(V: SamplingCovariance) -> tuple[str, ...]:
    """Return what a reader must know of specifications with a known covariance."""
    return (
        "Variances are the sampling variances that the responses give, and means of a "
        "study and multilevel models take their covariances, too.",
        *V.notes,
    )


_ESTIMATORS = tuple(name for name in METHODS if name not in MODELS)


def _check_options(name: str, values: Any, known: tuple[str, ...]) -> None:
    if isinstance(values, str) or len(values) == 0:
        raise ModelError(f"{name} must be a sequence of names; got {values!r}.")
    for value in values:
        check_option(name, value, known)


def _in_order(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame with the choices first."""
    rest = [c for c in frame.columns if c not in CHOICES]
    return frame[[*CHOICES, *rest]]


def _paths(
    scaled: Scaled,
    handlings: tuple[str, ...],
    exclude: tuple[str, ...],
    small_n: float,
    skipped: list[dict[str, Any]],
    fits: Fits,
) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Yield each handling of dependence with each exclusion, and its table."""
    tables: dict[bool, dict[str, pd.DataFrame | str]] = {}
    for handling in handlings:
        one = handling == "one"
        if one not in tables:
            start = one_per_study(scaled.table) if one else scaled.table
            tables[one] = exclusions(start, exclude, small_n, scaled, fits)
        for exclusion, kept in tables[one].items():
            if isinstance(kept, str):
                choice = {"dependence": handling, "exclusion": exclusion}
                skipped.append({**choice, "reason": kept})
            else:
                yield handling, exclusion, kept
