"""How far the results carry: leaving out, subsets, reporting, spread, other choices."""

from dataclasses import replace

import numpy as np
import pandas as pd

from waistats import figures
from waistats._format import coefficient, count, fixed, interval, level, p_statement
from waistats.errors import WaistatsError, listing
from waistats.figures._rows import study_names
from waistats.report._others import others
from waistats.report.blocks import Block, Paragraph, Section, embed
from waistats.report.forest import MANY
from waistats.report.text import joined, number_of, opened, why_not
from waistats.rg._part import is_large
from waistats.rg._spread_result import WORDS, SpreadResult
from waistats.rg._spread_rows import SpreadRows, spread_rows
from waistats.rg.pooling import FEWEST_TO_POOL, pool
from waistats.rg.spread import spread_of
from waistats.rg.study import RGStudy
from waistats.sensitivity.multiverse import CHOICES, Multiverse, choice_words
from waistats.tables._paper import for_paper
from waistats.tables.practice import spread as spread_table
from waistats.tables.sensitivity import (
    checks,
    leave_one_out,
    multiverse as multiverse_table,
)

# all subsets are few enough to be drawn up to here
GOSH_UP_TO = 15
SHOWN = 10
_NAMED = 6


def sensitivity(study: RGStudy) -> list[Section]:
    """Return what leaving out, subsets and reporting checks do to the result."""
    if study.pooled is None:
        return []
    if is_large(study):
        blocks: list[Block] = [
            Paragraph(" ".join(sensitivity_words(study))),
            Paragraph(on_part(study)),
            checks(study.part),
        ]
        return [Section("sensitivity", "Sensitivity", blocks)]
    blocks = [
        Paragraph(" ".join(sensitivity_words(study))),
        _left_out(study),
        embed(
            "influence",
            figures.influence(study),
            "Influence of Each Coefficient",
            _marked(study),
            simulated=study.simulated,
        ),
    ]
    if study.pooled.independent.k <= GOSH_UP_TO:
        units = "studies" if study.pooled.dependent else "coefficients"
        blocks.append(
            embed(
                "gosh",
                figures.gosh(study),
                f"The Overall Model Fitted to Subsets of the {units.title()}",
                "Separate clouds would suggest that different populations were mixed "
                "(Olkin et al., 2012).",
                simulated=study.simulated,
            )
        )
    blocks.append(checks(study))
    return [Section("sensitivity", "Sensitivity", blocks)]


def _marked(study: RGStudy) -> str:
    """Return what the figure of influence marks; it says itself where it marks none."""
    if study.influence["influential"].any():
        return "Influential coefficients are marked."
    return ""


def sensitivity_words(study: RGStudy) -> list[str]:
    """Return what leaving out studies does, in sentences."""
    assert study.pooled is not None
    if is_large(study):
        return [_largest_share(study)]
    left = study.leave_one_out
    low, high = left["estimate"].min(), left["estimate"].max()
    words = [
        f"Without any one study the mean alpha lies between {coefficient(low)} and "
        f"{coefficient(high)}."
    ]
    if study.refitted is not study.overall:
        words.append(
            "With so many studies, deletions refit the one-level model, as if all "
            "coefficients were independent."
        )
    flags = study.influence
    marked = flags["influential"].to_numpy(dtype=bool)
    if not marked.any():
        return [*words, "No coefficient is influential by the usual rules."]
    rows = study.main_rows
    called = study_names(rows)
    names = [called[s] for s in rows.loc[marked, "study_id"].astype(str).unique()]
    called_so = joined(names) if len(names) < _NAMED else listing(names)
    words.append(
        f"By the usual rules, {called_so} {'is' if len(names) == 1 else 'are'} influential."
    )
    rest = rows[~marked].reset_index(drop=True)
    if rest["study_id"].nunique() >= FEWEST_TO_POOL:
        row = pool(rest, **study.pool_options).row()
        digits = number_of([row["estimate"], row["ci_high"]])

        def two(value: float | None) -> str:
            return coefficient(value, digits)

        words.append(
            f"Without {'them' if marked.sum() > 1 else 'it'} the mean alpha is "
            f"{two(row['estimate'])}, {level(study.conf_level)} CI "
            f"{interval(row['ci_low'], row['ci_high'], two)}."
        )
    return words


