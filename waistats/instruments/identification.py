"""Which form a study used, by facts and never by its acronym."""

from dataclasses import dataclass
from typing import TypeVar

import pandas as pd

from waistats._format import Result, counted
from waistats.errors import DataError, check_option
from waistats.instruments.forms import (
    Instrument,
    bundled_forms,
    forms_called,
    names_family,
    shared_labels,
)

Fact = TypeVar("Fact", int, float, str)

RATERS = (
    "client",
    "therapist",
    "observer",
    "parent",
    "supervisor",
    "trainee",
    "app_user",
    "mixed",
)
_RATER_WORDS = {
    "patient": "client",
    "counselor": "therapist",
    "counsellor": "therapist",
    "supervisee": "trainee",
    "judge": "observer",
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class InstrumentMatch(Result):
    """Which form the facts point to.

    Attributes
    ----------
    name : str or None
        The form; None where the facts leave several, or none.
    candidates : tuple of str
        Every form that the facts allow, cards and provisional forms too.
    label : str or None
        The label that the source used.
    conflict : bool
        True where the label and the facts disagree.
    explanation : str
        Why, in words, and what to look up where the facts do not decide.
    """

    name: str | None
    candidates: tuple[str, ...]
    label: str | None
    conflict: bool
    explanation: str

    def to_frame(self) -> pd.DataFrame:
        """Return one row: ``name, candidates, label, conflict, explanation``."""
        return pd.DataFrame(
            {
                "name": [self.name],
                "candidates": [", ".join(self.candidates)],
                "label": [self.label],
                "conflict": [self.conflict],
                "explanation": [self.explanation],
            }
        )

    def __str__(self) -> str:
        head = self.name or "not identified"
        return (
            f"{head}{' (label conflict)' if self.conflict else ''}\n{self.explanation}"
        )


def _known(fact: Fact | None) -> Fact | None:
    """Return None for an empty cell of a table."""
    return None if fact is None or pd.isna(fact) or fact == "" else fact


def _check_facts(
    n_items: int | None, response_min: float | None, response_max: float | None
) -> None:
    wrong = []
    if n_items is not None and (n_items < 1 or n_items != int(n_items)):
        wrong.append(f"n_items must be a whole number of 1 or more, but is {n_items}")
    if (
        response_min is not None
        and response_max is not None
        and not response_min < response_max
    ):
        wrong.append(
            f"response_min ({response_min}) must be below response_max ({response_max})"
        )
    if wrong:
        raise DataError(f"{'; '.join(wrong)}.")


def _agrees(
    form: Instrument,
    n_items: int | None,
    response_min: float | None,
    response_max: float | None,
) -> bool:
    """Whether nothing that is known of the form speaks against the facts."""
    if n_items is not None and form.n_items != n_items:
        return False
    for fact, own in (
        (response_min, form.response_min),
        (response_max, form.response_max),
    ):
        if fact is not None and own is not None and fact != own:
            return False
    return True


def _shifted(
    n_items: int, response_min: float | None, response_max: float | None
) -> list[str]:
    """Name forms with as many answer categories, counted from another number."""
    if response_min is None or response_max is None:
        return []
    return [
        f"{name} has as many answer categories: if the answers were counted from "
        "another number, recode them first."
        for name, form in bundled_forms().items()
        if form.n_items == n_items
        and form.key is not None
        and form.response_min is not None
        and form.response_min != response_min
        and form.response_max is not None
        and form.response_max - form.response_min == response_max - response_min
    ]


def _decide(candidates: list[str], rater: str | None) -> str | None:
    """Return the one form to take by default, shipped keys before provisional ones."""
    forms = [bundled_forms()[name] for name in candidates]
    if rater is not None and rater != "mixed":
        forms = [form for form in forms if rater in form.raters]
    for status in ("yes", "provisional"):
        keyed = [form for form in forms if form.status == status]
        rivals = [form for form in forms if form.status != status]
        if len(keyed) == 1 and (status == "yes" or not rivals):
            return keyed[0].name
        if keyed:
            return None
    return None


def _facts_text(
    n_items: int | None,
    response_min: float | None,
    response_max: float | None,
    rater: str | None,
) -> str:
    parts = [] if n_items is None else [counted(n_items, "item")]
    if response_min is not None or response_max is not None:
        low, high = (
            "?" if limit is None else format(limit, "g")
            for limit in (response_min, response_max)
        )
        parts.append(f"answers {low} to {high}")
    if rater is not None:
        parts.append(f"rater {rater}")
    return ", ".join(parts)


def identify_instrument(
    *,
    n_items: int | None = None,
    response_min: float | None = None,
    response_max: float | None = None,
    rater: str | None = None,
    label: str | None = None,
) -> InstrumentMatch:
    """Say which form was used, from its length, answers and rater.

    Parameters
    ----------
    n_items : int, optional
        Items of the whole form.
    response_min, response_max : float, optional
        Lowest and highest answer of the response scale.
    rater : str, optional
        ``"client"``, ``"therapist"``, ``"observer"``, ``"supervisor"``, ``"trainee"``,
        ``"parent"``, ``"app_user"`` or ``"mixed"``.
    label : str, optional
        What the source calls the form. It never decides against the facts; it only
        chooses among forms that they allow. For all facts, an empty or missing value
        (None, NaN, ``""``) is an unknown one.

    Returns
    -------
    InstrumentMatch
        ``name`` (None where undecided), ``candidates``, ``conflict``, ``explanation``.

    Notes
    -----
    Labels such as WAI-SR, WAI-S or WAI-SRT are used for forms of different length and
    response scale, so a label alone identifies nothing. Where several forms fit, the
    one whose key is used by default is taken; a provisional form is taken when no
    other form fits.

    Examples
    --------
    >>> identify_instrument(n_items=12, response_min=1, response_max=5).name
    'WAI-SR'
    >>> match = identify_instrument(
    ...     n_items=12, response_min=1, response_max=7, label="WAI-SR"
    ... )
    >>> match.name, match.conflict
    ('WAI-S', True)
    """
    n_items, rater, label = _known(n_items), _known(rater), _known(label)
    response_min, response_max = _known(response_min), _known(response_max)
    _check_facts(n_items, response_min, response_max)
    if rater is not None:
        rater = _RATER_WORDS.get(rater.strip().lower(), rater.strip().lower())
        rater = check_option("rater", rater, RATERS)
    facts = _facts_text(n_items, response_min, response_max, rater)
    called = forms_called(label) if label and not names_family(label) else []
    if n_items is None:
        said = [
            f"{facts or 'No facts'}: the form cannot be identified without the number "
            "of items."
        ]
        said += _label_notes(label, bool(called))
        return InstrumentMatch(
            name=None,
            candidates=tuple(called),
            label=label,
            conflict=False,
            explanation=" ".join(said),
        )
    candidates = [
        name
        for name, form in bundled_forms().items()
        if _agrees(form, n_items, response_min, response_max)
    ]
    allowed = [form for form in called if form in candidates]
    name = allowed[0] if allowed else _decide(candidates, rater)
    conflict = bool(called) and not allowed
    said = [f"{facts}: {_verdict(name, candidates)}"]
    if name is None:
        said += _shifted(n_items, response_min, response_max)
    if conflict and label:
        said.append(_conflict_text(label, called))
    said += _label_notes(label, bool(called))
    return InstrumentMatch(
        name=name,
        candidates=tuple(candidates),
        label=label,
        conflict=conflict,
        explanation=" ".join(said),
    )


def _verdict(name: str | None, candidates: list[str]) -> str:
    if not candidates:
        return "no known form."
    rivals = [form for form in candidates if form != name]
    if name is None:
        return (
            f"possible are {', '.join(rivals)}. Look up the reference that the study "
            "cites, its response scale and its rater."
        )
    return f"{name}." + (f" Also possible: {', '.join(rivals)}." if rivals else "")


def _label_notes(label: str | None, known: bool) -> list[str]:
    if not label:
        return []
    shared = {key.lower(): text for key, text in shared_labels().items()}
    stands_for = shared.get(label.strip().lower())
    if stands_for:
        return [f"{label} stands for {stands_for}."]
    return [] if known else [f"The label {label} is not known."]


def _conflict_text(label: str, called: list[str]) -> str:
    form = bundled_forms()[called[0]]
    items = counted(form.n_items, "item") if form.n_items else "unknown length"
    answers = (
        f", answers {form.response_min} to {form.response_max}"
        if form.response_min is not None
        else ""
    )
    return (
        f"The label {label} belongs to {form.name} ({items}{answers}): label and facts "
        "disagree. Keep both, and look up which form the study cites."
    )
