"""Every public function that takes a frame takes Polars and pyarrow frames alike."""

import inspect

import numpy as np
import pandas as pd
import pyarrow
import pytest

import waistats
from waistats._frames import as_frame, is_foreign_frame

polars = pytest.importorskip("polars")


def arrow(frame: pd.DataFrame) -> pyarrow.Table:
    return pyarrow.Table.from_pandas(frame, preserve_index=False)


FOREIGN = {"pyarrow": arrow, "polars": lambda f: polars.from_arrow(arrow(f))}


def answers(seed: int = 3, n: int = 80) -> pd.DataFrame:
    """SIMULATED answers to WAI-S; items 4 and 10 run the other way."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n, 1)) + 0.8 * rng.normal(size=(n, 12))
    keyed = np.clip(np.round(values + 4), 1, 7).astype(int)
    keyed[:, [3, 9]] = 8 - keyed[:, [3, 9]]
    frame = pd.DataFrame(keyed, columns=[f"wai{j}" for j in range(1, 13)])
    frame.insert(0, "study", ["A", "B"] * (n // 2))
    frame.insert(1, "person", [f"p{i // 2}" for i in range(n)])
    frame.insert(2, "session", [1, 2] * (n // 2))
    return frame


ITEMS = [f"wai{j}" for j in range(1, 13)]
PLAIN = ["wai1", "wai2", "wai3", "wai5", "wai6"]
WIDE = answers()


def coefficients() -> pd.DataFrame:
    """SIMULATED coefficients of a dozen studies."""
    rng = np.random.default_rng(5)
    k = 24
    return pd.DataFrame(
        {
            "study_id": [f"S{i // 2:02}" for i in range(k)],
            "estimate": rng.uniform(0.75, 0.95, k).round(3),
            "n": rng.integers(40, 200, k),
            "n_items": 12,
            "score_mean": rng.uniform(50, 60, k).round(2),
            "score_sd": rng.uniform(7, 10, k).round(2),
            "age": rng.uniform(20, 50, k).round(1),
            "setting": ["a", "b"] * (k // 2),
        }
    )


TABLE = coefficients()
EFFECTS = waistats.effect_sizes(TABLE)[
    [
        "study_id",
        "coefficient_id",
        "measure",
        "yi",
        "vi",
        "n",
        "n_items",
        "age",
        "setting",
    ]
]
SCREENING = pd.DataFrame(
    {"decision": ["duplicate", "excluded_screening", "included"], "n": [10, 60, 12]}
)
CODED = waistats.simulate_literature(n_studies=40, seed=1).table
RATINGS = pd.DataFrame(
    np.random.default_rng(8).normal(size=(30, 1))
    + 0.5 * np.random.default_rng(9).normal(size=(30, 3)),
    columns=["r1", "r2", "r3"],
)

# How each function is called: its frame goes where the call puts it.
CALLS = {
    "alpha_bounds": (
        WIDE[PLAIN].iloc[:20],
        lambda f: waistats.alpha_bounds(f, response_min=1, response_max=7),
    ),
    "audit_keys": (WIDE[ITEMS], lambda f: waistats.audit_keys(f, "WAI-S")),
    "check_coefficients": (TABLE, waistats.check_coefficients),
    "correlates": (TABLE, lambda f: waistats.correlates(f, ["age"])),
    "cronbach_alpha": (WIDE[PLAIN], waistats.cronbach_alpha),
    "describe_coefficients": (TABLE, waistats.describe_coefficients),
    "effect_sizes": (TABLE, waistats.effect_sizes),
    "fit_location_scale": (EFFECTS, waistats.fit_location_scale),
    "fit_meta": (EFFECTS, lambda f: waistats.fit_meta(f, "~ age")),
    "fit_multilevel": (EFFECTS, waistats.fit_multilevel),
    "fit_subgroups": (EFFECTS, lambda f: waistats.fit_subgroups(f, "setting")),
    "fit_varying_coefficient": (TABLE, waistats.fit_varying_coefficient),
    "generalize": (TABLE, waistats.generalize),
    "greatest_lower_bound": (WIDE[PLAIN], waistats.greatest_lower_bound),
    "guttman_lambdas": (WIDE[PLAIN], waistats.guttman_lambdas),
    "inspect_responses": (
        WIDE,
        lambda f: waistats.inspect_responses(f, study="study", items=PLAIN),
    ),
    "intraclass_correlation": (RATINGS, waistats.intraclass_correlation),
    "item_columns": (WIDE, lambda f: waistats.item_columns(f, "WAI-S")),
    "item_statistics": (WIDE[PLAIN], waistats.item_statistics),
    "item_statistics_by_study": (
        WIDE,
        lambda f: waistats.item_statistics_by_study(f, study="study", items=PLAIN),
    ),
    "kr20": ((WIDE[PLAIN] > 4).astype(int), waistats.kr20),
    "multilevel_reliability": (
        WIDE,
        lambda f: waistats.multilevel_reliability(
            f, items=PLAIN, person="person", session="session"
        ),
    ),
    "omega_total": (WIDE[PLAIN], waistats.omega_total),
    "ordinal_alpha": (WIDE[PLAIN], waistats.ordinal_alpha),
    "permutation_test": (
        EFFECTS,
        lambda f: waistats.permutation_test(f, "~ age", n_permutations=50, seed=1),
    ),
    "read_coefficients": (TABLE, waistats.read_coefficients),
    "read_responses": (WIDE, waistats.read_responses),
    "reliability_by_study": (
        WIDE,
        lambda f: waistats.reliability_by_study(f, study="study", items=PLAIN),
    ),
    "score": (WIDE[ITEMS], lambda f: waistats.score(f, "WAI-S")),
    "split_half": (WIDE[PLAIN], waistats.split_half),
    "standardized_alpha": (WIDE[PLAIN], waistats.standardized_alpha),
    "classical_regression": (
        TABLE,
        lambda f: waistats.classical_regression(f, "~ age"),
    ),
    "compare_alphas": (
        WIDE[PLAIN],
        lambda f: waistats.compare_alphas(f, WIDE[PLAIN].iloc[:40]),
    ),
    "compare_coders": (
        TABLE,
        lambda f: waistats.compare_coders(f, TABLE, keys=["study_id", "n"]),
    ),
    "compare_samples": (CODED, lambda f: waistats.compare_samples(f, ["n"])),
    "fit_bayes": (EFFECTS, waistats.fit_bayes),
    "fit_bayes_multilevel": (EFFECTS.iloc[:12], waistats.fit_bayes_multilevel),
    "fit_multivariate": (
        EFFECTS,
        lambda f: waistats.fit_multivariate(
            f, outcome="setting", within_correlation=0.5
        ),
    ),
    "flow_counts": (CODED, waistats.flow_counts),
    "induction_rate": (CODED, waistats.induction_rate),
    "intraclass_correlations": (RATINGS, waistats.intraclass_correlations),
    "keyed_items": (WIDE[ITEMS], lambda f: waistats.keyed_items(f, "WAI-S")),
    "loading_variation": (WIDE[PLAIN], waistats.loading_variation),
    "multiverse": (
        TABLE,
        lambda f: waistats.multiverse(f, measures=("bonett",)),
    ),
    "omega_categorical": (
        WIDE[PLAIN],
        lambda f: waistats.omega_categorical(f, ci=None),
    ),
    "omega_from_model": (WIDE[PLAIN], waistats.omega_from_model),
    "omega_hierarchical": (
        WIDE[ITEMS],
        lambda f: waistats.omega_hierarchical(f, factors=2, ci=None),
    ),
    "ordinal_omega": (WIDE[PLAIN], lambda f: waistats.ordinal_omega(f, ci=None)),
    "rate_quality": (TABLE, waistats.rate_quality),
    "reliability_of_change": (
        WIDE[PLAIN],
        lambda f: waistats.reliability_of_change(WIDE[PLAIN].iloc[::-1].to_numpy(), f),
    ),
    "retrace": (TABLE, lambda f: waistats.retrace(f, reported={"mean": 0.85})),
    "smallest_detectable_change": (RATINGS, waistats.smallest_detectable_change),
    "spread_analysis": (
        TABLE.iloc[::2].assign(score_metric="sum"),
        lambda f: waistats.spread_analysis(f, response_min=1, response_max=7),
    ),
    "spread_covariance": (WIDE[PLAIN], waistats.spread_covariance),
    "study_quality": (TABLE, waistats.study_quality),
    "summarize_responses": (
        WIDE,
        lambda f: waistats.summarize_responses(
            f, study="study", items=PLAIN
        ).to_frame(),
    ),
    "two_item_reliability": (WIDE[PLAIN[:2]], waistats.two_item_reliability),
    "induction_tests": (CODED, waistats.induction_tests),
    "prisma_counts": (SCREENING, waistats.prisma_counts),
    "tau_equivalence": (WIDE[PLAIN], waistats.tau_equivalence),
}


def shown(result: object) -> str:
    """A result in words, without addresses."""
    if isinstance(result, pd.DataFrame):
        return result.to_string()
    return str(result)


@pytest.mark.parametrize("library", FOREIGN)
@pytest.mark.parametrize("name", CALLS)
def test_foreign_frames_give_the_same_result(name, library):
    frame, call = CALLS[name]
    frame = frame.reset_index(drop=True)
    found = call(FOREIGN[library](frame))
    assert shown(found) == shown(call(frame))


def test_mappings_of_frames_and_new_rows_are_taken():
    scales = {"a": WIDE[PLAIN[:3]], "b": WIDE[PLAIN[3:]]}
    expected = waistats.alpha_covariance(scales)
    found = waistats.alpha_covariance({k: arrow(v) for k, v in scales.items()})
    assert shown(found) == shown(expected)
    fit = waistats.fit_meta(EFFECTS, "~ age")
    new = pd.DataFrame({"age": [20.0, 40.0]})
    pd.testing.assert_frame_equal(
        fit.predict(polars.from_pandas(new)), fit.predict(new)
    )


# what the parameters of public functions that are frames are called
FRAMED = {"coefficients", "effects", "items", "responses", "table", "data", "screening"}
# frames in a mapping, or made of a model or of a file, are called in their own tests
ELSEWHERE = {
    "pool_covariances": "item_statistics of many studies: tests/rg/test_pooled_items.py",
    "write_references": "writes a file: tests/rg/test_references.py",
}


def test_every_public_function_with_a_frame_is_called_here():
    framed = set()
    for name in waistats.__all__:
        function = getattr(waistats, name)
        if inspect.isclass(function) or not callable(function):
            continue
        first = next(iter(inspect.signature(function).parameters), "")
        if first in FRAMED:
            framed.add(name)
    assert framed - set(CALLS) - set(ELSEWHERE) == set()
    assert len(framed) > 50


def test_whole_numbers_with_gaps_stay_whole():
    frame = polars.DataFrame({"id": [2**60 + 1, None], "ok": [True, None]})
    read = as_frame(frame)
    assert read["id"][0] == 2**60 + 1
    assert str(read["id"].dtype) == "Int64"
    assert not is_foreign_frame(polars.Series([1]))
    assert not is_foreign_frame("text")
