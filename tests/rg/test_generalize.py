"""generalize: from coefficient tables to a study, and what it refuses."""

import numpy as np
import pandas as pd
import pytest

from waistats import (
    DataError,
    ModelError,
    MultilevelResult,
    generalize,
    load_dataset,
    reliability_by_study,
    simulate_responses,
)


def cells_table(k=12, seed=1):
    """A SIMULATED coefficient table with three scales and two raters per study."""
    rng = np.random.default_rng(seed)
    rows = []
    for i in range(k):
        rater = "client" if i % 2 else "therapist"
        for scale, m in (("total", 12), ("task", 4), ("bond", 4)):
            t = (2.3 if scale == "total" else 1.6) + rng.normal(0, 0.3)
            rows.append(
                {
                    "study_id": f"S{i}",
                    "instrument": "WAI-SR",
                    "rater": rater,
                    "scale": scale,
                    "estimate": 1 - np.exp(-t),
                    "n": int(rng.integers(40, 200)),
                    "n_items": m,
                    "year": 2000 + i,
                    "provenance": "SIMULATED",
                }
            )
    return pd.DataFrame(rows)


def test_published_wai_pools_the_cells_of_three_studies():
    study = generalize(load_dataset("wai"))
    few = study.cells["k_studies"] < 3
    assert study.cells.loc[few, "estimate"].isna().all()
    assert study.cells.loc[few, "note"].str.contains("descriptive only").all()
    pooled = study.cells[~few].set_index(["instrument", "rater", "scale"])
    assert pooled.index.tolist() == [
        ("WAI-S", "client", "total"),
        ("WAI-S", "therapist", "total"),
    ]
    assert pooled["k_studies"].tolist() == [4, 3]
    assert isinstance(study.overall, MultilevelResult)
    assert study.pooled.independent.k == 20
    assert len(study.excluded) == 40


def test_mibs_is_metafors_three_level_model():
    study = generalize(load_dataset("mibs"))
    fit = study.overall
    assert fit.estimate == pytest.approx(1.40766004, abs=1e-7)
    assert fit.se == pytest.approx(0.10610267, abs=1e-7)
    sigma2 = list(fit.components["sigma2"])
    assert sigma2 == pytest.approx([0.26123397, 0.00514106], abs=1e-6)
    assert study.summary()["estimate"].iloc[0] == pytest.approx(0.755285, abs=1e-6)
    assert "three levels, CR2" in study.sentence()


def test_totals_and_subscales_stay_apart():
    table = cells_table()
    study = generalize(table)
    assert study.main_scale == "total"
    assert set(study.main_rows["scale"]) == {"total"}
    assert study.overall.k == 12
    by_scale = study.scales.set_index("scale")["k"].to_dict()
    assert by_scale == {"bond": 12, "task": 12, "total": 12}
    assert len(study.cells) == 6
    whole = generalize(table[table["scale"] != "total"])
    assert whole.main_scale == "bond"


def test_simulated_data_say_so_everywhere():
    study = generalize(cells_table())
    assert study.simulated
    assert "SIMULATED" in str(study)
    assert "SIMULATED" in str(study.overall)


def test_absent_by_columns_are_ignored():
    study = generalize(load_dataset("cesd").drop(columns=["instrument", "rater"]))
    assert list(study.cells.columns)[:2] == ["scale", "coefficient_type"]


def test_items_and_published_coefficients_combine():
    responses = simulate_responses("WAI-SR", studies=4, n=60, seed=3)
    computed = reliability_by_study(responses, study="study_id", instrument="WAI-SR")
    published = load_dataset("cesd")
    study = generalize([computed, published])
    assert study.overall.k == 4 + 9
    assert study.effects["coefficient_id"].is_unique
    with pytest.raises(DataError, match="more than one table: 1, 2, 3"):
        generalize([published, published])


def test_errors():
    cesd = load_dataset("cesd")
    with pytest.raises(ModelError, match="at least two"):
        generalize(cesd.iloc[:1])
    with pytest.raises(DataError, match=r"read_coefficients\(\) reads a file"):
        generalize("file.csv")
    with pytest.raises(ModelError, match="braces"):
        generalize(cesd, "~ {n}")
    with pytest.raises(ModelError, match="measure must be one of"):
        generalize(cesd, measure="bonet")


def test_two_studies_are_described_only():
    study = generalize(load_dataset("cesd").iloc[:2])
    assert study.overall is None
    assert "descriptive only" in str(study)
    with pytest.raises(ModelError, match="no overall model"):
        study.leave_one_out  # noqa: B018
