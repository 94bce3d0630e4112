"""Tables of sensitivity analyses."""

import re
from functools import partial
from typing import Any

import pandas as pd

from waistats._format import (
    coefficient,
    counted,
    fixed,
    interval,
)
from waistats._labels import column_words, plain_head, statistic_text, symbol
from waistats.errors import DataError, ModelError
from waistats.figures._rows import study_names
from waistats.figures.forest import fit_groups, group_values
from waistats.measures import back_transform
from waistats.rg.as_model import as_model, as_pooled, left_out_by, of_study
from waistats.sensitivity.deletion import (
    cumulative as cumulative_frame,
    influence as influence_frame,
    leave_one_out as leave_one_out_frame,
)
from waistats.sensitivity.multiverse import Multiverse, choice_words, option_words
from waistats.sensitivity.selection import ThresholdSelection
from waistats.sensitivity.small_study import PetPeese
from waistats.sensitivity.trim_and_fill import TrimAndFill
from waistats.tables._build import (
    coefficient_to,
    percent_to,
    simulated,
    spec,
)
from waistats.tables._spec import TableSpec


def _refits(
    result: Any, make: Any, id: str, title: str, note: str, **options: Any
) -> TableSpec:
    """Return a table of refits, of a model or of a frame on the alpha scale."""
    conf_level, sign, alpha, frame = 0.95, "α", True, result
    if not isinstance(result, pd.DataFrame):
        model = as_model(result)
        alpha = model.measure is not None
        frame = make(model, back_transform=alpha, **options)
        conf_level, sign = model.conf_level, symbol(model)
    elif "se" in result or "estimate" not in result:
        raise DataError("The frame must be on the alpha scale: back_transform=True.")
    shown = frame.drop(columns=["Q", "Q_p"], errors="ignore")
    parts = [c for c in shown if str(c).startswith("sigma2_")]
    levels = {
        c: f"σ² ({column_words(str(c).removeprefix('sigma2_')).lower()})" for c in parts
    }
    return spec(
        shown,
        name=id,
        caption=title,
        notes=[note],
        coefficients=alpha,
        conf_level=conf_level,
        heads={"estimate": sign, "omitted": "Without", "added": "Adding", **levels},
        digits=3,
    )


def leave_one_out(result: Any, *, title: str = "Leave-One-Out Analysis") -> TableSpec:
    """Tabulate the pooled value without each study; of a model or a frame of it.

    Parameters
    ----------
    result : MetaResult, MultilevelResult, RGStudy or DataFrame
        The model, or a frame of `waistats.leave_one_out` on the alpha scale; a study,
        for its overall model without each study.
    title : str
        Title.

    Returns
    -------
    GT
        One row per omitted coefficient or study, on the alpha scale.
    """
    note = "Each row is the model without one coefficient or study."
    name = "leave-one-out"
    kept = of_study(result, "leave_one_out", None)
    if kept is None:
        options = (
            {} if isinstance(result, pd.DataFrame) else {"by": left_out_by(result)}
        )
        return _refits(result, leave_one_out_frame, name, title, note, **options)
    # a study refits what it can, and keeps it
    called = study_names(result.main_rows)
    names = [called.get(str(omitted), str(omitted)) for omitted in kept["omitted"]]
    named = kept.assign(omitted=names)
    pooled = as_pooled(result)
    if pooled is not None and pooled.robust is not None:
        note += " Intervals of the model, not cluster-robust."
    return _refits(result, lambda *_, **__: named, name, title, note)


def cumulative(
    result: Any, order: str | None = None, *, title: str = "Cumulative Meta-Analysis"
) -> TableSpec:
    """Tabulate the pooled value as studies are added; of a model or a frame of it.

    Parameters
    ----------
    result : MetaResult, MultilevelResult or DataFrame
        The model, or a frame of `waistats.cumulative` on the alpha scale.
    order : str, optional
        Column that orders the coefficients of a model.
    title : str
        Title.

    Returns
    -------
    GT
        One row per step, on the alpha scale.
    """
    note = "Each row adds one coefficient"
    note += f", in the order of {order}." if order else "."
    options = {} if isinstance(result, pd.DataFrame) else {"order": order}
    return _refits(result, cumulative_frame, "cumulative", title, note, **options)


