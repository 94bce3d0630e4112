"""Where numbers come from: SIMULATED data say so in every table made of them."""

from collections.abc import Iterable
from typing import Any

import pandas as pd

SIMULATED = "SIMULATED"
# what notes say of a coefficient that was computed from SIMULATED answers
NOTE = f"The responses are {SIMULATED}."


def is_simulated(data: Any) -> bool:
    """Return whether a table, or what a result was made of, is SIMULATED.

    Of a table any row is enough. A result says so in its attribute ``simulated``.
    """
    if not isinstance(data, pd.DataFrame):
        return bool(getattr(data, "simulated", False))
    if "provenance" not in data:
        return False
    marks = data["provenance"].astype(str)
    return bool(marks.str.contains(SIMULATED, regex=False).any())


def marked(frame: pd.DataFrame, simulated: bool) -> pd.DataFrame:
    """Return a frame with column ``provenance`` where its data are SIMULATED."""
    if not simulated or "provenance" in frame:
        return frame
    return frame.assign(provenance=SIMULATED)


def noted(notes: Iterable[str]) -> bool:
    """Return whether notes say that the responses are SIMULATED."""
    return any(note.endswith(NOTE) for note in notes)


def of_simulated(simulated: bool) -> str:
    """Return what a heading says of SIMULATED data; nothing of others."""
    return f" of {SIMULATED} data" if simulated else ""
