"""The classic study step by step, then and today, on SIMULATED answers with a known truth.

Of the study of 2002 nothing is told but what ``data/hanson2002.csv`` holds. Everything
else is computed from the SIMULATED five-version study, as `waistats reproduce` does.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from waistats._format import coefficient, count, interval, level
from waistats.app._study_code import SIMULATED_TABLE, literal
from waistats.app._svg import Picture, drawn
from waistats.datasets.bundled import load_dataset
from waistats.datasets.simulated_studies import SimulatedStudy, simulate_hanson_study
from waistats.errors import ModelError
from waistats.practice.prediction import predict_reliability
from waistats.rg.classic import beside_original, simulated_coefficients, truth_beside
from waistats.rg.correlates import correlates
from waistats.rg.descriptives import describe_coefficients
from waistats.rg.generalize import generalize
from waistats.rg.study import RGStudy
from waistats.tables._names import named_tests

SEED = 2002
MOST_SEED = 2**31 - 1
TITLE = "a SIMULATED five-version WAI study"
CELL = ["instrument", "rater", "scale"]
# a sample that a student could plan
PLANNED: Mapping[str, Any] = {
    "instrument": "WAI-S",
    "rater": "client",
    "n": [30, 100, 300],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A frame as a step shows it: unrounded, with what stands above and below."""

    name: str
    caption: str
    frame: pd.DataFrame = field(repr=False)
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """A step of the classroom.

    Attributes
    ----------
    id, title : str
        Its name.
    when : str
        ``"before"``, ``"then"``, ``"today"`` or ``"truth"``.
    words : tuple of str
        What is done, and why.
    ask : str
        What to think about before the next step.
    tables, pictures, text
        What is seen; ``text`` is one whose spacing matters.
    python : str
        The lines that do it, after those of the steps before.
    """

    id: str
    title: str
    when: str
    words: tuple[str, ...]
    ask: str = ""
    tables: tuple[Shown, ...] = ()
    pictures: tuple[Picture, ...] = ()
    text: str = ""
    python: str = ""


def check_seed(seed: Any) -> int:
    """Return a seed: a whole number from 0."""
    try:
        number = int(seed)
    except (TypeError, ValueError):
        number = -1
    if not 0 <= number <= MOST_SEED or number != float(seed):
        raise ModelError(
            f"The seed must be a whole number from 0 to {MOST_SEED:,}; got {seed!r}."
        )
    return number


def classroom(
    seed: int = SEED, tell: Callable[[str, float], Any] = lambda words, part: None
) -> tuple[Lesson, ...]:
    """Return the steps of the classroom, the truth last.

    Parameters
    ----------
    seed : int, default 2002
        Of the SIMULATED study; 2002 gives that of `waistats reproduce`.
    tell : callable
        Told how far it is.
    """
    seed = check_seed(seed)
    tell("SIMULATED answers of 29 studies", 0.1)
    simulation = simulate_hanson_study(seed)
    tell("Alpha of every study", 0.3)
    table = simulated_coefficients(simulation)
    tell("Pooling", 0.5)
    study = generalize(table, title=TITLE)
    tell("Tables and figures", 0.7)
    return (
        _original(),
        _answers(simulation),
        _described(study),
        _correlated(study),
        _pooled(study),
        _explained(study),
        _predicted(study),
        _truth(study, simulation),
    )


def teaching_python(seed: int = SEED) -> str:
    """Return Python that does all of it."""
    return "\n".join(
        [
            "import pandas as pd",
            "import waistats as ws",
            "",
            _SIMULATE.format(seed=seed),
            _COEFFICIENTS,
            _DESCRIBE,
            _CORRELATE,
            _POOL,
            _EXPLAIN,
            _PREDICT,
            _TRUTH,
            "",
        ]
    )


def teaching_commands(seed: int = SEED) -> str:
    """Return the command that does it; it knows the seed of the package alone."""
    if seed == SEED:
        return "waistats reproduce"
    return f"# The command line has the study of seed {SEED} only: waistats reproduce"


