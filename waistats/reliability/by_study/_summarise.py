"""Answers of many studies -> blocks of sums, without persons."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from waistats._caller import option
from waistats._typing import BoolArray, FloatArray, IntArray
from waistats.errors import ModelError
from waistats.instruments._findings import FINDINGS, Finding
from waistats.reliability.by_study._blocks import Between, Block, make_block
from waistats.reliability.by_study._data import StudySums
from waistats.reliability.by_study._intake import Key, StudyFrame
from waistats.reliability.by_study._summaries import Summary, summary_from_sums

# findings whose sentence names studies, items and codes only; of others the kind is told
_WITHOUT_PERSONS = frozenset(
    {
        *("key_decided", "key_contradicted", "key_conflict", "key_unclear"),
        *("missing_codes_given", "items_guessed", "item_gap", "not_looked_at"),
        *("similar_studies", "withheld"),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Part:
    """Summaries with the same scales, as one file holds them.

    Attributes
    ----------
    moments : int
        2, or 4 with what variances and covariances of alphas need.
    min_n : int
        Fewest people of a block; smaller ones were withheld.
    scales : dict of (rater, scale) to tuple of str
        Items of each scale.
    samples : DataFrame
        One row per sample, as `Samples` has them, and ``given``: respondents, -1 where
        withheld.
    blocks : tuple of Block
        The sums.
    between : tuple of Between
        Sums over people that two blocks of a study share.
    withheld : frozenset of (int, int)
        Sample and scale of what was withheld.
    findings : tuple of Finding
        What was found and decided where the answers are.
    instrument : str or None
        The form.
    reversed : tuple of str
        Items that the form reverses; the sums are of scored answers.
    response_range : tuple of float or None
        Lowest and highest answer.
    linked : bool
        Whether coefficients share people whose covariance matters: several raters in a
        row, or persons on several occasions.
    source : str
        The file, for messages.
    """

    moments: int
    min_n: int
    scales: dict[Key, tuple[str, ...]]
    samples: pd.DataFrame
    blocks: tuple[Block, ...]
    between: tuple[Between, ...] = ()
    withheld: frozenset[tuple[int, int]] = frozenset()
    findings: tuple[Finding, ...] = ()
    instrument: str | None = None
    reversed: tuple[str, ...] = ()
    response_range: tuple[float, float] | None = None
    linked: bool = False
    source: str = "the summaries"

    def at(self) -> dict[tuple[int, int], tuple[int, int]]:
        """Return where each sample and scale is: its block, and its place there."""
        return {
            (block.sample, scale): (b, place)
            for b, block in enumerate(self.blocks)
            for place, scale in enumerate(block.scales)
        }


@dataclass(slots=True)
class _Collected:
    """Blocks as they are gathered, sample by sample."""

    blocks: list[Block] = field(default_factory=list)
    between: list[Between] = field(default_factory=list)
    withheld: set[tuple[int, int]] = field(default_factory=set)


def frames_part(frames: Iterator[StudyFrame], moments: int, min_n: int) -> Part:
    """Return the sums of answers in memory, whole studies at a time."""
    found = _Collected()
    samples: list[pd.DataFrame] = []
    scales: dict[Key, tuple[str, ...]] = {}
    start = 0
    for frame in frames:
        scales, values = _answers(frame)
        members = _members(frame.samples.codes, len(frame.samples.frame))
        given = [len(rows) for rows in members]
        samples.append(frame.samples.frame.assign(given=given))
        study = frame.samples.frame["study_id"]
        for _, cells in study.groupby(study, sort=False):
            _study(
                found,
                [(start + int(c), members[int(c)]) for c in cells.index],
                values,
                scales,
                frame.person,
                moments,
                min_n,
            )
        start += len(frame.samples.frame)
    return Part(
        moments=moments,
        min_n=min_n,
        scales=scales,
        samples=pd.concat(samples, ignore_index=True),
        blocks=tuple(found.blocks),
        between=tuple(found.between),
        withheld=frozenset(found.withheld),
    )


def _answers(
    frame: StudyFrame,
) -> tuple[dict[Key, tuple[str, ...]], dict[str, FloatArray]]:
    """Return the items of every scale, and the answers to each item."""
    values: dict[str, FloatArray] = {}
    scales: dict[Key, tuple[str, ...]] = {}
    for part in frame.parts:
        for column in part.answers.columns:
            values[str(column)] = part.answers[column].to_numpy(dtype=np.float64)
        for scale, columns in part.plan.scales.items():
            scales[part.rater, scale] = tuple(str(c) for c in columns)
    return scales, values


def _members(codes: IntArray, n_samples: int) -> list[IntArray]:
    order = np.argsort(codes, kind="stable")
    ends = np.cumsum(np.bincount(codes, minlength=n_samples))[:-1]
    return [part.astype(np.int64) for part in np.split(order, ends)]


def _study(
    found: _Collected,
    cells: Sequence[tuple[int, IntArray]],
    values: dict[str, FloatArray],
    scales: dict[Key, tuple[str, ...]],
    person: IntArray | None,
    moments: int,
    min_n: int,
) -> None:
    """Add the blocks of one study, and for fourth moments what they share."""
    several: list[tuple[int, IntArray, FloatArray]] = []
    for sample, rows in cells:
        for members, rows_of in _blocks_of(rows, values, scales, moments):
            if len(rows_of) < min_n:
                found.withheld |= {(sample, s) for s in members}
                continue
            block, made = _block(sample, members, rows_of, values, scales, moments)
            if moments == 4:
                who = rows_of if person is None else person[rows_of]
                if len(np.unique(who)) < len(who):
                    raise ModelError(
                        "with fourth moments each person counts once in a sample, but "
                        "some appear repeatedly. Name the column that identifies "
                        f"the occasions with {option('by')}, or use "
                        f"{option('moments', 2)}."
                    )
                several.append((len(found.blocks), who, made))
            found.blocks.append(block)
    for i, (first, who, made) in enumerate(several):
        for second, others, theirs in several[i + 1 :]:
            _, left, right = np.intersect1d(who, others, return_indices=True)
            if len(left):
                told = made[left].T @ theirs[right] if len(left) >= min_n else None
                found.between.append(Between(first=first, second=second, matrix=told))


def _blocks_of(
    rows: IntArray,
    values: dict[str, FloatArray],
    scales: dict[Key, tuple[str, ...]],
    moments: int,
) -> list[tuple[list[int], IntArray]]:
    """Return the scales of each block, and the rows of its people.

    With second moments a scale joins a larger one that holds its items; with fourth
    moments any that the same people answered, as alphas of the same people covary.
    """
    found: list[tuple[list[int], set[str], BoolArray]] = []
    items = list(scales.values())
    for s in sorted(range(len(items)), key=lambda s: -len(items[s])):
        own = np.ones(len(rows), dtype=bool)
        for name in items[s]:
            own &= np.isfinite(values[name][rows])
        for members, held, mask in found:
            joins = moments == 4 or set(items[s]) <= held
            if joins and np.array_equal(mask, own):
                members.append(s)
                held |= set(items[s])
                break
        else:
            found.append(([s], set(items[s]), own))
    return [(sorted(members), rows[mask]) for members, _, mask in found]


def _block(
    sample: int,
    members: Sequence[int],
    rows: IntArray,
    values: dict[str, FloatArray],
    scales: dict[Key, tuple[str, ...]],
    moments: int,
) -> tuple[Block, FloatArray]:
    items = list(scales.values())
    names = list(dict.fromkeys(name for s in members for name in items[s]))
    place = {name: j for j, name in enumerate(names)}
    groups = [np.array([place[name] for name in items[s]]) for s in members]
    return make_block(
        np.column_stack([values[name][rows] for name in names]),
        sample=sample,
        scales=members,
        items=names,
        groups=groups if moments == 4 else (),
    )


def sums_part(sums: StudySums, min_n: int) -> Part:
    """Return the sums that a query gave, with second moments.

    Two scales of which one holds the other's items, with the same number of complete
    answers, have the same people.
    """
    found = _Collected()
    scales = {key: tuple(map(str, of)) for key, of in sums.scales.items()}
    items = list(scales.values())
    summaries = list(sums.summaries.values())
    order = sorted(range(len(items)), key=lambda s: -len(items[s]))
    for sample in range(len(sums.samples)):
        blocks: list[tuple[int, list[int]]] = []
        for s in order:
            n = int(summaries[s].n[sample])
            for largest, members in blocks:
                same = n == int(summaries[largest].n[sample])
                if same and set(items[s]) <= set(items[largest]):
                    members.append(s)
                    break
            else:
                blocks.append((s, [s]))
        for largest, members in blocks:
            if int(summaries[largest].n[sample]) < min_n:
                found.withheld |= {(sample, s) for s in members}
                continue
            found.blocks.append(
                _summed(sample, sorted(members), items[largest], summaries[largest])
            )
    some = summaries[0]
    return Part(
        moments=2,
        min_n=min_n,
        scales=scales,
        samples=sums.samples.assign(given=some.n + some.n_excluded),
        blocks=tuple(found.blocks),
        withheld=frozenset(found.withheld),
    )


def _summed(
    sample: int, members: Sequence[int], items: Sequence[str], summary: Summary
) -> Block:
    assert summary.covariance is not None
    n, m = int(summary.n[sample]), len(items)
    matrix = np.zeros((m + 1, m + 1))
    matrix[0, 0] = n
    matrix[1:, 1:] = summary.covariance[sample] * (n - 1)
    return Block(
        sample=sample,
        scales=tuple(members),
        items=tuple(items),
        groups=(),
        shift=summary.mean[sample],
        matrix=matrix,
    )


def told(part: Part, findings: Sequence[Finding]) -> Part:
    """Return the part with findings that name no person, no row and no answer."""
    kept = []
    for one in findings:
        text = one.text
        if one.finding not in _WITHOUT_PERSONS:
            text = f"{FINDINGS.get(one.finding, one.finding)} ({int(one.n)})"
        kept.append(
            Finding(
                severity=one.severity,
                finding=one.finding,
                text=text,
                n=int(one.n),
                by=one.by,
            )
        )
    return replace(part, findings=tuple(dict.fromkeys(kept)))


def study_sums_of(part: Part) -> StudySums:
    """Return moments of every scale in every sample, as from answers."""
    k, at = len(part.samples), part.at()
    given = part.samples["given"].to_numpy(dtype=np.int64)
    summaries = {}
    for s, (key, items) in enumerate(part.scales.items()):
        m = len(items)
        n, shift = np.zeros(k, dtype=np.int64), np.zeros((k, m))
        sums, products = np.zeros((k, m)), np.zeros((k, m, m))
        for sample in range(k):
            if (sample, s) not in at:
                continue
            block = part.blocks[at[sample, s][0]]
            place = {name: j for j, name in enumerate(block.items)}
            of = np.array([place[name] for name in items])
            n[sample], shift[sample] = block.n, block.shift[of]
            sums[sample] = block.matrix[0, 1 + of]
            products[sample] = block.matrix[np.ix_(1 + of, 1 + of)]
        summaries[key] = summary_from_sums(
            n=n,
            n_excluded=np.where(n > 0, given - n, 0),
            sums=sums,
            squares=np.diagonal(products, axis1=1, axis2=2),
            total_square=products.sum(axis=(1, 2)),
            products=products,
            origin=shift,
        )
    return StudySums(
        samples=part.samples.drop(columns="given"),
        summaries=summaries,
        scales=dict(part.scales),
    )
