"""Sums without persons give what the answers give, and hold nothing else."""

import copy
import itertools
import json
from pathlib import Path

import jsonschema
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

import waistats
from waistats import (
    DataError,
    ModelError,
    effect_sizes,
    fit_multilevel,
    item_statistics_by_study,
    read_summaries,
    reliability_by_study,
    simulate_responses,
    summarize_responses,
)
from waistats.reliability.by_study._blocks import added, make_block, shifted
from waistats.reliability.by_study._summary_file import (
    content_of,
    part_of,
    schema,
    schema_errors,
)

NUMBERS = [
    *("estimate", "se", "ci_low", "ci_high", "n", "n_items"),
    *("score_mean", "score_sd", "n_excluded"),
]
ITEMS = [f"q{j}" for j in range(1, 7)]


@pytest.fixture(scope="module")
def wai() -> pd.DataFrame:
    return simulate_responses("WAI-SR", studies=5, n=60, reliability=0.88, seed=7)


def answers(n: int, seed: int, *, missing: float = 0.0, offset: float = 0.0):
    """SIMULATED answers to six items in two studies."""
    rng = np.random.default_rng(seed)
    latent = rng.normal(size=(n, 1)) + rng.normal(size=(n, 6))
    values = np.clip(np.round(latent + 3), 1, 5) + offset
    values[rng.random(values.shape) < missing] = np.nan
    frame = pd.DataFrame(values, columns=ITEMS)
    return frame.assign(study=np.where(np.arange(n) % 3, "one", "two"))


def same_table(left: pd.DataFrame, right: pd.DataFrame, rel: float = 1e-12) -> None:
    """Tables of answers and of sums: the same rows, the same numbers."""
    assert list(left.columns) == list(right.columns)
    for column in left.columns:
        if column in NUMBERS:
            assert left[column].to_numpy(float) == pytest.approx(
                right[column].to_numpy(float), rel=rel, nan_ok=True
            ), column
        elif column != "note":
            assert left[column].tolist() == right[column].tolist(), column


def through_file(summaries, tmp_path: Path):
    path = tmp_path / "site.json"
    summaries.write(path)
    return read_summaries(path)


@pytest.mark.parametrize("ci", ["feldt", "bonett", "hakstian-whalen", None])
def test_alpha_by_formula_is_that_of_the_answers(wai, tmp_path, ci):
    sums = through_file(
        summarize_responses(wai, study="study_id", instrument="WAI-SR"), tmp_path
    )
    direct = reliability_by_study(wai, study="study_id", instrument="WAI-SR", ci=ci)
    same_table(direct, reliability_by_study(sums, ci=ci))


@pytest.mark.parametrize("coefficient", ["alpha", "standardized_alpha", "omega_total"])
def test_normal_theory_intervals_need_second_moments_only(wai, tmp_path, coefficient):
    options = {"coefficient": coefficient, "ci": "normal-theory"}
    sums = through_file(
        summarize_responses(wai, study="study_id", instrument="WAI-SR"), tmp_path
    )
    direct = reliability_by_study(wai, study="study_id", instrument="WAI-SR", **options)
    rel = 1e-8 if coefficient == "omega_total" else 1e-12  # an iterative fit
    same_table(direct, reliability_by_study(sums, **options), rel)


