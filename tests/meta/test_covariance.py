"""Sampling covariance from items flows through the study, its models and its files."""

import numpy as np
import pandas as pd
import pytest

from waistats import (
    DataError,
    back_transform,
    effect_sizes,
    fit_meta,
    fit_multilevel,
    generalize,
    multiverse,
    reliability_by_study,
    tables,
)
from waistats.meta._covariance import blocks_of_pairs, covariance_pairs, follow

SCALES = {"a": ["i1", "i2", "i3"], "b": ["i4", "i5", "i6"], "c": ["i1", "i4", "i6"]}


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(11)
    frames = []
    for j in range(6):
        n = 60 + 10 * j
        trait = rng.normal(size=(n, 1))
        answers = trait + rng.normal(scale=0.6 + 0.1 * j, size=(n, 6))
        frame = pd.DataFrame(answers, columns=[f"i{i + 1}" for i in range(6)])
        frames.append(frame.assign(study=f"S{j}"))
    data = pd.concat(frames, ignore_index=True)
    made = reliability_by_study(data, study="study", scales=SCALES, covariance=True)
    return made.assign(provenance="SIMULATED")


def test_the_covariance_of_the_table_is_that_of_the_model(table):
    study = generalize(table.assign(scale="total"))
    oracle = fit_multilevel(effect_sizes(table), V=table.attrs["V"])
    assert study.overall.tau2 == pytest.approx(oracle.tau2, rel=1e-8)
    assert study.overall.beta[0] == pytest.approx(oracle.beta[0], rel=1e-10)
    np.testing.assert_allclose(
        study.V.of(study.main_rows).toarray(), oracle.V.toarray(), rtol=1e-12
    )
    assert any("given as V" in note for note in study.overall.notes)
    # the variances are the covariance's own, in every model of the study
    np.testing.assert_allclose(study.effects["vi"], oracle.V.diagonal())


def test_cells_levels_and_screening_take_their_rows_of_it(table):
    study = generalize(table, by=("scale",))
    assert len(study.cells) == 3
    rows = study.effects[study.effects["scale"].isin(["a", "b"])]
    fit = fit_multilevel(rows, V=study.V)
    whole = study.V.of(study.effects).toarray()
    at = np.flatnonzero(study.effects["scale"].isin(["a", "b"]))
    np.testing.assert_allclose(fit.V.toarray(), whole[np.ix_(at, at)])


def test_moderators_of_dependent_coefficients_use_it(table):
    study = generalize(table, "~ scale")
    oracle = fit_multilevel(effect_sizes(table), "~ scale", V=table.attrs["V"])
    assert study.moderator_model.beta == pytest.approx(oracle.beta, rel=1e-8)


def test_another_scale_is_reached_by_the_delta_method(table):
    study = generalize(table.assign(scale="total"), measure="raw")
    a = table["estimate"].to_numpy()
    bonett = generalize(table.assign(scale="total")).V.matrix.toarray()
    np.testing.assert_allclose(
        study.V.matrix.toarray(), bonett * np.outer(1 - a, 1 - a), rtol=1e-10
    )


def test_published_coefficients_beside_it_keep_their_own_variance(table):
    published = pd.DataFrame(
        {
            "study_id": ["P1", "P1", "P2"],
            "scale": "total",
            "estimate": [0.8, 0.85, 0.9],
            "n": 80,
            "n_items": 12,
        }
    )
    both = [table.assign(scale="total"), published]
    study = generalize(both, within_correlation=0.5)
    V = study.V.of(study.effects).toarray()
    vi = effect_sizes(published)["vi"]
    shared = 0.5 * np.sqrt(vi[0] * vi[1])
    expected = [[vi[0], shared], [shared, vi[1]]]
    np.testing.assert_allclose(V[18:20, 18:20], expected, rtol=1e-12)
    assert (V[:18, 18:] == 0).all()
    assert any("18 of 21 coefficients is known" in note for note in study.overall.notes)


def test_the_file_of_pairs_gives_the_same_back(table):
    named = table.assign(coefficient_id=[f"c{i}" for i in range(len(table))])
    named.attrs = table.attrs
    pairs = covariance_pairs(named)
    assert len(pairs) == 6 * 6
    blocks, measure = blocks_of_pairs(pairs, "covariance.csv")
    effects = effect_sizes(named.sample(frac=1, random_state=2, ignore_index=True))
    again = follow(effects, blocks, measure=measure)
    first = follow(effect_sizes(named), table.attrs["V"])
    np.testing.assert_allclose(
        again.of(effect_sizes(named)).toarray(), first.matrix.toarray(), rtol=1e-15
    )


