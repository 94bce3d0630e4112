"""A table of any result and of any frame."""

import pytest
from table_made import cells_of, read_contents

from waistats import ModelError, tables
from waistats.practice import predict_reliability
from waistats.sensitivity.small_study import egger_test


class TestAnything:
    def test_any_result_and_any_frame(self, model, multilevel):
        for result in (
            model,
            multilevel,
            multilevel.robust(),
            model.omnibus,
            egger_test(model),
            predict_reliability(model, n=100),
            model.heterogeneity_intervals(),
            model.predict(),
        ):
            contents = read_contents(tables.table(result))
            assert contents.rows
            assert contents.heads

    def test_scale_is_told_by_the_standard_error(self, model):
        (row,) = cells_of(tables.table(model))
        assert row["Estimate"] == f"{model.estimate:.3f}"
        (row,) = cells_of(tables.table(model.predict()))
        assert row["Estimate"].startswith(".")

    def test_what_is_no_result_is_refused(self):
        with pytest.raises(ModelError, match="shows results and frames; got int"):
            tables.table(3)