def test_distribution_free_intervals_and_V_are_those_of_the_answers(wai, tmp_path):
    sums = through_file(
        summarize_responses(wai, study="study_id", instrument="WAI-SR", moments=4),
        tmp_path,
    )
    options = {"ci": "adf", "covariance": True}
    direct = reliability_by_study(wai, study="study_id", instrument="WAI-SR", **options)
    table = reliability_by_study(sums, **options)
    same_table(direct, table)
    for study, block in direct.attrs["V"].items():
        assert np.array(table.attrs["V"][study]) == pytest.approx(
            np.array(block), rel=1e-12
        )
    pooled = [
        fit_multilevel(effect_sizes(t), V=t.attrs["V"]).to_frame()["estimate"].iloc[0]
        for t in (direct, table)
    ]
    assert pooled[0] == pytest.approx(pooled[1], rel=1e-9)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    missing=st.sampled_from([0.0, 0.03, 0.15]),
    offset=st.sampled_from([0.0, -7.0, 1e6, 1e8, 0.1]),
    scales=st.sampled_from(
        [
            {"a": ITEMS[:3], "b": ITEMS[3:]},
            {"a": ITEMS[:4], "b": ITEMS[2:], "all": ITEMS},
            {"all": ITEMS, "few": ITEMS[1:3]},
        ]
    ),
)
def test_missing_answers_and_awkward_numbers(seed, missing, offset, scales):
    """Sums of answers near 1e8 are those of the answers without the 1e8."""
    options = {"study": "study", "scales": scales}
    near = answers(90, seed, missing=missing)
    far = answers(90, seed, missing=missing, offset=offset)
    free = {"ci": "adf", "covariance": "raw"}
    direct = reliability_by_study(near, **options, **free, response_range=(1, 5))
    plain = reliability_by_study(near, **options, response_range=(1, 5))
    gate = {"response_range": (offset + 1, offset + 5)}
    sums = summarize_responses(far, **options, **gate, moments=4)
    part = part_of(content_of(sums.parts[0]), "file")
    table = reliability_by_study(type(sums)(parts=(part,)), **free)
    second = reliability_by_study(summarize_responses(far, **options, **gate))
    told = (table["reason"] == direct["reason"]).to_numpy()
    assert told.any()
    for mine, right in ((table, direct), (second, plain)):
        moved = right.assign(score_mean=right["score_mean"] + offset * right["n_items"])
        same_table(moved[told], mine[told])
    for study, block in direct.attrs["V"].items():
        mine = np.array(table.attrs["V"][study])
        kept = np.isfinite(mine)
        if few := any(between.matrix is None for between in part.between):
            kept &= mine != 0  # nine or fewer people behind both
        assert mine[kept] == pytest.approx(np.array(block)[kept], rel=1e-12, abs=1e-16)
        assert few == any(
            "as independent" in note for note in table.attrs.get("notes", ())
        )


def test_raters_and_persons_on_several_occasions():
    rng = np.random.default_rng(4)
    rows = []
    for study, person, session in itertools.product("AB", range(40), (1, 3)):
        if rng.random() < 0.2:
            continue
        level = rng.normal()
        found = np.clip(np.round(3 + level + rng.normal(size=8)), 1, 5)
        rows.append([study, f"{study}{person}", session, *found])
    names = [f"{r}_{j}" for r in ("C", "T") for j in (1, 2, 3, 4)]
    data = pd.DataFrame(rows, columns=["study", "who", "session", *names])
    options = {
        "study": "study",
        "by": "session",
        "person": "who",
        "raters": {"client": "C_", "therapist": "T_"},
    }
    direct = reliability_by_study(data, **options)
    sums = summarize_responses(data, **options, moments=4)
    table = reliability_by_study(sums)
    same_table(direct, table)
    for study, block in direct.attrs["V"].items():
        assert np.abs(np.array(block)).min() > 0  # people are shared
        assert np.array(table.attrs["V"][study]) == pytest.approx(
            np.array(block), rel=1e-11
        )
    text = json.dumps(content_of(sums.parts[0]))
    assert "A1" not in text  # nor any other person
    assert "V" not in reliability_by_study(summarize_responses(data, **options)).attrs


def test_item_statistics_are_those_of_the_answers(wai):
    options = {"study": "study_id", "instrument": "WAI-SR"}
    direct = item_statistics_by_study(wai, **options)
    mine = item_statistics_by_study(summarize_responses(wai, **options))
    for column in direct.columns:
        if pd.api.types.is_numeric_dtype(direct[column]):
            assert mine[column].to_numpy() == pytest.approx(
                direct[column].to_numpy(), rel=1e-10
            )
        else:
            assert mine[column].tolist() == direct[column].tolist()


