"""How many studies take the reliability of their scores from elsewhere.

Studies that applied the instrument, sorted by what they say of reliability.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from waistats._areas import critical
from waistats._format import Result, coefficient, fixed, interval, level, p_statement
from waistats._frames import as_frame
from waistats.errors import (
    DataError,
    ModelError,
    check_conf_level,
    check_option,
    listing,
)
from waistats.io._numbers import plain_text
from waistats.measures import EXCLUDED, INDUCED, OWN, SHEET_MARK, check_columns
from waistats.provenance import is_simulated, marked, of_simulated
from waistats.rg.descriptives import NOT_STATED

# What counts for a unit with several rows: the first of these that any row says.
STATUSES = (OWN, *INDUCED)
UNITS = {"study": "study_id", "sample": "sample_id"}


def text_column(table: pd.DataFrame, name: str) -> list[str]:
    """Return a column as texts, ``""`` where it is blank or absent."""
    if name not in table:
        return [""] * len(table)
    return [plain_text(cell) or "" for cell in table[name]]


def number_column(table: pd.DataFrame, name: str) -> np.ndarray:
    """Return a column as floats, NaN where it is blank, absent or no number."""
    if name not in table:
        return np.full(len(table), np.nan)
    values = pd.to_numeric(table[name], errors="coerce")
    numbers: np.ndarray = values.to_numpy(dtype=float, na_value=np.nan)
    return numbers


def row_statuses(table: pd.DataFrame, *, assume: str | None = None) -> list[str]:
    """Return what each row says of reliability; ``"exclude"`` for excluded rows.

    Parameters
    ----------
    table : DataFrame
        A coding sheet.
    assume : str, optional
        Status of all rows where the table has no column for it.

    Raises
    ------
    DataError
        If the column is missing and nothing is assumed, or a status is blank or
        unknown.
    """
    check_columns(table, ("study_id",))
    decisions = [text.casefold() for text in text_column(table, "screening_decision")]
    if SHEET_MARK not in table:
        if assume is None:
            raise DataError(
                f"column {SHEET_MARK!r} is missing: a rate of induction needs studies "
                "that report no reliability, too. Code them with `waistats template`."
            )
        said = [assume] * len(table)
    else:
        said = [text.casefold() for text in text_column(table, SHEET_MARK)]
    told = [
        EXCLUDED if decision == EXCLUDED else status
        for decision, status in zip(decisions, said, strict=True)
    ]
    wrong = [
        f"{status or 'empty'} (study_id {study})"
        for status, study in zip(told, text_column(table, "study_id"), strict=True)
        if status not in (*STATUSES, EXCLUDED)
    ]
    if wrong:
        raise DataError(
            f"{SHEET_MARK} must be one of {listing(STATUSES)}, but is "
            f"{listing(wrong)}. Correct these rows; waistats check names them all."
        )
    return told


def unit_ids(table: pd.DataFrame, unit: str) -> list[str]:
    """Return the study or sample of each row; a blank sample is its study's only."""
    unit = check_option("unit", unit, UNITS)
    studies = text_column(table, "study_id")
    if unit == "study":
        return studies
    samples = text_column(table, "sample_id")
    return [own or study for own, study in zip(samples, studies, strict=True)]


def applications(
    table: pd.DataFrame, *, unit: str = "study", by: Sequence[str] = ()
) -> pd.DataFrame:
    """Return one row per study or sample: ``unit_id, status, year`` and ``by``.

    A unit with several rows has the first status of `STATUSES` among them, so that a
    study that reports any coefficient of its own reports. Excluded rows do not count.
    With ``by``, a unit has a row for each of its levels.
    """
    status = row_statuses(table)
    used = [i for i, s in enumerate(status) if s != EXCLUDED]
    frame = pd.DataFrame(
        {
            "unit_id": unit_ids(table, unit),
            "rank": [STATUSES.index(s) if s in STATUSES else -1 for s in status],
            "year": number_column(table, "year"),
            **{
                f"by_{name}": [text or NOT_STATED for text in text_column(table, name)]
                for name in by
            },
        }
    ).iloc[used]
    keys = ["unit_id", *(f"by_{name}" for name in by)]
    first = frame.groupby(keys, sort=False).agg({"rank": "min", "year": "first"})
    told = first.reset_index()
    told["status"] = [STATUSES[rank] for rank in told["rank"]]
    return told.drop(columns="rank").rename(columns={f"by_{n}": n for n in by})


