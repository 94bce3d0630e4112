"""Reverse keys, checked against the answers and against reported totals."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from waistats._caller import option
from waistats._format import counted
from waistats._frames import as_frame
from waistats._typing import BoolArray, FloatArray, IntArray
from waistats.errors import DataError, listing, near
from waistats.instruments._key_doubts import (
    ItemSigns,
    KeyChange,
    explain_totals,
    file_state,
    file_summary,
    item_finding,
    item_signs,
    pairwise_covariance,
    signs_within,
    strong_signs,
)
from waistats.instruments.forms import Instrument, get_instrument
from waistats.instruments.scoring import answers, item_columns, item_number


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
                f"reported {given!r} has the shape {array.shape} for "
                f"{counted(len(index), 'respondent')}."
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
    """Find items that were not reverse-scored, and the key behind reported totals.

    Parameters
    ----------
    items : pandas.DataFrame
        The items, raw or already reverse-scored; which of both is determined. With a form,
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
        One row per item in input order: ``item, number, subscale, keyed`` (reversed by
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
    Corrected item-total correlations alone fail where half of the items are
    reversed: then all are negative. Here the others are first oriented by their signs
    on the first principal component of the covariance matrix (each pair of items from
    the respondents who answered both), so only the overall sign is open; of both
    orientations the one nearer to a raw or a keyed file is taken. With a form this is
    done within subscales, so that unrelated subscales do not cast suspicion on each
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
        raise DataError(
            f"reported totals need the form: give {option('instrument')} as well."
        )
    numbers: list[int] = []
    if form is None:
        names = _item_names(items)
    else:
        names, numbers = _form_columns(items, form)
    values = answers(items, names, form.limits if form else None)
    if len(names) < 2 or len(values) < 3:
        raise DataError(
            "an audit needs at least 2 items and 3 respondents; there are "
            f"{counted(len(names), 'item')} and {counted(len(values), 'respondent')}."
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
