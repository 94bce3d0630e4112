"""Tables of studies, of coefficients and of items."""

import numpy as np
import pandas as pd
import pytest
from table_made import cells_of, coefficients, read_contents

from waistats import DataError, ModelError, tables
from waistats.reliability.alpha import cronbach_alpha
from waistats.reliability.items import item_statistics


class TestStudies:
    def test_studies_leave_out_what_is_blank_or_the_same(self):
        effects = coefficients(instrument="WAI-SR", language=None)
        contents = read_contents(tables.studies(effects))
        assert contents.heads == ["Study", "Year", "Rater", "n", "Items", "α"]
        assert "All rows: instrument: WAI-SR." in contents.notes[0]
        assert contents.notes[0].endswith("The data are SIMULATED.")
        assert len(contents.rows) == 12

    def test_studies_of_chosen_columns(self):
        contents = read_contents(tables.studies(coefficients(), columns=["year", "n"]))
        assert contents.rows[0][0] == "1990"
        with pytest.raises(DataError, match="lacks colour"):
            tables.studies(coefficients(), columns=["colour"])

    def test_a_study_is_called_by_its_authors_where_they_are_known(self):
        named = coefficients(authors=[f"Author {i // 2}" for i in range(12)])
        contents = read_contents(tables.studies(named))
        assert contents.heads[0] == "Study"
        assert contents.rows[0][0] == "Author 0 (1990)"
        authors = ["(not stated)", "(not stated)", *named["authors"][2:]]
        unknown = read_contents(tables.studies(named.assign(authors=authors)))
        assert [row[0] for row in unknown.rows[1:3]] == ["S0", "Author 1 (1992)"]

    def test_descriptives(self, model):
        effects = coefficients()
        rows = cells_of(tables.descriptives(effects, by=("rater",)))
        client = effects.loc[effects["rater"] == "client", "estimate"]
        assert rows[0]["Rater"] == "client"
        assert rows[0]["M"] == f"{client.mean():.2f}".lstrip("0")
        assert rows[0]["Mdn"] == f"{client.median():.2f}".lstrip("0")

    def test_a_whole_study(self, study):
        for make in (
            tables.pooled,
            tables.descriptives,
            tables.levels,
            tables.screen,
            tables.correlates,
            tables.studies,
            tables.excluded,
        ):
            contents = read_contents(make(study))
            assert contents.title
            assert "provenance" not in " ".join(contents.heads).lower()
        row = study.cells.dropna(subset="estimate").iloc[0]
        shown = cells_of(tables.pooled(study))[study.cells.index.get_loc(row.name)]
        assert shown["α"] == f"{row['estimate']:.2f}".lstrip("0")

    def test_the_pooled_row_of_a_study_has_its_robust_interval(self, study):
        row = study.pooled.row()
        (shown,) = cells_of(tables.pooled({"All": study}))
        low, high = (f"{row[c]:.2f}".lstrip("0") for c in ("ci_low", "ci_high"))
        assert study.pooled.robust is not None
        assert shown["95% CI"] == f"[{low}, {high}]"

    def test_reliability_and_items(self):
        rng = np.random.default_rng(1)
        answers = pd.DataFrame(rng.normal(size=(80, 1)) + rng.normal(size=(80, 6)))
        whole, half = cronbach_alpha(answers), cronbach_alpha(answers.iloc[:, :3])
        contents = read_contents(tables.reliability({"all": whole, "half": half}))
        assert [row[0] for row in contents.rows] == ["all", "half"]
        assert contents.rows[0][2] == f"{whole.estimate:.2f}".lstrip("0")
        assert "Confidence intervals: feldt." in contents.notes[0]
        assert read_contents(tables.reliability(whole)).rows
        frame = item_statistics(np.clip(np.round(answers + 3), 1, 5))
        heads = read_contents(tables.items(frame)).heads
        assert heads[:3] == ["Item", "M", "SD"]
        with pytest.raises(ModelError, match="needs estimates"):
            tables.reliability([1, 2])
