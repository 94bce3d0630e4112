"""P values adjusted for the number of tests."""

import numpy as np

from waistats._typing import FloatArray


def adjusted_p(values: FloatArray, method: str) -> FloatArray:
    r"""Return adjusted p values, in the order of the tests.

    Notes
    -----
    Holm's :math:`\max_{j\le i}(m-j+1)p_{(j)}`, at most 1; other methods are those of
    statsmodels' ``multipletests``, which takes a while to load and to collect garbage.
    """
    if method not in ("h", "holm"):
        from statsmodels.stats.multitest import multipletests

        return np.asarray(multipletests(values, method=method)[1], dtype=float)
    p = np.asarray(values, dtype=float)
    order = np.argsort(p)
    steps = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    out = np.empty(len(p))
    out[order] = np.minimum(steps, 1.0)
    return out
