"""All subsets: against metafor, against single fits, and what they tell."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from waistats import ModelError, effect_sizes, fit_meta, fit_multilevel, load_dataset
from waistats.sensitivity import gosh as module
from waistats.sensitivity.gosh import gosh, unpacked

REFERENCE = Path(__file__).parents[1] / "reference" / "sensitivity_metafor.json"
METAFOR = json.loads(REFERENCE.read_text("utf-8"))["gosh"]


def simulated(k: int, seed: int = 1, outlier: float | None = None) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    yi = rng.normal(2.2, 0.15, k)
    if outlier is not None:
        yi[3] = outlier
    return pd.DataFrame(
        {
            "study_id": [f"s{i}" for i in range(k)],
            "yi": yi,
            "vi": rng.uniform(0.005, 0.02, k),
            "measure": "bonett",
            "provenance": "SIMULATED",
            "x": rng.normal(size=k),
        }
    )


def code(members: np.ndarray) -> np.ndarray:
    return sum(members[:, j].astype(np.int64) << 8 * j for j in range(members.shape[1]))


def test_all_subsets_are_metafors():
    table = load_dataset("cesd")
    cloud = gosh(fit_meta(effect_sizes(table), small_sample="wald"))
    order = np.argsort(METAFOR["members"])
    np.testing.assert_array_equal(code(cloud.members), np.sort(METAFOR["members"]))
    frame = cloud.to_frame()
    assert list(frame) == ["k", "estimate", "tau2", "I2", "Q"]
    for name, atol in (("estimate", 1e-9), ("tau2", 1e-9), ("I2", 1e-6), ("Q", 1e-9)):
        expected = np.array(METAFOR[name])[order]
        np.testing.assert_allclose(frame[name], expected, rtol=1e-6, atol=atol)
    np.testing.assert_array_equal(frame["k"], np.array(METAFOR["k"])[order])


def test_a_subset_is_the_fit_of_its_rows():
    data = simulated(7)
    cloud = gosh(fit_meta(data, "~ x"))
    assert list(cloud.to_frame())[1:3] == ["estimate_Intercept", "estimate_x"]
    assert (cloud.k >= 2).all()
    assert len(cloud.k) == 2**7 - 1 - 7
    member = unpacked(cloud.members, 7)
    for i in (40, 77, 119):
        rest = data[member[:, i]]
        fit = fit_meta(rest, "~ x", small_sample="wald")
        np.testing.assert_allclose(cloud.estimate[:, i], fit.beta, rtol=1e-9)
        assert cloud.tau2[i] == pytest.approx(fit.tau2, abs=1e-9)
        assert cloud.k[i] == len(rest)


def test_user_weights_are_kept():
    data = simulated(6)
    cloud = gosh(fit_meta(data, weights="equal"))
    member = unpacked(cloud.members, 6)
    plain = [data["yi"][m].mean() for m in member.T]
    np.testing.assert_allclose(cloud.estimate[0], plain, rtol=1e-12)


def test_blocks_do_not_matter(monkeypatch):
    fit = fit_meta(simulated(9))
    whole = gosh(fit).to_frame()
    monkeypatch.setattr(module, "BLOCK", 100)
    pd.testing.assert_frame_equal(gosh(fit).to_frame(), whole)


@pytest.mark.parametrize("k", [5, 8, 23, 40])
def test_drawn_subsets_are_different_and_seeded(k):
    fit = fit_meta(simulated(k))
    size = 20 if k == 5 else 300
    if k == 8:
        size = 200
    cloud = gosh(fit, size, seed=4)
    assert len(cloud.k) == len(np.unique(code(cloud.members))) == size
    np.testing.assert_array_equal(gosh(fit, size, seed=4).members, cloud.members)
    assert not np.array_equal(gosh(fit, size, seed=5).members, cloud.members)
    member = unpacked(cloud.members, k)
    np.testing.assert_array_equal(member.sum(axis=0), cloud.k)
    np.testing.assert_array_equal(cloud.includes("s2"), member[2])
    assert 0.35 < member.mean() < 0.65
    assert "drawn" in cloud.heading()


def test_more_subsets_than_there_are_is_all():
    cloud = gosh(fit_meta(simulated(5)), 1000, seed=1)
    assert len(cloud.k) == 31
    assert cloud.seed is None


def test_the_study_that_splits_the_cloud_is_named():
    cloud = gosh(fit_meta(simulated(10, outlier=0.4)))
    split = cloud.split()
    assert split.query("splits")["study"].to_list() == ["s3"]
    row = split.iloc[3]
    assert row["phi"] < -0.9
    assert row["estimate_with"] < row["estimate_without"]
    assert row["I2_with"] > row["I2_without"]
    assert row["share_high"] < 0.05
    assert "Studies that split the cloud: s3." in str(cloud)
    assert "SIMULATED" in str(cloud)
    assert len(cloud._repr_html_()) < 5_000


def test_a_homogeneous_cloud_is_not_split():
    cloud = gosh(fit_meta(simulated(10)))
    assert cloud.split()["phi"].abs().max() < 0.5
    assert "No single study splits the cloud." in str(cloud)
    # every study is in half of the subsets of each cluster, were it not for chance
    assert cloud.split()["share_high"].between(0.2, 0.8).all()


def test_shares_and_correlations_are_counted_right():
    cloud = gosh(fit_meta(simulated(8, outlier=1.0)))
    label, inside = cloud.clusters(), cloud.includes(3)
    used = label >= 0
    row = cloud.split().iloc[3]
    assert row["share_high"] == inside[label == 1].mean()
    assert row["phi"] == pytest.approx(np.corrcoef(inside[used], label[used])[0, 1])
    high, low = (cloud.estimate[0][label == j].mean() for j in (1, 0))
    assert high > low


def test_what_is_not_defined_is_refused():
    fit = fit_meta(simulated(5))
    with pytest.raises(ModelError, match="positive whole number; got 0"):
        gosh(fit, 0)
    with pytest.raises(ModelError, match="gosh needs the result of fit_meta"):
        gosh(simulated(5))
    with pytest.raises(ModelError, match="No study 's9'"):
        gosh(fit).includes("s9")


@pytest.mark.slow
def test_a_million_subsets_fit_in_memory():
    cloud = gosh(fit_meta(simulated(20), method="DL"))
    assert len(cloud.k) == 2**20 - 1
    arrays = (cloud.estimate, cloud.tau2, cloud.I2, cloud.Q, cloud.k, cloud.members)
    assert sum(a.nbytes for a in arrays) < 50 * 2**20
    np.testing.assert_array_equal(np.bincount(cloud.k)[1:4], [20, 190, 1140])


def test_subsets_of_a_three_level_model():
    fit = fit_multilevel(effect_sizes(load_dataset("mibs")))
    cloud = gosh(fit, 12, seed=2)
    member = unpacked(cloud.members, 33)[:, 5]
    rest = fit_multilevel(effect_sizes(load_dataset("mibs"))[member])
    assert cloud.estimate[0, 5] == pytest.approx(rest.estimate, rel=1e-6)
    assert cloud.tau2[5] == pytest.approx(rest.tau2, rel=1e-5)
    assert len(cloud.split()) == 33
