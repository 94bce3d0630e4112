"""A SIMULATED log of a search, which tests of PRISMA's counts and figure share."""

import pandas as pd


def log(**columns):
    """A SIMULATED log of a search: 40 records of databases, 6 by other methods."""
    decisions = (
        ["duplicate"] * 8
        + ["automation"] * 2
        + ["excluded_screening"] * 15
        + ["not_retrieved"] * 3
        + ["excluded_full_text"] * 5
        + ["included"] * 7
    )
    frame = pd.DataFrame({"decision": decisions})
    frame["source"] = ["PsycINFO"] * 22 + ["Scopus"] * 18
    frame["source_type"] = "database"
    frame["reason"] = ""
    frame.loc[frame["decision"] == "excluded_full_text", "reason"] = [
        "no alpha", "no alpha", "another form", "no alpha", "",
    ]  # fmt: skip
    others = pd.DataFrame(
        {
            "decision": ["not_retrieved", "excluded_full_text"] + ["included"] * 4,
            "source": "",
            "source_type": ["citation"] * 4 + ["website"] * 2,
            "reason": "",
        }
    )
    return pd.concat([frame, others], ignore_index=True).assign(**columns)
