"""The language of formulas: what is legal gives formulaic's columns, the rest stops."""

import time
import warnings

import numpy as np
import pandas as pd
import pytest
from formulaic import Formula as Formulaic

import waistats as ws
from waistats import DataError, ModelError, fit_meta
from waistats.meta._calls import ELEMENTWISE
from waistats.meta._encoding import encode
from waistats.meta._formula import parse_formula

ROWS = 60


def _table():
    rng = np.random.default_rng(20260101)
    table = pd.DataFrame(
        {
            "x": rng.uniform(1, 9, ROWS),
            "year": rng.integers(1990, 2020, ROWS),
            "g": list("aabbcc") * (ROWS // 6),
            "h": rng.choice(list("uv"), ROWS),
            "flag": [True, False] * (ROWS // 2),
            "rater role": rng.choice(list("xyz"), ROWS),
            "mean.age": rng.uniform(20, 60, ROWS),
        }
    )
    table["kind"] = pd.Categorical(table["h"], categories=["v", "u"])
    return table


TABLE = _table()

LEGAL = [
    "x", "1", "0 + g", "g - 1", "-1 + g", "g + 0", "x + g", "x * g", "g * h", "g:h",
    "g:x", "x:g + h", "0 + g:h", "0 + g*h", "g*h - g", "(x + g + year)**2",
    "(g + h)**2 - h", "x/g", "g/x", "(g + h)/x", "g/h/x", "g*h*x", "x:g:h",
    "0 + x:g + h", "flag", "flag:g", "kind*x", "`x`", "`rater role`*x",
    "np.log( x )", "log(x)", "np.log(x+1)", "np.log(`mean.age`)", "np.log(x):g",
    "I(x**2)", "I(x ** 2+1)", "I((x+1)/2)", "I(-x)", "I(x/12.0)", "I(x/1e-3)",
    "I(x**0.5)", "I(x>3)", "I(2*x) + g:x", "I(center(x)**2)", "np.exp(scale(x))",
    "center(x)", "scale(x)", "scale(x, ddof=0)", "standardize(x)",
    "bs(x,df=4)", "bs(x, 4)", "bs(x, df = 5, degree=2)", "bs(x, knots=[3, 5])",
    "bs(x, df=5, include_intercept=True)", "bs(np.log(x), df=4)", "g*bs(x, df=4)",
    "cr(x,df=3)", "cc(x,df=3)", "cs(x,df=3)", "poly(x,2)", "poly(x, degree=2)",
    "poly(x, 2, raw=True)", "poly(np.log(x+1),2)",
    "C(g)", "C(year)", "C(flag)", "C(`rater role`)", "C(g, contr.sum)",
    "C(g, contr.treatment('b'))", 'C(g, contr.treatment("b"))',
    "C(g, contr.treatment(base='b')):x", "C(g, contr.helmert)", "C(g, contr.poly)",
    "C(g, contr.helmert(reverse=False))", "C(g, contr.diff)", "C(g, contr.SAS)",
    "C(g, Treatment('b'))", "C(g, Sum)", "C(g, levels=['c', 'b', 'a'])",
]  # fmt: skip


@pytest.mark.parametrize("text", LEGAL)
def test_columns_terms_and_names_are_those_of_formulaic(text):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        oracle = Formulaic(f"~ {text}").get_model_matrix(
            TABLE, na_action="raise", context={"np": np}
        )
    X, encoding = encode(parse_formula(f"~ {text}", TABLE.columns), TABLE)
    assert list(encoding.names) == list(oracle.columns)
    terms = {
        "Intercept" if str(term) == "1" else str(term): tuple(index)
        for term, index in oracle.model_spec.term_indices.items()
    }
    assert encoding.term_columns == terms
    np.testing.assert_allclose(X, oracle.to_numpy(float), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("text", LEGAL)
def test_rows_in_another_order_give_the_same_rows(text):
    order = np.random.default_rng(3).permutation(ROWS)
    formula = parse_formula(f"~ {text}", TABLE.columns)
    X, encoding = encode(formula, TABLE)
    np.testing.assert_allclose(
        encoding.matrix(TABLE.iloc[order]), X[order], rtol=1e-10, atol=1e-10
    )


@pytest.mark.parametrize("name", sorted(ELEMENTWISE))
def test_listed_functions_work_number_by_number(name):
    values = np.random.default_rng(4).uniform(0.1, 0.9, 50)
    order = np.random.default_rng(5).permutation(50)
    count = 2 if name in ("maximum", "minimum", "power") else 1
    inputs = [values, values[::-1]][:count]
    with np.errstate(all="ignore"):
        whole = ELEMENTWISE[name](*inputs)
        turned = ELEMENTWISE[name](*(v[order] for v in inputs))
    np.testing.assert_allclose(whole[order], turned, rtol=1e-15)


REFUSED = {
    "np.f2py.os.system('touch x')": "not allowed in a formula",
    "np.save('a', x)": "not allowed in a formula",
    "np.loadtxt('a')": "not allowed in a formula",
    "np.load('a', allow_pickle=True)": "not allowed in a formula",
    "sys.exit()": "not allowed in a formula",
    "open('x', 'w')": "not allowed in a formula",
    "np.random.permutation(x)": "not allowed in a formula",
    "np.sort(x)": "not allowed in a formula",
    "np.cumsum(x)": "not allowed in a formula",
    "lag(x)": "not allowed in a formula",
    "hashed(x)": "not allowed in a formula",
    "x.sum()": "not allowed in a formula",
    "np.log.at(x)": "not allowed in a formula",
    "x[::-1]": "picked or reordered",
    "I(x[::-1])": "picked or reordered",
    "I(x if 1 else 2)": "arithmetic is",
    "I(x and g)": "arithmetic is",
    "I([1, 2])": "arithmetic is",
    "I(x := 2)": "arithmetic is",
    "I(lambda: x)": "arithmetic is",
    "I(x @ x)": "arithmetic is",
    "I(x // 2)": "arithmetic is",
    "I(~x)": "arithmetic is",
    "I(f'{x}')": "arithmetic is",
    "{x}": "braces",
    "I('a')": "arithmetic needs numbers",
    "I(1j*x)": "arithmetic needs numbers",
    "I(True*x)": "arithmetic needs numbers",
    "I(1e999*x)": "too large",
    "x.__class__": "double underscores",
    "__import__('os')": "double underscores",
    "C(x, contr.foo)": "not contrasts",
    "C(x, np.load('a'))": "not contrasts",
    "C(x, levels=['a', x])": "must be a number, a text",
    "C(x, foo=1)": "no argument 'foo'",
    "bs(x, df=9999999)": "whole number from 1 to 100",
    "bs(x, df=x)": "must be a number, a text",
    "bs(x)": "needs df= or knots=",
    "bs(x, knots=list(range(9)))": "must be a number, a text",
    "poly(x, 99)": "whole number from 1 to 10",
    "(x + g)**9999999": "whole number from 1 to 10",
    "(x + g)**2.5": "whole number from 1 to 10",
    "np.log(bs(x, df=4))": "several columns",
    "2*x": "the number 2 is not a term",
    "x 1": "an operator such as",
    "x in g": "an operator such as",
    "x +": "term is missing at its end",
    "* x": r"term is missing before '\*'",
    "(x": "not closed",
    "x)": "closed that was not opened",
    "`x": "backtick is not closed",
    "``": "nothing between the backticks",
    "x ~ g": "left side|twice",
    "x | g": "two models",
    ".": "name the moderators",
    "np.log": "nor a function of one",
    "log()": "takes 1 column",
    "I(x, 2)": "takes 1 column",
    "power(x)": "takes 2 columns",
    "(" * 400: "nested too deeply",
    "I(" + "(" * 400 + "x" + ")" * 401: "nested too deeply",
    "I(" + "-" * 9000 + "x)": "not a valid expression|too deeply",
    "I(" + "9" * 5000 + ")": "not a valid expression|too large",
}


@pytest.mark.parametrize(("text", "words"), REFUSED.items(), ids=lambda v: v[:20])
def test_what_is_outside_the_language_is_refused(text, words):
    with pytest.raises(ModelError, match=words) as caught:
        parse_formula(f"~ {text}", TABLE.columns)
    assert len(str(caught.value)) < 700


HINTS = {
    "rater role": "`rater role`",
    "x + rater role": "`rater role`",
    "mean.age": "`mean.age`",
    "np.log(mean.age)": "`mean.age`",
    "% women": "`% women`",
    "Age, mean": "`Age, mean`",
    "age (years)": r"`age \(years\)`",
    "np.log(age (years))": r"`age \(years\)`",
    "z[1]": r"`z\[1\]`",
    "I(x^2)": r"I\(x\*\*2\)",
    "x^2": r"I\(x\*\*2\)",
    "x**2": r"I\(x\*\*2\)",
    "factor(x)": r"C\(x\)",
    "as.factor(x)": r"C\(x\)",
    "factor(`rater role`)": r"C\(`rater role`\)",
    "ns(x, 3)": r"cr\(x, df=4\)",
    "relevel(g, ref='b')": r"C\(g, contr.treatment",
    "Q('rater role')": "`rater role`",
    "I(x - mean(x))": r"center\(x\)",
    "sqrtt(x)": "did you mean sqrt",
}


@pytest.mark.parametrize(("text", "words"), HINTS.items())
def test_what_users_of_other_programs_type_gets_what_to_write(text, words):
    columns = [*TABLE.columns, "% women", "Age, mean", "age (years)", "z[1]"]
    with pytest.raises(ModelError, match=words):
        parse_formula(f"~ {text}", columns)


@pytest.mark.parametrize(
    "name",
    ["mean.age", "age (years)", "Age, mean", "% women", "a`b", "a:b", "~", "_f0_"],
)
def test_any_name_goes_in_backticks(name):
    table = pd.DataFrame({name: [1.0, 2, 4, 9], "g": ["a", "_f0_", "a", "b"]})
    quoted = "`" + name.replace("`", "``") + "`"
    formula = parse_formula(f"~ {quoted} + np.log({quoted}) + g", table.columns)
    X, encoding = encode(formula, pd.concat([table] * 3))
    assert encoding.names == (
        "Intercept", name, f"np.log({quoted})", "g[T.a]", "g[T.b]",
    )  # fmt: skip
    np.testing.assert_array_equal(X[:4, 1], table[name])
    assert formula.variables == (name, "g")


def test_a_column_may_have_the_name_of_a_function():
    table = TABLE.assign(scale=TABLE["x"], log=TABLE["x"], C=TABLE["h"])
    X, encoding = encode(
        parse_formula("~ scale + scale(year) + log(log) + C(C)", table.columns), table
    )
    assert encoding.names == (
        "Intercept", "scale", "scale(year)", "log(log)", "C(C)[T.v]",
    )  # fmt: skip
    np.testing.assert_allclose(X[:, 3], np.log(table["x"]))


def test_powers_of_powers_are_numbers_not_a_wait():
    began = time.perf_counter()
    with pytest.raises(DataError, match="not finite in rows 1, 2"):
        encode(parse_formula("~ I(9**9**9**9) + I(x**9999999)"), TABLE)
    assert time.perf_counter() - began < 2


def test_thirty_moderators_squared():
    names = [f"x{i}" for i in range(30)]
    squared = f"~ ({' + '.join(names)})**2"
    rng = np.random.default_rng(6)
    few, many = (
        pd.DataFrame(rng.normal(size=(k, 30)), columns=names) for k in (40, 600)
    )
    began = time.perf_counter()
    with pytest.raises(ModelError, match="at least 466 coefficients but only 40"):
        encode(parse_formula(squared, names), few)
    X, encoding = encode(parse_formula(squared, names), many)
    assert X.shape == (600, 466)
    assert encoding.names[-1] == "x28:x29"
    with pytest.raises(ModelError, match="more than 2,000 terms"):
        parse_formula(squared.replace("**2", "**5"), names)
    assert time.perf_counter() - began < 5


def test_splines_that_the_rows_do_not_allow_are_explained_in_our_words():
    for text in ("bs(x, df=2)", "cr(x, df=1)"):
        with pytest.raises(ModelError, match=r"cannot be computed: .* needs") as caught:
            encode(parse_formula(f"~ {text}"), TABLE)
        assert "FactorEvaluation" not in str(caught.value)
    _, encoding = encode(parse_formula("~ bs(x, df=4)"), TABLE)
    with pytest.raises(DataError, match="least and the largest value"):
        encoding.matrix(TABLE.assign(x=99.0))
    with pytest.raises(ModelError, match="names levels or a reference"):
        encode(parse_formula("~ C(g, contr.treatment('zz'))"), TABLE)


def test_arithmetic_of_texts_names_the_cells():
    with pytest.raises(DataError, match=r"np\.log\(g\) needs numbers, but g holds 'a'"):
        encode(parse_formula("~ np.log(g)"), TABLE)


def test_a_wide_model_is_fitted_in_seconds():
    """The 466 coefficients of 30 moderators squared, beside least squares."""
    rng = np.random.default_rng(7)
    names = [f"x{i}" for i in range(30)]
    table = pd.DataFrame(rng.normal(size=(500, 30)), columns=names)
    table = table.assign(yi=rng.normal(2, 0.5, 500), vi=0.04)
    began = time.perf_counter()
    fit = fit_meta(table, f"~ ({' + '.join(names)})**2", small_sample="wald")
    assert time.perf_counter() - began < 10
    # equal variances: the estimates are those of least squares, whatever tau2 is
    expected = np.linalg.lstsq(fit.design.X, table["yi"], rcond=None)[0]
    np.testing.assert_allclose(fit.beta, expected, atol=1e-8)


@pytest.mark.parametrize(
    ("formula", "said"),
    [
        ("~ C(g, levels=['a'])", "leaves out values of these rows: b"),
        ("~ C(g, levels=['a', 'b', 'c'])", "names 'c', which does not occur"),
        ("~ C(n_items)", r"constant in these rows: C\(n_items\)"),
        ("~ C(n_items, levels=[20])", "constant in these rows"),
    ],
)
def test_levels_that_are_not_those_of_the_rows_are_refused(formula, said):
    """They would fit a model without the moderator."""
    effects = ws.effect_sizes(ws.load_dataset("cesd")).assign(g=["a", "b"] * 4 + ["a"])
    with pytest.raises((ws.DataError, ws.ModelError), match=said):
        ws.fit_meta(effects, formula)


def test_text_in_an_effect_is_refused():
    effects = ws.effect_sizes(ws.load_dataset("cesd"))
    effects["yi"] = effects["yi"].astype(object)
    effects.loc[2, "yi"] = "abc"
    with pytest.raises(ws.DataError, match=r"yi 'abc' \(study_id 3\)"):
        ws.fit_meta(effects)


@pytest.mark.parametrize(
    "term", ["np.log(x)", "I(x**0.5)", "C(np.sqrt(x))", "bs(np.log(x), df=4)"]
)
def test_rows_without_a_number_are_named(term):
    table = TABLE.assign(x=TABLE["x"].where(TABLE.index != 3, -1.0))
    with pytest.raises(DataError, match="not finite in rows 4, such as a logarithm"):
        encode(parse_formula(f"~ {term}"), table)
    _, encoding = encode(parse_formula(f"~ {term}"), TABLE)
    with pytest.raises(DataError, match="not finite in rows 4, such as a logarithm"):
        encoding.matrix(table)
