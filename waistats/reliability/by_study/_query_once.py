"""One query for the gate and for the coefficient: sums by study, as the file has them.

A reversed item less a constant is its opposite, so sums over the items as they are in
the file give those of the scored items too: with p the sum of the items of a scale that
the key leaves and r that of those it reverses, the square of the total is that of p - r
where they are turned, and that of p + r where not. The key is decided from the same
sums, study by study, and nothing is read twice.

Groups are samples and, as a whole number, which scales a respondent completed: a filter
in every sum would take several times as long.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from waistats._typing import BoolArray, FloatArray, IntArray
from waistats.instruments._key_evidence import KeyLayout, KeySums
from waistats.reliability.by_study._pack import Field, Pack, packs
from waistats.reliability.by_study._query import (
    Answers,
    is_given,
    oriented,
    origins,
    with_room,
)
from waistats.reliability.by_study._sources import fetch

# columns beyond which totals of small types could run over
_MOST_NARROW = 200
# scales whose completeness one whole number tells
_BITS = 30
# answers this far apart are no small whole numbers
_FAR = 2**20

Product = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plan:
    """What is to be summed, by the place of each item.

    Attributes
    ----------
    items : tuple
        Columns: those of the gate, then others of the scales.
    scales : tuple of tuple of int
        Places of the items of each scale, as it lists them.
    kept, turned : tuple of tuple of int
        Of each scale, the items that the key leaves and those it reverses.
    groups : tuple of tuple of int
        Unreversed items of each subscale of the gate.
    whole : tuple of int
        Unreversed items of the form, where evidence of the whole form may count.
    layout : KeyLayout
        The subscale of each item, and which are reversed.
    products : bool
        Whether cross-products of the items of each scale are needed.
    totals : dict of tuple of int to str
        Sets of items whose sums are needed, and their names.
    """

    items: tuple[object, ...]
    scales: tuple[tuple[int, ...], ...]
    kept: tuple[tuple[int, ...], ...]
    turned: tuple[tuple[int, ...], ...]
    groups: tuple[tuple[int, ...], ...]
    whole: tuple[int, ...]
    layout: KeyLayout
    products: bool
    totals: dict[tuple[int, ...], str]

    @property
    def m(self) -> int:
        """Number of items that the gate looks at."""
        return len(self.layout.group)

    def total(self, of: Sequence[int]) -> str:
        """Return the name of the sum of some items, none for no items."""
        return self.totals.get(tuple(sorted(of)), "")

    @property
    def squares(self) -> list[Product]:
        """Pairs of sums whose products are needed."""
        found: dict[Product, None] = {}
        for of in (*self.groups, self.whole):
            if name := self.total(of):
                found[name, name] = None
        for kept, turned in zip(self.kept, self.turned, strict=True):
            p, r = self.total(kept), self.total(turned)
            found |= {pair: None for pair in ((p, p), (p, r), (r, r)) if all(pair)}
        return list(found)

    def loose(self, j: int, factor: str) -> bool:
        """Return whether a scale with an item can be complete without a factor."""
        known = {name: of for of, name in self.totals.items()}
        needed = set(known.get(factor) or (int(factor[1:]),))
        return any(j in of and not needed <= set(of) for of in self.scales)

    @property
    def every(self) -> bool:
        """Whether complete scales do not tell complete answers to all items."""
        return {j for of in self.scales for j in of} != set(range(len(self.items)))

    def factors(self, j: int) -> dict[str, str]:
        """Return what the answers to an item are multiplied by: sum to factor."""
        found = {f"s{j}": "", f"q{j}": f"y{j}"}
        if j < self.m:
            if own := self.total(self.groups[self.layout.group[j]]):
                found[f"a{j}"] = own
            if self.whole and self.layout.reverse[j]:
                found[f"r{j}"] = self.total(self.whole)
        return found | {f"p{j}_{b}": f"y{b}" for b in self.partners(j)}

    def partners(self, j: int) -> list[int]:
        """Return the later items whose products with an item are needed."""
        of = {b for scale in self.scales if j in scale for b in scale if b > j}
        return sorted(of) if self.products else []

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """Items whose cross-products are needed."""
        return [(j, b) for j in range(len(self.items)) for b in self.partners(j)]


def plan_of(
    answers: Answers, columns: Sequence[object], layout: KeyLayout, *, products: bool
) -> Plan:
    """Return what the gate and the scales need of a table."""
    plan = answers.plan
    items = tuple(dict.fromkeys([*columns, *plan.columns]))
    place = {column: j for j, column in enumerate(items)}
    scales = tuple(tuple(place[c] for c in of) for of in plan.scales.values())
    back = {place[c] for c in plan.reversed}
    kept = tuple(tuple(j for j in of if j not in back) for of in scales)
    turned = tuple(tuple(j for j in of if j in back) for of in scales)
    groups = tuple(
        tuple(np.flatnonzero(layout.members(g)).tolist())
        for g in range(layout.n_groups)
    )
    looked = layout.n_groups > 1 and bool(layout.reverse.any())
    whole = tuple(np.flatnonzero(~layout.reverse).tolist()) if looked else ()
    sets = {tuple(sorted(of)) for of in (*groups, *kept, *turned, whole) if of}
    return Plan(
        items=items,
        scales=scales,
        kept=kept,
        turned=turned,
        groups=groups,
        whole=whole,
        layout=layout,
        products=products,
        totals={of: f"u{i}" for i, of in enumerate(sorted(sets))},
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ends:
    """What is known of the answers before they are summed.

    Attributes
    ----------
    low, high : ndarray, shape (m,)
        Lowest and highest answer to each item, as it is summed.
    most : int
        Respondents of the largest sample.
    """

    low: FloatArray
    high: FloatArray
    most: int

    @property
    def origin(self) -> FloatArray:
        """Whole numbers in the middle of the answers, shape (m,)."""
        return np.asarray(np.floor((self.low + self.high) / 2))

    @property
    def reach(self) -> int:
        """The farthest that an answer lies from its origin."""
        return max(1, int(np.max(self.high - self.origin)))


def packed(plan: Plan, ends: Ends) -> dict[int, list[Pack]] | None:
    """Return how the sums of each item travel together; None where they cannot."""
    if not np.isfinite([ends.low, ends.high]).all():
        return None
    far = ends.reach
    if far > _FAR or np.abs(ends.origin).max() > 2**50:
        return None
    size = max(map(len, plan.totals), default=1)
    if ends.most * (far * size) ** 2 >= 2**53:
        return None
    found = {}
    for j in range(len(plan.items)):
        fields = []
        for name in plan.factors(j):
            bound = ends.most * far
            if name[0] in "qp":
                bound *= far
            elif name[0] in "ar":
                bound *= far * size
            fields.append(Field(name=name, bound=bound))
        of = packs(fields)
        if of is None:
            return None
        found[j] = of
    return found


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sums:
    """Sums of the items as they are in the file, one row per sample and pattern.

    Attributes
    ----------
    plan : Plan
        What was summed.
    rows : DataFrame
        ``complete0, ...``: which scales a respondent completed, and after them whether
        every item; ``n``; ``s, q``: sums and squares of items less their origins;
        ``a, r``: their products with the sum of the unreversed items of the subscale
        and of the form; ``p``: with each other; ``u0_u1``: of sums of items.
    origin : ndarray, shape (items,)
        What was taken off the answers.
    """

    plan: Plan
    rows: pd.DataFrame
    origin: FloatArray

    @property
    def products(self) -> bool:
        """Whether cross-products were asked for."""
        return self.plan.products

    def complete(self, scale: int) -> BoolArray:
        """Return the rows of those who completed a scale."""
        mask = self.rows[f"complete{scale // _BITS}"].to_numpy(dtype=np.int64)
        return np.asarray(mask >> (scale % _BITS) & 1, dtype=bool)

    @property
    def full(self) -> BoolArray:
        """The rows of those who answered every item."""
        if self.plan.every:
            return self.complete(len(self.plan.scales))
        each = [self.complete(i) for i in range(len(self.plan.scales))]
        return np.asarray(np.logical_and.reduce(each))

    def key_sums(self) -> KeySums:
        """Return the sums of those who answered every item, for the gate."""
        plan, full, m = self.plan, self.full, self.plan.m

        def table(names: Sequence[str]) -> FloatArray:
            # those who left an item out count as nobody
            known = [name if name in self.rows else "" for name in names]
            found = np.zeros((len(self.rows), len(known)))
            for i, name in enumerate(known):
                if name:
                    found[:, i] = self.rows[name].fillna(0).to_numpy(dtype=np.float64)
            return np.where(full[:, None], found, 0.0)

        own = table([f"a{j}" for j in range(m)])
        names = [plan.total(of) for of in plan.groups]
        squares = table([f"{name}_{name}" for name in names])
        whole = plan.total(plan.whole)
        return KeySums(
            n=np.where(full, self.rows["n"].to_numpy(dtype=np.int64), 0),
            sums=table([f"s{j}" for j in range(m)]),
            squares=table([f"q{j}" for j in range(m)]),
            with_own=own,
            with_all=table([f"r{j}" for j in range(m)]) if whole else own,
            own_squares=squares,
            all_squares=table([f"{whole}_{whole}"])[:, 0] if whole else squares[:, 0],
        )

    def scored(self, turned: BoolArray) -> pd.DataFrame:
        """Return the rows with reversed items reverse-scored where ``turned``.

        Sums are then of scored answers less scored origins, and ``square0, ...`` are
        the squares of the totals of the scales.
        """
        plan, rows = self.plan, self.rows
        back = sorted({j for of in plan.turned for j in of})
        found: dict[str, Any] = {}
        for scale, (kept, gone) in enumerate(zip(plan.kept, plan.turned, strict=True)):
            p, r = plan.total(kept), plan.total(gone)
            parts = [(a, b) for a, b in ((p, p), (r, r)) if a]
            square = sum(rows[f"{a}_{b}"] for a, b in parts)
            if p and r:
                cross = 2 * rows[f"{p}_{r}"]
                square = square + cross.where(~turned, -cross)
            found[f"square{scale}"] = square
        if turned.any():
            for j in back:
                found[f"s{j}"] = rows[f"s{j}"].where(~turned, -rows[f"s{j}"])
            for a, b in plan.pairs:
                if (a in back) != (b in back):
                    name = f"p{a}_{b}"
                    found[name] = rows[name].where(~turned, -rows[name])
        return rows.assign(**found)

    @property
    def sound(self) -> bool:
        """Whether products of items with their total add up to its square.

        They are summed apart from each other, so that a sum that ran over shows.
        """
        plan, full = self.plan, self.full
        for of in plan.groups:
            name = plan.total(of)
            if not name:
                continue
            one = sum(self.rows[f"a{j}"][full] for j in of)
            if not np.array_equal(one, self.rows[f"{name}_{name}"][full]):
                return False
        return True


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Question:
    """The query, and how to read its answer.

    Attributes
    ----------
    query : ibis Table
        One statement.
    origin : ndarray
        What is taken off the answers to each item.
    packs : dict of int to list of Pack
        What each item's sums travel in; empty where each goes alone.
    """

    query: Any
    origin: FloatArray
    packs: dict[int, list[Pack]] = field(default_factory=dict)


def once_query(
    answers: Answers, plan: Plan, *, ends: Ends | None = None, with_ends: bool = False
) -> Question:
    """Return the query for the sums of a plan.

    Parameters
    ----------
    answers : Answers
        The table; `Answers.turned` is not looked at.
    plan : Plan
        What is to be summed.
    ends : Ends, optional
        With whole numbers, between which they lie: sums then travel together.
    with_ends : bool
        Whether the lowest and highest answers are asked for too, as ``low, high``.
    """
    how = None if ends is None else packed(plan, ends)
    near = {} if how else origins(answers, plan.items)
    origin = np.array([near.get(str(c), 0.0) for c in plan.items])
    if how and ends is not None:
        origin = ends.origin
    narrow = len(plan.items) <= _MOST_NARROW
    raw = {
        f"x{j}": _small(answers, c) if how else oriented(answers, c, narrow=narrow)
        for j, c in enumerate(plan.items)
    }
    kept = [*answers.keys, *answers.order]
    if answers.layout.long is not None:
        kept.append("waistats_answers")
    base = answers.table.select(*dict.fromkeys(kept), **raw)
    base = base.mutate(
        **{
            f"y{j}": _less(
                base[f"x{j}"], origin[j], shifted=bool(how) or str(c) in near
            )
            for j, c in enumerate(plan.items)
        }
    )

    def total(of: Sequence[int]) -> Any:
        parts = [base[f"y{j}"] for j in of]
        return sum(parts[1:], start=parts[0])

    whole = plan.totals
    sums = {name: total(of) for of, name in whole.items()}
    if plan.every:
        sums["every"] = total(range(len(plan.items)))
    base = base.mutate(**sums)
    asked: dict[str, Any] = {"n": base.count()}
    for j in range(len(plan.items)):
        factors = plan.factors(j)
        if how:
            for i, pack in enumerate(how[j]):
                asked[f"k{j}_{i}"] = _joint(base, j, pack, factors, plan).sum()
            continue
        for name, factor in factors.items():
            asked[name] = _product(base, j, name, factor).sum()
    for a, b in plan.squares:
        one, other = with_room(base[a]), with_room(base[b])
        asked[f"{a}_{b}"] = (one * other).sum()
    if with_ends:
        for j in range(len(plan.items)):
            x = base[f"x{j}"]
            asked |= {f"low{j}": x.min(), f"high{j}": x.max()}
    if answers.layout.long is not None:
        present = [
            is_given(base[f"x{j}"]).cast("int64") for j in range(len(plan.items))
        ]
        counted = sum(present[1:], start=present[0])
        asked["twice"] = (base["waistats_answers"] > counted).cast("int64").sum()
    if answers.order:
        asked["first"] = base[answers.order[-1]].min()
    groups = [
        base[name] for name in dict.fromkeys([*answers.keys, *answers.order[:-1]])
    ]
    query = base.group_by(groups, **_complete(base, plan)).aggregate(**asked)
    return Question(query=query, origin=origin, packs=how or {})


def ask_once(
    answers: Answers, plan: Plan, *, ends: Ends | None = None, with_ends: bool = False
) -> Sums:
    """Return the answer to the query for the sums of a plan."""
    asked = once_query(answers, plan, ends=ends, with_ends=with_ends)
    rows = fetch(asked.query)
    opened: dict[str, IntArray] = {}
    for j, of in asked.packs.items():
        for i, pack in enumerate(of):
            opened |= pack.opened(
                rows.pop(f"k{j}_{i}").fillna(0).to_numpy(dtype=np.float64)
            )
    if asked.packs:
        names = [f"{a}_{b}" for a, b in plan.squares]
        whole = rows[names].fillna(0).astype(np.int64)
        rows = pd.concat([rows.drop(columns=names), whole], axis=1)
        rows = pd.concat([rows, pd.DataFrame(opened, index=rows.index)], axis=1)
    found = Sums(plan=plan, rows=rows, origin=asked.origin)
    if asked.packs and not found.sound:
        # the table changed under the query, or its file misstates its ends
        return ask_once(answers, plan, with_ends=with_ends)
    return found


def _small(answers: Answers, column: object) -> Any:
    """Return small whole numbers as real ones, oriented, without codes."""
    import ibis

    x = answers.table[str(column)].cast("float64")
    if answers.codes:
        x = ibis.ifelse(x.isin(list(answers.codes)), ibis.null("float64"), x)
    return answers.both_ends - x if column in answers.besides else x


def _less(x: Any, origin: float, *, shifted: bool) -> Any:
    """Return answers less their origin, as real numbers; without one, as they are."""
    if not shifted:
        return x
    # whole numbers beyond 2**53 differ exactly before they become real ones
    whole = x.type().is_integer() and abs(origin) < 2**62
    return (x - (int(origin) if whole else float(origin))).cast("float64")


def _product(base: Any, j: int, name: str, factor: str) -> Any:
    y = base[f"y{j}"]
    if not factor:
        return y
    other = base[factor]
    if name[0] in "ar":
        # exact as real numbers up to 2**53, and faster than whole ones
        return y.cast("float64") * other.cast("float64")
    return y * other


def _joint(base: Any, j: int, pack: Pack, factors: dict[str, str], plan: Plan) -> Any:
    """Return the answers to an item times the sum of its factors, in their units."""
    constant, parts = 0.0, []
    for name, unit in zip(pack.names, pack.units, strict=True):
        if factors[name]:
            one = base[factors[name]]
            if plan.loose(j, factors[name]):
                one = one.fill_null(0.0)  # else the other sums would lose a respondent
            parts.append(one if unit == 1 else one * float(unit))
        else:
            constant += float(unit)
    # sums of items first, so that items of one subscale share that part
    parts.reverse()
    if not parts:
        return base[f"y{j}"] * constant
    first = parts[0] + constant if constant else parts[0]
    return base[f"y{j}"] * sum(parts[1:], start=first)


def _complete(base: Any, plan: Plan) -> dict[str, Any]:
    """Return as whole numbers which scales are complete, and if asked every item."""
    each = []
    for kept, turned in zip(plan.kept, plan.turned, strict=True):
        names = [name for name in (plan.total(kept), plan.total(turned)) if name]
        both = [is_given(base[name]) for name in names]
        each.append(both[0] if len(both) == 1 else both[0] & both[1])
    if plan.every:
        each.append(is_given(base["every"]))
    found = {}
    for start in range(0, len(each), _BITS):
        bits = [
            one.cast("int64") * (1 << i)
            for i, one in enumerate(each[start : start + _BITS])
        ]
        found[f"complete{start // _BITS}"] = sum(bits[1:], start=bits[0])
    return found
