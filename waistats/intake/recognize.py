"""What a file of responses holds, as far as the file itself says it.

Sets of items and the forms that they could be, raters, and columns that could be the
study, the occasion, the person. Nothing is decided here.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from waistats._format import counted
from waistats.errors import listing
from waistats.instruments._codes import CUSTOMARY, means_missing
from waistats.instruments.forms import get_instrument
from waistats.instruments.identification import identify_instrument
from waistats.instruments.scoring import numbered_sets
from waistats.io._long import LongColumns
from waistats.reliability.by_study._respondents import looks_like_person

_COEFFICIENTS = re.compile(
    r"^(estimate|alpha|cronbach\W*s?\W*alpha|reliability)$", re.I
)
_SIZES = re.compile(r"^(n|n_items|items|sample_?size)$", re.I)
_STUDY = re.compile(
    r"(^|[_.\W])(study|study_?id|site|clinic|centre|center|klinik|hospital|sample|standort"
    r"|cohort|trial|dataset|source)([_.\W]?(id|name))?$",
    re.I,
)
_OCCASION = re.compile(
    r"(^|[_.\W])(session|sitzung|time|wave|occasion|visit|week|phase|timepoint|t|mzp"
    r"|measurement|redcap_event_name|redcap_repeat_instance|event)([_.\W]?(id|no|nr"
    r"|number|name))?$",
    re.I,
)
_ITEM = re.compile(
    r"(^|[_.\W])(item|question|frage|variable|var|q)s?([_.\W]?(id|no|nr|number|name))?$",
    re.I,
)
_ANSWER = re.compile(
    r"(^|[_.\W])(answer|value|response|score|rating|antwort|wert|resp)s?"
    r"([_.\W]?(value|code|num))?$",
    re.I,
)
# columns that are tried as the names of persons
_MOST_KEYS = 8
_RATER = {
    "client": r"c|cl|client|pat|patient|p|k|klient|cf",
    "therapist": r"t|th|ther|therapist|counsel\w*|tf|therapeut",
    "observer": r"o|obs|observer|of|judge|beobachter",
    "supervisor": r"s|sup|supervisor",
    "parent": r"par|parent|eltern",
}
_FILTER = ("filter_$", "filter_")
# response scales of the forms, from lowest to highest
_SCALES = (
    ("Seldom", "Sometimes", "Fairly often", "Very often", "Always"),
    (
        *("Never", "Rarely", "Occasionally", "Sometimes", "Often", "Very often"),
        "Always",
    ),
    ("Never", "Rarely", "Sometimes", "Often", "Always"),
    (
        *("Strongly disagree", "Disagree", "Neither agree nor disagree", "Agree"),
        "Strongly agree",
    ),
)
_MOST_WORDS = 12
_MOST_STUDIES = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemSet:
    """Columns numbered from 1 under one prefix.

    Attributes
    ----------
    prefix : str
        What the names have in common.
    columns : tuple of str
        The items, in order of their numbers.
    beyond : tuple of str
        Columns of the same prefix after a gap in the numbers.
    alike : tuple of str
        Those of them whose answers are like those before the gap: perhaps items.
    low, high : float or None
        Lowest and highest answer that occurs, codes for a missing answer left out.
    forms : tuple of str
        Forms that length and answers allow, the likeliest first.
    rater : str or None
        Who fills it in, as far as the prefix says.
    words : tuple of str
        The answers, where they are words.
    """

    prefix: str
    columns: tuple[str, ...]
    beyond: tuple[str, ...] = ()
    alike: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    forms: tuple[str, ...] = ()
    rater: str | None = None
    words: tuple[str, ...] = ()

    @property
    def named(self) -> str:
        """What names these items in a call: the prefix, or the range before a gap."""
        if self.beyond or not self.prefix:
            return f"{self.columns[0]}-{self.columns[-1]}"
        return self.prefix


@dataclass(frozen=True, slots=True, kw_only=True)
class Recognized:
    """What a file of responses holds.

    Attributes
    ----------
    kind : {"responses", "coefficients", "unknown"}
        What the file is.
    rows : int
        Rows.
    columns : tuple of str
        All columns.
    sets : tuple of ItemSet
        Sets of items.
    studies, occasions, persons : tuple of str
        Columns that could be these, the likeliest first.
    filter_variable : str or None
        The filter variable of SPSS, where it marks some rows as filtered out.
    """

    kind: str
    rows: int
    columns: tuple[str, ...]
    sets: tuple[ItemSet, ...] = ()
    studies: tuple[str, ...] = ()
    occasions: tuple[str, ...] = ()
    persons: tuple[str, ...] = ()
    filter_variable: str | None = None

    def lines(self) -> list[str]:
        """Return what was recognized, a line each."""
        told = [f"{counted(self.rows, 'row')}, {counted(len(self.columns), 'column')}."]
        for of in self.sets:
            scale = "" if of.low is None else f", answers {of.low:g} to {of.high:g}"
            if of.words:
                scale = f", answers in words ({', '.join(of.words)})"
            whose = "" if of.rater is None else f", probably of the {of.rater}"
            form = f": could be {', '.join(of.forms[:3])}" if of.forms else ""
            told.append(
                f"{of.columns[0]} to {of.columns[-1]}: "
                f"{counted(len(of.columns), 'item')}{scale}{whose}{form}."
            )
            others = [name for name in of.beyond if name not in of.alike]
            if of.alike:
                told.append(
                    f"{listing(of.alike, 20)}: after a gap in the numbers, with answers "
                    "like those before it."
                )
            if others:
                told.append(
                    f"{listing(others, 20)}: after a gap in the numbers, not taken as "
                    "items."
                )
        for words, names in (
            ("study", self.studies),
            ("occasion", self.occasions),
            ("person", self.persons),
        ):
            if names:
                told.append(f"{', '.join(names[:4])}: could be the {words}.")
        if self.filter_variable:
            told.append(f"{self.filter_variable}: the filter variable of SPSS.")
        return told


def kind_of(responses: pd.DataFrame) -> str:
    """Return what a table holds: ``responses``, ``coefficients`` or ``unknown``."""
    names = [str(name) for name in responses.columns]
    if any(map(_COEFFICIENTS.match, names)) and any(map(_SIZES.match, names)):
        return "coefficients"
    if _item_sets(responses) or _few_items(responses):
        return "responses"
    return "unknown"


def long_form(responses: pd.DataFrame) -> LongColumns | None:
    """Return the columns of a table with one row per answer; None for other tables.

    A column holds the names of items (``wai1``, ``wai2``, ...) or their numbers, one
    holds answers, and no person, named by as few columns as can be, answers an item
    twice.
    """
    if kind_of(responses) != "unknown":
        return None
    names = [str(name) for name in responses.columns]
    cells = {
        name: responses[column]
        for name, column in zip(names, responses.columns, strict=True)
    }
    for item in (name for name in names if _names_items(name, cells[name])):
        others = [name for name in names if name != item]
        values = [name for name in others if _ANSWER.search(name)]
        for value in values:
            keys = [name for name in others if name not in values]
            if (person := _person_of(keys, cells, item)) is not None:
                return LongColumns(person=person, item=item, value=value)
    return None


def _names_items(name: str, cells: "pd.Series[object]") -> bool:
    """Return whether a column holds names or numbers of items, each many times."""
    found = cells.dropna().unique()
    if not 3 <= len(found) <= len(cells) / 2:
        return False
    if not pd.api.types.is_numeric_dtype(cells):
        return any(len(run) >= 3 for run, _ in numbered_sets(found))
    numbers = sorted(float(one) for one in found)
    return bool(_ITEM.search(name)) and numbers == list(range(1, len(found) + 1))


def _person_of(
    names: Sequence[str], cells: Mapping[str, "pd.Series[object]"], item: str
) -> tuple[str, ...] | None:
    """Return the fewest columns with which no item is answered twice."""
    first = [name for name in names if looks_like_person(name, cells[name])]
    order = [*first, *(name for name in names if name not in first)]
    for size in (1, 2, 3):
        for keys in combinations(order[:_MOST_KEYS], size):
            frame = pd.DataFrame({name: cells[name] for name in (*keys, item)})
            people = len(frame.drop_duplicates(list(keys)))
            if people < len(frame) / 2 and not frame.duplicated().any():
                return keys
    return None


def _few_items(responses: pd.DataFrame) -> bool:
    """Return whether two numbered columns of a file are items."""
    for columns, _ in numbered_sets(responses.columns):
        prefix = re.sub(r"[\W_]*\d+$", "", str(columns[0]))
        if not (_COEFFICIENTS.match(prefix) or _SIZES.match(prefix)):
            return True
    return False


def recognize(
    responses: pd.DataFrame, declared: tuple[float, float] | None = None
) -> Recognized:
    """Return what a table of responses holds.

    Parameters
    ----------
    responses : DataFrame
        As `read_responses` returns it.
    declared : tuple of float, optional
        Lowest and highest answer, where they are known.
    """
    sets = _item_sets(responses, declared)
    items = {
        str(column)
        for of in numbered_sets(responses.columns)
        for column in (*of[0], *of[1])
    }
    others = [str(c) for c in responses.columns if str(c) not in items]
    others = [c for c in others if c not in ("provenance", *_FILTER)]
    by_name = {str(c): responses[c] for c in responses.columns}
    persons = [c for c in others if looks_like_person(c, by_name[c])]
    occasions = [
        c
        for c in others
        if _OCCASION.search(c) and c not in persons and by_name[c].nunique() <= 60
    ]
    studies = _studies(others, by_name, [*persons, *occasions], len(responses))
    return Recognized(
        kind=kind_of(responses),
        rows=len(responses),
        columns=tuple(str(c) for c in responses.columns),
        sets=tuple(sets),
        studies=tuple(studies),
        occasions=tuple(occasions),
        persons=tuple(persons),
        filter_variable=_filter(responses),
    )


def _studies(
    names: Sequence[str],
    cells: dict[str, "pd.Series[object]"],
    taken: Sequence[str],
    rows: int,
) -> list[str]:
    """Return columns that could name the study: named so, or words for many rows."""
    named = [c for c in names if _STUDY.search(c) and c not in taken]
    words = [
        c
        for c in names
        if c not in taken
        and c not in named
        and not pd.api.types.is_numeric_dtype(cells[c])
        and 2 <= cells[c].nunique() <= max(2, _MOST_STUDIES * rows / 5)
    ]
    return [*named, *words]


def _filter(responses: pd.DataFrame) -> str | None:
    for column in responses.columns:
        if str(column).lower() in _FILTER:
            values = pd.to_numeric(responses[column], errors="coerce")
            if (values != 1).any() and (values == 1).any():
                return str(column)
    return None


def _item_sets(
    responses: pd.DataFrame, declared: tuple[float, float] | None = None
) -> list[ItemSet]:
    found = []
    labels = responses.attrs.get("value_labels", {})
    for columns, beyond in numbered_sets(responses.columns):
        values = responses[columns]
        alike = [c for c in beyond if _alike(values, responses[c])]
        if len(columns) + len(alike) < 3:
            continue
        worded = [c for c in columns if not pd.api.types.is_numeric_dtype(values[c])]
        if worded:
            words = _words(values)
            if len(worded) == len(columns) and words:
                found.append(_worded(columns, beyond, alike, words))
            continue
        numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
        low, high = declared or _ends(numbers, [labels.get(c, {}) for c in columns])
        names = [str(c) for c in columns]
        prefix = re.sub(r"0*\d+$", "", names[0])
        rater = rater_of(prefix)
        found.append(
            ItemSet(
                prefix=prefix,
                columns=tuple(names),
                beyond=tuple(str(c) for c in beyond),
                alike=tuple(str(c) for c in alike),
                low=low,
                high=high,
                forms=_forms(
                    len(names),
                    low,
                    high,
                    rater,
                    labelled=declared is not None or _are_labelled(columns, labels),
                ),
                rater=rater,
            )
        )
    return found


def _alike(items: pd.DataFrame, column: "pd.Series[Any]") -> bool:
    """Return whether a column has no answer that the items do not have."""
    own = column.dropna().unique()
    known = pd.unique(items.to_numpy().ravel())
    return len(own) > 1 and bool(pd.Series(own).isin(known).all())


def _words(values: pd.DataFrame) -> tuple[str, ...]:
    """Return the words that a set of items shares, none where they are no scale."""
    cells = values.melt()["value"].dropna().astype(str).str.strip()
    words = cells[cells != ""].value_counts()
    return tuple(words.index) if 2 <= len(words) <= _MOST_WORDS else ()


def _worded(
    columns: Sequence[object],
    beyond: Sequence[object],
    alike: Sequence[object],
    words: tuple[str, ...],
) -> ItemSet:
    names = [str(c) for c in columns]
    prefix = re.sub(r"0*\d+$", "", names[0])
    return ItemSet(
        prefix=prefix,
        columns=tuple(names),
        beyond=tuple(str(c) for c in beyond),
        alike=tuple(str(c) for c in alike),
        rater=rater_of(prefix),
        words=words,
    )


def in_order(words: Sequence[str]) -> list[str] | None:
    """Return words from lowest to highest, where they are those of one usual scale.

    >>> in_order(["Always", "Seldom", "Sometimes"])
    ['Seldom', 'Sometimes', 'Fairly often', 'Very often', 'Always']
    """
    given = {word.casefold() for word in words if not means_missing(word)}
    fitting = [of for of in _SCALES if given <= {word.casefold() for word in of}]
    shortest = min(fitting, key=len, default=None)
    if shortest is None:
        return None
    # words of two scales mean different numbers, unless they are all of one
    if len(fitting) > 1 and len(given) < len(shortest):
        return None
    return list(shortest)


def _ends(
    numbers: np.ndarray, labels: Sequence[dict[float, str]]
) -> tuple[float | None, float | None]:
    """Return the ends of the answers: those labelled, else those that occur."""
    named = {
        float(code)
        for of in labels
        for code, label in of.items()
        if not means_missing(label) and float(code) not in CUSTOMARY
    }
    given = numbers[np.isfinite(numbers)]
    seen = {float(v) for v in np.unique(given)[:200] if float(v) not in CUSTOMARY}
    both = sorted(named | seen)
    if not both:
        return None, None
    return both[0], both[-1]


def rater_of(prefix: str) -> str | None:
    """Return who a prefix says fills the items in.

    >>> [rater_of(prefix) for prefix in ("WAI_C_", "wait", "wai_therapist_", "q")]
    ['client', 'therapist', 'therapist', None]
    """
    parts = [part for part in re.split(r"[^a-z]+", prefix.lower()) if part]
    forms = ("wai", "waisr", "wais")
    for part in reversed(parts):
        for name, pattern in _RATER.items():
            if re.fullmatch(pattern, part):
                return name
            for form in forms:
                rest = part.removeprefix(form)
                if part != rest and re.fullmatch(pattern, rest):
                    return name
    return None


def _are_labelled(
    columns: Sequence[object], labels: Mapping[object, Mapping[float, str]]
) -> bool:
    """Return whether value labels say what the answers of every item can be."""
    return all(
        sum(not means_missing(label) for label in labels.get(c, {}).values()) >= 2
        for c in columns
    )


def _forms(
    n_items: int,
    low: float | None,
    high: float | None,
    rater: str | None,
    *,
    labelled: bool = False,
) -> tuple[str, ...]:
    """Return forms that length and answers allow; ends that nobody chose are allowed."""
    if low is None or high is None:
        return ()
    ranges = [(low, high)]
    if not labelled:
        # an end that nobody chose is not seen
        ranges += [(min(low, 1.0), high), (1.0, 5.0), (1.0, 7.0), (0.0, 6.0)]
    known: list[str] = []
    for start, end in dict.fromkeys(ranges):
        if not start <= low <= high <= end or start >= end:
            continue
        for who in dict.fromkeys([rater, None]):
            match = identify_instrument(
                n_items=n_items, response_min=start, response_max=end, rater=who
            )
            names = [match.name] if match.name else []
            for name in [*names, *match.candidates]:
                if name not in known and _has_key(name):
                    known.append(name)
    return tuple(known)


def _has_key(name: str) -> bool:
    try:
        return get_instrument(name).key is not None
    except ValueError:
        return False
