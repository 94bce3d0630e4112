import pandas as pd
import pytest
from search_log import log

from waistats import DataError
from waistats.rg.prisma import prisma_counts


def counts(frame, stream):
    part = frame[frame["stream"] == stream]
    return dict(zip(part["key"], part["n"], strict=True))


def test_every_box_of_databases_is_what_is_left_of_the_one_before():
    found = counts(prisma_counts(log()), "databases")
    assert found == {
        "identified": 40,
        "removed": 10,
        "screened": 30,
        "screened_out": 15,
        "sought": 15,
        "not_retrieved": 3,
        "assessed": 12,
        "excluded": 5,
    }


def test_other_methods_have_their_own_column_without_screening():
    frame = prisma_counts(log())
    assert counts(frame, "other") == {
        "identified": 6,
        "sought": 6,
        "not_retrieved": 1,
        "assessed": 5,
        "excluded": 1,
    }
    whole = frame.set_index(["stream", "key"])["detail"]
    assert whole["other", "identified"] == (
        "Citation searching (n = 4); Websites (n = 2)"
    )


def test_sources_and_reasons_are_counted():
    details = prisma_counts(log()).set_index(["stream", "key"])["detail"]
    assert details["databases", "identified"] == "PsycINFO (n = 22); Scopus (n = 18)"
    assert details["databases", "excluded"] == (
        "no alpha (n = 3); No reason given (n = 1); another form (n = 1)"
    )
    assert details["databases", "removed"] == (
        "Duplicate records (n = 8); Marked as ineligible by automation tools (n = 2)"
    )


def test_registers_are_told_from_databases():
    kinds = ["register"] * 5 + ["database"] * 35 + ["citation"] * 6
    frame = prisma_counts(log(source_type=kinds)).set_index(["stream", "key"])
    assert frame.loc[("databases", "identified"), "detail"] == (
        "Databases (n = 35); Registers (n = 5)"
    )


def test_studies_come_from_the_table_and_reports_from_the_log():
    table = pd.DataFrame({"study_id": ["A", "A", "B", "C"]})
    last = prisma_counts(log(), table).iloc[-1]
    assert (last["key"], last["n"]) == ("included", 3)
    assert last["detail"] == "Reports of included studies (n = 11)"


def test_a_previous_version_has_a_box():
    kinds = ["previous"] * 3 + ["database"] * 43
    frame = prisma_counts(log(source_type=kinds))
    assert counts(frame, "previous") == {"previous": 3}


def test_unknown_decisions_and_sources_are_named_together():
    bad = log()
    bad.loc[0, "decision"], bad.loc[3, "source_type"] = "dupe", "dbase"
    with pytest.raises(DataError, match=r"dupe \(row 1\).*dbase \(row 4\)"):
        prisma_counts(bad)
    with pytest.raises(DataError, match="the column 'decision'"):
        prisma_counts(bad.drop(columns="decision"))