def test_a_query_gives_the_sums_of_memory(wai, tmp_path):
    pytest.importorskip("duckdb")
    wai = wai.copy()
    wai.loc[[3, 77, 130], "wai5"] = np.nan
    path = tmp_path / "answers.parquet"
    wai.to_parquet(path)
    options = {"study": "study_id", "instrument": "WAI-SR"}
    queried = summarize_responses(str(path), **options)
    memory = summarize_responses(wai, **options)
    assert len(queried.parts[0].blocks) == len(memory.parts[0].blocks)
    same_table(reliability_by_study(memory), reliability_by_study(queried))


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    n=st.tuples(st.integers(2, 30), st.integers(2, 30)),
    shift=st.lists(st.floats(-50, 50), min_size=3, max_size=3),
)
def test_blocks_with_different_shifts_add_up(seed, n, shift):
    rng = np.random.default_rng(seed)
    values = rng.integers(1, 8, size=(sum(n), 3)).astype(float)
    values[: n[0]] += np.array([0, 5, 40])
    groups = [np.array([0, 1]), np.array([0, 1, 2])]
    options = {"sample": 0, "scales": (0, 1), "items": "abc", "groups": groups}
    whole, _ = make_block(values, **options)
    one, _ = make_block(values[: n[0]], **options)
    other, _ = make_block(values[n[0] :], **options)
    other = shifted(other, np.array(shift))
    both = shifted(added(one, other), whole.shift)
    scale = np.sqrt(np.outer(np.diagonal(whole.matrix), np.diagonal(whole.matrix)))
    assert both.n == sum(n)
    # there and back costs digits, the more the larger the shift
    largest = np.abs(shift).max()
    assert np.all(
        np.abs(both.matrix - whole.matrix)
        <= 1e-9 * np.maximum(scale, 1) * (1 + largest)
    )


@pytest.mark.parametrize("moments", [2, 4])
def test_two_files_of_one_study_are_merged_on_request(tmp_path, moments):
    data = answers(200, 5)
    options = {"study": "study", "scales": {"a": ITEMS[:3], "all": ITEMS}}
    for i, part in enumerate((data[:90], data[90:])):
        summarize_responses(part, **options, moments=moments).write(
            tmp_path / f"{i}.json"
        )
    with pytest.raises(DataError, match=r"more than one file.*merge=True"):
        read_summaries(tmp_path / "*.json")
    merged = read_summaries(tmp_path / "*.json", merge=True)
    extra = {"ci": "adf", "covariance": True} if moments == 4 else {}
    direct = reliability_by_study(data, **options, **extra)
    table = reliability_by_study(merged, **extra)
    both = direct.merge(table, on=["study_id", "scale"], suffixes=("", "_sums"))
    for column in NUMBERS:
        assert both[column].to_numpy() == pytest.approx(
            both[f"{column}_sums"].to_numpy(), rel=1e-12
        )
    if moments == 4:
        for study, block in direct.attrs["V"].items():
            assert np.array(table.attrs["V"][study]) == pytest.approx(
                np.array(block), rel=1e-11
            )


def test_different_studies_of_several_files_make_one_table(wai, tmp_path):
    for i, name in enumerate(("S01", "S02", "S03", "S04", "S05")):
        part = wai[wai["study_id"] == name]
        summarize_responses(part, study="study_id", instrument="WAI-SR").write(
            tmp_path / f"{i}.json"
        )
    table = reliability_by_study(str(tmp_path / "*.json"))
    direct = reliability_by_study(wai, study="study_id", instrument="WAI-SR")
    same_table(direct, table)
    again = tmp_path / "copy.json"
    again.write_text(
        (tmp_path / "0.json").read_text(encoding="utf-8").replace('"S01"', '"Other"'),
        encoding="utf-8",
    )
    with pytest.raises(DataError, match="the same answers are there twice"):
        read_summaries([tmp_path / "0.json", again])


def test_small_samples_are_withheld_and_named():
    data = answers(60, 8)
    data.loc[data.index[:9], "study"] = "small"
    sums = summarize_responses(data, study="study", items=ITEMS)
    text = json.dumps(content_of(sums.parts[0]))
    content = json.loads(text)
    assert all(block["matrix"][0][0] >= 10 for block in content["blocks"])
    assert [s["given"] for s in content["samples"] if s["study_id"] == "small"] == [
        None
    ]
    table = reliability_by_study(sums)
    row = table[table["study_id"] == "small"].iloc[0]
    assert row["status"] == "not_poolable"
    assert "fewer than 10" in row["reason"]
    assert np.isnan(row["n"])
    assert np.isnan(row["estimate"])
    assert effect_sizes(table)["yi"].notna().sum() == 2
    with pytest.raises(DataError, match="every sample has fewer than 70"):
        summarize_responses(data, study="study", items=ITEMS, min_n=70)


