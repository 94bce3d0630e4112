"""The tests of a module are found by its name, and a test file says what it tests.

`waistats/meta/tau2.py` is tested in `tests/meta/test_tau2.py`; files such as
`test_tau2_edges.py` may follow. What is otherwise is listed here.
"""

from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE, TESTS = ROOT / "waistats", ROOT / "tests"

# modules whose tests stand in the file of another one, which they serve
ELSEWHERE = {
    "errors": "robustness/test_hostile_calls.py",
    "meta/bivariate": "rg/test_spread.py",
    "meta/fit_many": "meta/test_tau2.py",
    "meta/heterogeneity": "meta/test_tau2.py",
    "meta/multilevel/result": "meta/multilevel/test_fit.py",
    "meta/multivariate_result": "meta/test_multivariate.py",
    "meta/results": "meta/test_fit.py",
    "practice/overview": "practice/test_prediction.py",
    "practice/thresholds": "practice/test_prediction.py",
    "reliability/inspect": "cases/test_responses.py",
    "reliability/registry": "reliability/by_study/test_api.py",
    "reliability/retest": "reliability/test_icc.py",
    "reliability/split_half": "reliability/test_guttman.py",
    "reliability/tau_equivalence": "reliability/test_factor_model.py",
    "rg/as_model": "tables/test_models.py",
    "rg/classic": "end_to_end/test_reproducible.py",
    "rg/computed": "rg/test_combine.py",
    "rg/correlates": "rg/test_descriptives.py",
    "rg/generalize": "rg/test_study.py",
    "rg/length": "rg/test_descriptives.py",
    "rg/robustness": "report/test_robustness.py",
    "sensitivity/trim_and_fill": "sensitivity/test_small_study.py",
    "sensitivity/unreported": "sensitivity/test_multiverse.py",
}
# files about what many modules do
WHOLE = {
    "meta/test_numerics.py",
    "test_architecture.py",
    "test_manners.py",
    "test_naming.py",
    "test_public.py",
    "test_release.py",
    "test_slow.py",
    "test_start.py",
    "test_words_of_options.py",
}
# folders about the package as its users meet it
WHOLE_FOLDERS = {"cases", "end_to_end", "robustness", "site", "user_script"}


def public_modules():
    """Modules that are front doors, as ``meta/tau2``."""
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        if not any(part.startswith("_") for part in parts):
            yield "/".join(parts)


def own_tests(module):
    """The file of a module's name, or one of an aspect of it."""
    folder, name = (TESTS / module).parent, module.split("/")[-1]
    return [folder / f"test_{name}.py", *folder.glob(f"test_{name}_*.py")]


def test_every_public_module_has_tests_of_its_name():
    lost = [
        module
        for module in public_modules()
        if module not in ELSEWHERE
        and not any(path.is_file() for path in own_tests(module))
    ]
    assert lost == []


def test_the_exceptions_are_needed_and_true():
    modules = set(public_modules())
    assert ELSEWHERE.keys() <= modules
    for module, file in ELSEWHERE.items():
        assert not any(path.is_file() for path in own_tests(module)), module
        assert (TESTS / file).is_file(), file
    assert all((TESTS / file).is_file() for file in WHOLE)


def test_every_test_file_is_named_after_a_module():
    lost = []
    for path in sorted(TESTS.rglob("test_*.py")):
        place = path.relative_to(TESTS)
        first = place.parts[0]
        if first in WHOLE_FOLDERS or place.as_posix() in WHOLE:
            continue
        folder = PACKAGE / place.parent
        words = path.stem.removeprefix("test_").split("_")
        names = ["_".join(words[: i + 1]) for i in range(len(words))]
        if not any(
            (folder / f"{mark}{name}{end}").exists()
            for name in names
            for mark in ("", "_")
            for end in (".py", "/__init__.py")
        ):
            lost.append(place.as_posix())
    assert lost == []
