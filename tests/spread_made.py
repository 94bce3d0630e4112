"""SIMULATED alphas and score SDs by their exact law."""

import numpy as np
import pandas as pd


def simulated(
    k: int, sd_true: float, sd_error: float, seed: int, m: int = 12
) -> pd.DataFrame:
    """SIMULATED alphas and score SDs by their exact law for parallel normal items."""
    rng = np.random.default_rng(seed)
    n = rng.integers(40, 250, k)
    true = 9 * np.exp(rng.normal(0, sd_true, k))
    error = np.exp(rng.normal(0, sd_error, k))
    s2 = (true + error) * rng.chisquare(n - 1) / (n - 1)
    freedom = (n - 1) * (m - 1)
    rest = error * rng.chisquare(freedom) / freedom
    frame = pd.DataFrame({"estimate": 1 - rest / s2, "score_sd": np.sqrt(s2), "n": n})
    ids = [f"S{i + 1}" for i in range(k)]
    return frame.assign(study_id=ids, n_items=m, provenance="SIMULATED")
