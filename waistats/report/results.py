"""The pooled reliability: overall, by scale and by cell."""

from waistats import figures
from waistats.effect_sizes import ALPHA_TYPES
from waistats.format import fixed, interval, level, percent
from waistats.generalization.study import RGStudy
from waistats.meta.multilevel_result import MultilevelResult
from waistats.report.blocks import (
    Block,
    Column,
    Paragraph,
    Section,
    decimals,
    make_table,
    text,
)
from waistats.report.figures import embed
from waistats.report.shared_tables import pooled_table

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
