"""From the records found to the coefficients pooled: what a flow chart counts."""

from typing import Any

import numpy as np
import pandas as pd

from waistats._format import counted
from waistats._frames import as_frame
from waistats.measures import EXCLUDED, OWN, status_of
from waistats.provenance import is_simulated, marked
from waistats.rg.descriptives import kinds
from waistats.rg.induction import (
    STATUSES,
    number_column,
    row_statuses,
    text_column,
    unit_ids,
)
from waistats.rg.prisma import REMOVED, check_screening

COLUMNS = (
    "box", "key", "parent", "side", "records", "studies", "samples", "coefficients",
    "persons", "samples_without_n", "note",
)  # fmt: skip
# What one respondent of n is; n of anything else does not count persons.
_PERSONS = ("", "persons", "person", "dyads", "clients", "patients")
_INDUCED_BOXES = {
    "omitted": "Induced by omission",
    "induced_vague": "Induced by vague report",
    "induced_precise": "Induced by precise report",
}


def flow_counts(
    table: pd.DataFrame,
    *,
    screening: pd.DataFrame | None = None,
    detail: bool = False,
) -> pd.DataFrame:
    """Count studies, samples, coefficients and persons in every box of a flow chart.

    Parameters
    ----------
    table : DataFrame
        A coding sheet or coefficient table as `read_coefficients` reads it. Without
        the column ``reliability_status`` every row reports.
    screening : DataFrame, optional
        A log of the search, one row per record, as for `prisma_counts`.
    detail : bool, default False
        Give each reason, kind of coefficient and database a row of its own; else they
        are in the ``note`` of their box.

    Returns
    -------
    DataFrame
        What `waistats.figures.flow` draws, one row per box: ``box`` (its text), ``key``
        (a short name), ``parent`` (key of the box above, ``""`` for the first),
        ``side`` (True for what is excluded), ``records`` (of the search), ``studies,
        samples, coefficients, persons, samples_without_n, note``.

    Raises
    ------
    DataError
        If a status or a decision is blank or unknown.

    Notes
    -----
    A study is in one branch: it reports if any of its rows does, else the
    most precise induction counts. Below that, boxes are divided by coefficients, and a
    study or sample with several may appear in several boxes. A sample counts once, its
    persons being the largest n of its rows (``n_sample`` where n is blank or counts
    something else than persons); samples of which no n is known are in
    ``samples_without_n``. Rows with the same ``sample_id`` are the same persons, also
    across studies. A coefficient is a row with a value or a range, or one that reports
    and gives a ``reason`` for having none.

    Examples
    --------
    >>> sheet = pd.DataFrame({
    ...     "study_id": ["A", "A", "B", "C"], "estimate": [.9, None, None, None],
    ...     "n": [80, 80, 50, None], "n_items": 12,
    ...     "reason": [None, "only a range", None, None],
    ...     "reliability_status": ["reported_own"] * 2 + ["omitted", "induced_vague"]})
    >>> counts = flow_counts(sheet)
    >>> counts.loc[counts["studies"] > 0, ["key", "studies", "coefficients", "persons"]]
                 key  studies  coefficients  persons
    0          coded        3             2      130
    1        applied        3             2      130
    2        induced        2             0       50
    3        omitted        1             0       50
    4  induced_vague        1             0     <NA>
    6       reported        1             2       80
    7     not_usable        1             1       80
    8         usable        1             1       80
    """
    table = as_frame(table)
    screening = as_frame(screening)
    status = np.array(row_statuses(table, assume=OWN), dtype=object)
    frame = _counted(table, status == OWN)
    branch = _branches(frame["study"], status)
    reason = np.array(_reasons(table, frame["usable"].to_numpy()), dtype=object)
    boxes = _Boxes(frame, detail)
    if screening is not None:
        _records(boxes, screening)
    above = "" if screening is None else "included"
    out, own = branch == EXCLUDED, branch == OWN
    usable = own & frame["usable"].to_numpy()
    left = own & ~usable & frame["coefficient"].to_numpy()
    boxes.add("Coded", "coded", above, np.ones(len(frame), dtype=bool))
    if out.any():
        boxes.add("Not applicable", "other", "coded", out, side=True, words=reason)
    boxes.add("Applied the instrument", "applied", "coded", ~out)
    induced = ~out & ~own
    if induced.any():
        boxes.add("Induced reliability", "induced", "applied", induced, side=True)
        for said, text in _INDUCED_BOXES.items():
            boxes.add(text, said, "induced", branch == said, side=True)
    boxes.add("Reported reliability of own data", "reported", "applied", own)
    if left.any():
        boxes.add(
            "Cannot be pooled", "not_usable", "reported", left, side=True, words=reason
        )
    boxes.add("Can be pooled", "usable", "reported", usable, words=_kinds_of(table))
    return marked(boxes.to_frame(), is_simulated(table))


