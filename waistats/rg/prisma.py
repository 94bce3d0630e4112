"""From the search to the included studies, as PRISMA 2020 counts them."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from waistats._frames import as_frame
from waistats.errors import DataError, listing, near
from waistats.provenance import is_simulated, marked

REMOVED = ("duplicate", "automation", "removed")
DECISIONS = (
    *REMOVED, "excluded_screening", "not_retrieved", "excluded_full_text", "included",
)  # fmt: skip
# what a reader may call a source, and the column of the flow chart it belongs to
SOURCES = {
    "database": "databases", "register": "databases", "website": "other",
    "organisation": "other", "citation": "other", "contact": "other",
    "other": "other", "previous": "previous",
}  # fmt: skip
_SAID = {
    "database": "Databases", "register": "Registers", "website": "Websites",
    "organisation": "Organisations", "citation": "Citation searching",
    "contact": "Contact with authors", "other": "Other sources",
}  # fmt: skip
_SPELLED = {"organization": "organisation", "trial register": "register"} | {
    f"{name}s": name for name in SOURCES
} | {"previous review": "previous", "citation searching": "citation"}  # fmt: skip
STREAMS = {
    "previous": "Previous studies",
    "databases": "Identification of studies via databases and registers",
    "other": "Identification of studies via other methods",
}
# how sheets of reviewers head these columns, without case, spaces and signs
_HEADED = {
    "decision": ("decision", "status", "screeningdecision", "finaldecision"),
    "source": ("source", "database", "databasename"),
    "source_type": ("sourcetype", "typeofsource"),
    "reason": ("reason", "exclusionreason", "reasonforexclusion", "excludedreason"),
}
# and how they spell decisions, likewise
_DECIDED = {"".join(filter(str.isalpha, name)): name for name in DECISIONS} | {
    "duplicates": "duplicate", "duplicateremoved": "duplicate",
    "duplicaterecord": "duplicate", "excludedautomation": "automation",
    "excludedtitleabstract": "excluded_screening",
    "excludedtitleandabstract": "excluded_screening",
    "excludedattitleabstract": "excluded_screening",
    "excludedatscreening": "excluded_screening",
    "excludedabstract": "excluded_screening",
    "excludedatfulltext": "excluded_full_text",
    "fulltextexcluded": "excluded_full_text",
    "fulltextnotretrieved": "not_retrieved", "include": "included",
}  # fmt: skip
COLUMNS = ("stream", "phase", "key", "box", "side", "n", "detail")


def check_screening(screening: Any) -> pd.DataFrame:
    """Return a log of the search with ``decision, source, source_type, reason`` as text.

    Raises
    ------
    DataError
        If there is no column ``decision``, or a decision or source is not known; all
        rows are named.
    """
    if not isinstance(screening, pd.DataFrame):
        raise DataError(
            "screening must be a table with the column 'decision', one row per record."
        )
    screening = screening.rename(columns=_own_names(screening))
    if "decision" not in screening:
        raise DataError(_no_decision(screening))
    log = pd.DataFrame({n: _texts(screening, n) for n in ("source", "reason")})
    log["decision"] = [
        _DECIDED.get(_letters(t), t.casefold()) for t in _texts(screening, "decision")
    ]
    kinds = [t.casefold() for t in _texts(screening, "source_type")]
    log["source_type"] = [_SPELLED.get(t, t) or "database" for t in kinds]
    problems = [
        *_unknown(log["decision"], DECISIONS, "decision"),
        *_unknown(log["source_type"], tuple(SOURCES), "source_type"),
    ]
    if problems:
        raise DataError(
            " ".join(problems) + " Correct these rows of the screening log."
        )
    if is_simulated(screening):
        log["provenance"] = "SIMULATED"
    return log


def _letters(text: object) -> str:
    return "".join(filter(str.isalpha, str(text).casefold()))


def _own_names(log: pd.DataFrame) -> dict[object, str]:
    """Return our names for columns that are headed in another way."""
    names: dict[object, str] = {}
    for ours, others in _HEADED.items():
        if ours in log:
            continue
        fits = [c for word in others for c in log.columns if _letters(c) == word]
        if len(fits) == 1:
            names[fits[0]] = ours
    return names


def _no_decision(log: pd.DataFrame) -> str:
    """Return what a log without decisions lacks, and of which program it is."""
    columns = [str(c) for c in log.columns]
    ids = [str(value) for value in log[columns[0]].head(1)] if columns else []
    export = ""
    if "Covidence #" in columns or any(i.startswith("rayyan-") for i in ids):
        program = "Covidence" if "Covidence #" in columns else "Rayyan"
        export = (
            f" An export of {program} holds the records of one step: join its exports "
            "and write in this column at which step each record ended."
        )
    return (
        "the search log (screening) must be a table with the column 'decision', one row "
        f"per record, which is one of {listing(DECISIONS)}; it has "
        f"{listing(columns)}.{export}"
    )


def _unknown(values: Iterable[str], known: tuple[str, ...], name: str) -> list[str]:
    wrong = [
        f"{said or 'empty'} (row {i}){near(said, known) if said else ''}"
        for i, said in enumerate(values, start=1)
        if said not in known
    ]
    if not wrong:
        return []
    return [f"{name} must be one of {listing(known)}, but is {listing(wrong)}."]


def _texts(frame: pd.DataFrame, name: str) -> list[str]:
    if name not in frame:
        return [""] * len(frame)
    return ["" if pd.isna(v) else str(v).strip() for v in frame[name]]


def prisma_counts(
    screening: pd.DataFrame, coefficients: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Count a search as the PRISMA 2020 flow diagram does.

    Parameters
    ----------
    screening : DataFrame
        A log of the search, one row per record: ``decision`` (duplicate, automation,
        removed, excluded_screening, not_retrieved, excluded_full_text or included),
        and where known ``source`` (its name), ``source_type`` (database, register,
        website, organisation, citation, contact, other, or previous for what an
        earlier version of the review included) and ``reason``.
    coefficients : DataFrame, optional
        The table of what was included, for the number of studies; reports are counted
        in the log.

    Returns
    -------
    DataFrame
        One row per box: ``stream`` (databases, other, previous, both), ``phase``
        (identification, screening, included), ``key``, ``box`` (its text), ``side``
        (True for what leaves), ``n`` and ``detail``, the parts of the count.

    Raises
    ------
    DataError
        If a decision or a kind of source is blank or unknown.

    Notes
    -----
    Page, M. J., et al. (2021). The PRISMA 2020 statement. BMJ, 372, n71.

    Examples
    --------
    >>> log = pd.DataFrame({"decision": ["duplicate", "excluded_screening", "included"],
    ...                     "source": ["PsycINFO", "PsycINFO", "Scopus"]})
    >>> prisma_counts(log)[["key", "n"]].head(3).values.tolist()
    [['identified', 3], ['removed', 1], ['screened', 2]]
    """
    screening = as_frame(screening)
    coefficients = as_frame(coefficients)
    log = check_screening(screening)
    stream = log["source_type"].map(SOURCES).to_numpy()
    rows: list[dict[str, Any]] = []
    included = 0
    for name in ("databases", "other"):
        part = log[stream == name]
        if len(part):
            rows += _stream(name, part)
            included += int((part["decision"] == "included").sum())
    previous = int((stream == "previous").sum())
    if previous:
        text = "Reports of studies included in the previous version"
        rows.append(_box("previous", "identification", "previous", text, previous))
    detail = f"Reports of included studies (n = {included:,})"
    n = included
    text = "Reports included in review"
    if coefficients is not None:
        n = int(coefficients["study_id"].astype(str).nunique())
        text = "Studies included in review"
        if previous:
            # the table holds those of the previous version as well
            detail += f"; of the previous version (n = {previous:,})"
    elif previous:
        n += previous
    rows.append(
        _box("both", "included", "included", text, n)
        | {"detail": detail if coefficients is not None else ""}
    )
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    return marked(frame, is_simulated(log))