_SIMULATE = "simulation = ws.simulate_hanson_study({seed})"
_COEFFICIENTS = SIMULATED_TABLE.format(name="table")
_DESCRIBE = """\
described = ws.describe_coefficients(table, empty_cells=False)
print(ws.stem_and_leaf(table["estimate"]))
print(described)"""
_CORRELATE = """\
totals = table[table["scale"] == "total"]
correlated = ws.correlates(totals, ["n"])
observers = ws.correlates(totals[totals["rater"] == "observer"], ["n"])
print(correlated, observers, sep="\\n")"""
_POOL = f"""\
study = ws.generalize(table, title={literal(TITLE)})
print(study)"""
_EXPLAIN = "print(study.screen)"
_PREDICT = f"""\
prediction = ws.predict_reliability(
    study, {", ".join(f"{name}={literal(value)}" for name, value in PLANNED.items())}
)
print(prediction)"""
_TRUTH = """\
truth = simulation.cells.rename(columns={"estimate": "truth", "tau": "true_tau"})
keys = ["instrument", "rater", "scale"]
beside = study.cells.merge(truth[[*keys, "truth", "true_tau"]], on=keys)
print(beside[[*keys, "k", "estimate", "ci_low", "ci_high", "truth"]])"""


def _facts() -> pd.Series:
    return load_dataset("hanson2002").set_index("fact")["value"]


def _original() -> Lesson:
    facts = _facts()
    known = pd.DataFrame(
        [
            ("Versions of the WAI", facts["n_versions"]),
            ("Scales", facts["n_scales"]),
            (
                "Internal consistency estimates",
                facts["n_internal_consistency_estimates"],
            ),
            ("Interrater estimates", facts["n_interrater_estimates"]),
            ("Study characteristics", facts["n_study_characteristics"]),
            (
                "Mean reliability of the scales",
                f"{coefficient(float(facts['mean_reliability_min']), 2)} to "
                f"{coefficient(float(facts['mean_reliability_max']), 2)}",
            ),
            ("Modal reliability", coefficient(float(facts["modal_reliability"]), 2)),
            ("Correlates", facts["correlates"]),
        ],
        columns=["fact", "value"],
    )
    return Lesson(
        id="original",
        title="The study of 2002",
        when="before",
        words=(
            str(facts["citation"]),
            "Reliability belongs to scores of a sample, not to a form. So one asks how "
            "it varies over studies, and with what.",
            "What is known here of that study comes from its abstract. Its coefficients "
            "are not in this package, so the steps are done on SIMULATED answers of the "
            "same shape.",
        ),
        ask="How would you sum up 67 alphas of different sizes, forms and raters?",
        tables=(
            Shown(
                name="original",
                caption="What is known of the original study",
                frame=known,
                note="From its abstract.",
            ),
        ),
        python='print(ws.load_dataset("hanson2002"))',
    )


def _answers(simulation: SimulatedStudy) -> Lesson:
    rows = [
        {
            "version": name,
            "scales": ", ".join(simulation.scales[name]),
            "k_studies": frame["study_id"].nunique(),
            "n": len(frame),
            "provenance": "SIMULATED",
        }
        for name, frame in simulation.frames.items()
    ]
    frame = pd.DataFrame(rows)
    return Lesson(
        id="answers",
        title="The answers: five versions, SIMULATED",
        when="before",
        words=(
            f"{count(int(frame['n'].sum()))} SIMULATED respondents of "
            f"{int(frame['k_studies'].sum())} studies answered one of five versions of "
            "the inventory: two forms, filled in by clients, therapists or observers.",
            "The number of versions, scales and alphas is that of the original. Versions, "
            "raters, sample sizes and alphas are invented, and so their truth is known.",
            "Cronbach's alpha of every study and scale is computed from the answers.",
        ),
        ask="Which coefficients are not independent of each other?",
        tables=(
            Shown(
                name="versions",
                caption="SIMULATED: versions, studies and respondents",
                frame=frame,
            ),
        ),
        python=f"{_SIMULATE.format(seed=simulation.seed)}\n{_COEFFICIENTS}",
    )


