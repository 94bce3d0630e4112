"""What the step Data shows of a file: recognized, decided, asked, found, and the code."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from waistats._format import counted
from waistats.app._state import Calls, Data, intake
from waistats.app._work import tell
from waistats.errors import DataError, listing, visible
from waistats.instruments._codes import means_missing
from waistats.instruments._findings import Finding
from waistats.instruments.forms import get_instrument
from waistats.intake.session import Outcome, Session
from waistats.io.check import check_coefficients
from waistats.provenance import is_simulated

COEFFICIENTS, RESPONSES = "coefficients", "responses"
_PREVIEW_ROWS, _PREVIEW_COLUMNS = 6, 14
_KEY = ("key_decided", "key_contradicted", "key_conflict", "key_unclear")
_CODES = ("labelled_missing", "missing_codes_given", "missing_codes")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One thing that is known of a file.

    Attributes
    ----------
    name, value : str
        What, in words.
    by : str
        ``data`` or ``user``; empty where nothing was decided.
    question : str
        The question whose answer it is, if the user gave it.
    """

    name: str
    value: str
    by: str = ""
    question: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Look:
    """A file as the page shows it.

    Attributes
    ----------
    kind : str
        ``responses`` or ``coefficients``.
    facts : tuple of Fact
        What was recognized and decided.
    question : Question or None
        What is open.
    findings : tuple of Finding
        What the gate found, stops first.
    notes : tuple of str
        What was decided when the file was read.
    preview : DataFrame
        The first rows.
    calls : Calls
        The same as code, once nothing is open.
    simulated : bool
        Whether the file says SIMULATED.
    """

    kind: str
    facts: tuple[Fact, ...] = ()
    question: Any = None
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    preview: pd.DataFrame = field(default_factory=pd.DataFrame)
    calls: Calls = field(default_factory=Calls)
    simulated: bool = False

    @property
    def ready(self) -> bool:
        """Whether reliability can be computed."""
        return self.kind == RESPONSES and self.question is None


def look(data: Data) -> Look:
    """Return what a file holds after the answers so far.

    Raises
    ------
    DataError, ModelError
        If the file cannot be read or used.
    """
    tell(f"Reading {data.name}")
    session = intake(data)
    if session.recognized.kind == COEFFICIENTS:
        return _coefficients(data, session)
    tell("Checking the answers")
    found = session.outcome()
    calls = Calls()
    if found.question is None:
        calls = Calls(python=session.python(), commands="\n".join(session.commands()))
    order = {"stop": 0, "warning": 1, "note": 2}
    findings = found.inspection.findings if found.inspection else ()
    return Look(
        kind=RESPONSES,
        facts=tuple(_facts(session, found)),
        question=found.question,
        findings=tuple(sorted(findings, key=lambda one: order[one.severity])),
        notes=tuple(str(note) for note in session.responses.attrs.get("notes", ())),
        preview=_preview(session, found.options),
        calls=calls,
        simulated=is_simulated(session.responses),
    )


def _coefficients(data: Data, session: Session) -> Look:
    found = check_coefficients(data.name, **dict(data.reading))
    findings = tuple(
        Finding(
            severity=str(row["severity"]),
            finding="",
            text=f"{row['where']}: {row['finding']}".rstrip("."),
            advice=str(row["advice"]),
        )
        for _, row in found.iterrows()
    )
    frame = session.responses
    return Look(
        kind=COEFFICIENTS,
        facts=(
            Fact(name="Kind of file", value="A table of coefficients"),
            Fact(name="Size", value=_size(frame)),
        ),
        findings=findings,
        notes=tuple(str(note) for note in found.attrs.get("notes", ())),
        preview=_preview(session, {}),
        simulated=is_simulated(frame),
        calls=Calls(
            python=(
                "import waistats as ws\n\n"
                f'print(ws.check_coefficients("{data.name}"))\n'
                f'study = ws.generalize(ws.read_coefficients("{data.name}"))'
            ),
            commands=f"waistats check {data.name}\nwaistats generalize {data.name}",
        ),
    )


def _size(frame: pd.DataFrame) -> str:
    return f"{counted(len(frame), 'row')}, {counted(frame.shape[1], 'column')}"


def _facts(session: Session, found: Outcome) -> list[Fact]:
    """Return what is known, in the order in which a researcher would say it."""
    options = found.options
    frame = session.frame()
    by = {decision.id: decision.by for decision in found.decisions}
    asked = {decision.id for decision in found.decisions if decision.by == "user"}

    def fact(name: str, value: str, *ids: str) -> Fact:
        known = next((id for id in ids if id in by), "")
        question = next((id for id in ids if id in asked), "")
        who = "user" if question else by.get(known, "")
        return Fact(name=name, value=visible(value), by=who, question=question)

    facts = [Fact(name="Size", value=_size(frame))]
    if "labels" in by:
        facts.append(fact("Answers", session.answers["labels"], "labels"))
    sets = {of.named: of for of in session.recognized.sets}
    named = options.get("raters") or {}
    for rater, items in named.items():
        of = sets.get(items) if isinstance(items, str) else None
        value = _span(of) if of else _names(items)
        id = f"rater:{of.prefix}" if of else ""
        facts.append(fact(f"Items, {rater}", value, id, "raters"))
    if not named:
        facts += [
            fact("Items", _span(of), f"rater:{of.prefix}", "items")
            for of in session.recognized.sets
            if options.get("items") in (None, of.named)
        ]
        if isinstance(options.get("items"), list):
            gaps = [f"gap:{of.prefix}" for of in session.recognized.sets]
            facts.append(fact("Items", _names(options["items"]), *gaps))
    used = options.get("items", ()), *(options.get("raters") or {}).values()
    items = {name for of in used if isinstance(of, list) for name in of}
    left = [
        [name for name in of.beyond if name not in items]
        for of in session.recognized.sets
    ]
    facts += [
        Fact(name="Not items", value=f"{listing(of)}: after a gap in the numbers")
        for of in left
        if of
    ]
    form = options.get("instrument")
    if form is not None:
        facts.append(fact("Form", _form_words(str(form)), "form"))
    elif "form" in by:
        facts.append(fact("Form", "none of the package's: one scale", "form"))
    facts += _columns(frame, options, fact)
    facts.append(Fact(name="Missing codes", value=_codes(session, found)))
    facts.append(Fact(name="Reverse-scoring", value=_key(form, found)))
    if "where" in options:
        facts.append(fact("Rows used", str(options["where"]), "filter"))
    shown = {fact.question for fact in facts}
    for decision in found.decisions:
        if decision.by == "user" and decision.id not in (*shown, "study_name"):
            facts.append(
                Fact(
                    name="Your answer",
                    value=visible(decision.text),
                    by="user",
                    question=decision.id,
                )
            )
    return facts


