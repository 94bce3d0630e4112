"""What a gate finds in responses: stops, warnings and notes, and how they are said."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from waistats._caller import option
from waistats._format import counted
from waistats.errors import DataError, ModelError, listing, near

STOP, WARNING, NOTE = "stop", "warning", "note"
COLUMNS = ("severity", "finding", "where", "n", "example", "advice")

# every finding: what it is, for the documentation and for accept=
FINDINGS = {
    "missing_codes": "common codes for missing answers among the answers",
    "out_of_range": "answers outside the range of the form or of response_range",
    "key_contradicted": "the stated key contradicts the answers",
    "key_conflict": "some reversed items are reversed in the file already, others not",
    "key_unclear": "the answers do not say whether reversed items are reversed already",
    "negative_alpha": "alpha of a keyed form is negative",
    "impossible_sd": "the standard deviation of the score is impossible",
    "item_gap": "numbered items were guessed, and the numbers have a gap",
    "summary_row": "a row is called, or holds, a total or a mean",
    "items_in_rows": "items are in rows, respondents in columns",
    "score_item": "an item is the sum or the mean of all others",
    "repeated_person": "a person appears twice with different answers",
    "person_column": "a column looks like a person identifier and has repeated values",
    "against_scale": "an item correlates negatively with its subscale",
    "identical_rows": "respondents with the same answers to every item",
    "straight_lining": "respondents with one answer to all items",
    "far_answer": "an answer is far from all others, where no range is declared",
    "filter_variable": "a filter variable of SPSS that is not used",
    "ceiling": "so many answers at the end of the scale that the interval is too narrow",
    "kurtosis": "item distributions for which the interval does not hold its level",
    "similar_studies": "study names that differ only in case, spaces or punctuation",
    "labelled_missing": "codes whose value labels mark missing answers",
    "missing_codes_given": "codes that were named and are missing answers",
    "key_decided": "whether reversed items are already reverse-scored, inferred from "
    "the answers",
    "identical_repeats": "a person appears twice with the same answers",
    "blank_id": "rows without study, person or a column that splits studies",
    "blank_rows": "rows without any answer",
    "reading": "decisions made when the file was read",
    "rows_selected": "rows selected by a condition",
    "question": "questions answered at intake",
    "items_guessed": "items found by their numbers",
    "not_looked_at": "checks that were not made",
    "withheld": "samples with few respondents, whose sums are withheld",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One finding in responses.

    Attributes
    ----------
    severity : {"stop", "warning", "note"}
        Whether it stops the analysis.
    finding : str
        Its identifier, for ``accept=`` and ``--accept``.
    where : str
        Columns, studies or rows.
    text : str
        A sentence without its full stop: what was found.
    n : int
        How many answers, rows, items or studies.
    example : str
        One of them.
    advice : str
        What to do, in the words of the caller.
    by : {"data", "user"}
        Who decided, where something was decided.
    values : tuple of float
        The answers that are doubtful, where it is about answers.
    """

    severity: str
    finding: str
    text: str
    where: str = ""
    n: int = 1
    example: str = ""
    advice: str = ""
    by: str = "data"
    values: tuple[float, ...] = ()

    def sentence(self) -> str:
        """Return the finding and the advice."""
        text = f"{self.text}."
        return f"{text} {self.advice}" if self.advice else text


class ResponsesError(DataError):
    """Responses that cannot be used as they are; ``findings`` holds what was found."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.findings = tuple(findings)
        lines = [
            f"{finding.sentence()} [{finding.finding}]" for finding in self.findings
        ]
        if len(lines) == 1:
            super().__init__(lines[0])
        else:
            listed = "\n".join(f"- {line}" for line in lines)
            found = counted(len(lines), "problem")
            super().__init__(f"{found} found in the responses:\n{listed}")


def check_accept(accept: str | Sequence[str] | None) -> frozenset[str]:
    """Return the identifiers that are accepted; a ModelError for unknown ones."""
    names = [accept] if isinstance(accept, str) else list(accept or ())
    unknown = [
        f"{name!r}{near(str(name), FINDINGS)}" for name in names if name not in FINDINGS
    ]
    if unknown:
        raise ModelError(
            f"{option('accept')} takes identifiers of findings; {listing(unknown)} is not "
            f"one of them. Identifiers are {listing(FINDINGS, 40)}."
        )
    return frozenset(names)


def accepted(findings: Iterable[Finding], accept: frozenset[str]) -> list[Finding]:
    """Return the findings, stops that the user accepts as warnings of the user."""
    return [
        replace(f, severity=WARNING, by="user", advice=_kept(f))
        if f.severity == STOP and f.finding in accept
        else f
        for f in findings
    ]


# what it means to accept a finding that stops
_KEPT = {
    "missing_codes": "they are used as answers",
    "out_of_range": "they are used as answers",
    "key_contradicted": "the stated key is used",
    "key_conflict": "no item of these studies is reverse-scored",
    "key_unclear": "the items were reverse-scored, as the form says",
    "negative_alpha": "{these} pooled with the others",
    "impossible_sd": "{these} pooled with the others",
    "item_gap": "they are taken as items",
    "repeated_person": "every row counts as another person",
    "summary_row": "these rows count as respondents",
    "items_in_rows": "rows count as respondents",
    "score_item": "it counts as an item",
}


def _kept(finding: Finding) -> str:
    """Return what follows from a finding that the user accepts."""
    kept = _KEPT.get(finding.finding)
    if kept is None:
        return "Accepted by the user."
    these = "it is" if finding.n == 1 else f"all {finding.n:,} are"
    return f"Accepted by the user: {kept.format(these=these)}."


def refuse(findings: Sequence[Finding]) -> None:
    """Raise a ResponsesError if any finding is a stop."""
    stops = [finding for finding in findings if finding.severity == STOP]
    if stops:
        raise ResponsesError(stops)


def findings_frame(findings: Sequence[Finding]) -> pd.DataFrame:
    """Return one row per finding: ``severity, finding, where, n, example, advice``.

    Stops come first, then warnings and notes.
    """
    order = {STOP: 0, WARNING: 1, NOTE: 2}
    kept = sorted(findings, key=lambda finding: order[finding.severity])
    rows = [[getattr(finding, name) for name in COLUMNS] for finding in kept]
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    return frame.astype({"n": "int64"})


def intake_records(findings: Sequence[Finding]) -> list[dict[str, str]]:
    """Return what was found and decided, for ``attrs["intake"]`` and the report.

    Each record has ``finding, severity, where, decision, by``: ``decision`` in a
    sentence, ``by`` is ``data`` or ``user``.
    """
    return [
        {
            "finding": finding.finding,
            "severity": finding.severity,
            "where": finding.where,
            "decision": f"{finding.text}.",
            "by": finding.by,
        }
        for finding in findings
    ]


def added(findings: Iterable[Finding]) -> list[Finding]:
    """Return findings without repeats, as batches of studies give them."""
    return list(dict.fromkeys(findings))