def reporting_words(study: RGStudy) -> list[str]:
    """Return what small-study checks found, with what such a test could find."""
    return _checked_words(study.part.robustness, study.measure)


def other_sensitivity(study: RGStudy) -> list[str]:
    """Return what omissions and checks do, where there is no overall model of alphas."""
    if is_large(study):
        return []
    parts = others(study)
    said = []
    for part in parts:
        low, high = (f(part.leave_one_out["estimate"]) for f in (min, max))
        whose = f" {part.words}" if len(parts) > 1 else ""
        said.append(
            f"Without any one study the mean{whose and ' of the'}{whose} lies between "
            f"{coefficient(low)} and {coefficient(high)}."
        )
        said += _checked_words(part.checks, "")
    return said


def _checked_words(checks: pd.DataFrame, measure: str) -> list[str]:
    frame = checks.set_index("check")
    said = []
    for name, words in _TESTS.items():
        row = frame.loc[name] if name in frame.index else None
        if row is not None and pd.notna(row["p_value"]):
            said.append(f"{words} {p_statement(float(row['p_value']))}")
    if not said:
        return []
    first = frame.loc[next(name for name in _TESTS if name in frame.index)]
    power = str(first["note"]).rpartition("; ")[2]
    if power.startswith("would"):
        power = f" (the first {power})"
    elif power.startswith("hardly"):
        power = f" ({power}, so there is little that could have been withheld)"
    else:
        power = ""
    text = f"Of small-study tests, {joined(said)}{power}"
    after = [
        f"{words} gives {coefficient(float(frame.loc[name, 'estimate']), 2)}"
        for name, words in _ADJUSTED.items()
        if name in frame.index and pd.notna(frame.loc[name, "estimate"])
    ]
    if after:
        text += f"; {joined(after)}"
    return [
        f"{text}. Since the variance of a transformed alpha depends on the numbers of "
        "respondents and items alone, asymmetry means that reliability goes with sample "
        "size, which can have other reasons than selection."
        if measure == "bonett"
        else f"{text}."
    ]


# tests and adjustments that a paper names
_TESTS = {
    "Regression test on the standard error": "the regression on the standard error has",
    "Rank test": "the rank test",
}
_ADJUSTED = {"PET-PEESE": "PET-PEESE", "Trim and fill (L0)": "trim and fill"}


def _largest_share(study: RGStudy) -> str:
    """Return why nothing is left out in turn of a study with so many coefficients."""
    assert study.pooled is not None
    fit = study.pooled.fit
    ids = fit.effects.table["study_id"].astype(str).to_numpy()
    shares = pd.Series(fit.weight_shares()).groupby(ids).sum()
    return (
        f"With {count(fit.k)} coefficients of {count(len(shares))} studies, no study was "
        f"left out in turn: the largest weight of a study is {fixed(shares.max(), 2)}% of "
        "all."
    )


def on_part(study: RGStudy) -> str:
    """Return that a check takes a part of a large study; empty for others."""
    if not is_large(study):
        return ""
    rows = study.part.effects
    studies = rows["study_id"].nunique()
    return (
        f"What follows fits the model many times, and takes {count(len(rows))} "
        f"coefficients of {count(studies)} studies drawn at random, not all."
    )


def _left_out(study: RGStudy) -> Block:
    """Return the refits without each study: drawn where few, else the farthest."""
    frame = study.leave_one_out
    assert study.pooled is not None
    robust = study.pooled.robust is not None
    note = "Intervals of the model, not cluster-robust." if robust else ""
    if len(frame) <= MANY:
        return embed(
            "leave_one_out",
            figures.leave_one_out(study),
            "The Overall Estimate Without Each Study",
            f"Line and band: the estimate with all studies. {note}".strip(),
            simulated=study.simulated,
        )
    title = (
        f"The {SHOWN} of {count(len(frame))} Studies Whose Omission Moves the Estimate "
        "Most"
    )
    table = leave_one_out(study, title=title)
    distance = np.abs(frame["estimate"] - study.pooled.row()["estimate"])
    farthest = distance.sort_values(ascending=False, kind="stable").index[:SHOWN]
    return replace(table, frame=table.frame.loc[farthest])