def _columns(frame: pd.DataFrame, options: Mapping[str, Any], fact: Any) -> list[Fact]:
    """Return the columns of study, occasion and person, with what they hold."""
    facts = []
    if "study" in options:
        column = str(options["study"])
        facts.append(
            fact("Study or site", f"{column}: {_values(frame, column)}", "study")
        )
    if "by" in options:
        column = str(options["by"])
        facts.append(fact("Session", f"{column}: {_values(frame, column)}", "by"))
    if "person" in options:
        column = str(options["person"])
        many = frame[column].nunique()
        facts.append(fact("Person", f"{column}: {counted(many, 'person')}", "person"))
    return facts


def _values(frame: pd.DataFrame, column: str) -> str:
    """Return the values of a column, by their labels where the file has some."""
    labels = frame.attrs.get("value_labels", {}).get(column, {})
    return listing(
        (_text(value, labels) for value in frame[column].dropna().unique()), 6
    )


def _text(value: Any, labels: Mapping[float, str]) -> str:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return str(value)
    return str(labels.get(number, f"{number:g}" if isinstance(value, float) else value))


def _names(items: Any) -> str:
    return listing(items, 40) if isinstance(items, list) else str(items)


def _span(of: Any) -> str:
    words = f"{of.columns[0]} to {of.columns[-1]} ({counted(len(of.columns), 'item')}"
    if of.low is None:
        return f"{words})"
    return f"{words}, answers {of.low:g} to {of.high:g})"


def _form_words(name: str) -> str:
    title = get_instrument(name).title
    return f"{name}: {title}" if title and title != name else name


def _codes(session: Session, found: Outcome) -> str:
    """Return what stands for a missing answer, as the file or the user says."""
    known: dict[float, str] = {}
    items = {c for of in session.recognized.sets for c in of.columns}
    for column, labels in session.responses.attrs.get("value_labels", {}).items():
        if str(column) in items:
            known |= {
                float(code): str(label)
                for code, label in labels.items()
                if means_missing(label)
            }
    told = [f"{code:g} ({label})" for code, label in sorted(known.items())]
    given = found.options.get("missing_codes", ())
    told += [f"{code:g} (your answer)" for code in given if code not in known]
    findings = found.inspection.findings if found.inspection else ()
    doubtful = [f for f in findings if f.finding == "missing_codes" and f.values]
    if doubtful and not given:
        codes = listing(f"{v:g}" for f in doubtful for v in f.values)
        told.append(f"{codes} (to be decided)")
    if told:
        return visible(listing(told))
    # the answers are looked at when everything else is known
    looked = found.inspection is not None
    return (
        "none among the answers" if looked else "looked for once nothing else is open"
    )


def _key(form: Any, found: Outcome) -> str:
    """Return whether reversed items are reverse-scored already, and how it is known."""
    if form is None:
        waits = found.question is not None and found.question.id == "form"
        return "decided by the form" if waits else "no key: the form is not known"
    reverse = get_instrument(str(form)).reverse
    if not reverse:
        return "the form has no reversed items"
    if "already_keyed" in found.options:
        stated = found.options["already_keyed"]
        return "done already (your answer)" if stated else "not done yet (your answer)"
    for finding in found.inspection.findings if found.inspection else ():
        if finding.finding in _KEY:
            return finding.text
    items = listing(str(item) for item in reverse)
    return f"reversed items {items}: decided once nothing else is open"


def _preview(session: Session, options: Mapping[str, Any]) -> pd.DataFrame:
    frame = session.responses
    first = [options.get(name) for name in ("study", "by", "person")]
    keys = [name for name in first if isinstance(name, str) and name in frame]
    others = [name for name in frame.columns if name not in keys]
    shown = frame[[*keys, *others][:_PREVIEW_COLUMNS]].head(_PREVIEW_ROWS)
    known = frame.attrs.get("value_labels", {})
    labels = {name: known.get(name, {}) for name in keys}
    texts = {
        str(name): [
            "" if pd.isna(value) else _text(value, labels.get(name, {}))
            for value in shown[name]
        ]
        for name in shown.columns
    }
    return pd.DataFrame(texts)


def practice(name: str) -> str:
    """Write a SIMULATED practice file into the folder of the page; return its name."""
    from waistats.datasets.examples import EXAMPLES, write_examples

    if name not in EXAMPLES:
        raise DataError(f"{name!r} is not one of {listing(EXAMPLES)}.")
    if not Path("practice").is_dir():
        write_examples("practice")
    shutil.copyfile(Path("practice") / name, name)
    return name
