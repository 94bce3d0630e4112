"""Sentences of the report, written from the analysis."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd

from waistats._format import (
    coefficient,
    count,
    counted,
    fixed,
    interval,
    level,
    p_statement,
)
from waistats._labels import decimals, inside_words, term_text
from waistats.measures import ALPHA_TYPES, kind_words
from waistats.meta._verdict import enough_df
from waistats.meta.results import FittedModel
from waistats.report._others import Other, kind_noun, others
from waistats.rg.descriptives import kinds
from waistats.rg.induction import induction_rate
from waistats.rg.pooling import FEWEST_TO_POOL
from waistats.rg.study import RGStudy
from waistats.tables._names import name_words, why_words
from waistats.tables._paper import for_paper

# scales of analysis, for an abstract
SHORT_SCALE = {
    "bonett": "the Bonett scale, −ln(1 − α)",
    "hakstian-whalen": "the Hakstian–Whalen scale, 1 − (1 − α)^(1/3)",
    "raw": "the scale of alpha itself",
    "fisher-z": "Fisher’s z scale",
}
FEWEST_WORD = {3: "three"}.get(FEWEST_TO_POOL, str(FEWEST_TO_POOL))
# what a reliability is good enough for, by the most common convention
USES = {
    0.70: "early stages of research",
    0.80: "comparisons of groups",
    0.90: "decisions about a single person",
}
I2_WORDS = (
    "I2 is the share of the observed variance that is not sampling error. It grows with "
    "the size of the samples (one set of six alphas gives 0% with 50 respondents each "
    "and 97% with 5,000) and does not say how far apart reliabilities lie; tau and the "
    "prediction interval do."
)
_START = re.compile(r"(^|[.!?]\s+)(?=\d)")
_SHOWN = 6
# values of other scales and kinds that a paragraph names
_MOST = 8


def opened(text: str) -> str:
    """Return a text in which no sentence begins with a digit.

    >>> opened("106 models were fitted. 3 failed.")
    'A total of 106 models were fitted. A total of 3 failed.'
    """
    return _START.sub(r"\1A total of ", text)


def why_not(error: Exception) -> str:
    """Return the reason of an error for a reader, without advice to who computes."""
    first = str(error).split(". ")[0].rstrip(".")
    if first.startswith("Columns are missing: "):
        names = first.removeprefix("Columns are missing: ").split(", ")
        words = ", ".join(inside_words(name.split(" ")[0]) for name in names)
        return f"The data do not include: {words}."
    if re.search(r"[`'()=]", first):
        return "The data lack what this needs."
    return opened(f"{first}.")


def study_title(study: RGStudy) -> str:
    """Return the title of a study's report."""
    if study.author_texts.get("title"):
        return study.author_texts.get("title")
    if not study.title:
        return "A reliability generalization study"
    return f"Reliability generalization of {study.title}"


def of_title(study: RGStudy) -> str:
    """Return what was studied inside a sentence."""
    return study.title or "one scale"


def number_of(values: Sequence[float]) -> int:
    """Return the decimals that reliabilities of one sentence have."""
    return decimals(pd.Series(list(values), dtype=float).to_numpy())


_ENDS = ("estimate", "ci_low", "ci_high", "pi_low", "pi_high")


def value_and_limits(row: Any, shown: str, digits: int | None = None) -> str:
    """Return ``.91, 95% CI [.89, .92], 95% PI [.81, .95]`` of a pooled row."""
    if digits is None:
        digits = number_of([float(row[name]) for name in _ENDS])

    def two(value: Any) -> str:
        return coefficient(value, digits)

    text = two(row["estimate"])
    if pd.notna(row["ci_low"]):
        text += f", {shown} CI {interval(row['ci_low'], row['ci_high'], two)}"
    if pd.notna(row["pi_low"]):
        text += f", {shown} PI {interval(row['pi_low'], row['pi_high'], two)}"
    return text


def answers(study: RGStudy) -> list[str]:
    """Return what a reader wants to know first: forms and raters, then all of them."""
    if study.pooled is None:
        said = [not_pooled(study), *other_moderators(study), *what_for(study)]
        return [text for text in said if text]
    return [
        text
        for text in (
            _of_cells(study),
            mean_words(study),
            moderators_sentence(study),
            *what_for(study),
        )
        if text
    ]


