"""Where numbers come from: SIMULATED data say so in every table made of them."""

import pandas as pd

SIMULATED = "SIMULATED"


def is_simulated(table: pd.DataFrame) -> bool:
    """Return whether any row of a table is marked SIMULATED."""
    if "provenance" not in table:
        return False
    marks = table["provenance"].astype(str)
    return bool(marks.str.contains(SIMULATED, regex=False).any())


def marked(frame: pd.DataFrame, simulated: bool) -> pd.DataFrame:
    """Return a frame with column ``provenance`` where its data are SIMULATED."""
    if not simulated or "provenance" in frame:
        return frame
    return frame.assign(provenance=SIMULATED)
