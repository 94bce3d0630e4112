"""What a form is: items, subscales, reverse key, response range, evidence.

The bundled forms of the WAI and its relatives, by name.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from types import MappingProxyType
from typing import Any

import pandas as pd

from waistats._caller import PYTHON, caller, option
from waistats._files import data_json
from waistats._format import Result, counted, frame_html, labelled, words_html
from waistats.errors import DataError, ModelError, listing, near


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoringKey:
    """Which items make which scale, and which are reversed.

    Attributes
    ----------
    items : tuple of int
        Item numbers of the whole form, in order.
    subscales : mapping of str to tuple of int
        Item numbers of each subscale; empty for a form with a total only.
    reverse : tuple of int
        Numbers of the items to reverse-score.
    """

    items: tuple[int, ...]
    subscales: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    reverse: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Instrument(Result):
    """A form of a questionnaire. Make your own with `define_instrument`.

    Attributes
    ----------
    name, title : str
        Short and full name.
    n_items : int or None
        Items; None where no source says.
    response_min, response_max : int or None
        Lowest and highest answer.
    key : ScoringKey or None
        None for a card: a form that is known, but whose key is not.
    raters : tuple of str
        Who fills it in: ``"client"``, ``"therapist"``, ``"observer"``, ...
    reference, doi : str
        Where the form was published.
    evidence : mapping of str to str
        What each fact rests on.
    sources : tuple of str
        Public pages behind the evidence.
    aliases : tuple of str
        Other names in use.
    status : {"yes", "provisional", "no"}
        Whether the key is used by default, behind an opt-in, or not known.
    parent_form : str
        The longer form that the items come from, or ``""``.
    parent_items : tuple of int
        For each item, in order, its number on the parent form.
    """

    name: str
    title: str = ""
    n_items: int | None = None
    response_min: int | None = None
    response_max: int | None = None
    key: ScoringKey | None = None
    raters: tuple[str, ...] = ()
    anchors: str = ""
    reference: str = ""
    doi: str = ""
    evidence: Mapping[str, str] = field(default_factory=dict)
    sources: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    status: str = "yes"
    parent_form: str = ""
    parent_items: tuple[int, ...] = ()

    def _needed_key(self) -> ScoringKey:
        if self.key is None:
            items = counted(self.n_items, "item") if self.n_items else "unknown length"
            raise DataError(
                f"{self.name}: only a card ({items}); its scoring key is not known "
                f"well enough to use. Take it from the source ({self._source()}) and "
                f"{_defined()}."
            )
        return self.key

    def _source(self) -> str:
        return self.doi or self.reference or "not known"

    @property
    def items(self) -> tuple[int, ...]:
        """Item numbers in order; a DataError for a card."""
        return self._needed_key().items

    @property
    def subscales(self) -> Mapping[str, tuple[int, ...]]:
        """Item numbers of each subscale; a DataError for a card."""
        return MappingProxyType(dict(self._needed_key().subscales))

    @property
    def reverse(self) -> tuple[int, ...]:
        """Numbers of the reversed items; a DataError for a card."""
        return self._needed_key().reverse

    @property
    def scales(self) -> dict[str, tuple[int, ...]]:
        """Item numbers of every subscale and of ``total``; a DataError for a card."""
        key = self._needed_key()
        return {**key.subscales, "total": key.items}

    @property
    def limits(self) -> tuple[int, int]:
        """Lowest and highest answer; a DataError where they are not known."""
        if self.response_min is None or self.response_max is None:
            raise DataError(f"{self.name}: the response range is not known.")
        return self.response_min, self.response_max

    @property
    def parent(self) -> dict[int, int]:
        """Item number -> number on the parent form; empty without a parent."""
        if not self.parent_items:
            return {}
        return dict(zip(self.items, self.parent_items, strict=True))

    def to_frame(self) -> pd.DataFrame:
        """Return one row per item: ``item, subscale, reversed``."""
        key = self._needed_key()
        of = {i: name for name, items in key.subscales.items() for i in items}
        return pd.DataFrame(
            {
                "item": list(key.items),
                "subscale": [of.get(i, "total") for i in key.items],
                "reversed": [i in key.reverse for i in key.items],
            }
        )

    def _card(self) -> dict[str, str]:
        card = {"items": str(self.n_items) if self.n_items else "not known"}
        if self.response_min is not None:
            anchors = f" ({self.anchors})" if self.anchors else ""
            card["answers"] = f"{self.response_min} to {self.response_max}{anchors}"
        card["raters"] = ", ".join(self.raters) or "not stated"
        if self.key is not None:
            for name, numbers in self.scales.items():
                if name == "total" and len(self.scales) > 1:
                    continue
                card[name] = " ".join(str(number) for number in numbers)
            card["reversed"] = " ".join(str(i) for i in self.reverse) or "none"
            if self.response_min is not None and self.response_max is not None:
                m = len(self.items)
                card["total"] = f"{m * self.response_min} to {m * self.response_max}"
        card["key"] = {
            "yes": "used by default",
            "provisional": "provisional: needs provisional=True",
        }.get(self.status, "none (card only)")
        if self.parent_form:
            card["made from"] = self.parent_form
        if self.aliases:
            card["also called"] = ", ".join(self.aliases)
        if self.evidence:
            card["evidence"] = _plain(self.evidence)
        if self.reference:
            card["reference"] = self.reference
        if self.doi:
            card["doi"] = self.doi
        return card

    def heading(self) -> str:
        """Return the name and the full name in a line."""
        return f"{self.name}: {self.title}" if self.title else self.name

    def __str__(self) -> str:
        return f"{self.heading()}\n{labelled(self._card())}"

    def _repr_html_(self) -> str:
        card = self._card()
        frame = pd.DataFrame({"fact": list(card), "value": list(card.values())})
        head = words_html(self.heading(), title=True)
        return f'<div class="waistats">{head}{frame_html(frame)}</div>'


# the curators' marks in data/instruments.json, as a user reads them
_MARKS = {
    "SEEN": "checked in a source",
    "KNOWN": "from the literature, not checked against the original",
    "PART": "partly checked",
    "DATA": "recomputed published totals",
}


def _plain(evidence: Mapping[str, str]) -> str:
    """Return the evidence for a form in words, without the curators' marks."""
    said = "; ".join(f"{what}: {how}" for what, how in evidence.items())
    for mark, words in _MARKS.items():
        said = re.sub(rf"\b{mark}\b", words, said)
    return said


