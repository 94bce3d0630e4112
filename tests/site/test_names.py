"""The audit of public names is true, and its rules hold for every function."""

import importlib.util
import inspect
import re
from pathlib import Path

import pytest

import waistats as ws
from waistats import ModelError
from waistats.errors import ALIASES, check_option

SCRIPT = Path(__file__).parents[2] / "docs" / "names.py"
FUNCTIONS = [n for n in ws.__all__ if inspect.isfunction(getattr(ws, n))]
# positional options of the contract, whose order is frozen
POSITIONAL = {
    "audit_keys", "egger_test", "fit_bayes", "fit_location_scale", "fit_meta",
    "fit_meta_many", "fit_multilevel", "fit_varying_coefficient", "generalize", "gosh",
    "permutation_test", "pet_peese", "predict_reliability", "reliable_change",
    "threshold_selection", "trim_and_fill", "influence", "leave_one_out", "cumulative",
    "correlates", "describe_coefficients", "induction_rate", "spread_analysis",
    "threshold_probability", "disattenuate", "compare_samples", "back_transform",
}  # fmt: skip
# one optional argument that says which, after the data
ONE = {
    "item_columns", "keyed_items", "practice_table", "simulate_literature",
    "simulate_hanson_study", "cache_path", "sample_size_for_correlation",
    "fit_bayes_multilevel", "fit_multivariate", "omega_from_model", "inspect_responses",
    "sample_size_for_icc", "sample_size_for_omega",
}  # fmt: skip
FIRST = {
    "items", "data", "responses", "coefficients", "effects", "table", "result", "path",
    "name", "values", "first", "second", "scales", "estimate", "sd", "alpha", "r",
    "rho", "instrument", "score", "yi", "n_studies", "seed", "reliability", "icc",
    "omega", "paths", "summaries", "sd_change", "form", "folder", "loadings", "screening",
    "source",
}  # fmt: skip


SHOWN = {
    "boxes", "counts", "document", "drawn", "frame", "rate", "results", "statistics",
    "study", "estimates",
}  # fmt: skip
# functions of no data, or of several things alike
WITHOUT_DATA = {
    "coding_codebook", "coding_examples", "list_datasets", "list_instruments",
    "identify_instrument", "variance_ratio_test", "write_examples",
}  # fmt: skip
PLAIN = {"DataFrame", "Series", "Path", "None"}
# figures and tables by their public names
DISPLAYS = [
    f"{module}.{name}"
    for module in ("figures", "tables")
    for name in getattr(ws, module).__all__
]
# which of several, after the result
WHICH = {
    "figures.bubble", "figures.render", "figures.save", "tables.cumulative",
    "tables.descriptives",
}  # fmt: skip


def named(name):
    """Return a public function by its dotted name."""
    made = ws
    for part in name.split("."):
        made = getattr(made, part)
    return made


