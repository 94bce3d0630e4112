"""The guided way from a file to a call, without a terminal: what is open is a question.

A session is a value: `Session.answer` gives the next one. Everything that is decided is
a decision of the data or of the user; `options` is the call they amount to.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import pandas as pd

from waistats._caller import PYTHON, TERMINAL, calling, option
from waistats._format import counted
from waistats.errors import DataError, ModelError, listing
from waistats.instruments._findings import STOP, Finding
from waistats.intake._questions import (
    Choice,
    Decision,
    OpenError,
    Question,
    after_gap,
    codes_question,
    keep_question,
    key_question,
    place_of,
    reversal_question,
    who_answered,
)
from waistats.intake.recognize import (
    ItemSet,
    Recognized,
    in_order,
    long_form,
    recognize,
)
from waistats.io.readers import read_responses
from waistats.reliability.by_study.api import reliability_by_study
from waistats.reliability.inspect import ResponsesInspection, inspect_responses
from waistats.reliability.registry import find_coefficient

# order of the options in a call
_CALL = (
    *("study", "by", "person", "raters", "items", "instrument", "missing_codes"),
    *("already_keyed", "reverse", "where", "accept"),
    *("coefficient", "ci", "missing", "conf_level"),
)
_ROUNDS = 30
ONE_STUDY = "study"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Where a session stands.

    Attributes
    ----------
    options : dict
        The call so far.
    decisions : tuple of Decision
        What was decided.
    question : Question or None
        What is open; None where the call is complete.
    inspection : ResponsesInspection or None
        What the gate says of the complete call.
    """

    options: dict[str, Any]
    decisions: tuple[Decision, ...]
    question: Question | None
    inspection: ResponsesInspection | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Session:
    """A file on its way to a call.

    Attributes
    ----------
    path : Path
        The file.
    reading : mapping
        Options of `read_responses`.
    recognized : Recognized
        What the file holds.
    answers : mapping
        Answers so far, by the ids of their questions.
    """

    path: Path
    reading: Mapping[str, Any]
    responses: pd.DataFrame = field(repr=False)
    recognized: Recognized
    answers: Mapping[str, str] = field(default_factory=dict)

    def answer(self, id: str, value: str) -> "Session":
        """Return the session with one more answer.

        Raises
        ------
        ModelError
            If the question is not the open one, or the answer none of its choices.
        """
        question = self.outcome().question
        if question is None or question.id != id:
            open_one = "nothing" if question is None else question.id
            raise ModelError(f"{id} is not asked; open is {open_one}.")
        answers = {**self.answers, id: question.check(value)}
        session = replace(self, answers=answers)
        if id == "labels":
            return session._reread()
        return session

    def _reread(self) -> "Session":
        labels = [word.strip() for word in self.answers["labels"].split(",")]
        items = [c for of in self.recognized.sets for c in of.columns]
        reading = {**self.reading, "labels": [word for word in labels if word]}
        responses = read_responses(self.path, items=items, **reading)
        return replace(
            self,
            reading=reading,
            responses=responses,
            recognized=recognize(responses, (1.0, float(len(reading["labels"])))),
        )

    def outcome(self) -> Outcome:
        """Return what is decided, and the first question that is open."""
        return _walked(self)

    def python(self, output: str | None = None, **more: Any) -> str:
        """Return the call as Python; ``more`` are further options of it."""
        made = {**self.outcome().options, **more}
        with calling(PYTHON):
            reading = "".join(
                f", {option(name, list(of) if isinstance(of, list) else of)}"
                for name, of in self.reading.items()
            )
            lines = [
                "import waistats as ws",
                "",
                f'responses = ws.read_responses("{self.path.name}"{reading})',
            ]
            if made.get("study") == ONE_STUDY and self._alone:
                name = self.answers["study_name"]
                lines.append(f'responses["{ONE_STUDY}"] = {json.dumps(name)}')
            call = ", ".join(option(name, made[name]) for name in _CALL if name in made)
            if _has_covariance(made):
                # as run() and waistats alpha --output have it
                call += f", {option('covariance', True)}"
            lines.append(f"table = ws.reliability_by_study(responses, {call})")
            if output is not None:
                lines.append("study = ws.generalize(table)")
                lines.append(f'study.report("{output}/report.html")')
        return "\n".join(lines)

    @property
    def _alone(self) -> bool:
        return "study_name" in self.answers

    def commands(self, output: str | None = None, **more: Any) -> list[str]:
        """Return the call as commands of a terminal; ``more`` are further options."""
        made = {**self.outcome().options, **more}
        with calling(TERMINAL):
            words = [option(name, of) for name, of in self.reading.items()]
            for name in _CALL:
                if name not in made or name in self.reading:
                    continue
                if name == "study" and self._alone:
                    words.insert(0, option("one_study", self.answers["study_name"]))
                elif name == "study":
                    words.insert(0, option("study", made["study"]))
                elif name == "accept":
                    words += [option("accept", one) for one in made["accept"]]
                else:
                    words.append(option(name, made[name]))
            first = " ".join(["waistats alpha", option_file(self.path), *words])
        if output is None:
            return [first]
        return [
            f"{first} --output coefficients",
            f"waistats generalize coefficients --output {output}",
        ]

    def frame(self) -> pd.DataFrame:
        """Return the answers, with a column of the study where the file has none."""
        name = self.answers.get("study_name")
        if name is None:
            return self.responses
        frame = self.responses.assign(**{ONE_STUDY: name})
        frame.attrs = self.responses.attrs
        return frame

    def run(self, **more: Any) -> pd.DataFrame:
        """Return the coefficient table, with what was decided in ``attrs["intake"]``.

        Parameters
        ----------
        **more
            Further options of `reliability_by_study`, such as ``coefficient``.

        Raises
        ------
        ModelError
            If a question is open.
        """
        found = self.outcome()
        if found.question is not None:
            raise ModelError(f"{found.question.id} is open: {found.question.text}")
        table = reliability_by_study(
            self.frame(), covariance=_has_covariance(more), **found.options, **more
        )
        records = [
            {
                "finding": "question" if decision.by == "user" else "reading",
                "severity": "note",
                "where": decision.id,
                "decision": decision.text,
                "by": decision.by,
            }
            for decision in found.decisions
        ]
        table.attrs["intake"] = [*records, *table.attrs.get("intake", [])]
        return table


