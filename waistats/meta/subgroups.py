"""Pooled reliability of subgroups, and whether they differ."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from waistats._areas import chi2_sf, f_sf
from waistats._format import Result, fixed, frame_text
from waistats._frames import as_frame
from waistats._typing import FloatArray
from waistats.errors import (
    DataError,
    ModelError,
    check_conf_level,
    check_option,
    listing,
    near,
)
from waistats.measures import back_transform
from waistats.meta._effects import Effects, independence_notes, usable_effects
from waistats.meta._prediction import PREDICTIONS
from waistats.meta._verdict import SMALLEST_DF, enough_df
from waistats.meta.fit import fit_meta
from waistats.meta.results import MetaResult, TestResult
from waistats.provenance import marked, of_simulated

TAU2 = ("separate", "common")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class SubgroupResult(Result):
    """Pooled subgroups and the test between them.

    Attributes
    ----------
    by : str
        The column.
    tau2 : str
        ``"separate"`` or ``"common"``.
    groups : DataFrame
        ``term, k, estimate, se, statistic, df, p_value, ci_low, ci_high, tau2, I2, Q,
        Q_p`` on the model's scale, one row per group in sorted order.
    between : TestResult
        Test that the groups have the same mean.
    fits : dict of str to MetaResult
        With separate variances the model of each group; with a common one the model of
        all under its name ``"all"``.
    measure : str or None
        The scale.
    simulated : bool
        Whether the effects are SIMULATED.
    notes : tuple of str
        What a reader must know of the rows, the groups' models and the test.
    """

    by: str
    tau2: str
    groups: pd.DataFrame = field(repr=False)
    between: TestResult
    fits: dict[str, MetaResult] = field(repr=False)
    measure: str | None
    conf_level: float
    simulated: bool
    notes: tuple[str, ...] = ()

    def to_frame(self) -> pd.DataFrame:
        """Return one row per group, on the model's scale."""
        return self.groups.copy()

    def predict(self, *, prediction: str = "confidence-distribution") -> pd.DataFrame:
        """Return each group's mean, interval and prediction interval as alphas.

        Parameters
        ----------
        prediction : {"confidence-distribution", "metafor"}
            The prediction interval, as in `FittedModel.predict`.
        """
        prediction = check_option("prediction", prediction, PREDICTIONS)
        ends = [
            fit.predict(new, prediction=prediction, back_transform=False).iloc[0]
            for fit, new in self._models()
        ]
        out = self.groups[["term", "k"]].copy()
        for name in ("estimate", "ci_low", "ci_high", "pi_low", "pi_high"):
            values = np.array([row[name] for row in ends], dtype=float)
            out[name] = back_transform(values, self.measure) if self.measure else values
        return marked(out, self.simulated)

    def _models(self) -> list[tuple[MetaResult, dict[str, str] | None]]:
        """Return of each group the model that predicts it, and where."""
        names = list(self.groups["term"])
        if self.tau2 == "separate":
            return [(self.fits[name], None) for name in names]
        fit = self.fits["all"]
        column = fit.design.variables[0]
        return [(fit, {column: name}) for name in names]

    def heading(self) -> str:
        """Return what was compared, and the test."""
        mark = of_simulated(self.simulated)
        return (
            f"Subgroups by {self.by} ({self.tau2} tau^2){mark}\n"
            f"Between groups: {self.between.sentence()}"
        )

    def closing(self) -> str:
        """Return the groups on the alpha scale, and notes."""
        lines = list(self.notes)
        if self.measure:
            shown = self.predict().drop(columns="provenance", errors="ignore")
            lines.insert(0, f"On the alpha scale:\n{frame_text(shown, 3)}")
        return "\n".join(lines)


