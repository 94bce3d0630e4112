"""Reverse keys, checked against the answers and against reported totals.

Which items correlate negatively with the rest, and what that says about a file.

The smallest change of a reverse key that reproduces reported totals.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from waistats._caller import command, option
from waistats._frames import as_frame
from waistats._typing import BoolArray, FloatArray, IntArray
from waistats.errors import DataError, listing, near
from waistats.instruments.forms import Instrument, get_instrument
from waistats.instruments.scoring import answers, item_columns, item_number


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ItemSigns:
    """Which items correlate negatively with the rest.

    Attributes
    ----------
    against : ndarray of bool, shape (n_items,)
        Items with a negative correlation.
    correlation : ndarray, shape (n_items,)
        Correlation of each item, as it stands, with the sum of the others, each of them
        oriented by its sign on the first principal component; NaN without variance.
    """

    against: BoolArray
    correlation: FloatArray


def strong_signs(correlation: FloatArray, n: IntArray) -> BoolArray:
    """Return which correlations are more than chance, with n answers to each item."""
    limit = 2 / np.sqrt(np.maximum(n, 1))
    return np.asarray(np.nan_to_num(np.abs(correlation), nan=0.0) >= limit)


def signs_within(
    covariance: FloatArray, reverse: BoolArray, groups: Sequence[IntArray], n: IntArray
) -> tuple[ItemSigns, BoolArray]:
    """Find items that correlate negatively with their subscale, and the sure signs.

    The first principal component of a whole form says little of subscales that are not
    related. Where both agree on every item, the correlations are those with all other
    items of the form; else those with the other items of the subscale. A sign is sure
    where either correlation is more than chance with n answers to each item.
    """
    whole = item_signs(covariance, [reverse])
    if len(groups) < 2:
        return whole, strong_signs(whole.correlation, n)
    against = whole.against.copy()
    correlation = whole.correlation.copy()
    for at in groups:
        if len(at) < 2:
            continue
        part = item_signs(covariance[np.ix_(at, at)], [reverse[at]])
        against[at], correlation[at] = part.against, part.correlation
    strong = strong_signs(correlation, n)
    if (against == whole.against).all():
        return whole, strong | strong_signs(whole.correlation, n)
    return ItemSigns(against=against, correlation=correlation), strong


def pairwise_covariance(values: FloatArray) -> FloatArray:
    """Return the covariance matrix of the items, each pair from its own answers."""
    return pd.DataFrame(values).cov().fillna(0.0).to_numpy()


def item_signs(covariance: FloatArray, expected: Sequence[BoolArray]) -> ItemSigns:
    """Find items that correlate negatively with the rest, from the covariance matrix.

    The signs of the first principal component say which items belong together, up to
    one overall sign. Of both orientations the one nearest to an ``expected`` pattern
    is taken, else the one with fewer items against the rest, else, as in psych, the one
    with the larger sum of correlations with the component.
    """
    component = np.linalg.eigh(covariance)[1][:, -1]
    sd = np.sqrt(np.diag(covariance))
    loading = np.divide(component, sd, out=np.zeros_like(sd), where=sd > 0)
    patterns = [np.zeros(len(component), dtype=bool), *expected]

    def distance(orientation: FloatArray) -> tuple[float, float, float]:
        against = orientation < 0
        away = min(np.sum(against != pattern) for pattern in patterns)
        return float(away), float(against.sum()), -float(orientation.sum())

    oriented = min(loading, -loading, key=distance)
    correlation = _rest_correlation(covariance, oriented < 0)
    return ItemSigns(against=correlation < 0, correlation=correlation)


def _rest_correlation(covariance: FloatArray, against: BoolArray) -> FloatArray:
    signs = np.where(against, -1.0, 1.0)
    signed = covariance * signs
    with_rest = signed.sum(axis=1) - np.diag(signed)
    oriented = signs[:, None] * signed
    rest = oriented.sum() - 2 * oriented.sum(axis=1) + np.diag(covariance)
    scale = np.sqrt(np.clip(np.diag(covariance) * rest, 0, None))
    return np.divide(
        with_rest, scale, out=np.full(len(scale), np.nan), where=scale > 1e-12
    )


def file_state(
    against: BoolArray, reverse: BoolArray, strong: BoolArray | None = None
) -> str:
    """Say whether a file is raw (nothing reverse-scored yet), keyed, or neither.

    Signs that could be chance do not count, unless all are.
    """
    if not reverse.any():
        return "keyed"
    sure = np.ones_like(reverse) if strong is None or not strong.any() else strong
    raw = int(np.sum((against != reverse) & sure))
    keyed = int(np.sum(against & sure))
    if raw == keyed:
        return "mixed"
    return "raw" if raw < keyed else "keyed"


def item_finding(against: bool, reverse: bool, state: str, form: str) -> str:
    """Say in words what the sign of one item means."""
    if reverse and against:
        if state == "raw":
            return "reversed item, not reverse-scored yet, as in a raw file"
        return "reversed item left unreversed"
    if against:
        return f"correlates negatively with the rest, but {form} does not reverse it"
    if reverse and state == "raw":
        return "reversed item, already reverse-scored although the file is raw"
    return ""


def file_summary(
    names: Sequence[object],
    against: BoolArray,
    reverse: BoolArray,
    state: str,
    form: str,
) -> str:
    """Say in words what the signs mean for a file of this form."""

    def these(chosen: BoolArray) -> str:
        found = [name for name, one in zip(names, chosen, strict=True) if one]
        return f"{'item' if len(found) == 1 else 'items'} {listing(found, 40)}"

    wrong = against & ~reverse
    extra = f" Besides, {these(wrong)} should not correlate negatively with the rest."
    if not reverse.any():
        if not against.any():
            return f"No item correlates negatively with the rest, as {form} expects."
        start = f"Negatively correlated with the rest, although {form} reverses no item"
        return f"{start}: {these(against)}."
    if state == "raw":
        done = reverse & ~against
        text = (
            f"The file is raw: reverse {these(reverse & against)} "
            f"({command('score')} does)."
        )
        if done.any():
            text += (
                f" Already reverse-scored, so {command('score')} would reverse back: "
                f"{these(done)}."
            )
        return text + (extra if wrong.any() else "")
    if state == "keyed" and not against.any():
        return (
            "The file is already reverse-scored: no item correlates negatively with "
            "the rest. Score it with "
            f"{option('already_keyed', True)}."
        )
    left = reverse & against
    start = "The file is keyed, but" if state == "keyed" else "The file is mixed:"
    if left.any():
        verb = "was" if left.sum() == 1 else "were"
        text = f"{start} {these(left)} {verb} left unreversed."
        return text + (extra if wrong.any() else "")
    return f"{start} {these(wrong)} should not correlate negatively with the rest."


# Every change of up to this many items is tried on this many respondents first.
_MOST_TRIED = 3
_SAMPLE = 400
# A larger change is taken only if it explains this share of respondents more.
_WORTH = 0.05


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class KeyChange:
    """A change of key and what it explains.

    Attributes
    ----------
    changed : ndarray of bool, shape (n_items,)
        Items whose reversal differs from the key.
    share_before, share_after : float
        Share of respondents whose reported total is reproduced.
    n : int
        Respondents compared: reported total and all items present.
    """

    changed: BoolArray
    share_before: float
    share_after: float
    n: int


def _candidates(n_items: int) -> Iterator[tuple[int, ...]]:
    for size in range(min(_MOST_TRIED, n_items) + 1):
        yield from combinations(range(n_items), size)


def _least_squares(differences: FloatArray, effects: FloatArray) -> BoolArray:
    """Return the 0-1 solution nearest to the least-squares one."""
    solution = np.linalg.lstsq(effects, differences, rcond=None)[0]
    return np.asarray(solution > 0.5)


def find_key_change(
    keyed: FloatArray, reported: FloatArray, both_ends: float, tolerance: float
) -> KeyChange:
    """Find the smallest change of key that reproduces the reported totals.

    ``keyed`` has the shape (n, n_items), with the form's key applied; ``reported`` the
    shape (n,), as sums. A total is linear in the changes: turning item ``x`` adds
    ``both_ends - 2 x``. All changes of up to three items are tried; larger ones are
    found by least squares, and every one is verified by the share it reproduces.
    """
    complete = np.isfinite(keyed).all(axis=1) & np.isfinite(reported)
    effects = both_ends - 2 * keyed[complete]
    differences = reported[complete] - keyed[complete].sum(axis=1)
    n, n_items = effects.shape
    none = np.zeros(n_items, dtype=bool)
    if n == 0:
        return KeyChange(changed=none, share_before=np.nan, share_after=np.nan, n=0)

    def share(changed: BoolArray, rows: slice = slice(None)) -> float:
        left = differences[rows] - effects[rows][:, changed].sum(axis=1)
        return float(np.mean(np.abs(left) <= tolerance))

    before = share(none)
    best, best_share = none, before
    if best_share < 1:
        best, best_share = _best_small_change(differences, effects, tolerance)
        best_share = share(best)
    if best_share < 1:
        larger = _least_squares(differences, effects)
        if share(larger) >= best_share + _WORTH:
            best, best_share = larger, share(larger)
    return KeyChange(changed=best, share_before=before, share_after=best_share, n=n)


def _best_small_change(
    differences: FloatArray, effects: FloatArray, tolerance: float
) -> tuple[BoolArray, float]:
    # evenly spaced rows, so that files sorted by anything are still well covered
    step = max(1, len(differences) // _SAMPLE)
    target, columns = differences[::step], effects[::step]
    n_items = effects.shape[1]
    best: tuple[int, ...] = ()
    best_share = -1.0
    for chosen in _candidates(n_items):
        left = target - columns[:, chosen].sum(axis=1)
        share = float(np.mean(np.abs(left) <= tolerance))
        worth = _WORTH if len(chosen) > len(best) and best_share >= 0 else 0.0
        if share > best_share and (share == 1 or share >= best_share + worth):
            best, best_share = chosen, share
        if best_share == 1:
            break
    changed = np.zeros(n_items, dtype=bool)
    changed[list(best)] = True
    return changed, best_share


def explain_totals(
    values: FloatArray,
    reported: FloatArray,
    reverse: BoolArray,
    limits: tuple[int, int],
) -> KeyChange:
    """Find the change for sums, and for item means where the totals look like means."""
    low, high = limits
    keyed = np.where(reverse, low + high - values, values)
    found = [find_key_change(keyed, reported, low + high, 1e-6)]
    given = reported[np.isfinite(reported)]
    if given.size and given.min() >= low and given.max() <= high:
        n_items = values.shape[1]
        decimals = next((d for d in range(6) if np.allclose(given, given.round(d))), 6)
        tolerance = n_items * 0.5 * 10.0**-decimals + 1e-6
        found.append(find_key_change(keyed, reported * n_items, low + high, tolerance))
    return max(found, key=lambda change: (change.share_after, -change.changed.sum()))


def _form_columns(
    items: pd.DataFrame, form: Instrument
) -> tuple[list[object], list[int]]:
    """Return the item columns and their numbers: of the form, or of one subscale."""
    names = list(items.columns)
    endings = [item_number(name) for name in names]
    for numbers in form.subscales.values():
        if sorted(endings, key=str) == sorted(numbers, key=str):
            return names, [number for number in endings if number is not None]
    number_of = dict(zip(item_columns(items, form), form.items, strict=True))
    names = [name for name in names if name in number_of]
    return names, [number_of[name] for name in names]


def _item_names(items: pd.DataFrame) -> list[object]:
    """Return all columns where all are numbers, else the numbered ones."""
    if all(pd.api.types.is_numeric_dtype(items[c]) for c in items.columns):
        return list(items.columns)
    return item_columns(items)


def _aligned(given: str, totals: object, index: pd.Index) -> pd.Series:
    if not isinstance(totals, pd.Series):
        array = np.asarray(totals)
        if array.shape != (len(index),):
            raise DataError(
                f"reported {given!r} has the shape {array.shape} for {len(index)} "
                "respondents."
            )
        return pd.Series(array, index=index)
    if totals.index.equals(index):
        return totals
    if totals.index.has_duplicates or not index.isin(totals.index).all():
        raise DataError(
            f"reported {given!r} has a different index from the items; give both the same "
            "index, or the totals as an array."
        )
    return totals.reindex(index)


def _reported_scales(
    reported: Mapping[str, object], form: Instrument, index: pd.Index
) -> dict[str, FloatArray]:
    known = {name.lower(): name for name in form.scales}
    found: dict[str, FloatArray] = {}
    for given, totals in reported.items():
        name = known.get(str(given).lower())
        if name is None:
            raise DataError(
                f"reported: {form.name} has no scale {given!r}"
                f"{near(str(given), known)}; its scales are {listing(known.values())}."
            )
        series = _aligned(str(given), totals, index)
        numbers = pd.to_numeric(series, errors="coerce")
        bad = series.notna() & numbers.isna()
        if bad.any():
            rows = [f"row {row}: {value}" for row, value in series[bad].items()]
            raise DataError(f"reported {given!r} must be numbers: {listing(rows)}.")
        found[name] = numbers.to_numpy(dtype=float, na_value=np.nan)
    return found


def _compare(
    frame: pd.DataFrame,
    values: FloatArray,
    form: Instrument,
    reported: Mapping[str, FloatArray],
    state: str,
) -> tuple[pd.DataFrame, dict[str, dict[str, object]], str]:
    """Add what the reported totals imply to the frame; say it in words."""
    in_key = frame["keyed"].to_numpy(dtype=bool)
    turn = in_key if state != "keyed" else np.zeros_like(in_key)
    position = {number: j for j, number in enumerate(frame["number"])}
    implied: list[object] = [pd.NA] * len(frame)
    before, after = np.full(len(frame), np.nan), np.full(len(frame), np.nan)
    facts: dict[str, dict[str, object]] = {}
    words = []
    for name, totals in reported.items():
        wanted = form.scales[name]
        at = [position[number] for number in wanted if number in position]
        if len(at) < len(wanted):
            raise DataError(f"reported {name!r}: some of its items are missing.")
        change = explain_totals(values[:, at], totals, turn[at], form.limits)
        names = [frame["item"].iloc[j] for j in at]
        added: list[object] = []
        dropped: list[object] = []
        for j, item, one in zip(at, names, change.changed, strict=True):
            if implied[j] is pd.NA or one:
                implied[j] = bool(in_key[j] ^ one)
            if np.isnan(before[j]):
                before[j], after[j] = change.share_before, change.share_after
            if one:
                (dropped if in_key[j] else added).append(item)
        facts[name] = {
            "n": change.n,
            "share_before": change.share_before,
            "share_after": change.share_after,
            "reversed_only_in_reported": added,
            "reversed_only_in_key": dropped,
        }
        words.append(_scale_words(name, change, added, dropped))
    frame["reverse_in_key"] = frame["keyed"]
    frame["reverse_in_reported"] = pd.array(implied, dtype="boolean")
    frame["share_before"], frame["share_after"] = before, after
    differs = frame["reverse_in_key"] != frame["reverse_in_reported"]
    frame["suspect"] = differs.fillna(False).to_numpy(dtype=bool)
    said = {True: "the reported totals reverse it, the key does not"}
    said[False] = "the key reverses it, the reported totals do not"
    frame.loc[frame["suspect"], "finding"] = [
        said[bool(one)] for one in frame.loc[frame["suspect"], "reverse_in_reported"]
    ]
    return frame, facts, " ".join(words)


def _scale_words(
    name: str, change: KeyChange, added: list[object], dropped: list[object]
) -> str:
    reproduced = round(change.share_before * change.n) if change.n else 0
    start = f"Reported {name}: the key reproduces {reproduced} of {change.n} totals"
    if change.n == 0:
        return f"Reported {name}: no respondent with all items and a total."
    if not change.changed.any():
        best = change.share_before == 1
        found = "" if best else "; no small change to the key does better"
        return f"{start}{found}."
    if added and dropped:
        how = f"reversing {listing(added)} instead of {listing(dropped)}"
    elif added:
        how = f"reversing {listing(added)} as well"
    else:
        how = f"not reversing {listing(dropped)}"
    now = round(change.share_after * change.n)
    return f"{start}; {how}, {now} of {change.n}."


def audit_keys(
    items: pd.DataFrame,
    instrument: str | Instrument | None = None,
    reported: Mapping[str, object] | None = None,
    *,
    provisional: bool = False,
) -> pd.DataFrame:
    """Find items that look unreversed, and the key behind reported totals.

    Parameters
    ----------
    items : pandas.DataFrame
        The items, raw or already turned round; which of both is found out. With a form,
        the columns that end in 1 ... ``n_items``.
    instrument : str or Instrument, optional
        The form whose key is checked.
    reported : mapping of scale to totals, optional
        Published totals (sums or means) of the same respondents, such as
        ``{"bond": totals}``; a Series is matched by index.
    provisional : bool, default False
        Allow a provisional form.

    Returns
    -------
    pandas.DataFrame
        One row an item in input order: ``item, number, subscale, keyed`` (reversed by
        the form), ``correlation`` (with the other items, these oriented), ``against``
        (the correlation is negative), ``suspect`` and ``finding`` in words. ``suspect``
        marks items that correlate negatively with the rest and items that contradict
        the form, as
        long as the correlation is more than chance: at least 2 / sqrt(n). With
        ``reported`` it marks the items that the reported totals key differently, and
        there are ``reverse_in_key, reverse_in_reported, share_before, share_after``
        (share of totals reproduced). ``attrs``: ``summary`` in a sentence, ``state``
        (``raw``, ``keyed``, ``mixed`` or ``unknown``), ``n``, ``reported``.

    Notes
    -----
    Corrected item-total correlations alone fail where half of the items are reversed:
    then all are negative. Here the others are first oriented by their signs on the
    first principal component of the covariance matrix (each pair of items from the
    respondents who answered both), so only the overall sign is open; of both
    orientations the one nearer to a raw or a keyed file is taken. With a form this is
    done within subscales, so that unrelated subscales do not make suspects of each
    other; correlations are those with the whole form where it says the same of every
    item.

    Examples
    --------
    >>> from waistats.datasets.simulate import simulate_responses
    >>> raw = simulate_responses("WAI-S", studies=1, n=200, seed=1)
    >>> audit = audit_keys(raw, "WAI-S")
    >>> audit.loc[audit["suspect"], "item"].tolist()
    ['wai4', 'wai10']
    >>> audit.attrs["summary"]
    'The file is raw: reverse items wai4, wai10 (score() does).'
    """
    items = as_frame(items)
    if not isinstance(items, pd.DataFrame):
        items = pd.DataFrame(items)
    form = None
    if instrument is not None:
        form = get_instrument(instrument, provisional=provisional)
    if reported and form is None:
        raise DataError("reported totals need the form: pass instrument= as well.")
    numbers: list[int] = []
    if form is None:
        names = _item_names(items)
    else:
        names, numbers = _form_columns(items, form)
    values = answers(items, names, form.limits if form else None)
    if len(names) < 2 or len(values) < 3:
        raise DataError(
            f"an audit needs 2 items and 3 respondents or more; there are {len(names)} "
            f"items and {len(values)} respondents."
        )
    frame = audit_items(names, values, form, numbers)
    frame.attrs["n"] = len(values)
    if reported and form is not None:
        totals = _reported_scales(reported, form, items.index)
        attrs = dict(frame.attrs)
        frame, facts, words = _compare(frame, values, form, totals, attrs["state"])
        frame.attrs = {**attrs, "reported": facts}
        frame.attrs["summary"] = f"{words} {attrs['summary']}"
    if "provenance" in items.columns:
        frame["provenance"] = items["provenance"].iloc[0]
    return frame


def audit_items(
    names: Sequence[object],
    values: FloatArray,
    form: Instrument | None,
    numbers: list[int],
) -> pd.DataFrame:
    """Return the audit of answers (N, m) to items that are already matched to a form."""
    covariance = pairwise_covariance(values)
    answered = np.isfinite(values).sum(axis=0)
    frame = pd.DataFrame({"item": names})
    if form is None:
        signs = item_signs(covariance, [])
        strong = strong_signs(signs.correlation, answered)
        frame = _without_form(frame, signs, strong)
    else:
        reverse = np.isin(numbers, form.reverse)
        groups = _subscales(form, numbers)
        signs, strong = signs_within(covariance, reverse, groups, answered)
        frame = _with_form(frame, signs, form, numbers, strong)
    doubt = (frame["finding"] != "") & ~strong
    frame.loc[doubt, "finding"] += "; weak, may be chance"
    frame.loc[np.isnan(signs.correlation), "finding"] = "no variance"
    return frame


def _subscales(form: Instrument, numbers: Sequence[int]) -> list[IntArray]:
    """Return the places of the items of each subscale."""
    return [
        np.flatnonzero(np.isin(numbers, of)).astype(np.int64)
        for of in form.subscales.values()
    ]


def _without_form(
    frame: pd.DataFrame, signs: ItemSigns, strong: BoolArray
) -> pd.DataFrame:
    frame["keyed"] = pd.array([pd.NA] * len(frame), dtype="boolean")
    frame["correlation"] = signs.correlation
    frame["against"] = signs.against
    frame["suspect"] = signs.against & strong
    frame["finding"] = np.where(
        signs.against, "correlates negatively with the rest", ""
    )
    found = frame.loc[frame["suspect"], "item"]
    text = "No item correlates negatively with the rest."
    if len(found):
        text = (
            "Negatively correlated with the rest, so probably not reverse-scored: "
            f"{listing(found, 40)}."
        )
        if 2 * len(found) >= len(frame):
            text += (
                " As many items correlate the other way, so it is unclear which half is "
                "reversed."
            )
    frame.attrs.update(summary=text, state="unknown")
    return frame


def _with_form(
    frame: pd.DataFrame,
    signs: ItemSigns,
    form: Instrument,
    numbers: list[int],
    strong: BoolArray,
) -> pd.DataFrame:
    reverse = np.isin(numbers, form.reverse)
    state = file_state(signs.against, reverse, strong)
    expected = reverse if state == "raw" else np.zeros_like(reverse)
    # a sign that could be chance contradicts nothing
    against = np.where(strong, signs.against, expected)
    frame["number"] = numbers
    frame["subscale"] = form.to_frame().set_index("item").loc[numbers, "subscale"].array
    frame["keyed"] = reverse
    frame["correlation"] = signs.correlation
    frame["against"] = signs.against
    frame["suspect"] = (against | (against != expected)) & strong
    frame["finding"] = [
        item_finding(bool(a), bool(r), state, form.name)
        for a, r in zip(signs.against, reverse, strict=True)
    ]
    names = frame["item"].tolist()
    frame.attrs.update(
        summary=file_summary(names, against, reverse, state, form.name), state=state
    )
    return frame
