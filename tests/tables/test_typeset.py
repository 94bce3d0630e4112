"""Numbers and signs of a table's texts, as they are typeset."""

from waistats.tables._typeset import plain, sentence


def test_what_is_typeset():
    runs = sentence("F(2, 20) = -1.50, p < .001, tau2 = 0.02 (k = 9), I2 = 8%")
    assert plain(runs) == "F(2, 20) = −1.50, p < .001, τ² = 0.02 (k = 9), I² = 8%"
    assert [r.text for r in runs if r.style] == ["F", "p", "k", "I"]
    # names and identifiers are left alone
    for text in (
        "10.1177/0013-1644",
        "A-1 and B",
        "vitamin k and N-back",
        "p-value",
    ):
        assert plain(sentence(text)) == text
        assert not [r for r in sentence(text) if r.style]
