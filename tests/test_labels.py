"""Terms of a model in words."""

from waistats._labels import term_text


def test_terms():
    assert term_text("C(`rater role`)[T.observer]") == "rater role: observer"
    assert term_text("rater[T.a]:np.log(n_items)") == "rater: a × log number of items"
    assert term_text('C(x, contr.treatment("b"))[T.a]') == "x: a"
    assert term_text("Intercept") == "Intercept"