def influence(result: Any, *, title: str = "Influence Diagnostics") -> TableSpec:
    """Tabulate influence diagnostics; of a model or a frame of `waistats.influence`.

    Parameters
    ----------
    result : MetaResult, MultilevelResult, RGStudy or DataFrame
        The model, or a frame of `waistats.influence`.
    title : str
        Title.

    Returns
    -------
    GT
        One row per coefficient.
    """
    frame = of_study(result, "influence", result)
    if not isinstance(frame, pd.DataFrame):
        frame = influence_frame(as_model(result))
    keep = [c for c in frame.columns if not c.startswith("dfbetas_")]
    if "coefficient_id" in keep and frame["study_id"].is_unique:
        keep.remove("coefficient_id")
    return spec(
        frame[keep],
        name="influence",
        caption=title,
        notes=["Influential by the rules of Viechtbauer and Cheung (2010)."],
        coefficients=False,
    )


def subgroups(result: Any, by: str, *, title: str | None = None) -> TableSpec:
    """Tabulate the pooled value of each group, from one model with a common tau2.

    Parameters
    ----------
    result : MetaResult or MultilevelResult
        A model without moderators.
    by : str
        Column that defines the groups.
    title : str, optional
        Title; by default it names the moderator.

    Returns
    -------
    GT
        One row per group, on the alpha scale.
    """
    model = as_model(result)
    fit = fit_groups(model, by)
    table = model.effects.table
    values = group_values(table, by)
    groups = list(dict.fromkeys(values))
    new = pd.DataFrame({by: pd.Series(groups, dtype=values.dtype)})
    frame = fit.predict(new).drop(columns="provenance", errors="ignore")
    frame.insert(0, by, [str(group) for group in groups])
    frame.insert(1, "k", [int((values == group).sum()) for group in groups])
    return spec(
        frame.reset_index(drop=True),
        name="subgroups",
        caption=title or f"Pooled Reliability by {column_words(by)}",
        notes=[
            f"One model with a common τ². Difference: {statistic_text(fit.omnibus)}.",
            simulated(model),
        ],
        coefficients=model.measure is not None,
        conf_level=model.conf_level,
        heads={"estimate": symbol(model)},
    )


def small_study(
    *results: Any, title: str = "Small-Study and Reporting Effects"
) -> TableSpec:
    """Tabulate tests and adjustments for small-study and reporting effects.

    Parameters
    ----------
    *results : EggerTest, RankTest, PetPeese, TrimAndFill or ThresholdSelection
        What was computed, in the order of the rows.
    title : str
        Title.

    Returns
    -------
    GT
        One row per method: the test, and the pooled value that it gives.
    """
    if not results:
        raise ModelError("small_study() needs results such as egger_test() gives.")
    rows = [_method(result) for result in results]
    return spec(
        pd.DataFrame(rows, columns=["method", "finding", "value"]),
        name="small-study",
        caption=title,
        notes=["CI = confidence interval.", simulated(*results)],
        heads={"value": "Pooled value [CI]"},
    )


def _method(result: Any) -> tuple[str, str, str]:
    """Return a method, what it found, and the pooled value it gives."""
    if isinstance(result, TrimAndFill):
        finding = f"{counted(result.k0, 'coefficient')} filled in on the {result.side}"
        return "Trim and fill", finding, _pooled(result.fit)
    if isinstance(result, PetPeese):
        frame = result.to_frame()
        chosen = frame[frame["chosen"] & (frame["term"] == "Intercept")].iloc[0]
        return "PET-PEESE", f"{chosen['method']} chosen", _ends(result, chosen)
    if isinstance(result, ThresholdSelection):
        frame = result.to_frame().set_index("term")
        weights = frame[frame.index.str.startswith("weight")]
        finding = "; ".join(
            f"{name} {fixed(row.estimate, 2)} "
            f"{interval(row.ci_low, row.ci_high, partial(fixed, digits=2))}"
            for name, row in weights.iterrows()
        )
        return "Selection by threshold", finding, _ends(result, frame.loc["Intercept"])
    if hasattr(result, "statistic") and hasattr(result, "distribution"):
        words = statistic_text(result) if result.df == result.df else result.sentence()
        return str(result.name), words, "–"
    raise ModelError(f"small_study() does not know a {type(result).__name__}.")


def _pooled(model: Any) -> str:
    row = model.predict().iloc[0]
    return f"{coefficient(row.estimate, 2)} {_limits(row.ci_low, row.ci_high)}"


def _ends(result: Any, row: Any) -> str:
    """Return a value and its limits on the model's scale, back-transformed."""
    model = result.pet if isinstance(result, PetPeese) else result.original
    estimate, low, high = (float(row[c]) for c in ("estimate", "ci_low", "ci_high"))
    if model.measure is None:
        return f"{fixed(estimate, 2)} {interval(low, high, partial(fixed, digits=2))}"
    estimate, low, high = (
        float(back_transform(v, model.measure)) for v in (estimate, low, high)
    )
    return f"{coefficient(estimate, 2)} {_limits(low, high)}"