def _described(study: RGStudy) -> Lesson:
    cells = describe_coefficients(study.coefficients, empty_cells=False)
    shown = cells[[*CELL, "k", "mean", "mode", "sd", "min", "max", "provenance"]]
    beside = beside_original(study)
    beside = beside[~beside["fact"].isin(["correlates of alpha"])]
    return Lesson(
        id="described",
        title="Then: describe",
        when="then",
        words=(
            "The classic way begins with the distribution: every coefficient counts the "
            "same, as it was printed.",
            "A mean is given for each scale of each version, and the most common value.",
        ),
        ask="A study of 30 and one of 250 respondents count the same here. Should they?",
        text=study.stem_and_leaf,
        tables=(
            Shown(
                name="described",
                caption="SIMULATED: plain means of each scale",
                frame=shown,
            ),
            Shown(
                name="beside",
                caption="The original study, and the SIMULATED one",
                frame=beside,
                note="The left column is from the original's abstract; the right one is "
                "SIMULATED. They agree only where the simulation was made to.",
            ),
        ),
        python=_DESCRIBE,
    )


def _correlated(study: RGStudy) -> Lesson:
    totals = study.main_rows
    observers = totals[totals["rater"] == "observer"]
    names = ["characteristic", "k", "estimate", "ci_low", "ci_high", "p_value"]
    rows = [
        correlates(rows, ["n"]).assign(characteristic=words)
        for words, rows in (
            ("sample size, all totals", totals),
            ("sample size, observer totals", observers),
        )
    ]
    frame = pd.concat(rows, ignore_index=True)[[*names, "provenance"]]
    return Lesson(
        id="correlated",
        title="Then: correlate",
        when="then",
        words=(
            "Coefficients were then correlated with characteristics of the studies, one "
            "at a time. The original found associations with client and therapist sample "
            "size, for total scores of the observer version.",
            "In this simulation sample size was drawn at random: it has no effect on "
            "alpha. What appears here is chance.",
        ),
        ask="With five observer studies, how large must a correlation be to mean anything?",
        tables=(
            Shown(
                name="correlated",
                caption="SIMULATED: correlation of alpha with sample size",
                frame=frame,
                note="Pearson's r with Fisher's limits; every coefficient counts the same.",
            ),
        ),
        python=_CORRELATE,
    )


def _pooled(study: RGStudy) -> Lesson:
    from waistats import figures

    cells = study.cells
    shown = cells[
        [*CELL, "k", "estimate", "ci_low", "ci_high", "pi_low", "pi_high", "I2"]
    ].assign(provenance="SIMULATED")
    picture = drawn(
        "teaching_forest",
        figures.forest(study),
        "SIMULATED: total scores of all versions",
        number=9001,
        simulated=True,
    )
    return Lesson(
        id="pooled",
        title="Today: transform, weight, pool",
        when="today",
        words=(
            "Today a coefficient is put on a scale on which its sampling error is known "
            "(Bonett), and counts by its precision. What differences remain between "
            "studies is estimated as heterogeneity.",
            f"Two intervals come with each mean: the {level(study.conf_level)} confidence "
            "interval says how well the mean is known; the prediction interval, where the "
            "alpha of a new study is to be expected.",
            study.sentence() + ".",
        ),
        ask="Which of the two intervals answers a clinic that plans a study?",
        tables=(
            Shown(
                name="pooled",
                caption="SIMULATED: pooled alpha of each scale",
                frame=shown,
            ),
        ),
        pictures=(picture,),
        python=_POOL,
    )


