"""The gate where answers are queried, not read: ends, codes and the state of the key.

The sums that coefficients are made of tell the state of the key; the values of an item
are looked at only where its ends are doubtful.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from waistats._caller import option
from waistats._format import counted
from waistats._typing import BoolArray, IntArray
from waistats.errors import DataError, listing
from waistats.instruments._codes import customary_codes, is_customary
from waistats.instruments._findings import (
    NOTE,
    STOP,
    Finding,
    accepted,
    refuse,
)
from waistats.instruments._gate import (
    BadCell,
    GateOptions,
    declared_range,
    odd_findings,
)
from waistats.instruments._key_decision import besides_finding, decide_key, key_plan
from waistats.instruments._key_evidence import (
    KeyLayout,
    KeySums,
    against_rest,
    evidence,
)
from waistats.reliability.by_study._intake import check_reverse
from waistats.reliability.by_study._layout import Layout, ScalePlan, as_text
from waistats.reliability.by_study._query import (
    Answers,
    is_given,
    item_number,
)
from waistats.reliability.by_study._query_against import query_against
from waistats.reliability.by_study._query_once import (
    Ends,
    Plan,
    Sums,
    ask_once,
    packed,
    plan_of,
)
from waistats.reliability.by_study._sources import Source, fetch, tells_nan

_MOST_VALUES = 200


def without_blanks(source: Source, layout: Layout) -> tuple[Source, list[Finding]]:
    """Return the rows with a study and values to split by, and a note of the others."""
    keys = list(dict.fromkeys([layout.study, *layout.by, *layout.person]))
    table = source.table
    blank = {name: _blank(table[name]) for name in keys}
    sums = {f"b{i}": of.cast("int64").sum() for i, of in enumerate(blank.values())}
    row = fetch(table.aggregate(n=table.count(), **sums)).fillna(0).iloc[0]
    lost = {name: int(row[f"b{i}"]) for i, name in enumerate(keys)}
    if not any(lost.values()):
        return replace(source, rows=int(row["n"])), []
    told = "; ".join(f"{name} in {n}" for name, n in lost.items() if n)
    n = int(row["n"])
    any_blank = next(iter(blank.values()))
    for one in list(blank.values())[1:]:
        any_blank = any_blank | one
    kept = table.filter(~any_blank)
    left = int(fetch(kept.aggregate(n=kept.count())).iloc[0, 0])
    if not left:
        raise DataError(
            f"every row has a blank where a value is needed: {told}. Check "
            f"{option('study')} and {option('by')}."
        )
    finding = Finding(
        severity=NOTE,
        finding="blank_id",
        where=listing(name for name, of in lost.items() if of),
        n=n - left,
        example=told.split("; ")[0],
        text=f"{counted(n - left, 'row was', 'rows were')} excluded, "
        f"because a value is blank: {told}",
    )
    return replace(source, table=kept, rows=left), [finding]


def _blank(column: Any) -> Any:
    missing = ~is_given(column)
    if column.type().is_string():
        return missing | (column.strip() == "")
    if column.type().is_floating() and tells_nan(column):
        return missing | column.isnan()
    return missing


def query_gate(
    answers: Answers, gate: GateOptions, *, products: bool = False
) -> tuple[Answers, Sums, list[Finding]]:
    """Return what is reverse-scored, the sums of the items, and the findings.

    ``products`` says whether cross-products are needed too.

    Raises
    ------
    DataError
        For codes, answers out of range and a key that is contradicted or not clear.
    """
    plan = answers.plan
    columns = list(plan.form_columns or plan.columns)
    layout = _key_layout(plan, columns)
    limits = declared_range(plan.form, [], gate)
    check_reverse(gate, [columns])
    answers = replace(answers, besides=frozenset(gate.reverse) & set(columns))
    extremes = None
    found: list[Finding] = []
    if answers.stored or answers.besides:
        extremes = fetch(_ends_query(answers, columns))
        answers, found = _reversed_besides(answers, columns, extremes, limits)
    wanted = plan_of(answers, columns, layout, products=products)
    sums = ask_once(
        answers,
        wanted,
        ends=_known_ends(answers, columns, extremes, wanted),
        with_ends=extremes is None,
    )
    if sums.rows.empty:
        return answers, sums, found
    found = _odd(answers, columns, _first(extremes, sums.rows), limits, gate) + found
    unit, studies = _units(sums.rows, answers.layout.study)
    key = sums.key_sums()
    against, turned, more = _decision(
        key, answers, columns, layout, unit, studies, gate
    )
    found += more
    chosen: tuple[object, ...] | None = None
    if not turned.all():
        raw = sums.rows[answers.layout.study]
        chosen = tuple(raw[turned[unit]].drop_duplicates().tolist())
    answers = replace(
        answers,
        turned=plan.reversed if turned.any() else frozenset(),
        turned_in=chosen,
        limits=limits,
    )
    if not any(finding.severity == STOP for finding in found):
        found += query_against(answers, columns, against, studies, sums)
    found.append(not_looked_at())
    found = accepted(found, gate.accept)
    refuse(found)
    return answers, sums, found


def _first(ends: pd.DataFrame | None, rows: pd.DataFrame) -> pd.DataFrame:
    return rows if ends is None else ends


def _decision(
    sums: KeySums,
    answers: Answers,
    columns: Sequence[object],
    layout: KeyLayout,
    unit: IntArray,
    studies: Sequence[str],
    gate: GateOptions,
) -> tuple[BoolArray, BoolArray, list[Finding]]:
    """Return items keyed the wrong way, where the key is applied, and findings."""
    form = answers.plan.form
    if form is not None:
        plan = key_plan(form, columns)
        decision = decide_key(sums, plan, unit, studies, gate.already_keyed)
        turned = np.asarray(decision.turned.any(axis=1))
        return np.asarray(decision.against), turned, decision.findings
    proof = evidence(sums, layout, unit, len(studies))
    none = np.zeros(proof.own.shape, dtype=bool)
    one, overall = against_rest(proof, layout, none)
    return np.asarray(one | overall), np.zeros(len(studies), dtype=bool), []


def _known_ends(
    answers: Answers,
    columns: Sequence[object],
    extremes: pd.DataFrame | None,
    plan: Plan,
) -> Ends | None:
    """Return between what the items of a file lie, where all are whole numbers.

    Only of files, which stay as they are between two queries.
    """
    schema = answers.table.schema()
    kinds = [schema[str(column)] for column in columns]
    if extremes is None or not answers.stored or answers.layout.long is not None:
        return None
    if not all(kind.is_integer() or kind.is_boolean() for kind in kinds):
        return None
    low, high = (
        extremes[[f"{end}{j}" for j in range(len(columns))]]
        .iloc[0]
        .fillna(0)
        .to_numpy(dtype=np.float64)
        for end in ("low", "high")
    )
    flip = np.array([column in answers.besides for column in columns])
    ends = answers.both_ends
    found = Ends(
        low=np.where(flip, ends - high, low),
        high=np.where(flip, ends - low, high),
        most=max(1, answers.rows),
    )
    how = packed(plan, found)
    if answers.rows and how and all(len(of) == 1 for of in how.values()):
        return found
    # one sample holds fewer than all rows, so that more sums travel together
    keys = [answers.table[name] for name in answers.keys]
    sizes = answers.table.group_by(keys).aggregate(n=answers.table.count())
    most = fetch(sizes.aggregate(most=sizes["n"].max()))["most"].fillna(0)
    return replace(found, most=max(1, int(most.iloc[0])))


def _reversed_besides(
    answers: Answers,
    columns: Sequence[object],
    ends: pd.DataFrame,
    limits: tuple[float, float] | None,
) -> tuple[Answers, list[Finding]]:
    """Return the question with the ends between which named items are reversed."""
    named = [column for column in columns if column in answers.besides]
    if not named:
        return answers, []
    between = limits
    if between is None:
        low = ends[[f"low{j}" for j in range(len(columns))]].min(axis=None)
        high = ends[[f"high{j}" for j in range(len(columns))]].max(axis=None)
        between = (0.0, 0.0) if pd.isna(low) else (float(low), float(high))
    finding = besides_finding(named, between, declared=limits is not None)
    return replace(answers, both_ends=between[0] + between[1]), [finding]


def not_looked_at(*, queried: bool = True) -> Finding:
    """Return a note of what is not checked where answers are queried."""
    how = "queried, not read" if queried else "read study by study"
    return Finding(
        severity=NOTE,
        finding="not_looked_at",
        text=f"The answers were {how}: identical rows, straight-lining and "
        "kurtosis were not checked",
    )


def _key_layout(plan: ScalePlan, columns: Sequence[object]) -> KeyLayout:
    if plan.form is not None:
        return key_plan(plan.form, columns).layout
    scales = list(plan.scales.values())
    group = [
        min((len(of), g) for g, of in enumerate(scales) if column in of)[1]
        for column in columns
    ]
    return KeyLayout(
        reverse=np.zeros(len(columns), dtype=bool),
        group=np.unique(group, return_inverse=True)[1].astype(np.int64),
    )


def _ends_query(answers: Answers, columns: Sequence[object]) -> Any:
    """Return the query for the lowest and highest answer to each item.

    By itself it costs nothing where a file knows the ends of its columns.
    """
    numbers = [item_number(answers.table, str(c), answers.codes) for c in columns]
    ends = {f"low{j}": x.min() for j, x in enumerate(numbers)}
    ends |= {f"high{j}": x.max() for j, x in enumerate(numbers)}
    return answers.table.aggregate(**ends)


def _wrong_query(
    answers: Answers,
    columns: Sequence[object],
    limits: tuple[float, float],
    *,
    whole: bool,
) -> Any:
    """Return the query for the answers of each study that are out of range."""
    asked = {}
    for j, column in enumerate(columns):
        x = item_number(answers.table, str(column), answers.codes).cast("float64")
        wrong = (x < limits[0]) | (x > limits[1])
        if whole:
            wrong = wrong | (x != x.round())
        asked[f"w{j}"] = wrong.cast("int64").sum()
    return answers.table.group_by(answers.layout.study).aggregate(**asked)


def _units(rows: pd.DataFrame, study: str) -> tuple[IntArray, list[str]]:
    texts = as_text(rows[study])
    unit, names = pd.factorize(texts, sort=True)
    return unit.astype(np.int64), [str(name) for name in names]


def _odd(
    answers: Answers,
    columns: Sequence[object],
    rows: pd.DataFrame,
    limits: tuple[float, float] | None,
    gate: GateOptions,
) -> list[Finding]:
    """Return codes and answers out of range."""
    low = np.array([rows[f"low{j}"].min() for j in range(len(columns))], dtype=float)
    high = np.array([rows[f"high{j}"].max() for j in range(len(columns))], dtype=float)
    if limits is None:
        found: list[Finding] = []
        place = {column: j for j, column in enumerate(columns)}
        for of in answers.plan.scales.values():
            at = [place[column] for column in of]
            ends = np.array([*low[at], *high[at]])
            if not is_customary(ends[np.isfinite(ends)]).any():
                continue
            counts = _values(answers, of)
            codes = customary_codes(sorted({v for _, v, _ in counts}))
            cells = [
                BadCell(column, "", value, True, n)
                for column, value, n in counts
                if value in codes
            ]
            others = np.array([v for _, v, _ in counts if v not in codes])
            more = odd_findings(cells, None, False, others)
            found += [finding for finding in more if finding not in found]
        return found
    whole = answers.plan.form is not None and not gate.allow_fractions
    schema = answers.table.schema()
    odd = [not schema[str(column)].is_integer() and whole for column in columns]
    if not ((low < limits[0]) | (high > limits[1]) | odd).any():
        return []
    rows = fetch(_wrong_query(answers, columns, limits, whole=whole))
    wrong = {c: rows[f"w{j}"].fillna(0).to_numpy() for j, c in enumerate(columns)}
    bad = [column for column, of in wrong.items() if of.any()]
    if not bad:
        return []
    counts = [
        (column, value, n)
        for column, value, n in _values(answers, bad)
        if not limits[0] <= value <= limits[1] or value != round(value)
    ]
    codes = customary_codes(sorted({value for _, value, _ in counts}), limits)
    cells = [BadCell(c, "", value, True, n) for c, value, n in counts if value in codes]
    coded = {
        column: sum(cell.n for cell in cells if cell.column == column) for column in bad
    }
    found = odd_findings(cells, limits, True)
    names = as_text(rows[answers.layout.study]).to_numpy(dtype=object)
    told, total = [], 0
    for column in bad:
        n = int(wrong[column].sum()) - coded[column]
        if n > 0:
            total += n
            where = listing(dict.fromkeys(names[wrong[column] > 0]), 5)
            told.append(f"{column}: {n} (study {where})")
    if told:
        kind = "whole numbers" if answers.plan.form is not None else "numbers"
        found.append(
            Finding(
                severity=STOP,
                finding="out_of_range",
                where=listing(bad),
                n=total,
                example=told[0],
                text=f"answers must be {kind} from {limits[0]:g} to {limits[1]:g}, or "
                f"empty; {counted(total, 'is', 'are')} not: {listing(told, 30)}",
                advice="Correct them, or set them to missing with "
                f"{option('missing_codes')}; another response scale is stated with "
                f"{option('response_range')}.",
            )
        )
    return found


def _values(
    answers: Answers, columns: Sequence[object]
) -> list[tuple[object, float, int]]:
    """Return column, value and count of the distinct answers to some items."""
    found = []
    for column in columns:
        x = item_number(answers.table, str(column), answers.codes).cast("float64")
        base = answers.table.select(x=x)
        base = base.filter(is_given(base["x"]))
        counts = fetch(
            base.group_by("x")
            .aggregate(n=base.count())
            .order_by("x")
            .limit(_MOST_VALUES)
        )
        found += [
            (column, float(v), int(n))
            for v, n in zip(counts["x"], counts["n"], strict=True)
        ]
    return found
