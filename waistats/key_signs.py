"""Which items run against the rest, and what that says about a file."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from waistats.arrays import BoolArray, FloatArray
from waistats.errors import listing


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ItemSigns:
    """Which items run against the rest.

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


def pairwise_covariance(values: FloatArray) -> FloatArray:
    """Return the covariance matrix of the items, each pair from its own answers."""
    return pd.DataFrame(values).cov().fillna(0.0).to_numpy()


def item_signs(covariance: FloatArray, expected: Sequence[BoolArray]) -> ItemSigns:
    """Find the items that run against the rest, from their covariance matrix.

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


def file_state(against: BoolArray, reverse: BoolArray) -> str:
    """Say whether a file is raw (nothing turned round yet), keyed, or neither."""
    if not reverse.any():
        return "keyed"
    raw, keyed = int(np.sum(against != reverse)), int(np.sum(against))
    if raw == keyed:
        return "mixed"
    return "raw" if raw < keyed else "keyed"


def item_finding(against: bool, reverse: bool, state: str, form: str) -> str:
    """Say in words what the sign of one item means."""
    if reverse and against:
        if state == "raw":
            return "reversed item, not turned round yet, as in a raw file"
        return "reversed item left unreversed"
    if against:
        return f"runs against the rest, but {form} does not reverse it"
    if reverse and state == "raw":
        return "reversed item, already turned round although the file is raw"
    return ""


def file_summary(
    names: Sequence[object], signs: ItemSigns, reverse: BoolArray, state: str, form: str
) -> str:
    """Say in words what the signs mean for a file of this form."""
    against = signs.against

    def these(chosen: BoolArray) -> str:
        found = [name for name, one in zip(names, chosen, strict=True) if one]
        return f"{'item' if len(found) == 1 else 'items'} {listing(found, 40)}"

    wrong = against & ~reverse
    extra = f" Besides, {these(wrong)} should not run against the rest."
    if not reverse.any():
        if not against.any():
            return f"No item runs against the rest, as {form} expects."
        return f"Against the rest, though {form} reverses no item: {these(against)}."
    if state == "raw":
        done = reverse & ~against
        text = f"The file is raw: reverse {these(reverse & against)} (score() does)."
        if done.any():
            text += f" Turned round already, so score() would spoil: {these(done)}."
        return text + (extra if wrong.any() else "")
    if state == "keyed" and not against.any():
        return (
            "The file is keyed already: no item runs against the rest. Score it with "
            "already_keyed=True."
        )
    left = reverse & against
    start = "The file is keyed, but" if state == "keyed" else "The file is mixed:"
    if left.any():
        verb = "was" if left.sum() == 1 else "were"
        text = f"{start} {these(left)} {verb} left unreversed."
        return text + (extra if wrong.any() else "")
    return f"{start} {these(wrong)} should not run against the rest."
