"""The public names, and what importing them costs."""

import inspect
import re
import subprocess
import sys

import pytest

import waistats

CONTRACT = frozenset(
    re.findall(
        r"\w+",
        "load_dataset list_datasets fetch_dataset read_responses "
        "read_coefficients simulate_responses get_instrument list_instruments "
        "identify_instrument score audit_keys cronbach_alpha standardized_alpha "
        "omega_total omega_hierarchical ordinal_alpha guttman_lambdas split_half "
        "intraclass_correlation test_retest multilevel_reliability "
        "item_statistics alpha_covariance reliability_by_study effect_sizes "
        "back_transform fit_meta fit_multilevel fit_varying_coefficient "
        "fit_location_scale fit_bayes permutation_test fit_meta_many "
        "leave_one_out influence cumulative gosh trim_and_fill egger_test "
        "rank_test pet_peese threshold_selection multiverse induction_rate "
        "describe_coefficients correlates spearman_brown spread_analysis "
        "compare_samples generalize predict_reliability "
        "standard_error_of_measurement reliable_change threshold_probability "
        "disattenuate sample_size_for_alpha ",
    )
)

FIGURES = "forest funnel box bubble baujat gosh influence radial cumulative caterpillar"


def test_contract_names_are_public():
    absent = sorted(CONTRACT - set(waistats.__all__))
    assert absent == []
    assert all(callable(getattr(waistats, name)) for name in CONTRACT)


def test_all_is_sorted_and_true():
    assert sorted(waistats.__all__) == list(waistats.__all__)
    assert len(set(waistats.__all__)) == len(waistats.__all__)
    assert all(hasattr(waistats, name) for name in waistats.__all__)


def test_figures_and_tables_are_there():
    for name in FIGURES.split():
        assert callable(getattr(waistats.figures, name))
    assert waistats.tables.__name__ == "waistats.tables"


def test_public_functions_have_docstrings():
    bare = [
        name
        for name in waistats.__all__
        if callable(getattr(waistats, name)) and not getattr(waistats, name).__doc__
    ]
    assert bare == []


def test_public_functions_are_documented_as_numpydoc_says():
    """Every parameter, what is returned, sections in order; results list Attributes."""
    validate = pytest.importorskip("numpydoc.validate").validate
    checks = {"PR01", "PR02", "RT03", "SS03", "GL07", "GL08"}
    named = [getattr(waistats, name) for name in waistats.__all__]
    named += [getattr(waistats.figures, name) for name in waistats.figures.__all__]
    named += [getattr(waistats.tables, name) for name in waistats.tables.__all__]
    # the methods of public classes that users call
    named += [
        method
        for made in named
        if isinstance(made, type)
        for name, method in vars(made).items()
        if inspect.isfunction(method) and name[0] != "_"
    ]
    found = {}
    for made in named:
        if not callable(made):
            continue
        errors = validate(f"{made.__module__}.{made.__qualname__}")["errors"]
        if isinstance(made, type):
            errors = [e for e in errors if e[0] != "PR01"]
        if wrong := [said for code, said in errors if code in checks]:
            found[made.__qualname__] = wrong
    assert found == {}


def test_import_is_light():
    code = (
        "import sys, waistats; "
        "print([m for m in ('pingouin', 'statsmodels', 'matplotlib', 'seaborn', "
        "'sklearn', 'great_tables', 'pandera', 'ibis') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
