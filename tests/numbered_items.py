"""A session of SIMULATED answers to items of given numbers."""

import numpy as np
import pandas as pd

from waistats.intake.session import begin


def numbered(path, numbers, seed=4, **more):
    """Write SIMULATED answers from 1 to 5 to items of these numbers."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(60, 1)) + rng.normal(size=(60, len(numbers)))
    answers = np.clip(np.round(values + 3), 1, 5).astype(int)
    frame = pd.DataFrame(answers, columns=[f"wai{j}" for j in numbers])
    frame.insert(0, "site", ["A", "B"] * 30)
    frame.assign(**more).to_csv(path, index=False)
    return begin(path)
