"""Tables of what studies report: flow, induction, quality, agreement of coders."""

import numpy as np
import pandas as pd
import pytest
from table_made import cells_of, read_contents

from waistats import (
    DataError,
    compare_coders,
    compare_samples,
    flow_counts,
    induction_rate,
    load_dataset,
    simulate_literature,
    tables,
)


@pytest.fixture(scope="module")
def literature():
    """SIMULATED: 60 studies, some of which induced reliability."""
    return simulate_literature().table


def test_flow_indents_what_was_excluded(literature):
    boxes = flow_counts(literature)
    contents = read_contents(tables.flow(boxes))
    # a letter after a name is that of its note
    named = zip(contents.rows, boxes["box"], strict=True)
    assert all(row[0].strip("\u00a0").startswith(box) for row, box in named)
    indented = [row[0].startswith("\u00a0") for row in contents.rows]
    assert indented == [bool(side) for side in boxes["side"]]
    column = contents.heads.index("Studies")
    assert [row[column] for row in contents.rows] == [str(k) for k in boxes["studies"]]
    assert "The data are SIMULATED." in contents.notes[0]


def test_induction_shows_the_rate_and_its_wilson_interval(literature):
    rate = induction_rate(literature)
    row = cells_of(tables.induction(rate))[0]
    total = rate.table.iloc[0]
    assert row["By"] == "Overall"
    assert row["k"] == str(total["k"])
    assert row["Rate"] == f"{total['estimate']:.2f}".lstrip("0")
    # the interval of Wilson, by hand
    k, share, z = total["k"], total["estimate"], 1.959963984540054
    middle = (share + z**2 / (2 * k)) / (1 + z**2 / k)
    half = z / (1 + z**2 / k) * np.sqrt(share * (1 - share) / k + z**2 / (4 * k**2))
    low, high = (f"{value:.2f}".lstrip("0") for value in (middle - half, middle + half))
    assert row["95% CI"] == f"[{low}, {high}]"


def test_sizes_of_samples_are_geometric_means(literature):
    frame = compare_samples(literature)
    contents = read_contents(tables.comparison(frame))
    assert len(contents.rows) == len(frame)
    place = list(frame["variable"]).index("n")
    row = dict(zip(contents.heads, contents.rows[place], strict=True))
    assert row["M reporting"] == f"{np.exp(frame['mean_reporting'].iloc[place]):.2f}"
    assert "geometric" in contents.notes[0]
    without = frame[frame["variable"] != "n"]
    assert "geometric" not in " ".join(read_contents(tables.comparison(without)).notes)


def test_quality_has_a_row_for_every_study():
    table = load_dataset("cesd").assign(
        unidim_checked=["yes"] * 4 + ["no"] * 5, per_subscale_reported="yes"
    )
    rows = cells_of(tables.quality(table))
    assert len(rows) == table["study_id"].nunique()
    # without one dimension shown, alpha meets no criterion
    assert {row["Criterion"] for row in rows[4:]} == {"?"}
    assert {row["Criterion"] for row in rows[:4]} == {"+"}


def test_agreement_is_counted_over_what_both_coded(literature):
    other = literature.copy()
    other.loc[other.index[:6], "rater"] = "observer"
    result = compare_coders(literature, other)
    contents = read_contents(tables.agreement(result))
    assert f"Rows coded by both: {result.k_matched}." in contents.notes[0]
    rows = {row["Variable"]: row for row in cells_of(tables.agreement(result))}
    both = literature["rater"].notna() & other["rater"].notna()
    share = (literature["rater"] == other["rater"])[both].mean() * 100
    assert rows["Rater"]["Agreement (%)"] == f"{share:.1f}"
    assert rows["Rater"]["Coefficient"] == "κ"
    assert rows["Sample size"]["Coefficient"] == "ICC"


def test_other_frames_are_refused():
    with pytest.raises(DataError, match="flow_counts"):
        tables.flow(pd.DataFrame({"box": ["a"]}))
    with pytest.raises(DataError, match="compare_samples"):
        tables.comparison(pd.DataFrame({"variable": ["a"]}))
