"""Moderators: one at a time, the model asked for, and the classical way."""

from typing import Any

import pandas as pd

from waistats import figures
from waistats.format import coefficient, fixed, interval, level, percent
from waistats.generalization.compare import on_one_metric
from waistats.generalization.screen import CANDIDATES, PER_LEVEL
from waistats.generalization.study import RGStudy
from waistats.meta.fit import fit_meta
from waistats.meta.multilevel import fit_multilevel
from waistats.report.blocks import (
    Block,
    Column,
    Paragraph,
    Section,
    alpha,
    alpha_interval,
    decimals,
    make_table,
    probability,
    text,
    two,
    whole,
)
from waistats.report.figures import embed
from waistats.report.results import MANY
from waistats.report.shared_tables import degrees, pooled_table
from waistats.report.text import name_words


def moderators(study: RGStudy) -> list[Section]:
    """Return what the reliability goes with."""
    if study.pooled is None:
        return []
    shown = level(study.conf_level)
    blocks: list[Block] = []
    screen = study.screen
    tested = screen[screen["p_value"].notna()]
    if len(tested):
        blocks.append(_screen(tested))
    untested = screen[screen["p_value"].isna()]
    if len(untested):
        notes = untested.groupby("note", sort=False)["moderator"].agg(
            lambda names: ", ".join(map(name_words, names))
        )
        listed = "; ".join(f"{names} ({note})" for note, names in notes.items())
        blocks.append(Paragraph(f"Not tested: {listed}."))
    blocks += [_drawn(study, row) for _, row in tested.iterrows()]
    levels = study.levels
    pooled = levels[levels["estimate"].notna()] if len(levels) else levels
    if len(pooled):
        words = "Pooled reliability by level of each categorical moderator."
        blocks.append(pooled_table(pooled, words, shown))
    blocks += _model(study, shown)
    blocks += _classical(study)
    return [Section("moderators", "Moderators", blocks)]


def _screen(tested: pd.DataFrame) -> Block:
    return make_table(
        tested,
        (
            Column("Moderator", "moderator", name_words, False),
            Column("k", "k", whole),
            Column("F", "statistic", decimals(2)),
            Column("df", degrees),
            Column("p", "p_value", probability),
            Column("Adjusted p", "p_adjusted", probability),
            Column("R2", "R2", lambda v: percent(v)),
            Column("Test", "model", text, False),
        ),
        "Moderators, one at a time.",
        [
            "Adjusted by Holm's method. R2: heterogeneity explained. The number of items "
            "enters as its logarithm."
        ],
    )


def _drawn(study: RGStudy, row: pd.Series) -> Block:
    """Return the figure of a tested moderator, from the rows it was tested on."""
    name = str(row["moderator"])
    table, metric = on_one_metric(study.main_rows, name)
    number = row["kind"] == "number"
    blank = table[name].isna() | (table[name].astype(str).str.strip() == "")
    rows = table[~blank]
    if not number:
        counts = rows[name].astype(str).value_counts()
        rows = rows[rows[name].astype(str).isin(counts.index[counts >= PER_LEVEL])]
        rows = rows.assign(**{name: rows[name].astype(str)})
    rows = rows.reset_index(drop=True)
    dependent = rows["study_id"].astype(str).duplicated().any()
    words = name_words(name) + (f" ({metric})" if metric else "")
    if not number and not dependent and len(rows) <= MANY:
        fit = fit_meta(rows, method=study.method, conf_level=study.conf_level)
        return embed(
            f"forest_{name}",
            figures.forest(fit, by=name),
            f"Forest plot by {words}: one model with a mean for each level and one tau2.",
            simulated=study.simulated,
        )
    formula = f"~ {CANDIDATES.get(name, name) if number else name}"
    model: Any
    if dependent:
        method = study.method if study.method in {"ML", "REML"} else "REML"
        model = fit_multilevel(
            rows, formula, method=method, conf_level=study.conf_level
        )
    else:
        model = fit_meta(
            rows, formula, method=study.method, conf_level=study.conf_level
        )
    line = "the fitted line" if number else "the mean of each level"
    axes = figures.bubble(model, name)
    if metric:
        axes.set_xlabel(f"{axes.get_xlabel()}\n({metric.partition(';')[0]})")
    return embed(
        f"bubble_{name}",
        axes,
        f"Alpha against {words}, with {line}, its {level(study.conf_level)} confidence "
        "band and the prediction interval (dashed). Areas show weights.",
        simulated=study.simulated,
    )


def _model(study: RGStudy, shown: str) -> list[Block]:
    model = study.moderator_model
    if model is None:
        return []
    return [
        make_table(
            model.to_frame(),
            (
                Column("Term", "term", text, False),
                Column("b", "estimate", decimals(4)),
                Column("se", "se", decimals(4)),
                Column("t", "statistic", decimals(2)),
                Column("p", "p_value", probability),
                Column(
                    f"{shown} CI",
                    lambda r: interval(r["ci_low"], r["ci_high"], fixed),
                ),
            ),
            f"The model with {study.formula}, on the {study.measure} scale.",
            [model.omnibus.sentence() + ".", f"Prediction: {study.equation}."],
        ),
        make_table(
            model.alpha_effects(),
            (
                Column("Variable", "variable", text, False),
                Column("Value", "value", _value, False),
                Column("Alpha", "estimate", alpha),
                Column(f"{shown} CI", alpha_interval),
                Column("Change", "change", alpha),
            ),
            "The same model on the scale of alpha, from the baseline of the first row.",
        ),
    ]


def _value(value: Any) -> str:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return f"{value:.6g}" if number else text(value)


def _characteristic(name: str) -> str:
    """Return a number in words, or a level of a category."""
    column, equals, level = name.partition(" = ")
    return f"{name_words(column)}{equals}{level}"


def _classical(study: RGStudy) -> list[Block]:
    frame = study.correlates
    frame = frame[frame["p_value"].notna()]
    if len(frame) == 0:
        return []
    return [
        make_table(
            frame,
            (
                Column("Characteristic", "characteristic", _characteristic, False),
                Column("k", "k", whole),
                Column("r", "estimate", two),
                Column(
                    "95% CI",
                    lambda r: interval(
                        r["ci_low"], r["ci_high"], lambda v: coefficient(v, 2)
                    ),
                ),
                Column("r2", "r2", two),
                Column("p", "p_value", probability),
                Column("Adjusted p", "p_adjusted", probability),
            ),
            "Bivariate correlations of alpha, as in the classical study.",
            [
                "Unweighted, untransformed, every coefficient taken as independent: "
                "later methodology weights by precision, transforms, and models "
                "dependence. Sample size is a precision, not a cause of reliability."
            ],
        )
    ]
