"""Item statistics: what each item adds, and where answers run into the ends."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from waistats._caller import option
from waistats._format import percent
from waistats._typing import BoolArray, FloatArray
from waistats.errors import DataError, ModelError, listing
from waistats.instruments._findings import accepted, refuse
from waistats.instruments._gate import GateOptions, gate_options, read_codes
from waistats.instruments._key_decision import reversed_besides
from waistats.instruments.forms import Instrument
from waistats.instruments.scoring import keyed_items
from waistats.provenance import marked, noted
from waistats.reliability._answers import gated, is_gated, with_ways_out
from waistats.reliability._factor import fit_ml
from waistats.reliability._intervals import strain_words
from waistats.reliability._items import ItemsLike, read_items
from waistats.reliability._moments import (
    against_scale,
    alpha_of,
    correlation,
    variance_strain,
)
from waistats.reliability._sample import Sample, prepare


def item_statistics(
    items: ItemsLike,
    *,
    response_min: float | None = None,
    response_max: float | None = None,
    missing: str = "listwise",
    instrument: str | Instrument | None = None,
    already_keyed: bool | None = None,
    missing_codes: float | Sequence[float] = (),
    reverse: str | Sequence[object] = (),
    accept: str | Sequence[str] = (),
) -> pd.DataFrame:
    r"""Return the statistics of each item and its contribution to the scale.

    Parameters
    ----------
    items : DataFrame or array_like of shape (n, m)
        Keyed responses; with ``instrument`` responses as they are in the file.
    response_min, response_max : float, optional
        Ends of the response scale; by default the lowest and highest answer there is.
    missing : {"listwise", "pairwise", "em"}
        Treatment of missing answers in the last three columns.
    instrument : str or Instrument, optional
        The form, whose reversed items are reverse-scored first: see `keyed_items`.
    already_keyed : bool or None
        Whether they are already; None decides from the answers.
    missing_codes : float or sequence of float
        Numbers that mean a missing answer, such as ``(99, -9)``.
    reverse : str or sequence
        Items to reverse-score in addition to those of the form.
    accept : str or sequence of str
        Identifiers of findings to accept: see `inspect_responses`.

    Returns
    -------
    DataFrame
        One row per item, in input order: ``item, mean, sd, skew, share_at_floor,
        share_at_ceiling, missing`` (a count), from all answers to the item; and
        ``item_rest_correlation, alpha_if_dropped, loading``. Warnings in words, such as
        on ceiling effects, are in ``attrs["notes"]``.

    Raises
    ------
    DataError
        If an answer lies outside the response scale.

    Notes
    -----
    ``item_rest_correlation`` is with the sum of the *other* items, psych's ``r.drop``
    and SPSS's corrected item-total correlation. ``loading`` is the standardized loading
    of a one-factor maximum likelihood model; it is missing for fewer than three items
    that vary, or where the model has no solution. ``skew`` is that of SPSS and SAS, with
    the correction for small samples (psych's ``type = 2``). An item that does not vary
    has neither correlation nor loading.

    With many answers at the ceiling, or heavy tails, the usual standard errors of alpha,
    which assume normal items, are too small. A note gives the ratio of the distribution-
    free variance of alpha to Bonett's for these answers, where it is at least 1.3 and
    its standard error tells it from 1; ``ci="adf"`` and ``ci="bootstrap"`` allow for
    it.

    Examples
    --------
    >>> answers = [[1, 2, 2], [3, 3, 4], [4, 4, 3], [5, 4, 5], [2, 3, 3], [4, 5, 5]]
    >>> item_statistics(answers)[["item", "mean", "item_rest_correlation"]].round(3)
      item   mean  item_rest_correlation
    0    1  3.167                  0.880
    1    2  3.500                  0.856
    2    3  3.667                  0.841
    """
    said: tuple[str, ...] = ()
    if instrument is not None:
        frame = items if isinstance(items, pd.DataFrame) else pd.DataFrame(items)
        items = keyed_items(
            frame,
            instrument,
            already_keyed=already_keyed,
            missing_codes=missing_codes,
            reverse=reverse,
            accept=accept,
        )
        said = tuple(items.attrs.get("notes", ()))
        with gated():
            sample = prepare(items, missing)
    else:
        gate = gate_options(missing_codes=missing_codes, reverse=reverse, accept=accept)
        items, said = _through_gate(items, gate, response_min, response_max)
        with gated():
            sample = prepare(items, missing)
    values, names = read_items(items).values, sample.names
    low, high = _ends(values, names, response_min, response_max)
    answered = ~np.isnan(values)
    count = answered.sum(axis=0)
    covariance = sample.moments.covariance
    at_floor = _share(values == low, count)
    at_ceiling = _share(values == high, count)
    # from the lowest answers, so that sums of large numbers lose nothing
    lowest = np.nanmin(values, axis=0, initial=np.inf, where=~np.isnan(values))
    lowest = np.where(np.isfinite(lowest), lowest, 0.0)
    above = values - lowest
    frame = pd.DataFrame(
        {
            "item": list(names),
            "mean": lowest + _moment(above, count),
            "sd": np.sqrt(_spread(above, count)),
            "skew": _skew(above, count),
            "share_at_floor": at_floor,
            "share_at_ceiling": at_ceiling,
            "missing": len(values) - count,
            "item_rest_correlation": _possible(
                sample, item_rest_correlation(covariance)
            ),
            "alpha_if_dropped": _possible(sample, alpha_if_dropped(covariance)),
            "loading": standardized_loading(covariance),
        }
    )
    notes = (*said, *sample.notes, *_end_notes(sample, at_floor, at_ceiling))
    negative = frame.loc[frame["item_rest_correlation"] < 0, "item"]
    if len(negative) and not against_scale(covariance, int(sample.moments.n)).any():
        notes += (
            f"Negatively correlated with the rest of the scale: {listing(negative)}. "
            "Check whether these "
            "items still need to be reverse-scored.",
        )
    frame = marked(frame, noted(notes))
    frame.attrs["notes"] = notes
    return frame


def _through_gate(
    items: ItemsLike,
    gate: GateOptions,
    low: float | None,
    high: float | None,
) -> tuple[ItemsLike, tuple[str, ...]]:
    """Return items without codes, some reverse-scored, and what was found."""
    if is_gated(items):
        return items, ()
    responses = read_items(items)
    names = list(responses.names)
    found = read_codes(responses.values, names, gate, row=lambda i: f"row {i}")
    limits = None if low is None or high is None else (float(low), float(high))
    values, _, more = reversed_besides(
        found.values, names, [str(one) for one in gate.reverse], limits
    )
    findings = [with_ways_out(finding) for finding in found.findings]
    findings = accepted([*findings, *more], gate.accept)
    refuse(findings)
    if not gate.missing_codes and not gate.reverse:
        return items, tuple(finding.sentence() for finding in findings)
    frame = pd.DataFrame(values, columns=names, index=list(responses.rows))
    if responses.simulated:
        frame["provenance"] = "SIMULATED"
    return frame, tuple(finding.sentence() for finding in findings)


def _possible(sample: Sample, values: FloatArray) -> FloatArray:
    """Return values, NaN where impossible pairwise covariances carry them past 1."""
    if sample.is_possible:
        return values
    return np.where(values < 1, values, np.nan)


def item_rest_correlation(covariance: FloatArray) -> FloatArray:
    """Return correlations (..., m) of items with the sum of the others."""
    variance = np.diagonal(covariance, axis1=-2, axis2=-1)
    with_total = covariance.sum(axis=-1)
    total = with_total.sum(axis=-1, keepdims=True)
    rest = total - 2 * with_total + variance
    product = variance * rest
    safe = np.where(product > 1e-14 * total**2, product, np.nan)
    result: FloatArray = (with_total - variance) / np.sqrt(safe)
    return result


def alpha_if_dropped(covariance: FloatArray) -> FloatArray:
    """Return alpha (..., m) of the scale without each item; NaN for two items."""
    m = covariance.shape[-1]
    if m < 3:
        return np.full(covariance.shape[:-1], np.nan)
    keep = np.array([np.delete(np.arange(m), j) for j in range(m)])
    return alpha_of(covariance[..., keep[:, :, None], keep[:, None, :]])


def standardized_loading(covariance: FloatArray) -> FloatArray:
    """Return standardized one-factor loadings (m,); NaN where there are none."""
    loadings = np.full(len(covariance), np.nan)
    varies = np.diagonal(covariance) > 0
    kept = covariance[np.ix_(varies, varies)]
    if len(kept) < 3 or np.linalg.eigvalsh(correlation(kept))[0] < 1e-10:
        return loadings
    fit = fit_ml(kept, tolerance=1e-14, max_iterations=200)
    if fit.converged:
        loadings[varies] = fit.loadings[:, 0] / np.sqrt(np.diagonal(kept))
    return loadings


def _ends(
    values: FloatArray,
    names: tuple[str, ...],
    low: float | None,
    high: float | None,
) -> tuple[float, float]:
    least = float(np.nanmin(values)) if low is None else float(low)
    most = float(np.nanmax(values)) if high is None else float(high)
    if not least < most and (low is not None or high is not None):
        raise ModelError(
            f"response_min must be below response_max; got {least:g} and {most:g}."
        )
    outside = [bool(((x < least) | (x > most)).any()) for x in values.T]
    if any(outside):
        shown = [
            f"{name} ({np.nanmin(column):g} to {np.nanmax(column):g})"
            for name, column, bad in zip(names, values.T, outside, strict=True)
            if bad
        ]
        raise DataError(
            f"answers must lie between {least:g} and {most:g}, but these items have "
            f"others: {listing(shown)}. Correct the answers or the response range."
        )
    return least, most


def _share(where: BoolArray, count: FloatArray) -> FloatArray:
    result: FloatArray = where.sum(axis=0) / count
    return result


def _moment(values: FloatArray, count: FloatArray) -> FloatArray:
    result: FloatArray = np.nansum(values, axis=0) / count
    return result


def _spread(values: FloatArray, count: FloatArray) -> FloatArray:
    squares = np.nansum((values - _moment(values, count)) ** 2, axis=0)
    result: FloatArray = squares / np.where(count > 1, count - 1, np.nan)
    return result


def _skew(values: FloatArray, count: FloatArray) -> FloatArray:
    centred = values - _moment(values, count)
    second = np.nansum(centred**2, axis=0) / count
    third = np.nansum(centred**3, axis=0) / count
    plain = third / np.where(second > 0, second, np.nan) ** 1.5
    result: FloatArray = (
        plain * np.sqrt(count * (count - 1)) / np.where(count > 2, count - 2, np.nan)
    )
    return result


def _end_notes(
    sample: Sample, floor: FloatArray, ceiling: FloatArray
) -> tuple[str, ...]:
    notes = []
    values = sample.values[~np.isnan(sample.values).any(axis=1)]
    words = strain_words(*variance_strain(values)) if len(values) else ""
    if words:
        ways = f"{option('ci', 'adf')} or {option('ci', 'bootstrap')}"
        notes.append(f"{words}; use {ways}.")
    for word, shares in (("ceiling", ceiling), ("floor", floor)):
        overall = float(shares.mean())
        end = "highest" if word == "ceiling" else "lowest"
        if words and overall >= 0.35:
            notes.append(
                f"{word.capitalize()} effect: {percent(100 * overall, 0)} of all answers "
                f"are the {end} possible."
            )
        high = [
            f"{name} ({percent(100 * share, 0)})"
            for name, share in zip(sample.names, shares, strict=True)
            if share > 0.5
        ]
        if high:
            shown = listing(high)
            notes.append(f"More than half of the answers at the {word}: {shown}.")
    return tuple(notes)