def multiverse(study: RGStudy) -> list[Section]:
    """Return the pooled alpha under many defensible specifications."""
    if study.pooled is None:
        return []
    found = study.part.multiverse
    blocks: list[Block] = [Paragraph(on_part(study))] if is_large(study) else []
    blocks += [
        Paragraph(opened(found.sentence())),
        embed(
            "multiverse",
            figures.multiverse(found),
            "Specification Curve of the Pooled Alpha",
            _drawn_choices(found),
            simulated=study.simulated,
        ),
        _choices(found),
    ]
    if len(found.skipped):
        reasons = found.skipped["reason"].value_counts()
        words = "; ".join(f"{reason} ({k})" for reason, k in reasons.items())
        words = words.replace("it excludes", "the rule of exclusion excludes")
        words = words.replace("it leaves", "the rule of exclusion leaves")
        blocks.append(Paragraph(f"Specifications that were not fitted: {words}."))
    return [Section("multiverse", "Multiverse", blocks)]


def _drawn_choices(found: Multiverse) -> str:
    """Return what the figure varies, with its abbreviations."""
    frame = found.to_frame()
    varied = [choice_words(c) for c in CHOICES if len(set(frame[c])) > 1]
    note = f"The pooled alpha with its interval by {joined(varied)}."
    models = set(frame["model"].astype(str))
    told = [
        f"{name} = {words}" for name, words in _ESTIMATORS.items() if name in models
    ]
    return f"{note} {'; '.join(told)}." if told else note


_ESTIMATORS = {
    "DL": "DerSimonian–Laird",
    "HS": "Hunter–Schmidt",
    "PM": "Paule–Mandel",
    "REML": "restricted maximum likelihood",
}


def _choices(found: Multiverse) -> Block:
    """Return what each choice does, without the sentence that stands above."""
    table = multiverse_table(found, title="What Each Choice Does to the Pooled Alpha")
    notes = [note for note in table.notes if note != found.sentence()]
    return table.retitled(table.caption, notes)


def spread(study: RGStudy) -> list[Section]:
    """Return the verdict, or in a sentence why there is none."""
    if study.pooled is None:
        return []
    # the limitations say it
    if "score_sd" not in study.effects:
        return []
    title = "Measurement error or score variance?"
    try:
        rows = spread_rows(study.part.main_rows)
        found = spread_of(rows, conf_level=study.conf_level, fits=study.fits)
    except WaistatsError as error:
        why = Paragraph(
            "Whether alpha differs because scores spread more or because measurement "
            f"error differs cannot be determined here. {why_not(error)}"
        )
        return [Section("spread", title, [why])]
    sentences = [
        "A higher alpha can mean less error or more spread of true scores (Botella et "
        f"al., 2010). In {found.k} samples with a standard deviation: "
        f"{WORDS[found.finding]}",
        *_same_length(study, rows, found),
        found.caution,
        *filter(None, map(for_paper, found.notes)),
        *filter(None, [on_part(study).replace("What follows fits", "This fits")]),
    ]
    table = spread_table(found, title="Heterogeneity of Error, of Spread and of Alpha")
    return [Section("spread", title, [Paragraph(" ".join(sentences)), table])]


def _same_length(study: RGStudy, rows: SpreadRows, found: SpreadResult) -> list[str]:
    """Return the verdict with the number of items held constant, where it differs."""
    if found.table["n_items"].nunique() < 2:
        return []
    try:
        held = spread_of(
            rows, "~ np.log(n_items)", conf_level=study.conf_level, fits=study.fits
        )
    except WaistatsError:
        return []
    if held.finding == found.finding:
        return ["The same holds with the number of items held constant."]
    return [f"With the number of items held constant: {WORDS[held.finding]}"]
