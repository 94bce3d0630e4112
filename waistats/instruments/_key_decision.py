"""Which way round the items are: what the caller says, compared with the answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from waistats._caller import option
from waistats._format import coefficient
from waistats._typing import BoolArray, FloatArray, IntArray
from waistats.errors import ModelError, listing, near
from waistats.instruments._findings import NOTE, STOP, WARNING, Finding
from waistats.instruments._key_evidence import (
    CONFLICT,
    KEYED,
    RAW,
    WEAK,
    KeyLayout,
    KeySums,
    against_rest,
    evidence,
    key_states,
    shared_state,
)
from waistats.instruments.forms import Instrument

Keyed: TypeAlias = bool | Mapping[str, bool | None] | None
# the studies that a message names
_MOST = 4


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class KeyPlan:
    """Which items of a form, in the order of the columns, are reversed.

    Attributes
    ----------
    form : Instrument
        The form.
    columns : tuple
        Columns of all its items, in order.
    layout : KeyLayout
        Reversed items and subscales.
    """

    form: Instrument
    columns: tuple[object, ...]
    layout: KeyLayout

    @property
    def reversed(self) -> list[object]:
        """The columns that the key reverses."""
        pairs = zip(self.columns, self.layout.reverse, strict=True)
        return [column for column, one in pairs if one]


def key_plan(form: Instrument, columns: Sequence[object]) -> KeyPlan:
    """Return the plan of a form whose items are these columns, in its order."""
    numbers = list(form.items)
    group = np.zeros(len(numbers), dtype=np.int64)
    for g, of in enumerate(form.subscales.values()):
        for number in of:
            group[numbers.index(number)] = g
    return KeyPlan(
        form=form,
        columns=tuple(columns),
        layout=KeyLayout(reverse=np.isin(numbers, form.reverse), group=group),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class KeyDecision:
    """Which items are reverse-scored, study by study.

    Attributes
    ----------
    turned : ndarray of bool, shape (u, m)
        Items to be reverse-scored in each unit.
    against : ndarray of bool, shape (u, m)
        Items that correlate negatively with their subscale once scored so.
    findings : list of Finding
        What was decided, and what stops.
    """

    turned: BoolArray
    against: BoolArray
    findings: list[Finding]


def decide_key(
    sums: KeySums,
    plan: KeyPlan,
    unit: IntArray,
    units: Sequence[str],
    stated: Keyed,
    *,
    weak_stops: bool = True,
    whose: str = "",
) -> KeyDecision:
    """Decide for every unit whether the key is still to be applied.

    Parameters
    ----------
    sums : KeySums
        Of the answers as they are in the file, one row per sample.
    plan : KeyPlan
        The form.
    unit : ndarray of int
        Unit (study) of each sample.
    units : sequence of str
        Names of the units.
    stated : bool, None or mapping
        What the user says.
    weak_stops : bool
        Whether weak evidence stops, or the form's key is applied with a note.
    whose : str
        The rater, for messages.
    """
    layout = plan.layout
    found = evidence(sums, layout, unit, len(units))
    says = _stated(stated, units)
    if not layout.reverse.any():
        turned = np.zeros((len(units), len(layout.reverse)), dtype=bool)
        one, _ = against_rest(found, layout, turned)
        return KeyDecision(turned=turned, against=one, findings=[])
    states = key_states(found, layout)
    shared = shared_state(states, found, layout)
    findings: list[Finding] = []
    apply = np.zeros(len(units), dtype=bool)
    told: dict[str, list[str]] = {}
    for i, (name, state, said) in enumerate(zip(units, states, says, strict=True)):
        if said is not None:
            apply[i] = not said
            opposite = RAW if said else KEYED
            if state == opposite:
                told.setdefault("contradicted " + state, []).append(name)
            continue
        if state == CONFLICT:
            told.setdefault(CONFLICT, []).append(name)
        elif state == WEAK and found.n[i] < 3:
            apply[i] = shared != KEYED
        elif state == WEAK and shared == WEAK:
            told.setdefault(WEAK, []).append(name)
            apply[i] = True
        elif state == WEAK:
            apply[i] = shared == RAW
            told.setdefault("shared " + shared, []).append(name)
        else:
            apply[i] = state == RAW
            told.setdefault(state, []).append(name)
    findings += _key_findings(told, plan, found, units, weak_stops, whose)
    turned = apply[:, None] & layout.reverse[None, :]
    one, overall = against_rest(found, layout, turned)
    return KeyDecision(turned=turned, against=one | overall[None, :], findings=findings)


def _stated(stated: Keyed, units: Sequence[str]) -> list[bool | None]:
    if not isinstance(stated, Mapping):
        return [stated] * len(units)
    unknown = [f"{k!r}{near(str(k), units)}" for k in stated if str(k) not in units]
    if unknown:
        raise ModelError(
            f"already_keyed names {listing(unknown)}, which is not a study in the data."
        )
    by_name = {str(name): state for name, state in stated.items()}
    return [by_name.get(name) for name in units]


def _key_findings(
    told: Mapping[str, Sequence[str]],
    plan: KeyPlan,
    found: Any,
    units: Sequence[str],
    weak_stops: bool,
    whose: str,
) -> list[Finding]:
    items = listing(plan.reversed, 20)
    form = plan.form.name + (f" ({whose})" if whose else "")
    findings = []

    def say(
        severity: str, finding: str, names: Sequence[str], text: str, advice: str = ""
    ) -> None:
        findings.append(
            Finding(
                severity=severity,
                finding=finding,
                where=listing(filter(None, names), _MOST),
                n=len(names),
                example=str(plan.reversed[0]),
                text=text,
                advice=advice,
            )
        )

    def places(names: Sequence[str]) -> str:
        given = [name for name in names if name]
        return f" in {listing(given, _MOST)}" if given else ""

    for state, names in told.items():
        if state in (RAW, "shared raw"):
            why = "" if state == RAW else "; taken from the other studies"
            say(
                NOTE,
                "key_decided",
                names,
                f"{form}: the reversed items {items} are not reverse-scored yet"
                f"{places(names)}, and were reverse-scored{why}",
            )
        elif state in (KEYED, "shared keyed"):
            why = "" if state == KEYED else "; taken from the other studies"
            say(
                NOTE,
                "key_decided",
                names,
                f"{form}: the reversed items {items} are already reverse-scored"
                f"{places(names)}, and were left as they are{why}",
            )
        elif state == "contradicted raw":
            say(
                STOP,
                "key_contradicted",
                names,
                f"{form}: the file is declared to be reverse-scored, but{places(names)} "
                f"the items {items} correlate negatively with the others, as in a file "
                "that is not",
                f"Leave the option out or use {option('already_keyed', False)}; to keep "
                f"it: {option('accept', 'key_contradicted')}.",
            )
        elif state == "contradicted keyed":
            say(
                STOP,
                "key_contradicted",
                names,
                f"{form}: the file is declared not to be reverse-scored, but"
                f"{places(names)} the items {items} correlate positively with the "
                "others, as in a file "
                "that is",
                f"Leave the option out or use {option('already_keyed', True)}; to keep "
                f"it: {option('accept', 'key_contradicted')}.",
            )
        elif state == CONFLICT:
            say(
                STOP,
                "key_conflict",
                names,
                f"{form}:{places(names) or ' in the file'} some of the reversed items "
                f"are already reverse-scored and others are not "
                f"({_signs(plan, found, units, names)})",
                f"Reverse-score single items with {option('reverse')}, or state what "
                f"the file is with {option('already_keyed')}.",
            )
        elif state == WEAK:
            text = (
                f"{form}: the answers do not show whether the reversed items {items} "
                f"are already reverse-scored{places(names)}"
            )
            if weak_stops:
                say(
                    STOP,
                    "key_unclear",
                    names,
                    text,
                    f"State it with {option('already_keyed')}.",
                )
            else:
                say(NOTE, "key_unclear", names, f"{text}; they were reverse-scored")
    return findings


def _signs(
    plan: KeyPlan, found: Any, units: Sequence[str], names: Sequence[str]
) -> str:
    i = list(units).index(names[0])
    r = found.own[i]
    reverse = plan.layout.reverse
    done = [c for c, x, k in zip(plan.columns, r, reverse, strict=True) if k and x > 0]
    left = [c for c, x, k in zip(plan.columns, r, reverse, strict=True) if k and x < 0]
    return f"already: {listing(done)}; not yet: {listing(left)}"


def reversal(limits: tuple[float, float]) -> float:
    """Return the sum of lowest and highest answer: reversed ``x`` is this minus x."""
    return limits[0] + limits[1]


def keyed_values(
    values: FloatArray, turned: BoolArray, unit: IntArray, both_ends: float
) -> FloatArray:
    """Return the answers (N, m) with the items of each unit reverse-scored."""
    if not turned.any():
        return values
    if (turned == turned[0]).all():
        out = values.copy()
        out[:, turned[0]] = both_ends - out[:, turned[0]]
        return out
    flip = turned[unit]
    return np.where(flip, both_ends - values, values)


def reversed_besides(
    values: FloatArray,
    columns: Sequence[object],
    reverse: Sequence[object],
    limits: tuple[float, float] | None,
) -> tuple[FloatArray, tuple[float, float] | None, list[Finding]]:
    """Return answers with the named columns reverse-scored, and a note of it.

    Without a declared range the lowest and highest answer that there is are used, which
    leaves alpha as it is.
    """
    named = [column for column in columns if column in reverse]
    if not named:
        return values, limits, []
    declared = limits is not None
    if limits is None:
        given = values[np.isfinite(values)]
        limits = (float(given.min()), float(given.max())) if len(given) else (0.0, 0.0)
    at = [j for j, column in enumerate(columns) if column in reverse]
    values = values.copy()
    values[:, at] = limits[0] + limits[1] - values[:, at]
    return values, limits, [besides_finding(named, limits, declared=declared)]


def besides_finding(
    named: Sequence[object], limits: tuple[float, float], *, declared: bool
) -> Finding:
    """Return a note of the columns that the user has reverse-scored."""
    between = f"{limits[0]:g} and {limits[1]:g}"
    if not declared:
        between += ", the lowest and highest answers"
    return Finding(
        severity=NOTE,
        finding="key_decided",
        where=listing(named),
        n=len(named),
        example=str(named[0]),
        text=f"{listing(named, 20)} reverse-scored between {between}, as stated",
        by="user",
    )


def against_finding(
    item: object,
    scale: str,
    places: Sequence[tuple[str, float, float]],
) -> Finding:
    """Return the warning for an item that correlates negatively with its scale.

    ``places`` holds study, alpha as it is, and alpha once the item is reverse-scored.
    """
    told = [
        f"{coefficient(after)} instead of {coefficient(before)}"
        + (f" ({study})" if study else "")
        for study, before, after in places
    ]
    alphas = f": reverse-scored, alpha would be {listing(told, _MOST)}" if told else ""
    return Finding(
        severity=WARNING,
        finding="against_scale",
        where=str(item),
        n=max(len(places), 1),
        example=told[0] if told else str(item),
        text=f"{item} correlates negatively with the other items of {scale}{alphas}",
        advice=f"If it was left unreversed, use {option('reverse', [str(item)])}.",
    )