def _box(
    stream: str,
    phase: str,
    key: str,
    box: str,
    n: int,
    detail: str = "",
    side: bool = False,
) -> dict[str, Any]:
    values = (stream, phase, key, box, side, n, detail)
    return dict(zip(COLUMNS, values, strict=True))


def _parts(values: Iterable[str]) -> str:
    found = pd.Series(list(values), dtype=object).value_counts()
    names = sorted(found.index, key=lambda name: (-found[name], str(name)))
    return "; ".join(f"{name} (n = {found[name]:,})" for name in names)


def _stream(name: str, log: pd.DataFrame) -> list[dict[str, Any]]:
    said = log["decision"]
    removed = said.isin(REMOVED)
    after = ~removed
    sought = after & (said != "excluded_screening")
    assessed = sought & (said != "not_retrieved")
    gone = said == "excluded_full_text"
    words = {
        "duplicate": "Duplicate records",
        "automation": "Marked as ineligible by automation tools",
        "removed": "Removed for other reasons",
    }
    sources = [
        named or _SAID[kind]
        for named, kind in zip(log["source"], log["source_type"], strict=True)
    ]
    kinds = [_SAID[kind] for kind in log["source_type"]]
    # kinds of sources, and the names of the sources where they are given
    whole = _parts(kinds)
    if any(log["source"]) and len(set(kinds)) == 1:
        whole = _parts(sources)
    reasons = log["reason"].where(log["reason"] != "", "No reason given")

    def box(
        key: str,
        text: str,
        mask: "pd.Series | np.ndarray",
        detail: str = "",
        side: bool = False,
        phase: str = "screening",
    ) -> dict[str, Any]:
        return _box(name, phase, key, text, int(np.sum(mask)), detail, side)

    rows = [
        box(
            "identified",
            "Records identified",
            np.ones(len(log), dtype=bool),
            whole,
            phase="identification",
        )
    ]
    if name == "databases" or removed.any():
        rows.append(
            box(
                "removed",
                "Records removed before screening",
                removed,
                _parts(said[removed].map(words)),
                True,
                "identification",
            )
        )
    # other methods find reports, which are sought at once, unless some were screened out
    if name == "databases" or (said == "excluded_screening").any():
        rows += [
            box("screened", "Records screened", after),
            box("screened_out", "Records excluded", said == "excluded_screening",
                side=True),
        ]  # fmt: skip
    return [
        *rows,
        box("sought", "Reports sought for retrieval", sought),
        box("not_retrieved", "Reports not retrieved", said == "not_retrieved",
            side=True),
        box("assessed", "Reports assessed for eligibility", assessed),
        box("excluded", "Reports excluded", gone, _parts(reasons[gone]), True),
    ]  # fmt: skip