def _limits(low: float, high: float) -> str:
    return interval(low, high, partial(coefficient, digits=2))


def multiverse(result: Multiverse, *, title: str = "Which Choices Matter") -> TableSpec:
    """Tabulate the effect of each choice of a multiverse on the pooled alpha.

    Parameters
    ----------
    result : Multiverse
        Result of `waistats.multiverse`.
    title : str
        Title.

    Returns
    -------
    GT
        One row per choice: the mean alpha of its lowest and of its highest option.
    """
    if not isinstance(result, Multiverse):
        raise ModelError("multiverse() needs the result of waistats.multiverse().")
    frame = result.choices()
    # one option is no choice
    several = frame["options"] > 1
    frame = frame[several].reset_index(drop=True) if several.any() else frame
    shown = pd.DataFrame(
        {
            "choice": [plain_head(choice_words(str(name))) for name in frame["choice"]],
            "options": frame["options"],
            "low": _option(frame, "low"),
            "high": _option(frame, "high"),
            "difference": frame["difference"],
            "share": frame["share"],
        }
    )
    return spec(
        shown,
        name="multiverse",
        caption=title,
        notes=[
            result.sentence(),
            "η² = share of the variance of the estimates that lies between the options.",
            *result.notes,
            simulated(result),
        ],
        conf_level=result.conf_level,
        heads={
            "low": "Lowest option (mean α)",
            "high": "Highest option (mean α)",
            "share": "η²",
        },
        shows={
            "difference": coefficient_to(3),
            "share": percent_to(0),
        },
    )


def _option(frame: pd.DataFrame, end: str) -> list[str]:
    # three decimals, four where three do not tell the ends apart
    ends = zip(frame["low_mean"], frame["high_mean"], strict=True)
    digits = [4 if coefficient(a, 3) == coefficient(b, 3) else 3 for a, b in ends]
    rows = zip(frame["choice"], frame[end], frame[f"{end}_mean"], digits, strict=True)
    return [
        f"{option_words(str(choice), str(name))}: {coefficient(mean, many)}"
        for choice, name, mean, many in rows
    ]


def checks(
    study: Any, *, title: str = "Small-Study and Reporting Checks", sign: str = "α"
) -> TableSpec:
    """Tabulate the checks of a study, or a frame of `robustness`.

    Parameters
    ----------
    study : RGStudy or DataFrame
        The study, or a frame of its ``robustness``; a column ``part`` heads groups.
    title : str
        Title.
    sign : str
        What the coefficients are called in the head of their value.

    Returns
    -------
    GT
        One row per check: the test, and alpha after the adjustment.
    """
    frame = study if isinstance(study, pd.DataFrame) else study.robustness
    if "check" not in frame:
        raise DataError("checks() needs a study of generalize(), or its robustness.")
    parts = "part" in frame
    frame, without = (frame, []) if parts else _with_result(frame)
    return spec(
        frame,
        name="checks",
        caption=title,
        notes=[
            f"{_dependence(study)}On the Bonett scale the variance "
            "depends on the numbers of respondents and items alone; a skewed distribution "
            "of true coefficients looks like selection. A test of little power says "
            "little where it does not reject.",
            *without,
        ],
        heads={"check": "Check", "estimate": f"Adjusted {sign}"},
        digits=2,
        groups="part" if parts else None,
        footnotes=("note",),
    )


_BELOW = re.compile(r"^([Nn]o coefficient lies below) [.\d]+ (\([^)]*\)).*")


def _with_result(frame: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Return the checks that gave a number, and in sentences why the others did not."""
    empty = frame[["estimate", "statistic", "p_value"]].isna().all(axis=1)
    if empty.all() or not empty.any():
        return frame, []
    reasons: dict[str, list[str]] = {}
    for name, note in frame.loc[empty, ["check", "note"]].itertuples(index=False):
        reasons.setdefault(_BELOW.sub(r"\1 the threshold \2", str(note)), []).append(
            str(name)
        )
    said = []
    for note, names in reasons.items():
        called = " and ".join(name[:1].lower() + name[1:] for name in names)
        why = f"{note[:1].lower()}{note[1:]}".rstrip(".")
        said.append(f"Not computed: {called}, since {why}.")
    return frame[~empty].reset_index(drop=True), said


def _dependence(study: Any) -> str:
    """Return that the model has the dependence of the coefficients, where it has."""
    pooled = getattr(study, "pooled", None)
    if pooled is None or not pooled.dependent:
        return ""
    return "The model of the study, dependence included. "
