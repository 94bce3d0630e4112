"""The figure `prisma`; its counts are tested in `tests/rg/test_prisma.py`."""

import pytest
from figure_checks import check_boxes
from search_log import log

import waistats as w
from waistats import (
    DataError,
    figures,
)

# what tests/test_provenance.py draws, of SIMULATED data and of others
EXAMPLES = {
    "prisma": lambda m, **o: figures.prisma(w.prisma_counts(m.log), **o),
}


def test_figure_draws_every_box_and_says_all_of_it():
    frame = w.prisma_counts(log(source_type=["previous"] * 3 + ["database"] * 43))
    axes = figures.prisma(frame.assign(provenance="SIMULATED"))
    texts = " ".join(t.get_text() for t in axes.texts).replace("\u00a0", " ")
    for row in frame.itertuples():
        assert f"(n = {row.n})" in texts
        assert row.box in axes.alt_text
    assert "SIMULATED" in axes.alt_text
    for dpi in (100, 110, 220, 300):
        axes.get_figure().set_dpi(dpi)
        check_boxes(axes)
    with pytest.raises(DataError, match="prisma_counts"):
        figures.prisma(frame.drop(columns="key"))