def not_pooled(study: RGStudy) -> str:
    """Return what is pooled where there is no overall model of alphas, or why nothing."""
    used = study.effects[study.effects["yi"].notna()]
    alphas = kinds(used).isin(ALPHA_TYPES)
    found = study.scales[study.scales["estimate"].notna()]
    said = []
    if alphas.any():
        studies = int(used.loc[alphas, "study_id"].nunique())
        number = {1: "one study", 2: "two studies"}.get(studies)
        values = pd.to_numeric(used.loc[alphas, "estimate"], errors="coerce")
        ends = [coefficient(float(v), 2) for v in (values.min(), values.max())]
        span = f" They lie between {ends[0]} and {ends[1]}." if len(values) > 1 else ""
        said.append(
            f"Alphas of {number} are too few to be pooled; they are described only.{span}"
            if number
            else f"No scale has alphas of {FEWEST_WORD} studies; they are described only."
        )
    for _, row in found.iterrows():
        many = counted(row["k"], kind_noun(str(row["coefficient_type"])))
        said.append(
            f"Across {many}{_of_scale(row)} "
            f"from {counted(row['k_studies'], 'study')} "
            f"(N = {count(row['n'])}, summed over coefficients), the mean was "
            f"{value_and_limits(row, level(study.conf_level))}."
        )
    if not found.empty or said:
        return " ".join(said)
    return (
        f"Fewer than {FEWEST_WORD} studies give the same kind of coefficient of the same "
        "scale; the coefficients are described only."
    )


def _of_scale(row: Any) -> str:
    return f" of the {row['scale']} scale" if "scale" in row else ""


def _kind(row: Any) -> str:
    return kind_words(str(row["coefficient_type"]))


def _others(study: RGStudy) -> str:
    """Return the pooled values of other scales and kinds of coefficients."""
    found = study.scales[study.scales["estimate"].notna()]
    alpha = found["coefficient_type"].isin(ALPHA_TYPES)
    main = alpha
    if "scale" in found:
        main = alpha & (found["scale"].astype(str) == study.main_scale)
    found = found[~main]
    if len(found) == 0:
        return ""
    shown = level(study.conf_level)
    words = []
    for _, row in found.head(_MOST).iterrows():
        digits = number_of([row["estimate"], row["ci_high"]])
        value, low, high = (
            coefficient(float(row[c]), digits)
            for c in ("estimate", "ci_low", "ci_high")
        )
        text = f"{_kind(row)}{_of_scale(row)} {value} [{low}, {high}] (k = {row['k']})"
        words.append(text)
    more = len(found) - len(words)
    rest = f"; {more} more are in the table of scales" if more else ""
    return f"Pooled apart from these, with {shown} CIs: {'; '.join(words)}{rest}."


def _induced(study: RGStudy) -> str:
    """Return how many studies induced reliability; empty where the table does not say."""
    if "reliability_status" not in study.effects:
        return ""
    rate = induction_rate(study.coefficients, conf_level=study.conf_level)
    return rate_sentence(rate)


def rate_sentence(rate: Any) -> str:
    """Return a rate of induction as a paper states it."""
    row = rate.table.iloc[0]
    limits = interval(row["ci_low"], row["ci_high"], lambda v: coefficient(v, 2))
    return (
        f"Of {counted(row['k'], 'study')} that applied the instrument, {row['induced']} "
        "induced reliability from elsewhere or did not mention it: a rate of induction of "
        f"{coefficient(row['estimate'], 2)}, {level(rate.conf_level)} CI {limits}."
    )


def _of_cells(study: RGStudy) -> str:
    """Return the pooled alphas of forms and raters; empty where there is one only."""
    cells = main_cells(study)
    if len(cells) < 2:
        return ""
    shown = level(study.conf_level)
    first = cells.sort_values("k", ascending=False, kind="stable").head(_SHOWN)
    # numbers of one sentence have the same decimals
    digits = number_of(first[[*_ENDS]].to_numpy(dtype=float).ravel())
    words = [
        f"{cell_words(study, row)}: {value_and_limits(row, shown, digits)} "
        f"(k = {row['k']})"
        for _, row in first.iterrows()
    ]
    rest = len(cells) - len(first)
    more = f"; {rest} more are in the table of cells" if rest else ""
    names = " and ".join(_by_words(study)) or "group"
    return f"The pooled alphas by {names} are {'; '.join(words)}{more}."