def define_instrument(
    name: str,
    *,
    n_items: int,
    response_min: int,
    response_max: int,
    subscales: Mapping[str, Iterable[int]] | None = None,
    reverse: Iterable[int] = (),
    reference: str = "",
) -> Instrument:
    """Describe a form of your own, so that it can be scored, audited and simulated.

    Parameters
    ----------
    name : str
        Name of the form.
    n_items : int
        Number of items, at least 2.
    response_min, response_max : int
        Lowest and highest answer.
    subscales : mapping of str to item numbers, optional
        Items of each subscale, counted from 1. Without it there is a total only.
    reverse : iterable of int, default ()
        Numbers of the items to reverse-score.
    reference : str, default ""
        Where the form was published.

    Returns
    -------
    Instrument
        The form.

    Raises
    ------
    DataError
        If a number lies outside 1 ... ``n_items`` or the range is empty; all at once.

    Examples
    --------
    >>> form = define_instrument("SWLS", n_items=5, response_min=1, response_max=7)
    >>> dict(form.scales)
    {'total': (1, 2, 3, 4, 5)}
    """
    key_subscales = {str(k): tuple(v) for k, v in (subscales or {}).items()}
    key_reverse = tuple(reverse)
    wrong = []
    if n_items < 2:
        wrong.append(f"n_items must be at least 2, but is {n_items}")
    if not response_min < response_max:
        wrong.append(
            f"response_min ({response_min}) must be below response_max ({response_max})"
        )
    for where, numbers in {**key_subscales, "reverse": key_reverse}.items():
        outside = [i for i in numbers if i not in range(1, n_items + 1)]
        twice = sorted({i for i in numbers if numbers.count(i) > 1})
        if outside:
            wrong.append(f"{where} names {listing(outside)}, not in 1 ... {n_items}")
        if twice:
            wrong.append(f"{where} names {listing(twice)} twice")
    if "total" in key_subscales:
        wrong.append("no subscale may be called total: that is the whole form")
    if wrong:
        raise DataError(f"{name}: {'; '.join(wrong)}.")
    return Instrument(
        name=name,
        n_items=n_items,
        response_min=response_min,
        response_max=response_max,
        reference=reference,
        key=ScoringKey(
            items=tuple(range(1, n_items + 1)),
            subscales=key_subscales,
            reverse=key_reverse,
        ),
    )