@pytest.mark.parametrize(
    "part",
    [
        lambda table: table[table["scale"] != "b"],
        lambda table: table[table["study_id"] != "S2"],
        lambda table: table.drop(index=[0, 4, 11]).reset_index(drop=True),
        lambda table: table.sort_values("estimate"),
        lambda table: table.sample(frac=0.8, random_state=3, ignore_index=True),
    ],
    ids=["scale", "study", "rows", "sorted", "shuffled"],
)
def test_the_covariance_follows_the_rows_that_are_left(table, part):
    left = part(table)
    whole = generalize(table).V
    keys = zip(left["study_id"], left["coefficient_id"], strict=True)
    at = [whole.places[key] for key in keys]
    truth = whole.matrix.toarray()[np.ix_(at, at)]
    study = generalize(left)
    np.testing.assert_allclose(study.V.matrix.toarray(), truth, rtol=1e-12)
    pairs = covariance_pairs(left).set_index(["coefficient_id", "other_id"])
    for i, one in enumerate(left["coefficient_id"]):
        assert pairs.loc[(one, one), "covariance"] == pytest.approx(truth[i, i])
    assert len(pairs) == np.count_nonzero(np.triu(truth))


def test_rows_that_cannot_be_told_stop(table):
    left = table.drop(index=[0]).assign(coefficient_id=[f"c{i}" for i in range(17)])
    for call in (generalize, multiverse, covariance_pairs):
        with pytest.raises(DataError, match=r"which are left, for study_id S0\. Keep"):
            call(left)
    left.attrs.pop("V")
    assert generalize(left).V is None


def test_a_covariance_that_does_not_fit_is_refused(table):
    named = table.assign(coefficient_id="same")
    named.attrs = table.attrs
    with pytest.raises(DataError, match="an id of its own"):
        generalize(named.assign(scale="total"))
    pairs = covariance_pairs(table)
    with pytest.raises(DataError, match="columns are missing: measure"):
        blocks_of_pairs(pairs.drop(columns="measure"), "x.csv")
    with pytest.raises(DataError, match="must be a number"):
        blocks_of_pairs(pairs.assign(covariance="a"), "x.csv")


def alphas_of(frame, **choice):
    at = np.ones(len(frame), dtype=bool)
    for name, value in choice.items():
        at &= (frame[name] == value).to_numpy()
    assert at.sum() == 1
    return frame.loc[at, ["estimate", "ci_low", "ci_high"]].to_numpy()[0]


@pytest.mark.parametrize("measure", ["bonett", "raw"])
def test_the_multiverse_takes_it_on_every_scale(table, measure):
    found = multiverse(table, measures=[measure], models=["REML"], exclude=["none"])
    effects = effect_sizes(table, measure=measure)
    a = table["estimate"].to_numpy()
    V = follow(effect_sizes(table), table.attrs["V"]).matrix.toarray()
    if measure == "raw":
        V = V * np.outer(1 - a, 1 - a)
    fit = fit_multilevel(effects, V=V)
    robust = fit.robust().to_frame().iloc[0]
    ends = robust[["estimate", "ci_low", "ci_high"]].to_numpy(dtype=float)
    frame = found.to_frame()
    np.testing.assert_allclose(
        alphas_of(frame, dependence="multilevel-robust"),
        np.sort(back_transform(ends, measure))[[1, 0, 2]],
        rtol=1e-8,
    )
    # a mean of a study has the mean of its block
    study = pd.factorize(table["study_id"])[0]
    J = np.eye(study.max() + 1)[study] / np.bincount(study)[study][:, None]
    means = effects.groupby("study_id", as_index=False)["yi"].mean()
    mean = fit_meta(means.assign(vi=np.diag(J.T @ V @ J)))
    row = mean.to_frame().iloc[0]
    ends = row[["estimate", "ci_low", "ci_high"]].to_numpy(dtype=float)
    np.testing.assert_allclose(
        alphas_of(frame, dependence="mean", interval="knapp-hartung"),
        np.sort(back_transform(ends, measure))[[1, 0, 2]],
        rtol=1e-8,
    )
    assert any("sampling variances" in note for note in found.notes)
    assert found.notes[0] in str(found)


def test_the_multiverse_of_a_study_is_that_of_its_covariance(table):
    study = generalize(table.assign(scale="total"))
    own = study.multiverse
    choice = {"measure": "bonett", "exclusion": "none"}
    limits = alphas_of(own.to_frame(), dependence="multilevel", interval="t", **choice)
    assert limits[0] == pytest.approx(study.pooled.row()["estimate"], abs=1e-9)
    assert "sampling variances that" in tables.to_text(tables.multiverse(own))
    bare = multiverse(table.drop(columns=[]), V={})
    assert bare.notes == ()


def test_the_multiverse_with_a_covariance_of_some_studies(table):
    some = {name: table.attrs["V"][name] for name in ("S0", "S3")}
    lost = table.assign(reason=["too few"] + [""] * (len(table) - 1))
    lost.loc[0, "estimate"] = np.nan
    found = multiverse(
        lost, V=some, measures=["bonett"], exclude=["none"], multilevel_correlation=0.4
    )
    effects = effect_sizes(lost)
    fit = fit_multilevel(effects, V=follow(effects, some, within_correlation=0.4))
    robust = fit.robust().to_frame().iloc[0]
    assert alphas_of(found.to_frame(), dependence="multilevel-robust")[0] == (
        pytest.approx(back_transform(robust["estimate"]), abs=1e-9)
    )
    assert any("of 17 coefficients is known" in note for note in found.notes)
