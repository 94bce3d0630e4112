"""Which analyses print the figures that a study printed."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_DOWN, Decimal, InvalidOperation
from typing import Any

import numpy as np
import pandas as pd

from waistats._format import Result, count, counted
from waistats._frames import as_frame
from waistats._progress import progress
from waistats.errors import ModelError, WaistatsError, check_conf_level, listing, near
from waistats.meta.tau2 import METHODS
from waistats.provenance import marked, of_simulated
from waistats.sensitivity._multiverse_tables import (
    check_within,
    mean_per_study,
    poolable,
)
from waistats.sensitivity._retrace_fits import (
    UNWEIGHTED,
    Scale,
    mean_alpha,
    multilevel_rows,
    one_level_rows,
    selections,
    transformed,
    varying_row,
)

FIGURES = ("mean", "ci", "pi", "tau2", "I2", "Q", "k")

# How usual each choice is in published reliability generalization studies: a stated
# prior of this package, told by reviews of the field in words only (unweighted and
# untransformed analyses were the most common; REML on a transformed scale is today's
# advice). It orders what fits, and nothing else.
PRIOR: dict[str, dict[str, float]] = {
    "dependence": {
        "ignored": 1, "one": 0.3, "mean": 0.3, "multilevel": 0.3,
    },
    "exclusion": {"none": 1, "outliers": 0.2, "small-n": 0.1},
    "measure": {
        "raw": 1, "bonett": 1, "hakstian-whalen": 0.5, "fisher-z": 0.5,
        "bonett-corrected": 0.1, "bonett-exact": 0.02, "fisher-z-root": 0.05,
    },
    "model": {
        "unweighted": 1, "REML": 1, "DL": 1, "CE": 0.8, "n-weighted": 0.5, "HS": 0.2,
        "ML": 0.2, "varying-coefficient": 0.2, "PM": 0.1, "HE": 0.05, "SJ": 0.05,
        "EB": 0.05, "HSk": 0.02, "PMM": 0.01, "SJIT": 0.01,
    },
    "interval": {
        "wald": 1, "knapp-hartung": 0.5, "knapp-hartung-ad-hoc": 0.05, "t-of-mean": 0.5,
        "z-of-mean": 0.3, "t": 0.5, "cr2": 0.3, "bonett-2010": 1,
    },
    "back_transform": {"ends": 1, "mean-alpha": 0.1},
    "mistake": {
        "none": 1, "variance-as-se": 0.05, "se-as-variance": 0.05,
        "n-items-swapped": 0.01, "bias-wrong-sign": 0.02, "scale-wrong-sign": 0.01,
    },
    "printing": {"rounded": 1, "truncated": 0.1},
}  # fmt: skip
CHOICES = tuple(PRIOR)[:-1]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Retraced(Result):
    """Specifications that print what was reported.

    Attributes
    ----------
    frame : DataFrame
        Every specification: ``rows`` (which coefficients), ``dependence, exclusion,
        measure, model, interval, back_transform, mistake``, ``k, n_studies, estimate,
        ci_low, ci_high, pi_low, pi_high, tau2, I2, Q``, ``printing`` (rounded or
        truncated figures fit; empty where none does), ``fails`` (figures that do not
        fit), ``distance`` (units of the last printed digit by which the figures miss,
        summed), ``same_as`` (number of the first specification with the same numbers)
        and ``prior`` (sums to 1 over all specifications). Those that fit come first, by
        prior; then the others, by distance.
    reported : dict of str to str
        The figures as they were printed.
    n_matches, n_distinct : int
        Specifications that fit, and how many different results they are.
    skipped : DataFrame
        Specifications without a result, and the ``reason``.
    """

    frame: pd.DataFrame = field(repr=False)
    reported: dict[str, str]
    n_matches: int
    n_distinct: int
    conf_level: float
    simulated: bool
    skipped: pd.DataFrame = field(repr=False)

    @property
    def matches(self) -> pd.DataFrame:
        """Specifications that print every reported figure, most usual first."""
        return self.frame.iloc[: self.n_matches].copy()

    @property
    def nearest(self) -> pd.DataFrame:
        """The ten specifications that come nearest, where none fits; else none."""
        return self.frame.iloc[: 0 if self.n_matches else 10].copy()

    def to_frame(self) -> pd.DataFrame:
        """Return one row per specification."""
        return self.frame.copy()

    def sentence(self) -> str:
        """Return in words how many specifications fit, and what that means."""
        printed = ", ".join(f"{name} {text}" for name, text in self.reported.items())
        total = counted(len(self.frame), "specification")
        if not self.n_matches:
            first = self.frame.iloc[0]
            return (
                f"None of {total} prints {printed}. The nearest, "
                f"{_described(first)}, misses {first['fails']}."
            )
        first = self.frame.iloc[0]
        fit = "fits" if self.n_matches == 1 else "fit"
        return (
            f"{count(self.n_matches)} of {total} {fit} {printed} "
            f"({count(self.n_distinct)} different results). That they are consistent "
            "with the printed figures does not say which of them was used. By a stated "
            f"prior the most usual is {_described(first)}."
        )

    def heading(self) -> str:
        """Return what was looked for."""
        text = f"Specifications that print the reported figures ({self.n_matches} of "
        return f"{text}{len(self.frame)}){of_simulated(self.simulated)}"

    def shown(self) -> pd.DataFrame:
        """Return the first of those that fit, or the nearest."""
        frame = self.matches if self.n_matches else self.nearest
        shown = frame.drop(columns=["prior", "same_as", "pi_low", "pi_high"]).head(12)
        return (
            shown.loc[:, [c for c in shown if c not in ("fails", "distance")]]
            if (self.n_matches)
            else shown
        )

    def closing(self) -> str:
        """Return the sentence."""
        return self.sentence()


def _described(row: pd.Series) -> str:
    parts = [f"{row['model']} on the {row['measure']} scale"]
    parts.append(f"{row['interval']} interval")
    if row["dependence"] != "ignored":
        parts.append(f"dependence: {row['dependence']}")
    if row["exclusion"] != "none":
        parts.append(f"without {row['exclusion']}")
    if row["rows"] != "all":
        parts.append(f"rows: {row['rows']}")
    if row["back_transform"] != "ends":
        parts.append("mean alpha")
    if row["mistake"] != "none":
        parts.append(f"mistake: {row['mistake']}")
    return f"{parts[0]} ({', '.join(parts[1:])})"


# --------------------------------------------------------------- what was printed


@dataclass(frozen=True)
class _Printed:
    """One printed number: its value and the unit of its last digit."""

    text: str
    value: float
    unit: float

    def distance(self, x: float) -> float:
        """Return by how many units a number misses when it is rounded."""
        if not math.isfinite(x):
            return math.inf
        off = abs(x - self.value) / self.unit
        return max(0.0, off - 0.5 - 1e-9)

    def truncated(self, x: float) -> bool:
        """Whether a number prints as this when its further digits are cut off."""
        if not math.isfinite(x):
            return False
        digits = Decimal(1).scaleb(round(math.log10(self.unit)))
        cut = Decimal(repr(x)).quantize(digits, rounding=ROUND_DOWN)
        return float(cut) == self.value


def _printed(name: str, value: Any) -> _Printed:
    text = str(value).strip().replace("−", "-").rstrip("%")
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise ModelError(
            f"reported[{name!r}] must be a number as it was printed; got {value!r}."
        ) from None
    if not number.is_finite():
        raise ModelError(f"reported[{name!r}] must be finite; got {value!r}.")
    exponent = min(int(number.as_tuple().exponent), 0)
    return _Printed(text, float(number), 10.0**exponent)


def _read(reported: Mapping[str, Any]) -> dict[str, _Printed]:
    """Return every printed number by the column that it speaks of."""
    if not isinstance(reported, Mapping) or not reported:
        raise ModelError(
            "reported must name the printed figures, such as "
            "{'mean': '.91', 'ci': ('.89', '.92')}."
        )
    unknown = [name for name in reported if name not in FIGURES]
    if unknown:
        hint = near(str(unknown[0]), FIGURES)
        raise ModelError(
            f"reported has no figure {listing(map(repr, unknown))}{hint}; there are "
            f"{listing(FIGURES)}."
        )
    out: dict[str, _Printed] = {}
    for name, value in reported.items():
        if name in ("ci", "pi"):
            if isinstance(value, str) or len(value) != 2:
                raise ModelError(
                    f"reported[{name!r}] must be two limits; got {value!r}."
                )
            low, high = (_printed(name, part) for part in value)
            if low.value > high.value:
                raise ModelError(
                    f"reported[{name!r}]: the lower limit {low.text} is above the upper "
                    f"limit {high.text}."
                )
            out |= {f"{name}_low": low, f"{name}_high": high}
        else:
            out["estimate" if name == "mean" else name] = _printed(name, value)
    return out


# ------------------------------------------------------------ every specification


def retrace(
    coefficients: pd.DataFrame,
    reported: Mapping[str, Any],
    *,
    conf_level: float = 0.95,
    small_n: float = 50,
    within_correlation: float = 0.6,
    multilevel_correlation: float | None = None,
) -> Retraced:
    r"""Find the analyses that reproduce what a published study reports.

    Parameters
    ----------
    coefficients : DataFrame
        The coefficients of the study, as for `effect_sizes`.
    reported : mapping
        The printed figures, digits as printed: ``mean`` (on the scale of alpha), ``ci``
        and ``pi`` (two limits each, on the scale of alpha), ``tau2`` (on the scale of
        the model), ``I2`` (0-100), ``Q``, ``k``. Text keeps final zeros: ``".90"`` is
        two decimals, ``0.9`` is one.
    conf_level : float, default 0.95
        Level of the printed intervals.
    small_n : float, default 50
        Coefficients of fewer respondents are small.
    within_correlation : float, default 0.6
        Correlation of sampling errors within a sample, for means of a study.
    multilevel_correlation : float, optional
        That of multilevel models; independent errors by default.

    Returns
    -------
    Retraced
        ``.matches`` are the specifications that print the same digits, ``.nearest``
        those that come nearest where none does; ``sentence()`` says it in words.

    Raises
    ------
    DataError, ModelError
        For a table that cannot be pooled, or figures that cannot be read.

    Notes
    -----
    A specification is a choice of rows (all, or one scale, rater or form), exclusions,
    handling of dependence, scale, model, interval and way back to alpha, or one of the
    known mistakes: Fisher's z of alpha, which ignores the number of items
    (``fisher-z``); the variance given where a standard error was asked for, and the
    reverse; n and the number of items swapped; a bias correction, or the scale itself,
    with the wrong sign. ``mean-alpha`` is :math:`1-\exp(-\mu+\tau^2/2)` on Bonett's
    scale instead of the median :math:`1-\exp(-\mu)`.

    A figure fits where it rounds to the printed digits or where cutting gives them. That
    a specification fits does not say that it was used: several nearly always fit, and
    those with the same numbers (``same_as``) cannot be distinguished by any figure.
    ``prior`` orders them by how usual their choices are; it is a judgement of this
    package (``waistats.sensitivity.retrace.PRIOR``), not an estimate.

    Examples
    --------
    >>> from waistats import load_dataset
    >>> found = retrace(load_dataset("cesd"), {"mean": ".91", "ci": (".89", ".92")})
    >>> found.n_matches > 1, "REML" in set(found.matches["model"])
    (True, True)
    """
    coefficients = as_frame(coefficients)
    check_conf_level(conf_level)
    check_within(within_correlation)
    printed = _read(reported)
    table, used = poolable(coefficients)
    rows: list[dict[str, Any]] = []
    skipped: list[dict[str, Any]] = []
    jobs = list(selections(table, small_n))
    methods = [*METHODS, *UNWEIGHTED]
    for base, kept in progress(jobs, "retrace"):
        n = pd.to_numeric(kept["n"]).to_numpy(dtype=float)
        of_studies = kept["study_id"].nunique()
        scales = [Scale(*parts) for parts in transformed(kept)]
        found: list[dict[str, Any]] = []
        if base["dependence"] == "multilevel":
            for scale in scales:
                if scale.mistake != "none":
                    continue
                try:
                    found += multilevel_rows(
                        kept, scale, multilevel_correlation, conf_level
                    )
                except WaistatsError as error:
                    skipped.append(
                        {**base, "measure": scale.measure, "reason": str(error)}
                    )
        else:
            if base["dependence"] == "mean":
                means = [
                    mean_per_study(kept, s.yi, s.vi, within_correlation) for s in scales
                ]
                n = pd.to_numeric(means[0]["n"]).to_numpy(dtype=float)
                scales = [
                    Scale(
                        s.measure, s.mistake,
                        m["yi"].to_numpy(dtype=float), m["vi"].to_numpy(dtype=float),
                    )
                    for s, m in zip(scales, means, strict=True)
                ]  # fmt: skip
            if len(n) < 2:
                continue
            found += one_level_rows(scales, n, methods, conf_level)
            if base["dependence"] in ("ignored", "one"):
                try:
                    found.append(varying_row(kept, conf_level))
                except WaistatsError as error:
                    skipped.append(
                        {**base, "model": "varying-coefficient", "reason": str(error)}
                    )
        for row in found:
            full = {**base, "back_transform": "ends", **row, "n_studies": of_studies}
            rows.append(full)
            other = mean_alpha(full)
            if other is not None:
                rows.append(other)
    if not rows:
        raise ModelError("No specification can be fitted to these coefficients.")
    frame, n_matches, n_distinct = _ranked(pd.DataFrame(rows), printed)
    return Retraced(
        frame=marked(frame, used.simulated),
        reported={
            name: value if isinstance(value, str) else _shown(value)
            for name, value in reported.items()
        },
        n_matches=n_matches,
        n_distinct=n_distinct,
        conf_level=conf_level,
        simulated=used.simulated,
        skipped=marked(pd.DataFrame(skipped), used.simulated),
    )


def _shown(value: Any) -> str:
    if isinstance(value, Sequence):
        return f"[{', '.join(str(part) for part in value)}]"
    return str(value)


def _ranked(
    frame: pd.DataFrame, printed: dict[str, _Printed]
) -> tuple[pd.DataFrame, int, int]:
    """Return specifications in order, how many fit, and how many results these are."""
    names = {"estimate": "mean"}
    away = np.column_stack(
        [
            [figure.distance(float(x)) for x in frame[column]]
            for column, figure in printed.items()
        ]
    )
    cut = np.column_stack(
        [
            [figure.truncated(float(x)) for x in frame[column]]
            for column, figure in printed.items()
        ]
    )
    rounded, truncated = (away == 0).all(1), cut.all(1)
    fits = rounded | truncated
    labels = [names.get(column, column) for column in printed]
    frame = frame.assign(
        printing=np.where(rounded, "rounded", np.where(truncated, "truncated", "")),
        fails=[
            "" if fit else listing(
                label for label, d in zip(labels, row, strict=True) if d > 0
            )
            for fit, row in zip(fits, away, strict=True)
        ],
        distance=np.where(fits, 0.0, away.sum(1)),
    )  # fmt: skip
    prior = np.ones(len(frame))
    for choice, weights in PRIOR.items():
        prior *= frame[choice].map(weights).fillna(0.01).to_numpy(dtype=float)
    prior = prior * np.where(frame["rows"] == "all", 1.0, 0.5)
    frame = frame.assign(prior=prior / prior.sum())
    order = np.lexsort((np.arange(len(frame)), -prior, frame["distance"], ~fits))
    frame = frame.iloc[order].reset_index(drop=True)
    numbers = frame[
        ["k", "estimate", "ci_low", "ci_high", "tau2", "I2", "Q"]
    ].round(8)  # fmt: skip
    first = numbers.groupby(list(numbers), dropna=False, sort=False).ngroup()
    where = first.reset_index().groupby(0)["index"].transform("min")
    frame = frame.assign(same_as=where.to_numpy())
    n_matches = int(fits.sum())
    front = ["rows", *CHOICES, "k", "n_studies", "estimate", "ci_low", "ci_high"]
    rest = [c for c in frame.columns if c not in front]
    return (
        frame[[*front, *rest]],
        n_matches,
        int(frame["same_as"].iloc[:n_matches].nunique()),
    )
