"""Moderators: one at a time, the model asked for, and the classical way."""

import re
from typing import Any

import pandas as pd

from waistats import figures
from waistats._format import fixed, level, p_statement, percent
from waistats._labels import statistic_text
from waistats.errors import WaistatsError
from waistats.meta.fit import fit_meta
from waistats.meta.multilevel.fit import fit_multilevel
from waistats.report.blocks import Block, Listing, Paragraph, Section, embed
from waistats.report.forest import MANY
from waistats.report.text import (
    equation_words,
    formula_words,
    holding,
    joined,
    moderators_sentence,
    titled,
)
from waistats.rg.moderators import moderator_term, tested_rows
from waistats.rg.pooling import likelihood
from waistats.rg.study import RGStudy
from waistats.tables._names import name_words, named_tests, why_words
from waistats.tables._paper import for_paper
from waistats.tables.models import cells, coefficients, moderators as in_alpha
from waistats.tables.moderators import correlates, screen


def moderators(study: RGStudy) -> list[Section]:
    """Return what the reliability goes with."""
    if study.pooled is None:
        return []
    blocks: list[Block] = []
    frame = study.screen
    tested = frame[frame["p_value"].notna()]
    if len(tested):
        blocks.append(Paragraph(moderators_sentence(study)))
        tests = named_tests(study, tested)
        blocks.append(screen(tests, conf_level=study.conf_level))
    blocks += _untested(study, frame[frame["p_value"].isna()])
    levels = study.levels
    pooled = levels[levels["estimate"].notna()] if len(levels) else levels
    # one level alone is no comparison
    several = pooled["moderator"].map(pooled["moderator"].value_counts()) > 1
    pooled = pooled[several.astype(bool)]
    if len(pooled):
        title = "Pooled Reliability by Level of Each Categorical Moderator"
        blocks.append(cells(pooled, title=title, conf_level=study.conf_level))
    for _, row in holding(study).iterrows():
        blocks += _drawn(study, row)
    blocks += _model(study)
    classical = study.correlates
    classical = classical[classical["p_value"].notna()]
    if len(classical):
        title = "Bivariate Correlations of Alpha"
        ends = study.conf_level
        blocks.append(correlates(classical, title=title, conf_level=ends))
    return [Section("moderators", "Moderators", blocks)]


def _untested(study: RGStudy, frame: pd.DataFrame) -> list[Block]:
    # what is the same in every row is no moderator of these
    rows = study.main_rows
    varies = [
        name not in rows or len(set(rows[name].dropna())) > 1
        for name in map(str, frame["moderator"])
    ]
    frame = frame[varies]
    if len(frame) == 0:
        return []
    notes = frame.groupby("note", sort=False)["moderator"].agg(
        lambda names: joined(map(name_words, names))
    )
    items = [
        f"{names[:1].upper()}{names[1:]}: "
        f"{for_paper(_reason(study, str(note))) or 'not estimable'}."
        for note, names in notes.items()
    ]
    return [Paragraph("Moderators that were not tested, and why:"), Listing(items)]


def _reason(study: RGStudy, note: str) -> str:
    words = why_words(study, note.removeprefix("descriptive only: "))
    found = _LEVELS.fullmatch(words)
    if found is None:
        return words
    many = len(_COUNTED.findall(found[2]))
    if many > _FEW_LEVELS:
        return f"no two of its {many} levels have {found[1]} studies"
    return words.replace("_", " ")


_LEVELS = re.compile(r"no two levels with (\d+) studies each \((.*)\)", re.S)
_COUNTED = re.compile(r" \d+(?=, |$)")
_FEW_LEVELS = 7


def _drawn(study: RGStudy, row: pd.Series) -> list[Block]:
    """Return the figure of a moderator whose test holds."""
    name, number = str(row["moderator"]), row["kind"] == "number"
    rows, metric, _ = tested_rows(study.main_rows, name)
    dependent = rows["study_id"].astype(str).duplicated().any()
    words = name_words(name) + (f" ({metric})" if metric else "")
    if not number and not dependent and len(rows) <= MANY:
        fit = fit_meta(rows, method=study.method, conf_level=study.conf_level)
        return [
            embed(
                f"forest_{name}",
                figures.forest(fit, by=name),
                f"Forest Plot by {titled(words)}",
                "One model with a mean for each level and one tau2.",
                simulated=study.simulated,
            )
        ]
    formula = f"~ {moderator_term(name, number=number)}"
    try:
        model = _fit(study, rows, formula, dependent)
    except WaistatsError:
        return []
    axes = figures.bubble(model, name)
    if metric:
        axes.set_xlabel(f"{axes.get_xlabel()}\n({metric.partition(';')[0]})")
    line = "the fitted line" if number else "the mean of each level"
    return [
        embed(
            f"bubble_{name}",
            axes,
            f"Alpha and {titled(name_words(name))}{metric and f' ({metric})'}",
            f"Each point is a coefficient, its area by weight, with {line}, its "
            f"{level(study.conf_level)} confidence band and the prediction interval "
            "(dashed).",
            simulated=study.simulated,
        )
    ]


def _fit(study: RGStudy, rows: pd.DataFrame, formula: str, dependent: bool) -> Any:
    if dependent:
        return fit_multilevel(
            rows,
            formula,
            method=likelihood(study.method),
            conf_level=study.conf_level,
            V=study.V,
        )
    return fit_meta(rows, formula, method=study.method, conf_level=study.conf_level)


def model_sentence(study: RGStudy) -> str:
    """Return the tests of the model with several moderators; empty without one."""
    model = study.moderator_model
    if model is None:
        return ""
    share = model.R2
    r2 = "" if share is None or pd.isna(share) else f", R2 = {percent(share, 1)}"
    own = ""
    if model.is_multilevel and (who := model.decided_by()):
        who = why_words(study, f"{who} alone").removesuffix(" alone")
        own = f", the model’s own test, since {who} alone determines a contrast"
    return (
        f"The model with {formula_words(study)} (k = {model.k}): "
        f"{statistic_text(model.omnibus)}{own}{r2}; residual heterogeneity "
        f"Q({model.Q_df}) = {fixed(model.Q, 2)}, {p_statement(model.Q_p)}, "
        f"tau2 = {fixed(model.tau2, 3)}. "
        f"Predictive equation: {equation_words(study)}."
    )


def _model(study: RGStudy) -> list[Block]:
    model = study.moderator_model
    if model is None:
        return []
    return [
        Paragraph(model_sentence(study)),
        coefficients(model, title=f"The Model with {titled(formula_words(study))}"),
        in_alpha(model, title="The Same Model in Units of Alpha"),
    ]