def answer_sentences(study: RGStudy) -> list[str]:
    """Return the pooled alphas, what is expected elsewhere, and the moderators."""
    if study.pooled is None:
        return [not_pooled(study)]
    said = [_of_cells(study), *_mean(study), moderators_sentence(study)]
    return [text for text in said if text]


def main_cells(study: RGStudy) -> pd.DataFrame:
    """Return the pooled cells of the overall scale, alphas only."""
    cells = study.cells
    good = cells["estimate"].notna() & cells["coefficient_type"].isin(ALPHA_TYPES)
    if "scale" in cells:
        good &= cells["scale"].isin([study.main_scale, "not stated"])
    return cells[good]


def _by_words(study: RGStudy) -> list[str]:
    names = [c for c in study.by if c in study.cells and c != "scale"]
    return [name_words(c) for c in names if len(set(study.cells[c])) > 1]


def cell_words(study: RGStudy, row: Any) -> str:
    """Return the levels of a cell that tell it from others."""
    names = [c for c in study.by if c in study.cells and c != "scale"]
    told = [str(row[c]) for c in names if len(set(study.cells[c])) > 1]
    return ", ".join(told) or str(row[names[0]] if names else study.main_scale)


def _mean(study: RGStudy) -> list[str]:
    """Return the overall mean and what is expected of a new population."""
    assert study.pooled is not None
    row = study.pooled.row()
    shown = level(study.conf_level)
    scale = "" if study.main_scale == "total" else f" of the {study.main_scale} scale"
    simulated = "SIMULATED " if study.simulated else ""
    digits = number_of([row[c] for c in ("estimate", "ci_high", "pi_high")])

    def two(value: Any) -> str:
        return coefficient(value, digits)

    limits = ""
    if pd.notna(row["ci_low"]):
        limits = f", {shown} CI {interval(row['ci_low'], row['ci_high'], two)}"
    sentences = [
        f"Across {row['k']} {simulated}coefficients{scale} from {row['k_studies']} "
        f"studies (N = {count(row['n'])} respondents, summed over coefficients), the "
        f"mean alpha was {two(row['estimate'])}{limits}."
    ]
    if study.pooled.fit.method != "CE" and pd.notna(row["pi_low"]):
        sentences.append(
            f"The true alpha of a new population is expected between "
            f"{two(row['pi_low'])} and {two(row['pi_high'])} ({shown} prediction "
            "interval)."
        )
    return sentences


def mean_words(study: RGStudy) -> str:
    """Return the overall mean and its prediction interval in sentences."""
    return " ".join(_mean(study))


def _overall(study: RGStudy) -> str:
    """Return the overall result as a paper states it, tau and prediction first."""
    assert study.pooled is not None
    row, fit = study.pooled.row(), study.pooled.fit
    digits = number_of([row[c] for c in ("estimate", "ci_high", "pi_high")])

    def two(value: Any) -> str:
        return coefficient(value, digits)

    sentences = _mean(study)
    if fit.method != "CE":
        said = (
            f"The standard deviation of true values was tau = {fixed(fit.tau2**0.5, 3)}"
        )
        sentences.append(f"{said}{_on_scale(study)}.")
    sentences.append(_differ(study, fit))
    if study.pooled.dependent:
        other = study.pooled.independent.predict().iloc[0]
        sentences.append(
            "Taking all coefficients as independent would give "
            f"{two(other['estimate'])} {interval(other['ci_low'], other['ci_high'], two)}."
        )
    sentences.append(for_paper(study.pooled.note))
    return " ".join(filter(None, sentences))


def _differ(study: RGStudy, fit: FittedModel) -> str:
    """Return whether reliability differs more than sampling error explains."""
    differ = (
        "The coefficients did not differ detectably more than sampling error explains"
    )
    if not enough_df(fit.Q_df):
        differ = "So few coefficients do not tell whether reliability differs"
    elif fit.Q_p < 1 - study.conf_level:
        differ = (
            "Reliability differed between samples more than sampling error explains"
        )
    return (
        f"{differ}, Q({fit.Q_df}) = {fixed(fit.Q, 2)}, {p_statement(fit.Q_p)}, "
        f"I2 = {fixed(fit.I2, 1)}%."
    )


