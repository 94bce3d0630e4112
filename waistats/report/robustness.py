"""How far the results carry: leaving out, subsets, reporting, other choices."""

import numpy as np
import pandas as pd

from waistats import figures
from waistats._format import coefficient, count, interval, level, percent
from waistats.errors import listing
from waistats.report.blocks import (
    Block,
    Column,
    Paragraph,
    Section,
    alpha,
    alpha_interval,
    decimals,
    embed,
    make_table,
    probability,
    text,
    whole,
)
from waistats.report.results import MANY
from waistats.rg.pooling import FEWEST_TO_POOL, pool
from waistats.rg.study import RGStudy

# all subsets are few enough to be drawn up to here
GOSH_UP_TO = 15
SHOWN = 10


def sensitivity(study: RGStudy) -> list[Section]:
    """Return what leaving out, subsets and reporting checks do to the result."""
    if study.pooled is None:
        return []
    blocks: list[Block] = [
        Paragraph(" ".join(_words(study))),
        *_left_out(study),
        embed(
            "influence",
            figures.influence(study.pooled.fit),
            "Influence of each coefficient on the overall model; influential ones are "
            "marked.",
            simulated=study.simulated,
        ),
    ]
    if study.pooled.independent.k <= GOSH_UP_TO:
        blocks.append(
            embed(
                "gosh",
                figures.gosh(study),
                "The overall model fitted to subsets of the "
                f"{'studies' if study.pooled.dependent else 'coefficients'} (Olkin et "
                "al., 2012): separate clouds would mean that different populations were "
                "mixed.",
                simulated=study.simulated,
            )
        )
    blocks.append(_checks(study))
    return [Section("sensitivity", "Sensitivity", blocks)]


def _words(study: RGStudy) -> list[str]:
    assert study.pooled is not None
    left = study.leave_one_out
    low, high = left["estimate"].min(), left["estimate"].max()
    words = [
        f"Without any one study the pooled alpha lies between {coefficient(low)} and "
        f"{coefficient(high)}."
    ]
    flags = study.influence
    marked = flags["influential"].to_numpy(dtype=bool)
    if not marked.any():
        return [*words, "No coefficient is influential by the usual rules."]
    rows = study.main_rows
    names = rows.loc[marked, "study_id"].astype(str).unique()
    words.append(f"Influential by the usual rules: {listing(names)}.")
    rest = rows[~marked].reset_index(drop=True)
    if rest["study_id"].nunique() >= FEWEST_TO_POOL:
        row = pool(
            rest,
            method=study.method,
            conf_level=study.conf_level,
            within_correlation=study.within_correlation,
        ).row()
        words.append(
            f"Without {'them' if marked.sum() > 1 else 'it'} the pooled alpha is "
            f"{coefficient(row['estimate'])}, {level(study.conf_level)} CI "
            f"{interval(row['ci_low'], row['ci_high'])}."
        )
    return words


def _left_out(study: RGStudy) -> list[Block]:
    """Return the refits without each study: all drawn and listed where they are few."""
    frame = study.leave_one_out
    few = len(frame) <= MANY
    shown = frame if few else _farthest(study, frame)
    table = make_table(
        shown,
        (
            Column("Left out", "omitted", text, False),
            Column("Alpha", "estimate", alpha),
            Column(f"{level(study.conf_level)} CI", alpha_interval),
            Column("tau2", "tau2", decimals(3)),
            Column("I2", "I2", lambda v: percent(v)),
        ),
        "The overall estimate without each study."
        if few
        else f"The {SHOWN} studies of {count(len(frame))} whose omission moves the overall "
        "estimate most.",
        ["Intervals of the model, not cluster-robust."] if _robust(study) else [],
    )
    if not few:
        return [table]
    assert study.pooled is not None
    drawn = figures.leave_one_out(study)
    caption = "The overall estimate without each study in turn, and with all (line and "
    caption += "band)."
    return [embed("leave_one_out", drawn, caption, simulated=study.simulated), table]


def _robust(study: RGStudy) -> bool:
    return study.pooled is not None and study.pooled.robust is not None


def _farthest(study: RGStudy, frame: pd.DataFrame) -> pd.DataFrame:
    assert study.pooled is not None
    distance = np.abs(frame["estimate"] - study.pooled.row()["estimate"])
    return frame.loc[distance.sort_values(ascending=False, kind="stable").index[:SHOWN]]


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


def multiverse(study: RGStudy) -> list[Section]:
    """Return the pooled alpha under every defensible specification."""
    if study.pooled is None:
        return []
    found = study.multiverse
    blocks: list[Block] = [
        Paragraph(found.sentence()),
        embed(
            "multiverse",
            figures.multiverse(found),
            "Specification curve: the pooled alpha with its interval under every "
            "combination of scale, model, interval, dependence and exclusion.",
            simulated=study.simulated,
        ),
        make_table(
            found.choices(),
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
    if len(found.skipped):
        reasons = found.skipped["reason"].value_counts()
        words = "; ".join(f"{reason} ({k})" for reason, k in reasons.items())
        blocks.append(Paragraph(f"Specifications without a result: {words}."))
    return [Section("multiverse", "Multiverse", blocks)]
