"""Coefficient tables study by study: psych per site, order, reasons, keys, V."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from waistats import DataError, ModelError
from waistats.io.readers import read_responses
from waistats.reliability.alpha import ALPHA_INTERVALS, cronbach_alpha
from waistats.reliability.by_study.api import reliability_by_study
from waistats.reliability.covariance import alpha_covariance

ROOT = Path(__file__).parents[3]
FOLDER = Path(__file__).parents[2] / "reference"
OPEN = ROOT.parent / "shared" / "data" / "open" / "manylabs"
REFERENCE = json.loads((FOLDER / "alpha_reference.json").read_text(encoding="utf-8"))


@pytest.fixture
def answers() -> pd.DataFrame:
    """SIMULATED answers of three studies, 4 items."""
    rng = np.random.default_rng(12)
    values = rng.normal(size=(90, 1)) + rng.normal(size=(90, 4))
    frame = pd.DataFrame(np.round(values + 4), columns=["q1", "q2", "q3", "q4"])
    frame.insert(0, "study", np.repeat(["late", "early", "mid"], [40, 20, 30]))
    return frame.sample(frac=1, random_state=3, ignore_index=True)


@pytest.mark.parametrize(
    ("name", "file"),
    [("swls", "data_2.12.1_clean.csv"), ("art", "data_1.12.3.1_clean.csv")],
)
def test_psych_agrees_site_by_site(name, file):
    path = open_data(OPEN / file)
    reference = REFERENCE["open_data"][name]
    data = pd.read_csv(path)
    table = reliability_by_study(data, study="g", items=list(data.columns[1:]))
    sites = pd.DataFrame(reference["sites"])
    assert table["study_id"].tolist() == sites["study_id"].tolist()
    assert table["n"].tolist() == sites["n"].tolist()
    for column, other in [
        ("estimate", "alpha"),
        ("ci_low", "feldt_low"),
        ("ci_high", "feldt_high"),
        ("score_mean", "mean"),
        ("score_sd", "sd"),
    ]:
        np.testing.assert_allclose(table[column], sites[other], rtol=1e-10)
    assert (table["status"] == "poolable").all()


def test_a_row_a_study_in_order_of_appearance(answers):
    table = reliability_by_study(answers, study="study", items="q")
    assert table["study_id"].tolist() == answers["study"].unique().tolist()
    assert (table["scale"] == "total").all()
    assert (table["coefficient_type"] == "alpha").all()
    assert table["coefficient_id"].is_unique
    for row in table.itertuples():
        part = answers[answers["study"] == row.study_id].iloc[:, 1:]
        one = cronbach_alpha(part)
        assert row.estimate == pytest.approx(one.estimate, rel=1e-12)
        assert (row.ci_low, row.ci_high) == pytest.approx((one.ci_low, one.ci_high))
        assert (row.se, row.n, row.n_items) == (pytest.approx(one.se), one.n, 4)
        total = part.sum(axis=1)
        assert row.score_mean == pytest.approx(total.mean())
        assert row.score_sd == pytest.approx(total.std())


@pytest.mark.parametrize("missing", ["listwise", "pairwise", "em"])
@pytest.mark.parametrize("ci", [*ALPHA_INTERVALS, None])
def test_every_interval_is_that_of_the_function(answers, ci, missing):
    answers.loc[[3, 30, 60], "q2"] = np.nan
    answers.loc[[5, 31], "q4"] = np.nan
    options = {"n_resamples": 150} if ci == "bootstrap" else {}
    table = reliability_by_study(
        answers, study="study", ci=ci, missing=missing, options=options
    )
    for row in table.itertuples():
        part = answers[answers["study"] == row.study_id].iloc[:, 1:]
        one = cronbach_alpha(part, ci=ci, missing=missing, **options)
        for name in ("estimate", "se", "ci_low", "ci_high", "n", "n_excluded"):
            assert getattr(row, name) == pytest.approx(
                getattr(one, name), rel=1e-10, nan_ok=True
            )


def test_studies_without_a_coefficient_are_rows_with_a_reason():
    frame = pd.DataFrame(
        {
            "study": ["few"] * 2 + ["flat"] * 4 + ["copy"] * 4 + ["one"] + ["fine"] * 4,
            "a": [1, 2, *[3] * 4, 1, 2, 3, 4, 1, 1, 2, 3, 3],
            "b": [2, 1, *[3] * 4, 1, 2, 3, 4, None, 2, 2, 3, 4],
        }
    )
    table = reliability_by_study(frame, study="study", items=["a", "b"])
    found = table.set_index("study_id")
    assert found["status"].tolist() == ["not_poolable"] * 4 + ["poolable"]
    assert found["estimate"].isna().tolist() == [True] * 4 + [False]
    assert "2 respondents with every item" in found.loc["few", "reason"]
    assert "does not vary" in found.loc["flat", "reason"]
    assert "exactly 1" in found.loc["copy", "reason"]
    assert found.loc["one", "n"] == 0
    assert found.loc["one", "n_excluded"] == 1
    assert found.loc["fine", "reason"] == ""
    for options in ({"ci": "adf"}, {"missing": "em"}, {"missing": "pairwise"}):
        again = reliability_by_study(frame, study="study", items=["a", "b"], **options)
        assert again["status"].tolist() == table["status"].tolist()
        assert (again["reason"] == "").tolist() == (table["reason"] == "").tolist()
        assert again["estimate"].isna().tolist() == table["estimate"].isna().tolist()


def test_items_without_variance_and_negative_alphas_are_noted():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        rng.normal(size=(30, 1)) * [1, -1, 0.8] + 0.3, columns=list("abc")
    )
    frame += 0.1 * rng.normal(size=(30, 3))
    frame["c"] = 5
    frame["study"] = 1
    note = reliability_by_study(frame, study="study", items=list("abc"))["note"][0]
    assert "Without variance, but kept: c." in note
    assert "reverse-scored" in note


def test_forms_give_subscales_and_total_with_keys_applied():
    rng = np.random.default_rng(7)
    keyed = np.clip(
        np.round(rng.normal(size=(80, 1)) + rng.normal(size=(80, 12)) + 4), 1, 7
    )
    raw = keyed.copy()
    raw[:, [3, 9]] = 8 - raw[:, [3, 9]]
    frame = pd.DataFrame(raw, columns=[f"wai{i}" for i in range(1, 13)])
    frame["study_id"], frame["provenance"] = "x", "SIMULATED"
    table = reliability_by_study(frame, study="study_id", instrument="WAI-S")
    assert table["scale"].tolist() == ["task", "bond", "goal", "total"]
    assert table["n_items"].tolist() == [4, 4, 4, 12]
    assert (table["instrument"] == "WAI-S").all()
    assert (table["provenance"] == "SIMULATED").all()
    goal = cronbach_alpha(keyed[:, [3, 5, 9, 10]])
    assert table["estimate"][2] == pytest.approx(goal.estimate)
    assert table["estimate"][3] == pytest.approx(cronbach_alpha(keyed).estimate)
    some = reliability_by_study(
        frame, study="study_id", instrument="WAI-S", scales=["total", "goal"]
    )
    assert some["scale"].tolist() == ["total", "goal"]
    already = frame.assign(wai4=keyed[:, 3], wai10=keyed[:, 9])
    other = reliability_by_study(
        already, study="study_id", instrument="WAI-S", already_keyed=True
    )
    assert other["estimate"].tolist() == table["estimate"].tolist()
    frame.loc[4, "wai2"] = 9
    with pytest.raises(DataError, match="wai2, row 4"):
        reliability_by_study(frame, study="study_id", instrument="WAI-S")
    with pytest.raises(DataError, match=r"has no scale 'gaol' \(did you mean 'goal'"):
        reliability_by_study(
            frame, study="study_id", instrument="WAI-S", scales=["gaol"]
        )


def test_scales_of_ones_own(answers):
    table = reliability_by_study(
        answers, study="study", scales={"first": ["q1", "q2"], "all": list(answers)[1:]}
    )
    assert table["scale"].tolist() == ["first", "all"] * 3
    assert table["n_items"].tolist() == [2, 4] * 3


def test_columns_that_split_a_study(answers):
    answers["rater"] = np.where(np.arange(90) % 2, "client", "therapist")
    table = reliability_by_study(answers, study="study", items="q", by="rater")
    assert len(table) == 6
    assert table["sample_id"].is_unique
    row = table.iloc[3]
    part = answers[
        (answers["study"] == row["study_id"]) & (answers["rater"] == row["rater"])
    ]
    expected = cronbach_alpha(part[["q1", "q2", "q3", "q4"]]).estimate
    assert row["estimate"] == pytest.approx(expected)
    together = reliability_by_study(answers, study="study", items="q")
    assert set(together["rater"]) <= {"client, therapist", "therapist, client"}


def test_study_names_become_text_without_blanks():
    frame = pd.DataFrame({"a": [1, 2, 3, 1] * 3, "b": [2, 2, 3, 1] * 3})
    for names, expected in [
        ([1.0, 2.0, 3.0], ["1", "2", "3"]),
        ([7, 8, 9], ["7", "8", "9"]),
        (["x ", " x", "y"], ["x", "y"]),
    ]:
        frame["g"] = np.repeat(np.array(names), 4)
        table = reliability_by_study(frame, study="g", items=["a", "b"])
        assert table["study_id"].tolist() == expected


def test_rows_without_a_study_are_excluded_and_named(answers):
    answers["study"] = answers["study"].astype(object)
    answers.loc[[4, 7], "study"] = [None, "  "]
    table = reliability_by_study(answers, study="study", items="q")
    kept = reliability_by_study(answers.drop(index=[4, 7]), study="study", items="q")
    pd.testing.assert_frame_equal(table, kept)
    (note,) = [r for r in table.attrs["intake"] if r["finding"] == "blank_id"]
    assert note["decision"] == (
        "2 rows were excluded, because a value is blank: study in row 4, row 7."
    )
    answers["study"] = ""
    with pytest.raises(DataError, match="every row has a blank"):
        reliability_by_study(answers, study="study", items="q")


@pytest.mark.parametrize("measure", ["bonett", "hakstian-whalen", "raw"])
def test_covariance_blocks_are_those_of_alpha_covariance(answers, measure):
    answers.loc[[3, 30, 60], "q2"] = np.nan
    scales = {"first": ["q1", "q2"], "last": ["q3", "q4"], "all": list(answers)[1:]}
    table = reliability_by_study(
        answers, study="study", scales=scales, covariance=measure
    )
    assert list(table.attrs["V"]) == table["study_id"].unique().tolist()
    for study, block in table.attrs["V"].items():
        part = answers[answers["study"] == study]
        expected = alpha_covariance({s: part[c] for s, c in scales.items()})
        np.testing.assert_allclose(block, expected.matrix(measure), rtol=1e-10)
    if measure == "bonett":
        plain = reliability_by_study(
            answers, study="study", scales=scales, covariance=True
        )
        assert plain.attrs["V"] == table.attrs["V"]


def test_covariance_blocks_have_a_row_for_every_row_of_the_study(answers, tmp_path):
    answers["rater"] = np.where(np.arange(90) % 2, "client", "therapist")
    flat = (answers["study"] == "mid") & (answers["rater"] == "client")
    answers.loc[flat, ["q1", "q2"]] = 3
    scales = {"first": ["q1", "q2"], "last": ["q3", "q4"]}
    table = reliability_by_study(
        answers, study="study", scales=scales, by="rater", covariance=True
    )
    for study, rows in table.groupby("study_id"):
        block = np.array(table.attrs["V"][study])
        assert block.shape == (4, 4)
        assert (block[:2, 2:][np.isfinite(block[:2, 2:])] == 0).all()
        usable = (rows["status"] == "poolable").to_numpy()
        assert np.isfinite(np.diagonal(block)).tolist() == usable.tolist()
    table.to_parquet(tmp_path / "table.parquet")
    again = pd.read_parquet(tmp_path / "table.parquet").attrs["V"]
    np.testing.assert_array_equal(again["early"], table.attrs["V"]["early"])


@pytest.mark.parametrize("coefficient", ["standardized_alpha", "kr20", "omega_total"])
def test_other_coefficients(answers, coefficient):
    if coefficient == "kr20":
        answers[["q1", "q2", "q3", "q4"]] = (answers.iloc[:, 1:] > 4).astype(int)
    table = reliability_by_study(
        answers, study="study", items="q", coefficient=coefficient, covariance=True
    )
    assert (table["coefficient_type"] == coefficient).all()
    assert table["ci_low"].notna().all()
    adf = reliability_by_study(
        answers, study="study", items="q", coefficient=coefficient, ci="adf"
    )
    blocks = [block[0][0] for block in table.attrs["V"].values()]
    np.testing.assert_allclose(
        blocks, (adf["se"] / (1 - adf["estimate"])) ** 2, rtol=1e-9
    )


def test_long_tables_are_the_same_as_wide_ones(answers):
    answers["person"] = range(90)
    answers.loc[[3, 30], "q2"] = np.nan
    long = answers.melt(["study", "person"], var_name="item", value_name="answer")
    wide = reliability_by_study(answers, study="study", items="q")
    found = reliability_by_study(
        long.dropna(), study="study", person="person", item="item", value="answer"
    )
    pd.testing.assert_frame_equal(found, wide)
    numbered = long.assign(item=long["item"].str[1:].astype(int))
    again = reliability_by_study(
        numbered, study="study", person="person", item="item", value="answer"
    )
    pd.testing.assert_frame_equal(again, wide)
    twice = pd.concat([long, long.iloc[[5]]], ignore_index=True)
    with pytest.raises(DataError, match="more than once in rows 5, 360"):
        reliability_by_study(
            twice, study="study", person="person", item="item", value="answer"
        )
    with pytest.raises(ModelError, match="needs all of person=, item= and value="):
        reliability_by_study(long, study="study", person="person", item="item")
    long.loc[2, "person"] = None
    with pytest.raises(DataError, match="no 'person' in row 2"):
        reliability_by_study(
            long, study="study", person="person", item="item", value="answer"
        )


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"study": "studdy"}, DataError, r"study='studdy' \(did you mean 'study'"),
        ({"items": ["q1", "q9"]}, DataError, "no column q9"),
        ({"items": ["q1"]}, DataError, "at least 2 items are needed, but there is 1"),
        ({"scales": {"a": ["q1", "q1"]}}, DataError, "scale a: q1 named more than"),
        ({"scales": {"a": ["q1", "Q2"]}}, DataError, "scale a: no column 'Q2'"),
        ({"scales": ["task"]}, ModelError, "scales= must name the columns"),
        ({"scales": {}, "items": "q"}, ModelError, "either items="),
        ({"scales": {}}, ModelError, "names no scale"),
        ({"by": "rater"}, DataError, "by='rater'"),
        ({"coefficient": "alfa"}, ModelError, "did you mean 'alpha'"),
        ({"ci": "felt"}, ModelError, "did you mean 'feldt'"),
        ({"coefficient": "standardized_alpha", "ci": "bonett"}, ModelError, "ci must"),
        ({"missing": "drop"}, ModelError, "missing must be one of"),
        ({"covariance": "fisher-z"}, ModelError, "covariance must be one of"),
        ({"conf_level": 95}, ModelError, "conf_level"),
        ({"options": {"bais": 1}}, ModelError, "did you mean 'bias'"),
        ({"options": {"ci": "adf"}}, ModelError, "a name in options must be one of"),
    ],
)
def test_what_cannot_be_done_is_said(answers, options, error, message):
    with pytest.raises(error, match=message):
        reliability_by_study(answers, **({"study": "study"} | options))


def test_a_table_without_rows_is_refused(answers):
    with pytest.raises(DataError, match="there are no respondents"):
        reliability_by_study(answers.iloc[:0], study="study", items="q")


def test_words_for_answers_are_named(answers):
    answers["q3"] = answers["q3"].astype(object)
    answers.loc[7, "q3"] = "Never"
    with pytest.raises(DataError, match=r"q3: 'Never' \(row 7\)"):
        reliability_by_study(answers, study="study", items="q")


def test_the_data_are_left_alone(answers):
    before = answers.copy()
    reliability_by_study(answers, study="study", covariance=True)
    pd.testing.assert_frame_equal(answers, before)


def test_smoothed_covariances_share_ratio_and_correlation():
    rng = np.random.default_rng(17)
    sizes = [30, 60, 45, 200]
    total = sum(sizes)
    values = rng.normal(size=(total, 1)) + rng.normal(size=(total, 6))
    answers = pd.DataFrame(
        np.digitize(values, [-2.5, -1.5, -0.8, 0]),
        columns=[f"q{i}" for i in range(1, 7)],
    )
    answers["study"] = np.repeat(list("abcd"), sizes)
    answers.loc[answers["study"] == "b", ["q1", "q2", "q3"]] = 3
    scales = {"first": ["q1", "q2", "q3"], "all": [f"q{i}" for i in range(1, 7)]}
    options = {"study": "study", "scales": scales, "covariance": True}
    plain = reliability_by_study(answers, **options)
    smooth = reliability_by_study(answers, smooth=True, **options)
    pd.testing.assert_frame_equal(plain, smooth)
    raw = {k: np.array(v) for k, v in plain.attrs["V"].items()}
    found = {k: np.array(v) for k, v in smooth.attrs["V"].items()}
    n = dict(zip("abcd", sizes, strict=True))
    ratio = {
        k: np.diagonal(v) / [2 * m / ((m - 1) * (n[k] - 2)) for m in (3, 6)]
        for k, v in raw.items()
    }
    whole = np.average([ratio[k][1] for k in n], weights=sizes)
    part = np.average([ratio[k][0] for k in "acd"], weights=[n[k] for k in "acd"])
    r = [raw[k][0, 1] / np.sqrt(raw[k][0, 0] * raw[k][1, 1]) for k in "acd"]
    mean_r = np.average(r, weights=[n[k] for k in "acd"])
    for k in "acd":
        expected = np.array([part * 3 / (n[k] - 2), whole * 2.4 / (n[k] - 2)])
        np.testing.assert_allclose(np.diagonal(found[k]), expected, rtol=1e-10)
        covariance = mean_r * np.sqrt(expected.prod())
        assert found[k][0, 1] == pytest.approx(covariance)
    assert np.isnan(found["b"][0]).all()
    assert found["b"][1, 1] == pytest.approx(whole * 2.4 / 58)
    for measure in ("raw", "hakstian-whalen"):
        other = reliability_by_study(
            answers, smooth=True, **(options | {"covariance": measure})
        )
        block = np.array(other.attrs["V"]["d"])
        alpha = plain.loc[plain["study_id"] == "d", "estimate"].to_numpy()
        slope = 1 - alpha if measure == "raw" else np.cbrt(1 - alpha) / 3
        np.testing.assert_allclose(
            block, found["d"] * np.outer(slope, slope), rtol=1e-9
        )
    with pytest.raises(ModelError, match="smooth=True is for the sampling covariance"):
        reliability_by_study(answers, study="study", smooth=True)


def test_smoothing_leaves_different_people_apart(answers):
    answers["rater"] = np.where(np.arange(90) % 2, "client", "therapist")
    scales = {"first": ["q1", "q2"], "last": ["q3", "q4"]}
    table = reliability_by_study(
        answers, study="study", scales=scales, by="rater", covariance=True, smooth=True
    )
    for block in table.attrs["V"].values():
        assert (np.array(block)[:2, 2:] == 0).all()


def open_data(path: Path) -> Path:
    if not path.exists():
        pytest.skip(f"the open data are not here: {path.name}")
    return path


def test_a_scale_that_is_not_keyed_has_negative_alphas():
    data = pd.read_csv(open_data(OPEN / "data_3.7.2_clean.csv"))
    items = list(data.columns[1:])
    whole = cronbach_alpha(data[items])
    assert whole.estimate == pytest.approx(-0.15, abs=0.005)
    table = reliability_by_study(data, study="g", items=items)
    assert len(table) == 21
    negative = table["estimate"] < 0
    assert negative.any()
    assert (table["note"].str.contains("reverse-scored") == negative).all()
    for number in (2, 3, 6):
        item = items[number - 1]
        data[item] = data[item].max() + data[item].min() - data[item]
    assert cronbach_alpha(data[items]).estimate == pytest.approx(0.67, abs=0.005)


def test_answers_in_words_and_their_key():
    """WAI-36 filled in by language models playing patients, from words to alpha."""
    folder = OPEN.parent / "steenstra_wai36_llm"
    path = open_data(folder / "survey_wai_logs.csv")
    words = ["Never", "Rarely", "Occasionally", "Sometimes", "Often", "Very Often"]
    labels = {word: i for i, word in enumerate([*words, "Always"], 1)}
    answers = read_responses(path, labels=labels).assign(all="llm")
    options = {"study": "all", "instrument": "WAI-36", "items": "question"}
    keyed = reliability_by_study(answers, **options)
    assert keyed["scale"].tolist() == ["task", "bond", "goal", "total"]
    assert keyed["estimate"][3] == pytest.approx(0.988, abs=5e-4)
    with pytest.raises(
        DataError,
        match=r"correlate negatively with the "
        "others.*key_contradicted",
    ):
        reliability_by_study(answers, already_keyed=True, **options)
    accept = ("key_contradicted", "negative_alpha")
    unkeyed = reliability_by_study(
        answers, already_keyed=True, accept=accept, **options
    )
    assert unkeyed["estimate"][3] == pytest.approx(0.654, abs=5e-4)
    with pytest.raises(DataError, match="Often"):
        reliability_by_study(path, **(options | {"study": "session_id"}))
