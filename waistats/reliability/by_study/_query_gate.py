"""The gate where answers are queried, not read: ends, codes and the state of the key.

One query for the ends of every item and for its products with the other items of its
scale, by study; the values of an item are looked at only where its ends are doubtful.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from waistats._caller import option
from waistats._format import counted
from waistats._typing import IntArray
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
    _given,
    item_number,
    origins,
    sums_query,
)
from waistats.reliability.by_study._query_against import query_against
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
        return source, []
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
    return replace(source, table=kept), [finding]


def _blank(column: Any) -> Any:
    missing = ~_given(column)
    if column.type().is_string():
        return missing | (column.strip() == "")
    if column.type().is_floating() and tells_nan(column):
        return missing | column.isnan()
    return missing


def query_gate(
    answers: Answers, gate: GateOptions, *, products: bool = False
) -> tuple[Answers, list[Finding]]:
    """Return the question with the items that are reverse-scored, and the findings.

    ``products`` says whether cross-products are needed later, which one query may give.

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
    if _is_plain(answers, limits):
        return _plain_gate(answers, columns, layout, gate, products)
    rows = fetch(_gate_query(answers, columns, layout))
    if rows.empty:
        return answers, []
    ends = rows if answers.layout.long else fetch(_ends_query(answers, columns))
    found = _odd(answers, columns, ends, limits, gate)
    answers, more = _reversed_besides(answers, columns, ends, limits)
    found += more
    unit, studies = _units(rows, answers.layout.study)
    sums = _sums(rows, len(columns), layout)
    if plan.form is None:
        turned_rows = np.zeros(len(studies), dtype=bool)
        proof = evidence(sums, layout, unit, len(studies))
        none = np.zeros(proof.own.shape, dtype=bool)
        one, overall = against_rest(proof, layout, none)
        against = np.asarray(one | overall)
    else:
        decision = decide_key(
            sums, key_plan(plan.form, columns), unit, studies, gate.already_keyed
        )
        found += decision.findings
        turned_rows = np.asarray(decision.turned.any(axis=1))
        against = np.asarray(decision.against)
    chosen: tuple[object, ...] | None = None
    if not turned_rows.all():
        raw = rows[answers.layout.study]
        chosen = tuple(raw[turned_rows[unit]].drop_duplicates().tolist())
    turned = plan.reversed if turned_rows.any() else frozenset()
    answers = replace(answers, turned=turned, turned_in=chosen, limits=limits)
    if not any(finding.severity == STOP for finding in found):
        found += query_against(answers, columns, against, studies)
    found.append(not_looked_at())
    found = accepted(found, gate.accept)
    refuse(found)
    return answers, found


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


def _is_plain(answers: Answers, limits: tuple[float, float] | None) -> bool:
    """Return whether the sums that alpha needs hold all that the gate asks.

    One scale of named items without a key and a declared range: then one query groups
    the respondents for both.
    """
    plan = answers.plan
    return (
        plan.form is None
        and limits is None
        and len(plan.scales) == 1
        and answers.layout.long is None
        and not answers.turned
    )


def _plain_gate(
    answers: Answers,
    columns: Sequence[object],
    layout: KeyLayout,
    gate: GateOptions,
    products: bool,
) -> tuple[Answers, list[Finding]]:
    extremes = fetch(_ends_query(answers, columns))
    found = _odd(answers, columns, extremes, None, gate)
    answers, more = _reversed_besides(answers, columns, extremes, None)
    found += more
    near = origins(answers)
    query = sums_query(answers, products=products, near=near, with_total=True)
    rows = fetch(query)
    if rows.empty:
        return answers, found
    # query_summaries counts items as the scale lists them
    place = {column: j for j, column in enumerate(answers.plan.columns)}
    at = [place[column] for column in columns]
    full = rows[rows["c_t0"].to_numpy(dtype=bool)]
    unit, studies = _units(full, answers.layout.study)

    def table(names: Sequence[str]) -> np.ndarray:
        return full[list(names)].fillna(0).to_numpy(dtype=np.float64)

    own = table([f"a{j}" for j in at])
    square = table(["square_t0"])
    sums = KeySums(
        n=full["n"].to_numpy(dtype=np.int64),
        sums=table([f"s{j}" for j in at]),
        squares=table([f"q{j}" for j in at]),
        with_own=own,
        with_all=own,
        own_squares=square,
        all_squares=square[:, 0],
    )
    answers = replace(answers, turned_in=(), rows=rows)
    if studies and not any(finding.severity == STOP for finding in found):
        proof = evidence(sums, layout, unit, len(studies))
        none = np.zeros(proof.own.shape, dtype=bool)
        one, overall = against_rest(proof, layout, none)
        found += query_against(answers, columns, np.asarray(one | overall), studies)
    found.append(not_looked_at())
    found = accepted(found, gate.accept)
    refuse(found)
    return answers, found


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


