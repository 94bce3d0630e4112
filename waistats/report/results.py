"""The pooled reliability: overall, by scale and by cell.

Moderators: one at a time, the model asked for, and the classical way.

Whether alpha differs because scores spread more, or because error differs.
"""

from typing import Any

import pandas as pd

from waistats import figures
from waistats._format import coefficient, fixed, interval, level, percent
from waistats.errors import WaistatsError
from waistats.measures import ALPHA_TYPES
from waistats.meta.fit import fit_meta
from waistats.meta.multilevel.fit import MultilevelResult, fit_multilevel
from waistats.report.blocks import (
    Block,
    Column,
    Paragraph,
    Section,
    alpha,
    alpha_interval,
    decimals,
    degrees,
    embed,
    make_table,
    pooled_table,
    probability,
    text,
    two,
    whole,
)
from waistats.report.text import name_words
from waistats.rg.moderators import moderator_term, tested_rows
from waistats.rg.pooling import likelihood
from waistats.rg.spread import SpreadResult, spread_analysis
from waistats.rg.study import RGStudy

# beyond this many rows a forest plot fills more than a page
MANY = 40
_TERMS = {
    "tau2": "tau2: variance of true values",
    "tau": "tau: their standard deviation",
    "I2": "I2: share of variance beyond sampling error, %",
    "H2": "H2: total over sampling variance",
}

_LEVELS = {
    "study_id": "between studies",
    "coefficient_id": "between coefficients of a study",
}


def pooled(study: RGStudy) -> Section:
    """Return the overall model, its heterogeneity and the pooled cells."""
    shown = level(study.conf_level)
    blocks: list[Block] = []
    if study.pooled is None:
        blocks.append(Paragraph(study.sentence()))
    else:
        blocks += _overall(study, shown)
    if len(study.scales) > 1:
        words = "Pooled reliability by scale and kind of coefficient."
        blocks.append(pooled_table(study.scales, words, shown))
    cells = study.cells
    words = "Pooled reliability by version, rater and scale."
    blocks.append(pooled_table(cells, words, shown))
    if "scale" in cells and cells["coefficient_type"].isin(ALPHA_TYPES).any():
        alphas = cells[cells["coefficient_type"].isin(ALPHA_TYPES)]
        down = tuple(name for name in study.by if name in cells and name != "scale")
        blocks.append(
            embed(
                "cells",
                figures.cells(alphas, down=down),
                "Map of the cells: pooled alpha and number of coefficients. Cells "
                "without colour have too few studies to be pooled; hatched ones have no "
                "poolable coefficient.",
                simulated=study.simulated,
            )
        )
    return Section("pooled", "Pooled reliability", blocks)


def _overall(study: RGStudy, shown: str) -> list[Block]:
    assert study.pooled is not None
    fit = study.pooled.fit
    blocks: list[Block] = [
        pooled_table(
            study.summary(),
            f"The overall model: alphas of the {study.main_scale} scale.",
            shown,
        ),
        _forest(study),
        make_table(
            fit.heterogeneity_intervals().reset_index(names="term"),
            (
                Column(
                    "Measure", lambda r: _TERMS.get(r["term"], r["term"]), text, False
                ),
                Column("Estimate", "estimate", decimals(4)),
                Column(
                    f"{shown} CI",
                    lambda r: interval(r["ci_low"], r["ci_high"], fixed),
                ),
            ),
            "Heterogeneity of the overall model.",
            [
                f"On the {study.measure} scale; tau2 does not compare across scales. "
                + (
                    "Profile-likelihood limits."
                    if isinstance(fit, MultilevelResult)
                    else "Q-profile limits."
                )
            ],
        ),
    ]
    if isinstance(fit, MultilevelResult):
        blocks.append(_components(fit, shown))
    blocks.append(
        embed(
            "funnel",
            figures.funnel(study.pooled.independent),
            "Funnel plot: the coefficients of the overall model against their standard "
            f"errors. Dashed lines hold {shown} of them if all samples had one true "
            "reliability; shades begin at alphas of .70, .80 and .90.",
            simulated=study.simulated,
        )
    )
    return blocks


