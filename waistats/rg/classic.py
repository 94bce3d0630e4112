"""The classic study: what is known of it, and a SIMULATED one beside its truth."""

import numpy as np
import pandas as pd

from waistats._format import coefficient
from waistats.datasets.bundled import load_dataset
from waistats.datasets.simulated_studies import SimulatedStudy
from waistats.reliability.by_study.api import reliability_by_study
from waistats.rg.study import RGStudy


def simulated_coefficients(study: SimulatedStudy) -> pd.DataFrame:
    """Return the coefficient table of a SIMULATED study, from its raw responses."""
    tables = []
    for name, frame in study.frames.items():
        form = str(frame["instrument"].iloc[0])
        table = reliability_by_study(
            frame, study="study_id", instrument=form, scales=study.scales[name]
        )
        tables.append(table)
    whole_table = pd.concat(tables, ignore_index=True)
    whole_table["coefficient_id"] = [str(i + 1) for i in range(len(whole_table))]
    return whole_table


def truth_beside(study: RGStudy, simulation: SimulatedStudy) -> pd.DataFrame:
    """Return each SIMULATED cell's pooled alpha with the truth it was drawn from."""
    keys = ["instrument", "rater", "scale"]
    truth = simulation.cells.rename(columns={"estimate": "truth", "tau": "true_tau"})
    cells = study.cells[[*keys, "k", "estimate", "ci_low", "ci_high", "tau2"]]
    out = cells.merge(truth[[*keys, "truth", "true_tau"]], on=keys, how="left")
    out["tau"] = np.sqrt(out["tau2"].astype(float))
    out["covered"] = (out["ci_low"] <= out["truth"]) & (out["truth"] <= out["ci_high"])
    out["provenance"] = "SIMULATED"
    return out.drop(columns="tau2")


def beside_original(study: RGStudy) -> pd.DataFrame:
    """Return the facts known of Hanson et al. (2002) beside this collection."""
    facts = load_dataset("hanson2002").set_index("fact")["value"]
    table = study.descriptives
    alphas = table[(table["coefficient_type"] == "alpha") & (table["k"] > 0)]
    values = pd.to_numeric(
        study.coefficients.loc[
            study.coefficients["coefficient_type"] == "alpha", "estimate"
        ],
        errors="coerce",
    ).dropna()
    rounded = values.round(2).value_counts()
    modes = sorted(rounded.index[rounded == rounded.max()])
    rows = [
        (
            "versions of the WAI",
            facts["n_versions"],
            str(alphas["instrument"].nunique()),
        ),
        (
            "scales (version by rater by scale)",
            facts["n_scales"],
            str(len(alphas)),
        ),
        (
            "internal consistency estimates with a value",
            facts["n_internal_consistency_estimates"],
            str(len(values)),
        ),
        (
            "interrater estimates with a value",
            facts["n_interrater_estimates"],
            str(int(table.loc[table["coefficient_type"] == "icc", "k"].sum())),
        ),
        (
            "lowest mean of a scale",
            coefficient(float(facts["mean_reliability_min"]), 2),
            coefficient(float(alphas["mean"].min()), 2),
        ),
        (
            "highest mean of a scale",
            coefficient(float(facts["mean_reliability_max"]), 2),
            coefficient(float(alphas["mean"].max()), 2),
        ),
        (
            "modal reliability",
            coefficient(float(facts["modal_reliability"]), 2),
            ", ".join(coefficient(m, 2) for m in modes),
        ),
        ("correlates of alpha", str(facts["correlates"]), "see Moderators"),
    ]
    return pd.DataFrame(rows, columns=["fact", "original", "here"])