def _gate_query(answers: Answers, columns: Sequence[object], layout: KeyLayout) -> Any:
    """Return the query for the products of each item with the others of its scale.

    Its groups are samples, their complete respondents apart: a filter in every sum
    would take several times as long.
    """
    keys = list(dict.fromkeys(answers.keys))
    near = origins(answers, columns, as_answered=True)
    given = {
        f"x{j}": item_number(answers.table, str(c), answers.codes).cast("float64")
        - near.get(str(c), 0.0)
        for j, c in enumerate(columns)
    }
    base = answers.table.select(*keys, **given)
    # an item that is reverse-scored differs from its opposite by a constant
    signed = {
        f"z{j}": -base[f"x{j}"] if column in answers.besides else base[f"x{j}"]
        for j, column in enumerate(columns)
    }
    base = base.mutate(**signed)
    items = [base[f"z{j}"] for j in range(len(columns))]

    def total(chosen: np.ndarray) -> Any:
        of = [items[j] for j in np.flatnonzero(chosen)]
        return sum(of[1:], start=of[0]) if of else items[0] * 0

    sums = {f"u{g}": total(layout.members(g)) for g in range(layout.n_groups)}
    sums |= {"whole": total(~layout.reverse)}
    base = base.mutate(**sums, every=total(np.ones(len(columns), dtype=bool)))
    asked: dict[str, Any] = {"n": base.count()}
    for g in range(layout.n_groups):
        asked[f"uu{g}"] = (base[f"u{g}"] * base[f"u{g}"]).sum()
    asked["ww"] = (base["whole"] * base["whole"]).sum()
    for j, column in enumerate(columns):
        x, z, own = base[f"x{j}"], base[f"z{j}"], base[f"u{layout.group[j]}"]
        asked |= {
            f"s{j}": z.sum(),
            f"q{j}": (z * z).sum(),
            f"p{j}": (z * own).sum(),
        }
        if layout.n_groups > 1:
            asked[f"r{j}"] = (z * base["whole"]).sum()
        if answers.layout.long is not None:
            # to put a long table into rows once more would take longer
            origin = near.get(str(column), 0.0)
            asked |= {f"low{j}": x.min() + origin, f"high{j}": x.max() + origin}
    groups = [base[name] for name in keys]
    return base.group_by(groups, waistats_full=_given(base["every"])).aggregate(**asked)


def _units(rows: pd.DataFrame, study: str) -> tuple[IntArray, list[str]]:
    texts = as_text(rows[study])
    unit, names = pd.factorize(texts, sort=True)
    return unit.astype(np.int64), [str(name) for name in names]


def _sums(rows: pd.DataFrame, m: int, layout: KeyLayout) -> KeySums:
    full = rows["waistats_full"].to_numpy(dtype=bool)

    def table(names: Sequence[str]) -> np.ndarray:
        # those who left an item out count as nobody
        found = rows[list(names)].fillna(0).to_numpy(dtype=np.float64)
        return np.where(full[:, None], found, 0.0)

    own = table([f"p{j}" for j in range(m)])
    single = layout.n_groups == 1
    return KeySums(
        n=np.where(full, rows["n"].to_numpy(dtype=np.int64), 0),
        sums=table([f"s{j}" for j in range(m)]),
        squares=table([f"q{j}" for j in range(m)]),
        with_own=own,
        with_all=own if single else table([f"r{j}" for j in range(m)]),
        own_squares=table([f"uu{g}" for g in range(layout.n_groups)]),
        all_squares=table(["ww"])[:, 0],
    )


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
        base = base.filter(_given(base["x"]))
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
