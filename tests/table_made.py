"""SIMULATED coefficients for tables, and the texts that a table shows."""

import numpy as np
import pandas as pd

from waistats import effect_sizes
from waistats.tables._gt import spec_of


class Contents:
    """The texts of a table."""

    def __init__(self, table):
        said = spec_of(table)
        rows = said.rows()
        self.title, self.heads, self.right = said.caption, said.heads, said.numeric
        self.notes = [f"Note. {said.note}"] if said.note else []
        self.rows = []
        for group, places in said.grouped():
            self.rows += [[group]] if group is not None else []
            self.rows += [rows[i] for i in places]


def read_contents(table):
    return Contents(table)


def coefficients(k=12, seed=2, **columns):
    """Coefficients of a SIMULATED set of studies."""
    rng = np.random.default_rng(seed)
    n, n_items = rng.integers(40, 300, k), rng.choice([12, 36], k)
    table = pd.DataFrame(
        {
            "study_id": [f"S{i // 2}" for i in range(k)],
            "coefficient_id": [str(i) for i in range(k)],
            "estimate": 1 - np.exp(-rng.normal(2.2, 0.3, k)),
            "n": n,
            "n_items": n_items,
            "rater": np.tile(["client", "therapist"], k)[:k],
            "year": 1990 + np.arange(k),
            "provenance": "SIMULATED",
        }
    )
    return effect_sizes(table.assign(**columns))


def cells_of(table):
    contents = read_contents(table)
    return [dict(zip(contents.heads, row, strict=True)) for row in contents.rows]
