"""What tests of figures draw, and what they read of a drawing."""

import numpy as np
import pandas as pd
from figure_checks import visible_texts

from waistats import effect_sizes

SIZES = (5, 30, 120)


def simulated(k, seed=1, measure="bonett", **columns):
    """Coefficients of a SIMULATED set of studies."""
    rng = np.random.default_rng(seed)
    n, n_items = rng.integers(25, 400, k), rng.choice([6, 12, 36], k)
    spread = np.sqrt(2 * n_items / ((n_items - 1) * (n - 2)))
    true = rng.normal(2.2, 0.35, k)
    table = pd.DataFrame(
        {
            "study_id": [f"Author{i + 1} & Co. ({1990 + i % 30})" for i in range(k)],
            "estimate": 1 - np.exp(-rng.normal(true, spread)),
            "n": n,
            "n_items": n_items,
            "rater": rng.choice(["client", "therapist", "observer"], k),
            "instrument": np.where(n_items == 36, "WAI-36", "WAI-SR"),
            "scale": rng.choice(["task", "bond", "goal", "total"], k),
            "year": 1990 + np.arange(k) % 30,
            "score_mean": rng.normal(5.5, 0.5, k),
            "score_sd": rng.uniform(0.5, 1.3, k),
            "provenance": "SIMULATED",
        }
    )
    return effect_sizes(table.assign(**columns), measure=measure)


def plain(effects):
    return effects.drop(columns=["measure", "yi", "vi"])


def marked(ax, label="coefficients"):
    """Offsets of the markers with a label."""
    found = [c for c in ax.collections if c.get_label() == label]
    assert len(found) == 1
    return found[0].get_offsets()


def texts(ax):
    return [t.get_text() for t in visible_texts(ax.get_figure(root=True))]