def fit_subgroups(
    effects: pd.DataFrame,
    by: str,
    *,
    tau2: str = "separate",
    method: str = "REML",
    small_sample: str = "knapp-hartung",
    conf_level: float = 0.95,
) -> SubgroupResult:
    r"""Pool each level of a column and test whether the levels differ.

    Parameters
    ----------
    effects : DataFrame
        A table from `effect_sizes`.
    by : str
        The column; a blank is a DataError.
    tau2 : {"separate", "common"}, default "separate"
        Heterogeneity variance of each group, or one for all.
    method, small_sample, conf_level
        As in `fit_meta`.

    Returns
    -------
    SubgroupResult
        One row per group, and the test between them.

    Raises
    ------
    DataError
        For a column that is absent or has blanks.
    ModelError
        For fewer than two groups, or a group of one with separate variances.

    Notes
    -----
    Separate variances: each group is a model of its own, and
    :math:`Q_B=\sum_g (m_g-\bar m)^2/s_g^2` with weights :math:`1/s_g^2` is chi-square on
    G - 1 [1]_; with Knapp-Hartung standard errors it is referred to Welch's F,
    :math:`Q_B/((G-1)(1+2(G-2)\Lambda/(G^2-1)))` on :math:`(G-1,(G^2-1)/(3\Lambda))`
    degrees of freedom, :math:`\Lambda=\sum(1-w_g/\sum w)^2/(k_g-1)`. A common variance
    is `fit_meta` with the column as moderator, and its omnibus test.

    References
    ----------
    .. [1] Borenstein, M., Hedges, L. V., Higgins, J. P. T., & Rothstein, H. R. (2009).
       Introduction to meta-analysis, chapter 19. Wiley.

    Examples
    --------
    >>> from waistats import effect_sizes, fit_subgroups, load_dataset
    >>> effects = effect_sizes(load_dataset("cesd"))
    >>> fit_subgroups(effects, "caregivers").predict().round(3)[["term", "k", "estimate"]]
        term  k  estimate
    0  mixed  6     0.894
    1  women  3     0.924
    """
    effects = as_frame(effects)
    tau2 = check_option("tau2", tau2, TAU2)
    check_conf_level(conf_level)
    used = usable_effects(effects)
    if by not in used.table:
        hint = near(by, map(str, used.table.columns))
        raise DataError(f"There is no column {by!r}{hint}.")
    blank = used.table[by].isna().to_numpy()
    if blank.any():
        raise DataError(
            f"{by} is blank for study_id {listing(used.table['study_id'][blank])}."
        )
    label = used.table[by].astype(str)
    names = sorted(label.unique())
    if len(names) < 2:
        raise ModelError(f"{by} has one level ({names[0]}); subgroups need two.")
    table = used.table.assign(**{by: label})
    options = {"method": method, "small_sample": small_sample, "conf_level": conf_level}
    if tau2 == "common":
        groups, between, fits = _common(table, by, names, options)
    else:
        groups, between, fits = _separate(table, by, names, options)
    return SubgroupResult(
        by=by,
        tau2=tau2,
        groups=marked(groups, used.simulated),
        between=replace(between, simulated=used.simulated),
        fits=fits,
        measure=used.measure,
        conf_level=conf_level,
        simulated=used.simulated,
        notes=_notes(used, by, fits, between),
    )


def _notes(
    used: Effects, by: str, fits: Mapping[str, MetaResult], between: TestResult
) -> tuple[str, ...]:
    """Return what the rows share, each model's own notes, and a test of few df."""
    shared = independence_notes(used, (by,))
    notes = list(shared)
    for name, fit in fits.items():
        # what the rows of a group share is said of all rows
        own = tuple(note for note in fit.notes if note not in _of_rows(fit, by))
        notes += own if name == "all" else [f"{by} {name}: {note}" for note in own]
    if not enough_df(between.df_denominator):
        notes.append(
            f"The test between groups has {fixed(between.df_denominator, 1)} degrees of "
            f"freedom, fewer than {SMALLEST_DF}: it cannot show a difference."
        )
    return tuple(notes)


def _of_rows(fit: MetaResult, by: str) -> tuple[str, ...]:
    return independence_notes(fit.effects, (*fit.design.variables, by))


