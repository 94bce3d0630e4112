"""What can take more than two seconds shows a bar, and only to who can see it."""

import inspect
import io
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import waistats as w
from waistats import _progress
from waistats._progress import Steps, progress
from waistats.report.folder import write_study

PACKAGE = Path(w.__file__).parent
ITEMS = [f"q{i}" for i in range(1, 7)]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown(
    monkeypatch: pytest.MonkeyPatch, call: Callable[[], object], *, delay: float = 0.0
) -> str:
    """Return what a call writes to standard error where that is a terminal."""
    screen = Terminal()
    with monkeypatch.context() as at:
        at.setattr(sys, "stderr", screen)
        at.setattr(_progress, "DELAY", delay)
        call()
    return screen.getvalue()


@pytest.fixture(autouse=True)
def _as_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TQDM_DISABLE", raising=False)


def answers(n: int = 80, studies: int = 2) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    trait = rng.standard_normal((n * studies, 1))
    noise = rng.standard_normal((n * studies, len(ITEMS)))
    values = np.clip(np.round(3 + trait + 0.8 * noise), 1, 5).astype(int)
    frame = pd.DataFrame(values, columns=ITEMS)
    return frame.assign(study=np.repeat(range(studies), n), provenance="SIMULATED")


def coefficients(k: int = 12, each: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(5)
    return pd.DataFrame(
        {
            "study_id": [f"S{i // each}" for i in range(k)],
            "coefficient_id": [f"c{i}" for i in range(k)],
            "rater": np.where(np.arange(k) // each % 2, "client", "therapist"),
            "estimate": np.round(0.7 + 0.25 * rng.random(k), 3),
            "n": rng.integers(40, 300, k),
            "n_items": 12,
            "year": 2000 + np.arange(k) % 7,
            "provenance": "SIMULATED",
        }
    )


def sessions() -> pd.DataFrame:
    frame = answers(90, 2)
    return frame.assign(person=np.arange(180) // 3, session=np.arange(180) % 3)


def one_level() -> w.MetaResult:
    return w.fit_meta(w.effect_sizes(coefficients()))


def two_levels() -> w.MultilevelResult:
    return w.fit_multilevel(w.effect_sizes(coefficients(24, 2)))


def of_matrices(**options: object) -> object:
    return w.omega_from_model(
        answers()[ITEMS],
        {"a": ITEMS[:3], "b": ITEMS[3:]},
        ci="bootstrap",
        n_resamples=100,
        **options,
    )


def a_file(folder: Path) -> Path:
    path = folder / "answers.csv"
    answers().to_csv(path, index=False)
    return path


def a_sheet(folder: Path) -> Path:
    path = folder / "coefficients.csv"
    coefficients().to_csv(path, index=False)
    return path


def a_report(folder: Path, name: str) -> None:
    w.generalize(coefficients()).report(folder / name)


# what each can take on large input, with what its bar says
LONG: dict[str, tuple[Callable[[Path], object], str]] = {
    "gosh": (lambda _: w.gosh(one_level()), "GOSH"),
    "permutation_test": (
        lambda _: w.permutation_test(
            w.fit_meta(w.effect_sizes(coefficients()), "~ rater")
        ),
        "permutations",
    ),
    "multiverse": (lambda _: w.multiverse(coefficients()), "multiverse"),
    "retrace": (
        lambda _: w.retrace(coefficients(), reported={"mean": 0.85}),
        "retrace",
    ),
    "leave_one_out": (lambda _: w.leave_one_out(one_level()), "refits"),
    "cumulative": (lambda _: w.cumulative(two_levels()), "refits"),
    "influence": (lambda _: w.influence(two_levels()), "influence"),
    "fit_bayes": (
        lambda _: w.fit_bayes(w.effect_sizes(coefficients())).studies(),
        "quantiles",
    ),
    "fit_bayes_multilevel": (
        lambda _: w.fit_bayes_multilevel(w.effect_sizes(coefficients(24, 2))).studies(),
        "quantiles",
    ),
    "threshold_selection": (
        lambda _: w.threshold_selection(one_level(), 0.8).power,
        "power of selection",
    ),
    "egger_test": (
        lambda _: w.egger_test(two_levels()).power,
        "power of the regression test",
    ),
    "rank_test": (
        lambda _: w.rank_test(w.fit_meta(w.effect_sizes(coefficients(320)))).power,
        "power of the rank test",
    ),
    "generalize": (lambda _: w.generalize(coefficients()), "study"),
    "RGStudy.screen": (lambda _: w.generalize(coefficients()).screen, "moderators"),
    "RGStudy.cells": (lambda _: w.generalize(coefficients()).cells, "cells"),
    "RGStudy.robustness": (
        lambda _: w.generalize(coefficients()).robustness,
        "small-study checks",
    ),
    "RGStudy.report": (lambda at: a_report(at, "r.html"), "report"),
    "reliability_by_study": (
        lambda _: w.reliability_by_study(
            answers(), study="study", items=ITEMS, coefficient="omega_total"
        ),
        "studies",
    ),
    "reliability_by_study: file": (
        lambda at: w.reliability_by_study(a_file(at), study="study", items=ITEMS),
        "by study",
    ),
    "summarize_responses": (
        lambda at: w.summarize_responses(a_file(at), study="study", items=ITEMS),
        "sums",
    ),
    "item_statistics_by_study": (
        lambda at: w.item_statistics_by_study(a_file(at), study="study", items=ITEMS),
        "items by study",
    ),
    "inspect_responses": (
        lambda at: w.inspect_responses(a_file(at), study="study", items=ITEMS),
        "inspection",
    ),
    "pool_covariances": (
        lambda _: w.pool_covariances(answers(), study="study", items=ITEMS),
        "pooled matrix",
    ),
    "read_responses": (lambda at: w.read_responses(a_file(at)), "reading"),
    "read_coefficients": (
        lambda at: w.read_coefficients(a_sheet(at)),
        "reading",
    ),
    "check_coefficients": (lambda at: w.check_coefficients(a_sheet(at)), "reading"),
    "ordinal_alpha": (
        lambda _: w.ordinal_alpha(answers()[ITEMS], ci="bootstrap", n_resamples=100),
        "pairs of items",
    ),
    "ordinal_omega": (
        lambda _: w.ordinal_omega(answers()[ITEMS], ci="bootstrap", n_resamples=100),
        "pairs of items",
    ),
    "omega_categorical": (
        lambda _: w.omega_categorical(
            answers()[ITEMS], ci="bootstrap", n_resamples=100
        ),
        "pairs of items",
    ),
    "omega_hierarchical": (
        lambda _: w.omega_hierarchical(
            answers(200)[ITEMS], ci="bootstrap", n_resamples=100
        ),
        "resamples",
    ),
    "omega_from_model": (lambda _: of_matrices(), "resamples"),
    "cronbach_alpha: missing": (
        lambda _: w.cronbach_alpha(
            answers()[ITEMS].mask(answers()[ITEMS] == 5),
            missing="em",
            ci="bootstrap",
            n_resamples=100,
        ),
        "resamples",
    ),
    "multilevel_reliability": (
        lambda _: w.multilevel_reliability(
            sessions(),
            person="person",
            session="session",
            items=ITEMS,
            ci="bootstrap",
            n_resamples=100,
        ),
        "resamples",
    ),
    "omega_total: jackknife": (
        lambda _: w.omega_total(answers()[ITEMS], ci="jackknife"),
        "leaving out each respondent",
    ),
}


# what is by formula, or took less than two seconds with 5,000 coefficients, with 36
# items of 1,000 people, or with as many rows as it is made for
QUICK = {
    "alpha_bounds", "alpha_covariance", "audit_keys", "back_transform", "cache_path",
    "classical_regression", "coding_codebook", "coding_examples", "compare_alphas",
    "compare_coders", "compare_samples", "composite_reliability", "correlates",
    "decision_words", "define_instrument", "describe_coefficients", "disattenuate",
    "effect_sizes", "expected_reliability", "fail_safe_n", "fit_location_scale",
    "fit_meta", "fit_meta_many", "fit_multilevel", "fit_multivariate", "fit_subgroups",
    "fit_varying_coefficient", "flow_counts", "get_instrument", "greatest_lower_bound",
    "guttman_lambdas", "identify_instrument", "induction_rate", "induction_tests",
    "interpret_reliability", "intraclass_correlation", "intraclass_correlations",
    "item_columns", "item_statistics", "kelley_true_score", "keyed_items", "kr20",
    "lengthening_factor", "limits_of_agreement", "list_datasets", "list_instruments",
    "load_dataset", "loading_variation", "mean_inter_item_correlation", "pet_peese",
    "practice_table", "predict_reliability", "prisma_counts", "range_change",
    "rate_quality", "read_references", "read_summaries", "read_texts",
    "reliability_of_change", "reliable_change", "restrict_range",
    "sample_size_for_alpha", "sample_size_for_correlation", "sample_size_for_icc",
    "sample_size_for_omega", "score", "simulate_hanson_study", "simulate_literature",
    "simulate_responses", "smallest_detectable_change", "spearman_brown", "split_half",
    "spread_analysis", "spread_covariance", "standard_error_of_measurement",
    "standardized_alpha", "stem_and_leaf", "stratified_alpha", "study_quality",
    "tau_equivalence", "test_retest", "threshold_probability", "trim_and_fill",
    "two_item_reliability", "variance_ratio_test", "worst_case", "write_references",
    "write_template", "write_texts_template",
}  # fmt: skip
# the bar of these is their library's
ELSEWHERE = {"fetch_dataset": "datasets/remote.py"}


def test_every_public_function_is_known_as_long_or_quick():
    public = {name for name in w.__all__ if inspect.isfunction(getattr(w, name))}
    long = {name.split(":")[0] for name in LONG if "." not in name.split(":")[0]}
    assert long.isdisjoint(QUICK)
    assert long | QUICK | set(ELSEWHERE) == public


@pytest.mark.parametrize("name", LONG)
def test_it_shows_a_bar_at_a_terminal(name, monkeypatch, tmp_path):
    call, words = LONG[name]
    said = shown(monkeypatch, lambda: call(tmp_path))
    assert f"\r{words}: " in said, said[-400:]
    # and nothing of it is left on the screen
    assert said.endswith("\r")
    assert said.rsplit("\r", 2)[1].strip() == ""


def test_every_file_of_a_report_has_a_bar(monkeypatch, tmp_path):
    study = w.generalize(coefficients())
    page = shown(monkeypatch, lambda: study.report(tmp_path / "r.html"))
    assert "\rfigures: " in page
    document = shown(monkeypatch, lambda: study.report(tmp_path / "r.docx"))
    assert "\rWord document: " in document
    folder = tmp_path / "folder"
    (folder / "tables").mkdir(parents=True)
    (folder / "figures").mkdir()
    said = shown(monkeypatch, lambda: write_study(study, folder, "generalize"))
    assert "\rtables: " in said
    assert "\rfigures: " in said


def test_one_variable_silences_every_bar(monkeypatch, tmp_path):
    monkeypatch.setenv("TQDM_DISABLE", "1")
    for call, _ in (LONG["RGStudy.cells"], LONG["gosh"], LONG["read_responses"]):
        assert shown(monkeypatch, lambda call=call: call(tmp_path)) == ""


def test_zero_does_not_silence(monkeypatch, tmp_path):
    monkeypatch.setenv("TQDM_DISABLE", "0")
    assert "GOSH" in shown(monkeypatch, lambda: w.gosh(one_level()))


def test_a_file_gets_no_bar(monkeypatch, capfd):
    monkeypatch.setattr(_progress, "DELAY", 0.0)
    w.gosh(one_level())
    assert capfd.readouterr().err == ""


def test_no_console_at_all(monkeypatch):
    with monkeypatch.context() as at:
        at.setattr(sys, "stderr", None)
        assert len(w.gosh(one_level()).to_frame()) > 1000


def test_a_quick_call_stays_silent(monkeypatch):
    def call() -> None:
        assert list(progress([1, 2, 3], "quick")) == [1, 2, 3]
        with Steps("quick", 2) as bar:
            bar.step("one")
            bar.step("two")

    assert shown(monkeypatch, call, delay=2.0) == ""


def test_a_long_step_is_shown_while_it_runs(monkeypatch):
    monkeypatch.setattr(_progress, "TICK", 0.02)

    def call() -> None:
        with Steps("long", 2) as bar:
            bar.step("one")
            time.sleep(0.3)
            assert "long:   0%" in sys.stderr.getvalue()
            assert "one" in sys.stderr.getvalue()

    said = shown(monkeypatch, call, delay=0.1)
    assert said.rsplit("\r", 2)[1].strip() == ""


def test_bars_are_made_in_one_place():
    users = [
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if "import tqdm" in path.read_text(encoding="utf-8")
    ]
    assert users == ["_progress.py"]
    for name, place in ELSEWHERE.items():
        assert "is_silent()" in (PACKAGE / place).read_text(encoding="utf-8"), name
