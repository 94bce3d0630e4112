"""The bundled forms of the WAI and its relatives, by name."""

import re
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

import pandas as pd

from waistats.errors import DataError, ModelError, listing, near
from waistats.forms import Instrument, ScoringKey, define_instrument
from waistats.resources import data_json

__all__ = [
    "Instrument",
    "ScoringKey",
    "bundled_forms",
    "define_instrument",
    "family_labels",
    "forms_called",
    "get_instrument",
    "list_instruments",
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
        If no form has this name.
    ModelError
        If the form is provisional and ``provisional`` is False.

    Examples
    --------
    >>> get_instrument("wai-sr").subscales["goal"]
    (4, 6, 8, 11)
    """
    if isinstance(name, Instrument):
        return name
    found = forms_called(str(name))
    if not found:
        known = bundled_forms()
        raise DataError(
            f"no form is called {name!r}{near(str(name), known)}; there are "
            f"{listing(known, 30)}. Describe another with define_instrument()."
        )
    form = bundled_forms()[found[0]]
    if form.status == "provisional" and not provisional:
        weak = "; ".join(f"{what}: {how}" for what, how in form.evidence.items())
        raise ModelError(
            f"{form.name} is provisional: its key is not checked against the original "
            f"({weak}). Pass provisional=True to use it all the same."
        )
    return form


def list_instruments() -> pd.DataFrame:
    """Return every bundled form and card, one row each.

    Returns
    -------
    pandas.DataFrame
        ``name, title, n_items, response_min, response_max, scales, n_reversed, raters,
        status, reference, doi``; ``status`` is ``yes`` (key used by default),
        ``provisional`` (behind ``provisional=True``) or ``no`` (a card without a key).

    Examples
    --------
    >>> list_instruments().loc[:2, ["name", "n_items", "n_reversed"]]
         name  n_items  n_reversed
    0  WAI-36       36          14
    1   WAI-S       12           2
    2  WAI-SR       12           0
    """
    rows = [
        {
            "name": form.name,
            "title": form.title,
            "n_items": form.n_items,
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
    return pd.DataFrame(rows).astype(dict.fromkeys(counts, "Int64"))
