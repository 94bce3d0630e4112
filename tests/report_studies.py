"""SIMULATED studies that have every note that a model can have."""

import numpy as np
import pandas as pd

from waistats import generalize


def simulated(studies, each=1, tau=0.3, *, n=(40, 200), seed=3, items=12, mean=1.9):
    """SIMULATED alphas by their exact law, ``each`` of every study."""
    rng = np.random.default_rng(seed)
    rows = []
    for study in range(studies):
        own = rng.normal(0, tau)
        for place in range(each):
            size = int(rng.integers(*n))
            true = mean + own + (rng.normal(0, 0.1) if tau else 0.0)
            ratio = rng.f(size - 1, (size - 1) * (items - 1))
            rows.append(
                {
                    "study_id": f"Study {study:02d}",
                    "coefficient_id": str(place),
                    "estimate": 1 - np.exp(-true) / ratio,
                    "n": size,
                    "n_items": items,
                    "scale": "total",
                    "coefficient_type": "alpha",
                    "instrument": "X",
                    "rater": "client" if study % 2 else "observer",
                    "year": 1990 + study,
                    "score_sd": rng.uniform(6, 12),
                    "response_min": 1,
                    "response_max": 5,
                    "score_metric": "sum",
                    "reliability_status": "reported_own",
                    "provenance": "SIMULATED",
                }
            )
    return pd.DataFrame(rows)


def adversarial(name):
    """Studies that have every note that a model can have."""
    if name == "biased":
        return generalize(simulated(60, 1, 0.05, n=(15, 25)))
    if name == "alike":
        return generalize(simulated(8, 1, 0.0, seed=11).assign(estimate=0.85))
    if name == "dependent":
        return generalize(simulated(6, 3), method="PM")
    if name == "common":
        return generalize(simulated(12), method="CE")
    if name == "common, dependent":
        return generalize(simulated(6, 3), method="CE")
    if name == "exploding":
        return generalize(simulated(3, 4, 0.6))
    if name == "three":
        return generalize(simulated(3, 1, 0.9))
    if name == "metafor":
        return generalize(simulated(10, 1, 0.1), prediction="metafor")
    if name == "unequal":
        sizes = np.resize([20, 50, 100, 300], 5)
        return generalize(simulated(5).assign(n=sizes))
    assert name == "modelled"
    return generalize(simulated(7, 2), moderators="~ rater")


FEW = (
    "biased", "alike", "dependent", "common", "common, dependent", "exploding", "three",
    "metafor", "unequal", "modelled",
)  # fmt: skip


def aliased():
    """SIMULATED: two versions of two lengths, and 16 studies."""
    table = simulated(16, tau=0.15, seed=4)
    second = np.arange(16) >= 8
    table["instrument"] = np.where(second, "Long", "Short")
    table["n_items"] = np.where(second, 36, 12)
    table["estimate"] = np.clip(
        table["estimate"] + np.where(second, 0.04, -0.04), 0, 0.99
    )
    return table.drop(columns=["year", "score_sd"])
