"""How far the results carry, and what they mean for practice."""

from waistats import figures
from waistats.errors import listing
from waistats.format import coefficient, level, percent
from waistats.generalization.study import RGStudy
from waistats.practice import practice_table
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
    whole,
)
from waistats.report.figures import embed


def sensitivity(study: RGStudy, prefix: str) -> list[Section]:
    """Return what leaving out, checking and choosing otherwise does."""
    if study.pooled is None:
        return []
    shown = level(study.conf_level)
    left = study.leave_one_out
    low, high = left["estimate"].min(), left["estimate"].max()
    flags = study.influence
    marked = flags[flags["influential"]]
    words = (
        "No coefficient is influential by the usual rules."
        if len(marked) == 0
        else "Influential by the usual rules: "
        f"{listing(marked['study_id'].astype(str).unique())}."
    )
    blocks: list[Block] = [
        Paragraph(
            f"Without any one study the pooled alpha lies between {coefficient(low)} and "
            f"{coefficient(high)}. {words}"
        ),
        make_table(
            left,
            (
                Column("Left out", "omitted", text, False),
                Column("Alpha", "estimate", alpha),
                Column(f"{shown} CI", alpha_interval),
                Column("tau2", "tau2", decimals(3)),
                Column("I2", "I2", lambda v: percent(v)),
            ),
            "The overall estimate without each study.",
        ),
        _checks(study),
        Paragraph(study.multiverse.sentence()),
        embed(
            prefix + "multiverse",
            figures.multiverse(study.multiverse),
            "The pooled alpha under every specification.",
        ),
        make_table(
            study.multiverse.choices(),
            (
                Column("Choice", "choice", text, False),
                Column("Options", "options", whole),
                Column("Lowest", "low", text, False),
                Column("Mean alpha", "low_mean", alpha),
                Column("Highest", "high", text, False),
                Column("Mean alpha", "high_mean", alpha),
                Column("Difference", "difference", alpha),
            ),
            "What each choice does to the pooled alpha.",
        ),
    ]
    return [Section("sensitivity", "Sensitivity", blocks)]


def _checks(study: RGStudy) -> Block:
    return make_table(
        study.robustness,
        (
            Column("Check", "check", text, False),
            Column("Alpha", "estimate", alpha),
            Column("Statistic", "statistic", decimals(2)),
            Column("p", "p_value", probability),
            Column("Note", "note", text, False),
        ),
        "Small-study and reporting effects, on the one-level model.",
        [
            "On the Bonett scale the variance depends on n and the number of items "
            "alone, so that asymmetry is no artefact of the coefficient's own size. A "
            "skewed distribution of true coefficients looks like selection."
        ],
    )


def practice(study: RGStudy) -> list[Section]:
    """Return what a reader can plan with."""
    if study.overall is None:
        return []
    shown = level(study.conf_level)
    table = make_table(
        practice_table(study),
        (
            Column("Quantity", "quantity", text, False),
            Column("At the expected alpha", "estimate", decimals(3)),
            Column(f"At the lower end ({shown} PI)", "pi_low", decimals(3)),
            Column("At the upper end", "pi_high", decimals(3)),
        ),
        "What a reader can plan with.",
        [
            "The ends are those of the prediction interval for the true alpha of a new "
            "population. Alpha of one session says nothing about change over sessions: "
            "where a test-retest coefficient is there, it is the one for change."
        ],
    )
    words = (
        "Reliability belongs to scores of a sample, not to a test. Common conventions "
        "ask for .70 in research, .80 for decisions on groups and .90 for decisions on "
        "a person."
    )
    return [Section("practice", "For practice", [Paragraph(words), table])]