def _explained(study: RGStudy) -> Lesson:
    names = ["moderator", "k", "k_studies", "R2", "p_value", "p_adjusted", "explains"]
    tested = study.screen[study.screen["kind"].notna()]
    tested = named_tests(study, tested)
    shown = tested[[*names, "why"]].assign(provenance="SIMULATED")
    return Lesson(
        id="explained",
        title="Today: explain",
        when="today",
        words=(
            "Moderators are tested in a model with weights and remaining heterogeneity, "
            "p values are adjusted for their number, and a word such as 'explains' is "
            "kept for what the studies can tell apart.",
            "Form and number of items are the same contrast here: no analysis can say "
            "which of them it is.",
        ),
        ask="Sample size is not among the moderators. What does it determine instead?",
        tables=(
            Shown(
                name="explained",
                caption="SIMULATED: moderators, one at a time",
                frame=shown,
                note="p adjusted by Holm; categories need four studies a level, numbers "
                "ten studies.",
            ),
        ),
        python=_EXPLAIN,
    )


def _predicted(study: RGStudy) -> Lesson:
    frame = predict_reliability(study, **PLANNED).to_frame()
    columns = [
        "n", "n_items", "estimate", "ci_low", "ci_high", "pi_low", "pi_high",
        "observed_low", "observed_high", "above_80", "provenance",
    ]  # fmt: skip
    return Lesson(
        id="predicted",
        title="Today: predict",
        when="today",
        words=(
            "What does it mean for a new sample? Clients fill in the WAI-S, and 30, 100 "
            "or 300 of them are planned.",
            "The true alpha of a new population varies by heterogeneity; the alpha that a "
            "sample shows varies by its size besides.",
        ),
        ask="By how much does a larger sample narrow what is to be expected?",
        tables=(
            Shown(
                name="predicted",
                caption="SIMULATED: alpha to expect of a new sample",
                frame=frame[columns],
                note="pi: true alpha of a new population; observed: alpha of a sample of "
                "n; above: probability that the true alpha exceeds .80.",
            ),
        ),
        python=_PREDICT,
    )


def _truth(study: RGStudy, simulation: SimulatedStudy) -> Lesson:
    beside = truth_beside(study, simulation)
    plain = describe_coefficients(study.coefficients, empty_cells=False)
    shown = beside.merge(plain[[*CELL, "mean"]], on=CELL, how="left")
    shown = shown[
        [
            *CELL, "k", "mean", "estimate", "ci_low", "ci_high", "truth", "covered",
            "true_tau", "tau", "provenance",
        ]
    ]  # fmt: skip
    off = (shown["estimate"] - shown["truth"]).abs()
    off_plain = (shown["mean"] - shown["truth"]).abs()
    covered, cells = int(shown["covered"].sum()), len(shown)
    words = [
        f"The truth was drawn before the answers were. It lies in {covered} of {cells} "
        f"confidence intervals; {level(study.conf_level)} of many such intervals hold it, "
        "and those of one version share their respondents.",
        f"Pooled alphas are off the truth by {coefficient(float(off.mean()), 3)} on "
        f"average, plain means by {coefficient(float(off_plain.mean()), 3)}.",
        "The truth of a scale is the alpha at the mean of its studies on the Bonett "
        "scale. A plain mean of alphas aims at another, lower value.",
        "The heterogeneity of four to eight studies is badly known: compare τ with its "
        "truth.",
    ]
    missed = shown[~shown["covered"]]
    if len(missed):
        told = [
            f"{row.instrument} {row.rater} {row.scale} "
            f"({coefficient(row.truth)} outside of "
            f"{interval(row.ci_low, row.ci_high)})"
            for row in missed.itertuples()
        ]
        words.insert(1, f"Missed: {'; '.join(told)}.")
    return Lesson(
        id="truth",
        title="The truth",
        when="truth",
        words=tuple(words),
        ask="Draw the study again with another seed: what changes, and what does not?",
        tables=(
            Shown(
                name="truth",
                caption="SIMULATED: true values and estimates",
                frame=shown,
                note="τ is on the Bonett scale.",
            ),
        ),
        python=_TRUTH,
    )