def _separate(
    table: pd.DataFrame, by: str, names: list[str], options: dict[str, Any]
) -> tuple[pd.DataFrame, TestResult, dict[str, MetaResult]]:
    counts = table[by].value_counts()
    single = [name for name in names if counts[name] < 2]
    if single:
        raise ModelError(
            f"Groups of one coefficient have no variance of their own: {listing(single)}. "
            "Leave them out, merge levels, or use tau2='common'."
        )
    fits = {name: fit_meta(table[table[by] == name], **options) for name in names}
    rows = [
        fit.to_frame().drop(columns=["term", "provenance"], errors="ignore").iloc[0]
        for fit in fits.values()
    ]
    groups = pd.DataFrame(rows).reset_index(drop=True)
    groups.insert(0, "term", names)
    groups.insert(1, "k", [fit.k for fit in fits.values()])
    for name in ("tau2", "I2", "Q", "Q_p"):
        groups[name] = [getattr(fit, name) for fit in fits.values()]
    between = _between(
        groups["estimate"].to_numpy(dtype=float),
        groups["se"].to_numpy(dtype=float),
        groups["k"].to_numpy(dtype=float) - 1,
        by,
        welch=options["small_sample"] != "wald",
    )
    return groups, between, fits


def _between(
    mean: FloatArray, se: FloatArray, df: FloatArray, by: str, *, welch: bool
) -> TestResult:
    """Test that means with these standard errors are equal."""
    G = len(mean)
    with np.errstate(divide="ignore", invalid="ignore"):
        w = 1 / se**2
        center = (w * mean).sum() / w.sum()
        Q = float((w * (mean - center) ** 2).sum())
        spread = float(((1 - w / w.sum()) ** 2 / df).sum())
    if not welch:
        return TestResult(
            name=by,
            statistic=Q,
            df=G - 1,
            p_value=float(chi2_sf(Q, G - 1)),
            distribution="chi2",
        )
    F = Q / ((G - 1) * (1 + 2 * (G - 2) * spread / (G**2 - 1)))
    df2 = (G**2 - 1) / (3 * spread)
    return TestResult(
        name=by,
        statistic=F,
        df=G - 1,
        p_value=float(f_sf(F, G - 1, df2)),
        distribution="F",
        df_denominator=df2,
    )


def _common(
    table: pd.DataFrame, by: str, names: list[str], options: dict[str, Any]
) -> tuple[pd.DataFrame, TestResult, dict[str, MetaResult]]:
    column = "subgroup"
    while column in table:
        column += "_"
    whole = table.assign(**{column: table[by]})
    fit = fit_meta(whole, f"~ 0 + {column}", **options)
    frame = fit.to_frame().drop(columns="provenance", errors="ignore")
    frame["term"] = names
    frame.insert(1, "k", [int((table[by] == name).sum()) for name in names])
    frame["tau2"], frame["I2"] = fit.tau2, fit.I2
    inside = [_within(table[table[by] == name]) for name in names]
    frame["Q"], frame["Q_p"] = zip(*inside, strict=True)
    with_reference = fit_meta(whole, f"~ {column}", **options)
    test = with_reference.omnibus
    return (
        frame,
        TestResult(
            name=by,
            statistic=test.statistic,
            df=test.df,
            p_value=test.p_value,
            distribution=test.distribution,
            df_denominator=test.df_denominator,
        ),
        {"all": with_reference},
    )


def _within(rows: pd.DataFrame) -> tuple[float, float]:
    """Return Q and its p value inside a group; NaN for one coefficient."""
    if len(rows) < 2:
        return float("nan"), float("nan")
    w = 1 / rows["vi"].to_numpy(dtype=float)
    y = rows["yi"].to_numpy(dtype=float)
    Q = float((w * (y - (w * y).sum() / w.sum()) ** 2).sum())
    return Q, float(chi2_sf(Q, len(rows) - 1))
