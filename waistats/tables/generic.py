"""A table of any result or frame."""

import re
from typing import Any

import pandas as pd

from waistats._format import Result
from waistats._labels import plain_head
from waistats.errors import ModelError
from waistats.reliability._result import ReliabilityEstimate
from waistats.tables._build import spec
from waistats.tables._paper import noted
from waistats.tables._spec import TableSpec


def table(
    result: Any,
    *,
    title: str | None = None,
    note: str | None = None,
    coefficients: bool | None = None,
    conf_level: float | None = None,
) -> TableSpec:
    """Tabulate any result of waistats, or any frame.

    Parameters
    ----------
    result : result or DataFrame
        What to show.
    title : str, optional
        Title; the kind of result by default.
    note : str, optional
        Note below; for results without one what they print below their frame.
    coefficients : bool, optional
        Whether ``estimate`` and its limits are reliabilities, shown without a zero
        before the point. By default unless there is a column ``se``, which stands for
        a model's scale.
    conf_level : float, optional
        Level of the intervals; that of the result, else 0.95.

    Returns
    -------
    GT
        The frame with the heads and number formats of the other tables.
    """
    if isinstance(result, pd.DataFrame):
        frame = result
        closing, name = "", "Table"
    elif isinstance(result, Result):
        frame = result.to_frame()
        closing, name = result.closing(), _name(type(result).__name__)
    else:
        raise ModelError(
            f"table() shows results and frames; got {type(result).__name__}."
        )
    if not isinstance(frame.index, pd.RangeIndex):
        frame = frame.reset_index(names=frame.index.name or "quantity")
    if coefficients is None:
        own = isinstance(result, ReliabilityEstimate)
        coefficients = own or "se" not in frame
    sentences = [line for line in closing.split("\n") if line.endswith(".")]
    made = spec(
        frame,
        name=re.sub(r"[^a-z0-9]+", "-", (title or name).lower()).strip("-"),
        caption=title or name,
        notes=sentences if note is None else (),
        lean=False,
        coefficients=coefficients,
        conf_level=conf_level or float(getattr(result, "conf_level", 0.95)),
    )
    return noted(made, [note or ""])


def _name(kind: str) -> str:
    """Return the name of a class as words: ``PetPeese`` is ``Pet peese``."""
    return plain_head(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", kind).lower())
