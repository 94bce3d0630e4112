"""What users get when they take a public function: a name, a signature, hints."""

import inspect
import pickle
import warnings

import pytest

import waistats as ws
from waistats._signature import public

MODULES = {"waistats": ws, "waistats.figures": ws.figures, "waistats.tables": ws.tables}
FUNCTIONS = [
    (module, name)
    for module, here in MODULES.items()
    for name in here.__all__
    if inspect.isfunction(getattr(here, name))
]


@pytest.mark.parametrize(("module", "name"), FUNCTIONS)
def test_a_public_function_is_what_its_name_leads_to(module, name):
    made = getattr(MODULES[module], name)
    assert (made.__module__, made.__qualname__) == (module, name)
    assert pickle.loads(pickle.dumps(made)) is made
    assert inspect.unwrap(made).__doc__ == made.__doc__
    bare = inspect.Parameter.empty
    told = inspect.signature(made).parameters.values()
    assert all(one.annotation is bare for one in told)


def longest(module, name):
    known = inspect.signature(getattr(MODULES[module], name)).parameters
    # what passes keywords on looks at them later
    passes = any(one.kind is one.VAR_KEYWORD for one in known.values())
    return "" if passes else max(known, key=len, default="")


@pytest.mark.parametrize(
    ("module", "name"), [f for f in FUNCTIONS if len(longest(*f)) > 4]
)
def test_a_misspelt_keyword_is_told_the_nearest(module, name):
    made = getattr(MODULES[module], name)
    right = longest(module, name)
    wrong = right[:-3] + right[-2:]
    first = next(iter(inspect.signature(made).parameters))
    given = () if first == right else (None,)
    with pytest.raises(TypeError) as caught:
        made(*given, **{wrong: 1})
    said = str(caught.value)
    assert said.startswith(f"{name}() got an unexpected keyword argument '{wrong}'")
    assert f"(did you mean {right!r}?)" in said


def test_all_unknown_keywords_are_named_at_once():
    message = (
        r"^fit_meta\(\) got unexpected keywords 'metod' \(did you mean 'method'\?\), "
        r"'tau'\. It takes effects, moderators, method, "
    )
    with pytest.raises(TypeError, match=message):
        ws.fit_meta(None, metod="DL", tau=1)


@pytest.mark.parametrize(
    ("call", "word"),
    [
        (ws.reliability_by_study, "not_keyed"),  # the opposite of already_keyed
        (ws.fit_meta, "test"),
        (ws.fit_meta, "alpha"),
        (ws.cronbach_alpha, "n"),
    ],
)
def test_no_hint_means_something_else(call, word):
    with pytest.raises(TypeError, match="It takes ") as caught:
        call(None, **{word: 1})
    assert "did you mean" not in str(caught.value)


def test_old_names_are_not_called_unknown():
    with (
        pytest.warns(DeprecationWarning, match="is now of="),
        pytest.raises(TypeError, match=r"unexpected keyword argument 'foo'\."),
    ):
        ws.standard_error_of_measurement(9, 0.9, kind="estimation", foo=1)


def test_other_errors_stay_as_they_are():
    def inner(known=1):
        raise TypeError("inner() got an unexpected keyword argument 'other'")

    with pytest.raises(TypeError, match=r"'other'$"):
        public(inner, "here")(known=2)
    with pytest.raises(TypeError, match="positional argument"):
        ws.fit_meta()


def test_a_warning_points_at_the_caller():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ws.standard_error_of_measurement(9, 0.9, kind="estimation")
    assert [one.filename for one in caught] == [__file__]


def test_a_misspelt_function_is_told_the_nearest():
    with pytest.raises(
        AttributeError, match=r"'generalise' \(did you mean 'generalize'"
    ):
        ws.generalise  # noqa: B018
    assert not hasattr(ws, "_generalise")


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: ws.generalize("a.csv"), "read_coefficients\\(\\) reads a file"),
        (lambda: ws.fit_meta("a.csv"), "got str. read_coefficients\\(\\) reads a file"),
        (lambda: ws.effect_sizes("a.csv"), "read_coefficients\\(\\) makes one"),
        (lambda: ws.cronbach_alpha("a.sav"), "'a.sav' is a name. read_responses\\(\\)"),
        (lambda: ws.score("a.sav", "WAI-SR"), "got str. read_responses\\(\\) reads"),
    ],
)
def test_a_file_in_the_place_of_a_table_names_its_reader(call, words):
    with pytest.raises(ws.DataError, match=words):
        call()


def test_a_mapping_in_the_place_of_a_form_is_refused():
    fitted = ws.fit_meta(ws.effect_sizes(ws.load_dataset("cesd")))
    with pytest.raises(ws.DataError, match=r"instrument must be text; .* by new="):
        ws.predict_reliability(fitted, {"N": 100})
