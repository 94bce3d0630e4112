"""Reference cases of multilevel models, and SIMULATED tables for their tests."""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from waistats.meta.multilevel.fit import fit_multilevel

PATH = Path(__file__).parent / "reference" / "multilevel_metafor.json"
CASES = {case["name"]: case for case in json.loads(PATH.read_text())["cases"]}


def as_list(value):
    return value if isinstance(value, list) else [value]


def table_of(case):
    """Return the effects, levels, formula and V of a reference case."""
    k = len(case["y"])
    frame = pd.DataFrame({"yi": case["y"], "vi": case["v"]})
    levels = [f"level_{i + 1}" for i in range(len(case["groups"]))]
    for name, codes in zip(levels, case["groups"], strict=True):
        frame[name] = codes
    formula = None
    if case["X"] is not None:
        X = np.reshape(np.array(case["X"], dtype=float), (k, -1))
        names = [f"x{i}" for i in range(X.shape[1])]
        frame[names] = X
        formula = "~ " + " + ".join(names)
    return frame, levels, formula, case["V"]


def fitted(case):
    frame, levels, formula, V = table_of(case)
    return fit_multilevel(
        frame,
        formula,
        levels=levels,
        V=V,
        method=case["method"],
        small_sample={"t": "t", "z": "wald"}[case["test"]],
    )


def mibs_frame():
    frame, *_ = table_of(CASES["mibs"])
    return frame.rename(columns={"level_1": "study_id", "level_2": "coefficient_id"})


def two_level(rng, k=40, groups=8, x=False):
    """Return SIMULATED effects of coefficients in studies."""
    study = rng.integers(0, groups, k)
    vi = rng.uniform(0.02, 0.2, k)
    yi = 2 + rng.normal(0, 0.4, groups)[study] + rng.normal(0, 0.2, k)
    frame = pd.DataFrame(
        {
            "study_id": [f"S{s}" for s in study],
            "coefficient_id": np.arange(k),
            "yi": yi + rng.normal(0, np.sqrt(vi)),
            "vi": vi,
        }
    )
    return frame.assign(x=rng.normal(size=k)) if x else frame