def test_the_file_tells_no_person_and_no_row():
    data = answers(80, 9).assign(who=[f"person-{i}" for i in range(80)])
    data.loc[5, ITEMS] = np.nan
    twice = pd.concat([data, data.iloc[[11]]], ignore_index=True)
    sums = summarize_responses(twice, study="study", items=ITEMS, person="who")
    kinds = set(sums.findings()["finding"])
    assert {"identical_repeats", "blank_rows"} <= kinds
    text = json.dumps(content_of(sums.parts[0]))
    assert "person-" not in text
    assert "row 5" not in text
    assert "row 11" not in text


def test_the_schema_says_what_the_reader_says(wai):
    """jsonschema and our own small reading of the schema agree on broken files."""
    jsonschema.Draft202012Validator.check_schema(schema())
    official = jsonschema.Draft202012Validator(schema())
    sums = summarize_responses(wai, study="study_id", instrument="WAI-SR", moments=4)
    good = json.loads(json.dumps(content_of(sums.parts[0])))
    assert not list(official.iter_errors(good))
    assert not list(schema_errors(good, schema()))

    def broken(change):
        content = copy.deepcopy(good)
        change(content)
        return content

    changes = [
        lambda c: c.update(persons=["A"]),
        lambda c: c["samples"][0].update(person="A"),
        lambda c: c["blocks"][0].update(answers=[[1, 2]]),
        lambda c: c["findings"].append({"text": "x"}),
        lambda c: c["blocks"][0]["shift"].__setitem__(0, "1"),
        lambda c: c["blocks"][0]["matrix"][1].__setitem__(0, None),
        lambda c: c.update(moments=3),
        lambda c: c.update(min_n=1),
        lambda c: c.update(linked=1),
        lambda c: c.update(response_range=[1]),
        lambda c: c.pop("withheld"),
        lambda c: c.update(scales=[]),
        lambda c: c["samples"][0]["by"].update(session=3),
    ]
    for change in changes:
        content = broken(change)
        assert list(official.iter_errors(content))
        assert list(schema_errors(content, schema()))
        with pytest.raises(DataError, match="not valid response summaries"):
            part_of(content, "site.json")
    # what no schema can say
    for change, words in [
        (lambda c: c["blocks"][0]["matrix"][0].__setitem__(0, 9), "fewer than 10"),
        (lambda c: c["blocks"][0]["matrix"][3].__setitem__(3, -1), "no answers have"),
        (lambda c: c["blocks"][0].update(sample=99), "not there"),
        (lambda c: c["blocks"].pop(), "neither sums"),
        (lambda c: c["blocks"][0]["shift"].pop(), "do not fit"),
        (lambda c: c["samples"][0]["facts"].update(name="A"), "do not belong"),
    ]:
        with pytest.raises(DataError, match=words):
            part_of(broken(change), "site.json")


def test_what_ten_people_and_a_difference_give_away():
    """Why this is data minimisation and not anonymisation."""
    rng = np.random.default_rng(0)
    people = rng.integers(1, 4, size=(10, 2)).astype(float)
    people[:, 1] = np.clip(people[:, 0] + rng.integers(-1, 2, size=10), 1, 3)
    block, _ = make_block(people, sample=0, scales=(0,), items="ab", groups=())
    cells = np.array(list(itertools.product((1, 2, 3), repeat=2)), float)
    made = np.column_stack([np.ones(9), cells - block.shift])
    sums = np.einsum("ci,cj->cij", made, made).reshape(9, -1)
    wanted = block.matrix.ravel()
    fitting = [
        counts
        for counts in _compositions(10, 9)
        if np.array_equal(np.array(counts) @ sums, wanted)
    ]
    _, own = np.unique(people, axis=0, return_counts=True)
    # of the 43,758 ways in which ten people can answer, these sums leave a handful
    assert 1 <= len(fitting) <= 5
    assert any(sorted(filter(None, c)) == sorted(own) for c in fitting)
    # two groups that differ by one person differ by that person's answers
    later = np.vstack([people, [[3.0, 1.0]]])
    more, _ = make_block(later, sample=0, scales=(0,), items="ab", groups=())
    before = shifted(block, np.zeros(2)).matrix
    after = shifted(more, np.zeros(2)).matrix
    assert (after - before)[0].tolist() == [1.0, 3.0, 1.0]


