"""A study to the sections of its report."""

from typing import Any

import pandas as pd

from waistats import figures
from waistats.errors import WaistatsError, listing
from waistats.format import coefficient, fixed, level, percent
from waistats.generalization.describe import kinds
from waistats.generalization.study import RGStudy
from waistats.instruments import get_instrument
from waistats.meta.multilevel_result import MultilevelResult
from waistats.report.blocks import (
    Block,
    Code,
    Column,
    Listing,
    Paragraph,
    Section,
    alpha,
    alpha_interval,
    decimals,
    make_table,
    plain,
    probability,
    text,
    two,
    whole,
    year,
)
from waistats.report.code import python_code, r_code
from waistats.report.figures import embed
from waistats.report.regema import checklist
from waistats.report.text import (
    limitations,
    methods_paragraph,
    other_kinds,
    references,
    results_paragraph,
)

MANY = 40
_CELL = (
    Column("Version", "instrument", text, False),
    Column("Rater", "rater", text, False),
    Column("Scale", "scale", text, False),
    Column("Coefficient", "coefficient_type", text, False),
)


def study_sections(study: RGStudy, prefix: str = "") -> list[Section]:
    """Return the sections of a study's report; ``prefix`` keeps ids of several apart."""
    made = [
        _summary(study),
        _methods(study),
        *_instruments(study),
        _descriptives(study, prefix),
        _pooled(study, prefix),
        *_moderators(study, prefix),
        *_sensitivity(study, prefix),
        *_excluded(study),
        Section("limitations", "Limitations", [Listing(limitations(study))]),
        _data(study),
    ]
    made.append(_checklist(study, {section.id for section in made} | {"colophon"}))
    made.append(_again(study))
    made.append(Section("references", "References", [Listing(references(study))]))
    return [
        Section(prefix + section.id, section.title, section.blocks, section.level)
        for section in made
    ]


def _summary(study: RGStudy) -> Section:
    blocks: list[Block] = []
    if study.simulated:
        blocks.append(Paragraph("These data are SIMULATED.", tone="warning"))
    blocks.append(Paragraph(results_paragraph(study), tone="lead"))
    return Section("summary", "Summary", blocks)


def _methods(study: RGStudy) -> Section:
    return Section("methods", "Methods", [Paragraph(methods_paragraph(study))])


def _instruments(study: RGStudy) -> list[Section]:
    """Return the cards of the known forms that the table names."""
    if "instrument" not in study.effects:
        return []
    rows = []
    for name in sorted({str(v) for v in study.effects["instrument"].dropna()}):
        try:
            form = get_instrument(name, provisional=True)
        except WaistatsError:
            continue
        scale = f"{form.response_min} to {form.response_max}"
        if form.response_min is None:
            scale = ""
        reference = form.reference or form.doi
        rows.append((form.name, form.n_items, scale, listing(form.raters), reference))
    if not rows:
        return []
    frame = pd.DataFrame(rows, columns=["name", "items", "scale", "raters", "ref"])
    table = make_table(
        frame,
        (
            Column("Form", "name", text, False),
            Column("Items", "items", whole),
            Column("Responses", "scale", text, False),
            Column("Raters", "raters", text, False),
            Column("Reference", "ref", text, False),
        ),
        "Forms in this study.",
        ["Item texts are copyrighted; waistats knows item numbers and keys only."],
    )
    return [Section("instruments", "Instruments", [table])]


def _descriptives(study: RGStudy, prefix: str) -> Section:
    frame = study.descriptives
    filled = frame[(frame["k"] > 0) | (frame["k_without_value"] > 0)]
    table = make_table(
        filled,
        (
            *_CELL,
            Column("k", "k", whole),
            Column("Studies", "k_studies", whole),
            Column("Mean", "mean", two),
            Column("Median", "median", two),
            Column("Mode", "mode", two),
            Column("SD", "sd", two),
            Column("Min", "min", two),
            Column("Q1", "q1", two),
            Column("Q3", "q3", two),
            Column("Max", "max", two),
            Column("Poolable", "k_poolable", whole),
            Column("No value", "k_without_value", whole),
        ),
        "Coefficients by cell, unweighted and untransformed.",
        [
            f"{len(frame) - len(filled)} combinations of these levels have no "
            "coefficient.",
            "No value: a range or a bound was reported. Mode: of values rounded to two "
            "decimals; a dash where none repeats.",
        ],
    )
    blocks: list[Block] = [table]
    alphas = study.coefficients[kinds(study.effects) == "alpha"]
    if pd.to_numeric(alphas["estimate"], errors="coerce").notna().any():
        drawn = figures.box(alphas, by=study.by)
        blocks.append(embed(prefix + "box", drawn, "Alphas by cell."))
        blocks.append(Code(study.stem_and_leaf, "Stem and leaf of the alphas."))
    others = other_kinds(study)
    if others:
        words = listing(f"{k} {name}" for name, k in others.items())
        blocks.append(
            Paragraph(f"Other kinds of coefficients, kept apart from alpha: {words}.")
        )
    return Section("descriptives", "Descriptives", blocks)