def script():
    spec = importlib.util.spec_from_file_location("names", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_what_the_script_writes():
    module = script()
    assert module.TARGET.read_text(encoding="utf-8") == module.page()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_options_come_by_keyword(name):
    """An argument with a default comes by keyword, except in the frozen contract."""
    if name in POSITIONAL | ONE:
        return
    told = inspect.signature(getattr(ws, name)).parameters.values()
    optional = [
        p.name
        for p in told
        if p.kind is p.POSITIONAL_OR_KEYWORD and p.default is not p.empty
    ]
    assert len(optional) <= 1, optional


@pytest.mark.parametrize("name", DISPLAYS)
def test_a_figure_or_table_takes_one_thing_and_keywords(name):
    """After the result everything comes by keyword, and nothing is swallowed."""
    told = list(inspect.signature(named(name)).parameters.values())
    optional = [
        p.name
        for p in told
        if p.kind is p.POSITIONAL_OR_KEYWORD and p.default is not p.empty
    ]
    assert len(optional) == (name in WHICH), optional
    assert not any(p.kind is p.VAR_KEYWORD for p in told)
    assert told[0].default is inspect.Parameter.empty


@pytest.mark.parametrize("name", FUNCTIONS + DISPLAYS)
def test_the_first_argument_has_one_of_few_names(name):
    first = next(iter(inspect.signature(named(name)).parameters), None)
    if name.split(".")[0] in ("figures", "tables"):
        assert first in FIRST | SHOWN, first
    elif name not in WITHOUT_DATA:
        assert first in FIRST, first


@pytest.mark.parametrize("name", FUNCTIONS + DISPLAYS)
def test_a_signature_is_short(name):
    told = inspect.signature(named(name))
    assert told.return_annotation is inspect.Signature.empty
    assert all(
        p.annotation is inspect.Parameter.empty for p in told.parameters.values()
    )


@pytest.mark.parametrize("name", FUNCTIONS)
def test_what_is_returned_is_public(name):
    """Every result class that a docstring names can be imported from waistats."""
    text = inspect.getdoc(named(name)) or ""
    found = re.search(r"^Returns\n-+\n(.+)$", text, re.MULTILINE)
    words = re.findall(r"\b[A-Z][A-Za-z]+\b", found[1]) if found else []
    assert [w for w in words if w not in {*ws.__all__, *PLAIN}] == []


@pytest.mark.parametrize("name", FUNCTIONS + DISPLAYS)
def test_defaults_agree(name):
    told = inspect.signature(named(name)).parameters
    if "conf_level" in told:
        assert told["conf_level"].default in (0.95, None)
    if "seed" in told and told["seed"].default is not inspect.Parameter.empty:
        assert isinstance(told["seed"].default, int)
    if "threshold" in told:
        assert told["threshold"].default == 0.70
    if "back_transform" in told:
        assert told["back_transform"].default is False
    if "bias" in told and name != "sample_size_for_alpha":
        assert told["bias"].default == "none"
    if "title" in told:
        assert told["title"].kind is inspect.Parameter.KEYWORD_ONLY
    if "missing" in told:
        assert told["missing"].default == "listwise"
    if "small_sample" in told:
        assert told["small_sample"].default in ("knapp-hartung", "t")


@pytest.mark.parametrize("option", ALIASES)
def test_aliases_lead_to_what_they_mean(option):
    for alias, meant in ALIASES[option].items():
        assert check_option(option, alias, [meant, "other"]) == meant
        assert check_option(option, alias.upper(), [meant, "other"]) == meant
        with pytest.raises(ModelError, match="must be one of"):
            check_option(option, alias, ["other"])


def test_names_of_other_packages_give_the_same_numbers():
    cesd = ws.load_dataset("cesd")
    for alias, name in (("ABT", "bonett"), ("AHW", "hakstian-whalen"), ("ARAW", "raw")):
        ours, theirs = (ws.effect_sizes(cesd, measure=m) for m in (name, alias))
        assert ours.equals(theirs)
    effects = ws.effect_sizes(cesd)
    assert ws.fit_meta(effects, small_sample="knha").df == 8
    assert ws.fit_meta(effects, method="reml", small_sample="z").method == "REML"
    assert ws.fit_meta(effects, method="FE").method == "CE"
    ratings = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9]]
    for alias, form in (("ICC3k", "3,k"), ("A,1", "2,1"), ("ICC(C,1)", "3,1")):
        ours, theirs = (
            ws.intraclass_correlation(ratings, form=f).estimate for f in (form, alias)
        )
        assert ours == theirs


def test_a_hint_never_suggests_another_meaning():
    with pytest.raises(ModelError) as caught:
        check_option("measure", "AHX", ["raw", "bonett"])
    assert "did you mean" not in str(caught.value)
    with pytest.raises(ModelError, match="did you mean 'bonett'"):
        check_option("measure", "bonnet", ["raw", "bonett"])


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: ws.range_change(0.9, 9, 6), "restrict_range"),
        (lambda: ws.decision_words(0.9), "interpret_reliability"),
        (
            lambda: ws.standard_error_of_measurement(9, 0.9, kind="estimation"),
            "now of=",
        ),
        (lambda: ws.test_retest([1, 2, 3, 5], [1, 3, 2, 4], kind="pearson"), "method="),
        (
            lambda: ws.simulate_responses("WAI-SR", studies=2, n=5, missing=0.1),
            "missing_rate=",
        ),
    ],
)
def test_old_names_work_for_one_version_and_say_the_new_one(call, words):
    with pytest.warns(DeprecationWarning, match=words):
        call()


def test_an_old_and_a_new_name_at_once():
    with pytest.raises(TypeError, match="its old name 'kind'"):
        ws.standard_error_of_measurement(9, 0.9, kind="estimation", of="estimation")
    assert ws.restrict_range(9, 0.92, 6) == pytest.approx(0.82)


def test_help_opens_with_a_short_signature():
    """Without annotations, which the docstring says in words."""
    signature = str(inspect.signature(ws.cronbach_alpha))
    assert signature.startswith("(items, *, ci='feldt', conf_level=0.95")
    assert "->" not in signature


def test_completion_shows_figures_and_tables_alone():
    for module in (ws.figures, ws.tables):
        assert sorted(dir(module)) == sorted(module.__all__)
