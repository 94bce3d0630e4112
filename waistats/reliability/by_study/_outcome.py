"""What the coefficients themselves give away: negative alphas, impossible spreads."""

import unicodedata
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import pandas as pd

from waistats._caller import option
from waistats._format import coefficient, fixed
from waistats.errors import listing
from waistats.instruments._findings import (
    STOP,
    WARNING,
    Finding,
    accepted,
    refuse,
)
from waistats.instruments._gate import GateOptions
from waistats.measures import status_of

_MOST_NAMED = 6
# of what stops every one is named, up to this many
_MOST_LISTED = 60


class Asked(Protocol):
    """What is known of the answers behind a table."""

    @property
    def gate(self) -> GateOptions:
        """What the user says of the answers."""

    @property
    def keyed(self) -> bool:
        """Whether a form says how items are scored."""

    @property
    def study(self) -> str | None:
        """The column of the study, where the answers are available."""

    @property
    def limits(self) -> tuple[float, float] | None:
        """Lowest and highest answer."""


def table_findings(table: pd.DataFrame, question: Asked) -> list[Finding]:
    """Return what the coefficient table shows; a DataError for what stops."""
    found = accepted(outcome(table, question), question.gate.accept)
    refuse(found)
    return found


def outcome(table: pd.DataFrame, question: Asked) -> list[Finding]:
    """Return what the coefficient table shows, what stops among it."""
    keyed = "instrument" in table and question.keyed
    return [
        *_negative(table, question.study, keyed=keyed),
        *_impossible_spread(table, question.limits),
        *similar_names(table["study_id"].drop_duplicates().tolist()),
    ]


def _negative(table: pd.DataFrame, study: str | None, *, keyed: bool) -> list[Finding]:
    negative = table["estimate"] < 0
    if not negative.any():
        return []
    usable = status_of(table).poolable
    rows = table[negative & usable]
    if rows.empty:
        return []
    told = [
        f"{coefficient(value)} ({name})"
        for value, name in zip(rows["estimate"], rows["coefficient_id"], strict=True)
    ]
    kind = str(rows["coefficient_type"].iloc[0])
    return [
        Finding(
            severity=STOP if keyed else WARNING,
            finding="negative_alpha",
            where=listing(rows["coefficient_id"], _MOST_NAMED),
            n=len(rows),
            example=told[0],
            text=f"{kind} is negative in {len(rows):,} of {int(usable.sum()):,} "
            f"coefficients: {listing(told, _MOST_LISTED)}; items correlate negatively "
            "with each other",
            advice=_ways_out(rows, study)
            if keyed
            else f"Reverse-score items with {option('reverse')}.",
        )
    ]


def _ways_out(rows: pd.DataFrame, study: str | None) -> str:
    """Return what can be done about negative alphas of a form."""
    names = [str(name) for name in rows["study_id"].drop_duplicates()]
    leave = option("where")
    if study is not None and len(names) <= _MOST_NAMED and _plain(names):
        listed = ", ".join(f'"{name}"' for name in names)
        column = study if study.isidentifier() else f"`{study}`"
        leave = option("where", f"{column} not in ({listed})")
    these = "this study" if len(names) == 1 else "these studies"
    return (
        f"Check the key with {option('already_keyed')}, reverse-score single items with "
        f"{option('reverse')}, leave {these} out with {leave}, or pool "
        f"{'it' if len(rows) == 1 else 'them'} with the others: "
        f"{option('accept', 'negative_alpha')}."
    )


def _plain(names: Sequence[str]) -> bool:
    return not any('"' in name for name in names)


def _impossible_spread(
    table: pd.DataFrame, limits: tuple[float, float] | None
) -> list[Finding]:
    if limits is None:
        return []
    n, sd = table["n"].to_numpy(dtype=float), table["score_sd"].to_numpy(dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        most = (
            table["n_items"].to_numpy(dtype=float)
            * (limits[1] - limits[0])
            / 2
            * np.sqrt(n / (n - 1))
        )
    wrong = (n > 1) & (sd > most * (1 + 1e-9))
    if not wrong.any():
        return []
    rows = table[wrong]
    told = [
        f"{fixed(s, 2)}, at most {fixed(m, 2)} ({name})"
        for s, m, name in zip(
            rows["score_sd"], most[wrong], rows["coefficient_id"], strict=True
        )
    ]
    return [
        Finding(
            severity=STOP,
            finding="impossible_sd",
            where=listing(rows["coefficient_id"], _MOST_NAMED),
            n=len(rows),
            example=told[0],
            text="the standard deviation of the score is larger than answers from "
            f"{limits[0]:g} to {limits[1]:g} allow: {listing(told, _MOST_LISTED)}",
            advice=f"Check {option('response_range')} and {option('missing_codes')}, or "
            f"keep it with {option('accept', 'impossible_sd')}.",
        )
    ]


def similar_names(names: Sequence[str]) -> list[Finding]:
    """Return a warning for study names that differ in case, spaces or punctuation only."""
    folded: dict[str, list[str]] = {}
    for name in names:
        folded.setdefault(_folded(name), []).append(name)
    pairs = [" / ".join(repr(n) for n in of) for of in folded.values() if len(of) > 1]
    if not pairs:
        return []
    return [
        Finding(
            severity=WARNING,
            finding="similar_studies",
            where=listing(pairs, _MOST_NAMED),
            n=len(pairs),
            example=pairs[0],
            text="study names differ only in case, spaces or punctuation, and count as "
            f"different studies: {listing(pairs, _MOST_NAMED)}",
            advice="Use one spelling if they are one study.",
        )
    ]


def _folded(name: str) -> str:
    text = unicodedata.normalize("NFKC", str(name)).casefold()
    return "".join(sign for sign in text if sign.isalnum() or sign in ".+-#")