def _has_covariance(more: Mapping[str, Any]) -> bool:
    """Return whether the coefficient asked for has a sampling covariance."""
    return find_coefficient(more.get("coefficient", "alpha")).gradient is not None


@lru_cache(maxsize=4)
def _walked(session: Session) -> Outcome:
    """Return the outcome of a session, which is a value: one walk serves every reader."""
    return _Way(session).walk()


def option_file(path: Path) -> str:
    """Return a file as it is typed."""
    import shlex

    return shlex.quote(path.name)


def begin(path: str | Path, **reading: Any) -> Session:
    """Return the session of a file of responses.

    Raises
    ------
    DataError
        If the file cannot be read, or holds no items.
    """
    given = {name: of for name, of in reading.items() if of is not None}
    responses = read_responses(path, **given)
    found = recognize(responses)
    if "item" not in given and (long := long_form(responses)) is not None:
        return begin(path, **given, **long.options)
    if found.kind == "unknown" or (found.kind == "responses" and not found.sets):
        raise DataError(
            f"{path}: no items were found: columns numbered from 1 under one prefix, "
            f"such as wai1 to wai12. The columns are {listing(found.columns, 20)}. "
            f"Rename them, or name them with {option('items')} of waistats alpha."
        )
    return Session(
        path=Path(path), reading=given, responses=responses, recognized=found
    )


