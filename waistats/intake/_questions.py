"""A question that a file leaves open, its choices, and what becomes of an answer."""

from dataclasses import dataclass

from waistats.errors import ModelError, listing
from waistats.instruments._findings import Finding
from waistats.intake.recognize import ItemSet


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One answer that a question allows."""

    value: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What the file does not say.

    Attributes
    ----------
    id : str
        Its name, for scripted answers.
    text : str
        The question.
    choices : tuple of Choice
        What can be answered; empty where any text can.
    default : str or None
        The value that is taken without an answer.
    """

    id: str
    text: str
    choices: tuple[Choice, ...] = ()
    default: str | None = None

    def check(self, value: str) -> str:
        """Return an answer as the question's value; a ModelError for another one."""
        text = value.strip()
        if not text and self.default is not None:
            return self.default
        if not self.choices:
            if text:
                return text
            raise ModelError(f"{self.id} needs an answer: {self.text}")
        values = [choice.value for choice in self.choices]
        if text in values:
            return text
        if text.isdecimal() and 1 <= int(text) <= len(values):
            return values[int(text) - 1]
        raise ModelError(
            f"{self.id} must be one of {listing(values, 20)}; got {value!r}."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What was decided, and by whom: ``data`` or ``user``."""

    id: str
    text: str
    by: str


class OpenError(Exception):
    """A step met a question that has no answer yet."""

    def __init__(self, question: Question) -> None:
        super().__init__(question.id)
        self.question = question


def place_of(of: ItemSet) -> str:
    return f"{of.columns[0]} to {of.columns[-1]}"


def after_gap(of: ItemSet) -> Question:
    """Return the question whether columns after a gap in the numbers are items."""
    last, beyond = of.columns[-1], listing(of.alike, 20)
    one = len(of.alike) == 1
    return Question(
        id=f"gap:{of.prefix}",
        text=f"{beyond} {'comes' if one else 'come'} after a gap in the numbers, with "
        f"answers like those of {place_of(of)}. Which are the items?",
        choices=(
            Choice(value="all", text=f"{place_of(of)} and {beyond}"),
            Choice(value="before", text=f"only those up to {last}"),
        ),
        # several are items of a form that lacks some; one may be anything
        default=None if one else "all",
    )


def who_answered(of: ItemSet) -> Question:
    names = ("client", "therapist", "observer", "supervisor", "leave out")
    return Question(
        id=f"rater:{of.prefix}",
        text=f"Who filled in {place_of(of)}?",
        choices=tuple(Choice(value=name, text=name) for name in names),
        default=of.rater,
    )


_QUIT = Choice(value="stop", text="stop; I will correct the file")


def codes_question(finding: Finding) -> Question:
    shown = listing(f"{value:g}" for value in finding.values)
    return Question(
        id=finding.finding,
        text=f"{_begun(finding.text)}. What do {shown} mean?",
        choices=(
            Choice(value="missing", text="no answer"),
            Choice(value="keep", text="they are answers"),
            _QUIT,
        ),
        default="missing" if finding.finding == "missing_codes" else None,
    )


def key_question(finding: Finding) -> Question:
    return Question(
        id=finding.finding,
        text=f"{_begun(finding.text)}. What is the file?",
        choices=(
            Choice(value="already", text="reversed items are reverse-scored already"),
            Choice(value="not yet", text="as it was answered: not reverse-scored yet"),
            _QUIT,
        ),
    )


def keep_question(finding: Finding) -> Question:
    return Question(
        id=finding.finding,
        text=f"{_begun(finding.text)}. Continue anyway?",
        choices=(
            Choice(value="keep", text="continue, and state it in the report"),
            _QUIT,
        ),
    )


def reversal_question(finding: Finding, id: str) -> Question:
    return Question(
        id=id,
        text=f"{_begun(finding.text)}. Reverse-score {finding.where}?",
        choices=(
            Choice(value="leave", text="leave it as it is"),
            Choice(value="reverse", text="reverse-score it"),
        ),
        default="leave",
    )


def _begun(text: str) -> str:
    return text[:1].upper() + text[1:]