__all__ = [
    "Instrument",
    "ScoringKey",
    "bundled_forms",
    "define_instrument",
    "family_labels",
    "form_of",
    "forms_called",
    "get_instrument",
    "list_instruments",
    "names_family",
    "shared_labels",
]


def _read_key(entry: Mapping[str, Any]) -> ScoringKey | None:
    if entry["status"] == "no":
        return None
    subscales = {name: tuple(items) for name, items in entry["subscales"].items()}
    numbers = sorted(i for items in subscales.values() for i in items)
    return ScoringKey(
        items=tuple(numbers) or tuple(range(1, entry["n_items"] + 1)),
        subscales=subscales,
        reverse=tuple(entry["reverse"]),
    )


@cache
def bundled_forms() -> Mapping[str, Instrument]:
    """Return every bundled form and card by name, provisional ones too."""
    forms = {}
    for name, entry in data_json("instruments.json")["forms"].items():
        parent = entry.get("parent", {"form": "", "items": []})
        forms[name] = Instrument(
            name=name,
            title=entry["title"],
            n_items=entry["n_items"],
            response_min=entry["response_min"],
            response_max=entry["response_max"],
            key=_read_key(entry),
            raters=tuple(entry["raters"]),
            anchors=entry.get("anchors", ""),
            reference=entry["reference"],
            doi=entry["doi"],
            evidence=entry["evidence"],
            sources=tuple(entry["sources"]),
            aliases=tuple(entry["aliases"]),
            status=entry["status"],
            parent_form=parent["form"],
            parent_items=tuple(parent["items"]),
        )
    return MappingProxyType(forms)


@cache
def family_labels() -> tuple[str, ...]:
    """Return the labels that say nothing about which form of the WAI was used."""
    return tuple(data_json("instruments.json")["family_labels"])


@cache
def shared_labels() -> Mapping[str, str]:
    """Return the labels that name several forms, and what they stand for."""
    return MappingProxyType(data_json("instruments.json")["shared_labels"])


def forms_called(label: str) -> list[str]:
    """Return the names of the forms that ``label`` may mean.

    The name itself comes first, then an alias, then either without punctuation.
    """

    def plain(text: str) -> str:
        return re.sub(r"[^a-z0-9]", "", text.lower())

    for spelling in (str.lower, plain):
        wanted = spelling(label.strip())
        exact = [name for name in bundled_forms() if spelling(name) == wanted]
        others = [
            name
            for name, form in bundled_forms().items()
            if name not in exact and wanted in map(spelling, form.aliases)
        ]
        if exact or others:
            return exact + others
    return []


def names_family(label: str) -> bool:
    """Return whether a label stands for the family and not for a form, as WAI does."""
    return label.strip().casefold() in {one.casefold() for one in family_labels()}


def form_of(label: str) -> Instrument | None:
    """Return the one form that a label means, None where it means none or several.

    >>> form_of("wai sr").name, form_of("WAI"), form_of("my form")
    ('WAI-SR', None, None)
    """
    called = [] if names_family(label) else forms_called(label)
    return bundled_forms()[called[0]] if called else None


