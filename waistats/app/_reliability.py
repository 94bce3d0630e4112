"""What the step Reliability shows: coefficients, items, audit, figures, and the code."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import pandas as pd

from waistats.app._state import Calls, Data, Reliability, intake, own_table
from waistats.app._svg import Picture, drawn
from waistats.app._work import tell
from waistats.errors import ModelError
from waistats.measures import kind_words
from waistats.provenance import is_simulated
from waistats.reliability.by_study.items import ItemPart, item_tables
from waistats.reliability.registry import COEFFICIENTS

INTERVALS: Mapping[str, str] = {
    "feldt": "Feldt (F distribution)",
    "bonett": "Bonett",
    "hakstian-whalen": "Hakstian–Whalen",
    "adf": "Distribution-free",
    "normal-theory": "Normal theory",
    "jackknife": "Jackknife",
    "bootstrap": "Bootstrap",
    "fisher-z": "Fisher's z",
    "auto": "Distribution-free, else jackknife",
}
MISSING: Mapping[str, str] = {
    "listwise": "Complete answers only",
    "pairwise": "All pairs of answers",
    "em": "Estimated (EM)",
}
LEVELS: Mapping[str, str] = {"0.9": "90%", "0.95": "95%", "0.99": "99%"}
# what is shown of a coefficient table, in this order
_SHOWN = (
    "estimate", "ci_low", "ci_high", "n", "n_items", "score_mean", "score_sd",
    "n_excluded", "reason",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Coefficients:
    """The coefficients of the own data as the page shows them.

    Attributes
    ----------
    table : DataFrame
        The coefficient table, unrounded.
    shown : tuple of str
        The columns that are shown.
    notes : tuple of str
        What was found and decided.
    pictures : tuple of Picture
        The coefficients of every scale.
    samples : tuple of str
        Samples and scales whose items can be looked at.
    calls : Calls
        The same as code.
    conf_level : float
        That of the intervals.
    simulated : bool
        Whether the answers say SIMULATED.
    """

    table: pd.DataFrame
    shown: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    pictures: tuple[Picture, ...] = ()
    samples: tuple[str, ...] = ()
    calls: Calls = field(default_factory=Calls)
    conf_level: float = 0.95
    simulated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Items:
    """The items of one scale in one sample as the page shows them."""

    title: str
    alpha: float
    n: int
    frame: pd.DataFrame
    audits: tuple[str, ...] = ()
    picture: Picture | None = None
    calls: Calls = field(default_factory=Calls)


def coefficient_names() -> dict[str, str]:
    """Return the coefficients by the names that the package takes, in words."""
    words = {name: kind_words(name) for name in COEFFICIENTS}
    words |= {"alpha": "Cronbach's alpha", "glb": "greatest lower bound"}
    return {name: text[:1].upper() + text[1:] for name, text in words.items()}


def intervals_of(coefficient: str) -> dict[str, str]:
    """Return the intervals of a coefficient, in words, its default first."""
    return {name: INTERVALS[name] for name in COEFFICIENTS[coefficient].intervals}


def coefficients(data: Data, reliability: Reliability) -> Coefficients:
    """Return the reliability of every study and scale.

    Raises
    ------
    DataError, ModelError
        If there are no answers yet, or a coefficient is not defined for them.
    """
    _check(data)
    kind = coefficient_names()[reliability.coefficient]
    tell(f"Computing {kind}")
    table = own_table(data, reliability)
    tell("Drawing")
    session = intake(data)
    more = reliability.options()
    simulated = is_simulated(table)
    return Coefficients(
        table=table,
        shown=_shown(table),
        notes=tuple(str(note) for note in table.attrs.get("notes", ())),
        pictures=_pictures(table, kind, simulated=simulated),
        samples=tuple(str(id) for id in table["coefficient_id"]),
        calls=Calls(
            python=session.python(**more),
            commands="\n".join(session.commands(**more)),
        ),
        conf_level=reliability.conf_level,
        simulated=simulated,
    )


def _check(data: Data) -> None:
    if not data.name:
        raise ModelError("There is no file yet. Open one in the step Data.")
    question = intake(data).outcome().question
    if question is not None:
        raise ModelError(f"The step Data has an open question: {question.text}")


def _shown(table: pd.DataFrame) -> tuple[str, ...]:
    """Return the columns that say something: those that differ, and the results."""
    columns = list(table.columns)
    between = columns[columns.index("coefficient_id") + 1 : columns.index("scale")]
    keys = ["study_id", *(name for name in between if name != "instrument"), "scale"]
    split = len(keys) > 2
    if not split and not (table["sample_id"] == table["study_id"]).all():
        keys.insert(1, "sample_id")
    shown = [name for name in _SHOWN if name in table]
    if not (table["n_excluded"] > 0).any():
        shown.remove("n_excluded")
    if not (table["reason"].astype(str) != "").any():
        shown.remove("reason")
    return (*keys, *shown)


def _pictures(
    table: pd.DataFrame, kind: str, *, simulated: bool
) -> tuple[Picture, ...]:
    from waistats.figures.box import box

    if table["estimate"].notna().sum() == 0:
        return ()
    by = [name for name in ("rater", "scale") if name in table]
    caption = f"{kind} of every sample, by {' and '.join(by)}"
    return (
        drawn(
            "coefficients", box(table, by=by), caption, number=1, simulated=simulated
        ),
    )


@lru_cache(maxsize=2)
def item_parts(data: Data) -> tuple[tuple[ItemPart, ...], tuple[str, ...]]:
    """Return the items of every sample and scale, and what the audit of the key says."""
    session = intake(data)
    parts, audits, _ = item_tables(session.frame(), **session.outcome().options)
    return tuple(parts), tuple(audits)


def items(data: Data, title: str) -> Items:
    """Return the items of one scale in one sample.

    Raises
    ------
    ModelError
        If there is no such sample.
    """
    _check(data)
    tell("Looking at the items")
    parts, audits = item_parts(data)
    part = next((one for one in parts if one.title == title), None)
    if part is None:
        raise ModelError(f"There is no sample {title!r}.")
    return Items(
        title=title,
        alpha=part.alpha,
        n=part.n,
        frame=part.frame,
        audits=audits,
        picture=_items_drawn(part, simulated=is_simulated(intake(data).responses)),
        calls=_item_calls(data),
    )


def _items_drawn(part: ItemPart, *, simulated: bool) -> Picture | None:
    from waistats.figures.items import items as draw

    if part.statistics.empty:
        return None
    axes = draw(part.statistics, alpha=part.alpha)
    caption = f"Items of {part.title}"
    return drawn("items", axes, caption, number=2, simulated=simulated)


def _item_calls(data: Data) -> Calls:
    """Return the call of the coefficients as one of the items: the options are the same."""
    session = intake(data)
    alone = session.answers.get("study_name")
    command = session.commands()[0].replace("waistats alpha", "waistats items", 1)
    if alone is not None:
        from waistats._caller import TERMINAL, calling, option

        with calling(TERMINAL):
            command = command.replace(f" {option('one_study', alone)}", "", 1)
    python = session.python().replace(
        "table = ws.reliability_by_study(", "items = ws.item_statistics_by_study("
    )
    return Calls(python=python.replace(", covariance=True", ""), commands=command)


def choices_of(table: pd.DataFrame, column: str) -> list[str]:
    """Return the values of a column in the order in which they come."""
    if column not in table:
        return []
    return [str(value) for value in table[column].dropna().unique()]


def selected(table: pd.DataFrame, chosen: Mapping[str, Any]) -> pd.DataFrame:
    """Return the rows whose columns have these values; empty values choose all."""
    for column, value in chosen.items():
        if value and column in table:
            table = table[table[column].astype(str) == str(value)]
    return table
