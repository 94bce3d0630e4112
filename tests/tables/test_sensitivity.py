"""Tables of sensitivity analyses."""

from waistats.tables.sensitivity import chance


def test_chances_are_never_certain():
    assert [chance(p) for p in (0.9999, 0.987, 0.0001)] == ["> .99", ".99", "< .01"]
