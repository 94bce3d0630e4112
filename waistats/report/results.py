"""The pooled reliability: overall, by cell, and for every scale and kind."""

import pandas as pd

from waistats import figures
from waistats._labels import kind_words, symbol_of
from waistats.errors import WaistatsError
from waistats.measures import ALPHA_TYPES
from waistats.report._paper import with_shared_notes
from waistats.report.blocks import Block, Paragraph, Section, embed
from waistats.report.forest import DEFAULT, Forest, forest_figure
from waistats.report.text import is_pooled, named_tests, not_pooled, titled
from waistats.rg._part import is_large
from waistats.rg.descriptives import kinds
from waistats.rg.pooling import FEWEST_TO_POOL, Pooled, pool
from waistats.rg.robustness import robustness
from waistats.rg.study import RGStudy
from waistats.tables._build import spec
from waistats.tables.models import cells, components, heterogeneity
from waistats.tables.moderators import screen

# studies from which tests of small-study effects are of use
CHECKED = 10


def pooled(study: RGStudy, forest: Forest = DEFAULT) -> Section:
    """Return the overall model, its heterogeneity and the pooled cells."""
    blocks: list[Block] = []
    if study.pooled is None:
        blocks.append(Paragraph(not_pooled(study)))
    else:
        blocks += _overall(study, forest)
    if not is_pooled(study):
        return Section("pooled", "Pooled reliability", blocks)
    if len(study.scales) > 1:
        title = "Pooled Reliability by Scale and Kind of Coefficient"
        rows = with_shared_notes(study.scales)
        blocks.append(cells(rows, title=title, conf_level=study.conf_level))
    title = "Pooled Reliability by Version, Rater and Scale"
    # one cell that is the overall model says it a second time
    if not (
        study.pooled is not None and len(study.cells) == 1 and len(study.scales) < 2
    ):
        rows = with_shared_notes(study.cells)
        blocks.append(cells(rows, title=title, conf_level=study.conf_level))
    return Section("pooled", "Pooled reliability", blocks)


def overall_table(study: RGStudy) -> Block:
    """Return the overall model in one row."""
    title = f"The Overall Model: Alphas of the {study.main_scale.title()} Scale"
    return cells(study.summary(), title=title, conf_level=study.conf_level)


def _overall(study: RGStudy, forest: Forest) -> list[Block]:
    assert study.pooled is not None
    fit = study.pooled.fit
    # the tables share a page in print; the figure after them may fill one
    blocks: list[Block] = [
        overall_table(study),
        heterogeneity(study, title="Heterogeneity of the Overall Model"),
    ]
    if fit.is_multilevel:
        title = "Where the Heterogeneity of the Overall Model Lies"
        blocks.append(components(fit, title=title))
    blocks.append(
        forest_figure(study.pooled, "forest", "of the Overall Model", study, forest)
    )
    blocks.append(
        embed(
            "funnel",
            figures.funnel(study.pooled.independent),
            "Funnel Plot of the Overall Model",
            "Coefficients against their standard errors; dashed lines hold 95% of them if "
            "all samples had one true reliability; shades begin at alphas of .70, .80 and "
            ".90.".replace("95%", f"{100 * study.conf_level:g}%")
            + (
                " Pooled by the one-level model, as if the coefficients of a study were "
                "independent."
                if study.pooled.dependent
                else ""
            ),
            simulated=study.simulated,
        )
    )
    return blocks


def parts(study: RGStudy, forest: Forest = DEFAULT) -> list[Section]:
    """Return a forest plot and moderators for every other scale and kind."""
    blocks: list[Block] = []
    checked: list[pd.DataFrame] = []
    screened: list[pd.DataFrame] = []
    signs: set[str] = set()
    used = study.effects[study.effects["yi"].notna()]
    for scale, kind, rows in other_parts(study, used):
        noun = "alphas" if kind == "alpha" else kind_words(kind) + " coefficients"
        noun = "ICCs" if kind == "icc" else noun
        words = f"{noun} of the {scale} scale"
        try:
            made = pool(rows, **study.pool_options)
        except WaistatsError:
            continue
        name = f"forest_{scale}_{kind}".replace(" ", "_")
        title = titled(words)
        blocks.append(forest_figure(made, name, f"of the {title}", study, forest))
        frame = study.screened(rows)
        tested = frame[frame["p_value"].notna()]
        if len(tested):
            head = f"{title[:1].upper()}{title[1:]}"
            screened.append(named_tests(study, tested).assign(part=head))
            signs.add(symbol_of(rows))
        if made.n_studies >= CHECKED and not is_large(study):
            checked.append(_checked(made, title))
    if screened:
        blocks.append(_screens(screened, signs))
    if checked:
        blocks.append(_reporting(pd.concat(checked, ignore_index=True)))
    if not blocks:
        return []
    title = "Every other scale and kind"
    if study.pooled is None:
        title = "Every scale and kind"
    return [Section("parts", title, blocks)]


def _screens(parts: list[pd.DataFrame], signs: set[str]) -> Block:
    """Return the tests of moderators of other scales and kinds, below each other."""
    sign = signs.pop() if len(signs) == 1 else ""
    title = "Moderators of Other Scales and Kinds"
    return screen(
        pd.concat(parts, ignore_index=True), title=title, sign=sign, groups="part"
    )


def _checked(part: Pooled, title: str) -> pd.DataFrame:
    """Return the small-study checks of one scale and kind, without selection models."""
    frame = robustness(part.fit, thresholds=())
    if "Alpha" not in title:
        words = frame["note"].astype(str)
        frame["note"] = words.str.replace("withheld alphas", "withheld values")
    return frame.assign(part=f"{title[:1].upper()}{title[1:]}")


def _reporting(frame: pd.DataFrame) -> Block:
    """Return the small-study checks of other scales and kinds, side by side."""
    return spec(
        frame,
        name="reporting",
        caption="Small-Study Checks of Other Scales and Kinds",
        notes=[
            f"Of scales and kinds with at least {CHECKED} studies. A test of little power "
            "says little where it does not reject."
        ],
        heads={"check": "Check", "estimate": "Estimate after it"},
        digits=2,
        groups="part",
        footnotes=("note",),
    )


def other_parts(
    study: RGStudy, used: pd.DataFrame
) -> list[tuple[str, str, pd.DataFrame]]:
    """Return scale, kind and rows of what can be pooled besides the overall model."""
    scales = (
        used["scale"].fillna("total").astype(str)
        if "scale" in used
        else pd.Series("total", index=used.index)
    )
    # alpha and KR-20 are pooled together
    names = kinds(used).where(~kinds(used).isin(ALPHA_TYPES), "alpha")
    found = []
    for (scale, kind), rows in used.groupby([scales, names], sort=True):
        main = scale == study.main_scale and kind == "alpha"
        if not main and rows["study_id"].nunique() >= FEWEST_TO_POOL:
            found.append((str(scale), str(kind), rows.reset_index(drop=True)))
    return found