def _pooled(study: RGStudy, prefix: str) -> Section:
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
        blocks.append(_pooled_table(study.scales, "By scale and kind.", shown))
    blocks.append(_pooled_table(study.cells, "Pooled reliability per cell.", shown))
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


def _pooled_table(frame: pd.DataFrame, caption: str, shown: str) -> Block:
    notes = []
    if (frame["note"] != "").any():
        notes.append("Cells of fewer than three studies are described only.")
    return make_table(
        frame,
        (
            Column("Moderator", "moderator", text, False),
            Column("Level", "level", text, False),
            *_CELL,
            Column("k", "k", whole),
            Column("Studies", "k_studies", whole),
            Column("N", "n", whole),
            Column("Alpha", "estimate", alpha),
            Column(f"{shown} CI", alpha_interval),
            Column(f"{shown} PI", lambda r: alpha_interval(r, "pi_low", "pi_high")),
            Column("tau2", "tau2", decimals(3)),
            Column("I2", "I2", lambda v: percent(v)),
            Column("Model", lambda r: text(r["note"] or r["model"]), numeric=False),
        ),
        caption,
        notes,
    )


def _moderators(study: RGStudy, prefix: str) -> list[Section]:
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
                    Column("df", _dfs),
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
        blocks.append(_pooled_table(pooled, "Pooled reliability by level.", shown))
    blocks += _model(study, shown)
    blocks += _classical(study)
    return [Section("moderators", "Moderators", blocks)]


def _dfs(row: Any) -> str:
    return f"{fixed(row['df'], 0)}, {fixed(row['df_denominator'], 1)}"


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


def _sensitivity(study: RGStudy, prefix: str) -> list[Section]:
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
    ]
    return [Section("sensitivity", "Sensitivity", blocks)]


def _excluded(study: RGStudy) -> list[Section]:
    frame = study.excluded
    if len(frame) == 0:
        return []
    table = make_table(
        frame,
        (
            Column("Study", "study_id", text, False),
            *_CELL,
            Column("Value", "estimate", alpha),
            Column("Reason", "reason", text, False),
        ),
        f"The {len(frame)} coefficients that are not pooled, and why.",
    )
    return [Section("excluded", "Coefficients left out", [table])]


def _data(study: RGStudy) -> Section:
    frame = study.coefficients
    table = make_table(
        frame,
        (
            Column("Study", "study_id", text, False),
            Column("Year", "year", year),
            *_CELL,
            Column("Value", "estimate", alpha),
            Column("n", "n", whole),
            Column("Items", "n_items", whole),
            Column("Score mean", "score_mean", decimals(2)),
            Column("Score SD", "score_sd", decimals(2)),
            Column("Language", "language", text, False),
            Column("Modality", "modality", text, False),
            Column("Provenance", "provenance", text, False),
            Column("Source", "source_url", text, False),
            Column("Source", "source", text, False),
            Column("Evidence", "evidence", text, False),
        ),
        "All coefficients. Choose a heading to sort by it.",
        sortable=True,
    )
    return Section("data", "Data", [table])


def _checklist(study: RGStudy, ids: set[str]) -> Section:
    items = checklist(study, ids)
    frame = pd.DataFrame(
        [(i.number, i.part, i.asks, i.status, i.where.lstrip("#")) for i in items],
        columns=["number", "part", "asks", "status", "where"],
    )
    done = (frame["status"] == "filled").sum()
    table = make_table(
        frame,
        (
            Column("Item", "number", plain),
            Column("Part", "part", text, False),
            Column("What it asks", "asks", text, False),
            Column("Here", "status", text, False),
            Column("Section", "where", text, False),
        ),
        f"REGEMA checklist: {done} of {len(frame)} items filled by this report.",
        ["Items in our words; partly filled and empty ones are for the author."],
    )
    return Section("regema", "REGEMA checklist", [table])


def _again(study: RGStudy) -> Section:
    blocks: list[Block] = [Code(python_code(study), "In Python.")]
    r = r_code(study)
    if r:
        blocks.append(Code(r, "The overall model in R (metafor)."))
    return Section("again", "Make it again", blocks)
