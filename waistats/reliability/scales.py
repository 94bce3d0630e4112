"""Which columns make which scale, and which of them are turned round."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from waistats.columns import item_columns
from waistats.errors import DataError, ModelError, listing, near
from waistats.forms import Instrument
from waistats.instruments import get_instrument


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalePlan:
    """The scales asked for.

    Attributes
    ----------
    scales : dict of str to tuple
        Column names of each scale.
    form : Instrument or None
        The form whose key applies.
    form_columns : tuple
        Columns of the form's items, in its order; empty without a form.
    """

    scales: dict[str, tuple[object, ...]]
    form: Instrument | None = None
    form_columns: tuple[object, ...] = ()

    @property
    def columns(self) -> tuple[object, ...]:
        """Every column needed, each once."""
        return tuple(dict.fromkeys(c for of in self.scales.values() for c in of))

    @property
    def reversed(self) -> frozenset[object]:
        """Columns that are turned round."""
        if self.form is None:
            return frozenset()
        numbered = zip(self.form.items, self.form_columns, strict=True)
        return frozenset(c for number, c in numbered if number in self.form.reverse)


def plan_scales(
    known: Sequence[object],
    *,
    items: str | Sequence[object] | None = None,
    instrument: str | Instrument | None = None,
    scales: Mapping[str, Sequence[object]] | Sequence[str] | None = None,
    provisional: bool = False,
) -> ScalePlan:
    """Return the scales that the options describe.

    Parameters
    ----------
    known : sequence
        The columns of the data.
    items : str or sequence, optional
        Prefix or names of the item columns.
    instrument : str or Instrument, optional
        A form, whose subscales, total and reversed items apply.
    scales : mapping or sequence, optional
        Columns of each scale; or, with ``instrument``, the names of its scales to use.
    provisional : bool
        Allow a provisional form.

    Returns
    -------
    ScalePlan
        Without instrument and scales one scale, ``total``.

    Raises
    ------
    DataError
        If columns are missing or a scale has fewer than two items.
    """
    header = pd.DataFrame(columns=pd.Index(known, dtype=object))
    form = None
    if instrument is not None:
        form = get_instrument(instrument, provisional=provisional)
    if form is None and isinstance(scales, Mapping):
        if items is not None:
            raise ModelError(
                "give either items= (one scale, total) or scales= (columns of each "
                "scale), not both."
            )
        chosen = {str(name): tuple(of) for name, of in scales.items()}
        form_columns: tuple[object, ...] = ()
    else:
        form_columns = tuple(item_columns(header, form, items))
        chosen = _chosen(form, form_columns, scales)
    _check(chosen, known)
    if form is None:
        return ScalePlan(scales=chosen)
    return ScalePlan(scales=chosen, form=form, form_columns=form_columns)


def _chosen(
    form: Instrument | None,
    columns: tuple[object, ...],
    scales: Mapping[str, Sequence[object]] | Sequence[str] | None,
) -> dict[str, tuple[object, ...]]:
    if form is None:
        if scales is not None:
            raise ModelError(
                "scales= must name the columns of each scale, such as "
                "{'task': ['wai1', 'wai2']}, unless instrument= is given."
            )
        return {"total": columns}
    if isinstance(scales, Mapping):
        outside = [c for of in scales.values() for c in of if c not in columns]
        if outside:
            raise DataError(
                f"scales: {listing(outside)} {'is' if len(outside) == 1 else 'are'} "
                f"not among the items of {form.name}."
            )
        return {str(name): tuple(of) for name, of in scales.items()}
    place = dict(zip(form.items, columns, strict=True))
    own = {
        name: tuple(place[number] for number in numbers)
        for name, numbers in form.scales.items()
    }
    if scales is None:
        # a scale of one item has no internal consistency
        return {name: of for name, of in own.items() if len(of) > 1}
    wanted = [scales] if isinstance(scales, str) else list(scales)
    unknown = [f"{name!r}{near(name, own)}" for name in wanted if name not in own]
    if unknown:
        raise DataError(
            f"{form.name} has no scale {listing(unknown)}; it has {listing(own)}."
        )
    return {name: own[name] for name in wanted}


def _check(chosen: dict[str, tuple[object, ...]], known: Sequence[object]) -> None:
    if not chosen:
        raise ModelError("scales= names no scale.")
    names = list(known)
    for scale, columns in chosen.items():
        absent = [
            f"{c!r}{near(str(c), map(str, names))}" for c in columns if c not in names
        ]
        if absent:
            raise DataError(
                f"scale {scale}: no column {listing(absent)}; the columns are "
                f"{listing(names, 20)}."
            )
        twice = [c for c in dict.fromkeys(columns) if columns.count(c) > 1]
        if twice:
            raise DataError(f"scale {scale}: {listing(twice)} named more than once.")
        if len(columns) < 2:
            raise DataError(
                f"scale {scale}: at least 2 items are needed, but there "
                f"{'is' if len(columns) == 1 else 'are'} {len(columns)}."
            )