class _Boxes:
    """The boxes of a chart as they are added, and the rows that they count."""

    def __init__(self, frame: pd.DataFrame, detail: bool) -> None:
        self.frame = frame
        self.detail = detail
        self.rows: list[dict[str, Any]] = []

    def add(
        self,
        box: str,
        key: str,
        parent: str,
        mask: np.ndarray,
        *,
        side: bool = False,
        words: np.ndarray | None = None,
        records: bool = False,
    ) -> None:
        """Add the box of some rows, and what its words part it into."""
        row = {"box": box, "key": key, "parent": parent, "side": side}
        counts = _records_of(mask) if records else _totals(self.frame[mask])
        own = {"box": box, "note": counts.pop("note")}
        self.rows.append(row | counts | own)
        if words is None or not mask.any():
            return
        found = pd.Series(words[mask]).value_counts()
        names = sorted(found.index, key=lambda name: (-found[name], name))
        if not self.detail:
            parts = "; ".join(f"{name} ({found[name]})" for name in names)
            own["note"] = "; ".join(filter(None, [own["note"], parts]))
            self.rows[-1]["note"] = own["note"]
            return
        for i, name in enumerate(names, start=1):
            text, part = f"{box}: {name}", f"{key}_{i}"
            here = mask & (words == name)
            self.add(text, part, key, here, side=True, records=records)

    def to_frame(self) -> pd.DataFrame:
        frame = pd.DataFrame(self.rows, columns=list(COLUMNS))
        return frame.astype(dict.fromkeys(COLUMNS[4:10], "Int64"))


def _totals(rows: pd.DataFrame) -> dict[str, Any]:
    persons = rows.groupby("sample")["persons"].max()
    unknown = int(persons.isna().sum())
    nobody = unknown == len(persons) and unknown > 0
    return {
        "records": pd.NA,
        "studies": rows["study"].nunique(),
        "samples": len(persons),
        "coefficients": int(rows["coefficient"].sum()),
        "persons": pd.NA if nobody else int(persons.sum()),
        "samples_without_n": unknown,
        "note": f"n of {counted(unknown, 'sample')} not known" if unknown else "",
    }


def _records_of(mask: np.ndarray) -> dict[str, Any]:
    count = int(mask.sum())
    return dict.fromkeys(COLUMNS[5:10], pd.NA) | {
        "records": count,
        "note": counted(count, "record"),
    }


def _counted(table: pd.DataFrame, own: np.ndarray) -> pd.DataFrame:
    """Return per row what is counted: study, sample, persons, coefficient, usable."""
    valued = np.zeros(len(table), dtype=bool)
    for name in ("estimate", "estimate_low", "estimate_high"):
        valued |= np.isfinite(number_column(table, name))
    units = [text.casefold() in _PERSONS for text in text_column(table, "n_unit")]
    n = np.where(units, number_column(table, "n"), np.nan)
    reasoned = np.array([text != "" for text in text_column(table, "reason")])
    return pd.DataFrame(
        {
            "study": text_column(table, "study_id"),
            "sample": unit_ids(table, "sample"),
            "persons": np.where(np.isnan(n), number_column(table, "n_sample"), n),
            "coefficient": valued | (reasoned & own),
            "usable": status_of(table).poolable & own,
        }
    )


def _branches(studies: pd.Series, status: np.ndarray) -> np.ndarray:
    """Return the one branch of each row's study; excluded rows leave alone."""
    order = {said: i for i, said in enumerate(STATUSES)}
    ranks = np.array([order.get(said, len(order)) for said in status])
    first = pd.Series(ranks).groupby(studies.to_numpy()).transform("min").to_numpy()
    names = np.array([*STATUSES, EXCLUDED], dtype=object)
    return np.where(status == EXCLUDED, EXCLUDED, names[first])


def _reasons(table: pd.DataFrame, usable: np.ndarray) -> list[str]:
    """Return why each row cannot be pooled: its reason, or what is missing."""
    told = status_of(table).reason
    return [
        "" if used else str(reason) or "excluded"
        for reason, used in zip(told, usable, strict=True)
    ]


def _kinds_of(table: pd.DataFrame) -> np.ndarray:
    """Return kind of coefficient and scale of each row, as ``alpha, total``."""
    pairs = zip(kinds(table), text_column(table, "scale"), strict=True)
    words = [f"{kind}, {scale}" if scale else kind for kind, scale in pairs]
    return np.array(words, dtype=object)


def _records(boxes: _Boxes, screening: pd.DataFrame) -> None:
    """Add the boxes of the search."""
    log = check_screening(screening)
    decision = log["decision"].to_numpy(dtype=object)

    def words(name: str, blank: str) -> np.ndarray:
        return np.array([text or blank for text in log[name]], dtype=object)

    def add(
        box: str,
        key: str,
        parent: str,
        mask: np.ndarray,
        side: bool = False,
        parts: np.ndarray | None = None,
    ) -> None:
        boxes.add(box, key, parent, mask, side=side, words=parts, records=True)

    every = np.ones(len(log), dtype=bool)
    removed = np.isin(decision, REMOVED)
    duplicate = decision == "duplicate"
    screened_out = decision == "excluded_screening"
    lost = decision == "not_retrieved"
    full_out = decision == "excluded_full_text"
    sources = words("source", "other sources") if any(log["source"]) else None
    why = words("reason", "no reason given")
    add("Records identified", "identified", "", every, parts=sources)
    add("Duplicates removed", "duplicates", "identified", duplicate, True)
    if (removed & ~duplicate).any():
        other = removed & ~duplicate
        add("Removed for other reasons", "removed", "identified", other, True)
    add("Records screened", "screened", "identified", ~removed)
    add("Excluded by abstract", "screened_out", "screened", screened_out, True)
    if lost.any():
        add("Reports not retrieved", "not_retrieved", "screened", lost, True)
    read = ~removed & ~screened_out & ~lost
    add("Full texts read", "full_text", "screened", read)
    add("Excluded by full text", "full_text_out", "full_text", full_out, True, why)
    add("Included", "included", "full_text", decision == "included")