class _Way:
    """One walk through the questions, from the start to the first that is open."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.seen = session.recognized
        self.options: dict[str, Any] = {}
        self.decisions: list[Decision] = []
        self.inspection: ResponsesInspection | None = None
        self.taken: list[ItemSet] = []
        self.extended = False
        person = session.reading.get("person", [])
        # of a file with one row per answer
        self.people = [person] if isinstance(person, str) else person

    def walk(self) -> Outcome:
        question = None
        try:
            for step in self.steps():
                step()
        except OpenError as stop:
            question = stop.question
        return Outcome(
            options=dict(self.options),
            decisions=tuple(self.decisions),
            question=question,
            inspection=self.inspection,
        )

    def steps(self) -> list[Callable[[], None]]:
        return [
            *(self.layout, self.words, self.items, self.form, self.study),
            *(self.person, self.occasion, self.filter, self.gate),
        ]

    def ask(self, question: Question) -> str:
        if question.id not in self.session.answers:
            raise OpenError(question)
        value = self.session.answers[question.id]
        said = next((c.text for c in question.choices if c.value == value), value)
        self.decide(question.id, f"{question.text} {said}", "user")
        return value

    def decide(self, id: str, text: str, by: str = "data") -> None:
        self.decisions.append(Decision(id=id, text=text, by=by))

    def layout(self) -> None:
        if not self.people:
            return
        read = self.session.reading
        self.decide(
            "layout",
            f"One row is one answer: {read['item']} names the item, {read['value']} "
            f"holds the answer, {' and '.join(self.people)} the person.",
        )

    def words(self) -> None:
        worded = [of for of in self.seen.sets if of.words]
        if not worded:
            if "labels" in self.session.answers:
                said = self.session.answers["labels"]
                self.decide(
                    "labels", f"Answers from lowest to highest: {said}.", "user"
                )
            return
        found = list(dict.fromkeys(word for of in worded for word in of.words))
        guess = in_order(found)
        self.ask(
            Question(
                id="labels",
                text=f"The answers are words: {listing(found, 12)}. Which are they, "
                "from lowest to highest, separated by commas?",
                default=None if guess is None else ",".join(guess),
            )
        )

    def items(self) -> None:
        sets = list(self.seen.sets)
        if len(sets) == 1:
            self.options["items"] = self.take(sets[0])
            if not self.extended:
                self.decide("items", f"{place_of(sets[0])}: the items{_left(sets[0])}.")
            return
        raters: dict[str, str | list[str]] = {}
        known = [of.rater for of in sets]
        if None not in known and len(set(known)) == len(known):
            for of in sets:
                raters[str(of.rater)] = self.take(of)
                said = f"{place_of(of)}: the items of the {of.rater}{_left(of)}."
                self.decide("raters", said)
        else:
            for of in sets:
                who = self.ask(who_answered(of))
                if who == "leave out":
                    continue
                if who in raters:
                    raise ModelError(f"two sets of items are given to {who}.")
                raters[who] = self.take(of)
        if not raters:
            raise DataError("every set of items is excluded; nothing can be computed.")
        if len(raters) == 1:
            self.options["items"] = next(iter(raters.values()))
        else:
            self.options["raters"] = raters

    def take(self, of: ItemSet) -> str | list[str]:
        """Return what names the items of a set, those after a gap where they count."""
        self.taken.append(of)
        if of.alike and self.ask(after_gap(of)) == "all":
            self.extended = True
            return [*of.columns, *of.alike]
        return of.named

    def form(self) -> None:
        sets = self.taken
        if self.extended:
            self.decide("form", "Items are missing from the numbers: one scale.")
            return
        shared = [
            name for name in sets[0].forms if all(name in of.forms for of in sets)
        ]
        if not shared:
            self.decide("form", "No form of the package has these items: one scale.")
            return
        if len(shared) == 1 and all("wai" in of.prefix.lower() for of in sets):
            self.options["instrument"] = shared[0]
            self.decide("form", f"Length, answers and names are those of {shared[0]}.")
        else:
            choices = [Choice(value=name, text=name) for name in shared[:6]]
            choices.append(Choice(value="none", text="none of them: one scale"))
            chosen = self.ask(
                Question(
                    id="form",
                    text=f"Which form are the {counted(len(sets[0].columns), 'item')}?",
                    choices=tuple(choices),
                    default=shared[0],
                )
            )
            if chosen != "none":
                self.options["instrument"] = chosen
        if "instrument" in self.options and len(self.seen.sets) == 1:
            # the form finds its items by itself
            self.options.pop("items", None)
            if self.seen.sets[0].beyond:
                self.options["items"] = self.seen.sets[0].named

    def study(self) -> None:
        named = self.seen.studies
        if len(named) == 1:
            self.options["study"] = named[0]
            self.decide("study", f"{named[0]} names the study.")
            return
        choices = [Choice(value=name, text=name) for name in named[:8]]
        choices.append(Choice(value="one study", text="none: the file is one study"))
        chosen = self.ask(
            Question(
                id="study",
                text="Which column names the study (or site)?",
                choices=tuple(choices),
                default=named[0] if named else "one study",
            )
        )
        if chosen == "one study":
            self.ask(
                Question(
                    id="study_name",
                    text="What is the study called?",
                    default=self.session.path.stem,
                )
            )
            self.options["study"] = ONE_STUDY
        else:
            self.options["study"] = chosen

    def person(self) -> None:
        if self.people:
            named = [name for name in self.people if name != self.options["study"]]
            if named:
                self.options["person"] = named[0] if len(named) == 1 else named
            return
        named = [c for c in self.seen.persons if c != self.options["study"]]
        if not named:
            return
        if len(named) == 1:
            self.options["person"] = named[0]
            self.decide("person", f"{named[0]} is the person.")
            return
        choices = [Choice(value=name, text=name) for name in named[:8]]
        choices.append(Choice(value="none", text="none of them"))
        chosen = self.ask(
            Question(
                id="person",
                text="Which column identifies the person?",
                choices=tuple(choices),
                default=named[0],
            )
        )
        if chosen != "none":
            self.options["person"] = chosen

    def occasion(self) -> None:
        taken = (self.options["study"], self.options.get("person"))
        named = [
            c
            for c in self.seen.occasions
            if c not in taken and len(self.session.responses[c].dropna().unique()) > 1
        ]
        if not named:
            return
        if len(named) == 1 and self._repeats():
            self.options["by"] = named[0]
            self.decide(
                "by",
                f"Persons repeat: {named[0]} is the occasion, with one result "
                "for each.",
            )
            return
        choices = [Choice(value=name, text=f"yes, by {name}") for name in named[:8]]
        choices.append(Choice(value="none", text="no, all rows together"))
        chosen = self.ask(
            Question(
                id="by",
                text="Is there one result for each occasion?",
                choices=tuple(choices),
                default=named[0],
            )
        )
        if chosen != "none":
            self.options["by"] = chosen

    def _repeats(self) -> bool:
        person = self.options.get("person")
        if person is None:
            return False
        frame = self.session.frame()
        pairs = frame[[self.options["study"], person]].dropna()
        return bool(pairs.duplicated().any())

    def filter(self) -> None:
        name = self.seen.filter_variable
        if name is None:
            return
        chosen = self.ask(
            Question(
                id="filter",
                text=f"{name} marks rows as filtered out in SPSS. Which rows count?",
                choices=(
                    Choice(value="selected", text="the selected rows only"),
                    Choice(value="all", text="all rows"),
                ),
                default="selected",
            )
        )
        if chosen == "selected":
            self.options["where"] = f"{name} == 1"

    def gate(self) -> None:
        for _ in range(_ROUNDS):
            self.inspection = self.inspect()
            open_one = self.doubt(self.inspection.findings)
            if open_one is None:
                return
            open_one()
        raise DataError(
            "the file is still not usable after these answers; check the file."
        )

    def inspect(self) -> ResponsesInspection:
        return inspect_responses(self.session.frame(), **self.options)

    def doubt(self, findings: Sequence[Finding]) -> Callable[[], None] | None:
        """Return the step that settles the first finding that needs the user."""
        stops = [finding for finding in findings if finding.severity == STOP]
        # a negative alpha may be an item that is still to be reverse-scored
        first = [finding for finding in stops if finding.finding != "negative_alpha"]
        for finding in first:
            return partial(self.stop, finding)
        for finding in findings:
            if finding.finding == "against_scale":
                id = f"reverse:{finding.where}"
                if self.session.answers.get(id) == "leave":
                    if not any(d.id == id for d in self.decisions):
                        self.ask(reversal_question(finding, id))
                    continue
                return partial(self.reverse, finding, id)
        return partial(self.stop, stops[0]) if stops else None

    def stop(self, finding: Finding) -> None:
        kind = finding.finding
        if kind == "missing_codes" or (kind == "out_of_range" and finding.values):
            chosen = self.ask(codes_question(finding))
            if chosen == "missing":
                codes = (*self.options.get("missing_codes", ()), *finding.values)
                self.options["missing_codes"] = codes
                return
        elif kind.startswith("key_"):
            chosen = self.ask(key_question(finding))
            if chosen in ("already", "not yet"):
                stated = chosen == "already"
                if self.options.get("already_keyed") == stated:
                    self.accept(kind)
                self.options["already_keyed"] = stated
                return
        else:
            chosen = self.ask(keep_question(finding))
        if chosen == "keep":
            self.accept(kind)
            return
        raise DataError(f"Stopped, nothing was written: {finding.text}.")

    def accept(self, kind: str) -> None:
        self.options["accept"] = (*self.options.get("accept", ()), kind)

    def reverse(self, finding: Finding, id: str) -> None:
        if self.ask(reversal_question(finding, id)) == "reverse":
            self.options["reverse"] = [
                *self.options.get("reverse", []),
                finding.where,
            ]


def _left(of: ItemSet) -> str:
    """Return which columns after a gap are no items, for a decision of the data."""
    others = [name for name in of.beyond if name not in of.alike]
    if not others:
        return ""
    one = len(others) == 1
    return (
        f"; {listing(others, 20)}, after a gap in the numbers and with other answers, "
        f"{'is' if one else 'are'} not among them"
    )