def get_instrument(name: str | Instrument, *, provisional: bool = False) -> Instrument:
    """Return a bundled form by its name.

    Parameters
    ----------
    name : str or Instrument
        Name or alias, in any case; see `list_instruments`. An Instrument is returned
        as it is.
    provisional : bool, default False
        Allow forms whose key rests on weak evidence.

    Returns
    -------
    Instrument
        The form. For a form without a known key it is a card, and asking it for its
        key is a DataError.

    Raises
    ------
    DataError
        If no form has this name, or the name stands for several: ``"WAI"`` is the
        36-item form in one paper and a short form in the next.
    ModelError
        If the form is provisional and ``provisional`` is False.

    Examples
    --------
    >>> get_instrument("wai-sr").subscales["goal"]
    (4, 6, 8, 11)
    """
    if isinstance(name, Instrument):
        return name
    _refuse_family(str(name))
    found = forms_called(str(name))
    if not found:
        known = bundled_forms()
        raise DataError(
            f"no form is named {name!r}{near(str(name), known)}; there are "
            f"{listing(known, 30)}. For another form, {_defined()}."
        )
    form = bundled_forms()[found[0]]
    if form.status == "provisional" and not provisional:
        weak = _plain(form.evidence)
        raise ModelError(
            f"{form.name} is provisional: its key is not checked against the original "
            f"({weak}). To use it anyway: {option('provisional', True)}."
        )
    return form


def _refuse_family(name: str) -> None:
    """Raise a DataError where a name stands for the family and not for a form."""
    wanted = name.strip().casefold()
    label = next((one for one in family_labels() if one.casefold() == wanted), None)
    if label is None:
        return
    usual = [form for form in bundled_forms().values() if form.status == "yes"]
    forms = listing(
        f"{form.name} ({counted(form.n_items or 0, 'item')})" for form in usual
    )
    others = ""
    if caller() == PYTHON:
        others = (
            ", or another of list_instruments(). identify_instrument(n_items=..., "
            "response_max=...) lists the forms that fit your data"
        )
    raise DataError(
        f"{name!r} is ambiguous: {shared_labels()[label]}. Name the form: {forms}"
        f"{others}."
    )


def _defined() -> str:
    """Return what to do where no form of the package is right."""
    if caller() == PYTHON:
        return "pass a form made with define_instrument()"
    return f"name its items with {option('items')}"


def list_instruments(*, details: bool = False) -> pd.DataFrame:
    """Return every bundled form and card, one row each.

    Parameters
    ----------
    details : bool, default False
        Return what does not fit on a screen, too: ``title, response_min,
        response_max, scales, raters, reference, doi``.

    Returns
    -------
    pandas.DataFrame
        ``name, n_items, answers, n_reversed, status``; ``status`` is ``yes`` (key used
        by default), ``provisional`` (behind ``provisional=True``) or ``no`` (a card
        without a key).

    Examples
    --------
    >>> list_instruments().head(3)
         name  n_items answers  n_reversed status
    0  WAI-36       36     1-7          14    yes
    1   WAI-S       12     1-7           2    yes
    2  WAI-SR       12     1-5           0    yes
    """
    rows = [
        {
            "name": form.name,
            "title": form.title,
            "n_items": form.n_items,
            "answers": _answers(form),
            "response_min": form.response_min,
            "response_max": form.response_max,
            "scales": ", ".join(form.scales) if form.key else "",
            "n_reversed": len(form.reverse) if form.key else None,
            "raters": ", ".join(form.raters),
            "status": form.status,
            "reference": form.reference,
            "doi": form.doi,
        }
        for form in bundled_forms().values()
    ]
    counts = ["n_items", "response_min", "response_max", "n_reversed"]
    frame = pd.DataFrame(rows).astype(dict.fromkeys(counts, "Int64"))
    if details:
        return frame.drop(columns="answers")
    return frame[["name", "n_items", "answers", "n_reversed", "status"]]


def _answers(form: Instrument) -> str:
    if form.response_min is None or form.response_max is None:
        return ""
    return f"{form.response_min}-{form.response_max}"