BY = ("year", "instrument", "rater")
# A trend over time needs as many units as any moderator that is a number.
_FEWEST_FOR_TREND = 10


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class InductionRate(Result):
    """The rate of reliability induction, overall and by group.

    Attributes
    ----------
    table : DataFrame
        ``by, level, k`` (studies or samples), ``reported_own, induced_precise,
        induced_vague, omitted, induced`` (counts), ``estimate`` (induced / k),
        ``ci_low, ci_high``; the overall row first.
    trend : DataFrame or None
        Logistic regression of induction on the year: ``term, estimate, se, statistic,
        p_value, ci_low, ci_high, odds_ratio``; None where it cannot be estimated.
    trend_note : str
        Why there is no trend; else ``""``.
    unit : str
        ``"study"`` or ``"sample"``.
    conf_level : float
        Confidence level.
    simulated : bool
        Whether any row is SIMULATED.
    """

    table: pd.DataFrame
    trend: pd.DataFrame | None
    trend_note: str
    unit: str
    conf_level: float
    simulated: bool

    @property
    def estimate(self) -> float:
        """The overall rate."""
        return float(self.table["estimate"].iloc[0])

    def to_frame(self) -> pd.DataFrame:
        """Return ``table``."""
        return self.table.copy()

    def heading(self) -> str:
        """Return the overall rate in a sentence."""
        row = self.table.iloc[0]
        noun = {"study": "studies", "sample": "samples"}[self.unit]
        limits = interval(row["ci_low"], row["ci_high"])
        return (
            f"Reliability induction: {row['induced']} of {row['k']} {noun} "
            f"({coefficient(row['estimate'])}, {level(self.conf_level)} Wilson interval "
            f"{limits}){of_simulated(self.simulated)}"
        )

    def closing(self) -> str:
        """Return the trend over the years in a sentence."""
        if self.trend is None:
            return f"A trend over the years was not estimated: {self.trend_note}."
        slope = self.trend.iloc[1]
        return (
            f"Trend over the years (logistic regression): log odds "
            f"{fixed(slope['estimate'])} per year, odds ratio "
            f"{fixed(slope['odds_ratio'], 3)}, {p_statement(slope['p_value'])}"
        )


def induction_rate(
    table: pd.DataFrame,
    by: str | Sequence[str] | None = BY,
    *,
    unit: str = "study",
    years: int = 5,
    conf_level: float = 0.95,
) -> InductionRate:
    r"""Return the share of studies that induce reliability instead of reporting it.

    Parameters
    ----------
    table : DataFrame
        A coding sheet as `read_coefficients` reads it, with ``reliability_status``
        (reported_own, induced_precise, induced_vague, omitted). Rows whose
        ``screening_decision`` is exclude are no applications and do not count.
    by : str or sequence of str, optional
        Columns to split by; absent ones are ignored. None for the overall rate only.
    unit : {"study", "sample"}, default "study"
        What is counted.
    years : int, default 5
        Years that make a row of ``by="year"``, such as 2000-2004; 1 for single years.
    conf_level : float, default 0.95
        Confidence level.

    Returns
    -------
    InductionRate
        Counts, rates and Wilson intervals, and the trend over the years.

    Raises
    ------
    DataError
        If the status is missing, or blank or unknown in any row.

    Notes
    -----
    The rate is (precise + vague + omitted) / (these + reported), after Vacha-Haase,
    Kogan and Thompson (2000) and Shields and Caruso (2004). A study with several rows
    reports if any of them does; else the most precise induction counts. Intervals are
    Wilson's score intervals by statsmodels, as R's ``prop.test(correct=FALSE)``. The
    trend is a logistic regression on the centred year by statsmodels, with Wald limits
    as ``confint.default``.

    Examples
    --------
    >>> sheet = pd.DataFrame({
    ...     "study_id": ["A", "B", "C", "D"], "year": [2001, 2005, 2010, 2015],
    ...     "reliability_status":
    ...         ["omitted", "induced_vague", "reported_own", "reported_own"]})
    >>> rate = induction_rate(sheet, by=None)
    >>> rate.to_frame()[["k", "induced", "estimate", "ci_low", "ci_high"]].round(3)
       k  induced  estimate  ci_low  ci_high
    0  4        2       0.5    0.15     0.85
    """
    table = as_frame(table)
    check_conf_level(conf_level)
    names = [by] if isinstance(by, str) else list(by or ())
    overall = applications(table, unit=unit)
    if overall.empty:
        raise DataError(
            "screening_decision excludes every row: no application of the instrument "
            "is left to count."
        )
    rows = [_count(overall, "overall", "all")]
    for name in names:
        if name not in table:
            continue
        groups = applications(table, unit=unit, by=() if name == "year" else (name,))
        if name == "year":
            groups = groups[groups["year"].notna()]
            groups = groups.assign(year=_periods(groups["year"], years))
        for value, group in groups.groupby(name, sort=True):
            rows.append(_count(group, name, str(value)))
    counts = pd.DataFrame(rows)
    low, high = wilson_interval(counts["induced"], counts["k"], conf_level)
    counts = counts.assign(
        estimate=counts["induced"] / counts["k"], ci_low=low, ci_high=high
    )
    trend, note = _trend(overall, conf_level)
    simulated = is_simulated(table)
    return InductionRate(
        table=marked(counts, simulated),
        trend=None if trend is None else marked(trend, simulated),
        trend_note=note,
        unit=unit,
        conf_level=conf_level,
        simulated=simulated,
    )


