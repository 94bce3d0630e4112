"""The pooled reliability and its moderators."""

from waistats import figures
from waistats.format import coefficient, fixed, level, percent
from waistats.generalization.study import RGStudy
from waistats.meta.multilevel_result import MultilevelResult
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
from waistats.report.shared_tables import degrees, pooled_table

MANY = 40


def pooled(study: RGStudy, prefix: str) -> Section:
    """Return the overall model, its heterogeneity and the pooled cells."""
    shown = level(study.conf_level)
    blocks: list[Block] = []
    if study.pooled is not None:
        fit = study.pooled.fit
        limits = fit.heterogeneity_intervals()
        frame = limits.reset_index(names="term")
        blocks.append(_forest(study, prefix))
        funnel = figures.funnel(study.pooled.independent)
        blocks.append(
            make_table(
                frame,
                (
                    Column("Heterogeneity", "term", text, False),
                    Column("Estimate", "estimate", decimals(4)),
                    Column(
                        f"{shown} CI",
                        lambda r: f"[{fixed(r['ci_low'])}, {fixed(r['ci_high'])}]",
                    ),
                ),
                "Heterogeneity of the overall model.",
                [
                    f"Scale of tau2: {study.measure}. tau2 does not compare across scales."
                ],
            )
        )
        if isinstance(fit, MultilevelResult):
            blocks.append(_components(fit, shown))
        blocks.append(
            embed(prefix + "funnel", funnel, "Precision and size of the coefficients.")
        )
    if len(study.scales) > 1:
        blocks.append(pooled_table(study.scales, "By scale and kind.", shown))
    blocks.append(pooled_table(study.cells, "Pooled reliability per cell.", shown))
    return Section("pooled", "Pooled reliability", blocks)


def _forest(study: RGStudy, prefix: str) -> Block:
    assert study.pooled is not None
    fit = study.pooled.fit
    draw = figures.caterpillar if fit.k > MANY else figures.forest
    caption = f"Overall model: {study.pooled.model}."
    if study.pooled.robust is not None:
        caption += " The diamond is the model's own interval."
    return embed(prefix + "forest", draw(fit), caption)


def _components(fit: MultilevelResult, shown: str) -> Block:
    return make_table(
        fit.components,
        (
            Column("Level", "level", text, False),
            Column("sigma2", "sigma2", decimals(4)),
            Column(
                f"{shown} CI",
                lambda r: f"[{fixed(r['ci_low'])}, {fixed(r['ci_high'])}]",
            ),
            Column("I2", "I2", lambda v: percent(v)),
        ),
        "Where the heterogeneity lies.",
        ["Profile-likelihood intervals."],
    )


def moderators(study: RGStudy, prefix: str) -> list[Section]:
    """Return moderators one at a time, the model asked for, the classical way."""
    if study.pooled is None:
        return []
    shown = level(study.conf_level)
    blocks: list[Block] = []
    screen = study.screen
    tested = screen[screen["p_value"].notna()]
    if len(tested):
        blocks.append(
            make_table(
                tested,
                (
                    Column("Moderator", "moderator", text, False),
                    Column("k", "k", whole),
                    Column("F", "statistic", decimals(2)),
                    Column("df", degrees),
                    Column("p", "p_value", probability),
                    Column("adjusted p", "p_adjusted", probability),
                    Column("R2", "R2", lambda v: percent(v)),
                    Column("Test", "model", text, False),
                ),
                "Moderators, one at a time.",
                ["Adjusted by Holm's method. R2: heterogeneity explained."],
            )
        )
    untested = screen[screen["p_value"].isna()]
    if len(untested):
        words = [f"{r['moderator']} ({r['note']})" for _, r in untested.iterrows()]
        blocks.append(Paragraph("Not tested: " + "; ".join(words) + "."))
    pooled = study.levels[study.levels["note"] == ""] if len(study.levels) else None
    if pooled is not None and len(pooled):
        blocks.append(pooled_table(pooled, "Pooled reliability by level.", shown))
    blocks += _model(study, shown)
    blocks += _classical(study)
    return [Section("moderators", "Moderators", blocks)]


def _model(study: RGStudy, shown: str) -> list[Block]:
    model = study.moderator_model
    if model is None:
        return []
    frame = model.to_frame()
    return [
        make_table(
            frame,
            (
                Column("Term", "term", text, False),
                Column("b", "estimate", decimals(4)),
                Column("se", "se", decimals(4)),
                Column("t", "statistic", decimals(2)),
                Column("p", "p_value", probability),
                Column(
                    f"{shown} CI",
                    lambda r: f"[{fixed(r['ci_low'])}, {fixed(r['ci_high'])}]",
                ),
            ),
            f"Model with {study.formula}, on the {study.measure} scale.",
            [model.omnibus.sentence() + ".", f"Prediction: {study.equation}."],
        ),
        make_table(
            model.alpha_effects(),
            (
                Column("Variable", "variable", text, False),
                Column("Value", "value", text, False),
                Column("Alpha", "estimate", alpha),
                Column(f"{shown} CI", alpha_interval),
                Column("Change", "change", alpha),
            ),
            "The same on the alpha scale, from the baseline of the first row.",
        ),
    ]


def _classical(study: RGStudy) -> list[Block]:
    frame = study.correlates
    frame = frame[frame["p_value"].notna()]
    if len(frame) == 0:
        return []
    return [
        make_table(
            frame,
            (
                Column("Characteristic", "characteristic", text, False),
                Column("k", "k", whole),
                Column("r", "estimate", two),
                Column(
                    "95% CI",
                    lambda r: (
                        f"[{coefficient(r['ci_low'], 2)}, "
                        f"{coefficient(r['ci_high'], 2)}]"
                    ),
                ),
                Column("r2", "r2", two),
                Column("p", "p_value", probability),
                Column("adjusted p", "p_adjusted", probability),
            ),
            "Bivariate correlations of alpha, as in the classical study.",
            [
                "Unweighted, untransformed, every coefficient taken as independent: "
                "later methodology weights by precision, transforms, and models "
                "dependence. Sample size is a precision, not a cause of reliability."
            ],
        )
    ]
