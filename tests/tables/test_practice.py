"""Tables of what a reliability means for the use of scores."""

from table_made import cells_of

from waistats import tables
from waistats.practice import practice_table
from waistats.tables.practice import chance


def test_chances_are_never_certain():
    assert [chance(p) for p in (0.9999, 0.987, 0.0001)] == ["> .99", ".99", "< .01"]


def test_practice(model):
    frame = practice_table(model)
    rows = cells_of(tables.practice(frame))
    people = next(r for r in rows if "for an interval of" in r["Quantity"])
    assert people["Estimate"].replace(",", "").isdigit()
    assert rows[0]["Estimate"] == f"{frame['estimate'].iloc[0]:.2f}".lstrip("0")