def _forest(study: RGStudy) -> Block:
    assert study.pooled is not None
    fit = study.pooled.fit
    many = fit.k > MANY
    draw = figures.caterpillar if many else figures.forest
    kind = "Caterpillar plot" if many else "Forest plot"
    caption = f"{kind} of the overall model ({study.pooled.model})."
    return embed("forest", draw(study), caption, simulated=study.simulated)


def _components(fit: MultilevelResult, shown: str) -> Block:
    return make_table(
        fit.components,
        (
            Column("Level", lambda r: _LEVELS.get(r["level"], r["level"]), text, False),
            Column("sigma2", "sigma2", decimals(4)),
            Column(f"{shown} CI", lambda r: interval(r["ci_low"], r["ci_high"], fixed)),
            Column("I2", "I2", lambda v: percent(v)),
        ),
        "Where the heterogeneity of the overall model lies.",
        ["Profile-likelihood limits. The outer level stands first."],
    )


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
    number = row["kind"] == "number"
    rows, metric, _ = tested_rows(study.main_rows, name)
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
    formula = f"~ {moderator_term(name, number=number)}"
    model: Any
    if dependent:
        model = fit_multilevel(
            rows,
            formula,
            method=likelihood(study.method),
            conf_level=study.conf_level,
            V=study.V,
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


_QUANTITIES = {
    "tau2_error": "tau2 of log error variance",
    "tau2_spread": "tau2 of log score variance",
    "tau2_alpha": "tau2 of transformed alpha",
    "slope": "slope of transformed alpha on log score variance",
    "correlation": "correlation of both true values",
}

# a note to who computes; the report follows it
_ADVICE = "moderators="


def spread(study: RGStudy) -> Section:
    """Return the verdict, or in a sentence why there is none."""
    title = "Error or spread?"
    try:
        found = spread_analysis(study.main_rows, conf_level=study.conf_level)
    except WaistatsError as error:
        why = Paragraph(
            "Whether alpha differs because scores spread more or because measurement "
            f"error differs cannot be told here. {error}"
        )
        return Section("spread", title, [why])
    sentences = [
        "A higher alpha can mean less error or more spread of true scores (Botella et "
        f"al., 2010). In {found.k} samples with a standard deviation: {found.verdict}",
        *(note for note in found.notes if _ADVICE not in note),
        *_same_length(study, found),
    ]
    table = make_table(
        found.to_frame(),
        (
            Column(
                "Quantity", lambda r: _QUANTITIES.get(r["term"], r["term"]), text, False
            ),
            Column("Estimate", "estimate", decimals(3)),
            Column(
                f"{level(study.conf_level)} CI",
                lambda r: interval(r["ci_low"], r["ci_high"], lambda v: fixed(v, 3)),
            ),
            Column("Tested against", "null", decimals(0)),
            Column("Statistic", "statistic", decimals(2)),
            Column("df", "df", decimals(0)),
            Column("p", "p_value", probability),
        ),
        "Heterogeneity of error, of spread and of alpha, and how alpha goes with spread.",
        [
            "tau2 by Q-profile limits and Q tests, slope by profile likelihood. A slope "
            "of 1 means that only spread differs."
        ],
    )
    return Section("spread", title, [Paragraph(" ".join(sentences)), table])


def _same_length(study: RGStudy, found: SpreadResult) -> list[str]:
    """Return the verdict with the number of items held constant, where it differs."""
    if found.table["n_items"].nunique() < 2:
        return []
    try:
        held = spread_analysis(
            study.main_rows, "~ np.log(n_items)", conf_level=study.conf_level
        )
    except WaistatsError:
        return []
    return [f"With the number of items held constant: {held.verdict}"]