def _spread_of_others(study: RGStudy) -> list[str]:
    """Return tau and Q of every scale and kind, where there is no overall model."""
    parts = others(study)
    said = []
    for part in parts:
        fit = part.pooled.fit
        if fit.method == "CE":
            continue
        text = (
            "The standard deviation of true values was "
            f"tau = {fixed(fit.tau2**0.5, 3)}{_on_scale(study)}. {_differ(study, fit)}"
        )
        said.append(_among(text, part) if len(parts) > 1 else text)
    return [*said, I2_WORDS] if said else []


def other_moderators(study: RGStudy) -> list[str]:
    """Return what moderators do, where there is no overall model of alphas."""
    parts = others(study)
    if len(parts) == 1:
        return [moderators_sentence(study, parts[0].screen)]
    return [
        _among(moderators_sentence(study, part.screen), part)
        for part in parts
        if len(part.tested)
    ]


def _among(text: str, part: Other) -> str:
    return f"Among the {part.words}, {text[:1].lower()}{text[1:]}"


def _on_scale(study: RGStudy) -> str:
    return {
        "bonett": " on the Bonett scale",
        "hakstian-whalen": " on the Hakstian–Whalen scale",
        "fisher-z": " on Fisher’s scale",
    }.get(study.measure, "")


def what_for(study: RGStudy) -> list[str]:
    """Return in plain words what the scores are reliable enough for."""
    noun = "alpha"
    if study.pooled is not None:
        row = study.pooled.row()
    elif len(others(study)) == 1:
        (one,) = others(study)
        row, noun = one.pooled.row(), kind_noun(one.kind)
    else:
        return []
    low, high = float(row["ci_low"]), float(row["ci_high"])
    if pd.isna(low):
        return []
    kinds_of_use = "; ".join(f"{coefficient(c, 2)} for {u}" for c, u in USES.items())
    enough = [use for c, use in USES.items() if low >= c]
    open_ = [use for c, use in USES.items() if low < c <= high]
    below = [use for c, use in USES.items() if c > high]
    parts = [f"good enough for {enough[-1]}"] if enough else []
    if open_:
        parts.append(
            f"perhaps good enough for {joined(open_)} (the interval leaves it open)"
        )
    if below:
        parts.append(f"not good enough for {' or '.join(below)}")
    text = (
        f"By a common convention ({kinds_of_use}; Nunnally & Bernstein, 1994), the mean "
        f"{noun} is {joined(parts)}."
    )
    if pd.notna(row["pi_low"]):
        least = float(row["pi_low"])
        good = [use for c, use in USES.items() if least >= c]
        end = (
            f"still good enough for {good[-1]}"
            if good
            else "good enough for none of them"
        )
        text += (
            f" In a population at the lower end of the prediction interval "
            f"({coefficient(least, 2)}) it is {end}; reliability belongs to the scores "
            "of a sample, not to a test."
        )
    return [text]


def holding(study: RGStudy) -> pd.DataFrame:
    """Return the moderators of the screen whose tests hold."""
    return _holding(study.screen)


def _holding(screen: pd.DataFrame) -> pd.DataFrame:
    return screen[screen["explains"].astype(bool)]


