"""Sums of answers instead of persons, for places that may not share data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from glob import glob
from pathlib import Path
from typing import Any, TypeAlias, TypeGuard

import numpy as np
import pandas as pd

from waistats._caller import option
from waistats._files import new_file
from waistats._format import Result, counted
from waistats._progress import Steps
from waistats.errors import DataError, ModelError, listing
from waistats.instruments._findings import NOTE, Finding, findings_frame
from waistats.instruments._key_decision import Keyed
from waistats.instruments.forms import Instrument
from waistats.io._words import Labels
from waistats.provenance import SIMULATED
from waistats.reliability.by_study._blocks import Between, Block, added, moved
from waistats.reliability.by_study._data import (
    Question,
    ask,
    open_studies,
    study_frames,
    study_sums,
)
from waistats.reliability.by_study._layout import CELL
from waistats.reliability.by_study._outcome import table_findings
from waistats.reliability.by_study._sources import Source
from waistats.reliability.by_study._summarise import (
    Part,
    frames_part,
    study_sums_of,
    sums_part,
    told,
)
from waistats.reliability.by_study._summary_file import read_part, text_of
from waistats.reliability.by_study._table import alpha_cells, coefficient_table

LEAST_N = 10
# a sample and its scales: which people a block is of
_Place: TypeAlias = tuple[int, tuple[int, ...]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class ResponseSummaries(Result):
    """Sums of scored answers by sample, without persons.

    Attributes
    ----------
    parts : tuple
        The sums, one part a file.
    """

    parts: tuple[Part, ...]

    @property
    def moments(self) -> int:
        """2, or 4 where all parts have what variances and covariances need."""
        return min(part.moments for part in self.parts)

    @property
    def simulated(self) -> bool:
        """Whether any of the answers are SIMULATED."""
        return any(
            "provenance" in part.samples
            and part.samples["provenance"].astype(str).str.contains(SIMULATED).any()
            for part in self.parts
        )

    def to_frame(self) -> pd.DataFrame:
        """Return one row per sample and scale: how many people are behind its sums."""
        rows = []
        for part in self.parts:
            at = part.at()
            for i, sample in enumerate(part.samples.to_dict("records")):
                for s, ((rater, scale), items) in enumerate(part.scales.items()):
                    block = part.blocks[at[i, s][0]] if (i, s) in at else None
                    rows.append(
                        {
                            "study_id": sample["study_id"],
                            "sample_id": sample.get(CELL, sample["sample_id"]),
                            "rater": rater,
                            "scale": scale,
                            "n": np.nan if block is None else block.n,
                            "n_items": len(items),
                            "moments": part.moments,
                            "provenance": sample.get("provenance"),
                            "reason": withheld_words(part) if block is None else "",
                        }
                    )
        frame = pd.DataFrame(rows)
        if frame["n"].notna().all():
            frame["n"] = frame["n"].astype("int64")
        empty = [c for c in ("rater", "provenance") if frame[c].isna().all()]
        return frame.drop(columns=empty)

    def findings(self) -> pd.DataFrame:
        """Return what the checks of the answers found, where the answers are."""
        return findings_frame([f for part in self.parts for f in part.findings])

    def write(self, path: str | Path, *, force: bool = True) -> None:
        """Write the sums as JSON, after the check that nothing else is in it.

        Parameters
        ----------
        path : str or path
            The JSON file.
        force : bool, default True
            Replace an existing file.

        Raises
        ------
        DataError
            If the place cannot be written.
        ModelError
            If these are several files together.
        """
        if len(self.parts) > 1:
            raise ModelError(
                "these summaries are of several files; each was written where its "
                "answers are."
            )
        text = text_of(self.parts[0])
        with new_file(path, force=force) as work:
            work.write_text(text, encoding="utf-8")

    def heading(self) -> str:
        """Return what there is in a line."""
        studies = {name for part in self.parts for name in part.samples["study_id"]}
        people = sum(
            max((b.n for b in part.blocks if b.sample == i), default=0)
            for part in self.parts
            for i in range(len(part.samples))
        )
        forms = dict.fromkeys(part.instrument for part in self.parts if part.instrument)
        text = f"Sums of answers of {counted(len(studies), 'study')}"
        if forms:
            text += f" ({listing(forms)})"
        text += f", {counted(people, 'respondent')}, moments to order {self.moments}"
        return text + (f", {SIMULATED} data" if self.simulated else "")

    def closing(self) -> str:
        """Return what was withheld, what was found, and what sums do not protect from."""
        lines = []
        if n := sum(len(part.withheld) for part in self.parts):
            least = max(part.min_n for part in self.parts)
            lines.append(
                f"{counted(n, 'scale was', 'scales were')} withheld, of samples with "
                f"fewer than {least} complete respondents."
            )
        lines += [f.sentence() for part in self.parts for f in part.findings]
        lines.append(
            "No persons are in the sums, but they are not anonymous: sums of few people, "
            "or of groups that differ by few, can give answers away."
        )
        return "\n".join(dict.fromkeys(lines))


def is_summaries(data: object) -> TypeGuard["ResponseSummaries | str | Path"]:
    """Return whether data are summaries, or files of them by their names."""
    if isinstance(data, ResponseSummaries):
        return True
    return isinstance(data, str | Path) and str(data).lower().endswith(".json")


def as_summaries(data: "ResponseSummaries | str | Path") -> ResponseSummaries:
    """Return summaries, read from files where they are named."""
    return data if isinstance(data, ResponseSummaries) else read_summaries(data)


def check_of_answers(**options: object) -> None:
    """Raise a ModelError for options of answers, which sums no longer have."""
    given = [name for name, value in options.items() if value not in (None, (), False)]
    if given:
        raise ModelError(
            f"{listing(map(option, given))} cannot be used with summaries: that was "
            "decided where the answers are, when they were summarized."
        )


def withheld_words(part: Part) -> str:
    """Return why a sample has no sums."""
    return f"fewer than {part.min_n} complete respondents; withheld by the sender"


def summarize_responses(
    data: Any,
    *,
    study: str,
    items: str | Sequence[object] | None = None,
    instrument: str | Instrument | None = None,
    scales: Mapping[str, Sequence[object]] | Sequence[str] | None = None,
    moments: int = 2,
    min_n: int = LEAST_N,
    by: str | Sequence[str] = (),
    person: str | Sequence[str] | None = None,
    item: str | None = None,
    value: str | None = None,
    already_keyed: Keyed = None,
    provisional: bool = False,
    raters: Mapping[str, str | Sequence[object]] | None = None,
    missing_codes: float | Sequence[float] = (),
    response_range: tuple[float, float] | None = None,
    reverse: str | Sequence[object] = (),
    where: str | None = None,
    accept: str | Sequence[str] = (),
    labels: Labels | None = None,
    missing_words: Sequence[str] | None = None,
    encoding: str | None = None,
    sheet: str | None = None,
    skip_rows: int = 0,
) -> ResponseSummaries:
    r"""Return sums of the answers of every study, from which reliability follows.

    Parameters
    ----------
    data : DataFrame, path, glob or Ibis table
        Responses, as :func:`reliability_by_study` takes them.
    study, items, instrument, scales, by, person, item, value
        As in :func:`reliability_by_study`.
    moments : {2, 4}
        2: sums and cross-products, for alpha, omega, item statistics and intervals by
        formula. 4: also what distribution-free standard errors of alpha and the
        covariances of alphas of the same people need.
    min_n : int
        Samples and scales with fewer complete respondents are withheld.
    already_keyed, provisional, raters, missing_codes, response_range
        As in :func:`reliability_by_study`.
    reverse, where, accept
        As in :func:`reliability_by_study`.
    labels, missing_words, encoding, sheet, skip_rows
        How a file is read, as in :func:`read_responses`.

    Returns
    -------
    ResponseSummaries
        ``write(path)`` makes a JSON file that holds the sums, numbers of respondents,
        the form, the names of studies, samples, scales and items, what was decided
        about the answers, and nothing else. ``reliability_by_study`` takes it.

    Raises
    ------
    DataError
        As :func:`reliability_by_study` raises it for answers that cannot be used as
        they are; or if every sample is too small.

    Notes
    -----
    For people who answered the same items, the sums are those of the products of
    :math:`1, y_1, \ldots, y_m`, the scored answers less a shift near their mean; with
    ``moments=4`` also of the squared sum and the sum of squares of each scale's items.
    Everything is computed from them as from the answers, to rounding.

    **This is data minimisation, not anonymisation.** From the sums of ten people their
    answers can often be worked out, though not whose they are; and two groups that
    differ by one person differ by that person's answers.

    Examples
    --------
    >>> import pandas as pd
    >>> answers = pd.DataFrame(
    ...     {"q1": [1, 2, 3, 4, 5, 3] * 2, "q2": [2, 2, 3, 5, 4, 3] * 2, "study": "A"}
    ... )
    >>> sums = summarize_responses(answers, study="study")
    >>> sums.to_frame()[["study_id", "scale", "n", "n_items"]]
      study_id  scale   n  n_items
    0        A  total  12        2
    """
    if isinstance(moments, bool) or moments not in (2, 4):
        raise ModelError(f"{option('moments')} must be 2 or 4; got {moments!r}.")
    if isinstance(min_n, bool) or not isinstance(min_n, int | np.integer) or min_n < 2:
        raise ModelError(
            f"{option('min_n')} must be a whole number of at least 2; got {min_n!r}."
        )
    question = ask(
        study=study,
        by=by,
        person=person,
        item=item,
        value=value,
        items=items,
        instrument=instrument,
        scales=scales,
        provisional=provisional,
        missing_codes=missing_codes,
        response_range=response_range,
        already_keyed=already_keyed,
        reverse=reverse,
        accept=accept,
        raters=raters,
        where=where,
        labels=labels,
        missing_words=missing_words,
        encoding=encoding,
        sheet=sheet,
        skip_rows=skip_rows,
    )
    with Steps("sums", 1) as bar:
        bar.step("reading and adding")
        source = open_studies(data, question)
        if (
            moments == 2
            and isinstance(source, Source)
            and not question.rows_for(source)
        ):
            part = sums_part(study_sums(source, question, products=True), int(min_n))
        else:
            part = frames_part(
                study_frames(source, question, why=option("moments", moments)),
                int(moments),
                int(min_n),
            )
    if not part.blocks:
        raise DataError(
            f"every sample has fewer than {min_n} complete respondents, so all sums "
            f"would be withheld. Check {option('study')} and {option('by')}."
        )
    question.say(table_findings(_alphas(part), question))
    part = replace(
        part,
        samples=_without_small(part),
        instrument=None if question.form is None else question.form.name,
        reversed=_reversed(part, question),
        response_range=question.limits,
        linked=raters is not None or bool(question.layout.person),
    )
    # what is told here is what the file tells
    return ResponseSummaries(
        parts=(told(part, [*question.findings, *_withheld(part)]),)
    )


def _alphas(part: Part) -> pd.DataFrame:
    """Return the alphas of the sums, for what they give away."""
    sums = study_sums_of(part)
    cells = {
        key: alpha_cells(summary, sums.scales[key], ci=None, conf_level=0.95)
        for key, summary in sums.summaries.items()
    }
    return coefficient_table(sums.samples, cells, "alpha")


def _without_small(part: Part) -> pd.DataFrame:
    """Return the samples, without the counts of those that were withheld."""
    there = {block.sample for block in part.blocks}
    given = [int(n) if i in there else -1 for i, n in enumerate(part.samples["given"])]
    return part.samples.assign(given=given)


def _reversed(part: Part, question: Question) -> tuple[str, ...]:
    if question.form is None:
        return ()
    names = list(dict.fromkeys(name for of in part.scales.values() for name in of))
    found: set[str] = set()
    for plan in question.plans(names).values() if _plannable(part, question) else ():
        found |= {str(column) for column in plan.reversed}
    return tuple(name for name in names if name in found)


def _plannable(part: Part, question: Question) -> bool:
    """Return whether the scales hold every item of the form, so that they are numbered."""
    assert question.form is not None
    raters = {rater for rater, _ in part.scales}
    held = {name for of in part.scales.values() for name in of}
    return len(held) == len(raters) * len(question.form.items)


def _withheld(part: Part) -> list[Finding]:
    if not part.withheld:
        return []
    n = len(part.withheld)
    return [
        Finding(
            severity=NOTE,
            finding="withheld",
            n=n,
            text=f"{counted(n, 'scale of a sample', 'scales of samples')} with "
            f"fewer than {part.min_n} complete respondents withheld",
        )
    ]


def read_summaries(
    paths: str | Path | Sequence[str | Path], *, merge: bool = False
) -> ResponseSummaries:
    """Read response summaries of several sites.

    Parameters
    ----------
    paths : path, glob or sequence of these
        JSON files that `summarize_responses` or ``waistats summarize`` wrote.
    merge : bool
        Whether samples of the same name in two files are parts of one sample, whose
        sums are added. Otherwise a study that is in two files is an error.

    Returns
    -------
    ResponseSummaries
        All samples; ``reliability_by_study`` takes it.

    Raises
    ------
    DataError
        If a file is missing, holds anything but summaries, or two files hold the same
        sums, or the same study without ``merge``.
    """
    files = _files([paths] if isinstance(paths, str | Path) else list(paths))
    parts = [read_part(path) for path in files]
    _refuse_copies(parts)
    places: dict[str, list[str]] = {}
    for part in parts:
        for name in dict.fromkeys(part.samples["study_id"]):
            places.setdefault(str(name), []).append(part.source)
    twice = {name: of for name, of in places.items() if len(of) > 1}
    if twice and not merge:
        where = [f"{name} ({listing(of)})" for name, of in twice.items()]
        raise DataError(
            f"a study is in more than one file: {listing(where)}. Rename one if they are "
            f"different studies, or add their sums with {option('merge', True)} if they "
            "are parts of one."
        )
    if twice:
        parts = _merged(parts)
    return ResponseSummaries(parts=tuple(parts))


def _files(names: Sequence[str | Path]) -> list[Path]:
    found: list[Path] = []
    for name in names:
        path = Path(name).expanduser()
        if path.is_file():
            found.append(path)
            continue
        matches = sorted(glob(str(path)))
        if not matches:
            raise DataError(f"no such file: {name}.")
        found += [Path(match) for match in matches]
    if not found:
        raise DataError("no file is named.")
    return list(dict.fromkeys(found))


def _refuse_copies(parts: Sequence[Part]) -> None:
    """Raise a DataError where two files hold the same sums."""
    seen: dict[bytes, str] = {}
    for part in parts:
        for block in part.blocks:
            mean = block.mean + block.shift
            # enough digits to tell different answers apart, whatever the shift
            spread = block.centring() @ block.matrix @ block.centring().T
            m = len(block.items)
            what = np.round(np.concatenate([[block.n], mean]), 9).tobytes()
            what += np.round(spread[1 : m + 1, 1 : m + 1], 6).tobytes()
            sample = part.samples["study_id"].iloc[block.sample]
            where = f"study {sample} of {part.source}"
            if what in seen and seen[what] != where:
                raise DataError(
                    f"{where} has exactly the sums of {seen[what]}: the same answers "
                    "are there twice. Leave one out."
                )
            seen[what] = where


def _merged(parts: Sequence[Part]) -> list[Part]:
    """Return one part of files whose samples belong together."""
    first = parts[0]
    for part in parts[1:]:
        differ = [
            name
            for name, same in {
                "the scales and items": part.scales == first.scales,
                "moments": part.moments == first.moments,
                "the form": part.instrument == first.instrument,
                "the response range": part.response_range == first.response_range,
                "the columns that split studies": list(part.samples.columns)
                == list(first.samples.columns),
            }.items()
            if not same
        ]
        if differ:
            raise DataError(
                f"{part.source} and {first.source} differ in {listing(differ)}, so "
                "their sums cannot be added."
            )
    samples = pd.concat([part.samples for part in parts], ignore_index=True)
    cells = samples[CELL]
    kept = ~cells.duplicated()
    place = {name: i for i, name in enumerate(cells[kept])}
    given = samples.groupby(CELL, sort=False)["given"].agg(
        lambda of: of[of >= 0].sum() if (of >= 0).any() else -1
    )
    merged: dict[_Place, Block] = {}
    pieces: dict[tuple[_Place, _Place], list[tuple[tuple[Block, Block], Any]]] = {}
    withheld: set[tuple[int, int]] = set()
    for part in parts:
        new = [place[name] for name in part.samples[CELL]]
        for block in part.blocks:
            key = (new[block.sample], block.scales)
            block = replace(block, sample=new[block.sample])
            merged[key] = added(merged[key], block) if key in merged else block
        withheld |= {(new[i], s) for i, s in part.withheld}
    told_of = [(key[0], s) for key in merged for s in key[1]]
    if len(set(told_of)) < len(told_of):
        raise DataError(
            "answers are missing in some of the files that are to be added, so that the "
            "scales of a sample have different respondents in one file and the same in "
            "another. Summarize the answers in one place, or each scale by itself with "
            f"{option('scales')}."
        )
    blocks = list(merged.values())
    order = {key: b for b, key in enumerate(merged)}
    for part in parts:
        new = [place[name] for name in part.samples[CELL]]
        for one in part.between:
            old = part.blocks[one.first], part.blocks[one.second]
            first_key, second_key = ((new[b.sample], b.scales) for b in old)
            keys = (first_key, second_key)
            pieces.setdefault(keys, []).append((old, one.matrix))
    between = []
    for keys, of in pieces.items():
        now = blocks[order[keys[0]]], blocks[order[keys[1]]]
        known = [moved(matrix, old, now) for old, matrix in of if matrix is not None]
        # where one file could not tell, the sum is not known
        total = np.sum(known, axis=0) if len(known) == len(of) else None
        between.append(
            Between(first=order[keys[0]], second=order[keys[1]], matrix=total)
        )
    findings = tuple(dict.fromkeys(f for part in parts for f in part.findings))
    there = set(told_of)
    if withheld & there:
        findings += (
            Finding(
                severity=NOTE,
                finding="withheld",
                n=len(withheld & there),
                text="parts of samples with too few complete respondents were withheld, "
                "so their respondents are missing from the sums",
            ),
        )
    whole = samples[kept].reset_index(drop=True)
    return [
        replace(
            first,
            samples=whole.assign(given=given.reindex(whole[CELL]).to_numpy()),
            blocks=tuple(blocks),
            between=tuple(between),
            withheld=frozenset(withheld - there),
            findings=findings,
            linked=any(part.linked for part in parts),
            min_n=min(part.min_n for part in parts),
            source="the merged summaries",
        )
    ]