def _periods(year: pd.Series, width: int) -> list[str]:
    if width < 1 or width != int(width):
        raise ModelError(f"years must be a whole number of 1 or more; got {width!r}.")
    first = (year.astype(int) // width * width).tolist()
    return [str(y) if width == 1 else f"{y}-{y + width - 1}" for y in first]


def _count(units: pd.DataFrame, by: str, value: str) -> dict[str, Any]:
    counts = {status: int((units["status"] == status).sum()) for status in STATUSES}
    induced = sum(counts[status] for status in INDUCED)
    return {"by": by, "level": value, "k": len(units), **counts, "induced": induced}


def wilson_interval(
    count: Any, total: Any, conf_level: float = 0.95
) -> tuple[np.ndarray, np.ndarray]:
    """Return Wilson's score interval of each proportion.

    >>> low, high = wilson_interval([7], [12])
    >>> low.round(4), high.round(4)
    (array([0.3195]), array([0.8067]))
    """
    from statsmodels.stats.proportion import proportion_confint

    limits = proportion_confint(
        np.asarray(count, dtype=float),
        np.asarray(total, dtype=float),
        alpha=1 - conf_level,
        method="wilson",
    )
    low, high = (np.clip(np.asarray(limit, dtype=float), 0, 1) for limit in limits)
    return low, high


def _trend(units: pd.DataFrame, conf_level: float) -> tuple[pd.DataFrame | None, str]:
    """Return the logistic regression of induction on the year, or why there is none."""
    dated = units[units["year"].notna()]
    year = dated["year"].to_numpy(dtype=float)
    induced = (dated["status"] != OWN).to_numpy()
    if len(dated) < _FEWEST_FOR_TREND:
        return None, f"fewer than {_FEWEST_FOR_TREND} have a year"
    if induced.all() or not induced.any():
        word = "all" if induced.all() else "none"
        return None, f"{word} of those with a year induce"
    if np.ptp(year) == 0:
        return None, "all are of one year"
    own, taken = year[~induced], year[induced]
    if own.max() <= taken.min() or taken.max() <= own.min():
        return (
            None,
            "one year separates reporting from inducing, so no slope is defined",
        )
    return logistic_trend(year, induced, conf_level), ""


def logistic_trend(year: Any, induced: Any, conf_level: float = 0.95) -> pd.DataFrame:
    """Return the logistic regression of a yes or no on the centred year.

    ``term`` (Intercept at the mean year, year), ``estimate`` (log odds), ``se,
    statistic, p_value, ci_low, ci_high, odds_ratio``.
    """
    import statsmodels.api as sm

    x = np.asarray(year, dtype=float)
    design = np.column_stack([np.ones(len(x)), x - x.mean()])
    family = sm.families.Binomial()
    fit = sm.GLM(np.asarray(induced, dtype=float), design, family=family).fit(
        tol=1e-14, maxiter=100
    )
    z = critical(conf_level)
    return pd.DataFrame(
        {
            "term": ["Intercept", "year"],
            "estimate": fit.params,
            "se": fit.bse,
            "statistic": fit.tvalues,
            "p_value": fit.pvalues,
            "ci_low": fit.params - z * fit.bse,
            "ci_high": fit.params + z * fit.bse,
            "odds_ratio": np.exp(fit.params),
        }
    )