def moderators_sentence(study: RGStudy, screen: pd.DataFrame | None = None) -> str:
    """Return which moderators a screen finds, and which way they go."""
    # of another kind than alpha the direction is that of its reliability
    noun = "alpha" if screen is None else "reliability"
    screen = study.screen if screen is None else screen
    tested = screen[screen["p_value"].notna()]
    if len(tested) == 0:
        return "No moderator has enough studies to be tested."
    many = len(tested)
    found = _holding(screen)
    plain = tested["why"].astype(str).str.startswith("no difference")
    decided = plain | tested["explains"].astype(bool)
    rest = [
        f"{name_words(row['moderator'])} ({_inside(why_words(study, row['why']))})"
        for _, row in tested[~decided].iterrows()
    ]
    undecided = f" Undecided: {'; '.join(rest)}." if rest else ""
    if len(found) == 0:
        names = joined(name_words(name) for name in tested.loc[plain, "moderator"])
        after = " after adjustment for the number of tests" if many > 1 else ""
        if many == 1:
            head = f"One moderator was tested, {names or 'without a decision'}"
            head += "; no difference was shown." if names else "."
        elif not rest:
            head = (
                f"Of {many} moderators tested one at a time, none was shown to explain "
            )
            head += f"differences{after}: {names}."
        else:
            head = (
                f"Of {many} moderators tested one at a time, none was shown to explain "
            )
            head += f"differences{after}."
            head += f" No difference was shown by {names}." if names else ""
        return f"{head}{undecided}"
    words = [
        f"{name_words(row['moderator'])} ({direction(row, noun)}adjusted "
        f"{p_statement(row['p_adjusted'])})"
        for _, row in found.iterrows()
    ]
    if many == 1:
        return f"One moderator was tested and explains differences: {words[0]}."
    verb = "explains" if len(words) == 1 else "explain"
    return (
        f"Of {many} moderators tested one at a time, {joined(words)} {verb} "
        f"differences after adjustment for the number of tests.{undecided}"
    )


_YEAR = re.compile(r" \((\d{4}[a-z]?)\)")


def _inside(text: str) -> str:
    """Return a text for a parenthesis, in which a citation has none of its own.

    >>> _inside("Calhoun (2015) alone decides")
    'Calhoun, 2015, alone decides'
    """
    return _YEAR.sub(r", \1,", text)


def joined(words: Iterable[str]) -> str:
    """Return ``a, b, and c``.

    >>> joined(["a"]), joined("ab"), joined("abc")
    ('a', 'a and b', 'a, b, and c')
    """
    *most, last = [*words] or [""]
    if len(most) < 2:
        return " and ".join([*most, last])
    return f"{', '.join(most)}, and {last}"


def titled(words: str) -> str:
    """Return words as a title writes them; ICC and the like stay as they are."""
    return " ".join(
        word
        if word in {"and", "of", "the"} or word[:1].isupper()
        else "–".join(part[:1].upper() + part[1:] for part in word.split("–"))
        for word in words.split(" ")
    )


def formula_words(study: RGStudy) -> str:
    """Return the moderators of the model that was asked for, in words."""
    model = study.moderator_model
    assert model is not None
    names = [name for name in model.design.names if name != "Intercept"]
    terms = dict.fromkeys(term_text(name).partition(": ")[0] for name in names)
    return joined(terms)


def equation_words(study: RGStudy) -> str:
    """Return the predictive equation with its terms in words; empty without a model."""
    model = study.moderator_model
    if model is None:
        return ""
    text = study.equation
    for name in sorted(model.design.names, key=len, reverse=True):
        if name != "Intercept":
            said = term_text(name)
            shown = f"[{said}]" if ":" in said else said
            text = text.replace(f"× {name}", f"× {shown}")
    return text


def direction(row: Any, noun: str = "alpha") -> str:
    """Return which way a numeric moderator goes, for a parenthesis."""
    slope = row.get("slope")
    if slope is None or pd.isna(slope):
        return ""
    return (
        f"higher {noun} with larger values, "
        if slope > 0
        else f"lower {noun} with larger values, "
    )


def other_kinds(study: RGStudy) -> dict[str, int]:
    """Return how many coefficients of other kinds than alpha are reported."""
    rows = study.own_rows
    rows = rows[pd.to_numeric(rows["estimate"], errors="coerce").notna()]
    names = kinds(rows)
    counts: Any = names[~names.isin(ALPHA_TYPES)].value_counts()
    return {kind_words(str(name)): int(k) for name, k in sorted(counts.items())}


def is_pooled(study: RGStudy) -> bool:
    """Return whether anything is pooled: the overall model, or another kind or cell."""
    return study.pooled is not None or bool(study.scales["estimate"].notna().any())


def results_paragraph(study: RGStudy) -> str:
    """Return the result as the paragraph of a paper."""
    if study.pooled is None:
        said = [not_pooled(study), *_spread_of_others(study), *other_moderators(study)]
        return " ".join(said)
    parts = [
        _induced(study),
        _of_cells(study),
        _overall(study),
        I2_WORDS,
        _others(study),
        moderators_sentence(study),
    ]
    return " ".join(part for part in parts if part)