def _compositions(total: int, parts: int):
    for bars in itertools.combinations(range(total + parts - 1), parts - 1):
        edges = (-1, *bars, total + parts - 1)
        yield [b - a - 1 for a, b in itertools.pairwise(edges)]


def test_what_sums_cannot_give_is_refused_by_name(wai):
    options = {"study": "study_id", "instrument": "WAI-SR"}
    second = summarize_responses(wai, **options)
    fourth = summarize_responses(wai, **options, moments=4)
    for sums, asked, words in [
        (second, {"ci": "adf"}, "moments=4"),
        (second, {"covariance": True}, "moments=4"),
        (second, {"ci": "bootstrap"}, "needs the answers"),
        (second, {"missing": "em"}, "needs the answers"),
        (second, {"coefficient": "ordinal_alpha"}, "needs the answers"),
        (fourth, {"coefficient": "omega_total", "ci": "adf"}, "normal-theory"),
        (second, {"items": ["wai1", "wai2"]}, "cannot be used with summaries"),
    ]:
        with pytest.raises(ModelError, match=words):
            reliability_by_study(sums, **asked)
    with pytest.raises(ModelError, match="study="):
        reliability_by_study(wai, instrument="WAI-SR")
    table = reliability_by_study(second, coefficient="omega_total")
    assert any("suppose normal answers" in note for note in table.attrs["notes"])


def test_findings_and_provenance_travel(wai, tmp_path):
    sums = summarize_responses(wai, study="study_id", instrument="WAI-SR")
    assert sums.simulated
    table = reliability_by_study(through_file(sums, tmp_path))
    direct = reliability_by_study(wai, study="study_id", instrument="WAI-SR")
    assert (table["provenance"] == direct["provenance"]).all()
    raw = wai.copy()
    raw["wai4"] = 6 - raw["wai4"]
    form = waistats.define_instrument(
        "own", n_items=12, response_min=1, response_max=5, reverse=[4]
    )
    keyed = summarize_responses(raw, study="study_id", instrument=form)
    assert keyed.parts[0].reversed == ("wai4",)
    found = reliability_by_study(through_file(keyed, tmp_path))
    again = reliability_by_study(raw, study="study_id", instrument=form)
    same_table(again, found)
    assert found.attrs["notes"] == again.attrs["notes"]
    assert {"key_decided"} <= {one["finding"] for one in found.attrs["intake"]}
    assert "not anonymous" in str(sums)
    assert waistats.ResponseSummaries is type(sums)


def test_names_that_look_like_json_survive(tmp_path):
    data = answers(60, 2)
    data["study"] = np.where(data["study"] == "one", 'a}, {"b"], "c', "ü\u2028\n")
    sums = through_file(summarize_responses(data, study="study", items=ITEMS), tmp_path)
    direct = reliability_by_study(data, study="study", items=ITEMS)
    same_table(direct, reliability_by_study(sums))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not valid JSON"),
        ("[]", "holds no response summaries"),
        ('{"format": "x"}', "holds no response summaries"),
        ('{"format": "waistats response summaries", "version": 2}', "version 2"),
        ('{"format": "waistats response summaries", "version": 1}', "has no 'moments'"),
    ],
)
def test_other_files_are_refused(tmp_path, text, words):
    path = tmp_path / "x.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=words):
        read_summaries(path)
    with pytest.raises(DataError, match="no such file"):
        read_summaries(tmp_path / "absent.json")


@pytest.mark.parametrize(
    ("coefficient", "words"),
    [
        ("omega_total", "Excluded because everyone gave the same answer: q2"),
        ("standardized_alpha", "needs items that vary"),
        ("alpha", "Without variance"),
    ],
)
def test_items_without_variance(coefficient, words):
    data = answers(120, 3)
    data["q2"] = 4.0
    options = {"coefficient": coefficient, "ci": "normal-theory"}
    direct = reliability_by_study(data, study="study", items=ITEMS, **options)
    sums = summarize_responses(data, study="study", items=ITEMS)
    table = reliability_by_study(sums, **options)
    same_table(direct, table, 1e-8 if coefficient == "omega_total" else 1e-12)
    assert (table["note"] + table["reason"]).str.contains(words).all()
