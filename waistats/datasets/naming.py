"""Which column is which: names given by the user, and guesses for missing ones."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches

from waistats.datasets.findings import Finding
from waistats.datasets.table import RawTable
from waistats.errors import DataError, listing, near

REQUIRED = ("study_id", "estimate", "n", "n_items")

# Other names of columns that mean the same.
_ALIASES = {
    "status_reason": "reason",
    "exclusion_reason": "reason",
    "value_decimals": "alpha_decimals",
}
# Names that other programs and papers give to the required columns.
_SYNONYMS = {
    "study_id": ("study", "studyid", "studyname", "id", "paper", "author", "authors"),
    "estimate": (
        "alpha",
        "alfa",
        "cronbach",
        "cronbachalpha",
        "cronbachsalpha",
        "coefficient",
        "reliability",
        "ai",
        "value",
    ),
    "n": ("ni", "nobs", "samplesize", "ss", "respondents", "npersons", "ntotal"),
    "n_items": (
        "items",
        "nitem",
        "mi",
        "m",
        "k",
        "numberofitems",
        "length",
        "nrofitems",
    ),
}


def rename_columns(table: RawTable, columns: Mapping[str, str]) -> RawTable:
    """Return the table under the names of the contract, its aliases included."""
    names = list(table.frame.columns)
    absent = [name for name in columns if name not in names]
    if absent:
        said = ", ".join(f"{name!r}{near(name, names)}" for name in absent)
        raise DataError(
            f"{table.source}: columns= names {said}, which the table has not; it has "
            f"{listing(names)}."
        )
    new = {name: columns.get(name, name) for name in names}
    for alias, name in _ALIASES.items():
        if alias in new.values() and name not in new.values():
            new |= {old: name for old in names if new[old] == alias}
    targets = list(new.values())
    repeated = sorted({name for name in targets if targets.count(name) > 1})
    if repeated:
        raise DataError(
            f"{table.source}: columns= gives several columns the name "
            f"{listing(repr(name) for name in repeated)}. Each needs its own."
        )
    return replace(
        table,
        frame=table.frame.rename(columns=new),
        letters={new[name]: letter for name, letter in table.letters.items()},
    )


def missing_columns(table: RawTable, missing: Sequence[str]) -> list[Finding]:
    """Return an error for each required column that is not there, with a guess."""
    free = [str(name) for name in table.frame if name not in REQUIRED]
    plain = {name: "".join(c for c in name.lower() if c.isalnum()) for name in free}
    guesses: dict[str, str] = {}
    for wanted in missing:
        options = {wanted.replace("_", ""), *_SYNONYMS[wanted]}
        left = [name for name in free if name not in guesses]
        exact = [name for name in left if plain[name] in options]
        close = get_close_matches(wanted, left, n=1, cutoff=0.75)
        for name in [*exact, *close][:1]:
            guesses[name] = wanted
    advice = f"The table has {listing(table.frame.columns)}. "
    if guesses:
        pairs = ",".join(f"{name}={wanted}" for name, wanted in guesses.items())
        shell = shlex.quote(pairs)
        advice += (
            f"Did you mean columns={guesses}? (On the command line: --columns {shell})"
        )
    else:
        advice += (
            "Name the column that holds it with columns={'its name': '...'}, or add it."
        )
    return [
        Finding(column=name, severity="error", rule="is missing", advice=advice)
        for name in missing
    ]
