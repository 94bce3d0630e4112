"""Tables of sensitivity analyses."""

import pytest
from table_made import cells_of, coefficients, read_contents

from waistats import DataError, ModelError, tables
from waistats.sensitivity.deletion import leave_one_out
from waistats.sensitivity.multiverse import multiverse
from waistats.sensitivity.selection import threshold_selection
from waistats.sensitivity.small_study import egger_test, pet_peese, rank_test
from waistats.sensitivity.trim_and_fill import trim_and_fill


class TestSensitivity:
    def test_refits_of_a_model_and_of_a_frame(self, model):
        one = read_contents(tables.leave_one_out(model))
        frame = leave_one_out(model, back_transform=True)
        assert one.rows == read_contents(tables.leave_one_out(frame)).rows
        assert one.rows[0][1] == f"{frame['estimate'].iloc[0]:.3f}".lstrip("0")
        rows = cells_of(tables.cumulative(model, "year"))
        assert [row["Order"] for row in rows][:2] == ["1990", "1991"]
        with pytest.raises(DataError, match="back_transform=True"):
            tables.leave_one_out(leave_one_out(model))

    def test_influence(self, model):
        rows = cells_of(tables.influence(model))
        assert rows[0]["Influential"] in {"yes", "no"}
        assert rows[0]["Weight (%)"] == f"{model.weight_shares()[0]:.1f}"

    def test_subgroups(self, model):
        contents = read_contents(tables.subgroups(model, "rater"))
        assert [row[:2] for row in contents.rows] == [
            ["client", "6"],
            ["therapist", "6"],
        ]
        assert "Difference: F(1, 10) = " in contents.notes[0]

    def test_small_study(self, model):
        table = tables.small_study(
            egger_test(model),
            rank_test(model),
            pet_peese(model),
            trim_and_fill(model),
            threshold_selection(model, threshold=0.88),
        )
        rows = cells_of(table)
        assert [row["Method"] for row in rows][2:4] == ["PET-PEESE", "Trim and fill"]
        assert rows[0]["Finding"].startswith("t(")
        filled = trim_and_fill(model).fit.predict()["estimate"].iloc[0]
        assert rows[3]["Pooled value [CI]"].startswith(f"{filled:.2f}".lstrip("0"))
        with pytest.raises(ModelError, match="does not know a str"):
            tables.small_study("egger")
        with pytest.raises(ModelError, match="needs results"):
            tables.small_study()

    def test_multiverse(self):
        plain = coefficients().drop(columns=["measure", "yi", "vi"])
        found = multiverse(plain, measures=("bonett", "raw"), models=("REML", "CE"))
        contents = read_contents(tables.multiverse(found))
        several = found.choices()["options"] > 1
        assert 0 < len(contents.rows) == several.sum()
        assert found.sentence().split(".")[0] in contents.notes[0]
