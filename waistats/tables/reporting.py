"""Tables of what studies report: flow, induction, quality, agreement of coders."""

from typing import Any

import numpy as np
import pandas as pd

from waistats._labels import (
    column_words,
)
from waistats.figures._rows import coefficient_table, study_names
from waistats.rg.coders import CoderAgreement
from waistats.rg.induction import InductionRate
from waistats.rg.quality import study_quality
from waistats.tables._build import (
    blank,
    check_columns,
    fixed_to,
    simulated,
    spec,
)
from waistats.tables._spec import TableSpec


def flow(boxes: pd.DataFrame, *, title: str = "Flow of Coefficients") -> TableSpec:
    """Tabulate a frame of `flow_counts`: what each box counts, and what is excluded.

    Parameters
    ----------
    boxes : DataFrame
        Result of `flow_counts`.
    title : str
        Title.

    Returns
    -------
    GT
        One row per box.
    """
    check_columns(boxes, ("box", "side", "studies", "coefficients"), "flow_counts()")
    names = ("box", "studies", "samples", "coefficients", "persons")
    shown = boxes[[c for c in names if c in boxes]].copy()
    shown["box"] = [
        f"\u00a0\u00a0{box}" if side else str(box)
        for box, side in zip(boxes["box"], boxes["side"], strict=True)
    ]
    if "note" in boxes:
        shown["note"] = boxes["note"]
    return spec(
        shown,
        name="flow",
        caption=title,
        notes=[
            "Indented: excluded at that step. A study or sample with several "
            "coefficients may "
            "appear in several boxes. Persons: the largest n of each sample, added up.",
            simulated(boxes),
        ],
        heads={"box": "Step"},
        footnotes=("note",),
    )


def induction(
    rate: InductionRate, *, title: str = "Reliability Induction"
) -> TableSpec:
    """Tabulate a result of `induction_rate`: studies that took reliability from elsewhere.

    Parameters
    ----------
    rate : InductionRate
        Result of `induction_rate`.
    title : str
        Title.

    Returns
    -------
    GT
        One row per level of each grouping variable.
    """
    frame = rate.table
    shown = frame.drop(columns=["induced", "se"], errors="ignore")
    by = [column_words(str(v)) if v else "All" for v in shown["by"]]
    shown = shown.assign(by=by)
    return spec(
        shown,
        name="induction",
        caption=title,
        notes=["k = number of studies; Wilson intervals.", simulated(rate, frame)],
        conf_level=rate.conf_level,
        heads={
            "by": "By",
            "omitted": "Not mentioned",
            "estimate": "Rate",
            "reported_own": "Reported",
            "induced_precise": "Induced, precise",
            "induced_vague": "Induced, vague",
        },
        footnotes=("note",),
        explain=False,
    )


_COMPARED = {
    "hedges g": "Hedges’ g",
    "difference": "difference of means",
    "log variance ratio": "ln variance ratio",
    "log odds ratio": "ln odds ratio",
}


_NUMBERS_OF_GROUPS = ("mean_reporting", "mean_inducing")


def comparison(
    frame: pd.DataFrame,
    *,
    conf_level: float = 0.95,
    title: str = "Inducing and Reporting Samples",
) -> TableSpec:
    """Tabulate a frame of `compare_samples`; logarithms are back-transformed.

    Parameters
    ----------
    frame : DataFrame
        Result of `compare_samples`.
    conf_level : float
        Confidence level of the intervals, for the heads of the columns.
    title : str
        Title.

    Returns
    -------
    GT
        One row per variable or level; effects on a log scale are back-transformed.
    """
    check_columns(frame, ("variable", "measure", "estimate"), "compare_samples()")
    shown = frame.drop(
        columns=["sd_reporting", "sd_inducing", "se", "df"], errors="ignore"
    ).copy()
    logs = (shown["variable"].astype(str) == "n").to_numpy()
    for name in _NUMBERS_OF_GROUPS:
        values = pd.to_numeric(shown[name], errors="coerce").to_numpy(dtype=float)
        shown[name] = np.where(logs, np.exp(np.where(logs, values, 0.0)), values)
    levels = shown.pop("level") if "level" in shown else pd.Series("", shown.index)
    shown["variable"] = [
        column_words(str(name)) + ("" if blank(of) else f": {of}")
        for name, of in zip(shown["variable"], levels, strict=True)
    ]
    shown["measure"] = [_COMPARED.get(str(v), str(v)) for v in shown["measure"]]
    return spec(
        shown,
        name="comparison",
        caption=title,
        notes=[
            "Differences are inducing minus reporting samples. Means of a category are "
            "shares.",
            "The sizes of samples are compared on their logarithms; their means are "
            "geometric ones."
            if logs.any()
            else "",
            simulated(frame),
        ],
        coefficients=False,
        conf_level=conf_level,
        heads={
            "variable": "Variable",
            "mean_reporting": "*M* reporting",
            "mean_inducing": "*M* inducing",
            "estimate": "Difference",
        },
        shows=dict.fromkeys((*_NUMBERS_OF_GROUPS, "estimate", "ci"), fixed_to(2)),
        footnotes=("note",),
    )


def quality(
    data: Any, *, title: str = "Quality of the Evidence for Internal Consistency"
) -> TableSpec:
    """Tabulate how studies are rated by COSMIN’s standards, one row per study.

    Parameters
    ----------
    data : DataFrame, RGStudy or model
        A coefficient table with the quality columns of the codebook; of a study the
        rows that report something of their own sample.
    title : str
        Title.

    Returns
    -------
    GT
        One row per study.
    """
    table = coefficient_table(data, own=True)
    frame = study_quality(table)
    called = study_names(table)
    return spec(
        frame.assign(study_id=[called[str(name)] for name in frame["study_id"]]),
        name="quality",
        caption=title,
        notes=[
            "Box on internal consistency of the COSMIN Risk of Bias checklist (Mokkink "
            "et al., 2018), worst score counts. + one dimension was shown and alpha is "
            "at least .70; − it was shown and alpha is lower; ? it was not shown "
            "(Prinsen et al., 2018)."
        ],
        heads={
            "separate": "Each dimension separately",
            "statistic": "Statistic",
            "flaws": "Other flaws",
            "quality": "Quality",
            "criterion": "Criterion",
        },
        shows={"criterion": _plus_or_minus},
    )


def _plus_or_minus(value: Any) -> str:
    return {"-": "−"}.get(str(value), str(value))


def agreement(
    result: CoderAgreement, *, title: str = "Agreement of Two Coders"
) -> TableSpec:
    """Tabulate a result of `compare_coders`, one row per variable.

    Parameters
    ----------
    result : CoderAgreement
        Result of `compare_coders`.
    title : str
        Title.

    Returns
    -------
    GT
        One row per variable.
    """
    frame = result.to_frame()
    named = [column_words(str(v)) for v in frame["variable"]]
    coefficient = [
        {"kappa": "κ", "icc": "ICC"}.get(str(v), "") for v in frame["coefficient"]
    ]
    shown = frame.assign(variable=named, coefficient=coefficient).drop(
        columns=["kind", "se"]
    )
    return spec(
        shown,
        name="agreement",
        caption=title,
        notes=[
            f"Rows coded by both: {result.k_matched}. k = rows that both filled in; "
            "κ of categories, ICC(2,1) of numbers.",
            simulated(result),
        ],
        conf_level=result.conf_level,
        heads={
            "variable": "Variable",
            "k_one_blank": "Blank in one",
            "agreement": "Agreement (%)",
            "coefficient": "Coefficient",
        },
        shows={"agreement": fixed_to(1)},
        footnotes=("note",),
        explain=False,
    )
